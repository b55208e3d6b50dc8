//! VPC peering connections. [What is VPC peering?](https://docs.aws.amazon.com/vpc/latest/peering/what-is-vpc-peering.html)

use serde::{Deserialize, Serialize};

use super::VpcId;
use crate::id::id;
use crate::{AccountId, Keys, Row, Scope, Timestamp};

id!(VpcPeeringConnectionId, "pcx", "a VPC peering connection");

const EXPIRY_SECONDS: i64 = 7 * 24 * 3600;

/// A connection of two VPCs, of one or of two accounts and regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcPeeringConnection {
    /// Its id.
    pub id: VpcPeeringConnectionId,
    /// A number that no other VPC peering connection has at the same time; interface names are made of it.
    pub slot: u32,
    /// The side that asked for it.
    pub requester: PeeringSide,
    /// The side that was asked.
    pub accepter: PeeringSide,
    /// Where it is in its life.
    pub state: PeeringState,
    /// Since when.
    pub since: Timestamp,
}

/// One of the two VPCs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeeringSide {
    /// Account and region.
    pub scope: Scope,
    /// The VPC. It may be gone once the connection has ended; that of an accepter may never have been there.
    pub vpc: VpcId,
    /// Whether host names of this VPC, public ones too, stand for private addresses in the other one, and its addresses have their
    /// names there: `AllowDnsResolutionFromRemoteVpc`.
    pub allow_dns_resolution: bool,
}

/// The life of a VPC peering connection.
/// [Lifecycle](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-lifecycle)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeeringState {
    /// The accepter's owner has to accept it.
    PendingAcceptance,
    /// It carries packets.
    Active,
    /// The accepter's owner did not want it.
    Rejected,
    /// One of the owners deleted it.
    Deleted {
        /// Who.
        by: AccountId,
    },
    /// Nobody accepted it in time.
    Expired,
    /// It could not be: the accepter's VPC is not there, or the blocks of both overlap.
    Failed,
}

impl PeeringState {
    /// Whether it is over: only shown for a while.
    pub fn is_ended(&self) -> bool {
        !matches!(self, PeeringState::PendingAcceptance | PeeringState::Active)
    }
}

impl VpcPeeringConnection {
    /// Whether it carries packets.
    pub fn is_active(&self) -> bool {
        self.state == PeeringState::Active
    }

    /// When the request expires, if it waits: "If no action is taken, the request expires after 7 days".
    pub fn expires(&self) -> Option<Timestamp> {
        let is_pending = self.state == PeeringState::PendingAcceptance;
        is_pending.then(|| self.since.plus_seconds(EXPIRY_SECONDS))
    }

    /// Whether the account's region takes part. Of a request that failed nobody knows but who made it.
    pub fn is_of(&self, scope: &Scope) -> bool {
        let is_asked = self.accepter.scope == *scope && self.state != PeeringState::Failed;
        self.requester.scope == *scope || is_asked
    }

    /// A VPC's own side and the other one; `None`: it takes no part.
    pub fn sides(&self, vpc: &VpcId) -> Option<(&PeeringSide, &PeeringSide)> {
        match (self.requester.vpc == *vpc, self.accepter.vpc == *vpc) {
            (true, _) => Some((&self.requester, &self.accepter)),
            (_, true) => Some((&self.accepter, &self.requester)),
            _ => None,
        }
    }

    /// Whether the VPCs are in different regions.
    pub fn is_inter_region(&self) -> bool {
        self.requester.scope.region != self.accepter.scope.region
    }
}

impl Row for VpcPeeringConnection {
    type Id = VpcPeeringConnectionId;
    const TABLE: &'static str = "vpc_peering_connection";

    fn id(&self) -> VpcPeeringConnectionId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("slot", &self.slot.to_string());
        for side in [&self.requester, &self.accepter] {
            keys.add("scope", &side.scope.to_string());
            keys.add("vpc", side.vpc.as_str());
            if self.is_active() {
                keys.add("active", side.vpc.as_str());
            }
        }
        match self.state {
            PeeringState::PendingAcceptance => keys.add("pending", ""),
            PeeringState::Active => {}
            _ => keys.add("ended", ""),
        }
    }
}
