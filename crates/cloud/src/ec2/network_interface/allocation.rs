//! Which private addresses a network interface gets.
//! [Subnet sizing](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)
//!
//! AWS promises that the first four and the last address of a subnet are never given out, and that an automatic choice
//! keeps out of the subnet's CIDR reservations. Which of the others it takes it does not say; here it is a random one, so
//! that an address that was just freed is as a rule not the next to be used.

use std::net::Ipv4Addr;

use enishi_state::ec2::{NetworkInterface, Subnet, SubnetCidrReservation, SubnetId, VpcId};
use enishi_state::{Tx, World};
use enishi_wire::Fault;

use super::super::faults;
use super::super::subnet::is_assignable;

/// What a request says about the addresses of a new or existing interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Addresses that were named, the primary first if one was marked so.
    pub(crate) named: Vec<Ipv4Addr>,
    /// How many more are to be chosen.
    pub(crate) automatic: usize,
}

impl Wanted {
    /// How many addresses that is.
    pub(crate) fn len(&self) -> usize {
        self.named.len() + self.automatic
    }
}

/// Parses an address of a request.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn parse(text: &str) -> Result<Ipv4Addr, Fault> {
    text.parse().map_err(|_| faults::invalid_value("address", text, "Invalid IPv4 address."))
}

/// The addresses for what is wanted, in order: the named ones, then the chosen ones. None of them is on an interface
/// yet; that is the caller's to do, in the same transaction.
///
/// # Errors
/// As [`check`] for a named address; `InsufficientFreeAddressesInSubnet` when too few are left to choose from.
pub(crate) fn allocate(tx: &mut Tx<'_>, subnet: &Subnet, wanted: &Wanted) -> Result<Vec<Ipv4Addr>, Fault> {
    let mut addresses = Vec::with_capacity(wanted.len());
    for address in &wanted.named {
        check(tx.world(), subnet, *address)?;
        if addresses.contains(address) {
            return Err(faults::invalid_parameter_value(format!(
                "Address {address} was specified more than once."
            )));
        }
        addresses.push(*address);
    }
    for _ in 0..wanted.automatic {
        let chosen =
            choose(tx, subnet, &addresses).ok_or_else(faults::insufficient_free_addresses_in_subnet)?;
        addresses.push(chosen);
    }
    Ok(addresses)
}

/// Whether an interface of the subnet may take this address.
///
/// # Errors
/// `InvalidParameterValue` outside the subnet or among the reserved ones, `InvalidIPAddress.InUse`.
pub(crate) fn check(world: &World, subnet: &Subnet, address: Ipv4Addr) -> Result<(), Fault> {
    if !subnet.cidr.contains(address) {
        return Err(faults::invalid_parameter_value(format!(
            "Address {address} does not fall within the subnet's address range"
        )));
    }
    if !is_assignable(subnet, address) {
        return Err(faults::invalid_parameter_value(format!(
            "Address {address} is in subnet's reserved address range"
        )));
    }
    match owner(world, &subnet.vpc, address) {
        Some(_) => Err(faults::invalid_ip_address_in_use()),
        None => Ok(()),
    }
}

/// The interface of the VPC that has this private address.
pub(crate) fn owner<'w>(world: &'w World, vpc: &VpcId, address: Ipv4Addr) -> Option<&'w NetworkInterface> {
    world.by::<NetworkInterface>("private_ip", &format!("{vpc}/{address}")).next()
}

/// How many addresses of the subnet are neither kept by AWS nor on an interface.
pub(crate) fn free(world: &World, subnet: &Subnet) -> usize {
    let assignable = subnet.cidr.size().saturating_sub(u64::from(Subnet::RESERVED_LOW) + 1);
    usize::try_from(assignable).unwrap_or(usize::MAX).saturating_sub(used(world, &subnet.id))
}

/// How many addresses interfaces have in the subnet.
fn used(world: &World, subnet: &SubnetId) -> usize {
    world.by::<NetworkInterface>("subnet", subnet.as_str()).map(|interface| interface.addresses.len()).sum()
}

/// Tries every address once, from a random one on.
fn choose(tx: &mut Tx<'_>, subnet: &Subnet, besides: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    let size = u32::try_from(subnet.cidr.size()).ok()?;
    let mut random = [0u8; 4];
    tx.entropy().fill(&mut random);
    let start = u32::from_be_bytes(random) % size;

    let world = tx.world();
    let reservations: Vec<_> =
        world.by::<SubnetCidrReservation>("subnet", subnet.id.as_str()).map(|row| row.cidr).collect();
    let is_free = |address: &Ipv4Addr| {
        is_assignable(subnet, *address)
            && !besides.contains(address)
            && !reservations.iter().any(|cidr| cidr.contains(*address))
            && owner(world, &subnet.vpc, *address).is_none()
    };
    (0..size).filter_map(|step| subnet.cidr.nth((start + step) % size)).find(is_free)
}
