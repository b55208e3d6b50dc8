//! Which rule of a listener a request matches.
//!
//! "Rules are evaluated in priority order, from the lowest value to the highest value. The default rule is evaluated last."
//! ([Listener rules](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html)) Hundreds of rules
//! usually differ in their host or in how their path begins, so they are found by that: an index names the rules that could
//! match, in their order, and only those are looked at. What is counted as evaluated is what going through all of them would be.

use std::net::IpAddr;
use std::sync::Arc;

use enishi_fabric::Cidr;
use enishi_fabric::balancer::{Condition, Pattern, Rule};

use super::http1::Request;
use super::pattern::Compiled;

/// The rules of a listener, compiled.
#[derive(Debug)]
pub struct Rules {
    conditions: Vec<Vec<Matcher>>,
    /// One bit for every rule that no index covers.
    always: Vec<u64>,
    /// Rules by a host that is matched exactly, in lower case, sorted.
    hosts: Index,
    /// Rules by how their path begins: for each length of such beginnings, sorted.
    paths: Vec<(usize, Index)>,
}

/// Rules by what they want, sorted.
type Index = Vec<(Vec<u8>, Vec<usize>)>;

#[derive(Debug)]
enum Matcher {
    Host(Vec<Compiled>),
    Path(Vec<Compiled>),
    Header(Arc<str>, Vec<Compiled>),
    Method(Vec<Arc<str>>),
    Query(Vec<(Option<Compiled>, Compiled)>),
    Source(Vec<Cidr>),
}

/// Room for which rules could match; kept between requests.
#[derive(Debug, Default)]
pub struct Scratch {
    candidates: Vec<u64>,
    host: Vec<u8>,
}

impl Rules {
    /// Compiles rules, given in the order in which they are tried.
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let conditions: Vec<Vec<Matcher>> =
            rules.iter().map(|rule| rule.conditions.iter().map(Matcher::new).collect()).collect();
        let mut compiled = Rules {
            always: vec![0; rules.len().div_ceil(64)],
            hosts: Vec::new(),
            paths: Vec::new(),
            conditions,
        };
        let (mut hosts, mut paths) = (Vec::new(), Vec::new());
        for (index, matchers) in compiled.conditions.iter().enumerate() {
            if let Some(exact) = matchers.iter().find_map(Matcher::exact_hosts) {
                hosts.extend(exact.into_iter().map(|host| (host, index)));
            } else if let Some(prefixes) = matchers.iter().find_map(Matcher::path_prefixes) {
                paths.extend(prefixes.into_iter().map(|prefix| (prefix, index)));
            } else if let Some(word) = compiled.always.get_mut(index / 64) {
                *word |= 1 << (index % 64);
            }
        }
        compiled.hosts = grouped(hosts);
        let mut lengths: Vec<usize> = paths.iter().map(|(prefix, _)| prefix.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let of_length =
            |length: usize| paths.iter().filter(|(prefix, _)| prefix.len() == length).cloned().collect();
        compiled.paths = lengths.into_iter().map(|length| (length, grouped(of_length(length)))).collect();
        compiled
    }

    /// The index of the first rule that matches a request of the client `source`.
    pub fn find(&self, request: &Request<'_>, source: IpAddr, scratch: &mut Scratch) -> Option<usize> {
        let host = without_port(request.host());
        let (path, query) = split_query(request.path_and_query());
        scratch.candidates.clear();
        scratch.candidates.extend_from_slice(&self.always);
        if !self.hosts.is_empty() {
            scratch.host.clear();
            scratch.host.extend(host.iter().map(u8::to_ascii_lowercase));
            mark(&self.hosts, &scratch.host, &mut scratch.candidates);
        }
        for (length, prefixes) in &self.paths {
            let Some(prefix) = path.get(..*length) else { break };
            mark(prefixes, prefix, &mut scratch.candidates);
        }
        let seen = Seen { request, host, path, query, source };
        for (word, bits) in scratch.candidates.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let matchers = self.conditions.get(index)?;
                if matchers.iter().all(|matcher| matcher.holds(&seen)) {
                    return Some(index);
                }
            }
        }
        None
    }
}

/// What conditions look at.
struct Seen<'a> {
    request: &'a Request<'a>,
    host: &'a [u8],
    path: &'a [u8],
    query: &'a [u8],
    source: IpAddr,
}

impl Matcher {
    fn new(condition: &Condition) -> Self {
        let compile = |patterns: &[Pattern], any_case| -> Vec<Compiled> {
            patterns.iter().map(|pattern| Compiled::new(pattern, any_case)).collect()
        };
        match condition {
            Condition::Host(patterns) => Matcher::Host(compile(patterns, true)),
            Condition::Path(patterns) => Matcher::Path(compile(patterns, false)),
            Condition::Header { name, values } => Matcher::Header(name.clone(), compile(values, true)),
            Condition::Method(methods) => Matcher::Method(methods.clone()),
            Condition::Query(pairs) => Matcher::Query(
                pairs
                    .iter()
                    .map(|(key, value)| {
                        (key.as_ref().map(|key| Compiled::new(key, true)), Compiled::new(value, true))
                    })
                    .collect(),
            ),
            Condition::Source(blocks) => Matcher::Source(blocks.clone()),
        }
    }

    fn exact_hosts(&self) -> Option<Vec<Vec<u8>>> {
        let Matcher::Host(patterns) = self else { return None };
        patterns.iter().map(Compiled::exact).collect()
    }

    /// What paths begin with; `/` alone distinguishes none.
    fn path_prefixes(&self) -> Option<Vec<Vec<u8>>> {
        let Matcher::Path(patterns) = self else { return None };
        patterns.iter().map(|pattern| pattern.prefix().filter(|prefix| prefix.len() > 1)).collect()
    }

    fn holds(&self, seen: &Seen<'_>) -> bool {
        match self {
            Matcher::Host(patterns) => patterns.iter().any(|pattern| pattern.matches(seen.host)),
            Matcher::Path(patterns) => patterns.iter().any(|pattern| pattern.matches(seen.path)),
            Matcher::Header(name, patterns) => seen
                .request
                .named(name.as_bytes())
                .any(|value| patterns.iter().any(|pattern| pattern.matches(value))),
            Matcher::Method(methods) => {
                methods.iter().any(|method| method.as_bytes() == seen.request.method())
            }
            Matcher::Query(pairs) => parameters(seen.query).any(|(key, value)| {
                pairs.iter().any(|(wanted, pattern)| {
                    wanted.as_ref().is_none_or(|wanted| wanted.matches(key)) && pattern.matches(value)
                })
            }),
            Matcher::Source(blocks) => match seen.source.to_canonical() {
                IpAddr::V4(source) => blocks.iter().any(|block| block.contains(source)),
                IpAddr::V6(_) => false,
            },
        }
    }
}

/// Collects the rules of equal keys; sorted by key.
fn grouped(mut pairs: Vec<(Vec<u8>, usize)>) -> Index {
    pairs.sort();
    let mut groups: Index = Vec::new();
    for (key, rule) in pairs {
        match groups.last_mut() {
            Some((last, rules)) if *last == key => rules.push(rule),
            _ => groups.push((key, vec![rule])),
        }
    }
    groups
}

fn mark(groups: &[(Vec<u8>, Vec<usize>)], key: &[u8], candidates: &mut [u64]) {
    let Ok(found) = groups.binary_search_by(|(other, _)| other.as_slice().cmp(key)) else { return };
    for rule in groups.get(found).map(|(_, rules)| rules).into_iter().flatten() {
        if let Some(word) = candidates.get_mut(rule / 64) {
            *word |= 1 << (rule % 64);
        }
    }
}

/// `example.com:8080` without its port, `[::1]:80` as well.
pub fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|byte| *byte == b':') {
        Some(colon) if host[colon + 1..].iter().all(u8::is_ascii_digit) && !host[..colon].ends_with(b":") => {
            &host[..colon]
        }
        _ => host,
    }
}

/// Path, and query without its question mark.
pub fn split_query(target: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'?', target) {
        Some(mark) => (&target[..mark], &target[mark + 1..]),
        None => (target, b""),
    }
}

fn parameters(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, &b""[..]),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use enishi_fabric::balancer::{Action, FixedResponse};

    use super::super::http1::RequestParser;
    use super::*;

    fn rule(conditions: Vec<Condition>) -> Arc<Rule> {
        let action = Action::Fixed(FixedResponse { status: 200, content_type: None, body: Arc::from("") });
        Arc::new(Rule {
            arn: "r".into(),
            priority: Some(1),
            conditions,
            authenticate: None,
            rewrites: Vec::new(),
            action,
        })
    }

    fn wildcards(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::Wildcard((*text).into())).collect()
    }

    fn find(rules: &[Arc<Rule>], head: &str) -> Option<usize> {
        let bytes = format!("{head}\r\n\r\n").into_bytes();
        let mut parser = RequestParser::default();
        assert_eq!(parser.advance(&bytes), Ok(true));
        let request = Request { bytes: &bytes, head: parser.head() };
        let compiled = Rules::new(rules);
        let source = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
        compiled.find(&request, source, &mut Scratch::default())
    }

    #[track_caller]
    fn check(condition: Condition, yes: &[&str], no: &[&str]) {
        let rules = [rule(vec![condition]), rule(Vec::new())];
        for head in yes {
            assert_eq!(find(&rules, head), Some(0), "{head}");
        }
        for head in no {
            assert_eq!(find(&rules, head), Some(1), "{head}");
        }
    }

    #[test]
    fn conditions_hold_as_aws_says() {
        let get =
            "GET /img/a?version=V1&x HTTP/1.1\r\nHost: Test.example.com:80\r\nUser-Agent: Mozilla/5.0 Chrome";
        let other = "POST /other HTTP/1.1\r\nHost: example.org";
        check(Condition::Host(wildcards(&["*.example.com", "a"])), &[get], &[other]);
        check(Condition::Host(wildcards(&["test.EXAMPLE.com"])), &[get], &[other]);
        check(Condition::Path(wildcards(&["/img/*"])), &[get], &[other]);
        check(Condition::Path(wildcards(&["/img/a"])), &[get], &[other]);
        check(Condition::Path(wildcards(&["*img*"])), &[get], &[other]);
        check(
            Condition::Header { name: "user-agent".into(), values: wildcards(&["*chrome*"]) },
            &[get],
            &[other],
        );
        check(Condition::Method(vec!["GET".into(), "HEAD".into()]), &[get], &[other]);
        let query = |key: Option<&str>, value: &str| {
            let pattern = |text: &str| Pattern::Wildcard(text.into());
            Condition::Query(vec![(key.map(pattern), pattern(value))])
        };
        check(query(Some("VERSION"), "v1"), &[get], &[other]);
        check(query(None, "v?"), &[get], &[other]);
        check(query(Some("version"), "v2"), &[], &[get, other]);
        let block = |text: &str| Condition::Source(vec![text.parse().expect("a block")]);
        check(block("10.1.0.0/16"), &[get, other], &[]);
        check(block("10.2.0.0/16"), &[], &[get]);
    }

    #[test]
    fn all_conditions_have_to_hold() {
        let both = vec![Condition::Host(wildcards(&["a"])), Condition::Path(wildcards(&["/x*"]))];
        let rules = [rule(both), rule(Vec::new())];
        assert_eq!(find(&rules, "GET /xy HTTP/1.1\r\nHost: a"), Some(0));
        assert_eq!(find(&rules, "GET /xy HTTP/1.1\r\nHost: b"), Some(1));
        assert_eq!(find(&rules, "GET /y HTTP/1.1\r\nHost: a"), Some(1));
    }

    /// Indexed or not, the first in order wins.
    #[test]
    fn order_decides() {
        let mut rules: Vec<_> =
            (0..500).map(|n| rule(vec![Condition::Path(wildcards(&[&format!("/s{n}/*")]))])).collect();
        rules.insert(250, rule(vec![Condition::Host(wildcards(&["b"]))]));
        rules.insert(100, rule(vec![Condition::Method(vec!["PUT".into()])]));
        rules.push(rule(Vec::new()));
        assert_eq!(find(&rules, "GET /s7/x HTTP/1.1\r\nHost: a"), Some(7));
        assert_eq!(find(&rules, "GET /s499/x HTTP/1.1\r\nHost: a"), Some(501));
        assert_eq!(find(&rules, "GET /s499/x HTTP/1.1\r\nHost: b"), Some(251));
        assert_eq!(find(&rules, "PUT /s499/x HTTP/1.1\r\nHost: b"), Some(100));
        assert_eq!(find(&rules, "PUT /s99/x HTTP/1.1\r\nHost: b"), Some(99));
        assert_eq!(find(&rules, "GET /s499 HTTP/1.1\r\nHost: a"), Some(502));
    }

    #[test]
    fn ports_are_no_part_of_hosts() {
        for (host, alone) in
            [("a:80", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a:b", "a:b")]
        {
            assert_eq!(without_port(host.as_bytes()), alone.as_bytes());
        }
    }
}
