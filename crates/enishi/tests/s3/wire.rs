//! Requests by hand, and answers with their headers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Output};

use crate::harness::{self, Daemon};

/// Says who asks, without proving it.
pub const SCOPE: &str =
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00";

/// Method, target, headers and body of a request.
pub type Case<'c> = (&'c str, &'c str, &'c [(&'c str, &'c str)], &'c [u8]);

/// An answer with its headers.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first element of this name.
    pub fn element(&self, name: &str) -> String {
        harness::first(&self.text(), name)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }
}

pub fn parse(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of the head");
    let head = std::str::from_utf8(&bytes[..end]).expect("a head");
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status").parse().expect("a status");
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers: BTreeMap<String, String> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        body = unchunked(&body);
    }
    Reply { status, headers, body }
}

pub fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk");
        let size = std::str::from_utf8(&rest[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

/// A request as it goes over the wire.
pub fn request(
    daemon: &Daemon,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    bytes: usize,
) -> String {
    let address = daemon.connect().peer_addr().expect("an address");
    let mut head = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    let has = |name: &str| headers.iter().any(|(other, _)| *other == name);
    if !has("host") {
        head.push_str(&format!("host: {address}\r\n"));
    }
    if !has("content-length") {
        head.push_str(&format!("content-length: {bytes}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

pub fn unsigned(daemon: &Daemon, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut stream = daemon.connect();
    let head = request(daemon, method, target, headers, body.len());
    // An answer may come, and the connection be closed, before the body is read.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    parse(&bytes)
}

pub fn send(daemon: &Daemon, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let signed = [headers, &[("authorization", SCOPE), ("x-amz-date", "20260101T000000Z")]].concat();
    unsigned(daemon, method, target, &signed, body)
}

pub fn put(daemon: &Daemon, target: &str, body: &[u8]) -> Reply {
    let reply = send(daemon, "PUT", target, &[], body);
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    reply
}

pub fn get(daemon: &Daemon, target: &str) -> Reply {
    send(daemon, "GET", target, &[], b"")
}

/// The code of the error that a request is refused with.
pub fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.element("Code"))
}

/// The command line client of AWS, pointed at the daemon.
pub fn aws(daemon: &Daemon, arguments: &[&str]) -> Output {
    let endpoint = format!("http://{}", daemon.connect().peer_addr().expect("an address"));
    Command::new("aws")
        .args(arguments)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_PAGER", "")
        .output()
        .expect("the AWS CLI runs")
}

pub fn aws_ok(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = aws(daemon, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Bytes that are not all the same.
pub fn data(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| u8::try_from(n * 31 % 251).expect("a byte")).collect()
}

/// Files with data below the daemon's directory.
pub fn files(daemon: &Daemon) -> usize {
    std::fs::read_dir(daemon.data_dir().join("objects")).map_or(0, Iterator::count)
}
