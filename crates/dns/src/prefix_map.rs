//! Values by address block; the longest prefix wins.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// A map from address blocks to values. A look-up costs one probe per prefix length that occurs.
#[derive(Debug, Clone)]
pub struct PrefixMap<V> {
    blocks: HashMap<IpNet, V>,
    /// Prefix lengths that occur, the longest first: IPv4, then IPv6.
    lengths: [Vec<u8>; 2],
}

impl<V> Default for PrefixMap<V> {
    fn default() -> Self {
        PrefixMap { blocks: HashMap::new(), lengths: [Vec::new(), Vec::new()] }
    }
}

impl<V> FromIterator<(IpNet, V)> for PrefixMap<V> {
    fn from_iter<I: IntoIterator<Item = (IpNet, V)>>(rows: I) -> Self {
        let mut map = PrefixMap::default();
        for (block, value) in rows {
            let [four, six] = &mut map.lengths;
            let lengths = if block.addr().is_ipv4() { four } else { six };
            lengths.push(block.prefix_len());
            map.blocks.insert(block.trunc(), value);
        }
        for lengths in &mut map.lengths {
            lengths.sort_unstable_by(|one, other| other.cmp(one));
            lengths.dedup();
        }
        map
    }
}

impl<V> PrefixMap<V> {
    /// The prefix length of the smallest block of an address's family; 0 without blocks.
    pub fn longest(&self, address: IpAddr) -> u8 {
        let [four, six] = &self.lengths;
        let lengths = if address.is_ipv4() { four } else { six };
        lengths.first().copied().unwrap_or(0)
    }

    /// The most specific block that holds `address`, no longer than `at_most` bits, and its value.
    pub fn find(&self, address: IpAddr, at_most: u8) -> Option<(u8, &V)> {
        let [four, six] = &self.lengths;
        let lengths = if address.is_ipv4() { four } else { six };
        lengths.iter().filter(|length| **length <= at_most).find_map(|length| {
            let block = IpNet::new(address, *length).ok()?.trunc();
            self.blocks.get(&block).map(|value| (*length, value))
        })
    }
}
