//! Splits a zone file into entries: comments taken away, parentheses joined.

use super::ReadError;

/// One entry: a directive or a record.
#[derive(Debug, Default)]
pub(super) struct Entry<'t> {
    /// The line that it starts on, counted from 1.
    pub line: usize,
    /// Whether it starts with a space: the owner is that of the entry before.
    pub indented: bool,
    /// Words as they are written, quoted strings with their quotes.
    pub words: Vec<&'t str>,
}

/// The entries of a file, one after the other; nothing follows an error.
pub(super) struct Entries<'t> {
    lines: std::iter::Enumerate<std::str::Lines<'t>>,
}

/// The entries of a file.
pub(super) fn entries(text: &str) -> Entries<'_> {
    Entries { lines: text.lines().enumerate() }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Result<Entry<'t>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut entry = Entry::default();
        let mut depth = 0usize;
        for (index, line) in self.lines.by_ref() {
            let number = index + 1;
            if depth == 0 {
                entry.line = number;
                entry.indented = line.starts_with([' ', '\t']);
            }
            if let Err(reason) = split(line, &mut depth, &mut entry.words) {
                self.lines = "".lines().enumerate();
                return Some(Err(ReadError { line: number, reason }));
            }
            if depth == 0 && !entry.words.is_empty() {
                return Some(Ok(entry));
            }
        }
        (depth > 0).then_some(Err(ReadError { line: entry.line, reason: "a parenthesis is not closed" }))
    }
}

fn split<'t>(line: &'t str, depth: &mut usize, words: &mut Vec<&'t str>) -> Result<(), &'static str> {
    let mut start = None;
    let mut quoted = false;
    let mut characters = line.char_indices();
    let mut flush = |start: &mut Option<usize>, end: usize| {
        if let Some(word) = start.take().and_then(|start| line.get(start..end)) {
            words.push(word);
        }
    };
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                start.get_or_insert(at);
                characters.next().ok_or("nothing follows a backslash")?;
            }
            '"' => {
                start.get_or_insert(at);
                quoted = !quoted;
                // A closing quote ends the word; `key="value"` is one word.
                if !quoted {
                    flush(&mut start, at + 1);
                }
            }
            _ if quoted => {}
            ';' => {
                flush(&mut start, at);
                return Ok(());
            }
            '(' => {
                flush(&mut start, at);
                *depth += 1;
            }
            ')' => {
                flush(&mut start, at);
                *depth = depth.checked_sub(1).ok_or("a parenthesis is closed that was not opened")?;
            }
            ' ' | '\t' => flush(&mut start, at),
            _ => {
                start.get_or_insert(at);
            }
        }
    }
    flush(&mut start, line.len());
    if quoted { Err("a quotation mark is missing") } else { Ok(()) }
}
