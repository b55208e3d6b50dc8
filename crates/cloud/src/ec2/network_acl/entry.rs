//! Rules of a network ACL.
//! [Network ACL rules](https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html)

use std::collections::BTreeMap;

use enishi_api::ec2::{
    CreateNetworkAclEntryRequest, DeleteNetworkAclEntryRequest, IcmpTypeCode, NetworkAclEntry, PortRange,
    ReplaceNetworkAclEntryRequest, ops,
};
use enishi_fabric::{self as fabric, Cidr, IcmpMatch, Protocol, TrafficMatch};
use enishi_state::Tx;
use enishi_state::ec2::{AclEntry, NetworkAcl, NetworkAclId};
use enishi_wire::Fault;

use crate::ec2::protocol;
use crate::ec2::{cidr, faults, ids};
use crate::quota;
use crate::registry::Registry;

/// The number under which the final rule `*` is shown.
const LAST: i32 = 32767;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateNetworkAclEntry>(create_network_acl_entry);
    on.write::<ops::DeleteNetworkAclEntry>(delete_network_acl_entry);
    on.write::<ops::ReplaceNetworkAclEntry>(replace_network_acl_entry);
}

/// Every rule as responses show them, the outbound ones first, each direction with its final rule.
pub(super) fn all(row: &NetworkAcl) -> Vec<NetworkAclEntry> {
    let last = AclEntry { allow: false, traffic: TrafficMatch::All, cidr: Cidr::EVERYWHERE };
    let mut entries = Vec::with_capacity(row.inbound.len() + row.outbound.len() + 2);
    for (egress, rules) in [(true, &row.outbound), (false, &row.inbound)] {
        entries.extend(rules.iter().map(|(number, entry)| render(i32::from(*number), egress, entry)));
        entries.push(render(LAST, egress, &last));
    }
    entries
}

fn render(number: i32, egress: bool, entry: &AclEntry) -> NetworkAclEntry {
    let port_range = |ports: fabric::PortRange| PortRange {
        from: Some(i32::from(ports.from())),
        to: Some(i32::from(ports.to())),
    };
    let icmp = |icmp: IcmpMatch| IcmpTypeCode {
        code: Some(icmp.code.map_or(-1, i32::from)),
        r#type: Some(icmp.kind.map_or(-1, i32::from)),
    };
    NetworkAclEntry {
        cidr_block: Some(entry.cidr.to_string()),
        egress: Some(egress),
        icmp_type_code: match entry.traffic {
            TrafficMatch::Icmp(which) => Some(icmp(which)),
            _ => None,
        },
        ipv6_cidr_block: None,
        port_range: match entry.traffic {
            TrafficMatch::Tcp(ports) | TrafficMatch::Udp(ports) => Some(port_range(ports)),
            _ => None,
        },
        protocol: Some(protocol::number(entry.traffic.protocol())),
        rule_action: Some(if entry.allow { "allow" } else { "deny" }.to_owned()),
        rule_number: Some(number),
    }
}

fn create_network_acl_entry(tx: &mut Tx<'_>, input: CreateNetworkAclEntryRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let acl = ids::find::<NetworkAcl>(tx.world(), scope, &input.network_acl_id)?;
    let number = parse_number(input.rule_number)?;
    let entry = Wanted {
        protocol: &input.protocol,
        action: &input.rule_action,
        cidr_block: input.cidr_block.as_deref(),
        ipv6_cidr_block: input.ipv6_cidr_block.as_deref(),
        icmp: input.icmp_type_code.as_ref(),
        ports: input.port_range.as_ref(),
    }
    .parse()?;
    let rules = if input.egress { &acl.outbound } else { &acl.inbound };
    if rules.contains_key(&number) {
        return Err(faults::network_acl_entry_already_exists(number));
    }
    // AWS counts the final rule too.
    if quota::RULES_PER_NETWORK_ACL.reached(tx.world(), scope, rules.len() + 1) {
        return Err(faults::network_acl_entry_limit_exceeded());
    }
    let id = acl.id.clone();
    change(tx, &id, input.egress, |rules| {
        rules.insert(number, entry);
    });
    Ok(())
}

fn replace_network_acl_entry(tx: &mut Tx<'_>, input: ReplaceNetworkAclEntryRequest) -> Result<(), Fault> {
    let (id, number) = existing(tx, &input.network_acl_id, input.rule_number, input.egress)?;
    let entry = Wanted {
        protocol: &input.protocol,
        action: &input.rule_action,
        cidr_block: input.cidr_block.as_deref(),
        ipv6_cidr_block: input.ipv6_cidr_block.as_deref(),
        icmp: input.icmp_type_code.as_ref(),
        ports: input.port_range.as_ref(),
    }
    .parse()?;
    change(tx, &id, input.egress, |rules| {
        rules.insert(number, entry);
    });
    Ok(())
}

fn delete_network_acl_entry(tx: &mut Tx<'_>, input: DeleteNetworkAclEntryRequest) -> Result<(), Fault> {
    let (id, number) = existing(tx, &input.network_acl_id, input.rule_number, input.egress)?;
    change(tx, &id, input.egress, |rules| {
        rules.remove(&number);
    });
    Ok(())
}

/// The ACL and rule number that a request names; both must exist.
fn existing(tx: &Tx<'_>, acl: &str, number: i32, egress: bool) -> Result<(NetworkAclId, u16), Fault> {
    let acl = ids::find::<NetworkAcl>(tx.world(), &tx.caller().scope, acl)?;
    let number = parse_number(number)?;
    let rules = if egress { &acl.outbound } else { &acl.inbound };
    match rules.contains_key(&number) {
        true => Ok((acl.id.clone(), number)),
        false => Err(faults::invalid_network_acl_entry_not_found(number, &acl.id, egress)),
    }
}

fn change(
    tx: &mut Tx<'_>,
    acl: &NetworkAclId,
    egress: bool,
    with: impl FnOnce(&mut BTreeMap<u16, AclEntry>),
) {
    tx.modify::<NetworkAcl>(acl, |row| with(if egress { &mut row.outbound } else { &mut row.inbound }));
}

fn parse_number(number: i32) -> Result<u16, Fault> {
    let valid = Some(number)
        .filter(|number| (1..LAST).contains(number))
        .and_then(|number| u16::try_from(number).ok());
    valid.ok_or_else(|| faults::invalid_value("ruleNumber", number, "Must be in the range 1 to 32766."))
}

/// A rule as a request gives it.
struct Wanted<'i> {
    protocol: &'i str,
    action: &'i str,
    cidr_block: Option<&'i str>,
    ipv6_cidr_block: Option<&'i str>,
    icmp: Option<&'i IcmpTypeCode>,
    ports: Option<&'i PortRange>,
}

impl Wanted<'_> {
    fn parse(&self) -> Result<AclEntry, Fault> {
        let allow = match self.action {
            "allow" => true,
            "deny" => false,
            other => {
                return Err(faults::invalid_value("ruleAction", other, "Valid values are allow, deny."));
            }
        };
        let cidr = match (self.cidr_block, self.ipv6_cidr_block) {
            (Some(block), None) => cidr::parse("cidrBlock", block)?,
            (None, Some(_)) => return Err(faults::ipv6_not_supported()),
            (None, None) => return Err(faults::missing_parameter("cidrBlock or ipv6CidrBlock")),
            (Some(_), Some(_)) => {
                return Err(faults::invalid_parameter_combination(
                    "The parameters cidrBlock and ipv6CidrBlock cannot be used together",
                ));
            }
        };
        Ok(AclEntry { allow, traffic: self.traffic()?, cidr })
    }

    fn traffic(&self) -> Result<TrafficMatch, Fault> {
        Ok(match protocol::parse(self.protocol)? {
            Protocol::All => TrafficMatch::All,
            Protocol::TCP => TrafficMatch::Tcp(self.ports()?),
            Protocol::UDP => TrafficMatch::Udp(self.ports()?),
            Protocol::ICMP => {
                let icmp = self.icmp.ok_or_else(|| faults::missing_parameter("icmpTypeCode"))?;
                TrafficMatch::Icmp(protocol::icmp(icmp.r#type, icmp.code)?)
            }
            Protocol::Number(number) => TrafficMatch::Other(number),
        })
    }

    fn ports(&self) -> Result<fabric::PortRange, Fault> {
        let range = self.ports.ok_or_else(|| faults::missing_parameter("portRange"))?;
        protocol::ports(range.from, range.to)
    }
}
