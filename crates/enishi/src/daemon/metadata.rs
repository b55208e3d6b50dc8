//! What the metadata service knows of an instance, from rows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use enishi_plan::host_name::{private_name, public_name};
use enishi_proxy::metadata::{InstanceMetadata, InterfaceMetadata, Options};
use enishi_state::World;
use enishi_state::ec2::{Address, Instance, NetworkInterface, SecurityGroup, Subnet, Vpc};

use super::endpoint::names;

/// The instance that has a private address in a VPC.
pub fn lookup(world: &World, vpc: &str, address: Ipv4Addr) -> Option<InstanceMetadata> {
    let interface = world.by::<NetworkInterface>("private_ip", &format!("{vpc}/{address}")).next()?;
    let instance = world.get::<Instance>(interface.instance()?)?;
    let subnet = world.get::<Subnet>(&instance.subnet)?;
    let tags = if instance.metadata.instance_tags {
        world.tags_of(instance.id.as_str()).map(|tag| (tag.key.clone(), tag.value.clone())).collect()
    } else {
        BTreeMap::new()
    };
    let interfaces = names::interfaces(world, instance);
    Some(InstanceMetadata {
        account: instance.scope.account.to_string(),
        region: instance.scope.region.to_string(),
        zone: (subnet.zone.clone(), subnet.zone_id.clone()),
        image: instance.image.to_string(),
        launch_index: instance.launch_index,
        instance: instance.id.to_string(),
        instance_type: instance.instance_type.clone(),
        architecture: architecture().to_owned(),
        reservation: instance.reservation.to_string(),
        launched: rfc3339(instance.launched),
        key: instance.key_name.clone().zip(instance.public_key.clone()),
        user_data: instance.user_data.clone(),
        tags,
        interfaces: interfaces.into_iter().filter_map(|row| interface_of(world, instance, row)).collect(),
        options: Options {
            enabled: instance.metadata.enabled,
            tokens_required: instance.metadata.tokens_required,
            hop_limit: instance.metadata.hop_limit,
            tags: instance.metadata.instance_tags,
        },
    })
}

fn interface_of(world: &World, instance: &Instance, row: &NetworkInterface) -> Option<InterfaceMetadata> {
    let subnet = world.get::<Subnet>(&row.subnet)?;
    let vpc = world.get::<Vpc>(&row.vpc)?;
    let mut public_ips: BTreeMap<Ipv4Addr, Ipv4Addr> =
        row.auto_public_ip.iter().map(|public| (row.primary_ip(), *public)).collect();
    for address in world.by::<Address>("network_interface", row.id.as_str()) {
        if let Some(association) = &address.association {
            public_ips.insert(association.private_ip, address.public_ip);
        }
    }
    let public = public_ips.get(&row.primary_ip()).filter(|_| vpc.dns_hostnames);
    let groups = row.groups.iter().filter_map(|id| world.get::<SecurityGroup>(id));
    let device = row.attachment.as_ref()?.device_index;
    Some(InterfaceMetadata {
        id: row.id.to_string(),
        mac: row.mac,
        device,
        owner: row.scope.account.to_string(),
        hostname: if device == 0 {
            instance.private_dns_name.clone()
        } else {
            private_name(&instance.scope.region, row.primary_ip())
        },
        private_ips: row.addresses.iter().map(|address| address.ip).collect(),
        public_hostname: public.map(|address| public_name(&instance.scope.region, *address)),
        public_ips,
        subnet: (subnet.id.to_string(), subnet.cidr),
        vpc: (vpc.id.to_string(), vpc.cidrs.iter().map(|block| block.cidr).collect()),
        groups: groups.map(|group| (group.name.clone(), group.id.to_string())).collect(),
    })
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

fn rfc3339(time: enishi_state::Timestamp) -> String {
    jiff::Timestamp::from_second(time.seconds()).map(|time| time.to_string()).unwrap_or_default()
}
