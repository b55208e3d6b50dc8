//! Certificates of listeners: `AddListenerCertificates`, `RemoveListenerCertificates`, `DescribeListenerCertificates`, and
//! which certificates a listener can have.
//! [Certificates](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html)
//!
//! A listener that speaks TLS has a default certificate and a list of others, for clients that name a server. The default can
//! be replaced, not removed.

use enishi_api::elbv2::{
    self as api, AddListenerCertificatesInput, AddListenerCertificatesOutput,
    DescribeListenerCertificatesInput, DescribeListenerCertificatesOutput, RemoveListenerCertificatesInput,
    RemoveListenerCertificatesOutput, ops,
};
use enishi_state::acm::{Certificate, CertificateArn};
use enishi_state::elbv2::Listener;
use enishi_state::{Read, Scope, Timestamp, Tx, World};
use enishi_wire::Fault;

use super::super::page::page;
use super::super::{faults, find_listener, text};
use super::protocol_name;
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AddListenerCertificates>(add_listener_certificates);
    on.write::<ops::RemoveListenerCertificates>(remove_listener_certificates);
    on.read::<ops::DescribeListenerCertificates>(describe_listener_certificates);
}

/// The default certificate of a request, which names exactly one.
///
/// # Errors
/// `ValidationError`, `CertificateNotFound`, `UnsupportedCertificate`
pub(super) fn parse_default(
    world: &World,
    scope: &Scope,
    certificates: Vec<api::Certificate>,
    now: Timestamp,
) -> Result<String, Fault> {
    match parse(certificates)?.as_slice() {
        [arn] => {
            check(world, scope, arn, now)?;
            Ok(arn.clone())
        }
        _ => Err(faults::validation_error("Only one certificate can be specified")),
    }
}

/// The ARNs that a request names.
fn parse(certificates: Vec<api::Certificate>) -> Result<Vec<String>, Fault> {
    let arn = |certificate: api::Certificate| match certificate {
        api::Certificate { is_default: Some(_), .. } => {
            Err(faults::validation_error("You cannot specify whether a certificate is the default"))
        }
        api::Certificate { certificate_arn: Some(arn), .. } => Ok(arn),
        api::Certificate { certificate_arn: None, .. } => {
            Err(faults::validation_error("A certificate ARN must be specified"))
        }
    };
    certificates.into_iter().map(arn).collect()
}

/// Refuses a certificate that listeners cannot show.
///
/// # Errors
/// `ValidationError`, `CertificateNotFound`, `UnsupportedCertificate`
fn check(world: &World, scope: &Scope, arn: &str, now: Timestamp) -> Result<(), Fault> {
    if arn.starts_with("arn:aws:iam:") {
        return Err(faults::certificate_not_found(arn));
    }
    if !arn.starts_with("arn:aws:acm:") {
        return Err(faults::validation_error(format!("Certificate ARN '{arn}' is not valid")));
    }
    let found = world.get::<Certificate>(&CertificateArn::new(arn)).filter(|row| row.scope == *scope);
    match found.ok_or_else(|| faults::certificate_not_found(arn))?.is_usable(now) {
        true => Ok(()),
        false => Err(faults::unsupported_certificate(arn)),
    }
}

/// As responses show it.
pub(super) fn shape(arn: &str, is_default: Option<bool>) -> api::Certificate {
    api::Certificate { certificate_arn: text(arn), is_default }
}

/// The caller's listener, if it can have certificates.
fn find(tx: &Tx<'_>, arn: &str) -> Result<Listener, Fault> {
    let row = find_listener(tx.world(), &tx.caller().scope, arn)?;
    match row.certificates.is_empty() {
        true => Err(faults::validation_error(format!(
            "A certificate cannot be specified for {} listeners",
            protocol_name(row.protocol)
        ))),
        false => Ok(row.clone()),
    }
}

fn add_listener_certificates(
    tx: &mut Tx<'_>,
    input: AddListenerCertificatesInput,
) -> Result<AddListenerCertificatesOutput, Fault> {
    let mut row = find(tx, &input.listener_arn)?;
    let arns = parse(input.certificates)?;
    for arn in &arns {
        check(tx.world(), &tx.caller().scope, arn, tx.now())?;
        if !row.certificates.contains(arn) {
            row.certificates.push(arn.clone());
        }
    }
    check_quota(tx.world(), &row)?;
    let default = row.certificates.first().cloned();
    tx.put(row);
    let shape = |arn: &String| shape(arn, Some(default.as_ref() == Some(arn)));
    Ok(AddListenerCertificatesOutput { certificates: Some(arns.iter().map(shape).collect()) })
}

/// Counts the certificates of a load balancer, but for the defaults of its listeners.
fn check_quota(world: &World, row: &Listener) -> Result<(), Fault> {
    let others = |listener: &Listener| listener.certificates.len().saturating_sub(1);
    let siblings = world.by::<Listener>("load_balancer", row.load_balancer.as_str());
    let count: usize = siblings.filter(|listener| listener.arn != row.arn).map(others).sum();
    let limit = quota::CERTIFICATES_PER_LOAD_BALANCER.applied(world, &row.scope);
    match count + others(row) > limit {
        true => Err(faults::too_many_certificates(limit)),
        false => Ok(()),
    }
}

fn remove_listener_certificates(
    tx: &mut Tx<'_>,
    input: RemoveListenerCertificatesInput,
) -> Result<RemoveListenerCertificatesOutput, Fault> {
    let mut row = find(tx, &input.listener_arn)?;
    let arns = parse(input.certificates)?;
    if let Some(default) = row.certificates.first().filter(|default| arns.contains(default)) {
        return Err(faults::operation_not_permitted(format!(
            "Default certificate '{default}' cannot be removed from listener '{}'",
            row.arn
        )));
    }
    row.certificates.retain(|arn| !arns.contains(arn));
    tx.put(row);
    Ok(RemoveListenerCertificatesOutput {})
}

fn describe_listener_certificates(
    read: &Read<'_>,
    input: DescribeListenerCertificatesInput,
) -> Result<DescribeListenerCertificatesOutput, Fault> {
    let row = find_listener(read.world, &read.caller.scope, &input.listener_arn)?;
    let certificates: Vec<(usize, &String)> = row.certificates.iter().enumerate().collect();
    let id = |(_, arn): &(usize, &String)| (*arn).clone();
    let (certificates, next_marker) = page(certificates, input.page_size, input.marker.as_deref(), id)?;
    let certificates = certificates.into_iter().map(|(at, arn)| shape(arn, Some(at == 0))).collect();
    Ok(DescribeListenerCertificatesOutput { certificates: Some(certificates), next_marker })
}
