//! CIDR blocks as requests give them, and which ones a VPC may have.
//! [VPC CIDR blocks](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html)

use std::ops::RangeInclusive;

use enishi_fabric::Cidr;
use enishi_wire::Fault;

use super::faults;

/// Prefix lengths of VPCs' and subnets' blocks.
const PREFIXES: RangeInclusive<u8> = 16..=28;

/// Blocks that no VPC may lie in: this network, loopback, link-local, multicast.
const FORBIDDEN: [Cidr; 4] = [
    Cidr::literal([0, 0, 0, 0], 8),
    Cidr::literal([127, 0, 0, 0], 8),
    Cidr::literal([169, 254, 0, 0], 16),
    Cidr::literal([224, 0, 0, 0], 4),
];

const TEN: Cidr = Cidr::literal([10, 0, 0, 0], 8);
const TEN_FIRST_TWO: Cidr = Cidr::literal([10, 0, 0, 0], 15);
const TEN_FIRST: Cidr = Cidr::literal([10, 0, 0, 0], 16);
const ONE_SEVEN_TWO: Cidr = Cidr::literal([172, 16, 0, 0], 12);
const ONE_SEVEN_TWO_LAST: Cidr = Cidr::literal([172, 31, 0, 0], 16);
const ONE_NINE_TWO: Cidr = Cidr::literal([192, 168, 0, 0], 16);
const BENCHMARK: Cidr = Cidr::literal([198, 19, 0, 0], 16);

/// Parses a block; host bits are cleared, as AWS does.
///
/// # Errors
/// `InvalidParameterValue`
pub(crate) fn parse(parameter: &str, text: &str) -> Result<Cidr, Fault> {
    if text.contains(':') {
        return Err(faults::ipv6_not_supported());
    }
    let not_a_block = |_| faults::invalid_value(parameter, text, "This is not a valid CIDR block.");
    Cidr::parse_lenient(text).map_err(not_a_block)
}

/// Whether the block may be a VPC's or a subnet's by its size.
pub(crate) fn has_legal_size(cidr: Cidr) -> bool {
    PREFIXES.contains(&cidr.prefix())
}

/// Whether a VPC may have the block at all.
pub(crate) fn is_legal_for_vpc(cidr: Cidr) -> bool {
    has_legal_size(cidr) && !FORBIDDEN.iter().any(|block| block.overlaps(cidr))
}

/// Whether the block may be added to a VPC with `existing` blocks: the table "IPv4 CIDR block association restrictions".
pub(crate) fn may_join(cidr: Cidr, existing: &[Cidr]) -> bool {
    existing.iter().all(|block| Family::of(*block).permits(cidr, *block))
}

/// The ranges that AWS tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Ten,
    OneSevenTwo,
    OneNineTwo,
    Benchmark,
    Other,
}

impl Family {
    fn of(cidr: Cidr) -> Self {
        match cidr {
            c if TEN.covers(c) => Family::Ten,
            c if ONE_SEVEN_TWO.covers(c) => Family::OneSevenTwo,
            c if ONE_NINE_TWO.covers(c) => Family::OneNineTwo,
            c if BENCHMARK.covers(c) => Family::Benchmark,
            _ => Family::Other,
        }
    }

    /// Whether a VPC that has `existing`, of this family, may get `added`.
    fn permits(self, added: Cidr, existing: Cidr) -> bool {
        let other = Family::of(added);
        match self {
            Family::Ten if other == self => !(TEN_FIRST_TWO.covers(existing) && TEN_FIRST.covers(added)),
            Family::OneSevenTwo if other == self => !ONE_SEVEN_TWO_LAST.covers(added),
            _ => other == self || (other == Family::Other && self != Family::Benchmark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(existing: &str, added: &str, permitted: bool) {
        assert_eq!(may_join(cidr(added), &[cidr(existing)]), permitted, "{added} to {existing}");
    }

    #[test]
    fn sizes_are_16_to_28() {
        assert!(is_legal_for_vpc(cidr("10.0.0.0/16")));
        assert!(is_legal_for_vpc(cidr("10.0.0.0/28")));
        assert!(!is_legal_for_vpc(cidr("10.0.0.0/15")));
        assert!(!is_legal_for_vpc(cidr("10.0.0.0/29")));
        assert!(!is_legal_for_vpc(cidr("127.0.0.0/16")));
        assert!(!is_legal_for_vpc(cidr("224.1.0.0/16")));
    }

    #[test]
    fn the_table_of_association_restrictions() {
        check("10.5.0.0/16", "10.6.0.0/16", true);
        check("10.5.0.0/16", "172.16.0.0/16", false);
        check("10.5.0.0/16", "192.168.0.0/24", false);
        check("10.5.0.0/16", "198.19.0.0/24", false);
        check("10.5.0.0/16", "100.64.0.0/16", true);
        check("10.5.0.0/16", "8.8.0.0/16", true);
        check("10.1.0.0/16", "10.0.0.0/24", false);
        check("10.5.0.0/16", "10.0.0.0/24", true);
        check("172.20.0.0/16", "172.21.0.0/16", true);
        check("172.20.0.0/16", "172.31.0.0/24", false);
        check("192.168.0.0/24", "192.168.1.0/24", true);
        check("192.168.0.0/24", "10.0.0.0/16", false);
        check("100.64.0.0/16", "10.0.0.0/16", false);
        check("100.64.0.0/16", "100.65.0.0/16", true);
        check("198.19.0.0/24", "198.19.1.0/24", true);
        check("198.19.0.0/24", "10.0.0.0/24", false);
    }
}
