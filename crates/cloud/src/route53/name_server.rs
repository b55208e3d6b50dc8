//! Name servers: four names under four top-level domains.
//! [Name server names](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html)

use std::collections::BTreeSet;

use enishi_fabric::dns::Name;
use enishi_state::route53::HostedZone;
use enishi_state::{Tx, World};

/// Each top-level domain has a quarter of the numbers.
const DOMAINS: [&str; 4] = ["com", "net", "org", "co.uk"];
const PER_DOMAIN: u16 = 512;
/// The middle part of the names counts to this.
const STRIPES: u16 = 64;

/// How often four servers are drawn that serve no zone of that name; the numbers run out only with hundreds of such zones.
const DRAWS: usize = 64;

/// Four name servers that serve no zone of that name yet; the one of the SOA record first.
pub(super) fn draw(tx: &mut Tx<'_>, name: &Name) -> Vec<String> {
    let taken = serving(tx.world(), name);
    let mut servers = draw_once(tx);
    for _ in 0..DRAWS {
        if servers.iter().all(|server| !taken.contains(server)) {
            break;
        }
        servers = draw_once(tx);
    }
    servers
}

/// The name servers that private zones show; no packet reaches them.
/// [Considerations](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html)
pub(super) fn private() -> Vec<String> {
    (0u16..).zip(DOMAINS).map(|(n, domain)| server(n * PER_DOMAIN, domain)).collect()
}

/// The name servers that serve public zones of that name.
pub(super) fn serving(world: &World, name: &Name) -> BTreeSet<String> {
    let zones = world.by::<HostedZone>("name", &name.to_string()).filter(|zone| !zone.is_private);
    zones.flat_map(|zone| zone.name_servers.clone()).collect()
}

fn draw_once(tx: &mut Tx<'_>) -> Vec<String> {
    let mut random = [0u8; 9];
    tx.entropy().fill(&mut random);
    let first = usize::from(random[8]) % DOMAINS.len();
    let one = |(index, domain): (usize, &&str)| {
        let number = u16::from_be_bytes([random[index * 2], random[index * 2 + 1]]) % PER_DOMAIN;
        server(index as u16 * PER_DOMAIN + number, domain)
    };
    let mut servers: Vec<String> = DOMAINS.iter().enumerate().map(one).collect();
    servers.rotate_left(first);
    servers
}

fn server(number: u16, domain: &str) -> String {
    format!("ns-{number}.awsdns-{:02}.{domain}", number % STRIPES)
}
