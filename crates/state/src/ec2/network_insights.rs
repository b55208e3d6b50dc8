//! Reachability Analyzer: paths to look at, and what was found.
//! [What is Reachability Analyzer?](https://docs.aws.amazon.com/vpc/latest/reachability/what-is-reachability-analyzer.html)

use std::net::Ipv4Addr;

use enishi_fabric::{Cidr, Packet, Protocol, TrafficMatch};
use serde::{Deserialize, Serialize};

use super::{RulePeer, SecurityGroupRuleId};
use crate::id::id;
use crate::{Keys, Row, Scope, Timestamp};

id!(NetworkInsightsPathId, "nip", "a path of Reachability Analyzer");
id!(NetworkInsightsAnalysisId, "nia", "an analysis of Reachability Analyzer");

/// A path to analyse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInsightsPath {
    /// Its id.
    pub id: NetworkInsightsPathId,
    /// Account and region.
    pub scope: Scope,
    /// The instance, network interface or internet gateway that sends.
    pub source: String,
    /// The one that receives.
    pub destination: String,
    /// The source address, if it is said.
    pub source_ip: Option<Ipv4Addr>,
    /// The destination address, if it is said.
    pub destination_ip: Option<Ipv4Addr>,
    /// TCP, else UDP.
    pub is_tcp: bool,
    /// The destination port; `None`: any that passes.
    pub destination_port: Option<u16>,
    /// When it was created.
    pub created: Timestamp,
}

/// What was found about a path, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInsightsAnalysis {
    /// Its id.
    pub id: NetworkInsightsAnalysisId,
    /// Account and region.
    pub scope: Scope,
    /// The path.
    pub path: NetworkInsightsPathId,
    /// The ARNs of what the path has to lead through.
    pub filter_in: Vec<String>,
    /// When it was started, and ended.
    pub started: Timestamp,
    /// The way there; empty unless a packet arrives and its answer does.
    pub forward: Vec<PathHop>,
    /// The way of the answer.
    pub back: Vec<PathHop>,
    /// What is in the way; empty if nothing is.
    pub explanations: Vec<PathExplanation>,
}

/// A component that a path leads through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathHop {
    /// The component.
    pub component: String,
    /// What a network interface belongs to.
    pub attached_to: Option<String>,
    /// Its subnet.
    pub subnet: Option<String>,
    /// Its VPC.
    pub vpc: Option<String>,
    /// Of a peering: where the packet comes from and goes to.
    pub vpcs: Option<(String, String)>,
    /// The packet as it came.
    pub inbound: Option<PathHeader>,
    /// The packet as it went.
    pub outbound: Option<PathHeader>,
    /// What decided.
    pub rule: Option<PathRule>,
}

/// The header of a packet on a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathHeader {
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// The protocol's number.
    pub protocol: u8,
    /// The source port.
    pub source_port: Option<u16>,
    /// The destination port.
    pub destination_port: Option<u16>,
}

impl From<Packet> for PathHeader {
    fn from(packet: Packet) -> Self {
        PathHeader {
            source: packet.source,
            destination: packet.destination,
            protocol: match packet.transport.protocol() {
                Protocol::Number(number) => number,
                Protocol::All => 0,
            },
            source_port: packet.transport.source_port(),
            destination_port: packet.transport.destination_port(),
        }
    }
}

/// A rule as it was when it decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathRule {
    /// Of a network ACL.
    Acl {
        /// Its number; 32767 is the final rule.
        number: u16,
        /// Outbound instead of inbound.
        egress: bool,
        /// Whether it allows.
        allow: bool,
        /// What it covers.
        traffic: TrafficMatch,
        /// The source or destination.
        cidr: Cidr,
    },
    /// Of a security group.
    Group {
        /// The rule.
        id: SecurityGroupRuleId,
        /// Outbound instead of inbound.
        egress: bool,
        /// What it allows.
        traffic: TrafficMatch,
        /// The source or destination.
        peer: RulePeer,
    },
    /// A route.
    Route {
        /// Its destination.
        destination: Cidr,
        /// Where it leads: an AWS id, `local`, or `blackhole`.
        target: String,
    },
}

/// Why a path does not lead to its destination.
/// [Explanation codes](https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathExplanation {
    /// The code: `ENI_SG_RULES_MISMATCH`.
    pub code: String,
    /// What it is about, by AWS id: the prefix says what each is.
    pub components: Vec<String>,
    /// `ingress` or `egress`, where a rule or check is of one direction.
    pub egress: Option<bool>,
    /// An address that is in the way.
    pub address: Option<Ipv4Addr>,
    /// What decided.
    pub rule: Option<PathRule>,
}

impl Row for NetworkInsightsPath {
    type Id = NetworkInsightsPathId;
    const TABLE: &'static str = "network_insights_path";

    fn id(&self) -> NetworkInsightsPathId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
    }
}

impl Row for NetworkInsightsAnalysis {
    type Id = NetworkInsightsAnalysisId;
    const TABLE: &'static str = "network_insights_analysis";

    fn id(&self) -> NetworkInsightsAnalysisId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("path", self.path.as_str());
    }
}
