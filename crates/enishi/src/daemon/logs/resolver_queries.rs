//! Queries of VPCs, a JSON object each.
//! [Values that appear in resolver query logs](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs-format.html)
//!
//! The stream is `VPC_INSTANCE`; what did not come from an instance is in `VPC_ENDPOINT`, or in `VPC_INTERFACE`.

use std::time::UNIX_EPOCH;

use enishi_cloud::logs::event::Event;
use enishi_dns::Transport;
use enishi_dns::resolver::{LogEntry, LoggedAnswer, ResolverLog};
use enishi_state::ResourceId;
use enishi_state::route53resolver::{QueryLogConfig, QueryLogConfigId};
use serde::Serialize;

use super::public_queries::time;
use super::sink::Sink;
use crate::daemon::writer::Newest;

/// Writes an object for every query of a VPC that logs.
#[derive(Debug)]
pub struct ResolverQueries {
    newest: Newest,
    sink: Sink,
}

impl ResolverQueries {
    /// Looks up configurations in the newest world.
    pub fn new(newest: Newest, sink: Sink) -> Self {
        ResolverQueries { newest, sink }
    }
}

impl ResolverLog for ResolverQueries {
    fn record(&self, entry: &LogEntry<'_>) {
        let since = entry.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let Ok(message) = serde_json::to_string(&Object::of(entry, timestamp)) else { return };
        let source = entry.instance.as_ref().or(entry.endpoint.as_ref()).or(entry.eni.as_ref());
        let stream = format!("{}_{}", entry.vpc, source.map_or("unknown", AsRef::as_ref));
        let world = self.newest.load();
        for id in entry.logs {
            let config = QueryLogConfigId::parse(id).ok().and_then(|id| world.get::<QueryLogConfig>(&id));
            if let Some(config) = config {
                self.sink.append(&config.log_group, &stream, [Event { timestamp, message: message.clone() }]);
            }
        }
    }
}

/// What is written, in AWS's order.
#[derive(Debug, Serialize)]
struct Object<'e> {
    version: &'static str,
    account_id: &'e str,
    region: &'e str,
    vpc_id: &'e str,
    query_timestamp: String,
    query_name: String,
    query_type: String,
    query_class: String,
    rcode: String,
    answers: Vec<Answer>,
    srcaddr: String,
    srcport: String,
    transport: &'static str,
    srcids: Sources<'e>,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(rename = "Rdata")]
    data: String,
    #[serde(rename = "Type")]
    record_type: String,
    #[serde(rename = "Class")]
    class: String,
}

/// Who asked, as far as it is known.
#[derive(Debug, Serialize)]
struct Sources<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolver_endpoint: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolver_network_interface: Option<&'e str>,
}

impl<'e> Object<'e> {
    fn of(entry: &'e LogEntry<'_>, timestamp: i64) -> Self {
        // AWS writes whole seconds.
        let seconds = timestamp.div_euclid(1000) * 1000;
        Object {
            version: "1.100000",
            account_id: entry.account,
            region: entry.region,
            vpc_id: entry.vpc,
            query_timestamp: time(seconds).replace(".000Z", "Z"),
            query_name: entry.query_name.to_string(),
            query_type: entry.query_type.to_string(),
            query_class: class(entry.query_class),
            rcode: entry.rcode.to_string(),
            answers: entry.answers.iter().map(Answer::of).collect(),
            srcaddr: entry.source.ip().to_canonical().to_string(),
            srcport: entry.source.port().to_string(),
            transport: match entry.transport {
                Transport::Udp => "UDP",
                Transport::Tcp => "TCP",
            },
            srcids: Sources {
                instance: entry.instance.as_deref(),
                resolver_endpoint: entry.endpoint.as_deref(),
                resolver_network_interface: entry.endpoint.as_ref().and(entry.eni.as_deref()),
            },
        }
    }
}

impl Answer {
    fn of(answer: &LoggedAnswer) -> Self {
        Answer {
            data: answer.data.text(answer.record_type),
            record_type: answer.record_type.to_string(),
            class: class(answer.class),
        }
    }
}

/// The mnemonic of a class (RFC 1035, section 3.2.4), or its number as RFC 3597 writes it.
fn class(number: u16) -> String {
    match number {
        1 => "IN".to_owned(),
        3 => "CH".to_owned(),
        4 => "HS".to_owned(),
        other => format!("CLASS{other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use enishi_dns::Rcode;
    use enishi_fabric::dns::{Name, Rdata, RecordType};

    use super::*;

    /// The example of AWS's page, with values of ours.
    #[test]
    fn an_object_is_that_of_the_resolver() {
        let (account, region, vpc): (Arc<str>, Arc<str>, Arc<str>) =
            ("111122223333".into(), "us-east-1".into(), "vpc-00000000000000001".into());
        let logs = BTreeSet::new();
        let entry = LogEntry {
            logs: &logs,
            account: &account,
            region: &region,
            vpc: &vpc,
            time: UNIX_EPOCH + Duration::from_millis(1_585_672_021_177),
            query_name: &"server.example.com".parse::<Name>().expect("a name"),
            query_type: RecordType::A,
            query_class: 1,
            rcode: Rcode::NoError,
            answers: vec![LoggedAnswer {
                data: Rdata::parse(RecordType::A, "203.0.113.9").expect("an address"),
                record_type: RecordType::A,
                class: 1,
            }],
            source: "4.5.64.102:56067".parse().expect("an address"),
            transport: Transport::Udp,
            eni: Some("eni-00000000000000002".into()),
            instance: Some("i-00000000000000003".into()),
            endpoint: None,
        };
        let written = serde_json::to_string(&Object::of(&entry, 1_585_672_021_177)).expect("JSON");
        let wanted = concat!(
            r#"{"version":"1.100000","account_id":"111122223333","region":"us-east-1","vpc_id":"vpc-00000000000000001","#,
            r#""query_timestamp":"2020-03-31T16:27:01Z","query_name":"server.example.com.","query_type":"A","#,
            r#""query_class":"IN","rcode":"NOERROR","answers":[{"Rdata":"203.0.113.9","Type":"A","Class":"IN"}],"#,
            r#""srcaddr":"4.5.64.102","srcport":"56067","transport":"UDP","srcids":{"instance":"i-00000000000000003"}}"#,
        );
        assert_eq!(written, wanted);
    }
}
