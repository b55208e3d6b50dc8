//! Pages of Describe operations: `Marker` and `PageSize`.
//!
//! A marker names the last item of the page before, and where it was, should it be gone by now.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enishi_wire::Fault;

use super::faults;

/// Items of a page at most, and of one that asks for no number.
const MOST: usize = 400;

/// The part of `items` that a request asks for, and the marker of the next one.
///
/// # Errors
/// `ValidationError` for a marker that no answer gave.
pub(super) fn page<T>(
    items: Vec<T>,
    size: Option<i32>,
    marker: Option<&str>,
    id: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let limit = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(MOST).clamp(1, MOST);
    let start = match marker.filter(|marker| !marker.is_empty()) {
        None => 0,
        Some(marker) => {
            let invalid = || faults::validation_error("The specified marker is not valid");
            let (offset, last) = decode(marker).ok_or_else(invalid)?;
            items.iter().position(|item| id(item) == last).map_or(offset, |found| found + 1)
        }
    };
    let total = items.len();
    let items: Vec<T> = items.into_iter().skip(start).take(limit).collect();
    let end = start.saturating_add(items.len());
    let next = match items.last() {
        Some(last) if end < total => Some(encode(end, &id(last))),
        _ => None,
    };
    Ok((items, next))
}

fn encode(offset: usize, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{offset} {id}"))
}

fn decode(marker: &str) -> Option<(usize, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()?;
    let (offset, id) = text.split_once(' ')?;
    Some((offset.parse().ok()?, id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn pages_follow_each_other_when_items_go() {
        let letters: Vec<String> = ('a'..='e').map(String::from).collect();
        let (first, marker) = page(letters.clone(), Some(2), None, Clone::clone).unwrap();
        assert_eq!(first, ["a", "b"]);
        let without_b: Vec<String> = letters.into_iter().filter(|letter| letter != "b").collect();
        let (second, end) = page(without_b, Some(3), marker.as_deref(), Clone::clone).unwrap();
        assert_eq!((second, end), (vec!["d".to_owned(), "e".to_owned()], None));
        let fault = page(vec![String::new()], None, Some("?"), Clone::clone).unwrap_err();
        assert_eq!(fault.code(), "ValidationError");
    }
}
