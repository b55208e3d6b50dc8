//! Internet gateways. [Internet gateways](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html)
//!
//! A gateway is attached to at most one VPC, and a VPC has at most one. It cannot be detached while a network interface of
//! the VPC has a public address. The state of an attachment is `available`, as it is for internet gateways at AWS.

use enishi_api::ec2::{
    self, AttachInternetGatewayRequest, CreateInternetGatewayRequest, CreateInternetGatewayResult,
    DeleteInternetGatewayRequest, DescribeInternetGatewaysRequest, DescribeInternetGatewaysResult,
    DetachInternetGatewayRequest, InternetGatewayAttachment, ops,
};
use enishi_state::ec2::{Address, InternetGateway, InternetGatewayId, NetworkInterface, Vpc, VpcId};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use super::describe::describe;
use super::faults;
use super::filter::{Field, field};
use super::ids::{self, Resource};
use super::page::{self, Page};
use super::tag::{self, NewTags};
use crate::quota;
use crate::registry::Registry;

const FILTERS: &[Field<InternetGateway>] = &[
    field("attachment.state", |_, row, values| values.maybe(row.vpc.as_ref().map(|_| "available"))),
    field("attachment.vpc-id", |_, row, values| values.maybe(row.vpc.as_ref())),
    field("internet-gateway-id", |_, row, values| values.add(&row.id)),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AttachInternetGateway>(attach_internet_gateway);
    on.write::<ops::CreateInternetGateway>(create_internet_gateway);
    on.write::<ops::DeleteInternetGateway>(delete_internet_gateway);
    on.read::<ops::DescribeInternetGateways>(describe_internet_gateways);
    on.write::<ops::DetachInternetGateway>(detach_internet_gateway);
}

/// Makes a gateway, attached or not.
pub(crate) fn create(tx: &mut Tx<'_>, vpc: Option<VpcId>) -> InternetGatewayId {
    let id = InternetGatewayId::generate(tx.entropy());
    tx.put(InternetGateway { id: id.clone(), scope: tx.caller().scope.clone(), vpc });
    id
}

/// The gateway of a VPC.
pub(crate) fn of_vpc<'w>(world: &'w World, vpc: &VpcId) -> Option<&'w InternetGateway> {
    world.by::<InternetGateway>("vpc", vpc.as_str()).next()
}

fn create_internet_gateway(
    tx: &mut Tx<'_>,
    input: CreateInternetGatewayRequest,
) -> Result<CreateInternetGatewayResult, Fault> {
    let tags = NewTags::parse(input.tag_specifications, &[InternetGateway::KIND])?;
    let scope = &tx.caller().scope;
    let existing = ids::in_scope::<InternetGateway>(tx.world(), scope).count();
    if quota::INTERNET_GATEWAYS.reached(tx.world(), scope, existing) {
        return Err(faults::internet_gateway_limit_exceeded());
    }
    let id = create(tx, None);
    tags.attach(tx, InternetGateway::KIND, id.as_str());
    let row = ids::find(tx.world(), scope, id.as_str())?;
    Ok(CreateInternetGatewayResult { internet_gateway: Some(render(tx.world(), row)) })
}

fn attach_internet_gateway(tx: &mut Tx<'_>, input: AttachInternetGatewayRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let gateway = ids::find::<InternetGateway>(tx.world(), scope, &input.internet_gateway_id)?;
    let vpc = ids::find::<Vpc>(tx.world(), scope, &input.vpc_id)?.id.clone();
    if let Some(other) = &gateway.vpc {
        let message = format!("resource {} is already attached to network {other}", gateway.id);
        return Err(faults::resource_already_associated(message));
    }
    if of_vpc(tx.world(), &vpc).is_some() {
        let message = format!("Network {vpc} already has an internet gateway attached");
        return Err(faults::invalid_parameter_value(message));
    }
    let id = gateway.id.clone();
    tx.modify::<InternetGateway>(&id, |row| row.vpc = Some(vpc));
    Ok(())
}

fn detach_internet_gateway(tx: &mut Tx<'_>, input: DetachInternetGatewayRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let gateway = ids::find::<InternetGateway>(tx.world(), scope, &input.internet_gateway_id)?;
    let vpc = ids::find::<Vpc>(tx.world(), scope, &input.vpc_id)?;
    if gateway.vpc.as_ref() != Some(&vpc.id) {
        return Err(faults::gateway_not_attached(&gateway.id, &vpc.id));
    }
    if has_public_addresses(tx.world(), &vpc.id) {
        return Err(faults::dependency_violation(format!(
            "Network {} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.",
            vpc.id
        )));
    }
    let id = gateway.id.clone();
    tx.modify::<InternetGateway>(&id, |row| row.vpc = None);
    Ok(())
}

fn has_public_addresses(world: &World, vpc: &VpcId) -> bool {
    world.by::<NetworkInterface>("vpc", vpc.as_str()).any(|interface| {
        let mut mapped = world.by::<Address>("network_interface", interface.id.as_str());
        interface.auto_public_ip.is_some() || mapped.next().is_some()
    })
}

fn delete_internet_gateway(tx: &mut Tx<'_>, input: DeleteInternetGatewayRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let gateway = ids::find::<InternetGateway>(tx.world(), scope, &input.internet_gateway_id)?;
    if gateway.vpc.is_some() {
        return Err(faults::has_dependencies("internetGateway", &gateway.id));
    }
    let id = gateway.id.clone();
    tag::remove_all(tx, id.as_str());
    tx.remove::<InternetGateway>(&id);
    Ok(())
}

fn describe_internet_gateways(
    read: &Read<'_>,
    input: DescribeInternetGatewaysRequest,
) -> Result<DescribeInternetGatewaysResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe(read, &input.internet_gateway_ids, input.filters, FILTERS, &page)?;
    let internet_gateways = rows.into_iter().map(|row| render(read.world, row)).collect();
    Ok(DescribeInternetGatewaysResult { internet_gateways: Some(internet_gateways), next_token })
}

fn render(world: &World, row: &InternetGateway) -> ec2::InternetGateway {
    let attachment = |vpc: &VpcId| InternetGatewayAttachment {
        state: Some("available".to_owned()),
        vpc_id: Some(vpc.to_string()),
    };
    ec2::InternetGateway {
        attachments: Some(row.vpc.iter().map(attachment).collect()),
        internet_gateway_id: Some(row.id.to_string()),
        owner_id: Some(row.scope.account.to_string()),
        tags: tag::of(world, row.id.as_str()),
    }
}
