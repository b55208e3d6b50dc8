//! `Describe…`, `Modify…` and `ResetNetworkInterfaceAttribute`, and the permissions, of which there are none.

use enishi_api::ec2::{
    AttributeBooleanValue, AttributeValue, DescribeNetworkInterfaceAttributeRequest,
    DescribeNetworkInterfaceAttributeResult, DescribeNetworkInterfacePermissionsRequest,
    DescribeNetworkInterfacePermissionsResult, ModifyNetworkInterfaceAttributeRequest,
    NetworkInterfaceAttachmentChanges, ResetNetworkInterfaceAttributeRequest, ops,
};
use enishi_state::ec2::{NetworkInterface, Subnet};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::super::address::association;
use super::super::{faults, filter, ids};
use super::{check_description, groups, shape, user_interface};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeNetworkInterfaceAttribute>(describe_network_interface_attribute);
    on.write::<ops::ModifyNetworkInterfaceAttribute>(modify_network_interface_attribute);
    on.write::<ops::ResetNetworkInterfaceAttribute>(reset_network_interface_attribute);
    on.stored_read::<ops::DescribeNetworkInterfacePermissions>(describe_network_interface_permissions);
}

fn describe_network_interface_attribute(
    read: &Read<'_>,
    input: DescribeNetworkInterfaceAttributeRequest,
) -> Result<DescribeNetworkInterfaceAttributeResult, Fault> {
    let row = ids::find::<NetworkInterface>(read.world, &read.caller.scope, &input.network_interface_id)?;
    let mut result = DescribeNetworkInterfaceAttributeResult {
        network_interface_id: Some(row.id.to_string()),
        ..Default::default()
    };
    match input.attribute.as_deref() {
        Some("description") => {
            result.description = Some(AttributeValue { value: Some(row.description.clone()) });
        }
        Some("groupSet") => result.groups = Some(shape::groups(read.world, &row.groups)),
        Some("sourceDestCheck") => {
            result.source_dest_check = Some(AttributeBooleanValue { value: Some(row.source_dest_check) });
        }
        Some("attachment") => {
            result.attachment = row.attachment.as_ref().map(|found| shape::attachment(row, found));
        }
        Some("associatePublicIpAddress") => result.associate_public_ip_address = Some(row.wants_public_ip),
        Some(other) => return Err(faults::invalid_enum(other, "Attribute")),
        None => return Err(faults::missing_parameter("attribute")),
    }
    Ok(result)
}

fn modify_network_interface_attribute(
    tx: &mut Tx<'_>,
    input: ModifyNetworkInterfaceAttributeRequest,
) -> Result<(), Fault> {
    let row = user_interface(tx, &input.network_interface_id)?;
    check_one(&input)?;
    if let Some(description) = input.description.and_then(|changed| changed.value) {
        check_description(&description)?;
        tx.modify::<NetworkInterface>(&row.id, |row| row.description = description);
    } else if let Some(check) = input.source_dest_check.and_then(|changed| changed.value) {
        tx.modify::<NetworkInterface>(&row.id, |row| row.source_dest_check = check);
    } else if !input.groups.is_empty() {
        let subnet = ids::find::<Subnet>(tx.world(), &row.scope, row.subnet.as_str())?;
        let groups = groups::resolve(tx.world(), subnet, &input.groups, &[])?;
        tx.modify::<NetworkInterface>(&row.id, |row| row.groups = groups);
    } else if let Some(changes) = input.attachment {
        modify_attachment(tx, &row, &changes)?;
    } else if let Some(wants) = input.associate_public_ip_address {
        modify_public_ip(tx, &row, wants)?;
    }
    Ok(())
}

/// AWS changes one attribute in a request.
fn check_one(input: &ModifyNetworkInterfaceAttributeRequest) -> Result<(), Fault> {
    let given = [
        ("description", input.description.is_some()),
        ("sourceDestCheck", input.source_dest_check.is_some()),
        ("groupSet", !input.groups.is_empty()),
        ("attachment", input.attachment.is_some()),
        ("associatePublicIpAddress", input.associate_public_ip_address.is_some()),
    ];
    let names: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    match names.len() {
        1 => Ok(()),
        0 => Err(faults::invalid_parameter_combination("No attributes specified.")),
        _ => Err(faults::invalid_parameter_combination(format!(
            "Fields for multiple attribute types specified: {}",
            names.join(", ")
        ))),
    }
}

fn modify_attachment(
    tx: &mut Tx<'_>,
    row: &NetworkInterface,
    changes: &NetworkInterfaceAttachmentChanges,
) -> Result<(), Fault> {
    let Some(wanted) = &changes.attachment_id else {
        return Err(faults::missing_parameter("attachment.attachmentId"));
    };
    if row.attachment.as_ref().is_none_or(|attachment| attachment.id.as_str() != wanted) {
        return Err(faults::invalid_attachment_id_not_found(wanted));
    }
    let delete =
        changes.delete_on_termination.ok_or_else(|| faults::missing_parameter("deleteOnTermination"))?;
    tx.modify::<NetworkInterface>(&row.id, |row| {
        if let Some(attachment) = &mut row.attachment {
            attachment.delete_on_termination = delete;
        }
    });
    Ok(())
}

/// Asks for an automatic public address, or gives it back; both take effect at once.
fn modify_public_ip(tx: &mut Tx<'_>, row: &NetworkInterface, wants: bool) -> Result<(), Fault> {
    let is_primary = row.attachment.as_ref().is_none_or(|attachment| attachment.device_index == 0);
    if wants && !is_primary {
        return Err(faults::invalid_parameter_combination(
            "The associatePublicIPAddress parameter can only be specified for the network interface with DeviceIndex 0.",
        ));
    }
    tx.modify::<NetworkInterface>(&row.id, |row| row.wants_public_ip = wants);
    match wants {
        true => association::restore_automatic(tx, &row.id),
        false => {
            association::release_automatic(tx, &row.id);
            Ok(())
        }
    }
}

fn reset_network_interface_attribute(
    tx: &mut Tx<'_>,
    input: ResetNetworkInterfaceAttributeRequest,
) -> Result<(), Fault> {
    let row = user_interface(tx, &input.network_interface_id)?;
    // The one attribute that can be reset; its value is ignored, as AWS does.
    if input.source_dest_check.is_none() {
        return Err(faults::missing_parameter("sourceDestCheck"));
    }
    tx.modify::<NetworkInterface>(&row.id, |row| row.source_dest_check = true);
    Ok(())
}

fn describe_network_interface_permissions(
    _: &Read<'_>,
    input: DescribeNetworkInterfacePermissionsRequest,
) -> Result<DescribeNetworkInterfacePermissionsResult, Fault> {
    if let Some(id) = input.network_interface_permission_ids.first() {
        return Err(faults::invalid_permission_id_not_found(id));
    }
    filter::check_any(&input.filters)?;
    Ok(DescribeNetworkInterfacePermissionsResult {
        network_interface_permissions: Some(vec![]),
        next_token: None,
    })
}
