//! A subnet's attributes.
//! [Modify the IP addressing attributes of your subnet](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-public-ip.html)

use enishi_api::ec2::{AttributeBooleanValue, ModifySubnetAttributeRequest, ops};
use enishi_state::Tx;
use enishi_state::ec2::Subnet;
use enishi_wire::Fault;

use crate::ec2::{faults, ids};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ModifySubnetAttribute>(modify_subnet_attribute);
}

fn modify_subnet_attribute(tx: &mut Tx<'_>, input: ModifySubnetAttributeRequest) -> Result<(), Fault> {
    let id = ids::find::<Subnet>(tx.world(), &tx.caller().scope, &input.subnet_id)?.id.clone();
    let change = Change::parse(&input)?;
    tx.modify::<Subnet>(&id, |row| change.apply(row));
    Ok(())
}

/// The one attribute that a request changes.
#[derive(Debug)]
enum Change {
    MapPublicIp(bool),
    HostnameType(String),
    ResourceNameDnsA(bool),
    /// What is already so.
    Nothing,
}

impl Change {
    fn parse(input: &ModifySubnetAttributeRequest) -> Result<Self, Fault> {
        let mut changes = Vec::new();
        if let Some(value) = value(input.map_public_ip_on_launch.as_ref()) {
            changes.push(Change::MapPublicIp(value));
        }
        if let Some(value) = value(input.enable_resource_name_dns_a_record_on_launch.as_ref()) {
            changes.push(Change::ResourceNameDnsA(value));
        }
        match input.private_dns_hostname_type_on_launch.as_deref() {
            None => {}
            Some(kind @ ("ip-name" | "resource-name")) => changes.push(Change::HostnameType(kind.to_owned())),
            Some(other) => {
                let why = "Valid values are ip-name, resource-name.";
                return Err(faults::invalid_value("privateDnsHostnameTypeOnLaunch", other, why));
            }
        }
        for (attribute, what) in [
            (&input.assign_ipv6_address_on_creation, "IPv6"),
            (&input.enable_dns64, "DNS64"),
            (&input.enable_resource_name_dns_aaaa_record_on_launch, "IPv6"),
            (&input.map_customer_owned_ip_on_launch, "AWS Outposts"),
            (&input.disable_lni_at_device_index, "AWS Outposts"),
        ] {
            match value(attribute.as_ref()) {
                Some(true) => return Err(faults::not_supported(what)),
                Some(false) => changes.push(Change::Nothing),
                None => {}
            }
        }
        if input.enable_lni_at_device_index.is_some() {
            return Err(faults::not_supported("AWS Outposts"));
        }
        match (changes.pop(), changes.is_empty()) {
            (Some(change), true) => Ok(change),
            (None, _) => {
                Err(Fault::new("MissingParameter", "The request must contain an attribute to modify"))
            }
            (Some(_), false) => {
                Err(faults::invalid_parameter_combination("Fields for multiple attribute types specified"))
            }
        }
    }

    fn apply(self, row: &mut Subnet) {
        match self {
            Change::MapPublicIp(value) => row.map_public_ip_on_launch = value,
            Change::HostnameType(kind) => row.hostname_type = kind,
            Change::ResourceNameDnsA(value) => row.resource_name_dns_a = value,
            Change::Nothing => {}
        }
    }
}

fn value(attribute: Option<&AttributeBooleanValue>) -> Option<bool> {
    attribute.and_then(|attribute| attribute.value)
}
