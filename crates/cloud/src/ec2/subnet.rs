//! Subnets. [Subnets for your VPC](https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html)
//!
//! A subnet lies in one of its VPC's CIDR blocks and overlaps no other. AWS keeps its first four addresses and its last.
//! Until it is associated with a route table it uses the VPC's main one; it always has a network ACL, at first the default.

mod address;
mod attribute;
mod reservation;

use enishi_api::ec2::{
    self, CreateDefaultSubnetRequest, CreateDefaultSubnetResult, CreateSubnetRequest, CreateSubnetResult,
    DeleteSubnetRequest, DescribeSubnetsRequest, DescribeSubnetsResult, PrivateDnsNameOptionsOnLaunch, ops,
};
use enishi_fabric::Cidr;
use enishi_state::ec2::{AclAssociationId, NatGateway, NetworkInterface, Subnet, SubnetId, Vpc, VpcId};
use enishi_state::{Read, Region, Tx, World};
use enishi_wire::Fault;

pub(crate) use address::is_assignable;

use super::describe::describe;
use super::filter::{Field, field};
use super::ids::{self, Resource};
use super::page::{self, Page};
use super::tag::{self, NewTags};
use super::{cidr, counter, faults, network_acl, vpc};
use crate::region::{self, Zone};
use crate::registry::Registry;
use crate::{arn, quota};

/// Subnets' slots are packet marks of 8 bits, 0 is none.
const LAST_SLOT: u32 = 255;

/// The prefix length of default subnets.
const DEFAULT_PREFIX: u8 = 20;

const FILTERS: &[Field<Subnet>] = &[
    field("availability-zone", |_, row, values| values.add(&row.zone)),
    field("availabilityZone", |_, row, values| values.add(&row.zone)),
    field("availability-zone-id", |_, row, values| values.add(&row.zone_id)),
    field("availabilityZoneId", |_, row, values| values.add(&row.zone_id)),
    field("available-ip-address-count", |world, row, values| values.add(address::available(world, row))),
    field("cidr", |_, row, values| values.add(row.cidr)),
    field("cidr-block", |_, row, values| values.add(row.cidr)),
    field("cidrBlock", |_, row, values| values.add(row.cidr)),
    field("customer-owned-ipv4-pool", |_, _, _| {}),
    field("default-for-az", |_, row, values| values.add(row.default_for_zone)),
    field("defaultForAz", |_, row, values| values.add(row.default_for_zone)),
    field("enable-dns64", |_, _, values| values.add(false)),
    field("enable-lni-at-device-index", |_, _, _| {}),
    field("ipv6-cidr-block-association.association-id", |_, _, _| {}),
    field("ipv6-cidr-block-association.ipv6-cidr-block", |_, _, _| {}),
    field("ipv6-cidr-block-association.state", |_, _, _| {}),
    field("ipv6-native", |_, _, values| values.add(false)),
    field("map-customer-owned-ip-on-launch", |_, _, values| values.add(false)),
    field("map-public-ip-on-launch", |_, row, values| values.add(row.map_public_ip_on_launch)),
    field("outpost-arn", |_, _, _| {}),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("private-dns-name-options-on-launch.enable-resource-name-dns-a-record", |_, row, values| {
        values.add(row.resource_name_dns_a);
    }),
    field("private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record", |_, _, values| {
        values.add(false);
    }),
    field("private-dns-name-options-on-launch.hostname-type", |_, row, values| {
        values.add(&row.hostname_type)
    }),
    field("state", |_, _, values| values.add("available")),
    field("subnet-arn", |_, row, values| values.add(arn(row))),
    field("subnet-id", |_, row, values| values.add(&row.id)),
    field("vpc-id", |_, row, values| values.add(&row.vpc)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateDefaultSubnet>(create_default_subnet);
    on.write::<ops::CreateSubnet>(create_subnet);
    on.write::<ops::DeleteSubnet>(delete_subnet);
    on.read::<ops::DescribeSubnets>(describe_subnets);
    attribute::register(on);
    reservation::register(on);
}

/// The subnet's ARN.
pub(super) fn arn(row: &Subnet) -> String {
    arn::ec2(&row.scope, Subnet::KIND, row.id.as_str())
}

/// Makes a default subnet in every zone of the region, as far as the VPC has addresses.
pub(crate) fn create_default_subnets(tx: &mut Tx<'_>, vpc: &VpcId) {
    for zone in region::zones(&tx.caller().scope.region) {
        // A new default VPC has 16 blocks of this size, more than a region has zones.
        if let Ok(block) = free_default_block(tx.world(), vpc) {
            let _ = insert(tx, vpc, block, zone, true);
        }
    }
}

fn insert(tx: &mut Tx<'_>, vpc: &VpcId, cidr: Cidr, zone: Zone, default: bool) -> Result<SubnetId, Fault> {
    let taken = tx.world().by::<Subnet>("vpc", vpc.as_str()).map(|subnet| u32::from(subnet.slot));
    let slot = Some(counter::lowest_free(1, taken)).filter(|slot| *slot <= LAST_SLOT);
    let slot = slot.and_then(|slot| u8::try_from(slot).ok()).ok_or_else(faults::subnet_limit_exceeded)?;
    let acl = network_acl::default_of(tx.world(), vpc)
        .map(|acl| acl.id.clone())
        .ok_or_else(|| Fault::internal(format!("{vpc} has no default network ACL")))?;
    let id = SubnetId::generate(tx.entropy());
    let network_acl = (AclAssociationId::generate(tx.entropy()), acl);
    tx.put(Subnet {
        id: id.clone(),
        scope: tx.caller().scope.clone(),
        vpc: vpc.clone(),
        slot,
        cidr,
        zone: zone.name,
        zone_id: zone.id,
        map_public_ip_on_launch: default,
        default_for_zone: default,
        route_table: None,
        network_acl,
        hostname_type: "ip-name".to_owned(),
        resource_name_dns_a: false,
    });
    Ok(id)
}

fn create_subnet(tx: &mut Tx<'_>, input: CreateSubnetRequest) -> Result<CreateSubnetResult, Fault> {
    let tags = NewTags::parse(input.tag_specifications, &[Subnet::KIND])?;
    let scope = &tx.caller().scope;
    let vpc = ids::find::<Vpc>(tx.world(), scope, &input.vpc_id)?;
    if input.ipv6_cidr_block.is_some() || input.ipv6_native == Some(true) || input.ipv6_ipam_pool_id.is_some()
    {
        return Err(faults::ipv6_not_supported());
    }
    if input.outpost_arn.is_some() {
        return Err(faults::not_supported("AWS Outposts"));
    }
    if input.ipv4_ipam_pool_id.is_some() || input.ipv4_netmask_length.is_some() {
        return Err(faults::not_supported("IPAM"));
    }
    let block = input.cidr_block.as_deref().ok_or_else(|| {
        Fault::new("MissingParameter", "Either 'cidrBlock' or 'ipv6CidrBlock' should be provided.")
    })?;
    let block = cidr::parse("cidrBlock", block)?;
    check_block(tx.world(), vpc, block)?;
    let zone = choose_zone(
        &scope.region,
        input.availability_zone.as_deref(),
        input.availability_zone_id.as_deref(),
    )?;
    let vpc = vpc.id.clone();
    check_quota(tx, &vpc)?;
    let id = insert(tx, &vpc, block, zone, false)?;
    tags.attach(tx, Subnet::KIND, id.as_str());
    Ok(CreateSubnetResult { subnet: Some(rendered(tx, &id)?) })
}

fn check_block(world: &World, vpc: &Vpc, block: Cidr) -> Result<(), Fault> {
    if !cidr::has_legal_size(block) || !vpc.cidrs.iter().any(|association| association.cidr.covers(block)) {
        return Err(faults::invalid_subnet_range(block));
    }
    let mut others = world.by::<Subnet>("vpc", vpc.id.as_str());
    match others.any(|other| other.cidr.overlaps(block)) {
        true => Err(faults::invalid_subnet_conflict(block)),
        false => Ok(()),
    }
}

fn check_quota(tx: &Tx<'_>, vpc: &VpcId) -> Result<(), Fault> {
    let existing = tx.world().by::<Subnet>("vpc", vpc.as_str()).count();
    match quota::SUBNETS_PER_VPC.reached(tx.world(), &tx.caller().scope, existing) {
        true => Err(faults::subnet_limit_exceeded()),
        false => Ok(()),
    }
}

/// The zone that a request names, by name or id; the region's first when it names none.
fn choose_zone(region: &Region, name: Option<&str>, id: Option<&str>) -> Result<Zone, Fault> {
    let chosen = match (name, id) {
        (Some(_), Some(_)) => {
            return Err(faults::invalid_parameter_combination(
                "The parameters AvailabilityZone and AvailabilityZoneId cannot be used together",
            ));
        }
        (Some(name), None) => region::zone_by_name(region, name).ok_or(("availabilityZone", name)),
        (None, Some(id)) => region::zone_by_id(region, id).ok_or(("availabilityZoneId", id)),
        (None, None) => region::zones(region).into_iter().next().ok_or(("availabilityZone", "")),
    };
    chosen.map_err(|(parameter, value)| {
        let zones: Vec<String> = region::zones(region).into_iter().map(|zone| zone.name).collect();
        let why = format!(
            "Subnets can currently only be created in the following availability zones: {}.",
            zones.join(", ")
        );
        faults::invalid_value(parameter, value, &why)
    })
}

fn create_default_subnet(
    tx: &mut Tx<'_>,
    input: CreateDefaultSubnetRequest,
) -> Result<CreateDefaultSubnetResult, Fault> {
    if input.ipv6_native == Some(true) {
        return Err(faults::ipv6_not_supported());
    }
    let scope = &tx.caller().scope;
    let (name, id) = (input.availability_zone.as_deref(), input.availability_zone_id.as_deref());
    if name.is_none() && id.is_none() {
        return Err(faults::missing_parameter("availabilityZone"));
    }
    let zone = choose_zone(&scope.region, name, id)?;
    let vpc = vpc::default_of(tx.world(), scope).ok_or_else(faults::default_vpc_does_not_exist)?.id.clone();
    if let Some(subnet) = default_for_zone(tx.world(), &vpc, &zone.name) {
        return Err(faults::default_subnet_already_exists_in_availability_zone(&subnet.id));
    }
    check_quota(tx, &vpc)?;
    let block = free_default_block(tx.world(), &vpc)?;
    let id = insert(tx, &vpc, block, zone, true)?;
    Ok(CreateDefaultSubnetResult { subnet: Some(rendered(tx, &id)?) })
}

/// The default subnet of a zone in the default VPC.
pub(crate) fn default_for_zone<'w>(world: &'w World, vpc: &VpcId, zone: &str) -> Option<&'w Subnet> {
    world.by::<Subnet>("vpc", vpc.as_str()).find(|subnet| subnet.default_for_zone && subnet.zone == zone)
}

/// The first /20 of the VPC's primary block that no subnet overlaps.
fn free_default_block(world: &World, vpc: &VpcId) -> Result<Cidr, Fault> {
    let none = || faults::insufficient_cidr_blocks(DEFAULT_PREFIX);
    let whole = world.get::<Vpc>(vpc).and_then(Vpc::primary_cidr).ok_or_else(none)?;
    let step = 1u32 << (32 - u32::from(DEFAULT_PREFIX));
    let blocks = (0..).map_while(|n: u32| whole.nth(n.checked_mul(step)?));
    let is_free = |block: &Cidr| {
        whole.covers(*block)
            && !world.by::<Subnet>("vpc", vpc.as_str()).any(|other| other.cidr.overlaps(*block))
    };
    blocks.filter_map(|start| Cidr::containing(start, DEFAULT_PREFIX).ok()).find(is_free).ok_or_else(none)
}

fn delete_subnet(tx: &mut Tx<'_>, input: DeleteSubnetRequest) -> Result<(), Fault> {
    let id = ids::find::<Subnet>(tx.world(), &tx.caller().scope, &input.subnet_id)?.id.clone();
    let has_interfaces = tx.world().by::<NetworkInterface>("subnet", id.as_str()).next().is_some();
    let has_gateways = tx.world().by::<NatGateway>("subnet", id.as_str()).any(NatGateway::is_live);
    if has_interfaces || has_gateways {
        return Err(faults::has_dependencies("subnet", &id));
    }
    reservation::remove_all(tx, &id);
    tag::remove_all(tx, id.as_str());
    tx.remove::<Subnet>(&id);
    Ok(())
}

fn describe_subnets(read: &Read<'_>, input: DescribeSubnetsRequest) -> Result<DescribeSubnetsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe(read, &input.subnet_ids, input.filters, FILTERS, &page)?;
    let subnets = rows.into_iter().map(|row| render(read.world, row)).collect();
    Ok(DescribeSubnetsResult { next_token, subnets: Some(subnets) })
}

fn rendered(tx: &Tx<'_>, id: &SubnetId) -> Result<ec2::Subnet, Fault> {
    let row = ids::find::<Subnet>(tx.world(), &tx.caller().scope, id.as_str())?;
    Ok(render(tx.world(), row))
}

fn render(world: &World, row: &Subnet) -> ec2::Subnet {
    ec2::Subnet {
        availability_zone_id: Some(row.zone_id.clone()),
        map_customer_owned_ip_on_launch: Some(false),
        owner_id: Some(row.scope.account.to_string()),
        assign_ipv6_address_on_creation: Some(false),
        ipv6_cidr_block_association_set: Some(vec![]),
        tags: tag::if_any(world, row.id.as_str()),
        subnet_arn: Some(arn(row)),
        enable_dns64: Some(false),
        ipv6_native: Some(false),
        private_dns_name_options_on_launch: Some(PrivateDnsNameOptionsOnLaunch {
            hostname_type: Some(row.hostname_type.clone()),
            enable_resource_name_dns_a_record: Some(row.resource_name_dns_a),
            enable_resource_name_dns_aaaa_record: Some(false),
        }),
        block_public_access_states: Some(vpc::block_public_access_off()),
        subnet_id: Some(row.id.to_string()),
        state: Some("available".to_owned()),
        vpc_id: Some(row.vpc.to_string()),
        cidr_block: Some(row.cidr.to_string()),
        available_ip_address_count: Some(address::available(world, row)),
        availability_zone: Some(row.zone.clone()),
        default_for_az: Some(row.default_for_zone),
        map_public_ip_on_launch: Some(row.map_public_ip_on_launch),
        ..Default::default()
    }
}
