//! What failover record sets must have.
//! [Values specific for failover records](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-failover.html)
//!
//! A primary that nothing watches would never give way. That there is one primary and one secondary is checked with the
//! other policies ([`super::policy`]).

use enishi_fabric::dns::{Content, Failover, Routing};
use enishi_state::route53::RecordSet;

/// Checks that something watches a primary. The first message is AWS's; the second is made after it.
pub(super) fn check(row: &RecordSet, problems: &mut Vec<String>) {
    if row.set.routing != Routing::Failover(Failover::Primary) || row.set.health_check.is_some() {
        return;
    }
    match &row.set.content {
        Content::Records { .. } => problems
            .push("A non-alias primary ResourceRecordSet must have an associated health check.".to_owned()),
        Content::Alias(alias) if !alias.evaluate_target_health => problems.push(
            "An alias primary ResourceRecordSet must evaluate target health or have an associated health check."
                .to_owned(),
        ),
        Content::Alias(_) => {}
    }
}
