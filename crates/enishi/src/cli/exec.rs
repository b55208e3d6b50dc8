//! `enishi exec`: a command in an instance or in a network, with the caller's own streams.
//!
//! The keeper starts it and gets the streams as descriptors, so nothing is copied on the way; only for a terminal a new
//! one is made in the target, since the target's processes must be able to own it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use enishi_compute::{Client, ErrorKind, ExecSpec, Stdio, Target};
use enishi_fabric::NamespaceName;
use serde_json::{Value, json};

use super::client::Endpoint;
use super::output::Output;
use super::terminal::{RawTerminal, copy_window_size};

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// An instance id, a Name tag, `internet`; or the id of a VPC or NAT gateway, to look around in its router
    target: String,
    /// The command and its arguments, after `--`
    #[arg(required = true, last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Exit status when the command could not be started.
const NOT_STARTED: u8 = 125;

/// Runs the command; its exit status is ours.
pub fn exec(endpoint: &Endpoint, args: &ExecArgs, output: Output) -> ExitCode {
    match run(endpoint, args, output) {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
        Err(error) => {
            output.failed(&error);
            ExitCode::from(NOT_STARTED)
        }
    }
}

fn run(endpoint: &Endpoint, args: &ExecArgs, output: Output) -> anyhow::Result<i32> {
    let place = Place::find(endpoint, &args.target)?;
    if output.is_json() {
        let said = place.collect(&args.command)?;
        output.print("", &json!({ "status": said.status, "stdout": said.stdout, "stderr": said.stderr }))?;
        return Ok(said.status);
    }
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return place.run_on_terminal(&args.command);
    }
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    place.run(&args.command, Stdio { stdin: stdin.as_fd(), stdout: stdout.as_fd(), stderr: stderr.as_fd() })
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit status.
    pub status: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// Where commands run, and who runs them.
#[derive(Debug)]
pub struct Place {
    keeper: PathBuf,
    target: crate::daemon::Target,
}

impl Place {
    /// Asks the daemon who is meant.
    pub fn find(endpoint: &Endpoint, name: &str) -> anyhow::Result<Self> {
        let answer = endpoint.ask("/_enishi/target", &[("name", name)])?;
        let member = |name: &str| answer.get(name).cloned().unwrap_or(Value::Null);
        Ok(Place {
            keeper: serde_json::from_value(member("keeper"))?,
            target: serde_json::from_value(member("target"))?,
        })
    }

    /// Runs a command to its end on the given streams.
    pub fn run(&self, command: &[String], stdio: Stdio<'_>) -> anyhow::Result<i32> {
        self.client()?.run(&self.spec(command), stdio).with_context(|| self.hint())
    }

    /// Runs a command to its end, without input, and answers what it said.
    pub fn collect(&self, command: &[String]) -> anyhow::Result<Said> {
        let null = File::open("/dev/null")?;
        let (stdout, stdout_end) = io::pipe()?;
        let (stderr, stderr_end) = io::pipe()?;
        let mut client = self.client()?;
        let stdio = Stdio { stdin: null.as_fd(), stdout: stdout_end.as_fd(), stderr: stderr_end.as_fd() };
        let exec = client.exec(&self.spec(command), stdio).with_context(|| self.hint())?;
        drop((stdout_end, stderr_end));
        // Both at once: a command that fills one pipe waits for its reader.
        let complaints = std::thread::spawn(move || read(stderr));
        let stdout = read(stdout)?;
        let stderr = complaints.join().unwrap_or_else(|_| Ok(String::new()))?;
        Ok(Said { status: client.wait(exec)?, stdout, stderr })
    }

    /// Starts a command without streams. It is hung up when the answer is dropped.
    pub fn start(&self, command: &[String]) -> anyhow::Result<Client> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let mut client = self.client()?;
        let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
        client.exec(&self.spec(command), stdio).with_context(|| self.hint())?;
        Ok(client)
    }

    fn run_on_terminal(&self, command: &[String]) -> anyhow::Result<i32> {
        let mut client = self.client()?;
        let (exec, master) = client.exec_terminal(&self.spec(command)).with_context(|| self.hint())?;
        let master = File::from(master);
        copy_window_size(&master);
        let _raw = RawTerminal::enter();
        let mut input = master.try_clone()?;
        std::thread::spawn(move || io::copy(&mut io::stdin(), &mut input));
        let mut output = master;
        // A terminal whose last process is gone reads as an error.
        let mut buffer = [0u8; 16 * 1024];
        let mut stdout = io::stdout();
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            stdout.write_all(buffer.get(..count).unwrap_or_default())?;
            stdout.flush()?;
            copy_window_size(&output);
        }
        Ok(client.wait(exec)?)
    }

    fn client(&self) -> anyhow::Result<Client> {
        Client::connect(&self.keeper).with_context(|| {
            format!(
                "cannot reach the keeper at {}; only the user who started the daemon may",
                self.keeper.display()
            )
        })
    }

    fn spec(&self, command: &[String]) -> ExecSpec {
        let target = match &self.target {
            crate::daemon::Target::Instance(id) => Target::Instance(id.clone()),
            crate::daemon::Target::Namespace(name) => Target::Namespace(name.clone()),
        };
        let mut env = BTreeMap::new();
        if let Ok(term) = std::env::var("TERM") {
            env.insert("TERM".to_owned(), term);
        }
        let resolv_conf = resolv_conf(&self.target);
        ExecSpec { target, argv: command.to_vec(), env, cwd: None, resolv_conf }
    }

    fn hint(&self) -> String {
        match &self.target {
            crate::daemon::Target::Instance(id) => format!("cannot run a command in {id}"),
            crate::daemon::Target::Namespace(name) => format!("cannot run a command in {name}"),
        }
    }
}

/// On the internet, a public resolver of it; an instance has its own, and a router resolves nothing.
fn resolv_conf(target: &crate::daemon::Target) -> Option<String> {
    match target {
        crate::daemon::Target::Namespace(name) if name == NamespaceName::internet().as_str() => {
            Some(format!("nameserver {}\n", crate::daemon::PUBLIC_RESOLVER))
        }
        _ => None,
    }
}

fn read(mut pipe: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether the error means that the place is not there yet.
pub fn is_not_ready(error: &anyhow::Error) -> bool {
    let kind = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<enishi_compute::Error>())
        .map(|error| error.kind());
    matches!(kind, Some(ErrorKind::NotFound | ErrorKind::InUse))
}
