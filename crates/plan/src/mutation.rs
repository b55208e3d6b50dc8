//! Deliberate bugs of the compiler, to test the tests: scenarios with hand-written verdicts have to catch every one.
//!
//! The kernel and the model run the same program, so a bug of `plan` is invisible to a comparison of the two. Each
//! [`Mutation`] is such a bug. It is applied around the real compiler, to the world it reads or to the program it makes, so
//! that the compiler itself carries no trace of them; the module exists only with the feature `mutations`.

use std::sync::Arc;

use enishi_fabric::program::{AclRule, Eni, Gate, GroupRule, Peer, Role, RouteTarget, Router, Untracked};
use enishi_fabric::{Cidr, IcmpMatch, InterfaceName, Origin, PortRange, Program, TrafficMatch};
use enishi_state::ec2::{
    self, Address, InterfaceKind, InternetGateway, ManagedPrefixList, NetworkAcl, NetworkInterface,
    PeeringState, PrefixListVersion, Subnet, VpcPeeringConnection,
};
use enishi_state::{AccountId, Caller, Entropy, Holds, Region, Row, Scope, Timestamp, Tx, World};

macro_rules! mutations {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A bug that a compiler of networks could have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutation {
            $($(#[$doc])* $name,)*
        }

        impl Mutation {
            /// Every mutation.
            pub const ALL: &'static [Mutation] = &[$(Mutation::$name),*];
        }
    };
}

mutations! {
    /// A network ACL's inbound rules are not asked.
    AclInboundIgnored,
    /// A network ACL's outbound rules are not asked.
    AclOutboundIgnored,
    /// Inbound and outbound rules of a network ACL are confused.
    AclDirectionsSwapped,
    /// A network ACL's deny rules allow.
    AclDenyAllows,
    /// The highest number of a network ACL decides first.
    AclOrderReversed,
    /// Every subnet has the VPC's default network ACL.
    DefaultAclEverywhere,
    /// The main table's routes are overlooked: a subnet without an explicit association has local routes only.
    MainTableIgnored,
    /// Explicit associations are overlooked: every subnet uses the main table.
    AssociationIgnored,
    /// Only the primary CIDR block of a VPC has a local route.
    SecondaryBlockNotLocal,
    /// Routes more specific than a local one are left out.
    MoreSpecificRouteIgnored,
    /// A blackhole is left out, so that a shorter prefix takes over.
    BlackholeFallsThrough,
    /// A route to a detached internet gateway leads to whichever is attached.
    DetachedGatewayRoutes,
    /// Automatic public addresses are not mapped.
    AutomaticAddressUnmapped,
    /// An Elastic IP of a secondary private address maps the primary one.
    ElasticIpOnPrimary,
    /// Elastic IPs of NAT gateways are not mapped.
    NatGatewayUnmapped,
    /// Only the primary private address of an interface exists.
    SecondaryAddressMissing,
    /// Public addresses are looked up by private address alone, over all VPCs.
    VpcsMixed,
    /// The source/destination check is never done.
    SourceDestCheckNever,
    /// The source/destination check is always done, on NAT instances too.
    SourceDestCheckAlways,
    /// NAT gateways are filtered by security groups, of which they have none.
    NatGatewayGated,
    /// Resolver endpoints are not filtered by their security groups.
    ResolverEndpointUngated,
    /// Security groups let everything out.
    GroupEgressOpen,
    /// Inbound and outbound rules of a security group are confused.
    GroupDirectionsSwapped,
    /// A rule that refers to a group admits everybody.
    GroupReferenceIsEverywhere,
    /// A group's members are known by their public addresses too.
    GroupMembersPublicToo,
    /// Of an interface's groups only the first one counts.
    OnlyFirstGroup,
    /// The last port of a range is left out.
    PortsOffByOne,
    /// ICMP rules match every type.
    IcmpTypeIgnored,
    /// Protocol `-1` is compiled as TCP.
    AllProtocolsIsTcp,
    /// A VPC peering connection carries packets from anywhere.
    PeeringTransitive,
    /// A VPC peering connection carries packets before it is accepted.
    PeeringUnaccepted,
    /// Only the primary CIDR block of a VPC is peered.
    PeeringPrimaryOnly,
    /// Members of a peered VPC's groups are not known.
    PeeredMembersMissing,
    /// A prefix list keeps the entries of its first version.
    PrefixListFirstVersion,
    /// A prefix list's route replaces a static one of the same destination.
    PrefixListBeforeStatic,
    /// Every flow is tracked.
    UntrackedNever,
    /// Every flow that a rule admits from everywhere is untracked, whatever the other direction allows.
    UntrackedAlways,
}

/// Compiles the world, with a bug if one is given.
pub fn plan_with(world: &World, mutation: Option<Mutation>) -> Program {
    let Some(mutation) = mutation else { return crate::plan(world) };
    let mut program = crate::plan(&mutation.misread(world));
    if mutation == Mutation::VpcsMixed {
        mix_vpcs(&mut program);
    }
    for namespace in program.namespaces.values_mut() {
        if let Role::Router(router) = &mut Arc::make_mut(namespace).role {
            mutation.miscompile(router);
        }
    }
    program
}

impl Mutation {
    /// The world as a compiler with this bug takes it to be.
    fn misread(self, world: &World) -> World {
        match self {
            Mutation::DefaultAclEverywhere => edit(world, |tx, row: Subnet| {
                let mut acls = world.by::<NetworkAcl>("vpc", row.vpc.as_str());
                if let Some(default) = acls.find(|acl| acl.is_default) {
                    tx.put(Subnet { network_acl: (row.network_acl.0, default.id.clone()), ..row });
                }
            }),
            Mutation::MainTableIgnored => edit(world, |tx, row: ec2::Vpc| {
                let main = row.main_route_table.1.clone();
                tx.modify::<ec2::RouteTable>(&main, |row| row.routes.clear());
            }),
            Mutation::AssociationIgnored => {
                edit(world, |tx, row: Subnet| tx.put(Subnet { route_table: None, ..row }))
            }
            Mutation::DetachedGatewayRoutes => edit(world, |tx, mut row: ec2::RouteTable| {
                let attached = world.by::<InternetGateway>("vpc", row.vpc.as_str()).next();
                for route in row.routes.values_mut() {
                    if let (ec2::RouteTarget::InternetGateway(id), Some(attached)) =
                        (&mut route.target, attached)
                    {
                        *id = attached.id.clone();
                    }
                }
                tx.put(row);
            }),
            Mutation::PeeringUnaccepted => edit(world, |tx, row: VpcPeeringConnection| {
                if row.state == PeeringState::PendingAcceptance {
                    tx.put(VpcPeeringConnection { state: PeeringState::Active, ..row });
                }
            }),
            Mutation::PrefixListFirstVersion => edit(world, |tx, row: ManagedPrefixList| {
                tx.put(ManagedPrefixList { version: 1, ..row });
            }),
            Mutation::PrefixListBeforeStatic => edit(world, |tx, mut row: ec2::RouteTable| {
                for list in row.prefix_list_routes.keys() {
                    let newest = PrefixListVersion::newest(world, list);
                    for entry in newest.into_iter().flat_map(|version| &version.entries) {
                        row.routes.remove(&entry.cidr);
                    }
                }
                tx.put(row);
            }),
            Mutation::AutomaticAddressUnmapped => edit(world, |tx, row: NetworkInterface| {
                tx.put(NetworkInterface { auto_public_ip: None, ..row });
            }),
            Mutation::ElasticIpOnPrimary => edit_mapped(world, |interface, mapped| {
                Some(ec2::AddressAssociation { private_ip: interface.primary_ip(), ..mapped })
            }),
            Mutation::NatGatewayUnmapped => edit_mapped(world, |interface, mapped| {
                (interface.kind != InterfaceKind::NatGateway).then_some(mapped)
            }),
            Mutation::SecondaryAddressMissing => edit(world, |tx, mut row: NetworkInterface| {
                row.addresses.truncate(1);
                tx.put(row);
            }),
            _ => world.clone(),
        }
    }

    /// Breaks a router as a compiler with this bug does.
    fn miscompile(self, router: &mut Router) {
        self.miscompile_acls(router);
        self.miscompile_routes(router);
        self.miscompile_enis(router);
        self.miscompile_groups(router);
        for port in router.peerings.values_mut() {
            match self {
                Mutation::PeeringTransitive => port.cidrs = vec![Cidr::EVERYWHERE],
                Mutation::PeeringPrimaryOnly => port.cidrs.truncate(1),
                _ => {}
            }
        }
        if let Some(misread) = self.traffic() {
            edit_traffic(router, misread);
        }
    }

    fn miscompile_acls(self, router: &mut Router) {
        for acl in router.acls.values_mut() {
            match self {
                Mutation::AclInboundIgnored => acl.inbound = vec![allow_all(&acl.origin)],
                Mutation::AclOutboundIgnored => acl.outbound = vec![allow_all(&acl.origin)],
                Mutation::AclDirectionsSwapped => std::mem::swap(&mut acl.inbound, &mut acl.outbound),
                Mutation::AclDenyAllows => {
                    acl.inbound.iter_mut().chain(&mut acl.outbound).for_each(|rule| rule.allow = true);
                }
                Mutation::AclOrderReversed => {
                    acl.inbound.reverse();
                    acl.outbound.reverse();
                }
                _ => {}
            }
        }
    }

    fn miscompile_routes(self, router: &mut Router) {
        let blocks = router.cidrs.clone();
        for table in router.tables.values_mut() {
            table.routes.retain(|to, route| match self {
                Mutation::SecondaryBlockNotLocal => {
                    route.target != RouteTarget::Local || blocks.first() == Some(to)
                }
                Mutation::MoreSpecificRouteIgnored => {
                    !blocks.iter().any(|block| block.covers(*to) && block != to)
                }
                Mutation::BlackholeFallsThrough => route.target != RouteTarget::Blackhole,
                _ => true,
            });
        }
    }

    fn miscompile_enis(self, router: &mut Router) {
        for eni in router.enis.values_mut() {
            match self {
                Mutation::SourceDestCheckNever => eni.source_dest_check = false,
                Mutation::SourceDestCheckAlways => eni.source_dest_check = eni.gate != Gate::Open,
                Mutation::NatGatewayGated if eni.gate == Gate::Open => eni.gate = Gate::Groups(Vec::new()),
                Mutation::ResolverEndpointUngated if eni.owner.as_str().starts_with("rslvr-") => {
                    eni.gate = Gate::Open;
                }
                Mutation::OnlyFirstGroup => keep_first_group(eni),
                Mutation::UntrackedNever => eni.untracked = Untracked::default(),
                Mutation::UntrackedAlways => {
                    eni.untracked = Untracked {
                        ingress_tcp: true,
                        ingress_udp: true,
                        egress_tcp: true,
                        egress_udp: true,
                    };
                }
                _ => {}
            }
        }
    }

    fn miscompile_groups(self, router: &mut Router) {
        let peerings = &router.peerings;
        let public: Vec<_> = router.internet.iter().flat_map(|port| &port.mappings).collect();
        for group in router.groups.values_mut() {
            match self {
                Mutation::GroupEgressOpen => group.egress.push(GroupRule {
                    origin: group.origin.clone(),
                    traffic: TrafficMatch::All,
                    peer: Peer::Cidr(Cidr::EVERYWHERE),
                }),
                Mutation::PeeredMembersMissing => {
                    group.members.retain(|(interface, _)| !peerings.contains_key(interface));
                }
                Mutation::GroupDirectionsSwapped => std::mem::swap(&mut group.ingress, &mut group.egress),
                Mutation::GroupReferenceIsEverywhere => {
                    for rule in group.ingress.iter_mut().chain(&mut group.egress) {
                        if matches!(rule.peer, Peer::Group(_)) {
                            rule.peer = Peer::Cidr(Cidr::EVERYWHERE);
                        }
                    }
                }
                Mutation::GroupMembersPublicToo => {
                    let own = |private| group.members.iter().any(|(_, member)| *member == private);
                    let known: Vec<_> = public.iter().filter(|(private, _)| own(**private)).collect();
                    group.members.extend(known.iter().map(|(_, to)| (InterfaceName::igw(), to.address)));
                }
                _ => {}
            }
        }
    }

    /// What becomes of the traffic that a rule matches; `None` in the answer is a rule that is left out.
    fn traffic(self) -> Option<fn(TrafficMatch) -> Option<TrafficMatch>> {
        fn half_open(ports: PortRange) -> Option<PortRange> {
            PortRange::new(ports.from(), ports.to().checked_sub(1)?).ok()
        }
        match self {
            Mutation::PortsOffByOne => Some(|traffic| match traffic {
                TrafficMatch::Tcp(ports) => half_open(ports).map(TrafficMatch::Tcp),
                TrafficMatch::Udp(ports) => half_open(ports).map(TrafficMatch::Udp),
                other => Some(other),
            }),
            Mutation::IcmpTypeIgnored => Some(|traffic| match traffic {
                TrafficMatch::Icmp(_) => Some(TrafficMatch::Icmp(IcmpMatch::ANY)),
                other => Some(other),
            }),
            Mutation::AllProtocolsIsTcp => Some(|traffic| match traffic {
                TrafficMatch::All => Some(TrafficMatch::Tcp(PortRange::ALL)),
                other => Some(other),
            }),
            _ => None,
        }
    }
}

fn edit_traffic(router: &mut Router, misread: fn(TrafficMatch) -> Option<TrafficMatch>) {
    let keep = |traffic: &mut TrafficMatch| {
        let misread = misread(*traffic);
        *traffic = misread.unwrap_or(*traffic);
        misread.is_some()
    };
    for acl in router.acls.values_mut() {
        acl.inbound.retain_mut(|rule| keep(&mut rule.traffic));
        acl.outbound.retain_mut(|rule| keep(&mut rule.traffic));
    }
    for group in router.groups.values_mut() {
        group.ingress.retain_mut(|rule| keep(&mut rule.traffic));
        group.egress.retain_mut(|rule| keep(&mut rule.traffic));
    }
}

fn allow_all(origin: &Origin) -> AclRule {
    AclRule { origin: origin.clone(), allow: true, traffic: TrafficMatch::All, cidr: Cidr::EVERYWHERE }
}

fn keep_first_group(eni: &mut Eni) {
    if let Gate::Groups(groups) = &mut eni.gate {
        groups.truncate(1);
    }
}

/// Maps, in every router, its private addresses to the public ones that any other router has for them.
fn mix_vpcs(program: &mut Program) {
    let routers = program.namespaces.values().filter_map(|namespace| match &namespace.role {
        Role::Router(router) => router.internet.as_ref(),
        _ => None,
    });
    let all: Vec<_> = routers.flat_map(|port| port.mappings.clone()).collect();
    for namespace in program.namespaces.values_mut() {
        let Role::Router(router) = &mut Arc::make_mut(namespace).role else { continue };
        let Some(port) = &mut router.internet else { continue };
        for (private, public) in &all {
            if router.enis.values().any(|eni| eni.addresses.contains(private)) {
                port.mappings.entry(*private).or_insert_with(|| public.clone());
            }
        }
    }
}

/// The world with every row of a kind edited. Nothing is committed, so invariants do not hinder.
fn edit<R: Row>(world: &World, edit: impl Fn(&mut Tx<'_>, R)) -> World
where
    World: Holds<R>,
{
    let Some(region) = Region::new("us-east-1") else { return world.clone() };
    let scope = Scope { account: AccountId::zero(), region };
    let caller = Caller { scope, access_key: None, session_arn: None };
    let mut entropy = NoEntropy;
    let mut tx = Tx::new(world, &caller, Timestamp(0), &mut entropy);
    for row in world.all::<R>() {
        edit(&mut tx, row.clone());
    }
    tx.world().clone()
}

/// The world with the association of every mapped Elastic IP edited, or taken away.
fn edit_mapped(
    world: &World,
    edited: impl Fn(&NetworkInterface, ec2::AddressAssociation) -> Option<ec2::AddressAssociation>,
) -> World {
    edit(world, |tx, row: Address| {
        let Some(mapped) = row.association.clone() else { return };
        let Some(interface) = world.get::<NetworkInterface>(&mapped.network_interface) else { return };
        tx.put(Address { association: edited(interface, mapped), ..row });
    })
}

/// Editing rows makes no ids.
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
