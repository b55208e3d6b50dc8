//! Terms of unstructured messages.

use super::regex::Regex;
use super::{PatternError, percented, quoted};

/// Terms, by what stands before them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Terms {
    /// All of them.
    required: Vec<Term>,
    /// None of them: after `-`.
    excluded: Vec<Term>,
    /// One of them, unless there are others: after `?`.
    optional: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Term::Text(text) => message.contains(text),
            Term::Regex(regex) => regex.is_in(message),
        }
    }
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut terms = Terms::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (list, term) = match (rest.strip_prefix('-'), rest.strip_prefix('?')) {
                (Some(term), _) => (&mut terms.excluded, term),
                (_, Some(term)) => (&mut terms.optional, term),
                _ => (&mut terms.required, rest),
            };
            let (term, after) = parse_term(term)?;
            list.push(term);
            if !after.is_empty() && !after.starts_with(char::is_whitespace) {
                return Err(PatternError::term(rest.split_whitespace().next().unwrap_or_default()));
            }
            rest = after.trim_start();
        }
        Ok(terms)
    }

    pub(super) fn match_message(&self, message: &str) -> bool {
        let is_in = |term: &Term| term.is_in(message);
        if self.excluded.iter().any(is_in) || !self.required.iter().all(is_in) {
            return false;
        }
        let alone = self.required.is_empty() && self.excluded.is_empty();
        !alone || self.optional.iter().any(is_in)
    }
}

fn parse_term(text: &str) -> Result<(Term, &str), PatternError> {
    let word = || text.split_whitespace().next().unwrap_or_default();
    if let Some(inner) = text.strip_prefix('"') {
        let (term, after) = quoted(inner).ok_or_else(|| PatternError::term(word()))?;
        return match term.is_empty() {
            true => Err(PatternError::term("\"\"")),
            false => Ok((Term::Text(term), after)),
        };
    }
    if let Some(inner) = text.strip_prefix('%') {
        let (expression, after) = percented(inner).ok_or_else(|| PatternError::term(word()))?;
        return Ok((Term::Regex(Regex::parse(expression)?), after));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, after) = text.split_at(end);
    if term.is_empty() || !term.chars().all(|character| character.is_alphanumeric() || character == '_') {
        return Err(PatternError::term(term));
    }
    Ok((Term::Text(term.to_owned()), after))
}
