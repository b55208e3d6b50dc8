//! Names and values of records, and Route 53's names of what is wrong with them.
//! [Supported DNS record types](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html),
//! [DNS domain name format](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html)
//!
//! Problems read `CODE (explanation) encountered with 'VALUE'`, as Route 53 puts them. Where the guide states a rule and no
//! message is known, the code is `UnsupportedValue`.

use enishi_fabric::dns::{Content, Name, Rdata, RecordType};

/// Records of one record set at most.
const RECORDS: usize = 400;

/// Characters of one value at most.
const CHARACTERS: usize = 4000;

/// Bytes of a label at most, and of a character string (RFC 1035, sections 2.3.4 and 3.3).
const LABEL: usize = 63;
const CHARACTER_STRING: usize = 255;

/// Every type that Route 53 has record sets of, in the order of the API's model.
const TYPES: [RecordType; 17] = [
    RecordType::SOA,
    RecordType::A,
    RecordType::TXT,
    RecordType::NS,
    RecordType::CNAME,
    RecordType::MX,
    RecordType::NAPTR,
    RecordType::PTR,
    RecordType::SRV,
    RecordType::SPF,
    RecordType::AAAA,
    RecordType::CAA,
    RecordType::DS,
    RecordType::TLSA,
    RecordType::SSHFP,
    RecordType::SVCB,
    RecordType::HTTPS,
];

/// A type of Route 53.
///
/// # Errors
/// What schema validation says of any other.
pub(super) fn record_type(text: &str) -> Result<RecordType, String> {
    let found = TYPES.into_iter().find(|known| known.to_string() == text);
    found.ok_or_else(|| {
        let known: Vec<String> = TYPES.iter().map(RecordType::to_string).collect();
        format!(
            "Invalid XML ; cvc-enumeration-valid: Value '{text}' is not facet-valid with respect to enumeration '[{}]'. It must be a value from the enumeration.",
            known.join(", ")
        )
    })
}

/// What is wrong with a name or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Problem(&'static str);

impl Problem {
    /// The problem, and with what.
    pub(super) fn fatal(self, value: &str) -> String {
        format!("FATAL problem: {} encountered with '{value}'", self.0)
    }
}

const DOMAIN_NAME_EMPTY: Problem = Problem("DomainNameEmpty (Domain name is empty)");
const DOMAIN_NAME_TOO_LONG: Problem = Problem("DomainNameTooLong (Domain name is too long)");
const DOMAIN_LABEL_EMPTY: Problem = Problem("DomainLabelEmpty (Domain label is empty)");
const DOMAIN_LABEL_TOO_LONG: Problem = Problem("DomainLabelTooLong (Domain label is too long)");
const UNSUPPORTED_CHARACTER: Problem =
    Problem("UnsupportedCharacter (Value contains unsupported characters)");
const UNSUPPORTED_VALUE: Problem = Problem("UnsupportedValue (Value is not valid for the record type)");
const INVALID_CHARACTER_STRING: Problem =
    Problem("InvalidCharacterString (Value should be enclosed in quotation marks)");
const CHARACTER_STRING_TOO_LONG: Problem = Problem("CharacterStringTooLong (Value is too long)");
const TXT_TOO_LONG: Problem = Problem("TXTRDATATooLong (Value is too long)");

/// A domain name as requests carry it: bytes that are not printable are written as `\ooo`.
pub(super) fn name(text: &str) -> Result<Name, Problem> {
    if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(UNSUPPORTED_CHARACTER);
    }
    Name::parse(text).map_err(|_| domain_problem(text))
}

/// The name of a record set. `*` replaces the leftmost label as a whole; in other labels it is a character like others.
pub(super) fn record_name(text: &str) -> Result<Name, Problem> {
    let name = name(text)?;
    let is_misplaced = name.labels().next().is_some_and(|label| label.contains(&b'*') && label != b"*");
    if is_misplaced { Err(UNSUPPORTED_CHARACTER) } else { Ok(name) }
}

/// Why text is no name.
fn domain_problem(text: &str) -> Problem {
    if text.is_empty() {
        return DOMAIN_NAME_EMPTY;
    }
    let labels = || text.strip_suffix('.').unwrap_or(text).split('.');
    // An escape has four characters for one byte.
    let length = |label: &str| label.len() - 3 * label.matches('\\').count().min(label.len() / 4);
    if labels().any(str::is_empty) {
        DOMAIN_LABEL_EMPTY
    } else if labels().any(|label| length(label) > LABEL) {
        DOMAIN_LABEL_TOO_LONG
    } else if text.len() > CHARACTER_STRING {
        DOMAIN_NAME_TOO_LONG
    } else {
        UNSUPPORTED_CHARACTER
    }
}

/// The content of a set with values. What is wrong joins `problems`; a set with problems is not for use.
pub(super) fn records(
    record_type: RecordType,
    ttl: u32,
    values: &[String],
    problems: &mut Vec<String>,
) -> Option<Content> {
    if values.len() > RECORDS {
        problems.push(format!("Cannot have more than {RECORDS} records in a RRSet."));
        return None;
    }
    let mut data: Vec<Rdata> = Vec::with_capacity(values.len());
    for value in values {
        match rdata(record_type, value) {
            Ok(record) if data.contains(&record) => {
                problems.push(format!("Duplicate Resource Record: '{value}'"));
            }
            Ok(record) => data.push(record),
            Err(problem) => problems.push(format!("Invalid Resource Record: '{}'", problem.fatal(value))),
        }
    }
    if values.len() > 1 && matches!(record_type, RecordType::CNAME | RecordType::SOA) {
        problems.push(format!("RRSet of type {record_type} can only have one Resource Record"));
    }
    Some(Content::Records { ttl, data })
}

fn rdata(record_type: RecordType, value: &str) -> Result<Rdata, Problem> {
    match record_type {
        RecordType::TXT | RecordType::SPF => check_strings(value)?,
        RecordType::CNAME | RecordType::NS | RecordType::PTR if !value.contains(char::is_whitespace) => {
            name(value)?;
        }
        _ => {}
    }
    Rdata::parse(record_type, value).map_err(|_| record_problem(record_type, value))
}

/// Character strings are quoted, 255 bytes each, 4,000 characters together.
fn check_strings(value: &str) -> Result<(), Problem> {
    if value.chars().count() > CHARACTERS {
        return Err(TXT_TOO_LONG);
    }
    let (mut quoted, mut length, mut bytes) = (false, 0, value.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => (quoted, length) = (!quoted, 0),
            b' ' | b'\t' if !quoted => {}
            _ if !quoted => return Err(INVALID_CHARACTER_STRING),
            b'\\' => {
                // `\"` and `\\` are two characters for one byte, `\ooo` are four.
                if bytes.next().is_some_and(|byte| byte.is_ascii_digit()) {
                    bytes.nth(1);
                }
                length += 1;
            }
            _ => length += 1,
        }
        if length > CHARACTER_STRING {
            return Err(CHARACTER_STRING_TOO_LONG);
        }
    }
    if quoted || value.trim().is_empty() { Err(INVALID_CHARACTER_STRING) } else { Ok(()) }
}

/// Why a value is none of its type.
fn record_problem(record_type: RecordType, value: &str) -> Problem {
    let fields = value.split_whitespace().count();
    match record_type {
        RecordType::A if fields > 1 => Problem("ARRDATANotSingleField (Value contains spaces)"),
        RecordType::A => Problem("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
        RecordType::AAAA if fields > 1 => Problem("AAAARRDATANotSingleField (Value contains spaces)"),
        RecordType::AAAA => Problem("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"),
        RecordType::CNAME if fields > 1 => Problem("CNAMERRDATANotSingleField (Value contains spaces)"),
        RecordType::NS if fields > 1 => Problem("NSRRDATANotSingleField (Value contains spaces)"),
        RecordType::PTR if fields > 1 => Problem("PTRRRDATANotSingleField (Value contains spaces)"),
        RecordType::CNAME | RecordType::NS | RecordType::PTR => domain_problem(value),
        RecordType::MX if fields != 2 => Problem("MXRRDATANotTwoFields (MX record doesn't have 2 fields)"),
        RecordType::SRV if fields != 4 => {
            Problem("SRVRRDATANotFourFields (SRV record doesn't have 4 fields)")
        }
        RecordType::SOA if fields != 7 => {
            Problem("SOARRDATANotSevenFields (SOA record doesn't have 7 fields)")
        }
        RecordType::CAA if fields < 3 => {
            Problem("CAARRDATANotThreeFields (CAA record doesn't have 3 fields)")
        }
        RecordType::TXT | RecordType::SPF => INVALID_CHARACTER_STRING,
        _ => UNSUPPORTED_VALUE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_name() {
        let label = "a".repeat(LABEL + 1);
        let long = format!("{}example.com", "abcdefgh.".repeat(30));
        for (text, problem) in [
            ("", DOMAIN_NAME_EMPTY),
            ("a..b", DOMAIN_LABEL_EMPTY),
            ("www.example.com..", DOMAIN_LABEL_EMPTY),
            (label.as_str(), DOMAIN_LABEL_TOO_LONG),
            (long.as_str(), DOMAIN_NAME_TOO_LONG),
            ("a b", UNSUPPORTED_CHARACTER),
            ("münchen.example.com", UNSUPPORTED_CHARACTER),
            (r"a\9.example.com", UNSUPPORTED_CHARACTER),
        ] {
            assert_eq!(name(text).err(), Some(problem), "{text}");
        }
        let escaped = format!("{}.example.com", r"\052".repeat(LABEL));
        assert!(name(&escaped).is_ok(), "63 bytes in 252 characters");
    }

    #[test]
    fn an_asterisk_is_a_whole_leftmost_label_or_a_character() {
        for (text, fits) in [
            ("*.example.com", true),
            (r"\052.example.com", true),
            ("a.*.example.com", true),
            ("*a.example.com", false),
            ("a*.example.com", false),
        ] {
            assert_eq!(record_name(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn character_strings_are_quoted_and_bounded() {
        let full = format!("\"{}\"", "a".repeat(CHARACTER_STRING));
        let over = format!("\"{}\"", "a".repeat(CHARACTER_STRING + 1));
        let escaped = format!("\"{}\"", r"\101".repeat(CHARACTER_STRING));
        let many = vec![full.clone(); 16].join(" ");
        for (text, problem) in [
            (full.as_str(), None),
            (escaped.as_str(), None),
            (r#""a" "b""#, None),
            (r#""a \" b""#, None),
            (over.as_str(), Some(CHARACTER_STRING_TOO_LONG)),
            (many.as_str(), Some(TXT_TOO_LONG)),
            ("bare", Some(INVALID_CHARACTER_STRING)),
            (r#""a" b"#, Some(INVALID_CHARACTER_STRING)),
            (r#""open"#, Some(INVALID_CHARACTER_STRING)),
            ("", Some(INVALID_CHARACTER_STRING)),
        ] {
            assert_eq!(check_strings(text).err(), problem, "{text}");
        }
    }
}
