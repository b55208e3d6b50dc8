//! Reading a zone file into record sets with simple routing.

use std::borrow::Cow;
use std::fmt;

use enishi_fabric::dns::{Content, Name, Rdata, RecordSet, RecordType, Routing};

use super::escape::to_octal;
use super::line::{Entry, entries};

/// Why a file was refused: a zone file, a table of places or one of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ReadError {}

/// What carries over from one entry to the next.
struct Context {
    origin: Name,
    default_ttl: Option<u32>,
    owner: Option<Name>,
    last_ttl: Option<u32>,
}

/// Reads a zone file whose relative names are below `origin`. Records of one name and type become one set, with the TTL of the
/// first (RFC 2181, section 5.2, has them equal).
///
/// # Errors
/// The first line that is wrong. `$INCLUDE` is refused: there are no files here.
pub fn read(text: &str, origin: &Name) -> Result<Vec<RecordSet>, ReadError> {
    let mut context = Context { origin: origin.clone(), default_ttl: None, owner: None, last_ttl: None };
    let mut records: Vec<Record> = Vec::new();
    for entry in entries(text) {
        let entry = entry?;
        let line = entry.line;
        records.extend(context.entry(entry).map_err(|reason| ReadError { line, reason })?);
    }
    // Stable, so that the first record of a set stays the first.
    records.sort_by(|one, other| (&one.owner, one.record_type).cmp(&(&other.owner, other.record_type)));
    Ok(sets(records))
}

/// Records, sorted, as sets.
fn sets(records: Vec<Record>) -> Vec<RecordSet> {
    let mut sets: Vec<RecordSet> = Vec::new();
    for record in records {
        match sets.last_mut() {
            Some(RecordSet { name, record_type, content: Content::Records { data, .. }, .. })
                if *name == record.owner && *record_type == record.record_type =>
            {
                // RFC 2181, section 5: no two records of a set are the same.
                if !data.contains(&record.data) {
                    data.push(record.data);
                }
            }
            _ => sets.push(RecordSet {
                name: record.owner,
                record_type: record.record_type,
                identifier: None,
                routing: Routing::Simple,
                health_check: None,
                content: Content::Records { ttl: record.ttl, data: vec![record.data] },
            }),
        }
    }
    sets
}

struct Record {
    owner: Name,
    record_type: RecordType,
    ttl: u32,
    data: Rdata,
}

impl Context {
    fn entry(&mut self, entry: Entry<'_>) -> Result<Option<Record>, &'static str> {
        let mut words = entry.words.as_slice();
        match words {
            [directive, value] if directive.eq_ignore_ascii_case("$ORIGIN") => {
                self.origin = self.name(value)?;
                return Ok(None);
            }
            [directive, value] if directive.eq_ignore_ascii_case("$TTL") => {
                self.default_ttl = Some(ttl(value).ok_or("a TTL is expected")?);
                return Ok(None);
            }
            [directive, ..] if directive.starts_with('$') => {
                return Err("no such directive, or not with these values");
            }
            _ => {}
        }
        if !entry.indented {
            let (owner, rest) = words.split_first().ok_or("an owner is expected")?;
            self.owner = Some(self.name(owner)?);
            words = rest;
        }
        let owner = self.owner.clone().ok_or("the first record needs an owner")?;
        let mut own_ttl = None;
        let (record_type, data) = loop {
            let (word, rest) = words.split_first().ok_or("a record type is expected")?;
            words = rest;
            if word.eq_ignore_ascii_case("IN") {
                continue;
            }
            match ttl(word) {
                Some(seconds) if own_ttl.is_none() => own_ttl = Some(seconds),
                _ => break (word.parse::<RecordType>().map_err(|error| error.0)?, rest),
            }
        };
        let data = self.data(record_type, data)?;
        let ttl = own_ttl.or(self.default_ttl).or(self.last_ttl).or_else(|| minimum(record_type, &data));
        self.last_ttl = ttl;
        Ok(Some(Record { owner, record_type, ttl: ttl.ok_or("a TTL is missing")?, data }))
    }

    fn name(&self, text: &str) -> Result<Name, &'static str> {
        if text == "@" {
            return Ok(self.origin.clone());
        }
        let text = octal(text)?;
        let name = Name::parse(&text).map_err(|error| error.0)?;
        if text.ends_with('.') { Ok(name) } else { name.under(&self.origin).map_err(|error| error.0) }
    }

    fn data(&self, record_type: RecordType, words: &[&str]) -> Result<Rdata, &'static str> {
        if let ([word], false) = (words, name_positions(record_type).contains(&0)) {
            return Rdata::parse(record_type, &octal(word)?).map_err(|error| error.0);
        }
        let mut converted = Vec::with_capacity(words.len());
        let generic = words.first().is_some_and(|word| *word == "\\#");
        for (index, word) in words.iter().enumerate() {
            converted.push(match *word {
                "\\#" if generic && index == 0 => Cow::Borrowed(*word),
                _ if !generic && name_positions(record_type).contains(&index) => {
                    self.name(word)?.to_string().into()
                }
                _ if record_type == RecordType::SOA => {
                    ttl(word).ok_or("a number or a time is expected")?.to_string().into()
                }
                _ => octal(word)?,
            });
        }
        Rdata::parse(record_type, &converted.join(" ")).map_err(|error| error.0)
    }
}

/// A word with its escapes as Route 53 writes them; most have none.
fn octal(word: &str) -> Result<Cow<'_, str>, &'static str> {
    if !word.contains('\\') {
        return Ok(Cow::Borrowed(word));
    }
    to_octal(word).map(Cow::Owned).ok_or("an escape is malformed")
}

/// Which words of a type's data are names.
fn name_positions(record_type: RecordType) -> &'static [usize] {
    match record_type {
        RecordType::NS | RecordType::CNAME | RecordType::PTR => &[0],
        RecordType::MX | RecordType::SVCB | RecordType::HTTPS => &[1],
        RecordType::SRV => &[3],
        RecordType::SOA => &[0, 1],
        RecordType::NAPTR => &[5],
        _ => &[],
    }
}

/// Seconds: a number, or BIND's `1h30m`.
fn ttl(text: &str) -> Option<u32> {
    let mut total = 0u32;
    let mut number: Option<u32> = None;
    for character in text.chars() {
        if let Some(digit) = character.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            continue;
        }
        let unit = match character.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match number {
        Some(seconds) => total.checked_add(seconds),
        None => (!text.is_empty()).then_some(total),
    }
}

/// A zone file without TTLs takes the `SOA`'s last field (RFC 1035, section 5.2, before RFC 2308).
fn minimum(record_type: RecordType, data: &Rdata) -> Option<u32> {
    let last = data.as_wire().last_chunk::<4>().filter(|_| record_type == RecordType::SOA)?;
    Some(u32::from_be_bytes(*last))
}
