//! Route 53 Domains: what time brings to a domain, and how it changes hands.

mod harness;
mod registrar;

use enishi_api::route53domains::{self as api, ContactDetail, ops};
use enishi_cloud::route53domains::confirmation::Refused;
use enishi_cloud::tick::next_deadline;
use enishi_state::route53::HostedZone;
use harness::{Harness, text};
use registrar::*;

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
fn the_outbox_is_bounded() {
    let mut harness = Harness::new();
    register(&mut harness, "shop.com");
    for _ in 0..150 {
        harness.now = harness.now.plus_seconds(1);
        harness.ok::<ops::ResendContactReachabilityEmail>(api::ResendContactReachabilityEmailRequest {
            domain_name: text("shop.com"),
        });
    }
    assert_eq!(mail_kinds(&harness).len(), 100);
    // The newest are kept, and the last one's link works.
    let last = tokens(&harness).remove(0);
    confirm(&mut harness, &last).expect("a confirmation");
    assert_eq!(reachability(&mut harness, "shop.com"), "DONE");
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
