//! Internet gateways. [Internet gateways](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html)

use serde::{Deserialize, Serialize};

use super::VpcId;
use crate::id::id;
use crate::{Keys, Row, Scope};

id!(InternetGatewayId, "igw", "an internet gateway");

/// An internet gateway; attached to at most one VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Its id.
    pub id: InternetGatewayId,
    /// Account and region.
    pub scope: Scope,
    /// The VPC it is attached to.
    pub vpc: Option<VpcId>,
}

impl Row for InternetGateway {
    type Id = InternetGatewayId;
    const TABLE: &'static str = "internet_gateway";

    fn id(&self) -> InternetGatewayId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        if let Some(vpc) = &self.vpc {
            keys.add("vpc", vpc.as_str());
        }
    }
}
