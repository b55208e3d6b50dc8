//! Ids in printed traces: what a run names itself is replaced by that name, the rest is counted, so that the same scenario
//! prints the same whatever its ids are.

use std::collections::BTreeMap;

use super::account::Account;

/// The traces that a run prints.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    /// What no variable has, by kind, in the order in which they were printed first.
    unnamed: BTreeMap<String, Vec<String>>,
}

impl Page {
    /// Adds a trace, with every id and every address that the cloud chose replaced: by `$name` if a variable has it, by
    /// `$name.ip` if it is that instance's, else by its kind and a number (`eni-1`, `ip-1`).
    pub(super) fn print(&mut self, trace: &str, account: &Account) {
        for token in tokens(trace) {
            let text = match token.rsplit_once('-') {
                Some((kind, _)) if is_id(token) => match account.name_of(token) {
                    Some(variable) => format!("${variable}"),
                    None => self.number(kind, token),
                },
                _ => match account.address_name(token) {
                    Some(Ok(name)) => name,
                    Some(Err(())) => self.number("ip", token),
                    None => token.to_owned(),
                },
            };
            self.text.push_str(&text);
        }
        self.text.push('\n');
    }

    /// What was printed.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn number(&mut self, kind: &str, token: &str) -> String {
        let known = self.unnamed.entry(kind.to_owned()).or_default();
        let index = known.iter().position(|other| other == token).unwrap_or_else(|| {
            known.push(token.to_owned());
            known.len() - 1
        });
        format!("{kind}-{}", index + 1)
    }
}

/// Words, in which ids and addresses are whole, and what is between them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

/// Whether a word is an id: a kind, a dash and 8 or 17 hexadecimal digits.
fn is_id(word: &str) -> bool {
    word.rsplit_once('-').is_some_and(|(kind, number)| {
        let is_kind = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        is_kind && matches!(number.len(), 8 | 17) && number.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_falls_apart_into_words() {
        let text = "  sg-out i-0123456789abcdef0 10.0.0.1:80";
        let words: Vec<_> = tokens(text).collect();
        assert_eq!(words, ["  ", "sg-out", " ", "i-0123456789abcdef0", " ", "10.0.0.1", ":", "80"]);
        let ids: Vec<_> = words.into_iter().filter(|word| is_id(word)).collect();
        assert_eq!(ids, ["i-0123456789abcdef0"]);
    }
}
