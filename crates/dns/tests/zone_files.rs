//! Zone files against BIND: every zone that is written loads there, and what BIND writes is read here as the same zone.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use enishi_dns::{Entropy, zonefile};
use enishi_fabric::dns::{
    Alias, Content, Failover, Geolocation, Geoproximity, Location, Name, Rdata, RecordSet, RecordType,
    Routing, Zone,
};

const ZONES: u64 = 60;
const SETS: u32 = 60;

/// Draws parts of zones.
struct Draw(Entropy);

impl Draw {
    fn below(&mut self, bound: u32) -> u32 {
        self.0.below(bound)
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize].clone()
    }

    fn bytes(&mut self, most: u32) -> Vec<u8> {
        let length = self.below(most + 1);
        // Bytes that mean something in zone files come often.
        (0..length)
            .map(|_| match self.below(3) {
                0 => self.one(b"\\\"();@$.* \t#'=,{}"),
                1 => self.below(256) as u8,
                _ => b'a' + self.below(26) as u8,
            })
            .collect()
    }

    fn hex(&mut self, bytes: u32) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.below(256))).collect()
    }

    fn host_label(&mut self) -> String {
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..1 + self.below(8)).map(|_| char::from(self.one(letters))).collect()
    }

    /// A name below `apex` that may be a host's.
    fn host(&mut self, apex: &Name) -> Name {
        let labels: Vec<String> = (0..1 + self.below(3)).map(|_| self.host_label()).collect();
        let wildcard = if self.below(8) == 0 { "*." } else { "" };
        Name::parse(&format!("{wildcard}{}.{apex}", labels.join("."))).expect("a name")
    }

    /// A name below `apex` of any bytes.
    fn name(&mut self, apex: &Name) -> Name {
        let mut wire = Vec::new();
        for _ in 0..1 + self.below(3) {
            let mut label = self.bytes(20);
            label.push(b'x');
            wire.push(label.len() as u8);
            wire.extend(label.iter().map(u8::to_ascii_lowercase));
        }
        wire.extend_from_slice(apex.as_wire());
        Name::from_wire(&wire).expect("a name")
    }

    fn outside(&mut self) -> String {
        format!("{}.example.net.", self.host_label())
    }

    fn strings(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        for _ in 0..1 + self.below(3) {
            let text = self.bytes(255);
            wire.push(text.len() as u8);
            wire.extend_from_slice(&text);
        }
        wire
    }

    fn data(&mut self, record_type: RecordType) -> Rdata {
        let text = match record_type {
            RecordType::TXT | RecordType::SPF => {
                return Rdata::from_wire(&self.strings()).expect("short");
            }
            RecordType::A => format!("192.0.2.{}", self.below(256)),
            RecordType::AAAA => format!("2001:db8::{:x}", self.below(65_536)),
            RecordType::CNAME | RecordType::NS | RecordType::PTR => self.outside(),
            RecordType::MX => format!("{} {}", self.below(65_536), self.outside()),
            RecordType::SRV => {
                let [priority, weight, port] = [(); 3].map(|()| self.below(65_536));
                format!("{priority} {weight} {port} {}", self.outside())
            }
            RecordType::NAPTR => {
                let regexp = self.one(&["", "!^.*$!sip:info@example.com!", "!^(.*)$!tel:\\\\1!i"]);
                let flags = self.one(&["S", "A", "U", "P", ""]);
                format!(
                    "{} {} \"{flags}\" \"SIP+D2U\" \"{regexp}\" {}",
                    self.below(9),
                    self.below(9),
                    self.outside()
                )
            }
            RecordType::CAA => {
                let tag = self.one(&["issue", "issuewild", "iodef"]);
                format!(
                    "{} {tag} \"ca.example.net; policy=\\\"{}\\\"\"",
                    self.one(&[0, 128]),
                    self.host_label()
                )
            }
            RecordType::DS => {
                let (kind, length) = self.one(&[(1, 20), (2, 32), (4, 48)]);
                format!("{} 13 {kind} {}", self.below(65_536), self.hex(length))
            }
            RecordType::SSHFP => {
                let (kind, length) = self.one(&[(1, 20), (2, 32)]);
                format!("{} {kind} {}", self.one(&[1, 2, 3, 4]), self.hex(length))
            }
            RecordType::TLSA => {
                let length = self.one(&[32, 64]);
                format!(
                    "{} {} {} {}",
                    self.below(4),
                    self.below(2),
                    if length == 32 { 1 } else { 2 },
                    self.hex(length)
                )
            }
            RecordType::SVCB | RecordType::HTTPS => match self.below(4) {
                0 => format!("0 {}", self.outside()),
                1 => format!("{} .", 1 + self.below(9)),
                2 => {
                    format!("{} {} alpn=h2,h3 port={}", 1 + self.below(9), self.outside(), self.below(65_536))
                }
                _ => format!(
                    "1 . alpn=h3 no-default-alpn ipv4hint=192.0.2.{} ipv6hint=2001:db8::{:x}",
                    self.below(256),
                    self.below(256)
                ),
            },
            other => panic!("no generator for {other}"),
        };
        Rdata::parse(record_type, &text).unwrap_or_else(|error| panic!("{record_type} {text}: {error}"))
    }

    fn content(&mut self, record_type: RecordType) -> Content {
        let count = match record_type {
            RecordType::CNAME => 1,
            _ => 1 + self.below(4),
        };
        let mut data: Vec<Rdata> = Vec::new();
        for _ in 0..count {
            let record = self.data(record_type);
            if !data.contains(&record) {
                data.push(record);
            }
        }
        Content::Records { ttl: self.below(2_147_483_647), data }
    }

    fn routing(&mut self) -> Routing {
        match self.below(8) {
            0 => Routing::Weighted(self.below(256) as u8),
            1 => Routing::Latency(Arc::from("eu-west-1")),
            2 => Routing::Failover(Failover::Secondary),
            3 => Routing::Geolocation(Geolocation::Default),
            4 => {
                Routing::Geoproximity(Geoproximity { at: Location::Region(Arc::from("us-east-1")), bias: -5 })
            }
            5 => Routing::Multivalue,
            _ => Routing::Simple,
        }
    }
}

/// Types whose owners BIND wants to be hosts' names.
const HOSTS: &[RecordType] = &[RecordType::A, RecordType::AAAA, RecordType::MX];
const OTHERS: &[RecordType] = &[
    RecordType::CNAME,
    RecordType::PTR,
    RecordType::TXT,
    RecordType::SPF,
    RecordType::SRV,
    RecordType::NAPTR,
    RecordType::CAA,
    RecordType::SSHFP,
    RecordType::TLSA,
    RecordType::SVCB,
    RecordType::HTTPS,
];

fn zone(seed: u64) -> Zone {
    let mut draw = Draw(Entropy::seeded(seed));
    let apex =
        Name::parse(draw.one(&["example.com", "sub.example.co.uk", "2.0.192.in-addr.arpa"])).expect("a name");
    let simple = |name: &Name, record_type, content| RecordSet {
        name: name.clone(),
        record_type,
        identifier: None,
        routing: Routing::Simple,
        health_check: None,
        content,
    };
    let soa = Rdata::parse(
        RecordType::SOA,
        "ns-1.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",
    );
    let soa = Content::Records { ttl: 900, data: vec![soa.expect("an SOA")] };
    let mut record_sets = vec![simple(&apex, RecordType::SOA, soa)];
    record_sets.push(simple(&apex, RecordType::NS, draw.content(RecordType::NS)));
    record_sets.push(simple(&apex, RecordType::TXT, draw.content(RecordType::TXT)));
    let mut owners: BTreeMap<Name, bool> = BTreeMap::from([(apex.clone(), false)]);
    for _ in 0..SETS {
        let (record_type, owner) = match draw.below(10) {
            0..3 => (draw.one(HOSTS), draw.host(&apex)),
            3 => (RecordType::NS, draw.host(&apex)),
            _ => (draw.one(OTHERS), draw.name(&apex)),
        };
        // One name, one type: CNAMEs and delegations are alone, the rest is proven at the apex.
        if owner.is_wildcard() && record_type == RecordType::NS
            || owners.insert(owner.clone(), true).is_some()
        {
            continue;
        }
        let routing = if record_type == RecordType::NS { Routing::Simple } else { draw.routing() };
        let mut set = simple(&owner, record_type, draw.content(record_type));
        if routing != Routing::Simple {
            set.identifier = Some(Arc::from("a \"set\"\nof ours"));
            set.routing = routing;
        } else if draw.below(10) == 0 && record_type != RecordType::NS {
            let (zone, name) = (Arc::from("Z2FDTNDATAQYW2"), draw.name(&apex));
            set.content = Content::Alias(Alias { zone, name, evaluate_target_health: true });
        }
        record_sets.push(set);
        if record_type == RecordType::NS && draw.below(2) == 0 {
            record_sets.push(simple(&owner, RecordType::DS, draw.content(RecordType::DS)));
        }
    }
    Zone { id: Arc::from("Z1"), name: apex, record_sets }
}

/// What BIND makes of a zone file: its own text of the zone.
fn checked(zone: &Zone, text: &str) -> String {
    let apex = zone.name.to_string();
    let mut child = Command::new("named-checkzone")
        // Only what is in the file counts: nothing is looked up.
        .args(["-i", "local", "-D", "-o", "-", &apex, "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("named-checkzone (Debian's bind9-utils): {error}"));
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("the zone is read");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{apex} is refused: {said}\n{text}");
    String::from_utf8(output.stdout).expect("text")
}

/// Record sets by name and type, their records sorted.
fn sorted(sets: impl IntoIterator<Item = RecordSet>) -> BTreeMap<(Name, RecordType), (u32, Vec<Rdata>)> {
    let records = |set: RecordSet| match set.content {
        Content::Records { ttl, mut data } => {
            data.sort();
            Some(((set.name, set.record_type), (ttl, data)))
        }
        Content::Alias(_) => None,
    };
    sets.into_iter().filter_map(records).collect()
}

#[test]
fn bind_loads_every_zone_and_means_the_same() {
    for seed in 0..ZONES {
        let zone = zone(seed);
        let text = zonefile::write(&zone);
        let simple = sorted(zone.record_sets.iter().filter(|set| set.routing == Routing::Simple).cloned());
        let own = zonefile::read(&text, &zone.name).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(sorted(own), simple, "zone {seed} as we read it");
        let theirs = checked(&zone, &text);
        let read = zonefile::read(&theirs, &zone.name).unwrap_or_else(|error| panic!("{error}\n{theirs}"));
        assert_eq!(sorted(read), simple, "zone {seed} as BIND reads it");
    }
}

#[test]
fn what_a_zone_file_cannot_say_is_a_comment() {
    let apex = Name::parse("example.com").expect("a name");
    let set = |identifier: Option<&str>, routing, content| RecordSet {
        name: Name::parse("www.example.com").expect("a name"),
        record_type: RecordType::A,
        identifier: identifier.map(Arc::from),
        routing,
        health_check: None,
        content,
    };
    let records = Content::Records { ttl: 60, data: vec![Rdata::a([192, 0, 2, 1].into())] };
    let target = Alias { zone: Arc::from("Z2"), name: apex.clone(), evaluate_target_health: false };
    let record_sets = vec![
        set(Some("blue"), Routing::Weighted(10), records),
        set(Some("far"), Routing::Latency(Arc::from("eu-west-1")), Content::Alias(target)),
    ];
    let text = zonefile::write(&Zone { id: Arc::from("Z1"), name: apex, record_sets });
    assert_eq!(
        text,
        "; zone Z1\n\
         $ORIGIN example.com.\n\
         ; www.example.com. A \"blue\", weighted 10:\n\
         ; www.example.com. 60 IN A 192.0.2.1\n\
         ; www.example.com. A \"far\", latency eu-west-1: alias of example.com. in Z2\n"
    );
}
