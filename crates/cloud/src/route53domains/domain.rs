//! Domains: lists, details, and the switches of one.
//! [API_domains_GetDomainDetail](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_GetDomainDetail.html)

use std::cmp::Ordering;

use enishi_api::route53domains::{
    DisableDomainAutoRenewRequest, DisableDomainAutoRenewResponse, DisableDomainTransferLockRequest,
    DisableDomainTransferLockResponse, DomainSummary, EnableDomainAutoRenewRequest,
    EnableDomainAutoRenewResponse, EnableDomainTransferLockRequest, EnableDomainTransferLockResponse,
    FilterCondition, GetDomainDetailRequest, GetDomainDetailResponse, ListDomainsRequest,
    ListDomainsResponse, Nameserver, RetrieveDomainAuthCodeRequest, RetrieveDomainAuthCodeResponse, ops,
};
use enishi_state::route53domains::{Domain, NameServer, OperationKind, OperationStatus, Work};
use enishi_state::{Read, Row, Timestamp, Tx};
use enishi_wire::Fault;

use super::date::shown;
use super::{contact, faults, operation, own, page};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::ListDomains>(list_domains);
    on.read::<ops::GetDomainDetail>(get_domain_detail);
    on.read::<ops::RetrieveDomainAuthCode>(retrieve_domain_auth_code);
    on.write::<ops::EnableDomainAutoRenew>(enable_domain_auto_renew);
    on.write::<ops::DisableDomainAutoRenew>(disable_domain_auto_renew);
    on.write::<ops::EnableDomainTransferLock>(enable_domain_transfer_lock);
    on.write::<ops::DisableDomainTransferLock>(disable_domain_transfer_lock);
}

fn get_domain_detail(
    read: &Read<'_>,
    input: GetDomainDetailRequest,
) -> Result<GetDomainDetailResponse, Fault> {
    let (row, name) = own(read.world, read.caller, &input.domain_name)?;
    Ok(GetDomainDetailResponse {
        domain_name: Some(name.text()),
        nameservers: Some(row.name_servers.iter().map(name_server).collect()),
        auto_renew: Some(row.auto_renew),
        admin_contact: Some(contact::shape(&row.contacts.admin)),
        registrant_contact: Some(contact::shape(&row.contacts.registrant)),
        tech_contact: Some(contact::shape(&row.contacts.tech)),
        billing_contact: row.contacts.billing.as_ref().map(contact::shape),
        admin_privacy: Some(row.privacy.admin),
        registrant_privacy: Some(row.privacy.registrant),
        tech_privacy: Some(row.privacy.tech),
        billing_privacy: Some(row.privacy.billing),
        registrar_name: Some("Amazon Registrar, Inc.".to_owned()),
        who_is_server: Some("whois.registrar.amazon".to_owned()),
        registrar_url: Some("http://registrar.amazon.com".to_owned()),
        abuse_contact_email: Some("trustandsafety@support.aws.com".to_owned()),
        abuse_contact_phone: Some("+1.2024422253".to_owned()),
        creation_date: Some(shown(row.created)),
        updated_date: Some(shown(row.updated)),
        expiration_date: Some(shown(row.expires)),
        status_list: Some(statuses(row).into_iter().map(str::to_owned).collect()),
        ..Default::default()
    })
}

fn name_server(server: &NameServer) -> Nameserver {
    let glue = server.glue.iter().map(ToString::to_string).collect();
    Nameserver { name: server.name.to_string().trim_end_matches('.').to_owned(), glue_ips: Some(glue) }
}

/// The EPP codes of a domain (RFC 5731, section 2.3).
fn statuses(row: &Domain) -> Vec<&'static str> {
    let held = row.is_held().then_some("clientHold");
    let locked = row.transfer_lock.then_some("clientTransferProhibited");
    let found: Vec<&str> = held.into_iter().chain(locked).collect();
    if found.is_empty() { vec!["ok"] } else { found }
}

fn retrieve_domain_auth_code(
    read: &Read<'_>,
    input: RetrieveDomainAuthCodeRequest,
) -> Result<RetrieveDomainAuthCodeResponse, Fault> {
    let (row, _) = own(read.world, read.caller, &input.domain_name)?;
    Ok(RetrieveDomainAuthCodeResponse { auth_code: Some(row.auth_code.clone()) })
}

/// A condition on the list of domains.
enum Condition<'a> {
    BeginsWith(&'a str),
    NotAfter(Timestamp),
    NotBefore(Timestamp),
}

impl<'a> Condition<'a> {
    /// # Errors
    /// `InvalidInput` when field, operator and value do not go together.
    fn parse(given: &'a FilterCondition) -> Result<Self, Fault> {
        let [value] = given.values.as_slice() else {
            return Err(faults::invalid_input("A filter condition takes exactly one value."));
        };
        let time = || {
            let time = value.parse::<f64>().ok().and_then(enishi_wire::Timestamp::from_epoch_seconds);
            let time = time.or_else(|| enishi_wire::Timestamp::parse_date_time(value));
            let time = time.map(|time| Timestamp(time.as_millis()));
            time.ok_or_else(|| faults::invalid_input(format!("{value} is not a date.")))
        };
        match (given.name.as_str(), given.operator.as_str()) {
            ("DomainName", "BEGINS_WITH") => Ok(Condition::BeginsWith(value)),
            ("Expiry", "LE") => Ok(Condition::NotAfter(time()?)),
            ("Expiry", "GE") => Ok(Condition::NotBefore(time()?)),
            (name, operator) => {
                Err(faults::invalid_input(format!("The operator {operator} does not apply to {name}.")))
            }
        }
    }

    fn holds(&self, row: &Domain) -> bool {
        match self {
            Condition::BeginsWith(prefix) => row.id().as_str().starts_with(&prefix.to_lowercase()),
            Condition::NotAfter(time) => row.expires <= *time,
            Condition::NotBefore(time) => row.expires >= *time,
        }
    }
}

fn list_domains(read: &Read<'_>, input: ListDomainsRequest) -> Result<ListDomainsResponse, Fault> {
    let given = input.filter_conditions.unwrap_or_default();
    let conditions: Vec<Condition<'_>> = given.iter().map(Condition::parse).collect::<Result<_, _>>()?;
    if let Some(sort) = &input.sort_condition
        && given.iter().any(|condition| condition.name != sort.name)
    {
        return Err(faults::invalid_input("Domains must be sorted by the field that they are filtered by."));
    }
    let rows = read.world.by::<Domain>("account", read.caller.scope.account.as_str());
    let mut rows: Vec<&Domain> =
        rows.filter(|row| conditions.iter().all(|condition| condition.holds(row))).collect();
    if let Some(sort) = &input.sort_condition {
        let order = |a: &&Domain, b: &&Domain| -> Ordering {
            match sort.name.as_str() {
                "Expiry" => (a.expires, a.id()).cmp(&(b.expires, b.id())),
                _ => a.id().cmp(&b.id()),
            }
        };
        rows.sort_by(order);
        if sort.sort_order == "DESC" {
            rows.reverse();
        }
    }
    let (rows, next_page_marker) =
        page::cut(rows, input.max_items, input.marker.as_deref(), |row| row.id().to_string())?;
    let summary = |row: &Domain| DomainSummary {
        domain_name: Some(row.id().to_string()),
        auto_renew: Some(row.auto_renew),
        transfer_lock: Some(row.transfer_lock),
        expiry: Some(shown(row.expires)),
    };
    Ok(ListDomainsResponse { domains: Some(rows.into_iter().map(summary).collect()), next_page_marker })
}

fn enable_domain_auto_renew(
    tx: &mut Tx<'_>,
    input: EnableDomainAutoRenewRequest,
) -> Result<EnableDomainAutoRenewResponse, Fault> {
    set_auto_renew(tx, &input.domain_name, true)?;
    Ok(EnableDomainAutoRenewResponse {})
}

fn disable_domain_auto_renew(
    tx: &mut Tx<'_>,
    input: DisableDomainAutoRenewRequest,
) -> Result<DisableDomainAutoRenewResponse, Fault> {
    set_auto_renew(tx, &input.domain_name, false)?;
    Ok(DisableDomainAutoRenewResponse {})
}

/// In force at once: the registry is not asked. It is listed among the operations all the same.
fn set_auto_renew(tx: &mut Tx<'_>, name: &str, enabled: bool) -> Result<(), Fault> {
    let (row, _) = own(tx.world(), tx.caller(), name)?;
    let (id, now) = (row.id(), tx.now());
    if row.auto_renew == enabled {
        return Ok(());
    }
    tx.modify::<Domain>(&id, |row| {
        row.auto_renew = enabled;
        row.updated = now;
    });
    let kind = if enabled { OperationKind::EnableAutoRenew } else { OperationKind::DisableAutoRenew };
    operation::put(tx, id, kind, OperationStatus::Successful, None);
    Ok(())
}

fn enable_domain_transfer_lock(
    tx: &mut Tx<'_>,
    input: EnableDomainTransferLockRequest,
) -> Result<EnableDomainTransferLockResponse, Fault> {
    let operation_id = Some(set_lock(tx, &input.domain_name, true)?);
    Ok(EnableDomainTransferLockResponse { operation_id })
}

fn disable_domain_transfer_lock(
    tx: &mut Tx<'_>,
    input: DisableDomainTransferLockRequest,
) -> Result<DisableDomainTransferLockResponse, Fault> {
    let operation_id = Some(set_lock(tx, &input.domain_name, false)?);
    Ok(DisableDomainTransferLockResponse { operation_id })
}

fn set_lock(tx: &mut Tx<'_>, name: &str, locked: bool) -> Result<String, Fault> {
    let id = own(tx.world(), tx.caller(), name)?.0.id();
    operation::submit(tx, id, OperationKind::Lock, Work::Lock(locked))
}
