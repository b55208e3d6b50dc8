//! The way of a change to the disk, and what happens when the disk is full.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use enishi_state::ec2::{KeyPair, KeyPairId, KeyPairKind};
use enishi_state::{Timestamp, Tx, World};
use enishi_wire::Value;
use redb::backends::FileBackend;
use redb::{Database, StorageBackend};

use super::daemon_caller;
use super::journal::Journal;
use super::reconcile::Mailbox;
use super::store::{Store, StoreError};
use super::writer::{Answer, SystemEntropy, Writer};

/// A file on a disk that can be full.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A writer on a disk that can be full.
struct Lab {
    directory: tempfile::TempDir,
    is_full: Arc<AtomicBool>,
    writer: Writer,
    progress: tokio::sync::watch::Receiver<super::journal::Progress>,
}

fn open(path: &Path, is_full: &Arc<AtomicBool>) -> Result<(Store, World), StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
    let failed = |error: redb::DatabaseError| StoreError::Database(Box::new(error.into()));
    let disk = Disk { file: FileBackend::new(file).map_err(failed)?, is_full: is_full.clone() };
    Store::load(Database::builder().create_with_backend(disk).map_err(failed)?)
}

impl Lab {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let is_full = Arc::new(AtomicBool::new(false));
        let path = directory.path().join("world.redb");
        let (store, world) = open(&path, &is_full).expect("a store");
        let world = Arc::new(world);
        let reopen = {
            let is_full = is_full.clone();
            Box::new(move || open(&path, &is_full))
        };
        let journal = Journal::start(store, reopen, world.clone()).expect("a thread");
        let progress = journal.progress();
        let writer = Writer::start(journal, world, Arc::new(Mailbox::default())).expect("a thread");
        Lab { directory, is_full, writer, progress }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("world.redb")
    }

    /// Adds a row and waits until the journal has settled it; whether it is durable.
    fn add(&mut self, name: &str) -> bool {
        match self.submit(name) {
            Err(_) => false,
            Ok((_, receipt)) => loop {
                if let Some(durable) = self.progress.borrow_and_update().settles(receipt.generation) {
                    return durable;
                }
                block_on(self.progress.changed()).expect("the journal lives");
            },
        }
    }

    fn submit(&self, name: &str) -> Answer {
        let name = name.to_owned();
        let change = move |tx: &mut Tx<'_>| {
            let id = KeyPairId::generate(tx.entropy());
            let scope = tx.caller().scope.clone();
            tx.put(KeyPair {
                id,
                scope,
                name,
                kind: KeyPairKind::Ed25519,
                public_key: "k".repeat(3000),
                fingerprint: String::new(),
                created: Timestamp(0),
            });
            Ok(Value::Structure(Vec::new()))
        };
        self.writer.change_blocking(daemon_caller(), Box::new(change))
    }

    /// A change that touches no row.
    fn nothing(&self) -> Answer {
        self.writer.change_blocking(daemon_caller(), Box::new(|_| Ok(Value::Structure(Vec::new()))))
    }

    fn names(&self) -> Vec<String> {
        names(&self.writer.newest().load())
    }
}

/// Runs a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

fn names(world: &World) -> Vec<String> {
    let mut names: Vec<String> = world.all::<KeyPair>().map(|row| row.name.clone()).collect();
    names.sort();
    names
}

#[test]
fn what_was_written_is_read() {
    let mut lab = Lab::new();
    for name in ["a", "b", "c"] {
        assert!(lab.add(name));
    }
    let newest = lab.writer.newest().load_full();
    let path = lab.path();
    let copy = lab.directory.path().join("copy.redb");
    std::fs::copy(&path, &copy).expect("a copy");
    let (_, found) = Store::open(&copy).expect("a store that was never closed");
    assert_eq!(found, *newest);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let mut lab = Lab::new();
    let acknowledged: Vec<String> = (0..50).map(|n| format!("before-{n:02}")).collect();
    for name in &acknowledged {
        assert!(lab.add(name));
    }
    lab.is_full.store(true, Ordering::SeqCst);
    assert!(!lab.add("refused"), "nothing is durable on a full disk");
    assert!(!lab.add("refused too"));
    // Readers go on, and see what will be there after a restart.
    assert_eq!(lab.names(), acknowledged);
    lab.is_full.store(false, Ordering::SeqCst);
    until(|| lab.add("after"));
    let expected: Vec<String> = std::iter::once("after".to_owned()).chain(acknowledged).collect();
    assert_eq!(lab.names(), expected);
    let copy = lab.directory.path().join("copy.redb");
    std::fs::copy(lab.path(), &copy).expect("a copy");
    let (_, found) = Store::open(&copy).expect("a store");
    assert_eq!(names(&found), expected);
}

#[test]
fn a_handler_that_panics_changes_nothing() {
    let mut lab = Lab::new();
    assert!(lab.add("a"));
    let change = |tx: &mut Tx<'_>| -> Result<Value, enishi_wire::Fault> {
        let _ = enishi_state::ec2::VpcId::generate(tx.entropy());
        panic!("a bug in a handler")
    };
    let fault = lab.writer.change_blocking(daemon_caller(), Box::new(change)).expect_err("a fault");
    assert_eq!(fault.code(), "InternalError");
    assert_eq!(lab.names(), ["a"]);
    assert!(lab.add("b"));
}

#[test]
fn a_reset_leaves_nothing_on_the_disk() {
    let mut lab = Lab::new();
    assert!(lab.add("a"));
    let receipt = block_on(lab.writer.reset()).expect("a receipt");
    assert!(lab.names().is_empty());
    assert_eq!(lab.progress.borrow().settles(receipt.generation), Some(true), "it is durable at once");
    assert!(lab.add("b"));
    let copy = lab.directory.path().join("copy.redb");
    std::fs::copy(lab.path(), &copy).expect("a copy");
    let (_, found) = Store::open(&copy).expect("a store");
    assert_eq!(names(&found), ["b"]);
}

#[test]
fn a_reset_that_the_disk_refuses_removes_nothing() {
    let mut lab = Lab::new();
    assert!(lab.add("a"));
    lab.is_full.store(true, Ordering::SeqCst);
    let fault = block_on(lab.writer.reset()).expect_err("a fault");
    assert_eq!(fault.code(), super::writer::not_durable().code());
    assert_eq!(lab.names(), ["a"]);
    lab.is_full.store(false, Ordering::SeqCst);
    until(|| lab.nothing().is_ok());
    let (_, receipt) = lab.nothing().expect("an answer");
    assert_eq!(lab.progress.borrow().settles(receipt.generation), Some(true), "no generation is given twice");
    assert!(lab.add("b"));
    assert_eq!(lab.names(), ["a", "b"]);
}

#[test]
fn entropy_is_not_constant() {
    use enishi_state::Entropy;
    let (mut a, mut b) = ([0u8; 32], [0u8; 32]);
    SystemEntropy.fill(&mut a);
    SystemEntropy.fill(&mut b);
    assert_ne!(a, b);
}

/// Tries until it works, within a minute.
fn until(mut works: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !works() {
        assert!(std::time::Instant::now() < deadline, "not in time");
        std::thread::yield_now();
    }
}
