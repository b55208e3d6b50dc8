//! Hostile packets, the same ones each time: nothing panics, what is malformed never gets more bytes than it sent, and every
//! answer can be read by an independent implementation.

mod support;

use enishi_dns::{Entropy, LARGEST_UDP, Transport};

const PACKETS: u32 = 200_000;

#[test]
fn nonsense_gains_nothing() {
    let zone = "@ 900 IN SOA ns h 1 2 3 4 5\n@ 60 NS ns\n* 60 A 192.0.2.1\nc 60 CNAME d\nsub 60 NS ns.sub\nns.sub 60 A 192.0.2.2\n";
    let store = support::store(&[("example.com.", zone)]);
    let seeds: Vec<Vec<u8>> =
        [("www.example.com", "A"), ("c.example.com", "MX"), ("x.sub.example.com", "ANY")]
            .iter()
            .flat_map(|(name, kind)| {
                [support::query(name, kind, None), support::query(name, kind, Some(4096))]
            })
            .collect();
    let mut entropy = Entropy::seeded(20);
    for _ in 0..PACKETS {
        let mut packet = seeds[entropy.below(seeds.len() as u32) as usize].clone();
        for _ in 0..=entropy.below(4) {
            mutate(&mut packet, &mut entropy);
        }
        let Some(answer) = support::ask(&store, &packet, Transport::Udp) else { continue };
        assert!(answer.len() <= LARGEST_UDP, "{packet:02x?}");
        let rcode = answer[3] & 15;
        // FORMERR and NOTIMP of what cannot be read.
        if answer.len() == 12 {
            assert!(answer.len() <= packet.len(), "{packet:02x?}");
        } else {
            assert!(rcode != 2, "{packet:02x?}");
            support::show(&answer);
        }
    }
}

fn mutate(packet: &mut Vec<u8>, entropy: &mut Entropy) {
    let at = entropy.below(packet.len().max(1) as u32) as usize;
    match entropy.below(5) {
        0 => packet.truncate(at),
        1 => packet.insert(at.min(packet.len()), entropy.below(256) as u8),
        2 => packet.extend((0..entropy.below(64)).map(|byte| byte as u8)),
        _ if at < packet.len() => packet[at] = entropy.below(256) as u8,
        _ => {}
    }
}
