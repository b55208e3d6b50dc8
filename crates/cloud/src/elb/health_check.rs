//! `ConfigureHealthCheck`.
//! [Configure health checks](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-healthchecks.html)

use enishi_api::elb::{self as api, ConfigureHealthCheckInput, ConfigureHealthCheckOutput, ops};
use enishi_state::Tx;
use enishi_state::elb::{HealthCheck, Ping};
use enishi_wire::Fault;

use super::{faults, take};
use crate::registry::Registry;

/// Bytes of a path at most.
const PATH: usize = 1024;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ConfigureHealthCheck>(configure_health_check);
}

fn configure_health_check(
    tx: &mut Tx<'_>,
    input: ConfigureHealthCheckInput,
) -> Result<ConfigureHealthCheckOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    row.health_check = parse(&input.health_check)?;
    let shown = shape(&row.health_check);
    tx.put(row);
    Ok(ConfigureHealthCheckOutput { health_check: Some(shown) })
}

fn parse(check: &api::HealthCheck) -> Result<HealthCheck, Fault> {
    let (ping, port) = target(&check.target)?;
    if check.timeout >= check.interval {
        return Err(faults::validation_error("HealthCheck timeout must be less than interval"));
    }
    // The model's ranges fit.
    let small = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    let seconds = |number: i32| u16::try_from(number).unwrap_or(u16::MAX);
    Ok(HealthCheck {
        ping,
        port,
        interval_seconds: seconds(check.interval),
        timeout_seconds: seconds(check.timeout),
        unhealthy_threshold: small(check.unhealthy_threshold),
        healthy_threshold: small(check.healthy_threshold),
    })
}

/// `HTTP:80/ping`, `TCP:22`
fn target(text: &str) -> Result<(Ping, u16), Fault> {
    let malformed = || {
        faults::validation_error(
            "HealthCheck HTTP Target must specify a port followed by a path that begins with a slash. e.g. HTTP:80/ping/this/path",
        )
    };
    let (protocol, rest) = text.split_once(':').ok_or_else(malformed)?;
    let (port, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let port: u16 = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
        faults::validation_error("HealthCheck Target port must be from 1 to 65535 inclusive")
    })?;
    let is_plain = path.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    let with_path = || match path.starts_with('/') && path.len() <= PATH && is_plain {
        true => Ok(path.to_owned()),
        false => Err(malformed()),
    };
    let ping = match protocol.to_ascii_uppercase().as_str() {
        "TCP" => Ping::Tcp,
        "SSL" => Ping::Ssl,
        "HTTP" => Ping::Http(with_path()?),
        "HTTPS" => Ping::Https(with_path()?),
        _ => {
            return Err(faults::validation_error(
                "HealthCheck Target must begin with one of HTTP, TCP, HTTPS, SSL",
            ));
        }
    };
    match matches!(ping, Ping::Tcp | Ping::Ssl) && !path.is_empty() {
        true => Err(faults::validation_error("HealthCheck TCP Target must specify a port. e.g. TCP:80")),
        false => Ok((ping, port)),
    }
}

/// As responses show it.
pub(super) fn shape(check: &HealthCheck) -> api::HealthCheck {
    api::HealthCheck {
        target: check.to_string(),
        interval: check.interval_seconds.into(),
        timeout: check.timeout_seconds.into(),
        unhealthy_threshold: check.unhealthy_threshold.into(),
        healthy_threshold: check.healthy_threshold.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::target;
    use enishi_state::elb::Ping;

    #[test]
    fn targets_are_read() {
        assert_eq!(target("HTTP:80/ping?a=b").unwrap(), (Ping::Http("/ping?a=b".to_owned()), 80));
        assert_eq!(target("https:8443/").unwrap(), (Ping::Https("/".to_owned()), 8443));
        assert_eq!(target("TCP:22").unwrap(), (Ping::Tcp, 22));
        assert_eq!(target("SSL:443").unwrap(), (Ping::Ssl, 443));
        for bad in
            ["", "HTTP", "HTTP:80", "HTTP:0/", "HTTP:65536/", "TCP:22/x", "UDP:53", "HTTP:80/a b", "TCP:x"]
        {
            assert!(target(bad).is_err(), "{bad}");
        }
    }
}
