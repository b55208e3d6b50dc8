//! Objects on disk: an index ([`index`]) and one file for each object or part ([`files`]).
//!
//! ```text
//!  body ──► file: written, fsync, its directory fsync ──► index: one durable transaction ──► answer
//! ```
//!
//! A file that the index does not name is nobody's: an upload that was cut off by a crash leaves one behind, and the next
//! sweep removes it. Keys are never file names. The index is opened with the first use of S3: a daemon that nobody asks for
//! objects pays nothing for them.

pub mod checksum;
mod files;
mod index;
mod listing;
pub mod model;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use checksum::{Algorithm, Hasher};
pub use files::Written;
use files::{Files, Incoming, Outgoing};
pub use index::{Condition, Index, UploadKey};
pub use listing::{Listing, Query};
use model::{FileId, Object, Segment};

/// Bytes that gather before they are written.
const GATHERED: usize = 256 * 1024;

/// Objects that are swept in one transaction.
const SWEPT: usize = 1000;

/// How often an object is looked up anew that was replaced while it was being opened.
const LOOKUPS: usize = 16;

/// Why objects cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The index was written by another version.
    #[error("the index of objects has another format: {0}")]
    Format(u64),
    /// The embedded database failed.
    #[error("the index of objects failed: {0}")]
    Database(#[from] Box<redb::Error>),
    /// The embedded database panicked, which it does on some damaged files.
    #[error("the index of objects failed in an unforeseen way")]
    Panicked,
    /// A row cannot be read or written.
    #[error("the index of objects has an unreadable row: {0}")]
    Row(#[source] serde_json::Error),
    /// A file cannot be written or read.
    #[error("the data of an object: {0}")]
    Io(#[from] io::Error),
    /// There is no upload of that id.
    #[error("there is no such upload")]
    NoSuchUpload,
    /// A part is not there as it was named.
    #[error("there is no such part")]
    InvalidPart,
    /// There is no object where one had to be.
    #[error("there is no such object")]
    NoSuchKey,
    /// The object is another than it had to be.
    #[error("the object is not as it had to be")]
    ConditionFailed,
}

impl StoreError {
    /// Whether the database can be used no further.
    fn is_fatal(&self) -> bool {
        matches!(self, StoreError::Database(_) | StoreError::Panicked)
    }
}

/// Why a body was not stored.
#[derive(Debug)]
pub enum ReceiveError<E> {
    /// The body failed.
    Body(E),
    /// It cannot be written.
    Store(StoreError),
}

/// The objects of all buckets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    path: Arc<PathBuf>,
    files: Files,
    index: Arc<Mutex<Option<Arc<Index>>>>,
}

impl Store {
    /// The objects whose index is at `index`, and whose data is in `directory`. Nothing is opened yet.
    pub fn new(index: PathBuf, directory: PathBuf) -> Self {
        Store { path: Arc::new(index), files: Files::new(directory), index: Arc::default() }
    }

    /// Whether there may be anything in it.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Changes the index, on a thread that may block. `work` answers also the files that nothing names any more; they are
    /// removed. `drafts` are kept if it succeeds: it has named them.
    ///
    /// The change goes on when nobody waits for it any more.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn change<T: Send + 'static>(
        &self,
        drafts: Vec<Written>,
        work: impl FnOnce(&Index) -> Result<(T, Vec<FileId>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = store.with_index(work);
            // After a failure in the middle nobody knows what the index names; the next sweep does.
            if done.as_ref().err().is_none_or(StoreError::is_fatal) {
                drafts.into_iter().for_each(Written::keep);
            }
            let (value, freed) = done?;
            store.files.remove(&freed);
            Ok(value)
        });
        done.await.unwrap_or(Err(StoreError::Panicked))
    }

    /// Asks the index something, on a thread that may block.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Index) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.change(Vec::new(), move |index| Ok((work(index)?, Vec::new()))).await
    }

    fn with_index<T>(&self, work: impl FnOnce(&Index) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let done = work(&*self.opened()?);
        if let Err(error) = &done
            && error.is_fatal()
        {
            // A database that failed in the middle of something is not used any further.
            tracing::error!(%error, "objects cannot be stored or read");
            *self.index.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        done
    }

    fn opened(&self) -> Result<Arc<Index>, StoreError> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = &*index {
            return Ok(index.clone());
        }
        let opened = Arc::new(Index::open(&self.path)?);
        sync_parent(&self.path)?;
        *index = Some(opened.clone());
        Ok(opened)
    }

    /// Stores a body in a file of its own, which the index does not name yet.
    ///
    /// # Errors
    /// [`ReceiveError`]; then nothing is left of it.
    pub async fn receive<B>(
        &self,
        body: B,
        algorithm: Option<Algorithm>,
    ) -> Result<Written, ReceiveError<B::Error>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut body = body;
        let files = self.files.clone();
        let mut incoming = blocking(move || files.create(algorithm)).await.map_err(ReceiveError::Store)?;
        let mut gathered: Vec<Bytes> = Vec::new();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(ReceiveError::Body)?.into_data() else { continue };
            bytes += data.len();
            gathered.push(data);
            if bytes >= GATHERED {
                incoming =
                    write(incoming, std::mem::take(&mut gathered)).await.map_err(ReceiveError::Store)?;
                bytes = 0;
            }
        }
        let incoming = write(incoming, gathered).await.map_err(ReceiveError::Store)?;
        blocking(move || incoming.finish()).await.map_err(ReceiveError::Store)
    }

    /// Stores data in a file of its own, which the index does not name yet.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn receive_bytes(
        &self,
        data: Bytes,
        algorithm: Option<Algorithm>,
    ) -> Result<Written, StoreError> {
        let files = self.files.clone();
        blocking(move || {
            let mut incoming = files.create(algorithm)?;
            incoming.write(&data)?;
            incoming.finish()
        })
        .await
    }

    /// Copies a stretch of an object into a file of its own, which the index does not name yet.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub async fn copy(&self, mut from: Reading, algorithm: Option<Algorithm>) -> Result<Written, StoreError> {
        let files = self.files.clone();
        let outgoing = from.outgoing.take();
        blocking(move || {
            let mut incoming = files.create(algorithm)?;
            let Some(mut outgoing) = outgoing else { return incoming.finish() };
            while let Some(data) = outgoing.next()? {
                incoming.write(&data)?;
            }
            incoming.finish()
        })
        .await
    }

    /// The checksum of data that is in files.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn checksum(&self, segments: &[Segment], algorithm: Algorithm) -> Result<String, StoreError> {
        let held = self.files.hold(segments.iter().map(|segment| segment.file.clone()));
        let bytes = segments.iter().map(|segment| segment.bytes).sum();
        let mut outgoing = self.files.read(segments, held, 0, bytes);
        blocking(move || {
            let mut hasher = Hasher::new(algorithm);
            while let Some(data) = outgoing.next()? {
                hasher.update(&data);
            }
            Ok(hasher.finish())
        })
        .await
    }

    /// An object, with its files held so that all of it can be read.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn find(&self, bucket: u64, key: &str) -> Result<Option<Found>, StoreError> {
        let (files, key) = (self.files.clone(), key.to_owned());
        self.ask(move |index| {
            let mut object = index.object(bucket, &key)?;
            for _ in 0..LOOKUPS {
                let Some(found) = object else { return Ok(None) };
                let held = files.hold(found.segments.iter().map(|segment| segment.file.clone()));
                // What is still named now cannot go any more.
                object = index.object(bucket, &key)?;
                if object.as_ref() == Some(&found) {
                    return Ok(Some(Found { object: found, files: files.clone(), held }));
                }
            }
            Err(StoreError::Io(io::Error::other("the object changes too fast")))
        })
        .await
    }

    /// Removes what is of buckets that `is_kept` denies, and files that the index does not name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sweep(
        &self,
        is_kept: impl Fn(u64) -> bool + Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        let is_kept = Arc::new(is_kept);
        loop {
            let is_kept = is_kept.clone();
            let step = move |index: &Index| {
                let (freed, is_all) = index.sweep(|bucket| is_kept(bucket), SWEPT)?;
                Ok((is_all, freed))
            };
            if self.change(Vec::new(), step).await? {
                break;
            }
        }
        let files = self.files.clone();
        self.ask(move |index| {
            // Files that were begun later are not among these, and those of now are held until they are named.
            let mut forsaken = files.all()?;
            forsaken.retain(|file| !files.is_held(file));
            let named = index.files()?;
            files.remove(forsaken.iter().filter(|file| !named.contains(file)));
            Ok(())
        })
        .await
    }
}

/// The name of a file in a directory survives a crash.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Panicked)??)
}

async fn write(mut incoming: Incoming, data: Vec<Bytes>) -> Result<Incoming, StoreError> {
    if data.is_empty() {
        return Ok(incoming);
    }
    blocking(move || {
        data.iter().try_for_each(|data| incoming.write(data))?;
        Ok(incoming)
    })
    .await
}

/// An object and its files, which stay as long as this lives.
#[derive(Debug)]
pub struct Found {
    /// The object.
    pub object: Object,
    files: Files,
    held: files::Held,
}

impl Found {
    /// A stretch of its data.
    pub fn read(self, start: u64, bytes: u64) -> Reading {
        Reading::new(self.files.read(&self.object.segments, self.held, start, bytes))
    }
}

/// Data of an object as the body of an answer.
pub struct Reading {
    left: u64,
    /// What is read from, while nobody does.
    outgoing: Option<Outgoing>,
    block: Option<JoinHandle<(Outgoing, io::Result<Option<Bytes>>)>>,
}

impl Reading {
    fn new(outgoing: Outgoing) -> Self {
        Reading { left: outgoing.left(), outgoing: Some(outgoing), block: None }
    }
}

impl Body for Reading {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if let Some(mut outgoing) = self.outgoing.take() {
            self.block = Some(tokio::task::spawn_blocking(move || {
                let block = outgoing.next();
                (outgoing, block)
            }));
        }
        let Some(block) = &mut self.block else { return Poll::Ready(None) };
        let read = std::task::ready!(Pin::new(block).poll(context));
        self.block = None;
        Poll::Ready(match read {
            Ok((outgoing, Ok(Some(block)))) => {
                self.left = outgoing.left();
                self.outgoing = Some(outgoing);
                Some(Ok(Frame::data(block)))
            }
            Ok((_, Ok(None))) => None,
            Ok((_, Err(error))) => Some(Err(error)),
            Err(error) => Some(Err(io::Error::other(error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
