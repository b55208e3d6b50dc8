//! `ModifyVpcPeeringConnectionOptions`.
//! [DNS resolution for a VPC peering connection](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-dns.html)
//!
//! Each side's options are its own account's, in its own region. ClassicLink is retired: what concerns it can only be off.

use enishi_api::ec2::{
    ModifyVpcPeeringConnectionOptionsRequest, ModifyVpcPeeringConnectionOptionsResult,
    PeeringConnectionOptions, PeeringConnectionOptionsRequest, ops,
};
use enishi_state::ec2::{PeeringSide, Vpc, VpcPeeringConnection};
use enishi_state::{Tx, World};
use enishi_wire::Fault;

use crate::ec2::faults;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ModifyVpcPeeringConnectionOptions>(modify_vpc_peering_connection_options);
}

fn modify_vpc_peering_connection_options(
    tx: &mut Tx<'_>,
    input: ModifyVpcPeeringConnectionOptionsRequest,
) -> Result<ModifyVpcPeeringConnectionOptionsResult, Fault> {
    let mut row = super::find(tx, &input.vpc_peering_connection_id)?;
    let (accepter, requester) =
        (input.accepter_peering_connection_options, input.requester_peering_connection_options);
    if accepter.is_none() && requester.is_none() {
        return Err(faults::missing_parameter(
            "accepterPeeringConnectionOptions or requesterPeeringConnectionOptions",
        ));
    }
    if !row.is_active() {
        return Err(faults::operation_not_permitted(format!(
            "Peering {} is not active. Peering options can be added only to active peerings.",
            row.id
        )));
    }
    for (side, name, options) in
        [(&row.accepter, "accepter", &accepter), (&row.requester, "requester", &requester)]
    {
        if let Some(options) = options {
            check(tx, &row, side, name, options)?;
        }
    }
    let set = |side: &mut PeeringSide, options: &Option<PeeringConnectionOptionsRequest>| {
        let wanted = options.as_ref().and_then(|options| options.allow_dns_resolution_from_remote_vpc);
        side.allow_dns_resolution = wanted.unwrap_or(side.allow_dns_resolution);
    };
    set(&mut row.accepter, &accepter);
    set(&mut row.requester, &requester);
    tx.put(row);
    Ok(ModifyVpcPeeringConnectionOptionsResult {
        accepter_peering_connection_options: accepter.map(answer),
        requester_peering_connection_options: requester.map(answer),
    })
}

/// What was asked for.
fn answer(options: PeeringConnectionOptionsRequest) -> PeeringConnectionOptions {
    PeeringConnectionOptions {
        allow_dns_resolution_from_remote_vpc: options.allow_dns_resolution_from_remote_vpc,
        allow_egress_from_local_classic_link_to_remote_vpc: options
            .allow_egress_from_local_classic_link_to_remote_vpc,
        allow_egress_from_local_vpc_to_remote_classic_link: options
            .allow_egress_from_local_vpc_to_remote_classic_link,
        ..Default::default()
    }
}

fn check(
    tx: &Tx<'_>,
    row: &VpcPeeringConnection,
    side: &PeeringSide,
    name: &str,
    options: &PeeringConnectionOptionsRequest,
) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    if scope.account != side.scope.account {
        return Err(faults::operation_not_permitted(format!(
            "User {} does not have permission to modify the {name} side peering options",
            scope.account
        )));
    }
    if scope.region != side.scope.region {
        let noun = if name == "accepter" { "Accepter" } else { "Requester" };
        return Err(faults::operation_not_permitted(format!(
            "{noun}'s VPC Peering connection options cannot be modified for a different region"
        )));
    }
    let classic = [
        options.allow_egress_from_local_classic_link_to_remote_vpc,
        options.allow_egress_from_local_vpc_to_remote_classic_link,
    ];
    if row.is_inter_region() && classic.iter().any(Option::is_some) {
        return Err(faults::operation_not_permitted(
            "Modifying VPC peering connection options AllowEgressFromLocalClassicLinkToRemoteVpc, \
             AllowEgressFromLocalVpcToRemoteClassicLink is not supported for cross-region VPC peering connections",
        ));
    }
    if classic.contains(&Some(true)) {
        return Err(faults::not_supported("ClassicLink"));
    }
    if options.allow_dns_resolution_from_remote_vpc == Some(true) && !has_host_names(tx.world(), side) {
        return Err(faults::dns_hostnames_disabled());
    }
    Ok(())
}

fn has_host_names(world: &World, side: &PeeringSide) -> bool {
    world.get::<Vpc>(&side.vpc).is_some_and(|vpc| vpc.dns_support && vpc.dns_hostnames)
}
