//! The zones of a load balancer: a subnet and a network interface in each.
//! [Availability Zones](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html)
//!
//! What AWS promises: one subnet in each zone, all of one VPC; an Application Load Balancer has at least two, each of /27 or
//! larger with eight free addresses; one that faces the internet is in a VPC with an internet gateway. A Network Load
//! Balancer's addresses can be chosen: Elastic IPs where it faces the internet, private addresses where it is internal.

use std::net::Ipv4Addr;

use enishi_api::elbv2::{AvailabilityZone, LoadBalancerAddress, SubnetMapping};
use enishi_state::ec2::{Address, AddressId, InterfaceKind, Subnet, VpcId};
use enishi_state::elbv2::{LoadBalancer, LoadBalancerKind, LoadBalancerZone, Scheme};
use enishi_state::{Scope, Tx, World};
use enishi_wire::Fault;

use super::super::{faults, text};
use crate::ec2::managed::{self, Managed, PublicAddress};

/// Whom load balancers' interfaces belong to.
const REQUESTER: &str = "amazon-elb";
/// Free addresses that a subnet of an Application Load Balancer has at least.
const FREE_ADDRESSES: usize = 8;
/// The prefix length of a subnet of an Application Load Balancer at most.
const LONGEST_PREFIX: u8 = 27;
/// Subnets of an Application Load Balancer at least.
const AT_LEAST: usize = 2;

/// A zone that a request wants.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    subnet: Subnet,
    allocation: Option<AddressId>,
    private_address: Option<Ipv4Addr>,
}

impl Wanted {
    /// Whether a zone is what is wanted.
    pub(super) fn is(&self, zone: &LoadBalancerZone) -> bool {
        zone.subnet == self.subnet.id
            && zone.allocation == self.allocation
            && zone.private_address == self.private_address
    }
}

/// The zones of a request, which names subnets or mappings of subnets, in the order of zones.
///
/// # Errors
/// `ValidationError`, `SubnetNotFound`, `AllocationIdNotFound`, `InvalidConfigurationRequest`
pub(super) fn parse(
    world: &World,
    scope: &Scope,
    kind: LoadBalancerKind,
    scheme: Scheme,
    subnets: Option<Vec<String>>,
    mappings: Option<Vec<SubnetMapping>>,
) -> Result<Vec<Wanted>, Fault> {
    let subnets = subnets.unwrap_or_default();
    let mut mappings = mappings.unwrap_or_default();
    if !subnets.is_empty() && !mappings.is_empty() {
        return Err(faults::validation_error(
            "Subnets and subnet mappings cannot be specified at the same time",
        ));
    }
    let plain = |subnet_id| SubnetMapping { subnet_id: Some(subnet_id), ..Default::default() };
    mappings.extend(subnets.into_iter().map(plain));
    let parse = |mapping: SubnetMapping| parse_mapping(world, scope, kind, scheme, mapping);
    let mut wanted = mappings.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    wanted.sort_by(|a, b| a.subnet.zone.cmp(&b.subnet.zone));
    check_zones(kind, &wanted)?;
    Ok(wanted)
}

fn parse_mapping(
    world: &World,
    scope: &Scope,
    kind: LoadBalancerKind,
    scheme: Scheme,
    mapping: SubnetMapping,
) -> Result<Wanted, Fault> {
    if mapping.ipv6_address.is_some() || mapping.source_nat_ipv6_prefix.is_some() {
        return Err(faults::not_supported("IPv6 addresses are"));
    }
    let id = mapping.subnet_id.unwrap_or_default();
    let subnet = managed::subnet_of(world, scope, &id).ok_or_else(|| faults::subnet_not_found(&id))?.clone();
    if kind == LoadBalancerKind::Application
        && (mapping.allocation_id.is_some() || mapping.private_ipv4_address.is_some())
    {
        return Err(faults::invalid_configuration_request(
            "Addresses cannot be specified for load balancers with type 'application'",
        ));
    }
    let allocation = mapping.allocation_id.map(|id| {
        if scheme == Scheme::Internal {
            return Err(faults::invalid_configuration_request(
                "Allocation IDs cannot be specified for internal load balancers",
            ));
        }
        let found =
            managed::address_of(world, scope, &id).ok_or_else(|| faults::allocation_id_not_found(&id));
        found.map(|address| address.id.clone())
    });
    let private_address = mapping.private_ipv4_address.map(|ip| {
        if scheme == Scheme::InternetFacing {
            return Err(faults::invalid_configuration_request(
                "Private IPv4 addresses can only be specified for internal load balancers",
            ));
        }
        let invalid = |_| faults::validation_error(format!("'{ip}' is not a valid private IPv4 address"));
        ip.parse::<Ipv4Addr>().map_err(invalid)
    });
    Ok(Wanted { subnet, allocation: allocation.transpose()?, private_address: private_address.transpose()? })
}

fn check_zones(kind: LoadBalancerKind, wanted: &[Wanted]) -> Result<(), Fault> {
    if kind == LoadBalancerKind::Application && wanted.len() < AT_LEAST {
        return Err(faults::validation_error(
            "At least two subnets in two different Availability Zones must be specified",
        ));
    }
    if wanted.is_empty() {
        return Err(faults::validation_error("At least one subnet must be specified"));
    }
    let twice = wanted.windows(2).any(|pair| match pair {
        [a, b] => a.subnet.zone == b.subnet.zone,
        _ => false,
    });
    match twice {
        true => Err(faults::invalid_configuration_request(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )),
        false => Ok(()),
    }
}

/// The VPC that all subnets are in.
///
/// # Errors
/// `InvalidConfigurationRequest`
pub(super) fn common_vpc(wanted: &[Wanted]) -> Result<VpcId, Fault> {
    let mut vpcs = wanted.iter().map(|wanted| &wanted.subnet.vpc);
    let first = vpcs.next();
    match first.filter(|first| vpcs.all(|vpc| vpc == *first)) {
        Some(vpc) => Ok(vpc.clone()),
        None => Err(faults::invalid_configuration_request("All subnets must belong to the same VPC")),
    }
}

/// Refuses subnets in which a load balancer cannot be.
///
/// # Errors
/// `InvalidSubnet`, `ResourceInUse` for an Elastic IP.
pub(super) fn check(
    world: &World,
    kind: LoadBalancerKind,
    scheme: Scheme,
    wanted: &[Wanted],
) -> Result<(), Fault> {
    let vpc = common_vpc(wanted)?;
    if scheme == Scheme::InternetFacing && !managed::has_gateway(world, &vpc) {
        return Err(faults::no_internet_gateway(vpc));
    }
    check_added(world, kind, wanted)
}

/// The same for subnets that are added to a load balancer.
///
/// # Errors
/// `InvalidSubnet`, `ResourceInUse` for an Elastic IP.
pub(super) fn check_added(world: &World, kind: LoadBalancerKind, wanted: &[Wanted]) -> Result<(), Fault> {
    for Wanted { subnet, allocation, .. } in wanted {
        if kind == LoadBalancerKind::Application {
            if subnet.cidr.prefix() > LONGEST_PREFIX {
                return Err(faults::invalid_subnet(format!(
                    "Subnet '{}' must have a CIDR block with at least a /{LONGEST_PREFIX} bitmask",
                    subnet.id
                )));
            }
            if managed::free_addresses(world, subnet) < FREE_ADDRESSES {
                return Err(faults::not_enough_addresses(&subnet.id));
            }
        }
        let address = allocation.as_ref().and_then(|id| world.get::<Address>(id));
        if let Some(address) = address.filter(|address| address.association.is_some()) {
            return Err(faults::resource_in_use(format!(
                "The allocation IDs '{}' are not available for use",
                address.id
            )));
        }
    }
    let mut allocations: Vec<_> = wanted.iter().filter_map(|wanted| wanted.allocation.as_ref()).collect();
    allocations.sort();
    match allocations.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
        Some(twice) => Err(faults::invalid_configuration_request(format!(
            "The allocation ID '{twice}' was specified more than once"
        ))),
        None => Ok(()),
    }
}

/// Makes the network interfaces of a load balancer's nodes in these zones.
///
/// # Errors
/// `InvalidSubnet`, `InvalidConfigurationRequest`
pub(super) fn attach(
    tx: &mut Tx<'_>,
    balancer: &LoadBalancer,
    wanted: &[Wanted],
) -> Result<Vec<LoadBalancerZone>, Fault> {
    wanted.iter().map(|wanted| attach_one(tx, balancer, wanted)).collect()
}

fn attach_one(tx: &mut Tx<'_>, balancer: &LoadBalancer, wanted: &Wanted) -> Result<LoadBalancerZone, Fault> {
    let public = match (&wanted.allocation, balancer.scheme) {
        (Some(allocation), _) => PublicAddress::Elastic(allocation.clone()),
        (None, Scheme::InternetFacing) => PublicAddress::Automatic,
        (None, Scheme::Internal) => PublicAddress::None,
    };
    let managed = Managed {
        subnet: &wanted.subnet,
        address: wanted.private_address,
        groups: balancer.groups.clone(),
        kind: match balancer.kind {
            LoadBalancerKind::Application => InterfaceKind::LoadBalancer,
            LoadBalancerKind::Network => InterfaceKind::NetworkLoadBalancer,
        },
        description: format!("ELB {}", balancer.id_text()),
        device_index: 1,
        requester: Some(REQUESTER),
        public,
    };
    let interface = managed::create_managed(tx, managed).map_err(|fault| translated(&fault, wanted))?;
    Ok(LoadBalancerZone {
        zone: wanted.subnet.zone.clone(),
        subnet: wanted.subnet.id.clone(),
        network_interface: interface.id,
        allocation: wanted.allocation.clone(),
        private_address: wanted.private_address,
    })
}

/// What Elastic Load Balancing says where EC2 refuses an interface.
fn translated(fault: &Fault, wanted: &Wanted) -> Fault {
    let subnet = &wanted.subnet.id;
    match (fault.code(), wanted.private_address) {
        ("InsufficientFreeAddressesInSubnet", _) => {
            faults::invalid_subnet(format!("Not enough IP space available in {subnet}."))
        }
        ("InvalidParameterValue", Some(ip)) => faults::invalid_configuration_request(format!(
            "The private IPv4 address '{ip}' is not in the range of subnet '{subnet}'"
        )),
        ("InvalidIPAddress.InUse", Some(ip)) => {
            faults::resource_in_use(format!("The private IPv4 address '{ip}' is already in use"))
        }
        _ => faults::invalid_configuration_request(fault.message()),
    }
}

/// The zones as responses show them, with the addresses that the user chose.
pub(super) fn shapes(world: &World, balancer: &LoadBalancer) -> Vec<AvailabilityZone> {
    let shape = |zone: &LoadBalancerZone| AvailabilityZone {
        zone_name: text(&zone.zone),
        subnet_id: text(&zone.subnet),
        load_balancer_addresses: Some(addresses(world, zone)),
        ..Default::default()
    };
    balancer.zones.iter().map(shape).collect()
}

fn addresses(world: &World, zone: &LoadBalancerZone) -> Vec<LoadBalancerAddress> {
    let elastic = zone.allocation.as_ref().and_then(|id| world.get::<Address>(id));
    let elastic = elastic.map(|address| LoadBalancerAddress {
        ip_address: text(address.public_ip),
        allocation_id: text(&address.id),
        ..Default::default()
    });
    let private = zone
        .private_address
        .map(|ip| LoadBalancerAddress { private_ipv4_address: text(ip), ..Default::default() });
    elastic.into_iter().chain(private).collect()
}
