//! What an account finds in a region that it never used: the default VPC.
//! [Default VPCs](https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html)

use enishi_state::ec2::RegionDefaults;
use enishi_state::{Scope, Tx, World};

use crate::ec2;

/// Whether the scope was never given its defaults.
pub(crate) fn are_missing(world: &World, scope: &Scope) -> bool {
    world.get::<RegionDefaults>(&RegionDefaults::key(scope)).is_none()
}

/// Gives the caller's scope its defaults, once: an owner who deleted the default VPC does not get it back.
pub(crate) fn ensure(tx: &mut Tx<'_>) {
    let scope = tx.caller().scope.clone();
    if are_missing(tx.world(), &scope) {
        tx.put(RegionDefaults { scope });
        ec2::create_default_network(tx);
    }
}
