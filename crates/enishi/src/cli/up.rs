//! `enishi up` and `enishi down`.

use std::fs::{self, DirBuilder, File};
use std::io::{BufRead, BufReader, Write, stdout};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use enishi_compute::{Client, userns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, dup2_stdout, setsid};
use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::client::Endpoint;
use super::output::Output;
use super::{UpArgs, names};
use crate::daemon::{self, DataDir, Options};

/// The longest path that a Unix socket can have, the final zero not counted.
const SOCKET_PATH: usize = 107;

/// How long the end of the daemon is waited for.
const END: Duration = Duration::from_secs(30);

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    id: String,
    secret: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for AccessKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (id, secret) = text.split_once(':').ok_or("an access key looks like ID:SECRET")?;
        Ok(AccessKey { id: id.to_owned(), secret: secret.to_owned() })
    }
}

/// Starts the daemon: here, or detached.
pub fn up(args: &UpArgs, output: Output) -> anyhow::Result<ExitCode> {
    let path = args.data.path();
    if args.detach && !args.session {
        let listen = detach(args, &path)?;
        announce(listen, output)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.session {
        setsid().context("cannot start a session")?;
    }
    let data_dir = DataDir::lock(&path)?;
    let keeper_socket = keeper_socket(data_dir.path());
    ensure!(
        keeper_socket.as_os_str().len() <= SOCKET_PATH,
        "{} is too long a path for a socket; choose a shorter --data-dir",
        keeper_socket.display()
    );
    // Before any thread: an ordinary user becomes root of a user namespace here.
    let mode =
        userns::enter_or_create(&keeper_socket).context("cannot get the rights that a network needs")?;
    log();
    let keys = args.access_keys.iter().map(|key| (key.id.clone(), key.secret.clone()));
    let mut access_keys: std::collections::BTreeMap<_, _> = keys.collect();
    if access_keys.is_empty() {
        access_keys.insert("test".to_owned(), "test".to_owned());
    }
    let options = Options {
        listen: args.listen,
        dns: args.dns,
        delegations: names::delegations(&args.delegate),
        host_name_servers: if args.host_dns { names::host_name_servers()? } else { Vec::new() },
        places: args.places.clone(),
        auth: args.auth,
        access_keys,
        mode,
        keeper_socket,
    };
    daemon::run(&data_dir, &options, |listen| {
        // Nobody may be listening to us; that is no reason not to serve.
        let _ = announce(listen, output);
        if args.session
            && let Ok(log) = File::options().append(true).open("/dev/stderr")
        {
            let _ = dup2_stdout(log.as_fd());
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn announce(listen: SocketAddr, output: Output) -> anyhow::Result<()> {
    let data = json!({ "endpoint": format!("http://{listen}") });
    if output.is_json() {
        println!("{data}");
    } else {
        println!("listening on http://{listen}");
    }
    stdout().flush().context("cannot say where the daemon listens")
}

fn log() {
    // The library of S3's protocol takes every refusal for an error.
    let filter = EnvFilter::try_from_env("ENISHI_LOG").unwrap_or_else(|_| EnvFilter::new("info,s3s=off"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only a second daemon in one process would find a subscriber installed.
    let _ = builder.with_ansi(false).with_target(false).try_init();
}

/// Where the keeper of a data directory listens.
fn keeper_socket(data_dir: &Path) -> PathBuf {
    data_dir.join("keeper.sock")
}

/// Starts the daemon in a session of its own and waits until it answers.
pub fn detach(args: &UpArgs, path: &Path) -> anyhow::Result<SocketAddr> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    let log_path = path.join("enishi.log");
    let log = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&log_path)
        .with_context(|| format!("cannot write {}", log_path.display()))?;
    let start = log.metadata().map_or(0, |metadata| metadata.len());
    let auth = match args.auth {
        daemon::Auth::Open => "open",
        daemon::Auth::Strict => "strict",
    };
    let keys: Vec<String> = args.access_keys.iter().map(|key| format!("{}:{}", key.id, key.secret)).collect();
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.args(["up", "--session", "--auth", auth, "--listen"]).arg(args.listen.to_string());
    command.arg("--data-dir").arg(path);
    if let Some(dns) = args.dns {
        command.arg("--dns").arg(dns.to_string());
    }
    command.args(args.places.arguments());
    for domain in &args.delegate {
        command.arg("--delegate").arg(domain.to_string());
    }
    if args.host_dns {
        command.arg("--host-dns");
    }
    if !keys.is_empty() {
        // Not as arguments, which every user of the machine can read.
        command.env("ENISHI_ACCESS_KEYS", keys.join(","));
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("cannot start the daemon")?;
    let mut line = String::new();
    if let Some(answers) = child.stdout.take() {
        BufReader::new(answers).read_line(&mut line).context("cannot hear from the daemon")?;
    }
    match line.trim().strip_prefix("listening on http://").map(str::parse) {
        Some(Ok(listen)) => Ok(listen),
        _ => {
            child.wait().context("cannot wait for the daemon")?;
            bail!("the daemon did not start: {}", tail(&log_path, start));
        }
    }
}

/// What was written to the log since it was `start` bytes long.
fn tail(log: &Path, start: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let new = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let text = String::from_utf8_lossy(new);
    let text = text.trim();
    let text = text.strip_prefix("enishi: ").unwrap_or(text);
    if text.is_empty() { format!("see {}", log.display()) } else { text.to_owned() }
}

/// Ends the daemon and everything that it keeps, also what a killed daemon left.
pub fn down(endpoint: &Endpoint, path: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let ended = end(endpoint, path)?;
    let text = if ended { "everything has ended" } else { "nothing was running" };
    output.print(text, &json!({ "ended": ended }))?;
    Ok(ExitCode::SUCCESS)
}

/// The same without a word; whether anything was running.
pub fn end(endpoint: &Endpoint, path: &Path) -> anyhow::Result<bool> {
    let answered = endpoint.tell("/_enishi/down").ok().and_then(|answer| answer["pid"].as_i64());
    let pid = answered.and_then(|pid| i32::try_from(pid).ok());
    let Some(pid) = pid.or_else(|| DataDir::owner(path)) else { return end_keeper(path) };
    if answered.is_none() {
        // It listens elsewhere; an interrupt means the same.
        kill(Pid::from_raw(pid), Signal::SIGINT).context("cannot end the daemon")?;
    }
    wait_for_end(pid)?;
    // One that the daemon could not talk to.
    end_keeper(path)?;
    Ok(true)
}

/// Ends the keeper of a data directory; whether there was one.
fn end_keeper(path: &Path) -> anyhow::Result<bool> {
    match Client::connect(&keeper_socket(path)) {
        Ok(keeper) => keeper.shutdown().context("cannot end the keeper")?,
        Err(enishi_compute::Error::OtherVersion { pid }) => {
            // Nothing outlives it, however it ends.
            kill(Pid::from_raw(pid), Signal::SIGKILL).context("cannot end the keeper")?;
            wait_for_end(pid)?;
        }
        Err(_) => return Ok(false),
    }
    Ok(true)
}

fn wait_for_end(pid: i32) -> anyhow::Result<()> {
    let deadline = Instant::now() + END;
    while !enishi_compute::has_ended(pid) {
        ensure!(Instant::now() < deadline, "process {pid} is still ending");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
