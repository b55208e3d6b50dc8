//! Splits a zone file into entries: comments taken away, parentheses joined.

use super::ReadError;

/// One entry: a directive or a record.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The line that it starts on, counted from 1.
    pub line: usize,
    /// Whether it starts with a space: the owner is that of the entry before.
    pub indented: bool,
    /// Words, quoted strings with their quotes.
    pub words: Vec<String>,
}

/// The entries of a file.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Vec::new();
    let mut entry = Entry::default();
    let mut depth = 0usize;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if depth == 0 {
            entry = Entry { line: number, indented: line.starts_with([' ', '\t']), words: Vec::new() };
        }
        split(line, &mut depth, &mut entry.words).map_err(|reason| ReadError { line: number, reason })?;
        if depth == 0 && !entry.words.is_empty() {
            entries.push(std::mem::take(&mut entry));
        }
    }
    if depth > 0 {
        return Err(ReadError { line: entry.line, reason: "a parenthesis is not closed" });
    }
    Ok(entries)
}

fn split(line: &str, depth: &mut usize, words: &mut Vec<String>) -> Result<(), &'static str> {
    let mut word = String::new();
    let mut quoted = false;
    let mut characters = line.chars();
    let mut flush = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                word.push(character);
                word.push(characters.next().ok_or("nothing follows a backslash")?);
            }
            '"' => {
                word.push(character);
                quoted = !quoted;
                // A closing quote ends the word; `key="value"` is one word.
                if !quoted {
                    flush(&mut word);
                }
            }
            _ if quoted => word.push(character),
            ';' => break,
            '(' => {
                flush(&mut word);
                *depth += 1;
            }
            ')' => {
                flush(&mut word);
                *depth = depth.checked_sub(1).ok_or("a parenthesis is closed that was not opened")?;
            }
            ' ' | '\t' => flush(&mut word),
            other => word.push(other),
        }
    }
    flush(&mut word);
    if quoted { Err("a quotation mark is missing") } else { Ok(()) }
}
