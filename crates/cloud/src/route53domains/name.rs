//! Names of domains: a label of its own and a top-level domain.
//! [DNS domain name format](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html)

use enishi_fabric::dns::Name;
use enishi_state::World;
use enishi_state::route53domains::{Domain, OperationKind};
use enishi_wire::Fault;

use super::tld::{self, Tld};
use super::{faults, operation};

/// Labels that every registry keeps for itself (the registry agreements' specification 5).
const RESERVED: &[&str] = &["nic", "whois", "rdds", "www"];

/// Domains of AWS, of the registry itself and of documentation (RFC 2606, section 3), registered long ago.
const TAKEN: &[&str] = &["amazon", "amazonaws", "aws", "example", "gtld-servers", "root-servers"];

/// A name that can be registered, or could be if nobody had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainName {
    /// The whole name.
    pub(super) name: Name,
    /// Its first label, in lower case.
    pub(super) label: String,
    /// The rest.
    pub(super) tld: &'static Tld,
}

impl DomainName {
    /// Reads a name such as `example.com`; case does not matter, nor a final dot.
    ///
    /// # Errors
    /// `InvalidInput` when it is none, `UnsupportedTLD`.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let Some((label, rest)) = text.split_once('.') else { return Err(faults::single_label()) };
        if !text.split('.').all(is_label) {
            return Err(faults::invalid_input(format!("{text} is not a valid domain name.")));
        }
        let Some(tld) = tld::find(rest) else {
            // `www.example.com` is a name under a domain, not one that a registry would register.
            let last = rest.rsplit('.').next().unwrap_or_default();
            return Err(match rest.contains('.') && tld::find(last).is_some() {
                true => {
                    faults::invalid_input(format!("{text} has more labels than a domain of .{last} has."))
                }
                false => faults::unsupported_tld(),
            });
        };
        let name = Name::parse(&text)
            .map_err(|_| faults::invalid_input(format!("{text} is not a valid domain name.")))?;
        Ok(DomainName { name, label: label.to_owned(), tld })
    }

    /// The name under another top-level domain, or another one under the same.
    pub(super) fn of(label: &str, tld: &'static Tld) -> Option<Self> {
        let text = format!("{label}.{}", tld.name);
        let name = Name::parse(&text).ok().filter(|_| is_label(label))?;
        Some(DomainName { name, label: label.to_owned(), tld })
    }

    /// The text, without a final dot.
    pub(super) fn text(&self) -> String {
        format!("{}.{}", self.label, self.tld.name)
    }

    /// Whether it can be registered, in AWS's word.
    pub(super) fn availability(&self, world: &World) -> &'static str {
        let id = Domain::key(&self.name);
        let is_coming = operation::running(world, &id, OperationKind::Register).is_some();
        let is_second_level = tld::find(&self.text()).is_some();
        // Name servers' own names are under the latter.
        let is_taken = TAKEN.contains(&self.label.as_str()) || self.label.starts_with("awsdns-");
        if world.get::<Domain>(&id).is_some() || is_coming || is_taken {
            "UNAVAILABLE"
        } else if RESERVED.contains(&self.label.as_str()) || self.label.len() < 2 || is_second_level {
            "RESERVED"
        } else if self.label.as_bytes().get(2..4) == Some(b"--") && !self.label.starts_with("xn--") {
            "INVALID_NAME_FOR_TLD"
        } else {
            "AVAILABLE"
        }
    }

    /// Whether it can be registered.
    pub(super) fn is_available(&self, world: &World) -> bool {
        self.availability(world) == "AVAILABLE"
    }
}

/// Letters, digits and hyphens, the latter inside only.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_the_registry() {
        let split = |text: &str| {
            DomainName::parse(text)
                .map(|name| (name.label, name.tld.name))
                .map_err(|fault| fault.code().to_owned())
        };
        assert_eq!(split("Shop.COM."), Ok(("shop".to_owned(), "com")));
        assert_eq!(split("shop.co.uk"), Ok(("shop".to_owned(), "co.uk")));
        for (text, code) in [
            ("shop", "InvalidInput"),
            ("www.shop.com", "InvalidInput"),
            ("-shop.com", "InvalidInput"),
            ("sh_op.com", "InvalidInput"),
            ("", "InvalidInput"),
            ("shop..com", "InvalidInput"),
            ("shop.test", "UnsupportedTLD"),
        ] {
            assert_eq!(split(text), Err(code.to_owned()), "{text}");
        }
    }
}
