//! Instances: a namespace with one device per attached network interface.

use enishi_fabric::program::{Host, NamespaceProgram, Role};
use enishi_fabric::{NamespaceName, Origin};
use enishi_state::World;
use enishi_state::ec2::{Instance, NetworkInterface, Vpc};

use crate::network_interface::Live;

/// The namespaces of the instances of a VPC that are up. An instance belongs to the VPC of its primary network interface;
/// the others may be in other VPCs.
pub(crate) fn compile<'w>(world: &'w World, vpc: &Vpc) -> impl Iterator<Item = NamespaceProgram> + use<'w> {
    let instances = world.by::<Instance>("vpc", vpc.id.as_str());
    instances.filter(|instance| instance.state.is_up()).filter_map(|instance| host(world, instance))
}

fn host(world: &World, row: &Instance) -> Option<NamespaceProgram> {
    let attached = world.by::<NetworkInterface>("instance", row.id.as_str());
    let mut live: Vec<_> = attached.filter_map(|interface| Live::of(world, interface)).collect();
    if live.is_empty() {
        return None;
    }
    live.sort_by_key(|interface| interface.row.attachment.as_ref().map(|attachment| attachment.device_index));
    Some(NamespaceProgram {
        name: NamespaceName::new(row.id.as_str()),
        interfaces: live.iter().map(|interface| (interface.device_name(), interface.device_end())).collect(),
        role: Role::Host(Host {
            origin: Origin::resource(row.id.as_str()),
            devices: live.iter().map(Live::device).collect(),
            resolver_endpoint: None,
        }),
    })
}
