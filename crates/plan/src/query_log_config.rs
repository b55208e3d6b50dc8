//! Query logging: where the queries of a VPC are logged.
//! [Resolver query logging](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs.html)

use std::collections::BTreeSet;
use std::sync::Arc;

use enishi_state::World;
use enishi_state::ec2::VpcId;
use enishi_state::route53resolver::QueryLogAssociation;

/// The ids of the query logging configurations of a VPC.
pub(crate) fn compile(world: &World, vpc: &VpcId) -> BTreeSet<Arc<str>> {
    let associations = world.by::<QueryLogAssociation>("vpc", vpc.as_str());
    let live = associations.filter(|association| association.progress.is_live());
    live.map(|association| association.config.as_str().into()).collect()
}
