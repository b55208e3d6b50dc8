//! What a probe found out, and how Route 53 says it.
//!
//! The texts are `StatusReport.Status` of `GetHealthCheckStatus`. AWS documents only some of them ("DNS resolution failed", "SSL
//! alert handshake_failure", in the API reference of `HealthCheckConfig`); those of a status code and of a timeout are as they are
//! found in recorded answers, the others follow their form.

use std::fmt;
use std::io;

use http::StatusCode;

/// What a probe found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The connection stands, and nothing else was asked for.
    Connected,
    /// The status, and the body if it was looked at, are as they should be.
    Answered(Status),
    /// The status of a call of gRPC is as it should be.
    Called(GrpcStatus),
    /// Not so.
    Failed(Failure),
}

/// A [status code of gRPC](https://grpc.io/docs/guides/status-codes/).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcStatus(pub u16);

/// An HTTP status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

/// Why a probe failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The endpoint's name has no IPv4 address.
    Unresolved,
    /// No connection in time.
    ConnectTimeout,
    /// The endpoint refused the connection.
    Refused,
    /// There is no way to the endpoint.
    Unreachable,
    /// The connection broke.
    Broken,
    /// No status in time.
    StatusTimeout,
    /// What came is not the HTTP that was asked for, or its head has no end.
    NotHttp,
    /// What came is not TLS, or the endpoint refused the handshake.
    Tls,
    /// Another status.
    WrongStatus(Status),
    /// Another status of gRPC.
    WrongGrpcStatus(GrpcStatus),
    /// Not enough of the body in time.
    BodyTimeout(Status),
    /// The body does not hold the string.
    NoMatch(Status),
}

impl Outcome {
    /// Whether the endpoint passed.
    pub fn passed(&self) -> bool {
        !matches!(self, Outcome::Failed(_))
    }
}

impl Failure {
    /// What a failed connection means.
    pub fn of(error: io::ErrorKind) -> Failure {
        match error {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            io::ErrorKind::TimedOut => Failure::ConnectTimeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Failure::Unreachable,
            _ => Failure::Broken,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Connected => f.write_str("Success: TCP connection established"),
            Outcome::Answered(status) => write!(f, "Success: {status}"),
            Outcome::Called(status) => write!(f, "Success: {status}"),
            Outcome::Failed(failure) => write!(f, "Failure: {failure}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Unresolved => "DNS resolution failed",
            Failure::ConnectTimeout => {
                "Connection timed out. The endpoint or the internet connection is down, or requests are being blocked by your \
                 firewall. See https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-router-firewall-rules.html"
            }
            Failure::Refused => "Connection refused. The endpoint does not accept connections on this port",
            Failure::Unreachable => "The endpoint is unreachable",
            Failure::Broken => "The endpoint closed the connection before it had answered",
            Failure::StatusTimeout => "The endpoint did not respond with an HTTP status code in time",
            Failure::NotHttp => "The response is not a valid HTTP response",
            Failure::Tls => "SSL alert handshake_failure",
            Failure::WrongStatus(status) => return status.fmt(f),
            Failure::WrongGrpcStatus(status) => return status.fmt(f),
            Failure::BodyTimeout(status) => {
                return write!(f, "{status}. The response body was not received in time");
            }
            Failure::NoMatch(status) => {
                return write!(f, "{status}. The search string was not found in the response body");
            }
        })
    }
}

impl fmt::Display for GrpcStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gRPC Status Code {}", self.0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP Status Code {}", self.0)?;
        match StatusCode::from_u16(self.0).ok().and_then(|code| code.canonical_reason()) {
            Some(reason) => write!(f, ", {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_read_as_route_53_writes_them() {
        let answered = Outcome::Answered(Status(200));
        assert_eq!(answered.to_string(), "Success: HTTP Status Code 200, OK");
        let wrong = Outcome::Failed(Failure::WrongStatus(Status(503)));
        assert_eq!(wrong.to_string(), "Failure: HTTP Status Code 503, Service Unavailable");
        let odd = Outcome::Failed(Failure::WrongStatus(Status(599)));
        assert_eq!(odd.to_string(), "Failure: HTTP Status Code 599");
        assert_eq!(Outcome::Failed(Failure::Unresolved).to_string(), "Failure: DNS resolution failed");
    }
}
