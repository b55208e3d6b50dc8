//! One probe, without I/O.
//!
//! Whoever moves the bytes tells the probe what happened and when: [`Probe::connected`], [`Probe::receive`], [`Probe::ended`],
//! [`Probe::broke`], [`Probe::elapsed`] at its [`Probe::deadline`]; and sends what [`Probe::outgoing`] holds, until there is an
//! [`Probe::outcome`].

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::Instant;

use rustls::client::ClientConnection;

use super::response::Response;
use super::{Failure, HttpSpec, Outcome, ProbeSpec, Protocol, Status, Timeouts, TlsClient};

/// So many bytes of a body are searched ("the string must appear entirely in the first 5,120 bytes of the response body").
pub const SEARCHED: usize = 5120;

/// A probe on its way to an outcome.
#[derive(Debug)]
pub struct Probe {
    spec: Arc<ProbeSpec>,
    phase: Phase,
    deadline: Instant,
    outgoing: Vec<u8>,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
enum Phase {
    Connecting,
    Talking(Box<Talk>),
}

/// Whether more can come.
enum Stream {
    Open,
    /// Not inside TLS, whatever the connection does.
    Ended,
}

/// A connection that stands.
#[derive(Debug)]
struct Talk {
    tls: Option<ClientConnection>,
    response: Response,
    /// How much of the body was searched.
    searched: usize,
}

impl Probe {
    /// A probe whose connection is being made from `now` on.
    pub fn new(spec: Arc<ProbeSpec>, now: Instant) -> Self {
        let deadline = now + spec.timeouts.connect();
        Probe { spec, phase: Phase::Connecting, deadline, outgoing: Vec::new(), outcome: None }
    }

    /// What was found out, once it was.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// When [`Probe::elapsed`] has to be called.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What has to be sent; [`Probe::sent`] takes it away.
    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// So many bytes of [`Probe::outgoing`] were sent.
    pub fn sent(&mut self, count: usize) {
        self.outgoing.drain(..count.min(self.outgoing.len()));
    }

    /// The connection stands.
    pub fn connected(&mut self, tls: &TlsClient, now: Instant) {
        self.deadline = self.spec.timeouts.status(self.deadline, now);
        let spec = self.spec.clone();
        let (name, over_tls) = match &spec.protocol {
            Protocol::Tcp => return self.end(Outcome::Connected),
            // Those are not asked byte by byte.
            Protocol::Http2 { .. } | Protocol::Grpc { .. } => return self.fail(Failure::NotHttp),
            Protocol::Http(_) => (None, false),
            Protocol::Tls => (None, true),
            Protocol::Https(_, name) => (name.as_deref(), true),
        };
        let tls = match over_tls.then(|| tls.begin(name)).transpose() {
            Ok(connection) => connection,
            Err(_) => return self.fail(Failure::Tls),
        };
        let mut talk = Talk { tls, response: Response::default(), searched: 0 };
        let request = asked(&spec.protocol).map(request).unwrap_or_default();
        let sent = talk.send(&request, &mut self.outgoing);
        self.phase = Phase::Talking(Box::new(talk));
        if sent.is_err() {
            self.fail(Failure::Tls);
        }
    }

    /// These bytes came.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        if self.outcome.is_some() {
            return;
        }
        let Phase::Talking(talk) = &mut self.phase else { return };
        let had_status = talk.response.status().is_some();
        let received = talk.receive(bytes, &mut self.outgoing);
        if let Some(status) = talk.response.status() {
            if let (false, Timeouts::Parts { body, .. }) = (had_status, self.spec.timeouts) {
                self.deadline = now + body;
            }
            // What came before any garbage may have been enough.
            match self.judge_status(status) {
                Some(outcome) => self.end(outcome),
                None => self.search(Status(status)),
            }
        }
        match received {
            Ok(Stream::Open) if self.shook_hands() => self.end(Outcome::Connected),
            Ok(Stream::Open) => {}
            Ok(Stream::Ended) => self.ended(),
            Err(failure) => self.fail(failure),
        }
    }

    /// The endpoint closed the connection in order.
    pub fn ended(&mut self) {
        if self.outcome.is_some() {
            return;
        }
        let Phase::Talking(talk) = &mut self.phase else { return self.fail(Failure::Broken) };
        let is_whole = talk.response.end();
        match talk.response.status() {
            Some(status) if is_whole => self.search(Status(status)),
            _ => self.fail(Failure::Broken),
        }
    }

    /// The connection could not be made, or broke.
    pub fn broke(&mut self, error: io::ErrorKind) {
        self.fail(match self.phase {
            Phase::Connecting => Failure::of(error),
            Phase::Talking(_) => Failure::Broken,
        });
    }

    /// The deadline passed.
    pub fn elapsed(&mut self) {
        self.fail(match &self.phase {
            Phase::Connecting => Failure::ConnectTimeout,
            Phase::Talking(talk) => match talk.response.status() {
                None => Failure::StatusTimeout,
                Some(status) => Failure::BodyTimeout(Status(status)),
            },
        });
    }

    /// What a status alone decides: nothing when it is right and the body has to be searched.
    fn judge_status(&self, status: u16) -> Option<Outcome> {
        let http = asked(&self.spec.protocol)?;
        if !http.wants(status) {
            return Some(Outcome::Failed(Failure::WrongStatus(Status(status))));
        }
        http.search.is_none().then_some(Outcome::Answered(Status(status)))
    }

    /// Searches what of the body is new.
    fn search(&mut self, status: Status) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        let Some(http) = asked(&self.spec.protocol) else { return };
        let wanted = http.search.as_deref().unwrap_or_default();
        let body = talk.response.body();
        // It may have begun in what was searched before.
        let from = talk.searched.saturating_sub(wanted.len().saturating_sub(1));
        talk.searched = body.len();
        let is_done = talk.response.is_done();
        let is_found = wanted.is_empty()
            || body.get(from..).is_some_and(|new| new.windows(wanted.len()).any(|window| window == wanted));
        if is_found {
            self.end(Outcome::Answered(status));
        } else if is_done {
            self.fail(Failure::NoMatch(status));
        }
    }

    /// Whether a handshake was all that is wanted, and it is over.
    fn shook_hands(&self) -> bool {
        let Phase::Talking(talk) = &self.phase else { return false };
        self.spec.protocol == Protocol::Tls && talk.tls.as_ref().is_some_and(|tls| !tls.is_handshaking())
    }

    fn fail(&mut self, failure: Failure) {
        self.end(Outcome::Failed(failure));
    }

    /// The first outcome counts.
    fn end(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
    }
}

impl Talk {
    /// Puts what the endpoint shall read into what has to be sent.
    fn send(&mut self, plain: &[u8], outgoing: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.tls {
            None => outgoing.extend_from_slice(plain),
            Some(tls) => {
                tls.writer().write_all(plain)?;
                flush(tls, outgoing)?;
            }
        }
        Ok(())
    }

    fn receive(&mut self, mut bytes: &[u8], outgoing: &mut Vec<u8>) -> Result<Stream, Failure> {
        let Some(tls) = &mut self.tls else {
            return self.response.receive(bytes).map(|()| Stream::Open).map_err(|_| Failure::NotHttp);
        };
        while !bytes.is_empty() {
            let taken = tls.read_tls(&mut bytes).map_err(|_| Failure::Tls)?;
            let state = tls.process_new_packets();
            flush(tls, outgoing).map_err(|_| Failure::Tls)?;
            state.map_err(|_| Failure::Tls)?;
            let mut plain = [0u8; 2048];
            loop {
                match tls.reader().read(&mut plain) {
                    Ok(0) => return Ok(Stream::Ended),
                    Ok(count) => {
                        let read = plain.get(..count).unwrap_or_default();
                        self.response.receive(read).map_err(|_| Failure::NotHttp)?;
                    }
                    // Nothing more for the time being.
                    Err(_) => break,
                }
            }
            if taken == 0 {
                break;
            }
        }
        Ok(Stream::Open)
    }
}

fn flush(tls: &mut ClientConnection, outgoing: &mut Vec<u8>) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(outgoing)?;
    }
    Ok(())
}

/// What is asked in HTTP/1.1, if anything is.
fn asked(protocol: &Protocol) -> Option<&HttpSpec> {
    match protocol {
        Protocol::Http(http) | Protocol::Https(http, _) => Some(http),
        _ => None,
    }
}

/// The request. RFC 9112, section 3: neither its line nor a header holds what would end it.
fn request(http: &HttpSpec) -> Vec<u8> {
    let path = encoded_path(&http.path);
    let (host, user_agent) = (header_value(&http.host), header_value(&http.user_agent));
    let mut request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: {user_agent}\r\n");
    for (name, value) in http.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// A path that begins with a slash and holds only what may be in a request's line.
pub(super) fn encoded_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        encoded.push('/');
    }
    for byte in path.bytes() {
        match byte {
            b'!'..=b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// What of a text may be in a header.
pub(super) fn header_value(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~')).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Timeouts;
    use super::*;

    fn http(search: Option<&str>) -> HttpSpec {
        HttpSpec {
            host: "www.example.test".to_owned(),
            path: "/health".to_owned(),
            user_agent: "test".to_owned(),
            headers: &[("Accept", "*/*")],
            statuses: vec![200..=399],
            search: search.map(|text| text.as_bytes().to_vec()),
        }
    }

    fn begun(protocol: Protocol) -> (Probe, Instant) {
        let now = Instant::now();
        let timeouts = if protocol == Protocol::Tcp { Timeouts::ROUTE53_TCP } else { Timeouts::ROUTE53_HTTP };
        (Probe::new(Arc::new(ProbeSpec { protocol, timeouts }), now), now)
    }

    /// A probe that is connected and has sent everything.
    fn talking(protocol: Protocol) -> (Probe, Instant) {
        let (mut probe, now) = begun(protocol);
        probe.connected(&TlsClient::new().expect("TLS"), now);
        (probe, now)
    }

    #[track_caller]
    fn answered(search: Option<&str>, bytes: &[u8], closes: bool, expected: Option<Outcome>) {
        for size in [1, 100, bytes.len().max(1)] {
            let (mut probe, now) = talking(Protocol::Http(http(search)));
            for piece in bytes.chunks(size) {
                probe.receive(piece, now);
            }
            if closes {
                probe.ended();
            }
            assert_eq!(probe.outcome(), expected.as_ref(), "in pieces of {size}");
        }
    }

    const OK: Outcome = Outcome::Answered(Status(200));

    fn failed(failure: Failure) -> Option<Outcome> {
        Some(Outcome::Failed(failure))
    }

    #[test]
    fn a_connection_is_enough_for_tcp_and_may_take_ten_seconds() {
        let (mut probe, now) = begun(Protocol::Tcp);
        assert_eq!(probe.deadline() - now, Duration::from_secs(10));
        probe.connected(&TlsClient::new().expect("TLS"), now);
        assert_eq!((probe.outcome(), probe.outgoing()), (Some(&Outcome::Connected), &[][..]));
    }

    #[test]
    fn a_request_says_who_asks_whom_for_what() {
        let (mut probe, now) = begun(Protocol::Http(http(None)));
        assert_eq!(probe.deadline() - now, Duration::from_secs(4));
        probe.connected(&TlsClient::new().expect("TLS"), now + Duration::from_secs(1));
        assert_eq!(probe.deadline() - now, Duration::from_secs(3));
        assert_eq!(
            std::str::from_utf8(probe.outgoing()),
            Ok(
                "GET /health HTTP/1.1\r\nHost: www.example.test\r\nConnection: close\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"
            )
        );
        probe.sent(4);
        assert!(probe.outgoing().starts_with(b"/health"));
        probe.sent(usize::MAX);
        assert!(probe.outgoing().is_empty());
    }

    #[test]
    fn nothing_in_a_path_or_a_name_ends_the_line() {
        let spec =
            HttpSpec { host: "a\r\nX: y".to_owned(), path: "a b\r\nX: \u{e9}".to_owned(), ..http(None) };
        let text = String::from_utf8(request(&spec)).expect("text");
        assert!(text.starts_with("GET /a%20b%0D%0AX:%20%C3%A9 HTTP/1.1\r\nHost: aX: y\r\n"), "{text}");
        assert_eq!(text.lines().count(), 6);
    }

    #[test]
    fn a_status_of_2xx_or_3xx_is_a_success_and_redirects_are_not_followed() {
        answered(None, b"HTTP/1.1 200 OK\r\n", false, Some(OK));
        answered(
            None,
            b"HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n",
            false,
            Some(Outcome::Answered(Status(302))),
        );
        answered(None, b"HTTP/1.1 404 Not Found\r\n", false, failed(Failure::WrongStatus(Status(404))));
        answered(None, b"HTTP/1.1 199 Odd\r\n\r\n", true, failed(Failure::Broken));
        answered(None, b"HTTP/1.1 200", false, None);
        answered(None, b"HTTP/1.1 200", true, failed(Failure::Broken));
        answered(None, b"220 mail ESMTP\r\n", false, failed(Failure::NotHttp));
    }

    #[test]
    fn a_string_counts_where_the_first_5120_bytes_hold_all_of_it() {
        let body = |padding: usize| {
            let mut bytes = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
            bytes.resize(bytes.len() + padding, b'n');
            bytes.extend_from_slice(b"needle, and more");
            bytes
        };
        answered(Some("needle"), &body(0), false, Some(OK));
        answered(Some("needle"), &body(SEARCHED - 6), false, Some(OK));
        answered(Some("needle"), &body(SEARCHED - 5), false, failed(Failure::NoMatch(Status(200))));
        answered(Some("Needle"), &body(0), false, None);
        answered(Some("Needle"), &body(0), true, failed(Failure::NoMatch(Status(200))));
        answered(Some("x"), b"HTTP/1.1 500 Oops\r\n\r\nx", false, failed(Failure::WrongStatus(Status(500))));
        answered(Some("x"), b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ny", true, failed(Failure::Broken));
    }

    #[test]
    fn each_part_has_its_own_time() {
        let second = Duration::from_secs(1);
        let (mut probe, _) = begun(Protocol::Http(http(Some("x"))));
        probe.elapsed();
        assert_eq!(probe.outcome().cloned(), failed(Failure::ConnectTimeout));

        let (mut probe, now) = talking(Protocol::Http(http(Some("x"))));
        probe.receive(b"HTTP/1.1 2", now + second);
        assert_eq!(probe.deadline(), now + second * 2, "half a line is no status");
        probe.elapsed();
        assert_eq!(probe.outcome().cloned(), failed(Failure::StatusTimeout));

        let (mut probe, now) = talking(Protocol::Http(http(Some("x"))));
        probe.receive(b"HTTP/1.1 200 OK\r\n", now + second);
        probe.receive(b"header: value\r\n\r\nbody", now + second * 2);
        assert_eq!(probe.deadline(), now + second * 3, "a trickle wins no time");
        probe.elapsed();
        assert_eq!(probe.outcome().cloned(), failed(Failure::BodyTimeout(Status(200))));
    }

    #[test]
    fn one_time_for_the_whole_probe_is_not_extended() {
        let second = Duration::from_secs(1);
        let now = Instant::now();
        let spec =
            ProbeSpec { protocol: Protocol::Http(http(Some("x"))), timeouts: Timeouts::Whole(second * 5) };
        let mut probe = Probe::new(Arc::new(spec), now);
        probe.connected(&TlsClient::new().expect("TLS"), now + second);
        probe.receive(b"HTTP/1.1 200 OK\r\n\r\n", now + second * 2);
        assert_eq!(probe.deadline(), now + second * 5);
        probe.elapsed();
        assert_eq!(probe.outcome().cloned(), failed(Failure::BodyTimeout(Status(200))));
    }

    /// "To match multiple values or a range" (the guide's `Matcher`).
    #[test]
    fn several_statuses_can_be_a_success() {
        let spec = HttpSpec { statuses: vec![200..=202, 301..=301], ..http(None) };
        let wanted: Vec<u16> = (100..600).filter(|status| spec.wants(*status)).collect();
        assert_eq!(wanted, [200, 201, 202, 301]);
    }

    #[test]
    fn connections_fail_in_different_ways() {
        for (kind, failure) in [
            (io::ErrorKind::ConnectionRefused, Failure::Refused),
            (io::ErrorKind::TimedOut, Failure::ConnectTimeout),
            (io::ErrorKind::HostUnreachable, Failure::Unreachable),
            (io::ErrorKind::ConnectionReset, Failure::Broken),
        ] {
            let (mut probe, _) = begun(Protocol::Tcp);
            probe.broke(kind);
            assert_eq!(probe.outcome().cloned(), failed(failure));
        }
        let (mut probe, _) = talking(Protocol::Http(http(None)));
        probe.broke(io::ErrorKind::ConnectionRefused);
        assert_eq!(probe.outcome().cloned(), failed(Failure::Broken));
    }

    #[test]
    fn the_first_outcome_counts() {
        let (mut probe, now) = talking(Protocol::Http(http(None)));
        probe.receive(b"HTTP/1.1 200 OK\r\n\r\n", now);
        probe.receive(b"garbage", now);
        probe.ended();
        probe.elapsed();
        assert_eq!(probe.outcome(), Some(&OK));
    }

    #[test]
    fn a_handshake_names_the_server_only_when_asked_to() {
        for (name, sent) in [(Some("www.example.test"), true), (None, false), (Some("not a name"), false)] {
            let (probe, _) = talking(Protocol::Https(http(None), name.map(str::to_owned)));
            let hello = probe.outgoing();
            let found = hello.windows(16).any(|window| window == b"www.example.test");
            assert_eq!((hello.first(), found), (Some(&22), sent), "{name:?}");
        }
    }

    #[test]
    fn garbage_instead_of_tls_fails() {
        for garbage in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[0x15, 3, 1, 0, 2, 2, 40], &[0xff; 64]] {
            let (mut probe, now) = talking(Protocol::Https(http(None), None));
            probe.receive(garbage, now);
            assert_eq!(probe.outcome().cloned(), failed(Failure::Tls), "{garbage:?}");
        }
    }
}
