//! Who refers to a prefix list, and what it counts there.
//!
//! "When you reference a prefix list in a resource, the maximum number of entries for the prefix list counts against the quota for the
//! resource." [Prefix list rules](https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html#managed-prefix-lists-concepts)

use std::collections::BTreeSet;

use enishi_state::World;
use enishi_state::ec2::{
    ManagedPrefixList, PrefixListId, RouteTable, RulePeer, SecurityGroup, SecurityGroupRule,
};

use crate::quota;

/// The route tables and security groups that refer to a list, in the order of their ids.
pub(super) fn users(world: &World, list: &PrefixListId) -> Vec<String> {
    let tables = world.by::<RouteTable>("prefix_list", list.as_str()).map(|table| table.id.to_string());
    let rules =
        world.by::<SecurityGroupRule>("prefix_list", list.as_str()).map(|rule| rule.group.to_string());
    let users: BTreeSet<String> = tables.chain(rules).collect();
    users.into_iter().collect()
}

/// What is said where a list cannot be changed for its users: "the IDs of the first ten resources".
pub(super) fn message(users: &[String]) -> String {
    let first: Vec<&str> = users.iter().take(10).map(String::as_str).collect();
    format!("The prefix list is referenced by the following resources: {}.", first.join(", "))
}

/// The users that cannot take a list of another size.
pub(super) fn too_large_for(world: &World, list: &ManagedPrefixList, max_entries: u32) -> Vec<String> {
    let grown = (max_entries as usize).saturating_sub(list.max_entries as usize);
    if grown == 0 {
        return Vec::new();
    }
    let mut users = BTreeSet::new();
    for table in world.by::<RouteTable>("prefix_list", list.id.as_str()) {
        let limit = quota::ROUTES_PER_ROUTE_TABLE.applied(world, &table.scope);
        if weight_of_routes(world, table) + grown > limit {
            users.insert(table.id.to_string());
        }
    }
    let groups: BTreeSet<_> = world
        .by::<SecurityGroupRule>("prefix_list", list.id.as_str())
        .map(|rule| rule.group.clone())
        .collect();
    for group in groups.iter().filter_map(|id| world.get::<SecurityGroup>(id)) {
        let limit = quota::RULES_PER_SECURITY_GROUP.applied(world, &group.scope);
        for egress in [false, true] {
            let rules = || {
                let rules = world.by::<SecurityGroupRule>("group", group.id.as_str());
                rules.filter(move |rule| rule.egress == egress)
            };
            let is_list = |rule: &&SecurityGroupRule| rule.peer == RulePeer::PrefixList(list.id.clone());
            let more = rules().filter(is_list).count() * grown;
            if more > 0 && weight_of_rules(world, rules().map(|rule| &rule.peer)) + more > limit {
                users.insert(group.id.to_string());
            }
        }
    }
    users.into_iter().collect()
}

/// What the user's own routes of a table count.
pub(in crate::ec2) fn weight_of_routes(world: &World, table: &RouteTable) -> usize {
    table.routes.len() + table.prefix_list_routes.keys().map(|list| weight(world, list)).sum::<usize>()
}

/// What rules count, each by what it refers to.
pub(in crate::ec2) fn weight_of_rules<'r>(world: &World, peers: impl Iterator<Item = &'r RulePeer>) -> usize {
    let weigh = |peer: &RulePeer| match peer {
        RulePeer::PrefixList(list) => weight(world, list),
        RulePeer::Cidr(_) | RulePeer::Group(..) | RulePeer::PeeredGroup { .. } => 1,
    };
    peers.map(weigh).sum()
}

fn weight(world: &World, list: &PrefixListId) -> usize {
    world.get::<ManagedPrefixList>(list).map_or(0, |row| row.max_entries as usize)
}
