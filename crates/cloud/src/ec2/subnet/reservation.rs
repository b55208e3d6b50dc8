//! Subnet CIDR reservations: parts of a subnet that automatic assignment leaves alone.
//! [Subnet CIDR reservations](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-cidr-reservation.html)

use enishi_api::ec2::{
    self, CreateSubnetCidrReservationRequest, CreateSubnetCidrReservationResult,
    DeleteSubnetCidrReservationRequest, DeleteSubnetCidrReservationResult, GetSubnetCidrReservationsRequest,
    GetSubnetCidrReservationsResult, ops,
};
use enishi_state::ec2::{Subnet, SubnetCidrReservation, SubnetCidrReservationId, SubnetId};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use crate::ec2::filter::{Field, Filters, field};
use crate::ec2::ids::{self, Resource};
use crate::ec2::page::{self, Page};
use crate::ec2::tag::{self, NewTags};
use crate::ec2::{cidr, faults};
use crate::registry::Registry;

const FILTERS: &[Field<SubnetCidrReservation>] = &[
    field("reservation-type", |_, row, values| values.add(&row.kind)),
    field("reservationType", |_, row, values| values.add(&row.kind)),
    field("subnet-id", |_, row, values| values.add(&row.subnet)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateSubnetCidrReservation>(create_subnet_cidr_reservation);
    on.write::<ops::DeleteSubnetCidrReservation>(delete_subnet_cidr_reservation);
    on.read::<ops::GetSubnetCidrReservations>(get_subnet_cidr_reservations);
}

/// Removes the reservations of a subnet that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, subnet: &SubnetId) {
    let of_subnet = tx.world().by::<SubnetCidrReservation>("subnet", subnet.as_str());
    let ids: Vec<SubnetCidrReservationId> = of_subnet.map(|row| row.id.clone()).collect();
    for id in ids {
        tag::remove_all(tx, id.as_str());
        tx.remove::<SubnetCidrReservation>(&id);
    }
}

fn create_subnet_cidr_reservation(
    tx: &mut Tx<'_>,
    input: CreateSubnetCidrReservationRequest,
) -> Result<CreateSubnetCidrReservationResult, Fault> {
    let tags = NewTags::parse(input.tag_specifications, &[SubnetCidrReservation::KIND])?;
    let scope = &tx.caller().scope;
    let subnet = ids::find::<Subnet>(tx.world(), scope, &input.subnet_id)?;
    if !matches!(input.reservation_type.as_str(), "prefix" | "explicit") {
        let why = "Valid values are prefix, explicit.";
        return Err(faults::invalid_value("reservationType", input.reservation_type, why));
    }
    let block = cidr::parse("cidr", &input.cidr)?;
    if !subnet.cidr.covers(block) {
        let why = format!("The CIDR must be within the CIDR '{}' of the subnet.", subnet.cidr);
        return Err(faults::invalid_value("cidr", block, &why));
    }
    let overlaps = |other: &SubnetCidrReservation| other.cidr.overlaps(block);
    if tx.world().by::<SubnetCidrReservation>("subnet", subnet.id.as_str()).any(overlaps) {
        return Err(faults::invalid_subnet_cidr_reservation_conflict(block));
    }
    let subnet = subnet.id.clone();
    let row = SubnetCidrReservation {
        id: SubnetCidrReservationId::generate(tx.entropy()),
        scope: scope.clone(),
        subnet,
        cidr: block,
        kind: input.reservation_type,
        description: input.description.unwrap_or_default(),
    };
    tags.attach(tx, SubnetCidrReservation::KIND, row.id.as_str());
    tx.put(row.clone());
    Ok(CreateSubnetCidrReservationResult { subnet_cidr_reservation: Some(render(tx.world(), &row)) })
}

fn delete_subnet_cidr_reservation(
    tx: &mut Tx<'_>,
    input: DeleteSubnetCidrReservationRequest,
) -> Result<DeleteSubnetCidrReservationResult, Fault> {
    let scope = &tx.caller().scope;
    let row =
        ids::find::<SubnetCidrReservation>(tx.world(), scope, &input.subnet_cidr_reservation_id)?.clone();
    let deleted = render(tx.world(), &row);
    tag::remove_all(tx, row.id.as_str());
    tx.remove::<SubnetCidrReservation>(&row.id);
    Ok(DeleteSubnetCidrReservationResult { deleted_subnet_cidr_reservation: Some(deleted) })
}

fn get_subnet_cidr_reservations(
    read: &Read<'_>,
    input: GetSubnetCidrReservationsRequest,
) -> Result<GetSubnetCidrReservationsResult, Fault> {
    let subnet = ids::find::<Subnet>(read.world, &read.caller.scope, &input.subnet_id)?;
    let filters = Filters::parse(input.filters, FILTERS)?;
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let rows = read
        .world
        .by::<SubnetCidrReservation>("subnet", subnet.id.as_str())
        .filter(|row| filters.accept(read.world, row.id.as_str(), row));
    let (rows, next_token) = page.of(rows.collect(), |row| row.id.to_string());
    Ok(GetSubnetCidrReservationsResult {
        subnet_ipv4_cidr_reservations: Some(rows.into_iter().map(|row| render(read.world, row)).collect()),
        subnet_ipv6_cidr_reservations: Some(vec![]),
        next_token,
    })
}

fn render(world: &World, row: &SubnetCidrReservation) -> ec2::SubnetCidrReservation {
    ec2::SubnetCidrReservation {
        subnet_cidr_reservation_id: Some(row.id.to_string()),
        subnet_id: Some(row.subnet.to_string()),
        cidr: Some(row.cidr.to_string()),
        reservation_type: Some(row.kind.clone()),
        owner_id: Some(row.scope.account.to_string()),
        description: Some(row.description.clone()),
        tags: tag::of(world, row.id.as_str()),
    }
}
