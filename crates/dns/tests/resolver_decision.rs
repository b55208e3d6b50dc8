//! Who answers for a name, against a model that looks at every domain: the longest one counts; of one domain, a rule before a private
//! zone before an autodefined domain; below a SYSTEM rule as if there were no rules.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use enishi_dns::resolver::{Decision, decide};
use enishi_fabric::dns::{Name, ResolverRule, RuleAction, VpcResolver};
use proptest::prelude::*;

/// Names of few labels, so that they often meet.
fn name() -> impl Strategy<Value = Name> {
    proptest::collection::vec(prop_oneof!["a", "b", "c"], 0..5)
        .prop_map(|labels| if labels.is_empty() { Name::root() } else { support::name(&labels.join(".")) })
}

fn resolver() -> impl Strategy<Value = VpcResolver> {
    let rules = proptest::collection::btree_map(name(), any::<bool>(), 0..5);
    let zones = proptest::collection::btree_set(name(), 0..5);
    let autodefined = proptest::collection::btree_set(name(), 0..3);
    let names = proptest::collection::btree_set(name(), 0..6);
    (rules, zones, autodefined, names).prop_map(|(rules, zones, autodefined, names)| VpcResolver {
        vpc: Arc::from("vpc-1"),
        region: Arc::from("us-east-1"),
        account: Arc::from("111122223333"),
        listen: BTreeSet::new(),
        rules: rules.into_iter().map(|(domain, forwards)| rule(domain, forwards)).collect(),
        private_zones: zones.into_iter().map(|zone| (zone.clone(), Arc::from(zone.to_string()))).collect(),
        autodefined,
        names: names.into_iter().map(|name| (name, vec![[10, 0, 0, 1].into()])).collect(),
        pointers: BTreeMap::new(),
        logs: BTreeSet::new(),
        clients: BTreeMap::new(),
    })
}

fn rule(domain: Name, forwards: bool) -> (Name, ResolverRule) {
    let forward = RuleAction::Forward { endpoint: Arc::from("rslvr-out-1"), targets: Vec::new() };
    let action = if forwards { forward } else { RuleAction::System };
    let id = Arc::from(domain.to_string());
    (domain, ResolverRule { id, action })
}

/// What answers, in words.
fn model(resolver: &VpcResolver, name: &Name) -> String {
    let length = |domain: &Name| domain.labels().count();
    let around = |domain: &&Name| name.is_within(domain);
    let rule = resolver
        .rules
        .iter()
        .filter(|(domain, _)| name.is_within(domain))
        .max_by_key(|(domain, _)| length(domain));
    let zone = resolver.private_zones.keys().filter(around).max_by_key(|domain| length(domain));
    let autodefined = resolver.autodefined.iter().filter(around).max_by_key(|domain| length(domain));
    let known = resolver.names.contains_key(name);
    // A name of the VPC outside of its domains is a domain itself.
    let own = autodefined.map(&length).or(known.then(|| length(name)));
    let zone_counts = zone.filter(|zone| own.is_none_or(|own| length(zone) >= own));
    let best = zone_counts.map(&length).max(own);
    match rule {
        Some((domain, rule))
            if rule.action != RuleAction::System && best.is_none_or(|best| length(domain) >= best) =>
        {
            format!("rule {}", rule.id)
        }
        _ => match (zone_counts, autodefined) {
            (Some(zone), _) => format!("zone {zone}"),
            _ if known => "own".to_owned(),
            (None, Some(domain)) => format!("nothing in {domain}"),
            (None, None) => "public".to_owned(),
        },
    }
}

fn told(decision: Decision) -> String {
    match decision {
        Decision::Forward { rule, .. } => format!("rule {rule}"),
        Decision::PrivateZone { domain, .. } => format!("zone {domain}"),
        Decision::Own { .. } => "own".to_owned(),
        Decision::Nothing { domain, .. } => format!("nothing in {domain}"),
        Decision::Public => "public".to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn the_model_agrees(resolver in resolver(), names in proptest::collection::vec(name(), 8)) {
        for name in &names {
            prop_assert_eq!(told(decide(&resolver, name)), model(&resolver, name), "{}", name);
        }
    }
}
