//! The metadata service's listeners: one in each VPC's router.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::Arc;

use enishi_fabric::Program;
use enishi_fabric::program::Role;
use enishi_kernel::Backend;
use enishi_proxy::metadata::core::Tokens;
use enishi_proxy::metadata::serve::serve;
use enishi_state::Entropy;
use tokio::runtime::Handle;

use super::keeper::KeptNamespaces;
use super::listening::{Listening, Place, ServingTask, inside};
use crate::daemon::metadata::lookup;
use crate::daemon::writer::{Newest, SystemEntropy};

/// Where the service is in every VPC.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 169, 254), 80);

/// The listeners of all routers.
pub struct MetadataService {
    runtime: Handle,
    newest: Newest,
    tokens: Arc<Tokens>,
    listening: Listening<ServingTask>,
}

impl MetadataService {
    /// A service that listens nowhere yet.
    pub fn new(runtime: Handle, newest: Newest) -> Self {
        let mut secret = [0u8; 32];
        SystemEntropy.fill(&mut secret);
        let tokens = Arc::new(Tokens::new(&secret));
        MetadataService { runtime, newest, tokens, listening: Listening::new("metadata service") }
    }

    /// Listens in every router of the program and nowhere else. Answers what failed.
    pub fn follow(&mut self, program: &Program, backend: &mut Backend<KeptNamespaces>) -> Vec<String> {
        let routers = program.namespaces.values().filter(
            |namespace| matches!(&namespace.role, Role::Router(router) if router.services.contains(ADDRESS.ip())),
        );
        let place = |name: &enishi_fabric::NamespaceName| Place {
            namespace: name.clone(),
            addresses: BTreeSet::from([*ADDRESS.ip()]),
        };
        let wanted: BTreeSet<Place> = routers.map(|namespace| place(&namespace.name)).collect();
        let (runtime, newest, tokens) = (&self.runtime, &self.newest, &self.tokens);
        self.listening.follow(&wanted, |place| {
            let listener = inside(&place.namespace, backend, bind)?;
            // A router is called by its VPC's id.
            let vpc = place.namespace.to_string();
            Ok(start(runtime, newest.clone(), tokens.clone(), vpc, listener))
        })
    }
}

fn bind() -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(ADDRESS)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn start(
    runtime: &Handle,
    newest: Newest,
    tokens: Arc<Tokens>,
    vpc: String,
    listener: TcpListener,
) -> ServingTask {
    let find = Arc::new(move |address: Ipv4Addr| lookup(&newest.load(), &vpc, address));
    ServingTask(runtime.spawn(async move {
        if let Err(error) = serve(listener, tokens, find).await {
            tracing::warn!(%error, "the metadata service of a VPC ended");
        }
    }))
}
