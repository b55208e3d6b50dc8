//! What becomes of rows when the data plane has followed.
//!
//! | row | becomes | when its generation is realised |
//! |---|---|---|
//! | endpoint creating, updating | operational | with its new addresses attached and its old ones gone |
//! | endpoint deleting | gone | with its network interfaces |
//! | rule updating | complete | |
//! | rule association creating, deleting | complete, gone | |
//! | query log association creating, deleting | active, gone | |
//! | resolver configuration | enabled, disabled | |

use enishi_state::ec2::VpcId;
use enishi_state::route53resolver::{
    Progress, QueryLogAssociation, QueryLogAssociationId, ResolverConfig, ResolverEndpoint,
    ResolverEndpointId, ResolverRule, ResolverRuleAssociation, ResolverRuleAssociationId, ResolverRuleId,
};
use enishi_state::{Holds, Row, Tx, World};

use super::{resolver_endpoint, traced};

/// Something that the data plane has followed.
#[derive(Debug)]
pub(crate) enum Step {
    /// An endpoint.
    Endpoint(ResolverEndpointId),
    /// A rule.
    Rule(ResolverRuleId),
    /// A rule's association.
    RuleAssociation(ResolverRuleAssociationId),
    /// A query logging configuration's association.
    QueryLogAssociation(QueryLogAssociationId),
    /// The configuration of a VPC's resolver.
    Config(VpcId),
}

/// Finds what is due when the data plane has realised a generation.
pub(crate) fn due(world: &World, realised_generation: u64, found: &mut dyn FnMut(Step)) {
    let is_realised =
        |progress: Progress| progress.awaits().is_some_and(|generation| generation <= realised_generation);
    for row in unsettled::<ResolverEndpoint>(world).filter(|row| is_realised(row.progress)) {
        found(Step::Endpoint(row.id.clone()));
    }
    for row in unsettled::<ResolverRule>(world).filter(|row| is_realised(row.progress)) {
        found(Step::Rule(row.id.clone()));
    }
    for row in unsettled::<ResolverRuleAssociation>(world).filter(|row| is_realised(row.progress)) {
        found(Step::RuleAssociation(row.id.clone()));
    }
    for row in unsettled::<QueryLogAssociation>(world).filter(|row| is_realised(row.progress)) {
        found(Step::QueryLogAssociation(row.id.clone()));
    }
    for row in unsettled::<ResolverConfig>(world).filter(|row| is_realised(row.progress)) {
        found(Step::Config(row.vpc.clone()));
    }
}

fn unsettled<R: Row>(world: &World) -> impl Iterator<Item = &R>
where
    World: Holds<R>,
{
    world.by::<R>("unsettled", "")
}

/// Moves a row on.
pub(crate) fn take(tx: &mut Tx<'_>, step: Step) {
    match step {
        Step::Endpoint(id) => resolver_endpoint::settle(tx, &id),
        Step::Rule(id) => {
            let message = traced(tx, "Successfully updated Resolver Rule.");
            tx.modify::<ResolverRule>(&id, |row| {
                row.progress = Progress::Ready;
                row.message = message;
            });
        }
        Step::RuleAssociation(id) => settle_rule_association(tx, &id),
        Step::QueryLogAssociation(id) => {
            let row = tx.world().get::<QueryLogAssociation>(&id);
            match row.is_some_and(|row| row.progress.is_live()) {
                true => tx.modify::<QueryLogAssociation>(&id, |row| row.progress = Progress::Ready),
                false => tx.remove::<QueryLogAssociation>(&id),
            };
        }
        Step::Config(vpc) => {
            tx.modify::<ResolverConfig>(&vpc, |row| row.progress = Progress::Ready);
        }
    }
}

fn settle_rule_association(tx: &mut Tx<'_>, id: &ResolverRuleAssociationId) {
    let row = tx.world().get::<ResolverRuleAssociation>(id);
    match row.is_some_and(|row| row.progress.is_live()) {
        true => tx.modify::<ResolverRuleAssociation>(id, |row| {
            row.progress = Progress::Ready;
            row.message.clear();
        }),
        false => tx.remove::<ResolverRuleAssociation>(id),
    };
}
