//! Scenarios: a text file of AWS CLI commands and of what packets do then; see `tests/scenarios/README.md`.
//!
//! [`Scenario::parse`] reads a file. [`run`] carries it out on a [`Testbed`]: the pure [`Model`] or a [`crate::lab::Lab`] of
//! real namespaces. The cloud, the compiler and the commands are the same in both; only packets differ.

mod account;
mod command;
mod golden;
mod query;
mod shorthand;
mod syntax;
mod testbed;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;

use enishi_fabric::program::Role;
use enishi_fabric::{Flow, NamespaceName, Packet, Program, Transport, walk};
use enishi_state::World;

use self::account::{Account, CommandError};
use self::golden::Page;
use self::syntax::{End, Obstacle, Step, Traffic, Verdict};
pub use self::syntax::{Scenario, SyntaxError};
pub use self::testbed::{Fate, Model, Testbed};

/// Source ports count up from here: each packet is a flow of its own, from an ephemeral port.
const FIRST_PORT: u16 = 40_000;

/// What was not as the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The line, counted from 1.
    pub line: usize,
    /// What kind of line it is.
    pub kind: FailureKind,
    /// What happened instead.
    pub message: String,
}

/// Which expectation was not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A verdict on packets.
    Verdict,
    /// A command, which succeeded or failed against expectation. The rest of the file was not run.
    Command,
    /// The printed traces.
    Golden,
}

/// What a run found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was not as the file says, in the order of lines.
    pub failures: Vec<Failure>,
    /// How many verdicts were checked.
    pub verdicts: usize,
    /// The traces as they were printed, ids replaced by names.
    pub golden: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

/// Carries a scenario out.
///
/// # Errors
/// Of the testbed's namespaces and sockets.
pub fn run<T: Testbed>(scenario: &Scenario, testbed: &mut T) -> io::Result<Outcome> {
    Run::new(Account::new(), testbed)?.scenario(scenario)
}

/// The same with another compiler than [`enishi_plan::plan`].
///
/// # Errors
/// As [`run`].
pub fn run_with<T: Testbed>(
    scenario: &Scenario,
    testbed: &mut T,
    compile: impl Fn(&World) -> Program + 'static,
) -> io::Result<Outcome> {
    Run::new(Account::with_compiler(compile), testbed)?.scenario(scenario)
}

/// A scenario that is being carried out.
struct Run<'t, T: Testbed> {
    account: Account,
    testbed: &'t mut T,
    flows: BTreeMap<String, T::Flow>,
    port: u16,
    page: Page,
    outcome: Outcome,
}

/// Why a step was not what the file says.
enum Unmet {
    Verdict(String),
    Command(String),
}

impl From<String> for Unmet {
    fn from(message: String) -> Self {
        Unmet::Command(message)
    }
}

impl From<CommandError> for Unmet {
    fn from(error: CommandError) -> Self {
        Unmet::Command(error.to_string())
    }
}

impl From<io::Error> for Unmet {
    fn from(error: io::Error) -> Self {
        Unmet::Command(error.to_string())
    }
}

impl<'t, T: Testbed> Run<'t, T> {
    fn new(account: Account, testbed: &'t mut T) -> io::Result<Self> {
        testbed.reset(account.program())?;
        let (flows, page, outcome) = (BTreeMap::new(), Page::default(), Outcome::default());
        Ok(Run { account, testbed, flows, port: FIRST_PORT, page, outcome })
    }

    fn scenario(mut self, scenario: &Scenario) -> io::Result<Outcome> {
        for (line, step) in &scenario.steps {
            let (kind, message) = match self.step(step) {
                Ok(()) => continue,
                Err(Unmet::Verdict(message)) => (FailureKind::Verdict, message),
                Err(Unmet::Command(message)) => (FailureKind::Command, message),
            };
            self.outcome.failures.push(Failure { line: *line, kind, message });
            if kind == FailureKind::Command {
                return Ok(self.outcome);
            }
        }
        self.outcome.golden = self.page.into_text();
        if let Some((line, golden)) = &scenario.golden
            && *golden != self.outcome.golden
        {
            let message = format!("the traces are (UPDATE=1 takes them over):\n{}", self.outcome.golden);
            self.outcome.failures.push(Failure { line: *line, kind: FailureKind::Golden, message });
        }
        Ok(self.outcome)
    }

    fn step(&mut self, step: &Step) -> Result<(), Unmet> {
        match step {
            Step::Command { bind, words, fails } => {
                self.command(bind.as_deref(), words, fails.as_deref())?;
                Ok(self.testbed.apply(self.account.program())?)
            }
            Step::Instance { name, subnet, groups, options } => {
                self.account.launch(name, subnet, groups, options)?;
                Ok(self.testbed.apply(self.account.program())?)
            }
            Step::Address { bind, of, public } => {
                let address =
                    if *public { self.account.public_of(of)? } else { self.account.private_of(of)? };
                self.account.bind(bind, address);
                Ok(())
            }
            Step::Settle => self.settle(),
            Step::Probe { from, to, traffic, verdict } => self.probe(from, to, *traffic, verdict),
            Step::Open { bind, from, to, traffic } => self.open(bind, from, to, *traffic),
            Step::Goes { flow, on } => self.goes(flow, *on),
            Step::Trace { from, to, traffic } => {
                let flow = self.flow(from, to, *traffic)?;
                let trace = walk(self.account.program(), &flow);
                self.page.print(&trace.to_string(), &self.account);
                Ok(())
            }
        }
    }

    fn command(&mut self, bind: Option<&str>, words: &[String], fails: Option<&str>) -> Result<(), Unmet> {
        match (self.account.execute(words), fails) {
            (Ok(answer), None) => {
                if let Some(name) = bind {
                    let value = answer.primary()?;
                    self.account.bind(name, value);
                }
                Ok(())
            }
            (Ok(_), Some(code)) => Err(Unmet::Command(format!("it succeeds; expected {code}"))),
            (Err(CommandError::Fault(fault)), Some(code)) if fault.code() == code => Ok(()),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Lets pending states move on, each in force before the next.
    fn settle(&mut self) -> Result<(), Unmet> {
        while self.account.tick()? {
            self.testbed.apply(self.account.program())?;
        }
        Ok(())
    }

    fn probe(&mut self, from: &End, to: &End, traffic: Traffic, verdict: &Verdict) -> Result<(), Unmet> {
        self.outcome.verdicts += 1;
        let flow = self.flow(from, to, traffic)?;
        let receiver = match to {
            End::Instance(name, _) => Some(NamespaceName::new(&self.account.value(name)?)),
            End::Internet(_) => Some(NamespaceName::internet()),
            End::Address(_) => None,
        };
        let fate = self.testbed.send(&flow)?.at(receiver.as_ref());
        let fits = match (verdict, &fate) {
            (Verdict::Passes { seen }, Fate::Passes { source, .. }) => match seen {
                Some(seen) => self.account.expand(seen)? == source.to_string(),
                None => true,
            },
            (Verdict::Unanswered { by }, Fate::Unanswered { by: found, .. })
            | (Verdict::Blocked { by }, Fate::Blocked { by: found }) => {
                // A testbed that does not know who did it is not asked.
                by.zip(found.as_ref()).is_none_or(|(by, found)| Obstacle::of(found) == Some(by))
            }
            _ => false,
        };
        if fits { Ok(()) } else { Err(Unmet::Verdict(format!("it {fate}"))) }
    }

    fn open(&mut self, bind: &str, from: &End, to: &End, traffic: Traffic) -> Result<(), Unmet> {
        self.outcome.verdicts += 1;
        let flow = self.flow(from, to, traffic)?;
        match self.testbed.open(&flow)? {
            Some(flow) => {
                self.flows.insert(bind.to_owned(), flow);
                Ok(())
            }
            None => Err(Unmet::Verdict("the connection cannot be opened".to_owned())),
        }
    }

    fn goes(&mut self, name: &str, on: bool) -> Result<(), Unmet> {
        self.outcome.verdicts += 1;
        let Some(flow) = self.flows.get_mut(name) else {
            return Err(Unmet::Verdict(format!("{name} was not opened")));
        };
        match (self.testbed.continues(flow)?, on) {
            (true, false) => Err(Unmet::Verdict("it continues".to_owned())),
            (false, true) => Err(Unmet::Verdict("it is cut".to_owned())),
            _ => Ok(()),
        }
    }

    /// A first packet that no earlier one resembles.
    fn flow(&mut self, from: &End, to: &End, traffic: Traffic) -> Result<Flow, String> {
        let (from, source) = match from {
            End::Instance(name, source) => {
                let source = source.as_ref().map(|source| self.account.expand(source)).transpose()?;
                let id = self.account.value(name)?;
                let source = source.map_or_else(|| self.account.private_of(name), Ok)?;
                (NamespaceName::new(&id), parse_address(&source)?)
            }
            End::Internet(address) => (NamespaceName::internet(), self.on_internet(address.as_deref())?),
            End::Address(text) => {
                return Err(format!("{text} cannot send: name an instance or the internet"));
            }
        };
        let destination = match to {
            End::Instance(name, _) => parse_address(&self.account.private_of(name)?)?,
            End::Internet(address) => self.on_internet(address.as_deref())?,
            End::Address(text) => parse_address(&self.account.expand(text)?)?,
        };
        self.port += 1;
        let transport = match traffic {
            Traffic::Tcp(port) => Transport::Tcp(self.port, port),
            Traffic::Udp(port) => Transport::Udp(self.port, port),
            Traffic::Icmp => Transport::Echo { id: self.port, reply: false },
        };
        Ok(Flow { from, packet: Packet { source, destination, transport } })
    }

    fn on_internet(&self, address: Option<&str>) -> Result<Ipv4Addr, String> {
        if let Some(text) = address {
            return parse_address(&self.account.expand(text)?);
        }
        let internet = self.account.program().namespaces.get(&NamespaceName::internet());
        match internet.map(|namespace| &namespace.role) {
            Some(Role::Internet(internet)) => Ok(internet.address),
            _ => Err("there is no internet".to_owned()),
        }
    }
}

fn parse_address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("{text:?} is no IPv4 address"))
}
