//! CloudWatch Logs: groups, streams and policies. Events are not rows: they are many, and live in a store of their own
//! under [`LogGroup::uid`] and [`LogStream::uid`], which are never used twice.

mod log_group;
mod log_stream;
mod resource_policy;

pub use log_group::{LogGroup, LogGroupClass, LogGroupId};
pub use log_stream::{LogStream, LogStreamId};
pub use resource_policy::{ResourcePolicy, ResourcePolicyId};
