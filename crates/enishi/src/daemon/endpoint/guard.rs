//! Keeps pages in the user's browser from using the endpoint behind the user's back.
//!
//! A page of another site can send simple requests to `127.0.0.1` (cross-site request forgery), and a page whose host name
//! is re-bound to `127.0.0.1` can even read the answers (DNS rebinding). The first always carries an `Origin`; the second
//! always carries the page's own host name in `Host`. Clients that are not browsers send neither, or the address they
//! were told.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the request comes from a page of another site.
pub fn is_foreign_page(head: &Parts) -> bool {
    let host = host(head);
    if let Some(origin) = text(&head.headers, &ORIGIN) {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        return authority != host;
    }
    matches!(text(&head.headers, &SEC_FETCH_SITE), Some("cross-site" | "same-site"))
}

/// Whether the request names a host that only this machine, or somebody who runs its network, can make up: an address,
/// `localhost`, or a name without a public suffix.
pub fn is_local_name(head: &Parts) -> bool {
    let Some(host) = host(head) else { return true };
    let name = if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed
            .split_once(']')
            .is_some_and(|(address, _)| address.parse::<std::net::Ipv6Addr>().is_ok());
    } else {
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    };
    name.parse::<std::net::Ipv4Addr>().is_ok()
        || !name.contains('.')
        || [".localhost", ".internal"].iter().any(|suffix| name.ends_with(suffix))
}

/// The host that the client named, with its port.
pub fn host(head: &Parts) -> Option<&str> {
    head.uri.authority().map(|authority| authority.as_str()).or_else(|| text(&head.headers, &HOST))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::post("/_enishi/reset");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn pages_of_other_sites_are_recognised() {
        let cases: [(&[(&str, &str)], bool); 6] = [
            (&[("host", "127.0.0.1:4566")], false),
            (&[("host", "127.0.0.1:4566"), ("origin", "http://127.0.0.1:4566")], false),
            (&[("host", "127.0.0.1:4566"), ("origin", "https://evil.example")], true),
            (&[("host", "127.0.0.1:4566"), ("origin", "null")], true),
            (&[("host", "127.0.0.1:4566"), ("sec-fetch-site", "cross-site")], true),
            (&[("host", "127.0.0.1:4566"), ("sec-fetch-site", "same-origin")], false),
        ];
        for (headers, foreign) in cases {
            assert_eq!(is_foreign_page(&head(headers)), foreign, "{headers:?}");
        }
    }

    #[test]
    fn rebound_names_are_recognised() {
        let local =
            ["127.0.0.1:4566", "localhost:4566", "localhost", "[::1]:4566", "enishi:4566", "a.localhost:1"];
        for host in local {
            assert!(is_local_name(&head(&[("host", host)])), "{host}");
        }
        for host in ["evil.example:4566", "127.0.0.1.evil.example", "[x]:1"] {
            assert!(!is_local_name(&head(&[("host", host)])), "{host}");
        }
    }
}
