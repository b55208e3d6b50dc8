//! Who uses a certificate.

use enishi_state::World;
use enishi_state::acm::Certificate;
use enishi_state::elb;
use enishi_state::elbv2::Listener;

/// The ARNs of the load balancers that show a certificate to their clients.
pub(super) fn in_use_by(world: &World, row: &Certificate) -> Vec<String> {
    let listeners = world.by::<Listener>("certificate", row.arn.as_str());
    let classic = world.by::<elb::LoadBalancer>("certificate", row.arn.as_str());
    let users = listeners.map(|listener| listener.load_balancer.to_string());
    let mut users: Vec<String> = users.chain(classic.map(|balancer| balancer.arn().to_string())).collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// Whether anybody does.
pub(super) fn is_used(world: &World, row: &Certificate) -> bool {
    !in_use_by(world, row).is_empty()
}
