//! The routing family (`linux/rtnetlink.h`, `if_link.h`, `if_addr.h`, `neighbour.h`, `fib_rules.h`): links, addresses,
//! neighbours, routes and policy rules, as requests and as parsed dumps.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use enishi_fabric::{Cidr, InterfaceName, Mac};

use super::message::{CREATE, EXCLUSIVE, Message, REPLACE, Received, number, short, string};
use crate::netstate::{PolicyRule, RouteKey, RouteTarget};

const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;
const GETLINK: u16 = 18;
const NEWADDR: u16 = 20;
const DELADDR: u16 = 21;
const GETADDR: u16 = 22;
const NEWROUTE: u16 = 24;
const DELROUTE: u16 = 25;
const GETROUTE: u16 = 26;
const NEWNEIGH: u16 = 28;
const DELNEIGH: u16 = 29;
const GETNEIGH: u16 = 30;
const NEWRULE: u16 = 32;
const DELRULE: u16 = 33;
const GETRULE: u16 = 34;
const GETNSID: u16 = 90;

const INET: u8 = 2;
const UP: u32 = 1;
const RUNNING: u32 = 0x40;

const LINK_ADDRESS: u16 = 1;
const LINK_NAME: u16 = 3;
const LINK_MTU: u16 = 4;
const LINK_LINK: u16 = 5;
const LINK_INFO: u16 = 18;
const LINK_NAMESPACE_FD: u16 = 28;
const LINK_EXTENSIONS: u16 = 29;
const LINK_NAMESPACE_ID: u16 = 37;
const NAMESPACE_ID: u16 = 1;
const NAMESPACE_FD: u16 = 3;
const WITHOUT_STATISTICS: u32 = 8;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_PEER: u16 = 1;

const ADDRESS_ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;
const ADDRESS_FLAGS: u16 = 8;
const ADDRESS_PROTOCOL: u16 = 11;
const NO_PREFIX_ROUTE: u32 = 0x200;
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
const SCOPE_NOWHERE: u8 = 255;

const NEIGHBOUR_DESTINATION: u16 = 1;
const NEIGHBOUR_MAC: u16 = 2;
const PERMANENT: u16 = 0x80;

const ROUTE_DESTINATION: u16 = 1;
const ROUTE_OUT: u16 = 4;
const ROUTE_GATEWAY: u16 = 5;
const ROUTE_PRIORITY: u16 = 6;
const ROUTE_SOURCE: u16 = 7;
const ROUTE_TABLE: u16 = 15;
const ONLINK: u32 = 4;
const KIND_UNICAST: u8 = 1;
const KIND_LOCAL: u8 = 2;
const KIND_BLACKHOLE: u8 = 6;
const KIND_THROW: u8 = 9;
const LOCAL_TABLE: u32 = 255;

const RULE_SOURCE: u16 = 2;
const RULE_IN: u16 = 3;
const RULE_PRIORITY: u16 = 6;
const RULE_MARK: u16 = 10;
const RULE_TABLE: u16 = 15;
const RULE_MASK: u16 = 16;
const RULE_PROTOCOL: u16 = 21;
const TO_TABLE: u8 = 1;

/// The number by which the kernel remembers that a route, rule or address is ours (`rtm_protocol`).
const PROTOCOL: u8 = 69;
const PROTOCOL_KERNEL: u8 = 2;

/// Bit masks of the notification groups that matter: links, IPv4 addresses, routes and rules, neighbours.
pub(crate) const GROUPS: u32 = 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 7;

/// One end of a veth pair to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VethEnd<'a> {
    pub(crate) name: &'a InterfaceName,
    pub(crate) mac: Mac,
    pub(crate) mtu: u16,
}

fn link_header(flags: u32, change: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..].copy_from_slice(&change.to_ne_bytes());
    header
}

fn veth_end(message: &mut Message, end: VethEnd<'_>) {
    message.text(LINK_NAME, end.name.as_str());
    message.attribute(LINK_ADDRESS, &end.mac.0);
    message.host32(LINK_MTU, end.mtu.into());
}

/// Makes a veth pair: `here` in the socket's namespace and up, `there` in another and down.
pub(crate) fn add_veth(here: VethEnd<'_>, there: VethEnd<'_>, namespace: BorrowedFd<'_>) -> Message {
    let mut message = Message::new(NEWLINK, CREATE | EXCLUSIVE).fixed(&link_header(UP, UP));
    veth_end(&mut message, here);
    message.nest(LINK_INFO, |info| {
        info.text(INFO_KIND, "veth");
        info.nest(INFO_DATA, |data| {
            data.nest(VETH_PEER, |peer| {
                // It cannot be up before it has a peer.
                peer.raw(&link_header(0, 0));
                veth_end(peer, there);
                peer.host32(LINK_NAMESPACE_FD, namespace.as_raw_fd().cast_unsigned());
            });
        });
    });
    message
}

/// Brings an interface up with this Ethernet address and MTU.
pub(crate) fn set_link(end: VethEnd<'_>) -> Message {
    let mut message = Message::new(NEWLINK, 0).fixed(&link_header(UP, UP));
    veth_end(&mut message, end);
    message
}

/// Brings an interface up.
pub(crate) fn link_up(name: &str) -> Message {
    let mut message = Message::new(NEWLINK, 0).fixed(&link_header(UP, UP));
    message.text(LINK_NAME, name);
    message
}

/// Deletes an interface and the other end of its pair.
pub(crate) fn delete_link(name: &InterfaceName) -> Message {
    let mut message = Message::new(DELLINK, 0).fixed(&link_header(0, 0));
    message.text(LINK_NAME, name.as_str());
    message
}

/// Asks for all interfaces.
pub(crate) fn get_links() -> Message {
    let mut message = Message::new(GETLINK, 0).fixed(&link_header(0, 0));
    message.host32(LINK_EXTENSIONS, WITHOUT_STATISTICS);
    message
}

/// Asks for one interface.
pub(crate) fn get_link(name: &InterfaceName) -> Message {
    let mut message = get_links();
    message.text(LINK_NAME, name.as_str());
    message
}

/// An interface as dumped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: InterfaceName,
    pub(crate) mac: Option<Mac>,
    pub(crate) mtu: u32,
    pub(crate) up: bool,
    /// Whether it passes packets: both ends are up and the kernel has acted on it.
    pub(crate) running: bool,
    /// Where the other end of its pair is.
    pub(crate) far: Option<FarEnd>,
}

/// The other end of a pair: its number in its namespace, and the number that its namespace has in this one; nothing for this one
/// itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FarEnd {
    pub(crate) index: u32,
    pub(crate) namespace: Option<i32>,
}

/// Parses an answer to [`get_links`] or [`get_link`].
pub(crate) fn parse_link(message: Received<'_>) -> Option<Link> {
    let attributes = message.attributes(16);
    let name = string(attributes.find_kind(LINK_NAME)?)?;
    let flags = number(message.payload, 8)?;
    let attribute = |kind| attributes.find_kind(kind).and_then(|bytes| number(bytes, 0));
    let namespace = attribute(LINK_NAMESPACE_ID).map(u32::cast_signed);
    Some(Link {
        index: number(message.payload, 4)?,
        name: InterfaceName::new(name).ok()?,
        mac: attributes.find_kind(LINK_ADDRESS).and_then(|bytes| Some(Mac(bytes.try_into().ok()?))),
        mtu: attribute(LINK_MTU).unwrap_or(0),
        up: flags & UP != 0,
        running: flags & RUNNING != 0,
        far: attribute(LINK_LINK).map(|index| FarEnd { index, namespace }),
    })
}

/// Asks which number another namespace has in this one.
pub(crate) fn get_namespace_id(namespace: BorrowedFd<'_>) -> Message {
    let mut message = Message::new(GETNSID, 0).fixed(&[0; 4]);
    message.host32(NAMESPACE_FD, namespace.as_raw_fd().cast_unsigned());
    message
}

/// Parses an answer to [`get_namespace_id`]: nothing while it has none, and for the namespace itself.
pub(crate) fn parse_namespace_id(message: Received<'_>) -> Option<i32> {
    let id = number(message.attributes(4).find_kind(NAMESPACE_ID)?, 0)?.cast_signed();
    (id >= 0).then_some(id)
}

fn address_header(prefix: u8, index: u32, scope: u8) -> [u8; 8] {
    let [a, b, c, d] = index.to_ne_bytes();
    [INET, prefix, 0, scope, a, b, c, d]
}

fn address(kind: u16, flags: u16, index: u32, address: Ipv4Addr, prefix: u8) -> Message {
    let scope = if address.is_loopback() { SCOPE_HOST } else { SCOPE_UNIVERSE };
    let mut message = Message::new(kind, flags).fixed(&address_header(prefix, index, scope));
    message.attribute(ADDRESS_LOCAL, &address.octets());
    message.attribute(ADDRESS_ADDRESS, &address.octets());
    message
}

/// Gives an interface an address, without the route that the kernel would derive from its prefix.
pub(crate) fn add_address(index: u32, address_: Ipv4Addr, prefix: u8) -> Message {
    let mut message = address(NEWADDR, CREATE | REPLACE, index, address_, prefix);
    message.host32(ADDRESS_FLAGS, NO_PREFIX_ROUTE);
    message.attribute(ADDRESS_PROTOCOL, &[PROTOCOL]);
    message
}

/// Takes an address from an interface.
pub(crate) fn delete_address(index: u32, address_: Ipv4Addr, prefix: u8) -> Message {
    address(DELADDR, 0, index, address_, prefix)
}

/// Asks for all IPv4 addresses.
pub(crate) fn get_addresses() -> Message {
    Message::new(GETADDR, 0).fixed(&address_header(0, 0, 0))
}

/// An address as dumped: interface index, address, prefix length, and whether we gave it.
pub(crate) fn parse_address(message: Received<'_>) -> Option<(u32, Ipv4Addr, u8, bool)> {
    let attributes = message.attributes(8);
    let address = ipv4(attributes.find_kind(ADDRESS_LOCAL)?)?;
    let ours = attributes.find_kind(ADDRESS_PROTOCOL).is_some_and(|bytes| bytes.first() == Some(&PROTOCOL));
    Some((number(message.payload, 4)?, address, *message.payload.get(1)?, ours))
}

fn neighbour_header(index: u32, state: u16) -> [u8; 12] {
    let mut header = [0; 12];
    header[0] = INET;
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..10].copy_from_slice(&state.to_ne_bytes());
    header
}

/// Fixes the Ethernet address of a neighbour for good, so that it is never asked for.
pub(crate) fn add_neighbour(index: u32, address: Ipv4Addr, mac: Mac) -> Message {
    let mut message = Message::new(NEWNEIGH, CREATE | REPLACE).fixed(&neighbour_header(index, PERMANENT));
    message.attribute(NEIGHBOUR_DESTINATION, &address.octets());
    message.attribute(NEIGHBOUR_MAC, &mac.0);
    message
}

/// Forgets a neighbour.
pub(crate) fn delete_neighbour(index: u32, address: Ipv4Addr) -> Message {
    let mut message = Message::new(DELNEIGH, 0).fixed(&neighbour_header(index, 0));
    message.attribute(NEIGHBOUR_DESTINATION, &address.octets());
    message
}

/// Asks for all IPv4 neighbours.
pub(crate) fn get_neighbours() -> Message {
    Message::new(GETNEIGH, 0).fixed(&neighbour_header(0, 0))
}

/// A permanent neighbour as dumped; others yield nothing.
pub(crate) fn parse_neighbour(message: Received<'_>) -> Option<(u32, Ipv4Addr, Mac)> {
    let attributes = message.attributes(12);
    if short(message.payload, 8)? & PERMANENT == 0 {
        return None;
    }
    let address = ipv4(attributes.find_kind(NEIGHBOUR_DESTINATION)?)?;
    let mac = Mac(attributes.find_kind(NEIGHBOUR_MAC)?.try_into().ok()?);
    Some((number(message.payload, 4)?, address, mac))
}

/// Adds a route or replaces the one with its key. `index` is the interface of a unicast route.
pub(crate) fn add_route(key: &RouteKey, target: &RouteTarget, index: Option<u32>) -> Message {
    let (kind, scope, flags) = match target {
        RouteTarget::Unicast { via: Some(_), .. } => (KIND_UNICAST, SCOPE_UNIVERSE, ONLINK),
        RouteTarget::Unicast { via: None, .. } => (KIND_UNICAST, SCOPE_LINK, 0),
        RouteTarget::Local { .. } => (KIND_LOCAL, SCOPE_HOST, 0),
        RouteTarget::Blackhole => (KIND_BLACKHOLE, SCOPE_UNIVERSE, 0),
        RouteTarget::Throw => (KIND_THROW, SCOPE_UNIVERSE, 0),
    };
    let mut message = route(NEWROUTE, CREATE | REPLACE, key, kind, scope, flags);
    if let Some(index) = index {
        message.host32(ROUTE_OUT, index);
    }
    if let RouteTarget::Unicast { via, source, .. } = target {
        if let Some(via) = via {
            message.attribute(ROUTE_GATEWAY, &via.octets());
        }
        if let Some(source) = source {
            message.attribute(ROUTE_SOURCE, &source.octets());
        }
    }
    message
}

/// Deletes the route with this key, whatever its target.
pub(crate) fn delete_route(key: &RouteKey) -> Message {
    route(DELROUTE, 0, key, 0, SCOPE_NOWHERE, 0)
}

fn route(message: u16, request: u16, key: &RouteKey, kind: u8, scope: u8, flags: u32) -> Message {
    let short_table = u8::try_from(key.table).unwrap_or(0);
    let protocol = if message == NEWROUTE { PROTOCOL } else { 0 };
    let mut header = [INET, key.destination.prefix(), 0, 0, short_table, protocol, scope, kind, 0, 0, 0, 0];
    header[8..].copy_from_slice(&flags.to_ne_bytes());
    let mut message = Message::new(message, request).fixed(&header);
    message.attribute(ROUTE_DESTINATION, &key.destination.network().octets());
    message.host32(ROUTE_TABLE, key.table);
    if key.metric != 0 {
        message.host32(ROUTE_PRIORITY, key.metric);
    }
    message
}

/// Asks for all IPv4 routes.
pub(crate) fn get_routes() -> Message {
    Message::new(GETROUTE, 0).fixed(&[INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// A route as dumped.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) key: RouteKey,
    pub(crate) out: Option<u32>,
    pub(crate) via: Option<Ipv4Addr>,
    pub(crate) source: Option<Ipv4Addr>,
    pub(crate) kind: RouteKind,
    /// Whether we made it.
    pub(crate) ours: bool,
}

/// What a dumped route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteKind {
    Unicast,
    Local,
    Blackhole,
    Throw,
    /// One that no program asks for.
    Foreign,
}

/// Parses an answer to [`get_routes`]. The kernel's own routes of the local table yield nothing.
pub(crate) fn parse_route(message: Received<'_>) -> Option<Route> {
    let attributes = message.attributes(12);
    let [_, prefix, _, _, short_table, protocol, _, kind] = *message.payload.first_chunk::<8>()?;
    let table = attributes.find_kind(ROUTE_TABLE).and_then(|b| number(b, 0)).unwrap_or(short_table.into());
    if table == LOCAL_TABLE && protocol == PROTOCOL_KERNEL {
        return None;
    }
    let network = attributes.find_kind(ROUTE_DESTINATION).and_then(ipv4).unwrap_or(Ipv4Addr::UNSPECIFIED);
    let destination = Cidr::containing(network, prefix).ok()?;
    let metric = attributes.find_kind(ROUTE_PRIORITY).and_then(|b| number(b, 0)).unwrap_or(0);
    Some(Route {
        key: RouteKey { table, destination, metric },
        out: attributes.find_kind(ROUTE_OUT).and_then(|b| number(b, 0)),
        via: attributes.find_kind(ROUTE_GATEWAY).and_then(ipv4),
        source: attributes.find_kind(ROUTE_SOURCE).and_then(ipv4),
        kind: match kind {
            KIND_UNICAST => RouteKind::Unicast,
            KIND_LOCAL => RouteKind::Local,
            KIND_BLACKHOLE => RouteKind::Blackhole,
            KIND_THROW => RouteKind::Throw,
            _ => RouteKind::Foreign,
        },
        ours: protocol == PROTOCOL,
    })
}

/// Adds a policy rule.
pub(crate) fn add_rule(rule: &PolicyRule) -> Message {
    policy_rule(NEWRULE, CREATE | EXCLUSIVE, rule)
}

/// Deletes a policy rule.
pub(crate) fn delete_rule(rule: &PolicyRule) -> Message {
    policy_rule(DELRULE, 0, rule)
}

fn policy_rule(kind: u16, flags: u16, rule: &PolicyRule) -> Message {
    let source_prefix = rule.source.map_or(0, Cidr::prefix);
    let short_table = u8::try_from(rule.table).unwrap_or(0);
    let header = [INET, 0, source_prefix, 0, short_table, 0, 0, TO_TABLE, 0, 0, 0, 0];
    let mut message = Message::new(kind, flags).fixed(&header);
    message.host32(RULE_PRIORITY, rule.priority);
    message.host32(RULE_TABLE, rule.table);
    if let Some((mark, mask)) = rule.mark {
        message.host32(RULE_MARK, mark);
        message.host32(RULE_MASK, mask);
    }
    if let Some(source) = rule.source {
        message.attribute(RULE_SOURCE, &source.network().octets());
    }
    if let Some(input) = &rule.input {
        message.text(RULE_IN, input.as_str());
    }
    if kind == NEWRULE {
        message.attribute(RULE_PROTOCOL, &[PROTOCOL]);
    }
    message
}

/// Asks for all IPv4 policy rules.
pub(crate) fn get_rules() -> Message {
    Message::new(GETRULE, 0).fixed(&[INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// A policy rule as dumped, and whether we made it. The kernel's own three yield nothing.
pub(crate) fn parse_rule(message: Received<'_>) -> Option<(PolicyRule, bool)> {
    let attributes = message.attributes(12);
    let [_, _, source_prefix, _, short_table, ..] = *message.payload.first_chunk::<8>()?;
    let protocol = attributes.find_kind(RULE_PROTOCOL).and_then(|bytes| bytes.first().copied());
    if protocol == Some(PROTOCOL_KERNEL) {
        return None;
    }
    let host32 = |kind| attributes.find_kind(kind).and_then(|bytes| number(bytes, 0));
    let mark = host32(RULE_MARK).map(|mark| (mark, host32(RULE_MASK).unwrap_or(u32::MAX)));
    let source = attributes.find_kind(RULE_SOURCE).and_then(ipv4);
    let input = attributes.find_kind(RULE_IN).and_then(string).and_then(|name| InterfaceName::new(name).ok());
    let rule = PolicyRule {
        priority: host32(RULE_PRIORITY).unwrap_or(0),
        mark,
        source: source.and_then(|address| Cidr::containing(address, source_prefix).ok()),
        input,
        table: host32(RULE_TABLE).unwrap_or(short_table.into()),
    };
    Some((rule, protocol == Some(PROTOCOL)))
}

/// What a notification says about the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// An ordinary event, or one of our own.
    Ordinary,
    /// Something is missing, or somebody added something.
    Suspicious,
    /// This interface or something on it was lost, which is ordinary if we deleted the interface.
    LostOn(u32),
}

/// Judges a notification of [`GROUPS`]. `own_port` is the socket through which we change things.
pub(crate) fn judge(message: Received<'_>, own_port: u32) -> Notice {
    let index = number(message.payload, 4).unwrap_or(0);
    match message.kind {
        _ if message.port == own_port => Notice::Ordinary,
        DELLINK | DELADDR | DELNEIGH => Notice::LostOn(index),
        NEWLINK if was_shut_down(message) => Notice::LostOn(index),
        DELROUTE => match message.attributes(12).find_kind(ROUTE_OUT).and_then(|bytes| number(bytes, 0)) {
            Some(out) => Notice::LostOn(out),
            None => Notice::Suspicious,
        },
        DELRULE | NEWRULE => Notice::Suspicious,
        // The kernel itself adds the loopback address, and routes that follow from addresses.
        NEWADDR | NEWROUTE if message.port != 0 => Notice::Suspicious,
        _ => Notice::Ordinary,
    }
}

/// Whether somebody took the interface down: a new one is announced with every bit changed.
fn was_shut_down(message: Received<'_>) -> bool {
    let (flags, changed) =
        (number(message.payload, 8).unwrap_or(UP), number(message.payload, 12).unwrap_or(0));
    flags & UP == 0 && changed & UP != 0 && changed != u32::MAX
}

fn ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))
}
