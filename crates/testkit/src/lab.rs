//! A network laboratory: the Linux backend builds a program in real namespaces, and packets are sent through it.
//!
//! * [`Lab::apply`] reconciles the namespaces with a program, as the daemon does.
//! * [`Lab::send`] writes a packet into a namespace as a process of it would; [`Lab::sightings`] says where packets came out.
//! * [`Lab::connect`] opens a real TCP connection that can be kept.
//!
//! # How a dropped packet is known without waiting
//!
//! Linux carries a packet over any number of veth pairs in software interrupts of one CPU, in order. [`Lab`] therefore pins
//! its thread to a CPU, and after sending runs a [`fence`]: datagrams over the loopback that queue up behind the packets.
//! What has not arrived after the fence never will.
//!
//! # Nobody answers by himself
//!
//! A host would answer a TCP or UDP packet to a closed port. The packets of [`Lab::send`] have wrong checksums on purpose: raw
//! sockets still receive them, the protocols drop them in silence. Connection tracking is told not to mind.
//!
//! Needs the privileges that namespaces need: root, or `unshare --map-root-user --net` with the loopback up.

mod bytes;
mod fence;
mod post;
mod tcp;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use enishi_fabric::{Flow, NamespaceName, Packet, Program};
use enishi_kernel::{Backend, Namespaces, PrivateNamespaces};

use self::fence::Fence;
use self::post::Post;
pub use self::post::Sighting;
pub use self::tcp::Connection;

/// Real namespaces that follow a program.
pub struct Lab {
    backend: Backend<PrivateNamespaces>,
    program: Program,
    posts: BTreeMap<NamespaceName, Post>,
    fence: Fence,
}

impl Lab {
    /// A laboratory without namespaces. Pins the calling thread to one CPU.
    pub fn new() -> io::Result<Self> {
        Ok(Lab {
            backend: Backend::new(PrivateNamespaces::default(), || ())?,
            program: Program::default(),
            posts: BTreeMap::new(),
            fence: Fence::new()?,
        })
    }

    /// The program that is in force.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Brings the namespaces to what `program` says.
    ///
    /// # Errors
    /// What the backend could not do, namespace by namespace.
    pub fn apply(&mut self, program: &Program) -> io::Result<()> {
        self.program = program.clone();
        // The sockets of a namespace keep it alive: those of namespaces that go have to go first.
        self.posts.retain(|name, _| program.namespaces.contains_key(name));
        let report = self.backend.reconcile(program);
        if !report.failures.is_empty() {
            let failures: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
            return Err(io::Error::other(failures.join("; ")));
        }
        for name in program.namespaces.keys() {
            self.man(name)?;
        }
        Ok(())
    }

    /// Makes sure that somebody listens in a namespace.
    fn man(&mut self, name: &NamespaceName) -> io::Result<()> {
        let namespace = File::from(self.backend.namespaces().open(name)?);
        let identity = namespace.metadata()?.ino();
        if self.posts.get(name).is_some_and(|post| post.identity() == identity) {
            return Ok(());
        }
        let sockets = self.backend.visitor().visit(namespace.as_fd(), post::open)?;
        self.posts.insert(name.clone(), Post::new(identity, sockets));
        Ok(())
    }

    /// Forgets every tracked connection, so that the next world starts without any.
    pub fn forget_connections(&mut self) -> io::Result<()> {
        self.posts.values().try_for_each(Post::forget_connections)
    }

    /// A process in the flow's namespace sends its packet, with `number` in it. Says whether the sender's own kernel took it;
    /// what becomes of it, [`Lab::sightings`] says.
    pub fn send(&mut self, flow: &Flow, number: u32) -> bool {
        let post = self.posts.get(&flow.from);
        post.is_some_and(|post| post.send(flow.packet, number).is_ok())
    }

    /// Where packets were seen since the last call, in the order of namespaces.
    ///
    /// Waits for everything that is on its way.
    pub fn sightings(&mut self) -> io::Result<Vec<(NamespaceName, Sighting)>> {
        self.fence.pass()?;
        let mut seen = Vec::new();
        for (name, post) in &self.posts {
            seen.extend(post.collect()?.into_iter().map(|sighting| (name.clone(), sighting)));
        }
        Ok(seen)
    }

    /// Runs something inside a namespace.
    fn inside<T: Send + 'static>(
        &mut self,
        name: &NamespaceName,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let namespace = self.backend.namespaces().open(name)?;
        self.backend.visitor().visit(namespace.as_fd(), work)
    }

    /// Whether a host owns an address.
    fn owns(&self, name: &NamespaceName, address: Ipv4Addr) -> bool {
        let Some(namespace) = self.program.namespaces.get(name) else { return false };
        match &namespace.role {
            enishi_fabric::program::Role::Host(host) => {
                host.devices.iter().any(|device| device.addresses.contains(&address))
            }
            _ => false,
        }
    }

    /// What became of one packet, given everything that was seen.
    pub fn outcome<'s>(
        &self,
        sightings: impl Iterator<Item = &'s (NamespaceName, Sighting)> + Clone,
    ) -> Outcome {
        let delivered = sightings.clone().find(|(_, sighting)| sighting.delivered);
        if let Some((namespace, sighting)) = delivered {
            return Outcome::Delivered { namespace: namespace.clone(), packet: sighting.packet };
        }
        let is_host = |name: &NamespaceName| {
            let namespace = self.program.namespaces.get(name);
            namespace.is_some_and(|namespace| matches!(namespace.role, enishi_fabric::program::Role::Host(_)))
        };
        let passing = sightings.filter(|(name, sighting)| {
            let Packet { source, destination, .. } = sighting.packet;
            is_host(name) && !self.owns(name, source) && !self.owns(name, destination)
        });
        match passing.last() {
            Some((namespace, sighting)) => {
                Outcome::Diverted { namespace: namespace.clone(), packet: sighting.packet }
            }
            None => Outcome::Lost,
        }
    }
}

/// What became of a packet, as its ends see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The owner of its destination received it, like this.
    Delivered {
        /// The owner.
        namespace: NamespaceName,
        /// The packet as it arrived.
        packet: Packet,
    },
    /// An instance that does not own its destination received it.
    Diverted {
        /// The instance.
        namespace: NamespaceName,
        /// The packet as it arrived.
        packet: Packet,
    },
    /// Nobody did.
    Lost,
}
