//! `GetLogEvents`. [API_GetLogEvents](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html)
//!
//! Both tokens always come: the one forward is right after the last event of the page, the one backward right before the
//! first. A page without events leaves both where the request was, so at either end the token that was sent comes back.

use enishi_api::logs::{GetLogEventsRequest, GetLogEventsResponse, OutputLogEvent, ops};
use enishi_state::{Read, Row};
use enishi_wire::Fault;

use super::event::{Job, Page, Position, Reply, StoredEvent};
use super::token::Direction;
use super::{faults, filter_log_events, find_stream, named_group, reply};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

/// Events in an answer at most, and without a limit in the request.
pub(super) const EVENTS: usize = 10_000;

pub(super) fn register(on: &mut Registry) {
    on.prepared::<ops::GetLogEvents>(want_page, get_log_events);
}

/// Which events a request asks for, and where it stands if there are none.
fn asked(read: &Read<'_>, input: &GetLogEventsRequest) -> Result<(Page, Position), Fault> {
    let group = named_group(read, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    filter_log_events::check_class(group)?;
    let stream = find_stream(read.world, &group.id(), &input.log_stream_name)?;
    let start = Position::at(input.start_time.unwrap_or(0));
    let end = input.end_time.map_or(Position::END, Position::at);
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(EVENTS);
    let direction = input.next_token.as_deref().map(Direction::parse).transpose()?;
    let (start, end, forward) = match direction {
        Some(Direction::Forward(from)) => (start.max(from), end, true),
        Some(Direction::Backward(until)) => (start, end.min(until), false),
        None => (start, end, input.start_from_head.unwrap_or_default()),
    };
    let stands = match direction {
        Some(Direction::Forward(at) | Direction::Backward(at)) => at,
        None if forward => start,
        None => end,
    };
    Ok((Page { stream: stream.uid, start, end, forward, limit }, stands))
}

fn want_page(read: &Read<'_>, input: &GetLogEventsRequest) -> Result<Want, Fault> {
    let (page, _) = asked(read, input)?;
    Ok(Want::Logs(Job::Page(page)))
}

fn get_log_events(
    read: &Read<'_>,
    input: GetLogEventsRequest,
    supply: &Supply,
) -> Result<GetLogEventsResponse, Fault> {
    let Reply::Page(events) = reply(supply)? else { return Err(faults::unavailable()) };
    let (_, stands) = asked(read, &input)?;
    let after = events.last().map_or(stands, |event| event.position.next());
    let before = events.first().map_or(stands, |event| event.position);
    Ok(GetLogEventsResponse {
        events: Some(events.iter().map(shape).collect()),
        next_forward_token: Some(Direction::Forward(after).token()),
        next_backward_token: Some(Direction::Backward(before).token()),
    })
}

fn shape(event: &StoredEvent) -> OutputLogEvent {
    OutputLogEvent {
        timestamp: Some(event.position.timestamp),
        message: Some(event.message.clone()),
        ingestion_time: Some(event.ingested),
    }
}
