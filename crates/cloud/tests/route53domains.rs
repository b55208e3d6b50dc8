//! Route 53 Domains: what is registered, what is refused, and lists.

mod harness;
mod registrar;

use enishi_api::route53domains::{self as api, ContactDetail, ops};
use enishi_cloud::tick::{Facts, needs_tick};
use enishi_state::Timestamp;
use enishi_state::route53::HostedZone;
use harness::{Harness, text};
use registrar::*;

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
