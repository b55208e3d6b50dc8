//! Amazon S3 in the daemon: requests, and the store of objects.
//!
//! ```text
//!  endpoint::s3 ──who asks, body as it comes──► s3s ──typed input──► Operations ──► bucket rows (writer, journal)
//!                                                                        └──────► store: index and files
//! ```
//!
//! `s3s` reads requests and writes answers in S3's protocol; what it is not told to do it refuses with `NotImplemented`. It
//! sees neither signatures nor chunks: the endpoint has dealt with both. Buckets are rows of the world, objects are not
//! (decision 12). What is deleted there is swept from the store.
//!
//! Invariant: an object is put while its bucket exists. Puts share a lock that deleting a bucket takes for itself.

mod body;
mod buckets;
mod configuration;
mod contents;
mod copies;
mod delivery;
mod headers;
mod host;
mod integrity;
mod listings;
mod multipart;
mod objects;
mod operations;
pub mod refusal;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use enishi_cloud::s3::{self as rules, Requester, Use};
use enishi_state::s3::Bucket;
use enishi_state::{Caller, Tx, World};
use enishi_wire::{Fault, Value};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3Request, S3Result, s3_error};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock, Semaphore, SemaphorePermit, watch};

use super::journal::Progress;
use super::store::DataDir;
use super::writer::Writer;
pub use body::{BodyError, Framing, Trailers, Upload};
use host::Hosts;
pub use host::{bucket_of_host, is_s3_host};
pub use integrity::Expected;
use refusal::refuse;
use store::Store;

/// Bodies and copies that are stored at the same time; further ones wait their turn.
const TRANSFERS: usize = 128;

/// How long they wait.
const TURN: Duration = Duration::from_secs(30);

/// Who sent a request.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Account, region, key and session.
    pub caller: Caller,
    /// Whether signatures are demanded and there was none: then only what a policy allows everybody is allowed.
    pub is_anonymous: bool,
}

impl Identity {
    fn requester(&self) -> Requester<'_> {
        Requester {
            account: (!self.is_anonymous).then_some(&self.caller.scope.account),
            session: self.caller.session_arn.as_deref(),
        }
    }
}

/// The objects of all buckets, and what is done with them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    writer: Writer,
    progress: watch::Receiver<Progress>,
    /// Shared by what puts objects into buckets, taken alone by what deletes a bucket.
    puts: Arc<RwLock<()>>,
    transfers: Semaphore,
    changed: Notify,
    is_used: AtomicBool,
}

impl Objects {
    /// Starts what works on the store. It is opened with the first request.
    pub fn start(
        data_dir: &DataDir,
        writer: Writer,
        progress: watch::Receiver<Progress>,
        runtime: &Handle,
    ) -> Self {
        let objects = Objects(Arc::new(Shared {
            store: Store::new(data_dir.object_index_file(), data_dir.object_directory()),
            writer,
            progress,
            puts: Arc::default(),
            transfers: Semaphore::new(TRANSFERS),
            changed: Notify::new(),
            is_used: AtomicBool::new(false),
        }));
        runtime.spawn(sweep(objects.clone()));
        objects
    }

    /// What answers requests.
    pub fn service(&self) -> S3Service {
        let mut config = S3Config::default();
        config.xml_max_body_size = enishi_wire::limits::BODY_BYTES;
        let mut service = S3ServiceBuilder::new(operations::Operations(self.clone()));
        service.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        service.set_host(Hosts);
        service.set_validation(AnyName);
        service.build()
    }

    /// Buckets have gone, durably.
    pub fn changed(&self) {
        if self.0.store.exists() {
            self.0.changed.notify_one();
        }
    }

    fn world(&self) -> Arc<World> {
        self.0.writer.newest().load_full()
    }

    /// The store. What a crash has left behind in it is swept soon after its first use.
    fn store(&self) -> &Store {
        if !self.0.is_used.swap(true, Ordering::Relaxed) {
            self.0.changed.notify_one();
        }
        &self.0.store
    }

    /// The bucket of that name, if the sender may do `action` to it or to its object `key`.
    fn bucket<T>(
        &self,
        request: &S3Request<T>,
        name: &str,
        action: &str,
        key: Option<&str>,
    ) -> S3Result<Bucket> {
        permitted(&self.world(), request, name, Use { action, key, context: &acl(request) })
            .cloned()
            .map_err(refuse)
    }

    /// Whether the sender may do `action` to a bucket.
    fn may<T>(&self, request: &S3Request<T>, name: &str, action: &str) -> bool {
        self.bucket(request, name, action, None).is_ok()
    }

    /// Changes the row of a bucket, if the sender may do `action` to it; durable when it answers.
    async fn alter<T>(
        &self,
        request: &S3Request<T>,
        name: &str,
        action: &'static str,
        work: impl FnOnce(&mut Tx<'_>, &str) -> Result<(), Fault> + Send + 'static,
    ) -> S3Result<()> {
        let identity = identity(request)?.clone();
        let (owner, name) = (expected_owner(request), name.to_owned());
        self.change(identity.caller.clone(), move |tx| {
            let what = Use { action, key: None, context: &[] };
            let bucket = rules::permitted(tx.world(), &name, identity.requester(), what)?;
            check_owner(bucket, owner.as_deref())?;
            work(tx, &name)
        })
        .await
    }

    /// Changes rows in the name of `caller`; durable when it answers.
    async fn change(
        &self,
        caller: Caller,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), Fault> + Send + 'static,
    ) -> S3Result<()> {
        let change = move |tx: &mut Tx<'_>| work(tx).map(|()| Value::Structure(Vec::new()));
        let (_, receipt) = self.0.writer.change(caller, Box::new(change)).await.map_err(refuse)?;
        super::wait_durable(&self.0.writer, &self.0.progress, receipt.generation).await.map_err(refuse)
    }

    /// Waits until a body may be stored.
    async fn turn(&self) -> S3Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(TURN, self.0.transfers.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(s3_error!(SlowDown, "Please reduce your request rate.")),
        }
    }

    /// Keeps a bucket from being deleted until what is put into it is there.
    async fn present(&self, bucket: &Bucket) -> S3Result<OwnedRwLockReadGuard<()>> {
        let guard = self.0.puts.clone().read_owned().await;
        match rules::find(&self.world(), &bucket.name) {
            Ok(now) if now.uid == bucket.uid => Ok(guard),
            Ok(_) => Err(s3_error!(NoSuchBucket, "The specified bucket does not exist")),
            Err(fault) => Err(refuse(fault)),
        }
    }
}

/// Names are judged where buckets are looked up, in AWS's words.
struct AnyName;

impl s3s::validation::NameValidation for AnyName {
    fn validate_bucket_name(&self, _: &str) -> bool {
        true
    }
}

/// Who sent the request, as the endpoint has found out.
fn identity<T>(request: &S3Request<T>) -> S3Result<&Identity> {
    request.extensions.get::<Identity>().ok_or_else(|| S3Error::new(s3s::S3ErrorCode::AccessDenied))
}

fn permitted<'w, T>(
    world: &'w World,
    request: &S3Request<T>,
    name: &str,
    what: Use<'_>,
) -> Result<&'w Bucket, Fault> {
    let requester = match request.extensions.get::<Identity>() {
        Some(identity) => identity.requester(),
        None => Requester { account: None, session: None },
    };
    let bucket = rules::permitted(world, name, requester, what)?;
    check_owner(bucket, expected_owner(request).as_deref())?;
    Ok(bucket)
}

fn expected_owner<T>(request: &S3Request<T>) -> Option<String> {
    let owner = request.headers.get("x-amz-expected-bucket-owner")?;
    Some(owner.to_str().unwrap_or_default().to_owned())
}

fn check_owner(bucket: &Bucket, expected: Option<&str>) -> Result<(), Fault> {
    match expected.is_none_or(|expected| expected == bucket.scope.account.as_str()) {
        true => Ok(()),
        false => Err(Fault::new("AccessDenied", "Access Denied").with_status(403)),
    }
}

/// The access control list that the request gives, as conditions see it.
fn acl<T>(request: &S3Request<T>) -> Vec<(&str, &str)> {
    let acl = request.headers.get("x-amz-acl").and_then(|acl| acl.to_str().ok());
    acl.map(|acl| ("s3:x-amz-acl", acl)).into_iter().collect()
}

/// Sweeps the store whenever buckets have gone, by worlds that are durable: a row that a crash brings back must find its
/// objects.
async fn sweep(objects: Objects) {
    let Objects(shared) = &objects;
    let mut progress = shared.progress.clone();
    loop {
        shared.changed.notified().await;
        let world = shared.writer.newest().load_full();
        let settled = progress.wait_for(|progress| progress.settles(world.generation).is_some()).await;
        let is_durable = match settled.map(|progress| progress.settles(world.generation)) {
            Ok(is_durable) => is_durable == Some(true),
            // The journal is gone, and the daemon with it.
            Err(_) => return,
        };
        if !is_durable {
            continue;
        }
        // What is being put now is put before the newest world is looked at, or finds that its bucket is gone.
        drop(shared.puts.write().await);
        let newest = shared.writer.newest().clone();
        let of = |world: &World| world.all::<Bucket>().map(|bucket| bucket.uid).collect::<Vec<_>>();
        let durable = of(&world);
        let is_kept = move |uid: u64| {
            durable.contains(&uid) || newest.load().all::<Bucket>().any(|bucket| bucket.uid == uid)
        };
        if let Err(error) = shared.store.sweep(is_kept).await {
            tracing::error!(%error, "objects of deleted buckets cannot be removed");
        }
    }
}
