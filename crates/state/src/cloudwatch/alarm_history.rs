//! What happened to alarms. It stays for a while when the alarm is gone.
//! [API_AlarmHistoryItem](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_AlarmHistoryItem.html)

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp};

name_id!(AlarmHistoryId, "an entry of an alarm's history: account/region:name:milliseconds:number");

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HistoryKind {
    /// It was created, changed or deleted.
    ConfigurationUpdate,
    /// Its state turned.
    StateUpdate,
    /// It did something, or tried to.
    Action,
}

impl HistoryKind {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            HistoryKind::ConfigurationUpdate => "ConfigurationUpdate",
            HistoryKind::StateUpdate => "StateUpdate",
            HistoryKind::Action => "Action",
        }
    }
}

/// An entry of an alarm's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmHistory {
    /// Account and region.
    pub scope: Scope,
    /// The alarm's name.
    pub alarm: String,
    /// When.
    pub at: Timestamp,
    /// Tells entries of one millisecond apart, in their order.
    pub number: u32,
    /// What happened.
    pub kind: HistoryKind,
    /// The same for people.
    pub summary: String,
    /// The same as JSON.
    pub data: String,
}

impl AlarmHistory {
    /// The id that every entry of the alarm's history begins with.
    pub fn prefix(scope: &Scope, alarm: &str) -> AlarmHistoryId {
        AlarmHistoryId::new(&format!("{scope}:{alarm}:"))
    }
}

impl Row for AlarmHistory {
    type Id = AlarmHistoryId;
    const TABLE: &'static str = "cloudwatch_alarm_history";

    fn id(&self) -> AlarmHistoryId {
        let prefix = AlarmHistory::prefix(&self.scope, &self.alarm);
        AlarmHistoryId::new(&format!("{prefix}{:014}:{:04}", self.at.0, self.number))
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        // The oldest first, to be forgotten.
        keys.add("at", &format!("{:014}", self.at.0));
    }
}
