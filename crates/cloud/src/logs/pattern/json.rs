//! Conditions on messages that are JSON: `{ $.eventType = "UpdateTrail" && ($.count > 3 || $.user IS NULL) }`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::PatternError;
use super::value::Comparison;

/// Parentheses inside each other.
const NESTING: usize = 32;

/// A condition on a JSON message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test(Selector, Test),
}

/// What a member must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Compare(Comparison),
    IsNull,
    Is(bool),
    NotExists,
}

/// Where a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    /// As it was written.
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Item(usize),
    EveryItem,
}

impl Condition {
    /// Reads what is between the braces.
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let (condition, rest) = any(text, 0)?;
        if rest.trim().is_empty() { Ok(condition) } else { Err(PatternError::invalid()) }
    }

    /// The message as JSON, if it is an object or a list and the condition holds.
    pub(super) fn match_message(&self, message: &str) -> Option<Value> {
        let message = message.trim();
        if !message.starts_with(['{', '[']) {
            return None;
        }
        let json: Value = serde_json::from_str(message).ok()?;
        self.holds(&json).then_some(json)
    }

    fn holds(&self, json: &Value) -> bool {
        match self {
            Condition::All(all) => all.iter().all(|condition| condition.holds(json)),
            Condition::Any(any) => any.iter().any(|condition| condition.holds(json)),
            Condition::Test(selector, test) => {
                let found = selector.find(json);
                match test {
                    Test::Compare(comparison) => found.iter().any(|value| comparison.holds_for_json(value)),
                    Test::IsNull => found.iter().any(|value| value.is_null()),
                    Test::Is(wanted) => found.iter().any(|value| value.as_bool() == Some(*wanted)),
                    Test::NotExists => found.is_empty(),
                }
            }
        }
    }

    /// The scalar values of every selector.
    pub(super) fn extract(&self, json: &Value) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        self.extract_into(json, &mut values);
        values
    }

    fn extract_into(&self, json: &Value, values: &mut BTreeMap<String, String>) {
        match self {
            Condition::All(inner) | Condition::Any(inner) => {
                for condition in inner {
                    condition.extract_into(json, values);
                }
            }
            Condition::Test(selector, _) => {
                let text = match selector.find(json).first() {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => return,
                    Some(scalar) => scalar.to_string(),
                };
                values.insert(selector.text.clone(), text);
            }
        }
    }
}

fn any(text: &str, depth: usize) -> Result<(Condition, &str), PatternError> {
    let (conditions, rest) = joined(text, "||", |text| all(text, depth))?;
    Ok((Condition::Any(conditions), rest))
}

fn all(text: &str, depth: usize) -> Result<(Condition, &str), PatternError> {
    let (conditions, rest) = joined(text, "&&", |text| one(text, depth))?;
    Ok((Condition::All(conditions), rest))
}

fn joined<'t>(
    text: &'t str,
    sign: &str,
    parse: impl Fn(&'t str) -> Result<(Condition, &'t str), PatternError>,
) -> Result<(Vec<Condition>, &'t str), PatternError> {
    let (first, mut rest) = parse(text)?;
    let mut conditions = vec![first];
    while let Some(text) = rest.trim_start().strip_prefix(sign) {
        let (next, after) = parse(text)?;
        conditions.push(next);
        rest = after;
    }
    Ok((conditions, rest))
}

fn one(text: &str, depth: usize) -> Result<(Condition, &str), PatternError> {
    let text = text.trim_start();
    if let Some(inner) = text.strip_prefix('(') {
        if depth >= NESTING {
            return Err(PatternError::invalid());
        }
        let (condition, rest) = any(inner, depth + 1)?;
        let rest = rest.trim_start().strip_prefix(')').ok_or_else(PatternError::invalid)?;
        return Ok((condition, rest));
    }
    let (selector, rest) = Selector::parse(text)?;
    let rest = rest.trim_start();
    for (words, test) in [
        ("IS NULL", Test::IsNull),
        ("IS TRUE", Test::Is(true)),
        ("IS FALSE", Test::Is(false)),
        ("NOT EXISTS", Test::NotExists),
    ] {
        if let Some(rest) = after_words(rest, words) {
            return Ok((Condition::Test(selector, test), rest));
        }
    }
    let ends = |character: char| character.is_whitespace() || "()&|".contains(character);
    let (comparison, rest) = Comparison::parse(rest, ends)?;
    Ok((Condition::Test(selector, Test::Compare(comparison)), rest))
}

/// What comes after two words, in whatever case and with whatever space between them.
fn after_words<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let mut rest = text;
    for word in words.split(' ') {
        rest = rest.trim_start();
        let found = rest.get(..word.len()).filter(|found| found.eq_ignore_ascii_case(word))?;
        rest = rest.get(found.len()..)?;
    }
    Some(rest)
}

impl Selector {
    fn parse(text: &str) -> Result<(Self, &str), PatternError> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('$').ok_or_else(PatternError::invalid)?;
        loop {
            let after = rest.strip_prefix('.').unwrap_or(rest);
            if let Some(inner) = after.strip_prefix('[') {
                let (step, next) = bracket(inner).ok_or_else(PatternError::invalid)?;
                steps.push(step);
                rest = next;
            } else if rest.starts_with('.') {
                let is_inside = |character: char| character.is_alphanumeric() || "_-".contains(character);
                let end = after.find(|character| !is_inside(character)).unwrap_or(after.len());
                let (name, next) = after.split_at(end);
                if name.is_empty() {
                    return Err(PatternError::invalid());
                }
                steps.push(Step::Member(name.to_owned()));
                rest = next;
            } else {
                break;
            }
        }
        let written = text.get(..text.len() - rest.len()).unwrap_or_default();
        if steps.is_empty() {
            return Err(PatternError::invalid());
        }
        Ok((Selector { text: written.to_owned(), steps }, rest))
    }

    /// Every value there: none if something on the way is missing.
    fn find<'j>(&self, json: &'j Value) -> Vec<&'j Value> {
        let mut found = vec![json];
        for step in &self.steps {
            found = match step {
                Step::Member(name) => found.into_iter().filter_map(|value| value.get(name)).collect(),
                Step::Item(index) => found.into_iter().filter_map(|value| value.get(index)).collect(),
                Step::EveryItem => found.into_iter().filter_map(Value::as_array).flatten().collect(),
            };
        }
        found
    }
}

/// What is between brackets, `0`, `*` or a name in quotes, and what comes after them.
fn bracket(text: &str) -> Option<(Step, &str)> {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote) {
            let (name, rest) = inner.split_once(quote)?;
            return Some((Step::Member(name.to_owned()), rest.strip_prefix(']')?));
        }
    }
    let (inner, rest) = text.split_once(']')?;
    match inner.trim() {
        "*" => Some((Step::EveryItem, rest)),
        index if index.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((Step::Item(index.parse().ok()?), rest))
        }
        _ => None,
    }
}
