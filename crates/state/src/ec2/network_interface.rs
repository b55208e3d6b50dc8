//! Elastic network interfaces. [Elastic network interfaces](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html)

use std::net::Ipv4Addr;

use enishi_fabric::Mac;
use serde::{Deserialize, Serialize};

use super::{InstanceId, SecurityGroupId, SubnetId, VpcId};
use crate::id::id;
use crate::{AccountId, Keys, Row, Scope, Timestamp};

id!(NetworkInterfaceId, "eni", "a network interface");
id!(AttachmentId, "eni-attach", "the attachment of a network interface");

/// What a network interface is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InterfaceKind {
    /// An instance's, or free.
    Interface,
    /// A NAT gateway's: not behind security groups, and managed by AWS.
    NatGateway,
    /// A resolver endpoint's: behind security groups, and managed by AWS, which shows it as a plain `interface`.
    ResolverEndpoint,
    /// An Application or Classic Load Balancer's: behind security groups, and managed by AWS, which shows it as a plain
    /// `interface`.
    LoadBalancer,
    /// A Network Load Balancer's: behind security groups if the load balancer has any, and managed by AWS. What it sends has
    /// its clients' addresses.
    NetworkLoadBalancer,
}

/// A network interface: addresses in a subnet, and who uses them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// Account and region.
    pub scope: Scope,
    /// A number that no other network interface has at the same time; the router's end of its veth pair is `e{slot}`.
    pub slot: u32,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its zone, the subnet's.
    pub zone: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// What it is for.
    pub kind: InterfaceKind,
    /// The user's (or AWS's) words.
    pub description: String,
    /// Its security groups; empty for a NAT gateway's.
    pub groups: Vec<SecurityGroupId>,
    /// Whether it drops foreign sources and destinations.
    pub source_dest_check: bool,
    /// Its private addresses, the primary first. Never empty.
    pub addresses: Vec<PrivateAddress>,
    /// An automatically assigned public address of the primary private address; an associated Elastic IP replaces it.
    pub auto_public_ip: Option<Ipv4Addr>,
    /// Whether it was launched with an automatic public address: it gets another when its instance is started again, or
    /// when the Elastic IP that replaced it is taken away.
    pub wants_public_ip: bool,
    /// Who uses it.
    pub attachment: Option<Attachment>,
    /// Who asked for it, when AWS did it for a service.
    pub requester: Option<String>,
}

/// A private address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateAddress {
    /// The address.
    pub ip: Ipv4Addr,
}

/// The attachment of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// The instance; `None` for an interface that AWS attached for a service (NAT gateway, resolver endpoint).
    pub instance: Option<InstanceId>,
    /// The account that owns the instance.
    pub instance_owner: AccountId,
    /// `eth{n}` in the instance or resolver endpoint.
    pub device_index: u8,
    /// Whether the interface goes when the instance does.
    pub delete_on_termination: bool,
    /// When it was attached.
    pub attached: Timestamp,
}

impl NetworkInterface {
    /// The primary private address.
    pub fn primary_ip(&self) -> Ipv4Addr {
        self.addresses.first().map_or(Ipv4Addr::UNSPECIFIED, |address| address.ip)
    }

    /// The instance it is attached to.
    pub fn instance(&self) -> Option<&InstanceId> {
        self.attachment.as_ref()?.instance.as_ref()
    }
}

impl Row for NetworkInterface {
    type Id = NetworkInterfaceId;
    const TABLE: &'static str = "network_interface";

    fn id(&self) -> NetworkInterfaceId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("slot", &self.slot.to_string());
        keys.add("vpc", self.vpc.as_str());
        keys.add("subnet", self.subnet.as_str());
        for group in &self.groups {
            keys.add("group", group.as_str());
        }
        for address in &self.addresses {
            keys.add("private_ip", &format!("{}/{}", self.vpc, address.ip));
        }
        if let Some(ip) = self.auto_public_ip {
            keys.add("public_ip", &ip.to_string());
        }
        if let Some(attachment) = &self.attachment {
            keys.add("attachment", attachment.id.as_str());
            if let Some(instance) = &attachment.instance {
                keys.add("instance", instance.as_str());
            }
        }
    }
}
