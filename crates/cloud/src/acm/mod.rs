//! AWS Certificate Manager. [What is AWS Certificate Manager?](https://docs.aws.amazon.com/acm/latest/userguide/acm-overview.html)
//!
//! What AWS promises: a certificate that was requested is there once a `CNAME` record proves each of its domains, and it is
//! renewed by itself while it is in use and the records stay; a certificate that was imported is what it claims to be, with
//! the key that belongs to it. How we realise it: rows with their keys; the daemon makes keys (see [`crate::outside`]), looks
//! for the records in the public hosted zones of all accounts, and signs with the local certificate authority; what it found
//! out comes back as a [`Proof`], which [`tick`](crate::tick) writes down.
//!
//! Refused with a clear error: validation by mail and HTTP, private certificate authorities, exportable certificates,
//! revocation, account configuration, RSA keys of 1024 bits. Tested in `tests/acm.rs`.

mod chain;
mod describe_certificate;
mod faults;
mod get_certificate;
mod import_certificate;
mod list_certificates;
mod options;
mod pem;
mod private_key;
mod request_certificate;
pub(crate) mod settle;
mod tag;
mod usage;
mod x509;

use enishi_state::acm::{Certificate, CertificateArn, CertificateState, Origin};
use enishi_state::{Scope, Timestamp, Tx, World};
use enishi_wire::Fault;

use crate::registry::Registry;

pub use settle::{Proof, awaiting, unproven, validity};

pub(crate) fn register(on: &mut Registry) {
    describe_certificate::register(on);
    get_certificate::register(on);
    import_certificate::register(on);
    list_certificates::register(on);
    options::register(on);
    request_certificate::register(on);
    tag::register(on);
}

/// The caller's certificate with that ARN.
///
/// # Errors
/// `ValidationException`, `ResourceNotFoundException`
fn find<'w>(world: &'w World, scope: &Scope, arn: &str) -> Result<&'w Certificate, Fault> {
    if !is_arn(arn) {
        return Err(faults::malformed_arn(arn));
    }
    let found = world.get::<Certificate>(&CertificateArn::new(arn)).filter(|row| row.scope == *scope);
    found.ok_or_else(|| faults::resource_not_found(arn))
}

/// Whether the text has the form of an ARN of the service.
fn is_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, _region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    let is_number = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    arn == "arn"
        && !partition.is_empty()
        && service == "acm"
        && is_number
        && !resource.is_empty()
        && resource.bytes().all(is_word)
}

/// An ARN that no certificate has.
fn fresh_arn(tx: &mut Tx<'_>) -> CertificateArn {
    let mut bytes = [0u8; 16];
    tx.entropy().fill(&mut bytes);
    // RFC 9562, section 5.4: version 4, variant 10.
    let random = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let hex = format!("{random:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    let uuid = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-");
    CertificateArn::of(&tx.caller().scope, &uuid)
}

/// AWS's word for how far a certificate is.
fn status(row: &Certificate, now: Timestamp) -> &'static str {
    match row.state {
        CertificateState::PendingValidation => "PENDING_VALIDATION",
        CertificateState::Issued { .. } if row.is_usable(now) => "ISSUED",
        CertificateState::Issued { .. } => "EXPIRED",
        CertificateState::ValidationTimedOut => "VALIDATION_TIMED_OUT",
        CertificateState::Failed(_) => "FAILED",
    }
}

/// AWS's word for where a certificate comes from.
fn kind(row: &Certificate) -> &'static str {
    match row.origin {
        Origin::Requested { .. } => "AMAZON_ISSUED",
        Origin::Imported => "IMPORTED",
    }
}

/// A point in time as responses carry it.
fn shown(time: Timestamp) -> Option<enishi_wire::Timestamp> {
    Some(enishi_wire::Timestamp::from_seconds(time.seconds()))
}

/// `Some` text.
fn text(value: impl std::fmt::Display) -> Option<String> {
    Some(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::is_arn;

    #[test]
    fn arns_have_a_form() {
        assert!(is_arn(
            "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
        ));
        assert!(!is_arn("arn:aws:iam:us-east-1:123456789012:certificate/1"));
        assert!(!is_arn("arn:aws:acm:us-east-1::certificate/1"));
        assert!(!is_arn("arn:aws:acm:us-east-1:123456789012:certificate/1 2"));
        assert!(!is_arn("arn:aws:acm"));
        assert!(!is_arn(""));
    }
}
