//! Who may do what with a VPC peering connection, in AWS's words.

use enishi_state::ec2::{VpcId, VpcPeeringConnection, VpcPeeringConnectionId};
use enishi_state::{AccountId, Region, Scope};
use enishi_wire::Fault;

use crate::ec2::faults;

/// The region that a request names as the accepter's.
///
/// # Errors
/// `InvalidParameterValue` when there cannot be one of the name.
pub(super) fn known_region(name: &str, own: &Region) -> Result<Region, Fault> {
    Region::new(name).ok_or_else(|| {
        faults::invalid_parameter_value(format!(
            "You cannot create a VPC peering connection between the {own} and {name} regions."
        ))
    })
}

/// Refuses who is not the accepter: the account, in the accepter's region.
pub(super) fn check_accepter(
    scope: &Scope,
    row: &VpcPeeringConnection,
    does: &str,
    done: &str,
) -> Result<(), Fault> {
    let accepter = &row.accepter.scope;
    if scope.account != accepter.account {
        return Err(may_not(&scope.account, does, &row.id));
    }
    if scope.region != accepter.region {
        return Err(faults::operation_not_permitted(format!(
            "Incorrect region ({}) specified for this request. VPC peering connection {} must be {done} in region {}",
            scope.region, row.id, accepter.region
        )));
    }
    Ok(())
}

/// `OperationNotPermitted`: the connection's state or side is not the caller's to decide.
pub(super) fn may_not(account: &AccountId, does: &str, id: &VpcPeeringConnectionId) -> Fault {
    faults::operation_not_permitted(format!("User {account} cannot {does} peering {id}"))
}

/// `OperationNotPermitted`: a VPC whose request waits gets no further block.
pub(super) fn request_waits(vpc: &VpcId, id: &VpcPeeringConnectionId) -> Fault {
    faults::operation_not_permitted(format!(
        "You cannot add CIDR blocks to {vpc} while its VPC peering connection request {id} is pending acceptance"
    ))
}
