//! Network interfaces that AWS makes for a service and that users may not change: a resolver endpoint's, a load balancer's.
//! [Requester-managed network interfaces](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html)

use std::net::Ipv4Addr;

use enishi_state::Tx;
use enishi_state::ec2::{
    Address, AddressId, Attachment, AttachmentId, InterfaceKind, NetworkInterface, NetworkInterfaceId,
    SecurityGroup, SecurityGroupId, Subnet, VpcId,
};
use enishi_state::{Scope, World};
use enishi_wire::Fault;

use super::allocation::{self, Wanted};
use super::{New, create, remove};
use crate::ec2::address::{association, pool};
use crate::ec2::ids;

/// The public address of a service's interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicAddress {
    /// None.
    None,
    /// One of AWS's own.
    Automatic,
    /// An Elastic IP that is not associated.
    Elastic(AddressId),
}

/// What a service wants an interface for.
#[derive(Debug)]
pub(crate) struct Managed<'a> {
    /// Its subnet.
    pub(crate) subnet: &'a Subnet,
    /// Its address; one is chosen if it names none.
    pub(crate) address: Option<Ipv4Addr>,
    /// Its security groups.
    pub(crate) groups: Vec<SecurityGroupId>,
    /// What it is for.
    pub(crate) kind: InterfaceKind,
    /// What it is shown with.
    pub(crate) description: String,
    /// Its place among the devices of what uses it.
    pub(crate) device_index: u8,
    /// Who asks for it, where it is not the account itself: `amazon-elb`.
    pub(crate) requester: Option<&'static str>,
    /// Its public address.
    pub(crate) public: PublicAddress,
}

/// Makes an interface that a service uses from now on.
///
/// # Errors
/// EC2's: `InvalidParameterValue` for an address that is not one of the subnet's, `InvalidIPAddress.InUse`,
/// `InsufficientFreeAddressesInSubnet`, `NetworkInterfaceLimitExceeded`, `InsufficientAddressCapacity`.
pub(crate) fn create_managed(tx: &mut Tx<'_>, managed: Managed<'_>) -> Result<NetworkInterface, Fault> {
    let wanted = Wanted {
        named: managed.address.into_iter().collect(),
        automatic: usize::from(managed.address.is_none()),
    };
    let addresses = allocation::allocate(tx, managed.subnet, &wanted)?;
    let account = managed.subnet.scope.account.clone();
    let new = New {
        subnet: managed.subnet,
        kind: managed.kind,
        description: managed.description,
        groups: managed.groups,
        addresses,
        requester: Some(managed.requester.map_or_else(|| account.to_string(), str::to_owned)),
    };
    let mut interface = create(tx, new)?;
    interface.attachment = Some(Attachment {
        id: AttachmentId::generate(tx.entropy()),
        instance: None,
        instance_owner: account,
        device_index: managed.device_index,
        delete_on_termination: false,
        attached: tx.now(),
    });
    if managed.public == PublicAddress::Automatic {
        interface.auto_public_ip = Some(pool::draw(tx)?);
    }
    tx.put(interface.clone());
    if let PublicAddress::Elastic(id) = &managed.public {
        association::attach(tx, id, &interface, interface.primary_ip());
    }
    Ok(interface)
}

/// Gives such an interface other security groups.
pub(crate) fn set_groups(tx: &mut Tx<'_>, id: &NetworkInterfaceId, groups: &[SecurityGroupId]) {
    tx.modify::<NetworkInterface>(id, |row| row.groups = groups.to_vec());
}

/// Removes such an interface.
pub(crate) fn remove_managed(tx: &mut Tx<'_>, id: &NetworkInterfaceId) {
    if let Some(interface) = tx.world().get::<NetworkInterface>(id).cloned() {
        remove(tx, &interface);
    }
}

/// The caller's subnet of that id.
pub(crate) fn subnet_of<'w>(world: &'w World, scope: &Scope, id: &str) -> Option<&'w Subnet> {
    ids::find::<Subnet>(world, scope, id).ok()
}

/// The caller's security group of that id in the VPC.
pub(crate) fn group_of<'w>(
    world: &'w World,
    scope: &Scope,
    vpc: &VpcId,
    id: &str,
) -> Option<&'w SecurityGroup> {
    ids::find::<SecurityGroup>(world, scope, id).ok().filter(|group| group.vpc == *vpc)
}

/// The VPC's own security group.
pub(crate) fn default_group_of<'w>(world: &'w World, vpc: &VpcId) -> Option<&'w SecurityGroup> {
    world.by::<SecurityGroup>("vpc", vpc.as_str()).find(|group| group.name == "default")
}

/// The caller's Elastic IP of that allocation.
pub(crate) fn address_of<'w>(world: &'w World, scope: &Scope, id: &str) -> Option<&'w Address> {
    ids::find::<Address>(world, scope, id).ok()
}

/// Whether the VPC has an internet gateway.
pub(crate) fn has_gateway(world: &World, vpc: &VpcId) -> bool {
    association::gateway_of(world, vpc).is_some()
}

/// How many addresses of the subnet are neither kept by AWS nor on an interface.
pub(crate) fn free_addresses(world: &World, subnet: &Subnet) -> usize {
    allocation::free(world, subnet)
}
