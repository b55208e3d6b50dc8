//! Host names of instances and addresses, and the reverse names of addresses.
//! [Amazon EC2 instance hostname types](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html)

use std::net::Ipv4Addr;

use enishi_fabric::Cidr;
use enishi_fabric::dns::Name;
use enishi_state::Region;

use crate::zone_edit::own_name;

/// The domain of private host names: `ec2.internal` in `us-east-1`, else `REGION.compute.internal`.
pub fn private_domain(region: &Region) -> String {
    match region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        other => format!("{other}.compute.internal"),
    }
}

/// The domain of public host names: `compute-1.amazonaws.com` in `us-east-1`, else `REGION.compute.amazonaws.com`.
pub fn public_domain(region: &Region) -> String {
    match region.as_str() {
        "us-east-1" => "compute-1.amazonaws.com".to_owned(),
        other => format!("{other}.compute.amazonaws.com"),
    }
}

/// `ip-10-0-0-5.ec2.internal`
pub fn private_name(region: &Region, address: Ipv4Addr) -> String {
    format!("ip-{}.{}", dashed(address), private_domain(region))
}

/// `ec2-198-18-1-0.compute-1.amazonaws.com`
pub fn public_name(region: &Region, address: Ipv4Addr) -> String {
    format!("ec2-{}.{}", dashed(address), public_domain(region))
}

fn dashed(address: Ipv4Addr) -> String {
    address.to_string().replace('.', "-")
}

/// The name under which an address is looked up in reverse (RFC 1035, section 3.5).
pub(crate) fn reverse(address: Ipv4Addr) -> Option<Name> {
    let [a, b, c, d] = address.octets();
    Name::parse(&format!("{d}.{c}.{b}.{a}.in-addr.arpa")).ok()
}

/// The domains that the reverse names of a block's addresses are in, as few as there can be.
pub(crate) fn reverse_domains(block: Cidr) -> Vec<Name> {
    // Names end at whole octets.
    let octets = u32::from(block.prefix()).div_ceil(8).clamp(1, 4);
    let step = 1u64 << (32 - 8 * octets);
    let (first, last) = (u64::from(u32::from(block.network())), u64::from(u32::from(block.broadcast())));
    let starts = (first..=last).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    let name = |start: u64| {
        let address = Ipv4Addr::from(u32::try_from(start).ok()?);
        let labels = address.octets().into_iter().take(octets as usize).rev();
        let labels: Vec<String> = labels.map(|octet| octet.to_string()).collect();
        Name::parse(&format!("{}.in-addr.arpa", labels.join("."))).ok()
    };
    starts.filter_map(name).collect()
}

/// The reverse names of the loopback addresses.
pub(crate) fn localhost_reverse() -> [Name; 2] {
    [own_name("1.0.0.127.in-addr.arpa"), own_name(&format!("1.{}ip6.arpa", "0.".repeat(31)))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_domains_end_at_octets() {
        let domains = |block: &str| -> Vec<String> {
            let block = block.parse().expect("a block");
            reverse_domains(block).iter().map(ToString::to_string).collect()
        };
        assert_eq!(domains("10.0.0.0/16"), ["0.10.in-addr.arpa."]);
        assert_eq!(domains("10.237.52.0/23"), ["52.237.10.in-addr.arpa.", "53.237.10.in-addr.arpa."]);
        assert_eq!(domains("192.168.1.16/28").len(), 16);
        assert_eq!(domains("192.168.1.16/28")[0], "16.1.168.192.in-addr.arpa.");
    }
}
