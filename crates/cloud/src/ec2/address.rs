//! Elastic IP addresses: `AllocateAddress`, `ReleaseAddress`, `AssociateAddress`, `DisassociateAddress`,
//! `DescribeAddresses`.
//! [Elastic IP addresses](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html)
//!
//! What AWS promises: five addresses per region unless the quota is raised; an address maps to one private address of an
//! interface in a VPC with an internet gateway, and moves to another when it is associated again; one that is associated
//! cannot be released. How we realise it: [`association`] has the rules of the mapping, [`pool`] the addresses. Tested in
//! `tests/address.rs`.

pub(crate) mod association;
mod attribute;
pub(crate) mod pool;

use std::net::Ipv4Addr;

use enishi_api::ec2::{
    self as api, AllocateAddressRequest, AllocateAddressResult, AssociateAddressRequest,
    AssociateAddressResult, DescribeAddressTransfersRequest, DescribeAddressTransfersResult,
    DescribeAddressesRequest, DescribeAddressesResult, DisassociateAddressRequest, ReleaseAddressRequest,
    ops,
};
use enishi_state::ec2::{Address, AddressId, Instance, InstanceState, NetworkInterface};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use super::filter::{Field, field};
use super::network_interface::{allocation, shape};
use super::page::Page;
use super::tag::NewTags;
use super::{describe, faults, ids, tag};
use crate::quota;
use crate::registry::Registry;

/// AWS's name of its own pool of public addresses.
const POOL: &str = "amazon";

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AllocateAddress>(allocate_address);
    on.write::<ops::ReleaseAddress>(release_address);
    on.write::<ops::AssociateAddress>(associate_address);
    on.write::<ops::DisassociateAddress>(disassociate_address);
    on.read::<ops::DescribeAddresses>(describe_addresses);
    on.stored_read::<ops::DescribeAddressTransfers>(describe_address_transfers);
    attribute::register(on);
}

fn allocate_address(tx: &mut Tx<'_>, input: AllocateAddressRequest) -> Result<AllocateAddressResult, Fault> {
    let scope = tx.caller().scope.clone();
    match input.domain.as_deref() {
        None | Some("" | "vpc") => {}
        Some("standard") => {
            return Err(faults::invalid_parameter_value("The standard domain is not supported."));
        }
        Some(other) => return Err(faults::invalid_enum(other, "domain")),
    }
    for pool in
        [&input.public_ipv4_pool, &input.customer_owned_ipv4_pool, &input.ipam_pool_id].into_iter().flatten()
    {
        if pool != POOL {
            return Err(faults::invalid_parameter_value(format!(
                "The address pool '{pool}' does not exist."
            )));
        }
    }
    let border = input.network_border_group.unwrap_or_else(|| scope.region.to_string());
    if border != scope.region.as_str() {
        return Err(faults::invalid_parameter_value(format!(
            "The network border group '{border}' is not valid."
        )));
    }
    let tags = NewTags::parse(input.tag_specifications, &["elastic-ip"])?;
    let existing = ids::in_scope::<Address>(tx.world(), &scope).count();
    if quota::ELASTIC_IPS.reached(tx.world(), &scope, existing) {
        return Err(faults::address_limit_exceeded());
    }
    let public_ip = match input.address.as_deref() {
        None => pool::draw(tx)?,
        Some(text) => recover(tx.world(), text)?,
    };
    let id = AddressId::generate(tx.entropy());
    let row = Address {
        id: id.clone(),
        scope,
        public_ip,
        association: None,
        allocated: tx.now(),
        ptr_record: None,
        network_border_group: border.clone(),
    };
    tx.put(row);
    tags.attach(tx, "elastic-ip", id.as_str());
    Ok(AllocateAddressResult {
        allocation_id: Some(id.to_string()),
        public_ipv4_pool: Some(POOL.to_owned()),
        network_border_group: Some(border),
        domain: Some("vpc".to_owned()),
        public_ip: Some(public_ip.to_string()),
        ..Default::default()
    })
}

/// An address that the caller names because it once had it; it may have it if nobody else does.
fn recover(world: &World, text: &str) -> Result<Ipv4Addr, Fault> {
    let address = allocation::parse(text)?;
    match pool::is_available(world, address) {
        true => Ok(address),
        false => Err(faults::invalid_address_id_not_found()),
    }
}

fn release_address(tx: &mut Tx<'_>, input: ReleaseAddressRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let row = match (&input.allocation_id, &input.public_ip) {
        (Some(_), Some(_)) => {
            return Err(faults::invalid_parameter_combination(
                "You may specify public IP or allocation id, but not both in the same call",
            ));
        }
        (Some(id), None) => ids::find::<Address>(tx.world(), scope, id)?.clone(),
        (None, Some(_)) => {
            return Err(faults::invalid_parameter_value(
                "You must specify an allocation id when releasing a VPC elastic IP address",
            ));
        }
        (None, None) => return Err(faults::missing_parameter("allocationId")),
    };
    if row.association.is_some() {
        return Err(faults::address_in_use(row.public_ip));
    }
    if row.ptr_record.is_some() {
        return Err(faults::invalid_address_ptr_set(&row.id));
    }
    tag::remove_all(tx, row.id.as_str());
    tx.remove::<Address>(&row.id);
    Ok(())
}

fn associate_address(
    tx: &mut Tx<'_>,
    input: AssociateAddressRequest,
) -> Result<AssociateAddressResult, Fault> {
    let address = requested_address(tx, input.allocation_id.as_deref(), input.public_ip.as_deref())?;
    let interface =
        requested_interface(tx, input.instance_id.as_deref(), input.network_interface_id.as_deref())?;
    check_target(tx.world(), &interface)?;
    let private_ip = match input.private_ip_address.as_deref() {
        None => interface.primary_ip(),
        Some(text) => own_address(&interface, text)?,
    };
    if association::gateway_of(tx.world(), &interface.vpc).is_none() {
        return Err(faults::network_not_attached(&interface.vpc));
    }
    if let Some(existing) = &address.association
        && existing.network_interface == interface.id
        && existing.private_ip == private_ip
    {
        return Ok(AssociateAddressResult { association_id: Some(existing.id.to_string()) });
    }
    let may_move = input.allow_reassociation.unwrap_or(true);
    free_address(tx, &address, may_move)?;
    free_private_ip(tx, &interface, private_ip, may_move)?;
    let id = association::attach(tx, &address.id, &interface, private_ip);
    Ok(AssociateAddressResult { association_id: Some(id.to_string()) })
}

/// The caller's address, by allocation or by itself.
fn requested_address(
    tx: &Tx<'_>,
    allocation: Option<&str>,
    public_ip: Option<&str>,
) -> Result<Address, Fault> {
    let scope = &tx.caller().scope;
    match (allocation, public_ip) {
        (Some(_), Some(_)) => Err(faults::invalid_parameter_combination(
            "You may specify public IP or allocation id, but not both in the same call",
        )),
        (Some(id), None) => ids::find::<Address>(tx.world(), scope, id).cloned(),
        (None, Some(ip)) => by_public_ip(tx.world(), tx, ip).cloned(),
        (None, None) => Err(faults::missing_parameter("allocationId")),
    }
}

fn by_public_ip<'w>(world: &'w World, tx: &Tx<'_>, ip: &str) -> Result<&'w Address, Fault> {
    let found = world.by::<Address>("public_ip", ip).find(|row| row.scope == tx.caller().scope);
    found.ok_or_else(|| faults::invalid_address_not_found(ip))
}

fn requested_interface(
    tx: &Tx<'_>,
    instance: Option<&str>,
    interface: Option<&str>,
) -> Result<NetworkInterface, Fault> {
    let scope = &tx.caller().scope;
    match (instance, interface) {
        (_, Some(id)) => {
            let row = ids::find::<NetworkInterface>(tx.world(), scope, id)?;
            let of_other = |wanted: &str| row.instance().is_none_or(|found| found.as_str() != wanted);
            if instance.is_some_and(of_other) {
                return Err(faults::invalid_parameter_combination(format!(
                    "The network interface '{id}' is not attached to the specified instance."
                )));
            }
            Ok(row.clone())
        }
        (Some(id), None) => only_interface(tx.world(), ids::find::<Instance>(tx.world(), scope, id)?),
        (None, None) => Err(faults::missing_parameter("Either 'InstanceId' or 'NetworkInterfaceId'")),
    }
}

fn only_interface(world: &World, instance: &Instance) -> Result<NetworkInterface, Fault> {
    let mut interfaces = world.by::<NetworkInterface>("instance", instance.id.as_str());
    match (interfaces.next(), interfaces.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) => Err(faults::invalid_instance_id(format!(
            "There are multiple interfaces attached to instance '{}'. Please specify an interface ID for the \
             operation instead.",
            instance.id
        ))),
        (None, _) => Err(faults::incorrect_instance_state(format!(
            "The instance '{}' is not in a valid state for this operation.",
            instance.id
        ))),
    }
}

/// Refuses an interface that a service manages, and an instance that is not there yet or no more.
fn check_target(world: &World, interface: &NetworkInterface) -> Result<(), Fault> {
    if shape::is_managed(interface) {
        return Err(faults::auth_failure());
    }
    let instance = interface.instance().and_then(|id| world.get::<Instance>(id));
    match instance.map(|instance| (instance.state, &instance.id)) {
        Some((InstanceState::Pending, id)) => Err(faults::invalid_instance_id(format!(
            "The pending instance '{id}' is not in a valid state for this operation."
        ))),
        Some((InstanceState::ShuttingDown | InstanceState::Terminated, id)) => {
            Err(faults::incorrect_instance_state(format!(
                "The instance '{id}' is not in a valid state for this operation."
            )))
        }
        _ => Ok(()),
    }
}

fn own_address(interface: &NetworkInterface, text: &str) -> Result<Ipv4Addr, Fault> {
    let ip = allocation::parse(text)?;
    match interface.addresses.iter().any(|private| private.ip == ip) {
        true => Ok(ip),
        false => Err(faults::invalid_parameter_value(format!(
            "The private IP address {ip} is not assigned to network interface {}.",
            interface.id
        ))),
    }
}

/// Takes the Elastic IP from where it is. Reassociation is automatic unless the request forbids it.
fn free_address(tx: &mut Tx<'_>, address: &Address, may_move: bool) -> Result<(), Fault> {
    let Some(existing) = &address.association else { return Ok(()) };
    let holder = tx.world().get::<NetworkInterface>(&existing.network_interface);
    if holder.is_some_and(shape::is_managed) {
        return Err(faults::auth_failure());
    }
    if !may_move {
        return Err(faults::resource_already_associated(format!(
            "resource {} is already associated with associate-id {}",
            address.id, existing.id
        )));
    }
    association::detach(tx, &address.id);
    association::restore_automatic(tx, &existing.network_interface)
}

/// Takes another Elastic IP off the private address; it stays allocated.
fn free_private_ip(
    tx: &mut Tx<'_>,
    interface: &NetworkInterface,
    private_ip: Ipv4Addr,
    may_move: bool,
) -> Result<(), Fault> {
    let other =
        association::elastic_of(tx.world(), interface).find(|(_, found)| found.private_ip == private_ip);
    let Some((id, public_ip)) = other.map(|(other, _)| (other.id.clone(), other.public_ip)) else {
        return Ok(());
    };
    if !may_move {
        return Err(faults::resource_already_associated(format!(
            "resource {} and {private_ip} is already associated with public address {public_ip}",
            interface.id
        )));
    }
    association::detach(tx, &id);
    Ok(())
}

fn disassociate_address(tx: &mut Tx<'_>, input: DisassociateAddressRequest) -> Result<(), Fault> {
    let row = match (input.association_id.as_deref(), input.public_ip.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(faults::invalid_parameter_combination(
                "You may specify public IP or association id, but not both in the same call",
            ));
        }
        (Some(id), None) => {
            let found =
                tx.world().by::<Address>("association", id).find(|row| row.scope == tx.caller().scope);
            found.ok_or_else(|| faults::invalid_association_id_not_found(id))?.clone()
        }
        (None, Some(ip)) => by_public_ip(tx.world(), tx, ip)?.clone(),
        (None, None) => return Err(faults::missing_parameter("associationId")),
    };
    free_address(tx, &row, true)
}

fn describe_address_transfers(
    read: &Read<'_>,
    input: DescribeAddressTransfersRequest,
) -> Result<DescribeAddressTransfersResult, Fault> {
    for id in &input.allocation_ids {
        ids::find::<Address>(read.world, &read.caller.scope, id)?;
    }
    Ok(DescribeAddressTransfersResult { address_transfers: Some(vec![]), next_token: None })
}

const FILTERS: &[Field<Address>] = &[
    field("allocation-id", |_, row, values| values.add(&row.id)),
    field("association-id", |_, row, values| values.maybe(row.association.as_ref().map(|found| &found.id))),
    field("domain", |_, _, values| values.add("vpc")),
    field("instance-id", |world, row, values| {
        values.maybe(interface_of(world, row).and_then(NetworkInterface::instance))
    }),
    field("network-border-group", |_, row, values| values.add(&row.network_border_group)),
    field("network-interface-id", |_, row, values| {
        values.maybe(row.association.as_ref().map(|found| &found.network_interface));
    }),
    field("network-interface-owner-id", |_, row, values| {
        values.maybe(row.association.as_ref().map(|_| &row.scope.account));
    }),
    field("private-ip-address", |_, row, values| {
        values.maybe(row.association.as_ref().map(|found| found.private_ip))
    }),
    field("public-ip", |_, row, values| values.add(row.public_ip)),
];

fn interface_of<'w>(world: &'w World, row: &Address) -> Option<&'w NetworkInterface> {
    world.get::<NetworkInterface>(&row.association.as_ref()?.network_interface)
}

fn describe_addresses(
    read: &Read<'_>,
    input: DescribeAddressesRequest,
) -> Result<DescribeAddressesResult, Fault> {
    let page = Page::parse(None, None, super::page::USUAL)?;
    let (mut rows, _) = describe::describe(read, &input.allocation_ids, input.filters, FILTERS, &page)?;
    for ip in &input.public_ips {
        let mut owned = read.world.by::<Address>("public_ip", ip);
        if !owned.any(|row| row.scope == read.caller.scope) {
            return Err(faults::invalid_address_not_found(ip));
        }
    }
    if !input.public_ips.is_empty() {
        rows.retain(|row| input.public_ips.iter().any(|ip| *ip == row.public_ip.to_string()));
    }
    let addresses = rows.into_iter().map(|row| address(read.world, row)).collect();
    Ok(DescribeAddressesResult { addresses: Some(addresses) })
}

fn address(world: &World, row: &Address) -> api::Address {
    let association = row.association.as_ref();
    let instance = interface_of(world, row).and_then(NetworkInterface::instance);
    api::Address {
        allocation_id: Some(row.id.to_string()),
        association_id: association.map(|found| found.id.to_string()),
        domain: Some("vpc".to_owned()),
        network_interface_id: association.map(|found| found.network_interface.to_string()),
        network_interface_owner_id: association.map(|_| row.scope.account.to_string()),
        private_ip_address: association.map(|found| found.private_ip.to_string()),
        tags: tag::of(world, row.id.as_str()),
        public_ipv4_pool: Some(POOL.to_owned()),
        network_border_group: Some(row.network_border_group.clone()),
        instance_id: instance.map(ToString::to_string),
        public_ip: Some(row.public_ip.to_string()),
        ..Default::default()
    }
}
