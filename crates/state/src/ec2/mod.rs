//! EC2: VPCs and what lives in them. One file per resource; the same noun is used in every layer.

mod address;
mod client_token;
mod counter;
mod dhcp_options;
mod image;
mod instance;
mod internet_gateway;
mod key_pair;
mod managed_prefix_list;
mod nat_gateway;
mod network_acl;
mod network_insights;
mod network_interface;
mod route_table;
mod security_group;
mod subnet;
mod volume;
mod vpc;
mod vpc_peering_connection;

pub use address::{Address, AddressAssociation, AddressId, EipAssociationId, INTERNET_HOSTS, PUBLIC_POOL};
pub use client_token::{ClientToken, ClientTokenKey};
pub use counter::{Counter, CounterKey};
pub use dhcp_options::{DhcpConfiguration, DhcpOptions, DhcpOptionsId};
pub use image::{Image, ImageId};
pub use instance::{
    Instance, InstanceId, InstanceState, MetadataOptions, ReservationId, StateReason, StateReasonCode,
};
pub use internet_gateway::{InternetGateway, InternetGatewayId};
pub use key_pair::{KeyPair, KeyPairId, KeyPairKind};
pub use managed_prefix_list::{
    ManagedPrefixList, PrefixListEntry, PrefixListId, PrefixListState, PrefixListVersion,
    PrefixListVersionKey,
};
pub use nat_gateway::{Connectivity, NatGateway, NatGatewayAddress, NatGatewayId, NatGatewayState};
pub use network_acl::{AclAssociationId, AclEntry, NetworkAcl, NetworkAclId};
pub use network_insights::{
    NetworkInsightsAnalysis, NetworkInsightsAnalysisId, NetworkInsightsPath, NetworkInsightsPathId,
    PathExplanation, PathHeader, PathHop, PathRule,
};
pub use network_interface::{
    Attachment, AttachmentId, InterfaceKind, NetworkInterface, NetworkInterfaceId, PrivateAddress,
};
pub use route_table::{Route, RouteTable, RouteTableAssociationId, RouteTableId, RouteTarget};
pub use security_group::{RulePeer, SecurityGroup, SecurityGroupId, SecurityGroupRule, SecurityGroupRuleId};
pub use subnet::{Subnet, SubnetCidrReservation, SubnetCidrReservationId, SubnetId};
pub use volume::{Volume, VolumeAttachment, VolumeId, VolumeModification, VolumeSpec};
pub use vpc::{CidrAssociation, CidrAssociationId, RegionDefaults, RegionDefaultsKey, Tenancy, Vpc, VpcId};
pub use vpc_peering_connection::{PeeringSide, PeeringState, VpcPeeringConnection, VpcPeeringConnectionId};
