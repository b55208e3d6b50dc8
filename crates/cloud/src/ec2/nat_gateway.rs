//! NAT gateways: `CreateNatGateway`, `DeleteNatGateway`, `DescribeNatGateways`.
//! [NAT gateways](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html)
//!
//! What AWS promises: a public gateway has Elastic IPs and needs an internet gateway on its VPC, a private one has neither.
//! It is `pending` until it forwards. What is wrong with its network shows later, as state `failed` with a code and a
//! message ([Troubleshoot NAT gateways](https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html));
//! a failed or deleted gateway is listed for about an hour. How we realise it: a row and a network interface that AWS
//! manages; [`crate::tick`] moves the state on. Tested in `tests/nat_gateway.rs`.

mod address;

use enishi_api::ec2::{
    self as api, CreateNatGatewayRequest, CreateNatGatewayResult, DeleteNatGatewayRequest,
    DeleteNatGatewayResult, DescribeNatGatewaysRequest, DescribeNatGatewaysResult, ops,
};
use enishi_state::ec2::{
    Address, AddressId, Attachment, AttachmentId, Connectivity, InterfaceKind, NatGateway, NatGatewayAddress,
    NatGatewayId, NatGatewayState, NetworkInterface, NetworkInterfaceId, Subnet,
};
use enishi_state::{Read, Tx, World};
use enishi_wire::{Fault, Timestamp};

use super::address::association;
use super::filter::{Field, field};
use super::network_interface::{self, allocation, allocation::Wanted};
use super::page::{self, Page};
use super::tag::NewTags;
use super::{client_token, describe, faults, ids, tag};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateNatGateway>(create_nat_gateway);
    on.write::<ops::DeleteNatGateway>(delete_nat_gateway);
    on.read::<ops::DescribeNatGateways>(describe_nat_gateways);
    address::register(on);
}

fn create_nat_gateway(
    tx: &mut Tx<'_>,
    input: CreateNatGatewayRequest,
) -> Result<CreateNatGatewayResult, Fault> {
    let token = input.client_token.clone();
    let made = client_token::once(tx, "CreateNatGateway", token.as_deref(), &input, |tx| {
        create(tx, &input).map(|id| vec![id.to_string()])
    })?;
    let id = made.first().map(String::as_str).unwrap_or_default();
    let row = ids::find::<NatGateway>(tx.world(), &tx.caller().scope, id)?;
    // A failure shows in the next DescribeNatGateways, never in this answer.
    let mut shown = shape(tx.world(), row);
    shown.state = Some("pending".to_owned());
    shown.failure_code = None;
    shown.failure_message = None;
    Ok(CreateNatGatewayResult { client_token: token, nat_gateway: Some(shown) })
}

/// A request, checked as far as AWS checks before it answers.
struct Checked {
    subnet: Subnet,
    connectivity: Connectivity,
    allocations: Vec<AddressId>,
    wanted: Wanted,
}

fn check(tx: &Tx<'_>, input: &CreateNatGatewayRequest) -> Result<Checked, Fault> {
    let regional = input.availability_mode.as_deref().is_some_and(|mode| mode != "zonal");
    if regional || input.vpc_id.is_some() || !input.availability_zone_addresses.is_empty() {
        return Err(faults::unsupported_operation("Regional NAT gateways are not supported by Enishi yet."));
    }
    let scope = &tx.caller().scope;
    let id = input.subnet_id.as_deref().ok_or_else(|| faults::missing_parameter("subnetId"))?;
    let subnet = ids::find::<Subnet>(tx.world(), scope, id).map_err(|_| faults::invalid_subnet(id))?.clone();
    let connectivity = connectivity(input)?;
    let mut allocations = Vec::new();
    for id in input.allocation_id.iter().chain(&input.secondary_allocation_ids) {
        allocations.push(ids::find::<Address>(tx.world(), scope, id)?.id.clone());
    }
    check_quota(tx.world(), &subnet)?;
    let wanted = wanted(input, allocations.len())?;
    Ok(Checked { subnet, connectivity, allocations, wanted })
}

fn connectivity(input: &CreateNatGatewayRequest) -> Result<Connectivity, Fault> {
    match input.connectivity_type.as_deref() {
        None | Some("public") if input.allocation_id.is_none() => {
            Err(faults::missing_parameter("AllocationId"))
        }
        None | Some("public") if input.secondary_private_ip_address_count.is_some() => {
            Err(faults::invalid_parameter_combination(
                "SecondaryPrivateIpAddressCount cannot be specified for a public NAT gateway.",
            ))
        }
        None | Some("public") => Ok(Connectivity::Public),
        Some("private") if input.allocation_id.is_some() || !input.secondary_allocation_ids.is_empty() => {
            Err(faults::invalid_parameter_combination(
                "AllocationId cannot be specified for a private NAT gateway.",
            ))
        }
        Some("private") => Ok(Connectivity::Private),
        Some(other) => Err(faults::invalid_enum(other, "ConnectivityType")),
    }
}

/// The private addresses: a public gateway has one for each Elastic IP.
fn wanted(input: &CreateNatGatewayRequest, allocations: usize) -> Result<Wanted, Fault> {
    let secondary = &input.secondary_private_ip_addresses;
    if !secondary.is_empty() && input.secondary_private_ip_address_count.is_some() {
        return Err(faults::invalid_parameter_combination(
            "SecondaryPrivateIpAddresses and SecondaryPrivateIpAddressCount cannot be used together.",
        ));
    }
    if allocations > 0 && !secondary.is_empty() && secondary.len() + 1 != allocations {
        return Err(faults::invalid_parameter_combination(
            "The number of secondary private IP addresses must match the number of secondary allocations.",
        ));
    }
    let primary = input.private_ip_address.as_deref().map(allocation::parse).transpose()?;
    let secondary = secondary.iter().map(|text| allocation::parse(text)).collect::<Result<Vec<_>, _>>()?;
    if primary.is_none() && !secondary.is_empty() {
        return Err(faults::missing_parameter("PrivateIpAddress"));
    }
    let counted = usize::try_from(input.secondary_private_ip_address_count.unwrap_or(0)).unwrap_or(0);
    let total = allocations.max(1 + secondary.len() + counted);
    let named: Vec<_> = primary.into_iter().chain(secondary).collect();
    let automatic = total.saturating_sub(named.len());
    Ok(Wanted { named, automatic })
}

fn check_quota(world: &World, subnet: &Subnet) -> Result<(), Fault> {
    let gateways = ids::in_scope::<NatGateway>(world, &subnet.scope);
    let counts = |row: &&NatGateway| {
        let ended = matches!(row.state, NatGatewayState::Deleted | NatGatewayState::Failed { .. });
        !ended && world.get::<Subnet>(&row.subnet).is_some_and(|other| other.zone == subnet.zone)
    };
    let quota = quota::NAT_GATEWAYS_PER_ZONE;
    match quota.reached(world, &subnet.scope, gateways.filter(counts).count()) {
        true => Err(faults::nat_gateway_limit_exceeded(&subnet.zone, quota.applied(world, &subnet.scope))),
        false => Ok(()),
    }
}

fn create(tx: &mut Tx<'_>, input: &CreateNatGatewayRequest) -> Result<NatGatewayId, Fault> {
    let tags = NewTags::parse(input.tag_specifications.clone(), &["natgateway"])?;
    let checked = check(tx, input)?;
    let id = NatGatewayId::generate(tx.entropy());
    let (state, network_interface, addresses) = match failure(tx.world(), &checked) {
        Some(state) => {
            (state, NetworkInterfaceId::generate(tx.entropy()), failed_addresses(tx.world(), &checked))
        }
        None => build(tx, &id, &checked)?,
    };
    let row = NatGateway {
        id: id.clone(),
        scope: checked.subnet.scope.clone(),
        vpc: checked.subnet.vpc.clone(),
        subnet: checked.subnet.id.clone(),
        connectivity: checked.connectivity,
        state,
        network_interface,
        addresses,
        created: tx.now(),
        deleted: None,
    };
    tx.put(row);
    tags.attach(tx, "natgateway", id.as_str());
    Ok(id)
}

/// Why the gateway cannot be built, in the words of AWS's troubleshooting page.
fn failure(world: &World, checked: &Checked) -> Option<NatGatewayState> {
    let failed = |code: &str, message: String| NatGatewayState::Failed { code: code.to_owned(), message };
    let vpc = &checked.subnet.vpc;
    if checked.connectivity == Connectivity::Public && association::gateway_of(world, vpc).is_none() {
        return Some(failed(
            "Gateway.NotAttached",
            format!("Network {vpc} has no Internet gateway attached"),
        ));
    }
    let taken = |id: &&AddressId| world.get::<Address>(id).is_none_or(|row| row.association.is_some());
    if let Some(id) = checked.allocations.iter().find(taken) {
        let message = format!("Elastic IP address {id} is already associated");
        return Some(failed("Resource.AlreadyAssociated", message));
    }
    if allocation::free(world, &checked.subnet) < checked.wanted.len() {
        let message = "Subnet has insufficient free addresses to create this NAT gateway";
        return Some(failed("InsufficientFreeAddressesInSubnet", message.to_owned()));
    }
    None
}

fn failed_addresses(world: &World, checked: &Checked) -> Vec<NatGatewayAddress> {
    let address = |id: &AddressId| NatGatewayAddress {
        private_ip: std::net::Ipv4Addr::UNSPECIFIED,
        allocation: Some(id.clone()),
        public_ip: world.get::<Address>(id).map(|row| row.public_ip),
        association: None,
    };
    checked.allocations.iter().map(address).collect()
}

fn build(
    tx: &mut Tx<'_>,
    id: &NatGatewayId,
    checked: &Checked,
) -> Result<(NatGatewayState, NetworkInterfaceId, Vec<NatGatewayAddress>), Fault> {
    let private = allocation::allocate(tx, &checked.subnet, &checked.wanted)?;
    let account = checked.subnet.scope.account.clone();
    let new = network_interface::New {
        subnet: &checked.subnet,
        kind: InterfaceKind::NatGateway,
        description: format!("Interface for NAT Gateway {id}"),
        groups: vec![],
        addresses: private.clone(),
        requester: Some(account.to_string()),
    };
    let mut interface = network_interface::create(tx, new)?;
    interface.attachment = Some(Attachment {
        id: AttachmentId::generate(tx.entropy()),
        instance: None,
        instance_owner: account,
        device_index: 1,
        delete_on_termination: false,
        attached: tx.now(),
    });
    tx.put(interface.clone());

    let mut addresses = Vec::with_capacity(private.len());
    for (index, private_ip) in private.into_iter().enumerate() {
        addresses.push(address::map(tx, &interface, private_ip, checked.allocations.get(index)));
    }
    Ok((NatGatewayState::Pending { generation: tx.next_generation() }, interface.id, addresses))
}

fn delete_nat_gateway(
    tx: &mut Tx<'_>,
    input: DeleteNatGatewayRequest,
) -> Result<DeleteNatGatewayResult, Fault> {
    let mut row = ids::find::<NatGateway>(tx.world(), &tx.caller().scope, &input.nat_gateway_id)?.clone();
    // Deleting a gateway that is on its way out, or never came to be, changes nothing.
    if row.is_live() {
        row.state = NatGatewayState::Deleting { generation: tx.next_generation() };
        row.deleted = Some(tx.now());
        tx.put(row);
    }
    Ok(DeleteNatGatewayResult { nat_gateway_id: Some(input.nat_gateway_id) })
}

/// Removes what a deleted gateway had: its interface, its Elastic IPs' associations. The row stays for a while.
pub(crate) fn dismantle(tx: &mut Tx<'_>, gateway: &NatGateway) {
    if let Some(interface) = tx.world().get::<NetworkInterface>(&gateway.network_interface).cloned() {
        network_interface::remove(tx, &interface);
    }
    tx.modify::<NatGateway>(&gateway.id, |row| row.state = NatGatewayState::Deleted);
}

/// Forgets a gateway that ended long ago.
pub(crate) fn forget(tx: &mut Tx<'_>, gateway: &NatGatewayId) {
    tag::remove_all(tx, gateway.as_str());
    tx.remove::<NatGateway>(gateway);
}

fn state_name(state: &NatGatewayState) -> &'static str {
    match state {
        NatGatewayState::Pending { .. } => "pending",
        NatGatewayState::Available => "available",
        NatGatewayState::Deleting { .. } => "deleting",
        NatGatewayState::Deleted => "deleted",
        NatGatewayState::Failed { .. } => "failed",
    }
}

fn connectivity_name(connectivity: Connectivity) -> &'static str {
    match connectivity {
        Connectivity::Public => "public",
        Connectivity::Private => "private",
    }
}

const FILTERS: &[Field<NatGateway>] = &[
    field("connectivity-type", |_, row, values| values.add(connectivity_name(row.connectivity))),
    field("nat-gateway-id", |_, row, values| values.add(&row.id)),
    field("state", |_, row, values| values.add(state_name(&row.state))),
    field("subnet-id", |_, row, values| values.add(&row.subnet)),
    field("vpc-id", |_, row, values| values.add(&row.vpc)),
];

fn describe_nat_gateways(
    read: &Read<'_>,
    input: DescribeNatGatewaysRequest,
) -> Result<DescribeNatGatewaysResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe::describe(read, &input.nat_gateway_ids, input.filter, FILTERS, &page)?;
    let gateways = rows.into_iter().map(|row| shape(read.world, row)).collect();
    Ok(DescribeNatGatewaysResult { nat_gateways: Some(gateways), next_token })
}

fn shape(world: &World, row: &NatGateway) -> api::NatGateway {
    let (failure_code, failure_message) = match &row.state {
        NatGatewayState::Failed { code, message } => (Some(code.clone()), Some(message.clone())),
        _ => (None, None),
    };
    let failed_at = failure_code.as_ref().map(|_| row.created);
    api::NatGateway {
        create_time: Some(Timestamp::from_millis(row.created.0)),
        delete_time: row.deleted.or(failed_at).map(|at| Timestamp::from_millis(at.0)),
        failure_code,
        failure_message,
        nat_gateway_addresses: Some(address::shapes(row)),
        nat_gateway_id: Some(row.id.to_string()),
        state: Some(state_name(&row.state).to_owned()),
        subnet_id: Some(row.subnet.to_string()),
        vpc_id: Some(row.vpc.to_string()),
        tags: tag::of(world, row.id.as_str()),
        connectivity_type: Some(connectivity_name(row.connectivity).to_owned()),
        availability_mode: Some("zonal".to_owned()),
        ..Default::default()
    }
}
