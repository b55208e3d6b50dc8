//! What operations ask of the event store, and what it answers. The store is the daemon's; here is what it must do.
//!
//! An event is stored under the uid of its stream. Within a stream events are ordered by [`Position`]: by timestamp, and by
//! the order of arrival where timestamps are equal. Sequence numbers are unique over all streams, so that positions also
//! order the events of several streams.

use std::collections::BTreeMap;

use enishi_state::logs::LogStreamId;

use super::pattern::Pattern;

/// Bytes of events in one answer at most.
/// [API_GetLogEvents](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html)
pub const ANSWER_BYTES: usize = 1024 * 1024;

/// An event that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happened, in milliseconds since 1970.
    pub timestamp: i64,
    /// What happened.
    pub message: String,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The uid of its stream.
    pub stream: u64,
    /// Where it is.
    pub position: Position,
    /// When it was stored, in milliseconds since 1970.
    pub ingested: i64,
    /// What happened.
    pub message: String,
}

/// A place between events: right before the event of this timestamp and sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The number that the store gave it.
    pub sequence: u64,
}

impl Position {
    /// Before every event.
    pub const START: Position = Position { timestamp: 0, sequence: 0 };
    /// After every event.
    pub const END: Position = Position { timestamp: i64::MAX, sequence: u64::MAX };

    /// Before every event of this timestamp.
    pub fn at(timestamp: i64) -> Self {
        Position { timestamp, sequence: 0 }
    }

    /// Right after the event here.
    pub fn next(self) -> Self {
        Position { sequence: self.sequence.saturating_add(1), ..self }
    }
}

/// What the event store has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Store events durably, in this order; [`Reply::Appended`].
    Append(Append),
    /// Some events of one stream; [`Reply::Page`].
    Page(Page),
    /// The events of several streams that match a pattern; [`Reply::Found`].
    Search(Search),
    /// What is known of streams; [`Reply::Statistics`].
    Statistics(Vec<u64>),
}

/// Events for a stream. A stream that is not in the newest world under this uid gets none: [`Reply::Gone`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The stream.
    pub stream: LogStreamId,
    /// Its uid.
    pub uid: u64,
    /// The events, by timestamp.
    pub events: Vec<Event>,
}

/// Which events of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The stream's uid.
    pub stream: u64,
    /// None before this.
    pub start: Position,
    /// None from here on.
    pub end: Position,
    /// From `start` on if so, else the last ones before `end`. The answer is ordered by position in both cases.
    pub forward: bool,
    /// How many at most; fewer when they have more than [`ANSWER_BYTES`] together, but one if there is one.
    pub limit: usize,
}

/// Which events of several streams.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The streams' uids.
    pub streams: Vec<u64>,
    /// None before this.
    pub start: Position,
    /// None from here on.
    pub end: Position,
    /// What a message must match.
    pub pattern: Pattern,
    /// How many at most; fewer when they have more than [`ANSWER_BYTES`] together.
    pub limit: usize,
}

/// What is known of a stream's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The timestamp of the first.
    pub first: i64,
    /// The timestamp of the last.
    pub last: i64,
    /// When one was stored last.
    pub ingested: i64,
    /// Bytes of all messages, with 26 for each as AWS counts.
    pub bytes: u64,
    /// How many there are.
    pub events: u64,
}

/// The event store's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The events are durable; the sequence number that the next one will have.
    Appended(u64),
    /// The stream is gone.
    Gone,
    /// Events by position.
    Page(Vec<StoredEvent>),
    /// Events by position, and where to go on: `None` when everything was searched.
    Found(Vec<StoredEvent>, Option<Position>),
    /// By uid; streams that never had an event are missing.
    Statistics(BTreeMap<u64, Statistics>),
}

/// What an event counts for: its message and what AWS adds.
pub fn event_bytes(message: &str) -> usize {
    const OVERHEAD: usize = 26;
    message.len() + OVERHEAD
}
