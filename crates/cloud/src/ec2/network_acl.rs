//! Network ACLs.
//! [Control subnet traffic with network access control lists](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html)
//!
//! Rules are looked at by number, the lowest first; the last, `*`, denies and is not a row: it is shown as 32767 in both
//! directions. A VPC's default ACL allows everything; a new one denies everything. Every subnet has exactly one ACL.

mod entry;

use enishi_api::ec2::{
    self, CreateNetworkAclRequest, CreateNetworkAclResult, DeleteNetworkAclRequest,
    DescribeNetworkAclsRequest, DescribeNetworkAclsResult, NetworkAclAssociation,
    ReplaceNetworkAclAssociationRequest, ReplaceNetworkAclAssociationResult, ops,
};
use enishi_fabric::{Cidr, TrafficMatch};
use enishi_state::ec2::{AclAssociationId, AclEntry, NetworkAcl, NetworkAclId, Subnet, Vpc, VpcId};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use super::describe::describe;
use super::filter::{Field, field};
use super::ids::{self, Resource};
use super::page::{self, Page};
use super::tag::{self, NewTags};
use super::{client_token, faults};
use crate::quota;
use crate::registry::Registry;

/// The number of the rule that allows everything in a default ACL.
const DEFAULT_RULE: u16 = 100;

const FILTERS: &[Field<NetworkAcl>] = &[
    field("association.association-id", |world, row, values| {
        subnets(world, row).for_each(|subnet| values.add(&subnet.network_acl.0));
    }),
    field("association.network-acl-id", |world, row, values| {
        subnets(world, row).for_each(|subnet| values.add(&subnet.network_acl.1));
    }),
    field("association.subnet-id", |world, row, values| {
        subnets(world, row).for_each(|subnet| values.add(&subnet.id));
    }),
    field("default", |_, row, values| values.add(row.is_default)),
    field("entry.cidr", |_, row, values| {
        entry::all(row).into_iter().for_each(|entry| values.maybe(entry.cidr_block));
    }),
    field("entry.egress", |_, row, values| {
        entry::all(row).into_iter().for_each(|entry| values.maybe(entry.egress));
    }),
    field("entry.icmp.code", |_, row, values| {
        entry::all(row)
            .into_iter()
            .for_each(|entry| values.maybe(entry.icmp_type_code.and_then(|icmp| icmp.code)));
    }),
    field("entry.icmp.type", |_, row, values| {
        entry::all(row)
            .into_iter()
            .for_each(|entry| values.maybe(entry.icmp_type_code.and_then(|icmp| icmp.r#type)));
    }),
    field("entry.ipv6-cidr", |_, _, _| {}),
    field("entry.port-range.from", |_, row, values| {
        entry::all(row)
            .into_iter()
            .for_each(|entry| values.maybe(entry.port_range.and_then(|ports| ports.from)));
    }),
    field("entry.port-range.to", |_, row, values| {
        entry::all(row)
            .into_iter()
            .for_each(|entry| values.maybe(entry.port_range.and_then(|ports| ports.to)));
    }),
    field("entry.protocol", |_, row, values| {
        entry::all(row).into_iter().for_each(|entry| values.maybe(entry.protocol));
    }),
    field("entry.rule-action", |_, row, values| {
        entry::all(row).into_iter().for_each(|entry| values.maybe(entry.rule_action));
    }),
    field("entry.rule-number", |_, row, values| {
        entry::all(row).into_iter().for_each(|entry| values.maybe(entry.rule_number));
    }),
    field("network-acl-id", |_, row, values| values.add(&row.id)),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("vpc-id", |_, row, values| values.add(&row.vpc)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateNetworkAcl>(create_network_acl);
    on.write::<ops::DeleteNetworkAcl>(delete_network_acl);
    on.read::<ops::DescribeNetworkAcls>(describe_network_acls);
    on.write::<ops::ReplaceNetworkAclAssociation>(replace_network_acl_association);
    entry::register(on);
}

/// Makes a VPC's default ACL.
pub(crate) fn insert_default(tx: &mut Tx<'_>, vpc: &VpcId) {
    let id = NetworkAclId::generate(tx.entropy());
    let allow_all = AclEntry { allow: true, traffic: TrafficMatch::All, cidr: Cidr::EVERYWHERE };
    tx.put(NetworkAcl {
        id,
        scope: tx.caller().scope.clone(),
        vpc: vpc.clone(),
        is_default: true,
        inbound: [(DEFAULT_RULE, allow_all.clone())].into(),
        outbound: [(DEFAULT_RULE, allow_all)].into(),
    });
}

/// A VPC's default ACL.
pub(crate) fn default_of<'w>(world: &'w World, vpc: &VpcId) -> Option<&'w NetworkAcl> {
    world.by::<NetworkAcl>("vpc", vpc.as_str()).find(|acl| acl.is_default)
}

/// Removes the default ACL of a VPC that is being deleted.
pub(crate) fn remove_default(tx: &mut Tx<'_>, vpc: &VpcId) {
    let Some(id) = default_of(tx.world(), vpc).map(|acl| acl.id.clone()) else { return };
    tag::remove_all(tx, id.as_str());
    tx.remove::<NetworkAcl>(&id);
}

fn create_network_acl(
    tx: &mut Tx<'_>,
    input: CreateNetworkAclRequest,
) -> Result<CreateNetworkAclResult, Fault> {
    let made = client_token::once(tx, "CreateNetworkAcl", input.client_token.as_deref(), &input, |tx| {
        let tags = NewTags::parse(input.tag_specifications.clone(), &[NetworkAcl::KIND])?;
        let scope = &tx.caller().scope;
        let vpc = ids::find::<Vpc>(tx.world(), scope, &input.vpc_id)?.id.clone();
        let existing = tx.world().by::<NetworkAcl>("vpc", vpc.as_str()).count();
        if quota::NETWORK_ACLS_PER_VPC.reached(tx.world(), scope, existing) {
            return Err(faults::network_acl_limit_exceeded());
        }
        let id = NetworkAclId::generate(tx.entropy());
        tx.put(NetworkAcl {
            id: id.clone(),
            scope: scope.clone(),
            vpc,
            is_default: false,
            inbound: Default::default(),
            outbound: Default::default(),
        });
        tags.attach(tx, NetworkAcl::KIND, id.as_str());
        Ok(vec![id.to_string()])
    })?;
    let id = made.first().map_or("", String::as_str);
    let row = ids::find::<NetworkAcl>(tx.world(), &tx.caller().scope, id)?;
    Ok(CreateNetworkAclResult {
        network_acl: Some(render(tx.world(), row)),
        client_token: input.client_token,
    })
}

fn delete_network_acl(tx: &mut Tx<'_>, input: DeleteNetworkAclRequest) -> Result<(), Fault> {
    let row = ids::find::<NetworkAcl>(tx.world(), &tx.caller().scope, &input.network_acl_id)?;
    if row.is_default {
        return Err(faults::invalid_parameter_value(format!("cannot delete default network ACL {}", row.id)));
    }
    if subnets(tx.world(), row).next().is_some() {
        return Err(faults::has_dependencies("networkAcl", &row.id));
    }
    let id = row.id.clone();
    tag::remove_all(tx, id.as_str());
    tx.remove::<NetworkAcl>(&id);
    Ok(())
}

fn replace_network_acl_association(
    tx: &mut Tx<'_>,
    input: ReplaceNetworkAclAssociationRequest,
) -> Result<ReplaceNetworkAclAssociationResult, Fault> {
    let scope = &tx.caller().scope;
    let subnet = tx
        .world()
        .by::<Subnet>("network_acl_association", &input.association_id)
        .find(|subnet| subnet.scope == *scope)
        .ok_or_else(|| faults::invalid_association_id_not_found(&input.association_id))?;
    let acl = ids::find::<NetworkAcl>(tx.world(), scope, &input.network_acl_id)?;
    if acl.vpc != subnet.vpc {
        return Err(faults::different_networks("Network ACL", &acl.id, "subnet", &subnet.id));
    }
    let (subnet, acl) = (subnet.id.clone(), acl.id.clone());
    let new = AclAssociationId::generate(tx.entropy());
    tx.modify::<Subnet>(&subnet, |row| row.network_acl = (new.clone(), acl));
    Ok(ReplaceNetworkAclAssociationResult { new_association_id: Some(new.to_string()) })
}

fn describe_network_acls(
    read: &Read<'_>,
    input: DescribeNetworkAclsRequest,
) -> Result<DescribeNetworkAclsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe(read, &input.network_acl_ids, input.filters, FILTERS, &page)?;
    let network_acls = rows.into_iter().map(|row| render(read.world, row)).collect();
    Ok(DescribeNetworkAclsResult { network_acls: Some(network_acls), next_token })
}

fn subnets<'w>(world: &'w World, row: &NetworkAcl) -> impl Iterator<Item = &'w Subnet> + use<'w> {
    world.by::<Subnet>("network_acl", row.id.as_str())
}

fn render(world: &World, row: &NetworkAcl) -> ec2::NetworkAcl {
    let association = |subnet: &Subnet| NetworkAclAssociation {
        network_acl_association_id: Some(subnet.network_acl.0.to_string()),
        network_acl_id: Some(row.id.to_string()),
        subnet_id: Some(subnet.id.to_string()),
    };
    ec2::NetworkAcl {
        associations: Some(subnets(world, row).map(association).collect()),
        entries: Some(entry::all(row)),
        is_default: Some(row.is_default),
        network_acl_id: Some(row.id.to_string()),
        tags: tag::of(world, row.id.as_str()),
        vpc_id: Some(row.vpc.to_string()),
        owner_id: Some(row.scope.account.to_string()),
    }
}
