//! Where a scenario's packets go: the model, or real namespaces.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;

use enishi_fabric::{Disposition, Flow, NamespaceName, Network, Packet, Program, Transport};

use crate::lab::{self, Connection, Lab, Outcome};

/// A network that follows a program and carries packets.
pub trait Testbed {
    /// A connection that stays open.
    type Flow;

    /// Starts with this program, without any memory of connections.
    fn reset(&mut self, program: &Program) -> io::Result<()>;

    /// Brings another program into force.
    fn apply(&mut self, program: &Program) -> io::Result<()>;

    /// Sends the first packet of a flow, and the answer if it arrives.
    fn send(&mut self, flow: &Flow) -> io::Result<Fate>;

    /// Opens a connection; `None` if that does not work.
    fn open(&mut self, flow: &Flow) -> io::Result<Option<Self::Flow>>;

    /// Whether packets of a connection still get through in both directions.
    fn continues(&mut self, flow: &mut Self::Flow) -> io::Result<bool>;
}

/// What became of a packet and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The packet arrived, and the answer came back.
    Passes {
        /// Who received it.
        receiver: NamespaceName,
        /// The source that the receiver saw.
        source: Ipv4Addr,
    },
    /// The packet arrived, the answer was lost.
    Unanswered {
        /// Who received it.
        receiver: NamespaceName,
        /// What stopped the answer, where that can be told.
        by: Option<Disposition>,
    },
    /// The packet did not arrive.
    Blocked {
        /// What stopped it, where that can be told.
        by: Option<Disposition>,
    },
}

impl Fate {
    /// A packet that somebody else than `receiver` got did not arrive.
    pub(super) fn at(self, receiver: Option<&NamespaceName>) -> Self {
        match (&self, receiver) {
            (Fate::Passes { receiver: got, .. } | Fate::Unanswered { receiver: got, .. }, Some(wanted))
                if got != wanted =>
            {
                Fate::Blocked { by: None }
            }
            _ => self,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |by: &Option<Disposition>| by.as_ref().map_or(String::new(), |by| format!(" ({by:?})"));
        match self {
            Fate::Passes { receiver, source } => write!(f, "passes as {source} to {receiver}"),
            Fate::Unanswered { receiver, by: found } => write!(f, "is unanswered by {receiver}{}", by(found)),
            Fate::Blocked { by: found } => write!(f, "is blocked{}", by(found)),
        }
    }
}

/// The model: [`enishi_fabric::Network`].
#[derive(Debug, Default)]
pub struct Model(Network);

/// A connection in the model.
#[derive(Debug)]
pub struct ModelFlow {
    flow: Flow,
    receiver: NamespaceName,
}

impl Testbed for Model {
    type Flow = ModelFlow;

    fn reset(&mut self, program: &Program) -> io::Result<()> {
        self.0 = Network::new(program.clone());
        Ok(())
    }

    fn apply(&mut self, program: &Program) -> io::Result<()> {
        self.0.apply(program.clone());
        Ok(())
    }

    fn send(&mut self, flow: &Flow) -> io::Result<Fate> {
        let trace = self.0.send(flow);
        let receiver = match &trace.disposition {
            Disposition::Delivered { namespace, .. }
            | Disposition::Exits { namespace }
            | Disposition::Service { namespace } => namespace.clone(),
            other => return Ok(Fate::Blocked { by: Some(other.clone()) }),
        };
        let source = trace.last_packet().source;
        Ok(match self.0.reply(&trace) {
            Some(answer) if answer.arrives => Fate::Passes { receiver, source },
            answer => Fate::Unanswered { receiver, by: answer.map(|answer| answer.trace.disposition) },
        })
    }

    fn open(&mut self, flow: &Flow) -> io::Result<Option<ModelFlow>> {
        Ok(match self.send(flow)? {
            Fate::Passes { receiver, .. } => Some(ModelFlow { flow: flow.clone(), receiver }),
            _ => None,
        })
    }

    fn continues(&mut self, flow: &mut ModelFlow) -> io::Result<bool> {
        let fate = self.send(&flow.flow)?;
        Ok(matches!(fate, Fate::Passes { receiver, .. } if receiver == flow.receiver))
    }
}

/// A connection between namespaces.
#[derive(Debug)]
pub enum LabFlow {
    /// A real TCP connection.
    Tcp(Connection),
    /// Datagrams, and who receives them.
    Datagrams(Flow, NamespaceName),
}

impl Testbed for Lab {
    type Flow = LabFlow;

    fn reset(&mut self, program: &Program) -> io::Result<()> {
        Lab::apply(self, program)?;
        self.forget_connections()
    }

    fn apply(&mut self, program: &Program) -> io::Result<()> {
        Lab::apply(self, program)
    }

    fn send(&mut self, flow: &Flow) -> io::Result<Fate> {
        if !self.program().namespaces.contains_key(&flow.from) {
            return Ok(Fate::Blocked { by: None });
        }
        match flow.packet.transport {
            Transport::Tcp(..) => {
                let mut connection = self.connect(flow)?;
                let answered = connection.is_established() && self.exchange(&mut connection)?;
                Ok(fate(connection.opening(), answered))
            }
            _ => self.send_datagram(flow),
        }
    }

    fn open(&mut self, flow: &Flow) -> io::Result<Option<LabFlow>> {
        if let Transport::Tcp(..) = flow.packet.transport {
            let mut connection = self.connect(flow)?;
            let works = connection.is_established() && self.exchange(&mut connection)?;
            return Ok(works.then_some(LabFlow::Tcp(connection)));
        }
        Ok(match self.send_datagram(flow)? {
            Fate::Passes { receiver, .. } => Some(LabFlow::Datagrams(flow.clone(), receiver)),
            _ => None,
        })
    }

    fn continues(&mut self, flow: &mut LabFlow) -> io::Result<bool> {
        match flow {
            LabFlow::Tcp(connection) => self.exchange(connection),
            LabFlow::Datagrams(flow, first) => {
                let fate = self.send_datagram(flow)?;
                Ok(matches!(fate, Fate::Passes { receiver, .. } if receiver == *first))
            }
        }
    }
}

/// The numbers of a datagram and its answer: nothing else is on its way.
const ASKED: u32 = 1;
const ANSWERED: u32 = 2;

impl Lab {
    fn send_datagram(&mut self, flow: &Flow) -> io::Result<Fate> {
        let outcome = self.carry(flow, ASKED)?;
        let Outcome::Delivered { namespace, packet } = &outcome else { return Ok(fate(&outcome, false)) };
        let answer = Flow { from: namespace.clone(), packet: packet.reply() };
        let answered = self.carry(&answer, ANSWERED)?;
        let wanted = Outcome::Delivered { namespace: flow.from.clone(), packet: flow.packet.reply() };
        Ok(fate(&outcome, answered == wanted))
    }

    /// Sends one packet and says what became of it.
    fn carry(&mut self, flow: &Flow, number: u32) -> io::Result<Outcome> {
        self.sightings()?;
        self.send(flow, number);
        let sightings = self.sightings()?;
        let ours = |(_, sighting): &&(NamespaceName, lab::Sighting)| sighting.number == Some(number);
        Ok(self.outcome(sightings.iter().filter(ours)))
    }
}

fn fate(outcome: &Outcome, answered: bool) -> Fate {
    match outcome {
        Outcome::Delivered { namespace, packet: Packet { source, .. } } if answered => {
            Fate::Passes { receiver: namespace.clone(), source: *source }
        }
        Outcome::Delivered { namespace, .. } => Fate::Unanswered { receiver: namespace.clone(), by: None },
        Outcome::Diverted { .. } | Outcome::Lost => Fate::Blocked { by: None },
    }
}
