//! Resolver rules, and the VPCs that they are associated with.
//! [Using rules to specify which domain names to forward](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-vpc-to-network.html)

use std::net::Ipv4Addr;

use enishi_fabric::dns::Name;
use serde::{Deserialize, Serialize};

use super::{Progress, ResolverEndpointId};
use crate::ec2::VpcId;
use crate::id::id;
use crate::{Keys, Row, Scope, Timestamp};

id!(ResolverRuleId, "rslvr-rr", "a resolver rule");
id!(ResolverRuleAssociationId, "rslvr-rrassoc", "the association of a resolver rule with a VPC");

/// What a rule does with the queries for its domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleType {
    /// They go to the rule's targets.
    Forward,
    /// They are resolved as if no rule of a parent domain forwarded them.
    System,
}

/// A name server that a rule forwards to, spoken to by DNS over UDP and TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its port.
    pub port: u16,
}

/// A resolver rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverRule {
    /// Its id.
    pub id: ResolverRuleId,
    /// Account and region.
    pub scope: Scope,
    /// What the creator called its request; another one with the same name is refused.
    pub creator_request_id: String,
    /// The user's name for it.
    pub name: Option<String>,
    /// What it does.
    pub rule_type: RuleType,
    /// The domain: queries for it and for all names below it.
    pub domain: Name,
    /// Where queries go; empty unless it forwards.
    pub targets: Vec<Target>,
    /// The outbound endpoint that they leave by; always there when it forwards.
    pub endpoint: Option<ResolverEndpointId>,
    /// Where it is in its life.
    pub progress: Progress,
    /// AWS's words about that.
    pub message: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was changed last.
    pub modified: Timestamp,
}

impl Row for ResolverRule {
    type Id = ResolverRuleId;
    const TABLE: &'static str = "resolver_rule";

    fn id(&self) -> ResolverRuleId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("creator_request", &format!("{}/{}", self.scope, self.creator_request_id));
        if let Some(endpoint) = &self.endpoint {
            keys.add("endpoint", endpoint.as_str());
        }
        self.progress.index(keys);
    }
}

/// A resolver rule that holds in a VPC. Of the rules of a VPC no two have the same domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverRuleAssociation {
    /// Its id.
    pub id: ResolverRuleAssociationId,
    /// Account and region.
    pub scope: Scope,
    /// The rule.
    pub rule: ResolverRuleId,
    /// The VPC.
    pub vpc: VpcId,
    /// The user's name for it.
    pub name: Option<String>,
    /// Where it is in its life.
    pub progress: Progress,
    /// AWS's words about that.
    pub message: String,
}

impl Row for ResolverRuleAssociation {
    type Id = ResolverRuleAssociationId;
    const TABLE: &'static str = "resolver_rule_association";

    fn id(&self) -> ResolverRuleAssociationId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("rule", self.rule.as_str());
        keys.add("vpc", self.vpc.as_str());
        self.progress.index(keys);
    }
}
