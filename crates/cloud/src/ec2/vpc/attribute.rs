//! A VPC's attributes and its tenancy.
//! [View and update DNS attributes for your VPC](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns-updating.html)

use enishi_api::ec2::{
    AttributeBooleanValue, DescribeVpcAttributeRequest, DescribeVpcAttributeResult,
    ModifyVpcAttributeRequest, ModifyVpcTenancyRequest, ModifyVpcTenancyResult, ops,
};
use enishi_state::ec2::{Tenancy, Vpc};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use crate::ec2::{faults, ids};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeVpcAttribute>(describe_vpc_attribute);
    on.write::<ops::ModifyVpcAttribute>(modify_vpc_attribute);
    on.stored_write::<ops::ModifyVpcTenancy>(modify_vpc_tenancy);
}

fn describe_vpc_attribute(
    read: &Read<'_>,
    input: DescribeVpcAttributeRequest,
) -> Result<DescribeVpcAttributeResult, Fault> {
    let vpc = ids::find::<Vpc>(read.world, &read.caller.scope, &input.vpc_id)?;
    let value = |value| Some(AttributeBooleanValue { value: Some(value) });
    let mut result = DescribeVpcAttributeResult { vpc_id: Some(vpc.id.to_string()), ..Default::default() };
    match input.attribute.as_str() {
        "enableDnsSupport" => result.enable_dns_support = value(vpc.dns_support),
        "enableDnsHostnames" => result.enable_dns_hostnames = value(vpc.dns_hostnames),
        "enableNetworkAddressUsageMetrics" => {
            result.enable_network_address_usage_metrics = value(vpc.network_address_usage_metrics);
        }
        other => return Err(faults::invalid_value("attribute", other, "Unknown attribute.")),
    }
    Ok(result)
}

fn modify_vpc_attribute(tx: &mut Tx<'_>, input: ModifyVpcAttributeRequest) -> Result<(), Fault> {
    let vpc = ids::find::<Vpc>(tx.world(), &tx.caller().scope, &input.vpc_id)?;
    let attributes =
        [&input.enable_dns_hostnames, &input.enable_dns_support, &input.enable_network_address_usage_metrics];
    match attributes.iter().filter(|attribute| attribute.is_some()).count() {
        0 => return Err(Fault::new("MissingParameter", "The request must contain an attribute to modify")),
        1 => {}
        _ => {
            return Err(faults::invalid_parameter_combination(
                "Fields for multiple attribute types specified",
            ));
        }
    }
    let hostnames = value(input.enable_dns_hostnames.as_ref());
    if hostnames == Some(true) && !vpc.dns_support {
        return Err(faults::invalid_parameter_value(
            "DNS hostnames cannot be enabled for a VPC whose DNS support is disabled",
        ));
    }
    let support = value(input.enable_dns_support.as_ref());
    let metrics = value(input.enable_network_address_usage_metrics.as_ref());
    let id = vpc.id.clone();
    tx.modify::<Vpc>(&id, |row| {
        row.dns_hostnames = hostnames.unwrap_or(row.dns_hostnames);
        row.dns_support = support.unwrap_or(row.dns_support);
        row.network_address_usage_metrics = metrics.unwrap_or(row.network_address_usage_metrics);
    });
    Ok(())
}

fn value(attribute: Option<&AttributeBooleanValue>) -> Option<bool> {
    attribute.and_then(|attribute| attribute.value)
}

/// A dedicated VPC can become a default one; the way back does not exist.
fn modify_vpc_tenancy(
    tx: &mut Tx<'_>,
    input: ModifyVpcTenancyRequest,
) -> Result<ModifyVpcTenancyResult, Fault> {
    let id = ids::find::<Vpc>(tx.world(), &tx.caller().scope, &input.vpc_id)?.id.clone();
    if input.instance_tenancy != "default" {
        return Err(faults::invalid_value(
            "instanceTenancy",
            input.instance_tenancy,
            "The only valid value is default.",
        ));
    }
    tx.modify::<Vpc>(&id, |row| row.tenancy = Tenancy::Default);
    Ok(ModifyVpcTenancyResult { return_value: Some(true) })
}
