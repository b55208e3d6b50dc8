//! VPC peering connections: their life on both sides, and what each side may do.

mod harness;
mod peering;

use enishi_api::ec2::{self, CreateTagsRequest, CreateVpcPeeringConnectionRequest, DeleteVpcRequest, ops};
use harness::text;
use peering::{OTHER, OWN, Peering};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn status(code: &str, message: &str) -> Option<(String, String)> {
    Some((code.to_owned(), message.to_owned()))
}

/// A VPC of [`OWN`], one of [`OTHER`], and the request from the one to the other.
fn requested() -> (Peering, String, String, String) {
    let mut p = Peering::new();
    let own = p.vpc("10.0.0.0/16");
    p.act_as(OTHER);
    let other = p.vpc("10.1.0.0/16");
    p.act_as(OWN);
    let input =
        CreateVpcPeeringConnectionRequest { peer_owner_id: text(OTHER), ..Peering::between(&own, &other) };
    let id = p.create(input).vpc_peering_connection_id.unwrap();
    (p, own, other, id)
}

#[test]
fn it_is_requested_accepted_and_deleted() {
    let mut p = Peering::new();
    let (own, other) = (p.vpc("10.0.0.0/16"), p.vpc("10.1.0.0/16"));
    let made = p.create(Peering::between(&own, &other));
    let id = made.vpc_peering_connection_id.clone().unwrap();
    let expires = p.h.now.plus_seconds(7 * DAY).seconds();
    assert_eq!(made.expiration_time, Some(enishi_wire::Timestamp::from_seconds(expires)));
    let first = made.status.unwrap();
    assert_eq!(first.code.as_deref(), Some("initiating-request"));
    assert_eq!(first.message.as_deref(), Some("Initiating Request to 123456789012"));
    let (requester, accepter) = (made.requester_vpc_info.unwrap(), made.accepter_vpc_info.unwrap());
    assert_eq!(requester.cidr_block.as_deref(), Some("10.0.0.0/16"));
    assert_eq!(requester.peering_options.unwrap().allow_dns_resolution_from_remote_vpc, Some(false));
    assert_eq!((accepter.cidr_block, accepter.cidr_block_set), (None, None));
    assert_eq!((accepter.vpc_id, accepter.region), (Some(other.clone()), text("us-east-1")));
    assert_eq!(p.status(), status("pending-acceptance", "Pending Acceptance by 123456789012"));
    let at = enishi_wire::Timestamp::from_seconds(expires).date_time_millis();
    assert_eq!(p.seen(&[("expiration-time", &at)]).len(), 1);
    // Asking again answers what is there.
    assert_eq!(p.request(&own, &other), id);

    let accepted = p.accept(&id);
    assert_eq!(accepted.status.unwrap().code.as_deref(), Some("provisioning"));
    let seen =
        p.seen(&[("status-code", "active"), ("accepter-vpc-info.cidr-block", "10.1.0.0/16")]).remove(0);
    assert_eq!((seen.expiration_time, seen.status.unwrap().message), (None, text("Active")));
    assert_eq!(
        seen.accepter_vpc_info.unwrap().cidr_block_set.unwrap()[0].cidr_block.as_deref(),
        Some("10.1.0.0/16")
    );
    p.h.message::<ops::AcceptVpcPeeringConnection>(
        Peering::accepting(&id),
        "InvalidStateTransition",
        &format!("Invalid state transition for {id}, attempted to transition from active to provisioning"),
    );
    // The other way round a request can be made, but not accepted.
    let back = p.request(&other, &own);
    assert_ne!(back, id);
    p.h.message::<ops::AcceptVpcPeeringConnection>(
        Peering::accepting(&back),
        "VpcPeeringConnectionAlreadyExists",
        &format!("The vpc peering connection identified by {back} already exists."),
    );
    p.delete(&back);
    p.delete(&id);
    assert_eq!(p.seen(&[("status-code", "deleted")]).len(), 2);
    p.h.message::<ops::DeleteVpcPeeringConnection>(
        Peering::deleting(&id),
        "InvalidStateTransition",
        &format!("Invalid state transition for {id}, attempted to transition from deleted to deleting"),
    );
    let over = p.seen(&[("vpc-peering-connection-id", &id)]).remove(0);
    assert_eq!(over.requester_vpc_info.unwrap().cidr_block, None);
    // In one account it is shown for two hours.
    p.wait(2 * HOUR - 1);
    assert_eq!(p.seen(&[]).len(), 2);
    p.wait(1);
    assert_eq!(p.seen(&[]), vec![]);
    assert_eq!(p.h.world.vpc_peering_connections.iter().count(), 0);
}

#[test]
fn what_cannot_be_fails_at_once() {
    let mut p = Peering::new();
    let (own, same) = (p.vpc("10.0.0.0/16"), p.vpc("10.0.128.0/17"));
    let failed = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";
    p.request(&own, &same);
    assert_eq!(p.status(), status("failed", failed));
    p.wait(2 * HOUR);
    // A VPC overlaps itself; of another account nothing is told but that.
    p.request(&own, &own);
    assert_eq!(p.status(), status("failed", failed));
    p.wait(2 * HOUR);
    let unknown = Peering::between(&own, "vpc-0123456789abcdef0");
    p.create(CreateVpcPeeringConnectionRequest { peer_owner_id: text(OTHER), ..unknown.clone() });
    assert_eq!(p.status(), status("failed", failed));
    p.wait(2 * HOUR);
    p.h.code::<ops::CreateVpcPeeringConnection>(unknown, "InvalidVpcID.NotFound");
    p.h.code::<ops::CreateVpcPeeringConnection>(
        CreateVpcPeeringConnectionRequest { vpc_id: own.clone(), ..Default::default() },
        "MissingParameter",
    );
    let region =
        CreateVpcPeeringConnectionRequest { peer_region: text("The Moon"), ..Peering::between(&own, &same) };
    p.h.code::<ops::CreateVpcPeeringConnection>(region, "InvalidParameterValue");
    let account =
        CreateVpcPeeringConnectionRequest { peer_owner_id: text("42"), ..Peering::between(&own, &same) };
    p.h.code::<ops::CreateVpcPeeringConnection>(account, "InvalidParameterValue");
    let unknown = "pcx-0123456789abcdef0";
    p.h.message::<ops::DeleteVpcPeeringConnection>(
        Peering::deleting(unknown),
        "InvalidVpcPeeringConnectionID.NotFound",
        "The vpcPeeringConnection ID 'pcx-0123456789abcdef0' does not exist",
    );
    p.h.code::<ops::DeleteVpcPeeringConnection>(
        Peering::deleting("pcx-1"),
        "InvalidVpcPeeringConnectionId.Malformed",
    );
}

/// "While in the failed state, ... it remains visible to the requester for 2 hours": nobody else knows of it.
#[test]
fn a_failed_request_is_the_requesters_alone() {
    let mut p = Peering::new();
    let own = p.vpc("10.0.0.0/16");
    p.act_as(OTHER);
    let other = p.vpc("10.0.0.0/20");
    p.act_as(OWN);
    let input =
        CreateVpcPeeringConnectionRequest { peer_owner_id: text(OTHER), ..Peering::between(&own, &other) };
    let id = p.create(input).vpc_peering_connection_id.unwrap();
    p.act_as(OTHER);
    assert_eq!(p.status(), None);
    let gone = "InvalidVpcPeeringConnectionID.NotFound";
    p.h.code::<ops::AcceptVpcPeeringConnection>(Peering::accepting(&id), gone);
    let tags = CreateTagsRequest {
        resources: vec![id.clone()],
        tags: vec![ec2::Tag { key: text("a"), value: text("b") }],
        ..Default::default()
    };
    p.h.code::<ops::CreateTags>(tags, gone);
}

#[test]
fn each_account_does_and_sees_its_own_part() {
    let (mut p, own, other, id) = requested();
    let user = |account: &str, does: &str| format!("User {account} cannot {does} peering {id}");
    let refused = "OperationNotPermitted";
    p.h.message::<ops::AcceptVpcPeeringConnection>(Peering::accepting(&id), refused, &user(OWN, "accept"));
    p.h.message::<ops::RejectVpcPeeringConnection>(Peering::rejecting(&id), refused, &user(OWN, "reject"));
    let tags = |value: &str| CreateTagsRequest {
        resources: vec![id.clone()],
        tags: vec![ec2::Tag { key: text("Side"), value: text(value) }],
        ..Default::default()
    };
    p.h.ok::<ops::CreateTags>(tags("requester"));
    p.act_as(OTHER);
    assert_eq!(p.seen(&[("tag:Side", "requester")]), vec![]);
    p.h.ok::<ops::CreateTags>(tags("accepter"));
    p.h.message::<ops::DeleteVpcPeeringConnection>(Peering::deleting(&id), refused, &user(OTHER, "delete"));
    // A VPC cannot go while another account's request for it waits.
    let deletion = |vpc: &String| DeleteVpcRequest { vpc_id: vpc.clone(), ..Default::default() };
    p.h.code::<ops::DeleteVpc>(deletion(&other), "DependencyViolation");
    let accepted = p.accept(&id);
    assert!(accepted.requester_vpc_info.unwrap().peering_options.is_none());
    assert!(accepted.accepter_vpc_info.unwrap().peering_options.is_some());
    let tag = |p: &mut Peering| p.seen(&[("tag-key", "Side")])[0].tags.clone().unwrap()[0].value.clone();
    assert_eq!(tag(&mut p), text("accepter"));
    p.act_as(OWN);
    assert_eq!(tag(&mut p), text("requester"));
    p.h.code::<ops::DeleteVpc>(deletion(&own), "DependencyViolation");
    // A third account sees nothing of it.
    p.act_as("333333333333");
    assert_eq!(p.seen(&[]), vec![]);
    p.h.code::<ops::AcceptVpcPeeringConnection>(
        Peering::accepting(&id),
        "InvalidVpcPeeringConnectionID.NotFound",
    );
    // Who deletes it sees it for two hours, the other side for two days.
    p.act_as(OTHER);
    p.delete(&id);
    p.wait(2 * HOUR);
    assert_eq!(p.status(), None);
    p.h.code::<ops::DescribeVpcPeeringConnections>(
        ec2::DescribeVpcPeeringConnectionsRequest {
            vpc_peering_connection_ids: vec![id.clone()],
            ..Default::default()
        },
        "InvalidVpcPeeringConnectionID.NotFound",
    );
    p.act_as(OWN);
    assert_eq!(p.status(), status("deleted", "Deleted by 210987654321"));
    p.wait(2 * DAY - 2 * HOUR);
    assert_eq!(p.status(), None);
    assert_eq!(p.h.world.tags.iter().filter(|tag| tag.resource == id).count(), 0);
    p.h.ok::<ops::DeleteVpc>(deletion(&own));
}

#[test]
fn a_request_is_rejected_or_expires() {
    let (mut p, _, _, id) = requested();
    p.act_as(OTHER);
    p.h.ok::<ops::RejectVpcPeeringConnection>(Peering::rejecting(&id));
    assert_eq!(p.status(), status("rejected", "Rejected by 210987654321"));
    p.h.code::<ops::AcceptVpcPeeringConnection>(Peering::accepting(&id), "InvalidStateTransition");
    p.wait(2 * HOUR);
    assert_eq!(p.status(), None);
    p.act_as(OWN);
    assert_eq!(p.status(), status("rejected", "Rejected by 210987654321"));
    p.wait(2 * DAY);
    assert_eq!(p.status(), None);

    let (mut p, _, _, id) = requested();
    p.wait(7 * DAY - 1);
    assert_eq!(p.status(), status("pending-acceptance", "Pending Acceptance by 210987654321"));
    p.wait(1);
    assert_eq!(p.status(), status("expired", "Expired"));
    p.act_as(OTHER);
    p.h.code::<ops::AcceptVpcPeeringConnection>(Peering::accepting(&id), "InvalidStateTransition");
    p.wait(2 * DAY);
    assert_eq!(p.status(), None);
}

#[test]
fn another_region_accepts_in_its_own() {
    let mut p = Peering::new();
    let own = p.vpc("10.0.0.0/16");
    p.h.act_as(OWN, "eu-west-1");
    let other = p.vpc("10.1.0.0/16");
    p.act_as(OWN);
    let input = CreateVpcPeeringConnectionRequest {
        peer_region: text("eu-west-1"),
        ..Peering::between(&own, &other)
    };
    let id = p.create(input).vpc_peering_connection_id.unwrap();
    p.h.message::<ops::AcceptVpcPeeringConnection>(
        Peering::accepting(&id),
        "OperationNotPermitted",
        &format!(
            "Incorrect region (us-east-1) specified for this request. VPC peering connection {id} must be accepted in region eu-west-1"
        ),
    );
    p.h.act_as(OWN, "eu-west-1");
    p.accept(&id);
    assert_eq!(p.status(), status("active", "Active"));
}

#[test]
fn a_vpc_takes_its_requests_with_it() {
    let (mut p, own, other, _) = requested();
    p.h.ok::<ops::DeleteVpc>(DeleteVpcRequest { vpc_id: own, ..Default::default() });
    p.act_as(OTHER);
    assert_eq!(p.status(), status("deleted", "Deleted by 123456789012"));
    p.h.ok::<ops::DeleteVpc>(DeleteVpcRequest { vpc_id: other, ..Default::default() });
}

/// "VPC CIDR blocks" in the VPC guide: how a peering limits them.
#[test]
fn blocks_are_added_as_peerings_allow() {
    let mut p = Peering::new();
    let (own, other) = (p.vpc("10.0.0.0/16"), p.vpc("10.1.0.0/16"));
    let id = p.request(&own, &other);
    let block = |vpc: &String, block: &str| ec2::AssociateVpcCidrBlockRequest {
        vpc_id: vpc.clone(),
        cidr_block: text(block),
        ..Default::default()
    };
    p.h.code::<ops::AssociateVpcCidrBlock>(block(&own, "100.64.0.0/16"), "OperationNotPermitted");
    p.accept(&id);
    p.h.ok::<ops::AssociateVpcCidrBlock>(block(&own, "100.64.0.0/16"));
    p.h.code::<ops::AssociateVpcCidrBlock>(block(&other, "100.64.0.0/20"), "InvalidVpc.Conflict");
    p.delete(&id);
    p.wait(2 * HOUR);
    // A request that a new block of the accepter makes impossible fails.
    p.request(&own, &other);
    p.h.ok::<ops::AssociateVpcCidrBlock>(block(&other, "100.64.0.0/20"));
    assert_eq!(p.status().unwrap().0, "failed");
}

#[test]
fn there_are_not_too_many() {
    let mut p = Peering::new();
    let own = p.vpc("10.0.0.0/16");
    for n in 0..25 {
        let input =
            ec2::CreateVpcRequest { cidr_block: text(&format!("10.{}.0.0/16", n + 1)), ..Default::default() };
        let account = format!("4{n:011}");
        p.act_as(&account);
        let other = p.h.ok::<ops::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap();
        p.act_as(OWN);
        p.create(CreateVpcPeeringConnectionRequest {
            peer_owner_id: text(&account),
            ..Peering::between(&own, &other)
        });
    }
    let other = p.vpc("10.99.0.0/16");
    p.h.message::<ops::CreateVpcPeeringConnection>(
        Peering::between(&own, &other),
        "PendingVpcPeeringConnectionLimitExceeded",
        "Vpc peering connection request limit exceeded.",
    );
}
