//! Elastic IP addresses. [Elastic IP addresses](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html)

use std::net::Ipv4Addr;

use enishi_fabric::Cidr;
use serde::{Deserialize, Serialize};

use super::NetworkInterfaceId;
use crate::id::id;
use crate::{Keys, Row, Scope, Timestamp};

id!(AddressId, "eipalloc", "the allocation of an Elastic IP");
id!(EipAssociationId, "eipassoc", "the association of an Elastic IP");

/// Where public addresses come from: the benchmarking block of RFC 2544, which the real internet does not route.
pub const PUBLIC_POOL: Cidr = Cidr::literal([198, 18, 0, 0], 15);

/// The part of [`PUBLIC_POOL`] that belongs to the simulated internet's own hosts. Elastic IPs and automatic public
/// addresses start behind it, at 198.18.1.0.
pub const INTERNET_HOSTS: Cidr = Cidr::literal([198, 18, 0, 0], 24);

/// An Elastic IP address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Its allocation id.
    pub id: AddressId,
    /// Account and region.
    pub scope: Scope,
    /// The public address.
    pub public_ip: Ipv4Addr,
    /// What it is mapped to.
    pub association: Option<AddressAssociation>,
    /// When it was allocated.
    pub allocated: Timestamp,
    /// The reverse DNS name, if the user set one.
    pub ptr_record: Option<String>,
    /// `network_border_group`, as a rule the region.
    pub network_border_group: String,
}

/// The mapping of an Elastic IP to a private address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressAssociation {
    /// Its id.
    pub id: EipAssociationId,
    /// The network interface.
    pub network_interface: NetworkInterfaceId,
    /// The private address on it.
    pub private_ip: Ipv4Addr,
}

impl Row for Address {
    type Id = AddressId;
    const TABLE: &'static str = "address";

    fn id(&self) -> AddressId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("public_ip", &self.public_ip.to_string());
        if let Some(association) = &self.association {
            keys.add("association", association.id.as_str());
            keys.add("network_interface", association.network_interface.as_str());
        }
    }
}
