//! Health checks. [Configure health checks for your Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-healthchecks.html)

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the instances of a load balancer are checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is asked.
    pub ping: Ping,
    /// At which port.
    pub port: u16,
    /// From the beginning of a probe to the next, in seconds.
    pub interval_seconds: u16,
    /// How long a probe may take, in seconds.
    pub timeout_seconds: u16,
    /// Failures in a row after which an instance is out of service.
    pub unhealthy_threshold: u8,
    /// Successes in a row after which it is in service again.
    pub healthy_threshold: u8,
}

/// What is asked of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ping {
    /// A connection.
    Tcp,
    /// A TLS handshake.
    Ssl,
    /// An answer with status 200 to a request for a path.
    Http(String),
    /// The same over TLS.
    Https(String),
}

impl HealthCheck {
    /// What is checked as long as nobody said: whether the instance port of the first listener can be reached.
    pub fn of_port(port: u16) -> Self {
        HealthCheck {
            ping: Ping::Tcp,
            port,
            interval_seconds: 30,
            timeout_seconds: 5,
            unhealthy_threshold: 2,
            healthy_threshold: 10,
        }
    }
}

impl fmt::Display for HealthCheck {
    /// The target as requests and answers have it: `HTTP:80/ping`, `TCP:22`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ping {
            Ping::Tcp => write!(f, "TCP:{}", self.port),
            Ping::Ssl => write!(f, "SSL:{}", self.port),
            Ping::Http(path) => write!(f, "HTTP:{}{path}", self.port),
            Ping::Https(path) => write!(f, "HTTPS:{}{path}", self.port),
        }
    }
}
