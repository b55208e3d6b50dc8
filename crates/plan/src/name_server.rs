//! The names of Route 53's name servers: `ns-N.awsdns-MM.TLD`.
//! [Name server names](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html)
//!
//! Each of four top-level domains has a quarter of the 2,048 numbers; the middle part is the number's remainder by 64.

use crate::zone_edit::NameServer;

/// The top-level domains, in the order of their numbers.
pub const DOMAINS: [&str; 4] = ["com", "net", "org", "co.uk"];

/// Numbers in each top-level domain.
pub const PER_DOMAIN: u16 = NameServer::ROUTE_53 / 4;

/// The middle part of the names counts to this.
pub(crate) const STRIPES: u16 = 64;

/// The name of the name server of a number, without a final dot.
pub fn text(number: u16) -> String {
    let domain = DOMAINS.get(usize::from(number / PER_DOMAIN)).copied().unwrap_or("com");
    format!("ns-{number}.awsdns-{:02}.{domain}", number % STRIPES)
}

/// The number in the name of a name server, if it is one of Route 53's.
pub fn number(name: &str) -> Option<u16> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let digits = name.strip_prefix("ns-")?.split('.').next()?;
    let number = digits.parse().ok().filter(|number| *number < NameServer::ROUTE_53)?;
    (text(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!(text(1536), "ns-1536.awsdns-00.co.uk");
        assert!((0..NameServer::ROUTE_53).all(|n| number(&text(n)) == Some(n)));
        for other in ["ns-1.awsdns-02.com", "ns-2048.awsdns-00.com", "ns1.example.com", "ns-.awsdns-00.com"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
