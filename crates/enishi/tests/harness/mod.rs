//! Starts the real binary and talks to it. Everything it starts ends with the [`Daemon`].
#![allow(dead_code)]

pub mod health;
pub mod lab;
pub mod site;
pub mod zone;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
    data_dir: PathBuf,
    arguments: Vec<String>,
    /// A program and its arguments that the daemon is started through.
    launcher: Vec<String>,
    _directory: Option<TempDir>,
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

impl Daemon {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(arguments: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("enishi").tempdir().expect("a directory");
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let data_dir = directory.path().to_owned();
        let (child, address) = spawn(&[], &data_dir, &arguments);
        Daemon { child, address, data_dir, arguments, launcher: Vec::new(), _directory: Some(directory) }
    }

    /// Starts the daemon through another program, with a data directory that only this program's children may see.
    pub fn start_at(data_dir: PathBuf, launcher: Vec<String>) -> Self {
        let (child, address) = spawn(&launcher, &data_dir, &[]);
        Daemon { child, address, data_dir, arguments: Vec::new(), launcher, _directory: None }
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the daemon without a chance to say goodbye.
    pub fn kill(&mut self) {
        self.child.kill().expect("the daemon is killed");
        self.child.wait().expect("the daemon is gone");
    }

    /// Ends the daemon as a service manager does, and waits until it is gone.
    pub fn terminate(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("the daemon is told to end");
        self.child.wait().expect("the daemon is gone");
    }

    pub fn restart(&mut self) {
        (self.child, self.address) = spawn(&self.launcher, &self.data_dir, &self.arguments);
    }

    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    /// The command line, pointed at this daemon.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.launcher);
        command
            .args(arguments)
            .env("ENISHI_ENDPOINT", format!("http://{}", self.address))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the command runs")
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the daemon accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send(method, target, headers, body).expect("an answer")
    }

    /// The same; `None` when the daemon is gone before it has answered.
    pub fn try_send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        send(self.address, method, target, headers, body)
    }

    pub fn ec2(&self, form: &str) -> Answer {
        self.send("POST", "/", &[], form.as_bytes())
    }

    /// Calls an EC2 operation that must succeed.
    pub fn call(&self, form: &str) -> String {
        let answer = self.ec2(&format!("{form}&Version=2016-11-15"));
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        answer.text()
    }

    pub fn create_vpc(&self, cidr: &str) -> String {
        first(&self.call(&format!("Action=CreateVpc&CidrBlock={cidr}")), "vpcId")
    }

    pub fn vpcs(&self) -> BTreeSet<String> {
        all(&self.call("Action=DescribeVpcs"), "vpcId")
    }

    pub fn key_pairs(&self) -> BTreeSet<String> {
        all(&self.call("Action=DescribeKeyPairs"), "keyName")
    }

    /// Imports key pairs from `clients` connections until `enough` were acknowledged, then kills the daemon in the middle
    /// of it. Answers the acknowledged names.
    pub fn create_until_killed(&mut self, clients: usize, enough: usize) -> BTreeSet<String> {
        const KEY: &str = "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSU1TNmhSNjBaYkVZTDZGaGJKWkJ3NkpwQmZZbFlNUFRZZU1MOEcwTkZSSFYK";
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let address = self.address;
        // No name is used a second time.
        static ROUNDS: AtomicUsize = AtomicUsize::new(0);
        let round = ROUNDS.fetch_add(1, Ordering::Relaxed);
        let threads: Vec<_> = (0..clients)
            .map(|client| {
                let (acknowledged, stop) = (acknowledged.clone(), stop.clone());
                std::thread::spawn(move || {
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let name = format!("k{round}-{client}-{n}");
                        let form = format!(
                            "Action=ImportKeyPair&Version=2016-11-15&KeyName={name}&PublicKeyMaterial={KEY}"
                        );
                        match send(address, "POST", "/", &[], form.as_bytes()) {
                            Some(answer) if answer.status == 200 => {
                                acknowledged.lock().expect("no panic").insert(name);
                            }
                            Some(answer) => panic!("refused: {}", answer.text()),
                            None => return,
                        }
                    }
                })
            })
            .collect();
        until("enough was acknowledged", || acknowledged.lock().expect("no panic").len() >= enough);
        self.kill();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().expect("a client ends");
        }
        Arc::try_unwrap(acknowledged).expect("all clients ended").into_inner().expect("no panic")
    }

    pub fn keeper_listens(&self) -> bool {
        // The keeper's socket is one of packets; what matters is whether somebody accepts.
        let socket = self.data_dir.join("keeper.sock");
        match UnixStream::connect(&socket) {
            Ok(_) => true,
            Err(error) => error.raw_os_error() == Some(nix::libc::EPROTOTYPE),
        }
    }

    /// Kills the keeper, and with it everything that it keeps.
    pub fn kill_keeper(&self) {
        let lock = std::fs::canonicalize(self.data_dir.join("keeper.lock")).expect("a lock file");
        let holds = |pid: &str| {
            let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            files.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|file| file == lock)
        };
        let names = std::fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let pids = names.filter(|name| name.parse::<i32>().is_ok()).filter(|pid| holds(pid));
        for pid in pids {
            let pid = nix::unistd::Pid::from_raw(pid.parse().expect("a number"));
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("the keeper is killed");
        }
    }

    pub fn is_alive(&self) -> bool {
        TcpStream::connect(self.address).is_ok()
    }

    /// Waits until nothing is pending.
    pub fn settle(&self) -> serde_json::Value {
        let status = self.get("/_enishi/settle").json();
        assert_eq!(status["settled"], true, "{status:#}");
        status
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Overlay work directories have no permission bits, which keeps an ordinary user from removing them.
        if self.is_alive() && self.try_send("POST", "/_enishi/reset", &[], b"").is_some() {
            let _ = self.try_send("GET", "/_enishi/settle", &[], b"");
        }
        // Also ends a keeper whose daemon was killed.
        let _ = self.command(&["down", "--data-dir"]).arg(&self.data_dir).output();
        let _ = self.child.kill();
        let _ = self.child.wait();
        permit_removal(&self.data_dir);
    }
}

/// Gives the directories that a daemon left behind the permission bits that removing them takes.
fn permit_removal(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700));
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        permit_removal(&entry.path());
    }
}

/// The binary, started through a launcher if there is one.
fn program(launcher: &[String]) -> Command {
    const PROGRAM: &str = env!("CARGO_BIN_EXE_enishi");
    let Some((first, rest)) = launcher.split_first() else { return Command::new(PROGRAM) };
    let mut command = Command::new(first);
    command.args(rest).arg(PROGRAM);
    command
}

fn spawn(launcher: &[String], directory: &Path, arguments: &[String]) -> (Child, SocketAddr) {
    let mut child = program(launcher)
        .args(["up", "--listen", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--data-dir"])
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the daemon starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("the daemon says where it listens");
    let address =
        line.trim().strip_prefix("listening on http://").expect("an address").parse().expect("an address");
    (child, address)
}

/// One request on a connection of its own; `None` when the daemon is gone before it has answered.
fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut request =
        format!("{method} {target} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str(&format!("host: {address}\r\n"));
    }
    if body.starts_with(b"Action=") {
        request.push_str("content-type: application/x-www-form-urlencoded\r\n");
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(&[request.as_bytes(), body].concat()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let status = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
    Some(Answer { status, body: bytes.get(end + 4..)?.to_vec() })
}

/// Looks until the condition holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::yield_now();
    }
}

/// The text of the first element of this name.
pub fn first(xml: &str, name: &str) -> String {
    all_in_order(xml, name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {xml}"))
}

/// The texts of all elements of this name.
pub fn all(xml: &str, name: &str) -> BTreeSet<String> {
    all_in_order(xml, name).into_iter().collect()
}

fn all_in_order(xml: &str, name: &str) -> Vec<String> {
    let open = format!("<{name}>");
    xml.split(open.as_str())
        .skip(1)
        .filter_map(|rest| rest.split_once("</"))
        .map(|(text, _)| text.to_owned())
        .collect()
}

/// As many open files as are allowed; answers the number.
pub fn raise_descriptor_limit() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the limit is raised");
    hard
}
