//! Names of load balancers: `web-1234567890.us-east-1.elb.amazonaws.com`, `net-0123456789abcdef.elb.us-east-1.amazonaws.com`.
//! [Elastic Load Balancing endpoints](https://docs.aws.amazon.com/general/latest/gr/elb.html),
//! [Target group health](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health.html)
//!
//! A name answers the nodes of the zones that are healthy, public addresses of load balancers that face the internet and private
//! ones of the others, wherever it is asked from. A zone is healthy while every target group of the load balancer has enough
//! healthy targets: those of the zone alone where nodes send to no other zone. When no zone is healthy the name answers all
//! nodes, and its record set counts as unhealthy ([`UNHEALTHY`]), which aliases with `EvaluateTargetHealth` heed: "if any target
//! group contains only unhealthy targets, the load balancer is considered unhealthy"; "a target group that has no registered
//! targets is considered unhealthy". A load balancer without target groups is healthy.
//!
//! Application and Classic Load Balancers also have their name behind `dualstack.`, as Route 53's console writes it; Network Load
//! Balancers one for each zone, which answers that zone's node whatever its health.
//!
//! The public key of logins has a name in each region ([`login_key_names`]).
//!
//! Each region has two zones ([`LOAD_BALANCER_ZONES`]), the same for every account, which Amazon's name server serves.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::balancer::{Balancer, Kind, Node, Target, TargetGroup};
use enishi_fabric::dns::{Name, Rdata, RecordSet, RecordType, UNHEALTHY, Zone};
use enishi_state::elbv2::{self, LoadBalancer, LoadBalancerArn, LoadBalancerKind, Scheme, TargetGroupArn};
use enishi_state::{Delta, World, elb};

use crate::load_balancer;
use crate::planner::{touched_balancers, touched_classic};
use crate::public_name::{DELEGATION_TTL, SERVER};
use crate::zone_edit::{ZoneEdit, apex, difference, own_name, simple};

/// How long an answer may be remembered, in seconds ("until the DNS record time-to-live (TTL) expires (60 seconds)").
const TTL: u32 = 60;

/// The most addresses in an answer.
const ADDRESSES: usize = 8;

/// What goes before the name of a load balancer that may have addresses of both kinds.
const DUAL_STACK: &str = "dualstack.";

/// Each region's zones of load balancers: the id of that for Application and Classic ones, and of that for Network ones.
pub const LOAD_BALANCER_ZONES: &[(&str, &str, &str)] = &[
    ("af-south-1", "Z268VQBMOI5EKX", "Z203XCE67M25HM"),
    ("ap-east-1", "Z3DQVH9N71FHZ0", "Z12Y7K3UBGUAD1"),
    ("ap-northeast-1", "Z14GRHDCWA56QT", "Z31USIVHYNEOWT"),
    ("ap-northeast-2", "ZWKZPGTI48KDX", "ZIBE1TIR4HY56"),
    ("ap-south-1", "ZP97RAFLXTNZK", "ZVDDRBQ08TROA"),
    ("ap-southeast-1", "Z1LMS91P8CMLE5", "ZKVM4W9LS7TM"),
    ("ap-southeast-2", "Z1GM3OXH4ZPM65", "ZCT6FZBF4DROD"),
    ("ca-central-1", "ZQSVJUPU6J1EY", "Z2EPGBW3API2WT"),
    ("eu-central-1", "Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"),
    ("eu-north-1", "Z23TAZ6LKFMNIO", "Z1UDT6IFJ4EJM"),
    ("eu-south-1", "Z3ULH7SSC9OV64", "Z23146JA1KNAFP"),
    ("eu-west-1", "Z32O12XQLNTSW2", "Z2IFOLAFXWLO4F"),
    ("eu-west-2", "ZHURV8PSTC4K8", "ZD4D7Y8KGAS4G"),
    ("eu-west-3", "Z3Q77PNBQS71R4", "Z1CMS0P5QUZ6D5"),
    ("me-south-1", "ZS929ML54UICD", "Z3QSRYVP46NYYV"),
    ("sa-east-1", "Z2P70J7HTTTPLU", "ZTK26PT1VY4CU"),
    ("us-east-1", "Z35SXDOTRQ7X7K", "Z26RNL4JYFTOTI"),
    ("us-east-2", "Z3AADJGX6KTTL2", "ZLMOA37VPKANP"),
    ("us-west-1", "Z368ELLRRE2KJ0", "Z24FKFUX50B4VW"),
    ("us-west-2", "Z1H1FL5HABSF5", "Z18D5FSROUN65G"),
];

/// Where the public key of logins is on the simulated internet, one of its own hosts (198.18.0.0/24).
pub const LOGIN_KEYS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 8);

/// The names that the public key of logins is fetched from, without a final dot.
/// [Signature verification](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html#user-claims-encoding)
pub fn login_key_names() -> impl Iterator<Item = String> {
    LOAD_BALANCER_ZONES.iter().map(|(region, ..)| login_key_name(region))
}

fn login_key_name(region: &str) -> String {
    format!("public-keys.auth.elb.{region}.amazonaws.com")
}

/// A zone: its region, its id, and whether it is that of Network Load Balancers.
type RegionZone = (&'static str, &'static str, bool);

fn region_zones() -> impl Iterator<Item = RegionZone> {
    LOAD_BALANCER_ZONES.iter().flat_map(|(region, application, network)| {
        [(*region, *application, false), (*region, *network, true)]
    })
}

/// The zones' ids.
pub(crate) fn zone_ids() -> impl Iterator<Item = Arc<str>> {
    region_zones().map(|(_, id, _)| Arc::from(id))
}

/// Whether a load balancer has that name, in the zones of Network Load Balancers or in those of the others.
pub fn is_load_balancer_name(world: &World, name: &Name, is_network: bool) -> bool {
    let text = name.to_string().to_ascii_lowercase();
    let text = text.trim_end_matches('.');
    let text = text.strip_prefix(DUAL_STACK).filter(|_| !is_network).unwrap_or(text);
    let has = |text: &str, kind| world.by::<LoadBalancer>("dns_name", text).any(|row| row.kind == kind);
    if !is_network {
        return has(text, LoadBalancerKind::Application)
            || world.by::<elb::LoadBalancer>("dns_name", text).next().is_some();
    }
    let is_zonal = |(zone, rest): (&str, &str)| {
        let rows = world.by::<LoadBalancer>("dns_name", rest);
        rows.flat_map(|row| &row.zones).any(|enabled| enabled.zone == zone)
    };
    has(text, LoadBalancerKind::Network) || text.split_once('.').is_some_and(is_zonal)
}

/// Every name of every load balancer.
pub(crate) fn zones(world: &World) -> Vec<ZoneEdit> {
    let arns = world.all::<LoadBalancer>().map(|row| row.arn.to_string());
    let arns = arns.chain(world.all::<elb::LoadBalancer>().map(|row| row.arn().to_string()));
    let mut records: BTreeMap<&str, Vec<RecordSet>> = BTreeMap::new();
    for (zone, sets) in arns.filter_map(|arn| self::records(world, &arn)) {
        records.entry(zone).or_default().extend(sets);
    }
    let put = |(region, id, is_network): RegionZone| {
        let name = own_name(&match is_network {
            false => format!("{region}.elb.amazonaws.com."),
            true => format!("elb.{region}.amazonaws.com."),
        });
        let mut record_sets: Vec<RecordSet> = apex(&name, &own_name(SERVER), DELEGATION_TTL).into();
        if is_network {
            let key = own_name(&format!("{}.", login_key_name(region)));
            record_sets.push(simple(key, RecordType::A, TTL, vec![Rdata::a(LOGIN_KEYS)]));
        }
        record_sets.extend(records.remove(id).unwrap_or_default());
        ZoneEdit::Put(Zone { id: id.into(), name, record_sets })
    };
    region_zones().map(put).collect()
}

/// What a transaction that changed `delta` changed of them.
pub(crate) fn edits(before: &World, after: &World, delta: &Delta) -> Vec<ZoneEdit> {
    let touched = touched_balancers(before, after, delta).into_iter().map(|arn| arn.to_string());
    let classic = touched_classic(before, after, delta).into_iter().map(|arn| arn.to_string());
    let edits = touched.chain(classic).flat_map(|arn| {
        let (old, new) = (records(before, &arn), records(after, &arn));
        let zone = new.as_ref().or(old.as_ref()).map(|(zone, _)| Arc::from(*zone));
        let sets = |found: Option<(_, Vec<RecordSet>)>| found.map(|(_, sets)| sets).unwrap_or_default();
        zone.map(|zone| difference(&zone, sets(old), sets(new))).unwrap_or_default()
    });
    edits.collect()
}

/// The records of the load balancer of an ARN and the zone that they are in. There are none while it has no node with an address.
fn records(world: &World, arn: &str) -> Option<(&'static str, Vec<RecordSet>)> {
    let balancer = load_balancer::of_arn(world, arn)?;
    let is_network = balancer.kind == Kind::Network;
    let mut zones = region_zones().filter(|(region, ..)| *region == &*balancer.region);
    let (_, zone, _) = zones.find(|(.., network)| *network == is_network)?;
    let addresses = addresses(&balancer, scheme(world, arn)?);
    if addresses.is_empty() {
        return Some((zone, Vec::new()));
    }
    let groups: Vec<_> = balancer.target_groups.values().map(|group| (group, least(world, group))).collect();
    let serves = |zone: &str| groups.iter().all(|(group, least)| serves(group, *least, zone));
    let healthy: Vec<Ipv4Addr> =
        addresses.iter().filter(|(zone, _)| serves(zone)).map(|(_, address)| *address).collect();
    let health_check = healthy.is_empty().then(|| UNHEALTHY.into());
    let answer = if healthy.is_empty() { addresses.values().copied().collect() } else { healthy };
    let data: Vec<Rdata> = answer.into_iter().take(ADDRESSES).map(Rdata::a).collect();
    let set = |name: Name| RecordSet {
        health_check: health_check.clone(),
        ..simple(name, RecordType::A, TTL, data.clone())
    };
    let zonal = addresses.iter().filter(|_| is_network).filter_map(|(zone, address)| {
        let name = Name::parse(&format!("{zone}.{}", balancer.dns_name)).ok()?;
        Some(simple(name, RecordType::A, TTL, vec![Rdata::a(*address)]))
    });
    Some((zone, own_names(&balancer).map(set).chain(zonal).collect()))
}

/// The address by zone that a load balancer answers with.
fn addresses(balancer: &Balancer, scheme: Scheme) -> BTreeMap<&str, Ipv4Addr> {
    let address = |node: &Node| match scheme {
        Scheme::InternetFacing => node.public,
        Scheme::Internal => Some(node.address),
    };
    balancer.nodes.values().filter_map(|node| Some((&*node.zone, address(node)?))).collect()
}

fn scheme(world: &World, arn: &str) -> Option<Scheme> {
    let row = world.get::<LoadBalancer>(&LoadBalancerArn::new(arn)).map(|row| row.scheme);
    row.or_else(|| world.get::<elb::LoadBalancer>(&elb::LoadBalancerArn::new(arn)).map(|row| row.scheme))
}

/// The names that stand for the load balancer as a whole.
fn own_names(balancer: &Balancer) -> impl Iterator<Item = Name> + use<> {
    let name = balancer.dns_name.to_string();
    let dual = (balancer.kind != Kind::Network).then(|| format!("{DUAL_STACK}{name}"));
    [name].into_iter().chain(dual).filter_map(|name| Name::parse(&name).ok())
}

/// The least healthy targets that a target group needs, and the least of 100: `None` is `off`.
type Least = (Option<usize>, Option<usize>);

fn least(world: &World, group: &TargetGroup) -> Least {
    // A Classic Load Balancer's is no row, and nothing can be set for it.
    let Some(row) = world.get::<elbv2::TargetGroup>(&TargetGroupArn::new(&group.arn)) else {
        return (Some(1), None);
    };
    let least = |what: &str| {
        row.attribute(&format!("target_group_health.dns_failover.minimum_healthy_targets.{what}"))
            .parse()
            .ok()
    };
    (least("count"), least("percentage"))
}

/// Whether a target group has enough healthy targets for the node of a zone. Without cross-zone load balancing "the thresholds
/// apply to the number of targets in each enabled zone separately", with it "to the total number of targets across all enabled
/// zones"; "the load balancer takes the action when either threshold is breached".
fn serves(group: &TargetGroup, (count, percentage): Least, zone: &str) -> bool {
    let counts = |target: &&Target| {
        let is_near = target.zone.as_deref().is_none_or(|of_target| of_target == zone);
        target.is_registered() && (group.cross_zone || is_near)
    };
    // One that has several addresses is still one target.
    let mut targets: BTreeMap<(&str, u16), bool> = BTreeMap::new();
    for target in group.targets.iter().filter(counts) {
        targets.insert((&*target.id, target.port), target.is_healthy());
    }
    let healthy = targets.values().filter(|is_healthy| **is_healthy).count();
    !targets.is_empty()
        && count.is_none_or(|least| healthy >= least)
        && percentage.is_none_or(|least| healthy * 100 >= least * targets.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_zone_has_an_id_of_its_own() {
        let ids: BTreeSet<Arc<str>> = zone_ids().collect();
        assert_eq!(ids.len(), LOAD_BALANCER_ZONES.len() * 2);
    }
}
