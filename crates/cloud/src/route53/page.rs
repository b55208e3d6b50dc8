//! Pages: `MaxItems` comes and goes as text, a marker names the first item of the next page.

use enishi_wire::Fault;

use super::faults;

/// Items of one page at most, of most lists.
pub(super) const USUAL: usize = 100;

/// How many items a page has: what was asked for, at most `most`.
///
/// # Errors
/// `InvalidInput` when the text is no positive number.
pub(super) fn size(max_items: Option<&str>, most: usize) -> Result<usize, Fault> {
    let Some(text) = max_items.filter(|text| !text.is_empty()) else { return Ok(most) };
    match text.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number.min(most)),
        _ => Err(faults::invalid_input("Invalid max items")),
    }
}

/// Checks a token that names the first item of a page: letters, digits and dashes; none is fine.
///
/// # Errors
/// `InvalidPaginationToken`
pub(super) fn check_token(token: &str) -> Result<(), Fault> {
    let is_id = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_id { Ok(()) } else { Err(faults::invalid_pagination_token()) }
}

/// A page of items.
pub(super) struct Page<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// The first item of the next page.
    pub(super) next: Option<T>,
}

/// The first `size` items, and the one after them.
pub(super) fn cut<T>(items: impl Iterator<Item = T>, size: usize) -> Page<T> {
    let mut items: Vec<T> = items.take(size.saturating_add(1)).collect();
    let next = if items.len() > size { items.pop() } else { None };
    Page { items, next }
}
