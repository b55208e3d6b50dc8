//! `IpPermission`, the form in which requests give rules and responses show them merged.
//! [IpPermission](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html)

use std::fmt;

use enishi_api::ec2::{self, IpPermission, IpRange, UserIdGroupPair};
use enishi_fabric::{Cidr, Protocol, TrafficMatch};
use enishi_state::ec2::{ManagedPrefixList, RulePeer, SecurityGroup, SecurityGroupId, SecurityGroupRule};
use enishi_state::{Scope, World};
use enishi_wire::Fault;

use super::peer::{self, Shown};
use crate::ec2::{cidr, faults, ids, protocol};

/// A rule that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) traffic: TrafficMatch,
    pub(super) peer: RulePeer,
    pub(super) description: Option<String>,
}

impl Wanted {
    /// Whether the rule allows just this; descriptions do not count.
    pub(super) fn is(&self, rule: &SecurityGroupRule) -> bool {
        self.traffic == rule.traffic && self.peer == rule.peer
    }
}

/// In AWS's form: `peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW`.
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            RulePeer::Cidr(cidr) => write!(f, "peer: {cidr}, ")?,
            RulePeer::PrefixList(list) => write!(f, "peer: {list}, ")?,
            RulePeer::Group(group, _) | RulePeer::PeeredGroup { group, .. } => write!(f, "peer: {group}, ")?,
        }
        let icmp = |value: Option<u8>| value.map_or_else(|| "ALL".to_owned(), |value| value.to_string());
        match self.traffic {
            TrafficMatch::All => f.write_str("ALL")?,
            TrafficMatch::Tcp(ports) => {
                write!(f, "TCP, from port: {}, to port: {}", ports.from(), ports.to())?
            }
            TrafficMatch::Udp(ports) => {
                write!(f, "UDP, from port: {}, to port: {}", ports.from(), ports.to())?
            }
            TrafficMatch::Icmp(which) => {
                write!(f, "ICMP, type: {}, code: {}", icmp(which.kind), icmp(which.code))?;
            }
            TrafficMatch::Other(number) => write!(f, "protocol: {number}")?,
        }
        f.write_str(", ALLOW")
    }
}

/// The rules that permissions stand for: one per peer. `group` is the group they are for.
///
/// # Errors
/// `InvalidParameterValue`, `MissingParameter`, `InvalidGroup.NotFound` and the like.
pub(super) fn parse(
    world: &World,
    scope: &Scope,
    group: &SecurityGroup,
    permissions: Vec<IpPermission>,
) -> Result<Vec<Wanted>, Fault> {
    let mut wanted = Vec::new();
    for permission in permissions {
        let name =
            permission.ip_protocol.as_deref().ok_or_else(|| faults::missing_parameter("IpProtocol"))?;
        let traffic = traffic(name, permission.from_port, permission.to_port)?;
        if is_ipv6(&permission) {
            return Err(faults::ipv6_not_supported());
        }
        let before = wanted.len();
        for list in permission.prefix_list_ids.unwrap_or_default() {
            let id =
                list.prefix_list_id.as_deref().ok_or_else(|| faults::missing_parameter("prefixListId"))?;
            let peer = prefix_list(world, scope, id)?;
            wanted.push(Wanted { traffic, peer, description: description(list.description)? });
        }
        for range in permission.ip_ranges.unwrap_or_default() {
            let block = range.cidr_ip.as_deref().ok_or_else(|| faults::missing_parameter("cidrIp"))?;
            let peer = RulePeer::Cidr(parse_cidr(block)?);
            wanted.push(Wanted { traffic, peer, description: description(range.description)? });
        }
        for pair in permission.user_id_group_pairs.unwrap_or_default() {
            let peer = peer_group(world, scope, group, &pair)?;
            wanted.push(Wanted { traffic, peer, description: description(pair.description)? });
        }
        if wanted.len() == before {
            return Err(faults::missing_source());
        }
    }
    if wanted.is_empty() {
        return Err(faults::missing_parameter("ipPermissions"));
    }
    let mut seen: Vec<&Wanted> = Vec::with_capacity(wanted.len());
    for one in &wanted {
        if seen.iter().any(|other| other.traffic == one.traffic && other.peer == one.peer) {
            return Err(faults::invalid_parameter_value(
                "The same permission must not appear multiple times",
            ));
        }
        seen.push(one);
    }
    Ok(wanted)
}

/// Whether the permission names IPv6 addresses.
pub(super) fn is_ipv6(permission: &IpPermission) -> bool {
    permission.ipv6_ranges.as_ref().is_some_and(|ranges| !ranges.is_empty())
}

/// `CIDR block … is malformed` in AWS's words for rules; host bits are cleared.
pub(super) fn parse_cidr(block: &str) -> Result<Cidr, Fault> {
    match block.contains(':') {
        true => Err(faults::ipv6_not_supported()),
        false => cidr::parse("cidrIp", block)
            .map_err(|_| faults::invalid_parameter_value(format!("CIDR block {block} is malformed"))),
    }
}

/// Protocol and ports; for ICMP the ports are type and code.
pub(super) fn traffic(name: &str, from: Option<i32>, to: Option<i32>) -> Result<TrafficMatch, Fault> {
    Ok(match protocol::parse(name)? {
        Protocol::All => TrafficMatch::All,
        Protocol::TCP => TrafficMatch::Tcp(protocol::ports(from, to)?),
        Protocol::UDP => TrafficMatch::Udp(protocol::ports(from, to)?),
        Protocol::ICMP => TrafficMatch::Icmp(protocol::icmp(from, to)?),
        Protocol::Number(number) => TrafficMatch::Other(number),
    })
}

/// Checks a rule's description; an empty one is none.
pub(super) fn description(text: Option<String>) -> Result<Option<String>, Fault> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match super::is_text(&text) {
        true => Ok(Some(text)),
        false => Err(faults::invalid_parameter_value(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following \
             set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )),
    }
}

/// The prefix list of a rule. What is no list's id does not exist, whatever it looks like.
pub(super) fn prefix_list(world: &World, scope: &Scope, id: &str) -> Result<RulePeer, Fault> {
    let found = ids::find::<ManagedPrefixList>(world, scope, id);
    let found = found.map_err(|_| faults::invalid_prefix_list_id_not_found(id))?;
    Ok(RulePeer::PrefixList(found.id.clone()))
}

/// The group of a pair, by id, or by name in the group's own VPC.
fn peer_group(
    world: &World,
    scope: &Scope,
    group: &SecurityGroup,
    pair: &UserIdGroupPair,
) -> Result<RulePeer, Fault> {
    // Older SDKs send empty strings for what they were not given.
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (id, name, owner) = (given(&pair.group_id), given(&pair.group_name), given(&pair.user_id));
    let found = match (id.as_deref(), name.as_deref()) {
        (Some(id), _) => peer::referenced(world, scope, group, id)?,
        (None, Some(name)) => super::by_name(world, &group.vpc, name)
            .map(|found| RulePeer::Group(found.id.clone(), found.scope.account.clone()))
            .ok_or_else(|| faults::invalid_group_not_found_by_name(name, Some(group.vpc.as_str())))?,
        (None, None) => return Err(faults::missing_parameter("groupName or groupId")),
    };
    let is_owner = |owner: String| found.group_owner().is_some_and(|account| account.as_str() == owner);
    match owner.is_none_or(is_owner) {
        true => Ok(found),
        false => Err(faults::invalid_group_not_found(found.group().map_or("", SecurityGroupId::as_str))),
    }
}

/// `FromPort` and `ToPort` of an `IpPermission`; absent for all protocols and those without ports.
pub(super) fn port_fields(traffic: TrafficMatch) -> Option<(i32, i32)> {
    match traffic {
        TrafficMatch::Tcp(ports) | TrafficMatch::Udp(ports) => {
            Some((i32::from(ports.from()), i32::from(ports.to())))
        }
        TrafficMatch::Icmp(which) => {
            Some((which.kind.map_or(-1, i32::from), which.code.map_or(-1, i32::from)))
        }
        TrafficMatch::All | TrafficMatch::Other(_) => None,
    }
}

/// Rules as permissions: those of the same protocol and ports, which must follow each other, become one.
pub(super) fn merged<'r>(
    world: &World,
    rules: impl Iterator<Item = &'r SecurityGroupRule>,
) -> Vec<IpPermission> {
    let mut permissions: Vec<(TrafficMatch, IpPermission)> = Vec::new();
    for rule in rules {
        if permissions.last().is_none_or(|(traffic, _)| *traffic != rule.traffic) {
            permissions.push((rule.traffic, empty(rule.traffic)));
        }
        if let Some((_, permission)) = permissions.last_mut() {
            add_peer(
                permission,
                &rule.peer,
                Shown::of(world, &rule.group, &rule.peer),
                rule.description.clone(),
            );
        }
    }
    permissions.into_iter().map(|(_, permission)| permission).collect()
}

/// One permission of one peer, of a rule of the group `own`.
pub(super) fn single(world: &World, own: &SecurityGroupId, wanted: &Wanted) -> IpPermission {
    let mut permission = empty(wanted.traffic);
    let shown = Shown::of(world, own, &wanted.peer);
    add_peer(&mut permission, &wanted.peer, shown, wanted.description.clone());
    permission
}

fn empty(traffic: TrafficMatch) -> IpPermission {
    let ports = port_fields(traffic);
    IpPermission {
        ip_protocol: Some(protocol::name(traffic.protocol())),
        from_port: ports.map(|(from, _)| from),
        to_port: ports.map(|(_, to)| to),
        user_id_group_pairs: Some(vec![]),
        ip_ranges: Some(vec![]),
        ipv6_ranges: Some(vec![]),
        prefix_list_ids: Some(vec![]),
    }
}

fn add_peer(
    permission: &mut IpPermission,
    peer: &RulePeer,
    group: Option<Shown>,
    description: Option<String>,
) {
    match (peer, group) {
        (RulePeer::Cidr(cidr), _) => permission
            .ip_ranges
            .get_or_insert_default()
            .push(IpRange { description, cidr_ip: Some(cidr.to_string()) }),
        (RulePeer::PrefixList(list), _) => {
            let list = ec2::PrefixListId { description, prefix_list_id: Some(list.to_string()) };
            permission.prefix_list_ids.get_or_insert_default().push(list);
        }
        (RulePeer::Group(..) | RulePeer::PeeredGroup { .. }, group) => permission
            .user_id_group_pairs
            .get_or_insert_default()
            .extend(group.map(|group| group.pair(description))),
    }
}
