//! Volumes: `DescribeVolumes`, `ModifyVolume`, `DescribeVolumesModifications`, `DeleteVolume`.
//! [Amazon EBS volumes](https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volumes.html)
//!
//! What AWS promises: an instance has a root volume of its image's size, and what its launch maps beside; terminating it
//! deletes those with `DeleteOnTermination` and leaves the others `available`.
//!
//! How we realise it: as records, which is all that clients look at. The root volume stands for the instance's own files;
//! no device appears in the instance for another one, so volumes cannot be made or attached by themselves. There are no
//! snapshots. Tested in `tests/volume.rs`.

pub(crate) mod launch;
mod modify;
mod spec;

use enishi_api::ec2::{
    self as api, DeleteVolumeRequest, DescribeVolumesRequest, DescribeVolumesResult, EbsInstanceBlockDevice,
    InstanceBlockDeviceMapping, OperatorResponse, ops,
};
use enishi_state::ec2::{Instance, InstanceId, Volume, VolumeAttachment};
use enishi_state::{Read, Tx, World};
use enishi_wire::{Fault, Timestamp};

use super::describe::describe;
use super::filter::{Field, field};
use super::page::{self, Page};
use super::{faults, ids, tag};
use crate::registry::Registry;
use crate::{arn, region};

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::DescribeVolumes>(describe_volumes);
    on.stored_write::<ops::DeleteVolume>(delete_volume);
    modify::register(on);
}

/// The volumes of an instance, in the order of their devices.
pub(crate) fn of_instance<'w>(
    world: &'w World,
    instance: &InstanceId,
) -> Vec<(&'w Volume, &'w VolumeAttachment)> {
    let attached = |row: &'w Volume| row.attachment.as_ref().map(|attachment| (row, attachment));
    let mut volumes: Vec<_> =
        world.by::<Volume>("instance", instance.as_str()).filter_map(attached).collect();
    volumes.sort_by(|(_, a), (_, b)| a.device.cmp(&b.device));
    volumes
}

/// The block device mappings of an instance as responses show them.
pub(crate) fn mappings(world: &World, row: &Instance) -> Vec<InstanceBlockDeviceMapping> {
    let mapping = |(volume, attachment): (&Volume, &VolumeAttachment)| InstanceBlockDeviceMapping {
        device_name: Some(attachment.device.clone()),
        ebs: Some(EbsInstanceBlockDevice {
            attach_time: Some(time(attachment.since)),
            delete_on_termination: Some(attachment.delete_on_termination),
            status: Some("attached".to_owned()),
            volume_id: Some(volume.id.to_string()),
            ..Default::default()
        }),
    };
    of_instance(world, &row.id).into_iter().map(mapping).collect()
}

/// The instance is gone: so are the volumes that go with it, the others are free.
pub(crate) fn release(tx: &mut Tx<'_>, instance: &InstanceId) {
    let attached = of_instance(tx.world(), instance);
    let volumes: Vec<_> = attached
        .into_iter()
        .map(|(row, attachment)| (row.id.clone(), attachment.delete_on_termination))
        .collect();
    for (id, deletes) in volumes {
        if deletes {
            tag::remove_all(tx, id.as_str());
            tx.remove::<Volume>(&id);
        } else {
            tx.modify::<Volume>(&id, |row| row.attachment = None);
        }
    }
}

fn time(at: enishi_state::Timestamp) -> Timestamp {
    Timestamp::from_millis(at.0)
}

fn text(at: enishi_state::Timestamp) -> String {
    time(at).date_time_millis()
}

fn status(row: &Volume) -> &'static str {
    if row.attachment.is_some() { "in-use" } else { "available" }
}

const FILTERS: &[Field<Volume>] = &[
    field("attachment.attach-time", |_, row, values| {
        values.maybe(row.attachment.as_ref().map(|attachment| text(attachment.since)));
    }),
    field("attachment.delete-on-termination", |_, row, values| {
        values.maybe(row.attachment.as_ref().map(|attachment| attachment.delete_on_termination));
    }),
    field("attachment.device", |_, row, values| {
        values.maybe(row.attachment.as_ref().map(|attachment| &attachment.device));
    }),
    field("attachment.instance-id", |_, row, values| {
        values.maybe(row.attachment.as_ref().map(|attachment| &attachment.instance));
    }),
    field("attachment.status", |_, row, values| values.maybe(row.attachment.as_ref().map(|_| "attached"))),
    field("availability-zone", |_, row, values| values.add(&row.zone)),
    field("availability-zone-id", |_, row, values| values.maybe(zone_id(row))),
    field("create-time", |_, row, values| values.add(text(row.created))),
    field("encrypted", |_, row, values| values.add(row.encrypted)),
    field("fast-restored", |_, _, values| values.add(false)),
    field("multi-attach-enabled", |_, _, values| values.add(false)),
    field("operator.managed", |_, _, values| values.add(false)),
    field("operator.principal", |_, _, _| {}),
    field("size", |_, row, values| values.add(row.spec.size)),
    field("snapshot-id", |_, _, _| {}),
    field("status", |_, row, values| values.add(status(row))),
    field("volume-id", |_, row, values| values.add(&row.id)),
    field("volume-type", |_, row, values| values.add(&row.spec.kind)),
];

fn describe_volumes(read: &Read<'_>, input: DescribeVolumesRequest) -> Result<DescribeVolumesResult, Fault> {
    if input.max_results.is_some() && !input.volume_ids.is_empty() {
        return Err(faults::invalid_parameter_combination(
            "The parameter volumeSet cannot be used with the parameter maxResults",
        ));
    }
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe(read, &input.volume_ids, input.filters, FILTERS, &page)?;
    let volumes = rows.into_iter().map(|row| shape(read.world, row)).collect();
    Ok(DescribeVolumesResult { next_token, volumes: Some(volumes) })
}

fn zone_id(row: &Volume) -> Option<String> {
    region::zone_by_name(&row.scope.region, &row.zone).map(|zone| zone.id)
}

fn shape(world: &World, row: &Volume) -> api::Volume {
    let attachment = |attachment: &VolumeAttachment| api::VolumeAttachment {
        delete_on_termination: Some(attachment.delete_on_termination),
        volume_id: Some(row.id.to_string()),
        instance_id: Some(attachment.instance.to_string()),
        device: Some(attachment.device.clone()),
        state: Some("attached".to_owned()),
        attach_time: Some(time(attachment.since)),
        ..Default::default()
    };
    api::Volume {
        availability_zone: Some(row.zone.clone()),
        availability_zone_id: zone_id(row),
        iops: row.spec.iops.and_then(|iops| i32::try_from(iops).ok()),
        tags: tag::of(world, row.id.as_str()),
        volume_type: Some(row.spec.kind.clone()),
        multi_attach_enabled: Some(false),
        throughput: row.spec.throughput.and_then(|throughput| i32::try_from(throughput).ok()),
        operator: Some(OperatorResponse { managed: Some(false), ..Default::default() }),
        volume_arn: Some(arn::ec2(&row.scope, "volume", row.id.as_str())),
        volume_id: Some(row.id.to_string()),
        size: i32::try_from(row.spec.size).ok(),
        snapshot_id: Some(String::new()),
        state: Some(status(row).to_owned()),
        create_time: Some(time(row.created)),
        attachments: Some(row.attachment.iter().map(attachment).collect()),
        encrypted: Some(row.encrypted),
        kms_key_id: row.kms_key.clone(),
        ..Default::default()
    }
}

fn delete_volume(tx: &mut Tx<'_>, input: DeleteVolumeRequest) -> Result<(), Fault> {
    let row = ids::find::<Volume>(tx.world(), &tx.caller().scope, &input.volume_id)?;
    if let Some(attachment) = &row.attachment {
        return Err(faults::volume_in_use(&row.id, &attachment.instance));
    }
    let id = row.id.clone();
    tag::remove_all(tx, id.as_str());
    tx.remove::<Volume>(&id);
    Ok(())
}
