//! Network interfaces that AWS makes for a service and that users may not change: a resolver endpoint's.
//! [Requester-managed network interfaces](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html)

use std::net::Ipv4Addr;

use enishi_state::Tx;
use enishi_state::ec2::{
    Attachment, AttachmentId, InterfaceKind, NetworkInterface, NetworkInterfaceId, SecurityGroup,
    SecurityGroupId, Subnet, VpcId,
};
use enishi_state::{Scope, World};
use enishi_wire::Fault;

use super::allocation::{self, Wanted};
use super::{New, create, remove};
use crate::ec2::ids;

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
}

/// Makes an interface that a service uses from now on.
///
/// # Errors
/// EC2's: `InvalidParameterValue` for an address that is not one of the subnet's, `InvalidIPAddress.InUse`,
/// `InsufficientFreeAddressesInSubnet`, `NetworkInterfaceLimitExceeded`.
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
        requester: Some(account.to_string()),
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
    tx.put(interface.clone());
    Ok(interface)
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
