//! Route 53 Domains: what is registered, what is refused, and what time brings.

mod harness;

use enishi_api::route53domains::{self as api, ContactDetail, ops};
use enishi_cloud::route53domains::confirmation::{self, Refused};
use enishi_cloud::tick::{Facts, needs_tick, next_deadline, tick};
use enishi_state::route53::HostedZone;
use enishi_state::route53domains::{Domain, DomainId, Mail, MailKind};
use enishi_state::{Timestamp, Tx};
use harness::{Harness, text};

const DAY: i64 = 86_400;

fn contact() -> ContactDetail {
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

fn request(name: &str) -> api::RegisterDomainRequest {
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
fn settle(harness: &mut Harness) {
    for _ in 0..8 {
        let facts = Facts { realised_generation: harness.world.generation, ..Default::default() };
        if !needs_tick(&harness.world, &facts, harness.now) {
            return;
        }
        step(harness, &facts);
    }
    panic!("the world does not come to rest");
}

fn step(harness: &mut Harness, facts: &Facts) {
    let daemon = harness::caller("000000000000", "us-east-1");
    let mut tx = Tx::new(&harness.world, &daemon, harness.now, &mut harness.entropy);
    tick(&mut tx, facts);
    harness.world = tx.commit().expect("a tick keeps the invariants").world;
}

fn later(harness: &mut Harness, seconds: i64) {
    harness.now = harness.now.plus_seconds(seconds);
    settle(harness);
}

fn register(harness: &mut Harness, name: &str) -> String {
    let operation = harness.ok::<ops::RegisterDomain>(request(name)).operation_id.expect("an operation");
    settle(harness);
    operation
}

fn domain<'h>(harness: &'h Harness, name: &str) -> &'h Domain {
    harness.world.get::<Domain>(&DomainId::new(name)).expect("the domain")
}

fn detail(harness: &mut Harness, name: &str) -> api::GetDomainDetailResponse {
    harness.ok::<ops::GetDomainDetail>(api::GetDomainDetailRequest { domain_name: name.to_owned() })
}

fn statuses(harness: &mut Harness, name: &str) -> Vec<String> {
    detail(harness, name).status_list.expect("a list")
}

fn operation(harness: &mut Harness, id: &str) -> api::GetOperationDetailResponse {
    harness.ok::<ops::GetOperationDetail>(api::GetOperationDetailRequest { operation_id: id.to_owned() })
}

fn status(harness: &mut Harness, id: &str) -> String {
    operation(harness, id).status.expect("a status")
}

fn reachability(harness: &mut Harness, name: &str) -> String {
    let input = api::GetContactReachabilityStatusRequest { domain_name: text(name) };
    harness.ok::<ops::GetContactReachabilityStatus>(input).status.expect("a status")
}

fn availability(harness: &mut Harness, name: &str) -> String {
    let input = api::CheckDomainAvailabilityRequest { domain_name: name.to_owned(), ..Default::default() };
    harness.ok::<ops::CheckDomainAvailability>(input).availability.expect("a word")
}

/// The tokens of the verification mails, the newest first.
fn tokens(harness: &Harness) -> Vec<String> {
    let mut mails: Vec<&Mail> = harness.world.all::<Mail>().collect();
    mails.sort_by_key(|mail| std::cmp::Reverse(mail.sent));
    let token = |mail: &Mail| match &mail.kind {
        MailKind::Verify { token, .. } => Some(token.clone()),
        _ => None,
    };
    mails.into_iter().filter_map(token).collect()
}

fn confirm(harness: &mut Harness, token: &str) -> Result<String, Refused> {
    let daemon = harness::caller("000000000000", "us-east-1");
    let mut tx = Tx::new(&harness.world, &daemon, harness.now, &mut harness.entropy);
    let confirmed = confirmation::confirm(&mut tx, token)?;
    harness.world = tx.commit().expect("a confirmation keeps the invariants").world;
    Ok(confirmed.address)
}

fn nameserver(name: &str, glue: &[&str]) -> api::Nameserver {
    let glue = glue.iter().map(|address| (*address).to_owned()).collect();
    api::Nameserver { name: name.to_owned(), glue_ips: Some(glue) }
}

fn mail_kinds(harness: &Harness) -> Vec<&'static str> {
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

#[test]
fn a_registration_goes_its_way_and_brings_a_hosted_zone() {
    let mut harness = Harness::new();
    assert_eq!(availability(&mut harness, "shop.com"), "AVAILABLE");
    let id = harness.ok::<ops::RegisterDomain>(request("Shop.com")).operation_id.expect("an operation");
    let seen = operation(&mut harness, &id);
    assert_eq!(
        (seen.status.as_deref(), seen.r#type.as_deref()),
        (Some("SUBMITTED"), Some("REGISTER_DOMAIN"))
    );
    assert_eq!(seen.domain_name.as_deref(), Some("shop.com"));
    assert_eq!(availability(&mut harness, "shop.com"), "UNAVAILABLE", "somebody is about to have it");
    harness.code::<ops::GetDomainDetail>(
        api::GetDomainDetailRequest { domain_name: "shop.com".to_owned() },
        "InvalidInput",
    );

    // Carried out, but not in force before the network says so.
    let before = harness.world.generation;
    step(&mut harness, &Facts { realised_generation: before, ..Default::default() });
    assert_eq!(status(&mut harness, &id), "IN_PROGRESS");
    assert!(!needs_tick(
        &harness.world,
        &Facts { realised_generation: before, ..Default::default() },
        harness.now
    ));
    settle(&mut harness);
    assert_eq!(status(&mut harness, &id), "SUCCESSFUL");

    let zone = harness.world.all::<HostedZone>().next().expect("the zone that comes with it").clone();
    assert_eq!(zone.name.to_string(), "shop.com.");
    assert_eq!(zone.account.as_str(), "123456789012");
    assert_eq!(zone.comment.as_deref(), Some("HostedZone created by Route53 Registrar"));
    let shown = detail(&mut harness, "shop.com");
    let servers: Vec<String> =
        shown.nameservers.expect("name servers").into_iter().map(|server| server.name).collect();
    assert_eq!(servers, zone.name_servers);
    assert_eq!(shown.status_list, Some(vec!["clientTransferProhibited".to_owned()]));
    assert_eq!((shown.auto_renew, shown.registrant_privacy), (Some(true), Some(true)));
    assert_eq!(shown.registrant_contact.expect("a contact").email, text("ann@mail.enishi.net"));
    assert_eq!(shown.expiration_date.expect("a date").date_time(), "2027-01-02T03:04:05Z");
    let delegation = domain(&harness, "shop.com").delegation();
    assert_eq!(delegation.len(), 4);
}

#[test]
fn names_that_cannot_be_registered_say_why() {
    let mut harness = Harness::new();
    for (name, word) in [
        ("example.com", "UNAVAILABLE"),
        ("awsdns-07.net", "UNAVAILABLE"),
        ("nic.dev", "RESERVED"),
        ("a.com", "RESERVED"),
        ("ab--cd.com", "INVALID_NAME_FOR_TLD"),
        ("xn--bcher-kva.com", "AVAILABLE"),
        ("shop.co.uk", "AVAILABLE"),
        ("co.uk", "RESERVED"),
    ] {
        assert_eq!(availability(&mut harness, name), word, "{name}");
    }
    let check = |name: &str| api::CheckDomainAvailabilityRequest {
        domain_name: name.to_owned(),
        ..Default::default()
    };
    harness.message::<ops::CheckDomainAvailability>(
        check("shop"),
        "InvalidInput",
        "Given domain name must contain more than 1 label",
    );
    harness.code::<ops::CheckDomainAvailability>(check("www.shop.com"), "InvalidInput");
    harness.message::<ops::CheckDomainAvailability>(
        check("shop.test"),
        "UnsupportedTLD",
        "Amazon Route 53 does not support this top-level domain (TLD).",
    );
    register(&mut harness, "shop.com");
    harness.code::<ops::RegisterDomain>(request("shop.com"), "InvalidInput");
    harness.act_as("111122223333", "us-east-1");
    assert_eq!(availability(&mut harness, "SHOP.com"), "UNAVAILABLE");
    harness.code::<ops::RegisterDomain>(request("shop.com"), "InvalidInput");
    harness.message::<ops::GetDomainDetail>(
        api::GetDomainDetailRequest { domain_name: "shop.com".to_owned() },
        "InvalidInput",
        "Domain shop.com not found in 111122223333 account.",
    );
}

#[test]
fn contacts_are_checked_field_by_field() {
    let mut harness = Harness::new();
    let bad = ContactDetail {
        phone_number: text("206-555-0100"),
        email: text("ann"),
        city: None,
        contact_type: text("COMPANY"),
        ..contact()
    };
    harness.message::<ops::RegisterDomain>(
        api::RegisterDomainRequest { registrant_contact: bad, ..request("shop.com") },
        "InvalidInput",
        "[OWNER.ORGANIZATION_NAME is missing, OWNER.EMAIL is not a valid mail address, OWNER.CITY is missing, \
         OWNER.PHONE_NUMBER must have the format +999.12345678]",
    );
    let foreign = ContactDetail { city: text("東京"), ..contact() };
    harness.message::<ops::RegisterDomain>(
        api::RegisterDomainRequest { admin_contact: foreign, ..request("shop.com") },
        "InvalidInput",
        "[ADMIN.CITY has characters other than ASCII]",
    );
    // As reported from AWS: hashicorp/terraform-provider-aws#35597.
    harness.message::<ops::RegisterDomain>(
        api::RegisterDomainRequest { billing_contact: Some(contact()), ..request("shop.co.uk") },
        "TLDRulesViolation",
        "[ADMIN.UK_CONTACT_TYPE is missing, OWNER.UK_CONTACT_TYPE is missing, TECH.UK_CONTACT_TYPE is missing, \
         BILL.UK_CONTACT_TYPE is missing]",
    );
    let years = api::RegisterDomainRequest { duration_in_years: 2, ..request("shop.de") };
    harness.code::<ops::RegisterDomain>(years, "InvalidInput");
    let ten = api::RegisterDomainRequest { duration_in_years: 11, ..request("shop.com") };
    harness.code::<ops::RegisterDomain>(ten, "InvalidInput");
}

#[test]
fn an_account_has_twenty_domains() {
    let mut harness = Harness::new();
    for n in 0..20 {
        harness.ok::<ops::RegisterDomain>(request(&format!("shop-{n}.com")));
    }
    harness.code::<ops::RegisterDomain>(request("shop.com"), "DomainLimitExceeded");
    settle(&mut harness);
    harness.code::<ops::RegisterDomain>(request("shop.com"), "DomainLimitExceeded");
    harness.act_as("111122223333", "us-east-1");
    register(&mut harness, "shop.com");
}

#[test]
fn the_same_request_is_not_taken_twice_while_it_is_under_way() {
    let mut harness = Harness::new();
    let id = harness.ok::<ops::RegisterDomain>(request("shop.com")).operation_id;
    let fault = harness.fault::<ops::RegisterDomain>(request("shop.com"));
    assert_eq!(fault.code(), "DuplicateRequest");
    assert!(fault.detail().is_some_and(|detail| format!("{detail:?}").contains(&id.expect("an id"))));
    settle(&mut harness);
    let lock = || api::DisableDomainTransferLockRequest { domain_name: "shop.com".to_owned() };
    harness.ok::<ops::DisableDomainTransferLock>(lock());
    harness.code::<ops::DisableDomainTransferLock>(lock(), "DuplicateRequest");
    settle(&mut harness);
    assert_eq!(statuses(&mut harness, "shop.com"), ["ok"]);
    harness.ok::<ops::EnableDomainTransferLock>(api::EnableDomainTransferLockRequest {
        domain_name: "shop.com".to_owned(),
    });
    settle(&mut harness);
    assert_eq!(statuses(&mut harness, "shop.com"), ["clientTransferProhibited"]);
}

#[test]
fn a_registrant_who_does_not_answer_loses_the_delegation_until_he_does() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    assert_eq!(reachability(&mut harness, "shop.com"), "PENDING");
    let first = tokens(&harness).remove(0);
    assert_eq!(first.len(), 64);
    assert_eq!(next_deadline(&harness.world), Some(harness.now.plus_seconds(15 * DAY)));

    later(&mut harness, 15 * DAY - 1);
    assert_eq!(domain(&harness, "shop.com").delegation().len(), 4, "it works at once");
    later(&mut harness, 1);
    assert_eq!(reachability(&mut harness, "shop.com"), "EXPIRED");
    assert_eq!(statuses(&mut harness, "shop.com"), ["clientHold", "clientTransferProhibited"]);
    assert!(domain(&harness, "shop.com").delegation().is_empty());
    assert_eq!(mail_kinds(&harness), ["verify", "suspended"]);
    assert_eq!(confirm(&mut harness, &first), Err(Refused::Expired), "the link stopped working");
    assert_eq!(confirm(&mut harness, "guess"), Err(Refused::Unknown));

    // Another address that nobody has confirmed does not help; the mail to it would.
    harness.now = harness.now.plus_seconds(60);
    let moved = ContactDetail { email: text("lee@mail.enishi.net"), ..contact() };
    for registrant in [moved, contact()] {
        harness.ok::<ops::UpdateDomainContact>(api::UpdateDomainContactRequest {
            domain_name: "shop.com".to_owned(),
            registrant_contact: Some(registrant),
            ..Default::default()
        });
        settle(&mut harness);
        assert_eq!(reachability(&mut harness, "shop.com"), "EXPIRED");
    }
    harness.now = harness.now.plus_seconds(60);
    let resend = || api::ResendContactReachabilityEmailRequest { domain_name: text("shop.com") };
    let sent = harness.ok::<ops::ResendContactReachabilityEmail>(resend());
    assert_eq!(
        (sent.email_address.as_deref(), sent.is_already_verified),
        (Some("ann@mail.enishi.net"), Some(false))
    );
    let second = tokens(&harness).remove(0);
    assert_ne!(first, second);
    assert_eq!(confirm(&mut harness, &second).as_deref(), Ok("ann@mail.enishi.net"));
    assert_eq!(reachability(&mut harness, "shop.com"), "DONE");
    assert_eq!(domain(&harness, "shop.com").delegation().len(), 4);
    assert_eq!(confirm(&mut harness, &second).as_deref(), Ok("ann@mail.enishi.net"), "twice is no harm");
    let sent = harness.ok::<ops::ResendContactReachabilityEmail>(resend());
    assert_eq!(sent.is_already_verified, Some(true));

    // The address is known from now on, for every account.
    harness.act_as("111122223333", "us-east-1");
    let mails = mail_kinds(&harness).len();
    register(&mut harness, "shop.net");
    assert_eq!(reachability(&mut harness, "shop.net"), "DONE");
    assert_eq!(mail_kinds(&harness).len(), mails);
}

#[test]
fn a_confirmation_is_worth_something_for_every_domain_of_the_registrant() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    register(&mut harness, "shop.net");
    let tokens = tokens(&harness);
    assert_eq!(tokens.len(), 2, "each has its mail");
    confirm(&mut harness, &tokens[0]).expect("a confirmation");
    for name in ["shop.com", "shop.net"] {
        assert_eq!(reachability(&mut harness, name), "DONE", "{name}");
    }
    later(&mut harness, 16 * DAY);
    assert_eq!(statuses(&mut harness, "shop.net"), ["clientTransferProhibited"]);
}

#[test]
fn name_servers_change_with_their_glue() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    let update = |servers: Vec<api::Nameserver>| api::UpdateDomainNameserversRequest {
        domain_name: "shop.com".to_owned(),
        nameservers: servers,
        ..Default::default()
    };
    for servers in [
        vec![],
        vec![nameserver("ns.shop.com", &[])],
        vec![nameserver("ns_1.shop.net", &[])],
        vec![nameserver("ns.shop.net", &["198.18.0"])],
        vec![nameserver("ns.shop.net", &["198.18.0.1", "198.18.0.2"])],
        vec![nameserver("ns.shop.net", &[]), nameserver("NS.shop.net", &[])],
        (0..7).map(|n| nameserver(&format!("ns{n}.shop.net"), &[])).collect(),
    ] {
        harness.code::<ops::UpdateDomainNameservers>(update(servers), "InvalidInput");
    }
    let servers =
        vec![nameserver("ns.shop.com", &["198.18.0.9", "2001:db8::9"]), nameserver("ns.shop.net", &[])];
    let id = harness.ok::<ops::UpdateDomainNameservers>(update(servers)).operation_id.expect("an id");
    assert_eq!(status(&mut harness, &id), "SUBMITTED");
    settle(&mut harness);
    assert_eq!(status(&mut harness, &id), "SUCCESSFUL");
    let shown = detail(&mut harness, "shop.com").nameservers.expect("servers");
    assert_eq!(shown[0].name, "ns.shop.com");
    assert_eq!(shown[0].glue_ips.as_deref(), Some(&["198.18.0.9".to_owned(), "2001:db8::9".to_owned()][..]));
    let delegation = domain(&harness, "shop.com").delegation();
    assert_eq!(delegation.len(), 2);
    assert_eq!(delegation[0].glue.len(), 2);
}

#[test]
fn contacts_and_privacy_change_and_a_new_address_is_asked() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    let token = tokens(&harness).remove(0);
    confirm(&mut harness, &token).expect("a confirmation");
    let update = |registrant: Option<ContactDetail>| api::UpdateDomainContactRequest {
        domain_name: "shop.com".to_owned(),
        registrant_contact: registrant,
        ..Default::default()
    };
    harness.code::<ops::UpdateDomainContact>(update(None), "InvalidInput");
    harness.now = harness.now.plus_seconds(60);
    let moved = ContactDetail { email: text("lee@mail.enishi.net"), ..contact() };
    let id = harness.ok::<ops::UpdateDomainContact>(update(Some(moved.clone()))).operation_id.expect("an id");
    settle(&mut harness);
    assert_eq!(operation(&mut harness, &id).r#type.as_deref(), Some("UPDATE_DOMAIN_CONTACT"));
    assert_eq!(reachability(&mut harness, "shop.com"), "PENDING");
    let owner = ContactDetail { last_name: text("Poe"), ..moved };
    let id = harness.ok::<ops::UpdateDomainContact>(update(Some(owner))).operation_id.expect("an id");
    settle(&mut harness);
    assert_eq!(operation(&mut harness, &id).r#type.as_deref(), Some("CHANGE_DOMAIN_OWNER"));
    assert_eq!(tokens(&harness).len(), 2, "the address is the same as before");

    harness.ok::<ops::UpdateDomainContactPrivacy>(api::UpdateDomainContactPrivacyRequest {
        domain_name: "shop.com".to_owned(),
        tech_privacy: Some(false),
        ..Default::default()
    });
    settle(&mut harness);
    let shown = detail(&mut harness, "shop.com");
    assert_eq!((shown.tech_privacy, shown.admin_privacy), (Some(false), Some(true)));
    assert_eq!(shown.registrant_contact.expect("a contact").last_name, text("Poe"));
}

#[test]
fn a_domain_is_renewed_by_hand_and_by_itself() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    let token = tokens(&harness).remove(0);
    confirm(&mut harness, &token).expect("a confirmation");
    let renew = |year: i32, years: i32| api::RenewDomainRequest {
        domain_name: "shop.com".to_owned(),
        duration_in_years: Some(years),
        current_expiry_year: year,
        ..Default::default()
    };
    harness.message::<ops::RenewDomain>(
        renew(2026, 1),
        "InvalidInput",
        "The current expiry year of shop.com is 2027, not 2026.",
    );
    harness.code::<ops::RenewDomain>(renew(2027, 10), "InvalidInput");
    harness.now = harness.now.plus_seconds(60);
    harness.ok::<ops::RenewDomain>(renew(2027, 2));
    settle(&mut harness);
    let expires =
        |harness: &mut Harness| detail(harness, "shop.com").expiration_date.expect("a date").date_time();
    assert_eq!(expires(&mut harness), "2029-01-02T03:04:05Z");

    let three_years = domain(&harness, "shop.com").expires;
    harness.now = three_years.plus_seconds(-35 * DAY - 1);
    settle(&mut harness);
    assert_eq!(expires(&mut harness), "2029-01-02T03:04:05Z");
    later(&mut harness, 1);
    assert_eq!(expires(&mut harness), "2030-01-02T03:04:05Z");
    assert_eq!(mail_kinds(&harness), ["verify", "renewed"]);

    let listed = harness.ok::<ops::ListOperations>(api::ListOperationsRequest {
        r#type: Some(vec!["RENEW_DOMAIN".to_owned()]),
        status: Some(vec!["SUCCESSFUL".to_owned()]),
        ..Default::default()
    });
    assert_eq!(listed.operations.expect("operations").len(), 2);
    let bills = harness.ok::<ops::ViewBilling>(api::ViewBillingRequest::default());
    let bills: Vec<(Option<String>, Option<f64>)> = bills
        .billing_records
        .expect("records")
        .into_iter()
        .map(|bill| (bill.operation, bill.price))
        .collect();
    assert_eq!(
        bills,
        [
            (text("REGISTER_DOMAIN"), Some(14.0)),
            (text("RENEW_DOMAIN"), Some(28.0)),
            (text("RENEW_DOMAIN"), Some(14.0))
        ]
    );
}

#[test]
fn a_domain_that_is_not_renewed_expires_and_is_free_again() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    let token = tokens(&harness).remove(0);
    confirm(&mut harness, &token).expect("a confirmation");
    harness.ok::<ops::DisableDomainAutoRenew>(api::DisableDomainAutoRenewRequest {
        domain_name: "shop.com".to_owned(),
    });
    harness.now = domain(&harness, "shop.com").expires.plus_seconds(-1);
    settle(&mut harness);
    assert_eq!(statuses(&mut harness, "shop.com"), ["clientTransferProhibited"]);
    later(&mut harness, 1);
    assert_eq!(statuses(&mut harness, "shop.com"), ["clientHold", "clientTransferProhibited"]);
    assert!(domain(&harness, "shop.com").delegation().is_empty());

    // Late, but not too late.
    let mut late = Harness { world: harness.world.clone(), ..Harness::new() };
    late.now = harness.now.plus_seconds(44 * DAY);
    late.ok::<ops::RenewDomain>(api::RenewDomainRequest {
        domain_name: "shop.com".to_owned(),
        current_expiry_year: 2027,
        ..Default::default()
    });
    settle(&mut late);
    assert_eq!(statuses(&mut late, "shop.com"), ["clientTransferProhibited"]);

    later(&mut harness, 45 * DAY);
    assert_eq!(availability(&mut harness, "shop.com"), "AVAILABLE");
    assert_eq!(mail_kinds(&harness), ["verify", "expired", "deleted"]);
    assert!(harness.world.all::<HostedZone>().next().is_some(), "the zone is the account's own");
    assert_eq!(next_deadline(&harness.world), None);
}

#[test]
fn a_deleted_domain_is_free_at_once() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    harness.ok::<ops::UpdateTagsForDomain>(api::UpdateTagsForDomainRequest {
        domain_name: "shop.com".to_owned(),
        tags_to_update: Some(vec![api::Tag { key: text("team"), value: text("web") }]),
    });
    let delete = || api::DeleteDomainRequest { domain_name: "shop.com".to_owned() };
    harness.ok::<ops::DeleteDomain>(delete());
    settle(&mut harness);
    assert_eq!(availability(&mut harness, "shop.com"), "AVAILABLE");
    harness.code::<ops::DeleteDomain>(delete(), "InvalidInput");
    assert_eq!(harness.world.tags_of("route53domains/domain/shop.com").count(), 0);
    register(&mut harness, "shop.com");
}

#[test]
fn a_domain_moves_between_accounts() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    let offer = |account: &str| api::TransferDomainToAnotherAwsAccountRequest {
        domain_name: "shop.com".to_owned(),
        account_id: account.to_owned(),
    };
    harness.code::<ops::TransferDomainToAnotherAwsAccount>(offer("12345678901x"), "InvalidInput");
    harness.code::<ops::TransferDomainToAnotherAwsAccount>(offer("123456789012"), "InvalidInput");
    let offered = harness.ok::<ops::TransferDomainToAnotherAwsAccount>(offer("111122223333"));
    let (out, password) = (offered.operation_id.expect("an id"), offered.password.expect("a password"));
    assert_eq!(operation(&mut harness, &out).status_flag, text("PENDING_ACCEPTANCE"));
    harness.code::<ops::TransferDomainToAnotherAwsAccount>(offer("111122223333"), "DuplicateRequest");

    let accept = |password: &str| api::AcceptDomainTransferFromAnotherAwsAccountRequest {
        domain_name: "shop.com".to_owned(),
        password: password.to_owned(),
    };
    harness.act_as("222233334444", "us-east-1");
    harness.code::<ops::AcceptDomainTransferFromAnotherAwsAccount>(accept(&password), "InvalidInput");
    harness.act_as("111122223333", "us-east-1");
    harness.code::<ops::AcceptDomainTransferFromAnotherAwsAccount>(accept("wrong"), "InvalidInput");
    let taken = harness.ok::<ops::AcceptDomainTransferFromAnotherAwsAccount>(accept(&password));
    settle(&mut harness);
    assert_eq!(status(&mut harness, &taken.operation_id.expect("an id")), "SUCCESSFUL");
    assert_eq!(domain(&harness, "shop.com").account.as_str(), "111122223333");
    assert_eq!(domain(&harness, "shop.com").delegation().len(), 4, "names go on being resolved");
    let zone = harness.world.all::<HostedZone>().next().expect("a zone");
    assert_eq!(zone.account.as_str(), "123456789012", "the zone stays");
    harness.act_as("123456789012", "us-east-1");
    assert_eq!(status(&mut harness, &out), "SUCCESSFUL");
    harness.code::<ops::GetDomainDetail>(
        api::GetDomainDetailRequest { domain_name: "shop.com".to_owned() },
        "InvalidInput",
    );
}

#[test]
fn an_offer_ends_by_word_or_by_time() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    let offer = || api::TransferDomainToAnotherAwsAccountRequest {
        domain_name: "shop.com".to_owned(),
        account_id: "111122223333".to_owned(),
    };
    let cancel =
        || api::CancelDomainTransferToAnotherAwsAccountRequest { domain_name: "shop.com".to_owned() };
    let reject =
        || api::RejectDomainTransferFromAnotherAwsAccountRequest { domain_name: "shop.com".to_owned() };
    harness.code::<ops::CancelDomainTransferToAnotherAwsAccount>(cancel(), "InvalidInput");
    let id = harness.ok::<ops::TransferDomainToAnotherAwsAccount>(offer()).operation_id.expect("an id");
    harness.ok::<ops::CancelDomainTransferToAnotherAwsAccount>(cancel());
    let seen = operation(&mut harness, &id);
    assert_eq!(seen.status.as_deref(), Some("FAILED"));
    assert_eq!(
        seen.message.as_deref(),
        Some("Domain Transfer from Aws Account 123456789012 has been cancelled.")
    );

    harness.ok::<ops::TransferDomainToAnotherAwsAccount>(offer());
    harness.code::<ops::RejectDomainTransferFromAnotherAwsAccount>(reject(), "InvalidInput");
    harness.act_as("111122223333", "us-east-1");
    harness.ok::<ops::RejectDomainTransferFromAnotherAwsAccount>(reject());
    harness.act_as("123456789012", "us-east-1");
    let id = harness.ok::<ops::TransferDomainToAnotherAwsAccount>(offer()).operation_id.expect("an id");
    later(&mut harness, 3 * DAY - 1);
    assert_eq!(status(&mut harness, &id), "IN_PROGRESS");
    later(&mut harness, 1);
    assert_eq!(status(&mut harness, &id), "FAILED");
    assert!(domain(&harness, "shop.com").transfer.is_none());
}

#[test]
fn domains_are_filtered_sorted_and_paged() {
    let mut harness = Harness::new();
    for (n, name) in ["b.net", "shop-b.com", "shop-a.com", "web.org"].into_iter().enumerate() {
        harness.now = harness.now.plus_seconds(i64::try_from(n).expect("few") * 60);
        let name = if name == "b.net" { "bb.net" } else { name };
        register(&mut harness, name);
    }
    let list = |harness: &mut Harness, input: api::ListDomainsRequest| {
        let found = harness.ok::<ops::ListDomains>(input);
        let names = found.domains.expect("a list").into_iter();
        (names.map(|row| row.domain_name.expect("a name")).collect::<Vec<_>>(), found.next_page_marker)
    };
    let condition = |name: &str, operator: &str, value: &str| {
        Some(vec![api::FilterCondition {
            name: name.to_owned(),
            operator: operator.to_owned(),
            values: vec![value.to_owned()],
        }])
    };
    let sort = |name: &str, order: &str| {
        Some(api::SortCondition { name: name.to_owned(), sort_order: order.to_owned() })
    };
    let (all, _) = list(&mut harness, api::ListDomainsRequest::default());
    assert_eq!(all, ["bb.net", "shop-a.com", "shop-b.com", "web.org"]);
    let (found, _) = list(
        &mut harness,
        api::ListDomainsRequest {
            filter_conditions: condition("DomainName", "BEGINS_WITH", "shop"),
            sort_condition: sort("DomainName", "DESC"),
            ..Default::default()
        },
    );
    assert_eq!(found, ["shop-b.com", "shop-a.com"]);
    let (found, _) = list(
        &mut harness,
        api::ListDomainsRequest { sort_condition: sort("Expiry", "ASC"), ..Default::default() },
    );
    assert_eq!(found, ["bb.net", "shop-b.com", "shop-a.com", "web.org"]);
    let limit = domain(&harness, "shop-b.com").expires.seconds().to_string();
    let (found, _) = list(
        &mut harness,
        api::ListDomainsRequest {
            filter_conditions: condition("Expiry", "LE", &limit),
            ..Default::default()
        },
    );
    assert_eq!(found, ["bb.net", "shop-b.com"]);
    for (conditions, sorted) in [
        (condition("Expiry", "LE", "soon"), None),
        (condition("Expiry", "BEGINS_WITH", "1"), None),
        (condition("DomainName", "GE", "a"), None),
        (condition("DomainName", "BEGINS_WITH", "a"), sort("Expiry", "ASC")),
    ] {
        let input = api::ListDomainsRequest {
            filter_conditions: conditions,
            sort_condition: sorted,
            ..Default::default()
        };
        harness.code::<ops::ListDomains>(input, "InvalidInput");
    }
    let page =
        |marker: Option<String>| api::ListDomainsRequest { marker, max_items: Some(3), ..Default::default() };
    let (first, marker) = list(&mut harness, page(None));
    let (second, end) = list(&mut harness, page(marker));
    assert_eq!((first.len(), second.as_slice(), end), (3, &["web.org".to_owned()][..], None));
    harness.code::<ops::ListDomains>(page(text("nobody.com")), "InvalidInput");
}

#[test]
fn operations_are_listed_the_newest_first() {
    let mut harness = Harness::new();
    let first = register(&mut harness, "shop.com");
    harness.now = harness.now.plus_seconds(60);
    let since = harness.now;
    let second = register(&mut harness, "shop.net");
    let list = |harness: &mut Harness, input: api::ListOperationsRequest| {
        let rows = harness.ok::<ops::ListOperations>(input).operations.expect("a list");
        rows.into_iter().map(|row| row.operation_id.expect("an id")).collect::<Vec<_>>()
    };
    assert_eq!(list(&mut harness, Default::default()), [second.clone(), first.clone()]);
    let ascending = api::ListOperationsRequest {
        sort_by: text("SubmittedDate"),
        sort_order: text("ASC"),
        ..Default::default()
    };
    assert_eq!(list(&mut harness, ascending), [first.clone(), second.clone()]);
    let since = enishi_wire::Timestamp::from_millis(since.0);
    let recent = api::ListOperationsRequest { submitted_since: Some(since), ..Default::default() };
    assert_eq!(list(&mut harness, recent), std::slice::from_ref(&second));
    let failed = api::ListOperationsRequest { status: Some(vec!["FAILED".to_owned()]), ..Default::default() };
    assert!(list(&mut harness, failed).is_empty());
    harness.act_as("111122223333", "us-east-1");
    assert!(list(&mut harness, Default::default()).is_empty());
    let other = api::GetOperationDetailRequest { operation_id: first };
    harness.code::<ops::GetOperationDetail>(other, "InvalidInput");
}

#[test]
fn suggestions_are_free_and_the_same_each_time() {
    let mut harness = Harness::new();
    let ask = |name: &str, count: i32, only: bool| api::GetDomainSuggestionsRequest {
        domain_name: name.to_owned(),
        suggestion_count: count,
        only_available: only,
        ..Default::default()
    };
    let names = |harness: &mut Harness, only: bool| {
        let found = harness.ok::<ops::GetDomainSuggestions>(ask("shop.com", 50, only)).suggestions_list;
        found.expect("a list").into_iter().map(|row| row.domain_name.expect("a name")).collect::<Vec<_>>()
    };
    let before = names(&mut harness, true);
    assert_eq!(before.len(), 50);
    assert_eq!(before, names(&mut harness, true));
    assert!(before.contains(&"shop.net".to_owned()) && before.contains(&"getshop.com".to_owned()));
    register(&mut harness, "shop.net");
    assert!(!names(&mut harness, true).contains(&"shop.net".to_owned()));
    assert!(names(&mut harness, false).contains(&"shop.net".to_owned()));
    harness.code::<ops::GetDomainSuggestions>(ask("shop.com", 51, true), "InvalidInput");
    harness.code::<ops::GetDomainSuggestions>(ask("shop.com", 0, true), "InvalidInput");
    harness.code::<ops::GetDomainSuggestions>(ask("shop", 1, true), "InvalidInput");
}

#[test]
fn prices_transferability_tags_and_the_code() {
    let mut harness = Harness::new();
    let one = api::ListPricesRequest { tld: text(".com"), ..Default::default() };
    let price = harness.ok::<ops::ListPrices>(one).prices.expect("prices").remove(0);
    assert_eq!(price.registration_price.expect("a price").currency, "USD");
    let other = api::ListPricesRequest { tld: text("test"), ..Default::default() };
    harness.code::<ops::ListPrices>(other, "UnsupportedTLD");
    let mut marker = None;
    let mut names = Vec::new();
    loop {
        let page = api::ListPricesRequest { marker, max_items: Some(50), ..Default::default() };
        let page = harness.ok::<ops::ListPrices>(page);
        names.extend(page.prices.expect("prices").into_iter().filter_map(|price| price.name));
        marker = page.next_page_marker;
        if marker.is_none() {
            break;
        }
    }
    assert!(names.len() > 60 && names.contains(&"co.uk".to_owned()));

    register(&mut harness, "shop.com");
    let check = |name: &str| api::CheckDomainTransferabilityRequest {
        domain_name: name.to_owned(),
        ..Default::default()
    };
    let mut transferable = |name: &str| {
        let found = harness.ok::<ops::CheckDomainTransferability>(check(name)).transferability;
        found.expect("a verdict").transferable.expect("a word")
    };
    assert_eq!(transferable("shop.com"), "DOMAIN_IN_OWN_ACCOUNT");
    assert_eq!(transferable("shop.net"), "UNTRANSFERABLE");
    harness.act_as("111122223333", "us-east-1");
    let found = harness.ok::<ops::CheckDomainTransferability>(check("shop.com")).transferability;
    assert_eq!(found.expect("a verdict").transferable, text("DOMAIN_IN_ANOTHER_ACCOUNT"));
    harness.act_as("123456789012", "eu-west-1");
    let code = api::RetrieveDomainAuthCodeRequest { domain_name: "shop.com".to_owned() };
    assert_eq!(harness.ok::<ops::RetrieveDomainAuthCode>(code).auth_code.expect("a code").len(), 20);

    let name = || "shop.com".to_owned();
    let tag = |key: &str, value: &str| api::Tag { key: text(key), value: text(value) };
    let update = |tags| api::UpdateTagsForDomainRequest { domain_name: name(), tags_to_update: Some(tags) };
    harness.ok::<ops::UpdateTagsForDomain>(update(vec![tag("team", "web"), tag("env", "test")]));
    harness.ok::<ops::UpdateTagsForDomain>(update(vec![tag("env", "prod")]));
    harness.code::<ops::UpdateTagsForDomain>(update(vec![tag("aws:x", "y")]), "InvalidInput");
    harness.ok::<ops::DeleteTagsForDomain>(api::DeleteTagsForDomainRequest {
        domain_name: name(),
        tags_to_delete: vec!["team".to_owned()],
    });
    let tags = harness.ok::<ops::ListTagsForDomain>(api::ListTagsForDomainRequest { domain_name: name() });
    assert_eq!(tags.tag_list, Some(vec![tag("env", "prod")]));
}

#[test]
fn two_accounts_cannot_register_the_same_name_at_once() {
    let mut harness = Harness::new();
    harness.ok::<ops::RegisterDomain>(request("shop.com"));
    harness.act_as("111122223333", "us-east-1");
    harness.code::<ops::RegisterDomain>(request("shop.com"), "InvalidInput");
    settle(&mut harness);
    assert_eq!(domain(&harness, "shop.com").account.as_str(), "123456789012");
    assert_eq!(domain(&harness, "shop.com").created, Timestamp(harness.now.0));
}
