//! Listeners: `CreateLoadBalancerListeners`, `DeleteLoadBalancerListeners`, `SetLoadBalancerListenerSSLCertificate`.
//! [Listeners for your Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-listener-config.html)
//!
//! What AWS promises: both sides of a listener speak HTTP, secure or not, or both speak bytes, secure or not; a secure side
//! towards clients has a certificate, and the default negotiation policy until another is enabled.

use std::collections::BTreeMap;

use enishi_api::elb::{
    self as api, CreateLoadBalancerListenerInput, CreateLoadBalancerListenerOutput,
    DeleteLoadBalancerListenerInput, DeleteLoadBalancerListenerOutput,
    SetLoadBalancerListenerSSLCertificateInput, SetLoadBalancerListenerSSLCertificateOutput, ops,
};
use enishi_state::acm::{Certificate, CertificateArn};
use enishi_state::elb::{Listener, ListenerProtocol, LoadBalancer};
use enishi_state::{Scope, Timestamp, Tx, World};
use enishi_wire::Fault;

use super::policy_type::{DEFAULT_NEGOTIATION, negotiation};
use super::{faults, port, take};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateLoadBalancerListeners>(create_load_balancer_listeners);
    on.write::<ops::DeleteLoadBalancerListeners>(delete_load_balancer_listeners);
    on.write::<ops::SetLoadBalancerListenerSSLCertificate>(set_load_balancer_listener_ssl_certificate);
}

/// The listeners of a request by their port.
///
/// # Errors
/// `ValidationError`, `UnsupportedProtocol`, `CertificateNotFound`, `InvalidConfigurationRequest`, `DuplicateListener`
pub(super) fn parse(
    world: &World,
    scope: &Scope,
    now: Timestamp,
    name: &str,
    listeners: &[api::Listener],
) -> Result<BTreeMap<u16, Listener>, Fault> {
    let mut parsed = BTreeMap::new();
    for listener in listeners {
        let (port, row) = parse_one(world, scope, now, listener)?;
        if parsed.get(&port).is_some_and(|other| *other != row) {
            return Err(faults::duplicate_listener(name, port));
        }
        parsed.insert(port, row);
    }
    Ok(parsed)
}

fn parse_one(
    world: &World,
    scope: &Scope,
    now: Timestamp,
    listener: &api::Listener,
) -> Result<(u16, Listener), Fault> {
    let protocol = parse_protocol(&listener.protocol)?;
    let instance_protocol = match listener.instance_protocol.as_deref() {
        Some(name) => parse_protocol(name)?,
        None if protocol.is_http() => ListenerProtocol::Http,
        None => ListenerProtocol::Tcp,
    };
    if protocol.is_http() != instance_protocol.is_http() {
        return Err(faults::validation_error(
            "Listener protocol and instance protocol must be at the same Internet Protocol Layer",
        ));
    }
    let certificate = listener.ssl_certificate_id.clone().filter(|arn| !arn.is_empty());
    match (protocol.is_secure(), &certificate) {
        (true, None) => {
            return Err(faults::validation_error("Secure Listeners need to specify a SSLCertificateId"));
        }
        (false, Some(_)) => {
            return Err(faults::invalid_configuration_request(
                "Non-secure Listeners must not specify a SSLCertificateId",
            ));
        }
        (true, Some(arn)) => check_certificate(world, scope, now, arn)?,
        (false, None) => {}
    }
    let row = Listener {
        protocol,
        instance_protocol,
        instance_port: port(listener.instance_port, "Instance")?,
        certificate,
        policies: match protocol.is_secure() {
            true => vec![DEFAULT_NEGOTIATION.to_owned()],
            false => Vec::new(),
        },
    };
    Ok((port(listener.load_balancer_port, "Load Balancer")?, row))
}

fn parse_protocol(name: &str) -> Result<ListenerProtocol, Fault> {
    match name.to_ascii_uppercase().as_str() {
        "HTTP" => Ok(ListenerProtocol::Http),
        "HTTPS" => Ok(ListenerProtocol::Https),
        "TCP" => Ok(ListenerProtocol::Tcp),
        "SSL" => Ok(ListenerProtocol::Ssl),
        _ => Err(faults::unsupported_protocol()),
    }
}

/// The certificate has to be one of ACM's that the account has and that can be used.
fn check_certificate(world: &World, scope: &Scope, now: Timestamp, arn: &str) -> Result<(), Fault> {
    let found = world.get::<Certificate>(&CertificateArn::new(arn)).filter(|row| row.scope == *scope);
    match found.is_some_and(|row| row.is_usable(now)) {
        true => Ok(()),
        false => Err(faults::certificate_not_found(arn)),
    }
}

/// # Errors
/// `ValidationError`
pub(super) fn check_count(world: &World, scope: &Scope, count: usize) -> Result<(), Fault> {
    let limit = quota::LISTENERS_PER_CLASSIC_LOAD_BALANCER.applied(world, scope);
    match count > limit {
        true => Err(faults::validation_error(format!("A load balancer can have at most {limit} listeners"))),
        false => Ok(()),
    }
}

/// A listener that is there already, with the same settings, is no error.
fn create_load_balancer_listeners(
    tx: &mut Tx<'_>,
    input: CreateLoadBalancerListenerInput,
) -> Result<CreateLoadBalancerListenerOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    if input.listeners.is_empty() {
        return Err(faults::validation_error("Listeners cannot be empty"));
    }
    let new = parse(tx.world(), &row.scope, tx.now(), &row.name, &input.listeners)?;
    for (port, listener) in new {
        match row.listeners.get(&port) {
            Some(old) if !is_same(old, &listener) => return Err(faults::duplicate_listener(&row.name, port)),
            Some(_) => {}
            None => drop(row.listeners.insert(port, listener)),
        }
    }
    check_count(tx.world(), &row.scope, row.listeners.len())?;
    ensure_negotiation(&mut row);
    tx.put(row);
    Ok(CreateLoadBalancerListenerOutput {})
}

/// Whether two listeners are the same but for the policies that were enabled.
pub(super) fn is_same(a: &Listener, b: &Listener) -> bool {
    Listener { policies: Vec::new(), ..a.clone() } == Listener { policies: Vec::new(), ..b.clone() }
}

/// What is not there is deleted already.
fn delete_load_balancer_listeners(
    tx: &mut Tx<'_>,
    input: DeleteLoadBalancerListenerInput,
) -> Result<DeleteLoadBalancerListenerOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    for number in input.load_balancer_ports {
        row.listeners.remove(&port(number, "Load Balancer")?);
    }
    forget_backends(&mut row);
    tx.put(row);
    Ok(DeleteLoadBalancerListenerOutput {})
}

/// Policies of instance ports that no listener uses any more are not enabled for anything.
fn forget_backends(row: &mut LoadBalancer) {
    let used: Vec<u16> = row.listeners.values().map(|listener| listener.instance_port).collect();
    row.backends.retain(|port, _| used.contains(port));
}

fn set_load_balancer_listener_ssl_certificate(
    tx: &mut Tx<'_>,
    input: SetLoadBalancerListenerSSLCertificateInput,
) -> Result<SetLoadBalancerListenerSSLCertificateOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    let port = port(input.load_balancer_port, "Load Balancer")?;
    check_certificate(tx.world(), &row.scope, tx.now(), &input.ssl_certificate_id)?;
    let Some(listener) = row.listeners.get_mut(&port) else {
        return Err(faults::listener_not_found(&row.name, port));
    };
    if !listener.protocol.is_secure() {
        return Err(faults::invalid_configuration_request(format!(
            "The listener on port {port} of load balancer '{}' does not use SSL",
            row.name
        )));
    }
    listener.certificate = Some(input.ssl_certificate_id);
    tx.put(row);
    Ok(SetLoadBalancerListenerSSLCertificateOutput {})
}

/// As responses show it.
pub(super) fn shape(port: u16, listener: &Listener) -> api::ListenerDescription {
    api::ListenerDescription {
        listener: Some(api::Listener {
            protocol: listener.protocol.name().to_owned(),
            load_balancer_port: port.into(),
            instance_protocol: Some(listener.instance_protocol.name().to_owned()),
            instance_port: listener.instance_port.into(),
            ssl_certificate_id: listener.certificate.clone(),
        }),
        policy_names: Some(listener.policies.clone()),
    }
}

/// A load balancer with secure listeners has the default negotiation policy.
pub(super) fn ensure_negotiation(row: &mut LoadBalancer) {
    let needs = row.listeners.values().any(|listener| listener.protocol.is_secure());
    if needs && !row.policies.contains_key(DEFAULT_NEGOTIATION) {
        row.policies.insert(DEFAULT_NEGOTIATION.to_owned(), negotiation(DEFAULT_NEGOTIATION));
    }
}
