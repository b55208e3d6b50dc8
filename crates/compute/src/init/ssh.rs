//! SSH into an instance.
//!
//! The init listens on port 22 itself and starts the image's `sshd -i` for each connection: an instance that nobody logs in
//! to pays nothing for it, and there is no daemon that could die. The host key is the one given at launch, or made at the
//! first connection.

use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const SSHD: &str = "/usr/sbin/sshd";
/// A name of its own: the files below may hold the host's keys, which must not become the instance's.
const HOST_KEY: &str = "/etc/ssh/enishi_host_ed25519_key";
/// Sessions at a time; further connections are closed at once.
const MAX_SESSIONS: usize = 64;
/// Connections that wait for the host key.
const MAX_HELD: usize = 16;

#[derive(Debug)]
pub(super) struct SshServer {
    listener: TcpListener,
    keys: Keys,
    held: Vec<OwnedFd>,
    sessions: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    Missing,
    BeingMade,
    Ready,
}

impl SshServer {
    /// Listens, if the image has an sshd.
    ///
    /// # Errors
    /// With a sentence for the console.
    pub(super) fn start(host_key: Option<&str>) -> Result<Self, String> {
        if !Path::new(SSHD).exists() {
            return Err(format!("the image has no {SSHD}"));
        }
        let keys = match host_key {
            Some(text) => {
                store_key(text).map(|()| Keys::Ready).map_err(|error| format!("host key: {error}"))?
            }
            None if Path::new(HOST_KEY).exists() => Keys::Ready,
            None => Keys::Missing,
        };
        let listener = TcpListener::bind("[::]:22")
            .or_else(|_| TcpListener::bind("0.0.0.0:22"))
            .map_err(|error| format!("listen on port 22: {error}"))?;
        listener.set_nonblocking(true).map_err(|error| error.to_string())?;
        Ok(Self { listener, keys, held: Vec::new(), sessions: 0 })
    }

    pub(super) fn accept(&mut self) -> Option<OwnedFd> {
        let (connection, _) = self.listener.accept().ok()?;
        // Beyond the bound the connection is closed by being dropped.
        (self.sessions < MAX_SESSIONS).then(|| connection.into())
    }

    pub(super) fn has_keys(&self) -> bool {
        self.keys == Keys::Ready
    }

    /// Keeps a connection until there is a host key; returns the command that makes one, if it is not being made.
    pub(super) fn hold(&mut self, connection: OwnedFd) -> Option<Vec<String>> {
        if self.held.len() < MAX_HELD {
            self.held.push(connection);
        }
        if self.keys != Keys::Missing {
            return None;
        }
        self.keys = Keys::BeingMade;
        let argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", HOST_KEY];
        Some(argv.map(str::to_owned).to_vec())
    }

    /// The key is there, or could not be made; returns the connections that waited for it.
    pub(super) fn keys_made(&mut self, success: bool) -> Vec<OwnedFd> {
        self.keys = if success { Keys::Ready } else { Keys::Missing };
        let held = std::mem::take(&mut self.held);
        if success { held } else { Vec::new() }
    }

    pub(super) fn session_started(&mut self) {
        self.sessions += 1;
    }

    pub(super) fn session_ended(&mut self) {
        self.sessions = self.sessions.saturating_sub(1);
    }
}

impl AsFd for SshServer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// The command for one connection on its standard input and output. It logs to the console.
pub(super) fn session() -> Vec<String> {
    [SSHD, "-i", "-e", "-h", HOST_KEY].map(str::to_owned).to_vec()
}

fn store_key(text: &str) -> io::Result<()> {
    let path = Path::new(HOST_KEY);
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
