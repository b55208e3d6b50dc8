//! What is set for the resolver of a VPC: whether it makes up reverse names.
//! [Autodefined rules](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-DSN-queries-to-vpc.html)

use serde::{Deserialize, Serialize};

use super::Progress;
use crate::ec2::VpcId;
use crate::{Keys, Row, Scope, World};

/// The settings of a VPC's resolver. A VPC without a row has the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverConfig {
    /// The VPC.
    pub vpc: VpcId,
    /// Account and region of the VPC.
    pub scope: Scope,
    /// Whether the resolver answers reverse lookups of the VPC's addresses by itself.
    pub autodefined_reverse: bool,
    /// How far the last change is.
    pub progress: Progress,
}

impl Row for ResolverConfig {
    type Id = VpcId;
    const TABLE: &'static str = "resolver_config";

    fn id(&self) -> VpcId {
        self.vpc.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        self.progress.index(keys);
    }
}

/// Whether the resolver of a VPC answers reverse lookups of the VPC's addresses by itself, which is the default.
pub fn has_autodefined_reverse(world: &World, vpc: &VpcId) -> bool {
    world.get::<ResolverConfig>(vpc).is_none_or(|row| row.autodefined_reverse)
}
