//! The volumes that a launch makes: the image's root, and what the request maps.
//! [Block device mappings](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/block-device-mapping-concepts.html)

use enishi_api::ec2::{BlockDeviceMapping, EbsBlockDevice};
use enishi_state::Tx;
use enishi_state::ec2::{Instance, Volume, VolumeAttachment, VolumeId, VolumeSpec};
use enishi_wire::Fault;

use super::super::faults;
use super::spec::{self, Asked};

/// The size of the root volume of every image, in GiB.
pub(crate) const ROOT_SIZE: u32 = 8;

/// The volumes of each instance of a launch.
pub(crate) struct Volumes(Vec<Planned>);

struct Planned {
    device: String,
    spec: VolumeSpec,
    encrypted: bool,
    kms_key: Option<String>,
    delete_on_termination: bool,
}

impl Volumes {
    /// Reads the mappings; `root` is the image's root device and `root_kind` the type of its volume.
    ///
    /// # Errors
    /// `InvalidBlockDeviceMapping`, `InvalidSnapshot.NotFound`, and those of a volume's size and speed.
    pub(crate) fn parse(root: &str, root_kind: &str, mappings: &[BlockDeviceMapping]) -> Result<Self, Fault> {
        let base = VolumeSpec { kind: root_kind.to_owned(), size: ROOT_SIZE, iops: None, throughput: None };
        let mut planned = vec![Planned::new(root, &EbsBlockDevice::default(), &base)?];
        let mut seen: Vec<&str> = Vec::new();
        for mapping in mappings {
            let device = mapping.device_name.as_deref().unwrap_or_default();
            if device.is_empty() {
                return Err(faults::missing_parameter("deviceName"));
            }
            if seen.contains(&device) {
                return Err(faults::invalid_block_device_mapping(format!(
                    "The device '{device}' is used more than once"
                )));
            }
            seen.push(device);
            // Instance store, and devices that are left out, are no volumes.
            let Some(ebs) = mapping.ebs.as_ref().filter(|_| mapping.no_device.is_none()) else { continue };
            if device == root {
                if let Some(first) = planned.first_mut() {
                    *first = Planned::root(root, ebs, &base)?;
                }
            } else {
                planned.push(Planned::beside(device, ebs)?);
            }
        }
        Ok(Volumes(planned))
    }

    /// Makes the volumes of one instance.
    pub(crate) fn carry_out(&self, tx: &mut Tx<'_>, instance: &Instance) -> Vec<VolumeId> {
        let mut made = Vec::with_capacity(self.0.len());
        for planned in &self.0 {
            let id = VolumeId::generate(tx.entropy());
            made.push(id.clone());
            tx.put(Volume {
                id,
                scope: instance.scope.clone(),
                zone: instance.zone.clone(),
                spec: planned.spec.clone(),
                encrypted: planned.encrypted,
                kms_key: planned.kms_key.clone(),
                created: tx.now(),
                attachment: Some(VolumeAttachment {
                    instance: instance.id.clone(),
                    device: planned.device.clone(),
                    delete_on_termination: planned.delete_on_termination,
                    since: tx.now(),
                }),
                modification: None,
            });
        }
        made
    }
}

impl Planned {
    fn root(device: &str, ebs: &EbsBlockDevice, base: &VolumeSpec) -> Result<Self, Fault> {
        let planned = Planned::new(device, ebs, base)?;
        match planned.spec.size < ROOT_SIZE {
            true => Err(faults::invalid_block_device_mapping(format!(
                "Volume of size {}GB is smaller than the root of the image, expect size >= {ROOT_SIZE}GB",
                planned.spec.size
            ))),
            false => Ok(planned),
        }
    }

    fn beside(device: &str, ebs: &EbsBlockDevice) -> Result<Self, Fault> {
        if ebs.volume_size.is_none() && ebs.snapshot_id.is_none() {
            return Err(faults::missing_parameter("size or snapshotId"));
        }
        let base = VolumeSpec { kind: "gp2".to_owned(), size: 1, iops: None, throughput: None };
        Planned::new(device, ebs, &base)
    }

    fn new(device: &str, ebs: &EbsBlockDevice, base: &VolumeSpec) -> Result<Self, Fault> {
        if let Some(snapshot) = ebs.snapshot_id.as_deref().filter(|snapshot| !snapshot.is_empty()) {
            return Err(faults::invalid_snapshot_not_found(snapshot));
        }
        let asked = Asked {
            kind: ebs.volume_type.as_deref(),
            size: ebs.volume_size,
            iops: ebs.iops,
            throughput: ebs.throughput,
        };
        Ok(Planned {
            device: device.to_owned(),
            spec: spec::resolve(&asked, base)?,
            encrypted: ebs.encrypted.unwrap_or(false),
            kms_key: ebs.kms_key_id.clone().filter(|key| !key.is_empty()),
            delete_on_termination: ebs.delete_on_termination.unwrap_or(true),
        })
    }
}
