//! From the row of a health check to what its checkers do.
//! [API_HealthCheckConfig](https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html)

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use enishi_proxy::health::panel::{Check, Endpoint, Kind, Target};
use enishi_proxy::health::{HttpSpec, ProbeSpec, Protocol, Timeouts};
use enishi_state::World;
use enishi_state::cloudwatch::{Alarm, AlarmState};
use enishi_state::route53::{CHECKERS, HealthCheck, HealthCheckConfig, HealthCheckKind, InsufficientData};

/// "An HTTP status code of 2xx or 3xx".
const STATUSES: RangeInclusive<u16> = 200..=399;

/// What a check's checkers do, or what a check's alarm says.
pub fn of(world: &World, row: &HealthCheck) -> Check {
    let config = &row.config;
    let kind = match config.kind {
        HealthCheckKind::Calculated => Kind::Calculated {
            children: config.children.iter().map(|id| id.as_str().into()).collect(),
            threshold: config.health_threshold.unwrap_or_default().into(),
        },
        HealthCheckKind::CloudWatchMetric => Kind::Told(told(world, row)),
        _ => Kind::Endpoint(endpoint(row)),
    };
    Check { kind, inverted: config.inverted, disabled: config.disabled }
}

/// What an alarm says of a check; an alarm that is gone has no data. Nothing where the check stays as it was.
fn told(world: &World, row: &HealthCheck) -> Option<bool> {
    let alarm = row.alarm().and_then(|id| world.get::<Alarm>(&id));
    match alarm.map_or(AlarmState::InsufficientData, |alarm| alarm.state) {
        AlarmState::Ok => Some(true),
        AlarmState::Alarm => Some(false),
        AlarmState::InsufficientData => match row.config.insufficient_data {
            Some(InsufficientData::Healthy) => Some(true),
            Some(InsufficientData::Unhealthy) => Some(false),
            Some(InsufficientData::LastKnownStatus) | None => None,
        },
    }
}

fn endpoint(row: &HealthCheck) -> Endpoint {
    let config = &row.config;
    let port = config.port.unwrap_or(80);
    let checks = |region: &str| config.regions.is_empty() || config.regions.iter().any(|one| one == region);
    let checkers = CHECKERS.into_iter().filter(|(region, _)| checks(region));
    Endpoint {
        target: match config.address {
            Some(address) => Target::Address(SocketAddr::new(address, port)),
            None => Target::Name(config.domain_name.clone().unwrap_or_default(), port),
        },
        spec: Arc::new(spec(row, port)),
        checkers: checkers.map(|(_, address)| address).collect(),
        interval: Duration::from_secs(config.request_interval.into()),
        threshold: config.failure_threshold.into(),
    }
}

fn spec(row: &HealthCheck, port: u16) -> ProbeSpec {
    let http = || HttpSpec {
        host: host(&row.config, port),
        path: row.config.resource_path.clone().unwrap_or_default(),
        // As endpoints see it in their logs.
        user_agent: format!(
            "Amazon-Route53-Health-Check-Service (ref {}; report http://amzn.to/1vsZADi)",
            row.id
        ),
        headers: &[("Accept", "*/*")],
        statuses: vec![STATUSES],
        search: row.config.search_string.as_ref().map(|text| text.as_bytes().to_vec()),
    };
    let protocol = match row.config.kind {
        HealthCheckKind::Http | HealthCheckKind::HttpStrMatch => Protocol::Http(http()),
        HealthCheckKind::Https | HealthCheckKind::HttpsStrMatch => {
            Protocol::Https(http(), row.config.domain_name.clone().filter(|_| row.config.enable_sni))
        }
        _ => Protocol::Tcp,
    };
    let timeouts = match protocol {
        Protocol::Tcp => Timeouts::ROUTE53_TCP,
        _ => Timeouts::ROUTE53_HTTP,
    };
    ProbeSpec { protocol, timeouts }
}

/// The `Host` header: the domain name or else the address, with the port unless it is the usual one.
fn host(config: &HealthCheckConfig, port: u16) -> String {
    let address = || config.address.map(|address| address.to_string()).unwrap_or_default();
    let name = config.domain_name.clone().unwrap_or_else(address);
    match (config.kind, port) {
        (HealthCheckKind::Http | HealthCheckKind::HttpStrMatch, 80)
        | (HealthCheckKind::Https | HealthCheckKind::HttpsStrMatch, 443) => name,
        _ => format!("{name}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use enishi_state::AccountId;
    use enishi_state::route53::HealthCheckId;

    use super::*;

    fn row(kind: HealthCheckKind, address: Option<&str>, name: Option<&str>, port: u16) -> HealthCheck {
        HealthCheck {
            id: HealthCheckId::new("11111111-2222-4333-8444-555555555555"),
            account: AccountId::zero(),
            caller_reference: "1".to_owned(),
            version: 1,
            config: HealthCheckConfig {
                kind,
                address: address.map(|text| text.parse::<IpAddr>().expect("an address")),
                port: Some(port),
                resource_path: None,
                domain_name: name.map(str::to_owned),
                search_string: None,
                request_interval: 10,
                failure_threshold: 2,
                measure_latency: false,
                inverted: false,
                disabled: false,
                health_threshold: None,
                children: Vec::new(),
                enable_sni: true,
                regions: vec!["eu-west-1".to_owned(), "us-east-1".to_owned(), "sa-east-1".to_owned()],
                alarm: None,
                insufficient_data: None,
                routing_control: None,
            },
        }
    }

    /// "Here is how it constructs the Host header" (API_HealthCheckConfig, `FullyQualifiedDomainName`).
    #[test]
    fn the_host_header_names_the_port_unless_it_is_the_usual_one() {
        use HealthCheckKind::{Http, Https};
        let address = Some("198.18.1.0");
        for (kind, name, port, host_header) in [
            (Http, Some("a.test"), 80, "a.test"),
            (Https, Some("a.test"), 443, "a.test"),
            (Http, Some("a.test"), 443, "a.test:443"),
            (Https, Some("a.test"), 8443, "a.test:8443"),
            (Http, None, 80, "198.18.1.0"),
            (Http, None, 8080, "198.18.1.0:8080"),
        ] {
            assert_eq!(host(&row(kind, address, name, port).config, port), host_header);
        }
    }

    #[test]
    fn a_row_says_who_checks_what_and_how() {
        let check = of(&World::default(), &row(HealthCheckKind::Https, None, Some("a.test"), 443));
        let Kind::Endpoint(endpoint) = check.kind else { panic!("{check:?}") };
        assert_eq!(endpoint.target, Target::Name("a.test".to_owned(), 443));
        assert_eq!((endpoint.checkers.len(), endpoint.threshold), (3, 2));
        assert_eq!(endpoint.interval, Duration::from_secs(10));
        let Protocol::Https(http, name) = &endpoint.spec.protocol else { panic!("{endpoint:?}") };
        assert_eq!(name.as_deref(), Some("a.test"));
        assert_eq!(
            http.user_agent,
            "Amazon-Route53-Health-Check-Service (ref 11111111-2222-4333-8444-555555555555; report http://amzn.to/1vsZADi)"
        );
        let tcp = of(&World::default(), &row(HealthCheckKind::Tcp, Some("198.18.1.0"), None, 22));
        let Kind::Endpoint(endpoint) = tcp.kind else { panic!("{tcp:?}") };
        assert_eq!(endpoint.spec.timeouts.connect(), Duration::from_secs(10));
    }
}
