//! `FilterLogEvents`. [API_FilterLogEvents](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html)
//!
//! The events of all streams are one sequence, by time. As at AWS a page may be empty and have a token: the search is not
//! over yet. `interleaved` is ignored and `searchedLogStreams` is empty, as at AWS since 2019 and 2020.

use std::collections::BTreeMap;

use enishi_api::logs::{FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent, ops};
use enishi_state::logs::{LogGroup, LogGroupClass, LogStream};
use enishi_state::{Read, Row};
use enishi_wire::Fault;

use super::event::{Job, Position, Reply, Search, StoredEvent};
use super::get_log_events::EVENTS;
use super::pattern::Pattern;
use super::{check_stream_name, faults, find_stream, named_group, reply, streams_of, token};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.prepared::<ops::FilterLogEvents>(want_search, filter_log_events);
}

/// Groups that only Insights reads.
/// [Log classes](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html)
///
/// # Errors
/// `InvalidParameterException`
pub(super) fn check_class(group: &LogGroup) -> Result<(), Fault> {
    match group.class {
        LogGroupClass::Standard => Ok(()),
        LogGroupClass::InfrequentAccess => Err(faults::invalid_parameter(
            "This operation is not supported on log groups of the class INFREQUENT_ACCESS.",
        )),
    }
}

/// The streams that a request is about.
fn searched<'w>(read: &Read<'w>, input: &FilterLogEventsRequest) -> Result<Vec<&'w LogStream>, Fault> {
    let group = named_group(read, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    check_class(group)?;
    let id = group.id();
    match (input.log_stream_names.as_deref(), input.log_stream_name_prefix.as_deref()) {
        (Some(_), Some(_)) => Err(faults::invalid_parameter(
            "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
        )),
        (Some(names), None) => names.iter().map(|name| find_stream(read.world, &id, name)).collect(),
        (None, prefix) => {
            if let Some(prefix) = prefix {
                check_stream_name(prefix, "logStreamNamePrefix")?;
            }
            Ok(streams_of(read.world, &id, prefix.unwrap_or_default()).collect())
        }
    }
}

fn want_search(read: &Read<'_>, input: &FilterLogEventsRequest) -> Result<Want, Fault> {
    let mut streams: Vec<u64> = searched(read, input)?.into_iter().map(|stream| stream.uid).collect();
    streams.sort_unstable();
    streams.dedup();
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default());
    let pattern = pattern.map_err(|error| faults::invalid_parameter(error.to_string()))?;
    let start = Position::at(input.start_time.unwrap_or(0));
    let from = input.next_token.as_deref().map(token::parse_search).transpose()?;
    Ok(Want::Logs(Job::Search(Search {
        streams,
        start: from.map_or(start, |from| from.max(start)),
        // Unlike that of GetLogEvents, the end is inside.
        end: input.end_time.map_or(Position::END, |end| Position::at(end.saturating_add(1))),
        pattern,
        limit: input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(EVENTS),
    })))
}

fn filter_log_events(
    read: &Read<'_>,
    input: FilterLogEventsRequest,
    supply: &Supply,
) -> Result<FilterLogEventsResponse, Fault> {
    let Reply::Found(events, next) = reply(supply)? else { return Err(faults::unavailable()) };
    let streams: BTreeMap<u64, &str> =
        searched(read, &input)?.into_iter().map(|stream| (stream.uid, stream.name.as_str())).collect();
    // A stream that was deleted since the search has no events.
    let shape = |event: &StoredEvent| {
        Some(FilteredLogEvent {
            log_stream_name: Some((*streams.get(&event.stream)?).to_owned()),
            timestamp: Some(event.position.timestamp),
            message: Some(event.message.clone()),
            ingestion_time: Some(event.ingested),
            event_id: Some(token::digits(event.position)),
        })
    };
    Ok(FilterLogEventsResponse {
        events: Some(events.iter().filter_map(shape).collect()),
        searched_log_streams: Some(Vec::new()),
        next_token: next.map(token::search),
    })
}
