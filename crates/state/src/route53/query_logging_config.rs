//! Query logging of public zones. [Public DNS query logging](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html)

use serde::{Deserialize, Serialize};

use super::HostedZoneId;
use crate::id::name_id;
use crate::logs::LogGroupId;
use crate::{AccountId, Keys, Row};

name_id!(QueryLoggingConfigId, "a query logging configuration: a UUID");

/// The queries of a public zone are logged to a log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryLoggingConfig {
    /// Its id.
    pub id: QueryLoggingConfigId,
    /// The account that owns it and the zone.
    pub account: AccountId,
    /// The zone; no other configuration has it.
    pub zone: HostedZoneId,
    /// The log group, in `us-east-1`. It may have been deleted since; then nothing is logged.
    pub group: LogGroupId,
    /// The log group's ARN as it was given.
    pub arn: String,
}

impl Row for QueryLoggingConfig {
    type Id = QueryLoggingConfigId;
    const TABLE: &'static str = "route53_query_logging_config";

    fn id(&self) -> QueryLoggingConfigId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.account.as_str());
        keys.add("zone", self.zone.as_str());
    }
}
