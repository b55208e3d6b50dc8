//! The messages between the keeper and its clients.
//!
//! One `SOCK_SEQPACKET` datagram is one JSON message of at most [`MAX_MESSAGE`] bytes; descriptors ride along as `SCM_RIGHTS`.
//! A request carries a number that its reply repeats: replies to slow requests (a launch) come when they are ready, other
//! replies and events may come before them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Refusal};

/// The version that both sides must speak; a daemon that finds an older keeper says so instead of guessing.
pub(crate) const VERSION: u32 = 2;
/// Upper bound of one message, bytes. User data (16 KiB, twice that in hex) and a page of the inventory fit well.
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;
/// Upper bound of descriptors in one message.
pub(crate) const MAX_DESCRIPTORS: usize = 4;
/// Names per page of the inventory.
pub(crate) const PAGE: usize = 400;

/// What a client asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Request {
    Hello { version: u32 },
    CreateNamespace { name: String, of: Owner },
    OpenNamespace { name: String },
    DeleteNamespace { name: String },
    Inventory { namespaces_after: String, instances_after: String },
    Launch { spec: Box<LaunchSpec> },
    Stop { id: String, grace_ms: u64 },
    Reboot { id: String, grace_ms: u64 },
    Terminate { id: String },
    Exec { spec: Box<ExecSpec>, terminal: bool },
    Signal { exec: ExecId, signal: i32 },
    Subscribe,
    Shutdown,
}

/// Who may change what is in a network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The keeper and the daemon alone: routers, gateways, the internet.
    Keeper,
    /// Root of the instance that lives in it as well.
    Instances,
}

/// What the keeper says: the answer to request `seq`, or something that happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    Reply { seq: u64, result: Result<Reply, Refusal> },
    Event(Event),
}

/// The answers. Descriptors announced here ride along with the message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Hello {
        version: u32,
        pid: i32,
    },
    /// One descriptor: the namespace.
    Namespace,
    Done,
    Inventory {
        page: Inventory,
        more: bool,
    },
    Launched {
        pid: i32,
    },
    /// One descriptor when a terminal was asked for: its master side.
    Running {
        exec: ExecId,
    },
}

/// A command started by [`Client::exec`](crate::Client::exec), valid on the connection that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecId(pub(crate) u64);

/// Something that happened in the keeper. Exits of commands go to the client that started them, the rest to all subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The instance's root file system is ready and its boot has begun.
    InstanceStarted {
        /// The instance.
        id: String,
        /// Its first process, in the keeper's pid namespace.
        pid: i32,
    },
    /// All processes of the instance are gone; its files are kept.
    InstanceExited {
        /// The instance.
        id: String,
        /// Exit status of its first process, `128 + signal` if one killed it.
        status: i32,
        /// Who ended it.
        cause: ExitCause,
    },
    /// The instance and its private files are gone.
    InstanceTerminated {
        /// The instance.
        id: String,
    },
    /// A command has ended.
    ExecExited {
        /// Which.
        exec: ExecId,
        /// Its exit status, `128 + signal` if one killed it.
        status: i32,
    },
}

/// Who ended an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCause {
    /// A client, by stop, reboot or terminate.
    Requested,
    /// The instance itself (as by `shutdown`): AWS's *instance initiated shutdown behavior* applies.
    Guest,
    /// A signal from outside that no client asked for.
    Killed,
}

/// What the keeper holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Names of the pinned network namespaces, ordered.
    pub namespaces: Vec<String>,
    /// The instances, ordered by id.
    pub instances: Vec<InstanceReport>,
}

/// One instance as the keeper sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// Its id, as given at launch.
    pub id: String,
    /// The network namespace that it was launched in.
    pub namespace: String,
    /// Where it is in its life.
    pub state: InstanceState,
    /// Its first process in the keeper's pid namespace, while there is one.
    pub pid: Option<i32>,
    /// [`LaunchSpec::digest`] of what it was launched with.
    pub digest: u64,
}

/// Where an instance is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Its file system is being put together.
    Starting,
    /// Its first process runs.
    Running,
    /// It was asked to end.
    Stopping,
    /// No process, files kept.
    Stopped,
    /// Its files are being removed.
    Terminating,
}

/// The root file system of an instance. What it writes goes to a private layer in either case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootFs {
    /// The host's root, as far as the user may read it.
    Host,
    /// A directory that holds a root file system.
    Directory(PathBuf),
}

/// Everything an instance is made from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// Its id: letters, digits, `.`, `_`, `-`; at most 64, not starting with a dot.
    pub id: String,
    /// The pinned network namespace that it lives in.
    pub namespace: String,
    /// What lies under its private layer.
    pub root: RootFs,
    /// Its host name, at most 64 bytes.
    pub hostname: String,
    /// Whether this is the first boot: user data is run, `hosts`, `hostname` and `authorized_keys` are written.
    pub first_boot: bool,
    /// User data as the client sent it (decoded), at most 16 KiB. Run when it starts with `#!`.
    #[serde(with = "hex")]
    pub user_data: Vec<u8>,
    /// Lines for the `authorized_keys` of `root` and, where it exists, `ec2-user`.
    pub authorized_keys: Vec<String>,
    /// Content of `/etc/resolv.conf`, written at every boot.
    pub resolv_conf: String,
    /// Content of `/etc/hosts`.
    pub hosts: String,
    /// File that the console is written to. It belongs to the caller and survives terminate.
    pub console: PathBuf,
    /// More environment for user data and commands run in the instance.
    pub env: BTreeMap<String, String>,
    /// Host key of its SSH server, OpenSSH private key text (ED25519). Made in the instance at the first connection if absent.
    pub ssh_host_key: Option<String>,
}

impl LaunchSpec {
    /// A stable hash of all but `first_boot`, to recognise after a restart what runs (FNV-1a of the JSON form).
    pub fn digest(&self) -> u64 {
        let same = Self { first_boot: false, ..self.clone() };
        let json = serde_json::to_vec(&same).unwrap_or_default();
        json.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name("instance id", &self.id)?;
        check_name("namespace name", &self.namespace)?;
        if self.hostname.is_empty() || self.hostname.len() > 64 || self.hostname.contains(['\0', '\n', '/']) {
            return Err(Error::refused(
                ErrorKind::Invalid,
                format!("host name {:?} is not 1 to 64 bytes of text", self.hostname),
            ));
        }
        if let RootFs::Directory(path) = &self.root {
            check_absolute("root directory", path)?;
        }
        check_absolute("console file", &self.console)
    }
}

/// Hand-written so that keys and user data never end in a log.
impl std::fmt::Debug for LaunchSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaunchSpec")
            .field("id", &self.id)
            .field("namespace", &self.namespace)
            .field("root", &self.root)
            .field("hostname", &self.hostname)
            .field("first_boot", &self.first_boot)
            .finish_non_exhaustive()
    }
}

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// In a running instance: its files, processes, network and capabilities.
    Instance(String),
    /// In a network namespace, with the host's files and the caller's own rights.
    Namespace(String),
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecSpec {
    /// Where.
    pub target: Target,
    /// The program, looked up in `PATH` of the target, and its arguments.
    pub argv: Vec<String>,
    /// Environment on top of the defaults (`HOME`, `PATH`, `TERM`).
    pub env: BTreeMap<String, String>,
    /// Working directory; by default `/root` in an instance and `/` in a namespace.
    pub cwd: Option<PathBuf>,
    /// For a namespace: what the command sees as `/etc/resolv.conf` instead of the host's.
    pub resolv_conf: Option<String>,
}

impl ExecSpec {
    /// A command with nothing but its arguments.
    pub fn new<S: Into<String>>(target: Target, argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            target,
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            cwd: None,
            resolv_conf: None,
        }
    }
}

/// Checks an id or name that becomes part of a path.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.bytes().all(allowed) {
        return Err(Error::refused(
            ErrorKind::Invalid,
            format!("{what} {name:?} is not 1 to 64 of letters, digits, '.', '_', '-'"),
        ));
    }
    Ok(())
}

fn check_absolute(what: &str, path: &Path) -> Result<(), Error> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(Error::refused(ErrorKind::Invalid, format!("{what} {} is not an absolute path", path.display())))
}

/// Bytes as a hex string: JSON has no bytes, and an array of numbers is twice as long.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        let text: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let nibble = |c: &u8| char::from(*c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(nibble(high)? << 4 | nibble(low)?),
            _ => None,
        };
        text.as_bytes()
            .chunks(2)
            .map(byte)
            .collect::<Option<_>>()
            .ok_or_else(|| D::Error::custom("not a hex string"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> LaunchSpec {
        LaunchSpec {
            id: "i-1".into(),
            namespace: "ns".into(),
            root: RootFs::Host,
            hostname: "ip-10-0-0-4".into(),
            first_boot: true,
            user_data: vec![0, 0x7f, 0xff],
            authorized_keys: vec![],
            resolv_conf: String::new(),
            hosts: String::new(),
            console: "/tmp/console".into(),
            env: BTreeMap::new(),
            ssh_host_key: None,
        }
    }

    #[test]
    fn a_spec_survives_the_wire() {
        let json = serde_json::to_string(&spec()).unwrap();
        assert!(json.contains("\"007fff\""), "{json}");
        assert_eq!(serde_json::from_str::<LaunchSpec>(&json).unwrap(), spec());
    }

    #[test]
    fn the_digest_ignores_the_first_boot_alone() {
        assert_eq!(spec().digest(), LaunchSpec { first_boot: false, ..spec() }.digest());
        assert_ne!(spec().digest(), LaunchSpec { hostname: "other".into(), ..spec() }.digest());
    }

    #[test]
    fn names_that_could_leave_a_directory_are_refused() {
        for bad in ["", ".", "..", "a/b", ".hidden", "a b", "ü", &"x".repeat(65)] {
            assert!(check_name("name", bad).is_err(), "{bad:?}");
        }
        for good in ["i-0abc", "vpc-1.router", "internet", &"x".repeat(64)] {
            assert!(check_name("name", good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn relative_paths_are_refused() {
        assert!(spec().check().is_ok());
        assert!(LaunchSpec { console: "console".into(), ..spec() }.check().is_err());
        assert!(LaunchSpec { root: RootFs::Directory("root".into()), ..spec() }.check().is_err());
    }
}
