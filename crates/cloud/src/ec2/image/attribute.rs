//! `DescribeImageAttribute` and `ModifyImageAttribute`: description, and who may launch an image.

use enishi_api::ec2::{
    AttributeValue, DescribeImageAttributeRequest, ImageAttribute, LaunchPermission,
    ModifyImageAttributeRequest, ops,
};
use enishi_state::ec2::Image;
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::super::faults;
use super::own;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeImageAttribute>(describe_image_attribute);
    on.write::<ops::ModifyImageAttribute>(modify_image_attribute);
}

fn describe_image_attribute(
    read: &Read<'_>,
    input: DescribeImageAttributeRequest,
) -> Result<ImageAttribute, Fault> {
    let row = own(read.world, &read.caller.scope, &input.image_id)?;
    let mut answer = ImageAttribute { image_id: Some(row.id.to_string()), ..Default::default() };
    match input.attribute.as_str() {
        "description" => answer.description = Some(AttributeValue { value: Some(row.description.clone()) }),
        "launchPermission" => {
            let all = LaunchPermission { group: Some("all".to_owned()), ..Default::default() };
            answer.launch_permissions = Some(if row.public { vec![all] } else { vec![] });
        }
        "blockDeviceMapping" => answer.block_device_mappings = Some(vec![]),
        "productCodes" => answer.product_codes = Some(vec![]),
        "kernel" => answer.kernel_id = Some(AttributeValue::default()),
        "ramdisk" => answer.ramdisk_id = Some(AttributeValue::default()),
        "sriovNetSupport" => {
            answer.sriov_net_support = Some(AttributeValue { value: Some("simple".to_owned()) })
        }
        "bootMode" => answer.boot_mode = Some(AttributeValue::default()),
        "tpmSupport" => answer.tpm_support = Some(AttributeValue::default()),
        "imdsSupport" => answer.imds_support = Some(AttributeValue::default()),
        "lastLaunchedTime" => answer.last_launched_time = Some(AttributeValue::default()),
        "deregistrationProtection" => {
            answer.deregistration_protection = Some(AttributeValue { value: Some("disabled".to_owned()) });
        }
        other => return Err(faults::invalid_enum(other, "attribute")),
    }
    Ok(answer)
}

fn modify_image_attribute(tx: &mut Tx<'_>, input: ModifyImageAttributeRequest) -> Result<(), Fault> {
    let id = own(tx.world(), &tx.caller().scope, &input.image_id)?.id.clone();
    let named = |attribute: &str| input.attribute.as_deref() == Some(attribute);
    let value = || input.value.clone().unwrap_or_default();
    let description = match &input.description {
        Some(description) => Some(description.value.clone().unwrap_or_default()),
        None if named("description") => Some(value()),
        None => None,
    };
    if let Some(description) = description {
        tx.modify::<Image>(&id, |row| row.description = description);
        return Ok(());
    }
    let public = permission(&input)?;
    tx.modify::<Image>(&id, |row| row.public = public);
    Ok(())
}

/// Whether the request makes the image public or private. Images cannot be shared with single accounts.
fn permission(input: &ModifyImageAttributeRequest) -> Result<bool, Fault> {
    let is_all = |permission: &LaunchPermission| permission.group.as_deref() == Some("all");
    if let Some(changes) = &input.launch_permission {
        if !changes.add.iter().chain(&changes.remove).all(is_all) {
            return Err(only_all());
        }
        return match (changes.add.is_empty(), changes.remove.is_empty()) {
            (false, true) => Ok(true),
            (true, false) => Ok(false),
            _ => {
                Err(faults::invalid_parameter_combination("Specify launch permissions to add, or to remove."))
            }
        };
    }
    if input.attribute.as_deref().is_some_and(|attribute| attribute != "launchPermission") {
        return Err(faults::invalid_enum(input.attribute.as_deref().unwrap_or_default(), "attribute"));
    }
    if !input.user_ids.is_empty()
        || !input.organization_arns.is_empty()
        || !input.organizational_unit_arns.is_empty()
    {
        return Err(only_all());
    }
    match (input.operation_type.as_deref(), input.user_groups.as_slice()) {
        (_, []) => Err(faults::invalid_parameter_combination("No attributes specified.")),
        (Some("add"), [group]) if group == "all" => Ok(true),
        (Some("remove"), [group]) if group == "all" => Ok(false),
        (Some("add" | "remove"), _) => Err(only_all()),
        (Some(other), _) => Err(faults::invalid_enum(other, "operationType")),
        (None, _) => Err(faults::missing_parameter("operationType")),
    }
}

fn only_all() -> Fault {
    faults::unsupported_operation("In Enishi an image is shared with the group 'all' or with nobody.")
}
