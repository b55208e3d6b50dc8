//! Ids in printed traces: what a run names itself is replaced by that name, the rest is counted, so that the same scenario
//! prints the same whatever its ids are.

use std::collections::BTreeMap;

use super::account::Account;

/// The traces that a run prints.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    /// The ids that no variable has, by kind, in the order in which they were printed first.
    unnamed: BTreeMap<String, Vec<String>>,
}

impl Page {
    /// Adds a trace, with every id replaced: by `$name` if a variable has it, else by its kind and a number (`eni-1`).
    pub(super) fn print(&mut self, trace: &str, account: &Account) {
        let mut rest = trace;
        while let Some((before, id, after)) = next_id(rest) {
            self.text.push_str(before);
            let name = match account.name_of(id) {
                Some(variable) => format!("${variable}"),
                None => self.number(id),
            };
            self.text.push_str(&name);
            rest = after;
        }
        self.text.push_str(rest);
        self.text.push('\n');
    }

    /// What was printed.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn number(&mut self, id: &str) -> String {
        let kind = id.rsplit_once('-').map_or(id, |(kind, _)| kind);
        let known = self.unnamed.entry(kind.to_owned()).or_default();
        let index = known.iter().position(|other| other == id).unwrap_or_else(|| {
            known.push(id.to_owned());
            known.len() - 1
        });
        format!("{kind}-{}", index + 1)
    }
}

/// The first id: a kind, a dash and 8 or 17 hexadecimal digits.
fn next_id(text: &str) -> Option<(&str, &str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut from = 0;
    for word in text.split(|c| !is_word(c)) {
        let at = text[from..].find(word)? + from;
        let is_id = word.rsplit_once('-').is_some_and(|(kind, number)| {
            let is_kind = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            is_kind && matches!(number.len(), 8 | 17) && number.bytes().all(|b| b.is_ascii_hexdigit())
        });
        if is_id {
            return Some((&text[..at], word, &text[at + word.len()..]));
        }
        from = at + word.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found() {
        let (before, id, after) = next_id("no: sg-out i-0123456789abcdef0 10.0.0.1").expect("an id");
        assert_eq!((before, id, after), ("no: sg-out ", "i-0123456789abcdef0", " 10.0.0.1"));
        assert_eq!(next_id("sg-out igw-in 10.0.0.1 -> 8.8.8.8"), None);
    }
}
