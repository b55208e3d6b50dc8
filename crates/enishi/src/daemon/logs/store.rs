//! Log events on disk: an embedded transactional key-value file of its own, `logs.redb` (decision 9).
//!
//! | table | key | value |
//! |---|---|---|
//! | `events` | stream's uid, timestamp, sequence number | when it was stored, the message |
//! | `streams` | stream's uid | what is known of its events |
//! | `meta` | | format, next sequence number |
//!
//! A transaction is there as a whole or not at all: what a killed process or a torn write leaves behind is not. Reading
//! works on the snapshot of the last transaction and waits for nobody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use enishi_cloud::logs::event::{
    ANSWER_BYTES, Append, Job, Page, Position, Reply, Search, Statistics, StoredEvent, event_bytes,
};
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};

/// Stream, timestamp, sequence number.
type EventKey = (u64, i64, u64);
/// When it was stored, and the message.
type EventValue = (i64, &'static str);
/// First and last timestamp, when one was stored last, bytes, events.
type StreamValue = (i64, i64, i64, u64, u64);

const EVENTS: TableDefinition<'static, EventKey, EventValue> = TableDefinition::new("events");
const STREAMS: TableDefinition<'static, u64, StreamValue> = TableDefinition::new("streams");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const FORMAT: &str = "format";
const SEQUENCE: &str = "sequence";

/// The layout of the file. A file of another format is refused.
const FORMAT_NOW: u64 = 1;

/// Memory for cached pages in bytes.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of events that one search looks at; then it answers what it found and where to go on.
const SEARCH_BYTES: usize = 32 * 1024 * 1024;

/// Why events cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum EventStoreError {
    /// The file was written by another version.
    #[error("the event store has format {0}, this version reads format {FORMAT_NOW}")]
    Format(u64),
    /// The embedded database failed.
    #[error("the event store failed: {0}")]
    Database(#[from] Box<redb::Error>),
    /// The embedded database panicked, which it does on some damaged files.
    #[error("the event store failed in an unforeseen way")]
    Panicked,
    /// It failed before and is not open.
    #[error("the event store is not open")]
    Closed,
}

type Result<T> = std::result::Result<T, EventStoreError>;

fn database(error: impl Into<redb::Error>) -> EventStoreError {
    EventStoreError::Database(Box::new(error.into()))
}

/// The open file.
#[derive(Debug)]
pub struct EventStore {
    database: Database,
}

/// Some of what shall be deleted of a stream: everything before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The stream's uid.
    pub stream: u64,
    /// Events from here on stay; `i64::MAX` forgets the stream.
    pub until: i64,
}

impl EventStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, or is none of ours.
    pub fn open(path: &Path) -> Result<Self> {
        Self::on(|| Database::builder().set_cache_size(CACHE_BYTES).create(path))
    }

    /// The same on any database.
    pub(super) fn on(
        open: impl FnOnce() -> std::result::Result<Database, redb::DatabaseError>,
    ) -> Result<Self> {
        guarded(|| {
            let store = EventStore { database: open().map_err(database)? };
            store.prepare()?;
            Ok(store)
        })
    }

    fn prepare(&self) -> Result<()> {
        let transaction = self.database.begin_write().map_err(database)?;
        {
            transaction.open_table(EVENTS).map_err(database)?;
            transaction.open_table(STREAMS).map_err(database)?;
            let mut meta = transaction.open_table(META).map_err(database)?;
            let format = meta.get(FORMAT).map_err(database)?.map(|format| format.value());
            match format {
                None => drop(meta.insert(FORMAT, FORMAT_NOW).map_err(database)?),
                Some(FORMAT_NOW) => {}
                Some(other) => return Err(EventStoreError::Format(other)),
            }
        }
        transaction.commit().map_err(database)
    }

    /// Stores batches in one durable transaction; answers the sequence number after the last event of each.
    ///
    /// # Errors
    /// The database failed; then none of it is stored.
    pub fn append(&self, batches: &[Append], now: i64) -> Result<Vec<u64>> {
        guarded(|| {
            let mut transaction = self.database.begin_write().map_err(database)?;
            transaction.set_durability(Durability::Immediate).map_err(database)?;
            let mut ends = Vec::with_capacity(batches.len());
            {
                let mut events = transaction.open_table(EVENTS).map_err(database)?;
                let mut streams = transaction.open_table(STREAMS).map_err(database)?;
                let mut meta = transaction.open_table(META).map_err(database)?;
                let mut sequence = meta.get(SEQUENCE).map_err(database)?.map_or(1, |next| next.value());
                for batch in batches {
                    let mut known =
                        streams.get(batch.uid).map_err(database)?.map(|value| from_value(value.value()));
                    for event in &batch.events {
                        let value = (now, event.message.as_str());
                        events.insert((batch.uid, event.timestamp, sequence), value).map_err(database)?;
                        sequence += 1;
                        let known = known.get_or_insert(Statistics {
                            first: event.timestamp,
                            last: event.timestamp,
                            ..Statistics::default()
                        });
                        known.first = known.first.min(event.timestamp);
                        known.last = known.last.max(event.timestamp);
                        known.ingested = now;
                        known.bytes += event_bytes(&event.message) as u64;
                        known.events += 1;
                    }
                    if let Some(known) = known {
                        streams.insert(batch.uid, to_value(known)).map_err(database)?;
                    }
                    ends.push(sequence);
                }
                meta.insert(SEQUENCE, sequence).map_err(database)?;
            }
            transaction.commit().map_err(database)?;
            Ok(ends)
        })
    }

    /// Answers a job that only reads. [`Job::Append`] is none.
    ///
    /// # Errors
    /// The database failed.
    pub fn read(&self, job: &Job) -> Result<Reply> {
        guarded(|| match job {
            Job::Append(_) => Err(EventStoreError::Closed),
            Job::Page(page) => self.page(page).map(Reply::Page),
            Job::Search(search) => self.search(search).map(|(events, next)| Reply::Found(events, next)),
            Job::Statistics(streams) => self.statistics(streams).map(Reply::Statistics),
        })
    }

    fn events(&self) -> Result<ReadOnlyTable<EventKey, EventValue>> {
        let transaction = self.database.begin_read().map_err(database)?;
        transaction.open_table(EVENTS).map_err(database)
    }

    fn page(&self, page: &Page) -> Result<Vec<StoredEvent>> {
        if page.start >= page.end {
            return Ok(Vec::new());
        }
        let table = self.events()?;
        let mut range =
            table.range(key(page.stream, page.start)..key(page.stream, page.end)).map_err(database)?;
        let mut events = Vec::new();
        let mut bytes = 0;
        while events.len() < page.limit {
            let next = if page.forward { range.next() } else { range.next_back() };
            let Some(entry) = next else { break };
            let (key, value) = entry.map_err(database)?;
            let event = stored(key.value(), value.value());
            bytes += event_bytes(&event.message);
            if bytes > ANSWER_BYTES && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        if !page.forward {
            events.reverse();
        }
        Ok(events)
    }

    /// The streams are merged by position: each gives its next event to a heap.
    fn search(&self, search: &Search) -> Result<(Vec<StoredEvent>, Option<Position>)> {
        let mut found = Vec::new();
        if search.start >= search.end {
            return Ok((found, None));
        }
        let table = self.events()?;
        let known = self.statistics(&search.streams)?;
        let may_have = |known: &Statistics| {
            known.events > 0 && known.last >= search.start.timestamp && known.first <= search.end.timestamp
        };
        let mut ranges = Vec::new();
        let mut heap = BinaryHeap::new();
        for (stream, _) in known.iter().filter(|(_, known)| may_have(known)) {
            let range = key(*stream, search.start)..key(*stream, search.end);
            let mut range = table.range(range).map_err(database)?;
            if let Some(entry) = range.next() {
                let (key, value) = entry.map_err(database)?;
                heap.push(Reverse((position(key.value()), ranges.len())));
                ranges.push((*stream, range, value));
            }
        }
        let (mut bytes, mut looked_at) = (0, 0);
        while let Some(Reverse((at, index))) = heap.pop() {
            let Some((stream, range, current)) = ranges.get_mut(index) else { continue };
            let (ingested, message) = current.value();
            let size = event_bytes(message);
            looked_at += size;
            let matches = search.pattern.matches(message);
            let is_full = found.len() >= search.limit || (matches && bytes + size > ANSWER_BYTES);
            if (is_full && !found.is_empty()) || looked_at > SEARCH_BYTES + size {
                return Ok((found, Some(at)));
            }
            if matches {
                bytes += size;
                found.push(StoredEvent {
                    stream: *stream,
                    position: at,
                    ingested,
                    message: message.to_owned(),
                });
            }
            if let Some(entry) = range.next() {
                let (key, value) = entry.map_err(database)?;
                heap.push(Reverse((position(key.value()), index)));
                *current = value;
            }
        }
        Ok((found, None))
    }

    fn statistics(&self, streams: &[u64]) -> Result<BTreeMap<u64, Statistics>> {
        let transaction = self.database.begin_read().map_err(database)?;
        let table = transaction.open_table(STREAMS).map_err(database)?;
        let mut known = BTreeMap::new();
        for stream in streams {
            if let Some(value) = table.get(stream).map_err(database)? {
                known.insert(*stream, from_value(value.value()));
            }
        }
        Ok(known)
    }

    /// Every stream that has or had events.
    ///
    /// # Errors
    /// The database failed.
    pub fn streams(&self) -> Result<Vec<(u64, Statistics)>> {
        guarded(|| {
            let transaction = self.database.begin_read().map_err(database)?;
            let table = transaction.open_table(STREAMS).map_err(database)?;
            let entries = table.iter().map_err(database)?;
            let entry = |entry: std::result::Result<(redb::AccessGuard<'_, u64>, _), _>| {
                let (key, value): (_, redb::AccessGuard<'_, StreamValue>) = entry.map_err(database)?;
                Ok((key.value(), from_value(value.value())))
            };
            entries.map(entry).collect()
        })
    }

    /// Deletes some of the events that are expired, `limit` at most; says whether all are gone.
    ///
    /// # Errors
    /// The database failed; then none of them is deleted.
    pub fn expire(&self, expiry: Expiry, limit: usize) -> Result<bool> {
        guarded(|| {
            let mut transaction = self.database.begin_write().map_err(database)?;
            transaction.set_durability(Durability::Immediate).map_err(database)?;
            let is_done = {
                let mut events = transaction.open_table(EVENTS).map_err(database)?;
                let mut streams = transaction.open_table(STREAMS).map_err(database)?;
                let range = (expiry.stream, 0, 0)..(expiry.stream, expiry.until, 0);
                let (mut bytes, mut count) = (0, 0);
                let mut expired = events.extract_from_if(range, |_, _| true).map_err(database)?;
                for entry in expired.by_ref().take(limit) {
                    let (_, value) = entry.map_err(database)?;
                    bytes += event_bytes(value.value().1) as u64;
                    count += 1;
                }
                drop(expired);
                let all = (expiry.stream, 0, 0)..=(expiry.stream, i64::MAX, u64::MAX);
                let first = events.range(all).map_err(database)?.next().transpose().map_err(database)?;
                let first = first.map(|(key, _)| key.value().1);
                let known =
                    streams.get(expiry.stream).map_err(database)?.map(|value| from_value(value.value()));
                match (first, known) {
                    (None, _) if expiry.until == i64::MAX => {
                        streams.remove(expiry.stream).map_err(database)?;
                    }
                    (_, Some(known)) => {
                        let known = Statistics {
                            first: first.unwrap_or(known.first),
                            bytes: known.bytes.saturating_sub(bytes),
                            events: known.events.saturating_sub(count),
                            ..known
                        };
                        streams.insert(expiry.stream, to_value(known)).map_err(database)?;
                    }
                    (_, None) => {}
                }
                first.is_none_or(|first| first >= expiry.until)
            };
            transaction.commit().map_err(database)?;
            Ok(is_done)
        })
    }
}

/// A store that was cut off by a full disk makes the database panic instead of failing.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(EventStoreError::Panicked))
}

fn key(stream: u64, position: Position) -> EventKey {
    (stream, position.timestamp, position.sequence)
}

fn position((_, timestamp, sequence): EventKey) -> Position {
    Position { timestamp, sequence }
}

fn stored(key: EventKey, (ingested, message): (i64, &str)) -> StoredEvent {
    StoredEvent { stream: key.0, position: position(key), ingested, message: message.to_owned() }
}

fn from_value((first, last, ingested, bytes, events): StreamValue) -> Statistics {
    Statistics { first, last, ingested, bytes, events }
}

fn to_value(known: Statistics) -> StreamValue {
    (known.first, known.last, known.ingested, known.bytes, known.events)
}
