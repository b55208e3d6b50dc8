//! CloudWatch Logs: groups, streams, events, policies, tags; Route 53's query logging configurations.

mod harness;
mod logs_store;

use std::collections::BTreeMap;

use enishi_api::logs::*;
use enishi_api::{logs::ops, route53};
use enishi_state::Entropy;
use harness::{Counting, text};
use logs_store::Logs;

const NO_GROUP: &str = "The specified log group does not exist.";
const NO_STREAM: &str = "The specified log stream does not exist.";

fn create(name: &str) -> CreateLogGroupRequest {
    CreateLogGroupRequest { log_group_name: name.to_owned(), ..Default::default() }
}

fn get(group: &str, stream: &str) -> GetLogEventsRequest {
    GetLogEventsRequest {
        log_group_name: text(group),
        log_stream_name: stream.to_owned(),
        ..Default::default()
    }
}

fn filter(group: &str) -> FilterLogEventsRequest {
    FilterLogEventsRequest { log_group_name: text(group), ..Default::default() }
}

fn messages(events: Option<Vec<OutputLogEvent>>) -> Vec<String> {
    events.unwrap().into_iter().map(|event| event.message.unwrap()).collect()
}

#[test]
fn groups_are_described_with_aws_s_arns_in_the_order_of_names() {
    let mut logs = Logs::new();
    for name in ["/b", "/a/one", "/a/two", "/a-b"] {
        logs.group(name);
    }
    let all = logs.ok::<ops::DescribeLogGroups>(DescribeLogGroupsRequest::default());
    let names: Vec<String> =
        all.log_groups.clone().unwrap().into_iter().map(|group| group.log_group_name.unwrap()).collect();
    assert_eq!(names, ["/a-b", "/a/one", "/a/two", "/b"]);
    let group = &all.log_groups.unwrap()[1];
    assert_eq!(group.arn, text("arn:aws:logs:us-east-1:123456789012:log-group:/a/one:*"));
    assert_eq!(group.log_group_arn, text("arn:aws:logs:us-east-1:123456789012:log-group:/a/one"));
    assert_eq!(group.log_group_class, text("STANDARD"));
    assert_eq!((group.stored_bytes, group.retention_in_days), (Some(0), None));

    let mut token = None;
    let mut seen = Vec::new();
    loop {
        let input = DescribeLogGroupsRequest {
            log_group_name_prefix: text("/a"),
            limit: Some(1),
            next_token: token,
            ..Default::default()
        };
        let page = logs.ok::<ops::DescribeLogGroups>(input);
        seen.extend(page.log_groups.unwrap().into_iter().map(|group| group.log_group_name.unwrap()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["/a-b", "/a/one", "/a/two"]);
    let input = DescribeLogGroupsRequest { log_group_name_pattern: text("o"), ..Default::default() };
    assert_eq!(logs.ok::<ops::DescribeLogGroups>(input).log_groups.unwrap().len(), 2);
    let input = DescribeLogGroupsRequest {
        log_group_name_pattern: text("o"),
        log_group_name_prefix: text("/a"),
        ..Default::default()
    };
    logs.says::<ops::DescribeLogGroups>(
        input,
        "InvalidParameterException",
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    );
    logs.h.act_as("123456789012", "eu-west-1");
    let elsewhere = logs.ok::<ops::DescribeLogGroups>(DescribeLogGroupsRequest::default());
    assert_eq!(elsewhere.log_groups.unwrap(), []);
}

#[test]
fn groups_and_streams_are_refused_as_aws_refuses_them() {
    let mut logs = Logs::new();
    logs.group("g");
    logs.stream("g", "s");
    logs.says::<ops::CreateLogGroup>(
        create("g"),
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    );
    logs.says::<ops::CreateLogGroup>(
        create("a b"),
        "InvalidParameterException",
        "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
    );
    let key =
        CreateLogGroupRequest { kms_key_id: text("arn:aws:kms:us-east-1:123456789012:key/x"), ..create("k") };
    assert_eq!(logs.run::<ops::CreateLogGroup>(key).unwrap_err().code(), "InvalidParameterException");
    let stream = |group: &str, name: &str| CreateLogStreamRequest {
        log_group_name: group.to_owned(),
        log_stream_name: name.to_owned(),
    };
    logs.says::<ops::CreateLogStream>(stream("none", "s"), "ResourceNotFoundException", NO_GROUP);
    logs.says::<ops::CreateLogStream>(
        stream("g", "s"),
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    );
    let colon = logs.run::<ops::CreateLogStream>(stream("g", "a:b")).unwrap_err();
    assert_eq!(colon.code(), "InvalidParameterException");
    let delete = |group: &str, name: &str| DeleteLogStreamRequest {
        log_group_name: group.to_owned(),
        log_stream_name: name.to_owned(),
    };
    logs.says::<ops::DeleteLogStream>(delete("g", "none"), "ResourceNotFoundException", NO_STREAM);
    let delete_group = |name: &str| DeleteLogGroupRequest { log_group_name: name.to_owned() };
    logs.says::<ops::DeleteLogGroup>(delete_group("none"), "ResourceNotFoundException", NO_GROUP);
    let protect = |on| PutLogGroupDeletionProtectionRequest {
        log_group_identifier: "g".to_owned(),
        deletion_protection_enabled: on,
    };
    logs.ok::<ops::PutLogGroupDeletionProtection>(protect(true));
    let fault = logs.run::<ops::DeleteLogGroup>(delete_group("g")).unwrap_err();
    assert_eq!(fault.code(), "ValidationException");
    logs.ok::<ops::PutLogGroupDeletionProtection>(protect(false));
    logs.ok::<ops::DeleteLogGroup>(delete_group("g"));
    assert!(logs.h.world.log_streams.is_empty() && logs.h.world.log_groups.is_empty());
}

#[test]
fn retention_has_aws_s_values() {
    let mut logs = Logs::new();
    logs.group("g");
    let put = |days| PutRetentionPolicyRequest { log_group_name: "g".to_owned(), retention_in_days: days };
    let fault = logs.run::<ops::PutRetentionPolicy>(put(2)).unwrap_err();
    assert_eq!(fault.code(), "InvalidParameterException");
    assert!(
        fault.message().starts_with("Invalid retention value. Valid values are: [1, 3, 5, 7, 14, 30, 60")
    );
    logs.ok::<ops::PutRetentionPolicy>(put(7));
    let kept = |logs: &mut Logs| {
        let all = logs.ok::<ops::DescribeLogGroups>(DescribeLogGroupsRequest::default());
        all.log_groups.unwrap()[0].retention_in_days
    };
    assert_eq!(kept(&mut logs), Some(7));
    logs.ok::<ops::DeleteRetentionPolicy>(DeleteRetentionPolicyRequest { log_group_name: "g".to_owned() });
    assert_eq!(kept(&mut logs), None);
}

#[test]
fn batches_are_checked_as_a_whole() {
    let mut logs = Logs::new();
    logs.group("g");
    logs.stream("g", "s");
    let refused = |logs: &mut Logs, events: &[(i64, &str)], message: &str| {
        let batch = logs.batch("g", "s", events);
        logs.says::<ops::PutLogEvents>(batch, "InvalidParameterException", message);
    };
    refused(
        &mut logs,
        &[(1, "a"), (0, "b")],
        "Log events in a single PutLogEvents request must be in chronological order.",
    );
    refused(
        &mut logs,
        &[(-24 * 3_600_000 - 1, "a"), (0, "b")],
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
    );
    let large = "x".repeat(1_048_576 - 25);
    refused(&mut logs, &[(0, &large)], "Log event too large: 1048577 bytes exceeds limit of 1048576");
    let half = "x".repeat(524_288 - 26);
    let over = "x".repeat(524_288 - 25);
    refused(&mut logs, &[(0, &half), (0, &over)], "Upload too large: 1048577 bytes exceeds limit of 1048576");
    logs.put("g", "s", &[(0, &half), (0, &half)]);
    let batch = logs.batch("g", "none", &[(0, "a")]);
    logs.says::<ops::PutLogEvents>(batch, "ResourceNotFoundException", NO_STREAM);
    let batch = logs.batch("none", "s", &[(0, "a")]);
    logs.says::<ops::PutLogEvents>(batch, "ResourceNotFoundException", NO_GROUP);
}

#[test]
fn events_too_old_and_too_new_are_left_out_and_told() {
    const DAY: i64 = 24 * 3_600_000;
    let mut logs = Logs::new();
    logs.group("g");
    logs.stream("g", "s");
    let info = logs.put("g", "s", &[(-14 * DAY - 1, "too old"), (-14 * DAY, "old")]).rejected_log_events_info;
    assert_eq!(info.unwrap().too_old_log_event_end_index, Some(1));
    let info = logs.put("g", "s", &[(0, "now"), (7_200_000, "soon"), (7_200_001, "too new")]);
    assert!(info.next_sequence_token.is_some_and(|token| token.len() == 56));
    assert_eq!(info.rejected_log_events_info.unwrap().too_new_log_event_start_index, Some(2));
    assert_eq!(logs.put("g", "s", &[(0, "again")]).rejected_log_events_info, None);
    logs.ok::<ops::PutRetentionPolicy>(PutRetentionPolicyRequest {
        log_group_name: "g".to_owned(),
        retention_in_days: 1,
    });
    let info = logs.put("g", "s", &[(-DAY - 1, "expired"), (-DAY, "kept")]).rejected_log_events_info.unwrap();
    assert_eq!((info.expired_log_event_end_index, info.too_old_log_event_end_index), (Some(1), None));
    let events = GetLogEventsRequest { start_from_head: Some(true), ..get("g", "s") };
    let events = messages(logs.ok::<ops::GetLogEvents>(events).events);
    assert_eq!(events, ["old", "kept", "now", "again", "soon"]);
}

#[test]
fn tokens_walk_a_stream_both_ways_and_stay_at_its_ends() {
    let mut random = Counting::seeded(7);
    for round in 0..40_u64 {
        let mut logs = Logs::new();
        logs.group("g");
        logs.stream("g", "s");
        logs.stream("g", "other");
        let mut draw = |below: u64| {
            let mut bytes = [0; 8];
            random.fill(&mut bytes);
            u64::from_be_bytes(bytes) % below
        };
        let mut expected = Vec::new();
        for n in 0..draw(20) + round % 2 {
            let (at, message) = (draw(6) as i64, format!("m{n}"));
            logs.put("g", "s", &[(at, &message)]);
            logs.put("g", "other", &[(at, "not this")]);
            expected.push((at, n, message));
        }
        expected.sort();
        let expected: Vec<String> = expected.into_iter().map(|(_, _, message)| message).collect();
        let limit = i32::try_from(draw(5) + 1).unwrap();
        for head in [true, false] {
            let mut input =
                GetLogEventsRequest { limit: Some(limit), start_from_head: Some(head), ..get("g", "s") };
            let mut walked: Vec<String> = Vec::new();
            loop {
                let page = logs.ok::<ops::GetLogEvents>(input.clone());
                let events = messages(page.events);
                assert!(events.len() <= limit as usize);
                let token = if head { page.next_forward_token } else { page.next_backward_token };
                if events.is_empty() {
                    // At the end the token that was sent comes back.
                    assert!(input.next_token.is_none() || token == input.next_token);
                    break;
                }
                assert_ne!(token, input.next_token);
                match head {
                    true => walked.extend(events),
                    false => walked.splice(0..0, events).for_each(drop),
                }
                input.next_token = token;
            }
            assert_eq!(walked, expected);
        }
    }
}

#[test]
fn new_events_are_found_behind_the_last_token() {
    let mut logs = Logs::new();
    logs.group("g");
    logs.stream("g", "s");
    logs.put("g", "s", &[(0, "a"), (1, "b")]);
    let page = logs.ok::<ops::GetLogEvents>(get("g", "s"));
    let next = GetLogEventsRequest { next_token: page.next_forward_token, ..get("g", "s") };
    assert_eq!(messages(logs.ok::<ops::GetLogEvents>(next.clone()).events), Vec::<String>::new());
    logs.put("g", "s", &[(1, "c")]);
    assert_eq!(messages(logs.ok::<ops::GetLogEvents>(next).events), ["c"]);
    let bad = GetLogEventsRequest { next_token: text("f/1/s"), ..get("g", "s") };
    logs.says::<ops::GetLogEvents>(bad, "InvalidParameterException", "The specified nextToken is invalid.");
    let now = logs.h.now.0;
    let until = GetLogEventsRequest { start_time: Some(now), end_time: Some(now + 1), ..get("g", "s") };
    assert_eq!(messages(logs.ok::<ops::GetLogEvents>(until).events), ["a"], "the end is outside");
}

#[test]
fn a_filter_finds_every_match_once_whatever_its_pages() {
    let mut logs = Logs::new();
    logs.group("g");
    for stream in ["a", "b", "web/1"] {
        logs.stream("g", stream);
    }
    for n in 0..30_i64 {
        let stream = ["a", "b", "web/1"][(n % 3) as usize];
        let message = if n % 2 == 0 { format!("ERROR {n}") } else { format!("fine {n}") };
        logs.put("g", stream, &[((n * 7) % 11, &message)]);
    }
    let walk = |logs: &mut Logs, mut input: FilterLogEventsRequest| {
        let mut found = Vec::new();
        loop {
            let page = logs.ok::<ops::FilterLogEvents>(input.clone());
            assert_eq!(page.searched_log_streams, Some(Vec::new()));
            found.extend(page.events.unwrap());
            input.next_token = page.next_token;
            if input.next_token.is_none() {
                return found;
            }
        }
    };
    let input = FilterLogEventsRequest { filter_pattern: text("ERROR"), ..filter("g") };
    let all = walk(&mut logs, input.clone());
    assert_eq!(all.len(), 15);
    assert!(all.windows(2).all(|pair| pair[0].timestamp <= pair[1].timestamp), "by time over all streams");
    logs.patience = 4;
    for limit in 1..7 {
        assert_eq!(walk(&mut logs, FilterLogEventsRequest { limit: Some(limit), ..input.clone() }), all);
    }
    let ids: std::collections::BTreeSet<_> = all.iter().map(|event| event.event_id.clone()).collect();
    assert_eq!(ids.len(), 15);
    let of_web = FilterLogEventsRequest { log_stream_name_prefix: text("web/"), ..filter("g") };
    assert_eq!(walk(&mut logs, of_web).len(), 10);
    let named = FilterLogEventsRequest {
        log_stream_names: Some(vec!["a".to_owned(), "b".to_owned(), "a".to_owned()]),
        ..filter("g")
    };
    assert_eq!(walk(&mut logs, named).len(), 20);
    let now = logs.h.now.0;
    let timed = FilterLogEventsRequest { start_time: Some(now), end_time: Some(now), ..filter("g") };
    assert!(walk(&mut logs, timed).iter().all(|event| event.timestamp == Some(now)), "the end is inside");
    let unknown = FilterLogEventsRequest { log_stream_names: Some(vec!["none".to_owned()]), ..filter("g") };
    logs.says::<ops::FilterLogEvents>(unknown, "ResourceNotFoundException", NO_STREAM);
    let bad = FilterLogEventsRequest { filter_pattern: text("{ $.a = 1"), ..filter("g") };
    logs.says::<ops::FilterLogEvents>(
        bad,
        "InvalidParameterException",
        "If a filter pattern starts with '{' it must end with '}'",
    );
}

#[test]
fn streams_are_described_by_name_or_by_their_last_event() {
    let mut logs = Logs::new();
    logs.group("g");
    for stream in ["a", "b", "c"] {
        logs.stream("g", stream);
    }
    logs.put("g", "c", &[(5, "xx")]);
    logs.put("g", "a", &[(1, "x"), (9, "x")]);
    let now = logs.h.now.0;
    let names = |logs: &mut Logs, mut input: DescribeLogStreamsRequest| {
        let mut names = Vec::new();
        loop {
            let page = logs.ok::<ops::DescribeLogStreams>(input.clone());
            names.extend(page.log_streams.unwrap().into_iter().map(|stream| stream.log_stream_name.unwrap()));
            input.next_token = page.next_token;
            if input.next_token.is_none() {
                return names.concat();
            }
        }
    };
    let input = DescribeLogStreamsRequest { log_group_name: text("g"), limit: Some(1), ..Default::default() };
    assert_eq!(names(&mut logs, input.clone()), "abc");
    assert_eq!(
        names(&mut logs, DescribeLogStreamsRequest { descending: Some(true), ..input.clone() }),
        "cba"
    );
    let by_time = DescribeLogStreamsRequest { order_by: text("LastEventTime"), ..input.clone() };
    assert_eq!(names(&mut logs, by_time.clone()), "bca");
    assert_eq!(
        names(&mut logs, DescribeLogStreamsRequest { descending: Some(true), ..by_time.clone() }),
        "acb"
    );
    let prefixed = DescribeLogStreamsRequest { log_stream_name_prefix: text("a"), ..by_time };
    let message = "Cannot order by LastEventTime with a logStreamNamePrefix.";
    logs.says::<ops::DescribeLogStreams>(prefixed, "InvalidParameterException", message);
    let page = logs.ok::<ops::DescribeLogStreams>(input);
    let stream = &page.log_streams.unwrap()[0];
    assert_eq!(stream.arn, text("arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:a"));
    assert_eq!((stream.first_event_timestamp, stream.last_event_timestamp), (Some(now + 1), Some(now + 9)));
    let groups = logs.ok::<ops::DescribeLogGroups>(DescribeLogGroupsRequest::default());
    assert_eq!(groups.log_groups.unwrap()[0].stored_bytes, Some(3 * 26 + 4));
}

#[test]
fn a_group_is_named_by_name_or_by_arn() {
    let mut logs = Logs::new();
    logs.group("g");
    logs.stream("g", "s");
    logs.put("g", "s", &[(0, "a")]);
    let by = |identifier: &str| GetLogEventsRequest {
        log_group_identifier: text(identifier),
        log_stream_name: "s".to_owned(),
        ..Default::default()
    };
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    for identifier in ["g", arn] {
        assert_eq!(messages(logs.ok::<ops::GetLogEvents>(by(identifier)).events), ["a"]);
    }
    let foreign = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    logs.says::<ops::GetLogEvents>(by(foreign), "ResourceNotFoundException", NO_GROUP);
    let both = GetLogEventsRequest { log_group_name: text("g"), ..by(arn) };
    assert_eq!(logs.run::<ops::GetLogEvents>(both).unwrap_err().code(), "InvalidParameterException");
    let cold = CreateLogGroupRequest { log_group_class: text("INFREQUENT_ACCESS"), ..create("cold") };
    logs.ok::<ops::CreateLogGroup>(cold);
    let fault = logs.run::<ops::FilterLogEvents>(filter("cold")).unwrap_err();
    assert_eq!(fault.code(), "InvalidParameterException");
}

#[test]
fn tags_are_the_same_by_arn_and_by_name() {
    let mut logs = Logs::new();
    let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let made = CreateLogGroupRequest { tags: Some(tags(&[("a", "1")])), ..create("g") };
    logs.ok::<ops::CreateLogGroup>(made);
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g".to_owned();
    logs.ok::<ops::TagResource>(TagResourceRequest {
        resource_arn: format!("{arn}:*"),
        tags: tags(&[("b", "2")]),
    });
    let listed = |logs: &mut Logs| {
        let input = ListTagsForResourceRequest { resource_arn: arn.clone() };
        let by_arn = logs.ok::<ops::ListTagsForResource>(input).tags;
        let by_name = ListTagsLogGroupRequest { log_group_name: "g".to_owned() };
        assert_eq!(by_arn, logs.ok::<ops::ListTagsLogGroup>(by_name).tags);
        by_arn.unwrap()
    };
    assert_eq!(listed(&mut logs), tags(&[("a", "1"), ("b", "2")]));
    let untag = UntagLogGroupRequest { log_group_name: "g".to_owned(), tags: vec!["a".to_owned()] };
    logs.ok::<ops::UntagLogGroup>(untag);
    assert_eq!(listed(&mut logs), tags(&[("b", "2")]));
    let many: BTreeMap<String, String> = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
    let fault = logs.run::<ops::TagResource>(TagResourceRequest { resource_arn: arn.clone(), tags: many });
    assert_eq!(fault.unwrap_err().code(), "TooManyTagsException");
    logs.ok::<ops::DeleteLogGroup>(DeleteLogGroupRequest { log_group_name: "g".to_owned() });
    logs.group("g");
    assert_eq!(listed(&mut logs), tags(&[]), "tags go with their group");
}

#[test]
fn what_is_not_supported_says_so() {
    let mut logs = Logs::new();
    logs.group("g");
    let tail = StartLiveTailRequest { log_group_identifiers: vec!["g".to_owned()], ..Default::default() };
    logs.says::<ops::StartLiveTail>(
        tail,
        "UnsupportedOperationException",
        "The operation StartLiveTail is not supported by Enishi.",
    );
    let filters =
        DescribeSubscriptionFiltersRequest { log_group_name: "none".to_owned(), ..Default::default() };
    logs.says::<ops::DescribeSubscriptionFilters>(filters, "ResourceNotFoundException", NO_GROUP);
}

fn policy(effect: &str, resource: &str, condition: &str) -> PutResourcePolicyRequest {
    let statement = format!(
        r#"{{"Effect":"{effect}","Principal":{{"Service":"route53.amazonaws.com"}},
            "Action":["logs:CreateLogStream","logs:Put*"],"Resource":"{resource}"{condition}}}"#
    );
    PutResourcePolicyRequest {
        policy_name: text(effect),
        policy_document: Some(format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)),
        ..Default::default()
    }
}

fn zone(logs: &mut Logs, name: &str) -> String {
    let input = route53::CreateHostedZoneRequest {
        name: name.to_owned(),
        caller_reference: name.to_owned(),
        ..Default::default()
    };
    let made = logs.ok::<route53::ops::CreateHostedZone>(input);
    made.hosted_zone.id.trim_start_matches("/hostedzone/").to_owned()
}

fn log_queries(zone: &str, arn: &str) -> route53::CreateQueryLoggingConfigRequest {
    route53::CreateQueryLoggingConfigRequest {
        hosted_zone_id: zone.to_owned(),
        cloud_watch_logs_log_group_arn: arn.to_owned(),
    }
}

#[test]
fn query_logging_wants_a_group_in_us_east_1_and_a_policy() {
    use route53::ops::CreateQueryLoggingConfig as Create;
    const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/example.com";
    const INSUFFICIENT: &str = "InsufficientCloudWatchLogsResourcePolicy";
    let mut logs = Logs::new();
    let id = zone(&mut logs, "example.com");
    let refused = |logs: &mut Logs, arn: &str, code: &str| {
        assert_eq!(logs.run::<Create>(log_queries(&id, arn)).unwrap_err().code(), code, "{arn}");
    };
    refused(&mut logs, ARN, "NoSuchCloudWatchLogsLogGroup");
    refused(
        &mut logs,
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/route53/example.com",
        "InvalidInput",
    );
    refused(&mut logs, "nonsense", "InvalidInput");
    logs.group("/aws/route53/example.com");
    refused(&mut logs, ARN, INSUFFICIENT);
    for (resource, condition) in [
        ("arn:aws:logs:us-east-1:123456789012:log-group:/aws/other/*", ""),
        ("*", r#","Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"}}"#),
        ("*", r#","Condition":{"Bool":{"aws:SecureTransport":"true"}}"#),
    ] {
        logs.ok::<ops::PutResourcePolicy>(policy("Allow", resource, condition));
        refused(&mut logs, ARN, INSUFFICIENT);
    }
    let condition = r#","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:route53:::hostedzone/*"}}"#;
    let resource = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/*";
    logs.ok::<ops::PutResourcePolicy>(policy("Allow", resource, condition));
    logs.ok::<ops::PutResourcePolicy>(policy("Deny", resource, ""));
    refused(&mut logs, ARN, INSUFFICIENT);
    logs.ok::<ops::DeleteResourcePolicy>(DeleteResourcePolicyRequest {
        policy_name: text("Deny"),
        ..Default::default()
    });
    let made = logs.ok::<Create>(log_queries(&id, ARN));
    let config = made.query_logging_config;
    assert_eq!(
        made.location,
        format!("https://route53.amazonaws.com/2013-04-01/queryloggingconfig/{}", config.id)
    );
    assert_eq!((config.hosted_zone_id.as_str(), config.cloud_watch_logs_log_group_arn.as_str()), (&*id, ARN));
    refused(&mut logs, ARN, "QueryLoggingConfigAlreadyExists");

    let input = route53::GetQueryLoggingConfigRequest { id: config.id.clone() };
    assert_eq!(logs.ok::<route53::ops::GetQueryLoggingConfig>(input.clone()).query_logging_config, config);
    let all = logs.ok::<route53::ops::ListQueryLoggingConfigs>(Default::default());
    assert_eq!(all.query_logging_configs, std::slice::from_ref(&config));
    logs.ok::<route53::ops::DeleteHostedZone>(route53::DeleteHostedZoneRequest { id: id.clone() });
    let fault = logs.run::<route53::ops::GetQueryLoggingConfig>(input).unwrap_err();
    assert_eq!(fault.code(), "NoSuchQueryLoggingConfig", "it goes with its zone");
}

#[test]
fn resource_policies_are_policies() {
    let mut logs = Logs::new();
    let put = |document: &str| PutResourcePolicyRequest {
        policy_name: text("p"),
        policy_document: text(document),
        ..Default::default()
    };
    for document in ["{", "[]", "{}", r#"{"Statement":[{"Effect":"Maybe"}]}"#] {
        let fault = logs.run::<ops::PutResourcePolicy>(put(document)).unwrap_err();
        assert_eq!(fault.code(), "InvalidParameterException", "{document}");
    }
    for n in 0..10 {
        let input =
            PutResourcePolicyRequest { policy_name: Some(format!("p{n}")), ..policy("Allow", "*", "") };
        logs.ok::<ops::PutResourcePolicy>(input);
    }
    let fault = logs.run::<ops::PutResourcePolicy>(policy("Allow", "*", "")).unwrap_err();
    assert_eq!(fault.code(), "LimitExceededException");
    let input = DescribeResourcePoliciesRequest { limit: Some(9), ..Default::default() };
    let page = logs.ok::<ops::DescribeResourcePolicies>(input);
    assert_eq!((page.resource_policies.unwrap().len(), page.next_token), (9, text("p8")));
    let input = DeleteResourcePolicyRequest { policy_name: text("none"), ..Default::default() };
    let message = "Policy with name [none] does not exist.";
    logs.says::<ops::DeleteResourcePolicy>(input, "ResourceNotFoundException", message);
}
