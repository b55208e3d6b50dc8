//! How a domain is proven to be the user's.
//! [AWS Certificate Manager DNS validation](https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html)

use serde::{Deserialize, Serialize};

/// The domain that the records of DNS validation point into.
pub const VALIDATION_DOMAIN: &str = "acm-validations.aws";

/// The proof of one domain by a `CNAME` record. The record is the same for every certificate of an account, and for a domain
/// and its wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainValidation {
    /// The domain, with `*.` if the certificate names the wildcard.
    pub domain: String,
    /// The record's name, absolute: `_8a3f….example.com.`
    pub record_name: String,
    /// What it has to say, absolute: `_51bc….acm-validations.aws.`
    pub record_value: String,
    /// Whether the record was found.
    pub is_proven: bool,
}
