//! Hosted zones: `CreateHostedZone` and its siblings.
//! [Working with hosted zones](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zones-working-with.html)
//!
//! A zone comes with its NS and its SOA record, which cannot be removed; it can be deleted when it has nothing else.
//! A private zone is seen by the VPCs that it is associated with ([`vpc_association`]); public and private zones may have the
//! same name.

use enishi_api::route53::{
    self as api, CreateHostedZoneRequest, CreateHostedZoneResponse, DeleteHostedZoneRequest,
    DeleteHostedZoneResponse, GetHostedZoneCountRequest, GetHostedZoneCountResponse, GetHostedZoneRequest,
    GetHostedZoneResponse, HostedZoneConfig, ListHostedZonesByNameRequest, ListHostedZonesByNameResponse,
    ListHostedZonesRequest, ListHostedZonesResponse, UpdateHostedZoneCommentRequest,
    UpdateHostedZoneCommentResponse, ops,
};
use enishi_fabric::dns::{self, Content, Name, Rdata, RecordType, Routing};
use enishi_state::route53::{HostedZone, HostedZoneId, RecordSet, RecordSetKey};
use enishi_state::{AccountId, Read, Row, Tx, World};
use enishi_wire::Fault;

use super::page::{self, Page};
use super::{
    bare, change, delegation_set, faults, fresh_id, fresh_uuid, limit, location, name_server, own_zone,
    query_logging, tag, vpc_association,
};
use crate::registry::Registry;

/// The record sets that a zone comes with.
const REQUIRED: u64 = 2;

const NS_TTL_SECONDS: u32 = 172_800;
const SOA_TTL_SECONDS: u32 = 900;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateHostedZone>(create_hosted_zone);
    on.write::<ops::DeleteHostedZone>(delete_hosted_zone);
    on.write::<ops::UpdateHostedZoneComment>(update_hosted_zone_comment);
    on.read::<ops::GetHostedZone>(get_hosted_zone);
    on.read::<ops::GetHostedZoneCount>(get_hosted_zone_count);
    on.read::<ops::ListHostedZones>(list_hosted_zones);
    on.read::<ops::ListHostedZonesByName>(list_hosted_zones_by_name);
}

fn create_hosted_zone(
    tx: &mut Tx<'_>,
    input: CreateHostedZoneRequest,
) -> Result<CreateHostedZoneResponse, Fault> {
    let account = tx.caller().scope.account.clone();
    let name = domain(&input.name)?;
    let reference = format!("{account}/{}", input.caller_reference);
    if tx.world().by::<HostedZone>("caller_reference", &reference).next().is_some() {
        return Err(faults::hosted_zone_already_exists());
    }
    let config = input.hosted_zone_config.unwrap_or_default();
    if config.private_zone == Some(true) && input.vpc.is_none() {
        return Err(faults::invalid_input(
            "When you're creating a private hosted zone (when you specify true for PrivateZone), you must also specify values for VPCId and VPCRegion.",
        ));
    }
    limit::check_zones(tx.world(), &tx.caller().scope)?;
    let vpcs = match &input.vpc {
        Some(vpc) => vec![vpc_association::own(tx.world(), &account, vpc)?],
        None => Vec::new(),
    };
    for association in &vpcs {
        vpc_association::check_free(tx.world(), association, &name)?;
    }
    let is_private = !vpcs.is_empty();
    let delegation =
        input.delegation_set_id.as_deref().map(|id| delegation_set::own(tx.world(), &account, id).cloned());
    let delegation = delegation.transpose()?;
    let name_servers = match &delegation {
        Some(_) if is_private => return Err(faults::delegation_set_not_reusable()),
        Some(set) => delegation_set::available(tx.world(), set, &name)?,
        None if is_private => name_server::private(),
        None => name_server::draw(tx, &name),
    };
    let row = HostedZone {
        id: HostedZoneId::new(&fresh_id(tx, "Z", 20)),
        account,
        name,
        caller_reference: input.caller_reference,
        comment: config.comment,
        is_private,
        vpcs,
        authorized: Vec::new(),
        delegation_set: delegation.map(|set| set.id),
        name_servers,
        record_sets: REQUIRED,
        created: tx.now(),
    };
    for set in required_sets(&row)? {
        tx.put(set);
    }
    let response = CreateHostedZoneResponse {
        hosted_zone: shape(&row),
        change_info: change::begin(tx, None),
        delegation_set: delegation_shape(&row),
        vpc: input.vpc,
        location: location("hostedzone", row.id.as_str()),
    };
    tx.put(row);
    Ok(response)
}

/// The zone that the registrar makes in the account that registers a domain; answers the zone's name servers.
/// [API_domains_RegisterDomain](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_RegisterDomain.html)
///
/// # Errors
/// `InternalError` when a record of our own does not parse.
pub(crate) fn create_for_domain(
    tx: &mut Tx<'_>,
    account: &AccountId,
    name: &Name,
) -> Result<Vec<String>, Fault> {
    let name_servers = name_server::draw(tx, name);
    let row = HostedZone {
        id: HostedZoneId::new(&fresh_id(tx, "Z", 20)),
        account: account.clone(),
        name: name.clone(),
        caller_reference: format!("RISWorkflow-RD:{}", fresh_uuid(tx)),
        comment: Some("HostedZone created by Route53 Registrar".to_owned()),
        is_private: false,
        vpcs: Vec::new(),
        authorized: Vec::new(),
        delegation_set: None,
        name_servers: name_servers.clone(),
        record_sets: REQUIRED,
        created: tx.now(),
    };
    for set in required_sets(&row)? {
        tx.put(set);
    }
    tx.put(row);
    Ok(name_servers)
}

/// The name of a zone: a domain name that is not the root. `*` may stand in it, but not in the leftmost label.
/// [DNS domain name format](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html)
fn domain(text: &str) -> Result<Name, Fault> {
    let has_star = |name: &Name| name.labels().next().is_some_and(|label| label.contains(&b'*'));
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    let name = Name::parse(text).ok().filter(|name| is_plain && !name.is_root() && !has_star(name));
    name.ok_or_else(|| faults::invalid_domain_name(text))
}

/// The NS and the SOA record set that a zone comes with.
fn required_sets(zone: &HostedZone) -> Result<[RecordSet; 2], Fault> {
    let servers: Vec<String> = zone.name_servers.iter().map(|server| format!("{server}.")).collect();
    let first = servers.first().cloned().unwrap_or_default();
    let soa = format!("{first} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400");
    Ok([
        own_set(zone, RecordType::NS, NS_TTL_SECONDS, servers)?,
        own_set(zone, RecordType::SOA, SOA_TTL_SECONDS, vec![soa])?,
    ])
}

fn own_set(
    zone: &HostedZone,
    record_type: RecordType,
    ttl: u32,
    values: Vec<String>,
) -> Result<RecordSet, Fault> {
    let data: Result<Vec<Rdata>, _> = values.iter().map(|value| Rdata::parse(record_type, value)).collect();
    let data =
        data.map_err(|error| Fault::internal(format!("a record of our own does not parse: {error}")))?;
    Ok(RecordSet {
        zone: zone.id.clone(),
        set: dns::RecordSet {
            name: zone.name.clone(),
            record_type,
            identifier: None,
            routing: Routing::Simple,
            health_check: None,
            content: Content::Records { ttl, data },
        },
        values,
    })
}

pub(super) fn shape(row: &HostedZone) -> api::HostedZone {
    api::HostedZone {
        id: format!("/hostedzone/{}", row.id),
        name: row.name.to_string(),
        caller_reference: row.caller_reference.clone(),
        config: Some(HostedZoneConfig { comment: row.comment.clone(), private_zone: Some(row.is_private) }),
        resource_record_set_count: i64::try_from(row.record_sets).ok(),
        ..Default::default()
    }
}

fn delegation_shape(row: &HostedZone) -> api::DelegationSet {
    api::DelegationSet {
        id: row.delegation_set.as_ref().map(|id| format!("/delegationset/{id}")),
        caller_reference: None,
        name_servers: row.name_servers.clone(),
    }
}

fn delete_hosted_zone(
    tx: &mut Tx<'_>,
    input: DeleteHostedZoneRequest,
) -> Result<DeleteHostedZoneResponse, Fault> {
    let zone = own_zone(tx.world(), &tx.caller().scope.account, &input.id)?.clone();
    if zone.record_sets > REQUIRED {
        return Err(faults::hosted_zone_not_empty());
    }
    let keys: Vec<RecordSetKey> = record_sets(tx.world(), &zone.id).map(Row::id).collect();
    for key in keys {
        tx.remove::<RecordSet>(&key);
    }
    tag::remove_all(tx, "hostedzone", zone.id.as_str());
    query_logging::remove_of_zone(tx, &zone.id);
    tx.remove::<HostedZone>(&zone.id);
    Ok(DeleteHostedZoneResponse { change_info: change::begin(tx, None) })
}

/// Every record set of a zone, as `ListResourceRecordSets` orders them.
pub(super) fn record_sets<'w>(
    world: &'w World,
    zone: &HostedZoneId,
) -> impl Iterator<Item = &'w RecordSet> + use<'w> {
    let zone = zone.clone();
    let start = RecordSetKey::new(&RecordSetKey::zone_prefix(&zone));
    world.from::<RecordSet>(&start).take_while(move |row| row.zone == zone)
}

fn update_hosted_zone_comment(
    tx: &mut Tx<'_>,
    input: UpdateHostedZoneCommentRequest,
) -> Result<UpdateHostedZoneCommentResponse, Fault> {
    let mut zone = own_zone(tx.world(), &tx.caller().scope.account, &input.id)?.clone();
    zone.comment = input.comment;
    let hosted_zone = shape(&zone);
    tx.put(zone);
    Ok(UpdateHostedZoneCommentResponse { hosted_zone })
}

fn get_hosted_zone(read: &Read<'_>, input: GetHostedZoneRequest) -> Result<GetHostedZoneResponse, Fault> {
    let zone = own_zone(read.world, &read.caller.scope.account, &input.id)?;
    let vpcs = zone.vpcs.iter().map(vpc_association::shape).collect();
    Ok(GetHostedZoneResponse {
        hosted_zone: shape(zone),
        delegation_set: (!zone.is_private).then(|| delegation_shape(zone)),
        vpcs: zone.is_private.then_some(vpcs),
    })
}

fn own_zones<'w>(world: &'w World, account: &AccountId) -> impl Iterator<Item = &'w HostedZone> + use<'w> {
    world.by::<HostedZone>("account", account.as_str())
}

fn get_hosted_zone_count(
    read: &Read<'_>,
    _: GetHostedZoneCountRequest,
) -> Result<GetHostedZoneCountResponse, Fault> {
    let count = own_zones(read.world, &read.caller.scope.account).count();
    Ok(GetHostedZoneCountResponse { hosted_zone_count: i64::try_from(count).unwrap_or(i64::MAX) })
}

fn list_hosted_zones(
    read: &Read<'_>,
    input: ListHostedZonesRequest,
) -> Result<ListHostedZonesResponse, Fault> {
    let size = page::size(input.max_items.as_deref(), page::USUAL)?;
    let account = &read.caller.scope.account;
    let set = input.delegation_set_id.as_deref().map(bare);
    if let Some(id) = set {
        delegation_set::own(read.world, account, id)?;
    }
    let private_only = input.hosted_zone_type.is_some();
    let marker = input.marker.clone().unwrap_or_default();
    if !marker.is_empty() {
        own_zone(read.world, account, &marker)?;
    }
    let wanted = |zone: &&HostedZone| {
        (!private_only || zone.is_private)
            && set.is_none_or(|set| zone.delegation_set.as_ref().is_some_and(|own| own.as_str() == set))
            && zone.id.as_str() >= bare(&marker)
    };
    let Page { items, next } = page::cut(own_zones(read.world, account).filter(wanted), size);
    Ok(ListHostedZonesResponse {
        hosted_zones: items.into_iter().map(shape).collect(),
        marker,
        is_truncated: next.is_some(),
        next_marker: next.map(|zone| zone.id.to_string()),
        max_items: size.to_string(),
    })
}

fn list_hosted_zones_by_name(
    read: &Read<'_>,
    input: ListHostedZonesByNameRequest,
) -> Result<ListHostedZonesByNameResponse, Fault> {
    let size = page::size(input.max_items.as_deref(), page::USUAL)?;
    let start = input
        .dns_name
        .as_deref()
        .map(|text| Name::parse(text).map_err(|_| faults::invalid_domain_name(text)));
    let start = start.transpose()?;
    if start.is_none() && input.hosted_zone_id.is_some() {
        return Err(faults::invalid_input("The request includes a hosted zone ID but no DNS name."));
    }
    let first_id = input.hosted_zone_id.as_deref().map(bare).unwrap_or_default();
    let mut zones: Vec<&HostedZone> = own_zones(read.world, &read.caller.scope.account).collect();
    zones.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let from = |zone: &&HostedZone| {
        start.as_ref().is_none_or(|start| (&zone.name, zone.id.as_str()) >= (start, first_id))
    };
    let Page { items, next } = page::cut(zones.into_iter().filter(from), size);
    Ok(ListHostedZonesByNameResponse {
        hosted_zones: items.into_iter().map(shape).collect(),
        dns_name: input.dns_name,
        hosted_zone_id: input.hosted_zone_id,
        is_truncated: next.is_some(),
        next_dns_name: next.map(|zone| zone.name.to_string()),
        next_hosted_zone_id: next.map(|zone| zone.id.to_string()),
        max_items: size.to_string(),
    })
}
