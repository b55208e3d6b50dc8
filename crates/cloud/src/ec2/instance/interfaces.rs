//! The network interfaces of a launch: what a request asks for, checked, and how each instance gets its own.

use std::collections::BTreeMap;

use enishi_api::ec2::{InstanceNetworkInterfaceSpecification, RunInstancesRequest};
use enishi_state::ec2::{
    Instance, InterfaceKind, NetworkInterface, NetworkInterfaceId, SecurityGroupId, Subnet, SubnetId, Vpc,
    VpcId,
};
use enishi_state::{Tx, World};
use enishi_wire::Fault;

use super::super::address::pool;
use super::super::instance_type::table::{self, Limits};
use super::super::network_interface::allocation::{self, Wanted};
use super::super::network_interface::{self, attachment, groups, shape};
use super::super::{faults, ids, vpc};

/// The interfaces that every instance of a launch gets, the primary first.
#[derive(Debug)]
pub(super) struct Plan {
    interfaces: Vec<Planned>,
}

#[derive(Debug)]
struct Planned {
    device_index: u8,
    delete_on_termination: bool,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Existing(NetworkInterfaceId),
    New {
        subnet: Box<Subnet>,
        groups: Vec<SecurityGroupId>,
        wanted: Wanted,
        description: String,
        public_ip: bool,
    },
}

impl Plan {
    /// Reads what the request asks for.
    ///
    /// # Errors
    /// AWS's faults for subnets, groups, addresses and combinations.
    pub(super) fn parse(tx: &Tx<'_>, input: &RunInstancesRequest) -> Result<Self, Fault> {
        let mut interfaces = match input.network_interfaces.is_empty() {
            true => vec![from_request(tx, input)?],
            false => from_specifications(tx, input)?,
        };
        interfaces.sort_by_key(|planned| planned.device_index);
        check_indexes(&interfaces)?;
        let plan = Plan { interfaces };
        plan.check_zone(tx.world())?;
        Ok(plan)
    }

    /// The subnet of the primary interface.
    pub(super) fn subnet<'w>(&'w self, world: &'w World) -> Result<&'w Subnet, Fault> {
        let primary = self.interfaces.first().and_then(|planned| planned.subnet(world));
        primary.ok_or_else(|| faults::missing_parameter("subnetId"))
    }

    /// Refuses more interfaces, or addresses on one, than the instance type has room for.
    ///
    /// # Errors
    /// `AttachmentLimitExceeded`, `PrivateIpAddressLimitExceeded`.
    pub(super) fn check_limits(&self, world: &World, instance_type: &str) -> Result<(), Fault> {
        let Limits { interfaces, addresses } = table::limits(instance_type);
        if self.interfaces.len() > interfaces {
            return Err(faults::attachment_limit_exceeded(self.interfaces.len(), instance_type));
        }
        let count = |planned: &Planned| match &planned.source {
            Source::Existing(id) => world.get::<NetworkInterface>(id).map_or(0, |row| row.addresses.len()),
            Source::New { wanted, .. } => wanted.len(),
        };
        match self.interfaces.iter().map(count).any(|count| count > addresses) {
            true => Err(faults::private_ip_address_limit_exceeded()),
            false => Ok(()),
        }
    }

    /// How many instances can be launched, from `least` to `most`: what the addresses that are left suffice for.
    ///
    /// # Errors
    /// `InsufficientFreeAddressesInSubnet` for fewer than `least`; `InvalidParameterCombination` for several instances
    /// with what only one can have.
    pub(super) fn count(&self, world: &World, least: usize, most: usize) -> Result<usize, Fault> {
        if most > 1 {
            self.check_shareable()?;
        }
        let mut needs: BTreeMap<&SubnetId, (&Subnet, usize)> = BTreeMap::new();
        for planned in &self.interfaces {
            if let Source::New { subnet, wanted, .. } = &planned.source {
                needs.entry(&subnet.id).or_insert((subnet, 0)).1 += wanted.len();
            }
        }
        let mut count = most;
        for (subnet, need) in needs.values() {
            let possible = allocation::free(world, subnet) / (*need).max(1);
            if possible < least {
                return Err(faults::insufficient_free_addresses_for_instances(&subnet.id));
            }
            count = count.min(possible);
        }
        Ok(count)
    }

    fn check_shareable(&self) -> Result<(), Fault> {
        for planned in &self.interfaces {
            match &planned.source {
                Source::Existing(_) => {
                    return Err(faults::invalid_parameter_combination(
                        "A network interface may only be specified when launching a single instance",
                    ));
                }
                Source::New { wanted, .. } if !wanted.named.is_empty() => {
                    return Err(faults::invalid_parameter_combination(
                        "Private IP addresses may only be specified when launching a single instance",
                    ));
                }
                Source::New { .. } => {}
            }
        }
        Ok(())
    }

    /// All interfaces of an instance are in one zone.
    fn check_zone(&self, world: &World) -> Result<(), Fault> {
        let mut zones =
            self.interfaces.iter().filter_map(|planned| planned.subnet(world)).map(|subnet| &subnet.zone);
        let Some(first) = zones.next() else { return Ok(()) };
        match zones.all(|zone| zone == first) {
            true => Ok(()),
            false => Err(faults::invalid_parameter_combination(
                "All network interfaces of an instance must be in the same availability zone",
            )),
        }
    }

    /// Makes and attaches the interfaces of one instance; answers those that were made.
    ///
    /// # Errors
    /// Those of allocation.
    pub(super) fn carry_out(
        &self,
        tx: &mut Tx<'_>,
        instance: &Instance,
    ) -> Result<Vec<NetworkInterfaceId>, Fault> {
        let mut made = Vec::new();
        for planned in &self.interfaces {
            let id = match &planned.source {
                Source::Existing(id) => id.clone(),
                source @ Source::New { .. } => {
                    let id = make(tx, source)?;
                    made.extend(id.clone());
                    match id {
                        Some(id) => id,
                        None => continue,
                    }
                }
            };
            let owner = &instance.scope.account;
            attachment::attach(
                tx,
                &id,
                &instance.id,
                owner,
                planned.device_index,
                planned.delete_on_termination,
            );
        }
        Ok(made)
    }
}

impl Planned {
    fn subnet<'w>(&'w self, world: &'w World) -> Option<&'w Subnet> {
        match &self.source {
            Source::Existing(id) => world.get::<Subnet>(&world.get::<NetworkInterface>(id)?.subnet),
            Source::New { subnet, .. } => Some(subnet),
        }
    }
}

fn make(tx: &mut Tx<'_>, source: &Source) -> Result<Option<NetworkInterfaceId>, Fault> {
    let Source::New { subnet, groups, wanted, description, public_ip } = source else { return Ok(None) };
    let addresses = allocation::allocate(tx, subnet, wanted)?;
    let new = network_interface::New {
        subnet,
        kind: InterfaceKind::Interface,
        description: description.clone(),
        groups: groups.clone(),
        addresses,
        requester: None,
    };
    let mut row = network_interface::create(tx, new)?;
    if *public_ip {
        row.wants_public_ip = true;
        row.auto_public_ip = Some(pool::draw(tx)?);
        tx.put(row.clone());
    }
    Ok(Some(row.id))
}

/// The one interface of a request that does not describe interfaces.
fn from_request(tx: &Tx<'_>, input: &RunInstancesRequest) -> Result<Planned, Fault> {
    let subnet = match &input.subnet_id {
        Some(id) => {
            if !input.security_groups.is_empty() {
                return Err(faults::invalid_parameter_combination(
                    "The parameter groupName cannot be used with the parameter subnet",
                ));
            }
            ids::find::<Subnet>(tx.world(), &tx.caller().scope, id)?.clone()
        }
        None => default_subnet(tx, input)?,
    };
    let groups = groups::resolve(tx.world(), &subnet, &input.security_group_ids, &input.security_groups)?;
    let wanted = network_interface::wanted(input.private_ip_address.as_deref(), &[], None)?;
    check_free(tx.world(), &subnet, &wanted)?;
    let public_ip = subnet.map_public_ip_on_launch;
    Ok(Planned {
        device_index: 0,
        delete_on_termination: true,
        source: Source::New {
            subnet: Box::new(subnet),
            groups,
            wanted,
            description: String::new(),
            public_ip,
        },
    })
}

/// A subnet of the default VPC: that of the zone the request asks for, or the first. A request that names only groups
/// means the VPC that they are in.
fn default_subnet(tx: &Tx<'_>, input: &RunInstancesRequest) -> Result<Subnet, Fault> {
    let scope = &tx.caller().scope;
    let Some(vpc) = vpc::default_of(tx.world(), scope) else {
        return Err(faults::missing_input("No default VPC for this user. Specify a subnet."));
    };
    let vpc: &Vpc = vpc;
    let zone = input.placement.as_ref().and_then(|placement| placement.availability_zone.as_deref());
    find_default(tx.world(), &vpc.id, zone).cloned().ok_or_else(|| match zone {
        Some(zone) => {
            faults::invalid_parameter_value(format!("No default subnet for availability zone: '{zone}'."))
        }
        None => faults::missing_input(format!(
            "No subnets found for the default VPC '{}'. Please specify a subnet.",
            vpc.id
        )),
    })
}

fn find_default<'w>(world: &'w World, vpc: &VpcId, zone: Option<&str>) -> Option<&'w Subnet> {
    let defaults = world.by::<Subnet>("vpc", vpc.as_str()).filter(|subnet| subnet.default_for_zone);
    defaults.filter(|subnet| zone.is_none_or(|zone| subnet.zone == zone)).min_by(|a, b| a.zone.cmp(&b.zone))
}

/// Refuses a named address that another interface has, in the words of `RunInstances`.
fn check_free(world: &World, subnet: &Subnet, wanted: &Wanted) -> Result<(), Fault> {
    let taken =
        wanted.named.iter().find(|address| allocation::owner(world, &subnet.vpc, **address).is_some());
    taken.map_or(Ok(()), |address| Err(faults::address_in_use(*address)))
}

fn from_specifications(tx: &Tx<'_>, input: &RunInstancesRequest) -> Result<Vec<Planned>, Fault> {
    let instance_level = [
        ("subnet ID", input.subnet_id.is_some()),
        ("security groups", !input.security_group_ids.is_empty() || !input.security_groups.is_empty()),
        ("private IP address", input.private_ip_address.is_some()),
    ];
    if let Some((what, _)) = instance_level.iter().find(|(_, given)| *given) {
        return Err(faults::invalid_parameter_combination(format!(
            "Network interfaces and an instance-level {what} may not be specified on the same request"
        )));
    }
    let several = input.network_interfaces.len() > 1;
    input.network_interfaces.iter().map(|specification| planned(tx, input, specification, several)).collect()
}

fn planned(
    tx: &Tx<'_>,
    input: &RunInstancesRequest,
    specification: &InstanceNetworkInterfaceSpecification,
    several: bool,
) -> Result<Planned, Fault> {
    refuse_unsupported(specification)?;
    let index = specification
        .device_index
        .ok_or_else(|| faults::missing_parameter("NetworkInterface.DeviceIndex"))?;
    let device_index = attachment::device_index(index)?;
    check_public(specification, device_index, several)?;
    let source = match &specification.network_interface_id {
        Some(id) => existing(tx, id, specification)?,
        None => new(tx, input, specification, several)?,
    };
    let by_default = matches!(source, Source::New { .. });
    let delete_on_termination = specification.delete_on_termination.unwrap_or(by_default);
    Ok(Planned { device_index, delete_on_termination, source })
}

fn refuse_unsupported(specification: &InstanceNetworkInterfaceSpecification) -> Result<(), Fault> {
    let ipv6 = specification.ipv6_address_count.unwrap_or(0) != 0 || !specification.ipv6_addresses.is_empty();
    if ipv6 {
        return Err(faults::unsupported_operation("IPv6 addresses are not supported by Enishi yet."));
    }
    if specification.network_card_index.unwrap_or(0) != 0 {
        return Err(faults::invalid_parameter_value("The instance type has one network card, with index 0."));
    }
    match specification.interface_type.as_deref() {
        None | Some("interface") => Ok(()),
        Some(other) => Err(faults::unsupported_operation(format!(
            "Network interfaces of type '{other}' are not supported by Enishi."
        ))),
    }
}

fn check_public(
    specification: &InstanceNetworkInterfaceSpecification,
    device_index: u8,
    several: bool,
) -> Result<(), Fault> {
    let why = match specification.associate_public_ip_address {
        None => return Ok(()),
        Some(_) if specification.network_interface_id.is_some() => {
            "The associatePublicIPAddress parameter cannot be specified for a network interface with an ID."
        }
        Some(_) if device_index != 0 => {
            "The associatePublicIPAddress parameter can only be specified for the network interface with DeviceIndex 0."
        }
        Some(true) if several => {
            "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces."
        }
        Some(_) => return Ok(()),
    };
    Err(faults::invalid_parameter_combination(why))
}

fn existing(
    tx: &Tx<'_>,
    id: &str,
    specification: &InstanceNetworkInterfaceSpecification,
) -> Result<Source, Fault> {
    let also_new = specification.subnet_id.is_some()
        || !specification.groups.is_empty()
        || specification.private_ip_address.is_some()
        || specification.description.is_some();
    if also_new {
        return Err(faults::invalid_parameter_combination(
            "A network interface ID cannot be specified together with a subnet, groups, a private IP address or a \
             description.",
        ));
    }
    let row = ids::find::<NetworkInterface>(tx.world(), &tx.caller().scope, id)?;
    if row.attachment.is_some() || shape::is_managed(row) {
        return Err(faults::invalid_network_interface_in_use(&row.id));
    }
    Ok(Source::Existing(row.id.clone()))
}

fn new(
    tx: &Tx<'_>,
    input: &RunInstancesRequest,
    specification: &InstanceNetworkInterfaceSpecification,
    several: bool,
) -> Result<Source, Fault> {
    let subnet = match &specification.subnet_id {
        Some(id) => ids::find::<Subnet>(tx.world(), &tx.caller().scope, id)?.clone(),
        None => default_subnet(tx, input)?,
    };
    let groups = groups::resolve(tx.world(), &subnet, &specification.groups, &[])?;
    let wanted = network_interface::wanted(
        specification.private_ip_address.as_deref().filter(|text| !text.is_empty()),
        &specification.private_ip_addresses,
        specification.secondary_private_ip_address_count,
    )?;
    check_free(tx.world(), &subnet, &wanted)?;
    let description = specification.description.clone().unwrap_or_default();
    network_interface::check_description(&description)?;
    let by_default = subnet.map_public_ip_on_launch && !several;
    let public_ip = specification.associate_public_ip_address.unwrap_or(by_default);
    Ok(Source::New { subnet: Box::new(subnet), groups, wanted, description, public_ip })
}

/// Device indexes differ, and 0 is among them. The interfaces are sorted by index.
fn check_indexes(interfaces: &[Planned]) -> Result<(), Fault> {
    if interfaces.first().is_none_or(|first| first.device_index != 0) {
        return Err(faults::invalid_parameter_combination(
            "When specifying network interfaces, you must include a device at index 0.",
        ));
    }
    let same = interfaces.windows(2).any(|pair| matches!(pair, [a, b] if a.device_index == b.device_index));
    match same {
        true => Err(faults::invalid_parameter_combination(
            "Network interfaces must have different device indexes.",
        )),
        false => Ok(()),
    }
}
