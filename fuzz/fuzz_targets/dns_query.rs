//! The name servers: any datagram. Nothing panics, what cannot be read gets no more bytes than it sent, and no answer in a
//! datagram is longer than 1,232 bytes.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use enishi_dns::{Authority, Client, Entropy, LARGEST_UDP, Store, Transport, ViewId, zonefile};
use enishi_fabric::dns::{Name, Zone};

/// Every shape that an answer can take: wildcards, delegations with glue, chains, loops, sets that do not fit.
const ZONE: &str = "
$TTL 60
@ SOA ns h 1 2 3 4 5
@ NS ns
@ MX 10 mail
ns A 192.0.2.1
* A 192.0.2.1
c CNAME d
d CNAME c
sub NS ns.sub
sub NS ns.elsewhere.example.
ns.sub A 192.0.2.2
a.b.c.deep TXT \"x\" \"y\"
srv SRV 1 2 3 ns
svc HTTPS 1 . alpn=h2
";

static AUTHORITY: LazyLock<Arc<Authority>> = LazyLock::new(|| {
    let mut text = ZONE.to_owned();
    (0..200).for_each(|number| text.push_str(&format!("big AAAA 2001:db8::{number:x}\n")));
    let name = Name::parse("e").expect("a name");
    let record_sets = zonefile::read(&text, &name).expect("a zone");
    let store = Store::default();
    store.update(|edit| {
        edit.put_zone(Zone { id: "zone".into(), name, record_sets });
        edit.put_view(ViewId(0), &["zone".into()]);
    });
    store.load()
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, query)) = data.split_first() else { return };
    let transport = if first & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    let client = Client { source: IpAddr::V4(Ipv4Addr::LOCALHOST), transport, view: ViewId(0) };
    let mut out = Vec::new();
    let mut entropy = Entropy::seeded(u64::from(*first));
    let Some(outcome) = AUTHORITY.answer(query, &client, &mut entropy, &mut out) else {
        assert!(out.is_empty());
        return;
    };
    if transport == Transport::Udp {
        assert!(out.len() <= LARGEST_UDP);
    }
    if outcome.record_type.is_none() {
        assert!(out.len() <= query.len());
    }
});
