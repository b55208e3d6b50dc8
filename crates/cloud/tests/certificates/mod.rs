//! Certificates to test with: requests with the key that the daemon would supply, proofs, certificates to import.
#![allow(dead_code)]

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use enishi_api::acm::{
    CertificateDetail, DescribeCertificateRequest, ImportCertificateRequest, ImportCertificateResponse,
    RequestCertificateRequest, RequestCertificateResponse, ops,
};
use enishi_cloud::acm::{Proof, validity};
use enishi_cloud::outside::Supply;
use enishi_cloud::tick::{Facts, tick as tick_world};
use enishi_state::acm::{Certificate, CertificateArn, FailureReason, Material};
use enishi_state::elbv2::{Listener, ListenerArn, ListenerProtocol, LoadBalancerArn, MutualAuthentication};
use enishi_state::{Row, Timestamp, Tx};
use enishi_wire::{Blob, Fault, Shape};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, SerialNumber, SignatureAlgorithm, date_time_ymd,
};

use crate::harness::{Harness, text};

/// A request for these names, the first first.
pub fn request_for(names: &[&str]) -> RequestCertificateRequest {
    let others: Vec<String> = names[1..].iter().map(|name| (*name).to_owned()).collect();
    RequestCertificateRequest {
        domain_name: names[0].to_owned(),
        subject_alternative_names: (!others.is_empty()).then_some(others),
        validation_method: text("DNS"),
        ..Default::default()
    }
}

/// Carries a request out with a key; answers the ARN.
pub fn request(h: &mut Harness, input: RequestCertificateRequest) -> Result<String, Fault> {
    // Every key is good for a test that does not sign with it, and this kind is made quickly.
    let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256).serialize_der();
    let supply = Supply { private_key: Some(key), ..Default::default() };
    let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
    let output =
        h.cloud.dispatch_write_with(&mut tx, "acm", "RequestCertificate", input.into_value(), &supply)?;
    h.world = tx.commit().expect("operations keep the invariants").world;
    Ok(RequestCertificateResponse::from_value(output).unwrap().certificate_arn.unwrap())
}

/// A request that must succeed.
#[track_caller]
pub fn requested(h: &mut Harness, names: &[&str]) -> String {
    request(h, request_for(names)).unwrap()
}

/// What is said about a certificate.
#[track_caller]
pub fn describe(h: &mut Harness, arn: &str) -> CertificateDetail {
    let input = DescribeCertificateRequest { certificate_arn: arn.to_owned() };
    h.ok::<ops::DescribeCertificate>(input).certificate.unwrap()
}

/// The daemon found the records of these domains.
pub fn prove(h: &mut Harness, arn: &str, domains: &[&str], outcome: Option<Result<Material, FailureReason>>) {
    let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
    tick(h, vec![Proof { certificate: CertificateArn::new(arn), domains, outcome }]);
}

/// What is due happens.
pub fn tick(h: &mut Harness, certificates: Vec<Proof>) {
    let facts = Facts { realised_generation: h.world.generation, certificates, ..Default::default() };
    let mut tx = Tx::new(&h.world, &h.caller, h.now, &mut h.entropy);
    tick_world(&mut tx, &facts);
    h.world = tx.commit().expect("a tick keeps the invariants").world;
}

/// A load balancer's listener shows the certificate; answers the load balancer's ARN.
pub fn put_in_use(h: &mut Harness, certificate: &str) -> String {
    let balancer =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/0123456789abcdef";
    let row = Listener {
        arn: ListenerArn::new(&format!("{balancer}/listener")),
        scope: h.caller.scope.clone(),
        load_balancer: LoadBalancerArn::new(balancer),
        protocol: ListenerProtocol::Https,
        port: 443,
        ssl_policy: text("ELBSecurityPolicy-2016-08"),
        certificates: vec![certificate.to_owned()],
        alpn_policy: None,
        mutual: MutualAuthentication::Off,
        default_actions: Vec::new(),
        attributes: Default::default(),
    };
    // As the journal would, so that no network is needed around it.
    let record = serde_json::to_vec(&row).unwrap();
    h.world.replay(Listener::TABLE, row.arn.as_str(), Some(&record)).unwrap();
    balancer.to_owned()
}

/// A fresh key.
pub fn key_pair(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

/// An RSA key, and the same as PKCS#1.
pub fn rsa() -> (KeyPair, String) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // The inner key follows the 26 bytes of PKCS#8's head: version, algorithm, the octet string's own head.
    let inner = pem("RSA PRIVATE KEY", &der.as_ref()[26..]);
    (KeyPair::try_from(der.as_ref().to_vec()).unwrap(), inner)
}

/// The key in SEC 1's form.
pub fn sec1(key: &KeyPair) -> String {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der()).unwrap();
    let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
    pem("EC PRIVATE KEY", der.as_ref())
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn parameters(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names.clone()).unwrap();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, names[0].clone());
    parameters
}

/// A certificate that signed itself.
pub fn self_signed(key: &KeyPair, names: &[&str]) -> String {
    parameters(names).self_signed(key).unwrap().pem()
}

/// A certificate that signed itself, valid from the start of one year to that of another.
pub fn valid_for(key: &KeyPair, from: i32, until: i32) -> String {
    let mut parameters = parameters(&["example.com"]);
    parameters.not_before = date_time_ymd(from, 1, 1);
    parameters.not_after = date_time_ymd(until, 1, 1);
    parameters.self_signed(key).unwrap().pem()
}

/// A request to import.
pub fn import(certificate: &str, key: &str) -> ImportCertificateRequest {
    ImportCertificateRequest {
        certificate: Blob(certificate.as_bytes().to_vec()),
        private_key: Blob(key.as_bytes().to_vec()),
        ..Default::default()
    }
}

/// The ARN of what was imported.
pub fn arn_of(output: ImportCertificateResponse) -> String {
    output.certificate_arn.unwrap()
}

/// Imports a certificate that signed itself; answers its ARN.
#[track_caller]
pub fn imported(h: &mut Harness, key: &KeyPair, names: &[&str]) -> String {
    arn_of(h.ok::<ops::ImportCertificate>(import(&self_signed(key, names), &key.serialize_pem())))
}

/// An authority that signs.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// One with a key of its own.
    pub fn new() -> Self {
        let mut parameters = parameters(&["authority.test"]);
        parameters.distinguished_name.push(DnType::OrganizationName, "Tests");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
        let issuer = CertifiedIssuer::self_signed(parameters, key).unwrap();
        let pem = issuer.pem().replace("\r\n", "\n");
        Authority { issuer, pem }
    }

    /// Its certificate, in the form that answers have.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate that it signed.
    pub fn leaf(&self, key: &KeyPair, names: &[&str]) -> String {
        parameters(names).signed_by(key, &self.issuer).unwrap().pem()
    }

    /// What it signs for a request.
    pub fn sign(&self, row: &Certificate, now: Timestamp) -> Material {
        let key = KeyPair::from_pem(row.private_key.pem()).unwrap();
        let names: Vec<&str> = row.names.iter().map(String::as_str).collect();
        let mut parameters = parameters(&names);
        parameters.serial_number = Some(SerialNumber::from_slice(&[1, 2, 3]));
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap().pem();
        let (not_before, not_after) = validity(now);
        Material { certificate, chain: self.pem.clone(), not_before, not_after }
    }
}
