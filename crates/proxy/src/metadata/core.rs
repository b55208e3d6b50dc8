//! What a request is answered: no sockets, no clock.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, StatusCode};

use super::InstanceMetadata;
use super::tree::{Node, VERSIONS, tree};

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// Six hours, the longest life of a token, in seconds.
const LONGEST_TTL: u64 = 21_600;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body, plain text.
    pub body: Vec<u8>,
    /// The life of the issued or presented token in seconds, for the response header of a `PUT`.
    pub token_ttl: Option<u64>,
    /// The IP time-to-live that the answer must leave with: a token must not travel further than the instance allows.
    pub hop_limit: Option<u8>,
}

impl Answer {
    fn ok(body: Vec<u8>) -> Self {
        Answer { status: StatusCode::OK, body, token_ttl: None, hop_limit: None }
    }

    fn error(status: StatusCode) -> Self {
        let title = format!("{} - {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\
             \t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
             <html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n <head>\n  <title>{title}</title>\n \
             </head>\n <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
        );
        Answer { status, body: body.into_bytes(), token_ttl: None, hop_limit: None }
    }
}

/// Issues and checks session tokens. Nothing is stored: a token carries its expiry and a MAC over it and the instance.
pub struct Tokens {
    key: hmac::Key,
}

impl Tokens {
    /// Tokens under this secret; another secret makes all earlier tokens invalid.
    pub fn new(secret: &[u8; 32]) -> Self {
        Tokens { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// A token for `instance` that holds until `expiry`, in seconds since the epoch.
    fn issue(&self, instance: &str, expiry: u64) -> String {
        let mac = hmac::sign(&self.key, &Self::message(instance, expiry));
        let mut bytes = expiry.to_be_bytes().to_vec();
        bytes.extend_from_slice(mac.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn accepts(&self, instance: &str, token: &[u8], now: u64) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((expiry, mac)) = bytes.split_first_chunk::<8>() else { return false };
        let expiry = u64::from_be_bytes(*expiry);
        expiry > now && hmac::verify(&self.key, &Self::message(instance, expiry), mac).is_ok()
    }

    fn message(instance: &str, expiry: u64) -> Vec<u8> {
        [&expiry.to_be_bytes()[..], instance.as_bytes()].concat()
    }
}

/// Answers a request of the instance `of`, at `now` in seconds since the epoch.
pub fn answer(
    of: &InstanceMetadata,
    tokens: &Tokens,
    now: u64,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Answer {
    if !of.options.enabled {
        return Answer::error(StatusCode::FORBIDDEN);
    }
    match *method {
        Method::PUT => put_token(of, tokens, now, path, headers),
        Method::GET | Method::HEAD => match check_token(of, tokens, now, headers) {
            Ok(()) => get(of, path),
            Err(status) => Answer::error(status),
        },
        _ => Answer::error(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn put_token(of: &InstanceMetadata, tokens: &Tokens, now: u64, path: &str, headers: &HeaderMap) -> Answer {
    if path.trim_end_matches('/') != "/latest/api/token" {
        return Answer::error(StatusCode::METHOD_NOT_ALLOWED);
    }
    // "rejects PUT requests that contain an X-Forwarded-For header": those came through an open proxy.
    if headers.contains_key("x-forwarded-for") {
        return Answer::error(StatusCode::FORBIDDEN);
    }
    let ttl = headers.get(TOKEN_TTL).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let Some(ttl) = ttl.filter(|ttl| (1..=LONGEST_TTL).contains(ttl)) else {
        return Answer::error(StatusCode::BAD_REQUEST);
    };
    let token = tokens.issue(&of.instance, now.saturating_add(ttl));
    Answer { token_ttl: Some(ttl), hop_limit: Some(of.options.hop_limit), ..Answer::ok(token.into_bytes()) }
}

fn check_token(
    of: &InstanceMetadata,
    tokens: &Tokens,
    now: u64,
    headers: &HeaderMap,
) -> Result<(), StatusCode> {
    match headers.get(TOKEN) {
        Some(token) if tokens.accepts(&of.instance, token.as_bytes(), now) => Ok(()),
        None if !of.options.tokens_required => Ok(()),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

fn get(of: &InstanceMetadata, path: &str) -> Answer {
    let path = path.trim_start_matches('/');
    let (version, rest) = path.split_once('/').unwrap_or((path, ""));
    if version.is_empty() {
        return Answer::ok(VERSIONS.join("\n").into_bytes());
    }
    if !VERSIONS.contains(&version) {
        return Answer::error(StatusCode::NOT_FOUND);
    }
    let rest = rest.trim_end_matches('/');
    if rest == "meta-data/public-keys" {
        return match &of.key {
            Some((name, _)) => Answer::ok(format!("0={name}").into_bytes()),
            None => Answer::error(StatusCode::NOT_FOUND),
        };
    }
    match tree(of).at(rest) {
        Some(node @ (Node::Leaf(_) | Node::Directory(_))) => Answer::ok(node.render()),
        None => Answer::error(StatusCode::NOT_FOUND),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use enishi_fabric::Mac;
    use http::HeaderValue;

    use super::super::{InterfaceMetadata, Options};
    use super::*;

    fn instance() -> InstanceMetadata {
        let private = [10, 0, 0, 5].into();
        InstanceMetadata {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            zone: ("us-east-1a".into(), "use1-az1".into()),
            image: "ami-0123456789abcdef0".into(),
            launch_index: 0,
            instance: "i-0123456789abcdef0".into(),
            instance_type: "t3.micro".into(),
            architecture: "x86_64".into(),
            reservation: "r-0123456789abcdef0".into(),
            launched: "2026-11-22T19:47:24Z".into(),
            key: Some(("mine".into(), "ssh-ed25519 AAAA mine".into())),
            user_data: Some(b"#!/bin/sh\n".to_vec()),
            tags: BTreeMap::from([("Name".into(), "web".into())]),
            interfaces: vec![InterfaceMetadata {
                id: "eni-0123456789abcdef0".into(),
                mac: Mac([2, 0, 0, 0, 0, 5]),
                device: 0,
                owner: "000000000000".into(),
                hostname: "ip-10-0-0-5.ec2.internal".into(),
                private_ips: vec![private],
                public_ips: BTreeMap::from([(private, [198, 18, 1, 0].into())]),
                public_hostname: None,
                subnet: ("subnet-0123456789abcdef0".into(), "10.0.0.0/24".parse().expect("a block")),
                vpc: ("vpc-0123456789abcdef0".into(), vec!["10.0.0.0/16".parse().expect("a block")]),
                groups: vec![("default".into(), "sg-0123456789abcdef0".into())],
            }],
            options: Options { enabled: true, tokens_required: true, hop_limit: 2, tags: true },
        }
    }

    fn ask(
        of: &InstanceMetadata,
        now: u64,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        answer(of, &Tokens::new(&[7; 32]), now, &method, path, &map)
    }

    fn text(answer: Answer) -> String {
        assert_eq!(answer.status, StatusCode::OK);
        String::from_utf8(answer.body).expect("text")
    }

    /// "By default, you can use either IMDSv1 or IMDSv2"; with `HttpTokens=required` version 1 answers 401.
    #[test]
    fn tokens_are_required_when_the_instance_says_so() {
        let mut of = instance();
        let path = "/latest/meta-data/instance-id";
        assert_eq!(ask(&of, 0, Method::GET, path, &[]).status, StatusCode::UNAUTHORIZED);
        of.options.tokens_required = false;
        assert_eq!(text(ask(&of, 0, Method::GET, path, &[])), of.instance);
        assert_eq!(ask(&of, 0, Method::GET, path, &[(TOKEN, "bogus")]).status, StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn a_token_holds_for_its_life_and_its_instance() {
        let of = instance();
        let issued = ask(&of, 100, Method::PUT, "/latest/api/token", &[(TOKEN_TTL, "60")]);
        assert_eq!((issued.token_ttl, issued.hop_limit), (Some(60), Some(2)));
        let token = text(issued);
        let get = |of: &InstanceMetadata, now| {
            ask(of, now, Method::GET, "/latest/meta-data/mac", &[(TOKEN, token.as_str())]).status
        };
        assert_eq!(get(&of, 159), StatusCode::OK);
        assert_eq!(get(&of, 160), StatusCode::UNAUTHORIZED);
        let other = InstanceMetadata { instance: "i-0fffffffffffffff0".into(), ..instance() };
        assert_eq!(get(&other, 100), StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn a_token_request_is_refused_with_awss_status() {
        let of = instance();
        let put =
            |headers: &[(&'static str, &str)]| ask(&of, 0, Method::PUT, "/latest/api/token", headers).status;
        assert_eq!(put(&[]), StatusCode::BAD_REQUEST);
        assert_eq!(put(&[(TOKEN_TTL, "0")]), StatusCode::BAD_REQUEST);
        assert_eq!(put(&[(TOKEN_TTL, "21601")]), StatusCode::BAD_REQUEST);
        assert_eq!(put(&[(TOKEN_TTL, "60"), ("x-forwarded-for", "10.0.0.1")]), StatusCode::FORBIDDEN);
    }

    #[test]
    fn directories_list_their_entries() {
        let mut of = instance();
        of.options.tokens_required = false;
        let get = |path: &str| text(ask(&of, 0, Method::GET, path, &[]));
        assert_eq!(get("/latest/"), "dynamic/\nmeta-data/\nuser-data");
        assert_eq!(get("/latest/meta-data/placement"), "availability-zone\navailability-zone-id\nregion");
        assert_eq!(get("/latest/meta-data/public-keys/"), "0=mine");
        assert_eq!(get("/latest/meta-data/public-keys/0/openssh-key"), "ssh-ed25519 AAAA mine");
        assert_eq!(get("/latest/meta-data/tags/instance/Name"), "web");
        assert_eq!(get("/2009-04-04/user-data"), "#!/bin/sh\n");
        assert_eq!(
            get("/latest/meta-data/network/interfaces/macs/02:00:00:00:00:05/ipv4-associations/198.18.1.0"),
            "10.0.0.5"
        );
        assert!(get("/").starts_with("1.0\n2007-01-19"));
        assert!(get("/latest/dynamic/instance-identity/document").contains("\"privateIp\": \"10.0.0.5\""));
    }

    #[test]
    fn what_is_not_there_is_404_and_a_disabled_service_403() {
        let mut of = instance();
        of.options.tokens_required = false;
        for path in ["/latest/meta-data/nope", "/1999-01-01/meta-data", "/latest/meta-data/mac/x"] {
            assert_eq!(ask(&of, 0, Method::GET, path, &[]).status, StatusCode::NOT_FOUND, "{path}");
        }
        of.options.enabled = false;
        assert_eq!(ask(&of, 0, Method::GET, "/latest/", &[]).status, StatusCode::FORBIDDEN);
    }
}
