//! `ListCertificates`: filters, order, pages.

mod certificates;
mod harness;

use certificates::{Authority, imported, key_pair, prove, requested};
use enishi_api::acm::{Filters, ListCertificatesRequest, ListCertificatesResponse, ops};
use enishi_cloud::acm::awaiting;
use harness::{Harness, text};

fn list(h: &mut Harness, input: ListCertificatesRequest) -> ListCertificatesResponse {
    h.ok::<ops::ListCertificates>(input)
}

fn domains(output: ListCertificatesResponse) -> Vec<String> {
    output.certificate_summary_list.unwrap().into_iter().map(|item| item.domain_name.unwrap()).collect()
}

fn including(includes: Filters) -> ListCertificatesRequest {
    ListCertificatesRequest { includes: Some(includes), ..Default::default() }
}

/// Every kind of key, so that the usual filter does not count.
fn all() -> Filters {
    let names = ["RSA_2048", "EC_prime256v1"].map(str::to_owned);
    Filters { key_types: Some(names.to_vec()), ..Default::default() }
}

#[test]
fn certificates_are_filtered() {
    let mut h = Harness::new();
    let issued = requested(&mut h, &["issued.example.com"]);
    let material = Authority::new().sign(awaiting(&h.world, h.now).next().unwrap(), h.now);
    prove(&mut h, &issued, &["issued.example.com"], Some(Ok(material)));
    requested(&mut h, &["pending.example.com"]);
    imported(&mut h, &key_pair(&rcgen::PKCS_ECDSA_P256_SHA256), &["ec.example.com"]);
    h.act_as("123456789012", "eu-west-1");
    requested(&mut h, &["elsewhere.example.com"]);
    h.act_as("123456789012", "us-east-1");

    let mut found = |input| {
        let mut found = domains(list(&mut h, input));
        found.sort();
        found
    };
    assert_eq!(found(ListCertificatesRequest::default()), ["issued.example.com", "pending.example.com"]);
    assert_eq!(found(including(all())), ["ec.example.com", "issued.example.com", "pending.example.com"]);
    let ec = Filters { key_types: Some(vec!["EC_prime256v1".to_owned()]), ..Default::default() };
    assert_eq!(found(including(ec)), ["ec.example.com"]);
    let statuses = |status: &str| ListCertificatesRequest {
        certificate_statuses: Some(vec![status.to_owned()]),
        ..including(all())
    };
    assert_eq!(found(statuses("ISSUED")), ["ec.example.com", "issued.example.com"]);
    assert_eq!(found(statuses("PENDING_VALIDATION")), ["pending.example.com"]);
    assert_eq!(found(statuses("EXPIRED")), [""; 0]);
    let server = Some(vec!["TLS_WEB_SERVER_AUTHENTICATION".to_owned()]);
    assert_eq!(found(including(Filters { extended_key_usage: server, ..all() })), ["issued.example.com"]);
    let any = Some(vec!["ANY".to_owned()]);
    assert_eq!(found(including(Filters { key_usage: any, ..all() })), ["ec.example.com"]);
    assert_eq!(found(including(Filters { export_option: text("ENABLED"), ..all() })), [""; 0]);
    assert_eq!(found(including(Filters { managed_by: text("CLOUDFRONT"), ..all() })), [""; 0]);
}

#[test]
fn summaries_say_what_a_certificate_is() {
    let mut h = Harness::new();
    let arn = requested(&mut h, &["example.com", "www.example.com"]);
    let items = list(&mut h, ListCertificatesRequest::default()).certificate_summary_list.unwrap();
    let [item] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!(item.certificate_arn.as_deref(), Some(arn.as_str()));
    assert_eq!(item.subject_alternative_name_summaries.as_ref().unwrap().len(), 2);
    assert_eq!(item.has_additional_subject_alternative_names, Some(false));
    assert_eq!(item.status.as_deref(), Some("PENDING_VALIDATION"));
    assert_eq!(item.r#type.as_deref(), Some("AMAZON_ISSUED"));
    assert_eq!(item.in_use, Some(false));
}

#[test]
fn pages_follow_each_other() {
    let mut h = Harness::new();
    let names: Vec<String> = (0..5).map(|n| format!("n{n}.example.com")).collect();
    for name in &names {
        h.now = h.now.plus_seconds(1);
        requested(&mut h, &[name]);
    }
    let page = |next_token| ListCertificatesRequest { max_items: Some(2), next_token, ..Default::default() };
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let output = list(&mut h, page(token));
        token = output.next_token.clone();
        found.extend(domains(output));
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, names);
    h.code::<ops::ListCertificates>(page(text("nonsense")), "InvalidArgsException");

    let sorted = |order: &str| ListCertificatesRequest {
        sort_by: text("CREATED_AT"),
        sort_order: text(order),
        ..Default::default()
    };
    let newest_first: Vec<String> = names.iter().rev().cloned().collect();
    assert_eq!(domains(list(&mut h, sorted("DESCENDING"))), newest_first);
    assert_eq!(domains(list(&mut h, sorted("ASCENDING"))), names);
    let half = ListCertificatesRequest { sort_by: text("CREATED_AT"), ..Default::default() };
    h.code::<ops::ListCertificates>(half, "ValidationException");
}
