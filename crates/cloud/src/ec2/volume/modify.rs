//! `ModifyVolume` and `DescribeVolumesModifications`.
//! [Modify a volume](https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modify-volume.html)
//!
//! A change is complete at once: there is nothing to move.

use enishi_api::ec2::{
    self as api, DescribeVolumesModificationsRequest, DescribeVolumesModificationsResult,
    ModifyVolumeRequest, ModifyVolumeResult, ops,
};
use enishi_state::ec2::{Volume, VolumeModification};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::super::filter::{Field, Filters, field};
use super::super::page::{self, Page};
use super::super::{faults, ids};
use super::spec::{self, Asked};
use super::{text, time};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::ModifyVolume>(modify_volume);
    on.stored_read::<ops::DescribeVolumesModifications>(describe_volumes_modifications);
}

fn modify_volume(tx: &mut Tx<'_>, input: ModifyVolumeRequest) -> Result<ModifyVolumeResult, Fault> {
    let row = ids::find::<Volume>(tx.world(), &tx.caller().scope, &input.volume_id)?;
    let asked = Asked {
        kind: input.volume_type.as_deref(),
        size: input.size,
        iops: input.iops,
        throughput: input.throughput,
    };
    let after = spec::resolve(&asked, &row.spec)?;
    if after.size < row.spec.size {
        return Err(faults::invalid_parameter_value("New size cannot be smaller than existing size"));
    }
    let modification = VolumeModification { before: row.spec.clone(), at: tx.now() };
    let id = row.id.clone();
    tx.modify::<Volume>(&id, |row| {
        row.spec = after;
        row.modification = Some(modification);
    });
    let modification = tx.world().get::<Volume>(&id).and_then(shape);
    Ok(ModifyVolumeResult { volume_modification: modification })
}

/// The last change of the volume, if there was one.
fn shape(row: &Volume) -> Option<api::VolumeModification> {
    let modification = row.modification.as_ref()?;
    let number = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok());
    let (before, after) = (&modification.before, &row.spec);
    Some(api::VolumeModification {
        volume_id: Some(row.id.to_string()),
        modification_state: Some("completed".to_owned()),
        target_size: number(Some(after.size)),
        target_iops: number(after.iops),
        target_volume_type: Some(after.kind.clone()),
        target_throughput: number(after.throughput),
        target_multi_attach_enabled: Some(false),
        original_size: number(Some(before.size)),
        original_iops: number(before.iops),
        original_volume_type: Some(before.kind.clone()),
        original_throughput: number(before.throughput),
        original_multi_attach_enabled: Some(false),
        progress: Some(100),
        start_time: Some(time(modification.at)),
        end_time: Some(time(modification.at)),
        ..Default::default()
    })
}

const FILTERS: &[Field<Volume>] = &[
    field("modification-state", |_, _, values| values.add("completed")),
    field("original-iops", |_, row, values| values.maybe(before(row).and_then(|before| before.iops))),
    field("original-size", |_, row, values| values.maybe(before(row).map(|before| before.size))),
    field("original-volume-type", |_, row, values| values.maybe(before(row).map(|before| &before.kind))),
    field("originalMultiAttachEnabled", |_, _, values| values.add(false)),
    field("start-time", |_, row, values| {
        values.maybe(row.modification.as_ref().map(|modification| text(modification.at)));
    }),
    field("target-iops", |_, row, values| values.maybe(row.spec.iops)),
    field("target-size", |_, row, values| values.add(row.spec.size)),
    field("target-volume-type", |_, row, values| values.add(&row.spec.kind)),
    field("targetMultiAttachEnabled", |_, _, values| values.add(false)),
    field("volume-id", |_, row, values| values.add(&row.id)),
];

fn before(row: &Volume) -> Option<&enishi_state::ec2::VolumeSpec> {
    row.modification.as_ref().map(|modification| &modification.before)
}

fn describe_volumes_modifications(
    read: &Read<'_>,
    input: DescribeVolumesModificationsRequest,
) -> Result<DescribeVolumesModificationsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let filters = Filters::parse(input.filters, FILTERS)?;
    let mut rows = ids::select::<Volume>(read, &input.volume_ids)?;
    rows.retain(|row| row.modification.is_some() && filters.accept(read.world, row.id.as_str(), row));
    let (rows, next_token) = page.of(rows, |row| row.id.to_string());
    let modifications = rows.into_iter().filter_map(shape).collect();
    Ok(DescribeVolumesModificationsResult { next_token, volumes_modifications: Some(modifications) })
}
