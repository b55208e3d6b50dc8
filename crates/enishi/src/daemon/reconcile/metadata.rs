//! The metadata service's listeners: one in each VPC's router.
//!
//! A listener is bound by the thread that visits namespaces and belongs to its namespace from then on; who serves it runs
//! where everything asynchronous does.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;

use enishi_fabric::program::Role;
use enishi_fabric::{NamespaceName, Program};
use enishi_kernel::{Backend, Namespaces};
use enishi_proxy::metadata::core::Tokens;
use enishi_proxy::metadata::serve::serve;
use enishi_state::Entropy;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::keeper::KeptNamespaces;
use crate::daemon::metadata::lookup;
use crate::daemon::writer::{Newest, SystemEntropy};

/// Where the service is in every VPC.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 169, 254), 80);

/// The listeners of all routers.
pub struct MetadataService {
    runtime: Handle,
    newest: Newest,
    tokens: Arc<Tokens>,
    serving: BTreeMap<NamespaceName, JoinHandle<()>>,
}

impl MetadataService {
    /// A service that listens nowhere yet.
    pub fn new(runtime: Handle, newest: Newest) -> Self {
        let mut secret = [0u8; 32];
        SystemEntropy.fill(&mut secret);
        MetadataService { runtime, newest, tokens: Arc::new(Tokens::new(&secret)), serving: BTreeMap::new() }
    }

    /// Listens in every router of the program and nowhere else. Answers what failed.
    pub fn follow(&mut self, program: &Program, backend: &mut Backend<KeptNamespaces>) -> Vec<String> {
        self.serving.retain(|name, task| {
            let stays = program.namespaces.contains_key(name) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        let mut errors = Vec::new();
        for (name, namespace) in &program.namespaces {
            let Role::Router(router) = &namespace.role else { continue };
            if self.serving.contains_key(name) || !router.services.contains(ADDRESS.ip()) {
                continue;
            }
            match bind(name, backend) {
                Ok(listener) => {
                    let task = self.serve(router.origin.resource.to_string(), listener);
                    self.serving.insert(name.clone(), task);
                }
                Err(error) => errors.push(format!("{name}: metadata service: {error}")),
            }
        }
        errors
    }

    fn serve(&self, vpc: String, listener: TcpListener) -> JoinHandle<()> {
        let newest = self.newest.clone();
        let find = Arc::new(move |address: Ipv4Addr| lookup(&newest.load(), &vpc, address));
        let tokens = self.tokens.clone();
        self.runtime.spawn(async move {
            if let Err(error) = serve(listener, tokens, find).await {
                tracing::warn!(%error, "the metadata service of a VPC ended");
            }
        })
    }
}

impl Drop for MetadataService {
    fn drop(&mut self) {
        for task in self.serving.values() {
            task.abort();
        }
    }
}

fn bind(name: &NamespaceName, backend: &mut Backend<KeptNamespaces>) -> std::io::Result<TcpListener> {
    let namespace = backend.namespaces().open(name)?;
    backend.visitor().visit(namespace.as_fd(), || {
        let listener = TcpListener::bind(ADDRESS)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    })
}
