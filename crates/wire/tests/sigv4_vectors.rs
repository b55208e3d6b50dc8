//! The official Signature Version 4 vectors: every signed request verifies, and nothing else does.
//!
//! They come with botocore's source package: `cargo xtask protocol-cases`.

mod support;

use std::path::{Path, PathBuf};

use enishi_wire::sigv4::{Authorization, Denied};
use enishi_wire::{Request, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: &str = "20150830T123600Z";

/// A vector's request with its authorization added.
struct Vector {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a readable vector");
        let authorization = std::fs::read_to_string(path.with_extension("authz")).expect("its authorization");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let first = lines.next().expect("a request line");
        let (method, rest) = first.split_once(' ').expect("a method");
        let target = rest.strip_suffix(" HTTP/1.1").expect("HTTP/1.1");
        let (path_part, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = headers(lines);
        // The token is signed, yet one vector's request leaves it to the signer to add.
        let canonical = std::fs::read_to_string(path.with_extension("creq")).expect("its canonical request");
        if let Some(token) = canonical.lines().find_map(|l| l.strip_prefix("x-amz-security-token:")) {
            headers.insert("x-amz-security-token", token.parse().expect("a header's value"));
        }
        headers.insert("authorization", authorization.trim().parse().expect("a header's value"));
        Self {
            name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
            method: method.to_owned(),
            path: path_part.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn verify(&self, secret: &str, now: Timestamp) -> Result<(), Denied> {
        let request = self.request();
        let authorization = Authorization::parse(&request)?.ok_or(Denied::Missing)?;
        assert_eq!(authorization.access_key, "AKIDEXAMPLE", "{}", self.name);
        assert_eq!((authorization.region.as_str(), authorization.service.as_str()), ("us-east-1", "service"));
        authorization.verify(&request, secret, now)
    }
}

/// Headers; a line that begins with white space continues the one before it.
fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut folded: Vec<(String, String)> = Vec::new();
    for line in lines.filter(|l| !l.is_empty()) {
        match (line.starts_with(char::is_whitespace), folded.last_mut()) {
            (true, Some((_, value))) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {
                let (name, value) = line.split_once(':').expect("a header");
                folded.push((name.to_owned(), value.trim().to_owned()));
            }
        }
    }
    let mut headers = HeaderMap::new();
    for (name, value) in folded {
        let name: HeaderName = name.parse().expect("a header's name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"));
    }
    headers
}

fn vectors() -> Vec<Vector> {
    let mut open = vec![support::cases("auth/aws4_testsuite")];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "req") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() >= 30, "only {} vectors", found.len());
    found.iter().map(|path| Vector::read(path)).collect()
}

fn now() -> Timestamp {
    Timestamp::parse_compact(NOW).expect("a time")
}

#[test]
fn every_vector_verifies() {
    let failures: Vec<String> = vectors()
        .iter()
        .filter_map(|vector| vector.verify(SECRET, now()).err().map(|why| format!("{}: {why}", vector.name)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn nothing_else_verifies() {
    for mut vector in vectors() {
        assert_eq!(vector.verify("another secret", now()), Err(Denied::Mismatch), "{}", vector.name);
        let later = Timestamp::from_seconds(now().as_seconds() + 15 * 60 + 1);
        assert!(matches!(vector.verify(SECRET, later), Err(Denied::Expired(_))), "{}", vector.name);
        let earlier = Timestamp::from_seconds(now().as_seconds() - 15 * 60 - 1);
        assert!(matches!(vector.verify(SECRET, earlier), Err(Denied::Expired(_))), "{}", vector.name);
        vector.body.push(b'x');
        assert_eq!(vector.verify(SECRET, now()), Err(Denied::Mismatch), "{}", vector.name);
        vector.body.pop();
        vector.path.push_str("more");
        assert_eq!(vector.verify(SECRET, now()), Err(Denied::Mismatch), "{}", vector.name);
    }
}
