//! What is true of CloudWatch Logs' rows, and of what logs to it.

use super::{Invariant, Verdict, alone, missing, touched, unused};
use crate::logs::{LogGroup, LogStream};
use crate::route53::{HostedZone, QueryLoggingConfig};
use crate::{Conflict, Delta, Row, World};

/// Checks the rows that a transaction touched.
pub(super) fn check(before: &World, after: &World, delta: &Delta) -> Verdict {
    touched::<LogGroup>(before, after, delta)?;
    touched::<LogStream>(before, after, delta)?;
    touched::<QueryLoggingConfig>(before, after, delta)?;
    for change in delta.changes::<HostedZone>(before, after) {
        if let (Some(zone), None) = (change.before, change.after) {
            unused::<QueryLoggingConfig>(after, &zone.id, "zone", zone.id.as_str())?;
        }
    }
    Ok(())
}

impl Invariant for LogGroup {
    fn holds(&self, _: &World) -> Verdict {
        let id = self.id();
        ensure!(!self.name.is_empty() && !self.name.contains(':'), "{id} has a name that no log group has");
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(_) => Ok(()),
            None => unused::<LogStream>(world, &self.id(), "group", self.id().as_str()),
        }
    }
}

impl Invariant for LogStream {
    fn holds(&self, world: &World) -> Verdict {
        let id = self.id();
        ensure!(!self.name.is_empty() && !self.name.contains(':'), "{id} has a name that no log stream has");
        match world.get::<LogGroup>(&self.group) {
            Some(_) => Ok(()),
            None => missing(&id, &self.group),
        }
    }
}

impl Invariant for QueryLoggingConfig {
    fn holds(&self, world: &World) -> Verdict {
        let Some(zone) = world.get::<HostedZone>(&self.zone) else { return missing(&self.id, &self.zone) };
        ensure!(!zone.is_private, "{}: {} is private", self.id, zone.id);
        alone(world.by::<QueryLoggingConfig>("zone", self.zone.as_str()), self, "the zone")
    }
}
