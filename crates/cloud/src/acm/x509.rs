//! What a certificate says. [RFC 5280](https://www.rfc-editor.org/rfc/rfc5280)

use enishi_state::Timestamp;
use enishi_state::acm::KeyAlgorithm;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{self, GeneralName};
use x509_parser::oid_registry as oid;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{X509Name, X509Version};

/// A certificate, read.
#[derive(Debug)]
pub(super) struct Details {
    /// Whether it is of X.509 version 3.
    pub(super) is_version_3: bool,
    /// The serial number: `07:71:f4`.
    pub(super) serial: String,
    /// Whom it is for: `CN=www.example.com`.
    pub(super) subject: String,
    /// Who signed it: the organisation, else the common name, else all of the name.
    pub(super) issuer: String,
    /// From when on it is valid.
    pub(super) not_before: Timestamp,
    /// Until when.
    pub(super) not_after: Timestamp,
    /// The domains it names, the subject's first.
    pub(super) names: Vec<String>,
    /// The kind of its key, if it is one that is served.
    pub(super) key_algorithm: Option<KeyAlgorithm>,
    /// Its public key, inside of the bit string.
    pub(super) public_key: Vec<u8>,
    /// How it was signed: `SHA256WITHRSA`.
    pub(super) signature_algorithm: &'static str,
    /// What its key may be used for, in AWS's words.
    pub(super) key_usages: Vec<&'static str>,
    /// What for besides, with the object identifiers.
    pub(super) extended_key_usages: Vec<(&'static str, String)>,
}

/// Reads a certificate in DER; nothing if it is none.
pub(super) fn details(der: &[u8]) -> Option<Details> {
    let certificate = parse(der)?;
    let validity = certificate.validity();
    let time = |at: x509_parser::time::ASN1Time| Timestamp(at.timestamp().saturating_mul(1000));
    Some(Details {
        is_version_3: certificate.version() == X509Version::V3,
        serial: serial(&certificate),
        subject: certificate.subject().to_string(),
        issuer: issuer(certificate.issuer()),
        not_before: time(validity.not_before),
        not_after: time(validity.not_after),
        names: names(&certificate),
        key_algorithm: key_algorithm(&certificate),
        public_key: certificate.public_key().subject_public_key.data.to_vec(),
        signature_algorithm: signature_algorithm(&certificate),
        key_usages: key_usages(&certificate),
        extended_key_usages: extended_key_usages(&certificate),
    })
}

/// The certificate that all of the bytes are.
pub(super) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().and_then(|(rest, certificate)| rest.is_empty().then_some(certificate))
}

fn serial(certificate: &X509Certificate<'_>) -> String {
    let bytes = certificate.tbs_certificate.serial.to_bytes_be();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn issuer(name: &X509Name<'_>) -> String {
    let organisation = name.iter_organization().next().and_then(|name| name.as_str().ok());
    let common = || name.iter_common_name().next().and_then(|name| name.as_str().ok());
    organisation.or_else(common).map_or_else(|| name.to_string(), str::to_owned)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let alternatives = alternatives.iter().flat_map(|extension| &extension.value.general_names);
    let alternatives = alternatives.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    let mut names: Vec<String> = Vec::new();
    for name in common.chain(alternatives) {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.to_owned());
        }
    }
    names
}

fn key_algorithm(certificate: &X509Certificate<'_>) -> Option<KeyAlgorithm> {
    let info = certificate.public_key();
    match info.parsed().ok()? {
        PublicKey::RSA(key) => match key.key_size() {
            2048 => Some(KeyAlgorithm::Rsa2048),
            3072 => Some(KeyAlgorithm::Rsa3072),
            4096 => Some(KeyAlgorithm::Rsa4096),
            _ => None,
        },
        PublicKey::EC(_) => {
            let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
            [
                (oid::OID_EC_P256, KeyAlgorithm::EcPrime256v1),
                (oid::OID_NIST_EC_P384, KeyAlgorithm::EcSecp384r1),
                (oid::OID_NIST_EC_P521, KeyAlgorithm::EcSecp521r1),
            ]
            .into_iter()
            .find_map(|(known, algorithm)| (known == curve).then_some(algorithm))
        }
        _ => None,
    }
}

fn signature_algorithm(certificate: &X509Certificate<'_>) -> &'static str {
    let used = &certificate.signature_algorithm.algorithm;
    [
        (oid::OID_PKCS1_SHA256WITHRSA, "SHA256WITHRSA"),
        (oid::OID_PKCS1_SHA384WITHRSA, "SHA384WITHRSA"),
        (oid::OID_PKCS1_SHA512WITHRSA, "SHA512WITHRSA"),
        (oid::OID_PKCS1_SHA1WITHRSA, "SHA1WITHRSA"),
        (oid::OID_SIG_ECDSA_WITH_SHA256, "SHA256WITHECDSA"),
        (oid::OID_SIG_ECDSA_WITH_SHA384, "SHA384WITHECDSA"),
        (oid::OID_SIG_ECDSA_WITH_SHA512, "SHA512WITHECDSA"),
        (oid::OID_SIG_ED25519, "ED25519"),
    ]
    .into_iter()
    .find_map(|(known, name)| (known == *used).then_some(name))
    .unwrap_or("UNKNOWN")
}

/// "ANY" where the certificate does not restrict it.
fn key_usages(certificate: &X509Certificate<'_>) -> Vec<&'static str> {
    let Ok(Some(extension)) = certificate.key_usage() else { return vec!["ANY"] };
    let usage = extension.value;
    [
        (usage.digital_signature(), "DIGITAL_SIGNATURE"),
        (usage.non_repudiation(), "NON_REPUDIATION"),
        (usage.key_encipherment(), "KEY_ENCIPHERMENT"),
        (usage.data_encipherment(), "DATA_ENCIPHERMENT"),
        (usage.key_agreement(), "KEY_AGREEMENT"),
        (usage.key_cert_sign(), "CERTIFICATE_SIGNING"),
        (usage.crl_sign(), "CRL_SIGNING"),
        (usage.encipher_only(), "ENCIPHER_ONLY"),
        (usage.decipher_only(), "DECIPHER_ONLY"),
    ]
    .into_iter()
    .filter_map(|(is_set, name)| is_set.then_some(name))
    .collect()
}

/// "NONE" where the certificate does not say.
fn extended_key_usages(certificate: &X509Certificate<'_>) -> Vec<(&'static str, String)> {
    let Ok(Some(extension)) = certificate.extended_key_usage() else {
        return vec![("NONE", String::new())];
    };
    let usage: &extensions::ExtendedKeyUsage<'_> = extension.value;
    let named = [
        (usage.server_auth, "TLS_WEB_SERVER_AUTHENTICATION", "1.3.6.1.5.5.7.3.1"),
        (usage.client_auth, "TLS_WEB_CLIENT_AUTHENTICATION", "1.3.6.1.5.5.7.3.2"),
        (usage.code_signing, "CODE_SIGNING", "1.3.6.1.5.5.7.3.3"),
        (usage.email_protection, "EMAIL_PROTECTION", "1.3.6.1.5.5.7.3.4"),
        (usage.time_stamping, "TIME_STAMPING", "1.3.6.1.5.5.7.3.8"),
        (usage.ocsp_signing, "OCSP_SIGNING", "1.3.6.1.5.5.7.3.9"),
        (usage.any, "ANY", "2.5.29.37.0"),
    ]
    .into_iter()
    .filter(|(is_set, ..)| *is_set)
    .map(|(_, name, id)| (name, id.to_owned()));
    let others = usage.other.iter().map(|id| {
        let id = id.to_id_string();
        let name = match id.as_str() {
            "1.3.6.1.5.5.7.3.5" => "IPSEC_END_SYSTEM",
            "1.3.6.1.5.5.7.3.6" => "IPSEC_TUNNEL",
            "1.3.6.1.5.5.7.3.7" => "IPSEC_USER",
            _ => "CUSTOM",
        };
        (name, id)
    });
    named.chain(others).collect()
}
