//! `DescribeCertificate`, `DeleteCertificate`.
//! [API_CertificateDetail](https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html)

use enishi_api::acm::{
    CertificateDetail, CertificateOptions, DeleteCertificateRequest, DescribeCertificateRequest,
    DescribeCertificateResponse, DomainValidation, ExtendedKeyUsage, KeyUsage, RenewalSummary,
    ResourceRecord, ops,
};
use enishi_state::acm::{self as state, Certificate, CertificateState, FailureReason, Material, Origin};
use enishi_state::{Read, Timestamp, Tx};
use enishi_wire::Fault;

use super::x509::{self, Details};
use super::{faults, find, kind, pem, settle, shown, status, tag, text, usage};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeCertificate>(describe_certificate);
    on.write::<ops::DeleteCertificate>(delete_certificate);
}

fn describe_certificate(
    read: &Read<'_>,
    input: DescribeCertificateRequest,
) -> Result<DescribeCertificateResponse, Fault> {
    let row = find(read.world, &read.caller.scope, &input.certificate_arn)?;
    Ok(DescribeCertificateResponse { certificate: Some(detail(read, row)) })
}

fn delete_certificate(tx: &mut Tx<'_>, input: DeleteCertificateRequest) -> Result<(), Fault> {
    let row = find(tx.world(), &tx.caller().scope, &input.certificate_arn)?;
    if usage::is_used(tx.world(), row) {
        return Err(faults::resource_in_use(&row.arn, &row.scope.account));
    }
    let arn = row.arn.clone();
    tag::remove_all(tx, arn.as_str());
    tx.remove::<Certificate>(&arn);
    Ok(())
}

/// What the certificate of a row says.
pub(super) fn details(material: &Material) -> Option<Details> {
    let blocks = pem::read(material.certificate.as_bytes()).ok()?;
    x509::details(&blocks.first()?.contents)
}

/// The kind of key as responses write it: `RSA-2048`.
pub(super) fn key_algorithm(row: &Certificate) -> Option<String> {
    Some(row.key_algorithm.name().replace('_', "-"))
}

/// Whether the certificate will be renewed by itself.
pub(super) fn renewal_eligibility(read: &Read<'_>, row: &Certificate) -> &'static str {
    match settle::is_renewed(read.world, row, read.now) {
        true => "ELIGIBLE",
        false => "INELIGIBLE",
    }
}

/// When it was issued, and when imported.
pub(super) fn issued_and_imported(row: &Certificate) -> (Option<Timestamp>, Option<Timestamp>) {
    match (&row.state, &row.origin) {
        (CertificateState::Issued { at }, Origin::Imported) => (None, Some(*at)),
        (CertificateState::Issued { at }, Origin::Requested { .. }) => (Some(*at), None),
        _ => (None, None),
    }
}

fn detail(read: &Read<'_>, row: &Certificate) -> CertificateDetail {
    let details = row.material.as_ref().and_then(details);
    let subject = match &row.origin {
        Origin::Requested { .. } => Some(format!("CN={}", row.domain())),
        Origin::Imported => None,
    };
    let (issued, imported) = issued_and_imported(row);
    let logging = if row.transparency_logging { "ENABLED" } else { "DISABLED" };
    let (usages, extended) = usages(details.as_ref());
    CertificateDetail {
        certificate_arn: text(&row.arn),
        domain_name: row.names.first().cloned(),
        subject_alternative_names: Some(row.names.clone()),
        domain_validation_options: validations(row),
        serial: details.as_ref().map(|details| details.serial.clone()),
        subject: details.as_ref().map(|details| details.subject.clone()).or(subject),
        issuer: details.as_ref().map(|details| details.issuer.clone()),
        created_at: shown(row.created),
        issued_at: issued.and_then(shown),
        imported_at: imported.and_then(shown),
        status: text(status(row, read.now)),
        not_before: row.material.as_ref().and_then(|material| shown(material.not_before)),
        not_after: row.material.as_ref().and_then(|material| shown(material.not_after)),
        key_algorithm: key_algorithm(row),
        signature_algorithm: details.as_ref().and_then(|details| text(details.signature_algorithm)),
        in_use_by: Some(usage::in_use_by(read.world, row)),
        failure_reason: match row.state {
            CertificateState::Failed(FailureReason::CaaError) => text("CAA_ERROR"),
            _ => None,
        },
        r#type: text(kind(row)),
        renewal_summary: renewal_summary(row),
        key_usages: usages,
        extended_key_usages: extended,
        renewal_eligibility: text(renewal_eligibility(read, row)),
        options: Some(CertificateOptions {
            certificate_transparency_logging_preference: text(logging),
            export: text("DISABLED"),
            validation_method: matches!(row.origin, Origin::Requested { .. }).then(|| "DNS".to_owned()),
        }),
        ..Default::default()
    }
}

fn usages(details: Option<&Details>) -> (Option<Vec<KeyUsage>>, Option<Vec<ExtendedKeyUsage>>) {
    let Some(details) = details else { return (None, None) };
    let usages = details.key_usages.iter().map(|name| KeyUsage { name: text(name) });
    let extended = details
        .extended_key_usages
        .iter()
        .map(|(name, id)| ExtendedKeyUsage { name: text(name), oid: (!id.is_empty()).then(|| id.clone()) });
    (Some(usages.collect()), Some(extended.collect()))
}

fn validations(row: &Certificate) -> Option<Vec<DomainValidation>> {
    let Origin::Requested { validations, .. } = &row.origin else { return None };
    let pending =
        if row.state == CertificateState::PendingValidation { "PENDING_VALIDATION" } else { "FAILED" };
    Some(validations.iter().map(|validation| shown_validation(validation, pending)).collect())
}

fn shown_validation(validation: &state::DomainValidation, otherwise: &'static str) -> DomainValidation {
    DomainValidation {
        domain_name: validation.domain.clone(),
        validation_domain: Some(validation.domain.clone()),
        validation_status: text(if validation.is_proven { "SUCCESS" } else { otherwise }),
        validation_method: text("DNS"),
        resource_record: Some(ResourceRecord {
            name: validation.record_name.clone(),
            r#type: "CNAME".to_owned(),
            value: validation.record_value.clone(),
        }),
        ..Default::default()
    }
}

fn renewal_summary(row: &Certificate) -> Option<RenewalSummary> {
    let at = row.renewed.and_then(shown)?;
    Some(RenewalSummary {
        renewal_status: "SUCCESS".to_owned(),
        domain_validation_options: validations(row).unwrap_or_default(),
        renewal_status_reason: None,
        updated_at: at,
    })
}
