//! `DescribeInstanceAttribute`, `ModifyInstanceAttribute`, `ResetInstanceAttribute`, `ModifyInstanceMaintenanceOptions`.
//! [Change instance attributes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enishi_api::ec2::{
    AttributeBooleanValue, AttributeValue, DescribeInstanceAttributeRequest, EnclaveOptions,
    InstanceAttribute, InstanceBlockDeviceMappingSpecification, ModifyInstanceAttributeRequest,
    ModifyInstanceMaintenanceOptionsRequest, ModifyInstanceMaintenanceOptionsResult,
    ResetInstanceAttributeRequest, ops,
};
use enishi_state::ec2::{Instance, InstanceState, NetworkInterface, Subnet, Volume};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::super::instance_type::table;
use super::super::network_interface::{groups, shape as interface_shape};
use super::super::{faults, ids, volume};
use super::launch::{self, decode_user_data, primary_interface};
use super::shape;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeInstanceAttribute>(describe_instance_attribute);
    on.write::<ops::ModifyInstanceAttribute>(modify_instance_attribute);
    on.write::<ops::ResetInstanceAttribute>(reset_instance_attribute);
    on.stored_write::<ops::ModifyInstanceMaintenanceOptions>(modify_instance_maintenance_options);
}

fn text(value: impl Into<String>) -> Option<AttributeValue> {
    Some(AttributeValue { value: Some(value.into()) })
}

fn flag(value: bool) -> Option<AttributeBooleanValue> {
    Some(AttributeBooleanValue { value: Some(value) })
}

fn describe_instance_attribute(
    read: &Read<'_>,
    input: DescribeInstanceAttributeRequest,
) -> Result<InstanceAttribute, Fault> {
    let row = ids::find::<Instance>(read.world, &read.caller.scope, &input.instance_id)?;
    let primary = primary_interface(read.world, row);
    let mut answer = InstanceAttribute { instance_id: Some(row.id.to_string()), ..Default::default() };
    match input.attribute.as_str() {
        "instanceType" => answer.instance_type = text(&row.instance_type),
        "kernel" => answer.kernel_id = Some(AttributeValue::default()),
        "ramdisk" => answer.ramdisk_id = Some(AttributeValue::default()),
        "userData" => {
            let encoded = row.user_data.as_ref().map(|data| STANDARD.encode(data));
            answer.user_data = Some(AttributeValue { value: encoded });
        }
        "disableApiTermination" => answer.disable_api_termination = flag(row.disable_api_termination),
        "disableApiStop" => answer.disable_api_stop = flag(row.disable_api_stop),
        "instanceInitiatedShutdownBehavior" => {
            let behavior = if row.shutdown_terminates { "terminate" } else { "stop" };
            answer.instance_initiated_shutdown_behavior = text(behavior);
        }
        "rootDeviceName" => answer.root_device_name = text(shape::root_device_name(read.world, row)),
        "blockDeviceMapping" => answer.block_device_mappings = Some(volume::mappings(read.world, row)),
        "productCodes" => answer.product_codes = Some(vec![]),
        "sourceDestCheck" => answer.source_dest_check = primary.and_then(|eni| flag(eni.source_dest_check)),
        "groupSet" => {
            let groups =
                primary.map_or_else(Vec::new, |eni| interface_shape::groups(read.world, &eni.groups));
            answer.groups = Some(groups);
        }
        "ebsOptimized" => answer.ebs_optimized = flag(row.ebs_optimized),
        "sriovNetSupport" => answer.sriov_net_support = Some(AttributeValue::default()),
        "enaSupport" => answer.ena_support = flag(true),
        "enclaveOptions" => answer.enclave_options = Some(EnclaveOptions { enabled: Some(false) }),
        other => return Err(faults::invalid_enum(other, "attribute")),
    }
    Ok(answer)
}

/// A change of one attribute.
enum Change {
    SourceDestCheck(bool),
    DisableApiStop(bool),
    DisableApiTermination(bool),
    EbsOptimized(bool),
    InstanceType(String),
    UserData(Vec<u8>),
    ShutdownTerminates(bool),
    Groups(Vec<String>),
    /// Which volumes go with the instance, by device.
    DeleteOnTermination(Vec<(String, bool)>),
    /// What is accepted and changes nothing: every instance has an ENA driver.
    Nothing,
}

fn modify_instance_attribute(tx: &mut Tx<'_>, input: ModifyInstanceAttributeRequest) -> Result<(), Fault> {
    let row = ids::find::<Instance>(tx.world(), &tx.caller().scope, &input.instance_id)?.clone();
    let change = change(input)?;
    if matches!(row.state, InstanceState::ShuttingDown | InstanceState::Terminated) {
        return Err(faults::incorrect_instance_state(format!(
            "The instance '{}' is not in a valid state for this operation.",
            row.id
        )));
    }
    apply(tx, &row, change)
}

/// The one attribute that the request changes: by its own parameter, or by name and text.
fn change(input: ModifyInstanceAttributeRequest) -> Result<Change, Fault> {
    if let Some(attribute) = &input.attribute {
        return named_change(attribute, input.value.as_deref());
    }
    let bool_of = |value: Option<AttributeBooleanValue>| value.and_then(|value| value.value);
    let text_of = |value: Option<AttributeValue>| value.and_then(|value| value.value);
    let mut changes = Vec::new();
    changes.extend(bool_of(input.source_dest_check).map(Change::SourceDestCheck));
    changes.extend(bool_of(input.disable_api_stop).map(Change::DisableApiStop));
    changes.extend(bool_of(input.disable_api_termination).map(Change::DisableApiTermination));
    changes.extend(bool_of(input.ebs_optimized).map(Change::EbsOptimized));
    changes.extend(text_of(input.instance_type).map(Change::InstanceType));
    let user_data = input.user_data.and_then(|value| value.value);
    changes.extend(user_data.map(|data| Change::UserData(data.0)));
    if let Some(behavior) = text_of(input.instance_initiated_shutdown_behavior) {
        changes.push(Change::ShutdownTerminates(launch::shutdown_terminates(Some(&behavior))?));
    }
    if !input.groups.is_empty() {
        changes.push(Change::Groups(input.groups));
    }
    if !input.block_device_mappings.is_empty() {
        changes.push(Change::DeleteOnTermination(deletions(input.block_device_mappings)));
    }
    if input.ena_support.is_some() {
        changes.push(Change::Nothing);
    }
    if input.kernel.is_some() || input.ramdisk.is_some() || input.sriov_net_support.is_some() {
        return Err(faults::unsupported_operation("Kernels and drivers of instances cannot be changed."));
    }
    match (changes.pop(), changes.is_empty()) {
        (Some(change), true) => Ok(change),
        (Some(_), false) => {
            Err(faults::invalid_parameter_combination("Fields for multiple attribute types specified"))
        }
        (None, _) => Err(faults::invalid_parameter_combination("No attributes specified.")),
    }
}

/// What the mappings say of `DeleteOnTermination`.
fn deletions(mappings: Vec<InstanceBlockDeviceMappingSpecification>) -> Vec<(String, bool)> {
    let wanted = |mapping: InstanceBlockDeviceMappingSpecification| {
        Some((mapping.device_name?, mapping.ebs?.delete_on_termination?))
    };
    mappings.into_iter().filter_map(wanted).collect()
}

fn delete_on_termination(tx: &mut Tx<'_>, row: &Instance, wanted: Vec<(String, bool)>) -> Result<(), Fault> {
    for (device, deletes) in wanted {
        let attached = volume::of_instance(tx.world(), &row.id);
        let Some(id) =
            attached.iter().find(|(_, found)| found.device == device).map(|(row, _)| row.id.clone())
        else {
            return Err(faults::invalid_instance_attribute_value(format!(
                "No device is currently mapped at {device}"
            )));
        };
        tx.modify::<Volume>(&id, |row| {
            if let Some(attachment) = &mut row.attachment {
                attachment.delete_on_termination = deletes;
            }
        });
    }
    Ok(())
}

fn named_change(attribute: &str, value: Option<&str>) -> Result<Change, Fault> {
    let value = value.ok_or_else(|| faults::missing_parameter("value"))?;
    let flag = || match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(faults::invalid_enum(other, "value")),
    };
    Ok(match attribute {
        "sourceDestCheck" => Change::SourceDestCheck(flag()?),
        "disableApiStop" => Change::DisableApiStop(flag()?),
        "disableApiTermination" => Change::DisableApiTermination(flag()?),
        "ebsOptimized" => Change::EbsOptimized(flag()?),
        "instanceType" => Change::InstanceType(value.to_owned()),
        "userData" => Change::UserData(decode_user_data(value)?),
        "instanceInitiatedShutdownBehavior" => {
            Change::ShutdownTerminates(launch::shutdown_terminates(Some(value))?)
        }
        other => return Err(faults::invalid_enum(other, "attribute")),
    })
}

fn apply(tx: &mut Tx<'_>, row: &Instance, change: Change) -> Result<(), Fault> {
    match change {
        Change::SourceDestCheck(check) => {
            let interface = only_interface(tx, row)?.id;
            tx.modify::<NetworkInterface>(&interface, |eni| eni.source_dest_check = check);
        }
        Change::Groups(requested) => {
            let interface = only_interface(tx, row)?;
            let subnet = ids::find::<Subnet>(tx.world(), &row.scope, interface.subnet.as_str())?;
            let groups = groups::resolve(tx.world(), subnet, &requested, &[])?;
            tx.modify::<NetworkInterface>(&interface.id, |eni| eni.groups = groups);
        }
        Change::DisableApiStop(on) => modify(tx, row, |row| row.disable_api_stop = on),
        Change::DisableApiTermination(on) => modify(tx, row, |row| row.disable_api_termination = on),
        Change::ShutdownTerminates(on) => modify(tx, row, |row| row.shutdown_terminates = on),
        Change::EbsOptimized(on) => {
            check_stopped(row)?;
            modify(tx, row, |row| row.ebs_optimized = on);
        }
        Change::UserData(data) => {
            check_stopped(row)?;
            modify(tx, row, |row| row.user_data = Some(data));
        }
        Change::InstanceType(name) => {
            check_stopped(row)?;
            check_type(tx, row, &name)?;
            modify(tx, row, |row| row.instance_type = name);
        }
        Change::DeleteOnTermination(wanted) => delete_on_termination(tx, row, wanted)?,
        Change::Nothing => {}
    }
    Ok(())
}

fn modify(tx: &mut Tx<'_>, row: &Instance, change: impl FnOnce(&mut Instance)) {
    tx.modify::<Instance>(&row.id, change);
}

fn check_stopped(row: &Instance) -> Result<(), Fault> {
    match row.state {
        InstanceState::Stopped => Ok(()),
        _ => Err(faults::incorrect_instance_state(format!(
            "The instance '{}' is not in the 'stopped' state.",
            row.id
        ))),
    }
}

/// The type exists and has room for what the instance has.
fn check_type(tx: &Tx<'_>, row: &Instance, name: &str) -> Result<(), Fault> {
    if !table::exists(name) {
        return Err(faults::invalid_enum(name, "InstanceType"));
    }
    let limits = table::limits(name);
    let interfaces = shape::interfaces(tx.world(), row);
    if interfaces.len() > limits.interfaces {
        return Err(faults::attachment_limit_exceeded(interfaces.len(), name));
    }
    match interfaces.iter().any(|eni| eni.addresses.len() > limits.addresses) {
        true => Err(faults::private_ip_address_limit_exceeded()),
        false => Ok(()),
    }
}

/// The only interface of an instance: with several, AWS wants the interface's own attribute changed.
fn only_interface(tx: &Tx<'_>, row: &Instance) -> Result<NetworkInterface, Fault> {
    match shape::interfaces(tx.world(), row).as_slice() {
        [only] => Ok((*only).clone()),
        _ => Err(faults::invalid_instance_id(format!(
            "There are multiple interfaces attached to instance '{}'. Please specify an interface ID for the \
             operation instead.",
            row.id
        ))),
    }
}

fn reset_instance_attribute(tx: &mut Tx<'_>, input: ResetInstanceAttributeRequest) -> Result<(), Fault> {
    let row = ids::find::<Instance>(tx.world(), &tx.caller().scope, &input.instance_id)?.clone();
    match input.attribute.as_str() {
        "sourceDestCheck" => apply(tx, &row, Change::SourceDestCheck(true)),
        // There is one kernel, the host's, so it is what it was.
        "kernel" | "ramdisk" => check_stopped(&row),
        other => Err(faults::invalid_enum(other, "attribute")),
    }
}

fn modify_instance_maintenance_options(
    tx: &mut Tx<'_>,
    input: ModifyInstanceMaintenanceOptionsRequest,
) -> Result<ModifyInstanceMaintenanceOptionsResult, Fault> {
    ids::find::<Instance>(tx.world(), &tx.caller().scope, &input.instance_id)?;
    let only_default = |value: &Option<String>, parameter: &str| match value.as_deref() {
        None | Some("default") => Ok(()),
        Some("disabled") => {
            Err(faults::unsupported_operation(format!("{parameter} cannot be disabled in Enishi.")))
        }
        Some(other) => Err(faults::invalid_enum(other, parameter)),
    };
    only_default(&input.auto_recovery, "AutoRecovery")?;
    only_default(&input.reboot_migration, "RebootMigration")?;
    Ok(ModifyInstanceMaintenanceOptionsResult {
        instance_id: Some(input.instance_id),
        auto_recovery: input.auto_recovery,
        reboot_migration: input.reboot_migration,
    })
}
