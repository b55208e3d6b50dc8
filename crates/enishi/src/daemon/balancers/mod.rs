//! Load balancers in user space: an engine for each node of the program, listening in the node's namespace.
//!
//! ```text
//!  Program.balancers ──follow──► configuration of each load balancer ──► its nodes' engines
//!                        └──► listening sockets, made inside of the nodes' namespaces
//! ```
//!
//! What listens, and where, follows the program before an API call is answered: a listener that was created takes connections
//! when the answer is there. Rules, certificates, targets and their health are obeyed from the next request on. Sockets close
//! with the daemon and come back with it; nothing but the secret that cookies are made with outlives it.
//!
//! Invariants: following takes O(change); where no load balancer is, no thread waits for one.

pub mod access_log;
mod connector;
mod login_key;
pub mod metrics;
mod nodes;
mod public_keys;
mod secret;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use enishi_fabric::balancer::{Balancer, Kind};
use enishi_fabric::{NamespaceName, Program};
use enishi_kernel::{Backend, FlowReader};
use enishi_proxy::balancer::login::Signer;
use enishi_proxy::balancer::serve::{self as engine, Setup, Workers};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::certificates::Authority;
use super::clock;
use super::dns::PublicResolver;
use super::later::Later;
use super::reconcile::{KeptNamespaces, NodeSockets, inside};
use access_log::AccessLog;
use connector::NodeConnector;
pub use login_key::LoginKey;
use metrics::{NodeFlows, Seen};
use nodes::ServingNode;
pub use nodes::{ServingNodes, bury};
use public_keys::PublicKeys;
pub use secret::Secret;

/// Connections that may wait to be accepted at a listener.
const BACKLOG: i32 = 4096;

/// What engines need of the daemon.
pub struct Means {
    /// Makes connections to targets.
    pub sockets: NodeSockets,
    /// What cookies are encrypted with.
    pub secret: Secret,
    /// What signs what targets are told of users.
    pub login_key: Arc<Later<LoginKey>>,
    /// Who vouches for identity providers.
    pub authority: Arc<Authority>,
    /// Finds identity providers.
    pub resolver: PublicResolver,
    /// Where names are looked up.
    pub runtime: Handle,
}

/// The engines of all nodes.
pub struct Balancers {
    means: Means,
    /// Started with the first load balancer.
    workers: Option<Workers>,
    serving: ServingNodes,
    followed: BTreeMap<Arc<str>, Followed>,
    public_keys: Option<PublicKeys>,
}

impl Means {
    /// What signs for a load balancer. Without a key nothing does.
    fn signer(&self, arn: &str) -> Option<Signer> {
        self.login_key.get().inspect_err(|error| tracing::error!("{error:#}")).ok()?.signer(arn)
    }

    fn connector(&self, node: &NamespaceName) -> NodeConnector {
        NodeConnector::new(self.sockets.clone(), node.clone(), self.resolver.clone(), self.runtime.clone())
    }
}

/// A load balancer as it was followed last.
struct Followed {
    config: Arc<ArcSwap<Balancer>>,
    nodes: BTreeMap<NamespaceName, Arc<ServingNode>>,
    /// Whether everything that it wants is there.
    complete: bool,
    /// Whether it logs users in.
    logs_in: bool,
}

impl Balancers {
    /// No load balancer yet; the nodes that serve are said to `serving`.
    pub fn new(means: Means, serving: ServingNodes) -> Self {
        Balancers { means, workers: None, serving, followed: BTreeMap::new(), public_keys: None }
    }

    /// Serves what the program says, and nothing else. Answers what failed.
    pub fn follow(&mut self, program: &Program, backend: &mut Backend<KeptNamespaces>) -> Vec<String> {
        let before = self.followed.len();
        self.followed.retain(|arn, _| program.balancers.contains_key(arn));
        let mut changed = self.followed.len() != before;
        let mut errors = Vec::new();
        for (arn, balancer) in &program.balancers {
            if let Some(followed) = self.followed.get(arn)
                && followed.complete
                && Arc::ptr_eq(&followed.config.load(), balancer)
            {
                continue;
            }
            changed = true;
            let failed = self.serve(program, balancer, backend);
            errors.extend(failed.iter().map(|error| format!("{}: {error}", balancer.id)));
            if let Some(followed) = self.followed.get_mut(arn) {
                followed.complete = failed.is_empty();
            }
        }
        if changed {
            self.publish();
        }
        errors.extend(self.serve_public_keys(program, backend).err().map(|error| format!("{error:#}")));
        errors
    }

    /// Where load balancers log users in, their targets can fetch the key that they sign with.
    fn serve_public_keys(
        &mut self,
        program: &Program,
        backend: &mut Backend<KeptNamespaces>,
    ) -> anyhow::Result<()> {
        let is_wanted = program.namespaces.contains_key(&NamespaceName::internet())
            && self.followed.values().any(|followed| followed.logs_in);
        let Some(workers) = self.workers.as_ref().filter(|_| is_wanted) else {
            self.public_keys = None;
            return Ok(());
        };
        let now = clock::now();
        if self.public_keys.as_ref().is_none_or(|keys| !keys.is_valid(now)) {
            // First, so that the address is free.
            self.public_keys = None;
            let started = PublicKeys::start(workers, &self.means, now, backend);
            self.public_keys = Some(started.context("the public key of logins")?);
        }
        Ok(())
    }

    /// Stops all of them: the keeper is gone, and their namespaces with it.
    pub fn leave(&mut self) {
        self.followed.clear();
        self.public_keys = None;
        self.publish();
    }

    fn publish(&self) {
        let nodes = self.followed.values().flat_map(|followed| &followed.nodes);
        self.serving.publish(nodes.map(|(name, node)| (name.clone(), node.clone())).collect());
    }

    fn serve(
        &mut self,
        program: &Program,
        balancer: &Arc<Balancer>,
        backend: &mut Backend<KeptNamespaces>,
    ) -> Vec<io::Error> {
        let workers = match self.workers.take() {
            Some(workers) => Ok(workers),
            None => Workers::start(std::thread::available_parallelism().map_or(1, usize::from)),
        };
        let workers = match workers {
            Ok(workers) => &*self.workers.insert(workers),
            Err(error) => return vec![error],
        };
        let means = &self.means;
        let followed = self.followed.entry(balancer.arn.clone()).or_insert_with(|| Followed {
            config: Arc::new(ArcSwap::new(balancer.clone())),
            nodes: BTreeMap::new(),
            complete: false,
            logs_in: false,
        });
        let mut rules = balancer.listeners.values().flat_map(|listener| &listener.rules);
        followed.logs_in = rules.any(|rule| rule.authenticate.is_some());
        followed.config.store(balancer.clone());
        followed.nodes.retain(|name, serving| balancer.nodes.get(name) == Some(&serving.node));
        let mut errors = Vec::new();
        for (name, node) in &balancer.nodes {
            // A node whose interface is not live has no namespace yet; it is followed again when that changes.
            if !program.namespaces.contains_key(name) {
                continue;
            }
            let serving = followed.nodes.entry(name.clone()).or_insert_with(|| {
                let seen = Mutex::new(Seen::new(flows(balancer, name, backend)));
                let log = Arc::new(AccessLog::new(balancer.kind));
                let setup = Setup {
                    config: followed.config.clone(),
                    zone: node.zone.clone(),
                    address: node.address,
                    connector: Arc::new(means.connector(name)),
                    records: log.clone(),
                    secret: means.secret.of(&balancer.arn),
                    signer: means.signer(&balancer.arn),
                    authorities: vouching(&means.authority),
                };
                let (config, engine) = (followed.config.clone(), engine::Node::start(workers, setup));
                Arc::new(ServingNode { config, node: node.clone(), engine, log, seen })
            });
            errors.extend(listen(balancer, name, serving, backend));
        }
        errors
    }
}

/// Who vouches for identity providers, PEM: without an authority nobody does.
fn vouching(authority: &Authority) -> Arc<str> {
    authority.certificate().map_err(|error| tracing::error!("{error:#}")).unwrap_or_default().into()
}

/// The kernel's counters, where it forwards. Without them the rest is served all the same.
fn flows(
    balancer: &Balancer,
    name: &NamespaceName,
    backend: &mut Backend<KeptNamespaces>,
) -> Option<NodeFlows> {
    if balancer.kind != Kind::Network {
        return None;
    }
    let begun = inside(name, backend, FlowReader::open).and_then(NodeFlows::begin);
    begun.inspect_err(|error| tracing::warn!(%error, node = %name, "flows cannot be counted")).ok()
}

/// Listens at the load balancer's ports and at no others.
fn listen(
    balancer: &Balancer,
    name: &NamespaceName,
    serving: &ServingNode,
    backend: &mut Backend<KeptNamespaces>,
) -> Vec<io::Error> {
    let ports = serving.engine.ports();
    for gone in ports.iter().filter(|port| !balancer.listeners.contains_key(port)) {
        serving.engine.close(*gone);
    }
    let address = serving.node.address;
    let missing = balancer.listeners.keys().copied().filter(|port| !ports.contains(port));
    let bound = missing.map(|port| {
        let listener = inside(name, backend, move || bind(address, port))?;
        serving.engine.listen(port, listener)
    });
    bound.filter_map(Result::err).collect()
}

fn bind(address: Ipv4Addr, port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddrV4::new(address, port).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
