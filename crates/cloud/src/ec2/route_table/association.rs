//! Associations of route tables with subnets.
//! [Subnet route tables](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html)

use enishi_api::ec2::{
    AssociateRouteTableRequest, AssociateRouteTableResult, DisassociateRouteTableRequest,
    ReplaceRouteTableAssociationRequest, ReplaceRouteTableAssociationResult, ops,
};
use enishi_state::ec2::{RouteTable, RouteTableAssociationId, RouteTableId, Subnet, SubnetId, Vpc, VpcId};
use enishi_state::{Scope, Tx, World};
use enishi_wire::Fault;

use super::associated;
use crate::ec2::{faults, ids};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateRouteTable>(associate_route_table);
    on.write::<ops::DisassociateRouteTable>(disassociate_route_table);
    on.write::<ops::ReplaceRouteTableAssociation>(replace_route_table_association);
}

/// Who an association id belongs to.
enum Holder {
    /// The main association of a VPC.
    Main(VpcId),
    /// A subnet of a VPC.
    Subnet(SubnetId, VpcId),
}

impl Holder {
    fn find(world: &World, scope: &Scope, association: &str) -> Result<Self, Fault> {
        let subnet =
            world.by::<Subnet>("route_table_association", association).find(|row| row.scope == *scope);
        if let Some(subnet) = subnet {
            return Ok(Holder::Subnet(subnet.id.clone(), subnet.vpc.clone()));
        }
        let vpc = world.by::<Vpc>("route_table_association", association).find(|row| row.scope == *scope);
        vpc.map(|vpc| Holder::Main(vpc.id.clone()))
            .ok_or_else(|| faults::invalid_association_id_not_found(association))
    }

    fn vpc(&self) -> &VpcId {
        match self {
            Holder::Main(vpc) | Holder::Subnet(_, vpc) => vpc,
        }
    }
}

fn associate_route_table(
    tx: &mut Tx<'_>,
    input: AssociateRouteTableRequest,
) -> Result<AssociateRouteTableResult, Fault> {
    let scope = &tx.caller().scope;
    let table = ids::find::<RouteTable>(tx.world(), scope, &input.route_table_id)?;
    if input.gateway_id.is_some() || input.public_ipv4_pool.is_some() {
        return Err(faults::not_supported("A gateway route table"));
    }
    let subnet = ids::find_required::<Subnet>(tx.world(), scope, "subnetId", input.subnet_id.as_deref())?;
    if subnet.vpc != table.vpc {
        return Err(faults::different_networks("Route table", &table.id, "subnet", &subnet.id));
    }
    if subnet.route_table.is_some() {
        let message = format!(
            "the specified association for route table {} conflicts with an existing association",
            table.id
        );
        return Err(faults::resource_already_associated(message));
    }
    let (table, subnet) = (table.id.clone(), subnet.id.clone());
    let id = associate(tx, &subnet, table);
    Ok(AssociateRouteTableResult {
        association_id: Some(id.to_string()),
        association_state: Some(associated()),
    })
}

fn associate(tx: &mut Tx<'_>, subnet: &SubnetId, table: RouteTableId) -> RouteTableAssociationId {
    let id = RouteTableAssociationId::generate(tx.entropy());
    tx.modify::<Subnet>(subnet, |row| row.route_table = Some((id.clone(), table)));
    id
}

fn disassociate_route_table(tx: &mut Tx<'_>, input: DisassociateRouteTableRequest) -> Result<(), Fault> {
    match Holder::find(tx.world(), &tx.caller().scope, &input.association_id)? {
        Holder::Main(_) => Err(faults::invalid_parameter_value(format!(
            "cannot disassociate the main route table association {}",
            input.association_id
        ))),
        Holder::Subnet(subnet, _) => {
            tx.modify::<Subnet>(&subnet, |row| row.route_table = None);
            Ok(())
        }
    }
}

fn replace_route_table_association(
    tx: &mut Tx<'_>,
    input: ReplaceRouteTableAssociationRequest,
) -> Result<ReplaceRouteTableAssociationResult, Fault> {
    let scope = &tx.caller().scope;
    let holder = Holder::find(tx.world(), scope, &input.association_id)?;
    let table = ids::find::<RouteTable>(tx.world(), scope, &input.route_table_id)?;
    if table.vpc != *holder.vpc() {
        return Err(faults::different_networks("Route table", &table.id, "network", holder.vpc()));
    }
    let table = table.id.clone();
    let new = match holder {
        Holder::Subnet(subnet, _) => associate(tx, &subnet, table),
        Holder::Main(vpc) => {
            let id = RouteTableAssociationId::generate(tx.entropy());
            tx.modify::<Vpc>(&vpc, |row| row.main_route_table = (id.clone(), table));
            id
        }
    };
    Ok(ReplaceRouteTableAssociationResult {
        new_association_id: Some(new.to_string()),
        association_state: Some(associated()),
    })
}
