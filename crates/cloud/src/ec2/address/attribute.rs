//! Reverse DNS names of Elastic IPs: `DescribeAddressesAttribute`, `ModifyAddressAttribute`, `ResetAddressAttribute`.
//! [Use reverse DNS](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Elastic_Addressing_Reverse_DNS.html)
//!
//! The name is stored and shown; nothing resolves it yet. AWS asks that it resolves to the address first; here any name
//! is taken, and takes effect at once.

use enishi_api::ec2::{
    AddressAttribute, DescribeAddressesAttributeRequest, DescribeAddressesAttributeResult,
    ModifyAddressAttributeRequest, ModifyAddressAttributeResult, ResetAddressAttributeRequest,
    ResetAddressAttributeResult, ops,
};
use enishi_state::ec2::Address;
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::super::page::Page;
use super::super::{faults, ids};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::DescribeAddressesAttribute>(describe_addresses_attribute);
    on.stored_write::<ops::ModifyAddressAttribute>(modify_address_attribute);
    on.stored_write::<ops::ResetAddressAttribute>(reset_address_attribute);
}

fn describe_addresses_attribute(
    read: &Read<'_>,
    input: DescribeAddressesAttributeRequest,
) -> Result<DescribeAddressesAttributeResult, Fault> {
    check_attribute(input.attribute.as_deref().unwrap_or("domain-name"))?;
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 1..=1000)?;
    let mut rows = ids::select::<Address>(read, &input.allocation_ids)?;
    rows.retain(|row| row.ptr_record.is_some());
    let (rows, next_token) = page.of(rows, |row| row.id.to_string());
    Ok(DescribeAddressesAttributeResult {
        addresses: Some(rows.into_iter().map(shape).collect()),
        next_token,
    })
}

fn modify_address_attribute(
    tx: &mut Tx<'_>,
    input: ModifyAddressAttributeRequest,
) -> Result<ModifyAddressAttributeResult, Fault> {
    let mut row = ids::find::<Address>(tx.world(), &tx.caller().scope, &input.allocation_id)?.clone();
    let name = input.domain_name.ok_or_else(|| faults::missing_parameter("DomainName"))?;
    if !is_domain_name(&name) {
        return Err(faults::invalid_parameter_value(format!("The domain name '{name}' is not valid.")));
    }
    // AWS shows names with the dot at their end.
    row.ptr_record = Some(format!("{}.", name.trim_end_matches('.')));
    let address = Some(shape(&row));
    tx.put(row);
    Ok(ModifyAddressAttributeResult { address })
}

fn reset_address_attribute(
    tx: &mut Tx<'_>,
    input: ResetAddressAttributeRequest,
) -> Result<ResetAddressAttributeResult, Fault> {
    check_attribute(&input.attribute)?;
    let mut row = ids::find::<Address>(tx.world(), &tx.caller().scope, &input.allocation_id)?.clone();
    row.ptr_record = None;
    let address = Some(shape(&row));
    tx.put(row);
    Ok(ResetAddressAttributeResult { address })
}

fn check_attribute(attribute: &str) -> Result<(), Fault> {
    match attribute {
        "domain-name" => Ok(()),
        other => Err(faults::invalid_enum(other, "Attribute")),
    }
}

/// RFC 1035, 2.3.1, with underscores: labels of 1 to 63 characters, 253 in all.
fn is_domain_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

fn shape(row: &Address) -> AddressAttribute {
    AddressAttribute {
        public_ip: Some(row.public_ip.to_string()),
        allocation_id: Some(row.id.to_string()),
        ptr_record: row.ptr_record.clone(),
        ptr_record_update: None,
    }
}
