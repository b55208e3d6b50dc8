//! Conditions on the words of a message: `[host, user, status = 4* || status = 500, ..., bytes > 1000]`.

use std::collections::BTreeMap;

use super::PatternError;
use super::value::Comparison;

/// What the words of a message must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    /// Those before the ellipsis, or all.
    first: Vec<Column>,
    /// Those after the ellipsis, if there is one.
    last: Option<Vec<Column>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Column {
    name: String,
    /// One of these groups must hold as a whole; without any, every word will do.
    any: Vec<Vec<Comparison>>,
}

impl Columns {
    /// Reads what is between the brackets.
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut columns = Columns { first: Vec::new(), last: None };
        let mut rest = text;
        loop {
            let (column, after) = column(rest.trim_start())?;
            match (column, &mut columns.last) {
                (Some(column), Some(last)) => last.push(column),
                (Some(column), None) => columns.first.push(column),
                (None, last @ None) => *last = Some(Vec::new()),
                (None, Some(_)) => return Err(PatternError::invalid()),
            }
            match after.trim_start() {
                "" => return Ok(columns),
                after => rest = after.strip_prefix(',').ok_or_else(PatternError::invalid)?,
            }
        }
    }

    /// The words by column, if every condition holds. Columns of the ellipsis have their number for a name.
    pub(super) fn match_message(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let words = words(message);
        let last = self.last.as_deref().unwrap_or_default();
        let hidden = words.len().checked_sub(self.first.len() + last.len())?;
        if hidden > 0 && self.last.is_none() {
            return None;
        }
        let mut values = BTreeMap::new();
        let columns =
            self.first.iter().map(Some).chain((0..hidden).map(|_| None)).chain(last.iter().map(Some));
        for (index, (column, word)) in columns.zip(words).enumerate() {
            if column.is_some_and(|column| !column.holds(word)) {
                return None;
            }
            let name = column.map(|column| column.name.clone()).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| (index + 1).to_string());
            values.insert(format!("${name}"), word.to_owned());
        }
        Some(values)
    }
}

impl Column {
    fn holds(&self, word: &str) -> bool {
        let holds = |all: &Vec<Comparison>| all.iter().all(|comparison| comparison.holds_for_word(word));
        self.any.is_empty() || self.any.iter().any(holds)
    }
}

/// One column, `None` for the ellipsis, and what comes after it.
fn column(text: &str) -> Result<(Option<Column>, &str), PatternError> {
    if let Some(rest) = text.strip_prefix("...") {
        return Ok((None, rest));
    }
    let (name, mut rest) = name(text);
    let mut any: Vec<Vec<Comparison>> = Vec::new();
    rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with(',') {
        return Ok((Some(Column { name: name.to_owned(), any }), rest));
    }
    let mut group = Vec::new();
    loop {
        let ends = |character: char| character.is_whitespace() || ",&|".contains(character);
        let (comparison, after) = Comparison::parse(rest, ends)?;
        group.push(comparison);
        let after = after.trim_start();
        let (is_or, next) = match (after.strip_prefix("&&"), after.strip_prefix("||")) {
            (Some(next), _) => (false, next),
            (_, Some(next)) => (true, next),
            _ => {
                any.push(group);
                return Ok((Some(Column { name: name.to_owned(), any }), after));
            }
        };
        if is_or {
            any.push(std::mem::take(&mut group));
        }
        // All conditions of a column name it.
        let (again, next) = self::name(next.trim_start());
        if again != name {
            return Err(PatternError::invalid());
        }
        rest = next.trim_start();
    }
}

fn name(text: &str) -> (&str, &str) {
    let is_inside = |character: char| character.is_alphanumeric() || "_-".contains(character);
    text.split_at(text.find(|character| !is_inside(character)).unwrap_or(text.len()))
}

/// The words of a message; what is in quotes or brackets is one, without them.
fn words(message: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = message.trim_start();
    while !rest.is_empty() {
        let close = match rest.chars().next() {
            Some('"') => Some('"'),
            Some('[') => Some(']'),
            _ => None,
        };
        let grouped = close.and_then(|close| {
            let inner = rest.get(1..)?;
            let end = inner.find(close)?;
            Some((inner.get(..end)?, inner.get(end + 1..)?))
        });
        let (word, after) =
            grouped.unwrap_or_else(|| rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())));
        words.push(word);
        rest = after.trim_start();
    }
    words
}
