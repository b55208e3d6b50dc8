//! One change of a batch, parsed and checked as far as it can be by itself.

use enishi_api::route53::{self as api, ResourceRecord};
use enishi_fabric::ParseError;
use enishi_fabric::dns::{self, Alias, Content, Name, Rdata, RecordType};
use enishi_state::route53::{HostedZone, RecordSet};
use enishi_wire::Fault;

use super::routing;
use crate::route53::{bare, faults};

/// Records of one record set at most.
const RECORDS: usize = 400;

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
    let routing = routing::parse(&set, &shown)?;
    let Ok(record_type) = set.r#type.parse::<RecordType>() else {
        return Err(faults::invalid_input(format!("Invalid record type: {}", set.r#type)));
    };
    let name = match Name::parse(&set.name) {
        Ok(name) => name,
        Err(error) => {
            problems.push(fatal(domain_problem(&error), &set.name));
            return Ok(None);
        }
    };
    if !name.is_within(&zone.name) {
        problems.push(format!("RRSet with DNS name {name} is not permitted in zone {}", zone.name));
        return Ok(None);
    }
    let before = problems.len();
    let (content, values) = match set.alias_target {
        Some(target) => (alias(&target, record_type, problems), Vec::new()),
        None => {
            let ttl = set.ttl.and_then(|ttl| u32::try_from(ttl).ok()).unwrap_or_default();
            let values: Vec<String> = set
                .resource_records
                .unwrap_or_default()
                .into_iter()
                .map(|ResourceRecord { value }| value)
                .collect();
            (records(record_type, ttl, &values, problems), values)
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

fn alias(target: &api::AliasTarget, record_type: RecordType, problems: &mut Vec<String>) -> Option<Content> {
    if matches!(record_type, RecordType::NS | RecordType::SOA) {
        problems.push(format!("RRSet of type {record_type} cannot be an alias."));
        return None;
    }
    match Name::parse(&target.dns_name) {
        Ok(name) => Some(Content::Alias(Alias {
            zone: bare(&target.hosted_zone_id).into(),
            name,
            evaluate_target_health: target.evaluate_target_health,
        })),
        Err(error) => {
            problems.push(fatal(domain_problem(&error), &target.dns_name));
            None
        }
    }
}

fn records(
    record_type: RecordType,
    ttl: u32,
    values: &[String],
    problems: &mut Vec<String>,
) -> Option<Content> {
    if values.len() > RECORDS {
        problems.push(format!("Cannot have more than {RECORDS} records in a RRSet."));
        return None;
    }
    let mut data: Vec<Rdata> = Vec::with_capacity(values.len());
    for value in values {
        match rdata(record_type, value) {
            Ok(record) if data.contains(&record) => {
                problems.push(format!("Duplicate Resource Record: '{value}'"))
            }
            Ok(record) => data.push(record),
            Err(problem) => problems.push(format!("Invalid Resource Record: '{}'", fatal(problem, value))),
        }
    }
    if values.len() > 1 && matches!(record_type, RecordType::CNAME | RecordType::SOA) {
        problems.push(format!("RRSet of type {record_type} can only have one Resource Record"));
    }
    Some(Content::Records { ttl, data })
}

fn rdata(record_type: RecordType, value: &str) -> Result<Rdata, &'static str> {
    if matches!(record_type, RecordType::TXT | RecordType::SPF) && !value.trim_start().starts_with('"') {
        return Err("InvalidCharacterString (Value should be enclosed in quotation marks)");
    }
    Rdata::parse(record_type, value).map_err(|error| record_problem(record_type, value, &error))
}

/// Route 53's name of what is wrong with a record's value.
fn record_problem(record_type: RecordType, value: &str, error: &ParseError) -> &'static str {
    let fields = value.split_whitespace().count();
    match record_type {
        RecordType::A => "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)",
        RecordType::AAAA => "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)",
        RecordType::CNAME | RecordType::NS | RecordType::PTR => domain_problem(error),
        RecordType::MX if fields != 2 => "MXRRDATANotTwoFields (MX record doesn't have 2 fields)",
        RecordType::SRV if fields != 4 => "SRVRRDATANotFourFields (SRV record doesn't have 4 fields)",
        RecordType::SOA if fields != 7 => "SOARRDATANotSevenFields (SOA record doesn't have 7 fields)",
        RecordType::CAA if fields < 3 => "CAARRDATANotThreeFields (CAA record doesn't have 3 fields)",
        RecordType::TXT | RecordType::SPF if error.0.contains("255") => {
            "CharacterStringTooLong (Value is too long)"
        }
        RecordType::TXT | RecordType::SPF => {
            "InvalidCharacterString (Value should be enclosed in quotation marks)"
        }
        _ => "UnsupportedValue (Value is not valid for the record type)",
    }
}

/// Route 53's name of what is wrong with a domain name.
fn domain_problem(error: &ParseError) -> &'static str {
    match error.0 {
        text if text.contains("63 bytes") => "DomainLabelTooLong (Domain label is too long)",
        text if text.contains("255 bytes") => "DomainNameTooLong (Domain name is too long)",
        text if text.contains("not empty") => "DomainLabelEmpty (Domain label is empty)",
        _ => "UnsupportedCharacter (Value contains unsupported characters)",
    }
}

fn fatal(problem: &str, value: &str) -> String {
    format!("FATAL problem: {problem} encountered with '{value}'")
}
