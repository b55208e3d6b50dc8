//! AWS Certificate Manager: certificates with their private keys.
//! [What is AWS Certificate Manager?](https://docs.aws.amazon.com/acm/latest/userguide/acm-overview.html)

mod certificate;
mod validation;

pub use certificate::{
    Certificate, CertificateArn, CertificateState, FailureReason, KeyAlgorithm, Material, Origin, PrivateKey,
};
pub use validation::{DomainValidation, VALIDATION_DOMAIN};
