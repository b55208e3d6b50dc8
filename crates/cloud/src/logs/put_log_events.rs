//! `PutLogEvents`. [API_PutLogEvents](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html)
//!
//! The batch is checked here as a whole; what is too old or too new is left out of it and told. Sequence tokens are accepted
//! and not looked at, as AWS does since 2023.

use std::ops::Range;

use enishi_api::logs::{
    InputLogEvent, PutLogEventsRequest, PutLogEventsResponse, RejectedLogEventsInfo, ops,
};
use enishi_state::logs::LogGroup;
use enishi_state::{Read, Row};
use enishi_wire::Fault;

use super::event::{Append, Event, Job, Position, Reply, event_bytes};
use super::{faults, find_group, find_stream, reply, token};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

/// Bytes of a batch at most, and of one event.
const BATCH_BYTES: usize = 1_048_576;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// How much older than now an event may be, and how much newer.
const OLDEST: i64 = 14 * DAY;
const NEWEST: i64 = 2 * HOUR;

pub(super) fn register(on: &mut Registry) {
    on.prepared::<ops::PutLogEvents>(want_append, put_log_events);
}

fn want_append(read: &Read<'_>, input: &PutLogEventsRequest) -> Result<Want, Fault> {
    let group = find_group(read.world, &read.caller.scope, &input.log_group_name)?;
    let stream = find_stream(read.world, &group.id(), &input.log_stream_name)?;
    check_batch(&input.log_events)?;
    let accepted = Limits::of(group, read.now.0).accepted(&input.log_events);
    let events = input.log_events.get(accepted).unwrap_or_default();
    let event = |event: &InputLogEvent| Event { timestamp: event.timestamp, message: event.message.clone() };
    let events = events.iter().map(event).collect();
    Ok(Want::Logs(Job::Append(Append { stream: stream.id(), uid: stream.uid, events })))
}

fn check_batch(events: &[InputLogEvent]) -> Result<(), Fault> {
    let mut total = 0;
    for event in events {
        let bytes = event_bytes(&event.message);
        if bytes > BATCH_BYTES {
            let message = format!("Log event too large: {bytes} bytes exceeds limit of {BATCH_BYTES}");
            return Err(faults::invalid_parameter(message));
        }
        total += bytes;
    }
    if total > BATCH_BYTES {
        let message = format!("Upload too large: {total} bytes exceeds limit of {BATCH_BYTES}");
        return Err(faults::invalid_parameter(message));
    }
    if events.windows(2).any(|pair| matches!(pair, [a, b] if a.timestamp > b.timestamp)) {
        let message = "Log events in a single PutLogEvents request must be in chronological order.";
        return Err(faults::invalid_parameter(message));
    }
    if let (Some(first), Some(last)) = (events.first(), events.last())
        && last.timestamp.saturating_sub(first.timestamp) > DAY
    {
        let message =
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
        return Err(faults::invalid_parameter(message));
    }
    Ok(())
}

/// The time that events are accepted of.
struct Limits {
    oldest: i64,
    newest: i64,
    /// The oldest that the group keeps.
    kept: i64,
}

impl Limits {
    fn of(group: &LogGroup, now: i64) -> Self {
        let kept = group.retention_days.map_or(i64::MIN, |days| now - i64::from(days) * DAY);
        Limits { oldest: now - OLDEST, newest: now + NEWEST, kept }
    }

    /// Where the events before and after this point in time part.
    fn first(events: &[InputLogEvent], is_after: impl Fn(i64) -> bool) -> usize {
        events.partition_point(|event| !is_after(event.timestamp))
    }

    fn accepted(&self, events: &[InputLogEvent]) -> Range<usize> {
        let start = Self::first(events, |time| time >= self.oldest.max(self.kept));
        start..Self::first(events, |time| time > self.newest).max(start)
    }

    /// What AWS tells of those that were not accepted; `None` if all were.
    fn rejected(&self, events: &[InputLogEvent]) -> Option<RejectedLogEventsInfo> {
        let index = |index: usize| i32::try_from(index).unwrap_or(i32::MAX);
        let too_old = Self::first(events, |time| time >= self.oldest);
        let expired = Self::first(events, |time| time >= self.kept);
        let too_new = Self::first(events, |time| time > self.newest);
        let info = RejectedLogEventsInfo {
            too_new_log_event_start_index: (too_new < events.len()).then(|| index(too_new)),
            // The ends are the indexes after the last event that was not accepted.
            too_old_log_event_end_index: (too_old > 0).then(|| index(too_old)),
            expired_log_event_end_index: (expired > 0).then(|| index(expired)),
        };
        (info != RejectedLogEventsInfo::default()).then_some(info)
    }
}

fn put_log_events(
    read: &Read<'_>,
    input: PutLogEventsRequest,
    supply: &Supply,
) -> Result<PutLogEventsResponse, Fault> {
    let sequence = match reply(supply)? {
        Reply::Appended(sequence) => *sequence,
        Reply::Gone => return Err(faults::no_such_stream()),
        _ => return Err(faults::unavailable()),
    };
    let group = find_group(read.world, &read.caller.scope, &input.log_group_name)?;
    Ok(PutLogEventsResponse {
        next_sequence_token: Some(token::digits(Position { timestamp: read.now.0, sequence })),
        rejected_log_events_info: Limits::of(group, read.now.0).rejected(&input.log_events),
        rejected_entity_info: None,
    })
}
