//! URI templates of the REST protocols: `/2013-04-01/hostedzone/{Id}/rrset`, `/{Bucket}/{Key+}?acl`.
//!
//! Smithy's page on HTTP bindings: a label is one segment, a greedy label (`+`) the rest; query literals must be there.

use percent_encoding::percent_decode_str;

/// What a path gave for the labels of a template, decoded.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// How specific a template is: more literal segments win, then more query literals.
pub(crate) type Rank = (usize, usize);

/// Reads a path by a template; nothing when it does not fit. A final slash makes no difference.
pub(crate) fn read(template: &'static str, path: &str, query: &str) -> Option<(Rank, Labels)> {
    let (pattern, literals) = template.split_once('?').unwrap_or((template, ""));
    let literals: Vec<&str> = literals.split('&').filter(|literal| !literal.is_empty()).collect();
    if !literals.iter().all(|literal| holds(query, literal)) {
        return None;
    }
    let mut labels = Labels::new();
    let mut literal_segments = 0;
    let mut rest = Some(trimmed(path));
    for segment in trimmed(pattern).split('/') {
        let remaining = rest?;
        let label = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        match label {
            Some(greedy) if greedy.ends_with('+') => {
                // What follows a greedy label in the template is not used by any service here.
                labels.push((greedy.trim_end_matches('+'), decoded(remaining)?));
                rest = None;
            }
            label => {
                let (first, others) = match remaining.split_once('/') {
                    Some((first, others)) => (first, Some(others)),
                    None => (remaining, None),
                };
                rest = others;
                match label {
                    Some(_) if first.is_empty() => return None,
                    Some(name) => labels.push((name, decoded(first)?)),
                    None if first == segment => literal_segments += 1,
                    None => return None,
                }
            }
        }
    }
    rest.is_none().then_some(((literal_segments, literals.len()), labels))
}

fn trimmed(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path)
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

fn holds(query: &str, literal: &str) -> bool {
    let (name, value) = literal.split_once('=').unwrap_or((literal, ""));
    form_urlencoded::parse(query.as_bytes()).any(|(n, v)| n == name && (v == value || value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn labels_are_segments() {
        let (rank, labels) = read("/a/{Id}/b", "/a/x%2Fy/b/", "").unwrap();
        assert_eq!((rank, labels), ((2, 0), vec![("Id", "x/y".to_owned())]));
        assert_eq!(read("/a/{Id}", "/a/x/b", ""), None);
        assert_eq!(read("/a/{Id}", "/a", ""), None);
        assert_eq!(read("/a/{Id}", "/a/%ff", ""), None);
    }

    #[test]
    fn a_greedy_label_is_the_rest() {
        let (_, labels) = read("/{Bucket}/{Key+}", "/b/k/l%20m", "").unwrap();
        assert_eq!(labels, [("Bucket", "b".to_owned()), ("Key", "k/l m".to_owned())]);
    }

    #[test]
    fn query_literals_must_be_there() {
        assert!(read("/{B}?acl", "/b", "x=1&acl").is_some());
        assert!(read("/{B}?acl", "/b", "x=1").is_none());
        assert!(read("/b?v=2", "/b", "v=3").is_none());
    }
}
