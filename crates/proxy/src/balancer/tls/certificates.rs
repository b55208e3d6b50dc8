//! Which certificate a client is shown.
//!
//! "If the hostname provided by a client matches a single certificate in the certificate list, the load balancer selects this
//! certificate. If a hostname provided by a client matches multiple certificates in the certificate list, the load balancer selects
//! the best certificate that the client can support." ([SNI](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html))
//! The best is one for exactly that name before one for a wildcard, and an elliptic curve's key before RSA's.

use std::collections::HashMap;
use std::sync::Arc;

use enishi_fabric::balancer::{Certificate, Tls};
use rustls::SignatureAlgorithm;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// A listener's certificates.
#[derive(Debug)]
pub struct Certificates {
    default: Option<Arc<CertifiedKey>>,
    /// By name in lower case; `*.example.com` as it is.
    names: HashMap<Box<str>, Vec<Entry>>,
}

#[derive(Debug, Clone)]
struct Entry {
    arn: Arc<str>,
    key: Arc<CertifiedKey>,
}

impl Certificates {
    /// The certificates of a listener; those whose key cannot be used are left out.
    pub fn new(tls: &Tls) -> Self {
        let mut names: HashMap<Box<str>, Vec<Entry>> = HashMap::new();
        for certificate in std::iter::once(&tls.default).chain(&tls.others) {
            let Some(key) = certified(certificate) else { continue };
            for name in &certificate.names {
                let entry = Entry { arn: certificate.arn.clone(), key: key.clone() };
                names.entry(name.to_ascii_lowercase().into()).or_default().push(entry);
            }
        }
        for entries in names.values_mut() {
            entries.sort_by_key(|entry| entry.key.key.algorithm() == SignatureAlgorithm::RSA);
        }
        Certificates { default: certified(&tls.default), names }
    }

    /// The ARN of the best certificate for a name.
    pub fn named(&self, name: Option<&str>) -> Option<&Arc<str>> {
        self.candidates(name?).next().map(|entry| &entry.arn)
    }

    fn candidates(&self, name: &str) -> impl Iterator<Item = &Entry> {
        let name = name.to_ascii_lowercase();
        let wildcard = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        let exact = self.names.get(name.as_str());
        let wild = wildcard.and_then(|wildcard| self.names.get(wildcard.as_str()));
        exact.into_iter().chain(wild).flatten()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let chosen = hello.server_name().and_then(|name| {
            self.candidates(name).find(|entry| entry.key.key.choose_scheme(schemes).is_some())
        });
        chosen.map(|entry| entry.key.clone()).or_else(|| self.default.clone())
    }
}

fn certified(certificate: &Certificate) -> Option<Arc<CertifiedKey>> {
    let key = PrivateKeyDer::from_pem_slice(certificate.key.0.as_bytes()).ok()?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.chain.as_bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty())?;
    Some(Arc::new(CertifiedKey::new(chain, any_supported_type(&key).ok()?)))
}
