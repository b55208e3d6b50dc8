//! The world on disk: one row per resource, in an embedded transactional key-value file.
//!
//! Removing everything begins a new table of rows, which takes no longer for a large world than for a small one; the old
//! table is freed afterwards.
//!
//! A [`Batch`] of committed transactions is written in one durable transaction: after [`Store::write`] answered, all of
//! it survives a crash; after it failed, none of it is there. Rows are JSON under (table, id), as [`World::record`] gives
//! and [`World::replay`] takes them.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use enishi_state::{Delta, ReplayError, World};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, UntypedTableHandle,
};

const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const GENERATION: &str = "generation";
const FORMAT: &str = "format";
const EPOCH: &str = "epoch";

/// The layout of the file. A file of another format is refused.
const FORMAT_NOW: u64 = 1;

/// Memory for cached pages in bytes: everything is in memory already, so the cache only serves writing.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// A directory that one daemon owns. Dropping it gives it free.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why the data directory or the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon owns the directory.
    #[error("{path} is in use by process {pid}")]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The owner.
        pid: String,
    },
    /// A file operation failed.
    #[error("{path}: {source}")]
    Io {
        /// What was opened, read or made.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The store's file was written by another version.
    #[error("the store has format {0}, this version reads format {FORMAT_NOW}")]
    Format(u64),
    /// A row cannot be read.
    #[error("the store cannot be read")]
    Replay(#[from] ReplayError),
    /// The embedded database failed.
    #[error("the store failed: {0}")]
    Database(#[from] Box<redb::Error>),
    /// The embedded database panicked, which it does on some damaged files.
    #[error("the store failed in an unforeseen way")]
    Panicked,
}

fn database(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(Box::new(error.into()))
}

impl DataDir {
    /// Where the data is kept unless told otherwise: `/var/lib/enishi` for root, `$XDG_DATA_HOME/enishi` (as a rule
    /// `~/.local/share/enishi`) for everybody else.
    pub fn default_path() -> PathBuf {
        if nix::unistd::geteuid().is_root() && std::env::var_os("ENISHI_ROOTLESS").is_none() {
            return PathBuf::from("/var/lib/enishi");
        }
        let home =
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".local/share");
        std::env::var_os("XDG_DATA_HOME").map_or_else(home, PathBuf::from).join("enishi")
    }

    /// Makes the directory if need be and takes its lock.
    pub fn lock(path: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: path.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let path = path.canonicalize().map_err(io)?;
        let lock_path = path.join("lock");
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|source| StoreError::Io { path: lock_path.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid);
                return Err(StoreError::InUse { path, pid: pid.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path: lock_path, source }),
        }
        let record = || -> std::io::Result<()> {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        let mut record = record;
        record().map_err(|source| StoreError::Io { path: lock_path, source })?;
        Ok(DataDir { path, _lock: lock })
    }

    /// The process that owns the directory, `None` when nobody does.
    pub fn owner(path: &Path) -> Option<i32> {
        let mut lock = File::open(path.join("lock")).ok()?;
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {}
            _ => return None,
        }
        let mut pid = String::new();
        lock.read_to_string(&mut pid).ok()?;
        pid.trim().parse().ok()
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store's file.
    pub fn store_file(&self) -> PathBuf {
        self.path.join("world.redb")
    }

    /// The file of what load balancers' cookies are encrypted with.
    pub fn balancer_secret_file(&self) -> PathBuf {
        self.path.join("balancers.key")
    }

    /// The file of what load balancers sign with.
    pub fn login_key_file(&self) -> PathBuf {
        self.path.join("logins.key")
    }

    /// The file of the log events.
    pub fn log_event_file(&self) -> PathBuf {
        self.path.join("logs.redb")
    }

    /// The file of the index of S3's objects.
    pub fn object_index_file(&self) -> PathBuf {
        self.path.join("objects.redb")
    }

    /// The directory of their data.
    pub fn object_directory(&self) -> PathBuf {
        self.path.join("objects")
    }

    /// The file of the metrics.
    pub fn metric_file(&self) -> PathBuf {
        self.path.join("metrics.redb")
    }
}

/// Committed transactions that have to be written.
#[derive(Debug, Default)]
pub struct Batch {
    generation: u64,
    cleared: bool,
    touched: BTreeSet<(&'static str, String)>,
}

impl Batch {
    /// Adds a transaction. Transactions are added in the order in which they were committed.
    pub fn add(&mut self, delta: &Delta) {
        self.generation = delta.generation;
        self.touched.extend(delta.rows().map(|(table, id)| (table, id.to_owned())));
    }

    /// Everything was removed, which led to `generation`.
    pub fn clear(&mut self, generation: u64) {
        self.generation = generation;
        self.cleared = true;
        self.touched.clear();
    }

    /// No row was touched, only the generation was raised.
    pub fn at(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// The generation of the newest transaction in it.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

/// The open store.
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// How often everything was removed: names the table of rows.
    epoch: u64,
}

/// The table of rows of an epoch.
fn table_name(epoch: u64) -> String {
    format!("rows-{epoch}")
}

/// Rows by table and id.
fn rows(name: &str) -> TableDefinition<'_, (&'static str, &'static str), &'static [u8]> {
    TableDefinition::new(name)
}

impl Store {
    /// Opens the file, or makes it, and reads the world in it.
    pub fn open(path: &Path) -> Result<(Self, World), StoreError> {
        // A store that was cut off by a full disk makes the database panic instead of failing.
        catch_unwind(|| Self::open_inner(path)).unwrap_or(Err(StoreError::Panicked))
    }

    fn open_inner(path: &Path) -> Result<(Self, World), StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)
            .map_err(|error| StoreError::Database(Box::new(error.into())))?;
        Self::load(database)
    }

    /// Reads the world from an open database.
    pub(crate) fn load(db: Database) -> Result<(Self, World), StoreError> {
        let mut world = World::default();
        let mut epoch = 0;
        let read = db.begin_read().map_err(database)?;
        match read.open_table(META) {
            Ok(meta) => {
                let number =
                    |key| meta.get(key).map(|value| value.map_or(0, |v| v.value())).map_err(database);
                let format = number(FORMAT)?;
                if format != FORMAT_NOW {
                    return Err(StoreError::Format(format));
                }
                world.generation = number(GENERATION)?;
                epoch = number(EPOCH)?;
                let table = read.open_table(rows(&table_name(epoch))).map_err(database)?;
                for entry in table.iter().map_err(database)? {
                    let (key, value) = entry.map_err(database)?;
                    let (table, id) = key.value();
                    world.replay(table, id, Some(value.value()))?;
                }
            }
            Err(redb::TableError::TableDoesNotExist(_)) => {
                let store = Store { database: db, epoch };
                store.create()?;
                return Ok((store, world));
            }
            Err(error) => return Err(database(error)),
        }
        drop(read);
        let store = Store { database: db, epoch };
        store.free_old_epochs()?;
        Ok((store, world))
    }

    fn create(&self) -> Result<(), StoreError> {
        let transaction = self.database.begin_write().map_err(database)?;
        transaction.open_table(rows(&table_name(self.epoch))).map_err(database)?;
        transaction.open_table(META).map_err(database)?.insert(FORMAT, FORMAT_NOW).map_err(database)?;
        transaction.commit().map_err(database)
    }

    /// Writes a batch durably. `world` is the world after the newest transaction of the batch.
    pub fn write(&mut self, batch: &Batch, world: &World) -> Result<(), StoreError> {
        catch_unwind(AssertUnwindSafe(|| self.write_inner(batch, world))).unwrap_or(Err(StoreError::Panicked))
    }

    fn write_inner(&mut self, batch: &Batch, world: &World) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_write().map_err(database)?;
        transaction.set_durability(Durability::Immediate).map_err(database)?;
        let epoch = self.epoch + u64::from(batch.cleared);
        {
            let name = table_name(epoch);
            let mut rows = transaction.open_table(rows(&name)).map_err(database)?;
            for (table, id) in &batch.touched {
                match world.record(table, id) {
                    Some(row) => drop(rows.insert((*table, id.as_str()), row.as_slice()).map_err(database)?),
                    None => drop(rows.remove((*table, id.as_str())).map_err(database)?),
                }
            }
            let mut meta = transaction.open_table(META).map_err(database)?;
            meta.insert(GENERATION, batch.generation).map_err(database)?;
            meta.insert(EPOCH, epoch).map_err(database)?;
        }
        transaction.commit().map_err(database)?;
        self.epoch = epoch;
        Ok(())
    }

    /// Frees the rows that were removed all at once. Nothing depends on it, so it is made durable with the next write.
    pub fn free_old_epochs(&self) -> Result<(), StoreError> {
        catch_unwind(AssertUnwindSafe(|| self.free_inner())).unwrap_or(Err(StoreError::Panicked))
    }

    fn free_inner(&self) -> Result<(), StoreError> {
        let current = table_name(self.epoch);
        let read = self.database.begin_read().map_err(database)?;
        let is_old =
            |table: &UntypedTableHandle| table.name().starts_with("rows-") && table.name() != current;
        let old: Vec<UntypedTableHandle> = read.list_tables().map_err(database)?.filter(is_old).collect();
        drop(read);
        if old.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.begin_write().map_err(database)?;
        transaction.set_durability(Durability::None).map_err(database)?;
        for table in old {
            transaction.delete_table(table).map_err(database)?;
        }
        transaction.commit().map_err(database)
    }
}
