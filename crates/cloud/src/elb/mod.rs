//! Elastic Load Balancing, version 1: Classic Load Balancers.
//! [API reference](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/Welcome.html)
//!
//! What AWS promises: a load balancer has a node in each of its zones; each of its listeners sends what comes to a port of the
//! registered instances that answer the health check. How we realise it: one row for a load balancer with its listeners and
//! policies, one for each registered instance; `plan` turns them into the nodes' namespaces and into what engines do in them;
//! [`health`] writes down what probes find out, [`settle`] ends what drains. A call answers when it is in force, so an
//! instance is never shown while its registration is in progress.
//!
//! Refused with a clear error: EC2-Classic, public key policies and authentication of instances, custom negotiation policies
//! of ciphers. Tested in `tests/elb.rs`.

mod attribute;
mod faults;
pub mod health;
mod health_check;
pub(crate) mod instance;
mod limit;
mod listener;
mod load_balancer;
mod name;
mod policy;
mod policy_type;
pub(crate) mod settle;
mod shape;
mod tag;
mod zone;

use enishi_state::elb::{LoadBalancer, LoadBalancerArn};
use enishi_state::{Scope, Tx, World};
use enishi_wire::Fault;

use crate::registry::Registry;

pub(crate) fn register(on: &mut Registry) {
    attribute::register(on);
    health_check::register(on);
    instance::register(on);
    limit::register(on);
    listener::register(on);
    load_balancer::register(on);
    policy::register(on);
    policy_type::register(on);
    tag::register(on);
    zone::register(on);
}

/// The caller's load balancer of that name.
///
/// # Errors
/// `LoadBalancerNotFound`
fn find<'w>(world: &'w World, scope: &Scope, name: &str) -> Result<&'w LoadBalancer, Fault> {
    let found = world.get::<LoadBalancer>(&LoadBalancerArn::of(scope, name));
    found.ok_or_else(|| faults::load_balancer_not_found(name))
}

/// A copy of the caller's load balancer of that name, to change and put back.
///
/// # Errors
/// `LoadBalancerNotFound`
fn take(tx: &Tx<'_>, name: &str) -> Result<LoadBalancer, Fault> {
    find(tx.world(), &tx.caller().scope, name).cloned()
}

/// The port that a request names.
///
/// # Errors
/// `ValidationError`
fn port(number: i32, what: &str) -> Result<u16, Fault> {
    u16::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| faults::validation_error(format!("{what} port must be from 1 to 65535 inclusive")))
}

/// `Some` text.
fn text(value: impl std::fmt::Display) -> Option<String> {
    Some(value.to_string())
}
