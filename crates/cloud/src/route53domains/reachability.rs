//! Whether the registrant can be reached: the verification mail, and what follows.
//! [Resending authorization and confirmation emails](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/domain-click-email-link.html)
//!
//! What AWS promises (and ICANN demands): a domain works at once; the registrant gets a mail with a link, and who does not
//! follow it within 15 days has the domain suspended until somebody does. An address is asked once: domains registered later
//! with a confirmed address need no mail.

use enishi_api::route53domains::{
    GetContactReachabilityStatusRequest, GetContactReachabilityStatusResponse,
    ResendContactReachabilityEmailRequest, ResendContactReachabilityEmailResponse, ops,
};
use enishi_state::route53domains::{ConfirmedAddress, Contact, Domain, DomainId, MailKind, Reachability};
use enishi_state::{AccountId, Read, Row, Timestamp, Tx};
use enishi_wire::Fault;

use super::date::DAY;
use super::{faults, mail, own};
use crate::registry::Registry;

/// How long a registrant may take.
const DEADLINE_SECONDS: i64 = 15 * DAY;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::GetContactReachabilityStatus>(get_contact_reachability_status);
    on.write::<ops::ResendContactReachabilityEmail>(resend_contact_reachability_email);
}

/// What a domain begins with whose registrant is new: nothing to do for a confirmed address, else a mail.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    account: &AccountId,
    domain: &DomainId,
    registrant: &Contact,
) -> Reachability {
    if tx.world().get::<ConfirmedAddress>(&ConfirmedAddress::key(&registrant.email)).is_some() {
        return Reachability::Done;
    }
    let deadline = tx.now().plus_seconds(DEADLINE_SECONDS);
    let mail = ask(tx, account, domain, registrant, deadline);
    Reachability::Pending { mail, deadline }
}

/// Sends the mail whose link works until then.
fn ask(
    tx: &mut Tx<'_>,
    account: &AccountId,
    domain: &DomainId,
    registrant: &Contact,
    expires: Timestamp,
) -> enishi_state::route53domains::MailId {
    let token = mail::token(tx);
    mail::send(tx, account, domain, registrant, MailKind::Verify { token, expires, confirmed: None })
}

/// The registrant did not answer in time.
pub(super) fn suspend(tx: &mut Tx<'_>, id: &DomainId) {
    let Some(row) = tx.world().get::<Domain>(id).cloned() else { return };
    mail::send(tx, &row.account, id, &row.contacts.registrant, MailKind::Suspended);
    let updated = tx.now();
    tx.put(Domain { reachability: Reachability::Expired, updated, ..row });
}

/// The owner of the address followed the link: every domain of that registrant is fine from now on.
pub(super) fn confirm(tx: &mut Tx<'_>, address: &str) {
    let now = tx.now();
    let key = ConfirmedAddress::key(address);
    if tx.world().get::<ConfirmedAddress>(&key).is_none() {
        tx.put(ConfirmedAddress { address: key, confirmed: now });
    }
    let waiting = tx.world().by::<Domain>("registrant", &address.to_lowercase());
    let waiting: Vec<DomainId> =
        waiting.filter(|row| row.reachability != Reachability::Done).map(Row::id).collect();
    for id in waiting {
        tx.modify::<Domain>(&id, |row| {
            row.reachability = Reachability::Done;
            row.updated = now;
        });
    }
}

fn named(name: Option<&str>) -> Result<&str, Fault> {
    name.ok_or_else(|| faults::invalid_input("domainName must be specified."))
}

fn get_contact_reachability_status(
    read: &Read<'_>,
    input: GetContactReachabilityStatusRequest,
) -> Result<GetContactReachabilityStatusResponse, Fault> {
    let (row, name) = own(read.world, read.caller, named(input.domain_name.as_deref())?)?;
    let status = match row.reachability {
        Reachability::Pending { .. } => "PENDING",
        Reachability::Done => "DONE",
        Reachability::Expired => "EXPIRED",
    };
    Ok(GetContactReachabilityStatusResponse {
        domain_name: Some(name.text()),
        status: Some(status.to_owned()),
    })
}

fn resend_contact_reachability_email(
    tx: &mut Tx<'_>,
    input: ResendContactReachabilityEmailRequest,
) -> Result<ResendContactReachabilityEmailResponse, Fault> {
    let (row, name) = own(tx.world(), tx.caller(), named(input.domain_name.as_deref())?)?;
    let row = row.clone();
    let id = row.id();
    let registrant = &row.contacts.registrant;
    match row.reachability {
        Reachability::Done => {}
        // A new mail is no new deadline.
        Reachability::Pending { deadline, .. } => {
            let mail = ask(tx, &row.account, &id, registrant, deadline);
            tx.modify::<Domain>(&id, |row| row.reachability = Reachability::Pending { mail, deadline });
        }
        Reachability::Expired => {
            let expires = tx.now().plus_seconds(DEADLINE_SECONDS);
            ask(tx, &row.account, &id, registrant, expires);
        }
    }
    Ok(ResendContactReachabilityEmailResponse {
        domain_name: Some(name.text()),
        email_address: Some(registrant.email.clone()),
        is_already_verified: Some(row.reachability == Reachability::Done),
    })
}
