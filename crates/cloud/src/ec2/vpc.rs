//! VPCs. [How Amazon VPC works](https://docs.aws.amazon.com/vpc/latest/userguide/how-it-works.html)
//!
//! A VPC is made with its main route table, its default security group, its default network ACL and the region's DHCP
//! options, and goes with them; whatever else is in it must be gone before.
//!
//! `CreateVpc` answers `pending` as AWS does, every later Describe `available`: nothing of an empty VPC has to be realised.

mod attribute;
mod block;

use enishi_api::ec2::{
    self, BlockPublicAccessStates, CreateDefaultVpcRequest, CreateDefaultVpcResult, CreateVpcRequest,
    CreateVpcResult, DeleteVpcRequest, DescribeVpcsRequest, DescribeVpcsResult, VpcCidrBlockAssociation,
    VpcCidrBlockState, ops,
};
use enishi_fabric::Cidr;
use enishi_state::ec2::{
    CidrAssociation, CidrAssociationId, InternetGateway, NatGateway, NetworkAcl, NetworkInterface,
    RouteTable, RouteTableAssociationId, SecurityGroup, Subnet, Tenancy, Vpc, VpcId,
};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

use super::describe::describe;
use super::filter::{Field, field};
use super::ids::{self, Resource};
use super::page::{self, Page};
use super::tag::{self, NewTags};
use super::{
    cidr, counter, dhcp_options, faults, internet_gateway, network_acl, route_table, security_group, subnet,
    vpc_peering_connection,
};
use crate::quota;
use crate::registry::Registry;
use crate::route53resolver;

const DEFAULT_CIDR: Cidr = Cidr::literal([172, 31, 0, 0], 16);

const FILTERS: &[Field<Vpc>] = &[
    field("cidr", |_, row, values| values.maybe(row.primary_cidr())),
    field("cidr-block-association.association-id", |_, row, values| {
        row.cidrs.iter().for_each(|block| values.add(&block.id));
    }),
    field("cidr-block-association.cidr-block", |_, row, values| {
        row.cidrs.iter().for_each(|block| values.add(block.cidr));
    }),
    field("cidr-block-association.state", |_, _, values| values.add("associated")),
    field("dhcp-options-id", |_, row, values| values.add(dhcp_options_id(row))),
    field("ipv6-cidr-block-association.association-id", |_, _, _| {}),
    field("ipv6-cidr-block-association.ipv6-cidr-block", |_, _, _| {}),
    field("ipv6-cidr-block-association.ipv6-pool", |_, _, _| {}),
    field("ipv6-cidr-block-association.state", |_, _, _| {}),
    field("is-default", |_, row, values| values.add(row.is_default)),
    field("isDefault", |_, row, values| values.add(row.is_default)),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("state", |_, _, values| values.add("available")),
    field("vpc-id", |_, row, values| values.add(&row.id)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateDefaultVpc>(create_default_vpc);
    on.write::<ops::CreateVpc>(create_vpc);
    on.write::<ops::DeleteVpc>(delete_vpc);
    on.read::<ops::DescribeVpcs>(describe_vpcs);
    attribute::register(on);
    block::register(on);
}

/// The default VPC of a scope, if its owner still has it.
pub(crate) fn default_of<'w>(world: &'w World, scope: &Scope) -> Option<&'w Vpc> {
    ids::in_scope::<Vpc>(world, scope).find(|vpc| vpc.is_default)
}

/// Makes the default VPC with a default subnet in every zone, an internet gateway and a route to it.
pub(crate) fn create_default_network(tx: &mut Tx<'_>) -> VpcId {
    let vpc = insert(tx, DEFAULT_CIDR, Tenancy::Default, true);
    let gateway = internet_gateway::create(tx, Some(vpc.clone()));
    route_table::add_default_route(tx, &vpc, gateway);
    subnet::create_default_subnets(tx, &vpc);
    vpc
}

fn insert(tx: &mut Tx<'_>, cidr: Cidr, tenancy: Tenancy, is_default: bool) -> VpcId {
    let id = VpcId::generate(tx.entropy());
    let slot = counter::draw_slot(tx, "vpc");
    let table = route_table::insert(tx, &id);
    let association = RouteTableAssociationId::generate(tx.entropy());
    let block = CidrAssociation { id: CidrAssociationId::generate(tx.entropy()), cidr };
    let dhcp_options = dhcp_options::ensure_default(tx);
    tx.put(Vpc {
        id: id.clone(),
        scope: tx.caller().scope.clone(),
        slot,
        cidrs: vec![block],
        tenancy,
        is_default,
        dhcp_options: Some(dhcp_options),
        dns_support: true,
        dns_hostnames: is_default,
        network_address_usage_metrics: false,
        main_route_table: (association, table),
        created: tx.now(),
    });
    security_group::insert_default(tx, &id);
    network_acl::insert_default(tx, &id);
    id
}

fn create_vpc(tx: &mut Tx<'_>, input: CreateVpcRequest) -> Result<CreateVpcResult, Fault> {
    let tags = NewTags::parse(input.tag_specifications, &[Vpc::KIND])?;
    if input.amazon_provided_ipv6_cidr_block == Some(true)
        || input.ipv6_cidr_block.is_some()
        || input.ipv6_pool.is_some()
        || input.ipv6_ipam_pool_id.is_some()
    {
        return Err(faults::ipv6_not_supported());
    }
    if input.ipv4_ipam_pool_id.is_some() || input.ipv4_netmask_length.is_some() {
        return Err(faults::not_supported("IPAM"));
    }
    if input.vpc_encryption_control.is_some() {
        return Err(faults::not_supported("VPC encryption control"));
    }
    let tenancy = parse_tenancy(input.instance_tenancy.as_deref())?;
    let block = input.cidr_block.as_deref().ok_or_else(|| {
        Fault::new("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    })?;
    let block = cidr::parse("cidrBlock", block)?;
    if !cidr::is_legal_for_vpc(block) {
        return Err(faults::invalid_vpc_range(block));
    }
    check_quota(tx)?;
    let id = insert(tx, block, tenancy, false);
    tags.attach(tx, Vpc::KIND, id.as_str());
    Ok(CreateVpcResult { vpc: Some(created(tx, &id)?) })
}

fn create_default_vpc(tx: &mut Tx<'_>, _: CreateDefaultVpcRequest) -> Result<CreateDefaultVpcResult, Fault> {
    if default_of(tx.world(), &tx.caller().scope).is_some() {
        return Err(faults::default_vpc_already_exists());
    }
    check_quota(tx)?;
    let id = create_default_network(tx);
    Ok(CreateDefaultVpcResult { vpc: Some(created(tx, &id)?) })
}

/// A new VPC as its creation answers it: pending, and with the sets that Describe leaves out when they are empty.
fn created(tx: &Tx<'_>, id: &VpcId) -> Result<ec2::Vpc, Fault> {
    let row = ids::find::<Vpc>(tx.world(), &tx.caller().scope, id.as_str())?;
    Ok(ec2::Vpc {
        state: Some("pending".to_owned()),
        ipv6_cidr_block_association_set: Some(vec![]),
        tags: tag::of(tx.world(), id.as_str()),
        ..render(tx.world(), row)
    })
}

fn check_quota(tx: &Tx<'_>) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let existing = ids::in_scope::<Vpc>(tx.world(), scope).count();
    match quota::VPCS.reached(tx.world(), scope, existing) {
        true => Err(faults::vpc_limit_exceeded()),
        false => Ok(()),
    }
}

fn parse_tenancy(text: Option<&str>) -> Result<Tenancy, Fault> {
    match text {
        None | Some("default") => Ok(Tenancy::Default),
        Some("dedicated") => Ok(Tenancy::Dedicated),
        Some("host") => Err(faults::invalid_parameter_value("The tenancy value host is not supported.")),
        Some(other) => {
            Err(faults::invalid_value("instanceTenancy", other, "Valid values are default, dedicated."))
        }
    }
}

fn delete_vpc(tx: &mut Tx<'_>, input: DeleteVpcRequest) -> Result<(), Fault> {
    let vpc = ids::find::<Vpc>(tx.world(), &tx.caller().scope, &input.vpc_id)?.clone();
    if has_dependencies(tx.world(), &vpc) {
        return Err(faults::has_dependencies("vpc", &vpc.id));
    }
    security_group::remove_default(tx, &vpc.id);
    network_acl::remove_default(tx, &vpc.id);
    tag::remove_all(tx, vpc.main_route_table.1.as_str());
    tx.remove::<RouteTable>(&vpc.main_route_table.1);
    tag::remove_all(tx, vpc.id.as_str());
    route53resolver::forget_vpc(tx, &vpc.id);
    vpc_peering_connection::forget_vpc(tx, &vpc.id);
    tx.remove::<Vpc>(&vpc.id);
    Ok(())
}

/// Whether something is in the VPC besides what is made with it.
fn has_dependencies(world: &World, vpc: &Vpc) -> bool {
    let id = vpc.id.as_str();
    world.by::<Subnet>("vpc", id).next().is_some()
        || world.by::<NetworkInterface>("vpc", id).next().is_some()
        || world.by::<NatGateway>("vpc", id).any(NatGateway::is_live)
        || world.by::<InternetGateway>("vpc", id).next().is_some()
        || world.by::<RouteTable>("vpc", id).any(|table| table.id != vpc.main_route_table.1)
        || vpc_peering_connection::holds(world, vpc)
        || world.by::<NetworkAcl>("vpc", id).any(|acl| !acl.is_default)
        || world.by::<SecurityGroup>("vpc", id).any(|group| !security_group::is_default(group))
}

fn describe_vpcs(read: &Read<'_>, input: DescribeVpcsRequest) -> Result<DescribeVpcsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe(read, &input.vpc_ids, input.filters, FILTERS, &page)?;
    let vpcs = rows.into_iter().map(|row| render(read.world, row)).collect();
    Ok(DescribeVpcsResult { next_token, vpcs: Some(vpcs) })
}

fn render(world: &World, row: &Vpc) -> ec2::Vpc {
    let tenancy = match row.tenancy {
        Tenancy::Default => "default",
        Tenancy::Dedicated | Tenancy::Host => "dedicated",
    };
    ec2::Vpc {
        owner_id: Some(row.scope.account.to_string()),
        instance_tenancy: Some(tenancy.to_owned()),
        ipv6_cidr_block_association_set: None,
        cidr_block_association_set: Some(row.cidrs.iter().map(|b| render_block(b, "associated")).collect()),
        is_default: Some(row.is_default),
        encryption_control: None,
        tags: tag::if_any(world, row.id.as_str()),
        block_public_access_states: Some(block_public_access_off()),
        vpc_id: Some(row.id.to_string()),
        state: Some("available".to_owned()),
        cidr_block: row.primary_cidr().map(|cidr| cidr.to_string()),
        dhcp_options_id: Some(dhcp_options_id(row)),
    }
}

fn dhcp_options_id(row: &Vpc) -> String {
    row.dhcp_options.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string)
}

fn render_block(block: &CidrAssociation, state: &str) -> VpcCidrBlockAssociation {
    VpcCidrBlockAssociation {
        association_id: Some(block.id.to_string()),
        cidr_block: Some(block.cidr.to_string()),
        cidr_block_state: Some(VpcCidrBlockState { state: Some(state.to_owned()), status_message: None }),
    }
}

/// Nothing is blocked: VPC Block Public Access is off.
pub(super) fn block_public_access_off() -> BlockPublicAccessStates {
    BlockPublicAccessStates { internet_gateway_block_mode: Some("off".to_owned()) }
}
