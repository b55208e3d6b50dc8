//! Whether health checks pass.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use enishi_fabric::dns::UNHEALTHY;

/// One health check's status, shared by every record set that names it.
#[derive(Debug)]
pub struct HealthFlag(AtomicBool);

impl HealthFlag {
    /// Whether the check passes now.
    pub fn healthy(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Every health check's status. Compiled record sets hold the flags themselves, so that a check that turns is in force with the
/// next query, without compiling anything.
#[derive(Debug, Default)]
pub struct Health {
    flags: Mutex<HashMap<Arc<str>, Arc<HealthFlag>>>,
}

impl Health {
    /// The status of a check; one that nothing is known about passes, as a new one does at AWS, but for [`UNHEALTHY`].
    pub fn flag(&self, id: &Arc<str>) -> Arc<HealthFlag> {
        let passes = **id != *UNHEALTHY;
        let mut flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            flags.entry(Arc::clone(id)).or_insert_with(|| Arc::new(HealthFlag(AtomicBool::new(passes)))),
        )
    }

    /// Says whether a check passes.
    pub fn set(&self, id: &str, healthy: bool) {
        self.flag(&Arc::from(id)).0.store(healthy, Ordering::Relaxed);
    }

    /// A check is gone: record sets that still name it pass.
    pub fn forget(&self, id: &str) {
        let mut flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flag) = flags.remove(id) {
            flag.0.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_passes_until_it_is_said_otherwise_but_for_the_one_that_never_does() {
        let health = Health::default();
        let (one, never) = (health.flag(&"one".into()), health.flag(&UNHEALTHY.into()));
        assert!(one.healthy() && !never.healthy());
        health.set("one", false);
        assert!(!one.healthy());
        health.forget("one");
        assert!(one.healthy() && health.flag(&"one".into()).healthy());
        assert!(!health.flag(&UNHEALTHY.into()).healthy());
    }
}
