//! Lists: their filters and pages.
//! [API_route53resolver_Filter](https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_Filter.html)
//!
//! What AWS promises: filters are joined by AND, the values of one by OR. Names are spelt `CreatorRequestId`, or in the old
//! way `CREATOR_REQUEST_ID`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enishi_api::route53resolver::Filter;
use enishi_wire::Fault;

use super::faults;

/// Items of a page that asks for no number.
const USUAL: usize = 100;

/// A filter that a list has: its name, and the values that an item, as it is shown, has for it.
pub(super) type Field<T> = (&'static str, fn(&T) -> Vec<String>);

/// Keeps the items that pass all filters.
///
/// # Errors
/// `InvalidParameterException` for a filter that the list does not have, or one without values.
pub(super) fn filter<T>(
    items: Vec<T>,
    filters: Option<Vec<Filter>>,
    fields: &'static [Field<T>],
) -> Result<Vec<T>, Fault> {
    let mut items = items;
    for filter in filters.unwrap_or_default() {
        let name = filter.name.unwrap_or_default();
        let Some((_, values)) = fields.iter().find(|(field, _)| is_called(&name, field)) else {
            return Err(faults::invalid_parameter(
                "Filters",
                format!("'{name}' is not a valid filter name."),
            ));
        };
        let wanted = filter.values.unwrap_or_default();
        if wanted.is_empty() {
            let message = format!("The filter '{name}' must have at least one value.");
            return Err(faults::invalid_parameter("Filters", message));
        }
        items.retain(|item| values(item).iter().any(|value| wanted.contains(value)));
    }
    Ok(items)
}

fn is_called(name: &str, field: &str) -> bool {
    let is_old = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase());
    name == field || (is_old && name.replace('_', "").eq_ignore_ascii_case(field))
}

/// Sorts the items by one of the list's filters, numbers as such. Without a name their order stays, that of ids.
///
/// # Errors
/// `InvalidParameterException`
pub(super) fn sort<T>(
    items: &mut [T],
    by: Option<&str>,
    order: Option<&str>,
    fields: &'static [Field<T>],
) -> Result<(), Fault> {
    let Some(name) = by else { return Ok(()) };
    let Some((_, values)) = fields.iter().find(|(field, _)| is_called(name, field)) else {
        return Err(faults::invalid_parameter("SortBy", format!("'{name}' is not a valid value of SortBy.")));
    };
    let key = |item: &T| {
        let text = values(item).join(",");
        (text.parse::<u64>().ok(), text)
    };
    items.sort_by_cached_key(key);
    if order == Some("DESCENDING") {
        items.reverse();
    }
    Ok(())
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// Its items.
    pub(super) items: Vec<T>,
    /// How many it could have.
    pub(super) limit: i32,
    /// The token of the next page.
    pub(super) next_token: Option<String>,
}

/// The page of `items` that a request asks for. A token names the last item of the page before, and where it was, should it
/// be gone by now.
///
/// # Errors
/// `InvalidNextTokenException`
pub(super) fn page<T>(
    items: Vec<T>,
    max_results: Option<i32>,
    next_token: Option<&str>,
    id: impl Fn(&T) -> String,
) -> Result<Page<T>, Fault> {
    let limit = max_results.and_then(|max| usize::try_from(max).ok()).filter(|max| *max > 0).unwrap_or(USUAL);
    let start = match next_token {
        None => 0,
        Some(token) => {
            let (offset, last) = decode(token).ok_or_else(faults::invalid_next_token)?;
            items.iter().position(|item| id(item) == last).map_or(offset, |found| found + 1)
        }
    };
    let total = items.len();
    let items: Vec<T> = items.into_iter().skip(start).take(limit).collect();
    let end = start.saturating_add(items.len());
    let next_token = match items.last() {
        Some(last) if end < total => Some(encode(end, &id(last))),
        _ => None,
    };
    Ok(Page { items, limit: i32::try_from(limit).unwrap_or(i32::MAX), next_token })
}

fn encode(offset: usize, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{offset}:{id}"))
}

fn decode(token: &str) -> Option<(usize, String)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (offset, id) = text.strip_prefix("1:")?.split_once(':')?;
    Some((offset.parse().ok()?, id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{is_called, page};

    #[test]
    fn names_are_spelt_in_two_ways() {
        assert!(is_called("CreatorRequestId", "CreatorRequestId"));
        assert!(is_called("CREATOR_REQUEST_ID", "CreatorRequestId"));
        assert!(is_called("HOST_VPC_ID", "HostVPCId"));
        assert!(!is_called("creatorrequestid", "CreatorRequestId"));
        assert!(!is_called("Creator_Request_Id", "CreatorRequestId"));
    }

    #[test]
    fn pages_follow_each_other_when_items_go() {
        let letters: Vec<String> = ('a'..='e').map(String::from).collect();
        let first = page(letters.clone(), Some(2), None, Clone::clone).unwrap();
        assert_eq!((first.items, first.limit), (vec!["a".to_owned(), "b".to_owned()], 2));
        let token = first.next_token.unwrap();
        let second = page(letters.clone(), Some(3), Some(&token), Clone::clone).unwrap();
        assert_eq!(second.items, ["c", "d", "e"]);
        assert_eq!(second.next_token, None);
        let without_b: Vec<String> = letters.into_iter().filter(|letter| letter != "b").collect();
        let second = page(without_b, Some(3), Some(&token), Clone::clone).unwrap();
        assert_eq!(second.items, ["d", "e"]);
        let fault = page(vec![String::new()], None, Some("?"), Clone::clone).unwrap_err();
        assert_eq!(fault.code(), "InvalidNextTokenException");
    }
}
