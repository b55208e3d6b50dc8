//! CloudWatch Logs. [What is Amazon CloudWatch Logs?](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/WhatIsCloudWatchLogs.html)
//!
//! What AWS promises: events of a stream are kept in the order of their timestamps, for as long as the group's retention
//! says, and are found by time and by pattern. How we realise it: groups, streams and policies are rows; events live in the
//! daemon's event store, which operations ask for a [`event::Job`] (see [`crate::outside`]). What AWS does a moment later
//! (counting bytes, noting the last event) is done at once.
//!
//! Refused with a clear error: Insights queries, live tail (poll with `FilterLogEvents`, as `aws logs tail --follow` does),
//! subscription and metric filters, exports, KMS keys, data protection, the log group class `DELIVERY`.
//! Tested in `tests/logs.rs` and `tests/logs_pattern.rs`.

mod absent;
pub mod event;
mod faults;
mod filter_log_events;
mod get_log_events;
mod log_group;
mod log_stream;
pub mod pattern;
mod put_log_events;
mod resource_policy;
mod retention;
mod tag;
mod test_metric_filter;
mod token;

use enishi_state::logs::{LogGroup, LogGroupId, LogStream, LogStreamId};
use enishi_state::{AccountId, Read, Region, Scope, Tx, World};
use enishi_wire::Fault;

use crate::outside::Supply;
use crate::registry::Registry;
use event::Reply;

pub use crate::route53::query_log_destination;
pub use log_stream::ensure_stream;
pub(crate) use resource_policy::{Access, allows};

pub(crate) fn register(on: &mut Registry) {
    absent::register(on);
    filter_log_events::register(on);
    get_log_events::register(on);
    log_group::register(on);
    log_stream::register(on);
    put_log_events::register(on);
    resource_policy::register(on);
    retention::register(on);
    tag::register(on);
    test_metric_filter::register(on);
}

/// The ARN of a group, without the `:*` that AWS ends some of them with.
pub(crate) fn group_arn(scope: &Scope, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{name}", scope.region, scope.account)
}

/// The ARN of a stream.
fn stream_arn(scope: &Scope, group: &str, stream: &str) -> String {
    format!("{}:log-stream:{stream}", group_arn(scope, group))
}

/// The group that an ARN names, with or without `:*` at its end. It need not exist.
pub fn parse_group_arn(arn: &str) -> Option<(Scope, &str)> {
    let mut parts = arn.strip_prefix("arn:aws:logs:")?.splitn(4, ':');
    let region = Region::new(parts.next()?)?;
    let account = AccountId::new(parts.next()?)?;
    let name = parts.next().filter(|kind| *kind == "log-group").and_then(|_| parts.next())?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    is_group_name(name).then_some((Scope { account, region }, name))
}

/// Whether a group may have this name: `[.\-_/#A-Za-z0-9]{1,512}`.
fn is_group_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    (1..=512).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// # Errors
/// `InvalidParameterException`
fn check_group_name(name: &str, member: &str) -> Result<(), Fault> {
    if is_group_name(name) {
        return Ok(());
    }
    let pattern = r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+";
    Err(faults::constraint(name, member, pattern))
}

/// # Errors
/// `InvalidParameterException`
fn check_stream_name(name: &str, member: &str) -> Result<(), Fault> {
    if !name.is_empty() && !name.contains([':', '*']) {
        return Ok(());
    }
    let pattern = "Member must satisfy regular expression pattern: [^:*]*";
    Err(faults::constraint(name, member, pattern))
}

/// The caller's group of that name.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`
fn find_group<'w>(world: &'w World, scope: &Scope, name: &str) -> Result<&'w LogGroup, Fault> {
    check_group_name(name, "logGroupName")?;
    world.get::<LogGroup>(&LogGroupId::of(scope, name)).ok_or_else(faults::no_such_group)
}

/// The group that a request names, by name or by identifier (a name or an ARN).
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`
fn named_group<'w>(
    read: &Read<'w>,
    name: Option<&str>,
    identifier: Option<&str>,
) -> Result<&'w LogGroup, Fault> {
    let scope = &read.caller.scope;
    match (name, identifier) {
        (Some(name), None) => find_group(read.world, scope, name),
        (None, Some(identifier)) => identified_group(read.world, scope, identifier),
        (Some(_), Some(_)) => {
            let message = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
            Err(faults::invalid_parameter(message))
        }
        (None, None) => {
            Err(faults::invalid_parameter("Either LogGroup name or LogGroup ARN must be specified."))
        }
    }
}

/// The group that an identifier names: a name, or an ARN without `:*`.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`
fn identified_group<'w>(world: &'w World, scope: &Scope, identifier: &str) -> Result<&'w LogGroup, Fault> {
    if !identifier.starts_with("arn:") {
        check_group_name(identifier, "logGroupIdentifier")?;
        return find_group(world, scope, identifier);
    }
    let parsed = parse_group_arn(identifier).filter(|_| !identifier.ends_with(":*"));
    let pattern = r"Member must satisfy regular expression pattern: [\w#+=/:,.@-]*";
    let (owner, name) =
        parsed.ok_or_else(|| faults::constraint(identifier, "logGroupIdentifier", pattern))?;
    // Groups of other accounts are reached by links of CloudWatch's observability, which there are none of.
    match owner == *scope {
        true => find_group(world, scope, name),
        false => Err(faults::no_such_group()),
    }
}

/// The stream of that name.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`
fn find_stream<'w>(world: &'w World, group: &LogGroupId, name: &str) -> Result<&'w LogStream, Fault> {
    check_stream_name(name, "logStreamName")?;
    world.get::<LogStream>(&LogStreamId::of(group, name)).ok_or_else(faults::no_such_stream)
}

/// Every stream of a group, by name, from the prefix on.
fn streams_of<'w>(
    world: &'w World,
    group: &LogGroupId,
    prefix: &str,
) -> impl Iterator<Item = &'w LogStream> + use<'w> {
    let start = LogStreamId::of(group, prefix);
    let (group, prefix) = (group.clone(), prefix.to_owned());
    world
        .from::<LogStream>(&start)
        .take_while(move |stream| stream.group == group && stream.name.starts_with(&prefix))
}

/// What the event store answered.
///
/// # Errors
/// `ServiceUnavailableException` when nobody asked it.
fn reply(supply: &Supply) -> Result<&Reply, Fault> {
    supply.logs.as_ref().ok_or_else(faults::unavailable)
}

/// A random number that no other group or stream has.
fn fresh_uid(tx: &mut Tx<'_>) -> u64 {
    let mut random = [0u8; 8];
    tx.entropy().fill(&mut random);
    u64::from_be_bytes(random)
}

/// One page of items that are ordered by name. A token is the name of the last item that was given out.
fn page<T>(
    items: impl Iterator<Item = T>,
    limit: usize,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let mut items: Vec<T> = items.take(limit + 1).collect();
    if items.len() <= limit {
        return (items, None);
    }
    items.truncate(limit);
    let next = items.last().map(name);
    (items, next)
}

/// How many items a page has.
fn page_limit(limit: Option<i32>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(50).clamp(1, 1000)
}
