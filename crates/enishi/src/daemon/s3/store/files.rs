//! The files with data. A file is written once, under a name that was never used, and is whole and on disk before the index
//! names it; what the index does not name is swept.
//!
//! Files that are being written or read are held: one that is removed meanwhile goes when the last hold does.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use s3s::crypto::{Checksum as _, Md5};

use super::checksum::{Algorithm, Hasher, hex};
use super::model::{Checksum, FileId, Segment};

/// Bytes that are read at once.
pub const BLOCK: usize = 256 * 1024;

/// The directory of files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    directory: Arc<PathBuf>,
    holds: Arc<Mutex<BTreeMap<FileId, Hold>>>,
}

#[derive(Debug, Default)]
struct Hold {
    count: usize,
    /// Whether the file goes with the last hold.
    is_removed: bool,
}

impl Files {
    /// The files of a directory, which is made with the first of them.
    pub fn new(directory: PathBuf) -> Self {
        Files { directory: Arc::new(directory), holds: Arc::default() }
    }

    fn path(&self, file: &FileId) -> PathBuf {
        self.directory.join(file.as_str())
    }

    fn holds(&self) -> MutexGuard<'_, BTreeMap<FileId, Hold>> {
        // Nothing panics while it holds the lock, and the map is whole at any time.
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds files: they stay while the answer lives.
    pub fn hold(&self, files: impl IntoIterator<Item = FileId>) -> Held {
        let files: Vec<FileId> = files.into_iter().collect();
        let mut holds = self.holds();
        for file in &files {
            holds.entry(file.clone()).or_default().count += 1;
        }
        Held { of: self.clone(), files }
    }

    /// Whether somebody holds the file.
    pub fn is_held(&self, file: &FileId) -> bool {
        self.holds().contains_key(file)
    }

    /// Removes files that the index names no longer. One that cannot be removed is found by the next sweep.
    pub fn remove<'f>(&self, files: impl IntoIterator<Item = &'f FileId>) {
        for file in files {
            if let Some(hold) = self.holds().get_mut(file) {
                hold.is_removed = true;
                continue;
            }
            self.unlink(file);
        }
    }

    fn unlink(&self, file: &FileId) {
        match fs::remove_file(self.path(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, file = file.as_str(), "a file of S3 cannot be removed");
            }
            _ => {}
        }
    }

    /// Every file that is there.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn all(&self) -> io::Result<Vec<FileId>> {
        let entries = match fs::read_dir(&*self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name()));
        let names: Vec<std::ffi::OsString> = names.collect::<io::Result<_>>()?;
        Ok(names.iter().filter_map(|name| FileId::parse(name.to_str()?)).collect())
    }

    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&self, algorithm: Option<Algorithm>) -> io::Result<Incoming> {
        let file = FileId::random();
        let held = self.hold([file.clone()]);
        let open = || File::options().write(true).create_new(true).mode(0o600).open(self.path(&file));
        let opened = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_directory(&self.directory)?;
                open()?
            }
            opened => opened?,
        };
        let draft = Draft { of: self.clone(), file, is_kept: false, _held: held };
        let hasher = algorithm.map(|algorithm| (algorithm, Hasher::new(algorithm)));
        Ok(Incoming { draft, opened, bytes: 0, md5: Md5::new(), hasher })
    }

    /// Opens a stretch of an object's data, whose files are held.
    pub fn read(&self, segments: &[Segment], held: Held, start: u64, bytes: u64) -> Outgoing {
        let mut skip = start;
        let mut left = bytes;
        let mut pieces = Vec::new();
        for segment in segments {
            if skip >= segment.bytes {
                skip -= segment.bytes;
                continue;
            }
            let here = (segment.bytes - skip).min(left);
            if here == 0 {
                break;
            }
            pieces.push(Stretch { path: self.path(&segment.file), start: skip, bytes: here });
            (skip, left) = (0, left - here);
        }
        pieces.reverse();
        Outgoing { pieces, opened: None, left: bytes - left, _held: held }
    }
}

/// Makes a directory whose name survives a crash.
fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Files that stay for now.
#[derive(Debug)]
pub struct Held {
    of: Files,
    files: Vec<FileId>,
}

impl Drop for Held {
    fn drop(&mut self) {
        for file in &self.files {
            let mut holds = self.of.holds();
            let Some(hold) = holds.get_mut(file) else { continue };
            hold.count -= 1;
            if hold.count == 0 {
                let is_removed = hold.is_removed;
                holds.remove(file);
                drop(holds);
                if is_removed {
                    self.of.unlink(file);
                }
            }
        }
    }
}

/// A file that goes unless it is kept.
#[derive(Debug)]
struct Draft {
    of: Files,
    file: FileId,
    is_kept: bool,
    _held: Held,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            self.of.remove([&self.file]);
        }
    }
}

/// A file that is being written. Dropping it removes it.
pub struct Incoming {
    draft: Draft,
    opened: File,
    bytes: u64,
    md5: Md5,
    hasher: Option<(Algorithm, Hasher)>,
}

impl Incoming {
    /// Appends data.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.opened.write_all(data)?;
        self.bytes += data.len() as u64;
        self.md5.update(data);
        if let Some((_, hasher)) = &mut self.hasher {
            hasher.update(data);
        }
        Ok(())
    }

    /// Ends the file: its data and its name are on disk when this answers.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> io::Result<Written> {
        self.opened.sync_all()?;
        File::open(&*self.draft.of.directory)?.sync_all()?;
        let checksum = self.hasher.map(|(algorithm, hasher)| Checksum {
            algorithm,
            value: hasher.finish(),
            is_composite: false,
        });
        let segment = Segment { file: self.draft.file.clone(), bytes: self.bytes };
        Ok(Written { segment, md5: self.md5.finalize(), checksum, draft: self.draft })
    }
}

/// A file that is whole and on disk. Dropping it removes it, unless it is kept.
#[derive(Debug)]
pub struct Written {
    /// The file and its bytes.
    pub segment: Segment,
    /// The MD5 digest of its data.
    pub md5: [u8; 16],
    /// The checksum that was asked for.
    pub checksum: Option<Checksum>,
    draft: Draft,
}

impl Written {
    /// The entity tag of the data.
    pub fn etag(&self) -> String {
        hex(&self.md5)
    }

    /// The index names the file now.
    pub fn keep(mut self) {
        self.draft.is_kept = true;
    }
}

struct Stretch {
    path: PathBuf,
    start: u64,
    bytes: u64,
}

/// Data that is being read.
pub struct Outgoing {
    /// What is still to be opened, the last first.
    pieces: Vec<Stretch>,
    /// The file at hand, and bytes of it that are still to be read.
    opened: Option<(File, u64)>,
    left: u64,
    _held: Held,
}

impl Outgoing {
    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// The file cannot be read, or is shorter than the index says.
    pub fn next(&mut self) -> io::Result<Option<Bytes>> {
        let (mut file, left) = match self.opened.take().filter(|(_, left)| *left > 0) {
            Some(opened) => opened,
            None => {
                let Some(stretch) = self.pieces.pop() else { return Ok(None) };
                let mut file = File::open(&stretch.path)?;
                file.seek(SeekFrom::Start(stretch.start))?;
                (file, stretch.bytes)
            }
        };
        let here = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let mut block = vec![0; here];
        file.read_exact(&mut block)?;
        self.left -= here as u64;
        self.opened = Some((file, left - here as u64));
        Ok(Some(Bytes::from(block)))
    }
}
