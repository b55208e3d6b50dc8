//! Which authorities may sign for a domain. [RFC 8659](https://www.rfc-editor.org/rfc/rfc8659),
//! [Configure a CAA record](https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html)

use enishi_fabric::dns::{Name, Rdata, RecordType};

use crate::daemon::dns::NameServers;

/// The names that ACM goes by in `CAA` records; the local authority stands for it.
const AUTHORITIES: [&str; 4] = ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"];

/// Whether ACM may sign for a domain, which may be a wildcard: the records of the closest parent that has any decide.
pub fn permits(names: &NameServers, domain: &str) -> bool {
    let (base, is_wildcard) = match domain.strip_prefix("*.") {
        Some(base) => (base, true),
        None => (domain, false),
    };
    let parents = std::iter::successors(Some(base), |name| name.split_once('.').map(|(_, parent)| parent));
    let sets = parents.filter_map(|name| Name::parse(name).ok());
    let mut sets = sets.map(|name| names.records(&name, RecordType::CAA));
    let Some(records) = sets.find(|records| !records.is_empty()) else { return true };
    let properties: Vec<(String, String)> = records.iter().filter_map(property).collect();
    let of = |tag: &str| -> Vec<&str> {
        properties.iter().filter(|(name, _)| name == tag).map(|(_, value)| value.as_str()).collect()
    };
    let wild = of("issuewild");
    let relevant = if is_wildcard && !wild.is_empty() { wild } else { of("issue") };
    relevant.is_empty() || relevant.iter().any(|value| names_us(value))
}

/// A record's tag, in lower case, and its value.
fn property(data: &Rdata) -> Option<(String, String)> {
    let (_flags, rest) = data.as_wire().split_first()?;
    let (length, rest) = rest.split_first()?;
    let tag = rest.get(..usize::from(*length))?;
    let value = rest.get(usize::from(*length)..)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((text(tag).to_ascii_lowercase(), text(value)))
}

fn names_us(value: &str) -> bool {
    let domain = value.split(';').next().unwrap_or_default().trim();
    AUTHORITIES.iter().any(|authority| authority.eq_ignore_ascii_case(domain))
}

#[cfg(test)]
mod tests {
    use super::{names_us, property};
    use enishi_fabric::dns::{Rdata, RecordType};

    #[test]
    fn records_are_read() {
        let data = Rdata::parse(RecordType::CAA, "0 Issue \"amazon.com; account=1\"").expect("a record");
        assert_eq!(property(&data), Some(("issue".to_owned(), "amazon.com; account=1".to_owned())));
        assert!(names_us("amazon.com; account=1") && names_us(" AmazonTrust.com "));
        assert!(!names_us(";") && !names_us("ca.example.org") && !names_us("xamazon.com"));
    }
}
