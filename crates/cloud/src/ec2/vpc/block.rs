//! A VPC's secondary CIDR blocks.
//! [VPC CIDR blocks](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html)

use enishi_api::ec2::{
    AssociateVpcCidrBlockRequest, AssociateVpcCidrBlockResult, DisassociateVpcCidrBlockRequest,
    DisassociateVpcCidrBlockResult, ops,
};
use enishi_fabric::Cidr;
use enishi_state::ec2::{CidrAssociation, CidrAssociationId, RouteTable, RouteTableId, Subnet, Vpc};
use enishi_state::{Tx, World};
use enishi_wire::Fault;

use super::render_block;
use crate::ec2::{cidr, faults, ids, vpc_peering_connection};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateVpcCidrBlock>(associate_vpc_cidr_block);
    on.write::<ops::DisassociateVpcCidrBlock>(disassociate_vpc_cidr_block);
}

fn associate_vpc_cidr_block(
    tx: &mut Tx<'_>,
    input: AssociateVpcCidrBlockRequest,
) -> Result<AssociateVpcCidrBlockResult, Fault> {
    let scope = &tx.caller().scope;
    let vpc = ids::find::<Vpc>(tx.world(), scope, &input.vpc_id)?;
    if input.amazon_provided_ipv6_cidr_block == Some(true)
        || input.ipv6_cidr_block.is_some()
        || input.ipv6_pool.is_some()
        || input.ipv6_ipam_pool_id.is_some()
    {
        return Err(faults::ipv6_not_supported());
    }
    if input.ipv4_ipam_pool_id.is_some() {
        return Err(faults::not_supported("IPAM"));
    }
    let block = input.cidr_block.as_deref().ok_or_else(|| faults::missing_parameter("cidrBlock"))?;
    let block = cidr::parse("cidrBlock", block)?;
    check(tx.world(), vpc, block)?;
    vpc_peering_connection::check_block(tx.world(), vpc, block)?;
    if quota::CIDR_BLOCKS_PER_VPC.reached(tx.world(), scope, vpc.cidrs.len()) {
        return Err(faults::cidr_limit_exceeded());
    }
    let vpc = vpc.id.clone();
    let association = CidrAssociation { id: CidrAssociationId::generate(tx.entropy()), cidr: block };
    let rendered = render_block(&association, "associating");
    tx.modify::<Vpc>(&vpc, |row| row.cidrs.push(association));
    vpc_peering_connection::review(tx, &vpc);
    Ok(AssociateVpcCidrBlockResult {
        ipv6_cidr_block_association: None,
        cidr_block_association: Some(rendered),
        vpc_id: Some(vpc.to_string()),
    })
}

fn check(world: &World, vpc: &Vpc, block: Cidr) -> Result<(), Fault> {
    if !cidr::is_legal_for_vpc(block) {
        return Err(faults::invalid_vpc_range(block));
    }
    let existing: Vec<Cidr> = vpc.cidrs.iter().map(|association| association.cidr).collect();
    if let Some(other) = existing.iter().find(|other| other.overlaps(block)) {
        return Err(faults::invalid_vpc_conflict(block, other));
    }
    if !cidr::may_join(block, &existing) {
        return Err(faults::restricted_vpc_range(block));
    }
    // "The CIDR block must not be the same or larger than a destination CIDR range in a route in any of the VPC route
    // tables", VPC CIDR blocks.
    let mut routes = world.by::<RouteTable>("vpc", vpc.id.as_str()).flat_map(|table| table.routes.keys());
    match routes.find(|destination| block.covers(**destination)) {
        Some(destination) => Err(faults::invalid_vpc_conflict_with_route(block, destination)),
        None => Ok(()),
    }
}

fn disassociate_vpc_cidr_block(
    tx: &mut Tx<'_>,
    input: DisassociateVpcCidrBlockRequest,
) -> Result<DisassociateVpcCidrBlockResult, Fault> {
    let not_found = || faults::invalid_vpc_cidr_block_association_id_not_found(&input.association_id);
    let has = |association: &CidrAssociation| association.id.as_str() == input.association_id;
    let vpc = ids::in_scope::<Vpc>(tx.world(), &tx.caller().scope)
        .find(|vpc| vpc.cidrs.iter().any(has))
        .ok_or_else(not_found)?;
    let association = vpc.cidrs.iter().find(|association| has(association)).ok_or_else(not_found)?.clone();
    if vpc.primary_cidr() == Some(association.cidr) {
        return Err(faults::primary_cidr_block(&association.id));
    }
    let is_inside = |subnet: &Subnet| association.cidr.covers(subnet.cidr);
    if tx.world().by::<Subnet>("vpc", vpc.id.as_str()).any(is_inside) {
        return Err(faults::invalid_cidr_block_in_use(&vpc.id, association.cidr));
    }
    let vpc = vpc.id.clone();
    tx.modify::<Vpc>(&vpc, |row| row.cidrs.retain(|other| other.id != association.id));
    let tables: Vec<RouteTableId> =
        tx.world().by::<RouteTable>("vpc", vpc.as_str()).map(|table| table.id.clone()).collect();
    for table in tables {
        // What stood for the block's local route goes with it.
        tx.modify::<RouteTable>(&table, |row| {
            row.routes.remove(&association.cidr);
        });
    }
    Ok(DisassociateVpcCidrBlockResult {
        ipv6_cidr_block_association: None,
        cidr_block_association: Some(render_block(&association, "disassociating")),
        vpc_id: Some(vpc.to_string()),
    })
}
