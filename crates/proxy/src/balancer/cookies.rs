//! Cookies by which clients stay with a target or a target group.
//! [Sticky sessions](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html)
//!
//! "The content of load balancer generated cookies are encrypted using a rotating key. You cannot decrypt or modify load balancer
//! generated cookies." A value here is AES-256-GCM over what it stands for and how long it counts, bound to the cookie's name, in
//! base64; what does not decrypt is treated as absent.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::date;

/// Bytes of a value before encryption: a key, an expiry, and zeros, so that base64 needs no padding.
const PLAIN: usize = 68;
/// How long `AWSALBAPP-0` is kept by browsers: "It has its own expiry of 7 days which is non-configurable."
const APPLICATION_SECONDS: u64 = 7 * 24 * 3600;

/// Which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `AWSALB`: with a target, for a duration.
    Target,
    /// `AWSALBAPP-0`: with a target, as long as the application's cookie.
    Application,
    /// `AWSALBTG`: with a target group.
    Group,
    /// `AWSELB`: with an instance of a Classic Load Balancer.
    Classic,
}

impl Kind {
    /// The cookie's name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Target => "AWSALB",
            Kind::Application => "AWSALBAPP-0",
            Kind::Group => "AWSALBTG",
            Kind::Classic => "AWSELB",
        }
    }

    /// The name of its double for requests from other origins, if it has one.
    pub fn cors_name(self) -> Option<&'static str> {
        match self {
            Kind::Target => Some("AWSALBCORS"),
            Kind::Application => None,
            Kind::Group => Some("AWSALBTGCORS"),
            Kind::Classic => Some("AWSELBCORS"),
        }
    }
}

/// What a cookie says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bond {
    /// What the client stays with ([`super::snapshot::key`]).
    pub key: u64,
    /// Until when, in seconds since 1970.
    pub until: u64,
}

/// Makes and reads cookies' values. All nodes of a load balancer have the same.
pub struct Jar {
    key: Option<LessSafeKey>,
}

impl std::fmt::Debug for Jar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jar(…)")
    }
}

impl Jar {
    /// Values under this secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"stickiness cookies");
        // The digest has the key's length.
        Jar { key: UnboundKey::new(&AES_256_GCM, derived.as_ref()).ok().map(LessSafeKey::new) }
    }

    /// A value; `nonce` must not repeat.
    pub fn seal(&self, kind: Kind, bond: Bond, nonce: [u8; NONCE_LEN]) -> Option<String> {
        let mut plain = [0; PLAIN];
        plain[..8].copy_from_slice(&bond.key.to_be_bytes());
        plain[8..16].copy_from_slice(&bond.until.to_be_bytes());
        let key = self.key.as_ref()?;
        let aad = Aad::from(kind.name());
        let tag =
            key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut plain).ok()?;
        Some(STANDARD.encode([&nonce[..], &plain, tag.as_ref()].concat()))
    }

    /// What a value says, if it was made here, for this cookie, and counts at `now`, in seconds since 1970.
    pub fn open(&self, kind: Kind, value: &[u8], now: u64) -> Option<Bond> {
        let mut sealed = [0; NONCE_LEN + PLAIN + 16];
        let length = STANDARD.decode_slice(value, &mut sealed).ok()?;
        let (nonce, rest) = sealed.get_mut(..length)?.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.key.as_ref()?.open_in_place(nonce, Aad::from(kind.name()), rest).ok()?;
        let (key, plain) = plain.split_first_chunk::<8>()?;
        let (until, _) = plain.split_first_chunk::<8>()?;
        let bond = Bond { key: u64::from_be_bytes(*key), until: u64::from_be_bytes(*until) };
        (bond.until > now).then_some(bond)
    }
}

/// Appends the `Set-Cookie` lines for a value, at `now` in seconds since 1970.
pub fn set_cookie(
    lines: &mut Vec<u8>,
    kind: Kind,
    value: &str,
    seconds: Option<u64>,
    now: u64,
    is_tls: bool,
) {
    let secure = if is_tls { "; Secure" } else { "" };
    let names = [Some((kind.name(), false)), kind.cors_name().map(|name| (name, true))];
    for (name, is_cors) in names.into_iter().flatten() {
        let line = if kind == Kind::Classic {
            let age = seconds.map(|seconds| format!(";MAX-AGE={seconds}")).unwrap_or_default();
            let cors = if is_cors { ";SECURE;SAMESITE=None" } else { "" };
            format!("Set-Cookie: {name}={value};PATH=/{age}{cors}\r\n")
        } else {
            let kept =
                if kind == Kind::Application { APPLICATION_SECONDS } else { seconds.unwrap_or_default() };
            let expires = date::http(now.saturating_add(kept));
            let cors = if is_cors { format!("; SameSite=None{secure}") } else { String::new() };
            format!("Set-Cookie: {name}={value}; Expires={expires}; Path=/{cors}\r\n")
        };
        lines.extend_from_slice(line.as_bytes());
    }
}

/// The value of a cookie in a `Cookie` header.
pub fn find<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    header.split(|byte| *byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(name)?.strip_prefix(b"=")?;
        Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
    })
}

/// Whether a `Set-Cookie` header sets the cookie `name`.
pub fn sets(header: &[u8], name: &[u8]) -> bool {
    header
        .trim_ascii_start()
        .strip_prefix(name)
        .is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_say_what_was_put_in_until_they_expire() {
        let jar = Jar::new(&[1; 32]);
        let bond = Bond { key: 0x0123_4567_89ab_cdef, until: 1000 };
        let value = jar.seal(Kind::Target, bond, [9; NONCE_LEN]).expect("a value");
        assert!(!value.contains('='), "{value}");
        assert_eq!(jar.open(Kind::Target, value.as_bytes(), 999), Some(bond));
        assert_eq!(jar.open(Kind::Target, value.as_bytes(), 1000), None);
        assert_eq!(jar.open(Kind::Group, value.as_bytes(), 0), None);
        assert_eq!(Jar::new(&[2; 32]).open(Kind::Target, value.as_bytes(), 0), None);
    }

    #[test]
    fn what_was_changed_says_nothing() {
        let jar = Jar::new(&[1; 32]);
        let value = jar.seal(Kind::Target, Bond { key: 1, until: 1000 }, [9; NONCE_LEN]).expect("a value");
        for at in 0..value.len() {
            let mut changed = value.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(jar.open(Kind::Target, &changed, 0), None, "at {at}");
        }
        for broken in ["", "A", "AAAA", "!", &value[4..], &format!("{value}AAAA"), &"A".repeat(10_000)] {
            assert_eq!(jar.open(Kind::Target, broken.as_bytes(), 0), None);
        }
    }

    #[test]
    fn lines_look_like_awss() {
        let mut lines = Vec::new();
        set_cookie(&mut lines, Kind::Target, "x", Some(60), 0, true);
        set_cookie(&mut lines, Kind::Application, "y", Some(60), 0, true);
        set_cookie(&mut lines, Kind::Classic, "z", Some(60), 0, true);
        assert_eq!(
            String::from_utf8_lossy(&lines),
            "Set-Cookie: AWSALB=x; Expires=Thu, 01 Jan 1970 00:01:00 GMT; Path=/\r\n\
             Set-Cookie: AWSALBCORS=x; Expires=Thu, 01 Jan 1970 00:01:00 GMT; Path=/; SameSite=None; Secure\r\n\
             Set-Cookie: AWSALBAPP-0=y; Expires=Thu, 08 Jan 1970 00:00:00 GMT; Path=/\r\n\
             Set-Cookie: AWSELB=z;PATH=/;MAX-AGE=60\r\n\
             Set-Cookie: AWSELBCORS=z;PATH=/;MAX-AGE=60;SECURE;SAMESITE=None\r\n"
        );
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let header = b"XAWSALB=1; AWSALB=2; AWSALBCORS=3; app=\"4\";b";
        assert_eq!(find(header, b"AWSALB"), Some(&b"2"[..]));
        assert_eq!(find(header, b"app"), Some(&b"4"[..]));
        assert_eq!(find(header, b"b"), None);
        assert!(sets(b"JSESSIONID=1; Path=/", b"JSESSIONID") && !sets(b"JSESSIONID2=1", b"JSESSIONID"));
    }
}
