//! `AttachNetworkInterface` and `DetachNetworkInterface`, also while the instance runs.
//! [Network interface attachments](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network-interface-attachments.html)

use enishi_api::ec2::{
    AttachNetworkInterfaceRequest, AttachNetworkInterfaceResult, DetachNetworkInterfaceRequest, ops,
};
use enishi_state::ec2::{
    Attachment, AttachmentId, Instance, InstanceId, InstanceState, NetworkInterface, NetworkInterfaceId,
};
use enishi_state::{AccountId, Tx};
use enishi_wire::Fault;

use super::super::instance_type::table;
use super::super::{faults, ids};
use super::user_interface;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AttachNetworkInterface>(attach_network_interface);
    on.write::<ops::DetachNetworkInterface>(detach_network_interface);
}

/// Attaches an interface to an instance; the caller has checked that it may be.
pub(crate) fn attach(
    tx: &mut Tx<'_>,
    interface: &NetworkInterfaceId,
    instance: &InstanceId,
    owner: &AccountId,
    device_index: u8,
    delete_on_termination: bool,
) -> AttachmentId {
    let id = AttachmentId::generate(tx.entropy());
    let attachment = Attachment {
        id: id.clone(),
        instance: Some(instance.clone()),
        instance_owner: owner.clone(),
        device_index,
        delete_on_termination,
        attached: tx.now(),
    };
    tx.modify::<NetworkInterface>(interface, |row| row.attachment = Some(attachment));
    id
}

/// Parses a device index; 0 is the primary interface.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn device_index(index: i32) -> Result<u8, Fault> {
    u8::try_from(index).map_err(|_| faults::invalid_value("deviceIndex", index, "Must be between 0 and 255."))
}

fn attach_network_interface(
    tx: &mut Tx<'_>,
    input: AttachNetworkInterfaceRequest,
) -> Result<AttachNetworkInterfaceResult, Fault> {
    let interface = user_interface(tx, &input.network_interface_id)?;
    let instance = ids::find::<Instance>(tx.world(), &tx.caller().scope, &input.instance_id)?.clone();
    let device_index = device_index(input.device_index)?;
    if input.network_card_index.unwrap_or(0) != 0 {
        return Err(faults::invalid_parameter_value(format!(
            "Network card index {} is not supported by {}.",
            input.network_card_index.unwrap_or(0),
            instance.instance_type
        )));
    }
    if interface.attachment.is_some() {
        return Err(faults::invalid_network_interface_in_use(&interface.id));
    }
    if !matches!(instance.state, InstanceState::Running | InstanceState::Stopped) {
        return Err(faults::incorrect_instance_state(format!(
            "Instance '{}' is not 'running' or 'stopped'.",
            instance.id
        )));
    }
    if interface.zone != instance.zone {
        return Err(faults::invalid_parameter_combination(
            "You may not attach a network interface to an instance if they are not in the same availability zone",
        ));
    }
    check_place(tx, &instance, &interface, device_index)?;
    let owner = &tx.caller().scope.account;
    let attachment = attach(tx, &interface.id, &instance.id, owner, device_index, false);
    Ok(AttachNetworkInterfaceResult {
        attachment_id: Some(attachment.to_string()),
        network_card_index: Some(0),
    })
}

/// Whether the instance's type has room for one more interface, with so many addresses, at the index.
fn check_place(
    tx: &Tx<'_>,
    instance: &Instance,
    interface: &NetworkInterface,
    device_index: u8,
) -> Result<(), Fault> {
    let limits = table::limits(&instance.instance_type);
    let attached: Vec<&NetworkInterface> =
        tx.world().by::<NetworkInterface>("instance", instance.id.as_str()).collect();
    let is_taken = |row: &&NetworkInterface| {
        row.attachment.as_ref().is_some_and(|attachment| attachment.device_index == device_index)
    };
    if attached.iter().any(is_taken) {
        return Err(faults::invalid_parameter_value(format!(
            "Instance '{}' already has an interface attached at device index '{device_index}'.",
            instance.id
        )));
    }
    if attached.len() >= limits.interfaces {
        return Err(faults::attachment_limit_exceeded(attached.len() + 1, &instance.instance_type));
    }
    match interface.addresses.len() > limits.addresses {
        true => Err(faults::private_ip_address_limit_exceeded()),
        false => Ok(()),
    }
}

fn detach_network_interface(tx: &mut Tx<'_>, input: DetachNetworkInterfaceRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let found =
        tx.world().by::<NetworkInterface>("attachment", &input.attachment_id).find(|row| row.scope == *scope);
    let row = found.ok_or_else(|| faults::invalid_attachment_id_not_found(&input.attachment_id))?.clone();
    let row = user_interface(tx, row.id.as_str())?;
    if row.attachment.as_ref().is_some_and(|attachment| attachment.device_index == 0) {
        return Err(faults::operation_not_permitted(
            "The network interface at device index 0 and networkCard index 0 cannot be detached.",
        ));
    }
    tx.modify::<NetworkInterface>(&row.id, |row| row.attachment = None);
    Ok(())
}
