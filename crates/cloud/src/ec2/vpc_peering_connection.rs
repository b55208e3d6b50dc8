//! VPC peering connections. [What is VPC peering?](https://docs.aws.amazon.com/vpc/latest/peering/what-is-vpc-peering.html)
//!
//! A request goes from a VPC of the caller to a VPC of any account and region. It fails at once where there is no such VPC or the
//! blocks of both overlap, which a VPC's own do. Asking for what is there already answers it. Its owner accepts or rejects it; both
//! sides may delete it. What is over is shown for a while, not equally long to both.
//! [Lifecycle](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-lifecycle)
//!
//! Both sides see the connection, each with tags of its own: "tags are only applied in the account or Region in which you create them".

mod fault;
mod options;
mod render;
pub(crate) mod settle;

use enishi_api::ec2::{
    self, AcceptVpcPeeringConnectionRequest, AcceptVpcPeeringConnectionResult,
    CreateVpcPeeringConnectionRequest, CreateVpcPeeringConnectionResult, DeleteVpcPeeringConnectionRequest,
    DeleteVpcPeeringConnectionResult, DescribeVpcPeeringConnectionsRequest,
    DescribeVpcPeeringConnectionsResult, RejectVpcPeeringConnectionRequest, RejectVpcPeeringConnectionResult,
    ops,
};
use enishi_fabric::Cidr;
use enishi_state::ec2::{
    PeeringSide, PeeringState, Vpc, VpcId, VpcPeeringConnection, VpcPeeringConnectionId,
};
use enishi_state::{AccountId, Read, Scope, Tx, World};
use enishi_wire::Fault;

use self::render::{render, with_status};
use super::describe::describe_where;
use super::filter::{Field, Values, field};
use super::ids::{self, Resource};
use super::page::{self, Page};
use super::tag::NewTags;
use super::{counter, faults};
use crate::quota;
use crate::registry::Registry;

const FILTERS: &[Field<VpcPeeringConnection>] = &[
    field("accepter-vpc-info.cidr-block", |world, row, values| blocks_of(world, &row.accepter, values)),
    field("accepter-vpc-info.owner-id", |_, row, values| values.add(&row.accepter.scope.account)),
    field("accepter-vpc-info.vpc-id", |_, row, values| values.add(&row.accepter.vpc)),
    field("expiration-time", |_, row, values| {
        let at = row.expires().map(|at| enishi_wire::Timestamp::from_seconds(at.seconds()));
        values.maybe(at.map(|at| at.date_time_millis()));
    }),
    field("requester-vpc-info.cidr-block", |world, row, values| blocks_of(world, &row.requester, values)),
    field("requester-vpc-info.owner-id", |_, row, values| values.add(&row.requester.scope.account)),
    field("requester-vpc-info.vpc-id", |_, row, values| values.add(&row.requester.vpc)),
    field("status-code", |_, row, values| values.add(render::code(row))),
    field("status-message", |_, row, values| values.add(render::message(row))),
    field("vpc-peering-connection-id", |_, row, values| values.add(&row.id)),
];

fn blocks_of(world: &World, side: &PeeringSide, values: &mut Values) {
    blocks(world, side).into_iter().for_each(|block| values.add(block));
}

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AcceptVpcPeeringConnection>(accept_vpc_peering_connection);
    on.write::<ops::CreateVpcPeeringConnection>(create_vpc_peering_connection);
    on.write::<ops::DeleteVpcPeeringConnection>(delete_vpc_peering_connection);
    on.read::<ops::DescribeVpcPeeringConnections>(describe_vpc_peering_connections);
    on.write::<ops::RejectVpcPeeringConnection>(reject_vpc_peering_connection);
    options::register(on);
}

/// The blocks of a side's VPC, the primary first; none once it is gone.
fn blocks(world: &World, side: &PeeringSide) -> Vec<Cidr> {
    let vpc = world.get::<Vpc>(&side.vpc).filter(|vpc| vpc.scope == side.scope);
    vpc.map(|vpc| vpc.cidrs.iter().map(|block| block.cidr).collect()).unwrap_or_default()
}

fn create_vpc_peering_connection(
    tx: &mut Tx<'_>,
    input: CreateVpcPeeringConnectionRequest,
) -> Result<CreateVpcPeeringConnectionResult, Fault> {
    let tags = NewTags::parse(input.tag_specifications.clone(), &[VpcPeeringConnection::KIND])?;
    if input.requester_peering_connection_options.is_some() {
        return Err(faults::not_supported("Multipath resilience"));
    }
    let scope = tx.caller().scope.clone();
    let requester = ids::find::<Vpc>(tx.world(), &scope, &input.vpc_id)?.id.clone();
    let accepter = accepter(tx.world(), &scope, &input)?;
    if let Some(existing) = between(tx.world(), &requester, &accepter.vpc) {
        let shape = render(&tx.read(), existing);
        return Ok(CreateVpcPeeringConnectionResult { vpc_peering_connection: Some(shape) });
    }
    let of_scope = ids::in_scope::<VpcPeeringConnection>(tx.world(), &scope);
    let requests =
        of_scope.filter(|row| row.state == PeeringState::PendingAcceptance && row.requester.scope == scope);
    if quota::OUTSTANDING_PEERING_REQUESTS.reached(tx.world(), &scope, requests.count()) {
        return Err(faults::pending_vpc_peering_connection_limit_exceeded());
    }
    let id = VpcPeeringConnectionId::generate(tx.entropy());
    let requester = PeeringSide { scope, vpc: requester, allow_dns_resolution: false };
    let state = match can_be(tx.world(), &requester, &accepter) {
        true => PeeringState::PendingAcceptance,
        false => PeeringState::Failed,
    };
    let slot = counter::draw_slot(tx, "vpc_peering_connection");
    let since = tx.now();
    let row = VpcPeeringConnection { id: id.clone(), slot, requester, accepter, state, since };
    tx.put(row.clone());
    tags.attach(tx, VpcPeeringConnection::KIND, id.as_str());
    let message = format!("Initiating Request to {}", row.accepter.scope.account);
    let shape = with_status(render(&tx.read(), &row), "initiating-request", message);
    Ok(CreateVpcPeeringConnectionResult { vpc_peering_connection: Some(shape) })
}

/// The VPC that a request is for. One of the caller's own account and region must exist; nothing is told of others.
fn accepter(
    world: &World,
    scope: &Scope,
    input: &CreateVpcPeeringConnectionRequest,
) -> Result<PeeringSide, Fault> {
    let id = input.peer_vpc_id.as_deref().ok_or_else(|| faults::missing_parameter("peerVpcId"))?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let account = match given(&input.peer_owner_id) {
        Some(account) => AccountId::new(&account)
            .ok_or_else(|| faults::invalid_parameter_value(format!("Invalid account ID '{account}'.")))?,
        None => scope.account.clone(),
    };
    let region = match given(&input.peer_region) {
        Some(region) => fault::known_region(&region, &scope.region)?,
        None => scope.region.clone(),
    };
    let peer = Scope { account, region };
    let vpc = match peer == *scope {
        true => ids::find::<Vpc>(world, scope, id)?.id.clone(),
        false => ids::parse::<Vpc>(id)?,
    };
    Ok(PeeringSide { scope: peer, vpc, allow_dns_resolution: false })
}

/// The request or connection from one VPC to the other.
fn between<'w>(world: &'w World, requester: &VpcId, accepter: &VpcId) -> Option<&'w VpcPeeringConnection> {
    let mut rows = world.by::<VpcPeeringConnection>("vpc", requester.as_str());
    rows.find(|row| !row.state.is_ended() && row.requester.vpc == *requester && row.accepter.vpc == *accepter)
}

/// Whether the accepter's VPC is there and no block of the one VPC overlaps one of the other.
fn can_be(world: &World, requester: &PeeringSide, accepter: &PeeringSide) -> bool {
    let (own, other) = (blocks(world, requester), blocks(world, accepter));
    !other.is_empty() && !own.iter().any(|block| other.iter().any(|peer| block.overlaps(*peer)))
}

/// The connection that a request names, of which the caller is a side.
fn find(tx: &Tx<'_>, id: &str) -> Result<VpcPeeringConnection, Fault> {
    let scope = &tx.caller().scope;
    let row = ids::find::<VpcPeeringConnection>(tx.world(), scope, id)?;
    match settle::is_shown(row, scope, tx.now()) {
        true => Ok(row.clone()),
        false => Err(faults::invalid_vpc_peering_connection_id_not_found(id)),
    }
}

fn accept_vpc_peering_connection(
    tx: &mut Tx<'_>,
    input: AcceptVpcPeeringConnectionRequest,
) -> Result<AcceptVpcPeeringConnectionResult, Fault> {
    let row = find(tx, &input.vpc_peering_connection_id)?;
    fault::check_accepter(&tx.caller().scope, &row, "accept", "accepted")?;
    if row.state != PeeringState::PendingAcceptance {
        return Err(faults::invalid_state_transition(&row.id, render::code(&row), "provisioning"));
    }
    let (requester, accepter) = (&row.requester, &row.accepter);
    if enishi_plan::peering_of_pair(tx.world(), &requester.vpc, &accepter.vpc).is_some() {
        return Err(faults::vpc_peering_connection_already_exists(&row.id));
    }
    for side in [requester, accepter] {
        let active = tx.world().by::<VpcPeeringConnection>("active", side.vpc.as_str()).count();
        if quota::ACTIVE_PEERINGS_PER_VPC.reached(tx.world(), &side.scope, active) {
            return Err(faults::active_vpc_peering_connection_per_vpc_limit_exceeded());
        }
    }
    let row = turn(tx, &row, PeeringState::Active);
    let shape = with_status(render(&tx.read(), &row), "provisioning", "Provisioning".to_owned());
    Ok(AcceptVpcPeeringConnectionResult { vpc_peering_connection: Some(shape) })
}

fn reject_vpc_peering_connection(
    tx: &mut Tx<'_>,
    input: RejectVpcPeeringConnectionRequest,
) -> Result<RejectVpcPeeringConnectionResult, Fault> {
    let row = find(tx, &input.vpc_peering_connection_id)?;
    fault::check_accepter(&tx.caller().scope, &row, "reject", "rejected")?;
    if row.state != PeeringState::PendingAcceptance {
        return Err(faults::invalid_state_transition(&row.id, render::code(&row), "rejected"));
    }
    turn(tx, &row, PeeringState::Rejected);
    Ok(RejectVpcPeeringConnectionResult { r#return: Some(true) })
}

/// "The owner of either VPC can delete" an active connection; only the requester's a request.
fn delete_vpc_peering_connection(
    tx: &mut Tx<'_>,
    input: DeleteVpcPeeringConnectionRequest,
) -> Result<DeleteVpcPeeringConnectionResult, Fault> {
    let row = find(tx, &input.vpc_peering_connection_id)?;
    let scope = &tx.caller().scope;
    match row.state {
        PeeringState::Active => {}
        PeeringState::PendingAcceptance if row.requester.scope.account == scope.account => {}
        PeeringState::PendingAcceptance => return Err(fault::may_not(&scope.account, "delete", &row.id)),
        _ => return Err(faults::invalid_state_transition(&row.id, render::code(&row), "deleting")),
    }
    let by = scope.account.clone();
    turn(tx, &row, PeeringState::Deleted { by });
    Ok(DeleteVpcPeeringConnectionResult { r#return: Some(true) })
}

fn turn(tx: &mut Tx<'_>, row: &VpcPeeringConnection, state: PeeringState) -> VpcPeeringConnection {
    let new = VpcPeeringConnection { state, since: tx.now(), ..row.clone() };
    tx.put(new.clone());
    new
}

/// What keeps a VPC from being deleted: an active connection, and a request of another account that waits for an answer.
pub(super) fn holds(world: &World, vpc: &Vpc) -> bool {
    world.by::<VpcPeeringConnection>("vpc", vpc.id.as_str()).any(|row| match row.state {
        PeeringState::Active => true,
        PeeringState::PendingAcceptance => {
            row.accepter.vpc == vpc.id && row.requester.scope.account != vpc.scope.account
        }
        _ => false,
    })
}

/// A VPC is being deleted: its requests are, too.
pub(super) fn forget_vpc(tx: &mut Tx<'_>, vpc: &VpcId) {
    let rows = tx.world().by::<VpcPeeringConnection>("vpc", vpc.as_str());
    let open: Vec<VpcPeeringConnection> = rows.filter(|row| !row.state.is_ended()).cloned().collect();
    let by = tx.caller().scope.account.clone();
    for row in open {
        turn(tx, &row, PeeringState::Deleted { by: by.clone() });
    }
}

/// Whether a VPC may have one more block. "If the VPC peering connection is active, you can add CIDR blocks to a VPC provided they do not
/// overlap with a CIDR block of the peer VPC"; while its own request waits it can have none.
/// [VPC CIDR blocks](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html)
pub(super) fn check_block(world: &World, vpc: &Vpc, block: Cidr) -> Result<(), Fault> {
    for row in world.by::<VpcPeeringConnection>("vpc", vpc.id.as_str()) {
        let Some((_, other)) = row.sides(&vpc.id) else { continue };
        let overlapping = blocks(world, other).into_iter().find(|peer| peer.overlaps(block));
        match (&row.state, overlapping) {
            (PeeringState::Active, Some(peer)) => return Err(faults::invalid_vpc_conflict(block, peer)),
            (PeeringState::PendingAcceptance, _) if row.requester.vpc == vpc.id => {
                return Err(fault::request_waits(&vpc.id, &row.id));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A VPC has one more block: requests to it that this makes impossible fail.
pub(super) fn review(tx: &mut Tx<'_>, vpc: &VpcId) {
    let rows = tx.world().by::<VpcPeeringConnection>("vpc", vpc.as_str());
    let pending = rows.filter(|row| row.state == PeeringState::PendingAcceptance);
    let impossible = pending.filter(|row| !can_be(tx.world(), &row.requester, &row.accepter));
    let impossible: Vec<VpcPeeringConnection> = impossible.cloned().collect();
    for row in impossible {
        turn(tx, &row, PeeringState::Failed);
    }
}

fn describe_vpc_peering_connections(
    read: &Read<'_>,
    input: DescribeVpcPeeringConnectionsRequest,
) -> Result<DescribeVpcPeeringConnectionsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let ids = &input.vpc_peering_connection_ids;
    let is_shown = |row: &VpcPeeringConnection| settle::is_shown(row, &read.caller.scope, read.now);
    let (rows, next_token) = describe_where(read, ids, input.filters, FILTERS, &page, is_shown)?;
    let shapes = rows.into_iter().map(|row| render(read, row)).collect::<Vec<ec2::VpcPeeringConnection>>();
    Ok(DescribeVpcPeeringConnectionsResult { vpc_peering_connections: Some(shapes), next_token })
}
