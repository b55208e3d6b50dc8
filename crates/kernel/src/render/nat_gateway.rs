//! A NAT gateway: rewrites the source of what it forwards to its own private addresses and sends it back to the router.
//!
//! AWS ("NAT gateway basics" in the VPC guide): up to 55,000 connections to one destination per address, from ports 1024
//! to 65535; a connection idle for 350 seconds is forgotten, and a packet of it is then answered with a reset. It admits no
//! flow from outside.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::program::{NamespaceProgram, NatGateway};
use enishi_fabric::{Cidr, PortRange};

use super::{add_route, forwards, host, set};
use crate::netstate::{
    BaseChain, Chain, ChainKind, Clause, Data, DataKind, Field, Hook, Kind, MAIN_TABLE, NatAddress, Network,
    RejectWith, RouteKey, Rule, Set, Table, Value, Verdict,
};

pub(super) fn render(program: &NamespaceProgram, gateway: &NatGateway, state: &mut Network) {
    let device = &gateway.device;
    host::add_device(program, device, state);
    let default = RouteKey::new(MAIN_TABLE, Cidr::EVERYWHERE);
    add_route(state, default, &device.interface, Some(device.gateway), device.addresses.first().copied());

    forwards(state);
    for timeout in ["tcp_timeout_established", "udp_timeout", "udp_timeout_stream", "icmp_timeout"] {
        set(state, &format!("netfilter/nf_conntrack_{timeout}"), gateway.idle_seconds);
    }
    // A packet in the middle of a forgotten connection begins no new one.
    set(state, "netfilter/nf_conntrack_tcp_loose", 0);
    set(state, "netfilter/nf_conntrack_tcp_be_liberal", 1);
}

/// Its nftables table.
pub(super) fn table(gateway: &NatGateway) -> Table {
    let origin: Arc<str> = gateway.origin.to_string().into();
    let rule = |clauses: Vec<Clause>| Rule::new(origin.clone(), clauses);
    let state = |bits| Clause::AnyBit(Field::TrackState, bits);
    let is = |protocol: u8| Clause::Is(Field::Protocol, Value::Protocol(protocol));
    let accept = || Clause::Then(Verdict::Accept);
    let base = |hook, kind, priority, accept| Some(BaseChain { hook, kind, priority, accept });

    let input = Chain {
        base: base(Hook::Input, ChainKind::Filter, 0, false),
        rules: vec![rule(vec![state(Field::ESTABLISHED | Field::RELATED), accept()])],
    };
    let mut forward = vec![
        rule(vec![state(Field::INVALID), is(TCP), Clause::Reject(RejectWith::TcpReset)]),
        rule(vec![state(Field::INVALID), Clause::Then(Verdict::Drop)]),
    ];
    // "A NAT gateway supports the following protocols: TCP, UDP, and ICMP."
    forward.extend([TCP, UDP, ICMP].map(|protocol| rule(vec![is(protocol), accept()])));
    let forward = Chain { base: base(Hook::Forward, ChainKind::Filter, 0, false), rules: forward };

    let mut sets = BTreeMap::new();
    let out = Clause::Is(Field::Output, Value::Interface(gateway.device.interface.clone()));
    let translate = sources(&gateway.device.addresses, &mut sets)
        .map(|address| rule(vec![out, Clause::SourceNat(address, PortRange::new(1024, u16::MAX).ok())]));
    let postrouting = Chain {
        base: base(Hook::Postrouting, ChainKind::Nat, 100, true),
        rules: translate.into_iter().collect(),
    };

    let chains = [("input", input), ("forward", forward), ("source", postrouting)];
    Table { chains: chains.into_iter().map(|(name, chain)| (name.into(), Arc::new(chain))).collect(), sets }
}

/// Where a flow gets its source: the only address, or one of several by a hash of the flow.
fn sources(addresses: &[Ipv4Addr], sets: &mut BTreeMap<Arc<str>, Arc<Set>>) -> Option<NatAddress> {
    let count = u32::try_from(addresses.len()).ok()?;
    match addresses {
        [] => None,
        [only] => Some(NatAddress::Fixed(*only)),
        several => {
            let elements =
                (0..).zip(several).map(|(index, to)| (vec![Value::Index(index)], Data::Address(*to)));
            let map = Set::map([Kind::Index], DataKind::Address).with(elements);
            let name: Arc<str> = "sources".into();
            sets.insert(name.clone(), Arc::new(map));
            Some(NatAddress::Spread(vec![Field::Source, Field::Destination, Field::SourcePort], count, name))
        }
    }
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
