//! Log groups. [API_CreateLogGroup](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html)

use std::collections::BTreeSet;

use enishi_api::logs::{
    self as api, CreateLogGroupRequest, DeleteLogGroupRequest, DescribeLogGroupsRequest,
    DescribeLogGroupsResponse, ListLogGroupsRequest, ListLogGroupsResponse, LogGroupSummary,
    PutLogGroupDeletionProtectionRequest, ops,
};
use enishi_state::logs::{LogGroup, LogGroupClass, LogGroupId, LogStream, LogStreamId};
use enishi_state::{Read, Row, Scope, Tx, World};
use enishi_wire::Fault;

use super::event::{Job, Reply};
use super::{
    check_group_name, faults, find_group, fresh_uid, group_arn, identified_group, page, page_limit, reply,
    streams_of, tag,
};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

/// Groups of one account and region at most.
/// [Quotas](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)
const GROUPS: usize = 1_000_000;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateLogGroup>(create_log_group);
    on.write::<ops::DeleteLogGroup>(delete_log_group);
    on.write::<ops::PutLogGroupDeletionProtection>(put_log_group_deletion_protection);
    on.prepared::<ops::DescribeLogGroups>(want_statistics, describe_log_groups);
    on.read::<ops::ListLogGroups>(list_log_groups);
}

fn create_log_group(tx: &mut Tx<'_>, input: CreateLogGroupRequest) -> Result<(), Fault> {
    check_group_name(&input.log_group_name, "logGroupName")?;
    if input.log_group_name.starts_with("aws/") {
        return Err(faults::invalid_parameter("Log groups starting with AWS/ are reserved for AWS."));
    }
    if input.kms_key_id.is_some() {
        return Err(faults::not_supported("Encryption with a KMS key"));
    }
    let class = parse_class(input.log_group_class.as_deref())?;
    let tags = tag::parse(input.tags.unwrap_or_default())?;
    let scope = tx.caller().scope.clone();
    let id = LogGroupId::of(&scope, &input.log_group_name);
    if tx.world().get::<LogGroup>(&id).is_some() {
        return Err(faults::group_exists());
    }
    if tx.world().by::<LogGroup>("scope", &scope.to_string()).nth(GROUPS - 1).is_some() {
        return Err(faults::limit_exceeded("Resource limit exceeded."));
    }
    tag::attach(tx, &group_arn(&scope, &input.log_group_name), tags);
    let row = LogGroup {
        scope,
        name: input.log_group_name,
        uid: fresh_uid(tx),
        class,
        retention_days: None,
        is_protected: input.deletion_protection_enabled.unwrap_or_default(),
        created: tx.now(),
    };
    tx.put(row);
    Ok(())
}

fn parse_class(name: Option<&str>) -> Result<LogGroupClass, Fault> {
    match name {
        None | Some("STANDARD") => Ok(LogGroupClass::Standard),
        Some("INFREQUENT_ACCESS") => Ok(LogGroupClass::InfrequentAccess),
        Some(other) => Err(faults::not_supported(&format!("The log group class {other}"))),
    }
}

fn class_name(class: LogGroupClass) -> &'static str {
    match class {
        LogGroupClass::Standard => "STANDARD",
        LogGroupClass::InfrequentAccess => "INFREQUENT_ACCESS",
    }
}

fn delete_log_group(tx: &mut Tx<'_>, input: DeleteLogGroupRequest) -> Result<(), Fault> {
    let scope = tx.caller().scope.clone();
    let group = find_group(tx.world(), &scope, &input.log_group_name)?;
    if group.is_protected {
        return Err(faults::is_protected());
    }
    let id = group.id();
    let streams: Vec<LogStreamId> = streams_of(tx.world(), &id, "").map(Row::id).collect();
    for stream in streams {
        tx.remove::<LogStream>(&stream);
    }
    tag::remove_all(tx, &group_arn(&scope, &input.log_group_name));
    tx.remove::<LogGroup>(&id);
    Ok(())
}

fn put_log_group_deletion_protection(
    tx: &mut Tx<'_>,
    input: PutLogGroupDeletionProtectionRequest,
) -> Result<(), Fault> {
    let group = identified_group(tx.world(), &tx.caller().scope, &input.log_group_identifier)?.id();
    tx.modify::<LogGroup>(&group, |row| row.is_protected = input.deletion_protection_enabled);
    Ok(())
}

/// The page of groups that a request asks for, and the token of the next.
fn described<'w>(
    read: &Read<'w>,
    input: &DescribeLogGroupsRequest,
) -> Result<(Vec<&'w LogGroup>, Option<String>), Fault> {
    let scope = &read.caller.scope;
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
        return Err(faults::invalid_parameter(message));
    }
    if let Some(prefix) = &input.log_group_name_prefix {
        check_group_name(prefix, "logGroupNamePrefix")?;
    }
    let wanted = Wanted {
        prefix: input.log_group_name_prefix.as_deref().unwrap_or_default(),
        part: input.log_group_name_pattern.as_deref().unwrap_or_default(),
        class: input.log_group_class.as_deref(),
    };
    let limit = page_limit(input.limit);
    let after = input.next_token.as_deref();
    match input.log_group_identifiers.as_deref() {
        Some(identifiers) => {
            let names: BTreeSet<LogGroupId> = identifiers
                .iter()
                .filter_map(|identifier| identified_group(read.world, scope, identifier).ok().map(Row::id))
                .collect();
            let groups = names.iter().filter_map(|id| read.world.get::<LogGroup>(id));
            let rest = groups
                .filter(|group| wanted.accepts(group) && after.is_none_or(|after| *group.name > *after));
            Ok(page(rest, limit, |group| group.name.clone()))
        }
        None => {
            let rest = wanted.groups(read.world, scope, after);
            Ok(page(rest, limit, |group| group.name.clone()))
        }
    }
}

/// Which groups are listed.
struct Wanted<'i> {
    /// How their names begin.
    prefix: &'i str,
    /// What their names hold.
    part: &'i str,
    class: Option<&'i str>,
}

impl<'i> Wanted<'i> {
    fn accepts(&self, group: &LogGroup) -> bool {
        group.name.starts_with(self.prefix)
            && group.name.contains(self.part)
            && self.class.is_none_or(|class| class == class_name(group.class))
    }

    /// By name, those that come after one.
    fn groups<'s, 'w>(
        &'s self,
        world: &'w World,
        scope: &'s Scope,
        after: Option<&'s str>,
    ) -> impl Iterator<Item = &'w LogGroup> + use<'s, 'w, 'i> {
        let first = after.filter(|after| *after > self.prefix).unwrap_or(self.prefix);
        world
            .from::<LogGroup>(&LogGroupId::of(scope, first))
            .take_while(move |group| group.scope == *scope && group.name.starts_with(self.prefix))
            .filter(move |group| self.accepts(group) && after.is_none_or(|after| *group.name > *after))
    }
}

fn want_statistics(read: &Read<'_>, input: &DescribeLogGroupsRequest) -> Result<Want, Fault> {
    let (groups, _) = described(read, input)?;
    let streams = groups.iter().flat_map(|group| streams_of(read.world, &group.id(), ""));
    Ok(Want::Logs(Job::Statistics(streams.map(|stream| stream.uid).collect())))
}

fn describe_log_groups(
    read: &Read<'_>,
    input: DescribeLogGroupsRequest,
    supply: &Supply,
) -> Result<DescribeLogGroupsResponse, Fault> {
    let Reply::Statistics(statistics) = reply(supply)? else { return Err(faults::unavailable()) };
    let (groups, next_token) = described(read, &input)?;
    let stored = |group: &LogGroup| -> u64 {
        let streams = streams_of(read.world, &group.id(), "");
        streams.filter_map(|stream| statistics.get(&stream.uid)).map(|known| known.bytes).sum()
    };
    let log_groups = groups.into_iter().map(|group| shape(group, stored(group))).collect();
    Ok(DescribeLogGroupsResponse { log_groups: Some(log_groups), next_token })
}

fn shape(row: &LogGroup, stored: u64) -> api::LogGroup {
    let arn = group_arn(&row.scope, &row.name);
    api::LogGroup {
        log_group_name: Some(row.name.clone()),
        creation_time: Some(row.created.0),
        retention_in_days: row.retention_days.and_then(|days| i32::try_from(days).ok()),
        metric_filter_count: Some(0),
        arn: Some(format!("{arn}:*")),
        stored_bytes: Some(i64::try_from(stored).unwrap_or(i64::MAX)),
        log_group_class: Some(class_name(row.class).to_owned()),
        log_group_arn: Some(arn),
        deletion_protection_enabled: Some(row.is_protected),
        ..Default::default()
    }
}

fn list_log_groups(read: &Read<'_>, input: ListLogGroupsRequest) -> Result<ListLogGroupsResponse, Fault> {
    if input.data_sources.is_some() || input.field_index_names.is_some() {
        return Err(faults::not_supported("Listing by data source or field index"));
    }
    // A pattern may begin with ^, which makes it a prefix; the rest is found anywhere in the name.
    let pattern = input.log_group_name_pattern.as_deref().unwrap_or_default();
    let (prefix, part) = pattern.strip_prefix('^').map_or(("", pattern), |prefix| (prefix, ""));
    let wanted = Wanted { prefix, part, class: input.log_group_class.as_deref() };
    let filters = input.log_group_tags.unwrap_or_default();
    let scope = &read.caller.scope;
    let groups = wanted.groups(read.world, scope, input.next_token.as_deref());
    let groups = groups.filter(|group| {
        let arn = group_arn(scope, &group.name);
        filters.iter().all(|filter| {
            let values = filter.values.as_deref().unwrap_or_default();
            let mut tags = read.world.tags_of(&arn).filter(|tag| tag.key == filter.key);
            tags.any(|tag| values.is_empty() || values.contains(&tag.value))
        })
    });
    let (groups, next_token) = page(groups, page_limit(input.limit), |group| group.name.clone());
    let summary = |group: &LogGroup| LogGroupSummary {
        log_group_name: Some(group.name.clone()),
        log_group_arn: Some(group_arn(scope, &group.name)),
        log_group_class: Some(class_name(group.class).to_owned()),
    };
    Ok(ListLogGroupsResponse { log_groups: Some(groups.into_iter().map(summary).collect()), next_token })
}
