//! Values of conditions: wildcards and regular expressions.

use enishi_fabric::balancer::Pattern;
use regex::bytes::{Regex, RegexBuilder};

/// The most memory that a regular expression may take, in bytes.
const REGEX_SIZE: usize = 1 << 20;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Compiled {
    kind: Kind,
    any_case: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Wildcard(Vec<Part>),
    Regex(Box<Regex>),
    /// An expression that does not compile matches nothing.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Byte(u8),
    One,
    Many,
}

impl Compiled {
    /// A pattern that distinguishes upper and lower case, or does not.
    pub fn new(pattern: &Pattern, any_case: bool) -> Self {
        let kind = match pattern {
            Pattern::Wildcard(text) => Kind::Wildcard(parts(text.as_bytes(), any_case)),
            Pattern::Regex(text) => {
                let built = RegexBuilder::new(text)
                    .unicode(false)
                    .case_insensitive(any_case)
                    .size_limit(REGEX_SIZE)
                    .build();
                built.map_or(Kind::Never, |regex| Kind::Regex(Box::new(regex)))
            }
        };
        Compiled { kind, any_case }
    }

    /// Whether `text` looks as the pattern wants.
    pub fn matches(&self, text: &[u8]) -> bool {
        match &self.kind {
            Kind::Wildcard(parts) => wildcard(parts, text, self.any_case),
            Kind::Regex(regex) => regex.is_match(text),
            Kind::Never => false,
        }
    }

    /// The text that alone is matched, if there is only one; in lower case where case does not matter.
    pub fn exact(&self) -> Option<Vec<u8>> {
        let (prefix, is_whole) = self.literal()?;
        is_whole.then_some(prefix)
    }

    /// What every text that is matched begins with; in lower case where case does not matter.
    pub fn prefix(&self) -> Option<Vec<u8>> {
        self.literal().map(|(prefix, _)| prefix)
    }

    fn literal(&self) -> Option<(Vec<u8>, bool)> {
        let Kind::Wildcard(parts) = &self.kind else { return None };
        let bytes = parts.iter().map_while(|part| match part {
            Part::Byte(byte) => Some(*byte),
            Part::One | Part::Many => None,
        });
        let prefix: Vec<u8> = bytes.collect();
        let is_whole = prefix.len() == parts.len();
        Some((prefix, is_whole))
    }
}

fn parts(text: &[u8], any_case: bool) -> Vec<Part> {
    let mut parts = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let part = match byte {
            b'*' => Part::Many,
            b'?' => Part::One,
            b'\\' => Part::Byte(*bytes.next().unwrap_or(byte)),
            byte => Part::Byte(*byte),
        };
        let part = match part {
            Part::Byte(byte) if any_case => Part::Byte(byte.to_ascii_lowercase()),
            part => part,
        };
        if part != Part::Many || parts.last() != Some(&Part::Many) {
            parts.push(part);
        }
    }
    parts
}

/// Goes back to the last `*` only, which suffices, so that the work is bounded by the product of the lengths.
fn wildcard(parts: &[Part], text: &[u8], any_case: bool) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let byte = text.get(position).map(|byte| if any_case { byte.to_ascii_lowercase() } else { *byte });
        match (parts.get(at), byte) {
            (Some(Part::Many), _) => {
                retry = Some((at, position));
                at += 1;
            }
            (Some(Part::One), Some(_)) => (at, position) = (at + 1, position + 1),
            (Some(Part::Byte(wanted)), Some(byte)) if *wanted == byte => {
                (at, position) = (at + 1, position + 1)
            }
            (None, None) => return true,
            (_, _) => match retry {
                Some((star, from)) if from < text.len() => {
                    retry = Some((star, from + 1));
                    (at, position) = (star + 1, from + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, any_case: bool, yes: &[&str], no: &[&str]) {
        let compiled = Compiled::new(&Pattern::Wildcard(pattern.into()), any_case);
        for text in yes {
            assert!(compiled.matches(text.as_bytes()), "{pattern} wants {text}");
        }
        for text in no {
            assert!(!compiled.matches(text.as_bytes()), "{pattern} does not want {text}");
        }
    }

    /// "`*` matches 0 or more characters, `?` matches exactly 1 character"
    #[test]
    fn wildcards() {
        check("/img/*", false, &["/img/", "/img/a/b"], &["/img", "/IMG/a", "/a/img/"]);
        check(
            "/img/*/pics",
            false,
            &["/img/x/pics", "/img//pics", "/img/a/b/pics"],
            &["/img/pics", "/img/x/pics/"],
        );
        check("*.example.com", true, &["test.Example.com", ".example.com"], &["example.com"]);
        check("a?c", false, &["abc", "a?c"], &["ac", "abbc"]);
        check("*a*b*", false, &["ab", "xaxbx", "aab"], &["ba", "a", ""]);
        check("", false, &[""], &["a"]);
        check("*", false, &["", "a"], &[]);
    }

    /// "To search for a literal `*` or `?`, you must escape these characters using a backslash"
    #[test]
    fn escapes() {
        check(r"a\*b", false, &["a*b"], &["axb", r"a\*b"]);
        check(r"a\?", false, &["a?"], &["ab"]);
        check(r"a\\b", false, &[r"a\b"], &["ab"]);
    }

    #[test]
    fn many_stars_stay_cheap() {
        let compiled = Compiled::new(&Pattern::Wildcard("*a".repeat(60).into()), false);
        assert!(!compiled.matches("a".repeat(8000).replace("aa", "ab").as_bytes()));
    }

    #[test]
    fn expressions() {
        let regex = |text: &str, any_case| Compiled::new(&Pattern::Regex(text.into()), any_case);
        assert!(regex("^/api/v[0-9]+$", false).matches(b"/api/v12"));
        assert!(!regex("^/api/v[0-9]+$", false).matches(b"/API/v12"));
        assert!(regex("^a.example$", true).matches(b"A.Example"));
        assert!(!regex("(", false).matches(b"("));
    }

    #[test]
    fn literals() {
        let of = |text: &str| Compiled::new(&Pattern::Wildcard(text.into()), true);
        assert_eq!(of("A.example").exact(), Some(b"a.example".to_vec()));
        assert_eq!((of("/a/*").exact(), of("/a/*").prefix()), (None, Some(b"/a/".to_vec())));
    }
}
