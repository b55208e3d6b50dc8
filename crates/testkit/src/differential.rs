//! The kernel against the model: random worlds, packets at the edges of every rule, both have to agree.
//!
//! [`Differential::world`] grows a random world from a seed, lets the backend build its program in namespaces, and sends
//! packets through them and through [`enishi_fabric::Network`] in the same order. Compared is what the ends see: whether a
//! packet was delivered, to whom, with which addresses and ports; then the same of each answer. Then the world changes at
//! random, and earlier flows go on next to new ones: what was tracked, translated or purged shows in them.
//!
//! Some instances become Network Load Balancers on the way from the compiler to both (`balancers`).
//!
//! A source port that somebody else has taken is replaced by an address translator; which port it takes then is Linux's
//! choice, and is not compared.

mod balancers;
mod edges;
mod statistics;

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use enishi_fabric::program::Role;
use enishi_fabric::{
    Disposition, Flow, NamespaceName, Network, Packet, Program, Stage, Trace, Transport, walk,
};
use enishi_plan::Planner;

use self::edges::Edges;
pub use self::statistics::Statistics;
use crate::Random;
use crate::lab::{Lab, Outcome, Sighting};
use crate::world::{WorldBuilder, random_step};

/// New flows in each state of a world.
const FLOWS: usize = 180;
/// Candidates for each of them: enough that stages which decide few of them can still have their share.
const CANDIDATES: usize = 25;
/// How many flows that are delivered are chosen for one that a stage denies.
const DELIVERED_SHARE: usize = 5;
/// How many are chosen that a stage denies which decided less than its share so far: some stages can decide few flows of a
/// world, or none.
const RARE_SHARE: usize = 8;
/// The share, in percent of all packets, below which a stage is rare.
const RARE: f64 = 4.0;
/// Earlier flows that go on after a change.
const REVISITED: usize = 60;
/// Changes of each world, after each of which packets are sent.
const CHANGES: usize = 2;

/// Compares the kernel with the model, world after world, in the same namespaces as far as names repeat.
pub struct Differential {
    lab: Lab,
    statistics: Statistics,
    numbers: u32,
}

/// Kernel and model disagree about a packet.
#[derive(Debug)]
pub struct Disagreement {
    seed: u64,
    state: usize,
    what: &'static str,
    trace: Trace,
    model: Outcome,
    kernel: Outcome,
    sightings: Vec<(NamespaceName, Sighting)>,
    program: Program,
}

/// A world under comparison.
struct Subject {
    seed: u64,
    state: usize,
    random: Random,
    network: Network,
    sent: Vec<Flow>,
}

impl Differential {
    /// Without namespaces yet.
    pub fn new() -> io::Result<Self> {
        Ok(Differential { lab: Lab::new()?, statistics: Statistics::default(), numbers: 0 })
    }

    /// What was sent so far, and what decided.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Compares in one random world and its changes. Ends at the first disagreement.
    ///
    /// # Errors
    /// Of namespaces and sockets.
    pub fn world(&mut self, seed: u64) -> io::Result<Option<Box<Disagreement>>> {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        for _ in 0..random.between(1, 14) {
            random_step(&mut builder, &mut random);
        }
        builder.take_steps();
        let mut planner = Planner::new(builder.world());
        let program = balancers::with_balancers(planner.program(), seed, 0);
        self.lab.apply(&program)?;
        self.lab.forget_connections()?;
        let network = Network::new(program);
        let mut subject = Subject { seed, state: 0, random, network, sent: Vec::new() };
        self.statistics.worlds += 1;
        loop {
            let flows = self.choose(&mut subject);
            if let Some(disagreement) = self.round(&mut subject, &flows)? {
                return Ok(Some(Box::new(disagreement)));
            }
            subject.sent.extend(flows);
            if subject.state == CHANGES {
                return Ok(None);
            }
            subject.state += 1;
            random_step(&mut builder, &mut subject.random);
            for step in builder.take_steps() {
                planner.update(&step.before, &step.after, &step.delta);
            }
            let program = balancers::with_balancers(planner.program(), seed, subject.state);
            self.lab.apply(&program)?;
            subject.network.apply(program);
        }
    }

    /// Flows to send: earlier ones, and of many new candidates some for each stage that decides one.
    fn choose(&mut self, subject: &mut Subject) -> Vec<Flow> {
        let random = &mut subject.random;
        let program = subject.network.program();
        let earlier: Vec<_> = subject.sent.iter().filter(|flow| can_be_sent(program, flow)).collect();
        let mut flows: Vec<Flow> =
            (0..REVISITED).filter_map(|_| random.pick_any(&earlier).cloned()).collect();
        flows.sort_by_key(|flow| (flow.packet, flow.from.clone()));
        flows.dedup();
        let edges = Edges::of(program);
        let mut candidates: BTreeMap<String, Vec<Flow>> = BTreeMap::new();
        for n in 0..FLOWS * CANDIDATES {
            let flow = edges.flow(random, (subject.state * FLOWS * CANDIDATES + n) as u16);
            if !can_be_sent(program, &flow) {
                continue;
            }
            candidates.entry(decider(&walk(program, &flow))).or_default().push(flow);
        }
        let most = flows.len() + FLOWS;
        while flows.len() < most && candidates.values().any(|of_stage| !of_stage.is_empty()) {
            for (stage, of_stage) in &mut candidates {
                let share = match stage.as_str() {
                    DELIVERED => DELIVERED_SHARE,
                    MIDDLEBOX | LOOP => 1,
                    stage if self.statistics.share(stage) < RARE => RARE_SHARE,
                    _ => 1,
                };
                flows.extend(of_stage.drain(of_stage.len().saturating_sub(share)..));
            }
        }
        flows
    }

    /// Sends flows, then the answers of those that arrived.
    fn round(&mut self, subject: &mut Subject, flows: &[Flow]) -> io::Result<Option<Disagreement>> {
        let mut traces = Vec::new();
        for flow in flows {
            let trace = subject.network.send(flow);
            self.statistics.count(&decider(&trace), trace.flow.packet);
            traces.push((self.send(flow), trace));
        }
        let seen = self.seen()?;
        let mut answers = Vec::new();
        for (number, trace) in traces {
            let outcome = match self.compare(subject, "request", number, &trace, &seen) {
                Ok(outcome) => outcome,
                Err(disagreement) => return Ok(Some(*disagreement)),
            };
            let Outcome::Delivered { namespace, packet } = outcome else { continue };
            let Some(answer) = subject.network.reply(&trace) else { continue };
            self.statistics.answers += 1;
            self.statistics.answers_arrived += usize::from(answer.arrives);
            let answer_flow = Flow { from: namespace, packet: packet.reply() };
            // Where a port was replaced by another one than in the model, only what has to arrive can be compared.
            if packet == trace.last_packet() || answer.arrives {
                answers.push((self.send(&answer_flow), answer.trace));
            }
        }
        let seen = self.seen()?;
        for (number, trace) in answers {
            if let Err(disagreement) = self.compare(subject, "answer", number, &trace, &seen) {
                return Ok(Some(*disagreement));
            }
        }
        Ok(None)
    }

    fn send(&mut self, flow: &Flow) -> u32 {
        self.numbers += 1;
        self.lab.send(flow, self.numbers);
        self.numbers
    }

    /// What was seen since the last call, by the number of the packet.
    fn seen(&mut self) -> io::Result<BTreeMap<u32, Vec<(NamespaceName, Sighting)>>> {
        let mut by_number: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for (namespace, sighting) in self.lab.sightings()? {
            if let Some(number) = sighting.number {
                by_number.entry(number).or_default().push((namespace, sighting));
            }
        }
        Ok(by_number)
    }

    fn compare(
        &self,
        subject: &Subject,
        what: &'static str,
        number: u32,
        trace: &Trace,
        seen: &BTreeMap<u32, Vec<(NamespaceName, Sighting)>>,
    ) -> Result<Outcome, Box<Disagreement>> {
        let sightings = seen.get(&number).map(Vec::as_slice).unwrap_or_default();
        let (model, kernel) = (expected(trace), self.lab.outcome(sightings.iter()));
        let may_differ = meets_itself(trace) || edges::may_change_port(trace.flow.packet);
        if agree(&model, &kernel, may_differ) {
            return Ok(kernel);
        }
        Err(Box::new(Disagreement {
            seed: subject.seed,
            state: subject.state,
            what,
            trace: trace.clone(),
            model,
            kernel,
            sightings: sightings.to_vec(),
            program: subject.network.program().clone(),
        }))
    }
}

/// Whether load balancers that send to each other passed it on more than once at one place: there it collides with itself, and is
/// given another port.
fn meets_itself(trace: &Trace) -> bool {
    let passed = trace.hops.iter().filter(|hop| hop.stage == Stage::BalancerOut);
    let mut places: Vec<_> = passed.map(|hop| &hop.namespace).collect();
    let count = places.len();
    places.sort();
    places.dedup();
    places.len() < count
}

/// Whether there is somebody who sends it.
fn can_be_sent(program: &Program, flow: &Flow) -> bool {
    program.namespaces.contains_key(&flow.from)
}

/// How [`decider`] calls it when nothing denied the packet.
const DELIVERED: &str = "delivered";
/// How it calls it when an instance got the packet that is not its destination.
const MIDDLEBOX: &str = "middlebox";
/// How it calls it when the packet came by one place twice.
const LOOP: &str = "loop";

/// The stage that denied a packet, or how else it ended.
fn decider(trace: &Trace) -> String {
    match (&trace.disposition, trace.denied_by()) {
        (_, Some(hop)) => hop.stage.to_string(),
        (Disposition::DeliveredToMiddlebox { .. }, _) => MIDDLEBOX.to_owned(),
        (Disposition::Loop, _) => LOOP.to_owned(),
        _ if trace.is_accepted() => DELIVERED.to_owned(),
        _ => "unplugged".to_owned(),
    }
}

/// What the ends of a packet should see.
fn expected(trace: &Trace) -> Outcome {
    let packet = trace.last_packet();
    match &trace.disposition {
        Disposition::Delivered { namespace, .. }
        | Disposition::Exits { namespace }
        | Disposition::Service { namespace } => Outcome::Delivered { namespace: namespace.clone(), packet },
        Disposition::DeliveredToMiddlebox { namespace, .. } => {
            Outcome::Diverted { namespace: namespace.clone(), packet }
        }
        _ => Outcome::Lost,
    }
}

fn agree(model: &Outcome, kernel: &Outcome, ports_may_differ: bool) -> bool {
    let same = |a: &Packet, b: &Packet| {
        if !ports_may_differ {
            return a == b;
        }
        let protocol = |packet: &Packet| packet.transport.protocol();
        (a.source, a.destination, protocol(a)) == (b.source, b.destination, protocol(b))
    };
    match (model, kernel) {
        (Outcome::Lost, Outcome::Lost) => true,
        (
            Outcome::Delivered { namespace: a, packet: one },
            Outcome::Delivered { namespace: b, packet: other },
        )
        | (
            Outcome::Diverted { namespace: a, packet: one },
            Outcome::Diverted { namespace: b, packet: other },
        ) => a == b && same(one, other),
        _ => false,
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { seed, state, what, .. } = self;
        writeln!(f, "seed {seed}, state {state}: kernel and model disagree about this {what}:")?;
        writeln!(f, "{}\n", self.trace.hop_by_hop())?;
        writeln!(f, "model:  {}", Shown(&self.model))?;
        writeln!(f, "kernel: {}\n", Shown(&self.kernel))?;
        for (namespace, sighting) in &self.sightings {
            let how = if sighting.delivered { "delivered to" } else { "came into" };
            writeln!(f, "{} {how} {namespace}", ends(sighting.packet))?;
        }
        let mut names: Vec<_> = self.trace.hops.iter().map(|hop| &hop.namespace).collect();
        names.extend(self.sightings.iter().map(|(name, _)| name));
        names.push(&self.trace.flow.from);
        names.sort();
        names.dedup();
        for name in names {
            if let Some(namespace) = self.program.namespaces.get(name)
                && !matches!(namespace.role, Role::Internet(_))
            {
                let state = enishi_kernel::render::state(namespace).to_string();
                let lines: Vec<_> = state.lines().filter(|line| !line.starts_with("sysctl ")).collect();
                writeln!(f, "\n== {name}\n{}", lines.join("\n"))?;
            }
        }
        Ok(())
    }
}

struct Shown<'a>(&'a Outcome);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Outcome::Delivered { namespace, packet } => {
                write!(f, "delivered to {namespace}: {}", ends(*packet))
            }
            Outcome::Diverted { namespace, packet } => {
                write!(f, "diverted to {namespace}: {}", ends(*packet))
            }
            Outcome::Lost => f.write_str("lost"),
        }
    }
}

fn ends(packet: Packet) -> String {
    let Packet { source, destination, transport } = packet;
    match transport {
        Transport::Tcp(from, to) => format!("tcp {source}:{from} -> {destination}:{to}"),
        Transport::Udp(from, to) => format!("udp {source}:{from} -> {destination}:{to}"),
        Transport::Echo { id, reply } => format!("echo {source} -> {destination} id {id} reply {reply}"),
        Transport::Other(number) => format!("proto {number} {source} -> {destination}"),
    }
}
