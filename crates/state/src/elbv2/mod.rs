//! Elastic Load Balancing, version 2: Application and Network Load Balancers.
//! [What is Elastic Load Balancing?](https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/what-is-load-balancing.html)
//!
//! Every row's id is its ARN, as clients know it by nothing else. What a user did not set is not in a row: the defaults of
//! attributes are in [`attribute`].

pub mod attribute;
mod listener;
mod load_balancer;
mod rule;
mod target;
mod target_group;
mod trust_store;

pub use listener::{Listener, ListenerArn, ListenerProtocol, MutualAuthentication};
pub use load_balancer::{
    LoadBalancer, LoadBalancerArn, LoadBalancerKind, LoadBalancerState, LoadBalancerZone, Scheme,
};
pub use rule::{
    Action, Authenticate, Condition, FixedResponse, Forward, Redirect, Rewrite, Rule, RuleArn,
    TargetGroupWeight,
};
pub use target::{HealthReason, Target, TargetHealth, TargetKey};
pub use target_group::{
    HealthCheck, TargetGroup, TargetGroupArn, TargetGroupProtocol, TargetType, TargetVersion,
};
pub use trust_store::{TrustStore, TrustStoreArn};
