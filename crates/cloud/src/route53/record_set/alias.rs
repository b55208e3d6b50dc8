//! Alias record sets: they answer as another record set does.
//! [Choosing between alias and non-alias records](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html)
//!
//! The target is a record set of the same zone and type, or a service's name ([`ServiceZone`]). A record set of another zone is
//! no target, even when both zones belong to the account.

use enishi_api::route53::AliasTarget;
use enishi_fabric::dns::{Alias, Content, RecordType};
use enishi_state::World;
use enishi_state::route53::{HostedZone, HostedZoneId, RecordSet};

use super::{rule, value};
use crate::route53::bare;
use crate::route53::service_zone::ServiceZone;

/// The content of a set with an alias target. What is wrong joins `problems`; then there is none.
pub(super) fn parse(
    target: &AliasTarget,
    record_type: RecordType,
    problems: &mut Vec<String>,
) -> Option<Content> {
    if matches!(record_type, RecordType::NS | RecordType::SOA) {
        problems.push(format!("RRSet of type {record_type} cannot be an alias."));
        return None;
    }
    match value::name(&target.dns_name) {
        Ok(name) => Some(Content::Alias(Alias {
            zone: bare(&target.hosted_zone_id).into(),
            name,
            evaluate_target_health: target.evaluate_target_health,
        })),
        Err(problem) => {
            problems.push(problem.fatal(&target.dns_name));
            None
        }
    }
}

/// Checks that an alias has its target.
pub(super) fn check(
    world: &World,
    zone: &HostedZone,
    row: &RecordSet,
    alias: &Alias,
    problems: &mut Vec<String>,
) {
    let mut refuse = |why: &str| {
        problems.push(format!(
            "Tried to create an alias that targets {}, type {} in zone {}, but {why}",
            alias.name, row.set.record_type, alias.zone
        ));
    };
    let is_own = *alias.zone == *zone.id.as_str();
    let service = ServiceZone::find(&alias.zone);
    let covers = match (is_own, &service) {
        (true, _) => alias.name.is_within(&zone.name),
        (false, Some(service)) => service.covers(&alias.name),
        (false, None) => {
            let other = world.get::<HostedZone>(&HostedZoneId::new(&alias.zone));
            other.is_some_and(|other| other.account == zone.account && alias.name.is_within(&other.name))
        }
    };
    if !covers {
        refuse("the alias target name does not lie within the target zone");
        return;
    }
    let exists = match service {
        Some(service) => service.has(world, &alias.name),
        None => is_own && has_set(world, zone, row, alias),
    };
    if !exists {
        refuse("that target was not found");
    }
}

/// Whether the zone has a set of that name and type, of another name than the alias itself.
fn has_set(world: &World, zone: &HostedZone, row: &RecordSet, alias: &Alias) -> bool {
    alias.name != row.set.name
        && rule::at(world, zone, &alias.name).any(|other| other.set.record_type == row.set.record_type)
}
