//! One change of a batch, parsed and checked as far as it can be by itself.

use enishi_api::route53::{self as api, ResourceRecord};
use enishi_fabric::dns::{self, RecordType};
use enishi_state::route53::{HostedZone, RecordSet};
use enishi_wire::Fault;

use super::{alias, routing, value};
use crate::route53::faults;

/// The longest TTL, in seconds (RFC 2181, section 8).
const LONGEST_TTL: i64 = 2_147_483_647;

/// Characters of a set identifier at most.
const IDENTIFIER: usize = 128;

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Delete,
    Upsert,
}

impl Action {
    fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "CREATE" => Ok(Action::Create),
            "DELETE" => Ok(Action::Delete),
            "UPSERT" => Ok(Action::Upsert),
            other => Err(faults::invalid_input(format!("Invalid action: {other}"))),
        }
    }
}

/// A change that can be tried.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) action: Action,
    pub(super) row: RecordSet,
}

/// Parses a change. What is wrong with its values joins `problems`, so that a batch is answered for all of it at once;
/// then there is no result.
///
/// # Errors
/// `InvalidInput` where members do not go together.
pub(super) fn parse(
    zone: &HostedZone,
    change: api::Change,
    problems: &mut Vec<String>,
) -> Result<Option<Parsed>, Fault> {
    let action = Action::parse(&change.action)?;
    let shown = shown(&change);
    let set = change.resource_record_set;
    check_members(&set, &shown)?;
    check_identifier(set.set_identifier.as_deref())?;
    let routing = routing::parse(&set, &shown)?;
    let record_type = value::record_type(&set.r#type).map_err(faults::invalid_input)?;
    let name = match value::record_name(&set.name) {
        Ok(name) => name,
        Err(problem) => {
            problems.push(problem.fatal(&set.name));
            return Ok(None);
        }
    };
    let before = problems.len();
    check_place(zone, &name, record_type, problems);
    let (content, values) = match set.alias_target {
        Some(target) => (alias::parse(&target, record_type, problems), Vec::new()),
        None => {
            let ttl = ttl(set.ttl)?;
            let records = set.resource_records.unwrap_or_default();
            let values: Vec<String> = records.into_iter().map(|ResourceRecord { value }| value).collect();
            (value::records(record_type, ttl, &values, problems), values)
        }
    };
    let Some(content) = content.filter(|_| problems.len() == before) else { return Ok(None) };
    let set = dns::RecordSet {
        name,
        record_type,
        identifier: set.set_identifier.map(Into::into),
        routing,
        health_check: set.health_check_id.map(Into::into),
        content,
    };
    Ok(Some(Parsed { action, row: RecordSet { zone: zone.id.clone(), set, values } }))
}

/// How messages name a change.
fn shown(change: &api::Change) -> String {
    let set = &change.resource_record_set;
    let identifier = set.set_identifier.as_deref().unwrap_or("null");
    format!("[Action={}, Name={}, Type={}, SetIdentifier={identifier}]", change.action, set.name, set.r#type)
}

fn check_members(set: &api::ResourceRecordSet, shown: &str) -> Result<(), Fault> {
    let records =
        set.ttl.is_some() && set.resource_records.as_ref().is_some_and(|records| !records.is_empty());
    let some_records = set.ttl.is_some() || set.resource_records.is_some();
    let found = match (set.alias_target.is_some(), records, some_records) {
        _ if set.traffic_policy_instance_id.is_some() => {
            return Err(faults::not_supported("Traffic policy instances"));
        }
        (true, _, true) => "more than one",
        (true, _, false) | (false, true, _) => return Ok(()),
        (false, false, _) => "none",
    };
    Err(faults::invalid_input(format!(
        "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found {found} in Change with {shown}"
    )))
}

/// What schema validation says of a value outside its bounds.
fn facet(value: &str, facet: &str, of: &str) -> Fault {
    faults::invalid_input(format!(
        "Invalid XML ; cvc-{facet}-valid: Value '{value}' is not facet-valid with respect to {facet} for type '{of}'."
    ))
}

fn check_identifier(identifier: Option<&str>) -> Result<(), Fault> {
    match identifier {
        Some(text) if text.is_empty() => Err(facet(text, "minLength", "ResourceRecordSetIdentifier")),
        Some(text) if text.chars().count() > IDENTIFIER => {
            Err(facet(text, "maxLength", "ResourceRecordSetIdentifier"))
        }
        _ => Ok(()),
    }
}

fn ttl(given: Option<i64>) -> Result<u32, Fault> {
    let given = given.unwrap_or_default();
    match u32::try_from(given) {
        Ok(ttl) if given <= LONGEST_TTL => Ok(ttl),
        Ok(_) => Err(facet(&given.to_string(), "maxInclusive", "TTL")),
        Err(_) if given < 0 => Err(facet(&given.to_string(), "minInclusive", "TTL")),
        Err(_) => Err(facet(&given.to_string(), "maxInclusive", "TTL")),
    }
}

/// Where sets of a type may be: in the zone, SOA at its apex only, NS at no wildcard.
fn check_place(zone: &HostedZone, name: &dns::Name, record_type: RecordType, problems: &mut Vec<String>) {
    if !name.is_within(&zone.name) {
        problems.push(format!("RRSet with DNS name {name} is not permitted in zone {}", zone.name));
    } else if (record_type == RecordType::SOA && *name != zone.name)
        || (record_type == RecordType::NS && name.is_wildcard())
    {
        problems.push(format!(
            "RRSet of type {record_type} with DNS name {name} is not permitted in zone {}",
            zone.name
        ));
    }
}
