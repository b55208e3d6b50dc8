//! Network interfaces: `CreateNetworkInterface`, `DeleteNetworkInterface`, `DescribeNetworkInterfaces`, and what others
//! that make and remove interfaces share.
//! [Elastic network interfaces](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html)
//!
//! What AWS promises: an interface lives in one subnet, has a primary and any number of secondary private addresses, up to
//! five security groups, and is attached to at most one instance of its zone. It can be deleted while it is not attached.
//! How we realise it: an interface is one row; the data plane makes a veth pair of it while its instance is up. Permissions
//! for other accounts are refused, as accounts cannot share interfaces here. Tested in `tests/network_interface.rs`.

pub(crate) mod allocation;
pub(crate) mod attachment;
mod attribute;
pub(crate) mod groups;
pub(crate) mod managed;
mod private_address;
pub(crate) mod shape;

use std::net::Ipv4Addr;

use enishi_api::ec2::{
    self as api, CreateNetworkInterfaceRequest, CreateNetworkInterfaceResult, DeleteNetworkInterfaceRequest,
    DescribeNetworkInterfacesRequest, DescribeNetworkInterfacesResult, PrivateIpAddressSpecification, ops,
};
use enishi_fabric::Mac;
use enishi_state::ec2::{
    InterfaceKind, NetworkInterface, NetworkInterfaceId, PrivateAddress, SecurityGroup, SecurityGroupId,
    Subnet,
};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use self::allocation::Wanted;
use super::address::association::{self, public_of};
use super::filter::{Field, field};
use super::page::{self, Page};
use super::tag::NewTags;
use super::{client_token, counter, describe, faults, ids, tag};
use crate::quota;
use crate::registry::Registry;

/// Private addresses of an interface that is not attached, where no instance type sets the limit.
const ADDRESSES_LIMIT: usize = 50;
const DESCRIPTION_LENGTH: usize = 255;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateNetworkInterface>(create_network_interface);
    on.write::<ops::DeleteNetworkInterface>(delete_network_interface);
    on.read::<ops::DescribeNetworkInterfaces>(describe_network_interfaces);
    attachment::register(on);
    attribute::register(on);
    private_address::register(on);
}

/// What a new interface is made of.
#[derive(Debug)]
pub(crate) struct New<'a> {
    /// Its subnet.
    pub(crate) subnet: &'a Subnet,
    /// What it is for.
    pub(crate) kind: InterfaceKind,
    /// The user's words.
    pub(crate) description: String,
    /// Its security groups.
    pub(crate) groups: Vec<SecurityGroupId>,
    /// Its private addresses, allocated, the primary first.
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// The service that asks for it.
    pub(crate) requester: Option<String>,
}

/// Makes an interface that nothing uses yet.
///
/// # Errors
/// `NetworkInterfaceLimitExceeded`.
pub(crate) fn create(tx: &mut Tx<'_>, new: New<'_>) -> Result<NetworkInterface, Fault> {
    let scope = &new.subnet.scope;
    let existing = ids::in_scope::<NetworkInterface>(tx.world(), scope).count();
    if quota::NETWORK_INTERFACES.reached(tx.world(), scope, existing) {
        return Err(faults::network_interface_limit_exceeded());
    }
    let row = NetworkInterface {
        id: NetworkInterfaceId::generate(tx.entropy()),
        scope: scope.clone(),
        slot: counter::draw_slot(tx, "network_interface"),
        vpc: new.subnet.vpc.clone(),
        subnet: new.subnet.id.clone(),
        zone: new.subnet.zone.clone(),
        mac: random_mac(tx),
        kind: new.kind,
        description: new.description,
        groups: new.groups,
        source_dest_check: new.kind != InterfaceKind::NatGateway,
        addresses: new.addresses.into_iter().map(|ip| PrivateAddress { ip }).collect(),
        auto_public_ip: None,
        wants_public_ip: false,
        attachment: None,
        requester: new.requester,
    };
    tx.put(row.clone());
    Ok(row)
}

/// Removes an interface with its tags and what its addresses are mapped to.
pub(crate) fn remove(tx: &mut Tx<'_>, interface: &NetworkInterface) {
    association::detach_all(tx, interface);
    tag::remove_all(tx, interface.id.as_str());
    tx.remove::<NetworkInterface>(&interface.id);
}

/// A locally administered unicast address, like those that EC2 gives: it starts with 02, 06, 0a or 0e.
fn random_mac(tx: &mut Tx<'_>) -> Mac {
    let mut bytes = [0u8; 6];
    tx.entropy().fill(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x0c) | 0x02;
    }
    Mac(bytes)
}

/// What a request wants for addresses: a primary one, a list in which one may be marked primary, and a count.
///
/// # Errors
/// `InvalidParameterValue`, `InvalidParameterCombination`.
pub(crate) fn wanted(
    primary: Option<&str>,
    listed: &[PrivateIpAddressSpecification],
    secondary_count: Option<i32>,
) -> Result<Wanted, Fault> {
    if !listed.is_empty() && secondary_count.is_some() {
        return Err(faults::invalid_parameter_combination(
            "The parameter secondaryPrivateIpAddressCount cannot be used with the parameter privateIpAddresses",
        ));
    }
    let mut primary = primary.map(allocation::parse).transpose()?;
    let mut secondary = Vec::new();
    for specification in listed {
        let Some(text) = &specification.private_ip_address else { continue };
        let address = allocation::parse(text)?;
        match (specification.primary.unwrap_or(false), primary) {
            (true, None) => primary = Some(address),
            (true, Some(other)) if other != address => {
                return Err(faults::invalid_parameter_combination(
                    "Only one primary private IP address can be specified.",
                ));
            }
            (true, Some(_)) => {}
            (false, _) => secondary.push(address),
        }
    }
    let count = usize::try_from(secondary_count.unwrap_or(0)).map_err(|_| {
        faults::invalid_value(
            "secondaryPrivateIpAddressCount",
            secondary_count.unwrap_or(0),
            "Must not be negative.",
        )
    })?;
    // Without a primary one the first that is named is it, or one that is chosen.
    let named: Vec<Ipv4Addr> = primary.into_iter().chain(secondary).collect();
    let chosen_primary = usize::from(named.is_empty());
    Ok(Wanted { named, automatic: count + chosen_primary })
}

/// Refuses a description that is too long.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn check_description(description: &str) -> Result<(), Fault> {
    match description.chars().count() > DESCRIPTION_LENGTH {
        true => Err(faults::invalid_value("description", description, "It exceeds 255 characters.")),
        false => Ok(()),
    }
}

fn create_network_interface(
    tx: &mut Tx<'_>,
    input: CreateNetworkInterfaceRequest,
) -> Result<CreateNetworkInterfaceResult, Fault> {
    let token = input.client_token.clone();
    let made = client_token::once(tx, "CreateNetworkInterface", token.as_deref(), &input, |tx| {
        create_from(tx, &input).map(|row| vec![row.id.to_string()])
    })?;
    let id = made.first().map(String::as_str).unwrap_or_default();
    let row = ids::find::<NetworkInterface>(tx.world(), &tx.caller().scope, id)?;
    Ok(CreateNetworkInterfaceResult {
        network_interface: Some(shape::network_interface(tx.world(), row)),
        client_token: token,
    })
}

fn create_from(tx: &mut Tx<'_>, input: &CreateNetworkInterfaceRequest) -> Result<NetworkInterface, Fault> {
    refuse_unsupported(input)?;
    let subnet = ids::find::<Subnet>(tx.world(), &tx.caller().scope, &input.subnet_id)?.clone();
    let groups = groups::resolve(tx.world(), &subnet, &input.groups, &[])?;
    let tags = NewTags::parse(input.tag_specifications.clone(), &["network-interface"])?;
    let description = input.description.clone().unwrap_or_default();
    check_description(&description)?;
    let wanted = wanted(
        input.private_ip_address.as_deref(),
        &input.private_ip_addresses,
        input.secondary_private_ip_address_count,
    )?;
    if wanted.len() > ADDRESSES_LIMIT {
        return Err(faults::private_ip_address_limit_exceeded());
    }
    let addresses = allocation::allocate(tx, &subnet, &wanted)?;
    let kind = InterfaceKind::Interface;
    let row = create(tx, New { subnet: &subnet, kind, description, groups, addresses, requester: None })?;
    tags.attach(tx, "network-interface", row.id.as_str());
    Ok(row)
}

/// Refuses what would change packets and is not there yet.
fn refuse_unsupported(input: &CreateNetworkInterfaceRequest) -> Result<(), Fault> {
    let ipv6 = !input.ipv6_addresses.is_empty() || input.ipv6_address_count.unwrap_or(0) != 0;
    let prefixes = !input.ipv4_prefixes.is_empty() || input.ipv4_prefix_count.unwrap_or(0) != 0;
    match input.interface_type.as_deref() {
        _ if ipv6 => Err(faults::unsupported_operation("IPv6 addresses are not supported by Enishi yet.")),
        _ if prefixes => Err(faults::unsupported_operation("Prefix delegation is not supported by Enishi.")),
        None | Some("interface") => Ok(()),
        Some(other @ ("efa" | "efa-only" | "branch" | "trunk")) => Err(faults::unsupported_operation(
            format!("Network interfaces of type '{other}' are not supported by Enishi."),
        )),
        Some(other) => Err(faults::invalid_enum(other, "InterfaceType")),
    }
}

fn delete_network_interface(tx: &mut Tx<'_>, input: DeleteNetworkInterfaceRequest) -> Result<(), Fault> {
    let row = user_interface(tx, &input.network_interface_id)?;
    if row.attachment.is_some() {
        return Err(faults::network_interface_in_use(&row.id));
    }
    remove(tx, &row);
    Ok(())
}

/// The caller's interface of that id, if no service of AWS manages it.
///
/// # Errors
/// `InvalidNetworkInterfaceID.NotFound`, `OperationNotPermitted`.
fn user_interface(tx: &Tx<'_>, id: &str) -> Result<NetworkInterface, Fault> {
    let row = ids::find::<NetworkInterface>(tx.world(), &tx.caller().scope, id)?;
    match shape::is_managed(row) {
        true => Err(faults::operation_not_permitted(format!(
            "You do not have permission to change the network interface '{id}', which is managed by a service."
        ))),
        false => Ok(row.clone()),
    }
}

const FILTERS: &[Field<NetworkInterface>] = &[
    field("addresses.association.allocation-id", |world, row, values| {
        association::elastic_of(world, row).for_each(|(address, _)| values.add(&address.id));
    }),
    field("addresses.association.owner-id", |world, row, values| {
        row.addresses.iter().for_each(|private| {
            values.maybe(public_of(world, row, private.ip).map(|public| shape::public_owner(row, &public)))
        });
    }),
    field("addresses.association.public-ip", |world, row, values| {
        row.addresses
            .iter()
            .for_each(|private| values.maybe(public_of(world, row, private.ip).map(|p| p.ip())));
    }),
    field("addresses.primary", |_, row, values| {
        row.addresses.iter().for_each(|private| values.add(private.ip == row.primary_ip()));
    }),
    field("addresses.private-ip-address", |_, row, values| {
        row.addresses.iter().for_each(|private| values.add(private.ip));
    }),
    field("association.allocation-id", |world, row, values| {
        association::elastic_of(world, row).for_each(|(address, _)| values.add(&address.id));
    }),
    field("association.association-id", |world, row, values| {
        association::elastic_of(world, row).for_each(|(_, association)| values.add(&association.id));
    }),
    field("association.ip-owner-id", |world, row, values| {
        let public = public_of(world, row, row.primary_ip());
        values.maybe(public.map(|public| shape::public_owner(row, &public)));
    }),
    field("association.public-dns-name", |world, row, values| {
        if shape::has_dns_names(world, row) {
            let public = public_of(world, row, row.primary_ip());
            values.maybe(public.map(|public| shape::public_dns_name(&row.scope.region, public.ip())));
        }
    }),
    field("association.public-ip", |world, row, values| {
        values.maybe(public_of(world, row, row.primary_ip()).map(|public| public.ip()));
    }),
    field("attachment.attach-time", |_, row, values| {
        let time = |at: enishi_state::Timestamp| enishi_wire::Timestamp::from_millis(at.0).date_time_millis();
        values.maybe(row.attachment.as_ref().map(|found| time(found.attached)));
    }),
    field("attachment.attachment-id", |_, row, values| {
        values.maybe(row.attachment.as_ref().map(|found| &found.id))
    }),
    field("attachment.delete-on-termination", |_, row, values| {
        values.maybe(row.attachment.as_ref().map(|found| found.delete_on_termination));
    }),
    field("attachment.device-index", |_, row, values| {
        values.maybe(row.attachment.as_ref().map(|found| found.device_index));
    }),
    field("attachment.instance-id", |_, row, values| values.maybe(row.instance())),
    field("attachment.instance-owner-id", |_, row, values| {
        values.maybe(row.attachment.as_ref().map(|found| shape::instance_owner(row, found)));
    }),
    field("attachment.status", |_, row, values| values.maybe(row.attachment.as_ref().map(|_| "attached"))),
    field("availability-zone", |_, row, values| values.add(&row.zone)),
    field("availability-zone-id", |world, row, values| {
        values.maybe(world.get::<Subnet>(&row.subnet).map(|subnet| &subnet.zone_id));
    }),
    field("description", |_, row, values| values.add(&row.description)),
    field("group-id", |_, row, values| row.groups.iter().for_each(|group| values.add(group))),
    field("group-name", |world, row, values| {
        row.groups
            .iter()
            .for_each(|id| values.maybe(world.get::<SecurityGroup>(id).map(|group| &group.name)));
    }),
    field("interface-type", |_, row, values| values.add(shape::interface_type(row.kind))),
    field("ipv6-addresses.ipv6-address", |_, _, _| {}),
    field("mac-address", |_, row, values| values.add(row.mac)),
    field("network-interface-id", |_, row, values| values.add(&row.id)),
    field("operator.managed", |_, row, values| values.add(shape::is_managed(row))),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("private-dns-name", |world, row, values| {
        if shape::has_dns_names(world, row) {
            values.add(shape::private_dns_name(&row.scope.region, row.primary_ip()));
        }
    }),
    field("private-ip-address", |_, row, values| values.add(row.primary_ip())),
    field("requester-id", |_, row, values| values.maybe(row.requester.as_ref())),
    field("requester-managed", |_, row, values| values.add(shape::is_managed(row))),
    field("source-dest-check", |_, row, values| values.add(row.source_dest_check)),
    field("status", |_, row, values| values.add(shape::status(row))),
    field("subnet-id", |_, row, values| values.add(&row.subnet)),
    field("vpc-id", |_, row, values| values.add(&row.vpc)),
];

fn describe_network_interfaces(
    read: &Read<'_>,
    input: DescribeNetworkInterfacesRequest,
) -> Result<DescribeNetworkInterfacesResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let ids = &input.network_interface_ids;
    let (rows, next_token) = describe::describe(read, ids, input.filters, FILTERS, &page)?;
    let interfaces: Vec<api::NetworkInterface> =
        rows.into_iter().map(|row| shape::network_interface(read.world, row)).collect();
    Ok(DescribeNetworkInterfacesResult { network_interfaces: Some(interfaces), next_token })
}
