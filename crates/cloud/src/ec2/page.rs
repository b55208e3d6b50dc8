//! Pages of Describe operations: `MaxResults` and `NextToken`, written once.
//! [Pagination](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination)
//!
//! A token names the last item that was given out, so a page goes on at the right place although items come and go.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enishi_wire::Fault;

use super::faults;

/// The limits of most Describe operations.
pub(crate) const USUAL: RangeInclusive<i32> = 5..=1000;

/// What part of the items a request asks for.
#[derive(Debug)]
pub(crate) struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

impl Page {
    /// Checks `MaxResults` against the operation's limits and reads the token.
    ///
    /// # Errors
    /// `InvalidParameterValue`, `InvalidPaginationToken`.
    pub(crate) fn parse(
        max_results: Option<i32>,
        next_token: Option<&str>,
        limits: RangeInclusive<i32>,
    ) -> Result<Self, Fault> {
        let limit = match max_results {
            None => None,
            Some(n) if n < *limits.start() => {
                let why = format!("Expecting a value greater than {}.", limits.start());
                return Err(faults::invalid_parameter_value(format!(
                    "Value ( {n} ) for parameter maxResults is invalid. {why}"
                )));
            }
            // More than AWS gives in one page is not an error: the page is as long as AWS makes it.
            Some(n) => usize::try_from(n.min(*limits.end())).ok(),
        };
        let after = match next_token {
            None | Some("") => None,
            Some(token) => Some(decode(token).ok_or_else(faults::invalid_pagination_token)?),
        };
        Ok(Page { after, limit })
    }

    /// The page's items and the token of the next page. `items` must be in the order of `key`, and keys must differ.
    pub(crate) fn of<T>(&self, items: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let mut rest: Vec<T> = match &self.after {
            None => items,
            Some(after) => items.into_iter().filter(|item| key(item) > *after).collect(),
        };
        match self.limit {
            Some(limit) if rest.len() > limit => {
                rest.truncate(limit);
                let token = rest.last().map(|item| encode(&key(item)));
                (rest, token)
            }
            _ => (rest, None),
        }
    }
}

fn encode(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{key}"))
}

fn decode(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix("1:").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Page, USUAL};

    fn letters() -> Vec<String> {
        ('a'..='l').map(String::from).collect()
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let mut seen = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = Page::parse(Some(5), token.as_deref(), USUAL).unwrap();
            let (items, next) = page.of(letters(), Clone::clone);
            seen.extend(items);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, letters());
    }

    #[test]
    fn limits_are_checked() {
        let fault = Page::parse(Some(4), None, USUAL).unwrap_err();
        assert_eq!(fault.code(), "InvalidParameterValue");
        assert_eq!(Page::parse(None, Some("nonsense!"), USUAL).unwrap_err().code(), "InvalidPaginationToken");
    }
}
