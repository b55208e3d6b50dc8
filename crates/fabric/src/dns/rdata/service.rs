//! The parameters of `SVCB` and `HTTPS` records (RFC 9460).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::token::Tokens;
use super::{Reader, quoted};
use crate::ParseError;

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;

/// Parameter keys by name (RFC 9460, section 14.3.2).
const KEYS: &[(u16, &str)] = &[
    (MANDATORY, "mandatory"),
    (ALPN, "alpn"),
    (NO_DEFAULT_ALPN, "no-default-alpn"),
    (PORT, "port"),
    (IPV4_HINT, "ipv4hint"),
    (ECH, "ech"),
    (IPV6_HINT, "ipv6hint"),
];

/// Parses `key=value` words; the wire has them in the order of their keys, each once (section 2.2).
pub(super) fn parse(tokens: &mut Tokens, wire: &mut Vec<u8>) -> Result<(), ParseError> {
    let mut parameters = Vec::new();
    while !tokens.is_empty() {
        let word = tokens.next("")?;
        let (key, value) = match word.iter().position(|byte| *byte == b'=') {
            Some(at) => (word.get(..at).unwrap_or_default(), word.get(at + 1..)),
            None => (word.as_slice(), None),
        };
        let key = std::str::from_utf8(key)
            .ok()
            .and_then(key_number)
            .ok_or(ParseError("no such service parameter"))?;
        parameters.push((key, encode(key, value.unwrap_or_default())?));
    }
    parameters.sort_by_key(|(key, _)| *key);
    if parameters.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other)) {
        return Err(ParseError("a service parameter is given once"));
    }
    for (key, value) in parameters {
        let length = u16::try_from(value.len()).map_err(|_| ParseError("a service parameter is too long"))?;
        wire.extend_from_slice(&key.to_be_bytes());
        wire.extend_from_slice(&length.to_be_bytes());
        wire.extend_from_slice(&value);
    }
    Ok(())
}

/// Appends the parameters to `text`.
pub(super) fn show(data: &mut Reader<'_>, text: &mut String) -> Option<()> {
    while !data.0.is_empty() {
        let key = data.u16()?;
        let length = usize::from(data.u16()?);
        let value = data.take(length)?;
        let _ = write!(text, " {}", key_name(key));
        if let Some(value) = decode(key, value)? {
            let _ = write!(text, "={}", quoted(&value));
        }
    }
    Some(())
}

fn key_number(name: &str) -> Option<u16> {
    let known = KEYS.iter().find(|(_, known)| *known == name).map(|(number, _)| *number);
    known.or_else(|| name.strip_prefix("key")?.parse().ok())
}

fn key_name(key: u16) -> String {
    KEYS.iter()
        .find(|(number, _)| *number == key)
        .map_or_else(|| format!("key{key}"), |(_, name)| (*name).to_owned())
}

fn encode(key: u16, value: &[u8]) -> Result<Vec<u8>, ParseError> {
    let items =
        || value.split(|byte| *byte == b',').map(|item| std::str::from_utf8(item).unwrap_or_default());
    let mut wire = Vec::new();
    match key {
        MANDATORY => {
            for item in items() {
                let number = key_number(item).ok_or(ParseError("no such service parameter"))?;
                wire.extend_from_slice(&number.to_be_bytes());
            }
        }
        ALPN => {
            for item in value.split(|byte| *byte == b',') {
                let length = u8::try_from(item.len()).ok().filter(|length| *length > 0);
                wire.push(length.ok_or(ParseError("a protocol's name has 1 to 255 bytes"))?);
                wire.extend_from_slice(item);
            }
        }
        NO_DEFAULT_ALPN if value.is_empty() => {}
        NO_DEFAULT_ALPN => return Err(ParseError("no-default-alpn takes no value")),
        PORT => {
            let port = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u16>().ok());
            wire.extend_from_slice(&port.ok_or(ParseError("a port is expected"))?.to_be_bytes());
        }
        IPV4_HINT => {
            for item in items() {
                let address: Ipv4Addr =
                    item.parse().map_err(|_| ParseError("an IPv4 address is expected"))?;
                wire.extend_from_slice(&address.octets());
            }
        }
        IPV6_HINT => {
            for item in items() {
                let address: Ipv6Addr =
                    item.parse().map_err(|_| ParseError("an IPv6 address is expected"))?;
                wire.extend_from_slice(&address.octets());
            }
        }
        ECH => wire = decode_base64(value).ok_or(ParseError("base64 is expected"))?,
        _ => wire.extend_from_slice(value),
    }
    Ok(wire)
}

/// The value's text; `Some(None)` for a key without a value, `None` for bytes that do not fit the key.
fn decode(key: u16, value: &[u8]) -> Option<Option<Vec<u8>>> {
    let text = match key {
        MANDATORY => {
            pairs(value)?.iter().map(|key| key_name(*key)).collect::<Vec<_>>().join(",").into_bytes()
        }
        ALPN => {
            let mut rest = Reader(value);
            let mut items: Vec<&[u8]> = Vec::new();
            while !rest.0.is_empty() {
                let length = usize::from(rest.u8()?);
                items.push(rest.take(length)?);
            }
            items.join(&b',')
        }
        PORT => u16::from_be_bytes(value.try_into().ok()?).to_string().into_bytes(),
        IPV4_HINT => addresses::<4, Ipv4Addr>(value)?,
        IPV6_HINT => addresses::<16, Ipv6Addr>(value)?,
        ECH => encode_base64(value).into_bytes(),
        _ if value.is_empty() => return Some(None),
        _ => value.to_vec(),
    };
    Some(Some(text))
}

fn pairs(value: &[u8]) -> Option<Vec<u16>> {
    let mut rest = Reader(value);
    let mut numbers = Vec::new();
    while !rest.0.is_empty() {
        numbers.push(rest.u16()?);
    }
    Some(numbers)
}

fn addresses<const N: usize, A: From<[u8; N]> + ToString>(value: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Reader(value);
    let mut texts = Vec::new();
    while !rest.0.is_empty() {
        texts.push(A::from(rest.array::<N>()?).to_string());
    }
    Some(texts.join(",").into_bytes())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = (word >> (18 - 6 * digit)) & 63;
            let letter = BASE64.get(value as usize).copied().unwrap_or(b'=');
            text.push(if digit > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len() - padding)?;
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in digits.chunks(4) {
        let mut word = 0u32;
        for digit in chunk {
            word = word << 6 | BASE64.iter().position(|letter| letter == digit)? as u32;
        }
        word <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(word.to_be_bytes().get(1..chunk.len())?);
    }
    Some(bytes)
}
