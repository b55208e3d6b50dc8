//! Queries of public hosted zones, one line each.
//! [Public DNS query logging](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html)
//!
//! `1.0 2017-12-13T08:15:50.235Z Z123412341234 example.com AAAA NOERROR TCP IAD12 192.168.3.1 192.168.222.0/24`: version, time,
//! zone, name without the final dot, type, response code, protocol, edge location, resolver, and the EDNS client subnet or
//! `-`. The stream is `ZONE/EDGE`. All name servers are in one edge location here.

use std::fmt::Write;

use enishi_cloud::logs::event::Event;
use enishi_dns::server::QueryLog;
use enishi_dns::{Client, Outcome, Transport};
use enishi_state::route53::{HostedZoneId, QueryLoggingConfig};

use super::sink::{Author, Sink};
use crate::daemon::clock;
use crate::daemon::writer::Newest;

/// The edge location that answers.
const EDGE: &str = "IAD89-C1";

/// Writes a line for every query of a zone that logs.
#[derive(Debug)]
pub struct PublicQueries {
    newest: Newest,
    sink: Sink,
}

impl PublicQueries {
    /// Looks up configurations in the newest world.
    pub fn new(newest: Newest, sink: Sink) -> Self {
        PublicQueries { newest, sink }
    }
}

impl QueryLog for PublicQueries {
    fn record(&self, client: &Client, outcome: &Outcome<'_>) {
        let Some(zone) = outcome.zone else { return };
        let world = self.newest.load();
        if world.query_logging_configs.is_empty() {
            return;
        }
        let id = HostedZoneId::new(zone.id());
        let Some(config) = world.by::<QueryLoggingConfig>("zone", id.as_str()).next() else { return };
        let timestamp = clock::now().0;
        if let Some(message) = line(timestamp, id.as_str(), client, outcome) {
            let stream = format!("{id}/{EDGE}");
            let group = &config.group;
            self.sink.append_as(Author::Zone(id), group, &stream, Event { timestamp, message });
        }
    }
}

/// The line of a query; `None` for one that could not be read.
fn line(timestamp: i64, zone: &str, client: &Client, outcome: &Outcome<'_>) -> Option<String> {
    let record_type = outcome.record_type?;
    let protocol = match client.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
    };
    let mut line = format!("1.0 {} {zone} ", time(timestamp));
    write_name(outcome.name, &mut line)?;
    let resolver = client.source.to_canonical();
    write!(line, " {record_type} {} {protocol} {EDGE} {resolver} ", outcome.rcode).ok()?;
    match outcome.subnet {
        Some((address, bits)) => write!(line, "{address}/{bits}").ok()?,
        None => line.push('-'),
    }
    Some(line)
}

/// A time as these logs write it: UTC with milliseconds.
pub fn time(timestamp: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(timestamp).unwrap_or_default();
    format!("{time:.3}")
}

/// A name as it was asked for, from its wire form, without the final dot. What is no plain character is `\` and three octal
/// digits, as Route 53 writes names.
fn write_name(wire: &[u8], to: &mut String) -> Option<()> {
    let mut rest = wire;
    let mut is_first = true;
    loop {
        let (length, after) = rest.split_first()?;
        if *length == 0 {
            if is_first {
                to.push('.');
            }
            return Some(());
        }
        let (label, after) = after.split_at_checked(usize::from(*length))?;
        if !is_first {
            to.push('.');
        }
        for byte in label {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'*' => to.push(char::from(*byte)),
                other => write!(to, "\\{other:03o}").ok()?,
            }
        }
        (rest, is_first) = (after, false);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use enishi_dns::{Rcode, ViewId};
    use enishi_fabric::dns::RecordType;

    use super::*;

    #[test]
    fn a_line_is_that_of_route_53() {
        let client = Client {
            source: IpAddr::V4(Ipv4Addr::new(192, 168, 3, 1)),
            transport: Transport::Tcp,
            view: ViewId(0),
        };
        let outcome = Outcome {
            zone: None,
            rcode: Rcode::NoError,
            record_type: Some(RecordType::AAAA),
            name: b"\x07example\x03com\0",
            subnet: Some((IpAddr::V4(Ipv4Addr::new(192, 168, 222, 0)), 24)),
        };
        let written = line(1_513_152_950_235, "Z123412341234", &client, &outcome);
        let wanted = "1.0 2017-12-13T08:15:50.235Z Z123412341234 example.com AAAA NOERROR TCP IAD89-C1 192.168.3.1 \
                      192.168.222.0/24";
        assert_eq!(written.as_deref(), Some(wanted));
        let outcome = Outcome { subnet: None, name: b"\x04a b.\0", ..outcome };
        let written =
            line(1_513_152_950_000, "Z1", &Client { transport: Transport::Udp, ..client }, &outcome);
        let wanted = r"1.0 2017-12-13T08:15:50.000Z Z1 a\040b\056 AAAA NOERROR UDP IAD89-C1 192.168.3.1 -";
        assert_eq!(written.as_deref(), Some(wanted));
    }

    #[test]
    fn a_cut_name_is_no_name() {
        assert_eq!(write_name(b"\x07exam", &mut String::new()), None);
        assert_eq!(write_name(b"", &mut String::new()), None);
    }
}
