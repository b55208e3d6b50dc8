//! The part of JMESPath that scenarios use in `--query`: `A.B[0].C`, `A[?B=='x'].C|[0]`.

use serde_json::Value as Json;

/// A query, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// What `|` separates.
    stages: Vec<Vec<Part>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `.Name`
    Member(String),
    /// `[0]`
    Index(usize),
    /// `[]`: what follows applies to each item.
    Each,
    /// `[?Name=='text']`: what follows applies to each item whose member is the text.
    Where(String, String),
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// Of JMESPath that is not supported here, and of what is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let stages = text.split('|').map(|stage| parts(stage.trim()));
        Ok(Query { stages: stages.collect::<Result<_, _>>()? })
    }

    /// What the query selects; null if nothing.
    pub(super) fn select(&self, from: &Json) -> Json {
        self.stages.iter().fold(from.clone(), |value, stage| select(stage, &value))
    }
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let (inner, after) = bracket.split_once(']').ok_or(format!("{text:?} lacks ]"))?;
            parts.push(bracketed(inner)?);
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(format!("{name:?} in {text:?} is no member"));
            }
            parts.push(Part::Member(name.to_owned()));
            rest = after;
        }
    }
    Ok(parts)
}

fn bracketed(inner: &str) -> Result<Part, String> {
    if let Some(condition) = inner.strip_prefix('?') {
        let (name, quoted) = condition.split_once("==").ok_or(format!("{inner:?} is not supported"))?;
        let value = quoted.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        let value = value.ok_or(format!("{quoted:?} is not quoted"))?;
        return Ok(Part::Where(name.trim().to_owned(), value.to_owned()));
    }
    match inner {
        "" | "*" => Ok(Part::Each),
        index => index.parse().map(Part::Index).map_err(|_| format!("{index:?} is no index")),
    }
}

fn select(parts: &[Part], from: &Json) -> Json {
    let Some((first, rest)) = parts.split_first() else { return from.clone() };
    let each = |keep: &dyn Fn(&Json) -> bool| {
        let items = from.as_array().map(Vec::as_slice).unwrap_or_default();
        let selected = items.iter().filter(|item| keep(item)).map(|item| select(rest, item));
        Json::Array(selected.filter(|value| !value.is_null()).collect())
    };
    match first {
        Part::Member(name) => from.get(name).map_or(Json::Null, |value| select(rest, value)),
        Part::Index(index) => from.get(index).map_or(Json::Null, |value| select(rest, value)),
        Part::Each => each(&|_| true),
        Part::Where(name, value) => each(&|item| item.get(name).and_then(Json::as_str) == Some(value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_items_and_filters() {
        let from = json!({ "Acls": [
            { "Id": "a", "Of": [{ "Subnet": "s1", "Id": "x" }, { "Subnet": "s2", "Id": "y" }] },
            { "Id": "b", "Of": [] },
        ] });
        let select = |text: &str| Query::parse(text).expect(text).select(&from);
        assert_eq!(select("Acls[1].Id"), "b");
        assert_eq!(select("Acls[].Id"), json!(["a", "b"]));
        assert_eq!(select("Acls[0].Of[?Subnet=='s2'].Id|[0]"), "y");
        assert_eq!(select("Acls[0].Of[?Subnet=='s3'].Id|[0]"), Json::Null);
        assert_eq!(select("Nothing[0].Id"), Json::Null);
    }

    #[test]
    fn the_rest_of_jmespath_is_refused() {
        for text in ["length(@)", "A[0", "A[?B>`1`]", "A[-1]", "{a: b}"] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }
}
