//! Filters of Describe operations, written once.
//! [List and filter your resources](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html)
//!
//! What AWS promises: filters are joined by AND, the values of one by OR; values are case-sensitive, `*` stands for any
//! number of characters, `?` for one, `\` takes the next character literally; `tag:KEY` and `tag-key` go for every
//! resource with tags. At most 200 filter values in a request.
//!
//! A resource declares its filters as one table of names and values ([`Field`]), so a name that is accepted is one that is
//! matched. Tested below and in every resource's test.

use std::fmt::Display;

use enishi_api::ec2;
use enishi_state::{Scope, Tag, World};
use enishi_wire::Fault;

use super::faults;

/// Values in all filters of a request together.
const VALUES_LIMIT: usize = 200;

/// A filter that a resource has: its name and how to find its values in a row.
pub(crate) struct Field<R> {
    name: &'static str,
    values: fn(&World, &R, &mut Values),
}

/// Declares a filter.
pub(crate) const fn field<R>(name: &'static str, values: fn(&World, &R, &mut Values)) -> Field<R> {
    Field { name, values }
}

/// The values that a row has for a filter.
#[derive(Debug, Default)]
pub(crate) struct Values(Vec<String>);

impl Values {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: impl Display) {
        self.0.push(value.to_string());
    }

    /// Adds a value if there is one.
    pub(crate) fn maybe(&mut self, value: Option<impl Display>) {
        self.0.extend(value.map(|value| value.to_string()));
    }
}

/// The filters of one request, checked.
pub(crate) struct Filters<R: 'static> {
    filters: Vec<Filter<R>>,
    /// Whose tags count; `None`: all.
    scope: Option<Scope>,
}

struct Filter<R: 'static> {
    what: What<R>,
    patterns: Vec<String>,
}

enum What<R: 'static> {
    Field(&'static Field<R>),
    Tag(String),
    TagKey,
}

impl<R> Filters<R> {
    /// Checks the filters of a request against those that the resource has.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an unknown name, `MissingParameter` without a name, `FilterLimitExceeded`.
    pub(crate) fn parse(requested: Vec<ec2::Filter>, fields: &'static [Field<R>]) -> Result<Self, Fault> {
        let mut filters = Vec::with_capacity(requested.len());
        let mut values = 0;
        for filter in requested {
            let patterns = filter.values;
            values += patterns.len();
            if values > VALUES_LIMIT {
                return Err(faults::filter_limit_exceeded());
            }
            let name = filter.name.ok_or_else(|| faults::missing_parameter("Filter.Name"))?;
            if patterns.is_empty() {
                return Err(faults::invalid_parameter_value(format!(
                    "The filter '{name}' is invalid: a filter value is required"
                )));
            }
            filters.push(Filter { what: What::parse(&name, fields)?, patterns });
        }
        Ok(Filters { filters, scope: None })
    }

    /// Lets tag filters see only the tags of the caller's own account and region: a shared resource has others.
    pub(crate) fn of_caller(self, scope: &Scope) -> Self {
        Filters { scope: Some(scope.clone()), ..self }
    }

    /// Whether the row passes every filter; `id` is whose tags the tag filters look at.
    pub(crate) fn accept(&self, world: &World, id: &str, row: &R) -> bool {
        self.filters.iter().all(|filter| filter.accepts(world, id, self.scope.as_ref(), row))
    }
}

impl<R> Filter<R> {
    fn accepts(&self, world: &World, id: &str, scope: Option<&Scope>, row: &R) -> bool {
        let own = |tag: &&Tag| scope.is_none_or(|scope| tag.scope == *scope);
        let any = |value: &str| self.patterns.iter().any(|pattern| matches(pattern, value));
        match &self.what {
            What::Field(field) => {
                let mut values = Values::default();
                (field.values)(world, row, &mut values);
                values.0.iter().any(|value| any(value))
            }
            What::Tag(key) => world.tags_of(id).filter(own).any(|tag| tag.key == *key && any(&tag.value)),
            What::TagKey => world.tags_of(id).filter(own).any(|tag| any(&tag.key)),
        }
    }
}

impl<R> What<R> {
    fn parse(name: &str, fields: &'static [Field<R>]) -> Result<Self, Fault> {
        if let Some(key) = name.strip_prefix("tag:") {
            return Ok(What::Tag(key.to_owned()));
        }
        if name == "tag-key" {
            return Ok(What::TagKey);
        }
        let found = fields.iter().find(|field| field.name == name);
        found.map(What::Field).ok_or_else(|| invalid_filter(name))
    }
}

/// `InvalidParameterValue`: the operation has no such filter.
pub(crate) fn invalid_filter(name: &str) -> Fault {
    faults::invalid_parameter_value(format!("The filter '{name}' is invalid"))
}

/// Checks filters of an operation whose answer is empty, whatever they say: names and values must be there.
///
/// # Errors
/// As [`Filters::parse`], but every name is accepted.
pub(crate) fn check_any(requested: &[ec2::Filter]) -> Result<(), Fault> {
    if requested.iter().any(|filter| filter.name.is_none()) {
        return Err(faults::missing_parameter("Filter.Name"));
    }
    let values: usize = requested.iter().map(|filter| filter.values.len()).sum();
    if values > VALUES_LIMIT { Err(faults::filter_limit_exceeded()) } else { Ok(()) }
}

/// Whether `value` fits a pattern with `*`, `?` and `\`.
///
/// Keeps one place to go back to, the last `*`: linear in most cases and never worse than the product of the lengths.
pub(crate) fn matches(pattern: &str, value: &str) -> bool {
    let pattern = parse_pattern(pattern);
    let value: Vec<char> = value.chars().collect();
    let (mut p, mut v) = (0, 0);
    let mut star = None;
    while let Some(&c) = value.get(v) {
        match pattern.get(p) {
            Some(Part::Any) => {
                star = Some((p, v));
                p += 1;
            }
            Some(part) if part.takes(c) => {
                p += 1;
                v += 1;
            }
            _ => {
                let Some((star_p, star_v)) = star else { return false };
                star = Some((star_p, star_v + 1));
                p = star_p + 1;
                v = star_v + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|part| matches!(part, Part::Any))
}

#[derive(Clone, Copy)]
enum Part {
    Literal(char),
    One,
    Any,
}

impl Part {
    fn takes(self, c: char) -> bool {
        match self {
            Part::Literal(literal) => literal == c,
            Part::One => true,
            Part::Any => false,
        }
    }
}

fn parse_pattern(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '*' => Part::Any,
            '?' => Part::One,
            '\\' => Part::Literal(chars.next().unwrap_or('\\')),
            other => Part::Literal(other),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_without_wildcards_are_exact_and_case_sensitive() {
        assert!(matches("web", "web"));
        assert!(!matches("web", "Web"));
        assert!(!matches("web", "webs"));
        assert!(!matches("", "web"));
        assert!(matches("", ""));
    }

    #[test]
    fn a_star_is_any_number_of_characters() {
        assert!(matches("*", ""));
        assert!(matches("*", "anything"));
        assert!(matches("we*", "we"));
        assert!(matches("*a*b*", "xxaxxbxx"));
        assert!(!matches("*a*b", "xxaxxbxx"));
        assert!(matches("*abc", "ababc"));
    }

    #[test]
    fn a_question_mark_is_one_character() {
        assert!(matches("we?", "web"));
        assert!(!matches("we?", "we"));
        assert!(!matches("we?", "webs"));
    }

    #[test]
    fn a_backslash_escapes() {
        // "use \*amazon\?\\ to search for the literal string *amazon?\", User Guide, Filtering.
        assert!(matches(r"\*amazon\?\\", r"*amazon?\"));
        assert!(!matches(r"\*amazon", "xamazon"));
    }
}
