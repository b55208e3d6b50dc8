//! A keeper of its own for each case.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio as Piped};
use std::time::Duration;

use enishi_compute::{
    Client, Event, ExecSpec, LaunchSpec, Owner, RootFs, Stdio, Target, console, keeper, userns,
};
use tempfile::TempDir;

/// Long enough for a loaded machine; reached only when something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Lab {
    pub directory: TempDir,
    pub socket: PathBuf,
    pub data_dir: PathBuf,
    pub mode: userns::Mode,
    pub client: Client,
    /// A shell that was started before we entered a user namespace.
    outside: Child,
}

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Lab {
    /// Enters the user namespace if there is a need and starts a keeper.
    pub fn open() -> Self {
        // Not under /tmp, which an instance has its own of: the data directory must be hidden, not just elsewhere.
        let directory =
            tempfile::Builder::new().prefix("enishi-lab-").tempdir_in("/var/tmp").expect("a directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("open the directory");
        let data_dir = directory.path().join("data");
        let socket = data_dir.join("keeper.sock");
        let outside =
            Command::new("sh").stdin(Piped::piped()).stdout(Piped::piped()).spawn().expect("a shell");
        let mode = crate::enter(&socket);
        let client = start_keeper(&socket, &data_dir);
        Self { directory, socket, data_dir, mode, client, outside }
    }

    /// Ends the keeper. (A lab whose case has failed is ended by its process's end: the keeper by `Drop`.)
    pub fn close(self) {
        drop(self);
    }

    pub fn spec(&self, id: &str, namespace: &str) -> LaunchSpec {
        LaunchSpec {
            id: id.into(),
            namespace: namespace.into(),
            root: RootFs::Host,
            hostname: format!("host-{id}"),
            first_boot: true,
            user_data: Vec::new(),
            authorized_keys: Vec::new(),
            resolv_conf: "nameserver 169.254.169.253\n".into(),
            hosts: "127.0.0.1 localhost\n".into(),
            console: self.directory.path().join(format!("{id}.console")),
            env: BTreeMap::new(),
            ssh_host_key: None,
        }
    }

    /// An instance in a namespace of its own.
    pub fn instance(&mut self, id: &str) -> LaunchSpec {
        let namespace = format!("ns-{id}");
        self.client.create_namespace(&namespace, Owner::Instances).expect("create a namespace");
        let spec = self.spec(id, &namespace);
        self.client.launch(&spec).expect("launch");
        spec
    }

    pub fn run(&mut self, target: Target, argv: &[&str]) -> Output {
        self.run_spec(&ExecSpec::new(target, argv.iter().copied()), "")
    }

    /// Runs a script in an instance.
    pub fn sh(&mut self, id: &str, script: &str) -> Output {
        self.run(Target::Instance(id.into()), &["sh", "-c", script])
    }

    /// Runs a script in an instance that must succeed, and returns what it prints.
    pub fn ask(&mut self, id: &str, script: &str) -> String {
        let output = self.sh(id, script);
        assert_eq!(output.status, 0, "{script}: {output:?}");
        output.stdout.trim_end().to_owned()
    }

    pub fn run_spec(&mut self, spec: &ExecSpec, input: &str) -> Output {
        let file = || tempfile::tempfile().expect("a temporary file");
        let (mut stdin, mut stdout, mut stderr) = (file(), file(), file());
        stdin.write_all(input.as_bytes()).and_then(|()| stdin.rewind()).expect("write the input");
        let stdio = Stdio { stdin: stdin.as_fd(), stdout: stdout.as_fd(), stderr: stderr.as_fd() };
        let status = self.client.run(spec, stdio).expect("run a command");
        Output { status, stdout: content(&mut stdout), stderr: content(&mut stderr) }
    }

    pub fn console(&self, id: &str) -> String {
        let bytes =
            console::read(&self.directory.path().join(format!("{id}.console"))).expect("read the console");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs this program where we were before we entered a user namespace, once, and returns what it prints.
    pub fn outside(&mut self, arguments: &[&str]) -> String {
        let program = std::env::current_exe().expect("our own path");
        let mut shell = self.outside.stdin.take().expect("once");
        writeln!(shell, "exec {} {}", program.display(), arguments.join(" ")).expect("tell the shell");
        drop(shell);
        let mut said = String::new();
        self.outside.stdout.take().expect("once").read_to_string(&mut said).expect("read");
        said
    }

    /// Waits until the console says something.
    pub fn console_says(&self, id: &str, text: &str) -> String {
        eventually(|| Some(self.console(id)).filter(|console| console.contains(text)))
            .unwrap_or_else(|| panic!("the console of {id} never said {text:?}:\n{}", self.console(id)))
    }

    /// The next event that `pick` picks; others are passed over.
    pub fn event<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            let event = self.client.next_event(Some(PATIENCE)).expect("an event").expect("an event in time");
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    }

    pub fn terminated(&mut self, id: &str) {
        self.event(|event| (*event == Event::InstanceTerminated { id: id.into() }).then_some(()));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.outside.stdin.take());
        let _ = self.outside.wait();
        if let Ok(client) = Client::connect(&self.socket) {
            if std::thread::panicking() {
                eprintln!(
                    "keeper.log:\n{}",
                    fs::read_to_string(self.data_dir.join("keeper.log")).unwrap_or_default()
                );
            }
            let _ = client.shutdown();
        }
    }
}

pub fn start_keeper(socket: &Path, data_dir: &Path) -> Client {
    let mut command = Command::new(std::env::current_exe().expect("our own path"));
    command.arg("keeper").arg(socket).arg(data_dir);
    keeper::ensure(socket, &mut command).expect("start a keeper")
}

/// `None` when `probe` has found nothing for longer than anything takes. Waits on a clock of the kernel's, in small steps.
pub fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        if std::time::Instant::now() > deadline {
            return None;
        }
        let _ = nix::poll::poll(&mut [], 5u8);
    }
}

pub fn content(file: &mut File) -> String {
    file.rewind().expect("rewind");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A copy of this program that every user can run.
pub fn copy_program(directory: &Path) -> PathBuf {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("open the directory");
    let copy = directory.join("instances");
    fs::copy(std::env::current_exe().expect("our own path"), &copy).expect("copy this program");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("make the copy executable");
    copy
}

pub fn process_is_gone(pid: i32) -> bool {
    // A zombie whose parent is slow to reap it has ended as well.
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.is_empty() || status.contains("State:\tZ")
}

/// The body of a second daemon: joins the keeper and says what it sees.
pub fn join_and_say(socket: &str) -> ExitCode {
    let socket = Path::new(socket);
    let mode = crate::enter(socket);
    let mut client = Client::connect(socket).expect("connect");
    let fd = client.open_namespace("ns-a").expect("open a namespace");
    nix::sched::setns(&fd, nix::sched::CloneFlags::CLONE_NEWNET).expect("enter the namespace");
    let user = fs::read_link("/proc/self/ns/user").expect("our user namespace");
    println!("{} {mode} {}", user.display(), client.keeper_pid());
    ExitCode::SUCCESS
}

/// The body of a stranger.
pub fn connect_and_say(socket: &str) -> ExitCode {
    match Client::connect(Path::new(socket)) {
        Ok(_) => println!("welcome"),
        Err(error) => println!("refused: {error}"),
    }
    ExitCode::SUCCESS
}

/// The body of a doctor.
pub fn doctor_says(data_dir: &str) -> ExitCode {
    for probe in enishi_compute::probe::all(Path::new(data_dir)) {
        println!("{} {}: {}", if probe.ok { "ok" } else { "MISSING" }, probe.name, probe.detail);
    }
    ExitCode::SUCCESS
}
