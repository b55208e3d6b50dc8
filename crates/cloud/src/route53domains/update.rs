//! Changing name servers, contacts and privacy.
//! [API_domains_UpdateDomainNameservers](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_UpdateDomainNameservers.html)

use std::net::IpAddr;

use enishi_api::route53domains::{
    Nameserver, UpdateDomainContactPrivacyRequest, UpdateDomainContactPrivacyResponse,
    UpdateDomainContactRequest, UpdateDomainContactResponse, UpdateDomainNameserversRequest,
    UpdateDomainNameserversResponse, ops,
};
use enishi_fabric::dns::Name;
use enishi_state::route53domains::{Contact, ContactType, Domain, NameServer, OperationKind, Privacy, Work};
use enishi_state::{Row, Tx};
use enishi_wire::Fault;

use super::contact::{self, Given};
use super::{faults, operation, own};
use crate::registry::Registry;

/// Name servers of a domain at most.
/// [Adding or changing name servers](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/domain-name-servers-glue-records.html)
const NAME_SERVERS: usize = 6;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::UpdateDomainNameservers>(update_domain_nameservers);
    on.write::<ops::UpdateDomainContact>(update_domain_contact);
    on.stored_write::<ops::UpdateDomainContactPrivacy>(update_domain_contact_privacy);
}

fn update_domain_nameservers(
    tx: &mut Tx<'_>,
    input: UpdateDomainNameserversRequest,
) -> Result<UpdateDomainNameserversResponse, Fault> {
    let (row, _) = own(tx.world(), tx.caller(), &input.domain_name)?;
    let servers = name_servers(&row.name, &input.nameservers)?;
    let id = row.id();
    let operation = operation::submit(tx, id, OperationKind::UpdateNameServers, Work::NameServers(servers))?;
    Ok(UpdateDomainNameserversResponse { operation_id: Some(operation) })
}

/// # Errors
/// `InvalidInput`: too few or too many, names that are none, glue that is missing or no address.
fn name_servers(domain: &Name, given: &[Nameserver]) -> Result<Vec<NameServer>, Fault> {
    if !(1..=NAME_SERVERS).contains(&given.len()) {
        return Err(faults::invalid_input(format!(
            "A domain has at least one and at most {NAME_SERVERS} name servers."
        )));
    }
    let servers: Vec<NameServer> =
        given.iter().map(|server| name_server(domain, server)).collect::<Result<_, _>>()?;
    for (n, server) in servers.iter().enumerate() {
        if servers.iter().skip(n + 1).any(|other| other.name == server.name) {
            return Err(faults::invalid_input(format!(
                "The name server {} is there twice.",
                server.name.to_string().trim_end_matches('.')
            )));
        }
    }
    Ok(servers)
}

fn name_server(domain: &Name, given: &Nameserver) -> Result<NameServer, Fault> {
    let invalid = || faults::invalid_input(format!("{} is not a valid name server name.", given.name));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let name = Name::parse(&given.name).map_err(|_| invalid())?;
    if name.labels().count() < 2 || !name.labels().all(|label| label.iter().copied().all(is_host)) {
        return Err(invalid());
    }
    let address = |text: &String| {
        text.parse::<IpAddr>()
            .map_err(|_| faults::invalid_input(format!("{text} is not a valid glue IP address.")))
    };
    let glue: Vec<IpAddr> = given.glue_ips.iter().flatten().map(address).collect::<Result<_, _>>()?;
    let v4 = glue.iter().filter(|address| address.is_ipv4()).count();
    if v4 > 1 || glue.len() - v4 > 1 {
        return Err(faults::invalid_input(format!(
            "{}: glue can have one IPv4 and one IPv6 address only.",
            given.name
        )));
    }
    if name.is_within(domain) && glue.is_empty() {
        return Err(faults::invalid_input(format!(
            "{} is inside of the domain and needs a glue IP address.",
            given.name
        )));
    }
    Ok(NameServer { name, glue })
}

fn update_domain_contact(
    tx: &mut Tx<'_>,
    input: UpdateDomainContactRequest,
) -> Result<UpdateDomainContactResponse, Fault> {
    let (row, name) = own(tx.world(), tx.caller(), &input.domain_name)?;
    let given = Given {
        registrant: input.registrant_contact,
        admin: input.admin_contact,
        tech: input.tech_contact,
        billing: input.billing_contact,
    };
    if given.registrant.is_none() && given.admin.is_none() && given.tech.is_none() && given.billing.is_none()
    {
        return Err(faults::invalid_input("At least one contact must be specified."));
    }
    let contacts = contact::parse(given, name.tld)?.over(&row.contacts);
    let changes_owner = owner(&contacts.registrant) != owner(&row.contacts.registrant);
    let kind = if changes_owner { OperationKind::ChangeOwner } else { OperationKind::UpdateContact };
    let operation = operation::submit(tx, Domain::key(&name.name), kind, Work::Contacts(Box::new(contacts)))?;
    Ok(UpdateDomainContactResponse { operation_id: Some(operation) })
}

/// Who owns a domain: the person, or the organisation.
/// [Who is the owner of a domain?](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/domain-update-contacts.html)
fn owner(contact: &Contact) -> (&str, &str) {
    match contact.kind {
        ContactType::Person => (&contact.first_name, &contact.last_name),
        _ => (contact.organization.as_deref().unwrap_or_default(), ""),
    }
}

fn update_domain_contact_privacy(
    tx: &mut Tx<'_>,
    input: UpdateDomainContactPrivacyRequest,
) -> Result<UpdateDomainContactPrivacyResponse, Fault> {
    let (row, _) = own(tx.world(), tx.caller(), &input.domain_name)?;
    let before = row.privacy;
    let privacy = Privacy {
        registrant: input.registrant_privacy.unwrap_or(before.registrant),
        admin: input.admin_privacy.unwrap_or(before.admin),
        tech: input.tech_privacy.unwrap_or(before.tech),
        billing: input.billing_privacy.unwrap_or(before.billing),
    };
    let id = row.id();
    let operation = operation::submit(tx, id, OperationKind::ChangePrivacy, Work::Privacy(privacy))?;
    Ok(UpdateDomainContactPrivacyResponse { operation_id: Some(operation) })
}
