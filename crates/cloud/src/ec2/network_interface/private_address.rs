//! `AssignPrivateIpAddresses` and `UnassignPrivateIpAddresses`: the secondary addresses of an interface.
//! [Secondary IP addresses](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-secondary-ip-addresses.html)

use std::net::Ipv4Addr;

use enishi_api::ec2::{
    AssignPrivateIpAddressesRequest, AssignPrivateIpAddressesResult, AssignedPrivateIpAddress,
    UnassignPrivateIpAddressesRequest, ops,
};
use enishi_state::Tx;
use enishi_state::ec2::{Instance, NetworkInterface, PrivateAddress, Subnet};
use enishi_wire::Fault;

use super::super::address::association;
use super::super::instance_type::table;
use super::super::{faults, ids};
use super::allocation::{self, Wanted};
use super::{ADDRESSES_LIMIT, user_interface};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssignPrivateIpAddresses>(assign_private_ip_addresses);
    on.write::<ops::UnassignPrivateIpAddresses>(unassign_private_ip_addresses);
}

/// How many private addresses the interface may have: what its instance's type says, or a fixed number.
pub(crate) fn limit(tx: &Tx<'_>, row: &NetworkInterface) -> usize {
    let instance = row.instance().and_then(|id| tx.world().get::<Instance>(id));
    instance.map_or(ADDRESSES_LIMIT, |instance| table::limits(&instance.instance_type).addresses)
}

fn assign_private_ip_addresses(
    tx: &mut Tx<'_>,
    input: AssignPrivateIpAddressesRequest,
) -> Result<AssignPrivateIpAddressesResult, Fault> {
    if !input.ipv4_prefixes.is_empty() || input.ipv4_prefix_count.is_some() {
        return Err(faults::unsupported_operation("Prefix delegation is not supported by Enishi."));
    }
    let row = user_interface(tx, &input.network_interface_id)?;
    let wanted = wanted(&input)?;
    if input.allow_reassignment.unwrap_or(false) {
        take_away(tx, &row, &wanted.named)?;
    }
    // What the interface has already is not asked for again.
    let own = |address: &Ipv4Addr| row.addresses.iter().any(|private| private.ip == *address);
    let named: Vec<Ipv4Addr> = wanted.named.iter().copied().filter(|address| !own(address)).collect();
    let missing = Wanted { named, automatic: wanted.automatic };
    if row.addresses.len() + missing.len() > limit(tx, &row) {
        return Err(faults::private_ip_address_limit_exceeded());
    }
    let subnet = ids::find::<Subnet>(tx.world(), &row.scope, row.subnet.as_str())?.clone();
    let added = allocation::allocate(tx, &subnet, &missing)?;
    tx.modify::<NetworkInterface>(&row.id, |row| {
        row.addresses.extend(added.iter().map(|ip| PrivateAddress { ip: *ip }));
    });
    let assigned = |ip: &Ipv4Addr| AssignedPrivateIpAddress { private_ip_address: Some(ip.to_string()) };
    Ok(AssignPrivateIpAddressesResult {
        network_interface_id: Some(row.id.to_string()),
        assigned_private_ip_addresses: Some(added.iter().map(assigned).collect()),
        assigned_ipv4_prefixes: None,
    })
}

fn wanted(input: &AssignPrivateIpAddressesRequest) -> Result<Wanted, Fault> {
    let named = input.private_ip_addresses.iter().map(|text| allocation::parse(text));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    match (named.is_empty(), input.secondary_private_ip_address_count) {
        (false, None) => Ok(Wanted { named, automatic: 0 }),
        (true, Some(count @ 1..)) => Ok(Wanted { named, automatic: usize::try_from(count).unwrap_or(0) }),
        (false, Some(_)) => Err(faults::invalid_parameter_combination(
            "The parameters privateIpAddresses and secondaryPrivateIpAddressCount cannot be used together",
        )),
        (true, Some(count)) => {
            Err(faults::invalid_value("secondaryPrivateIpAddressCount", count, "Must be positive."))
        }
        (true, None) => Err(faults::missing_parameter("secondaryPrivateIpAddressCount")),
    }
}

/// With `AllowReassignment`, addresses that are secondary on other interfaces of the VPC are taken from them.
fn take_away(tx: &mut Tx<'_>, target: &NetworkInterface, addresses: &[Ipv4Addr]) -> Result<(), Fault> {
    for address in addresses {
        let Some(owner) = allocation::owner(tx.world(), &target.vpc, *address).cloned() else { continue };
        if owner.id == target.id {
            continue;
        }
        if owner.primary_ip() == *address || super::shape::is_managed(&owner) {
            return Err(faults::invalid_ip_address_in_use());
        }
        remove_address(tx, &owner, *address);
    }
    Ok(())
}

fn unassign_private_ip_addresses(
    tx: &mut Tx<'_>,
    input: UnassignPrivateIpAddressesRequest,
) -> Result<(), Fault> {
    if !input.ipv4_prefixes.is_empty() {
        return Err(faults::unsupported_operation("Prefix delegation is not supported by Enishi."));
    }
    let row = user_interface(tx, &input.network_interface_id)?;
    if input.private_ip_addresses.is_empty() {
        return Err(faults::missing_parameter("privateIpAddresses"));
    }
    for text in &input.private_ip_addresses {
        let address = allocation::parse(text)?;
        if address == row.primary_ip() {
            return Err(faults::invalid_parameter_value(
                "The primary private IP address cannot be unassigned from a network interface.",
            ));
        }
        if !row.addresses.iter().any(|private| private.ip == address) {
            return Err(faults::invalid_parameter_value(
                "Some of the specified addresses are not assigned to interface ".to_owned() + row.id.as_str(),
            ));
        }
        remove_address(tx, &row, address);
    }
    Ok(())
}

/// Takes a secondary address from an interface, and the Elastic IP with it.
fn remove_address(tx: &mut Tx<'_>, row: &NetworkInterface, address: Ipv4Addr) {
    let mapped = association::elastic_of(tx.world(), row).find(|(_, found)| found.private_ip == address);
    if let Some(elastic) = mapped.map(|(elastic, _)| elastic.id.clone()) {
        association::detach(tx, &elastic);
    }
    tx.modify::<NetworkInterface>(&row.id, |row| row.addresses.retain(|private| private.ip != address));
}
