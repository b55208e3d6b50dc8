//! A subnet's addresses: which are taken, which may be given out.
//! [Subnet sizing](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use enishi_fabric::Cidr;
use enishi_state::World;
use enishi_state::ec2::{NetworkInterface, Subnet, SubnetCidrReservation};

/// The first four addresses and the last one are AWS's.
const RESERVED: u64 = Subnet::RESERVED_LOW as u64 + 1;

/// The addresses of network interfaces in the subnet.
pub(crate) fn addresses_in_use(world: &World, subnet: &Subnet) -> BTreeSet<Ipv4Addr> {
    let interfaces = world.by::<NetworkInterface>("subnet", subnet.id.as_str());
    interfaces.flat_map(|interface| &interface.addresses).map(|address| address.ip).collect()
}

/// Whether an interface in the subnet may have the address at all: it is in the block and not one that AWS keeps.
pub(crate) fn is_assignable(subnet: &Subnet, address: Ipv4Addr) -> bool {
    let offset = u32::from(address).checked_sub(u32::from(subnet.cidr.network()));
    subnet.cidr.contains(address)
        && address != subnet.cidr.broadcast()
        && offset.is_some_and(|offset| offset >= Subnet::RESERVED_LOW)
}

/// The addresses that AWS may assign by itself, the lowest first: free ones outside of CIDR reservations.
pub(crate) fn free_addresses(world: &World, subnet: &Subnet) -> impl Iterator<Item = Ipv4Addr> + use<> {
    let used = addresses_in_use(world, subnet);
    let reserved: Vec<Cidr> = world
        .by::<SubnetCidrReservation>("subnet", subnet.id.as_str())
        .map(|reservation| reservation.cidr)
        .collect();
    let (first, last) = (u32::from(subnet.cidr.network()), u32::from(subnet.cidr.broadcast()));
    (first.saturating_add(Subnet::RESERVED_LOW)..last).map(Ipv4Addr::from).filter(move |address| {
        !used.contains(address) && !reserved.iter().any(|block| block.contains(*address))
    })
}

/// `AvailableIpAddressCount`: all but AWS's five and those in use.
pub(super) fn available(world: &World, subnet: &Subnet) -> i32 {
    let used = addresses_in_use(world, subnet).len() as u64;
    let count = subnet.cidr.size().saturating_sub(RESERVED).saturating_sub(used);
    i32::try_from(count).unwrap_or(i32::MAX)
}
