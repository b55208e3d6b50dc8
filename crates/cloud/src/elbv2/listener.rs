//! Listeners: `CreateListener`, `DescribeListeners`, `ModifyListener`, `DeleteListener`.
//! [Application Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html),
//! [Network Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html)
//!
//! Creating a listener that is there already, with the same settings, answers the one that is there. Deleting one deletes its
//! rules.

mod attribute;
mod certificate;
mod ssl_policy;
mod tls;

use enishi_api::elbv2::{
    self as api, CreateListenerInput, CreateListenerOutput, DeleteListenerInput, DeleteListenerOutput,
    DescribeListenersInput, DescribeListenersOutput, ModifyListenerInput, ModifyListenerOutput, ops,
};
use enishi_state::elbv2::{
    Listener, ListenerArn, ListenerProtocol, LoadBalancer, LoadBalancerArn, LoadBalancerKind, Rule, Target,
    TargetGroupArn,
};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

use self::tls::Asked;
use super::action::{self, Place};
use super::page::page;
use super::tag::{self, NewTags};
use super::{arn, faults, find_listener, find_load_balancer, groups_of, random_id, rule, target, text};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateListener>(create_listener);
    on.read::<ops::DescribeListeners>(describe_listeners);
    on.write::<ops::ModifyListener>(modify_listener);
    on.write::<ops::DeleteListener>(delete_listener);
    attribute::register(on);
    certificate::register(on);
    ssl_policy::register(on);
}

/// AWS's name of the protocol.
pub(super) fn protocol_name(protocol: ListenerProtocol) -> &'static str {
    match protocol {
        ListenerProtocol::Http => "HTTP",
        ListenerProtocol::Https => "HTTPS",
        ListenerProtocol::Tcp => "TCP",
        ListenerProtocol::Tls => "TLS",
        ListenerProtocol::Udp => "UDP",
        ListenerProtocol::TcpUdp => "TCP_UDP",
    }
}

fn parse_protocol(kind: LoadBalancerKind, name: Option<&str>) -> Result<ListenerProtocol, Fault> {
    let name = name.ok_or_else(|| faults::validation_error("A listener protocol must be specified"))?;
    let (allowed, words): (&[ListenerProtocol], _) = match kind {
        LoadBalancerKind::Application => (&[ListenerProtocol::Https, ListenerProtocol::Http], "HTTPS, HTTP"),
        LoadBalancerKind::Network => (
            &[ListenerProtocol::Udp, ListenerProtocol::Tcp, ListenerProtocol::TcpUdp, ListenerProtocol::Tls],
            "UDP, TCP, TCP_UDP, TLS",
        ),
    };
    let found = allowed.iter().copied().find(|protocol| protocol_name(*protocol) == name);
    found.ok_or_else(|| {
        faults::validation_error(format!("Listener protocol '{name}' must be one of '{words}'"))
    })
}

fn parse_port(port: Option<i32>) -> Result<u16, Fault> {
    let port = port.ok_or_else(|| faults::validation_error("A listener port must be specified"))?;
    u16::try_from(port).map_err(|_| faults::validation_error("The listener port is not valid"))
}

fn create_listener(tx: &mut Tx<'_>, input: CreateListenerInput) -> Result<CreateListenerOutput, Fault> {
    let tags = NewTags::parse(input.tags)?;
    let id = random_id(tx.entropy());
    let now = tx.now();
    let (world, scope) = (tx.world(), &tx.caller().scope);
    let balancer = find_load_balancer(world, scope, &input.load_balancer_arn)?.clone();
    let protocol = parse_protocol(balancer.kind, input.protocol.as_deref())?;
    let port = parse_port(input.port)?;
    let asked = Asked {
        ssl_policy: input.ssl_policy,
        certificates: input.certificates,
        alpn_policy: input.alpn_policy,
        mutual: input.mutual_authentication,
    };
    let tls = tls::new(world, scope, protocol, asked, now)?;
    let place = Place { world, scope, balancer: &balancer, protocol, existing: &[] };
    let default_actions = action::parse(place, input.default_actions)?;
    let name = balancer.id_text();
    let row = Listener {
        arn: ListenerArn::new(&arn(scope, &format!("listener/{name}/{id}"))),
        scope: scope.clone(),
        load_balancer: balancer.arn.clone(),
        protocol,
        port,
        ssl_policy: tls.ssl_policy,
        certificates: tls.certificates,
        alpn_policy: tls.alpn_policy,
        mutual: tls.mutual,
        default_actions,
        attributes: Default::default(),
    };
    if let Some(existing) = at_port(world, &balancer.arn, port) {
        let same = Listener { arn: existing.arn.clone(), attributes: existing.attributes.clone(), ..row };
        return match same == *existing {
            true => Ok(CreateListenerOutput { listeners: Some(vec![shape(&balancer, existing)]) }),
            false => Err(faults::duplicate_listener(&balancer.arn)),
        };
    }
    check_quota(world, &balancer)?;
    tags.attach(tx, row.arn.as_str());
    let shape = shape(&balancer, &row);
    tx.put(row);
    Ok(CreateListenerOutput { listeners: Some(vec![shape]) })
}

fn at_port<'w>(world: &'w World, balancer: &LoadBalancerArn, port: u16) -> Option<&'w Listener> {
    world.by::<Listener>("load_balancer", balancer.as_str()).find(|listener| listener.port == port)
}

fn check_quota(world: &World, balancer: &LoadBalancer) -> Result<(), Fault> {
    let quota = match balancer.kind {
        LoadBalancerKind::Application => quota::LISTENERS_PER_APPLICATION_LOAD_BALANCER,
        LoadBalancerKind::Network => quota::LISTENERS_PER_NETWORK_LOAD_BALANCER,
    };
    let existing = world.by::<Listener>("load_balancer", balancer.arn.as_str()).count();
    match quota.reached(world, &balancer.scope, existing) {
        true => Err(faults::too_many_listeners(quota.applied(world, &balancer.scope))),
        false => Ok(()),
    }
}

/// As responses show it.
fn shape(balancer: &LoadBalancer, row: &Listener) -> api::Listener {
    let certificate = row.certificates.first().map(|arn| certificate::shape(arn, None));
    api::Listener {
        listener_arn: text(&row.arn),
        load_balancer_arn: text(&row.load_balancer),
        port: Some(row.port.into()),
        protocol: text(protocol_name(row.protocol)),
        certificates: certificate.map(|certificate| vec![certificate]),
        ssl_policy: row.ssl_policy.clone(),
        default_actions: Some(action::shapes(balancer.kind, &row.default_actions)),
        alpn_policy: row.alpn_policy.clone().map(|policy| vec![policy]),
        mutual_authentication: tls::mutual_shape(row),
    }
}

fn describe_listeners(
    read: &Read<'_>,
    input: DescribeListenersInput,
) -> Result<DescribeListenersOutput, Fault> {
    let (world, scope) = (read.world, &read.caller.scope);
    let arns = input.listener_arns.unwrap_or_default();
    let rows: Vec<&Listener> = match (&input.load_balancer_arn, arns.is_empty()) {
        (Some(arn), true) => {
            let balancer = find_load_balancer(world, scope, arn)?;
            world.by::<Listener>("load_balancer", balancer.arn.as_str()).collect()
        }
        (None, false) => by_arns(world, scope, &arns)?,
        (None, true) => {
            return Err(faults::validation_error(
                "You must specify either listener ARNs or a load balancer ARN",
            ));
        }
        (Some(_), false) => {
            return Err(faults::validation_error(
                "Listener ARNs and a load balancer ARN cannot be specified at the same time",
            ));
        }
    };
    let id = |row: &&Listener| row.arn.to_string();
    let (rows, next_marker) = page(rows, input.page_size, input.marker.as_deref(), id)?;
    let shape = |row: &Listener| Some(shape(world.get::<LoadBalancer>(&row.load_balancer)?, row));
    Ok(DescribeListenersOutput { listeners: Some(rows.into_iter().filter_map(shape).collect()), next_marker })
}

fn by_arns<'w>(world: &'w World, scope: &Scope, arns: &[String]) -> Result<Vec<&'w Listener>, Fault> {
    let find = |arn: &String| match find_listener(world, scope, arn) {
        Err(fault) if fault.code() == "ListenerNotFound" => Err(faults::listeners_not_found()),
        other => other,
    };
    arns.iter().map(find).collect()
}

fn modify_listener(tx: &mut Tx<'_>, input: ModifyListenerInput) -> Result<ModifyListenerOutput, Fault> {
    let (world, scope) = (tx.world(), &tx.caller().scope);
    let old = find_listener(world, scope, &input.listener_arn)?.clone();
    let balancer = find_load_balancer(world, scope, old.load_balancer.as_str())?.clone();
    let mut row = old.clone();
    if let Some(name) = input.protocol.as_deref() {
        row.protocol = parse_protocol(balancer.kind, Some(name))?;
    }
    if input.port.is_some() {
        row.port = parse_port(input.port)?;
        let other = at_port(world, &balancer.arn, row.port);
        if other.is_some_and(|other| other.arn != row.arn) {
            return Err(faults::validation_error(format!("Listener port '{}' is already in use", row.port)));
        }
    }
    let asked = Asked {
        ssl_policy: input.ssl_policy,
        certificates: input.certificates,
        alpn_policy: input.alpn_policy,
        mutual: input.mutual_authentication,
    };
    tls::change(world, scope, &mut row, asked, tx.now())?;
    if let Some(actions) = input.default_actions {
        let protocol = row.protocol;
        let place = Place { world, scope, balancer: &balancer, protocol, existing: &old.default_actions };
        row.default_actions = action::parse(place, actions)?;
    }
    if row.port != old.port {
        check_not_targeted(world, &old)?;
    }
    let shape = shape(&balancer, &row);
    tx.put(row);
    target::review(tx, groups_of(&old.default_actions));
    Ok(ModifyListenerOutput { listeners: Some(vec![shape]) })
}

/// Refuses to take a port away at which a Network Load Balancer sends to the load balancer.
fn check_not_targeted(world: &World, listener: &Listener) -> Result<(), Fault> {
    let mut targets = world.by::<Target>("target", listener.load_balancer.as_str());
    match targets.any(|target| target.port == listener.port) {
        true => Err(faults::resource_in_use(format!(
            "Listener port '{}' is in use by registered target '{}' and cannot be removed.",
            listener.port, listener.load_balancer
        ))),
        false => Ok(()),
    }
}

fn delete_listener(tx: &mut Tx<'_>, input: DeleteListenerInput) -> Result<DeleteListenerOutput, Fault> {
    let row = find_listener(tx.world(), &tx.caller().scope, &input.listener_arn)?.clone();
    check_not_targeted(tx.world(), &row)?;
    remove(tx, &row);
    Ok(DeleteListenerOutput {})
}

/// Removes a listener with its rules.
pub(super) fn remove(tx: &mut Tx<'_>, row: &Listener) {
    let rules: Vec<Rule> = tx.world().by::<Rule>("listener", row.arn.as_str()).cloned().collect();
    for rule in &rules {
        rule::remove(tx, rule);
    }
    tag::remove_all(tx, row.arn.as_str());
    tag::remove_all(tx, row.default_rule().as_str());
    tx.remove::<Listener>(&row.arn);
    let groups: Vec<TargetGroupArn> = groups_of(&row.default_actions)
        .chain(rules.iter().flat_map(|rule| groups_of(&rule.actions)))
        .cloned()
        .collect();
    target::review(tx, &groups);
}
