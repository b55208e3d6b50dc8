//! The event store as a whole: what was acknowledged survives every crash, every page has every event once, what is deleted
//! is gone; and the sink in front of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use enishi_cloud::logs::event::{Append, Event, Job, Page, Position, Reply, Search};
use enishi_cloud::logs::pattern::Pattern;
use enishi_state::logs::{LogGroup, LogGroupClass, LogGroupId, LogStream, LogStreamId};
use enishi_state::{Timestamp, Tx};
use enishi_wire::Value;
use redb::{Database, StorageBackend};

use super::Logs;
use super::store::{EventStore, EventStoreError, Expiry};
use crate::daemon::daemon_caller;
use crate::daemon::journal::Journal;
use crate::daemon::reconcile::Mailbox;
use crate::daemon::store::Store;
use crate::daemon::writer::Writer;

/// Random numbers that are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

fn batch(uid: u64, events: &[(i64, &str)]) -> Append {
    let event =
        |(timestamp, message): &(i64, &str)| Event { timestamp: *timestamp, message: (*message).to_owned() };
    Append { stream: LogStreamId::new("s"), uid, events: events.iter().map(event).collect() }
}

fn all_of(stream: u64) -> Page {
    Page { stream, start: Position::START, end: Position::END, forward: true, limit: usize::MAX }
}

fn page(store: &EventStore, page: Page) -> Vec<(Position, String)> {
    match store.read(&Job::Page(page)).expect("a page") {
        Reply::Page(events) => events.into_iter().map(|event| (event.position, event.message)).collect(),
        other => panic!("{other:?}"),
    }
}

fn texts(store: &EventStore, stream: u64) -> Vec<String> {
    page(store, all_of(stream)).into_iter().map(|(_, message)| message).collect()
}

/// A disk whose writes are lost, in part and in any order, unless they were followed by a sync.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Content>>);

#[derive(Debug, Clone, Default)]
struct Content {
    synced: Vec<u8>,
    now: Vec<u8>,
    pending: Vec<(u64, Vec<u8>)>,
    /// How many more operations there are before the machine stops; `None` is for ever.
    left: Option<u64>,
}

impl Content {
    fn count(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("the machine has stopped")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().expect("no panic").now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.0.lock().expect("no panic");
        let from = offset as usize;
        let data = content.now.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(data);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut content = self.0.lock().expect("no panic");
        content.count()?;
        content.now.resize(len as usize, 0);
        // As file systems do it, the length is on disk at once, the new part as zeros.
        content.synced.resize(len as usize, 0);
        content.pending.retain(|(offset, data)| offset + data.len() as u64 <= len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = self.0.lock().expect("no panic");
        content.count()?;
        content.synced = content.now.clone();
        content.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut content = self.0.lock().expect("no panic");
        content.count()?;
        let from = offset as usize;
        content
            .now
            .get_mut(from..from + data.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?
            .copy_from_slice(data);
        content.pending.push((offset, data.to_vec()));
        Ok(())
    }
}

impl Disk {
    fn open(&self) -> Result<EventStore, EventStoreError> {
        EventStore::on(|| Database::builder().create_with_backend(self.clone()))
    }

    fn stop_after(&self, operations: Option<u64>) {
        self.0.lock().expect("no panic").left = operations;
    }

    /// What a machine finds that comes up again: everything that was synced, and of the rest some, each piece of 512 bytes
    /// whole or not at all.
    fn crash(&self, random: &mut Random) -> Disk {
        const SECTOR: usize = 512;
        let content = self.0.lock().expect("no panic").clone();
        let mut found = content.synced;
        for (offset, data) in content.pending {
            for (n, piece) in data.chunks(SECTOR).enumerate() {
                let from = offset as usize + n * SECTOR;
                if random.below(2) == 0
                    && let Some(to) = found.get_mut(from..from + piece.len())
                {
                    to.copy_from_slice(piece);
                }
            }
        }
        Disk(Arc::new(Mutex::new(Content { synced: found.clone(), now: found, ..Content::default() })))
    }
}

/// The machine stops in the middle of writing, anywhere: every batch that was acknowledged is there, and the one that was
/// not is there as a whole or not at all.
#[test]
fn what_was_acknowledged_survives_any_crash() {
    let mut random = Random(11);
    let mut torn = 0;
    for _ in 0..150 {
        let disk = Disk::default();
        let store = disk.open().expect("a store");
        let mut expected: Vec<String> = Vec::new();
        let mut unanswered: Vec<String> = Vec::new();
        for n in 0..random.below(6) + 2 {
            let messages: Vec<String> = (0..random.below(5) + 1)
                .map(|m| format!("{n}.{m} {}", "x".repeat(random.below(3000) as usize)))
                .collect();
            let events: Vec<(i64, &str)> =
                messages.iter().map(|message| (n as i64, message.as_str())).collect();
            if random.below(3) == 0 {
                disk.stop_after(Some(random.below(12)));
            }
            match store.append(&[batch(1, &events)], 1) {
                Ok(_) => expected.extend(messages),
                Err(_) => {
                    unanswered = messages;
                    torn += 1;
                    break;
                }
            }
            disk.stop_after(None);
        }
        let found = disk.crash(&mut random);
        drop(store);
        let found = texts(&found.open().expect("the store opens again"), 1);
        let with_last: Vec<String> = expected.iter().chain(&unanswered).cloned().collect();
        assert!(
            found == expected || found == with_last,
            "{} events, {} expected",
            found.len(),
            expected.len()
        );
    }
    assert!(torn > 20, "only {torn} crashes in the middle of a write");
}

/// Random events of several streams, as a model has them by position.
fn filled(random: &mut Random, store: &EventStore) -> BTreeMap<(Position, u64), String> {
    let mut model = BTreeMap::new();
    for (sequence, n) in (1..).zip(0..random.below(40)) {
        let (stream, timestamp) = (random.below(4) + 1, random.below(7) as i64);
        let message = format!("{} {n}", if random.below(2) == 0 { "ERROR" } else { "fine" });
        store.append(&[batch(stream, &[(timestamp, &message)])], 5).expect("stored");
        model.insert((Position { timestamp, sequence }, stream), message);
    }
    model
}

#[test]
fn pages_walk_every_event_once_in_both_directions() {
    let mut random = Random(5);
    for _ in 0..60 {
        let disk = Disk::default();
        let store = disk.open().expect("a store");
        let model = filled(&mut random, &store);
        let (start, end) = (Position::at(random.below(4) as i64), Position::at(random.below(8) as i64));
        for stream in 1..=4 {
            let inside =
                |(position, uid): &(Position, u64)| *uid == stream && *position >= start && *position < end;
            let expected: Vec<(Position, String)> = model
                .iter()
                .filter(|(key, _)| inside(key))
                .map(|(key, text)| (key.0, text.clone()))
                .collect();
            let limit = random.below(4) as usize + 1;
            let (mut ahead, mut back) = (Vec::new(), Vec::new());
            let (mut from, mut until) = (start, end);
            loop {
                let found = page(&store, Page { stream, start: from, end, forward: true, limit });
                let Some((last, _)) = found.last() else { break };
                from = last.next();
                ahead.extend(found);
            }
            loop {
                let found = page(&store, Page { stream, start, end: until, forward: false, limit });
                let Some((first, _)) = found.first() else { break };
                until = *first;
                back.splice(0..0, found);
            }
            assert_eq!(ahead, expected);
            assert_eq!(back, expected);
        }
    }
}

#[test]
fn a_search_merges_streams_and_finds_every_match_once() {
    let mut random = Random(6);
    let pattern = Pattern::parse("ERROR").expect("a pattern");
    for _ in 0..60 {
        let disk = Disk::default();
        let store = disk.open().expect("a store");
        let model = filled(&mut random, &store);
        let streams: Vec<u64> = (1..=4).filter(|_| random.below(4) > 0).collect();
        let expected: Vec<(Position, u64)> = model
            .iter()
            .filter(|((_, uid), text)| streams.contains(uid) && text.starts_with("ERROR"))
            .map(|(key, _)| *key)
            .collect();
        let mut search = Search {
            streams,
            start: Position::START,
            end: Position::END,
            pattern: pattern.clone(),
            limit: random.below(5) as usize + 1,
        };
        let mut found = Vec::new();
        loop {
            let Reply::Found(events, next) = store.read(&Job::Search(search.clone())).expect("a page") else {
                panic!("no page");
            };
            assert!(events.len() <= search.limit);
            found.extend(events.into_iter().map(|event| (event.position, event.stream)));
            match next {
                Some(next) => search.start = next,
                None => break,
            }
        }
        assert_eq!(found, expected);
    }
}

#[test]
fn an_answer_has_a_mebibyte_at_most_and_one_event_at_least() {
    let disk = Disk::default();
    let store = disk.open().expect("a store");
    let large = "x".repeat(700_000);
    store.append(&[batch(1, &[(1, &large), (2, &large), (3, "small")])], 1).expect("stored");
    let sizes = |forward| -> Vec<usize> {
        let page = page(&store, Page { forward, ..all_of(1) });
        page.iter().map(|(_, message)| message.len()).collect()
    };
    assert_eq!(sizes(true), [700_000]);
    assert_eq!(sizes(false), [700_000, 5]);
}

#[test]
fn what_is_expired_is_gone_and_no_longer_counted() {
    let disk = Disk::default();
    let store = disk.open().expect("a store");
    let events: Vec<(i64, &str)> = (0..10).map(|n| (n, "1234")).collect();
    store.append(&[batch(1, &events), batch(2, &[(0, "other")])], 3).expect("stored");
    let expiry = Expiry { stream: 1, until: 7 };
    assert!(!store.expire(expiry, 4).expect("deleted"), "four at a time");
    assert!(store.expire(expiry, 4).expect("deleted"));
    let known: BTreeMap<_, _> = store.streams().expect("statistics").into_iter().collect();
    assert_eq!((known[&1].first, known[&1].last, known[&1].events, known[&1].bytes), (7, 9, 3, 90));
    assert!(store.expire(Expiry { stream: 1, until: i64::MAX }, 100).expect("deleted"));
    assert_eq!(store.streams().expect("statistics").len(), 1);
    assert_eq!((texts(&store, 1).len(), texts(&store, 2).len()), (0, 1));
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("logs.redb");
    std::fs::write(&path, "no store").expect("written");
    assert!(EventStore::open(&path).is_err());
}

/// A world on disk with a writer, and the logs beside it.
struct Cloud {
    writer: Writer,
    logs: Logs,
}

impl Cloud {
    fn start(directory: &Path, runtime: &tokio::runtime::Handle) -> Self {
        let file = directory.join("world.redb");
        let (store, world) = Store::open(&file).expect("a store");
        let world = Arc::new(world);
        let journal =
            Journal::start(store, Box::new(move || Store::open(&file)), world.clone()).expect("a thread");
        let progress = journal.progress();
        let writer = Writer::start(journal, world, Arc::new(Mailbox::default())).expect("a thread");
        let path = directory.join("logs.redb");
        let logs = Logs::start(&path, writer.clone(), progress, runtime).expect("an event store");
        Cloud { writer, logs }
    }

    async fn change(&self, change: impl FnOnce(&mut Tx<'_>) + Send + 'static) {
        let change = move |tx: &mut Tx<'_>| {
            change(tx);
            Ok(Value::empty())
        };
        self.writer.change(daemon_caller(), Box::new(change)).await.expect("changed");
    }

    fn uid(&self, stream: &LogStreamId) -> u64 {
        self.writer.newest().load().get::<LogStream>(stream).expect("the stream").uid
    }

    async fn texts(&self, uid: u64) -> Vec<String> {
        match self.logs.carry_out(Job::Page(all_of(uid))).await.expect("a page") {
            Reply::Page(events) => events.into_iter().map(|event| event.message).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn group(name: &str) -> LogGroup {
    LogGroup {
        scope: daemon_caller().scope,
        name: name.to_owned(),
        uid: 7,
        class: LogGroupClass::Standard,
        retention_days: None,
        is_protected: false,
        created: Timestamp(0),
    }
}

fn event(timestamp: i64, message: &str) -> Event {
    Event { timestamp, message: message.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sink_makes_streams_and_stores_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let cloud = Cloud::start(directory.path(), &tokio::runtime::Handle::current());
    cloud.change(|tx| tx.put(group("g"))).await;
    let id = LogGroupId::of(&daemon_caller().scope, "g");
    let none = LogGroupId::of(&daemon_caller().scope, "none");
    let sink = cloud.logs.sink();
    sink.append(&id, "vpc_i", [event(2, "b"), event(1, "a")]);
    sink.append(&none, "vpc_i", [event(1, "nowhere")]);
    sink.append(&id, "no:stream", [event(1, "nowhere")]);
    sink.flush().await;
    let stream = LogStreamId::of(&id, "vpc_i");
    let uid = cloud.uid(&stream);
    assert_eq!(cloud.texts(uid).await, ["a", "b"]);
    assert_eq!(cloud.writer.newest().load().log_streams.len(), 1);

    // A stream that is gone gets nothing, and what it had goes.
    let removed = stream.clone();
    cloud.change(move |tx| assert!(tx.remove::<LogStream>(&removed))).await;
    let late = Append { stream: stream.clone(), uid, events: vec![event(3, "late")] };
    assert_eq!(cloud.logs.carry_out(Job::Append(late)).await.expect("an answer"), Reply::Gone);
    cloud.logs.changed();
    while !cloud.texts(uid).await.is_empty() {
        tokio::task::yield_now().await;
    }
    sink.append(&id, "vpc_i", [event(3, "again")]);
    sink.flush().await;
    assert_ne!(cloud.uid(&stream), uid);
    assert_eq!(cloud.texts(cloud.uid(&stream)).await, ["again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_deletes_what_is_too_old() {
    let directory = tempfile::tempdir().expect("a directory");
    let cloud = Cloud::start(directory.path(), &tokio::runtime::Handle::current());
    cloud.change(|tx| tx.put(group("g"))).await;
    let id = LogGroupId::of(&daemon_caller().scope, "g");
    let now = crate::daemon::clock::now().0;
    cloud.logs.sink().append(&id, "s", [event(1000, "old"), event(now, "new")]);
    cloud.logs.sink().flush().await;
    let uid = cloud.uid(&LogStreamId::of(&id, "s"));
    assert_eq!(cloud.texts(uid).await, ["old", "new"]);
    cloud.change(|tx| tx.put(LogGroup { retention_days: Some(1), ..group("g") })).await;
    cloud.logs.changed();
    while cloud.texts(uid).await != ["new"] {
        tokio::task::yield_now().await;
    }
}

/// Many writers at once: what each was told is stored is stored, and sequence numbers are unique.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_many_clients_are_written_together() {
    let directory = tempfile::tempdir().expect("a directory");
    let cloud = Cloud::start(directory.path(), &tokio::runtime::Handle::current());
    let streams: Vec<u64> = (0..8).collect();
    let made = streams.clone();
    cloud
        .change(move |tx| {
            tx.put(group("g"));
            for uid in made {
                let group = LogGroupId::of(&daemon_caller().scope, "g");
                tx.put(LogStream { group, name: uid.to_string(), uid, created: Timestamp(0) });
            }
        })
        .await;
    let id = LogGroupId::of(&daemon_caller().scope, "g");
    let clients: Vec<_> = streams
        .iter()
        .map(|uid| {
            let (logs, uid, stream) = (cloud.logs.clone(), *uid, LogStreamId::of(&id, &uid.to_string()));
            tokio::spawn(async move {
                for n in 0..20 {
                    let events = vec![event(n, &format!("{uid}.{n}"))];
                    let append = Append { stream: stream.clone(), uid, events };
                    let reply = logs.carry_out(Job::Append(append)).await.expect("stored");
                    assert!(matches!(reply, Reply::Appended(_)));
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("a client");
    }
    let search = Search {
        streams: streams.clone(),
        start: Position::START,
        end: Position::END,
        pattern: Pattern::parse("").expect("a pattern"),
        limit: 10_000,
    };
    let Reply::Found(events, None) = cloud.logs.carry_out(Job::Search(search)).await.expect("events") else {
        panic!("not all events at once");
    };
    let mut sequences: Vec<u64> = events.iter().map(|event| event.position.sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=160).collect::<Vec<u64>>());
    assert!(File::open(directory.path().join("logs.redb")).is_ok());
}
