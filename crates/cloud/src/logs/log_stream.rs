//! Log streams. [API_DescribeLogStreams](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html)

use enishi_api::logs::{
    self as api, CreateLogStreamRequest, DeleteLogStreamRequest, DescribeLogStreamsRequest,
    DescribeLogStreamsResponse, ops,
};
use enishi_state::logs::{LogGroup, LogGroupId, LogStream, LogStreamId};
use enishi_state::{Read, Row, Tx};
use enishi_wire::Fault;

use super::event::{Job, Position, Reply, Statistics};
use super::{
    check_stream_name, faults, find_group, find_stream, fresh_uid, named_group, page, page_limit, reply,
    stream_arn, streams_of, token,
};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateLogStream>(create_log_stream);
    on.write::<ops::DeleteLogStream>(delete_log_stream);
    on.prepared::<ops::DescribeLogStreams>(want_statistics, describe_log_streams);
}

fn create_log_stream(tx: &mut Tx<'_>, input: CreateLogStreamRequest) -> Result<(), Fault> {
    check_stream_name(&input.log_stream_name, "logStreamName")?;
    let group = find_group(tx.world(), &tx.caller().scope, &input.log_group_name)?.id();
    if tx.world().get::<LogStream>(&LogStreamId::of(&group, &input.log_stream_name)).is_some() {
        return Err(faults::stream_exists());
    }
    put(tx, group, input.log_stream_name);
    Ok(())
}

/// The stream of that name, made if need be, for what the cloud itself logs. `None` when there is no such group, or the
/// name is none that a stream may have.
pub fn ensure_stream(tx: &mut Tx<'_>, group: &LogGroupId, name: &str) -> Option<LogStreamId> {
    tx.world().get::<LogGroup>(group)?;
    check_stream_name(name, "logStreamName").ok()?;
    let id = LogStreamId::of(group, name);
    if tx.world().get::<LogStream>(&id).is_none() {
        put(tx, group.clone(), name.to_owned());
    }
    Some(id)
}

fn put(tx: &mut Tx<'_>, group: LogGroupId, name: String) {
    let row = LogStream { group, name, uid: fresh_uid(tx), created: tx.now() };
    tx.put(row);
}

fn delete_log_stream(tx: &mut Tx<'_>, input: DeleteLogStreamRequest) -> Result<(), Fault> {
    let group = find_group(tx.world(), &tx.caller().scope, &input.log_group_name)?.id();
    let stream = find_stream(tx.world(), &group, &input.log_stream_name)?.id();
    tx.remove::<LogStream>(&stream);
    Ok(())
}

/// The group, and the streams that a request is about.
fn described<'w>(
    read: &Read<'w>,
    input: &DescribeLogStreamsRequest,
) -> Result<(&'w LogGroup, Vec<&'w LogStream>), Fault> {
    let prefix = input.log_stream_name_prefix.as_deref();
    if prefix.is_some() && is_by_time(input) {
        let message = "Cannot order by LastEventTime with a logStreamNamePrefix.";
        return Err(faults::invalid_parameter(message));
    }
    if let Some(prefix) = prefix {
        check_stream_name(prefix, "logStreamNamePrefix")?;
    }
    let group = named_group(read, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let streams = streams_of(read.world, &group.id(), prefix.unwrap_or_default());
    Ok((group, streams.collect()))
}

fn is_by_time(input: &DescribeLogStreamsRequest) -> bool {
    input.order_by.as_deref() == Some("LastEventTime")
}

fn want_statistics(read: &Read<'_>, input: &DescribeLogStreamsRequest) -> Result<Want, Fault> {
    let (_, streams) = described(read, input)?;
    Ok(Want::Logs(Job::Statistics(streams.iter().map(|stream| stream.uid).collect())))
}

fn describe_log_streams(
    read: &Read<'_>,
    input: DescribeLogStreamsRequest,
    supply: &Supply,
) -> Result<DescribeLogStreamsResponse, Fault> {
    let Reply::Statistics(statistics) = reply(supply)? else { return Err(faults::unavailable()) };
    let (group, streams) = described(read, &input)?;
    let by_time = is_by_time(&input);
    // What the order goes by, as text: a token names the last stream that was given out in it.
    let key = |stream: &LogStream| {
        let last = statistics.get(&stream.uid).map_or(0, |known| known.last.max(0));
        if by_time { format!("{last:020}:{}", stream.name) } else { stream.name.clone() }
    };
    let mut ordered: Vec<(String, &LogStream)> =
        streams.into_iter().map(|stream| (key(stream), stream)).collect();
    ordered.sort_by(|(a, _), (b, _)| a.cmp(b));
    let descending = input.descending.unwrap_or_default();
    if descending {
        ordered.reverse();
    }
    let after = input.next_token.as_deref();
    let is_next = |key: &str| match (after, descending) {
        (None, _) => true,
        (Some(after), false) => key > after,
        (Some(after), true) => key < after,
    };
    let rest = ordered.into_iter().filter(|(key, _)| is_next(key));
    let (streams, next_token) = page(rest, page_limit(input.limit), |(key, _)| key.clone());
    let log_streams =
        streams.into_iter().map(|(_, stream)| shape(group, stream, statistics.get(&stream.uid))).collect();
    Ok(DescribeLogStreamsResponse { log_streams: Some(log_streams), next_token })
}

fn shape(group: &LogGroup, row: &LogStream, known: Option<&Statistics>) -> api::LogStream {
    let known = known.filter(|known| known.events > 0);
    api::LogStream {
        log_stream_name: Some(row.name.clone()),
        creation_time: Some(row.created.0),
        first_event_timestamp: known.map(|known| known.first),
        last_event_timestamp: known.map(|known| known.last),
        last_ingestion_time: known.map(|known| known.ingested),
        upload_sequence_token: known
            .map(|known| token::digits(Position { timestamp: known.ingested, sequence: known.events })),
        arn: Some(stream_arn(&group.scope, &group.name, &row.name)),
        // AWS stopped counting bytes per stream in 2019 and answers zero.
        stored_bytes: Some(0),
    }
}
