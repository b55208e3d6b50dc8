//! Hosted zones and batches of changes to test with.
#![allow(dead_code)]

use enishi_api::route53::{
    AliasTarget, Change, ChangeBatch, ChangeResourceRecordSetsRequest, CreateHostedZoneRequest,
    ListResourceRecordSetsRequest, ResourceRecord, ResourceRecordSet, VPC, ops,
};
use enishi_state::ec2;

use crate::harness::{Harness, text};

/// Makes a public zone; answers its id, with `/hostedzone/` before it as responses have it.
pub fn create(harness: &mut Harness, name: &str) -> String {
    let input = CreateHostedZoneRequest {
        name: name.to_owned(),
        caller_reference: name.to_owned(),
        ..Default::default()
    };
    harness.ok::<ops::CreateHostedZone>(input).hosted_zone.id
}

/// A request for a private zone.
pub fn private(name: &str, reference: &str, vpc: VPC) -> CreateHostedZoneRequest {
    CreateHostedZoneRequest {
        name: name.to_owned(),
        caller_reference: reference.to_owned(),
        vpc: Some(vpc),
        ..Default::default()
    }
}

/// The default VPC of the caller.
pub fn own_vpc(harness: &Harness) -> VPC {
    let is_own = |row: &&ec2::Vpc| row.is_default && row.scope == harness.caller.scope;
    let row = harness.world.all::<ec2::Vpc>().find(is_own).expect("a default VPC");
    VPC { vpc_region: Some(row.scope.region.to_string()), vpc_id: Some(row.id.to_string()) }
}

/// The id without what responses put before it.
pub fn bare(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, bare)| bare)
}

/// A simple record set.
pub fn records(name: &str, kind: &str, values: &[&str]) -> ResourceRecordSet {
    let records = values.iter().map(|value| ResourceRecord { value: (*value).to_owned() }).collect();
    ResourceRecordSet {
        name: name.to_owned(),
        r#type: kind.to_owned(),
        ttl: Some(60),
        resource_records: Some(records),
        ..Default::default()
    }
}

/// A weighted record set.
pub fn weighted(name: &str, id: &str, weight: i64) -> ResourceRecordSet {
    ResourceRecordSet { set_identifier: text(id), weight: Some(weight), ..records(name, "A", &["192.0.2.1"]) }
}

/// An alias.
pub fn alias(name: &str, kind: &str, zone: &str, target: &str) -> ResourceRecordSet {
    ResourceRecordSet {
        name: name.to_owned(),
        r#type: kind.to_owned(),
        alias_target: Some(AliasTarget {
            hosted_zone_id: zone.to_owned(),
            dns_name: target.to_owned(),
            evaluate_target_health: false,
        }),
        ..Default::default()
    }
}

/// A batch of changes.
pub fn batch(zone: &str, changes: Vec<(&str, ResourceRecordSet)>) -> ChangeResourceRecordSetsRequest {
    let change = |(action, set): (&str, ResourceRecordSet)| Change {
        action: action.to_owned(),
        resource_record_set: set,
    };
    ChangeResourceRecordSetsRequest {
        hosted_zone_id: zone.to_owned(),
        change_batch: ChangeBatch { comment: None, changes: changes.into_iter().map(change).collect() },
    }
}

/// Carries changes out.
#[track_caller]
pub fn change(harness: &mut Harness, zone: &str, changes: Vec<(&str, ResourceRecordSet)>) {
    harness.ok::<ops::ChangeResourceRecordSets>(batch(zone, changes));
}

/// Name and type of every record set.
pub fn listed(harness: &mut Harness, zone: &str) -> Vec<(String, String)> {
    sets(harness, zone).into_iter().map(|set| (set.name, set.r#type)).collect()
}

/// Every record set of a zone that fits one page.
pub fn sets(harness: &mut Harness, zone: &str) -> Vec<ResourceRecordSet> {
    let input = ListResourceRecordSetsRequest { hosted_zone_id: zone.to_owned(), ..Default::default() };
    harness.ok::<ops::ListResourceRecordSets>(input).resource_record_sets
}

/// The zone's set of a type that it has one of.
pub fn listed_set(harness: &mut Harness, zone: &str, kind: &str) -> ResourceRecordSet {
    sets(harness, zone).into_iter().find(|set| set.r#type == kind).expect("a set of that type")
}

/// Changes that must be refused with `InvalidChangeBatch` and this message.
#[track_caller]
pub fn refused(harness: &mut Harness, zone: &str, changes: Vec<(&str, ResourceRecordSet)>, message: &str) {
    harness.message::<ops::ChangeResourceRecordSets>(batch(zone, changes), "InvalidChangeBatch", message);
}

/// Changes that must be refused with `InvalidInput` and this message.
#[track_caller]
pub fn invalid(harness: &mut Harness, zone: &str, changes: Vec<(&str, ResourceRecordSet)>, message: &str) {
    harness.message::<ops::ChangeResourceRecordSets>(batch(zone, changes), "InvalidInput", message);
}
