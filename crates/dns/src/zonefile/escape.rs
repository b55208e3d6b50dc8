//! Escapes of zone files to those of Route 53, and back.

/// Every escape as three octal digits; nothing when one is malformed.
pub(super) fn to_octal(text: &str) -> Option<String> {
    let mut converted = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            converted.push(character);
            continue;
        }
        let first = characters.next()?;
        let byte = match first.to_digit(10) {
            None => u8::try_from(first).ok()?,
            Some(hundreds) => {
                let tens = characters.next()?.to_digit(10)?;
                let ones = characters.next()?.to_digit(10)?;
                u8::try_from(hundreds * 100 + tens * 10 + ones).ok()?
            }
        };
        converted.push_str(&format!("\\{byte:03o}"));
    }
    Some(converted)
}

/// Octal escapes as decimal ones; `*` is plain.
pub(super) fn to_decimal(text: &str) -> String {
    let mut converted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        converted.push_str(before);
        match escape.get(1..4).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(b'*') => converted.push('*'),
            Some(byte) => converted.push_str(&format!("\\{byte:03}")),
            None => {
                let length = escape.chars().take(2).map(char::len_utf8).sum();
                let (kept, tail) = escape.split_at(length);
                converted.push_str(kept);
                rest = tail;
                continue;
            }
        }
        rest = escape.get(4..).unwrap_or_default();
    }
    converted.push_str(rest);
    converted
}
