//! What keeps a packet from its destination, in AWS's codes.
//! [Explanation codes](https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html)

use enishi_fabric::program::{Gate, Role, Router};
use enishi_fabric::{Disposition, Hop, Program, Stage, Trace};
use enishi_state::ResourceId;
use enishi_state::World;
use enishi_state::ec2::{NetworkInsightsPath, NetworkInterface, NetworkInterfaceId, PathExplanation, Subnet};

use super::hop::rule_of;

/// An explanation that names components only.
pub(super) fn of<'a>(code: &str, components: impl IntoIterator<Item = &'a str>) -> PathExplanation {
    PathExplanation {
        code: code.to_owned(),
        components: components.into_iter().map(str::to_owned).collect(),
        ..PathExplanation::default()
    }
}

/// The same, as what keeps a search from beginning.
pub(super) fn obstacle<'a>(
    code: &str,
    components: impl IntoIterator<Item = &'a str>,
) -> Box<PathExplanation> {
    Box::new(of(code, components))
}

/// Why a packet ended where it did.
pub(super) fn explain(
    world: &World,
    program: &Program,
    trace: &Trace,
    path: &NetworkInsightsPath,
) -> PathExplanation {
    let ends = [path.source.as_str(), path.destination.as_str()];
    let Some(hop) = trace.denied_by() else { return of("NO_PATH", ends) };
    let vpc = hop.namespace.as_str();
    let origin = hop.origin.as_ref().map(|origin| &*origin.resource).unwrap_or_default();
    let eni = hop.eni.as_deref().unwrap_or_default();
    let rule = rule_of(world, program, hop);
    match trace.disposition {
        Disposition::DeniedBySecurityGroup => {
            let groups = groups(program, hop);
            let components = [eni, subnet_of(world, eni), vpc].into_iter().chain(groups);
            let egress = Some(hop.stage == Stage::GroupEgress);
            PathExplanation { egress, ..of("ENI_SG_RULES_MISMATCH", components) }
        }
        Disposition::DeniedByNetworkAcl => {
            let egress = Some(hop.stage == Stage::AclOut);
            let subnet = acl_subnet(world, hop);
            PathExplanation { egress, rule, ..of("SUBNET_ACL_RESTRICTION", [origin, subnet, vpc]) }
        }
        Disposition::NoRoute => of("NO_ROUTE_TO_DESTINATION", [origin, vpc, path.destination.as_str()]),
        Disposition::Blackhole => PathExplanation { rule, ..of("BAD_STATE_ROUTE", [origin, vpc]) },
        Disposition::NotTranslated => {
            let code = match hop.stage {
                Stage::InternetGatewayIn => "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
                Stage::InternetGatewayOut => "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
                _ => "PROTOCOL_RESTRICTION",
            };
            PathExplanation { address: Some(hop.packet.source), ..of(code, [origin, vpc]) }
        }
        Disposition::NotPeered => {
            let address = Some(hop.packet.source);
            PathExplanation { address, ..of("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR", [origin, vpc]) }
        }
        Disposition::SourceCheck => PathExplanation {
            egress: Some(true),
            address: Some(hop.packet.source),
            ..of("ENI_SOURCE_DEST_CHECK_RESTRICTION", [eni, vpc])
        },
        Disposition::DestinationCheck => PathExplanation {
            egress: Some(false),
            address: Some(hop.packet.destination),
            ..of("ENI_SOURCE_DEST_CHECK_RESTRICTION", [eni, vpc])
        },
        Disposition::NoListener => of("ELBV2_LISTENERS_MISMATCH", [origin]),
        Disposition::NoTarget => of("ELBV2_LISTENER_REQUIRES_TG_ACCEPT", [origin]),
        Disposition::Unreachable => {
            let outside = hop.stage == Stage::Internet;
            let code = match outside && hop.packet.destination.is_private() {
                true => "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
                false => "NO_POSSIBLE_DESTINATION",
            };
            let vpc = Some(vpc).filter(|_| !outside);
            PathExplanation { address: Some(hop.packet.destination), ..of(code, vpc) }
        }
        _ => of("NO_PATH", ends),
    }
}

/// The groups of the network interface that denied.
fn groups<'p>(program: &'p Program, hop: &Hop) -> Vec<&'p str> {
    let enis = router(program, hop).into_iter().flat_map(|router| router.enis.values());
    let denying = enis.filter(|eni| hop.eni.as_ref() == Some(&eni.origin.resource));
    let groups = denying.flat_map(|eni| match &eni.gate {
        Gate::Groups(groups) => groups.as_slice(),
        Gate::Open => &[],
    });
    groups.map(|group| &**group).collect()
}

/// The router that a hop is in.
pub(super) fn router<'p>(program: &'p Program, hop: &Hop) -> Option<&'p Router> {
    match &program.namespaces.get(&hop.namespace)?.role {
        Role::Router(router) => Some(router),
        _ => None,
    }
}

fn subnet_of<'w>(world: &'w World, eni: &str) -> &'w str {
    let row = NetworkInterfaceId::parse(eni).ok().and_then(|id| world.get::<NetworkInterface>(&id));
    row.map(|row| row.subnet.as_str()).unwrap_or_default()
}

/// The subnet at whose border an ACL denied: that of the packet's source or destination; else, where that is outside, one that has the
/// ACL.
fn acl_subnet<'w>(world: &'w World, hop: &Hop) -> &'w str {
    let inside = match hop.stage {
        Stage::AclOut => hop.packet.source,
        _ => hop.packet.destination,
    };
    let acl = hop.origin.as_ref().map(|origin| &*origin.resource).unwrap_or_default();
    let subnets = || world.by::<Subnet>("vpc", hop.namespace.as_str());
    let holding = subnets().find(|subnet| subnet.cidr.contains(inside));
    let subnet = holding.or_else(|| subnets().find(|subnet| subnet.network_acl.1.as_str() == acl));
    subnet.map(|subnet| subnet.id.as_str()).unwrap_or_default()
}
