//! Load balancers' cookies and rules: any cookie, and any wildcard on any text, where two ways to ask must agree.
#![no_main]

use enishi_fabric::balancer::Pattern;
use enishi_proxy::balancer::cookies::{Jar, Kind, find};
use enishi_proxy::balancer::pattern::Compiled;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let pattern = String::from_utf8_lossy(enishi_fuzz::part(&mut rest)).into_owned();
    if pattern.len() <= 128 {
        let compiled = Compiled::new(&Pattern::Wildcard(pattern.as_str().into()), false);
        let matches = compiled.matches(rest);
        if let Some(exact) = compiled.exact() {
            assert_eq!(matches, exact == rest);
        }
        if matches {
            assert!(rest.starts_with(&compiled.prefix().unwrap_or_default()));
        }
        Compiled::new(&Pattern::Regex(pattern.into()), true).matches(rest);
    }
    let jar = Jar::new(&[1; 32]);
    for kind in [Kind::Target, Kind::Application, Kind::Group, Kind::Classic] {
        if let Some(value) = find(rest, kind.name().as_bytes()) {
            assert_eq!(jar.open(kind, value, 0), None);
        }
        assert_eq!(jar.open(kind, rest, 0), None);
    }
});
