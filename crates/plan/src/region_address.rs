//! Where each region's resolvers are on the simulated internet, as the name servers that they ask see them.
//!
//! Latency and geographic routing answer by the place of who asks. A VPC's resolver asks from its region's address, one of the
//! internet's own hosts (198.18.0.0/24), which the table of places puts into that region.

use std::net::Ipv4Addr;

/// The regions of the commercial partition. New ones go to the end, so that addresses stay.
const REGIONS: [&str; 34] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// The address of the first region; the one before it is that of regions that AWS does not have.
const FIRST: u8 = 16;

/// Every region with its address.
pub fn region_addresses() -> impl Iterator<Item = (&'static str, Ipv4Addr)> {
    REGIONS.into_iter().zip(FIRST..).map(|(region, host)| (region, address(host)))
}

/// The address that a region's resolvers ask from. Regions that AWS does not have share one, whose place is unknown.
pub fn region_address(region: &str) -> Ipv4Addr {
    let known = region_addresses().find(|(name, _)| *name == region);
    known.map_or(address(FIRST - 1), |(_, address)| address)
}

fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 0, host)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use enishi_state::ec2::INTERNET_HOSTS;

    use super::*;

    #[test]
    fn every_region_has_an_address_of_its_own() {
        let addresses: BTreeSet<_> = region_addresses().map(|(_, address)| address).collect();
        assert_eq!(addresses.len(), REGIONS.len());
        assert!(addresses.iter().all(|address| INTERNET_HOSTS.contains(*address)));
        assert!(!addresses.contains(&region_address("local-1")));
        assert_eq!(region_address("af-south-1"), Ipv4Addr::new(198, 18, 0, 16));
    }
}
