//! The daemon: rows on disk, one writer, a network that follows, an endpoint in front.
//!
//! ```text
//!  endpoint ──read──► newest World ◄──publish── writer ──delta──► journal ──► store (disk)
//!     │                                          ▲  └──World──► reconcile ──Program──► kernel
//!     └──change──────────────────────────────────┘                  └──instances──► keeper
//! ```
//!
//! Threads: the writer, the journal, those of log events and metrics, the reconcile loop, the launcher, the maker of sockets and the keeper's
//! listener block; two workers run everything asynchronous. An answer to a change waits for two numbers: the durable
//! generation of the journal and, where packets can tell, the realised generation of the reconcile loop.

mod balancers;
mod certificates;
mod clock;
mod dns;
mod endpoint;
mod health;
mod journal;
mod later;
mod logs;
mod metadata;
mod metrics;
mod outbox;
mod reconcile;
mod s3;
mod store;
mod target_health;
#[cfg(test)]
mod tests;
mod trace;
mod whole_file;
mod writer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use enishi_cloud::Cloud;
use enishi_compute::userns;
use enishi_plan::{Delegations, NameServer};
use enishi_state::{AccountId, Caller, Region, Scope};
use enishi_wire::Fault;
use enishi_wire::routing::Router;
use s3s::service::S3Service;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub use dns::{PUBLIC_RESOLVER, PlaceFiles};
pub use endpoint::names::Target;
pub use store::{DataDir, StoreError};

use balancers::access_log::Deliverer;
use balancers::metrics::Counting;
use balancers::{Balancers, LoginKey, Secret, ServingNodes};
use certificates::{Authority, Certificates};
use dns::{NameServers, Resolution};
use health::HealthChecks;
use journal::{Journal, Progress};
use later::Later;
use logs::Logs;
use metrics::Metrics;
use reconcile::{Mailbox, NodeSockets, Realised, Reconciler, Services};
use s3::Objects;
use store::Store;
use target_health::TargetHealthChecks;
use writer::{Receipt, Writer};

/// How long an answer waits for the network at most. The change is made by then in any case; the data plane is late.
const NETWORK_WAIT: Duration = Duration::from_secs(5);

/// How long the end of the daemon waits for the journal.
const LAST_WRITE: Duration = Duration::from_secs(10);

/// What the daemon is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where it answers DNS; without one, at the usual place if that is free.
    pub dns: Option<SocketAddr>,
    /// Domains that are registered elsewhere.
    pub delegations: Delegations,
    /// Name servers of the machine that VPC resolvers may ask; as a rule none.
    pub host_name_servers: Vec<SocketAddr>,
    /// What says where clients are.
    pub places: PlaceFiles,
    /// Which callers it believes.
    pub auth: Auth,
    /// The access keys that strict mode knows besides those of STS sessions: secrets by id.
    pub access_keys: BTreeMap<String, String>,
    /// With which rights it works.
    pub mode: userns::Mode,
    /// The keeper's socket.
    pub keeper_socket: PathBuf,
}

/// Which callers are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Auth {
    /// Everybody: the access key names the account.
    Open,
    /// Those whose signature is right.
    Strict,
}

/// How the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The daemon alone; instances and their network go on.
    Daemon,
    /// Instances, their network and the keeper as well.
    Everything,
}

/// What does not change while the daemon lives.
#[derive(Debug)]
pub struct Info {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it answers DNS.
    pub dns: Option<SocketAddr>,
    /// Whether VPC resolvers ask the machine's own name servers for what the registry does not have.
    pub host_dns: bool,
    /// Where its data is.
    pub data_dir: PathBuf,
    /// The keeper's socket.
    pub keeper_socket: PathBuf,
    /// With which rights it works, for people.
    pub mode: String,
    /// When it was started.
    pub started: Instant,
}

/// What the threads share.
#[derive(Debug)]
pub struct App {
    cloud: Cloud,
    router: Router,
    writer: Writer,
    progress: watch::Receiver<Progress>,
    realised: watch::Receiver<Realised>,
    mailbox: Arc<Mailbox>,
    names: dns::NameServers,
    health: HealthChecks,
    sockets: NodeSockets,
    authority: Arc<Authority>,
    access_logs: Deliverer,
    counting: Counting,
    login_key: Arc<Later<LoginKey>>,
    logs: Logs,
    objects: Objects,
    s3: S3Service,
    metrics: Metrics,
    auth: Auth,
    access_keys: BTreeMap<String, String>,
    info: Info,
    stop: watch::Sender<Option<Stop>>,
}

/// How the daemon is, as `enishi status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it answers DNS.
    pub dns: Option<SocketAddr>,
    /// Where its data is.
    pub data_dir: PathBuf,
    /// With which rights it works.
    pub mode: String,
    /// Seconds since it was started.
    pub uptime_seconds: u64,
    /// The newest generation.
    pub generation: u64,
    /// The newest generation on disk.
    pub durable: u64,
    /// The newest generation that the network has realised.
    pub realised: u64,
    /// Why nothing can be stored at present.
    pub failure: Option<String>,
    /// What the network could not realise at the last try.
    pub network_errors: Vec<String>,
    /// Instances that run.
    pub instances_running: usize,
    /// Network namespaces that exist.
    pub namespaces: usize,
}

impl App {
    /// How the daemon is.
    pub fn status(&self) -> Status {
        let progress = self.progress.borrow().clone();
        let realised = self.realised.borrow().clone();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            listen: self.info.listen,
            dns: self.info.dns,
            data_dir: self.info.data_dir.clone(),
            mode: self.info.mode.clone(),
            uptime_seconds: self.info.started.elapsed().as_secs(),
            generation: self.writer.newest().load().generation,
            durable: progress.durable,
            realised: realised.generation,
            failure: progress.failure.map(|failure| failure.to_string()),
            network_errors: realised.errors,
            instances_running: realised.instances_running,
            namespaces: realised.namespaces,
        }
    }

    /// Begins the end of the daemon.
    pub fn stop(&self, stop: Stop) {
        self.stop.send_replace(Some(stop));
    }

    /// Waits until a change is on disk. One that is lost is no longer to be seen when its caller hears of it.
    pub async fn wait_durable(&self, generation: u64) -> Result<(), Fault> {
        wait_durable(&self.writer, &self.progress, generation).await
    }

    /// Waits until a change is on disk and, where packets can tell, in force.
    pub async fn wait(&self, receipt: Receipt) -> Result<(), Fault> {
        self.wait_durable(receipt.generation).await?;
        let mut realised = self.realised.clone();
        let in_force = realised.wait_for(|realised| realised.generation >= receipt.network);
        if tokio::time::timeout(NETWORK_WAIT, in_force).await.is_err() {
            tracing::warn!(generation = receipt.network, "a change is answered before it is in force");
        }
        Ok(())
    }

    /// Waits until the network has realised the newest world and nothing is pending; then what load balancers have counted is
    /// stored.
    pub async fn settled(&self) {
        let mut realised = self.realised.clone();
        // Changes that packets cannot tell do not wake the reconcile loop.
        self.mailbox.nudge();
        // The sender lives as long as the daemon.
        let _ =
            realised.wait_for(|realised| realised.settled == self.writer.newest().load().generation).await;
        self.counting.now().await;
    }
}

/// Waits until a change is on disk, see [`App::wait_durable`].
async fn wait_durable(
    writer: &Writer,
    progress: &watch::Receiver<Progress>,
    generation: u64,
) -> Result<(), Fault> {
    let mut progress = progress.clone();
    let settled = progress.wait_for(|progress| progress.settles(generation).is_some()).await;
    match settled.map(|progress| progress.settles(generation)) {
        Ok(Some(true)) => Ok(()),
        _ => {
            writer.recover().await;
            Err(writer::not_durable())
        }
    }
}

/// The caller in whose name the daemon itself changes rows. Rows keep their own account and region.
fn daemon_caller() -> Caller {
    let scope = Scope { account: AccountId::zero(), region: Region::us_east_1() };
    Caller { scope, access_key: None, session_arn: None }
}

/// Runs the daemon until it is told to stop. `ready` is called once it can be reached.
pub fn run(data_dir: &DataDir, options: &Options, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    let started = Instant::now();
    let connections = endpoint::raise_descriptor_limit();
    let listener =
        endpoint::bind(options.listen).with_context(|| format!("cannot listen on {}", options.listen))?;
    let listen = listener.local_addr().context("cannot tell where the daemon listens")?;
    let file = data_dir.store_file();
    let names = listen_for_names(options.dns)?;
    let places = dns::Places::read(&options.places)?;
    let (store, world) = Store::open(&file)?;
    let world = Arc::new(world);
    let journal = Journal::start(store, Box::new(move || Store::open(&file)), world.clone())
        .context("cannot start a thread")?;
    let progress = journal.progress();
    let mailbox = Arc::new(Mailbox::default());
    let writer = Writer::start(journal, world.clone(), mailbox.clone()).context("cannot start a thread")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_name("endpoint")
        .build()
        .context("cannot start threads")?;
    let logs = Logs::start(&data_dir.log_event_file(), writer.clone(), progress.clone(), runtime.handle())?;
    let objects = Objects::start(data_dir, writer.clone(), progress.clone(), runtime.handle());
    let metrics = Metrics::start(&data_dir.metric_file(), writer.clone(), runtime.handle())?;
    let keeper = reconcile::KeeperFiles {
        socket: options.keeper_socket.clone(),
        data_dir: data_dir.path().to_owned(),
    };
    let name_servers = NameServers::new(&world, options.delegations.clone());
    let sources = dns::Sources {
        names: name_servers.clone(),
        host: options.host_name_servers.clone(),
        public_log: logs.public_queries(),
        resolver_log: logs.resolver_queries(),
    };
    let resolution = Resolution::start(sources, runtime.handle()).context("cannot resolve names")?;
    let responder = resolution.responder().clone().for_view(dns::view(NameServer::Every));
    let sockets = NodeSockets::start().context("cannot start a thread")?;
    // Where keys are to be made, that begins after what everybody waits for.
    let authority = Arc::new(Authority::open(data_dir.path(), clock::now())?);
    let secret = Secret::read_or_make(&data_dir.balancer_secret_file())
        .context("cannot read the secret of load balancers' cookies")?;
    let (serving, gone) = ServingNodes::new();
    let login_key = LoginKey::open(&data_dir.login_key_file())
        .context("cannot read the key that load balancers sign with")?;
    let login_key = Arc::new(login_key);
    let means = balancers::Means {
        sockets: sockets.clone(),
        secret,
        login_key: login_key.clone(),
        authority: authority.clone(),
        resolver: resolution.public(),
        runtime: runtime.handle().clone(),
    };
    let balancers = Balancers::new(means, serving.clone());
    let health = HealthChecks::start(
        &world,
        name_servers.store().clone(),
        resolution.public(),
        sockets.clone(),
        runtime.handle(),
    )?;
    runtime.spawn(metrics::health_checks::count(metrics.clone(), writer.clone(), health.clone()));
    let counting = Counting::new(metrics.clone(), serving.clone());
    runtime.spawn(counting.clone().run());
    let access_logs = Deliverer::new(serving, objects.clone());
    runtime.spawn(access_logs.clone().run());
    runtime.spawn(balancers::bury(gone, counting.clone(), access_logs.clone()));
    let target_health = TargetHealthChecks::start(sockets.clone(), writer.clone(), runtime.handle())?;
    let reconciler = Reconciler::start(
        keeper,
        world,
        mailbox.clone(),
        writer.clone(),
        Services {
            resolution,
            health: health.clone(),
            certificates: Certificates::new(authority.clone(), name_servers.clone()),
            target_health,
            sockets: sockets.clone(),
            balancers,
        },
        runtime.handle().clone(),
    )
    .context("cannot start a thread")?;
    places.install(name_servers.store());
    let (stop, stopping) = watch::channel(None);
    let app = Arc::new(App {
        cloud: Cloud::new(),
        router: Router::new(enishi_api::SERVICES),
        writer,
        progress,
        realised: reconciler.realised(),
        mailbox,
        names: name_servers.clone(),
        health,
        sockets,
        authority,
        access_logs,
        counting,
        login_key,
        logs,
        s3: objects.service(),
        objects,
        metrics,
        auth: options.auth,
        access_keys: options.access_keys.clone(),
        info: Info {
            listen,
            dns: names.as_ref().map(dns::Listener::address),
            host_dns: !options.host_name_servers.is_empty(),
            data_dir: data_dir.path().to_owned(),
            keeper_socket: options.keeper_socket.clone(),
            mode: options.mode.to_string(),
            started,
        },
        stop,
    });
    let _names = names
        .map(|names| names.serve(&responder, runtime.handle()))
        .transpose()
        .context("cannot serve the DNS socket")?;
    let how = runtime.block_on(serve(listener, app.clone(), connections, stopping, || ready(listen)))?;
    reconciler.stop(how == Stop::Everything);
    runtime.shutdown_background();
    Ok(())
}

/// Binds the sockets for DNS. Where the user named no address, another program may have the usual one.
fn listen_for_names(address: Option<SocketAddr>) -> anyhow::Result<Option<dns::Listener>> {
    match (address, dns::Listener::bind(address.unwrap_or(dns::DEFAULT))) {
        (_, Ok(listener)) => Ok(Some(listener)),
        (Some(_), Err(error)) => Err(error),
        (None, Err(error)) => {
            tracing::warn!("{error:#}: DNS is not answered; choose another address with --dns");
            Ok(None)
        }
    }
}

/// Serves until a signal or `enishi down`; then waits until what was changed is on disk.
async fn serve(
    listener: std::net::TcpListener,
    app: Arc<App>,
    connections: usize,
    mut stopping: watch::Receiver<Option<Stop>>,
    ready: impl FnOnce(),
) -> anyhow::Result<Stop> {
    let listener =
        tokio::net::TcpListener::from_std(listener).context("cannot serve the endpoint's socket")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    ready();
    let how = tokio::select! {
        () = endpoint::serve(listener, app.clone(), connections) => Stop::Daemon,
        _ = terminate.recv() => Stop::Daemon,
        _ = interrupt.recv() => Stop::Everything,
        how = stopping.wait_for(Option::is_some) => how.ok().and_then(|how| *how).unwrap_or(Stop::Daemon),
    };
    let newest = app.writer.newest().load().generation;
    if tokio::time::timeout(LAST_WRITE, app.wait_durable(newest)).await.is_err() {
        tracing::error!("the journal did not finish");
    }
    if tokio::time::timeout(LAST_WRITE, app.logs.sink().flush()).await.is_err() {
        tracing::error!("the last log lines were not stored");
    }
    if tokio::time::timeout(LAST_WRITE, app.access_logs.deliver()).await.is_err() {
        tracing::error!("the last access logs were not delivered");
    }
    if tokio::time::timeout(LAST_WRITE, app.counting.now()).await.is_err() {
        tracing::error!("the last metrics were not stored");
    }
    Ok(how)
}
