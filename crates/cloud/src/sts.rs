//! Written next.

use crate::registry::Registry;

pub(crate) fn register(_: &mut Registry) {}
