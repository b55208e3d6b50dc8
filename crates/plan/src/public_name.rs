//! Public host names: `ec2-198-18-1-0.compute-1.amazonaws.com` for every public address in use, and back.
//! [DNS attributes for your VPC](https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html)
//!
//! AWS answers the name with the public address to everybody outside of the address's VPC. An address is in use while a
//! network interface has it; the name goes with it. The reverse name of an Elastic IP is what its owner set
//! (`ModifyAddressAttribute`), else the public host name.
//!
//! Names of load balancers have zones of their own (`load_balancer_name.rs`), which Amazon's name server and
//! [`NameServer::Every`] serve beside these: of two zones that hold a name the closer one answers.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::dns::{Name, Rdata, RecordSet, RecordType, Zone};
use enishi_state::ec2::{Address, NetworkInterface};
use enishi_state::{Delta, Region, World};

use crate::host_name::{public_name, reverse};
use crate::registry::{amazon_zone_ids, host};
use crate::zone_edit::{NameServer, ZoneEdit, apex, difference, id_of, own_name, simple};
use crate::{address, load_balancer_name};

/// The zone of the names.
const AMAZON: &str = "amazonaws.com.";

/// The zones of the reverse names: the public pool.
const REVERSE: [&str; 2] = ["18.198.in-addr.arpa.", "19.198.in-addr.arpa."];

/// The name server of all of them, and of load balancers' names.
pub(crate) const SERVER: &str = "u1.amazonaws.com.";

/// How long an answer may be remembered, in seconds. An Elastic IP that moves keeps its name.
const TTL: u32 = 60;

/// How long a delegation may be remembered, in seconds.
pub(crate) const DELEGATION_TTL: u32 = 172_800;

/// The zones' ids.
pub(crate) fn zone_ids() -> impl Iterator<Item = Arc<str>> {
    [AMAZON].into_iter().chain(REVERSE).map(Arc::from)
}

/// What a top-level domain says of these zones.
pub(crate) fn delegations(top_level: &str) -> Vec<RecordSet> {
    let delegate = |zone: &str| {
        let server = Rdata::name(&own_name(SERVER));
        simple(own_name(zone), RecordType::NS, DELEGATION_TTL, vec![server])
    };
    match top_level {
        "com." => {
            let glue = host(own_name(SERVER), NameServer::Amazon);
            [delegate(AMAZON)].into_iter().chain(glue).collect()
        }
        "arpa." => REVERSE.into_iter().map(delegate).collect(),
        _ => Vec::new(),
    }
}

/// Every name of every public address.
pub(crate) fn zones(world: &World) -> Vec<ZoneEdit> {
    let elastic = world.all::<Address>().map(|row| row.public_ip);
    let automatic = world.all::<NetworkInterface>().filter_map(|row| row.auto_public_ip);
    let addresses: BTreeSet<Ipv4Addr> = elastic.chain(automatic).collect();
    let records: Vec<_> = addresses.into_iter().flat_map(|address| records(world, address)).collect();
    let zone = |text: &str| {
        let name = own_name(text);
        let mut record_sets: Vec<RecordSet> = apex(&name, &own_name(SERVER), DELEGATION_TTL).into();
        if text == AMAZON {
            record_sets.extend(host(own_name(SERVER), NameServer::Amazon));
        }
        record_sets.extend(records.iter().filter(|set| set.name.is_within(&name)).cloned());
        ZoneEdit::Put(Zone { id: id_of(&name), name, record_sets })
    };
    let puts = [AMAZON].into_iter().chain(REVERSE).map(zone);
    let zones = zone_ids().chain(load_balancer_name::zone_ids()).chain(amazon_zone_ids()).collect();
    puts.chain([ZoneEdit::Serve { server: NameServer::Amazon, zones }]).collect()
}

/// What a transaction that changed `delta` changed of them.
pub(crate) fn edits(before: &World, after: &World, delta: &Delta) -> Vec<ZoneEdit> {
    let mut addresses = BTreeSet::new();
    for change in delta.changes::<Address>(before, after) {
        addresses.extend([change.before, change.after].into_iter().flatten().map(|row| row.public_ip));
    }
    for change in delta.changes::<NetworkInterface>(before, after) {
        for (world, row) in [(before, change.before), (after, change.after)] {
            let Some(row) = row else { continue };
            addresses.extend(row.auto_public_ip);
            let elastic = world.by::<Address>("network_interface", row.id.as_str());
            addresses.extend(elastic.map(|address| address.public_ip));
        }
    }
    // Associating an Elastic IP takes an automatic address out of use without a change of the interface's row.
    let automatic = addresses.iter().flat_map(|address| {
        [before, after].into_iter().flat_map(|world| elastic_neighbours(world, *address)).collect::<Vec<_>>()
    });
    let addresses: BTreeSet<Ipv4Addr> = automatic.chain(addresses.iter().copied()).collect();
    let mut edits = Vec::new();
    for address in addresses {
        let (old, new) = (records(before, address), records(after, address));
        for zone in [AMAZON].into_iter().chain(REVERSE) {
            let name = own_name(zone);
            let of = |sets: &[RecordSet]| -> Vec<RecordSet> {
                sets.iter().filter(|set| set.name.is_within(&name)).cloned().collect()
            };
            edits.extend(difference(&id_of(&name), of(&old), of(&new)));
        }
    }
    edits
}

/// The automatic address of the interface that an Elastic IP is associated with.
fn elastic_neighbours(world: &World, elastic: Ipv4Addr) -> Option<Ipv4Addr> {
    let row = world.by::<Address>("public_ip", &elastic.to_string()).next()?;
    let interface = &row.association.as_ref()?.network_interface;
    world.get::<NetworkInterface>(interface)?.auto_public_ip
}

/// The records of a public address; none while nobody uses it.
fn records(world: &World, address: Ipv4Addr) -> Vec<RecordSet> {
    let Some((region, chosen)) = usage(world, address) else { return Vec::new() };
    let Ok(name) = Name::parse(&public_name(&region, address)) else { return Vec::new() };
    let target = chosen.and_then(|name| Name::parse(&name).ok()).unwrap_or_else(|| name.clone());
    let pointer = reverse(address).map(|back| simple(back, RecordType::PTR, TTL, vec![Rdata::name(&target)]));
    let forward = simple(name, RecordType::A, TTL, vec![Rdata::a(address)]);
    [forward].into_iter().chain(pointer).collect()
}

/// The region of a public address in use, and the reverse name that its owner chose.
fn usage(world: &World, address: Ipv4Addr) -> Option<(Region, Option<String>)> {
    let text = address.to_string();
    let maps = |interface: &NetworkInterface| {
        address::mappings(world, interface).values().any(|mapped| mapped.address == address)
    };
    let elastic = world.by::<Address>("public_ip", &text).find(|row| {
        let interface = row.association.as_ref().and_then(|a| world.get(&a.network_interface));
        interface.is_some_and(maps)
    });
    if let Some(row) = elastic {
        return Some((row.scope.region.clone(), row.ptr_record.clone()));
    }
    let interface = world.by::<NetworkInterface>("public_ip", &text).find(|row| maps(row))?;
    Some((interface.scope.region.clone(), None))
}
