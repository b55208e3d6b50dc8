//! Instances. [Instance lifecycle](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html)

use serde::{Deserialize, Serialize};

use super::{ImageId, SubnetId, VpcId};
use crate::id::id;
use crate::{Keys, Row, Scope, Timestamp};

id!(InstanceId, "i", "an instance");
id!(ReservationId, "r", "a reservation: the instances of one RunInstances call");

/// Where an instance is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being started.
    Pending,
    /// Its processes run.
    Running,
    /// Its processes are being ended.
    Stopping,
    /// No process runs; its file system is kept.
    Stopped,
    /// Its processes are being ended for good.
    ShuttingDown,
    /// Gone; shown for about an hour.
    Terminated,
}

impl InstanceState {
    /// AWS's numeric code.
    pub fn code(self) -> i32 {
        match self {
            InstanceState::Pending => 0,
            InstanceState::Running => 16,
            InstanceState::ShuttingDown => 32,
            InstanceState::Terminated => 48,
            InstanceState::Stopping => 64,
            InstanceState::Stopped => 80,
        }
    }

    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            InstanceState::Pending => "pending",
            InstanceState::Running => "running",
            InstanceState::ShuttingDown => "shutting-down",
            InstanceState::Terminated => "terminated",
            InstanceState::Stopping => "stopping",
            InstanceState::Stopped => "stopped",
        }
    }

    /// Whether its network namespace exists: it is starting or running.
    pub fn is_up(self) -> bool {
        matches!(self, InstanceState::Pending | InstanceState::Running)
    }
}

/// Why an instance changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateReasonCode {
    /// `Client.UserInitiatedShutdown`
    UserInitiated,
    /// `Client.InstanceInitiatedShutdown`
    InstanceInitiated,
    /// `Server.InternalError`
    InternalError,
}

/// Why an instance changed its state, with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReason {
    /// The code.
    pub code: StateReasonCode,
    /// The message.
    pub message: String,
}

/// How the instance metadata service answers.
/// [Configure the instance metadata options](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataOptions {
    /// Whether a session token (IMDSv2) is required.
    pub tokens_required: bool,
    /// Whether the service answers at all.
    pub enabled: bool,
    /// Hop limit of token answers, 1 to 64.
    pub hop_limit: u8,
    /// Whether the instance's tags are readable.
    pub instance_tags: bool,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Account and region.
    pub scope: Scope,
    /// The reservation.
    pub reservation: ReservationId,
    /// Its place in the reservation, from 0.
    pub launch_index: u32,
    /// The image it was started from.
    pub image: ImageId,
    /// Its type: `t3.micro`.
    pub instance_type: String,
    /// The key pair's name.
    pub key_name: Option<String>,
    /// The public key that was put in its `authorized_keys`, in OpenSSH form.
    pub public_key: Option<String>,
    /// The VPC of its primary network interface.
    pub vpc: VpcId,
    /// The subnet of its primary network interface.
    pub subnet: SubnetId,
    /// Its zone.
    pub zone: String,
    /// Where it is in its life.
    pub state: InstanceState,
    /// Why the state changed last.
    pub state_reason: Option<StateReason>,
    /// AWS's text form: `User initiated (2026-11-22 19:47:24 GMT)`.
    pub state_transition_reason: String,
    /// When it was started last.
    pub launched: Timestamp,
    /// When it was terminated.
    pub terminated: Option<Timestamp>,
    /// How often it was started, reboots included: what runs must be of this boot.
    pub boot: u32,
    /// The generation of the last change of `state` or `boot`.
    pub generation: u64,
    /// User data, decoded.
    pub user_data: Option<Vec<u8>>,
    /// Metadata service options.
    pub metadata: MetadataOptions,
    /// `disableApiTermination`
    pub disable_api_termination: bool,
    /// `disableApiStop`
    pub disable_api_stop: bool,
    /// Whether a shutdown from inside terminates instead of stopping.
    pub shutdown_terminates: bool,
    /// Detailed monitoring.
    pub monitoring: bool,
    /// `ebsOptimized`
    pub ebs_optimized: bool,
    /// The ARN of its instance profile, stored as given.
    pub instance_profile: Option<String>,
    /// Single-tenant or shared hardware.
    pub tenancy: super::Tenancy,
    /// The client token of the launch.
    pub client_token: Option<String>,
    /// `standard` or `unlimited`, for a burstable type.
    pub cpu_credits: Option<String>,
    /// The private host name: `ip-10-0-0-5.ec2.internal`.
    pub private_dns_name: String,
}

impl Row for Instance {
    type Id = InstanceId;
    const TABLE: &'static str = "instance";

    fn id(&self) -> InstanceId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("vpc", self.vpc.as_str());
        keys.add("subnet", self.subnet.as_str());
        keys.add("reservation", self.reservation.as_str());
        keys.add("state", self.state.name());
    }
}
