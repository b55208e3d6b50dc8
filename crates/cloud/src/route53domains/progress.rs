//! What happens by itself: operations are carried out and come in force, deadlines pass.
//!
//! | row | becomes | when |
//! |---|---|---|
//! | operation submitted | in progress: carried out | at once |
//! | operation in progress | successful | its generation is realised |
//! | domain whose registrant is not confirmed | on hold | 15 days after the mail |
//! | domain with automatic renewal | a year longer | 35 days before it expires |
//! | domain | expired: on hold | it expires |
//! | expired domain | deleted | 45 days later |
//! | offer to another account | withdrawn | 3 days later |
//!
//! [Renewing registration](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/domain-renew.html); the deadlines are those
//! of generic top-level domains.

use enishi_state::route53domains::{
    Domain, DomainId, MailKind, Operation, OperationId, OperationKind, OperationStatus, Reachability,
    Registration, Work,
};
use enishi_state::{AccountId, Row, Timestamp, Tx, World};
use enishi_wire::Fault;

use super::date::{self, DAY};
use super::name::DomainName;
use super::tld::Tld;
use super::{account_transfer, billing, mail, operation, reachability, tag};
use crate::route53;

/// How long before it expires a domain is renewed.
const RENEWAL_SECONDS: i64 = 35 * DAY;

/// How long an expired domain can be renewed.
const LATE_SECONDS: i64 = 45 * DAY;

/// Years of an automatic renewal.
const RENEWAL_YEARS: u8 = 1;

/// Characters of an authorization code.
const AUTH_CODE_LENGTH: usize = 20;

/// One thing that is due.
pub(crate) enum Due {
    CarryOut(OperationId),
    Succeed(OperationId),
    Suspend(DomainId),
    Renew(DomainId),
    Expire(DomainId),
    Release(DomainId),
    Withdraw(DomainId),
}

/// Everything that is due.
pub(crate) fn due(world: &World, realised: u64, now: Timestamp, found: &mut dyn FnMut(Due)) {
    for row in world.by::<Operation>("unsettled", "") {
        match row.status {
            OperationStatus::Submitted => found(Due::CarryOut(row.id.clone())),
            OperationStatus::InProgress { generation } if generation <= realised => {
                found(Due::Succeed(row.id.clone()));
            }
            _ => {}
        }
    }
    deadlines(world, &mut |at, due| {
        if at <= now {
            found(due());
        }
    });
}

/// When something is due next that only time brings.
pub(crate) fn next_deadline(world: &World) -> Option<Timestamp> {
    let mut next = None;
    deadlines(world, &mut |at, _| next = Some(next.map_or(at, |next: Timestamp| next.min(at))));
    next
}

/// What time brings, and when.
fn deadlines(world: &World, found: &mut dyn FnMut(Timestamp, &dyn Fn() -> Due)) {
    for row in world.by::<Domain>("unconfirmed", "") {
        if let Reachability::Pending { deadline, .. } = row.reachability {
            found(deadline, &|| Due::Suspend(row.id()));
        }
    }
    for row in world.by::<Domain>("offered", "") {
        if let Some(transfer) = &row.transfer
            // One that was accepted is being carried out.
            && operation::running(world, &row.id(), OperationKind::TransferIn).is_none()
        {
            found(transfer.deadline, &|| Due::Withdraw(row.id()));
        }
    }
    for row in world.all::<Domain>() {
        match (row.is_expired, row.auto_renew) {
            (true, _) => found(row.expires.plus_seconds(LATE_SECONDS), &|| Due::Release(row.id())),
            (false, true) => found(row.expires.plus_seconds(-RENEWAL_SECONDS), &|| Due::Renew(row.id())),
            (false, false) => found(row.expires, &|| Due::Expire(row.id())),
        }
    }
}

/// Does what is due.
pub(crate) fn take(tx: &mut Tx<'_>, due: Due) {
    match due {
        Due::CarryOut(id) => carry_out(tx, &id),
        Due::Succeed(id) => operation::advance(tx, &id, OperationStatus::Successful, None),
        Due::Suspend(id) => reachability::suspend(tx, &id),
        Due::Renew(id) => renew_automatically(tx, &id),
        Due::Expire(id) => expire(tx, &id),
        Due::Release(id) => release(tx, &id),
        Due::Withdraw(id) => {
            // Refused only when the offer was accepted meanwhile, and then there is nothing to withdraw.
            let _ = account_transfer::withdraw(tx, &id, "cancelled: it was not accepted in time");
        }
    }
}

fn carry_out(tx: &mut Tx<'_>, id: &OperationId) {
    let Some(row) = tx.world().get::<Operation>(id).cloned() else { return };
    let Some(work) = row.work.clone() else { return };
    let result = match work {
        Work::Register(registration) => register(tx, &row, *registration),
        other => work_on(tx, &row, other),
    };
    match result {
        Ok(()) => {
            let generation = tx.next_generation();
            operation::advance(tx, id, OperationStatus::InProgress { generation }, None);
        }
        Err(message) => operation::advance(tx, id, OperationStatus::Failed, Some(message)),
    }
}

/// The registry's part of the price list.
fn tld(id: &DomainId) -> Option<&'static Tld> {
    DomainName::parse(id.as_str()).ok().map(|name| name.tld)
}

/// # Errors
/// Why it failed: somebody else was faster.
fn register(tx: &mut Tx<'_>, operation: &Operation, asked: Registration) -> Result<(), String> {
    let id = Domain::key(&asked.name);
    if tx.world().get::<Domain>(&id).is_some() {
        return Err(format!("We weren't able to register the domain name {id}: it is not available."));
    }
    let failed = |fault: Fault| fault.message().to_owned();
    let servers = route53::create_for_domain(tx, &operation.account, &asked.name).map_err(failed)?;
    let name_servers = super::parse_name_servers(&servers);
    let reachability = reachability::begin(tx, &operation.account, &id, &asked.contacts.registrant);
    let now = tx.now();
    if let Some(tld) = tld(&id) {
        let cents = tld.register + tld.renew * i64::from(asked.years.saturating_sub(1));
        billing::charge(tx, &operation.account, &id, (&operation.id, operation.kind), cents);
    }
    let auth_code = auth_code(tx);
    tx.put(Domain {
        name: asked.name,
        account: operation.account.clone(),
        contacts: asked.contacts,
        privacy: asked.privacy,
        auto_renew: asked.auto_renew,
        transfer_lock: true,
        name_servers,
        auth_code,
        reachability,
        transfer: None,
        created: now,
        updated: now,
        expires: date::plus_years(now, asked.years),
        is_expired: false,
    });
    Ok(())
}

fn auth_code(tx: &mut Tx<'_>) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#@";
    let mut random = [0u8; AUTH_CODE_LENGTH];
    tx.entropy().fill(&mut random);
    let letter = |byte: &u8| LETTERS.get(usize::from(*byte % 64)).copied().map(char::from);
    random.iter().filter_map(letter).collect()
}

/// Work on a domain that is there.
///
/// # Errors
/// Why it failed: the domain was deleted, or changed hands.
fn work_on(tx: &mut Tx<'_>, operation: &Operation, work: Work) -> Result<(), String> {
    let id = &operation.domain;
    let Some(mut row) = tx.world().get::<Domain>(id).cloned() else {
        return Err(format!("The domain {id} does not exist any more."));
    };
    if matches!(work, Work::TakeOver) {
        account_transfer::take_over(tx, row, operation.account.clone());
        return Ok(());
    }
    if row.account != operation.account {
        return Err(format!("The domain {id} is in another account."));
    }
    row.updated = tx.now();
    match work {
        Work::Delete => {
            delete(tx, &row);
            return Ok(());
        }
        Work::NameServers(servers) => row.name_servers = servers,
        Work::Privacy(privacy) => row.privacy = privacy,
        Work::Lock(locked) => row.transfer_lock = locked,
        Work::Renew(years) => renew(tx, &mut row, years, (&operation.id, operation.kind)),
        Work::Contacts(contacts) => {
            let address = |email: &str| email.to_lowercase();
            if address(&contacts.registrant.email) != address(&row.contacts.registrant.email) {
                let asked = reachability::begin(tx, &row.account, id, &contacts.registrant);
                // A suspended domain stays so until somebody answers.
                let stays = row.reachability == Reachability::Expired && asked != Reachability::Done;
                row.reachability = if stays { Reachability::Expired } else { asked };
            }
            row.contacts = *contacts;
        }
        Work::Register(_) | Work::TakeOver => {}
    }
    tx.put(row);
    Ok(())
}

fn renew(tx: &mut Tx<'_>, row: &mut Domain, years: u8, operation: (&OperationId, OperationKind)) {
    let id = row.id();
    row.expires = date::plus_years(row.expires, years);
    row.is_expired = row.expires <= tx.now();
    row.updated = tx.now();
    if let Some(tld) = tld(&id) {
        billing::charge(tx, &row.account, &id, operation, tld.renew * i64::from(years));
    }
}

fn renew_automatically(tx: &mut Tx<'_>, id: &DomainId) {
    let Some(mut row) = tx.world().get::<Domain>(id).cloned() else { return };
    let operation = record(tx, &row.account, id, OperationKind::Renew);
    renew(tx, &mut row, RENEWAL_YEARS, (&operation, OperationKind::Renew));
    mail::send(tx, &row.account, id, &row.contacts.registrant, MailKind::Renewed);
    tx.put(row);
}

fn expire(tx: &mut Tx<'_>, id: &DomainId) {
    let Some(row) = tx.world().get::<Domain>(id).cloned() else { return };
    record(tx, &row.account, id, OperationKind::Expire);
    mail::send(tx, &row.account, id, &row.contacts.registrant, MailKind::Expired);
    let updated = tx.now();
    tx.put(Domain { is_expired: true, updated, ..row });
}

fn release(tx: &mut Tx<'_>, id: &DomainId) {
    let Some(row) = tx.world().get::<Domain>(id).cloned() else { return };
    record(tx, &row.account, id, OperationKind::Delete);
    delete(tx, &row);
}

/// The domain is free for everybody; its hosted zone stays, as at AWS.
fn delete(tx: &mut Tx<'_>, row: &Domain) {
    let id = row.id();
    mail::send(tx, &row.account, &id, &row.contacts.registrant, MailKind::Deleted);
    if let Some(transfer) = &row.transfer {
        let message = Some(format!("The domain {id} has been deleted."));
        operation::advance(tx, &transfer.operation, OperationStatus::Failed, message);
    }
    tag::remove_all(tx, &id);
    tx.remove::<Domain>(&id);
}

/// An operation of the registrar's own accord, in the owner's list.
fn record(tx: &mut Tx<'_>, account: &AccountId, id: &DomainId, kind: OperationKind) -> OperationId {
    let operation = operation::put(tx, id.clone(), kind, OperationStatus::Successful, None);
    tx.modify::<Operation>(&operation, |row| row.account = account.clone());
    operation
}
