//! Name servers: four names under four top-level domains.
//! [Name server names](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html)

use std::collections::BTreeSet;

use enishi_fabric::dns::Name;
use enishi_plan::name_server::{DOMAINS, PER_DOMAIN, text};
use enishi_state::route53::HostedZone;
use enishi_state::{Tx, World};

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
    (0u16..).zip(DOMAINS).map(|(index, _)| text(index * PER_DOMAIN)).collect()
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
    let one =
        |(index, drawn): (u16, &[u8; 2])| text(index * PER_DOMAIN + u16::from_be_bytes(*drawn) % PER_DOMAIN);
    let (drawn, _) = random.as_chunks();
    let mut servers: Vec<String> = (0..).zip(drawn).take(DOMAINS.len()).map(one).collect();
    servers.rotate_left(first);
    servers
}
