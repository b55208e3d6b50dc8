//! `enishi trace`: what the network, as it is meant to be, does with a packet and its answer.

use std::fmt::Write;
use std::net::Ipv4Addr;

use enishi_fabric::program::Role;
use enishi_fabric::{Flow, NamespaceName, Network, Packet, Program, Transport};
use enishi_state::World;
use enishi_state::ec2::NetworkInterface;
use http::StatusCode;
use serde_json::{Value, json};

use super::endpoint::names;

/// The source port of traced packets, one of those that Linux picks for clients.
const SOURCE_PORT: u16 = 49_152;

type Refusal = (StatusCode, String);

/// An end of a traced flow.
enum End<'w> {
    Internet,
    Instance(Vec<&'w NetworkInterface>),
    Address(Ipv4Addr),
}

/// Sends a packet through the network of `world`. `from` and `to` are instances, `internet` or addresses, `traffic` is
/// `tcp/443`, `udp/53`, `icmp` or a protocol number.
pub fn trace(world: &World, from: &str, to: &str, traffic: &str) -> Result<Value, Refusal> {
    let program = enishi_plan::plan(world);
    let (from, to) = (end(world, from)?, end(world, to)?);
    let (namespace, source) = sender(world, &program, &from)?;
    let destination = receiver(world, &program, &from, &to)?;
    let packet = Packet { source, destination, transport: transport(traffic)? };
    let mut network = Network::new(program);
    let there = network.send(&Flow { from: namespace, packet });
    let back = network.reply(&there);
    let passes = there.is_accepted() && back.as_ref().is_none_or(|answer| answer.arrives);
    let mut text = there.hop_by_hop().to_string();
    if let Some(answer) = &back {
        let _ = write!(text, "\nanswer: {}", answer.trace.hop_by_hop());
    }
    Ok(json!({
        "passes": passes,
        "text": text,
        "there": there,
        "back": back.map(|answer| json!({ "arrives": answer.arrives, "trace": answer.trace })),
    }))
}

fn end<'w>(world: &'w World, name: &str) -> Result<End<'w>, Refusal> {
    if name == "internet" {
        return Ok(End::Internet);
    }
    if let Ok(address) = name.parse() {
        return Ok(End::Address(address));
    }
    let instance = names::instance(world, name)?;
    if !instance.state.is_up() {
        return Err((StatusCode::CONFLICT, format!("{name} is {}", instance.state.name())));
    }
    Ok(End::Instance(names::interfaces(world, instance)))
}

fn sender(world: &World, program: &Program, from: &End<'_>) -> Result<(NamespaceName, Ipv4Addr), Refusal> {
    match from {
        End::Internet => Ok((NamespaceName::internet(), internet_address(program))),
        End::Instance(interfaces) => {
            let first = interfaces.first().ok_or_else(no_interface)?;
            let owner = first.instance().ok_or_else(no_interface)?;
            Ok((NamespaceName::new(owner.as_str()), first.primary_ip()))
        }
        End::Address(address) => {
            Ok((owner_of(world, *address)?.unwrap_or_else(NamespaceName::internet), *address))
        }
    }
}

/// The instance that has a private address; `None` when nobody has it.
fn owner_of(world: &World, address: Ipv4Addr) -> Result<Option<NamespaceName>, Refusal> {
    let has = |interface: &&NetworkInterface| interface.addresses.iter().any(|private| private.ip == address);
    let mut owners = world.all::<NetworkInterface>().filter(has).filter_map(|interface| interface.instance());
    match (owners.next(), owners.next()) {
        (None, _) => Ok(None),
        (Some(owner), None) => Ok(Some(NamespaceName::new(owner.as_str()))),
        (Some(_), Some(_)) => {
            let text = format!("{address} is the address of several instances; name the one you mean");
            Err((StatusCode::CONFLICT, text))
        }
    }
}

/// The address to send to: the private one inside a VPC and between peered ones, else the public one, as AWS's names resolve.
fn receiver(world: &World, program: &Program, from: &End<'_>, to: &End<'_>) -> Result<Ipv4Addr, Refusal> {
    match to {
        End::Internet => Ok(internet_address(program)),
        End::Address(address) => Ok(*address),
        End::Instance(interfaces) => {
            let first = interfaces.first().ok_or_else(no_interface)?;
            let inside = match from {
                End::Instance(senders) => senders.iter().any(|sender| {
                    let peering = enishi_plan::peering_of_pair(world, &sender.vpc, &first.vpc);
                    sender.vpc == first.vpc || peering.is_some()
                }),
                End::Internet => false,
                End::Address(address) => owner_of(world, *address)?.is_some(),
            };
            let public = if inside { None } else { names::public_ip(world, first) };
            Ok(public.unwrap_or_else(|| first.primary_ip()))
        }
    }
}

fn internet_address(program: &Program) -> Ipv4Addr {
    let internet = program.namespaces.get(&NamespaceName::internet()).map(|namespace| &namespace.role);
    match internet {
        Some(Role::Internet(internet)) => internet.address,
        _ => Ipv4Addr::UNSPECIFIED,
    }
}

fn no_interface() -> Refusal {
    (StatusCode::CONFLICT, "the instance has no network interface".to_owned())
}

fn transport(traffic: &str) -> Result<Transport, Refusal> {
    let refused = || {
        let text =
            format!("{traffic:?} is not a kind of traffic; try tcp/443, udp/53, icmp or a protocol number");
        (StatusCode::BAD_REQUEST, text)
    };
    let (protocol, port) = match traffic.split_once('/') {
        Some((protocol, port)) => (protocol, Some(port.parse::<u16>().map_err(|_| refused())?)),
        None => (traffic, None),
    };
    match (protocol.to_ascii_lowercase().as_str(), port) {
        ("tcp", Some(port)) => Ok(Transport::Tcp(SOURCE_PORT, port)),
        ("udp", Some(port)) => Ok(Transport::Udp(SOURCE_PORT, port)),
        ("icmp", None) => Ok(Transport::Echo { id: 1, reply: false }),
        (number, None) => number.parse().map(Transport::Other).map_err(|_| refused()),
        _ => Err(refused()),
    }
}
