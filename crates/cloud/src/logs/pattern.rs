//! Filter patterns. [Filter pattern syntax](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html)
//!
//! | pattern | matches |
//! |---|---|
//! | nothing | everything |
//! | `ERROR "bad request" -health %5[0-9]{2}%` | all of these terms, none of those after `-` |
//! | `?ERROR ?WARN` | one of these terms; beside other terms AWS ignores them |
//! | `{ $.user.id = 1 && $.roles[*] = "a*" }` | a message that is JSON, by its members |
//! | `[host, status = 4*, ..., bytes > 10]` | a message of words, by their order; `"…"` and `[…]` are one word |
//!
//! Where AWS's page leaves a choice: a term is found anywhere, also inside a longer word; a comparison with a member that
//! is missing is false, `!=` as well; quoted values are compared with strings only, numbers with numbers only.

mod columns;
mod json;
mod regex;
mod term;
mod value;

use std::collections::BTreeMap;

use columns::Columns;
use json::Condition;
use term::Terms;

/// Characters of a pattern at most.
const CHARACTERS: usize = 1024;

/// What a message must look like.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Everything,
    Terms(Terms),
    Json(Condition),
    Columns(Columns),
}

/// Why a text is no pattern; reads as AWS words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError(String);

impl std::fmt::Display for PatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

impl PatternError {
    fn invalid() -> Self {
        PatternError("Invalid filter pattern".to_owned())
    }

    fn term(term: &str) -> Self {
        PatternError(format!("Invalid filter pattern: Invalid character(s) in term '{term}'"))
    }

    fn unclosed(open: char, close: char) -> Self {
        PatternError(format!("If a filter pattern starts with '{open}' it must end with '{close}'"))
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.chars().nth(CHARACTERS).is_some() {
            return Err(PatternError::invalid());
        }
        let text = text.trim();
        let inside = |open: char, close: char| {
            let inner = text.strip_prefix(open)?.strip_suffix(close);
            Some(inner.ok_or_else(|| PatternError::unclosed(open, close)))
        };
        if text.is_empty() {
            return Ok(Pattern(Kind::Everything));
        }
        if let Some(inner) = inside('{', '}') {
            return Ok(Pattern(Kind::Json(Condition::parse(inner?)?)));
        }
        if let Some(inner) = inside('[', ']') {
            return Ok(Pattern(Kind::Columns(Columns::parse(inner?)?)));
        }
        Ok(Pattern(Kind::Terms(Terms::parse(text)?)))
    }

    /// Whether a message matches.
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Everything => true,
            Kind::Terms(terms) => terms.match_message(message),
            Kind::Json(condition) => condition.match_message(message).is_some(),
            Kind::Columns(columns) => columns.match_message(message).is_some(),
        }
    }

    /// The values that a matching message has where the pattern looks, by selector (`$.user.id`, `$status`).
    pub fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        match &self.0 {
            Kind::Everything | Kind::Terms(_) => self.matches(message).then(BTreeMap::new),
            Kind::Json(condition) => condition.match_message(message).map(|json| condition.extract(&json)),
            Kind::Columns(columns) => columns.match_message(message),
        }
    }
}

/// The text up to a closing quote, and what comes after it. `\"` and `\\` stand for the character.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((inner, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                escaped @ ('"' | '\\') => inner.push(escaped),
                other => inner.extend(['\\', other]),
            },
            other => inner.push(other),
        }
    }
    None
}

/// The expression up to a closing percent sign, and what comes after it. `\%` is inside.
fn percented(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '%' if !is_escaped => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => is_escaped = character == '\\' && !is_escaped,
        }
    }
    None
}
