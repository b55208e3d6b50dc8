//! `ImportCertificate`. [Import certificates into AWS Certificate Manager](https://docs.aws.amazon.com/acm/latest/userguide/import-certificate.html)
//!
//! What AWS promises: one certificate of X.509 version 3 that is valid now, the private key that belongs to it, and, unless
//! it signed itself, the certificates that lead to its root, each signed by the next. With an ARN the certificate takes the
//! place of the one that was imported before, of the same kind of key and for at least the same use.

use std::collections::BTreeSet;

use enishi_api::acm::{ImportCertificateRequest, ImportCertificateResponse, ops};
use enishi_state::acm::{Certificate, CertificateState, KeyAlgorithm, Material, Origin};
use enishi_state::{Scope, Timestamp, Tx, World};
use enishi_wire::Fault;

use super::private_key::Imported;
use super::tag::NewTags;
use super::x509::Details;
use super::{chain, faults, find, fresh_arn, pem, private_key, text, x509};
use crate::quota;
use crate::registry::Registry;

const LABEL: &str = "CERTIFICATE";

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ImportCertificate>(import_certificate);
}

fn import_certificate(
    tx: &mut Tx<'_>,
    input: ImportCertificateRequest,
) -> Result<ImportCertificateResponse, Fault> {
    let tags = NewTags::parse(input.tags.unwrap_or_default())?;
    let leaf = read_one(&input.certificate.0)?;
    let details = x509::details(&leaf).ok_or_else(unreadable)?;
    let key = private_key::parse(&input.private_key.0)?;
    let key_algorithm = check(&details, &key, tx.now())?;
    let chain = match input.certificate_chain {
        Some(text) => read_chain(&leaf, &text.0)?,
        None => {
            check_self_signed(&leaf)?;
            String::new()
        }
    };
    let material = Material {
        certificate: pem::write(LABEL, &leaf),
        chain,
        not_before: details.not_before,
        not_after: details.not_after,
    };
    let new = Certificate {
        arn: fresh_arn(tx),
        scope: tx.caller().scope.clone(),
        names: details.names.clone(),
        origin: Origin::Imported,
        key_algorithm,
        private_key: key.key,
        state: CertificateState::Issued { at: tx.now() },
        material: Some(material),
        transparency_logging: false,
        created: tx.now(),
        renewed: None,
    };
    let row = match &input.certificate_arn {
        Some(arn) => replace(tx.world(), arn, new, &details, &tags)?,
        None => {
            check_quota(tx.world(), &new.scope)?;
            new
        }
    };
    tags.attach(tx, row.arn.as_str());
    let arn = text(&row.arn);
    tx.put(row);
    Ok(ImportCertificateResponse { certificate_arn: arn })
}

fn unreadable() -> Fault {
    faults::validation("Unable to parse certificate. Please ensure the certificate is in PEM format.")
}

/// The one certificate that a text has.
fn read_one(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut blocks = pem::read(text).map_err(|()| unreadable())?;
    if blocks.len() > 1 {
        return Err(faults::validation(
            "The certificate field contains more than one certificate. You can specify only one certificate in this field.",
        ));
    }
    blocks.pop().filter(|block| block.label == LABEL).map(|block| block.contents).ok_or_else(unreadable)
}

fn check(details: &Details, key: &Imported, now: Timestamp) -> Result<KeyAlgorithm, Fault> {
    if !details.is_version_3 {
        return Err(faults::validation("The certificate must be an X.509 version 3 certificate."));
    }
    if details.public_key != key.public {
        return Err(faults::validation("The private key does not match the certificate."));
    }
    let algorithm = details.key_algorithm.ok_or_else(|| {
        faults::validation("The private key length is not supported for the key algorithm.")
    })?;
    if now < details.not_before {
        return Err(faults::validation("The certificate is not valid yet."));
    }
    if details.not_after < now {
        return Err(faults::validation("The certificate has expired."));
    }
    Ok(algorithm)
}

fn check_self_signed(leaf: &[u8]) -> Result<(), Fault> {
    match x509::parse(leaf).is_some_and(|leaf| chain::signed(&leaf, &leaf)) {
        true => Ok(()),
        false => Err(faults::validation(
            "Provided certificate is not a valid self signed. Please provide either a valid self-signed certificate or \
             certificate chain.",
        )),
    }
}

/// The chain that leads from a certificate to its root; the root itself may be left out.
fn read_chain(leaf: &[u8], text: &[u8]) -> Result<String, Fault> {
    let unreadable = || {
        faults::validation(
            "Unable to parse certificate chain. Please ensure the certificate chain is in PEM format.",
        )
    };
    let blocks = pem::read(text).map_err(|()| unreadable())?;
    if blocks.is_empty() || blocks.iter().any(|block| block.label != LABEL) {
        return Err(unreadable());
    }
    let mut last = x509::parse(leaf).ok_or_else(unreadable)?;
    for block in &blocks {
        let next = x509::parse(&block.contents).ok_or_else(unreadable)?;
        if !chain::signed(&last, &next) {
            return Err(faults::validation("Could not validate the certificate with the certificate chain."));
        }
        last = next;
    }
    Ok(blocks.iter().map(|block| pem::write(LABEL, &block.contents)).collect())
}

fn check_quota(world: &World, scope: &Scope) -> Result<(), Fault> {
    let rows = world.by::<Certificate>("scope", &scope.to_string());
    let imported = rows.filter(|row| row.origin == Origin::Imported).count();
    match quota::IMPORTED_CERTIFICATES.reached(world, scope, imported) {
        true => Err(faults::too_many_imports()),
        false => Ok(()),
    }
}

/// The certificate that was imported before, with what is new.
fn replace(
    world: &World,
    arn: &str,
    new: Certificate,
    details: &Details,
    tags: &NewTags,
) -> Result<Certificate, Fault> {
    let old = find(world, &new.scope, arn)?;
    if old.origin != Origin::Imported {
        return Err(faults::validation(format!("The certificate {arn} was not imported.")));
    }
    if !tags.is_empty() {
        return Err(faults::invalid_parameter(
            "You cannot apply resource tags when reimporting a certificate.",
        ));
    }
    if old.key_algorithm != new.key_algorithm {
        return Err(faults::validation(
            "The key type and size of a reimported certificate cannot be changed.",
        ));
    }
    if !new.names.iter().any(|name| old.names.contains(name)) {
        return Err(faults::validation("You cannot remove all of the domain names from a certificate."));
    }
    let before = old.material.as_ref().and_then(read_material);
    if before.is_some_and(|before| loses_a_use(&before, details)) {
        return Err(faults::validation(
            "You cannot remove Key Usage or Extended Key Usage values that the certificate had before.",
        ));
    }
    Ok(Certificate { arn: old.arn.clone(), created: old.created, ..new })
}

fn read_material(material: &Material) -> Option<Details> {
    super::describe_certificate::details(material)
}

/// Certificate authorities stopped to give client authentication, so a certificate may lose that.
fn loses_a_use(before: &Details, now: &Details) -> bool {
    let extended = |details: &Details| -> BTreeSet<String> {
        details.extended_key_usages.iter().map(|(_, id)| id.clone()).collect()
    };
    let usages: BTreeSet<&str> = now.key_usages.iter().copied().collect();
    let loses_usage = before.key_usages.iter().any(|usage| *usage != "ANY" && !usages.contains(usage));
    let (had, has) = (extended(before), extended(now));
    let loses = |id: &String| !id.is_empty() && id != "1.3.6.1.5.5.7.3.2" && !has.contains(id);
    loses_usage || had.iter().any(loses)
}
