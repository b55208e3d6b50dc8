//! What becomes of certificates that were requested.
//!
//! | row | becomes | when |
//! |---|---|---|
//! | pending | issued | the records of all its domains were found, and the local authority signed it |
//! | pending | failed | the records were found, but a `CAA` record forbids it |
//! | pending | timed out | 72 hours passed |
//! | issued | issued again | it is in use, its end is near, and the records are still there |

use enishi_state::acm::{
    Certificate, CertificateArn, CertificateState, DomainValidation, FailureReason, Material, Origin,
};
use enishi_state::{Timestamp, Tx, World};

use super::usage;

const DAY: i64 = 24 * 3600;

/// How long domains may stay unproven.
/// [Certificate request times out](https://docs.aws.amazon.com/acm/latest/userguide/troubleshooting-timed-out.html)
const VALIDATION_SECONDS: i64 = 72 * 3600;

/// How long a certificate is valid.
/// [Characteristics](https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html)
const VALID_DAYS: i64 = 198;

/// How long before its end a certificate is renewed.
/// [Managed certificate renewal](https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html)
const RENEWAL_SECONDS: i64 = 45 * DAY;

/// What was found out about a certificate that awaits its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The certificate.
    pub certificate: CertificateArn,
    /// The domains whose records were found.
    pub domains: Vec<String>,
    /// Once all are found: the certificate as it was signed, or why it is refused.
    pub outcome: Option<Result<Material, FailureReason>>,
}

/// The certificates whose domains are to be proven now.
pub fn awaiting(world: &World, now: Timestamp) -> impl Iterator<Item = &Certificate> {
    let pending = world.by::<Certificate>("unsettled", "").filter(move |row| now < times_out(row));
    let ending = world.by::<Certificate>("renewable", "").filter(move |row| is_ending(world, row, now));
    pending.chain(ending)
}

/// Whether a certificate is renewed by itself when its end is near: it was requested, is in use and has not expired.
pub(super) fn is_renewed(world: &World, row: &Certificate, now: Timestamp) -> bool {
    row.origin != Origin::Imported && row.is_usable(now) && usage::is_used(world, row)
}

fn is_ending(world: &World, row: &Certificate, now: Timestamp) -> bool {
    let is_near = |material: &Material| material.not_after <= now.plus_seconds(RENEWAL_SECONDS);
    row.material.as_ref().is_some_and(is_near) && is_renewed(world, row, now)
}

/// The domains of a certificate that are to be proven: all of them, when it is renewed.
pub fn unproven(row: &Certificate) -> impl Iterator<Item = &DomainValidation> {
    let validations = match &row.origin {
        Origin::Requested { validations, .. } => validations.as_slice(),
        Origin::Imported => &[],
    };
    let is_renewal = row.state.is_issued();
    validations.iter().filter(move |validation| is_renewal || !validation.is_proven)
}

/// From when to when a certificate is valid that is signed now: from midnight to midnight, UTC.
pub fn validity(now: Timestamp) -> (Timestamp, Timestamp) {
    let midnight = now.seconds().div_euclid(DAY) * DAY;
    let start = Timestamp(midnight.saturating_mul(1000));
    (start, start.plus_seconds(VALID_DAYS * DAY - 1))
}

/// One thing that is due.
#[derive(Debug)]
pub(crate) enum Step {
    /// Something was found out.
    Proven(Proof),
    /// Its time is over.
    TimedOut(CertificateArn),
}

/// Finds what is due.
pub(crate) fn due(world: &World, proofs: &[Proof], now: Timestamp, found: &mut dyn FnMut(Step)) {
    for proof in proofs {
        let Some(row) = world.get::<Certificate>(&proof.certificate) else { continue };
        let is_due = match &proof.outcome {
            _ if row.state == CertificateState::PendingValidation => {
                proof.outcome.is_some() || unproven(row).any(|domain| proof.domains.contains(&domain.domain))
            }
            // A renewal that fails is tried again, and leaves the certificate as it is.
            Some(Ok(_)) => is_ending(world, row, now),
            _ => false,
        };
        if is_due {
            found(Step::Proven(proof.clone()));
        }
    }
    for row in world.by::<Certificate>("unsettled", "").filter(|row| times_out(row) <= now) {
        found(Step::TimedOut(row.arn.clone()));
    }
}

/// When something is due next that only time brings.
pub(crate) fn next_deadline(world: &World) -> Option<Timestamp> {
    world.by::<Certificate>("unsettled", "").map(times_out).min()
}

fn times_out(row: &Certificate) -> Timestamp {
    row.created.plus_seconds(VALIDATION_SECONDS)
}

/// Moves a row on.
pub(crate) fn take(tx: &mut Tx<'_>, step: Step) {
    match step {
        Step::Proven(proof) => prove(tx, proof),
        Step::TimedOut(arn) => {
            tx.modify::<Certificate>(&arn, |row| row.state = CertificateState::ValidationTimedOut);
        }
    }
}

fn prove(tx: &mut Tx<'_>, proof: Proof) {
    let now = tx.now();
    tx.modify::<Certificate>(&proof.certificate, |row| {
        if let Origin::Requested { validations, .. } = &mut row.origin {
            for validation in validations.iter_mut().filter(|row| proof.domains.contains(&row.domain)) {
                validation.is_proven = true;
            }
        }
        match proof.outcome {
            Some(Ok(material)) => {
                row.material = Some(material);
                match row.state.is_issued() {
                    true => row.renewed = Some(now),
                    false => row.state = CertificateState::Issued { at: now },
                }
            }
            Some(Err(reason)) => row.state = CertificateState::Failed(reason),
            None => {}
        }
    });
}
