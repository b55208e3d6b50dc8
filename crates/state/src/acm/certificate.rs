//! Certificates. [ACM certificate characteristics and limitations](https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html)

use std::fmt;

use serde::{Deserialize, Serialize};

use super::DomainValidation;
use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp};

name_id!(CertificateArn, "a certificate: its ARN");

impl CertificateArn {
    /// The ARN of the certificate with that UUID.
    pub fn of(scope: &Scope, uuid: &str) -> Self {
        CertificateArn::new(&format!("arn:aws:acm:{}:{}:certificate/{uuid}", scope.region, scope.account))
    }
}

/// A certificate that was requested or imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its ARN.
    pub arn: CertificateArn,
    /// Account and region.
    pub scope: Scope,
    /// The domains that it names, the domain of the request or of the subject first.
    pub names: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// The kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// Its private key.
    pub private_key: PrivateKey,
    /// How far it is.
    pub state: CertificateState,
    /// The certificate itself, once there is one.
    pub material: Option<Material>,
    /// Whether it is to be in a certificate transparency log. A record in Enishi, which has no such log.
    pub transparency_logging: bool,
    /// When it was requested or imported.
    pub created: Timestamp,
    /// When it was renewed last.
    pub renewed: Option<Timestamp>,
}

impl Certificate {
    /// The domain that it is for in the first place.
    pub fn domain(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Whether it can be used now: issued or imported, and not expired.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.state.is_issued() && self.material.as_ref().is_some_and(|material| now <= material.not_after)
    }
}

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// It was requested, and the local certificate authority signs it.
    Requested {
        /// The request's idempotency token, if it had one.
        token: Option<String>,
        /// What proves that the domains are the user's, one for each name, in their order.
        validations: Vec<DomainValidation>,
    },
    /// It was made elsewhere.
    Imported,
}

/// How far a certificate is. That it expired follows from its material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateState {
    /// Its domains are not all proven to be the user's.
    PendingValidation,
    /// It is there.
    Issued {
        /// Since when: for one that was imported, of its newest import.
        at: Timestamp,
    },
    /// Its domains were not proven in time.
    ValidationTimedOut,
    /// It was refused.
    Failed(FailureReason),
}

impl CertificateState {
    /// Whether it is there, expired or not.
    pub fn is_issued(&self) -> bool {
        matches!(self, CertificateState::Issued { .. })
    }
}

/// Why a certificate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureReason {
    /// A `CAA` record names other authorities only.
    CaaError,
}

/// A certificate, in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// The certificate itself.
    pub certificate: String,
    /// The certificates that lead to its root; empty when it signed itself.
    pub chain: String,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// A private key: PKCS#8, in PEM. It does not show when it is printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrivateKey(String);

impl PrivateKey {
    /// A key that is known to be one.
    pub fn new(pem: String) -> Self {
        PrivateKey(pem)
    }

    /// The key.
    pub fn pem(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// The kind of a certificate's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyAlgorithm {
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
    /// ECDSA on P-256.
    EcPrime256v1,
    /// ECDSA on P-384.
    EcSecp384r1,
    /// ECDSA on P-521.
    EcSecp521r1,
}

impl KeyAlgorithm {
    /// Every kind.
    pub const ALL: [KeyAlgorithm; 6] = [
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Rsa3072,
        KeyAlgorithm::Rsa4096,
        KeyAlgorithm::EcPrime256v1,
        KeyAlgorithm::EcSecp384r1,
        KeyAlgorithm::EcSecp521r1,
    ];

    /// The name that requests have: `EC_prime256v1`.
    pub fn name(self) -> &'static str {
        match self {
            KeyAlgorithm::Rsa2048 => "RSA_2048",
            KeyAlgorithm::Rsa3072 => "RSA_3072",
            KeyAlgorithm::Rsa4096 => "RSA_4096",
            KeyAlgorithm::EcPrime256v1 => "EC_prime256v1",
            KeyAlgorithm::EcSecp384r1 => "EC_secp384r1",
            KeyAlgorithm::EcSecp521r1 => "EC_secp521r1",
        }
    }

    /// Whether it is RSA.
    pub fn is_rsa(self) -> bool {
        matches!(self, KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096)
    }
}

impl Row for Certificate {
    type Id = CertificateArn;
    const TABLE: &'static str = "acm_certificate";

    fn id(&self) -> CertificateArn {
        self.arn.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        if let Origin::Requested { token: Some(token), .. } = &self.origin {
            keys.add("token", &format!("{}/{token}", self.scope));
        }
        if self.state == CertificateState::PendingValidation {
            keys.add("unsettled", "");
        }
        if self.state.is_issued() && matches!(self.origin, Origin::Requested { .. }) {
            keys.add("renewable", "");
        }
    }
}
