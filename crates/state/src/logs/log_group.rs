//! Log groups. [Working with log groups](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html)

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp};

name_id!(LogGroupId, "a log group: account/region:name");

impl LogGroupId {
    /// The id of the group of that name. Ids sort by name within an account and region.
    pub fn of(scope: &Scope, name: &str) -> Self {
        LogGroupId::new(&format!("{scope}:{name}"))
    }
}

/// What a group's events cost at AWS, and what can be done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogGroupClass {
    /// Everything.
    Standard,
    /// Only Insights reads it.
    InfrequentAccess,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroup {
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in account and region.
    pub name: String,
    /// What its events are stored under. Random: a group that is made again under the same name has another.
    pub uid: u64,
    /// Its class.
    pub class: LogGroupClass,
    /// Days that events are kept, one of AWS's values; `None` is for ever.
    pub retention_days: Option<u32>,
    /// Whether deleting it is refused.
    pub is_protected: bool,
    /// When it was created.
    pub created: Timestamp,
}

impl Row for LogGroup {
    type Id = LogGroupId;
    const TABLE: &'static str = "logs_group";

    fn id(&self) -> LogGroupId {
        LogGroupId::of(&self.scope, &self.name)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
    }
}
