//! The addresses of NAT gateways: `AssociateNatGatewayAddress`, `DisassociateNatGatewayAddress`,
//! `AssignPrivateNatGatewayAddress`, `UnassignPrivateNatGatewayAddress`.
//! [Edit secondary IP address associations](https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html)
//!
//! AWS lets connections drain for up to an hour when an address is taken away; here it goes at once.

use std::net::Ipv4Addr;

use enishi_api::ec2::{
    self as api, AssignPrivateNatGatewayAddressRequest, AssignPrivateNatGatewayAddressResult,
    AssociateNatGatewayAddressRequest, AssociateNatGatewayAddressResult,
    DisassociateNatGatewayAddressRequest, DisassociateNatGatewayAddressResult,
    UnassignPrivateNatGatewayAddressRequest, UnassignPrivateNatGatewayAddressResult, ops,
};
use enishi_state::Tx;
use enishi_state::ec2::{
    Address, AddressId, Connectivity, NatGateway, NatGatewayAddress, NatGatewayState, NetworkInterface,
    PrivateAddress, Subnet,
};
use enishi_wire::Fault;

use super::super::address::association;
use super::super::network_interface::allocation::{self, Wanted};
use super::super::{faults, ids};
use crate::quota;
use crate::registry::Registry;

/// Private addresses of a private gateway. AWS allows the primary and seven more; a public one has a quota.
const PRIVATE_LIMIT: usize = 8;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateNatGatewayAddress>(associate_nat_gateway_address);
    on.write::<ops::DisassociateNatGatewayAddress>(disassociate_nat_gateway_address);
    on.write::<ops::AssignPrivateNatGatewayAddress>(assign_private_nat_gateway_address);
    on.write::<ops::UnassignPrivateNatGatewayAddress>(unassign_private_nat_gateway_address);
}

/// The address of a gateway that a private address of its interface is, mapped to an Elastic IP if there is one.
pub(super) fn map(
    tx: &mut Tx<'_>,
    interface: &NetworkInterface,
    private_ip: Ipv4Addr,
    allocation: Option<&AddressId>,
) -> NatGatewayAddress {
    let Some(allocation) = allocation else {
        return NatGatewayAddress { private_ip, allocation: None, public_ip: None, association: None };
    };
    let association = association::attach(tx, allocation, interface, private_ip);
    NatGatewayAddress {
        private_ip,
        allocation: Some(allocation.clone()),
        public_ip: tx.world().get::<Address>(allocation).map(|row| row.public_ip),
        association: Some(association),
    }
}

/// As responses show them, the primary first.
pub(super) fn shapes(row: &NatGateway) -> Vec<api::NatGatewayAddress> {
    let status = match row.state {
        NatGatewayState::Pending { .. } => "associating",
        NatGatewayState::Available => "succeeded",
        NatGatewayState::Deleting { .. } => "disassociating",
        NatGatewayState::Deleted => "succeeded",
        NatGatewayState::Failed { .. } => "failed",
    };
    let shape = |(index, address): (usize, &NatGatewayAddress)| api::NatGatewayAddress {
        allocation_id: address.allocation.as_ref().map(ToString::to_string),
        network_interface_id: Some(row.network_interface.to_string()),
        private_ip: (!address.private_ip.is_unspecified()).then(|| address.private_ip.to_string()),
        public_ip: address.public_ip.map(|ip| ip.to_string()),
        association_id: address.association.as_ref().map(ToString::to_string),
        is_primary: Some(index == 0),
        status: Some(status.to_owned()),
        ..Default::default()
    };
    row.addresses.iter().enumerate().map(shape).collect()
}

fn some_shapes(
    row: &NatGateway,
    keep: impl Fn(&NatGatewayAddress) -> bool,
    status: &str,
) -> Vec<api::NatGatewayAddress> {
    let pairs = row.addresses.iter().zip(shapes(row)).filter(|(address, _)| keep(address));
    pairs.map(|(_, shape)| api::NatGatewayAddress { status: Some(status.to_owned()), ..shape }).collect()
}

/// The caller's gateway, which must be available and of that connectivity, and its interface and subnet.
fn editable(
    tx: &Tx<'_>,
    id: &str,
    connectivity: Connectivity,
) -> Result<(NatGateway, NetworkInterface, Subnet), Fault> {
    let scope = &tx.caller().scope;
    let row = ids::find::<NatGateway>(tx.world(), scope, id)?;
    if row.state != NatGatewayState::Available {
        return Err(faults::incorrect_state(format!("The NAT gateway {id} is not in the available state.")));
    }
    if row.connectivity != connectivity {
        return Err(faults::invalid_parameter(format!(
            "The operation is not supported for the connectivity type of NAT gateway {id}."
        )));
    }
    let interface = ids::find::<NetworkInterface>(tx.world(), scope, row.network_interface.as_str())?;
    let subnet = ids::find::<Subnet>(tx.world(), scope, row.subnet.as_str())?;
    Ok((row.clone(), interface.clone(), subnet.clone()))
}

/// Adds private addresses to the interface of a gateway.
fn add_private(
    tx: &mut Tx<'_>,
    interface: &NetworkInterface,
    subnet: &Subnet,
    wanted: &Wanted,
) -> Result<(NetworkInterface, Vec<Ipv4Addr>), Fault> {
    let added = allocation::allocate(tx, subnet, wanted)?;
    let mut interface = interface.clone();
    interface.addresses.extend(added.iter().map(|ip| PrivateAddress { ip: *ip }));
    tx.put(interface.clone());
    Ok((interface, added))
}

fn associate_nat_gateway_address(
    tx: &mut Tx<'_>,
    input: AssociateNatGatewayAddressRequest,
) -> Result<AssociateNatGatewayAddressResult, Fault> {
    let (mut row, interface, subnet) = editable(tx, &input.nat_gateway_id, Connectivity::Public)?;
    let mut allocations = Vec::new();
    for id in &input.allocation_ids {
        let address = ids::find::<Address>(tx.world(), &row.scope, id)?;
        if address.association.is_some() {
            return Err(faults::resource_already_associated(format!(
                "Elastic IP address {id} is already associated"
            )));
        }
        if allocations.contains(&address.id) {
            return Err(faults::invalid_parameter_value(format!(
                "The allocation ID '{id}' was specified twice."
            )));
        }
        allocations.push(address.id.clone());
    }
    let named = input
        .private_ip_addresses
        .iter()
        .map(|text| allocation::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    if !named.is_empty() && named.len() != allocations.len() {
        return Err(faults::invalid_parameter_combination(
            "The number of private IP addresses must match the number of allocation IDs.",
        ));
    }
    let limit = quota::ADDRESSES_PER_NAT_GATEWAY.applied(tx.world(), &row.scope);
    check_limit(row.addresses.len() + allocations.len(), limit)?;
    let wanted = Wanted { automatic: allocations.len() - named.len(), named };
    let (interface, added) = add_private(tx, &interface, &subnet, &wanted)?;
    for (private_ip, allocation) in added.iter().zip(&allocations) {
        row.addresses.push(map(tx, &interface, *private_ip, Some(allocation)));
    }
    let shown = some_shapes(&row, |address| added.contains(&address.private_ip), "associating");
    tx.put(row);
    Ok(AssociateNatGatewayAddressResult {
        nat_gateway_id: Some(input.nat_gateway_id),
        nat_gateway_addresses: Some(shown),
    })
}

fn check_limit(count: usize, limit: usize) -> Result<(), Fault> {
    match count > limit {
        true => Err(faults::private_ip_address_limit_exceeded()),
        false => Ok(()),
    }
}

fn disassociate_nat_gateway_address(
    tx: &mut Tx<'_>,
    input: DisassociateNatGatewayAddressRequest,
) -> Result<DisassociateNatGatewayAddressResult, Fault> {
    let (row, interface, _) = editable(tx, &input.nat_gateway_id, Connectivity::Public)?;
    let names = |address: &NatGatewayAddress, id: &str| {
        address.association.as_ref().is_some_and(|association| association.as_str() == id)
    };
    for id in &input.association_ids {
        let index = row.addresses.iter().position(|address| names(address, id));
        match index {
            None => return Err(faults::invalid_association_id_not_found(id)),
            Some(0) => {
                return Err(faults::invalid_parameter(
                    "The primary Elastic IP address of a NAT gateway cannot be disassociated.",
                ));
            }
            Some(_) => {}
        }
    }
    let goes = |address: &NatGatewayAddress| input.association_ids.iter().any(|id| names(address, id));
    let shown = some_shapes(&row, goes, "disassociating");
    take_off(tx, row, interface, goes);
    Ok(DisassociateNatGatewayAddressResult {
        nat_gateway_id: Some(input.nat_gateway_id),
        nat_gateway_addresses: Some(shown),
    })
}

/// Removes addresses of a gateway, from its interface too, and what they are mapped to.
fn take_off(
    tx: &mut Tx<'_>,
    mut row: NatGateway,
    mut interface: NetworkInterface,
    goes: impl Fn(&NatGatewayAddress) -> bool,
) {
    let gone: Vec<NatGatewayAddress> =
        row.addresses.iter().filter(|address| goes(address)).cloned().collect();
    for allocation in gone.iter().filter_map(|address| address.allocation.as_ref()) {
        association::detach(tx, allocation);
    }
    row.addresses.retain(|address| !goes(address));
    interface.addresses.retain(|private| !gone.iter().any(|address| address.private_ip == private.ip));
    tx.put(row);
    tx.put(interface);
}

fn assign_private_nat_gateway_address(
    tx: &mut Tx<'_>,
    input: AssignPrivateNatGatewayAddressRequest,
) -> Result<AssignPrivateNatGatewayAddressResult, Fault> {
    let (mut row, interface, subnet) = editable(tx, &input.nat_gateway_id, Connectivity::Private)?;
    let named = input
        .private_ip_addresses
        .iter()
        .map(|text| allocation::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let wanted = match (named.is_empty(), input.private_ip_address_count) {
        (false, None) => Wanted { named, automatic: 0 },
        (true, Some(count @ 1..)) => Wanted { named, automatic: usize::try_from(count).unwrap_or(0) },
        (true, _) => return Err(faults::missing_parameter("PrivateIpAddressCount")),
        (false, Some(_)) => {
            return Err(faults::invalid_parameter_combination(
                "PrivateIpAddresses and PrivateIpAddressCount cannot be used together.",
            ));
        }
    };
    check_limit(row.addresses.len() + wanted.len(), PRIVATE_LIMIT)?;
    let (interface, added) = add_private(tx, &interface, &subnet, &wanted)?;
    for private_ip in &added {
        row.addresses.push(map(tx, &interface, *private_ip, None));
    }
    let shown = some_shapes(&row, |address| added.contains(&address.private_ip), "assigning");
    tx.put(row);
    Ok(AssignPrivateNatGatewayAddressResult {
        nat_gateway_id: Some(input.nat_gateway_id),
        nat_gateway_addresses: Some(shown),
    })
}

fn unassign_private_nat_gateway_address(
    tx: &mut Tx<'_>,
    input: UnassignPrivateNatGatewayAddressRequest,
) -> Result<UnassignPrivateNatGatewayAddressResult, Fault> {
    let (row, interface, _) = editable(tx, &input.nat_gateway_id, Connectivity::Private)?;
    let named = input
        .private_ip_addresses
        .iter()
        .map(|text| allocation::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    for ip in &named {
        match row.addresses.iter().position(|address| address.private_ip == *ip) {
            None => {
                return Err(faults::invalid_parameter_value(format!(
                    "The private IP address {ip} is not assigned to the NAT gateway."
                )));
            }
            Some(0) => {
                return Err(faults::invalid_parameter(
                    "The primary private IP address of a NAT gateway cannot be unassigned.",
                ));
            }
            Some(_) => {}
        }
    }
    let goes = |address: &NatGatewayAddress| named.contains(&address.private_ip);
    let shown = some_shapes(&row, goes, "unassigning");
    take_off(tx, row, interface, goes);
    Ok(UnassignPrivateNatGatewayAddressResult {
        nat_gateway_id: Some(input.nat_gateway_id),
        nat_gateway_addresses: Some(shown),
    })
}
