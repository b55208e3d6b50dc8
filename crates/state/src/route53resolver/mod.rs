//! Route 53 Resolver: endpoints, forwarding rules, query logging and what is set for a VPC.
//! [What is Route 53 VPC Resolver?](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver.html)

mod progress;
mod query_log_config;
mod resolver_config;
mod resolver_endpoint;
mod resolver_rule;

pub use progress::Progress;
pub use query_log_config::{QueryLogAssociation, QueryLogAssociationId, QueryLogConfig, QueryLogConfigId};
pub use resolver_config::{ResolverConfig, has_autodefined_reverse};
pub use resolver_endpoint::{
    AddressState, Direction, EndpointAddress, IpAddressId, ResolverEndpoint, ResolverEndpointId,
};
pub use resolver_rule::{
    ResolverRule, ResolverRuleAssociation, ResolverRuleAssociationId, ResolverRuleId, RuleType, Target,
};
