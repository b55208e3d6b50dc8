//! The registrar as its tests use it: a registrant, the time that passes, what there is to be seen.
#![allow(dead_code)]

use crate::harness::{Harness, text};
use enishi_api::route53domains::{self as api, ContactDetail, ops};
use enishi_cloud::route53domains::confirmation::{self, Refused};
use enishi_cloud::tick::{Facts, needs_tick, tick};
use enishi_state::Tx;
use enishi_state::route53domains::{Domain, DomainId, Mail, MailKind};

pub const DAY: i64 = 86_400;

pub fn contact() -> ContactDetail {
    ContactDetail {
        first_name: text("Ann"),
        last_name: text("Lee"),
        contact_type: text("PERSON"),
        address_line1: text("1 Main Street"),
        city: text("Seattle"),
        state: text("WA"),
        country_code: text("US"),
        zip_code: text("98101"),
        phone_number: text("+1.2065550100"),
        email: text("ann@mail.enishi.net"),
        ..Default::default()
    }
}

pub fn request(name: &str) -> api::RegisterDomainRequest {
    api::RegisterDomainRequest {
        domain_name: name.to_owned(),
        duration_in_years: 1,
        admin_contact: contact(),
        registrant_contact: contact(),
        tech_contact: contact(),
        ..Default::default()
    }
}

/// Lets everything happen that is due, with the network in force.
pub fn settle(harness: &mut Harness) {
    for _ in 0..8 {
        let facts = Facts { realised_generation: harness.world.generation, ..Default::default() };
        if !needs_tick(&harness.world, &facts, harness.now) {
            return;
        }
        step(harness, &facts);
    }
    panic!("the world does not come to rest");
}

pub fn step(harness: &mut Harness, facts: &Facts) {
    let daemon = crate::harness::caller("000000000000", "us-east-1");
    let mut tx = Tx::new(&harness.world, &daemon, harness.now, &mut harness.entropy);
    tick(&mut tx, facts);
    harness.world = tx.commit().expect("a tick keeps the invariants").world;
}

pub fn later(harness: &mut Harness, seconds: i64) {
    harness.now = harness.now.plus_seconds(seconds);
    settle(harness);
}

pub fn register(harness: &mut Harness, name: &str) -> String {
    let operation = harness.ok::<ops::RegisterDomain>(request(name)).operation_id.expect("an operation");
    settle(harness);
    operation
}

pub fn domain<'h>(harness: &'h Harness, name: &str) -> &'h Domain {
    harness.world.get::<Domain>(&DomainId::new(name)).expect("the domain")
}

pub fn detail(harness: &mut Harness, name: &str) -> api::GetDomainDetailResponse {
    harness.ok::<ops::GetDomainDetail>(api::GetDomainDetailRequest { domain_name: name.to_owned() })
}

pub fn statuses(harness: &mut Harness, name: &str) -> Vec<String> {
    detail(harness, name).status_list.expect("a list")
}

pub fn operation(harness: &mut Harness, id: &str) -> api::GetOperationDetailResponse {
    harness.ok::<ops::GetOperationDetail>(api::GetOperationDetailRequest { operation_id: id.to_owned() })
}

pub fn status(harness: &mut Harness, id: &str) -> String {
    operation(harness, id).status.expect("a status")
}

pub fn reachability(harness: &mut Harness, name: &str) -> String {
    let input = api::GetContactReachabilityStatusRequest { domain_name: text(name) };
    harness.ok::<ops::GetContactReachabilityStatus>(input).status.expect("a status")
}

pub fn availability(harness: &mut Harness, name: &str) -> String {
    let input = api::CheckDomainAvailabilityRequest { domain_name: name.to_owned(), ..Default::default() };
    harness.ok::<ops::CheckDomainAvailability>(input).availability.expect("a word")
}

/// The tokens of the verification mails, the newest first.
pub fn tokens(harness: &Harness) -> Vec<String> {
    let mut mails: Vec<&Mail> = harness.world.all::<Mail>().collect();
    mails.sort_by_key(|mail| std::cmp::Reverse(mail.sent));
    let token = |mail: &Mail| match &mail.kind {
        MailKind::Verify { token, .. } => Some(token.clone()),
        _ => None,
    };
    mails.into_iter().filter_map(token).collect()
}

pub fn confirm(harness: &mut Harness, token: &str) -> Result<String, Refused> {
    let daemon = crate::harness::caller("000000000000", "us-east-1");
    let mut tx = Tx::new(&harness.world, &daemon, harness.now, &mut harness.entropy);
    let confirmed = confirmation::confirm(&mut tx, token)?;
    harness.world = tx.commit().expect("a confirmation keeps the invariants").world;
    Ok(confirmed.address)
}

pub fn nameserver(name: &str, glue: &[&str]) -> api::Nameserver {
    let glue = glue.iter().map(|address| (*address).to_owned()).collect();
    api::Nameserver { name: name.to_owned(), glue_ips: Some(glue) }
}

pub fn mail_kinds(harness: &Harness) -> Vec<&'static str> {
    let mut mails: Vec<&Mail> = harness.world.all::<Mail>().collect();
    mails.sort_by_key(|mail| mail.sent);
    let kind = |mail: &Mail| match mail.kind {
        MailKind::Verify { .. } => "verify",
        MailKind::Suspended => "suspended",
        MailKind::Renewed => "renewed",
        MailKind::Expired => "expired",
        MailKind::Deleted => "deleted",
    };
    mails.into_iter().map(kind).collect()
}
