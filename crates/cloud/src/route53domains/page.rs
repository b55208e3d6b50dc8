//! Pages: a marker is the key of the last item that was given out.

use enishi_wire::Fault;

use super::faults;

/// Items of a page unless the caller says otherwise.
const USUAL: usize = 20;

/// A page of items, and the marker of the next.
pub(super) type Page<T> = (Vec<T>, Option<String>);

/// The page after the marker.
///
/// # Errors
/// `InvalidInput` for a marker that no item has, and for a page without items.
pub(super) fn cut<T>(
    items: Vec<T>,
    max_items: Option<i32>,
    marker: Option<&str>,
    key: impl Fn(&T) -> String,
) -> Result<Page<T>, Fault> {
    let size = match max_items {
        None => USUAL,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| faults::invalid_input("MaxItems must be at least 1."))?,
    };
    let start = match marker.filter(|marker| !marker.is_empty()) {
        None => 0,
        Some(marker) => {
            items.iter().position(|item| key(item) == marker).ok_or_else(faults::invalid_marker)? + 1
        }
    };
    let more = items.len() > start.saturating_add(size);
    let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
    let next = if more { page.last().map(key) } else { None };
    Ok((page, next))
}
