//! NAT gateways. [NAT gateways](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html)

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{AddressId, EipAssociationId, NetworkInterfaceId, SubnetId, VpcId};
use crate::id::id;
use crate::{Keys, Row, Scope, Timestamp};

id!(NatGatewayId, "nat", "a NAT gateway");

/// Whether a NAT gateway leads to the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Connectivity {
    /// With Elastic IPs.
    Public,
    /// Private addresses only.
    Private,
}

/// The life of a NAT gateway. A failed or deleted one is shown for about an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NatGatewayState {
    /// Being built: until the data plane has realised the generation.
    Pending {
        /// The generation that made it.
        generation: u64,
    },
    /// It forwards.
    Available,
    /// Being removed: until the data plane has realised the generation.
    Deleting {
        /// The generation that removes it.
        generation: u64,
    },
    /// Gone.
    Deleted,
    /// It could not be built; AWS's failure code and message.
    Failed {
        /// The code, such as `Gateway.NotAttached`.
        code: String,
        /// The message.
        message: String,
    },
}

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGateway {
    /// Its id.
    pub id: NatGatewayId,
    /// Account and region.
    pub scope: Scope,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Public or private.
    pub connectivity: Connectivity,
    /// Where it is in its life.
    pub state: NatGatewayState,
    /// Its network interface.
    pub network_interface: NetworkInterfaceId,
    /// Its addresses, the primary first.
    pub addresses: Vec<NatGatewayAddress>,
    /// When it was created.
    pub created: Timestamp,
    /// When its deletion was asked for.
    pub deleted: Option<Timestamp>,
}

impl NatGateway {
    /// Whether it is part of the network: pending or available.
    pub fn is_live(&self) -> bool {
        matches!(self.state, NatGatewayState::Pending { .. } | NatGatewayState::Available)
    }
}

/// An address of a NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayAddress {
    /// The private address on its network interface.
    pub private_ip: Ipv4Addr,
    /// The Elastic IP, for a public gateway.
    pub allocation: Option<AddressId>,
    /// The Elastic IP's address.
    pub public_ip: Option<Ipv4Addr>,
    /// The association of the Elastic IP.
    pub association: Option<EipAssociationId>,
}

impl Row for NatGateway {
    type Id = NatGatewayId;
    const TABLE: &'static str = "nat_gateway";

    fn id(&self) -> NatGatewayId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("vpc", self.vpc.as_str());
        keys.add("subnet", self.subnet.as_str());
        keys.add("network_interface", self.network_interface.as_str());
        match self.state {
            NatGatewayState::Pending { .. } | NatGatewayState::Deleting { .. } => keys.add("unsettled", ""),
            NatGatewayState::Deleted | NatGatewayState::Failed { .. } => keys.add("ended", ""),
            NatGatewayState::Available => {}
        }
    }
}
