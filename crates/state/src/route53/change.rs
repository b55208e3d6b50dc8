//! Changes: what `GetChange` answers for. [API_ChangeInfo](https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeInfo.html)

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{AccountId, Keys, Row, Timestamp};

name_id!(ChangeId, "a change: `C…`, without `/change/`");

/// Whether the name servers answer by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeState {
    /// Not all of them yet: until this generation is realised.
    Pending {
        /// The generation that made it.
        generation: u64,
    },
    /// All of them.
    InSync,
}

/// A change of a hosted zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its id.
    pub id: ChangeId,
    /// The account whose zone was changed.
    pub account: AccountId,
    /// Whether it is in force.
    pub state: ChangeState,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// The comment of the change batch.
    pub comment: Option<String>,
}

impl Row for Change {
    type Id = ChangeId;
    const TABLE: &'static str = "route53_change";

    fn id(&self) -> ChangeId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        if matches!(self.state, ChangeState::Pending { .. }) {
            keys.add("unsettled", "");
        }
        keys.add("submitted", &format!("{:020}", self.submitted.0.max(0)));
    }
}
