//! Health checks. [How Route 53 determines whether a health check is healthy](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html)

use std::net::{IpAddr, Ipv4Addr};

use enishi_fabric::Cidr;
use serde::{Deserialize, Serialize};

use crate::cloudwatch::AlarmId;
use crate::id::name_id;
use crate::{AccountId, Keys, Region, Row, Scope};

name_id!(HealthCheckId, "a health check: a UUID");

/// Where health checks come from: the checker of each region that has one, and its address, which belongs to the internet's
/// own hosts. In the order in which AWS lists the regions.
pub const CHECKERS: [(&str, Ipv4Addr); 8] = [
    ("us-east-1", Ipv4Addr::new(198, 18, 0, 240)),
    ("us-west-1", Ipv4Addr::new(198, 18, 0, 241)),
    ("us-west-2", Ipv4Addr::new(198, 18, 0, 242)),
    ("eu-west-1", Ipv4Addr::new(198, 18, 0, 243)),
    ("ap-southeast-1", Ipv4Addr::new(198, 18, 0, 244)),
    ("ap-southeast-2", Ipv4Addr::new(198, 18, 0, 245)),
    ("ap-northeast-1", Ipv4Addr::new(198, 18, 0, 246)),
    ("sa-east-1", Ipv4Addr::new(198, 18, 0, 247)),
];

/// The block that all of [`CHECKERS`] are in, and nobody else.
pub const CHECKER_RANGE: Cidr = Cidr::literal([198, 18, 0, 240], 29);

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthCheckKind {
    /// An HTTP status of 200 to 399.
    Http,
    /// The same over TLS.
    Https,
    /// As [`HealthCheckKind::Http`], and the search string in the first 5,120 bytes of the body.
    HttpStrMatch,
    /// As [`HealthCheckKind::Https`], and the search string in the first 5,120 bytes of the body.
    HttpsStrMatch,
    /// A connection.
    Tcp,
    /// Other health checks.
    Calculated,
    /// A CloudWatch alarm.
    CloudWatchMetric,
    /// A routing control of Application Recovery Controller.
    RecoveryControl,
}

/// What a check of an alarm is worth while the alarm has not enough data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum InsufficientData {
    /// Healthy.
    Healthy,
    /// Unhealthy.
    Unhealthy,
    /// As it was before.
    LastKnownStatus,
}

/// A CloudWatch alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmIdentifier {
    /// Its region.
    pub region: String,
    /// Its name.
    pub name: String,
}

/// How something is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheckConfig {
    /// What is checked.
    pub kind: HealthCheckKind,
    /// The endpoint's address; the domain name is resolved when there is none.
    pub address: Option<IpAddr>,
    /// The endpoint's port.
    pub port: Option<u16>,
    /// The path of HTTP requests.
    pub resource_path: Option<String>,
    /// The endpoint's name: the `Host` header, SNI, and what is resolved when there is no address.
    pub domain_name: Option<String>,
    /// What the body must hold.
    pub search_string: Option<String>,
    /// Seconds between checks of one checker: 10 or 30.
    pub request_interval: u8,
    /// How many checks in a row change the state, 1 to 10.
    pub failure_threshold: u8,
    /// Whether latency is measured.
    pub measure_latency: bool,
    /// Whether healthy means unhealthy.
    pub inverted: bool,
    /// Whether it is not checked at all, and counts as healthy.
    pub disabled: bool,
    /// How many children must be healthy.
    pub health_threshold: Option<u16>,
    /// The children of a calculated check.
    pub children: Vec<HealthCheckId>,
    /// Whether the name is sent in the TLS handshake.
    pub enable_sni: bool,
    /// The regions that check; empty means all.
    pub regions: Vec<String>,
    /// The alarm of a check of an alarm.
    pub alarm: Option<AlarmIdentifier>,
    /// What it is worth while the alarm has not enough data.
    pub insufficient_data: Option<InsufficientData>,
    /// The routing control of a recovery control check.
    pub routing_control: Option<String>,
}

/// A health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Its id.
    pub id: HealthCheckId,
    /// The account that owns it.
    pub account: AccountId,
    /// What the creator called its request.
    pub caller_reference: String,
    /// Counts the changes, from 1.
    pub version: i64,
    /// How it checks.
    pub config: HealthCheckConfig,
}

impl HealthCheck {
    /// The alarm that it follows, which need not exist; one of the check's own account.
    pub fn alarm(&self) -> Option<AlarmId> {
        let alarm = self.config.alarm.as_ref()?;
        Some(AlarmId::of(
            &Scope { account: self.account.clone(), region: Region::new(&alarm.region)? },
            &alarm.name,
        ))
    }
}

impl Row for HealthCheck {
    type Id = HealthCheckId;
    const TABLE: &'static str = "route53_health_check";

    fn id(&self) -> HealthCheckId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.account.as_str());
        keys.add("caller_reference", &format!("{}/{}", self.account, self.caller_reference));
        for child in &self.config.children {
            keys.add("child", child.as_str());
        }
        if let Some(alarm) = self.alarm() {
            keys.add("alarm", alarm.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::INTERNET_HOSTS;

    #[test]
    fn checkers_fill_their_range_among_the_hosts_of_the_internet() {
        for (region, address) in CHECKERS {
            assert!(CHECKER_RANGE.contains(address), "{region}");
        }
        assert_eq!(CHECKERS.len(), 1 << (32 - CHECKER_RANGE.prefix()));
        assert!(
            INTERNET_HOSTS.contains(CHECKER_RANGE.network())
                && INTERNET_HOSTS.contains(CHECKER_RANGE.broadcast())
        );
    }
}
