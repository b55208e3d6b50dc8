//! Volumes: what an instance has, and what is left of it.

mod harness;
mod lab;

use enishi_api::ec2::{
    BlockDeviceMapping, DeleteVolumeRequest, DescribeVolumesModificationsRequest, DescribeVolumesRequest,
    EbsBlockDevice, EbsInstanceBlockDeviceSpecification, InstanceBlockDeviceMappingSpecification,
    ModifyInstanceAttributeRequest, ModifyVolumeRequest, TerminateInstancesRequest, Volume, ops,
};
use harness::text;
use lab::Lab;

fn volumes(lab: &mut Lab) -> Vec<Volume> {
    lab.h.ok::<ops::DescribeVolumes>(DescribeVolumesRequest::default()).volumes.unwrap()
}

fn mapping(device: &str, ebs: EbsBlockDevice) -> BlockDeviceMapping {
    BlockDeviceMapping { device_name: text(device), ebs: Some(ebs), ..Default::default() }
}

fn sized(size: i32) -> EbsBlockDevice {
    EbsBlockDevice { volume_size: Some(size), ..Default::default() }
}

fn terminate(lab: &mut Lab, instance: &str) {
    lab.h.ok::<ops::TerminateInstances>(TerminateInstancesRequest {
        instance_ids: vec![instance.to_owned()],
        ..Default::default()
    });
    lab.settle();
}

#[test]
fn an_instance_has_a_root_volume_that_goes_with_it() {
    let mut lab = Lab::new();
    let id = lab.running();
    let instance = lab.instance(&id);
    let mappings = instance.block_device_mappings.unwrap();
    assert_eq!(mappings.len(), 1);
    assert_eq!(mappings[0].device_name, instance.root_device_name);
    let found = volumes(&mut lab);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].volume_id, mappings[0].ebs.as_ref().unwrap().volume_id);
    assert_eq!(found[0].state.as_deref(), Some("in-use"));
    assert_eq!((found[0].size, found[0].volume_type.as_deref()), (Some(8), Some("gp3")));
    assert_eq!((found[0].iops, found[0].throughput), (Some(3000), Some(125)));
    let input = DeleteVolumeRequest { volume_id: found[0].volume_id.clone().unwrap(), ..Default::default() };
    assert_eq!(lab.h.fault::<ops::DeleteVolume>(input).code(), "VolumeInUse");
    terminate(&mut lab, &id);
    assert!(volumes(&mut lab).is_empty());
}

#[test]
fn a_launch_maps_volumes_and_those_that_stay_can_be_deleted() {
    let mut lab = Lab::new();
    let mut input = lab.launch();
    let root = EbsBlockDevice { delete_on_termination: Some(true), ..sized(20) };
    let data = EbsBlockDevice {
        delete_on_termination: Some(false),
        volume_type: text("io1"),
        iops: Some(100),
        ..sized(5)
    };
    input.block_device_mappings = vec![
        mapping("/dev/xvda", root),
        mapping("/dev/sdf", data),
        BlockDeviceMapping {
            device_name: text("/dev/sdb"),
            virtual_name: text("ephemeral0"),
            ..Default::default()
        },
    ];
    let id = lab.run(input).remove(0);
    lab.settle();
    let mut sizes: Vec<_> = volumes(&mut lab).into_iter().map(|volume| (volume.size, volume.iops)).collect();
    sizes.sort();
    assert_eq!(sizes, [(Some(5), Some(100)), (Some(20), Some(3000))]);
    terminate(&mut lab, &id);
    let left = volumes(&mut lab);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].state.as_deref(), Some("available"));
    let volume_id = left[0].volume_id.clone().unwrap();
    lab.h.ok::<ops::DeleteVolume>(DeleteVolumeRequest { volume_id: volume_id.clone(), ..Default::default() });
    // Recorded from AWS (cloud-custodian, tests/data/placebo): a full stop, and no "ID".
    let fault = lab.h.fault::<ops::DescribeVolumes>(DescribeVolumesRequest {
        volume_ids: vec![volume_id.clone()],
        ..Default::default()
    });
    assert_eq!(fault.code(), "InvalidVolume.NotFound");
    assert_eq!(fault.message(), format!("The volume '{volume_id}' does not exist."));
}

#[test]
fn a_mapping_is_checked() {
    let mut lab = Lab::new();
    let cases = [
        (mapping("/dev/xvda", sized(4)), "InvalidBlockDeviceMapping"),
        (mapping("", sized(4)), "MissingParameter"),
        (mapping("/dev/sdf", EbsBlockDevice::default()), "MissingParameter"),
        (mapping("/dev/sdf", sized(70_000)), "InvalidParameterValue"),
        (
            mapping("/dev/sdf", EbsBlockDevice { volume_type: text("gp9"), ..sized(4) }),
            "InvalidParameterValue",
        ),
        (mapping("/dev/sdf", EbsBlockDevice { volume_type: text("io1"), ..sized(4) }), "MissingParameter"),
        (mapping("/dev/sdf", EbsBlockDevice { iops: Some(100), ..sized(4) }), "InvalidParameterCombination"),
        (
            mapping("/dev/sdf", EbsBlockDevice { snapshot_id: text("snap-0123456789abcdef0"), ..sized(4) }),
            "InvalidSnapshot.NotFound",
        ),
    ];
    for (mapping, code) in cases {
        let mut input = lab.launch();
        input.block_device_mappings = vec![mapping];
        assert_eq!(lab.h.fault::<ops::RunInstances>(input).code(), code);
    }
}

#[test]
fn a_volume_grows_and_its_fate_changes() {
    let mut lab = Lab::new();
    let id = lab.running();
    let volume_id = volumes(&mut lab).remove(0).volume_id.unwrap();
    let modify = |size, kind| ModifyVolumeRequest {
        volume_id: volume_id.clone(),
        size: Some(size),
        volume_type: text(kind),
        ..Default::default()
    };
    assert_eq!(lab.h.fault::<ops::ModifyVolume>(modify(4, "gp3")).code(), "InvalidParameterValue");
    lab.h.ok::<ops::ModifyVolume>(modify(100, "gp2"));
    let changed = volumes(&mut lab).remove(0);
    assert_eq!((changed.size, changed.iops, changed.throughput), (Some(100), Some(300), None));
    let described =
        lab.h.ok::<ops::DescribeVolumesModifications>(DescribeVolumesModificationsRequest::default());
    let modification = described.volumes_modifications.unwrap().remove(0);
    assert_eq!(modification.modification_state.as_deref(), Some("completed"));
    assert_eq!((modification.original_size, modification.target_size), (Some(8), Some(100)));

    let keep = |device: &str| ModifyInstanceAttributeRequest {
        instance_id: id.clone(),
        block_device_mappings: vec![InstanceBlockDeviceMappingSpecification {
            device_name: text(device),
            ebs: Some(EbsInstanceBlockDeviceSpecification {
                delete_on_termination: Some(false),
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let fault = lab.h.fault::<ops::ModifyInstanceAttribute>(keep("/dev/sdz"));
    assert_eq!(fault.code(), "InvalidInstanceAttributeValue");
    lab.h.ok::<ops::ModifyInstanceAttribute>(keep("/dev/xvda"));
    terminate(&mut lab, &id);
    assert_eq!(volumes(&mut lab).len(), 1, "it was told to stay");
}
