//! Reads a namespace's state back from the kernel.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use enishi_fabric::InterfaceName;

use crate::netlink::nftables::{self, Fingerprint};
use crate::netlink::route::{self, FarEnd, RouteKind};
use crate::netlink::socket::Socket;
use crate::netstate::{
    Address, Chain, Kind, LOOPBACK, Link, Network, Ownership, RouteTarget, Rule, Set, Table,
};
use crate::transaction::Handles;

/// A namespace as the kernel has it.
pub(crate) struct Observed {
    /// What is in it, without sysctls.
    pub(crate) network: Network,
    /// The kernel's numbers of its interfaces, `lo` included.
    pub(crate) indexes: BTreeMap<InterfaceName, u32>,
    /// Where the other ends of its pairs are.
    pub(crate) far: BTreeMap<InterfaceName, FarEnd>,
}

/// Reads everything outside of nftables. `wanted` says which things count: in a namespace that is shared with its
/// instance, what is neither wanted nor marked as ours is not seen.
pub(crate) fn network(socket: &mut Socket, wanted: &Network) -> io::Result<Observed> {
    let shared = wanted.ownership == Ownership::Listed;
    let links = socket
        .dump(route::get_links(), Vec::new, |links, message| links.extend(route::parse_link(message)))?;
    let names: HashMap<u32, InterfaceName> =
        links.iter().map(|link| (link.index, link.name.clone())).collect();
    let mut state = Network { ownership: wanted.ownership, ..Network::default() };
    for link in &links {
        if link.name.as_str() == LOOPBACK || shared && !wanted.links.contains_key(&link.name) {
            continue;
        }
        // An interface that is down counts as one with a wrong MTU: setting that brings it up.
        let mtu = if link.up { u16::try_from(link.mtu).unwrap_or(0) } else { 0 };
        let mac = link.mac.unwrap_or(enishi_fabric::Mac([0; 6]));
        state.links.insert(link.name.clone(), Link { mac, mtu, peer: None });
    }
    let addresses = socket
        .dump(route::get_addresses(), Vec::new, |all, message| all.extend(route::parse_address(message)))?;
    for (index, address, prefix, ours) in addresses {
        let Some(interface) = names.get(&index).cloned() else { continue };
        let address = Address { interface, address, prefix };
        // The kernel gives `lo` its own address as it comes up.
        if !address.address.is_loopback() && (ours || !shared || wanted.addresses.contains(&address)) {
            state.addresses.insert(address);
        }
    }
    let neighbours = socket.dump(route::get_neighbours(), Vec::new, |all, message| {
        all.extend(route::parse_neighbour(message))
    })?;
    for (index, address, mac) in neighbours {
        let Some(interface) = names.get(&index).cloned() else { continue };
        let key = (interface, address);
        if !shared || wanted.neighbours.contains_key(&key) {
            state.neighbours.insert(key, mac);
        }
    }
    let routes =
        socket.dump(route::get_routes(), Vec::new, |all, message| all.extend(route::parse_route(message)))?;
    for route in routes {
        if (route.ours || !shared || wanted.routes.contains_key(&route.key))
            && let Some(target) = target(&route, &names)
        {
            state.routes.insert(route.key, target);
        }
    }
    let rules =
        socket.dump(route::get_rules(), Vec::new, |all, message| all.extend(route::parse_rule(message)))?;
    state.rules.extend(rules.into_iter().filter(|(_, ours)| *ours || !shared).map(|(rule, _)| rule));
    let far = links.iter().filter_map(|link| Some((link.name.clone(), link.far?))).collect();
    let indexes = links.into_iter().map(|link| (link.name, link.index)).collect();
    Ok(Observed { network: state, indexes, far })
}

/// What a route does. One that no program asks for counts as a route that ends the lookup out of place.
fn target(route: &route::Route, names: &HashMap<u32, InterfaceName>) -> Option<RouteTarget> {
    let interface = route.out.and_then(|index| names.get(&index)).cloned();
    Some(match route.kind {
        RouteKind::Unicast => {
            RouteTarget::Unicast { interface: interface?, via: route.via, source: route.source }
        }
        RouteKind::Local => RouteTarget::Local { interface: interface? },
        RouteKind::Blackhole => RouteTarget::Blackhole,
        RouteKind::Throw | RouteKind::Foreign => RouteTarget::Throw,
    })
}

/// Reads the nftables table. Rules that are as `wanted` come back as its rules, any other as a rule that equals none.
pub(crate) fn filter(socket: &mut Socket, wanted: Option<&Table>) -> io::Result<Option<(Table, Handles)>> {
    if !nftables::dump_table(socket)? {
        return Ok(None);
    }
    let mut table = Table::default();
    let mut handles = Handles::default();
    let mut chains: BTreeMap<Arc<str>, Chain> = BTreeMap::new();
    for (name, base) in nftables::dump_chains(socket)? {
        handles.0.insert(name.clone(), Vec::new());
        chains.insert(name, Chain { base, rules: Vec::new() });
    }
    let mut known: HashMap<Fingerprint, &Rule> = HashMap::new();
    for rule in wanted.into_iter().flat_map(|table| table.chains.values()).flat_map(|chain| &chain.rules) {
        known.insert(nftables::fingerprint(rule), rule);
    }
    for rule in nftables::dump_rules(socket)? {
        let same = rule.fingerprint.and_then(|print| known.get(&print));
        let seen = same.map_or_else(|| Rule::new("foreign", []), |rule| (*rule).clone());
        if let Some(chain) = chains.get_mut(&rule.chain) {
            chain.rules.push(seen);
            handles.0.entry(rule.chain).or_default().push(rule.handle);
        }
    }
    for (name, shape) in nftables::dump_sets(socket)? {
        let wanted = wanted.and_then(|table| table.sets.get(&name));
        let set = match (shape, wanted) {
            (Some(shape), Some(wanted)) if nftables::same_shape_in_kernel(&shape, wanted) => {
                nftables::dump_elements(socket, &name, wanted)?
            }
            (Some(shape), _) => nftables::dump_elements(socket, &name, &shape)?,
            // Of a shape that no program asks for, so it equals none.
            (None, _) => Set::of([Kind::Bits]),
        };
        table.sets.insert(name, Arc::new(set));
    }
    table.chains = chains.into_iter().map(|(name, chain)| (name, Arc::new(chain))).collect();
    Ok(Some((table, handles)))
}
