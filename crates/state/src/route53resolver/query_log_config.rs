//! Resolver query logging: where the queries of which VPCs are logged.
//! [Resolver query logging](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs.html)

use serde::{Deserialize, Serialize};

use super::Progress;
use crate::ec2::VpcId;
use crate::id::id;
use crate::logs::LogGroupId;
use crate::{Keys, Row, Scope, Timestamp};

id!(QueryLogConfigId, "rqlc", "a resolver query logging configuration");
id!(QueryLogAssociationId, "rqlca", "the association of a query logging configuration with a VPC");

/// A resolver query logging configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryLogConfig {
    /// Its id.
    pub id: QueryLogConfigId,
    /// Account and region.
    pub scope: Scope,
    /// What the creator called its request; another one with the same name is refused.
    pub creator_request_id: String,
    /// The user's name for it.
    pub name: String,
    /// The log group's ARN, as the user gave it.
    pub destination: String,
    /// The log group.
    pub log_group: LogGroupId,
    /// When it was created.
    pub created: Timestamp,
}

impl Row for QueryLogConfig {
    type Id = QueryLogConfigId;
    const TABLE: &'static str = "resolver_query_log_config";

    fn id(&self) -> QueryLogConfigId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("creator_request", &format!("{}/{}", self.scope, self.creator_request_id));
        keys.add("log_group", self.log_group.as_str());
    }
}

/// A VPC whose queries are logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryLogAssociation {
    /// Its id.
    pub id: QueryLogAssociationId,
    /// Account and region.
    pub scope: Scope,
    /// The configuration.
    pub config: QueryLogConfigId,
    /// The VPC.
    pub vpc: VpcId,
    /// Where it is in its life.
    pub progress: Progress,
    /// When it was created.
    pub created: Timestamp,
}

impl Row for QueryLogAssociation {
    type Id = QueryLogAssociationId;
    const TABLE: &'static str = "resolver_query_log_association";

    fn id(&self) -> QueryLogAssociationId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("config", self.config.as_str());
        keys.add("vpc", self.vpc.as_str());
        self.progress.index(keys);
    }
}
