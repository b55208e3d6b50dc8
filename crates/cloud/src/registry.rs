//! Which operations there are, what runs them, and how: the one place where an operation is looked up.
//!
//! A service registers a handler per operation; the shapes come with the generated operation type. What is the same for
//! all operations happens here once: finding the handler, turning values into shapes and back, and `DryRun`.

use std::collections::BTreeMap;
use std::fmt;

use enishi_state::{Read, Tx};
use enishi_wire::schema::{Kind, Protocol};
use enishi_wire::{Fault, Operation, Shape, Value};

use crate::outside::{Supply, Want};

/// How faithful an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parity {
    /// It does what AWS does, packets included.
    Real,
    /// It keeps and answers what it is told, or answers from an inventory that is empty or fixed; no packet depends on it.
    Stored,
    /// It is refused with a fault that says so.
    Refused,
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Parity::Real => "real",
            Parity::Stored => "stored",
            Parity::Refused => "refused",
        })
    }
}

type Reader = dyn Fn(&Read<'_>, Value, &Supply) -> Result<Value, Fault> + Send + Sync;
type Writer = dyn Fn(&mut Tx<'_>, Value, &Supply) -> Result<Value, Fault> + Send + Sync;
type Wanter = dyn Fn(&Read<'_>, Value) -> Result<Option<Want>, Fault> + Send + Sync;

enum Handler {
    Read(Box<Reader>),
    Write(Box<Writer>),
}

struct Entry {
    handler: Handler,
    parity: Parity,
    /// The index of the member `DryRun` in the input, where it has one.
    dry_run: Option<u16>,
    /// What it needs from outside, where it may need something.
    want: Option<Box<Wanter>>,
}

/// An operation whose shapes own what they hold, as all generated ones do.
pub(crate) trait Served: Operation<Input: 'static, Output: 'static> {}

impl<O: Operation<Input: 'static, Output: 'static>> Served for O {}

/// The handlers of all services, by service name and operation name.
#[derive(Default)]
pub(crate) struct Registry {
    entries: BTreeMap<(&'static str, &'static str), Entry>,
}

impl Registry {
    /// Registers an operation that only reads.
    pub(crate) fn read<O: Served>(&mut self, handler: fn(&Read<'_>, O::Input) -> Result<O::Output, Fault>) {
        self.add_read::<O>(Parity::Real, handler);
    }

    /// Registers an operation that changes rows.
    pub(crate) fn write<O: Served>(
        &mut self,
        handler: fn(&mut Tx<'_>, O::Input) -> Result<O::Output, Fault>,
    ) {
        self.add_write::<O>(Parity::Real, handler);
    }

    /// Registers an operation that only reads, and that is [`Parity::Stored`].
    pub(crate) fn stored_read<O: Served>(
        &mut self,
        handler: fn(&Read<'_>, O::Input) -> Result<O::Output, Fault>,
    ) {
        self.add_read::<O>(Parity::Stored, handler);
    }

    /// Registers an operation that changes rows, and that is [`Parity::Stored`].
    pub(crate) fn stored_write<O: Served>(
        &mut self,
        handler: fn(&mut Tx<'_>, O::Input) -> Result<O::Output, Fault>,
    ) {
        self.add_write::<O>(Parity::Stored, handler);
    }

    /// Registers an operation that only reads, and needs something from outside.
    pub(crate) fn read_with<O: Served>(
        &mut self,
        want: fn(O::Input) -> Option<Want>,
        handler: impl Fn(&Read<'_>, O::Input, &Supply) -> Result<O::Output, Fault> + Send + Sync + 'static,
    ) {
        let run = move |read: &Read<'_>, input: Value, supply: &Supply| -> Result<Value, Fault> {
            Ok(handler(read, O::Input::from_value(input)?, supply)?.into_value())
        };
        let want = move |_: &Read<'_>, input: Value| Ok(want(O::Input::from_value(input)?));
        self.add::<O>(Parity::Real, Handler::Read(Box::new(run)), Some(Box::new(want)));
    }

    /// Registers an operation that changes rows, and needs something from outside.
    pub(crate) fn write_with<O: Served>(
        &mut self,
        want: fn(O::Input) -> Option<Want>,
        handler: impl Fn(&mut Tx<'_>, O::Input, &Supply) -> Result<O::Output, Fault> + Send + Sync + 'static,
    ) {
        let run = move |tx: &mut Tx<'_>, input: Value, supply: &Supply| -> Result<Value, Fault> {
            Ok(handler(tx, O::Input::from_value(input)?, supply)?.into_value())
        };
        let want = move |_: &Read<'_>, input: Value| Ok(want(O::Input::from_value(input)?));
        self.add::<O>(Parity::Real, Handler::Write(Box::new(run)), Some(Box::new(want)));
    }

    /// Registers an operation that changes no rows and needs something from outside that depends on them. `prepare` refuses
    /// what is wrong, so that nothing is done outside for a request that fails.
    pub(crate) fn prepared<O: Served>(
        &mut self,
        prepare: fn(&Read<'_>, &O::Input) -> Result<Want, Fault>,
        handler: impl Fn(&Read<'_>, O::Input, &Supply) -> Result<O::Output, Fault> + Send + Sync + 'static,
    ) {
        let run = move |read: &Read<'_>, input: Value, supply: &Supply| -> Result<Value, Fault> {
            Ok(handler(read, O::Input::from_value(input)?, supply)?.into_value())
        };
        let want =
            move |read: &Read<'_>, input: Value| Ok(Some(prepare(read, &O::Input::from_value(input)?)?));
        self.add::<O>(Parity::Real, Handler::Read(Box::new(run)), Some(Box::new(want)));
    }

    /// What the operation needs from outside to carry this request out.
    pub(crate) fn wants(
        &self,
        read: &Read<'_>,
        service: &str,
        operation: &str,
        input: &Value,
    ) -> Result<Option<Want>, Fault> {
        let want = self.entry(service, operation).and_then(|entry| entry.want.as_ref());
        want.map_or(Ok(None), |want| want(read, input.clone()))
    }

    /// Whether the operation changes rows, and so needs the single writer.
    pub(crate) fn is_write(&self, service: &str, operation: &str) -> bool {
        self.entry(service, operation).is_some_and(|entry| matches!(entry.handler, Handler::Write(_)))
    }

    /// Whether there is a handler.
    pub(crate) fn parity(&self, service: &str, operation: &str) -> Parity {
        self.entry(service, operation).map_or(Parity::Refused, |entry| entry.parity)
    }

    /// Runs an operation that only reads.
    pub(crate) fn dispatch_read(
        &self,
        read: &Read<'_>,
        service: &str,
        operation: &str,
        input: Value,
        supply: &Supply,
    ) -> Result<Value, Fault> {
        match self.entry(service, operation) {
            Some(Entry { handler: Handler::Read(handler), dry_run, .. }) => {
                let dry = is_dry_run(*dry_run, &input);
                let output = handler(read, input, supply)?;
                if dry { Err(dry_run_operation()) } else { Ok(output) }
            }
            Some(_) => Err(Fault::internal(format!("{operation} writes but was dispatched to read"))),
            None => Err(unsupported(service, operation)),
        }
    }

    /// Runs an operation on a transaction. When it answers a fault the caller must drop the transaction: a dry run and
    /// a handler that gave up half way both leave changes in it.
    pub(crate) fn dispatch_write(
        &self,
        tx: &mut Tx<'_>,
        service: &str,
        operation: &str,
        input: Value,
        supply: &Supply,
    ) -> Result<Value, Fault> {
        match self.entry(service, operation) {
            Some(Entry { handler: Handler::Write(handler), dry_run, .. }) => {
                let dry = is_dry_run(*dry_run, &input);
                let output = handler(tx, input, supply)?;
                if dry { Err(dry_run_operation()) } else { Ok(output) }
            }
            Some(_) => self.dispatch_read(&tx.read(), service, operation, input, supply),
            None => Err(unsupported(service, operation)),
        }
    }

    fn entry<'r>(&'r self, service: &'r str, operation: &'r str) -> Option<&'r Entry> {
        // By variance the keys live as long as the names that are looked up, so these need not be static.
        let entries: &BTreeMap<(&'r str, &'r str), Entry> = &self.entries;
        entries.get(&(service, operation))
    }

    fn add_read<O: Served>(
        &mut self,
        parity: Parity,
        handler: fn(&Read<'_>, O::Input) -> Result<O::Output, Fault>,
    ) {
        let run = move |read: &Read<'_>, input: Value, _: &Supply| -> Result<Value, Fault> {
            Ok(handler(read, O::Input::from_value(input)?)?.into_value())
        };
        self.add::<O>(parity, Handler::Read(Box::new(run)), None);
    }

    fn add_write<O: Served>(
        &mut self,
        parity: Parity,
        handler: fn(&mut Tx<'_>, O::Input) -> Result<O::Output, Fault>,
    ) {
        let run = move |tx: &mut Tx<'_>, input: Value, _: &Supply| -> Result<Value, Fault> {
            Ok(handler(tx, O::Input::from_value(input)?)?.into_value())
        };
        self.add::<O>(parity, Handler::Write(Box::new(run)), None);
    }

    fn add<O: Served>(&mut self, parity: Parity, handler: Handler, want: Option<Box<Wanter>>) {
        let entry = Entry { handler, parity, dry_run: dry_run_member::<O>(), want };
        let before = self.entries.insert((O::SERVICE.name, O::NAME), entry);
        debug_assert!(before.is_none(), "{} is registered twice", O::NAME);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

fn dry_run_member<O: Served>() -> Option<u16> {
    let Kind::Structure(input) = &O::SERVICE.shape(O::SCHEMA.input?).kind else { return None };
    let index = input.members.iter().position(|member| member.name == "DryRun")?;
    u16::try_from(index).ok()
}

fn is_dry_run(member: Option<u16>, input: &Value) -> bool {
    let (Some(member), Value::Structure(members)) = (member, input) else { return false };
    members.iter().any(|(index, value)| *index == member && *value == Value::Bool(true))
}

/// [DryRun](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html): a request that would succeed
/// is answered with this fault; one that would not, with its own.
fn dry_run_operation() -> Fault {
    Fault::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").with_status(412)
}

/// The fault for an operation that AWS has and we do not, with the code that the service's clients know.
fn unsupported(service: &str, operation: &str) -> Fault {
    let table = enishi_api::SERVICES.iter().find(|table| table.name == service);
    let code = match table.and_then(|table| table.protocols.first()) {
        Some(Protocol::Ec2Query | Protocol::AwsQuery) | None => "UnsupportedOperation",
        Some(_) => "UnsupportedOperationException",
    };
    Fault::new(code, format!("The operation {operation} is not supported by Enishi."))
}
