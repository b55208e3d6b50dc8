//! Instances. [Instance lifecycle](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html)
//!
//! What AWS promises: `RunInstances` answers at once with instances that are `pending`; they are `running` once their
//! processes do. Stopping keeps the private addresses and frees the automatic public one, starting draws another;
//! terminating frees everything that was made for the instance, and the instance is listed for about an hour more.
//!
//! How we realise it: an instance is a row; the daemon starts and ends the processes that the row asks for, and
//! [`crate::tick`] moves its state on by what it observed. Every instance runs the host's root or a directory that was
//! registered as an image. `BlockDeviceMappings` become volumes, which are records (see [`super::volume`]).
//! IPv6, launch templates, Spot and elastic accelerators are refused. Tested in `tests/instance*.rs`.

mod attribute;
mod console;
mod credit;
mod describe;
mod interfaces;
mod launch;
pub(crate) mod lifecycle;
mod metadata;
mod monitoring;
mod shape;
mod status;

use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    attribute::register(on);
    console::register(on);
    credit::register(on);
    describe::register(on);
    launch::register(on);
    lifecycle::register(on);
    metadata::register(on);
    monitoring::register(on);
    status::register(on);
}
