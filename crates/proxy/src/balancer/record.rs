//! What is known of a request when it is over, and the lines of access logs made from it.
//! [Access log entries](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#access-log-entry-format),
//! [of Classic Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html#access-log-entry-format)

use std::fmt::Write;
use std::net::{SocketAddr, SocketAddrV4};

use super::date;
use super::http1::Verdict;

/// Takes records in. It is called where requests are served, so it must not wait.
pub trait RecordSink: Send + Sync {
    /// A request, or a WebSocket connection, is over. Called only while the load balancer's access logs are on.
    fn record(&self, record: &Record<'_>);
}

/// What kind of request it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// HTTP/2 over TLS.
    H2,
    /// gRPC over TLS.
    Grpcs,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
    /// Bytes, of a Classic Load Balancer's TCP listener.
    Tcp,
    /// Bytes over TLS, of its SSL listener.
    Ssl,
}

impl RequestKind {
    fn word(self) -> &'static str {
        match self {
            RequestKind::Http => "http",
            RequestKind::Https => "https",
            RequestKind::H2 => "h2",
            RequestKind::Grpcs => "grpcs",
            RequestKind::Ws => "ws",
            RequestKind::Wss => "wss",
            RequestKind::Tcp => "tcp",
            RequestKind::Ssl => "ssl",
        }
    }
}

/// A request that is over.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Its kind.
    pub kind: RequestKind,
    /// When it came, in microseconds since 1970.
    pub created: u64,
    /// When it was answered; for WebSockets, when the connection ended. In microseconds since 1970.
    pub answered: u64,
    /// The load balancer: `app/NAME/ID`.
    pub balancer: &'a str,
    /// Who asked.
    pub client: SocketAddr,
    /// Who was asked.
    pub target: Option<SocketAddrV4>,
    /// From its arrival until it was sent to the target, in microseconds; `None` is −1.
    pub request_micros: Option<u64>,
    /// From then until the target answered.
    pub target_micros: Option<u64>,
    /// From then until the answer was sent.
    pub response_micros: Option<u64>,
    /// What the client was told. 0: nothing could be.
    pub status: u16,
    /// What the target said.
    pub target_status: Option<u16>,
    /// Bytes from the client.
    pub received: u64,
    /// Bytes to the client.
    pub sent: u64,
    /// The method; empty: it was no request.
    pub method: &'a [u8],
    /// `scheme://host:port/path`.
    pub url: &'a [u8],
    /// `HTTP/1.1`.
    pub version: &'a str,
    /// `User-Agent`.
    pub user_agent: &'a [u8],
    /// The cipher suite, in OpenSSL's words.
    pub cipher: Option<&'a str>,
    /// `TLSv1.3`.
    pub tls_version: Option<&'a str>,
    /// The target group.
    pub group: Option<&'a str>,
    /// `X-Amzn-Trace-Id` as targets see it.
    pub trace: &'a [u8],
    /// The server name that the client asked for, if a certificate covers it.
    pub server_name: Option<&'a str>,
    /// The certificate that was shown.
    pub certificate: Option<&'a str>,
    /// The priority of the rule that matched, 0 for the default one. `None`: none was looked for.
    pub priority: Option<u32>,
    /// What was done: `forward`, `authenticate,forward`.
    pub actions: &'a str,
    /// Where the client was sent.
    pub redirect: Option<&'a [u8]>,
    /// Why an action failed: `AuthInvalidCookie`.
    pub error: Option<&'a str>,
    /// How far it followed the RFC.
    pub verdict: Verdict,
    /// What stands for the connection: `TID_…`.
    pub connection: &'a str,
}

/// A line of an Application Load Balancer's access log, without its end.
pub fn line(record: &Record<'_>) -> String {
    let mut line = String::with_capacity(640);
    let target = or_dash(record.target);
    let target_status = or_dash(record.target_status);
    let _ = write!(
        line,
        "{} {} {} {} {target} {} {} {} {} {target_status} {} {} \"",
        record.kind.word(),
        date::iso(record.answered),
        record.balancer,
        record.client,
        seconds(record.request_micros, 3),
        seconds(record.target_micros, 3),
        seconds(record.response_micros, 3),
        if record.status == 0 { "-".to_owned() } else { record.status.to_string() },
        record.received,
        record.sent,
    );
    request_line(&mut line, record);
    line.push_str("\" \"");
    quoted(&mut line, if record.user_agent.is_empty() { b"-" } else { record.user_agent }, 8 * 1024);
    let _ = write!(
        line,
        "\" {} {} {} \"",
        record.cipher.unwrap_or("-"),
        record.tls_version.unwrap_or("-"),
        record.group.unwrap_or("-"),
    );
    quoted(&mut line, if record.trace.is_empty() { b"-" } else { record.trace }, 8 * 1024);
    let _ = write!(
        line,
        "\" \"{}\" \"{}\" {} {} \"{}\" \"",
        record.server_name.unwrap_or("-"),
        record.certificate.unwrap_or("-"),
        or_dash(record.priority),
        date::iso(record.created),
        if record.actions.is_empty() { "-" } else { record.actions },
    );
    quoted(&mut line, record.redirect.unwrap_or(b"-"), 8 * 1024);
    let _ = write!(
        line,
        "\" \"{}\" \"{target}\" \"{target_status}\" \"{}\" \"{}\" {} \"-\" \"-\" \"-\"",
        record.error.unwrap_or("-"),
        record.verdict.classification().unwrap_or("-"),
        record.verdict.reason.map_or("-", |reason| reason.code()),
        record.connection,
    );
    line
}

/// A line of a Classic Load Balancer's access log, without its end.
pub fn classic_line(record: &Record<'_>) -> String {
    let mut line = String::with_capacity(320);
    let is_bytes = matches!(record.kind, RequestKind::Tcp | RequestKind::Ssl);
    let status = if is_bytes || record.status == 0 { "-".to_owned() } else { record.status.to_string() };
    let _ = write!(
        line,
        "{} {} {} {} {} {} {} {status} {} {} {} \"",
        date::iso(record.created),
        record.balancer,
        record.client,
        or_dash(record.target),
        seconds(record.request_micros, 6),
        seconds(record.target_micros, 6),
        seconds(record.response_micros, 6),
        if is_bytes { "-".to_owned() } else { or_dash(record.target_status) },
        record.received,
        record.sent,
    );
    if is_bytes {
        line.push_str("- - - ");
    } else {
        request_line(&mut line, record);
    }
    line.push_str("\" \"");
    quoted(&mut line, if record.user_agent.is_empty() { b"-" } else { record.user_agent }, 8 * 1024);
    let _ = write!(line, "\" {} {}", record.cipher.unwrap_or("-"), record.tls_version.unwrap_or("-"));
    line
}

/// "HTTP method + protocol://host:port/uri + HTTP version"
fn request_line(line: &mut String, record: &Record<'_>) {
    if record.method.is_empty() {
        line.push_str("- - - ");
        return;
    }
    quoted(line, record.method, 128);
    line.push(' ');
    quoted(line, record.url, 16 * 1024);
    line.push(' ');
    line.push_str(record.version);
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn seconds(micros: Option<u64>, digits: usize) -> String {
    match micros {
        None => "-1".to_owned(),
        Some(micros) => format!("{:.digits$}", micros as f64 / 1e6),
    }
}

/// Nothing a client sends ends a quoted field or a line: what is no printable ASCII is written as `\xNN`.
fn quoted(line: &mut String, text: &[u8], limit: usize) {
    for byte in text.iter().take(limit) {
        match byte {
            b'"' | b'\\' => {
                line.push('\\');
                line.push(char::from(*byte));
            }
            b' '..=b'~' => line.push(char::from(*byte)),
            byte => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::http1::{Reason, Tier};
    use super::*;

    fn record() -> Record<'static> {
        Record {
            kind: RequestKind::Https,
            created: 1_530_570_168_364_000,
            answered: 1_530_570_180_186_641,
            balancer: "app/my-loadbalancer/50dc6c495c0c9188",
            client: "192.168.131.39:2817".parse().expect("an address"),
            target: Some("10.0.0.1:80".parse().expect("an address")),
            request_micros: Some(86_000),
            target_micros: Some(48_000),
            response_micros: Some(37_000),
            status: 200,
            target_status: Some(200),
            received: 0,
            sent: 57,
            method: b"GET",
            url: b"https://www.example.com:443/",
            version: "HTTP/1.1",
            user_agent: b"curl/7.46.0",
            cipher: Some("ECDHE-RSA-AES128-GCM-SHA256"),
            tls_version: Some("TLSv1.2"),
            group: Some(
                "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067",
            ),
            trace: b"Root=1-58337281-1d84f3d73c47ec4e58577259",
            server_name: Some("www.example.com"),
            certificate: Some(
                "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012",
            ),
            priority: Some(1),
            actions: "authenticate,forward",
            redirect: None,
            error: None,
            verdict: Verdict::default(),
            connection: "TID_123456",
        }
    }

    /// The documentation's example of an HTTPS entry.
    #[test]
    fn a_line_is_awss() {
        assert_eq!(
            line(&record()),
            "https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 \
             200 200 0 57 \"GET https://www.example.com:443/ HTTP/1.1\" \"curl/7.46.0\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 \
             arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 \
             \"Root=1-58337281-1d84f3d73c47ec4e58577259\" \"www.example.com\" \
             \"arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012\" 1 2018-07-02T22:22:48.364000Z \
             \"authenticate,forward\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \"-\" TID_123456 \"-\" \"-\" \"-\""
        );
    }

    #[test]
    fn what_never_reached_a_target_says_so() {
        let record = Record {
            kind: RequestKind::Http,
            target: None,
            request_micros: None,
            target_micros: None,
            response_micros: None,
            status: 400,
            target_status: None,
            method: b"",
            user_agent: b"a\"b\nc",
            cipher: None,
            tls_version: None,
            group: None,
            trace: b"",
            server_name: None,
            certificate: None,
            priority: None,
            actions: "",
            verdict: Verdict { tier: Tier::Severe, reason: Some(Reason::BadHeader) },
            ..record()
        };
        let line = line(&record);
        assert!(
            line.contains(" - -1 -1 -1 400 - 0 57 \"- - - \" \"a\\\"b\\x0ac\" - - - \"-\" \"-\" \"-\" - "),
            "{line}"
        );
        assert!(
            line.ends_with(
                " \"-\" \"-\" \"-\" \"-\" \"-\" \"Severe\" \"BadHeader\" TID_123456 \"-\" \"-\" \"-\""
            ),
            "{line}"
        );
    }

    /// The documentation's example of a Classic Load Balancer's HTTP and TCP entries.
    #[test]
    fn classic_lines() {
        let http = Record {
            balancer: "my-loadbalancer",
            created: 1_431_560_662_945_958,
            request_micros: Some(73),
            target_micros: Some(1048),
            response_micros: Some(57),
            received: 0,
            sent: 29,
            url: b"http://www.example.com:80/",
            user_agent: b"curl/7.38.0",
            cipher: None,
            tls_version: None,
            ..record()
        };
        assert_eq!(
            classic_line(&http),
            "2015-05-13T23:44:22.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 \
             \"GET http://www.example.com:80/ HTTP/1.1\" \"curl/7.38.0\" - -"
        );
        let tcp = Record { kind: RequestKind::Tcp, user_agent: b"", sent: 305, received: 82, ..http };
        assert!(
            classic_line(&tcp).ends_with(" 0.000057 - - 82 305 \"- - - \" \"-\" - -"),
            "{}",
            classic_line(&tcp)
        );
    }
}
