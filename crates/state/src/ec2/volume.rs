//! Volumes. [Amazon EBS volumes](https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volumes.html)
//!
//! A volume is a record: what an instance writes goes to its overlay of the image's root.

use serde::{Deserialize, Serialize};

use super::InstanceId;
use crate::id::id;
use crate::{Keys, Row, Scope, Timestamp};

id!(VolumeId, "vol", "a volume");

/// What a volume can do; all that `ModifyVolume` changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// Its type: `gp3`.
    pub kind: String,
    /// Its size in GiB.
    pub size: u32,
    /// I/O operations a second, for the types that say it.
    pub iops: Option<u32>,
    /// Throughput in MiB/s, for `gp3`.
    pub throughput: Option<u32>,
}

/// The instance that a volume is attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeAttachment {
    /// The instance.
    pub instance: InstanceId,
    /// The name of the device in it: `/dev/xvda`.
    pub device: String,
    /// Whether the volume goes when the instance is terminated.
    pub delete_on_termination: bool,
    /// When it was attached.
    pub since: Timestamp,
}

/// The last change of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeModification {
    /// What it was before.
    pub before: VolumeSpec,
    /// When it was changed.
    pub at: Timestamp,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// Account and region.
    pub scope: Scope,
    /// Its zone.
    pub zone: String,
    /// What it can do.
    pub spec: VolumeSpec,
    /// Whether it was asked to be encrypted.
    pub encrypted: bool,
    /// The key that the request named.
    pub kms_key: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// What it is attached to.
    pub attachment: Option<VolumeAttachment>,
    /// Its last change.
    pub modification: Option<VolumeModification>,
}

impl Row for Volume {
    type Id = VolumeId;
    const TABLE: &'static str = "volume";

    fn id(&self) -> VolumeId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        if let Some(attachment) = &self.attachment {
            keys.add("instance", attachment.instance.as_str());
        }
    }
}
