//! The keeper, as the reconcile loop uses it.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context;
use enishi_compute::{Client, Error, ErrorKind, Owner, keeper};
use enishi_fabric::NamespaceName;
use enishi_fabric::program::{NamespaceProgram, Role};
use enishi_kernel::Namespaces;

use super::mailbox::{Mailbox, News};

/// Where the keeper's files are.
#[derive(Debug, Clone)]
pub struct KeeperFiles {
    /// Its socket.
    pub socket: PathBuf,
    /// The data directory.
    pub data_dir: PathBuf,
}

impl KeeperFiles {
    /// The directory of the consoles and boot files.
    pub fn consoles(&self) -> PathBuf {
        self.data_dir.join("console")
    }

    /// The console of an instance.
    pub fn console(&self, instance: &str) -> PathBuf {
        console_file(&self.data_dir, instance)
    }

    /// The file that says which boot of an instance was started last.
    pub fn boot(&self, instance: &str) -> PathBuf {
        self.consoles().join(format!("{instance}.boot"))
    }
}

/// The console of an instance, in a data directory.
pub fn console_file(data_dir: &Path, instance: &str) -> PathBuf {
    data_dir.join("console").join(format!("{instance}.log"))
}

/// A living keeper.
#[derive(Debug)]
pub struct Keeper {
    socket: PathBuf,
    /// Whether it was started just now, and so holds nothing.
    pub is_new: bool,
}

impl Keeper {
    /// Finds the keeper or starts it, and listens to it from now on.
    pub fn ensure(files: &KeeperFiles, mailbox: &Arc<Mailbox>) -> anyhow::Result<Self> {
        let is_new = Client::connect(&files.socket).is_err();
        // What runs, not what its path names: an upgrade replaces the file under a running daemon.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("enishi")
            .arg("keeper")
            .arg("--socket")
            .arg(&files.socket)
            .arg("--data-dir")
            .arg(&files.data_dir);
        let mut client = keeper::ensure(&files.socket, &mut command).context("cannot start the keeper")?;
        client.subscribe().context("cannot listen to the keeper")?;
        let mailbox = mailbox.clone();
        let listen = move || {
            while let Ok(event) = client.next_event(None) {
                if let Some(event) = event {
                    mailbox.tell(News::Event(event));
                }
            }
            mailbox.tell(News::KeeperLost);
        };
        std::thread::Builder::new().name("keeper".into()).spawn(listen).context("cannot start a thread")?;
        Ok(Keeper { socket: files.socket.clone(), is_new })
    }

    /// A further connection.
    pub fn connect(&self) -> Result<Client, Error> {
        Client::connect(&self.socket)
    }
}

/// Ends the keeper that listens at `socket`, and all that it keeps. None there is none to end.
pub fn shutdown(socket: &Path) {
    let Ok(client) = Client::connect(socket) else { return };
    if let Err(error) = client.shutdown() {
        tracing::error!(%error, "the keeper did not end in order");
    }
}

/// Network namespaces that the keeper holds.
///
/// One in which an instance is just ending cannot be deleted yet. Nothing leads into it any more, so the network is as it
/// should be; it is deleted when the instance is gone.
#[derive(Debug)]
pub struct KeptNamespaces {
    client: Client,
    doomed: BTreeSet<NamespaceName>,
}

impl KeptNamespaces {
    /// Uses a connection of its own.
    pub fn new(client: Client) -> Self {
        KeptNamespaces { client, doomed: BTreeSet::new() }
    }

    /// Deletes what could not be deleted before.
    pub fn bury(&mut self) -> io::Result<()> {
        let doomed = std::mem::take(&mut self.doomed);
        doomed.iter().try_for_each(|name| self.delete(name))
    }
}

impl Namespaces for KeptNamespaces {
    fn list(&mut self) -> io::Result<Vec<NamespaceName>> {
        let inventory = self.client.inventory().map_err(into_io)?;
        Ok(inventory.namespaces.iter().map(|name| NamespaceName::new(name)).collect())
    }

    fn create(&mut self, program: &NamespaceProgram) -> io::Result<OwnedFd> {
        let name = &program.name;
        // A resolver endpoint is a host as well, but no instance.
        let owner = match &program.role {
            Role::Host(host) if host.resolver_endpoint.is_none() => Owner::Instances,
            _ => Owner::Keeper,
        };
        if self.doomed.contains(name) {
            self.client.delete_namespace(name.as_str()).map_err(into_io)?;
            self.doomed.remove(name);
        }
        self.client.create_namespace(name.as_str(), owner).map_err(into_io)
    }

    fn open(&mut self, name: &NamespaceName) -> io::Result<OwnedFd> {
        self.client.open_namespace(name.as_str()).map_err(into_io)
    }

    fn delete(&mut self, name: &NamespaceName) -> io::Result<()> {
        match self.client.delete_namespace(name.as_str()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == ErrorKind::InUse => {
                self.doomed.insert(name.clone());
                Ok(())
            }
            other => other.map_err(into_io),
        }
    }
}

fn into_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        ErrorKind::AlreadyExists => io::ErrorKind::AlreadyExists,
        ErrorKind::InUse => io::ErrorKind::ResourceBusy,
        ErrorKind::Invalid => io::ErrorKind::InvalidInput,
        ErrorKind::Disconnected => io::ErrorKind::NotConnected,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
