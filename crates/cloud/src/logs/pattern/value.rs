//! What a value is compared with, and how.

use super::regex::Regex;
use super::{PatternError, percented, quoted};

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// The operator that a text begins with, and what comes after it.
    pub(super) fn parse(text: &str) -> Option<(Self, &str)> {
        const ALL: [(&str, Operator); 6] = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        ALL.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))
    }

    fn is_order(self) -> bool {
        !matches!(self, Operator::Equal | Operator::NotEqual)
    }

    fn holds(self, value: f64, than: f64) -> bool {
        match self {
            Operator::Equal => value == than,
            Operator::NotEqual => value != than,
            Operator::Less => value < than,
            Operator::LessOrEqual => value <= than,
            Operator::Greater => value > than,
            Operator::GreaterOrEqual => value >= than,
        }
    }
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq)]
enum Operand {
    /// A number, and how it was written.
    Number(f64, String),
    /// Words without quotes; `*` stands for any characters.
    Word(String),
    /// Words in quotes; `*` likewise.
    Quoted(String),
    Regex(Regex),
}

/// A comparison with a fixed value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    operator: Operator,
    operand: Operand,
}

impl Comparison {
    /// The comparison that a text begins with, and what comes after it. A word ends where `ends` says.
    pub(super) fn parse(text: &str, ends: fn(char) -> bool) -> Result<(Self, &str), PatternError> {
        let (operator, text) = Operator::parse(text).ok_or_else(PatternError::invalid)?;
        let text = text.trim_start();
        let (operand, rest) = if let Some(inner) = text.strip_prefix('"') {
            let (inner, rest) = quoted(inner).ok_or_else(PatternError::invalid)?;
            (Operand::Quoted(inner), rest)
        } else if let Some(inner) = text.strip_prefix('%') {
            let (expression, rest) = percented(inner).ok_or_else(PatternError::invalid)?;
            (Operand::Regex(Regex::parse(expression)?), rest)
        } else {
            let end = text.find(ends).unwrap_or(text.len());
            let (word, rest) = text.split_at(end);
            (word_operand(word)?, rest)
        };
        if operator.is_order() && !matches!(operand, Operand::Number(..)) {
            return Err(PatternError::invalid());
        }
        Ok((Comparison { operator, operand }, rest))
    }

    /// Compares a text of unknown type, as the words of a message are.
    pub(super) fn holds_for_word(&self, word: &str) -> bool {
        match &self.operand {
            Operand::Number(number, written) => match word.parse::<f64>() {
                Ok(value) => self.operator.holds(value, *number),
                Err(_) => !self.operator.is_order() && self.is_wanted(word == written),
            },
            _ => self.holds_for_text(word),
        }
    }

    /// Compares a member of a JSON message; one that is no scalar never holds.
    pub(super) fn holds_for_json(&self, value: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (&self.operand, value) {
            (_, Value::Null | Value::Array(_) | Value::Object(_)) => false,
            (Operand::Number(number, _), Value::Number(value)) => {
                value.as_f64().is_some_and(|value| self.operator.holds(value, *number))
            }
            // What has another type is not equal.
            (Operand::Number(..), _) => self.operator == Operator::NotEqual,
            (_, Value::String(text)) => self.holds_for_text(text),
            (Operand::Quoted(_), _) => self.operator == Operator::NotEqual,
            (_, scalar) => self.holds_for_text(&scalar.to_string()),
        }
    }

    fn holds_for_text(&self, text: &str) -> bool {
        let is_equal = match &self.operand {
            Operand::Number(_, written) => text == written,
            Operand::Word(pattern) | Operand::Quoted(pattern) => is_like(pattern, text),
            Operand::Regex(regex) => regex.is_in(text),
        };
        !self.operator.is_order() && self.is_wanted(is_equal)
    }

    fn is_wanted(&self, is_equal: bool) -> bool {
        is_equal == (self.operator == Operator::Equal)
    }
}

fn word_operand(word: &str) -> Result<Operand, PatternError> {
    let is_allowed = |character: char| character.is_alphanumeric() || "_-.*:/+@#".contains(character);
    if word.is_empty() || !word.chars().all(is_allowed) {
        return Err(PatternError::term(word));
    }
    // Words such as inf and nan are numbers to Rust only.
    let looks_numeric = word.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    match word.parse::<f64>() {
        Ok(number) if looks_numeric && number.is_finite() => Ok(Operand::Number(number, word.to_owned())),
        _ => Ok(Operand::Word(word.to_owned())),
    }
}

/// Whether a text is like a pattern in which `*` stands for any characters. Linear but for the number of stars.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    // There is one star at least, so one part comes after it.
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}
