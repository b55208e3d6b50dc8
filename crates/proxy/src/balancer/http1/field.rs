//! Header fields: where they are in their message, and which of them mean something to a proxy.

use super::desync::{Reason, Tier, Verdict};

/// A part of the bytes of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From `start` up to, not including, `end`. Messages are far shorter than 4 GiB.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { start: clamp(start), end: clamp(end) }
    }

    /// The bytes, of the message that the span was made for.
    #[inline]
    pub fn of(self, message: &[u8]) -> &[u8] {
        message.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Where it begins.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// Where it ends.
    pub fn end(self) -> usize {
        self.end as usize
    }
}

/// Headers that a proxy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `Connection`
    Connection,
    /// `Content-Length`
    ContentLength,
    /// `Cookie`
    Cookie,
    /// `Date`
    Date,
    /// `Expect`
    Expect,
    /// `Host`
    Host,
    /// `Keep-Alive`
    KeepAlive,
    /// `Proxy-Connection`
    ProxyConnection,
    /// `Server`
    Server,
    /// `Set-Cookie`
    SetCookie,
    /// `TE`
    Te,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Upgrade`
    Upgrade,
    /// `User-Agent`
    UserAgent,
    /// `X-Amzn-Trace-Id`
    TraceId,
    /// `X-Forwarded-For`
    ForwardedFor,
    /// `X-Forwarded-Port`
    ForwardedPort,
    /// `X-Forwarded-Proto`
    ForwardedProto,
    /// Anything of the load balancer's own making that a client must not make up: `X-Amzn-Mtls-*`, `X-Amzn-Oidc-*`,
    /// `X-Amzn-Tls-*`.
    Reserved,
    /// Any other.
    Other,
}

impl Name {
    /// Which header this is, in any case of letters.
    pub fn of(name: &[u8]) -> Self {
        let candidate = match name.len() {
            2 => (&b"te"[..], Name::Te),
            4 if name[0].eq_ignore_ascii_case(&b'h') => (&b"host"[..], Name::Host),
            4 => (&b"date"[..], Name::Date),
            6 => match name[0] | 0x20 {
                b'c' => (&b"cookie"[..], Name::Cookie),
                b'e' => (&b"expect"[..], Name::Expect),
                _ => (&b"server"[..], Name::Server),
            },
            7 => (&b"upgrade"[..], Name::Upgrade),
            10 => match name[0] | 0x20 {
                b'c' => (&b"connection"[..], Name::Connection),
                b'k' => (&b"keep-alive"[..], Name::KeepAlive),
                b's' => (&b"set-cookie"[..], Name::SetCookie),
                _ => (&b"user-agent"[..], Name::UserAgent),
            },
            14 => (&b"content-length"[..], Name::ContentLength),
            15 if name[2] | 0x20 == b'a' => (&b"x-amzn-trace-id"[..], Name::TraceId),
            15 => (&b"x-forwarded-for"[..], Name::ForwardedFor),
            16 if name[0] | 0x20 == b'x' => (&b"x-forwarded-port"[..], Name::ForwardedPort),
            16 => (&b"proxy-connection"[..], Name::ProxyConnection),
            17 if name[0] | 0x20 == b'x' => (&b"x-forwarded-proto"[..], Name::ForwardedProto),
            17 => (&b"transfer-encoding"[..], Name::TransferEncoding),
            _ => (&b""[..], Name::Other),
        };
        if candidate.0.len() == name.len() && name.eq_ignore_ascii_case(candidate.0) {
            return candidate.1;
        }
        let reserved =
            |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
        if reserved(b"x-amzn-")
            && [&b"x-amzn-mtls-"[..], b"x-amzn-oidc-", b"x-amzn-tls-"].into_iter().any(reserved)
        {
            return Name::Reserved;
        }
        Name::Other
    }
}

/// How far a header follows the RFC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldTier {
    /// It does, and its name consists of letters, digits and hyphens.
    Compliant,
    /// It does not, but is understood in one way only; dropped with `drop_invalid_header_fields`.
    NonCompliant,
    /// It must not reach a target.
    Bad,
}

/// A header of a message.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name as it was written.
    pub name: Span,
    /// Its value, without white space around it.
    pub value: Span,
    /// Which one it is.
    pub id: Name,
    /// How far it follows the RFC.
    pub tier: FieldTier,
}

/// A line that is no header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoField;

/// Reads `message[start..end]`, a line without its end. `None`: the line holds no header and is passed over.
pub(super) fn read(
    message: &[u8],
    start: usize,
    end: usize,
    verdict: &mut Verdict,
) -> Result<Option<Field>, NoField> {
    let line = message.get(start..end).unwrap_or_default();
    if line.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
        verdict.add(Tier::Ambiguous, Reason::EmptyHeader);
        return Ok(None);
    }
    let colon = memchr::memchr(b':', line).ok_or(NoField)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() {
        verdict.add(Tier::Ambiguous, Reason::EmptyHeader);
        return Ok(None);
    }
    // RFC 9112, section 5.2: a line that begins with white space continues the one before. Nobody may send that any more, and
    // a target may see a header where we saw none.
    if matches!(name[0], b' ' | b'\t') {
        return Err(NoField);
    }
    let before = value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let after = value[before..].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let value_start = start + colon + 1 + before;
    let value = Span::new(value_start, end - after);
    let is_plain =
        name.iter().fold(true, |plain, byte| plain & (byte.is_ascii_alphanumeric() | (*byte == b'-')));
    let id = if is_plain { Name::of(name) } else { Name::Other };
    let tier = judge(name, value.of(message), id, is_plain, verdict);
    Ok(Some(Field { name: Span::new(start, start + colon), value, id, tier }))
}

fn judge(name: &[u8], value: &[u8], id: Name, is_plain: bool, verdict: &mut Verdict) -> FieldTier {
    let is_clean = value
        .iter()
        .fold(true, |clean, byte| clean & (((*byte >= 0x20) & (*byte < 0x7f)) | (*byte == b'\t')));
    if is_plain && is_clean {
        return if id == Name::Other && looks_like_framing(name) {
            verdict.add(Tier::Ambiguous, Reason::SuspiciousHeader);
            FieldTier::Bad
        } else {
            FieldTier::Compliant
        };
    }
    if [name, value].into_iter().flatten().any(|byte| matches!(byte, 0 | b'\r')) {
        verdict.add(Tier::Severe, Reason::BadHeader);
        return FieldTier::Bad;
    }
    if id == Name::Other && looks_like_framing(name) {
        verdict.add(Tier::Ambiguous, Reason::SuspiciousHeader);
        return FieldTier::Bad;
    }
    let is_token = name.iter().all(|byte| is_token(*byte));
    if !is_token || !is_clean {
        verdict.add(Tier::Acceptable, Reason::NonCompliantHeader);
    }
    // Nothing with a space or a control character in its name is forwarded: targets differ in what they make of it.
    if name.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        FieldTier::Bad
    } else {
        FieldTier::NonCompliant
    }
}

/// "A header that can be normalized to Transfer-Encoding or Content-Length using common text normalization techniques": without
/// what is no letter, in one case, it is one of them.
fn looks_like_framing(name: &[u8]) -> bool {
    if name.len() < 13 || name.len() > 64 {
        return false;
    }
    let letters = || name.iter().filter(|byte| byte.is_ascii_alphabetic()).map(u8::to_ascii_lowercase);
    let is_alone = name.iter().all(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii_alphanumeric());
    is_alone
        && (letters().eq(b"transferencoding".iter().copied())
            || letters().eq(b"contentlength".iter().copied()))
}

/// RFC 9110, section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
