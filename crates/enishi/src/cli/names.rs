//! What `enishi up` is told about name service.

use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use anyhow::Context;
use enishi_fabric::dns::Name;
use enishi_plan::Delegations;

/// A domain of `--delegate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delegated {
    /// Every domain that has a public hosted zone.
    All,
    /// One.
    Domain(Name),
}

impl FromStr for Delegated {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Delegated::All),
            domain => Name::parse(domain).map(Delegated::Domain).map_err(|error| error.to_string()),
        }
    }
}

impl fmt::Display for Delegated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Delegated::All => f.write_str("all"),
            Delegated::Domain(name) => name.fmt(f),
        }
    }
}

/// All of them together.
pub fn delegations(delegated: &[Delegated]) -> Delegations {
    if delegated.contains(&Delegated::All) {
        return Delegations::all();
    }
    Delegations::of(delegated.iter().filter_map(|delegated| match delegated {
        Delegated::All => None,
        Delegated::Domain(name) => Some(name.clone()),
    }))
}

/// The name servers of this machine.
pub fn host_name_servers() -> anyhow::Result<Vec<SocketAddr>> {
    const FILE: &str = "/etc/resolv.conf";
    let text = fs::read_to_string(FILE).with_context(|| format!("cannot read {FILE}"))?;
    Ok(name_servers(&text))
}

/// The name servers in the text of a `resolv.conf`.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = lines.filter_map(|rest| rest.trim().parse::<IpAddr>().ok());
    addresses.map(|address| SocketAddr::new(address, 53)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_resolvers_read_them() {
        let text = "# nameserver 9.9.9.9\nsearch example.com\nnameserver 127.0.0.53\nnameserver  ::1\nnameserver x\n";
        let servers: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["127.0.0.53:53", "[::1]:53"]);
    }

    #[test]
    fn what_is_delegated_survives_being_written_down() {
        for text in ["all", "example.com."] {
            assert_eq!(text.parse::<Delegated>().expect(text).to_string(), text);
        }
    }
}
