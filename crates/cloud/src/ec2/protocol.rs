//! Protocols, ports and ICMP types as requests give them: the same for security groups and network ACLs.

use enishi_fabric::{IcmpMatch, PortRange, Protocol};
use enishi_wire::Fault;

use super::faults;

/// `-1`, a name or a number, as AWS takes it.
///
/// # Errors
/// `InvalidParameterValue`
pub(crate) fn parse(text: &str) -> Result<Protocol, Fault> {
    let unknown = || {
        faults::invalid_parameter_value(format!("Invalid value '{text}' for IP protocol. Unknown protocol."))
    };
    match text.to_ascii_lowercase().as_str() {
        "-1" | "all" => Ok(Protocol::All),
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        "icmp" => Ok(Protocol::ICMP),
        "icmpv6" => Ok(Protocol::Number(ICMPV6)),
        number => number.parse().map(Protocol::Number).map_err(|_| unknown()),
    }
}

/// ICMP for IPv6.
const ICMPV6: u8 = 58;

/// As network ACLs show it: `-1` or the number.
pub(crate) fn number(protocol: Protocol) -> String {
    match protocol {
        Protocol::All => "-1".to_owned(),
        Protocol::Number(number) => number.to_string(),
    }
}

/// As security groups show it: `-1`, a name, or the number where there is no name.
pub(crate) fn name(protocol: Protocol) -> String {
    match protocol {
        Protocol::All => "-1".to_owned(),
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol::ICMP => "icmp".to_owned(),
        Protocol::Number(ICMPV6) => "icmpv6".to_owned(),
        Protocol::Number(number) => number.to_string(),
    }
}

/// A range of ports, both ends given.
///
/// # Errors
/// `InvalidParameterValue`
pub(crate) fn ports(from: Option<i32>, to: Option<i32>) -> Result<PortRange, Fault> {
    let (Some(from), Some(to)) = (from, to) else {
        return Err(faults::invalid_parameter_value(
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        ));
    };
    let invalid = || faults::invalid_parameter_value(format!("Invalid TCP/UDP port range ({from}:{to})"));
    let port = |port: i32| u16::try_from(port).map_err(|_| invalid());
    PortRange::new(port(from)?, port(to)?).map_err(|_| invalid())
}

/// An ICMP type and code; `-1` and nothing mean any.
///
/// # Errors
/// `InvalidParameterValue`, also for a code without a type.
pub(crate) fn icmp(kind: Option<i32>, code: Option<i32>) -> Result<IcmpMatch, Fault> {
    let byte = |value: Option<i32>, what: &str| match value {
        None | Some(-1) => Ok(None),
        Some(value) => u8::try_from(value)
            .map(Some)
            .map_err(|_| faults::invalid_parameter_value(format!("ICMP {what} ({value}) out of range"))),
    };
    let (kind, code) = (byte(kind, "type")?, byte(code, "code")?);
    if kind.is_none() && code.is_some() {
        return Err(faults::invalid_parameter_value("ICMP code must be -1 when the ICMP type is -1"));
    }
    Ok(IcmpMatch { kind, code })
}
