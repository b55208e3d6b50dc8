//! Which public address stands for which private one, and how that changes.
//! [Elastic IP addresses](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html)
//!
//! A private address has at most one public one: an Elastic IP, or on an interface's primary address an automatic one.
//! AWS promises: associating an Elastic IP with the primary address releases the automatic one; taking the Elastic IP away
//! again, an instance that was launched with an automatic address gets another, unless it has a second network interface
//! or an Elastic IP on a secondary address.

use std::net::Ipv4Addr;

use enishi_state::ec2::{
    Address, AddressAssociation, AddressId, EipAssociationId, Instance, InternetGateway, NetworkInterface,
    NetworkInterfaceId, VpcId,
};
use enishi_state::{Tx, World};
use enishi_wire::Fault;

use super::pool;

/// A public address, as seen from the private one it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Public<'w> {
    /// Assigned by AWS at launch.
    Automatic(Ipv4Addr),
    /// An Elastic IP.
    Elastic(&'w Address, &'w AddressAssociation),
}

impl Public<'_> {
    /// The address.
    pub(crate) fn ip(&self) -> Ipv4Addr {
        match self {
            Public::Automatic(ip) => *ip,
            Public::Elastic(address, _) => address.public_ip,
        }
    }

    /// Who owns it: an account, or `amazon`.
    pub(crate) fn owner(&self) -> &str {
        match self {
            Public::Automatic(_) => "amazon",
            Public::Elastic(address, _) => address.scope.account.as_str(),
        }
    }
}

/// The public address of a private address of an interface.
pub(crate) fn public_of<'w>(
    world: &'w World,
    interface: &NetworkInterface,
    private_ip: Ipv4Addr,
) -> Option<Public<'w>> {
    let elastic = elastic_of(world, interface).find(|(_, association)| association.private_ip == private_ip);
    match elastic {
        Some((address, association)) => Some(Public::Elastic(address, association)),
        None if private_ip == interface.primary_ip() => interface.auto_public_ip.map(Public::Automatic),
        None => None,
    }
}

/// The Elastic IPs on an interface.
pub(crate) fn elastic_of<'w>(
    world: &'w World,
    interface: &NetworkInterface,
) -> impl Iterator<Item = (&'w Address, &'w AddressAssociation)> + use<'w> {
    let addresses = world.by::<Address>("network_interface", interface.id.as_str());
    addresses.filter_map(|address| Some((address, address.association.as_ref()?)))
}

/// The internet gateway that is attached to the VPC.
pub(crate) fn gateway_of<'w>(world: &'w World, vpc: &VpcId) -> Option<&'w InternetGateway> {
    world.by::<InternetGateway>("vpc", vpc.as_str()).next()
}

/// Maps an Elastic IP that is not associated to a private address that has none, and releases the automatic one.
pub(crate) fn attach(
    tx: &mut Tx<'_>,
    address: &AddressId,
    interface: &NetworkInterface,
    private_ip: Ipv4Addr,
) -> EipAssociationId {
    let id = EipAssociationId::generate(tx.entropy());
    let association =
        AddressAssociation { id: id.clone(), network_interface: interface.id.clone(), private_ip };
    tx.modify::<Address>(address, |row| row.association = Some(association));
    if private_ip == interface.primary_ip() {
        release_automatic(tx, &interface.id);
    }
    id
}

/// Takes an Elastic IP off, without giving the instance another address.
pub(crate) fn detach(tx: &mut Tx<'_>, address: &AddressId) {
    tx.modify::<Address>(address, |row| row.association = None);
}

/// Takes every Elastic IP off an interface, which goes or is detached for good.
pub(crate) fn detach_all(tx: &mut Tx<'_>, interface: &NetworkInterface) {
    let addresses: Vec<_> =
        elastic_of(tx.world(), interface).map(|(address, _)| address.id.clone()).collect();
    for address in addresses {
        detach(tx, &address);
    }
}

/// Releases the automatic address of an interface, if it has one.
pub(crate) fn release_automatic(tx: &mut Tx<'_>, interface: &NetworkInterfaceId) {
    let has_one =
        tx.world().get::<NetworkInterface>(interface).is_some_and(|row| row.auto_public_ip.is_some());
    if has_one {
        tx.modify::<NetworkInterface>(interface, |row| row.auto_public_ip = None);
    }
}

/// Gives an interface an automatic address if it wants one and AWS would give it: it is the only one of an instance that
/// is starting or running, and no Elastic IP is on it.
///
/// # Errors
/// `InsufficientAddressCapacity`.
pub(crate) fn restore_automatic(tx: &mut Tx<'_>, interface: &NetworkInterfaceId) -> Result<(), Fault> {
    if !deserves_automatic(tx.world(), interface) {
        return Ok(());
    }
    let ip = pool::draw(tx)?;
    tx.modify::<NetworkInterface>(interface, |row| row.auto_public_ip = Some(ip));
    Ok(())
}

fn deserves_automatic(world: &World, interface: &NetworkInterfaceId) -> bool {
    let Some(interface) = world.get::<NetworkInterface>(interface) else { return false };
    let instance = interface.instance().and_then(|id| world.get::<Instance>(id));
    let Some(instance) = instance.filter(|instance| instance.state.is_up()) else { return false };
    interface.wants_public_ip
        && interface.auto_public_ip.is_none()
        && world.by::<NetworkInterface>("instance", instance.id.as_str()).count() == 1
        && elastic_of(world, interface).next().is_none()
}
