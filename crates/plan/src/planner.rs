//! The compiler that remembers: only the VPCs that a transaction touched are compiled again.
//!
//! A namespace that comes out as it was keeps its pointer, so that a backend recognises it without looking. The rule that
//! makes this correct: what a VPC compiles to depends only on rows that [`touched`] attributes to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use enishi_fabric::Program;
use enishi_fabric::program::NamespaceProgram;
use enishi_state::acm::Certificate;
use enishi_state::ec2::{
    Address, Instance, InternetGateway, ManagedPrefixList, NatGateway, NetworkAcl, NetworkInterface,
    RouteTable, SecurityGroup, SecurityGroupRule, Subnet, Vpc, VpcId, VpcPeeringConnection,
};
use enishi_state::elbv2::{
    Listener, LoadBalancer, LoadBalancerArn, LoadBalancerKind, Rule, Target, TargetGroup, TrustStore,
};
use enishi_state::route53::HostedZone;
use enishi_state::route53resolver::{
    QueryLogAssociation, ResolverConfig, ResolverEndpoint, ResolverRule, ResolverRuleAssociation,
};
use enishi_state::{Delta, Holds, Row, World, elb};

use crate::vpc::{self, VpcProgram};
use crate::{classic_load_balancer, internet, load_balancer, target_group};

/// An incremental [`crate::plan`].
#[derive(Debug, Clone)]
pub struct Planner {
    generation: u64,
    vpcs: BTreeMap<VpcId, VpcProgram>,
    program: Program,
}

impl Planner {
    /// Compiles the whole world.
    pub fn new(world: &World) -> Self {
        let vpcs: BTreeMap<_, _> =
            world.all::<Vpc>().map(|vpc| (vpc.id.clone(), vpc::compile(world, vpc, None))).collect();
        let mut namespaces: BTreeMap<_, _> = vpcs.values().flat_map(|vpc| vpc.namespaces.clone()).collect();
        let internet = internet::compile(links(&vpcs));
        namespaces.insert(internet.name.clone(), Arc::new(internet));
        let balancers = world.all::<LoadBalancer>();
        let balancers =
            balancers.map(|row| (row.arn.as_str().into(), Arc::new(load_balancer::balancer(world, row))));
        let classic = world.all::<elb::LoadBalancer>();
        let classic = classic
            .map(|row| (row.arn().as_str().into(), Arc::new(classic_load_balancer::balancer(world, row))));
        let balancers = balancers.chain(classic);
        let program = Program { namespaces, balancers: balancers.collect() };
        Planner { generation: world.generation, vpcs, program }
    }

    /// The program of the world that was compiled last.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The program of the world that was compiled last.
    pub fn into_program(self) -> Program {
        self.program
    }

    /// Compiles `after`, which a transaction that changed `delta` made from `before`.
    ///
    /// When `before` is not the world that was compiled last, everything is compiled again; what comes out the same keeps
    /// its pointer in any case.
    pub fn update(&mut self, before: &World, after: &World, delta: &Delta) -> Program {
        let (touched, touched_balancers, touched_classic) = if before.generation == self.generation {
            let balancers = touched_balancers(before, after, delta);
            let mut vpcs = touched(before, after, delta);
            for vpc in forwarding_vpcs(before, after, &balancers) {
                vpcs.entry(vpc).or_insert(false);
            }
            (vpcs, balancers, touched_classic(before, after, delta))
        } else {
            let vpcs = self.vpcs.keys().cloned().chain(after.all::<Vpc>().map(|vpc| vpc.id.clone()));
            let balancers = self.program.balancers.keys().map(|arn| LoadBalancerArn::new(arn));
            let balancers = balancers.chain(after.all::<LoadBalancer>().map(|row| row.arn.clone()));
            let classic = after.all::<elb::LoadBalancer>().map(elb::LoadBalancer::arn);
            (vpcs.map(|vpc| (vpc, true)).collect(), balancers.collect(), classic.collect())
        };
        let mut relinked = false;
        for (id, renamed) in touched {
            relinked |= self.recompile(after, &id, renamed);
        }
        if relinked {
            self.keep_or_insert(&mut Arc::new(internet::compile(links(&self.vpcs))));
        }
        for arn in touched_balancers {
            self.recompile_balancer(after, arn.as_str());
        }
        for arn in touched_classic {
            self.recompile_balancer(after, arn.as_str());
        }
        self.generation = after.generation;
        self.program.clone()
    }

    /// Compiles a VPC again, its names only if they may have changed: there are several for each interface. Says whether its
    /// link to the internet changed.
    fn recompile(&mut self, world: &World, id: &VpcId, renamed: bool) -> bool {
        let old = self.vpcs.remove(id).unwrap_or_default();
        let kept = if renamed { None } else { old.resolver(id) };
        let mut new = world.get::<Vpc>(id).map(|row| vpc::compile(world, row, kept)).unwrap_or_default();
        for gone in old.namespaces.keys().filter(|name| !new.namespaces.contains_key(*name)) {
            self.program.namespaces.remove(gone);
        }
        for namespace in new.namespaces.values_mut() {
            self.keep_or_insert(namespace);
        }
        let relinked = old.link != new.link;
        if new != VpcProgram::default() {
            self.vpcs.insert(id.clone(), new);
        }
        relinked
    }

    /// Compiles again what a load balancer does in user space; if it comes out as it was, it keeps its pointer.
    fn recompile_balancer(&mut self, world: &World, arn: &str) {
        let Some(new) = load_balancer::of_arn(world, arn) else {
            self.program.balancers.remove(arn);
            return;
        };
        if self.program.balancers.get(arn).is_none_or(|old| **old != new) {
            self.program.balancers.insert(arn.into(), Arc::new(new));
        }
    }

    /// Inserts a namespace; if it is there already, just so, takes the pointer that is there.
    fn keep_or_insert(&mut self, new: &mut Arc<NamespaceProgram>) {
        match self.program.namespaces.get(&new.name) {
            Some(old) if old == new => *new = old.clone(),
            _ => {
                self.program.namespaces.insert(new.name.clone(), new.clone());
            }
        }
    }
}

fn links(vpcs: &BTreeMap<VpcId, VpcProgram>) -> impl Iterator<Item = &internet::Link> + Clone {
    vpcs.values().filter_map(|vpc| vpc.link.as_ref())
}

/// The VPCs that a delta can have an effect on, and whether it can on their names.
fn touched(before: &World, after: &World, delta: &Delta) -> BTreeMap<VpcId, bool> {
    let mut touched = Touched { before, after, delta, vpcs: BTreeSet::new() };
    touched_names(&mut touched);
    touched_by_resolver(&mut touched);
    touched.private_zones();
    touched.peers();
    let named = touched.vpcs.clone();
    touched.rows::<RouteTable>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
    touched.rows::<NetworkAcl>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
    touched.rows::<SecurityGroup>(|world, row, vpcs| {
        vpcs.extend([row.vpc.clone()]);
        vpcs.extend(peers(world, &row.vpc));
    });
    // It may be all that is up in its VPC: then the links to peered ones come and go with it.
    touched.rows::<NatGateway>(|world, row, vpcs| {
        vpcs.extend([row.vpc.clone()]);
        vpcs.extend(peers(world, &row.vpc));
    });
    touched.rows::<InternetGateway>(|_, row, vpcs| vpcs.extend(row.vpc.clone()));
    touched.rows::<ManagedPrefixList>(|world, row, vpcs| {
        let tables = world.by::<RouteTable>("prefix_list", row.id.as_str());
        vpcs.extend(tables.map(|table| table.vpc.clone()));
        let rules = world.by::<SecurityGroupRule>("prefix_list", row.id.as_str());
        let groups = rules.filter_map(|rule| world.get::<SecurityGroup>(&rule.group));
        vpcs.extend(groups.map(|group| group.vpc.clone()));
    });
    touched.rows::<SecurityGroupRule>(|world, row, vpcs| {
        vpcs.extend(world.get::<SecurityGroup>(&row.group).map(|group| group.vpc.clone()));
    });
    touched.vpcs.into_iter().map(|vpc| (vpc.clone(), named.contains(&vpc))).collect()
}

/// What both packets and names depend on.
fn touched_names(touched: &mut Touched<'_>) {
    touched.rows::<Vpc>(|_, row, vpcs| vpcs.extend([row.id.clone()]));
    touched.rows::<Subnet>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
    touched.rows::<Address>(|world, row, vpcs| {
        let associated = row.association.as_ref();
        let interface = associated.and_then(|a| world.get::<NetworkInterface>(&a.network_interface));
        vpcs.extend(interface.map(|interface| interface.vpc.clone()));
    });
    // An instance has its devices in its own namespace, and may have them in other VPCs.
    touched.rows::<NetworkInterface>(|world, row, vpcs| {
        let instance = row.instance().and_then(|id| world.get::<Instance>(id));
        vpcs.extend([row.vpc.clone()]);
        vpcs.extend(instance.map(|instance| instance.vpc.clone()));
    });
    touched.rows::<Instance>(|world, row, vpcs| {
        let interfaces = world.by::<NetworkInterface>("instance", row.id.as_str());
        vpcs.extend([row.vpc.clone()]);
        vpcs.extend(interfaces.map(|interface| interface.vpc.clone()));
    });
}

fn touched_by_resolver(touched: &mut Touched<'_>) {
    touched.rows::<ResolverEndpoint>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
    touched.rows::<ResolverRuleAssociation>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
    touched.rows::<ResolverRule>(|world, row, vpcs| {
        let associations = world.by::<ResolverRuleAssociation>("rule", row.id.as_str());
        vpcs.extend(associations.map(|association| association.vpc.clone()));
    });
    touched.rows::<LoadBalancer>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
    touched.rows::<elb::LoadBalancer>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
    touched.rows::<QueryLogAssociation>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
    touched.rows::<ResolverConfig>(|_, row, vpcs| vpcs.extend([row.vpc.clone()]));
}

/// The load balancers that a delta can have an effect on, as far as user space goes.
pub(crate) fn touched_balancers(before: &World, after: &World, delta: &Delta) -> BTreeSet<LoadBalancerArn> {
    let mut touched = BTreeSet::new();
    let mut groups = BTreeSet::new();
    each::<LoadBalancer>(before, after, delta, |_, row| {
        touched.insert(row.arn.clone());
        groups.extend(target_group::of_target(before, row.arn.as_str()));
    });
    each::<Listener>(before, after, delta, |_, row| touched.extend([row.load_balancer.clone()]));
    each::<Rule>(before, after, delta, |world, row| {
        touched.extend(world.get::<Listener>(&row.listener).map(|listener| listener.load_balancer.clone()));
    });
    each::<Certificate>(before, after, delta, |world, row| {
        let listeners = world.by::<Listener>("certificate", row.arn.as_str());
        touched.extend(listeners.map(|listener| listener.load_balancer.clone()));
    });
    each::<TrustStore>(before, after, delta, |world, row| {
        let listeners = world.by::<Listener>("trust_store", row.arn.as_str());
        touched.extend(listeners.map(|listener| listener.load_balancer.clone()));
    });
    each::<TargetGroup>(before, after, delta, |_, row| groups.extend([row.arn.clone()]));
    each::<Target>(before, after, delta, |_, row| groups.extend([row.target_group.clone()]));
    each::<Instance>(before, after, delta, |world, row| {
        groups.extend(target_group::of_target(world, row.id.as_str()));
    });
    each::<NetworkInterface>(before, after, delta, |world, row| {
        touched.extend(load_balancer::of_node(world, row));
        groups.extend(target_group::of_target(world, &row.primary_ip().to_string()));
        groups.extend(row.instance().into_iter().flat_map(|id| target_group::of_target(world, id.as_str())));
    });
    each::<Address>(before, after, delta, |world, row| {
        let interface = row.association.as_ref().and_then(|a| world.get(&a.network_interface));
        touched.extend(interface.into_iter().flat_map(|interface| load_balancer::of_node(world, interface)));
    });
    for group in groups {
        touched.extend([before, after].into_iter().flat_map(|world| load_balancer::users(world, &group)));
    }
    touched
}

/// The Classic Load Balancers that a delta can have an effect on, as far as user space goes.
pub(crate) fn touched_classic(
    before: &World,
    after: &World,
    delta: &Delta,
) -> BTreeSet<elb::LoadBalancerArn> {
    let mut touched = BTreeSet::new();
    each::<elb::LoadBalancer>(before, after, delta, |_, row| touched.extend([row.arn()]));
    each::<elb::Registration>(before, after, delta, |_, row| touched.extend([row.load_balancer.clone()]));
    each::<Certificate>(before, after, delta, |world, row| {
        let users = world.by::<elb::LoadBalancer>("certificate", row.arn.as_str());
        touched.extend(users.map(elb::LoadBalancer::arn));
    });
    each::<Instance>(before, after, delta, |world, row| {
        touched.extend(classic_load_balancer::of_instance(world, &row.id));
    });
    each::<NetworkInterface>(before, after, delta, |world, row| {
        touched.extend(classic_load_balancer::of_node(world, row));
        let instance = row.instance();
        touched.extend(instance.into_iter().flat_map(|id| classic_load_balancer::of_instance(world, id)));
    });
    touched
}

/// The VPCs of load balancers whose nodes send flows to targets in the kernel.
fn forwarding_vpcs<'w>(
    before: &'w World,
    after: &'w World,
    balancers: &'w BTreeSet<LoadBalancerArn>,
) -> impl Iterator<Item = VpcId> + use<'w> {
    let rows = balancers.iter().flat_map(move |arn| [before.get(arn), after.get(arn)]);
    let forwards = |row: &&LoadBalancer| row.kind == LoadBalancerKind::Network;
    rows.flatten().filter(forwards).map(|row| row.vpc.clone())
}

/// Shows `look` the touched rows of a kind, as they were and as they are, each with the world it is of.
fn each<R: Row>(before: &World, after: &World, delta: &Delta, mut look: impl FnMut(&World, &R))
where
    World: Holds<R>,
{
    for change in delta.changes::<R>(before, after) {
        for (world, row) in [(before, change.before), (after, change.after)] {
            if let Some(row) = row {
                look(world, row);
            }
        }
    }
}

/// The VPCs that are peered with a VPC.
fn peers(world: &World, vpc: &VpcId) -> impl Iterator<Item = VpcId> {
    let rows = world.by::<VpcPeeringConnection>("active", vpc.as_str());
    rows.filter_map(|row| row.sides(vpc)).map(|(_, other)| other.vpc.clone())
}

struct Touched<'a> {
    before: &'a World,
    after: &'a World,
    delta: &'a Delta,
    vpcs: BTreeSet<VpcId>,
}

impl Touched<'_> {
    /// A private zone is seen by its VPCs' resolvers. What is in it is no part of a program, so that a change of its records,
    /// which the zone's row counts, touches no VPC.
    fn private_zones(&mut self) {
        for change in self.delta.changes::<HostedZone>(self.before, self.after) {
            let vpcs = |row: Option<&HostedZone>| -> BTreeSet<VpcId> {
                let row = row.filter(|row| row.is_private);
                row.into_iter().flat_map(|row| &row.vpcs).map(|association| association.vpc.clone()).collect()
            };
            let (before, after) = (vpcs(change.before), vpcs(change.after));
            self.vpcs.extend(before.symmetric_difference(&after).cloned());
        }
    }

    /// A VPC's blocks, names and interfaces count in those that are peered with it.
    fn peers(&mut self) {
        self.rows::<VpcPeeringConnection>(|_, row, vpcs| {
            vpcs.extend([row.requester.vpc.clone(), row.accepter.vpc.clone()]);
        });
        let worlds = [self.before, self.after];
        let peers: Vec<VpcId> =
            worlds.iter().flat_map(|world| self.vpcs.iter().flat_map(|vpc| peers(world, vpc))).collect();
        self.vpcs.extend(peers);
    }

    /// Attributes the touched rows of a kind, as they were and as they are, each with the world it is of.
    fn rows<R: Row>(&mut self, attribute: impl Fn(&World, &R, &mut BTreeSet<VpcId>))
    where
        World: Holds<R>,
    {
        let Touched { before, after, delta, vpcs } = self;
        each::<R>(before, after, delta, |world, row| attribute(world, row, vpcs));
    }
}
