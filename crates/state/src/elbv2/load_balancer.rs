//! Load balancers.
//! [Application Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html),
//! [Network Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html)

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::attribute::{self, Attributes};
use crate::ec2::{AddressId, NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};
use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp};

name_id!(LoadBalancerArn, "a load balancer: `arn:…:loadbalancer/app/NAME/ID`");

/// The kinds of load balancers of this API that Enishi has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadBalancerKind {
    /// `application`
    Application,
    /// `network`
    Network,
}

/// Who can reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Its nodes have public addresses.
    InternetFacing,
    /// Its nodes have private addresses only.
    Internal,
}

/// Where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadBalancerState {
    /// Being built: until the data plane has realised the generation.
    Provisioning {
        /// The generation that made it.
        generation: u64,
    },
    /// In force.
    Active,
}

/// A zone that is enabled: a node, with a network interface in a subnet of that zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerZone {
    /// The zone: `us-east-1a`.
    pub zone: String,
    /// The subnet.
    pub subnet: SubnetId,
    /// The node's network interface.
    pub network_interface: NetworkInterfaceId,
    /// The Elastic IP that the user chose for it (Network only).
    pub allocation: Option<AddressId>,
    /// The private address that the user chose for it (internal Network only).
    pub private_address: Option<Ipv4Addr>,
}

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: LoadBalancerArn,
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in the scope.
    pub name: String,
    /// Of which kind it is.
    pub kind: LoadBalancerKind,
    /// Who can reach it.
    pub scheme: Scheme,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its zones, in the order of their names.
    pub zones: Vec<LoadBalancerZone>,
    /// Its security groups. A Network Load Balancer that was made without any never has any.
    pub groups: Vec<SecurityGroupId>,
    /// The first label of its DNS name: `NAME-1234567890` or `internal-NAME-1234567890`; a Network Load Balancer's ends with
    /// 16 hexadecimal digits.
    pub dns_label: String,
    /// Where it is in its life.
    pub state: LoadBalancerState,
    /// What was set for it.
    pub attributes: Attributes,
    /// Whether groups are asked also about traffic that comes by PrivateLink (Network only).
    pub enforces_groups_on_private_link: Option<bool>,
    /// When it was created.
    pub created: Timestamp,
}

impl LoadBalancer {
    /// `app/NAME/ID` or `net/NAME/ID`: what metrics, logs and descriptions of network interfaces call it.
    pub fn id_text(&self) -> &str {
        self.arn.as_str().split_once(":loadbalancer/").map_or(self.arn.as_str(), |(_, id)| id)
    }

    /// Its DNS name, without a final dot. Classic and Application Load Balancers have `elb` behind the region, Network Load
    /// Balancers before it.
    pub fn dns_name(&self) -> String {
        let region = &self.scope.region;
        match self.kind {
            LoadBalancerKind::Application => format!("{}.{region}.elb.amazonaws.com", self.dns_label),
            LoadBalancerKind::Network => format!("{}.elb.{region}.amazonaws.com", self.dns_label),
        }
    }

    /// The attribute's value, set or not.
    pub fn attribute(&self, key: &str) -> &str {
        let defaults = match self.kind {
            LoadBalancerKind::Application => attribute::APPLICATION,
            LoadBalancerKind::Network => attribute::NETWORK,
        };
        attribute::value(&self.attributes, defaults, key)
    }

    /// The zone whose node has this network interface.
    pub fn zone_of(&self, interface: &NetworkInterfaceId) -> Option<&LoadBalancerZone> {
        self.zones.iter().find(|zone| zone.network_interface == *interface)
    }
}

impl Row for LoadBalancer {
    type Id = LoadBalancerArn;
    const TABLE: &'static str = "load_balancer";

    fn id(&self) -> LoadBalancerArn {
        self.arn.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("name", &format!("{}/{}", self.scope, self.name));
        keys.add("vpc", self.vpc.as_str());
        keys.add("dns_name", &self.dns_name().to_ascii_lowercase());
        for zone in &self.zones {
            keys.add("network_interface", zone.network_interface.as_str());
            keys.add("subnet", zone.subnet.as_str());
        }
        for group in &self.groups {
            keys.add("group", group.as_str());
        }
        if matches!(self.state, LoadBalancerState::Provisioning { .. }) {
            keys.add("unsettled", "");
        }
    }
}
