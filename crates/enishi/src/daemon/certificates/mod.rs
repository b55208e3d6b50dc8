//! ACM's certificates that were requested: their proofs are looked for, and the local certificate authority signs them.
//!
//! The reconcile loop asks after every change of the world, when the name servers have followed: a certificate is issued as
//! soon as the records of its domains are answered. Nothing is kept here; what was found out becomes rows by
//! [`tick`](enishi_cloud::tick::tick).

mod authority;
mod caa;

use std::sync::Arc;

use enishi_cloud::acm::{Proof, awaiting, unproven};
use enishi_fabric::dns::{Name, RecordType};
use enishi_state::acm::{Certificate, DomainValidation, FailureReason, Material};
use enishi_state::{Timestamp, World};

pub use authority::{Authority, Signed};

use super::dns::NameServers;

/// Proves and signs.
#[derive(Debug, Clone)]
pub struct Certificates {
    authority: Arc<Authority>,
    names: NameServers,
}

impl Certificates {
    /// Looks for proofs where `names` answer.
    pub fn new(authority: Arc<Authority>, names: NameServers) -> Self {
        Certificates { authority, names }
    }

    /// What is found out about the certificates of a world that await their proof.
    pub fn observe(&self, world: &World, now: Timestamp) -> Vec<Proof> {
        awaiting(world, now).filter_map(|row| self.proof(row, now)).collect()
    }

    /// Nothing where nothing is new.
    fn proof(&self, row: &Certificate, now: Timestamp) -> Option<Proof> {
        let (found, missing): (Vec<_>, Vec<_>) = unproven(row).partition(|domain| self.is_proven(domain));
        let outcome = match missing.is_empty() {
            true => Some(self.issue(row, now)?),
            false => None,
        };
        let domains: Vec<String> = found.into_iter().map(|domain| domain.domain.clone()).collect();
        let is_new = outcome.is_some() || !domains.is_empty();
        is_new.then(|| Proof { certificate: row.arn.clone(), domains, outcome })
    }

    fn is_proven(&self, validation: &DomainValidation) -> bool {
        let (Ok(name), Ok(wanted)) =
            (Name::parse(&validation.record_name), Name::parse(&validation.record_value))
        else {
            return false;
        };
        let found = self.names.records(&name, RecordType::CNAME);
        found.iter().any(|data| Name::from_wire(data.as_wire()).is_ok_and(|target| target == wanted))
    }

    fn issue(&self, row: &Certificate, now: Timestamp) -> Option<Result<Material, FailureReason>> {
        if !row.names.iter().all(|name| caa::permits(&self.names, name)) {
            return Some(Err(FailureReason::CaaError));
        }
        match self.authority.sign(row, now) {
            Ok(material) => Some(Ok(material)),
            Err(error) => {
                tracing::error!(%error, certificate = %row.arn, "a certificate cannot be signed");
                None
            }
        }
    }
}
