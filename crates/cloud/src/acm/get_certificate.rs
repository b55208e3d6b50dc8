//! `GetCertificate`. [API_GetCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_GetCertificate.html)

use enishi_api::acm::{GetCertificateRequest, GetCertificateResponse, ops};
use enishi_state::Read;
use enishi_state::acm::CertificateState;
use enishi_wire::Fault;

use super::{faults, find};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::GetCertificate>(get_certificate);
}

fn get_certificate(read: &Read<'_>, input: GetCertificateRequest) -> Result<GetCertificateResponse, Fault> {
    let row = find(read.world, &read.caller.scope, &input.certificate_arn)?;
    match &row.material {
        Some(material) => Ok(GetCertificateResponse {
            certificate: Some(material.certificate.clone()),
            certificate_chain: (!material.chain.is_empty()).then(|| material.chain.clone()),
        }),
        None if row.state == CertificateState::PendingValidation => {
            Err(faults::request_in_progress(&row.arn))
        }
        None => Err(faults::resource_not_found(&input.certificate_arn)),
    }
}
