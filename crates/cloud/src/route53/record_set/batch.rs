//! `ChangeResourceRecordSets`: all changes of a batch or none.
//! [API_ChangeResourceRecordSets](https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html)
//!
//! [Quotas on ChangeResourceRecordSets](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets)
//!
//! A batch is parsed whole, tried change by change on the transaction, and then the names that it touched are checked
//! as they came out ([`rule`](super::rule)). Every stage lists all its problems in one fault.

use std::collections::{BTreeMap, BTreeSet};

use enishi_api::route53::{self as api, ChangeResourceRecordSetsRequest, ChangeResourceRecordSetsResponse};
use enishi_fabric::dns::{Content, Name};
use enishi_state::route53::{HostedZone, RecordSet, RecordSetKey};
use enishi_state::{Row, Tx};
use enishi_wire::Fault;

use super::parse::{Action, Parsed, parse};
use super::rule;
use crate::route53::{change, faults, limit, own_zone};

/// Records of one batch at most, where an alias counts as one; those of an upsert count twice.
const RECORDS: usize = 1000;

/// Characters of all values of one batch at most; those of an upsert count twice.
const CHARACTERS: usize = 32_000;

pub(super) fn change_resource_record_sets(
    tx: &mut Tx<'_>,
    input: ChangeResourceRecordSetsRequest,
) -> Result<ChangeResourceRecordSetsResponse, Fault> {
    let zone = own_zone(tx.world(), &tx.caller().scope.account, &input.hosted_zone_id)?.clone();
    check_size(&input.change_batch.changes)?;
    let mut problems = Vec::new();
    let mut parsed = Vec::new();
    for change in input.change_batch.changes {
        parsed.extend(parse(&zone, change, &mut problems)?);
    }
    refuse(&problems)?;
    rule::references(tx.world(), &zone, &parsed)?;
    let touched = carry_out(tx, &parsed, &mut problems);
    refuse(&problems)?;
    rule::check(tx.world(), &zone, &parsed, &touched, &mut problems);
    refuse(&problems)?;
    count(tx, &zone, &parsed)?;
    Ok(ChangeResourceRecordSetsResponse { change_info: change::begin(tx, input.change_batch.comment) })
}

fn refuse(problems: &[String]) -> Result<(), Fault> {
    if problems.is_empty() { Ok(()) } else { Err(faults::invalid_change_batch(problems)) }
}

/// # Errors
/// `InvalidInput` for a batch without a change, `InvalidChangeBatch` for one that is too big.
fn check_size(changes: &[api::Change]) -> Result<(), Fault> {
    if changes.is_empty() {
        return Err(faults::invalid_input(
            "Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Changes' is not complete. One of '{\"https://route53.amazonaws.com/doc/2013-04-01/\":Change}' is expected.",
        ));
    }
    let times = |change: &api::Change| if change.action == "UPSERT" { 2 } else { 1 };
    let records = |change: &api::Change| {
        let records = change.resource_record_set.resource_records.as_ref();
        records.map_or(1, Vec::len).max(1) * times(change)
    };
    if changes.iter().map(records).sum::<usize>() > RECORDS {
        return refuse(&[format!("Number of records limit of {RECORDS} exceeded.")]);
    }
    let characters = |change: &api::Change| {
        let records = change.resource_record_set.resource_records.iter().flatten();
        records.map(|record| record.value.chars().count()).sum::<usize>() * times(change)
    };
    if changes.iter().map(characters).sum::<usize>() > CHARACTERS {
        return refuse(&[format!("RDATA character limit of {CHARACTERS} exceeded.")]);
    }
    Ok(())
}

/// Tries every change; answers the names that were touched.
fn carry_out(tx: &mut Tx<'_>, parsed: &[Parsed], problems: &mut Vec<String>) -> BTreeSet<Name> {
    let mut seen: BTreeMap<RecordSetKey, Action> = BTreeMap::new();
    for Parsed { action, row } in parsed {
        let key = row.id();
        // A set may be deleted and then made anew; anything else is ambiguous.
        match seen.insert(key.clone(), *action) {
            None => {}
            Some(Action::Delete) if *action != Action::Delete => {}
            Some(_) => {
                problems.push(format!(
                    "The request contains an invalid set of changes for a resource record set '{} {}'",
                    row.set.record_type, row.set.name
                ));
                continue;
            }
        }
        let current = tx.world().get::<RecordSet>(&key).cloned();
        match (action, current) {
            (Action::Create, Some(_)) => {
                problems.push(format!("Tried to create resource record set {} but it already exists", shown(row)));
            }
            (Action::Delete, None) => {
                problems.push(format!("Tried to delete resource record set {} but it was not found", shown(row)));
            }
            (Action::Delete, Some(current)) if !same(&current, row) => problems.push(format!(
                "Tried to delete resource record set {} but the values provided do not match the current values",
                shown(row)
            )),
            (Action::Delete, Some(_)) => {
                tx.remove::<RecordSet>(&key);
            }
            (Action::Create | Action::Upsert, _) => tx.put(row.clone()),
        }
    }
    parsed.iter().map(|change| change.row.set.name.clone()).collect()
}

/// How messages name a record set.
fn shown(row: &RecordSet) -> String {
    let set = &row.set;
    match &set.identifier {
        Some(id) => format!("[name='{}', type='{}', set identifier='{id}']", set.name, set.record_type),
        None => format!("[name='{}', type='{}']", set.name, set.record_type),
    }
}

/// Whether a deletion names the set as it is; the order of records does not matter.
fn same(current: &RecordSet, given: &RecordSet) -> bool {
    let contents = match (&current.set.content, &given.set.content) {
        (Content::Records { ttl, data }, Content::Records { ttl: given_ttl, data: given }) => {
            ttl == given_ttl && data.len() == given.len() && data.iter().all(|record| given.contains(record))
        }
        (current, given) => current == given,
    };
    contents && current.set.routing == given.set.routing && current.set.health_check == given.set.health_check
}

/// Keeps the zone's number of record sets.
///
/// # Errors
/// `InvalidChangeBatch` when the zone has too many by now.
fn count(tx: &mut Tx<'_>, zone: &HostedZone, parsed: &[Parsed]) -> Result<(), Fault> {
    let keys: BTreeSet<RecordSetKey> = parsed.iter().map(|change| change.row.id()).collect();
    let after = keys.iter().filter(|key| tx.world().get::<RecordSet>(key).is_some()).count() as u64;
    let before = keys.iter().filter(|key| tx.base().get::<RecordSet>(key).is_some()).count() as u64;
    if after == before {
        return Ok(());
    }
    let record_sets = (zone.record_sets + after).saturating_sub(before);
    let zone = HostedZone { record_sets, ..zone.clone() };
    if after > before {
        limit::check_record_sets(tx.world(), &tx.caller().scope, &zone)?;
    }
    tx.put(zone);
    Ok(())
}
