//! Trust stores: what bundles and revocation lists are checked for, and who keeps them.

mod balancing;
mod certificates;
mod harness;
mod lab;

use balancing::{Balancing, forward, listener};
use certificates::{Authority, imported, key_pair, self_signed};
use enishi_api::elbv2::{
    AddTrustStoreRevocationsInput, Certificate, CreateListenerInput, CreateTrustStoreInput,
    DeleteListenerInput, DeleteTrustStoreInput, DescribeTrustStoreAssociationsInput,
    DescribeTrustStoreRevocationsInput, DescribeTrustStoresInput, MutualAuthenticationAttributes,
    RemoveTrustStoreRevocationsInput, RevocationContent, TrustStore, ops,
};
use enishi_cloud::outside::{Supply, Want};
use enishi_cloud::s3::create_bucket;
use enishi_state::{Read, Tx};
use enishi_wire::{Fault, Operation, Shape};
use harness::{Harness, text};
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// Runs an operation as the daemon does that has this object in the bucket `trust`.
fn run<O: Operation>(h: &mut Harness, input: O::Input, object: Option<&str>) -> Result<O::Output, Fault>
where
    O::Input: Clone,
{
    let value = input.into_value();
    let read = Read { world: &h.world, caller: &h.caller, now: h.now };
    let want = h.cloud.wants(&read, O::SERVICE.name, O::NAME, &value)?;
    let Some(Want::Objects(names)) = want else { panic!("{} wants objects", O::NAME) };
    let supply = |_| object.map(|text| text.as_bytes().to_vec());
    let supply = Supply { objects: names.iter().map(supply).collect(), ..Default::default() };
    let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
    let output = h.cloud.dispatch_write_with(&mut tx, O::SERVICE.name, O::NAME, value, &supply)?;
    h.world = tx.commit().expect("operations keep the invariants").world;
    Ok(O::Output::from_value(output).expect("the output fits its shape"))
}

fn store(name: &str, bucket: &str) -> CreateTrustStoreInput {
    CreateTrustStoreInput {
        name: name.to_owned(),
        ca_certificates_bundle_s3_bucket: bucket.to_owned(),
        ca_certificates_bundle_s3_key: "ca.pem".to_owned(),
        ..Default::default()
    }
}

/// A world with a bucket `trust`.
fn with_bucket() -> Balancing {
    let mut b = Balancing::new();
    let h = &mut b.lab.h;
    let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
    create_bucket(&mut tx, "trust", None).unwrap();
    h.world = tx.commit().unwrap().world;
    b
}

#[track_caller]
fn created(b: &mut Balancing, name: &str) -> TrustStore {
    let bundle = Authority::new();
    let made = run::<ops::CreateTrustStore>(&mut b.lab.h, store(name, "trust"), Some(bundle.pem()));
    made.unwrap().trust_stores.unwrap().remove(0)
}

/// A list that revokes a certificate.
fn revocations() -> String {
    let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
    let key: KeyPair = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let issuer = rcgen::Issuer::new(parameters, key);
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from_slice(&[1]),
        revocation_time: date_time_ymd(2026, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2036, 1, 1),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&issuer).unwrap().pem().unwrap()
}

#[test]
fn a_trust_store_has_the_authorities_of_its_bundle() {
    let mut b = with_bucket();
    let made = created(&mut b, "clients");
    let arn = made.trust_store_arn.clone().unwrap();
    assert!(arn.starts_with("arn:aws:elasticloadbalancing:us-east-1:123456789012:truststore/clients/"));
    assert_eq!((made.status.as_deref(), made.number_of_ca_certificates), (Some("ACTIVE"), Some(1)));
    assert_eq!(made.total_revoked_entries, Some(0));
    let bundle = Authority::new();
    let again = run::<ops::CreateTrustStore>(&mut b.lab.h, store("clients", "trust"), Some(bundle.pem()));
    assert_eq!(again.unwrap_err().code(), "DuplicateTrustStoreName");
    let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let leaf = self_signed(&key, &["a.example.com"]);
    for (object, bucket, code) in [
        (None, "trust", "CaCertificatesBundleNotFound"),
        (Some(bundle.pem()), "others", "CaCertificatesBundleNotFound"),
        (Some("nothing"), "trust", "InvalidCaCertificatesBundle"),
        (Some(leaf.as_str()), "trust", "InvalidCaCertificatesBundle"),
    ] {
        let result = run::<ops::CreateTrustStore>(&mut b.lab.h, store("more", bucket), object);
        assert_eq!(result.unwrap_err().code(), code);
    }
    let named = DescribeTrustStoresInput { names: Some(vec!["clients".to_owned()]), ..Default::default() };
    assert_eq!(b.lab.h.ok::<ops::DescribeTrustStores>(named).trust_stores, Some(vec![made]));
    b.lab.h.act_as("210987654321", "us-east-1");
    let foreign = DescribeTrustStoresInput { trust_store_arns: Some(vec![arn]), ..Default::default() };
    b.lab.h.code::<ops::DescribeTrustStores>(foreign, "TrustStoreNotFound");
    let bundle = Authority::new();
    let result = run::<ops::CreateTrustStore>(&mut b.lab.h, store("mine", "trust"), Some(bundle.pem()));
    assert_eq!(result.unwrap_err().code(), "CaCertificatesBundleNotFound", "the bucket is another account's");
}

#[test]
fn listeners_keep_their_trust_store() {
    let mut b = with_bucket();
    let arn = created(&mut b, "clients").trust_store_arn.unwrap();
    let input = b.application("web");
    let balancer = b.active(input);
    let group = b.target_group("web", "HTTP");
    let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let certificate = imported(&mut b.lab.h, &key, &["web.example.com"]);
    let mutual = MutualAuthenticationAttributes {
        mode: text("verify"),
        trust_store_arn: text(&arn),
        ..Default::default()
    };
    let input = CreateListenerInput {
        certificates: Some(vec![Certificate { certificate_arn: Some(certificate), is_default: None }]),
        mutual_authentication: Some(mutual),
        ..listener(&balancer, "HTTPS", 443, forward(&group))
    };
    let made = b.create_listener(input);
    let shown = made.mutual_authentication.unwrap();
    assert_eq!((shown.mode.as_deref(), shown.trust_store_arn.as_ref()), (Some("verify"), Some(&arn)));
    let associated =
        DescribeTrustStoreAssociationsInput { trust_store_arn: arn.clone(), ..Default::default() };
    let associated = b.lab.h.ok::<ops::DescribeTrustStoreAssociations>(associated);
    assert_eq!(associated.trust_store_associations.unwrap()[0].resource_arn, made.listener_arn);
    let delete = DeleteTrustStoreInput { trust_store_arn: arn.clone() };
    b.lab.h.code::<ops::DeleteTrustStore>(delete.clone(), "TrustStoreInUse");
    b.lab.h.ok::<ops::DeleteListener>(DeleteListenerInput { listener_arn: made.listener_arn.unwrap() });
    b.lab.h.ok::<ops::DeleteTrustStore>(delete.clone());
    b.lab.h.code::<ops::DeleteTrustStore>(delete, "TrustStoreNotFound");
}

#[test]
fn revocation_lists_come_and_go() {
    let mut b = with_bucket();
    let arn = created(&mut b, "clients").trust_store_arn.unwrap();
    let content =
        RevocationContent { s3_bucket: text("trust"), s3_key: text("crl.pem"), ..Default::default() };
    let add = |count: usize| AddTrustStoreRevocationsInput {
        trust_store_arn: arn.clone(),
        revocation_contents: Some(vec![content.clone(); count]),
    };
    let list = revocations();
    let added = run::<ops::AddTrustStoreRevocations>(&mut b.lab.h, add(2), Some(&list)).unwrap();
    let added = added.trust_store_revocations.unwrap();
    let ids: Vec<_> = added.iter().map(|one| (one.revocation_id, one.number_of_revoked_entries)).collect();
    assert_eq!(ids, [(Some(1), Some(1)), (Some(2), Some(1))]);
    for (count, object, code) in [
        (1, Some("nothing"), "InvalidRevocationContent"),
        (1, None, "RevocationContentNotFound"),
        (29, Some(list.as_str()), "TooManyTrustStoreRevocationEntries"),
    ] {
        let result = run::<ops::AddTrustStoreRevocations>(&mut b.lab.h, add(count), object);
        assert_eq!(result.unwrap_err().code(), code);
    }
    let remove =
        |id| RemoveTrustStoreRevocationsInput { trust_store_arn: arn.clone(), revocation_ids: vec![id] };
    b.lab.h.ok::<ops::RemoveTrustStoreRevocations>(remove(1));
    b.lab.h.code::<ops::RemoveTrustStoreRevocations>(remove(1), "RevocationIdNotFound");
    let described = DescribeTrustStoreRevocationsInput { trust_store_arn: arn.clone(), ..Default::default() };
    let left = b.lab.h.ok::<ops::DescribeTrustStoreRevocations>(described).trust_store_revocations.unwrap();
    assert_eq!(left.iter().map(|one| one.revocation_id).collect::<Vec<_>>(), [Some(2)]);
    let all = b.lab.h.ok::<ops::DescribeTrustStores>(Default::default()).trust_stores.unwrap();
    assert_eq!(all[0].total_revoked_entries, Some(1));
}
