//! The addresses of resolver endpoints: `AssociateResolverEndpointIpAddress`, `DisassociateResolverEndpointIpAddress`,
//! `ListResolverEndpointIpAddresses`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use enishi_api::route53resolver::{
    AssociateResolverEndpointIpAddressRequest, AssociateResolverEndpointIpAddressResponse,
    DisassociateResolverEndpointIpAddressRequest, DisassociateResolverEndpointIpAddressResponse,
    IpAddressRequest, IpAddressResponse, IpAddressUpdate, ListResolverEndpointIpAddressesRequest,
    ListResolverEndpointIpAddressesResponse, ops,
};
use enishi_state::ec2::{InterfaceKind, NetworkInterface, SecurityGroupId, Subnet, VpcId};
use enishi_state::route53resolver::{
    AddressState, EndpointAddress, IpAddressId, Progress, ResolverEndpoint, ResolverEndpointId,
};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

use super::super::faults::{self, Kind};
use super::super::{list, shown, text};
use super::{find, find_live, shape};
use crate::ec2::managed::{self, Managed, PublicAddress};
use crate::registry::Registry;

/// Addresses of an endpoint at least.
const AT_LEAST: usize = 2;
/// Addresses of an endpoint at most.
/// [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-entities-resolver)
const AT_MOST: usize = 6;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateResolverEndpointIpAddress>(associate_resolver_endpoint_ip_address);
    on.write::<ops::DisassociateResolverEndpointIpAddress>(disassociate_resolver_endpoint_ip_address);
    on.read::<ops::ListResolverEndpointIpAddresses>(list_resolver_endpoint_ip_addresses);
}

/// An address that a request wants.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    subnet: Subnet,
    ip: Option<Ipv4Addr>,
}

impl Wanted {
    fn parse(
        world: &World,
        scope: &Scope,
        subnet: &str,
        ip: Option<&str>,
        ipv6: Option<&str>,
    ) -> Result<Self, Fault> {
        if ipv6.is_some() {
            return Err(faults::not_supported("Ipv6", "Resolver endpoints with IPv6 are"));
        }
        let ip = ip.map(|ip| {
            let invalid = |_| faults::invalid_parameter("Ip", format!("'{ip}' is not a valid IPv4 address."));
            ip.parse::<Ipv4Addr>().map_err(invalid)
        });
        let found = managed::subnet_of(world, scope, subnet).ok_or_else(|| {
            faults::invalid_parameter("SubnetId", format!("The subnet '{subnet}' does not exist."))
        })?;
        Ok(Wanted { subnet: found.clone(), ip: ip.transpose()? })
    }
}

/// The addresses of a creation.
///
/// # Errors
/// `InvalidRequestException` for too few or for one that is there twice, `LimitExceededException` for too many,
/// `InvalidParameterException`
pub(super) fn parse(
    world: &World,
    scope: &Scope,
    requests: &[IpAddressRequest],
) -> Result<Vec<Wanted>, Fault> {
    if requests.len() < AT_LEAST {
        return Err(faults::too_few_addresses());
    }
    check_count(requests.len())?;
    let parse = |request: &IpAddressRequest| {
        let (ip, ipv6) = (request.ip.as_deref(), request.ipv6.as_deref());
        Wanted::parse(world, scope, &request.subnet_id, ip, ipv6)
    };
    let wanted = requests.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let mut seen = BTreeSet::new();
    match wanted.iter().filter_map(|wanted| wanted.ip).find(|ip| !seen.insert(*ip)) {
        Some(twice) => {
            Err(faults::invalid_request(format!("The IP address {twice} was specified more than once.")))
        }
        None => Ok(wanted),
    }
}

fn check_count(count: usize) -> Result<(), Fault> {
    match count > AT_MOST {
        true => Err(faults::limit_exceeded(
            Kind::IpAddress,
            format!("A Resolver Endpoint can have at most {AT_MOST} IP addresses."),
        )),
        false => Ok(()),
    }
}

/// The VPC that all subnets are in.
///
/// # Errors
/// `InvalidRequestException`
pub(super) fn common_vpc(wanted: &[Wanted]) -> Result<VpcId, Fault> {
    let mut vpcs = wanted.iter().map(|wanted| &wanted.subnet.vpc);
    let first = vpcs.next().ok_or_else(faults::too_few_addresses)?;
    match vpcs.all(|vpc| vpc == first) {
        true => Ok(first.clone()),
        false => Err(faults::invalid_request("All subnets of a Resolver Endpoint must be in the same VPC.")),
    }
}

/// Makes the network interfaces of new addresses, in the order of the request, with device indexes from `first_index` on.
/// Named addresses are taken before others are chosen.
///
/// # Errors
/// `InvalidRequestException`, `LimitExceededException`
pub(super) fn attach(
    tx: &mut Tx<'_>,
    endpoint: &ResolverEndpointId,
    groups: &[SecurityGroupId],
    wanted: &[Wanted],
    first_index: u8,
) -> Result<Vec<EndpointAddress>, Fault> {
    let mut made = Vec::with_capacity(wanted.len());
    let numbered: Vec<(u8, &Wanted)> = (first_index..).zip(wanted).collect();
    let (named, chosen): (Vec<_>, Vec<_>) = numbered.into_iter().partition(|(_, one)| one.ip.is_some());
    for (index, one) in named.into_iter().chain(chosen) {
        made.push((index, attach_one(tx, endpoint, groups, one, index)?));
    }
    made.sort_by_key(|(index, _)| *index);
    Ok(made.into_iter().map(|(_, address)| address).collect())
}

fn attach_one(
    tx: &mut Tx<'_>,
    endpoint: &ResolverEndpointId,
    groups: &[SecurityGroupId],
    wanted: &Wanted,
    device_index: u8,
) -> Result<EndpointAddress, Fault> {
    let id = IpAddressId::generate(tx.entropy());
    let made = managed::create_managed(
        tx,
        Managed {
            subnet: &wanted.subnet,
            address: wanted.ip,
            groups: groups.to_vec(),
            kind: InterfaceKind::ResolverEndpoint,
            description: format!("Route 53 Resolver: {endpoint}:{id}"),
            device_index,
            requester: None,
            public: PublicAddress::None,
        },
    );
    let interface = made.map_err(|fault| translated(&fault, wanted))?;
    Ok(EndpointAddress {
        id,
        subnet: wanted.subnet.id.clone(),
        ip: interface.primary_ip(),
        network_interface: interface.id,
        state: AddressState::Creating,
        created: tx.now(),
        modified: tx.now(),
    })
}

/// What Resolver says where EC2 refuses an interface.
fn translated(fault: &Fault, wanted: &Wanted) -> Fault {
    let subnet = &wanted.subnet.id;
    match (fault.code(), wanted.ip) {
        ("InvalidParameterValue", Some(ip)) => faults::address_not_in_subnet(ip),
        ("InvalidIPAddress.InUse", Some(ip)) => {
            faults::invalid_request(format!("The IP address {ip} is already in use in subnet {subnet}."))
        }
        ("NetworkInterfaceLimitExceeded", _) => faults::limit_exceeded(Kind::IpAddress, fault.message()),
        ("InsufficientFreeAddressesInSubnet", _) => {
            faults::invalid_request(format!("There are not enough free IP addresses in subnet {subnet}."))
        }
        _ => faults::invalid_request(fault.message()),
    }
}

fn associate_resolver_endpoint_ip_address(
    tx: &mut Tx<'_>,
    input: AssociateResolverEndpointIpAddressRequest,
) -> Result<AssociateResolverEndpointIpAddressResponse, Fault> {
    let row = find_live(tx, &input.resolver_endpoint_id)?;
    let IpAddressUpdate { subnet_id, ip, ipv6, .. } = input.ip_address;
    let subnet = subnet_id.ok_or_else(|| faults::invalid_parameter("SubnetId", "A subnet is required."))?;
    let wanted = Wanted::parse(tx.world(), &tx.caller().scope, &subnet, ip.as_deref(), ipv6.as_deref())?;
    if wanted.subnet.vpc != row.vpc {
        let message = format!("The subnet {subnet} is not in VPC {} of the Resolver Endpoint.", row.vpc);
        return Err(faults::invalid_request(message));
    }
    if let Some(ip) = wanted.ip
        && row.live_addresses().any(|address| address.ip == ip)
    {
        let message = format!("The Resolver Endpoint has the IP address {ip} already.");
        return Err(faults::already_exists(Kind::IpAddress, message));
    }
    check_count(row.live_addresses().count() + 1)?;
    let index = free_index(tx.world(), &row);
    let added = attach(tx, &row.id, &row.groups, &[wanted], index)?;
    Ok(AssociateResolverEndpointIpAddressResponse {
        resolver_endpoint: Some(change(tx, row, |addresses| addresses.extend(added))),
    })
}

/// The lowest device index that no interface of the endpoint has, those included that are on their way out.
fn free_index(world: &World, row: &ResolverEndpoint) -> u8 {
    let interfaces =
        row.addresses.iter().filter_map(|address| world.get::<NetworkInterface>(&address.network_interface));
    let taken: BTreeSet<u8> = interfaces
        .filter_map(|interface| interface.attachment.as_ref().map(|attachment| attachment.device_index))
        .collect();
    (0..=u8::MAX).find(|index| !taken.contains(index)).unwrap_or(u8::MAX)
}

/// Changes the addresses of an endpoint, which then is `UPDATING`; one that is `CREATING` stays so.
fn change(
    tx: &mut Tx<'_>,
    mut row: ResolverEndpoint,
    change: impl FnOnce(&mut Vec<EndpointAddress>),
) -> enishi_api::route53resolver::ResolverEndpoint {
    change(&mut row.addresses);
    let generation = tx.next_generation();
    row.progress = match row.progress {
        Progress::Creating { .. } => Progress::Creating { generation },
        _ => Progress::Updating { generation },
    };
    row.message = "Updating the Resolver Endpoint".to_owned();
    row.modified = tx.now();
    let shape = shape(&row);
    tx.put(row);
    shape
}

fn disassociate_resolver_endpoint_ip_address(
    tx: &mut Tx<'_>,
    input: DisassociateResolverEndpointIpAddressRequest,
) -> Result<DisassociateResolverEndpointIpAddressResponse, Fault> {
    let row = find_live(tx, &input.resolver_endpoint_id)?;
    let id = named(&row, &input.ip_address)?;
    if row.live_addresses().count() <= AT_LEAST {
        return Err(faults::too_few_addresses());
    }
    let now = tx.now();
    let detach = |addresses: &mut Vec<EndpointAddress>| {
        for address in addresses.iter_mut().filter(|address| address.id == id) {
            address.state = AddressState::Detaching;
            address.modified = now;
        }
    };
    Ok(DisassociateResolverEndpointIpAddressResponse { resolver_endpoint: Some(change(tx, row, detach)) })
}

/// The address that a request means: by its id, or by subnet and address.
fn named(row: &ResolverEndpoint, update: &IpAddressUpdate) -> Result<IpAddressId, Fault> {
    let is_meant = |address: &&EndpointAddress| match &update.ip_id {
        Some(id) => address.id.as_str() == id,
        None => {
            let same_subnet = update.subnet_id.as_deref().is_none_or(|id| address.subnet.as_str() == id);
            same_subnet && update.ip.as_deref() == Some(address.ip.to_string().as_str())
        }
    };
    if update.ip_id.is_none() && update.ip.is_none() {
        return Err(faults::invalid_parameter("IpId", "The ID of the IP address is required."));
    }
    let shown = update.ip_id.as_deref().or(update.ip.as_deref()).unwrap_or_default();
    let found = row.live_addresses().find(is_meant);
    found.map(|address| address.id.clone()).ok_or_else(|| faults::resource_not_found(Kind::IpAddress, shown))
}

fn list_resolver_endpoint_ip_addresses(
    read: &Read<'_>,
    input: ListResolverEndpointIpAddressesRequest,
) -> Result<ListResolverEndpointIpAddressesResponse, Fault> {
    let row = find(read.world, &read.caller.scope, &input.resolver_endpoint_id)?;
    let shapes = row.addresses.iter().map(|address| address_shape(row, address)).collect();
    let id = |address: &IpAddressResponse| address.ip_id.clone().unwrap_or_default();
    let page = list::page(shapes, input.max_results, input.next_token.as_deref(), id)?;
    Ok(ListResolverEndpointIpAddressesResponse {
        next_token: page.next_token,
        max_results: Some(page.limit),
        ip_addresses: Some(page.items),
    })
}

fn address_shape(row: &ResolverEndpoint, address: &EndpointAddress) -> IpAddressResponse {
    let (status, message) = match address.state {
        _ if !row.progress.is_live() => ("DELETING", "This IP address is being deleted."),
        AddressState::Creating => ("CREATING", "This IP address is being created."),
        AddressState::Attached => ("ATTACHED", "This IP address is operational."),
        AddressState::Detaching => ("DETACHING", "This IP address is being detached."),
    };
    IpAddressResponse {
        ip_id: text(&address.id),
        subnet_id: text(&address.subnet),
        ip: text(address.ip),
        status: text(status),
        status_message: text(message),
        creation_time: shown(address.created),
        modification_time: shown(address.modified),
        ..Default::default()
    }
}
