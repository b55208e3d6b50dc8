//! Domain names in lower-case wire form.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// The longest name in wire form, in bytes (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 255;
/// The most labels a name of that length has, the root's included.
const MOST_LABELS: usize = LONGEST_NAME / 2 + 1;
/// The longest label, in bytes (RFC 1035, section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// One label of a name, without its length byte.
pub type Label<'a> = &'a [u8];

/// An absolute domain name: lower-case labels in uncompressed wire form, with the root label.
///
/// The text form is Route 53's: lower case, a final dot, and `\ooo` (three octal digits) for every byte but letters, digits,
/// `-` and `_`; see "DNS domain name format" in the Route 53 guide. The order is that of `ListResourceRecordSets`: by labels,
/// the last one first.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<[u8]>);

impl Name {
    /// The root, `.`.
    pub fn root() -> Self {
        Name(Arc::from([0u8].as_slice()))
    }

    /// Parses text such as `www.example.com`; a final dot is optional, `*` and bytes above 127 stand for themselves, and `\ooo`
    /// is a byte in octal.
    ///
    /// # Errors
    /// When a label is empty or longer than 63 bytes, an escape is malformed, or the name is longer than 255 bytes.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError("a domain name is not empty"));
        }
        if text == "." {
            return Ok(Name::root());
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        let mut label = Vec::with_capacity(16);
        let mut bytes = text.bytes();
        let mut after_dot = false;
        while let Some(byte) = bytes.next() {
            after_dot = byte == b'.';
            match byte {
                b'.' => push_label(&mut wire, &mut label)?,
                b'\\' => label.push(escaped(&mut bytes)?.to_ascii_lowercase()),
                _ => label.push(byte.to_ascii_lowercase()),
            }
        }
        if !after_dot {
            push_label(&mut wire, &mut label)?;
        }
        wire.push(0);
        if wire.len() > LONGEST_NAME {
            return Err(ParseError("a domain name has at most 255 bytes"));
        }
        Ok(Name(wire.into()))
    }

    /// Reads one uncompressed name that fills `wire` exactly; letters are made lower case.
    ///
    /// # Errors
    /// When the bytes are not exactly one name.
    pub fn from_wire(wire: &[u8]) -> Result<Self, ParseError> {
        let mut position = 0;
        loop {
            let length =
                usize::from(*wire.get(position).ok_or(ParseError("a domain name ends with the root label"))?);
            if length > LONGEST_LABEL {
                return Err(ParseError("a label has at most 63 bytes"));
            }
            position += 1 + length;
            if length == 0 {
                break;
            }
        }
        if position != wire.len() || position > LONGEST_NAME {
            return Err(ParseError("a domain name has at most 255 bytes and nothing after its root label"));
        }
        // Length bytes are below 64, so lower-casing cannot change them.
        Ok(Name(wire.to_ascii_lowercase().into()))
    }

    /// The uncompressed wire form, with the root label.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels, the leftmost first, without the root.
    pub fn labels(&self) -> impl Iterator<Item = Label<'_>> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first()?;
            let (label, tail) = tail.split_at_checked(usize::from(*length))?;
            rest = tail;
            (!label.is_empty()).then_some(label)
        })
    }

    /// The top-level domain that the name is in: its last label. The root is in none.
    pub fn top_level(&self) -> Option<Name> {
        let mut name = self.clone();
        loop {
            let parent = name.parent()?;
            if parent.is_root() {
                return Some(name);
            }
            name = parent;
        }
    }

    /// The name without its leftmost label; nothing above the root.
    pub fn parent(&self) -> Option<Name> {
        let length = usize::from(*self.0.first()?);
        (length > 0).then(|| Name(Arc::from(self.0.get(length + 1..).unwrap_or(&[0]))))
    }

    /// This name with one more label on the left.
    ///
    /// # Errors
    /// When the label is empty or longer than 63 bytes, or the result is longer than 255.
    pub fn child(&self, label: &str) -> Result<Name, ParseError> {
        let mut wire = Vec::with_capacity(self.0.len() + label.len() + 1);
        let mut bytes = label.as_bytes().to_ascii_lowercase();
        push_label(&mut wire, &mut bytes)?;
        wire.extend_from_slice(&self.0);
        Name::from_wire(&wire)
    }

    /// This name below `other`: its labels, then those of `other`.
    ///
    /// # Errors
    /// When the result is longer than 255 bytes.
    pub fn under(&self, other: &Name) -> Result<Name, ParseError> {
        let own = self.0.len().saturating_sub(1);
        let length = own + other.0.len();
        if length > LONGEST_NAME {
            return Err(ParseError("a domain name has at most 255 bytes"));
        }
        let mut wire = [0; LONGEST_NAME];
        for (place, byte) in wire.iter_mut().zip(self.0.iter().take(own).chain(other.0.iter())) {
            *place = *byte;
        }
        Ok(Name(Arc::from(wire.get(..length).unwrap_or_default())))
    }

    /// Whether this is `zone` or a name below it.
    pub fn is_within(&self, zone: &Name) -> bool {
        let Some(skip) = self.0.len().checked_sub(zone.0.len()) else { return false };
        self.0.ends_with(&zone.0) && self.label_starts().any(|start| start == skip)
    }

    /// Whether the leftmost label is `*` (RFC 4592, section 2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Where each label starts in the wire form, the root label's position last.
    fn label_starts(&self) -> impl Iterator<Item = usize> {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let start = next?;
            let length = usize::from(*self.0.get(start)?);
            next = (length > 0).then_some(start + 1 + length);
            Some(start)
        })
    }
}

fn push_label(wire: &mut Vec<u8>, label: &mut Vec<u8>) -> Result<(), ParseError> {
    if label.is_empty() {
        return Err(ParseError("a domain label is not empty"));
    }
    if label.len() > LONGEST_LABEL {
        return Err(ParseError("a domain label has at most 63 bytes"));
    }
    wire.push(label.len() as u8);
    wire.append(label);
    Ok(())
}

/// The byte that the three octal digits after a backslash stand for.
fn escaped(bytes: &mut std::str::Bytes<'_>) -> Result<u8, ParseError> {
    let mut value = 0u32;
    for _ in 0..3 {
        match bytes.next() {
            Some(digit @ b'0'..=b'7') => value = value * 8 + u32::from(digit - b'0'),
            _ => return Err(ParseError("a backslash is followed by three octal digits")),
        }
    }
    u8::try_from(value).map_err(|_| ParseError("an escaped byte is at most \\377"))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for byte in label {
                match byte {
                    b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => write!(f, "{}", char::from(*byte))?,
                    other => write!(f, "\\{other:03o}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl FromStr for Name {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Name::parse(text)
    }
}

impl TryFrom<String> for Name {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        Name::parse(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.to_string()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.0 == other.0
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        let (mine, theirs) = (Labels::of(self), Labels::of(other));
        mine.reversed().cmp(theirs.reversed())
    }
}

/// A name's labels from both ends; without an allocation, since comparing names is what sorting a zone consists of.
struct Labels<'a> {
    wire: &'a [u8],
    starts: [u8; MOST_LABELS],
    count: usize,
}

impl<'a> Labels<'a> {
    fn of(name: &'a Name) -> Self {
        let mut labels = Labels { wire: &name.0, starts: [0; MOST_LABELS], count: 0 };
        for (place, start) in labels.starts.iter_mut().zip(name.label_starts()) {
            // A name has at most 255 bytes.
            *place = start as u8;
            labels.count += 1;
        }
        labels
    }

    /// The last label first, without the root.
    fn reversed(&self) -> impl Iterator<Item = Label<'a>> {
        let starts = self.starts.get(..self.count.saturating_sub(1)).unwrap_or_default();
        let wire = self.wire;
        starts.iter().rev().filter_map(move |start| {
            let (length, rest) = wire.get(usize::from(*start)..)?.split_first()?;
            rest.get(..usize::from(*length))
        })
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect(text)
    }

    #[test]
    fn text_and_wire_agree() {
        assert_eq!(name("Www.Example.com").as_wire(), b"\x03www\x07example\x03com\0");
        assert_eq!(name("*.example.com").to_string(), "\\052.example.com.");
        assert_eq!(name("\\052.example.com."), name("*.example.com"));
        assert_eq!(name("a\\056b.com").labels().next(), Some(b"a.b".as_slice()));
        assert_eq!(Name::from_wire(b"\x03WWW\0"), Ok(name("www")));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "..", "a..b", ".a", "\\9", "\\777", &"a".repeat(64), &"abc.".repeat(70)] {
            assert!(Name::parse(text).is_err(), "{text}");
        }
        for wire in [b"".as_slice(), b"\x01a", b"\0\0", b"\x40a\0", b"\xc0\x0c"] {
            assert!(Name::from_wire(wire).is_err(), "{wire:?}");
        }
    }

    #[test]
    fn within_compares_whole_labels() {
        assert!(name("www.example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&name("example.com")));
        assert!(name("com").is_within(&Name::root()));
        assert!(!name("badexample.com").is_within(&name("example.com")));
        // The bytes of the suffix may appear inside a label.
        assert!(!name("a\\003com.").is_within(&name("com")));
    }

    #[test]
    fn order_is_by_reversed_labels() {
        let mut names = [name("z.a.com"), name("b.com"), name("a.com"), name("a.a.com"), name("com")];
        names.sort();
        let text: Vec<String> = names.iter().map(Name::to_string).collect();
        assert_eq!(text, ["com.", "a.com.", "a.a.com.", "z.a.com.", "b.com."]);
    }
}
