//! What a program does with packets: the definition that every backend is compared with.
//!
//! [`walk`] sends the first packet of a flow through a network in which nothing was sent before. [`Network`] remembers:
//! it tracks connections in every namespace as Linux does, so that answers, translations, changes of program and second
//! packets can be followed too.
//!
//! # Connection tracking
//!
//! What AWS promises: security groups are stateful, per network interface ("Security group connection tracking" in the
//! EC2 guide). We realise it with one Linux conntrack zone per router, and this model follows what Linux does:
//!
//! * An entry is made by a flow's first packet, and kept only when that packet leaves the namespace: what a rule drops
//!   leaves nothing behind.
//! * A flow is *established* once a packet in its reply direction was seen, whether or not that packet was dropped
//!   later. Until then every packet of it is judged like the first. So a middlebox that forwards without translating,
//!   whose packets pass the router twice under one tuple, has the first packet judged at all four interfaces; once the
//!   answer was seen, all four let the flow pass.
//! * Translation is decided by the first packet in a namespace and never again. A packet that passes a router twice
//!   under one tuple and then leaves through the internet gateway is therefore not translated, and is dropped there
//!   ([`crate::Disposition::NotTranslated`]); AWS would translate it.
//! * A flow that a load balancer sends on under its client's address is remembered by its first packet, and its answers go
//!   back into that load balancer's ENI ([`crate::program::Eni::returns`]). If the same client has a flow with the same ports
//!   to the same target by another way, the two are one to the router, and the first one's way is taken; AWS documents
//!   the same ("Intermittent TCP connection establishment failure", troubleshooting guide of Network Load Balancers).
//! * An echo reply starts no flow: without the request it is judged by the rules of ICMP like any packet, but neither tracked
//!   nor translated.
//!
//! # Untracked flows
//!
//! Which flows AWS does not track is explained in [`crate::program`]. Each flow remembers of its initiator's egress gate
//! and of its responder's ingress gate whether a rule that is open to everywhere admitted it at an interface whose
//! [`crate::program::Untracked`] says so. *Any* such rule makes it untracked, even if a narrower one admits it as well.
//! At an end that is untracked, every packet of the flow is judged by the rules of the day: the initiator's by its
//! egress rules, the answers by its ingress rules, and the other way round for the responder.
//!
//! Tested by `tests/`: verdicts written by hand in one file per theme, and properties over random programs.

mod balancer;
mod conntrack;
mod gate;
mod journey;
mod node;
mod router;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::conntrack::Table;
use self::journey::Journey;
use crate::invalidate::invalidate;
use crate::{Connection, Disposition, Flow, NamespaceName, Program, Trace};

/// Sends the first packet of `flow` through a network in which nothing was sent before. Total: whatever the program
/// names or forgets, the answer is a trace, of bounded length.
pub fn walk(program: &Program, flow: &Flow) -> Trace {
    Network::new(program.clone()).send(flow)
}

/// A program that runs: with the connections that its namespaces track.
#[derive(Debug, Clone, Default)]
pub struct Network {
    program: Program,
    tables: BTreeMap<NamespaceName, Table>,
}

/// What happened to the answer of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The way of the answer.
    pub trace: Trace,
    /// Whether the sender of the first packet got it, from the address and port that it had sent to.
    pub arrives: bool,
}

impl Network {
    /// A network that runs `program` and has seen no packet.
    pub fn new(program: Program) -> Self {
        Network { program, tables: BTreeMap::new() }
    }

    /// The program that runs.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Sends a packet: the first of a flow, or a further one of a flow that was sent before.
    pub fn send(&mut self, flow: &Flow) -> Trace {
        Journey::new(&self.program, &mut self.tables, flow).run()
    }

    /// Sends the answer of a packet that arrived. `None` if it did not: what a middlebox answers is not ours to know.
    pub fn reply(&mut self, trace: &Trace) -> Option<Answer> {
        let from = match &trace.disposition {
            Disposition::Delivered { namespace, .. }
            | Disposition::Exits { namespace }
            | Disposition::Service { namespace } => namespace.clone(),
            _ => return None,
        };
        let answer = self.send(&Flow { from, packet: trace.last_packet().reply() });
        let receiver = match &answer.disposition {
            Disposition::Delivered { namespace, .. } | Disposition::Exits { namespace } => Some(namespace),
            _ => None,
        };
        let arrives = receiver == Some(&trace.flow.from) && answer.last_packet() == trace.flow.packet.reply();
        Some(Answer { trace: answer, arrives })
    }

    /// The connections that a namespace tracks, in the order in which they began, as `conntrack -L` shows them.
    pub fn connections(&self, namespace: &NamespaceName) -> impl Iterator<Item = Connection> {
        self.tables.get(namespace).into_iter().flat_map(Table::connections)
    }

    /// Runs another program from now on. Tracked connections survive, except those that [`invalidate`] ends and those of
    /// namespaces that are gone.
    pub fn apply(&mut self, program: Program) {
        let before = std::mem::replace(&mut self.program, program);
        let after = &self.program;
        self.tables.retain(|name, table| {
            let (Some(old), Some(new)) = (before.namespaces.get(name), after.namespaces.get(name)) else {
                return false;
            };
            if !Arc::ptr_eq(old, new) {
                table.purge(&invalidate(old, new));
            }
            true
        });
    }
}
