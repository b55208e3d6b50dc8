//! Pages of keys, some of them rolled up into common prefixes.
//! [Organizing objects using prefixes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html)

use super::index::{Index, OBJECTS, Result, UPLOADS, database, parse};
use super::model::{Object, Upload};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The bucket's uid.
    pub bucket: u64,
    /// What keys begin with.
    pub prefix: &'a str,
    /// Up to what keys are rolled up behind the prefix; empty for not at all.
    pub delimiter: &'a str,
    /// Behind what the page begins: a key or a common prefix.
    pub after: &'a str,
    /// Entries of the page.
    pub most: usize,
}

/// A page. Entries are in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What was not rolled up.
    pub found: Vec<T>,
    /// What others were rolled up into.
    pub prefixes: Vec<String>,
    /// The last entry of the page, if others follow.
    pub next: Option<String>,
}

/// Where the keys are rolled up, and where the next page goes on.
struct Page<'a> {
    query: Query<'a>,
    prefixes: Vec<String>,
    entries: usize,
    last: Option<String>,
    is_truncated: bool,
}

/// What becomes of a key.
enum Step {
    /// It is an entry.
    Entry,
    /// It is part of a common prefix; the next key of interest is not before this one, and there is none without one.
    Skip(Option<String>),
    /// It is no part of this page, and neither is what follows.
    Stop,
}

impl<'a> Page<'a> {
    fn new(query: Query<'a>) -> Self {
        Page { query, prefixes: Vec::new(), entries: 0, last: None, is_truncated: false }
    }

    /// The first key that may be of interest.
    fn start(&self) -> String {
        self.query.prefix.max(self.query.after).to_owned()
    }

    fn step(&mut self, key: &str) -> Step {
        let Some(rest) = key.strip_prefix(self.query.prefix) else { return Step::Stop };
        let common = match self.query.delimiter {
            "" => None,
            delimiter => rest.find(delimiter).map(|at| self.query.prefix.len() + at + delimiter.len()),
        };
        let entry = common.and_then(|end| key.get(..end)).unwrap_or(key);
        if common.is_some() && self.query.after == entry {
            return Step::Skip(behind(entry));
        }
        if common.is_none() && key <= self.query.after && !self.query.after.is_empty() {
            return Step::Skip(Some(format!("{key}\0")));
        }
        if self.entries == self.query.most {
            self.is_truncated = true;
            return Step::Stop;
        }
        self.entries += 1;
        self.last = Some(entry.to_owned());
        match common {
            Some(_) => {
                self.prefixes.push(entry.to_owned());
                Step::Skip(behind(entry))
            }
            None => Step::Entry,
        }
    }

    fn finish<T>(self, found: Vec<T>) -> Listing<T> {
        Listing { found, prefixes: self.prefixes, next: self.last.filter(|_| self.is_truncated) }
    }
}

/// The first text behind all that begin with `prefix`.
fn behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(last as u32 + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

impl Index {
    /// A page of objects.
    ///
    /// # Errors
    /// The database failed.
    pub fn list(&self, query: Query<'_>) -> Result<Listing<(String, Object)>> {
        self.read(|transaction| {
            let objects = transaction.open_table(OBJECTS).map_err(database)?;
            let mut page = Page::new(query);
            let mut found = Vec::new();
            let mut from = Some(page.start());
            'pages: while let Some(start) = from.take() {
                for row in objects.range((query.bucket, start.as_str())..).map_err(database)? {
                    let (at, value) = row.map_err(database)?;
                    let (bucket, key) = at.value();
                    if bucket != query.bucket {
                        break 'pages;
                    }
                    match page.step(key) {
                        Step::Entry => found.push((key.to_owned(), parse(value.value())?)),
                        Step::Skip(to) => {
                            from = to;
                            continue 'pages;
                        }
                        Step::Stop => break 'pages,
                    }
                }
            }
            Ok(page.finish(found))
        })
    }

    /// A page of uploads under way. Of a key with several the page has all or, if they do not fit, none.
    ///
    /// # Errors
    /// The database failed.
    pub fn uploads(&self, query: Query<'_>) -> Result<Listing<(String, String, Upload)>> {
        self.read(|transaction| {
            let uploads = transaction.open_table(UPLOADS).map_err(database)?;
            let mut page = Page::new(query);
            let mut found: Vec<(String, String, Upload)> = Vec::new();
            let mut from = Some(page.start());
            'pages: while let Some(start) = from.take() {
                for row in uploads.range((query.bucket, start.as_str(), "")..).map_err(database)? {
                    let (at, value) = row.map_err(database)?;
                    let (bucket, key, id) = at.value();
                    if bucket != query.bucket {
                        break 'pages;
                    }
                    let is_another = found.last().is_some_and(|(last, _, _)| last == key);
                    match if is_another { Step::Entry } else { page.step(key) } {
                        Step::Entry => found.push((key.to_owned(), id.to_owned(), parse(value.value())?)),
                        Step::Skip(to) => {
                            from = to;
                            continue 'pages;
                        }
                        Step::Stop => break 'pages,
                    }
                }
            }
            Ok(page.finish(found))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entries of all pages of `most` entries over these keys.
    fn pages(keys: &[&str], prefix: &str, delimiter: &str, most: usize) -> Vec<String> {
        let mut keys: Vec<&str> = keys.to_vec();
        keys.sort_unstable();
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let mut page = Page::new(Query { bucket: 1, prefix, delimiter, after: &after, most });
            let mut found = Vec::new();
            let mut from = Some(page.start());
            'again: while let Some(start) = from.take() {
                for key in keys.iter().filter(|key| **key >= start.as_str()) {
                    match page.step(key) {
                        Step::Entry => found.push((*key).to_owned()),
                        Step::Skip(to) => {
                            from = to;
                            continue 'again;
                        }
                        Step::Stop => break 'again,
                    }
                }
            }
            let listing = page.finish(found);
            assert!(listing.found.len() + listing.prefixes.len() <= most);
            let mut entries = [listing.found, listing.prefixes].concat();
            entries.sort();
            all.extend(entries);
            match listing.next {
                Some(next) => after = next,
                None => return all,
            }
        }
    }

    #[test]
    fn pages_of_any_size_have_every_entry_once() {
        let keys =
            ["a", "a/", "a/b", "a/b/c", "a/b/d", "a/c", "b", "photos/1", "photos/2", "z\u{10ffff}", "ü/x"];
        for most in 1..=keys.len() + 1 {
            assert_eq!(pages(&keys, "", "", most), keys, "{most}");
            assert_eq!(
                pages(&keys, "", "/", most),
                ["a", "a/", "b", "photos/", "z\u{10ffff}", "ü/"],
                "{most}"
            );
            assert_eq!(pages(&keys, "a/", "/", most), ["a/", "a/b", "a/b/", "a/c"], "{most}");
            assert_eq!(pages(&keys, "a/b", "/", most), ["a/b", "a/b/"], "{most}");
            assert_eq!(pages(&keys, "photos/", "", most), ["photos/1", "photos/2"], "{most}");
            assert_eq!(pages(&keys, "none", "/", most), Vec::<String>::new(), "{most}");
        }
    }

    #[test]
    fn behind_a_prefix_is_what_begins_otherwise() {
        assert_eq!(behind("a/").as_deref(), Some("a0"));
        assert_eq!(behind("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(behind("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(behind("\u{10ffff}"), None);
    }
}
