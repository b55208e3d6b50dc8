//! A small HTTP/1.1 client: one request per connection, blocking. Enough for one's own daemon on one's own machine.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// Where the daemon answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    authority: String,
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Endpoint {
    /// The endpoint of a daemon that listens there.
    pub fn at(address: std::net::SocketAddr) -> Self {
        Endpoint { authority: address.to_string() }
    }

    /// A question to the daemon.
    pub fn ask(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        decode(&self.send("GET", &target(path, query), &[], b"").with_context(|| self.unreachable())?)
    }

    /// An order to the daemon with something to work on.
    pub fn tell_with(&self, path: &str, query: &[(&str, &str)], body: &[u8]) -> anyhow::Result<Value> {
        decode(&self.send("POST", &target(path, query), &[], body).with_context(|| self.unreachable())?)
    }

    /// An order to the daemon.
    pub fn tell(&self, path: &str) -> anyhow::Result<Value> {
        decode(&self.send("POST", path, &[], b"").with_context(|| self.unreachable())?)
    }

    fn unreachable(&self) -> String {
        format!(
            "no daemon answers at {self}; `enishi up` starts one, --endpoint or ENISHI_ENDPOINT names another"
        )
    }

    /// One request.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.authority,
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        stream.write_all(&request)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(ANSWER))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// The path with its parameters.
fn target(path: &str, query: &[(&str, &str)]) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}?{encoded}")
}

/// The answer to a request that asked for the connection to be closed after it.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let body = bytes.get(end + 4..)?;
    let chunked = lines.any(|line| line.to_ascii_lowercase().starts_with("transfer-encoding:"));
    // Our own daemon never sends chunks: it knows how long its answers are.
    (!chunked).then(|| Answer { status, body: body.to_vec() })
}

fn decode(answer: &Answer) -> anyhow::Result<Value> {
    let value: Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("the daemon answered {} with something that is not JSON", answer.status))?;
    if answer.status != 200 {
        bail!("{}", value["error"].as_str().unwrap_or("the daemon refused"));
    }
    Ok(value)
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let refused = || format!("{url:?} does not look like http://127.0.0.1:4566");
        let authority = url.strip_prefix("http://").ok_or_else(refused)?.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
            return Err(refused());
        }
        let port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Endpoint { authority })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read() {
        let at = |url: &str| url.parse::<Endpoint>().map(|endpoint| endpoint.to_string());
        assert_eq!(at("http://127.0.0.1:4566").as_deref(), Ok("http://127.0.0.1:4566"));
        assert_eq!(at("http://localhost:1/").as_deref(), Ok("http://localhost:1"));
        assert_eq!(at("http://enishi").as_deref(), Ok("http://enishi:80"));
        assert!(at("https://localhost").is_err());
        assert!(at("http://a/b").is_err());
    }

    #[test]
    fn answers_are_read() {
        let answer = parse(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (404, b"{}".as_slice()));
        assert!(parse(b"nonsense").is_none());
    }
}
