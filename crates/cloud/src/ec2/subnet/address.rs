//! A subnet's addresses: how many are free, which may be given out.
//! [Subnet sizing](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)

use std::net::Ipv4Addr;

use enishi_state::World;
use enishi_state::ec2::{NetworkInterface, Subnet};

/// The first four addresses and the last one are AWS's.
const RESERVED: u64 = Subnet::RESERVED_LOW as u64 + 1;

/// How many addresses the network interfaces in the subnet have; no two have the same.
fn in_use(world: &World, subnet: &Subnet) -> usize {
    let interfaces = world.by::<NetworkInterface>("subnet", subnet.id.as_str());
    interfaces.map(|interface| interface.addresses.len()).sum()
}

/// Whether an interface in the subnet may have the address at all: it is in the block and not one that AWS keeps.
pub(crate) fn is_assignable(subnet: &Subnet, address: Ipv4Addr) -> bool {
    let offset = u32::from(address).checked_sub(u32::from(subnet.cidr.network()));
    subnet.cidr.contains(address)
        && address != subnet.cidr.broadcast()
        && offset.is_some_and(|offset| offset >= Subnet::RESERVED_LOW)
}

/// `AvailableIpAddressCount`: all but AWS's five and those in use.
pub(super) fn available(world: &World, subnet: &Subnet) -> i32 {
    let used = in_use(world, subnet) as u64;
    let count = subnet.cidr.size().saturating_sub(RESERVED).saturating_sub(used);
    i32::try_from(count).unwrap_or(i32::MAX)
}
