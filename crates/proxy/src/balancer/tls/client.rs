//! Clients that show certificates.
//! [Mutual authentication](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html)

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use enishi_fabric::balancer::MutualAuthentication;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::balancer::date;

/// The longest chain whose headers are sent, in bytes.
const LONGEST: usize = 48 * 1024;

/// Who verifies clients' certificates; `None`: they are not asked for one.
pub(super) fn verifier(
    mutual: &MutualAuthentication,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, rustls::Error> {
    match mutual {
        MutualAuthentication::Off => Ok(None),
        MutualAuthentication::PassThrough => Ok(Some(Arc::new(Verifier {
            inner: None,
            ignore_expiry: true,
            advertise: false,
            provider: provider.clone(),
        }))),
        MutualAuthentication::Verify { authorities, revocations, ignore_expiry, advertise } => {
            let mut roots = RootCertStore::empty();
            let certificates = CertificateDer::pem_slice_iter(authorities.as_bytes());
            roots.add_parsable_certificates(certificates.flatten());
            let lists = revocations
                .iter()
                .flat_map(|pem| CertificateRevocationListDer::pem_slice_iter(pem.as_bytes()).flatten());
            let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .with_crls(lists)
                .allow_unknown_revocation_status()
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            let (ignore_expiry, advertise) = (*ignore_expiry, *advertise);
            Ok(Some(Arc::new(Verifier {
                inner: Some(inner),
                ignore_expiry,
                advertise,
                provider: provider.clone(),
            })))
        }
    }
}

/// Verifies as a listener wants: by its trust store, or only that the client has the key of what it shows.
#[derive(Debug)]
struct Verifier {
    inner: Option<Arc<dyn ClientCertVerifier>>,
    ignore_expiry: bool,
    advertise: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match &self.inner {
            Some(inner) if self.advertise => inner.root_hint_subjects(),
            _ => &[],
        }
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.is_some()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(ClientCertVerified::assertion()) };
        let verified = inner.verify_client_cert(leaf, chain, now);
        let is_expired = matches!(
            verified,
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. }
            ))
        );
        if !(is_expired && self.ignore_expiry) {
            return verified;
        }
        // Everything but the expiry has to be right: as it was on the certificate's last day.
        let (_, parsed) = X509Certificate::from_der(leaf)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let last = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default();
        inner.verify_client_cert(
            leaf,
            chain,
            UnixTime::since_unix_epoch(std::time::Duration::from_secs(last)),
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What targets are told of a client's certificate.
pub struct ClientCertificate;

impl ClientCertificate {
    /// The headers, as lines.
    /// [HTTP headers and mutual TLS](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html#mtls-http-headers)
    pub fn headers(mutual: &MutualAuthentication, chain: Option<&[CertificateDer<'_>]>) -> Vec<u8> {
        let mut lines = String::new();
        let chain = chain.unwrap_or_default();
        let Some(leaf) = chain.first() else { return Vec::new() };
        let mut put = |name: &str, value: &str| {
            if value.len() <= LONGEST && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                lines.push_str(&format!("X-Amzn-Mtls-Clientcert{name}: {value}\r\n"));
            }
        };
        match mutual {
            MutualAuthentication::Off => {}
            MutualAuthentication::PassThrough => {
                put("", &chain.iter().map(|der| pem(der)).collect::<String>())
            }
            MutualAuthentication::Verify { .. } => {
                let Ok((_, parsed)) = X509Certificate::from_der(leaf) else { return Vec::new() };
                let serial: String = parsed.raw_serial().iter().map(|byte| format!("{byte:02X}")).collect();
                put("-Serial-Number", &serial);
                put("-Issuer", &rfc2253(parsed.issuer()));
                put("-Subject", &rfc2253(parsed.subject()));
                let day = |time: x509_parser::time::ASN1Time| {
                    let micros =
                        u64::try_from(time.timestamp()).unwrap_or_default().saturating_mul(1_000_000);
                    date::iso(micros).replace(".000000Z", "Z")
                };
                let validity = parsed.validity();
                put(
                    "-Validity",
                    &format!("NotBefore={};NotAfter={}", day(validity.not_before), day(validity.not_after)),
                );
                put("-Leaf", &pem(leaf));
            }
        }
        lines.into_bytes()
    }
}

/// "URL-encoded PEM format …, with +=/ as safe characters"
fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN%20CERTIFICATE-----%0A");
    for line in base64.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push_str("%0A");
    }
    text.push_str("-----END%20CERTIFICATE-----%0A");
    text
}

/// RFC 2253: the last part of a name comes first.
fn rfc2253(name: &x509_parser::x509::X509Name<'_>) -> String {
    let registry = x509_parser::objects::oid_registry();
    let part = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let oid = attribute.attr_type();
        let key = x509_parser::objects::oid2abbrev(oid, registry)
            .map_or_else(|_| oid.to_id_string(), str::to_owned);
        let value = attribute.as_str().map_or_else(|_| String::new(), escaped);
        format!("{key}={value}")
    };
    let mut parts: Vec<String> =
        name.iter_rdn().map(|rdn| rdn.iter().map(part).collect::<Vec<_>>().join("+")).collect();
    parts.reverse();
    parts.join(",")
}

/// RFC 2253, section 2.4; what is no printable ASCII is written as its bytes in hexadecimal.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let is_edge = (at == 0 && matches!(c, ' ' | '#')) || (at == last && c == ' ');
        match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => text.extend(['\\', c]),
            ' ' | '#' if is_edge => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| text.push_str(&format!("\\{byte:02X}"))),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_names_are_escaped() {
        assert_eq!(escaped("a, b+c \"d\" #"), "a\\, b\\+c \\\"d\\\" #");
        assert_eq!(escaped(" #é "), "\\ #\\C3\\A9\\ ");
    }

    #[test]
    fn certificates_become_one_line() {
        let text = pem(&[0; 60]);
        assert!(text.starts_with("-----BEGIN%20CERTIFICATE-----%0AAAAA"));
        assert_eq!(text.matches("%0A").count(), 4);
    }
}
