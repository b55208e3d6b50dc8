//! Who is meant: instance ids, `Name` tags, `internet`, addresses.

use std::net::Ipv4Addr;

use enishi_state::World;
use enishi_state::ec2::{Instance, InstanceId, NatGateway, NatGatewayId, NetworkInterface, Vpc, VpcId};
use enishi_state::{ResourceId, Tag};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::admin::Refusal;

/// Where `enishi exec` runs a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// In an instance, as one of its processes.
    Instance(String),
    /// On the host's files, in a network namespace: the internet, a VPC's router, a NAT gateway.
    Namespace(String),
}

/// Whom `name` means to `enishi exec`.
pub fn target(world: &World, name: &str) -> Result<Target, Refusal> {
    if name == "internet" {
        return Ok(Target::Namespace(name.to_owned()));
    }
    if let Ok(vpc) = VpcId::parse(name)
        && world.get::<Vpc>(&vpc).is_some()
    {
        return Ok(Target::Namespace(name.to_owned()));
    }
    if let Ok(nat) = NatGatewayId::parse(name)
        && world.get::<NatGateway>(&nat).is_some_and(NatGateway::is_live)
    {
        return Ok(Target::Namespace(name.to_owned()));
    }
    let instance = instance(world, name)?;
    if !instance.state.is_up() {
        let text = format!("{name} is {}", instance.state.name());
        return Err((StatusCode::CONFLICT, text));
    }
    Ok(Target::Instance(instance.id.as_str().to_owned()))
}

/// The instance with this id or `Name` tag.
pub fn instance<'w>(world: &'w World, name: &str) -> Result<&'w Instance, Refusal> {
    if let Ok(id) = InstanceId::parse(name)
        && let Some(instance) = world.get::<Instance>(&id)
    {
        return Ok(instance);
    }
    let named = |instance: &&Instance| {
        instance.state != enishi_state::ec2::InstanceState::Terminated
            && name_of(world, instance.id.as_str()) == Some(name)
    };
    let found: Vec<&Instance> = world.all::<Instance>().filter(named).collect();
    match found.as_slice() {
        [instance] => Ok(instance),
        [] => Err((StatusCode::NOT_FOUND, format!("there is no instance {name:?}"))),
        several => {
            let ids: Vec<&str> = several.iter().map(|instance| instance.id.as_str()).collect();
            let text = format!("{name:?} is the name of {} instances: {}", ids.len(), ids.join(", "));
            Err((StatusCode::CONFLICT, text))
        }
    }
}

/// The `Name` tag of a resource.
pub fn name_of<'w>(world: &'w World, resource: &str) -> Option<&'w str> {
    world.get::<Tag>(&enishi_state::TagKey::of(resource, "Name")).map(|tag| tag.value.as_str())
}

/// The interfaces of an instance, in device order.
pub fn interfaces<'w>(world: &'w World, instance: &Instance) -> Vec<&'w NetworkInterface> {
    let mut interfaces: Vec<_> = world.by::<NetworkInterface>("instance", instance.id.as_str()).collect();
    interfaces
        .sort_by_key(|interface| interface.attachment.as_ref().map(|attachment| attachment.device_index));
    interfaces
}

/// The public address of an interface's primary private address.
pub fn public_ip(world: &World, interface: &NetworkInterface) -> Option<Ipv4Addr> {
    world
        .by::<enishi_state::ec2::Address>("network_interface", interface.id.as_str())
        .find(|address| {
            address.association.as_ref().is_some_and(|mapped| mapped.private_ip == interface.primary_ip())
        })
        .map(|address| address.public_ip)
        .or(interface.auto_public_ip)
}
