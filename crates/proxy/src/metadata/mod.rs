//! The instance metadata service at 169.254.169.254, versions 1 and 2.
//!
//! AWS promises (EC2 guide, "Use the Instance Metadata Service to access instance metadata"): any process of an instance
//! reads about its own instance; version 2 wants a session token that a `PUT` obtains, refuses requests that passed a
//! proxy, and answers the token with a limited hop count, so that it does not leave the instance.
//!
//! One listener per VPC router serves all its instances; the source address says which one asks, and the router's source
//! check makes that address sound. [`core`] decides, [`serve`] moves bytes, [`tree`] lists what can be read.
//!
//! Invariant: an answer depends only on the instance that asks, its token and the time.
//!
//! Tested in this module and end to end by the scenarios under `tests/`.

pub mod core;
pub mod serve;
pub mod tree;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use enishi_fabric::{Cidr, Mac};

/// What the service knows of one instance: plain data, made anew for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceMetadata {
    /// The owner's account id.
    pub account: String,
    /// The region's name.
    pub region: String,
    /// The zone's name and its id.
    pub zone: (String, String),
    /// The image (`ami-…`).
    pub image: String,
    /// The place in its reservation.
    pub launch_index: u32,
    /// The instance (`i-…`).
    pub instance: String,
    /// The type (`t3.micro`).
    pub instance_type: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The reservation (`r-…`).
    pub reservation: String,
    /// Seconds since the epoch of the launch, as RFC 3339 text.
    pub launched: String,
    /// Key pair name and public key in OpenSSH form.
    pub key: Option<(String, String)>,
    /// User data, decoded.
    pub user_data: Option<Vec<u8>>,
    /// Its tags; empty unless the instance allows reading them.
    pub tags: BTreeMap<String, String>,
    /// Its network interfaces in device order; the first is the primary.
    pub interfaces: Vec<InterfaceMetadata>,
    /// How the service answers this instance.
    pub options: Options,
}

/// What the service knows of one network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceMetadata {
    /// The network interface (`eni-…`).
    pub id: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// `eth{n}`.
    pub device: u8,
    /// The owner's account id.
    pub owner: String,
    /// Its private host name.
    pub hostname: String,
    /// Its private addresses, the primary first.
    pub private_ips: Vec<Ipv4Addr>,
    /// Public addresses by the private address they are mapped to.
    pub public_ips: BTreeMap<Ipv4Addr, Ipv4Addr>,
    /// The public host name, if it has a public address and the VPC gives names.
    pub public_hostname: Option<String>,
    /// The subnet and its block.
    pub subnet: (String, Cidr),
    /// The VPC and its blocks.
    pub vpc: (String, Vec<Cidr>),
    /// Names and ids of its security groups.
    pub groups: Vec<(String, String)>,
}

/// `MetadataOptions` of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// `HttpEndpoint` is `enabled`.
    pub enabled: bool,
    /// `HttpTokens` is `required`.
    pub tokens_required: bool,
    /// `HttpPutResponseHopLimit`, 1 to 64.
    pub hop_limit: u8,
    /// `InstanceMetadataTags` is `enabled`.
    pub tags: bool,
}
