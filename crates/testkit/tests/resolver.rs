//! What Route 53 Resolver's resources compile to; and the incremental planner follows every change of them.

use std::collections::BTreeSet;

use enishi_cloud::Cloud;
use enishi_fabric::Program;
use enishi_fabric::dns::{RuleAction, VpcResolver};
use enishi_fabric::program::{Host, Role};
use enishi_plan::{Planner, plan};
use enishi_state::World;
use enishi_state::ec2::NetworkInterface;
use enishi_state::route53resolver::{
    Progress, QueryLogAssociation, ResolverConfig, ResolverEndpoint, ResolverRule, ResolverRuleAssociation,
    RuleType,
};
use enishi_testkit::Random;
use enishi_testkit::program::dangling;
use enishi_testkit::world::{WorldBuilder, random_resolver_step, random_step};

fn resolver<'p>(program: &'p Program, vpc: &str) -> Option<&'p VpcResolver> {
    match &program.namespaces.get(&enishi_fabric::NamespaceName::new(vpc))?.role {
        Role::Router(router) => router.resolver.as_deref(),
        _ => None,
    }
}

fn host<'p>(program: &'p Program, name: &str) -> Option<&'p Host> {
    match &program.namespaces.get(&enishi_fabric::NamespaceName::new(name))?.role {
        Role::Host(host) => Some(host),
        _ => None,
    }
}

#[test]
fn updating_is_compiling() {
    let cloud = Cloud::new();
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        for _ in 0..4 {
            random_step(&mut builder, &mut random);
        }
        let mut planner = Planner::new(builder.world());
        builder.take_steps();
        let mut seen = BTreeSet::new();
        for _ in 0..150 {
            random_resolver_step(&mut builder, &mut random, &cloud);
            for step in builder.take_steps() {
                let new = planner.update(&step.before, &step.after, &step.delta);
                assert!(new == plan(&step.after), "seed {seed}: generation {}", step.after.generation);
                assert_eq!(dangling(&new), Vec::<String>::new(), "seed {seed}");
                check(&step.after, &new, &mut seen);
            }
        }
        assert!(seen.len() >= 5, "seed {seed} is too poor: {seen:?}");
    }
}

/// Compares a program with what the rows say, and notes what there was to compare.
fn check(world: &World, program: &Program, seen: &mut BTreeSet<&'static str>) {
    for row in world.all::<ResolverEndpoint>() {
        let found = host(program, row.id.as_str());
        let live: BTreeSet<_> = row.live_addresses().map(|address| address.ip).collect();
        let compiled = found.into_iter().flat_map(|host| &host.devices).flat_map(|device| &device.addresses);
        assert_eq!(compiled.copied().collect::<BTreeSet<_>>(), live, "{}", row.id);
        if let Some(host) = found {
            let endpoint = host.resolver_endpoint.as_ref().expect("a resolver endpoint");
            assert_eq!(&*endpoint.vpc, row.vpc.as_str());
            assert_eq!(host.devices.len(), live.len(), "a device for each address");
            seen.insert(if endpoint.inbound { "inbound" } else { "outbound" });
        }
        if row.addresses.len() > live.len() && row.progress.is_live() {
            seen.insert("an address on its way out");
        }
    }
    for row in world.all::<ResolverRuleAssociation>() {
        let Some(resolver) = resolver(program, row.vpc.as_str()) else { continue };
        let rule = world.get::<ResolverRule>(&row.rule).expect("the rule");
        let compiled = resolver.rules.get(&rule.domain).filter(|compiled| *compiled.id == *rule.id.as_str());
        assert_eq!(compiled.is_some(), row.progress.is_live(), "{} in {}", rule.id, row.vpc);
        match compiled.map(|compiled| &compiled.action) {
            Some(RuleAction::Forward { endpoint, targets }) => {
                assert!(host(program, endpoint).is_some(), "{endpoint} forwards");
                let ips: Vec<_> = targets.iter().map(|target| target.ip()).collect();
                assert_eq!(ips, rule.targets.iter().map(|t| t.ip.into()).collect::<Vec<std::net::IpAddr>>());
                seen.insert("forward");
            }
            Some(RuleAction::System) => {
                assert_eq!(rule.rule_type, RuleType::System);
                seen.insert("system");
            }
            None => {}
        }
    }
    for row in world.all::<QueryLogAssociation>() {
        if let Some(resolver) = resolver(program, row.vpc.as_str()) {
            assert_eq!(resolver.logs.contains(row.config.as_str()), row.progress.is_live());
            seen.insert("logged");
        }
    }
    for row in world.all::<ResolverConfig>().filter(|row| row.progress == Progress::Ready) {
        let interface = world.by::<NetworkInterface>("vpc", row.vpc.as_str()).next();
        if let (Some(resolver), Some(_)) = (resolver(program, row.vpc.as_str()), interface) {
            let ten = resolver.autodefined.iter().any(|name| name.to_string() == "10.in-addr.arpa.");
            assert_eq!(ten, row.autodefined_reverse, "{}", row.vpc);
            seen.insert("configured");
        }
    }
}
