//! Registering, renewing and deleting domains.
//! [API_domains_RegisterDomain](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_RegisterDomain.html)

use enishi_api::route53domains::{
    DeleteDomainRequest, DeleteDomainResponse, RegisterDomainRequest, RegisterDomainResponse,
    RenewDomainRequest, RenewDomainResponse, ops,
};
use enishi_state::Tx;
use enishi_state::route53domains::{Contacts, Domain, Operation, OperationKind, Privacy, Registration, Work};
use enishi_wire::Fault;

use super::contact::{self, Given};
use super::name::DomainName;
use super::{date, faults, operation, own};
use crate::registry::Registry;

/// Domains of an account at most.
/// [Quotas on domains](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-entities-domains)
const DOMAINS: usize = 20;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::RegisterDomain>(register_domain);
    on.write::<ops::RenewDomain>(renew_domain);
    on.write::<ops::DeleteDomain>(delete_domain);
}

/// # Errors
/// `DomainLimitExceeded` when the caller's account has as many domains as it may.
pub(super) fn check_limit(tx: &Tx<'_>) -> Result<(), Fault> {
    let account = tx.caller().scope.account.as_str();
    let coming = tx.world().by::<Operation>("account", account);
    let coming = coming.filter(|row| !row.is_over() && row.kind == OperationKind::Register).count();
    let owned = tx.world().by::<Domain>("account", account).count();
    if owned + coming >= DOMAINS { Err(faults::domain_limit_exceeded()) } else { Ok(()) }
}

fn years(given: i32, most: u8) -> Result<u8, Fault> {
    let valid = u8::try_from(given).ok().filter(|years| (1..=most).contains(years));
    valid.ok_or_else(|| faults::invalid_input(format!("DurationInYears must be between 1 and {most}.")))
}

fn register_domain(tx: &mut Tx<'_>, input: RegisterDomainRequest) -> Result<RegisterDomainResponse, Fault> {
    let name = DomainName::parse(&input.domain_name)?;
    let years = years(input.duration_in_years, name.tld.years)?;
    let given = Given {
        registrant: Some(input.registrant_contact),
        admin: Some(input.admin_contact),
        tech: Some(input.tech_contact),
        billing: input.billing_contact,
    };
    let parsed = contact::parse(given, name.tld)?;
    let (Some(registrant), Some(admin), Some(tech)) = (parsed.registrant, parsed.admin, parsed.tech) else {
        return Err(Fault::internal("contacts that were given are missing"));
    };
    let id = Domain::key(&name.name);
    let account = &tx.caller().scope.account;
    let running = operation::running(tx.world(), &id, OperationKind::Register);
    if let Some(operation) = running.filter(|row| row.account == *account) {
        return Err(faults::duplicate_request(&id, &operation.id));
    }
    if !name.is_available(tx.world()) {
        return Err(faults::not_available(&name.text()));
    }
    check_limit(tx)?;
    let registration = Registration {
        name: name.name,
        years,
        auto_renew: input.auto_renew.unwrap_or(true),
        contacts: Contacts { registrant, admin, tech, billing: parsed.billing },
        privacy: Privacy {
            registrant: input.privacy_protect_registrant_contact.unwrap_or(true),
            admin: input.privacy_protect_admin_contact.unwrap_or(true),
            tech: input.privacy_protect_tech_contact.unwrap_or(true),
            billing: input.privacy_protect_billing_contact.unwrap_or(true),
        },
    };
    let operation =
        operation::submit(tx, id, OperationKind::Register, Work::Register(Box::new(registration)))?;
    Ok(RegisterDomainResponse { operation_id: Some(operation) })
}

fn renew_domain(tx: &mut Tx<'_>, input: RenewDomainRequest) -> Result<RenewDomainResponse, Fault> {
    let (row, name) = own(tx.world(), tx.caller(), &input.domain_name)?;
    let years = years(input.duration_in_years.unwrap_or(1), name.tld.years)?;
    let current = date::year(row.expires);
    if input.current_expiry_year != current {
        return Err(faults::invalid_input(format!(
            "The current expiry year of {} is {current}, not {}.",
            name.text(),
            input.current_expiry_year
        )));
    }
    // A registry keeps a domain for so many years at most, counted from today.
    if date::plus_years(row.expires, years) > date::plus_years(tx.now(), name.tld.years) {
        return Err(faults::invalid_input(format!(
            "A domain of .{} cannot be registered for more than {} years from today.",
            name.tld.name, name.tld.years
        )));
    }
    let id = Domain::key(&name.name);
    let operation = operation::submit(tx, id, OperationKind::Renew, Work::Renew(years))?;
    Ok(RenewDomainResponse { operation_id: Some(operation) })
}

fn delete_domain(tx: &mut Tx<'_>, input: DeleteDomainRequest) -> Result<DeleteDomainResponse, Fault> {
    let (row, name) = own(tx.world(), tx.caller(), &input.domain_name)?;
    if let Some(transfer) = &row.transfer {
        return Err(faults::duplicate_request(&Domain::key(&name.name), &transfer.operation));
    }
    let operation = operation::submit(tx, Domain::key(&name.name), OperationKind::Delete, Work::Delete)?;
    Ok(DeleteDomainResponse { operation_id: Some(operation) })
}
