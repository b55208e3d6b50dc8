//! Where a redirect leads.

use enishi_fabric::balancer::Redirect;

use super::http1::Request;
use super::rules::{split_query, without_port};

/// The `Location` of a redirect: "https://#{host}:443/#{path}?#{query}", with what the request says in place of the words. A port is
/// always part of it, as AWS does.
pub fn location(redirect: &Redirect, request: &Request<'_>, is_https: bool, port: u16) -> Vec<u8> {
    let (path, query) = split_query(request.path_and_query());
    let words = Words {
        protocol: if is_https { b"https" } else { b"http" },
        host: without_port(request.host()),
        port: port.to_string(),
        path: path.strip_prefix(b"/").unwrap_or(path),
        query,
    };
    let mut location = Vec::with_capacity(128);
    location.extend(words.expand(&redirect.protocol).to_ascii_lowercase());
    location.extend_from_slice(b"://");
    location.extend(words.expand(&redirect.host));
    location.push(b':');
    location.extend(words.expand(&redirect.port));
    location.extend(words.expand(&redirect.path));
    let query = words.expand(&redirect.query);
    if !query.is_empty() {
        location.push(b'?');
        location.extend(query);
    }
    // A client can put anything into its path that is no control character; a header holds what it may.
    location.retain(|byte| *byte > b' ' && *byte != 0x7f);
    location
}

struct Words<'a> {
    protocol: &'a [u8],
    host: &'a [u8],
    port: String,
    path: &'a [u8],
    query: &'a [u8],
}

impl Words<'_> {
    fn expand(&self, template: &str) -> Vec<u8> {
        let mut text = Vec::with_capacity(template.len() + 64);
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once("#{") {
            text.extend_from_slice(before.as_bytes());
            let word = behind.split_once('}').and_then(|(word, after)| Some((self.value(word)?, after)));
            match word {
                Some((value, after)) => {
                    text.extend_from_slice(value);
                    rest = after;
                }
                None => {
                    text.extend_from_slice(b"#{");
                    rest = behind;
                }
            }
        }
        text.extend_from_slice(rest.as_bytes());
        text
    }

    fn value(&self, word: &str) -> Option<&[u8]> {
        match word {
            "protocol" => Some(self.protocol),
            "host" => Some(self.host),
            "port" => Some(self.port.as_bytes()),
            "path" => Some(self.path),
            "query" => Some(self.query),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::http1::RequestParser;
    use super::*;

    #[track_caller]
    fn check(parts: [&str; 5], target: &str, wanted: &str) {
        let [protocol, host, port, path, query] = parts.map(Into::into);
        let redirect = Redirect { protocol, host, port, path, query, status: 301 };
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: example.com:8080\r\n\r\n").into_bytes();
        let mut parser = RequestParser::default();
        assert_eq!(parser.advance(&bytes), Ok(true));
        let request = Request { bytes: &bytes, head: parser.head() };
        let found = location(&redirect, &request, false, 8080);
        assert_eq!(String::from_utf8_lossy(&found), wanted);
    }

    #[test]
    fn words_stand_for_the_request() {
        let same = ["#{protocol}", "#{host}", "#{port}", "/#{path}", "#{query}"];
        check(
            ["HTTPS", "#{host}", "443", "/#{path}", "#{query}"],
            "/a/b?c=d",
            "https://example.com:443/a/b?c=d",
        );
        check(same, "/", "http://example.com:8080/");
        check(
            ["HTTPS", "new.#{host}", "#{port}", "/x/#{path}", "y=1"],
            "/a",
            "https://new.example.com:8080/x/a?y=1",
        );
        check(["HTTP", "a#{b", "80", "/#{unknown}", ""], "/", "http://a#{b:80/#{unknown}");
    }
}
