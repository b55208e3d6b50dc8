//! Resolver rules: what the resolver of a VPC does with queries for their domains.
//! [How rules work](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-vpc-to-network.html)

use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV4};

use enishi_fabric::dns::{self, Name, RuleAction};
use enishi_state::World;
use enishi_state::ec2::VpcId;
use enishi_state::route53resolver::{ResolverRule, ResolverRuleAssociation, RuleType, Target};

/// The rules that are associated with a VPC, by domain. No two have the same one: committing a transaction makes sure of it.
pub(crate) fn compile(world: &World, vpc: &VpcId) -> BTreeMap<Name, dns::ResolverRule> {
    let associations = world.by::<ResolverRuleAssociation>("vpc", vpc.as_str());
    let live = associations.filter(|association| association.progress.is_live());
    let rules = live.filter_map(|association| world.get::<ResolverRule>(&association.rule));
    rules.filter_map(|row| Some((row.domain.clone(), rule(row)?))).collect()
}

/// The rule; none for one that forwards without an endpoint, which no transaction leaves behind.
fn rule(row: &ResolverRule) -> Option<dns::ResolverRule> {
    let action = match row.rule_type {
        RuleType::System => RuleAction::System,
        RuleType::Forward => RuleAction::Forward {
            endpoint: row.endpoint.as_ref()?.as_str().into(),
            targets: row.targets.iter().map(target).collect(),
        },
    };
    Some(dns::ResolverRule { id: row.id.as_str().into(), action })
}

fn target(target: &Target) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(target.ip, target.port))
}
