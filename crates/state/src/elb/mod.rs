//! Elastic Load Balancing, version 1: Classic Load Balancers.
//! [What is a Classic Load Balancer?](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/introduction.html)
//!
//! Clients know a load balancer by its name; its row's id is its ARN, as everything else that has to be told apart from the
//! load balancers of version 2 needs one. A zone is as there: [`LoadBalancerZone`].

mod health_check;
mod load_balancer;
mod policy;
mod registration;

pub use crate::elbv2::{LoadBalancerZone, Scheme};
pub use health_check::{HealthCheck, Ping};
pub use load_balancer::{Attributes, Listener, ListenerProtocol, LoadBalancer, LoadBalancerArn};
pub use policy::{Policy, PolicyKind};
pub use registration::{InstanceHealth, Registration, RegistrationKey};
