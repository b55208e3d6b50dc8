//! Account attributes: what an account may do in a region, in the form that predates Service Quotas.
//! [DescribeAccountAttributes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html)

use enishi_api::ec2::{
    AccountAttribute, AccountAttributeValue, DescribeAccountAttributesRequest,
    DescribeAccountAttributesResult, ops,
};
use enishi_state::Read;
use enishi_wire::Fault;

use super::{faults, vpc};
use crate::quota;
use crate::registry::Registry;

/// How many instances an account may run, in the attribute that nobody enforces any more.
const MAX_INSTANCES: usize = 20;

const NAMES: [&str; 6] = [
    "supported-platforms",
    "vpc-max-security-groups-per-interface",
    "max-elastic-ips",
    "max-instances",
    "vpc-max-elastic-ips",
    "default-vpc",
];

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeAccountAttributes>(describe_account_attributes);
}

fn describe_account_attributes(
    read: &Read<'_>,
    input: DescribeAccountAttributesRequest,
) -> Result<DescribeAccountAttributesResult, Fault> {
    if let Some(unknown) = input.attribute_names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(faults::invalid_value("attributeName", unknown, "Unknown account attribute."));
    }
    let is_wanted = |name: &&str| {
        input.attribute_names.is_empty() || input.attribute_names.iter().any(|wanted| wanted == *name)
    };
    let attribute = |name: &str| AccountAttribute {
        attribute_name: Some(name.to_owned()),
        attribute_values: Some(vec![AccountAttributeValue { attribute_value: Some(value(read, name)) }]),
    };
    let attributes = NAMES.into_iter().filter(is_wanted).map(attribute).collect();
    Ok(DescribeAccountAttributesResult { account_attributes: Some(attributes) })
}

fn value(read: &Read<'_>, name: &str) -> String {
    let scope = &read.caller.scope;
    let applied = |quota: quota::Quota| quota.applied(read.world, scope).to_string();
    match name {
        "supported-platforms" => "VPC".to_owned(),
        "vpc-max-security-groups-per-interface" => applied(quota::SECURITY_GROUPS_PER_INTERFACE),
        "max-elastic-ips" | "vpc-max-elastic-ips" => applied(quota::ELASTIC_IPS),
        "max-instances" => MAX_INSTANCES.to_string(),
        _ => vpc::default_of(read.world, scope).map_or_else(|| "none".to_owned(), |vpc| vpc.id.to_string()),
    }
}
