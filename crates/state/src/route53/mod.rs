//! Route 53: hosted zones and what belongs to them. Global: rows belong to an account, not to a region.

mod change;
mod cidr_collection;
mod delegation_set;
mod health_check;
mod hosted_zone;
mod query_logging_config;
mod record_set;

pub use change::{Change, ChangeId, ChangeState};
pub use cidr_collection::{CidrCollection, CidrCollectionId};
pub use delegation_set::{DelegationSet, DelegationSetId};
pub use health_check::{
    AlarmIdentifier, CHECKER_RANGE, CHECKERS, HealthCheck, HealthCheckConfig, HealthCheckId, HealthCheckKind,
    InsufficientData,
};
pub use hosted_zone::{HostedZone, HostedZoneId, VpcAssociation};
pub use query_logging_config::{QueryLoggingConfig, QueryLoggingConfigId};
pub use record_set::{RecordSet, RecordSetKey};
