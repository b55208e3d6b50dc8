//! Transforms: what a rule changes of a request before it is forwarded.
//! [Transforms](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html)

use enishi_fabric::balancer::Rewrite;
use regex::bytes::{Regex, RegexBuilder};

use super::forwarding::Rewritten;
use super::http1::Request;

/// The most memory that a regular expression may take, in bytes.
const REGEX_SIZE: usize = 1 << 20;
/// The longest path with query, and host, that comes out, in bytes.
const LONGEST: usize = 16 * 1024;

/// A rule's transforms, compiled.
#[derive(Debug, Default)]
pub struct Rewrites {
    host: Vec<Replacement>,
    url: Vec<Replacement>,
}

#[derive(Debug)]
struct Replacement {
    regex: Regex,
    with: Vec<u8>,
}

impl Rewrites {
    /// Compiles transforms; an expression that does not compile changes nothing.
    pub fn new(rewrites: &[Rewrite]) -> Self {
        let mut compiled = Rewrites::default();
        for rewrite in rewrites {
            let (list, regex, with) = match rewrite {
                Rewrite::Host(regex, with) => (&mut compiled.host, regex, with),
                Rewrite::Url(regex, with) => (&mut compiled.url, regex, with),
            };
            let built = RegexBuilder::new(regex).unicode(false).size_limit(REGEX_SIZE).build();
            list.extend(built.ok().map(|regex| Replacement { regex, with: braced(with) }));
        }
        compiled
    }

    /// What becomes of a request; `None`: it stays as it is.
    pub fn apply(&self, request: &Request<'_>) -> Option<Rewritten> {
        let host = apply(&self.host, request.host());
        let path_and_query = apply(&self.url, request.path_and_query());
        (host.is_some() || path_and_query.is_some()).then_some(Rewritten { host, path_and_query })
    }
}

/// The first match is replaced. What comes out has to be what a head can hold, or nothing is changed.
fn apply(replacements: &[Replacement], text: &[u8]) -> Option<Vec<u8>> {
    let mut changed = None;
    for Replacement { regex, with } in replacements {
        let from: &[u8] = changed.as_deref().unwrap_or(text);
        if regex.is_match(from) {
            let to = regex.replace(from, with.as_slice()).into_owned();
            let is_clean =
                !to.is_empty() && to.len() <= LONGEST && to.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
            changed = is_clean.then_some(to).or(changed);
        }
    }
    changed
}

/// `$1x` is the first group and an `x`; the library would read a group of the name `1x`.
fn braced(with: &str) -> Vec<u8> {
    let mut out = String::with_capacity(with.len() + 8);
    let mut chars = with.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '$' {
            match chars.peek() {
                Some(digit) if digit.is_ascii_digit() => {
                    out.push('{');
                    out.extend(chars.next());
                    out.push('}');
                }
                _ => out.push('$'),
            }
        }
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::http1::RequestParser;
    use super::*;

    #[track_caller]
    fn check(rewrite: Rewrite, host: Option<&str>, path: Option<&str>) {
        let bytes = b"GET /v1/users?id=1 HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
        let mut parser = RequestParser::default();
        assert_eq!(parser.advance(bytes), Ok(true));
        let found =
            Rewrites::new(&[rewrite]).apply(&Request { bytes, head: parser.head() }).unwrap_or_default();
        let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!((text(found.host).as_deref(), text(found.path_and_query).as_deref()), (host, path));
    }

    #[test]
    fn matches_are_replaced() {
        let url = |regex: &str, with: &str| Rewrite::Url(regex.into(), with.into());
        check(url("^/v1/(.*)$", "/v2/$1"), None, Some("/v2/users?id=1"));
        check(url("^/v1/([a-z]+)", "/$1s$"), None, Some("/userss$?id=1"));
        check(url("^/other", "/x"), None, None);
        check(url("^.*$", "a b"), None, None);
        check(url("(", "/x"), None, None);
        check(Rewrite::Host("^api\\.(.+)$".into(), "internal.$1".into()), Some("internal.example.com"), None);
    }
}
