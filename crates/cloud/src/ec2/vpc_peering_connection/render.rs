//! VPC peering connections as responses show them.
//! [VpcPeeringConnection](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcPeeringConnection.html)

use enishi_api::ec2::{
    self, CidrBlock, VpcPeeringConnectionOptionsDescription, VpcPeeringConnectionStateReason,
    VpcPeeringConnectionVpcInfo,
};
use enishi_state::Read;
use enishi_state::ec2::{PeeringSide, PeeringState, VpcPeeringConnection};
use enishi_wire::Timestamp;

use super::blocks;
use crate::ec2::tag;

/// The status, as filters and `InvalidStateTransition` name it too.
pub(super) fn code(row: &VpcPeeringConnection) -> &'static str {
    match row.state {
        PeeringState::PendingAcceptance => "pending-acceptance",
        PeeringState::Active => "active",
        PeeringState::Rejected => "rejected",
        PeeringState::Deleted { .. } => "deleted",
        PeeringState::Expired => "expired",
        PeeringState::Failed => "failed",
    }
}

pub(super) fn message(row: &VpcPeeringConnection) -> String {
    let accepter = &row.accepter.scope.account;
    match &row.state {
        PeeringState::PendingAcceptance => format!("Pending Acceptance by {accepter}"),
        PeeringState::Active => "Active".to_owned(),
        PeeringState::Rejected => format!("Rejected by {accepter}"),
        PeeringState::Deleted { by } => format!("Deleted by {by}"),
        PeeringState::Expired => "Expired".to_owned(),
        PeeringState::Failed => {
            "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range".to_owned()
        }
    }
}

/// A connection as the caller sees it: what is over shows no blocks, and options are shown to their own account.
pub(super) fn render(read: &Read<'_>, row: &VpcPeeringConnection) -> ec2::VpcPeeringConnection {
    let whole = !row.state.is_ended();
    let status =
        VpcPeeringConnectionStateReason { code: Some(code(row).to_owned()), message: Some(message(row)) };
    ec2::VpcPeeringConnection {
        accepter_vpc_info: Some(info(read, &row.accepter, row.is_active())),
        expiration_time: row.expires().map(|at| Timestamp::from_seconds(at.seconds())),
        requester_vpc_info: Some(info(read, &row.requester, whole)),
        status: Some(status),
        tags: tag::of_side(read.world, row.id.as_str(), &read.caller.scope),
        vpc_peering_connection_id: Some(row.id.to_string()),
        multipath_resilience_status: None,
    }
}

/// As the operation answers it that brings a state about: it is not through yet.
pub(super) fn with_status(
    shape: ec2::VpcPeeringConnection,
    code: &str,
    message: String,
) -> ec2::VpcPeeringConnection {
    let status = VpcPeeringConnectionStateReason { code: Some(code.to_owned()), message: Some(message) };
    ec2::VpcPeeringConnection { status: Some(status), ..shape }
}

fn info(read: &Read<'_>, side: &PeeringSide, whole: bool) -> VpcPeeringConnectionVpcInfo {
    let blocks: Vec<String> = match whole {
        true => blocks(read.world, side).iter().map(ToString::to_string).collect(),
        false => Vec::new(),
    };
    let set = |block: &String| CidrBlock { cidr_block: Some(block.clone()) };
    let options = VpcPeeringConnectionOptionsDescription {
        allow_dns_resolution_from_remote_vpc: Some(side.allow_dns_resolution),
        allow_egress_from_local_classic_link_to_remote_vpc: Some(false),
        allow_egress_from_local_vpc_to_remote_classic_link: Some(false),
        ..Default::default()
    };
    let is_own = side.scope.account == read.caller.scope.account;
    VpcPeeringConnectionVpcInfo {
        cidr_block: blocks.first().cloned(),
        cidr_block_set: whole.then(|| blocks.iter().map(set).collect()),
        owner_id: Some(side.scope.account.to_string()),
        peering_options: (whole && is_own).then_some(options),
        vpc_id: Some(side.vpc.to_string()),
        region: Some(side.scope.region.to_string()),
        ..Default::default()
    }
}
