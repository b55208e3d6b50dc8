//! Record data: between the presentation form of the RFCs, which Route 53 takes, and the wire.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Name, RecordType};
use crate::ParseError;

mod service;
mod token;

use token::Tokens;

/// The data of one record, in uncompressed wire form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rdata(Arc<[u8]>);

impl Rdata {
    /// Parses the presentation form of a type that Route 53 has, such as `10 mail.example.com` for `MX`. Names are absolute with
    /// or without a final dot. Types without a form of their own take RFC 3597's `\# length hex`.
    ///
    /// # Errors
    /// When the text is not that type's data.
    pub fn parse(record_type: RecordType, text: &str) -> Result<Self, ParseError> {
        // Most records are addresses; they need none of the machinery.
        if let (RecordType::A, Ok(address)) = (record_type, text.parse::<Ipv4Addr>()) {
            return Ok(Rdata::a(address));
        }
        let mut tokens = Tokens::new(text)?;
        let mut wire = Vec::with_capacity(16);
        if tokens.peek_is("\\#") {
            generic(&mut tokens, &mut wire)?;
        } else {
            parse(record_type, &mut tokens, &mut wire)?;
        }
        tokens.end()?;
        Rdata::from_wire(&wire)
    }

    /// Takes bytes as they are.
    ///
    /// # Errors
    /// When there are more than 65,535.
    pub fn from_wire(wire: &[u8]) -> Result<Self, ParseError> {
        if wire.len() > usize::from(u16::MAX) {
            return Err(ParseError("record data has at most 65535 bytes"));
        }
        Ok(Rdata(wire.into()))
    }

    /// The data of an `A` record.
    pub fn a(address: Ipv4Addr) -> Self {
        Rdata(Arc::from(address.octets().as_slice()))
    }

    /// The data of an `AAAA` record.
    pub fn aaaa(address: Ipv6Addr) -> Self {
        Rdata(Arc::from(address.octets().as_slice()))
    }

    /// The data of an `NS`, `CNAME` or `PTR` record.
    pub fn name(name: &Name) -> Self {
        Rdata(Arc::from(name.as_wire()))
    }

    /// The wire form.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The presentation form; RFC 3597's where the data does not fit the type.
    pub fn text(&self, record_type: RecordType) -> String {
        let mut reader = Reader(&self.0);
        match show(record_type, &mut reader) {
            Some(text) if reader.0.is_empty() => text,
            _ => self.generic_text(),
        }
    }

    fn generic_text(&self) -> String {
        let mut text = format!("\\# {}", self.0.len());
        if !self.0.is_empty() {
            text.push(' ');
            text.push_str(&hex(&self.0));
        }
        text
    }
}

impl fmt::Debug for Rdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rdata({})", hex(&self.0))
    }
}

fn parse(record_type: RecordType, tokens: &mut Tokens, wire: &mut Vec<u8>) -> Result<(), ParseError> {
    match record_type {
        RecordType::A => {
            wire.extend_from_slice(&tokens.parse::<Ipv4Addr>("an IPv4 address is expected")?.octets())
        }
        RecordType::AAAA => {
            wire.extend_from_slice(&tokens.parse::<Ipv6Addr>("an IPv6 address is expected")?.octets())
        }
        RecordType::NS | RecordType::CNAME | RecordType::PTR => name(tokens, wire)?,
        RecordType::MX => {
            number::<u16>(tokens, wire)?;
            name(tokens, wire)?;
        }
        RecordType::SRV => {
            for _ in 0..3 {
                number::<u16>(tokens, wire)?;
            }
            name(tokens, wire)?;
        }
        RecordType::SOA => {
            name(tokens, wire)?;
            name(tokens, wire)?;
            for _ in 0..5 {
                number::<u32>(tokens, wire)?;
            }
        }
        RecordType::TXT | RecordType::SPF => {
            while !tokens.is_empty() || wire.is_empty() {
                character_string(tokens, wire)?;
            }
        }
        RecordType::HINFO => {
            character_string(tokens, wire)?;
            character_string(tokens, wire)?;
        }
        RecordType::NAPTR => {
            number::<u16>(tokens, wire)?;
            number::<u16>(tokens, wire)?;
            for _ in 0..3 {
                character_string(tokens, wire)?;
            }
            name(tokens, wire)?;
        }
        RecordType::CAA => {
            number::<u8>(tokens, wire)?;
            let tag = tokens.next("a CAA tag is expected")?;
            if tag.is_empty() || tag.len() > 255 || !tag.iter().all(u8::is_ascii_alphanumeric) {
                return Err(ParseError("a CAA tag has letters and digits"));
            }
            wire.push(tag.len() as u8);
            wire.extend_from_slice(&tag);
            wire.extend_from_slice(&tokens.next("a CAA value is expected")?);
        }
        RecordType::DS => {
            number::<u16>(tokens, wire)?;
            number::<u8>(tokens, wire)?;
            number::<u8>(tokens, wire)?;
            rest_in_hex(tokens, wire)?;
        }
        RecordType::SSHFP => {
            number::<u8>(tokens, wire)?;
            number::<u8>(tokens, wire)?;
            rest_in_hex(tokens, wire)?;
        }
        RecordType::TLSA => {
            for _ in 0..3 {
                number::<u8>(tokens, wire)?;
            }
            rest_in_hex(tokens, wire)?;
        }
        RecordType::SVCB | RecordType::HTTPS => {
            number::<u16>(tokens, wire)?;
            name(tokens, wire)?;
            service::parse(tokens, wire)?;
        }
        _ => return Err(ParseError("this record type needs the form \\# length hex")),
    }
    Ok(())
}

fn show(record_type: RecordType, data: &mut Reader<'_>) -> Option<String> {
    Some(match record_type {
        RecordType::A => Ipv4Addr::from(data.array::<4>()?).to_string(),
        RecordType::AAAA => Ipv6Addr::from(data.array::<16>()?).to_string(),
        RecordType::NS | RecordType::CNAME | RecordType::PTR => data.name()?.to_string(),
        RecordType::MX => format!("{} {}", data.u16()?, data.name()?),
        RecordType::SRV => format!("{} {} {} {}", data.u16()?, data.u16()?, data.u16()?, data.name()?),
        RecordType::SOA => format!(
            "{} {} {} {} {} {} {}",
            data.name()?,
            data.name()?,
            data.u32()?,
            data.u32()?,
            data.u32()?,
            data.u32()?,
            data.u32()?
        ),
        RecordType::TXT | RecordType::SPF => {
            let mut strings = vec![data.character_string()?];
            while !data.0.is_empty() {
                strings.push(data.character_string()?);
            }
            strings.join(" ")
        }
        RecordType::HINFO => format!("{} {}", data.character_string()?, data.character_string()?),
        RecordType::NAPTR => format!(
            "{} {} {} {} {} {}",
            data.u16()?,
            data.u16()?,
            data.character_string()?,
            data.character_string()?,
            data.character_string()?,
            data.name()?
        ),
        RecordType::CAA => {
            let flags = data.u8()?;
            let length = usize::from(data.u8()?);
            let tag = std::str::from_utf8(data.take(length)?).ok()?.to_owned();
            let value = data.rest();
            format!("{flags} {tag} {}", quoted(value))
        }
        RecordType::DS => format!("{} {} {} {}", data.u16()?, data.u8()?, data.u8()?, hex(data.rest())),
        RecordType::SSHFP => format!("{} {} {}", data.u8()?, data.u8()?, hex(data.rest())),
        RecordType::TLSA => format!("{} {} {} {}", data.u8()?, data.u8()?, data.u8()?, hex(data.rest())),
        RecordType::SVCB | RecordType::HTTPS => {
            let mut text = format!("{} {}", data.u16()?, data.name()?);
            service::show(data, &mut text)?;
            text
        }
        _ => return None,
    })
}

/// RFC 3597, section 5: `\# length hex`.
fn generic(tokens: &mut Tokens, wire: &mut Vec<u8>) -> Result<(), ParseError> {
    tokens.next("")?;
    let length: usize = tokens.parse("a length is expected after \\#")?;
    if length > 0 {
        rest_in_hex(tokens, wire)?;
    }
    if wire.len() != length {
        Err(ParseError("the length after \\# is not that of the data"))
    } else {
        Ok(())
    }
}

fn name(tokens: &mut Tokens, wire: &mut Vec<u8>) -> Result<(), ParseError> {
    let text = tokens.raw("a domain name is expected")?;
    wire.extend_from_slice(Name::parse(&text)?.as_wire());
    Ok(())
}

/// An unsigned number, big-endian.
trait Number: FromStr {
    fn write(self, wire: &mut Vec<u8>);
}

impl Number for u8 {
    fn write(self, wire: &mut Vec<u8>) {
        wire.push(self);
    }
}

impl Number for u16 {
    fn write(self, wire: &mut Vec<u8>) {
        wire.extend_from_slice(&self.to_be_bytes());
    }
}

impl Number for u32 {
    fn write(self, wire: &mut Vec<u8>) {
        wire.extend_from_slice(&self.to_be_bytes());
    }
}

fn number<N: Number>(tokens: &mut Tokens, wire: &mut Vec<u8>) -> Result<(), ParseError> {
    tokens.parse::<N>("a number is expected")?.write(wire);
    Ok(())
}

fn character_string(tokens: &mut Tokens, wire: &mut Vec<u8>) -> Result<(), ParseError> {
    let string = tokens.next("a character string is expected")?;
    let length =
        u8::try_from(string.len()).map_err(|_| ParseError("a character string has at most 255 bytes"))?;
    wire.push(length);
    wire.extend_from_slice(&string);
    Ok(())
}

fn rest_in_hex(tokens: &mut Tokens, wire: &mut Vec<u8>) -> Result<(), ParseError> {
    let mut digits = tokens.next("hexadecimal digits are expected")?;
    while !tokens.is_empty() {
        digits.extend(tokens.next("")?);
    }
    if !digits.len().is_multiple_of(2) {
        return Err(ParseError("hexadecimal digits come in pairs"));
    }
    for pair in digits.chunks_exact(2) {
        let byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        wire.push(
            byte.filter(|_| !pair.contains(&b'+')).ok_or(ParseError("hexadecimal digits are expected"))?,
        );
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A quoted character string; what is not printable becomes Route 53's `\ooo`.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b' '..=b'~' => text.push(char::from(*byte)),
            other => {
                let _ = write!(text, "\\{other:03o}");
            }
        }
    }
    text.push('"');
    text
}

/// Reads fields off the front of record data.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn name(&mut self) -> Option<Name> {
        let mut end = 0;
        loop {
            let length = usize::from(*self.0.get(end)?);
            end += 1 + length;
            if length == 0 {
                break;
            }
        }
        Name::from_wire(self.take(end)?).ok()
    }

    fn character_string(&mut self) -> Option<String> {
        let length = usize::from(self.u8()?);
        self.take(length).map(quoted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_route_53_goes_to_the_wire_and_back() {
        for (record_type, text) in [
            ("A", "192.0.2.1"),
            ("AAAA", "2001:db8::1"),
            ("NS", "ns-1.awsdns-00.com."),
            ("CNAME", "www.example.com."),
            ("PTR", "host.example.com."),
            ("MX", "10 mail.example.com."),
            ("SRV", "1 10 5269 xmpp.example.com."),
            ("SOA", "ns.example.com. hostmaster.example.com. 1 7200 900 1209600 86400"),
            ("TXT", r#""one" "two \"quoted\" \\ \303\244""#),
            ("SPF", r#""v=spf1 -all""#),
            ("NAPTR", r#"100 50 "u" "E2U+sip" "!^.*$!sip:info@example.com!" ."#),
            ("CAA", r#"0 issue "ca.example.net""#),
            ("DS", "12345 13 2 1a2b3c4d"),
            ("SSHFP", "4 2 0123456789abcdef"),
            ("TLSA", "3 1 1 00ff"),
            (
                "HTTPS",
                "1 . alpn=\"h3,h2\" port=\"8443\" ipv4hint=\"192.0.2.1,192.0.2.2\" ipv6hint=\"2001:db8::1\"",
            ),
            ("SVCB", "0 svc.example.net."),
            (
                "SVCB",
                "1 svc.example.net. mandatory=\"alpn\" alpn=\"h2\" no-default-alpn ech=\"AEX+DQ==\" key667=\"hello\"",
            ),
            ("TYPE999", "\\# 3 010203"),
        ] {
            let record_type: RecordType = record_type.parse().expect(record_type);
            let data = Rdata::parse(record_type, text)
                .unwrap_or_else(|error| panic!("{record_type} {text}: {error}"));
            assert_eq!(data.text(record_type), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (record_type, text) in [
            ("A", "192.0.2.256"),
            ("A", "192.0.2.1 192.0.2.2"),
            ("A", ""),
            ("AAAA", "1.2.3.4"),
            ("MX", "mail.example.com"),
            ("MX", "65536 mail"),
            ("TXT", "\"open"),
            ("TXT", &format!("\"{}\"", "a".repeat(256))),
            ("CAA", "0 is-sue \"x\""),
            ("DS", "1 2 3 abc"),
            ("DS", "1 2 3 +f"),
            ("HTTPS", "1 . port=\"x\""),
            ("HTTPS", "1 . port=\"1\" port=\"2\""),
            ("TYPE999", "\\# 2 01"),
        ] {
            let record_type: RecordType = record_type.parse().expect(record_type);
            assert!(Rdata::parse(record_type, text).is_err(), "{record_type} {text}");
        }
    }
}
