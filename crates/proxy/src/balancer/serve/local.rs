//! What a worker has, and what it has of each node.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use enishi_fabric::balancer::{Balancer, Tls};
use tokio::time::Instant;

use super::Connector;
use super::buffer;
use super::target::{Memory, Pools};
use crate::balancer::cookies::Jar;
use crate::balancer::counters::{Counters, Metric};
use crate::balancer::date;
use crate::balancer::login::Signer;
use crate::balancer::random::Random;
use crate::balancer::record::RecordSink;
use crate::balancer::rules::Scratch;
use crate::balancer::snapshot::{Snapshot, States};
use crate::balancer::tls::{self, ProviderTls, TargetTls};

/// A node, as all workers see it.
pub(super) struct Shared {
    pub(super) config: Arc<ArcSwap<Balancer>>,
    pub(super) address: Ipv4Addr,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) records: Arc<dyn RecordSink>,
    pub(super) jar: Jar,
    pub(super) states: States,
    pub(super) counters: Counters,
    /// Connections that each worker serves.
    pub(super) connections: Box<[AtomicUsize]>,
    /// Whether the node is about to stop: no connection is kept longer than its request.
    pub(super) is_stopping: AtomicBool,
    live: ArcSwap<Live>,
    compiling: Mutex<()>,
    /// TLS with targets.
    pub(super) target_tls: TargetTls,
    /// TLS with identity providers.
    pub(super) provider_tls: ProviderTls,
    /// Signs what targets are told of users.
    pub(super) signer: Option<Signer>,
}

/// A configuration that is in force, with what cannot be made without cryptography.
pub(super) struct Live {
    pub(super) snapshot: Snapshot,
    /// TLS of listeners by port, and what it was made from.
    pub(super) tls: HashMap<u16, (Arc<Tls>, Arc<tls::ListenerTls>)>,
}

impl Shared {
    pub(super) fn new(setup: super::Setup, workers: usize) -> Self {
        let states = States::new(workers, setup.zone, setup.secret);
        let snapshot = states.compile(&setup.config.load());
        let live = Live::new(snapshot, None);
        Shared {
            config: setup.config,
            address: setup.address,
            connector: setup.connector,
            records: setup.records,
            jar: Jar::new(&setup.secret),
            states,
            counters: Counters::new(workers),
            connections: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            is_stopping: AtomicBool::new(false),
            live: ArcSwap::from_pointee(live),
            compiling: Mutex::new(()),
            target_tls: TargetTls::new(),
            provider_tls: ProviderTls::new(&setup.authorities),
            signer: setup.signer,
        }
    }

    /// The newest configuration, compiled by whoever sees it first.
    fn live(&self) -> Arc<Live> {
        let config = self.config.load();
        let is_current = |live: &Live| Arc::ptr_eq(&live.snapshot.balancer, &config);
        let live = self.live.load();
        if is_current(&live) {
            return live.clone();
        }
        let _compiling = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.live.load();
        if is_current(&live) {
            return live.clone();
        }
        let fresh = Arc::new(Live::new(self.states.compile(&config), Some(&live)));
        self.live.store(fresh.clone());
        fresh
    }

    /// Counts a connection in or out; it is served as long as this lives.
    pub(super) fn enter(self: &Arc<Self>, worker: usize) -> Entered {
        self.counters.add(worker, Metric::ActiveConnectionCount, 1);
        if let Some(connections) = self.connections.get(worker) {
            connections.fetch_add(1, Ordering::Relaxed);
        }
        Entered { shared: self.clone(), worker }
    }
}

impl Live {
    /// TLS that did not change is kept with the sessions that clients resume.
    fn new(snapshot: Snapshot, before: Option<&Live>) -> Self {
        let mut made = HashMap::new();
        let is_http2 = snapshot.balancer.attributes.http2;
        // What is negotiated beside the certificates depends on it.
        let before = before.filter(|live| live.snapshot.balancer.attributes.http2 == is_http2);
        for (port, plan) in &snapshot.listeners {
            let Some(config) = &plan.listener.tls else { continue };
            let old = before.and_then(|live| live.tls.get(port)).filter(|(old, _)| old == config);
            let tls = old.map_or_else(
                || Arc::new(tls::ListenerTls::new(config, plan.listener.protocol, is_http2)),
                |(_, tls)| tls.clone(),
            );
            made.insert(*port, (config.clone(), tls));
        }
        Live { snapshot, tls: made }
    }
}

/// A connection that is counted.
pub(super) struct Entered {
    shared: Arc<Shared>,
    worker: usize,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.shared.counters.add(self.worker, Metric::ActiveConnectionCount, u64::MAX);
        if let Some(connections) = self.shared.connections.get(self.worker) {
            connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What a worker has, whatever the node.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) buffers: Rc<buffer::Pool>,
    /// Unused memory of exchanges with targets.
    #[expect(clippy::vec_box, reason = "it goes in and out with every request")]
    pub(super) memories: RefCell<Vec<Box<Memory>>>,
    pub(super) random: RefCell<Random>,
    pub(super) scratch: RefCell<Scratch>,
    began: (Instant, u64),
    date: RefCell<(u64, Rc<str>)>,
}

impl Worker {
    pub(super) fn new(index: usize) -> Self {
        let mut seed = [0; 8];
        // Without the system's randomness identifiers repeat after a restart, which is no reason not to serve.
        let _ = aws_lc_rs::rand::fill(&mut seed);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Worker {
            index,
            buffers: Rc::default(),
            memories: RefCell::default(),
            random: RefCell::new(Random::new(u64::from_ne_bytes(seed))),
            scratch: RefCell::default(),
            began: (Instant::now(), u64::try_from(since_1970.as_micros()).unwrap_or_default()),
            date: RefCell::new((u64::MAX, Rc::from(""))),
        }
    }

    /// Bytes for encryption that do not repeat.
    pub(super) fn nonce(&self) -> [u8; 12] {
        self.random.borrow_mut().nonce()
    }

    /// A moment in microseconds since 1970.
    pub(super) fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began.0);
        self.began.1 + u64::try_from(since.as_micros()).unwrap_or_default()
    }

    /// A moment as HTTP writes it.
    pub(super) fn date(&self, at: Instant) -> Rc<str> {
        let seconds = self.micros(at) / 1_000_000;
        let mut cached = self.date.borrow_mut();
        if cached.0 != seconds {
            *cached = (seconds, Rc::from(date::http(seconds)));
        }
        cached.1.clone()
    }
}

/// A configuration that is in force, held by one worker: counting who uses it touches nothing that other workers touch.
pub(super) struct Held(Arc<Live>);

impl Deref for Held {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.0
    }
}

/// What a worker has of one node.
pub(super) struct Local {
    pub(super) shared: Arc<Shared>,
    pub(super) worker: Rc<Worker>,
    pub(super) pools: Pools,
    live: RefCell<Rc<Held>>,
    /// Connections that this worker accepted for the node, for identifiers.
    serial: Cell<u64>,
}

impl Local {
    pub(super) fn new(shared: Arc<Shared>, worker: Rc<Worker>) -> Self {
        let live = RefCell::new(Rc::new(Held(shared.live())));
        Local { shared, worker, pools: Pools::default(), live, serial: Cell::new(0) }
    }

    /// The newest configuration. As long as it does not change this touches nothing that other workers touch.
    pub(super) fn live(&self) -> Rc<Held> {
        let mut live = self.live.borrow_mut();
        if !Arc::ptr_eq(&live.snapshot.balancer, &self.shared.config.load()) {
            *live = Rc::new(Held(self.shared.live()));
        }
        live.clone()
    }

    pub(super) fn count(&self, metric: Metric, count: u64) {
        self.shared.counters.add(self.worker.index, metric, count);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.shared.is_stopping.load(Ordering::Relaxed)
    }

    /// What stands for a new connection in logs.
    pub(super) fn connection_id(&self) -> u64 {
        self.serial.set(self.serial.get() + 1);
        self.worker.random.borrow_mut().number()
    }
}
