//! What the cloud itself logs: lines for streams, which are made when their first line comes.
//!
//! Giving a line away never waits: the queue is bounded, and what finds no room is dropped, counted and said. A task takes
//! what has gathered, makes streams and appends. Lines reach the store within [`LINGER`] and the time of a write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use enishi_cloud::logs::event::{Append, Event, Reply, event_bytes};
use enishi_cloud::logs::{ensure_stream, query_log_destination};
use enishi_state::World;
use enishi_state::logs::{LogGroupId, LogStream, LogStreamId};
use enishi_state::route53::HostedZoneId;
use enishi_wire::Value;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::append_to;
use super::thread::Task;
use crate::daemon::daemon_caller;
use crate::daemon::writer::Writer;

/// Lines that may wait.
const QUEUE: usize = 65_536;

/// Lines that are taken at once.
const TAKEN: usize = 16_384;

/// How long lines gather.
const LINGER: Duration = Duration::from_millis(200);

/// Bytes of one batch.
const BATCH_BYTES: usize = 1024 * 1024;

/// On whose behalf a line is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Author {
    /// A service whose right to write was settled when it was set up.
    Service,
    /// Route 53, for a zone: it writes while the zone is configured so and a resource policy allows it.
    Zone(HostedZoneId),
}

/// One line on its way.
#[derive(Debug)]
struct Line {
    author: Author,
    group: LogGroupId,
    stream: String,
    event: Event,
}

#[derive(Debug)]
enum Item {
    Line(Line),
    /// Everything before it is stored, or lost, once this is answered.
    Flush(oneshot::Sender<()>),
}

/// Where the cloud itself logs to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sink {
    items: mpsc::Sender<Item>,
    dropped: Arc<AtomicU64>,
}

impl Sink {
    /// Starts the task that stores what is given.
    pub fn start(tasks: mpsc::Sender<Task>, writer: Writer, runtime: &Handle) -> Self {
        let (items, receiver) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        runtime.spawn(Delivery { tasks, writer, dropped: dropped.clone() }.run(receiver));
        Sink { items, dropped }
    }

    /// Logs events to a stream of a group. Never waits. A group that does not exist gets nothing, as at AWS.
    pub fn append(&self, group: &LogGroupId, stream: &str, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.append_as(Author::Service, group, stream, event);
        }
    }

    /// The same for one event, on somebody's behalf.
    pub fn append_as(&self, author: Author, group: &LogGroupId, stream: &str, event: Event) {
        let line = Line { author, group: group.clone(), stream: stream.to_owned(), event };
        if self.items.try_send(Item::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was given before is stored.
    pub async fn flush(&self) {
        let (reply, done) = oneshot::channel();
        if self.items.send(Item::Flush(reply)).await.is_ok() {
            let _ = done.await;
        }
    }
}

struct Delivery {
    tasks: mpsc::Sender<Task>,
    writer: Writer,
    dropped: Arc<AtomicU64>,
}

type Batches = BTreeMap<(LogGroupId, String, Author), Vec<Event>>;

impl Delivery {
    async fn run(self, mut receiver: mpsc::Receiver<Item>) {
        let mut items = Vec::new();
        while receiver.recv_many(&mut items, TAKEN).await > 0 {
            let is_awaited = |items: &[Item]| items.iter().any(|item| matches!(item, Item::Flush(_)));
            if items.len() < TAKEN && !is_awaited(&items) {
                tokio::time::sleep(LINGER).await;
                while items.len() < TAKEN
                    && let Ok(item) = receiver.try_recv()
                {
                    items.push(item);
                }
            }
            self.deliver(items.drain(..)).await;
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                tracing::warn!(dropped, "log lines came faster than they can be stored; some were dropped");
            }
        }
    }

    async fn deliver(&self, items: impl Iterator<Item = Item>) {
        let mut batches = Batches::new();
        let mut awaited = Vec::new();
        for item in items {
            match item {
                Item::Line(line) => {
                    batches.entry((line.group, line.stream, line.author)).or_default().push(line.event);
                }
                Item::Flush(reply) => awaited.push(reply),
            }
        }
        for ((group, stream, author), events) in batches {
            self.append(&group, &stream, &author, events).await;
        }
        for reply in awaited {
            // Whoever is gone does not wait.
            let _ = reply.send(());
        }
    }

    async fn append(&self, group: &LogGroupId, stream: &str, author: &Author, mut events: Vec<Event>) {
        if let Author::Zone(zone) = author
            && query_log_destination(&self.writer.newest().load(), zone).as_ref() != Some(group)
        {
            return;
        }
        let Some((id, uid)) = self.stream(group, stream).await else { return };
        // Several threads log to one stream.
        events.sort_by_key(|event| event.timestamp);
        let mut rest = events.into_iter().peekable();
        while rest.peek().is_some() {
            let mut bytes = 0;
            let mut batch = Vec::new();
            while let Some(event) = rest.next_if(|event| {
                bytes += event_bytes(&event.message);
                batch.is_empty() || bytes <= BATCH_BYTES
            }) {
                batch.push(event);
            }
            let append = Append { stream: id.clone(), uid, events: batch };
            match append_to(&self.tasks, append).await {
                Ok(Reply::Appended(_)) => {}
                // Somebody deleted the stream meanwhile; the next lines make it again.
                Ok(_) => return,
                Err(error) => return tracing::warn!(%error, %group, stream, "log lines were lost"),
            }
        }
    }

    /// The stream of that name, made if need be.
    async fn stream(&self, group: &LogGroupId, name: &str) -> Option<(LogStreamId, u64)> {
        let id = LogStreamId::of(group, name);
        let find = |world: &World| world.get::<LogStream>(&id).map(|stream| (id.clone(), stream.uid));
        if let Some(found) = find(&self.writer.newest().load()) {
            return Some(found);
        }
        let (group, stream) = (group.clone(), name.to_owned());
        let made = self.writer.change(
            daemon_caller(),
            Box::new(move |tx| {
                ensure_stream(tx, &group, &stream);
                Ok(Value::empty())
            }),
        );
        if let Err(fault) = made.await {
            tracing::warn!(%fault, name, "a log stream could not be made");
        }
        find(&self.writer.newest().load())
    }
}
