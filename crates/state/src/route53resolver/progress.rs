//! How far a change is that the data plane has to follow.

use serde::{Deserialize, Serialize};

use crate::Keys;

/// The life of something that packets or answers depend on. Each kind has its own words for it: an endpoint that is
/// [`Progress::Ready`] is `OPERATIONAL`, a rule is `COMPLETE`, the association of a query log is `ACTIVE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Being built: until the data plane has realised the generation.
    Creating {
        /// The generation that made it.
        generation: u64,
    },
    /// In force.
    Ready,
    /// Being changed: until the data plane has realised the generation.
    Updating {
        /// The generation that changed it last.
        generation: u64,
    },
    /// Being removed: until the data plane has realised the generation; then it is gone.
    Deleting {
        /// The generation that removes it.
        generation: u64,
    },
}

impl Progress {
    /// The generation that it waits for.
    pub fn awaits(self) -> Option<u64> {
        match self {
            Progress::Ready => None,
            Progress::Creating { generation }
            | Progress::Updating { generation }
            | Progress::Deleting { generation } => Some(generation),
        }
    }

    /// Whether it counts: it is not on its way out.
    pub fn is_live(self) -> bool {
        !matches!(self, Progress::Deleting { .. })
    }

    /// Declares a row that waits for a generation under `unsettled`.
    pub(super) fn index(self, keys: &mut Keys) {
        if self.awaits().is_some() {
            keys.add("unsettled", "");
        }
    }
}
