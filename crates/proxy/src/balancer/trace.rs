//! `X-Amzn-Trace-Id`.
//! [Request tracing](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html)

use std::io::Write;

use super::random::Random;

/// The longest value that is kept: "If the HTTP headers are greater than 7 KB, the load balancer rewrites the X-Amzn-Trace-Id header
/// with a Root field."
const LONGEST: usize = 7 * 1024;

/// The header that targets see, at `now` in seconds since 1970: a new `Root`, or the client's with our `Self` before it.
pub fn trace_id(existing: Option<&[u8]>, now: u64, random: &mut Random) -> Vec<u8> {
    let mut id = Vec::with_capacity(80);
    let (high, low) = (random.number() & 0xffff_ffff, random.number());
    let field = |id: &mut Vec<u8>, name: &str| {
        // Writing to memory does not fail.
        let _ = write!(id, "{name}=1-{now:08x}-{high:08x}{low:016x}");
    };
    let Some(existing) = existing.filter(|existing| !existing.is_empty() && existing.len() <= LONGEST) else {
        field(&mut id, "Root");
        return id;
    };
    let parts =
        || existing.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|part| !part.is_empty());
    let is = |part: &[u8], name: &[u8]| {
        part.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
    };
    field(&mut id, if parts().any(|part| is(part, b"root=")) { "Self" } else { "Root" });
    for part in parts().filter(|part| !is(part, b"self=")) {
        id.push(b';');
        id.extend_from_slice(part);
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(existing: Option<&str>, wanted: &str) {
        let found = trace_id(existing.map(str::as_bytes), 0x6789_1233, &mut Random::new(1));
        let text = String::from_utf8(found).expect("text");
        let (id, rest) = text.split_at(text.find('=').expect("a field") + 1 + 35);
        assert!(id.contains("=1-67891233-"), "{id}");
        assert_eq!(format!("{}{rest}", &id[..id.find('=').expect("a field")]), wanted);
    }

    #[test]
    fn fields_are_kept_and_ours_comes_first() {
        check(None, "Root");
        check(Some(""), "Root");
        check(
            Some("Root=1-67891233-abcdef012345678912345678"),
            "Self;Root=1-67891233-abcdef012345678912345678",
        );
        check(Some("Self=1-6-a;Root=1-6-b;CalledFrom=app"), "Self;Root=1-6-b;CalledFrom=app");
        check(Some("CalledFrom=app"), "Root;CalledFrom=app");
        check(Some(&"a".repeat(8000)), "Root");
    }
}
