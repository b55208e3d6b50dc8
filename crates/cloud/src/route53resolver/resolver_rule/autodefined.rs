//! The rule that every VPC has without being asked: what no other rule is for goes to the internet's name servers.
//! [Autodefined rules](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-DSN-queries-to-vpc.html)

use enishi_api::route53resolver::{ResolverRule, ResolverRuleAssociation};
use enishi_state::Scope;
use enishi_state::ec2::VpcId;

use super::super::text;

/// The rule's id.
pub(super) const INTERNET_RESOLVER: &str = "rslvr-autodefined-rr-internet-resolver";
const ASSOCIATION_PREFIX: &str = "rslvr-autodefined-assoc-";
const ASSOCIATION_SUFFIX: &str = "-internet-resolver";

/// The rule as it is shown.
pub(super) fn rule(scope: &Scope) -> ResolverRule {
    ResolverRule {
        id: text(INTERNET_RESOLVER),
        creator_request_id: text(""),
        arn: text(format_args!(
            "arn:aws:route53resolver:{}::autodefined-rule/{INTERNET_RESOLVER}",
            scope.region
        )),
        domain_name: text("."),
        status: text("COMPLETE"),
        rule_type: text("RECURSIVE"),
        name: text("Internet Resolver"),
        owner_id: text("Route 53 Resolver"),
        share_status: text("NOT_SHARED"),
        ..Default::default()
    }
}

/// Its association with a VPC.
pub(super) fn association(vpc: &VpcId) -> ResolverRuleAssociation {
    ResolverRuleAssociation {
        id: text(format_args!("{ASSOCIATION_PREFIX}{vpc}{ASSOCIATION_SUFFIX}")),
        resolver_rule_id: text(INTERNET_RESOLVER),
        name: text("System Rule Association"),
        vpc_id: text(vpc),
        status: text("COMPLETE"),
        status_message: text(""),
    }
}

/// The VPC whose association with the rule has this id.
pub(super) fn associated_vpc(id: &str) -> Option<&str> {
    id.strip_prefix(ASSOCIATION_PREFIX)?.strip_suffix(ASSOCIATION_SUFFIX)
}
