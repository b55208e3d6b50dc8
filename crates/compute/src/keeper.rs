//! The keeper: the process that everything alive hangs on, so that the daemon can be killed and replaced.
//!
//! It is small and does nothing by itself: it pins network namespaces as descriptors, is the parent of instances and
//! commands, and answers clients on a Unix socket that only its own user may use. It has one thread and one poll loop and
//! never waits for a child, a client or a disk.
//!
//! The keeper itself lives in a mount namespace and in an empty network namespace of its own: nothing that it makes is
//! visible on the host, nothing is left when it dies, and a child that forgot to join its network would be alone, not on the
//! host's.
//!
//! Files under its data directory: `keeper.sock` (or where the options say), `keeper.lock` (held while it lives),
//! `keeper.log`, `instances/ID/` (the private layers), `volatile/` (a tmpfs in its own mount namespace).

mod clients;
mod execs;
mod instances;
mod namespaces;
mod server;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use crate::channel;
use crate::client::Client;
use crate::error::{Error, Step};
use crate::launch;
use crate::link;
use crate::syscall::{SingleThread, spawn};

/// How a keeper is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens.
    pub socket: PathBuf,
    /// Where it keeps the private files of instances; absolute. Nothing of it is visible inside an instance.
    pub data_dir: PathBuf,
    /// More paths of the host that instances must not see.
    pub hidden: Vec<PathBuf>,
}

/// Connects to the keeper at `socket`; if there is none, runs `command`, which must end up in [`main`], and connects.
///
/// # Errors
/// When the command fails (its standard error says why) or the connection does.
pub fn ensure(socket: &Path, command: &mut Command) -> Result<Client, Error> {
    if let Ok(client) = Client::connect(socket) {
        return Ok(client);
    }
    let status = command.status().step("start the keeper")?;
    if !status.success() {
        return Err(Error::Io {
            step: "start the keeper".into(),
            source: io::Error::other(status.to_string()),
        });
    }
    Client::connect(socket)
}

/// Becomes the keeper. The calling process ends with status 0 as soon as clients can connect, the keeper lives on in a child
/// in a session of its own; with status 1 and a message on standard error if that is not possible.
///
/// Must be called before the process has started a second thread.
pub fn main(options: Options) -> ! {
    match start(&options) {
        Ok(()) => exit(0),
        Err(error) => {
            let _ = writeln!(io::stderr(), "keeper: {error}");
            exit(1)
        }
    }
}

fn start(options: &Options) -> Result<(), Error> {
    let thread = SingleThread::prove().step("prove that the keeper has one thread")?;
    umask(Mode::from_bits_truncate(0o022));
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700);
    private.create(&options.data_dir).step(format!("create {}", options.data_dir.display()))?;
    let paths = Paths::of(options)?;
    for directory in [&paths.instances, &paths.volatile] {
        private.create(directory).step(format!("create {}", directory.display()))?;
    }
    let lock = lock(&paths)?;
    if let Some(parent) = options.socket.parent() {
        private.create(parent).step(format!("create {}", parent.display()))?;
    }
    // We hold the lock, so a socket that is there belongs to a dead keeper.
    match fs::remove_file(&options.socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).step("remove the old socket");
        }
        _ => {}
    }
    let listener = channel::listen_at(&options.socket)?;
    isolate(&paths)?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(options.data_dir.join("keeper.log"))
        .step("open keeper.log")?;
    let (ours, theirs) = channel::report_pair().step("make a socket pair")?;
    spawn(thread, CloneFlags::empty(), || {
        let server = detach(&log).and_then(|()| server::Server::new(thread, paths, listener));
        let (server, outcome) = match server {
            Ok(server) => (Some(server), Ok(0)),
            Err(error) => (None, Err(error)),
        };
        launch::report(theirs.as_fd(), outcome, &[]);
        if let Some(server) = server {
            server.run(|| {
                // In this order: the next keeper must find neither our lock nor our socket once our clients see us gone.
                let _ = fs::remove_file(&options.socket);
                let _ = lock.unlock();
            });
        }
        0
    })
    .step("fork the keeper")?;
    drop(theirs);
    launch::read_report(&ours)
}

/// One keeper per data directory. The lock belongs to the open file, which is ours and, after the fork, the keeper's.
fn lock(paths: &Paths) -> Result<File, Error> {
    let path = paths.data_dir.join("keeper.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .step("open keeper.lock")?;
    file.try_lock()
        .map_err(io::Error::from)
        .step(format!("lock {} (another keeper has it?)", path.display()))?;
    Ok(file)
}

/// Own mount and network namespaces, and the tmpfs in which mount points and the layers that the disk cannot hold live.
fn isolate(paths: &Paths) -> Result<(), Error> {
    let none = None::<&Path>;
    unshare(CloneFlags::CLONE_NEWNS).step("make a mount namespace")?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).step("make mounts private")?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), &paths.volatile, Some("tmpfs"), flags, Some("mode=0755"))
        .step("mount a tmpfs for the keeper")?;
    for directory in [paths.mount_point(), paths.volatile.join("instances")] {
        fs::create_dir(&directory).step(format!("create {}", directory.display()))?;
    }
    unshare(CloneFlags::CLONE_NEWNET).step("make the keeper's own network namespace")?;
    link::up_loopback()
}

/// Leaves the session and the standard streams of whoever started us.
fn detach(log: &File) -> Result<(), Error> {
    setsid().step("start a session")?;
    prctl::set_name(c"enishi-keeper").step("name the keeper")?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null").step("open /dev/null")?;
    dup2_stdin(null.as_fd()).step("redirect standard input")?;
    dup2_stdout(log.as_fd()).step("redirect standard output")?;
    dup2_stderr(log.as_fd()).step("redirect standard error")?;
    std::env::set_current_dir("/").step("change to /")
}

/// Where the keeper puts things.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) data_dir: PathBuf,
    pub(crate) instances: PathBuf,
    pub(crate) volatile: PathBuf,
    pub(crate) hidden: Vec<PathBuf>,
}

impl Paths {
    fn of(options: &Options) -> Result<Self, Error> {
        let data_dir =
            options.data_dir.canonicalize().step(format!("resolve {}", options.data_dir.display()))?;
        let mut hidden = vec![data_dir.clone()];
        hidden.extend(options.hidden.iter().filter_map(|path| path.canonicalize().ok()));
        Ok(Self {
            instances: data_dir.join("instances"),
            volatile: data_dir.join("volatile"),
            data_dir,
            hidden,
        })
    }

    /// Where each instance puts its root together. One directory for all: each sees only its own mounts on it.
    pub(crate) fn mount_point(&self) -> PathBuf {
        self.volatile.join("root")
    }

    /// The private layers of an instance: on disk, and on the tmpfs for what the disk's file system cannot hold.
    pub(crate) fn private(&self, id: &str) -> [PathBuf; 2] {
        [self.instances.join(id), self.volatile.join("instances").join(id)]
    }
}
