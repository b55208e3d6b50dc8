//! Record types by number and name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// A record type: a number of IANA's registry of resource record types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordType(pub u16);

macro_rules! types {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        impl RecordType {
            $(
                #[doc = concat!("`", $text, "`, number ", $number, ".")]
                pub const $name: RecordType = RecordType($number);
            )*
        }

        const NAMES: &[(RecordType, &str)] = &[$((RecordType::$name, $text),)*];
    };
}

types! {
    A = 1, "A";
    NS = 2, "NS";
    CNAME = 5, "CNAME";
    SOA = 6, "SOA";
    PTR = 12, "PTR";
    HINFO = 13, "HINFO";
    MX = 15, "MX";
    TXT = 16, "TXT";
    AAAA = 28, "AAAA";
    SRV = 33, "SRV";
    NAPTR = 35, "NAPTR";
    OPT = 41, "OPT";
    DS = 43, "DS";
    SSHFP = 44, "SSHFP";
    TLSA = 52, "TLSA";
    SVCB = 64, "SVCB";
    HTTPS = 65, "HTTPS";
    SPF = 99, "SPF";
    TSIG = 250, "TSIG";
    IXFR = 251, "IXFR";
    AXFR = 252, "AXFR";
    MAILB = 253, "MAILB";
    MAILA = 254, "MAILA";
    ANY = 255, "ANY";
    CAA = 257, "CAA";
}

impl fmt::Display for RecordType {
    /// The mnemonic, or `TYPE123` (RFC 3597, section 5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(record_type, _)| record_type == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl FromStr for RecordType {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some((record_type, _)) = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(*record_type);
        }
        let number =
            text.get(..4).filter(|start| start.eq_ignore_ascii_case("TYPE")).and_then(|_| text.get(4..));
        number.and_then(|number| number.parse().ok()).map(RecordType).ok_or(ParseError("no such record type"))
    }
}

impl TryFrom<String> for RecordType {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<RecordType> for String {
    fn from(record_type: RecordType) -> String {
        record_type.to_string()
    }
}
