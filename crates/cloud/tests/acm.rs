//! AWS Certificate Manager: requests and their proofs, imports, lists, tags, and what is refused.

mod certificates;
mod harness;

use certificates::{
    Authority, arn_of, describe, import, imported, key_pair, prove, put_in_use, request, request_for,
    requested, self_signed, tick,
};
use enishi_api::acm::{
    AddTagsToCertificateRequest, CertificateOptions, DeleteCertificateRequest, DescribeCertificateRequest,
    DomainValidationOption, GetCertificateRequest, ImportCertificateRequest, ListTagsForCertificateRequest,
    RemoveTagsFromCertificateRequest, RequestCertificateRequest, Tag, UpdateCertificateOptionsRequest, ops,
};
use enishi_api::service_quotas::{self, RequestServiceQuotaIncreaseRequest};
use enishi_cloud::acm::{awaiting, unproven, validity};
use enishi_cloud::outside::{KeyKind, Want};
use enishi_state::acm::FailureReason;
use enishi_state::{Read, Timestamp};
use enishi_wire::{Blob, Shape};
use harness::{Harness, text};

const DAY: i64 = 24 * 3600;

#[test]
fn a_request_awaits_the_records_of_its_domains() {
    let mut h = Harness::new();
    let arn = requested(&mut h, &["Example.com", "*.example.com", "www.example.org"]);
    assert!(arn.starts_with("arn:aws:acm:us-east-1:123456789012:certificate/"), "{arn}");
    let shown = describe(&mut h, &arn);
    assert_eq!(shown.status.as_deref(), Some("PENDING_VALIDATION"));
    assert_eq!(shown.domain_name.as_deref(), Some("example.com"));
    assert_eq!(shown.subject_alternative_names.unwrap(), ["example.com", "*.example.com", "www.example.org"]);
    assert_eq!(shown.r#type.as_deref(), Some("AMAZON_ISSUED"));
    assert_eq!(shown.key_algorithm.as_deref(), Some("RSA-2048"));
    assert_eq!((shown.serial, shown.not_after, shown.issued_at), (None, None, None));
    let validations = shown.domain_validation_options.unwrap();
    let records: Vec<_> = validations.iter().map(|one| one.resource_record.clone().unwrap()).collect();
    assert!(records[0].name.starts_with('_') && records[0].name.ends_with(".example.com."), "{records:?}");
    assert!(records[0].value.starts_with('_') && records[0].value.ends_with(".acm-validations.aws."));
    assert_eq!(records[0], records[1], "a domain and its wildcard have one record");
    assert!(records[2].name.ends_with(".www.example.org.") && records[2].value != records[0].value);
    assert!(validations.iter().all(|one| one.validation_status.as_deref() == Some("PENDING_VALIDATION")));

    let input = GetCertificateRequest { certificate_arn: arn };
    h.code::<ops::GetCertificate>(input, "RequestInProgressException");
}

#[test]
fn records_are_an_accounts_own() {
    let mut h = Harness::new();
    let record = |h: &mut Harness| {
        let arn = requested(h, &["example.com"]);
        describe(h, &arn).domain_validation_options.unwrap()[0].resource_record.clone().unwrap()
    };
    let first = record(&mut h);
    assert_eq!(record(&mut h), first);
    h.act_as("123456789012", "eu-west-1");
    assert_eq!(record(&mut h), first, "the region does not matter");
    h.act_as("210987654321", "us-east-1");
    assert_ne!(record(&mut h), first);
}

#[test]
fn a_proven_certificate_is_issued() {
    let mut h = Harness::new();
    let arn = requested(&mut h, &["example.com", "www.example.org"]);
    let authority = Authority::new();
    prove(&mut h, &arn, &["example.com"], None);
    let shown = describe(&mut h, &arn);
    let statuses: Vec<_> = shown
        .domain_validation_options
        .unwrap()
        .into_iter()
        .map(|one| one.validation_status.unwrap())
        .collect();
    assert_eq!(statuses, ["SUCCESS", "PENDING_VALIDATION"]);
    assert_eq!(shown.status.as_deref(), Some("PENDING_VALIDATION"));
    let row = awaiting(&h.world, h.now).next().expect("it still awaits a proof");
    assert_eq!(unproven(row).map(|domain| domain.domain.as_str()).collect::<Vec<_>>(), ["www.example.org"]);

    let material = authority.sign(row, h.now);
    prove(&mut h, &arn, &["www.example.org"], Some(Ok(material.clone())));
    let shown = describe(&mut h, &arn);
    assert_eq!(shown.status.as_deref(), Some("ISSUED"));
    assert_eq!(shown.issuer.as_deref(), Some("Tests"));
    assert_eq!(shown.subject.as_deref(), Some("CN=example.com"));
    assert_eq!(shown.signature_algorithm.as_deref(), Some("SHA256WITHECDSA"));
    let usages: Vec<_> = shown.key_usages.unwrap().into_iter().map(|usage| usage.name.unwrap()).collect();
    assert_eq!(usages, ["DIGITAL_SIGNATURE"]);
    let extended = shown.extended_key_usages.unwrap();
    assert_eq!(extended[0].name.as_deref(), Some("TLS_WEB_SERVER_AUTHENTICATION"));
    assert_eq!(extended[0].oid.as_deref(), Some("1.3.6.1.5.5.7.3.1"));
    assert_eq!(shown.serial.as_deref(), Some("01:02:03"));
    assert_eq!(shown.not_after.unwrap().as_seconds() - shown.not_before.unwrap().as_seconds(), 198 * DAY - 1);
    assert_eq!(shown.in_use_by, Some(Vec::new()));
    assert_eq!(shown.renewal_eligibility.as_deref(), Some("INELIGIBLE"));

    let got = h.ok::<ops::GetCertificate>(GetCertificateRequest { certificate_arn: arn.clone() });
    assert_eq!(got.certificate, Some(material.certificate));
    assert_eq!(got.certificate_chain, Some(material.chain));
    assert_eq!(awaiting(&h.world, h.now).count(), 0);

    h.now = h.now.plus_seconds(199 * DAY);
    assert_eq!(describe(&mut h, &arn).status.as_deref(), Some("EXPIRED"));
}

#[test]
fn certificates_are_valid_from_midnight_to_midnight() {
    // 2026-01-02T03:04:05Z
    let (start, end) = validity(Timestamp(1_767_323_045_678));
    assert_eq!((start.seconds(), end.seconds()), (1_767_312_000, 1_767_312_000 + 198 * DAY - 1));
}

#[test]
fn a_request_can_time_out_or_be_forbidden() {
    let mut h = Harness::new();
    let late = requested(&mut h, &["example.com"]);
    let forbidden = requested(&mut h, &["example.org"]);
    prove(&mut h, &forbidden, &["example.org"], Some(Err(FailureReason::CaaError)));
    let shown = describe(&mut h, &forbidden);
    assert_eq!(
        (shown.status.as_deref(), shown.failure_reason.as_deref()),
        (Some("FAILED"), Some("CAA_ERROR"))
    );
    h.code::<ops::GetCertificate>(
        GetCertificateRequest { certificate_arn: forbidden },
        "ResourceNotFoundException",
    );

    h.now = h.now.plus_seconds(72 * 3600 - 1);
    tick(&mut h, Vec::new());
    assert_eq!(describe(&mut h, &late).status.as_deref(), Some("PENDING_VALIDATION"));
    h.now = h.now.plus_seconds(1);
    assert_eq!(awaiting(&h.world, h.now).count(), 0);
    tick(&mut h, Vec::new());
    let shown = describe(&mut h, &late);
    assert_eq!(shown.status.as_deref(), Some("VALIDATION_TIMED_OUT"));
    assert_eq!(shown.domain_validation_options.unwrap()[0].validation_status.as_deref(), Some("FAILED"));
}

#[test]
fn the_key_is_made_outside() {
    let h = Harness::new();
    let wants = |algorithm: Option<&str>| {
        let input = RequestCertificateRequest {
            key_algorithm: algorithm.map(str::to_owned),
            ..request_for(&["a.com"])
        };
        let read = Read { world: &h.world, caller: &h.caller, now: h.now };
        h.cloud.wants(&read, "acm", "RequestCertificate", &input.into_value()).unwrap()
    };
    assert_eq!(wants(None), Some(Want::PrivateKey(KeyKind::Rsa2048)));
    assert_eq!(wants(Some("EC_prime256v1")), Some(Want::PrivateKey(KeyKind::EcP256)));
    assert_eq!(wants(Some("EC_secp384r1")), Some(Want::PrivateKey(KeyKind::EcP384)));
    assert_eq!(wants(Some("RSA_4096")), None);
}

#[test]
fn a_token_makes_two_requests_one() {
    let mut h = Harness::new();
    let with_token =
        |names: &[&str]| RequestCertificateRequest { idempotency_token: text("again"), ..request_for(names) };
    let first = request(&mut h, with_token(&["example.com"])).unwrap();
    assert_eq!(request(&mut h, with_token(&["example.com"])).unwrap(), first);
    assert_ne!(request(&mut h, with_token(&["example.org"])).unwrap(), first);
    h.now = h.now.plus_seconds(3600);
    assert_ne!(request(&mut h, with_token(&["example.com"])).unwrap(), first);
}

#[test]
fn requests_are_refused() {
    let mut h = Harness::new();
    let mut refused = |input: RequestCertificateRequest, code: &str| {
        let before = h.world.clone();
        let fault = request(&mut h, input).unwrap_err();
        assert_eq!(fault.code(), code, "{fault}");
        assert!(h.world == before);
        fault.message().to_owned()
    };
    let base = || request_for(&["example.com"]);
    for method in [None, text("EMAIL"), text("HTTP")] {
        let said = refused(
            RequestCertificateRequest { validation_method: method, ..base() },
            "InvalidParameterException",
        );
        assert!(said.ends_with("not supported by Enishi."), "{said}");
    }
    refused(
        RequestCertificateRequest { certificate_authority_arn: text("arn:aws:acm-pca:x"), ..base() },
        "InvalidParameterException",
    );
    let options = CertificateOptions { export: text("ENABLED"), ..Default::default() };
    refused(RequestCertificateRequest { options: Some(options), ..base() }, "InvalidParameterException");
    refused(
        RequestCertificateRequest { key_algorithm: text("RSA_4096"), ..base() },
        "InvalidParameterException",
    );
    refused(request_for(&["under_score.com"]), "ValidationException");
    refused(request_for(&["example.com", "*.*.example.com"]), "ValidationException");
    refused(request_for(&[&format!("{}.com", "abcdefg.".repeat(8))]), "ValidationException");
    let long = format!("{}example.com", "abcdefg.".repeat(8));
    refused(request_for(&[&long]), "InvalidParameterException");
    let many: Vec<String> = (0..11).map(|n| format!("n{n}.example.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refused(request_for(&many), "LimitExceededException"), "Certificate has too many domains.");
    let option = |domain: &str, validation: &str| DomainValidationOption {
        domain_name: domain.to_owned(),
        validation_domain: validation.to_owned(),
    };
    for wrong in [option("other.com", "other.com"), option("example.com", "ample.com")] {
        let input = RequestCertificateRequest { domain_validation_options: Some(vec![wrong]), ..base() };
        refused(input, "InvalidDomainValidationOptionsException");
    }
    requested(&mut h, &["example.com", &long]);
}

#[test]
fn quotas_are_raised() {
    let mut h = Harness::new();
    let increase = RequestServiceQuotaIncreaseRequest {
        service_code: "acm".to_owned(),
        quota_code: "L-FB94F0B0".to_owned(),
        desired_value: 12.0,
        ..Default::default()
    };
    h.ok::<service_quotas::ops::RequestServiceQuotaIncrease>(increase);
    let many: Vec<String> = (0..12).map(|n| format!("n{n}.example.com")).collect();
    requested(&mut h, &many.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn what_is_imported_is_read() {
    let mut h = Harness::new();
    let key = key_pair(&rcgen::PKCS_ECDSA_P384_SHA384);
    let arn = imported(&mut h, &key, &["Shop.example.com", "*.shop.example.com"]);
    let shown = describe(&mut h, &arn);
    assert_eq!(shown.status.as_deref(), Some("ISSUED"));
    assert_eq!(shown.r#type.as_deref(), Some("IMPORTED"));
    assert_eq!(shown.domain_name.as_deref(), Some("Shop.example.com"));
    assert_eq!(shown.subject_alternative_names.unwrap(), ["Shop.example.com", "*.shop.example.com"]);
    assert_eq!(shown.key_algorithm.as_deref(), Some("EC-secp384r1"));
    assert_eq!(shown.signature_algorithm.as_deref(), Some("SHA384WITHECDSA"));
    assert_eq!(shown.issuer.as_deref(), Some("Shop.example.com"));
    assert_eq!((shown.domain_validation_options, shown.issued_at), (None, None));
    assert!(shown.imported_at.is_some());
    assert_eq!(shown.key_usages.unwrap()[0].name.as_deref(), Some("ANY"));
    assert_eq!(shown.extended_key_usages.unwrap()[0].name.as_deref(), Some("NONE"));
    let got = h.ok::<ops::GetCertificate>(GetCertificateRequest { certificate_arn: arn });
    assert_eq!(got.certificate_chain, None);
}

#[test]
fn keys_have_several_forms() {
    let mut h = Harness::new();
    let ecdsa = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let certificate = self_signed(&ecdsa, &["example.com"]);
    let sec1 = certificates::sec1(&ecdsa);
    let with_curve =
        format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{sec1}");
    for key in [sec1, with_curve, ecdsa.serialize_pem()] {
        arn_of(h.ok::<ops::ImportCertificate>(import(&certificate, &key)));
    }
    let (rsa, pkcs1) = certificates::rsa();
    let certificate = self_signed(&rsa, &["example.com"]);
    for key in [rsa.serialize_pem(), pkcs1] {
        let arn = arn_of(h.ok::<ops::ImportCertificate>(import(&certificate, &key)));
        assert_eq!(describe(&mut h, &arn).key_algorithm.as_deref(), Some("RSA-2048"));
    }
}

#[test]
fn a_chain_leads_to_the_signer() {
    let mut h = Harness::new();
    let authority = Authority::new();
    let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let leaf = authority.leaf(&key, &["example.com"]);
    let with_chain = |chain: &str| ImportCertificateRequest {
        certificate_chain: Some(Blob(chain.as_bytes().to_vec())),
        ..import(&leaf, &key.serialize_pem())
    };
    let arn = arn_of(h.ok::<ops::ImportCertificate>(with_chain(authority.pem())));
    let got = h.ok::<ops::GetCertificate>(GetCertificateRequest { certificate_arn: arn.clone() });
    assert_eq!(got.certificate_chain.as_deref(), Some(authority.pem()));
    assert_eq!(describe(&mut h, &arn).issuer.as_deref(), Some("Tests"));

    let code = "ValidationException";
    h.message::<ops::ImportCertificate>(
        import(&leaf, &key.serialize_pem()),
        code,
        "Provided certificate is not a valid self signed. Please provide either a valid self-signed certificate or \
         certificate chain.",
    );
    let broken = "Could not validate the certificate with the certificate chain.";
    let other = Authority::new();
    h.message::<ops::ImportCertificate>(with_chain(other.pem()), code, broken);
    let both = format!("{}{}", authority.pem(), other.pem());
    h.message::<ops::ImportCertificate>(with_chain(&both), code, broken);
    h.code::<ops::ImportCertificate>(with_chain("nothing"), code);
}

#[test]
fn imports_are_refused() {
    let mut h = Harness::new();
    let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let pem = key.serialize_pem();
    let certificate = self_signed(&key, &["example.com"]);
    let code = "ValidationException";
    let twice = format!("{certificate}{certificate}");
    h.message::<ops::ImportCertificate>(
        import(&twice, &pem),
        code,
        "The certificate field contains more than one certificate. You can specify only one certificate in this field.",
    );
    let other = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    h.message::<ops::ImportCertificate>(
        import(&certificate, &other.serialize_pem()),
        code,
        "The private key does not match the certificate.",
    );
    for (certificate, key) in
        [("nothing", pem.as_str()), (&pem, &pem), (&certificate, "nothing"), (&certificate, &certificate)]
    {
        h.code::<ops::ImportCertificate>(import(certificate, key), code);
    }
    let encrypted = pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    h.code::<ops::ImportCertificate>(import(&certificate, &encrypted), code);
    let ed25519 = key_pair(&rcgen::PKCS_ED25519);
    let unsupported = self_signed(&ed25519, &["example.com"]);
    h.code::<ops::ImportCertificate>(import(&unsupported, &ed25519.serialize_pem()), code);
    let expired = certificates::valid_for(&key, 2020, 2021);
    h.message::<ops::ImportCertificate>(import(&expired, &pem), code, "The certificate has expired.");
    let early = certificates::valid_for(&key, 2030, 2031);
    h.message::<ops::ImportCertificate>(import(&early, &pem), code, "The certificate is not valid yet.");
}

#[test]
fn a_second_import_takes_the_place_of_the_first() {
    let mut h = Harness::new();
    let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let arn = imported(&mut h, &key, &["example.com"]);
    let before = describe(&mut h, &arn);
    h.now = h.now.plus_seconds(60);
    let next = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let again = |names: &[&str]| ImportCertificateRequest {
        certificate_arn: Some(arn.clone()),
        ..import(&self_signed(&next, names), &next.serialize_pem())
    };
    let output = h.ok::<ops::ImportCertificate>(again(&["example.com", "www.example.com"]));
    assert_eq!(arn_of(output), arn);
    let after = describe(&mut h, &arn);
    assert_eq!(after.created_at, before.created_at);
    assert!(after.imported_at > before.imported_at && after.serial != before.serial);
    assert_eq!(after.subject_alternative_names.unwrap().len(), 2);

    h.code::<ops::ImportCertificate>(again(&["example.net"]), "ValidationException");
    let tagged = ImportCertificateRequest { tags: Some(vec![tag("a", "1")]), ..again(&["example.com"]) };
    h.code::<ops::ImportCertificate>(tagged, "InvalidParameterException");
    let larger = key_pair(&rcgen::PKCS_ECDSA_P384_SHA384);
    let changed = ImportCertificateRequest {
        certificate_arn: Some(arn.clone()),
        ..import(&self_signed(&larger, &["example.com"]), &larger.serialize_pem())
    };
    h.code::<ops::ImportCertificate>(changed, "ValidationException");
    let pending = requested(&mut h, &["example.com"]);
    let wrong = ImportCertificateRequest { certificate_arn: Some(pending), ..again(&["example.com"]) };
    h.code::<ops::ImportCertificate>(wrong, "ValidationException");
}

#[test]
fn a_certificate_in_use_stays_and_is_renewed() {
    let mut h = Harness::new();
    let authority = Authority::new();
    let arn = requested(&mut h, &["example.com", "www.example.com"]);
    let material = authority.sign(awaiting(&h.world, h.now).next().unwrap(), h.now);
    prove(&mut h, &arn, &["example.com", "www.example.com"], Some(Ok(material.clone())));
    let issued = describe(&mut h, &arn).issued_at;
    h.now = h.now.plus_seconds(154 * DAY);
    assert_eq!(awaiting(&h.world, h.now).count(), 0, "nobody uses it");
    let balancer = put_in_use(&mut h, &arn);
    let shown = describe(&mut h, &arn);
    assert_eq!(shown.in_use_by, Some(vec![balancer]));
    assert_eq!(shown.renewal_eligibility.as_deref(), Some("ELIGIBLE"));
    let message = format!("Certificate {arn} in account 123456789012 is in use.");
    h.message::<ops::DeleteCertificate>(
        DeleteCertificateRequest { certificate_arn: arn.clone() },
        "ResourceInUseException",
        &message,
    );

    let row = awaiting(&h.world, h.now).next().expect("its end is near");
    assert_eq!(unproven(row).count(), 2, "all domains are proven again");
    let renewed = authority.sign(row, h.now);
    prove(&mut h, &arn, &["example.com"], None);
    assert_eq!(describe(&mut h, &arn).renewal_summary, None);
    prove(&mut h, &arn, &[], Some(Err(FailureReason::CaaError)));
    assert_eq!(describe(&mut h, &arn).status.as_deref(), Some("ISSUED"));
    prove(&mut h, &arn, &["example.com", "www.example.com"], Some(Ok(renewed.clone())));
    let shown = describe(&mut h, &arn);
    assert_eq!(shown.issued_at, issued);
    assert_eq!(shown.renewal_summary.unwrap().renewal_status, "SUCCESS");
    assert_eq!(shown.not_after.unwrap().as_seconds(), renewed.not_after.seconds());
    assert!(renewed.not_after > material.not_after);
    assert_eq!(awaiting(&h.world, h.now).count(), 0);

    let imported = imported(&mut h, &key_pair(&rcgen::PKCS_ECDSA_P256_SHA256), &["example.com"]);
    put_in_use(&mut h, &imported);
    assert_eq!(describe(&mut h, &imported).renewal_eligibility.as_deref(), Some("INELIGIBLE"));
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: text(value) }
}

#[test]
fn certificates_have_tags() {
    let mut h = Harness::new();
    let input =
        RequestCertificateRequest { tags: Some(vec![tag("Name", "web")]), ..request_for(&["example.com"]) };
    let arn = request(&mut h, input).unwrap();
    let add = |tags: Vec<Tag>| AddTagsToCertificateRequest { certificate_arn: arn.clone(), tags };
    h.ok::<ops::AddTagsToCertificate>(add(vec![tag("Name", "shop"), tag("Owner", "me")]));
    let listed = |h: &mut Harness| {
        let input = ListTagsForCertificateRequest { certificate_arn: arn.clone() };
        let tags = h.ok::<ops::ListTagsForCertificate>(input).tags.unwrap();
        tags.into_iter().map(|tag| (tag.key, tag.value.unwrap())).collect::<Vec<_>>()
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(listed(&mut h), [pair("Name", "shop"), pair("Owner", "me")]);
    let remove = |tags: Vec<Tag>| RemoveTagsFromCertificateRequest { certificate_arn: arn.clone(), tags };
    h.ok::<ops::RemoveTagsFromCertificate>(remove(vec![
        tag("Name", "web"),
        Tag { key: "Owner".to_owned(), value: None },
    ]));
    assert_eq!(listed(&mut h), [pair("Name", "shop")], "a tag with another value stays");
    h.code::<ops::AddTagsToCertificate>(add(vec![tag("aws:x", "1")]), "InvalidTagException");
    h.code::<ops::AddTagsToCertificate>(add(vec![tag("a", "1"), tag("a", "2")]), "InvalidTagException");
    let many = (0..50).map(|n| tag(&format!("k{n}"), "1")).collect();
    h.code::<ops::AddTagsToCertificate>(add(many), "TooManyTagsException");

    h.ok::<ops::DeleteCertificate>(DeleteCertificateRequest { certificate_arn: arn.clone() });
    assert_eq!(h.world.tags_of(&arn).count(), 0);
}

#[test]
fn only_the_owner_finds_a_certificate() {
    let mut h = Harness::new();
    let arn = requested(&mut h, &["example.com"]);
    h.act_as("210987654321", "us-east-1");
    let message = format!("Could not find certificate {arn}.");
    let input = DescribeCertificateRequest { certificate_arn: arn.clone() };
    h.message::<ops::DescribeCertificate>(input, "ResourceNotFoundException", &message);
    let input = DeleteCertificateRequest { certificate_arn: arn.clone() };
    h.message::<ops::DeleteCertificate>(input, "ResourceNotFoundException", &message);
    let input =
        DescribeCertificateRequest { certificate_arn: "arn:aws:iam::123456789012:role/web".to_owned() };
    h.code::<ops::DescribeCertificate>(input, "ValidationException");
    h.act_as("123456789012", "us-east-1");
    h.ok::<ops::DeleteCertificate>(DeleteCertificateRequest { certificate_arn: arn.clone() });
    h.code::<ops::DeleteCertificate>(
        DeleteCertificateRequest { certificate_arn: arn },
        "ResourceNotFoundException",
    );
}

#[test]
fn options_of_issued_certificates_change() {
    let mut h = Harness::new();
    let arn = requested(&mut h, &["example.com"]);
    let update = |preference: &str| UpdateCertificateOptionsRequest {
        certificate_arn: arn.clone(),
        options: CertificateOptions {
            certificate_transparency_logging_preference: text(preference),
            ..Default::default()
        },
    };
    h.code::<ops::UpdateCertificateOptions>(update("DISABLED"), "InvalidStateException");
    let row = awaiting(&h.world, h.now).next().unwrap();
    let material = Authority::new().sign(row, h.now);
    prove(&mut h, &arn, &["example.com"], Some(Ok(material)));
    h.ok::<ops::UpdateCertificateOptions>(update("DISABLED"));
    let options = describe(&mut h, &arn).options.unwrap();
    assert_eq!(options.certificate_transparency_logging_preference.as_deref(), Some("DISABLED"));
}
