//! VPCs: one router each, and the namespaces behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::dns::VpcResolver;
use enishi_fabric::program::{Interface, InternetPort, NamespaceProgram, Role, Router};
use enishi_fabric::{InterfaceName, NamespaceName, Origin};
use enishi_state::World;
use enishi_state::ec2::{NetworkInterface, Vpc, VpcId};

use crate::internet::Link;
use crate::network_interface::Live;
use crate::security_group::Groups;
use crate::vpc_peering_connection::Peering;
use crate::{
    instance, internet_gateway, load_balancer, nat_gateway, network_acl, resolver, resolver_endpoint,
    route_table, subnet, vpc_peering_connection,
};

/// The metadata service.
/// [Instance metadata](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html)
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// What a VPC contributes to the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VpcProgram {
    /// Its router, instances, NAT gateways and resolver endpoints.
    pub(crate) namespaces: BTreeMap<NamespaceName, Arc<NamespaceProgram>>,
    /// Its link to the internet.
    pub(crate) link: Option<Link>,
}

/// A VPC's resolver; a VPC may have none.
type Resolver = Option<Arc<VpcResolver>>;

impl VpcProgram {
    /// The resolver in its router, if there is a router.
    pub(crate) fn resolver(&self, vpc: &VpcId) -> Option<Resolver> {
        match &self.namespaces.get(&NamespaceName::new(vpc.as_str()))?.role {
            Role::Router(router) => Some(router.resolver.clone()),
            _ => None,
        }
    }
}

/// Compiles a VPC. Of other VPCs enter only the devices of its instances there, and of peered ones the blocks, the members of groups
/// that it refers to and the names that they share.
/// `kept` is its resolver, if that is known already.
pub(crate) fn compile(world: &World, vpc: &Vpc, kept: Option<Resolver>) -> VpcProgram {
    let rows = world.by::<NetworkInterface>("vpc", vpc.id.as_str());
    let live: Vec<_> = rows.filter_map(|row| Live::of(world, row)).collect();
    let port = internet_gateway::compile(world, vpc, &live).filter(|_| !live.is_empty());
    let link = port.as_ref().map(|port| link(vpc, port));
    let router = (!live.is_empty()).then(|| router(world, vpc, &live, port, kept));
    let namespaces = router
        .into_iter()
        .chain(instance::compile(world, vpc))
        .chain(nat_gateway::compile(&live))
        .chain(resolver_endpoint::compile(&live))
        .chain(load_balancer::compile(world, &live));
    VpcProgram { namespaces: namespaces.map(|n| (n.name.clone(), Arc::new(n))).collect(), link }
}

fn link(vpc: &Vpc, port: &InternetPort) -> Link {
    Link {
        interface: InterfaceName::vpc(vpc.slot),
        router: NamespaceName::new(vpc.id.as_str()),
        addresses: port.mappings.values().map(|public| public.address).collect(),
    }
}

fn router(
    world: &World,
    vpc: &Vpc,
    live: &[Live<'_>],
    internet: Option<InternetPort>,
    kept: Option<Resolver>,
) -> NamespaceProgram {
    let peerings = vpc_peering_connection::compile(world, &vpc.id);
    let groups = Groups::compile(world, &vpc.id, live, &peerings);
    let enis = live.iter().map(|interface| (interface.port(), interface.eni(&groups)));
    let router = Router {
        origin: Origin::resource(vpc.id.as_str()),
        cidrs: vpc.cidrs.iter().map(|block| block.cidr).collect(),
        services: services(vpc, live),
        subnets: subnet::compile(world, live),
        enis: enis.collect(),
        tables: route_table::compile(world, vpc, live),
        acls: network_acl::compile(world, live),
        groups: groups.into_inner(),
        internet,
        peerings: peerings.iter().map(|peering| (peering.interface(), peering.port())).collect(),
        resolver: kept.unwrap_or_else(|| resolver::compile(world, vpc).map(Arc::new)),
    };
    NamespaceProgram {
        name: NamespaceName::new(vpc.id.as_str()),
        interfaces: interfaces(vpc, live, &peerings, router.internet.as_ref()),
        role: Role::Router(router),
    }
}

fn interfaces(
    vpc: &Vpc,
    live: &[Live<'_>],
    peerings: &[Peering<'_>],
    internet: Option<&InternetPort>,
) -> BTreeMap<InterfaceName, Interface> {
    let ports = live.iter().map(|interface| (interface.port(), interface.router_end()));
    let gateway = internet.map(|port| (port.interface.clone(), internet_gateway::router_end(vpc)));
    let peers = peerings.iter().map(|peering| (peering.interface(), peering.router_end()));
    ports.chain(gateway).chain(peers).collect()
}

/// The addresses that the router answers itself. The resolver answers at the VPC's base plus two only when the VPC has
/// `enableDnsSupport`; the link-local addresses are always there.
fn services(vpc: &Vpc, live: &[Live<'_>]) -> BTreeSet<Ipv4Addr> {
    let gateways = live.iter().filter_map(|interface| interface.subnet.gateway());
    gateways.chain(resolver::base_plus_two(vpc)).chain([resolver::LINK_LOCAL, METADATA]).collect()
}
