//! Form parameters (`a.1.b=x&…`) as a sorted table that decoders walk by prefix.
//!
//! Sorted by name, all parameters below `Filter.1.` are neighbours, so a level is two binary searches and no tree is
//! built. Every parameter remembers whether a decoder asked for it: what is left over is what the operation does not know.

use std::borrow::Cow;
use std::cell::Cell;

use crate::{Fault, limits};

/// The parameters of one request.
#[derive(Debug)]
pub struct Form<'a> {
    pairs: Vec<Pair<'a>>,
}

#[derive(Debug)]
struct Pair<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    used: Cell<bool>,
}

impl<'a> Form<'a> {
    /// Reads the query string and a form body; of a parameter given twice the first counts.
    ///
    /// # Errors
    /// `MalformedQueryString` when the text is no UTF-8 form or exceeds the [limits].
    pub fn parse(query: &'a str, body: &'a [u8]) -> Result<Self, Fault> {
        let mut pairs = Vec::new();
        for part in [query.as_bytes(), body] {
            let well_formed = std::str::from_utf8(part).is_ok_and(percent_signs_are_escapes);
            if !well_formed {
                return Err(malformed("The query string contains a syntax error."));
            }
            for (name, value) in form_urlencoded::parse(part) {
                if pairs.len() == limits::FORM_PARAMETERS {
                    return Err(malformed("The query string has too many parameters."));
                }
                if name.len() > limits::PARAMETER_NAME_BYTES {
                    return Err(malformed("The query string has a parameter name that is too long."));
                }
                pairs.push(Pair { name, value, used: Cell::new(false) });
            }
        }
        pairs.sort_by(|a, b| a.name.cmp(&b.name));
        pairs.dedup_by(|later, earlier| later.name == earlier.name);
        Ok(Self { pairs })
    }

    /// A parameter's value; it counts as used.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.root().value(name)
    }

    /// All parameters.
    pub(crate) fn root(&self) -> View<'_> {
        View { pairs: &self.pairs, prefix: 0 }
    }

    /// The names that nothing has asked for.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(|p| !p.used.get()).map(|p| p.name.as_ref())
    }
}

fn malformed(message: &str) -> Fault {
    Fault::new("MalformedQueryString", message)
}

/// Whether every `%` begins an escape of two hexadecimal digits.
fn percent_signs_are_escapes(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        rest = &rest[at + 1..];
        if !(rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
    }
    true
}

/// The parameters whose names begin with one prefix, such as `Filter.1.`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'f> {
    pairs: &'f [Pair<'f>],
    prefix: usize,
}

/// What stands at one name: its own value, and what is below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'f> {
    pub(crate) value: Option<&'f str>,
    pub(crate) below: View<'f>,
}

impl Node<'_> {
    /// Whether the request names it at all.
    pub(crate) fn is_present(&self) -> bool {
        self.value.is_some() || !self.below.is_empty()
    }
}

impl<'f> View<'f> {
    pub(crate) fn is_empty(self) -> bool {
        self.pairs.is_empty()
    }

    /// The full name of a parameter at this level, for messages.
    pub(crate) fn path(self, name: &str) -> String {
        let prefix = self.pairs.first().and_then(|p| p.name.get(..self.prefix)).unwrap_or("");
        format!("{prefix}{name}")
    }

    fn rest(self, pair: &'f Pair<'f>) -> &'f str {
        pair.name.get(self.prefix..).unwrap_or("")
    }

    /// The value of exactly that name; it counts as used.
    pub(crate) fn value(self, name: &str) -> Option<&'f str> {
        let at = self.pairs.binary_search_by(|p| self.rest(p).cmp(name)).ok()?;
        let pair = self.pairs.get(at)?;
        pair.used.set(true);
        Some(&pair.value)
    }

    /// What stands at that name.
    pub(crate) fn node(self, name: &str) -> Node<'f> {
        Node { value: self.value(name), below: self.below(name) }
    }

    fn below(self, name: &str) -> View<'f> {
        let wanted = || name.bytes().chain(std::iter::once(b'.'));
        let from = self.pairs.partition_point(|p| self.rest(p).bytes().lt(wanted()));
        let tail = self.pairs.get(from..).unwrap_or(&[]);
        let inside = |p: &Pair<'f>| {
            p.name.get(self.prefix..).and_then(|r| r.strip_prefix(name)).is_some_and(|r| r.starts_with('.'))
        };
        let count = tail.partition_point(inside);
        View { pairs: tail.get(..count).unwrap_or(&[]), prefix: self.prefix + name.len() + 1 }
    }

    /// The numbered nodes at this level in numeric order: `1`, `2`, `10`. Gaps are skipped, as AWS does.
    pub(crate) fn items(self) -> Vec<(&'f str, Node<'f>)> {
        let mut found: Vec<(u32, &'f str)> = Vec::new();
        for pair in self.pairs {
            let rest = self.rest(pair);
            let component = rest.split_once('.').map_or(rest, |(first, _)| first);
            let Some(index) = list_index(component) else { continue };
            if found.last().is_none_or(|(_, last)| *last != component) {
                found.push((index, component));
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|(_, component)| (component, self.node(component))).collect()
    }
}

/// A list index: decimal digits without a leading zero, at most nine of them.
fn list_index(text: &str) -> Option<u32> {
    let plain = (1..=9).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_found_by_prefix() {
        let form = Form::parse("Action=X", b"F.1.N=a&F.10=j&F.2=b&F.1.V.1=c&F-1=odd&FF=z").unwrap();
        let items = form.root().node("F").below.items();
        let names: Vec<&str> = items.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["1", "2", "10"]);
        assert_eq!(items[0].1.below.value("N"), Some("a"));
        assert_eq!(items[0].1.below.path("N"), "F.1.N");
        assert_eq!(items[1].1.value, Some("b"));
        let unused: Vec<&str> = form.unused().collect();
        assert_eq!(unused, ["Action", "F-1", "F.1.V.1", "FF"]);
    }

    #[test]
    fn the_first_of_two_counts() {
        let form = Form::parse("A=1", b"A=2").unwrap();
        assert_eq!(form.get("A"), Some("1"));
    }

    #[test]
    fn broken_forms_are_malformed() {
        for body in [&b"A=%zz"[..], b"A=%4", b"A=\xff\xfe"] {
            assert_eq!(Form::parse("", body).unwrap_err().code(), "MalformedQueryString");
        }
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let body = "a=1&".repeat(limits::FORM_PARAMETERS + 1);
        assert!(Form::parse("", body.as_bytes()).is_err());
        let long = "a".repeat(limits::PARAMETER_NAME_BYTES + 1);
        assert!(Form::parse(&long, b"").is_err());
    }

    #[test]
    fn odd_indices_are_no_items() {
        for text in ["", "01", "-1", "1x", "9999999999", "+1"] {
            assert_eq!(list_index(text), None, "{text}");
        }
        assert_eq!(list_index("0"), Some(0));
    }
}
