//! The index of objects: an embedded transactional key-value file of its own, `objects.redb` (decision 12).
//!
//! | table | key | value |
//! |---|---|---|
//! | `objects` | bucket's uid, key | [`Object`] |
//! | `uploads` | bucket's uid, key, upload id | [`Upload`] |
//! | `parts` | upload id, part number | [`Part`] |
//! | `meta` | | format |
//!
//! A change is there as a whole or not at all, and durable when it is answered. Everything here blocks.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::model::{FileId, Object, Part, Segment, Upload};

pub(super) const OBJECTS: TableDefinition<'static, (u64, &str), &[u8]> = TableDefinition::new("objects");
pub(super) const UPLOADS: TableDefinition<'static, (u64, &str, &str), &[u8]> =
    TableDefinition::new("uploads");
pub(super) const PARTS: TableDefinition<'static, (&str, u16), &[u8]> = TableDefinition::new("parts");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const FORMAT: &str = "format";

/// The layout of the file. A file of another format is refused.
const FORMAT_NOW: u64 = 1;

/// Memory for cached pages in bytes.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

pub(super) type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn database(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(Box::new(error.into()))
}

/// What an object has to be for a change to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Anything, or nothing at all.
    Always,
    /// There is none.
    Absent,
    /// There is one with this entity tag; without one, any.
    Is(Option<String>),
}

/// An upload, by bucket, key and id.
#[derive(Debug, Clone, Copy)]
pub struct UploadKey<'a> {
    /// The bucket's uid.
    pub bucket: u64,
    /// The key of the object to be.
    pub key: &'a str,
    /// The upload's id.
    pub id: &'a str,
}

/// The open file.
#[derive(Debug)]
pub struct Index {
    file: Database,
}

impl Index {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, or is none of ours.
    pub fn open(path: &Path) -> Result<Self> {
        guarded(|| {
            let file = Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(database)?;
            let index = Index { file };
            index.write(|transaction| {
                transaction.open_table(OBJECTS).map_err(database)?;
                transaction.open_table(UPLOADS).map_err(database)?;
                transaction.open_table(PARTS).map_err(database)?;
                let mut meta = transaction.open_table(META).map_err(database)?;
                let format = meta.get(FORMAT).map_err(database)?.map(|format| format.value());
                match format {
                    None => meta.insert(FORMAT, FORMAT_NOW).map_err(database).map(drop),
                    Some(FORMAT_NOW) => Ok(()),
                    Some(other) => Err(StoreError::Format(other)),
                }
            })?;
            Ok(index)
        })
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T>) -> Result<T> {
        guarded(|| work(&self.file.begin_read().map_err(database)?))
    }

    /// What `work` does is durable when this answers, and undone when it fails.
    pub(super) fn write<T>(&self, work: impl FnOnce(&WriteTransaction) -> Result<T>) -> Result<T> {
        guarded(|| {
            let mut transaction = self.file.begin_write().map_err(database)?;
            transaction.set_durability(Durability::Immediate).map_err(database)?;
            let done = work(&transaction)?;
            transaction.commit().map_err(database)?;
            Ok(done)
        })
    }

    /// An object.
    ///
    /// # Errors
    /// The database failed.
    pub fn object(&self, bucket: u64, key: &str) -> Result<Option<Object>> {
        self.read(|transaction| {
            let objects = transaction.open_table(OBJECTS).map_err(database)?;
            objects.get((bucket, key)).map_err(database)?.map(|row| parse(row.value())).transpose()
        })
    }

    /// Whether a bucket has no object. Uploads under way do not count.
    ///
    /// # Errors
    /// The database failed.
    pub fn is_empty(&self, bucket: u64) -> Result<bool> {
        self.read(|transaction| {
            let objects = transaction.open_table(OBJECTS).map_err(database)?;
            let mut range = objects.range((bucket, "")..).map_err(database)?;
            match range.next() {
                None => Ok(true),
                Some(row) => Ok(row.map_err(database)?.0.value().0 != bucket),
            }
        })
    }

    /// Puts an object; answers the files of the one before, which nothing names any more.
    ///
    /// # Errors
    /// [`StoreError::ConditionFailed`], [`StoreError::NoSuchKey`]; the database failed.
    pub fn put(&self, bucket: u64, key: &str, object: &Object, condition: &Condition) -> Result<Vec<FileId>> {
        self.write(|transaction| replace(transaction, bucket, key, object, condition))
    }

    /// Removes objects; answers their files. What is not there is no error.
    ///
    /// # Errors
    /// The database failed.
    pub fn remove(&self, bucket: u64, keys: &[String]) -> Result<Vec<FileId>> {
        self.write(|transaction| {
            let mut objects = transaction.open_table(OBJECTS).map_err(database)?;
            let mut freed = Vec::new();
            for key in keys {
                if let Some(row) = objects.remove((bucket, key.as_str())).map_err(database)? {
                    freed.extend(files(&parse::<Object>(row.value())?.segments));
                }
            }
            Ok(freed)
        })
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// The database failed.
    pub fn begin(&self, at: UploadKey<'_>, upload: &Upload) -> Result<()> {
        self.write(|transaction| {
            let mut uploads = transaction.open_table(UPLOADS).map_err(database)?;
            uploads.insert((at.bucket, at.key, at.id), &*render(upload)?).map_err(database).map(drop)
        })
    }

    /// An upload under way.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUpload`]; the database failed.
    pub fn upload(&self, at: UploadKey<'_>) -> Result<Upload> {
        self.read(|transaction| {
            let uploads = transaction.open_table(UPLOADS).map_err(database)?;
            let row = uploads.get((at.bucket, at.key, at.id)).map_err(database)?;
            parse(row.ok_or(StoreError::NoSuchUpload)?.value())
        })
    }

    /// Puts a part of an upload; answers the file of the one before.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUpload`]; the database failed.
    pub fn put_part(&self, at: UploadKey<'_>, number: u16, part: &Part) -> Result<Option<FileId>> {
        self.write(|transaction| {
            let uploads = transaction.open_table(UPLOADS).map_err(database)?;
            if uploads.get((at.bucket, at.key, at.id)).map_err(database)?.is_none() {
                return Err(StoreError::NoSuchUpload);
            }
            let mut parts = transaction.open_table(PARTS).map_err(database)?;
            let before = parts.insert((at.id, number), &*render(part)?).map_err(database)?;
            before.map(|row| parse(row.value()).map(|part: Part| part.segment.file)).transpose()
        })
    }

    /// The parts of an upload behind a number, in order, and at most as many.
    ///
    /// # Errors
    /// The database failed.
    pub fn parts(&self, id: &str, after: u16, most: usize) -> Result<Vec<(u16, Part)>> {
        self.read(|transaction| {
            let parts = transaction.open_table(PARTS).map_err(database)?;
            let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
            let range = parts.range((id, first)..=(id, u16::MAX)).map_err(database)?;
            let rows = range.take(most).map(|row| {
                let (key, value) = row.map_err(database)?;
                Ok((key.value().1, parse(value.value())?))
            });
            rows.collect()
        })
    }

    /// Ends an upload with an object that is made of some of its parts; answers the files that nothing names any more.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUpload`]; [`StoreError::InvalidPart`]: a part is not there any more as it was;
    /// [`StoreError::ConditionFailed`], [`StoreError::NoSuchKey`]; the database failed.
    pub fn complete(
        &self,
        at: UploadKey<'_>,
        used: &[(u16, Segment)],
        object: &Object,
        condition: &Condition,
    ) -> Result<Vec<FileId>> {
        self.write(|transaction| {
            let parts = end(transaction, at)?;
            let is_there = |(number, segment): &(u16, Segment)| {
                parts.iter().any(|(other, part)| other == number && part.segment == *segment)
            };
            if !used.iter().all(is_there) {
                return Err(StoreError::InvalidPart);
            }
            let mut freed = replace(transaction, at.bucket, at.key, object, condition)?;
            let is_used = |part: &Part| used.iter().any(|(_, segment)| *segment == part.segment);
            freed.extend(
                parts.into_iter().filter(|(_, part)| !is_used(part)).map(|(_, part)| part.segment.file),
            );
            Ok(freed)
        })
    }

    /// Ends an upload without an object; answers its files.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUpload`]; the database failed.
    pub fn abort(&self, at: UploadKey<'_>) -> Result<Vec<FileId>> {
        self.write(|transaction| {
            Ok(end(transaction, at)?.into_iter().map(|(_, part)| part.segment.file).collect())
        })
    }

    /// Every file that the index names.
    ///
    /// # Errors
    /// The database failed.
    pub fn files(&self) -> Result<BTreeSet<FileId>> {
        self.read(|transaction| {
            let mut named = BTreeSet::new();
            let objects = transaction.open_table(OBJECTS).map_err(database)?;
            for row in objects.iter().map_err(database)? {
                named.extend(files(&parse::<Object>(row.map_err(database)?.1.value())?.segments));
            }
            let parts = transaction.open_table(PARTS).map_err(database)?;
            for row in parts.iter().map_err(database)? {
                named.insert(parse::<Part>(row.map_err(database)?.1.value())?.segment.file);
            }
            Ok(named)
        })
    }

    /// Removes at most `most` objects and uploads of buckets that `is_kept` denies; answers the files, and whether that was
    /// all.
    ///
    /// # Errors
    /// The database failed.
    pub fn sweep(&self, is_kept: impl Fn(u64) -> bool, most: usize) -> Result<(Vec<FileId>, bool)> {
        let mut freed = Vec::new();
        let (objects, uploads) = self.read(|transaction| forsaken(transaction, is_kept, most))?;
        let is_all = objects.len() + uploads.len() < most;
        if objects.is_empty() && uploads.is_empty() {
            return Ok((freed, true));
        }
        self.write(|transaction| {
            let mut table = transaction.open_table(OBJECTS).map_err(database)?;
            for (bucket, key) in &objects {
                if let Some(row) = table.remove((*bucket, key.as_str())).map_err(database)? {
                    freed.extend(files(&parse::<Object>(row.value())?.segments));
                }
            }
            drop(table);
            for (bucket, key, id) in &uploads {
                let parts = end(transaction, UploadKey { bucket: *bucket, key, id })?;
                freed.extend(parts.into_iter().map(|(_, part)| part.segment.file));
            }
            Ok(())
        })?;
        Ok((freed, is_all))
    }
}

/// Objects and uploads of buckets that are not kept.
type Forsaken = (Vec<(u64, String)>, Vec<(u64, String, String)>);

fn forsaken(transaction: &ReadTransaction, is_kept: impl Fn(u64) -> bool, most: usize) -> Result<Forsaken> {
    let (mut objects, mut uploads) = (Vec::new(), Vec::new());
    let table = transaction.open_table(OBJECTS).map_err(database)?;
    // Bucket by bucket: the objects of those that are kept are passed over.
    let mut from = Some(0);
    while let Some(bucket) = from.filter(|_| objects.len() < most) {
        let mut range = table.range((bucket, "")..).map_err(database)?;
        let Some(first) = range.next() else { break };
        let bucket = first.map_err(database)?.0.value().0;
        from = bucket.checked_add(1);
        if is_kept(bucket) {
            continue;
        }
        for row in table.range((bucket, "")..).map_err(database)?.take(most - objects.len()) {
            let (key, _) = row.map_err(database)?;
            let (other, key) = key.value();
            if other != bucket {
                break;
            }
            objects.push((bucket, key.to_owned()));
        }
    }
    let table = transaction.open_table(UPLOADS).map_err(database)?;
    for row in table.iter().map_err(database)? {
        let (key, _) = row.map_err(database)?;
        let (bucket, key, id) = key.value();
        if objects.len() + uploads.len() >= most {
            break;
        }
        if !is_kept(bucket) {
            uploads.push((bucket, key.to_owned(), id.to_owned()));
        }
    }
    Ok((objects, uploads))
}

/// Ends an upload; answers its parts.
fn end(transaction: &WriteTransaction, at: UploadKey<'_>) -> Result<Vec<(u16, Part)>> {
    let mut uploads = transaction.open_table(UPLOADS).map_err(database)?;
    if uploads.remove((at.bucket, at.key, at.id)).map_err(database)?.is_none() {
        return Err(StoreError::NoSuchUpload);
    }
    let mut parts = transaction.open_table(PARTS).map_err(database)?;
    let mut ended = Vec::new();
    for row in parts.extract_from_if((at.id, 0)..=(at.id, u16::MAX), |_, _| true).map_err(database)? {
        let (key, value) = row.map_err(database)?;
        ended.push((key.value().1, parse(value.value())?));
    }
    Ok(ended)
}

/// Puts an object in the place of another; answers the files of that.
fn replace(
    transaction: &WriteTransaction,
    bucket: u64,
    key: &str,
    object: &Object,
    condition: &Condition,
) -> Result<Vec<FileId>> {
    let mut objects = transaction.open_table(OBJECTS).map_err(database)?;
    let before = objects.insert((bucket, key), &*render(object)?).map_err(database)?;
    let before: Option<Object> = before.map(|row| parse(row.value())).transpose()?;
    match (condition, &before) {
        (Condition::Always, _) | (Condition::Absent, None) | (Condition::Is(None), Some(_)) => {}
        (Condition::Is(Some(etag)), Some(before)) if before.etag == *etag => {}
        (Condition::Is(_), None) => return Err(StoreError::NoSuchKey),
        (Condition::Absent | Condition::Is(_), Some(_)) => return Err(StoreError::ConditionFailed),
    }
    Ok(before.map(|before| files(&before.segments).collect()).unwrap_or_default())
}

fn files(segments: &[Segment]) -> impl Iterator<Item = FileId> {
    segments.iter().map(|segment| segment.file.clone())
}

fn render(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(StoreError::Row)
}

pub(super) fn parse<T: DeserializeOwned>(row: &[u8]) -> Result<T> {
    serde_json::from_slice(row).map_err(StoreError::Row)
}

/// The database panics on some damaged files.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(StoreError::Panicked))
}
