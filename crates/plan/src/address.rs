//! Public addresses of a network interface: Elastic IPs, and the one that was assigned at launch.
//!
//! An Elastic IP belongs to one private address. The automatically assigned address belongs to the primary private
//! address, until an Elastic IP is associated with it.
//! [Public IPv4 addresses](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html)

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use enishi_fabric::Origin;
use enishi_fabric::program::PublicAddress;
use enishi_state::World;
use enishi_state::ec2::{Address, NetworkInterface};

/// The public addresses of an interface by the private address they stand for.
pub(crate) fn mappings(world: &World, row: &NetworkInterface) -> BTreeMap<Ipv4Addr, PublicAddress> {
    let automatic = row.auto_public_ip.map(|address| {
        (row.primary_ip(), PublicAddress { address, origin: Origin::resource(row.id.as_str()) })
    });
    let elastic = world.by::<Address>("network_interface", row.id.as_str()).filter_map(|eip| {
        let private = eip.association.as_ref()?.private_ip;
        Some((private, PublicAddress { address: eip.public_ip, origin: Origin::resource(eip.id.as_str()) }))
    });
    // In this order, so that an Elastic IP replaces the automatic address.
    automatic.into_iter().chain(elastic).collect()
}
