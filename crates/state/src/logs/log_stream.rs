//! Log streams: the events of one source, in order.

use serde::{Deserialize, Serialize};

use super::LogGroupId;
use crate::id::name_id;
use crate::{Keys, Row, Timestamp};

name_id!(LogStreamId, "a log stream: account/region:group:name");

impl LogStreamId {
    /// The id of the stream of that name. Neither name has a colon. Ids sort by name within a group.
    pub fn of(group: &LogGroupId, name: &str) -> Self {
        LogStreamId::new(&format!("{group}:{name}"))
    }
}

/// A log stream. When its events were is known to the event store only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStream {
    /// Its group.
    pub group: LogGroupId,
    /// Its name, unique in the group.
    pub name: String,
    /// What its events are stored under. Random, as [`super::LogGroup::uid`].
    pub uid: u64,
    /// When it was created.
    pub created: Timestamp,
}

impl Row for LogStream {
    type Id = LogStreamId;
    const TABLE: &'static str = "logs_stream";

    fn id(&self) -> LogStreamId {
        LogStreamId::of(&self.group, &self.name)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("group", self.group.as_str());
    }
}
