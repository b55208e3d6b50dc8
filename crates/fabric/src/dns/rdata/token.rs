//! Splits a record's presentation form into words and quoted strings.

use std::collections::VecDeque;
use std::str::FromStr;

use crate::ParseError;

/// The words of one record's data. Escapes are resolved, but the text as written is kept for names, which resolve their own.
pub(super) struct Tokens(VecDeque<Token>);

struct Token {
    written: String,
    value: Vec<u8>,
}

impl Tokens {
    pub(super) fn new(text: &str) -> Result<Self, ParseError> {
        let mut tokens = VecDeque::new();
        let mut rest = text.trim_matches([' ', '\t']);
        while !rest.is_empty() {
            let (token, tail) = split(rest)?;
            tokens.push_back(token);
            rest = tail.trim_start_matches([' ', '\t']);
        }
        Ok(Tokens(tokens))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn peek_is(&self, written: &str) -> bool {
        self.0.front().is_some_and(|token| token.written == written)
    }

    /// The next word with its escapes resolved.
    pub(super) fn next(&mut self, missing: &'static str) -> Result<Vec<u8>, ParseError> {
        self.0.pop_front().map(|token| token.value).ok_or(ParseError(missing))
    }

    /// The next word as it is written.
    pub(super) fn raw(&mut self, missing: &'static str) -> Result<String, ParseError> {
        self.0.pop_front().map(|token| token.written).ok_or(ParseError(missing))
    }

    pub(super) fn parse<T: FromStr>(&mut self, expected: &'static str) -> Result<T, ParseError> {
        self.raw(expected)?.parse().map_err(|_| ParseError(expected))
    }

    pub(super) fn end(&self) -> Result<(), ParseError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ParseError("there is more data than the record type has"))
        }
    }
}

/// The first token of `text`, which does not start with a space, and what follows. A quote may open inside a word: `alpn="h2"`.
fn split(text: &str) -> Result<(Token, &str), ParseError> {
    let bytes = text.as_bytes();
    let mut value = Vec::new();
    let mut quoted = false;
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        position += 1;
        match byte {
            b'"' => {
                quoted = !quoted;
                if !quoted {
                    break;
                }
            }
            b' ' | b'\t' if !quoted => {
                position -= 1;
                break;
            }
            b'\\' => position += unescape(bytes.get(position..).unwrap_or_default(), &mut value)?,
            _ => value.push(byte),
        }
    }
    if quoted {
        return Err(ParseError("a quotation mark is missing"));
    }
    let (written, rest) = text.split_at(position);
    Ok((Token { written: written.to_owned(), value }, rest))
}

/// Resolves what follows a backslash and says how many bytes it took: three octal digits, as Route 53 has them, or one
/// character that stands for itself.
fn unescape(rest: &[u8], value: &mut Vec<u8>) -> Result<usize, ParseError> {
    let digits: Option<[u8; 3]> = rest.get(..3).and_then(|digits| digits.try_into().ok());
    if let Some(digits) = digits.filter(|digits| digits.iter().all(|digit| (b'0'..=b'7').contains(digit))) {
        let number = digits.iter().fold(0u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
        value.push(u8::try_from(number).map_err(|_| ParseError("an escaped byte is at most \\377"))?);
        return Ok(3);
    }
    value.push(*rest.first().ok_or(ParseError("nothing follows a backslash"))?);
    Ok(1)
}
