//! Which addresses are checked: "Route 53 can't check the health of endpoints for which the IP address is in local, private,
//! non-routable, or multicast ranges" (API_HealthCheckConfig), which are those of RFC 5735 and RFC 6598.
//!
//! One of them, the benchmarking block 198.18.0.0/15, is where the simulated internet's public addresses are.

use std::net::{IpAddr, Ipv4Addr};

use enishi_fabric::Cidr;
use enishi_wire::Fault;

use crate::route53::faults;

const SPECIAL: [Cidr; 14] = [
    Cidr::literal([0, 0, 0, 0], 8),
    Cidr::literal([10, 0, 0, 0], 8),
    Cidr::literal([100, 64, 0, 0], 10),
    Cidr::literal([127, 0, 0, 0], 8),
    Cidr::literal([169, 254, 0, 0], 16),
    Cidr::literal([172, 16, 0, 0], 12),
    Cidr::literal([192, 0, 0, 0], 24),
    Cidr::literal([192, 0, 2, 0], 24),
    Cidr::literal([192, 88, 99, 0], 24),
    Cidr::literal([192, 168, 0, 0], 16),
    Cidr::literal([198, 51, 100, 0], 24),
    Cidr::literal([203, 0, 113, 0], 24),
    Cidr::literal([224, 0, 0, 0], 4),
    Cidr::literal([240, 0, 0, 0], 4),
];

/// The address of an endpoint.
///
/// # Errors
/// `InvalidInput` for text that is no address and for addresses that are not checked; for IPv6, which the simulated internet does
/// not have.
pub(super) fn parse(text: &str) -> Result<Ipv4Addr, Fault> {
    let address = text.parse::<IpAddr>();
    let address = address.map_err(|_| faults::invalid_parameter(format!("{text} is not an IP address.")))?;
    let IpAddr::V4(address) = address else {
        return Err(faults::not_supported("Health checks of IPv6 addresses"));
    };
    if SPECIAL.iter().any(|block| block.contains(address)) {
        return Err(faults::invalid_parameter(format!(
            "The IP address {address} is in a local, private, non-routable, or multicast range."
        )));
    }
    Ok(address)
}
