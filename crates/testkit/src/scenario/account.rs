//! An AWS account in this process: the commands of a scenario, the world they change, the program it compiles to.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use enishi_cloud::Cloud;
use enishi_cloud::tick::{Facts, Observed, Process, needs_tick, tick};
use enishi_fabric::Program;
use enishi_plan::Planner;
use enishi_state::ec2::{Address, Instance, NetworkInterface};
use enishi_state::{AccountId, Caller, Conflict, Read, Region, Scope, Timestamp, Tx, World};
use enishi_wire::Fault;
use serde_json::Value as Json;

use super::command::{self, Request};
use crate::Random;

/// What is launched: any public image will do.
const IMAGES: &str = "ec2 describe-images --owners amazon --query Images[0].ImageId";

/// An account, its variables, and who compiles its world.
pub(super) struct Account {
    cloud: Cloud,
    world: World,
    caller: Caller,
    random: Random,
    seconds: i64,
    compiler: Compiler,
    /// Variables in the order in which they were bound first.
    variables: Vec<(String, String)>,
}

enum Compiler {
    Planner(Box<Planner>),
    Other(Box<dyn Fn(&World) -> Program>, Program),
}

impl Compiler {
    fn program(&self) -> &Program {
        match self {
            Compiler::Planner(planner) => planner.program(),
            Compiler::Other(_, program) => program,
        }
    }
}

/// Why a command did not do what it was told.
#[derive(Debug)]
pub(super) enum CommandError {
    /// AWS would have refused it.
    Fault(Fault),
    /// The file is wrong, or we are.
    Other(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Fault(fault) => fault.fmt(f),
            CommandError::Other(message) => f.write_str(message),
        }
    }
}

impl From<String> for CommandError {
    fn from(message: String) -> Self {
        CommandError::Other(message)
    }
}

impl From<Conflict> for CommandError {
    fn from(conflict: Conflict) -> Self {
        CommandError::Other(conflict.to_string())
    }
}

/// What a command answered.
#[derive(Debug)]
pub(super) struct Answer {
    operation: &'static str,
    json: Json,
    queried: bool,
}

impl Answer {
    /// What `$(…)` captures: what `--query` selected, else the id of what was made.
    pub(super) fn primary(&self) -> Result<String, String> {
        let selected = match self.queried {
            true => self.json.clone(),
            false => command::primary(self.operation)?.select(&self.json),
        };
        match selected {
            Json::String(text) => Ok(text),
            other => Err(format!("{} answers {other} there, no text", self.operation)),
        }
    }
}

impl Account {
    /// A fresh account with its default VPC.
    pub(super) fn new() -> Self {
        let compiler = Compiler::Planner(Box::new(Planner::new(&World::default())));
        Self::start(compiler)
    }

    /// The same, with another compiler.
    pub(super) fn with_compiler(compile: impl Fn(&World) -> Program + 'static) -> Self {
        let program = compile(&World::default());
        Self::start(Compiler::Other(Box::new(compile), program))
    }

    fn start(compiler: Compiler) -> Self {
        let region = Region::new("us-east-1").expect("a region");
        let scope = Scope { account: AccountId::zero(), region };
        let mut account = Account {
            cloud: Cloud::new(),
            world: World::default(),
            caller: Caller { scope, access_key: None, session_arn: None },
            random: Random::new(0),
            seconds: 1_700_000_000,
            compiler,
            variables: Vec::new(),
        };
        let made = account.change(|cloud, tx| {
            cloud.ensure_defaults(tx);
            Ok(())
        });
        made.expect("a new account gets its default VPC");
        account
    }

    /// What the world compiles to.
    pub(super) fn program(&self) -> &Program {
        self.compiler.program()
    }

    /// Runs `aws …`, the words after `aws`.
    pub(super) fn execute(&mut self, words: &[String]) -> Result<Answer, CommandError> {
        let expanded = words.iter().map(|word| self.expand(word)).collect::<Result<Vec<_>, _>>()?;
        let Request { service, operation, input, query } = command::parse(&expanded)?;
        let output = if self.cloud.is_write(service.name, operation.name) {
            self.change(|cloud, tx| {
                cloud.dispatch_write(tx, service.name, operation.name, input).map_err(CommandError::Fault)
            })?
        } else {
            let now = self.now();
            let read = Read { world: &self.world, caller: &self.caller, now };
            let answer = self.cloud.dispatch_read(&read, service.name, operation.name, input);
            answer.map_err(CommandError::Fault)?
        };
        let json = operation.output.map_or(Json::Null, |shape| command::json(service, shape, &output));
        let queried = query.is_some();
        let json = query.map_or(json.clone(), |query| query.select(&json));
        Ok(Answer { operation: operation.name, json, queried })
    }

    /// Launches an instance and binds its id to `name`.
    pub(super) fn launch(
        &mut self,
        name: &str,
        subnet: &str,
        groups: &[String],
        options: &[String],
    ) -> Result<(), CommandError> {
        let image = self.execute_text(IMAGES)?.primary()?;
        let line = format!(
            "ec2 run-instances --image-id {image} --count 1 --subnet-id {subnet} --security-group-ids"
        );
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words.extend(groups.iter().chain(options).cloned());
        let id = self.execute(&words)?.primary()?;
        self.bind(name, id);
        Ok(())
    }

    /// The primary private address of the instance that a variable names.
    pub(super) fn private_of(&mut self, name: &str) -> Result<String, String> {
        self.instance(name, "PrivateIpAddress")
    }

    /// The public address of an instance, or of an Elastic IP (`$eip`).
    pub(super) fn public_of(&mut self, name: &str) -> Result<String, String> {
        if name.starts_with('$') {
            let line =
                format!("ec2 describe-addresses --allocation-ids {name} --query Addresses[0].PublicIp");
            return self.execute_text(&line).map_err(|error| error.to_string())?.primary();
        }
        self.instance(name, "PublicIpAddress")
    }

    fn instance(&mut self, name: &str, member: &str) -> Result<String, String> {
        let line = format!(
            "ec2 describe-instances --instance-ids ${name} --query Reservations[0].Instances[0].{member}"
        );
        self.execute_text(&line).map_err(|error| error.to_string())?.primary()
    }

    fn execute_text(&mut self, line: &str) -> Result<Answer, CommandError> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.execute(&words)
    }

    /// Does what is due by itself, given that the program is in force and instances do what they shall. False if nothing is.
    pub(super) fn tick(&mut self) -> Result<bool, String> {
        let up = self.world.all::<Instance>().filter(|row| row.state.is_up());
        let runs = |row: &Instance| Observed { boot: row.boot, process: Process::Running };
        let instances: BTreeMap<_, _> = up.map(|row| (row.id.clone(), runs(row))).collect();
        let facts = Facts { realised_generation: self.world.generation, instances, ..Facts::default() };
        if !needs_tick(&self.world, &facts, self.now()) {
            return Ok(false);
        }
        let done = self.change(|_, tx| {
            tick(tx, &facts);
            Ok(())
        });
        done.map_err(|error| error.to_string())?;
        Ok(true)
    }

    /// Commits a transaction, unless it fails, and compiles what came of it.
    fn change<O>(
        &mut self,
        work: impl FnOnce(&Cloud, &mut Tx<'_>) -> Result<O, CommandError>,
    ) -> Result<O, CommandError> {
        self.seconds += 1;
        let now = self.now();
        let mut tx = Tx::new(&self.world, &self.caller, now, &mut self.random);
        let output = work(&self.cloud, &mut tx)?;
        let commit = tx.commit()?;
        match &mut self.compiler {
            Compiler::Planner(planner) => {
                planner.update(&self.world, &commit.world, &commit.delta);
            }
            Compiler::Other(compile, program) => *program = compile(&commit.world),
        }
        self.world = commit.world;
        Ok(output)
    }

    fn now(&self) -> Timestamp {
        Timestamp(0).plus_seconds(self.seconds)
    }

    /// Binds a variable.
    pub(super) fn bind(&mut self, name: &str, value: String) {
        match self.variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, bound)) => *bound = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    /// The value of a variable.
    pub(super) fn value(&self, name: &str) -> Result<String, String> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("{name} is not bound"))
    }

    /// The first variable that has this value.
    pub(super) fn name_of(&self, value: &str) -> Option<&str> {
        self.variables.iter().find(|(_, bound)| bound == value).map(|(name, _)| &**name)
    }

    /// What an address that the cloud chose is called: `$name` if a variable has it, `$name.ip` if it is the first address of
    /// an instance that a variable names. `Err` for an address without a name, nothing for what is none or was not chosen.
    pub(super) fn address_name(&self, text: &str) -> Option<Result<String, ()>> {
        let address = text.parse::<Ipv4Addr>().ok()?;
        let holds = |row: &&NetworkInterface| {
            row.auto_public_ip == Some(address) || row.addresses.iter().any(|private| private.ip == address)
        };
        let interface = self.world.all::<NetworkInterface>().find(holds);
        if interface.is_none() && !self.world.all::<Address>().any(|row| row.public_ip == address) {
            return None;
        }
        if let Some(variable) = self.name_of(text) {
            return Some(Ok(format!("${variable}")));
        }
        let first = interface.filter(|row| row.primary_ip() == address);
        let owner = first.and_then(|row| self.name_of(row.instance()?.as_str()));
        Some(owner.map(|variable| format!("${variable}.ip")).ok_or(()))
    }

    /// Replaces every `$name` by its value.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        let mut parts = text.split('$');
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            expanded.push_str(&self.value(name)?);
            expanded.push_str(rest);
        }
        Ok(expanded)
    }
}
