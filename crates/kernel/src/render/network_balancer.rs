//! A node of a Network Load Balancer: rewrites the destination of flows to its listeners, and sends them back to the router.
//!
//! | chain | hook, priority | what it does |
//! |---|---|---|
//! | `spokesman` | output -150 | notes what a process sends under a foreign address, if processes may |
//! | `answers` | prerouting -150 | leads what answers that to the process |
//! | `listeners` | prerouting -100, nat | the first packet of a flow to a listener goes to the listener's chain |
//! | `tcp-80`, … | | the choice: a map from index to target, asked with a hash |
//! | `input` | input 0 | for processes: listeners that are local, and what answers a process |
//! | `forward` | forward 0 | what was redirected, in both directions |
//! | `new-flows`, `flow-tcp`, `flow-udp`, `resets` | | count what goes on, for [`crate::FlowReader`] |
//! | `source` | postrouting 100, nat | the node's own address as the source, where clients are not to be seen |
//!
//! A change of targets changes elements of one map and the number in one rule. Connections that are under way are not looked
//! at again; which of them end is [`enishi_fabric::invalidate`]'s to say.
//!
//! Bit 0 of the connection mark says that targets see the node's address, bit 1 that a process began the flow under a foreign
//! address.

use std::collections::BTreeMap;
use std::sync::Arc;

use enishi_fabric::program::{
    BalancedProtocol, FlowHash, Forward, Listener, ListenerAction, ListenerPort, NamespaceProgram,
    NetworkBalancer,
};
use enishi_fabric::{Cidr, PortRange};

use super::{add_route, forwards, host, loopback, member, set};
use crate::netstate::{
    BaseChain, Chain, ChainKind, Clause, Data, DataKind, Field, Hook, Key, Kind, MAIN_TABLE, MarkSource,
    NatAddress, Network, PolicyRule, RejectWith, RouteKey, RouteTarget, Rule, Set, Table, Value, Verdict,
};

/// The connection mark of flows whose targets see the node's address.
const HIDDEN: u32 = 1;
/// The connection mark of what a process sends under a foreign address, and the packet mark of what answers it.
const SPOKEN: u32 = 2;
/// The table that delivers every address to the node's processes, and the policy rule that leads to it.
const LOCAL_TABLE: u32 = 300;
const LOCAL_PRIORITY: u32 = 300;
const REQUEST: u8 = 0;
const REPLY: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const RST: u32 = 4;

const NEW_FLOWS: &str = "new-flows";
const FLOW_TCP: &str = "flow-tcp";
const FLOW_UDP: &str = "flow-udp";
const RESETS: &str = "resets";
/// The chains whose rules count the resets that the node itself sends, and nothing else.
pub(crate) const FORWARD: &str = "forward";
pub(crate) const INPUT: &str = "input";

/// What a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    NewTcp,
    NewUdp,
    ClientResets,
    TargetResets,
    Tcp,
    Udp,
    OwnResets,
}

impl Count {
    /// What a counter counts: the first, second, … of its chain.
    pub(crate) fn of(chain: &str, nth: usize) -> Option<Count> {
        match (chain, nth) {
            (NEW_FLOWS, 0) => Some(Count::NewTcp),
            (NEW_FLOWS, 1) => Some(Count::NewUdp),
            (RESETS, 0) => Some(Count::ClientResets),
            (RESETS, 1) => Some(Count::TargetResets),
            (FLOW_TCP, 0) => Some(Count::Tcp),
            (FLOW_UDP, 0) => Some(Count::Udp),
            (FORWARD | INPUT, _) => Some(Count::OwnResets),
            _ => None,
        }
    }
}

pub(super) fn render(program: &NamespaceProgram, balancer: &NetworkBalancer, state: &mut Network) {
    let device = &balancer.device;
    host::add_device(program, device, state);
    let default = RouteKey::new(MAIN_TABLE, Cidr::EVERYWHERE);
    add_route(state, default, &device.interface, Some(device.gateway), device.addresses.first().copied());
    if balancer.transparent {
        let everything = RouteKey::new(LOCAL_TABLE, Cidr::EVERYWHERE);
        state.routes.insert(everything, RouteTarget::Local { interface: loopback() });
        state.rules.insert(PolicyRule {
            priority: LOCAL_PRIORITY,
            mark: Some((SPOKEN, SPOKEN)),
            source: None,
            input: None,
            table: LOCAL_TABLE,
        });
    }

    forwards(state);
    let idle = |protocol| {
        let listeners = balancer.listeners.iter().filter(move |(at, _)| at.protocol == protocol);
        let forwards = listeners.filter_map(|(_, listener)| forward(listener));
        forwards.map(|forward| forward.idle_seconds).max()
    };
    if let Some(seconds) = idle(BalancedProtocol::Tcp) {
        set(state, "netfilter/nf_conntrack_tcp_timeout_established", seconds);
    }
    if let Some(seconds) = idle(BalancedProtocol::Udp) {
        set(state, "netfilter/nf_conntrack_udp_timeout", seconds);
        set(state, "netfilter/nf_conntrack_udp_timeout_stream", seconds);
    }
    // A packet in the middle of a forgotten connection begins no new one.
    set(state, "netfilter/nf_conntrack_tcp_loose", 0);
    set(state, "netfilter/nf_conntrack_tcp_be_liberal", 1);
}

fn forward(listener: &Listener) -> Option<&Forward> {
    match &listener.action {
        ListenerAction::Forward(forward) => Some(forward),
        ListenerAction::Local => None,
    }
}

/// The nftables table as it grows.
struct Builder<'a> {
    balancer: &'a NetworkBalancer,
    origin: Arc<str>,
    chains: BTreeMap<Arc<str>, Arc<Chain>>,
    sets: BTreeMap<Arc<str>, Arc<Set>>,
}

/// Its nftables table.
pub(super) fn table(balancer: &NetworkBalancer) -> Table {
    let origin = balancer.origin.to_string().into();
    let mut builder = Builder { balancer, origin, chains: BTreeMap::new(), sets: BTreeMap::new() };
    let addresses = balancer.device.addresses.iter().map(|address| member(Value::Address(*address)));
    builder.set("addresses", Set::of([Kind::Address]).with(addresses));
    builder.listeners();
    builder.processes();
    builder.forwarding();
    Table { chains: builder.chains, sets: builder.sets }
}

impl Builder<'_> {
    /// The choice of a target.
    fn listeners(&mut self) {
        let balancer = self.balancer;
        let mut choices = Set::map(LISTENER, DataKind::Verdict);
        for (at, listener) in &balancer.listeners {
            let Some(forward) = forward(listener).filter(|forward| !forward.targets.is_empty()) else {
                continue;
            };
            let name: Arc<str> = name(*at).into();
            choices.elements.insert(key(*at), Data::Verdict(Verdict::Jump(name.clone())));
            self.listener(&name, listener, forward);
        }
        self.set("listeners", choices);
        let rule = self.rule([
            Clause::In(vec![Field::Destination], "addresses".into()),
            Clause::Look(vec![Field::Protocol, Field::DestinationPort], "listeners".into()),
        ]);
        self.base("listeners", Hook::Prerouting, ChainKind::Nat, -100, true, vec![rule]);
    }

    fn listener(&mut self, name: &Arc<str>, listener: &Listener, forward: &Forward) {
        let origin: Arc<str> = listener.origin.to_string().into();
        let targets = (0..).zip(&forward.targets);
        let targets =
            targets.map(|(index, target)| (vec![Value::Index(index)], Data::Socket(target.socket())));
        let targets = Set::map([Kind::Index], DataKind::Socket).with(targets);
        let count = u32::try_from(targets.elements.len()).unwrap_or(u32::MAX);
        self.set(name, targets);
        let mut rules = Vec::new();
        if !forward.preserve_client_ip {
            let hide = [Clause::SetTrackMark(MarkSource::Value(HIDDEN))];
            rules.push(Rule::new(origin.clone(), hide));
        }
        let fields = match forward.hash {
            FlowHash::Source => vec![Field::Source],
            FlowHash::Flow => vec![
                Field::Source,
                Field::SourcePort,
                Field::Destination,
                Field::DestinationPort,
                Field::Protocol,
            ],
        };
        rules.push(Rule::new(origin, [Clause::Spread(fields, count, name.clone())]));
        self.chain(name, None, rules);
    }

    /// What goes to processes of the node.
    fn processes(&mut self) {
        let balancer = self.balancer;
        let of_kind = |wanted: fn(&ListenerAction) -> bool| {
            let listeners = balancer.listeners.iter().filter(move |(_, listener)| wanted(&listener.action));
            Set::of(LISTENER).with(listeners.map(|(at, _)| (key(*at), Data::Member)))
        };
        self.set("local", of_kind(|action| matches!(action, ListenerAction::Local)));
        self.set(
            "targetless",
            of_kind(
                |action| matches!(action, ListenerAction::Forward(forward) if forward.targets.is_empty()),
            ),
        );
        let to = |set: &str| {
            [
                Clause::In(vec![Field::Destination], "addresses".into()),
                Clause::In(vec![Field::Protocol, Field::DestinationPort], set.into()),
            ]
        };
        let [own, targetless] = to("targetless");
        let [_, local] = to("local");
        let tcp = || Clause::Is(Field::Protocol, Value::Protocol(TCP));
        let reset = || Clause::Reject(RejectWith::TcpReset);
        let rules = vec![
            self.rule([state(Field::ESTABLISHED | Field::RELATED), accept()]),
            self.rule([own.clone(), local, accept()]),
            self.rule([state(Field::INVALID), tcp(), Clause::Count, reset()]),
            self.rule([own, tcp(), targetless, Clause::Count, reset()]),
        ];
        self.base(INPUT, Hook::Input, ChainKind::Filter, 0, false, rules);
        if !balancer.transparent {
            return;
        }
        let spoken = self.rule([
            Clause::Masked(Field::TrackStatus, Field::CONFIRMED, 0),
            Clause::NotIn(vec![Field::Source], "addresses".into()),
            Clause::SetTrackMark(MarkSource::Value(SPOKEN)),
        ]);
        self.base("spokesman", Hook::Output, ChainKind::Filter, -150, true, vec![spoken]);
        let answer = self.rule([
            Clause::Is(Field::TrackDirection, Value::Byte(REPLY)),
            Clause::AnyBit(Field::TrackMark, SPOKEN),
            Clause::SetMark(MarkSource::Value(SPOKEN)),
        ]);
        self.base("answers", Hook::Prerouting, ChainKind::Filter, -150, true, vec![answer]);
    }

    /// What goes on to targets and back.
    fn forwarding(&mut self) {
        let redirected = || Clause::AnyBit(Field::TrackStatus, Field::DESTINATION_TRANSLATED);
        let counted = || Clause::Look(vec![Field::Protocol], "flows".into());
        let tcp = Clause::Is(Field::Protocol, Value::Protocol(TCP));
        let new_flow = Clause::Then(Verdict::Jump(NEW_FLOWS.into()));
        let known = || state(Field::ESTABLISHED | Field::RELATED);
        let rules = vec![
            self.rule([known(), counted()]),
            self.rule([known(), accept()]),
            self.rule([state(Field::NEW), redirected(), new_flow]),
            self.rule([state(Field::NEW), redirected(), counted()]),
            self.rule([state(Field::INVALID), tcp, Clause::Count, Clause::Reject(RejectWith::TcpReset)]),
        ];
        self.base(FORWARD, Hook::Forward, ChainKind::Filter, 0, false, rules);
        self.counts();
        let Some(own) = self.balancer.device.addresses.first() else { return };
        let source = Clause::SourceNat(NatAddress::Fixed(*own), PortRange::new(1024, u16::MAX).ok());
        let rule = self.rule([Clause::AnyBit(Field::TrackMark, HIDDEN), source]);
        self.base("source", Hook::Postrouting, ChainKind::Nat, 100, true, vec![rule]);
    }

    /// What is counted of what goes on. Nothing in these rules ever changes, or they would begin anew.
    fn counts(&mut self) {
        let of = |protocol| Clause::Is(Field::Protocol, Value::Protocol(protocol));
        let begins = || Clause::Masked(Field::TrackStatus, Field::CONFIRMED, 0);
        let from = |direction| Clause::Is(Field::TrackDirection, Value::Byte(direction));
        let is_reset = Clause::AnyBit(Field::TcpFlags, RST);
        let flows = [(TCP, FLOW_TCP), (UDP, FLOW_UDP)].map(|(protocol, chain)| {
            (vec![Value::Protocol(protocol)], Data::Verdict(Verdict::Goto(chain.into())))
        });
        self.set("flows", Set::map([Kind::Protocol], DataKind::Verdict).with(flows));
        let counting = || self.rule([Clause::Count, accept()]);
        let new_flows = [TCP, UDP].map(|protocol| self.rule([begins(), of(protocol), Clause::Count]));
        let resets = [REQUEST, REPLY].map(|direction| self.rule([from(direction), Clause::Count]));
        let reset = self.rule([is_reset, Clause::Then(Verdict::Jump(RESETS.into()))]);
        let chains = [
            (NEW_FLOWS, new_flows.into()),
            (RESETS, resets.into()),
            (FLOW_TCP, vec![reset, counting()]),
            (FLOW_UDP, vec![counting()]),
        ];
        for (name, rules) in chains {
            self.chain(name, None, rules);
        }
    }

    fn rule(&self, clauses: impl Into<Vec<Clause>>) -> Rule {
        Rule::new(self.origin.clone(), clauses)
    }

    fn base(
        &mut self,
        name: &str,
        hook: Hook,
        kind: ChainKind,
        priority: i32,
        accept: bool,
        rules: Vec<Rule>,
    ) {
        self.chain(name, Some(BaseChain { hook, kind, priority, accept }), rules);
    }

    fn chain(&mut self, name: &str, base: Option<BaseChain>, rules: Vec<Rule>) {
        self.chains.insert(name.into(), Arc::new(Chain { base, rules }));
    }

    fn set(&mut self, name: &str, set: Set) {
        self.sets.insert(name.into(), Arc::new(set));
    }
}

/// What listeners are told apart by.
const LISTENER: [Kind; 2] = [Kind::Protocol, Kind::Port];

fn key(at: ListenerPort) -> Key {
    vec![Value::Protocol(at.protocol.number()), Value::Port(at.port)]
}

/// The chain and the map of a listener.
fn name(at: ListenerPort) -> String {
    match at.protocol {
        BalancedProtocol::Tcp => format!("tcp-{}", at.port),
        BalancedProtocol::Udp => format!("udp-{}", at.port),
    }
}

fn state(bits: u32) -> Clause {
    Clause::AnyBit(Field::TrackState, bits)
}

fn accept() -> Clause {
    Clause::Then(Verdict::Accept)
}
