//! Security group rules: authorize, revoke, modify, describe.
//! [Security group rules](https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html)

mod authorize;
mod describe;
mod modify;
mod revoke;

use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    authorize::register(on);
    describe::register(on);
    modify::register(on);
    revoke::register(on);
}
