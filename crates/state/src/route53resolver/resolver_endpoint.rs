//! Resolver endpoints: where DNS queries come into a VPC from other networks, or leave it for them.
//! [Forwarding inbound DNS queries](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-forwarding-inbound-queries.html),
//! [outbound](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-forwarding-outbound-queries.html)

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::Progress;
use crate::ec2::{NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};
use crate::id::{digits, id, name_id};
use crate::{Entropy, Keys, Row, Scope, Timestamp};

name_id!(ResolverEndpointId, "a resolver endpoint: `rslvr-in-…` or `rslvr-out-…`");
id!(IpAddressId, "rni", "an address of a resolver endpoint");

/// Which way queries go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From other networks to the VPC's resolver.
    Inbound,
    /// From the VPC's resolver to name servers that rules name.
    Outbound,
}

impl ResolverEndpointId {
    /// A fresh random id.
    pub fn generate(direction: Direction, entropy: &mut dyn Entropy) -> Self {
        let prefix = match direction {
            Direction::Inbound => "rslvr-in",
            Direction::Outbound => "rslvr-out",
        };
        ResolverEndpointId::new(&format!("{prefix}-{}", digits(entropy)))
    }
}

/// Where an address is in its life. What it waits for is the generation of its endpoint's [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressState {
    /// Its network interface is being built.
    Creating,
    /// In use.
    Attached,
    /// Its network interface is being removed.
    Detaching,
}

/// An address of a resolver endpoint, with a network interface of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointAddress {
    /// Its id.
    pub id: IpAddressId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// The address.
    pub ip: Ipv4Addr,
    /// The network interface that has it.
    pub network_interface: NetworkInterfaceId,
    /// Where it is in its life.
    pub state: AddressState,
    /// When it was added.
    pub created: Timestamp,
    /// When its state changed last.
    pub modified: Timestamp,
}

/// A resolver endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverEndpoint {
    /// Its id.
    pub id: ResolverEndpointId,
    /// Account and region.
    pub scope: Scope,
    /// What the creator called its request; another one with the same name is refused.
    pub creator_request_id: String,
    /// The user's name for it.
    pub name: Option<String>,
    /// Which way queries go.
    pub direction: Direction,
    /// The VPC of its subnets.
    pub vpc: VpcId,
    /// The security groups of its network interfaces.
    pub groups: Vec<SecurityGroupId>,
    /// Its addresses in the order in which they were added.
    pub addresses: Vec<EndpointAddress>,
    /// Where it is in its life.
    pub progress: Progress,
    /// AWS's words about that.
    pub message: String,
    /// Whether metrics per address were asked for. Kept only: there is no CloudWatch.
    pub address_metrics: bool,
    /// Whether metrics per target were asked for. Kept only.
    pub target_metrics: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When it was changed last.
    pub modified: Timestamp,
}

impl ResolverEndpoint {
    /// Its addresses that are part of the network.
    pub fn live_addresses(&self) -> impl Iterator<Item = &EndpointAddress> {
        let live = self.progress.is_live();
        self.addresses.iter().filter(move |address| live && address.state != AddressState::Detaching)
    }

    /// Whether the network interface is one of its, and part of the network.
    pub fn uses(&self, interface: &NetworkInterfaceId) -> bool {
        self.live_addresses().any(|address| address.network_interface == *interface)
    }
}

impl Row for ResolverEndpoint {
    type Id = ResolverEndpointId;
    const TABLE: &'static str = "resolver_endpoint";

    fn id(&self) -> ResolverEndpointId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("creator_request", &format!("{}/{}", self.scope, self.creator_request_id));
        keys.add("vpc", self.vpc.as_str());
        for address in &self.addresses {
            keys.add("network_interface", address.network_interface.as_str());
        }
        self.progress.index(keys);
    }
}
