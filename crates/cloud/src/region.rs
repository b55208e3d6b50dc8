//! Regions and Availability Zones.
//! [Regions and Zones](https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html)
//!
//! AWS maps zone names to zone ids per account; here every account has the same mapping, in order, so that scripts give
//! the same result for everyone. A region that AWS does not have (a client may send any name) gets three zones.

pub(crate) use enishi_plan::host_name::private_domain;
use enishi_state::Region;

/// A region of AWS's commercial partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegionInfo {
    /// `us-east-1`
    pub(crate) name: &'static str,
    /// The start of its zone ids: `use1`.
    pub(crate) zone_id_prefix: &'static str,
    /// The letters of its zones.
    pub(crate) zones: &'static str,
    /// Whether accounts must opt in to it at AWS.
    pub(crate) opt_in: bool,
    /// What people call it: `US East (N. Virginia)`.
    pub(crate) long_name: &'static str,
}

/// An Availability Zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    /// `us-east-1a`
    pub(crate) name: String,
    /// `use1-az1`
    pub(crate) id: String,
}

const fn standard(
    name: &'static str,
    zone_id_prefix: &'static str,
    zones: &'static str,
    long_name: &'static str,
) -> RegionInfo {
    RegionInfo { name, zone_id_prefix, zones, opt_in: false, long_name }
}

const fn opt_in(
    name: &'static str,
    zone_id_prefix: &'static str,
    zones: &'static str,
    long_name: &'static str,
) -> RegionInfo {
    RegionInfo { name, zone_id_prefix, zones, opt_in: true, long_name }
}

/// Every region of the commercial partition, by name.
pub(crate) const REGIONS: &[RegionInfo] = &[
    opt_in("af-south-1", "afs1", "abc", "Africa (Cape Town)"),
    opt_in("ap-east-1", "ape1", "abc", "Asia Pacific (Hong Kong)"),
    opt_in("ap-east-2", "ape2", "abc", "Asia Pacific (Taipei)"),
    standard("ap-northeast-1", "apne1", "acd", "Asia Pacific (Tokyo)"),
    standard("ap-northeast-2", "apne2", "abcd", "Asia Pacific (Seoul)"),
    standard("ap-northeast-3", "apne3", "abc", "Asia Pacific (Osaka)"),
    standard("ap-south-1", "aps1", "abc", "Asia Pacific (Mumbai)"),
    opt_in("ap-south-2", "aps2", "abc", "Asia Pacific (Hyderabad)"),
    standard("ap-southeast-1", "apse1", "abc", "Asia Pacific (Singapore)"),
    standard("ap-southeast-2", "apse2", "abc", "Asia Pacific (Sydney)"),
    opt_in("ap-southeast-3", "apse3", "abc", "Asia Pacific (Jakarta)"),
    opt_in("ap-southeast-4", "apse4", "abc", "Asia Pacific (Melbourne)"),
    opt_in("ap-southeast-5", "apse5", "abc", "Asia Pacific (Malaysia)"),
    opt_in("ap-southeast-6", "apse6", "abc", "Asia Pacific (New Zealand)"),
    opt_in("ap-southeast-7", "apse7", "abc", "Asia Pacific (Thailand)"),
    standard("ca-central-1", "cac1", "abd", "Canada (Central)"),
    opt_in("ca-west-1", "caw1", "abc", "Canada West (Calgary)"),
    standard("eu-central-1", "euc1", "abc", "Europe (Frankfurt)"),
    opt_in("eu-central-2", "euc2", "abc", "Europe (Zurich)"),
    standard("eu-north-1", "eun1", "abc", "Europe (Stockholm)"),
    opt_in("eu-south-1", "eus1", "abc", "Europe (Milan)"),
    opt_in("eu-south-2", "eus2", "abc", "Europe (Spain)"),
    standard("eu-west-1", "euw1", "abc", "Europe (Ireland)"),
    standard("eu-west-2", "euw2", "abc", "Europe (London)"),
    standard("eu-west-3", "euw3", "abc", "Europe (Paris)"),
    opt_in("il-central-1", "ilc1", "abc", "Israel (Tel Aviv)"),
    opt_in("me-central-1", "mec1", "abc", "Middle East (UAE)"),
    opt_in("me-south-1", "mes1", "abc", "Middle East (Bahrain)"),
    opt_in("mx-central-1", "mxc1", "abc", "Mexico (Central)"),
    standard("sa-east-1", "sae1", "abc", "South America (Sao Paulo)"),
    standard("us-east-1", "use1", "abcdef", "US East (N. Virginia)"),
    standard("us-east-2", "use2", "abc", "US East (Ohio)"),
    standard("us-west-1", "usw1", "ac", "US West (N. California)"),
    standard("us-west-2", "usw2", "abcd", "US West (Oregon)"),
];

/// The region of that name, if AWS has it.
pub(crate) fn info(region: &Region) -> Option<&'static RegionInfo> {
    let found = REGIONS.binary_search_by(|info| info.name.cmp(region.as_str()));
    REGIONS.get(found.ok()?)
}

/// The zones of a region, in order; never empty.
pub(crate) fn zones(region: &Region) -> Vec<Zone> {
    let (prefix, letters) =
        info(region).map_or((region.as_str(), "abc"), |info| (info.zone_id_prefix, info.zones));
    let zone =
        |(index, letter)| Zone { name: format!("{region}{letter}"), id: format!("{prefix}-az{}", index + 1) };
    letters.chars().enumerate().map(zone).collect()
}

/// The zone of that name in the region.
pub(crate) fn zone_by_name(region: &Region, name: &str) -> Option<Zone> {
    zones(region).into_iter().find(|zone| zone.name == name)
}

/// The zone of that id in the region.
pub(crate) fn zone_by_id(region: &Region, id: &str) -> Option<Zone> {
    zones(region).into_iter().find(|zone| zone.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_by_name() {
        assert!(REGIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn zones_have_names_and_ids() {
        let region = Region::new("us-east-1").unwrap();
        let zones = zones(&region);
        assert_eq!(zones.len(), 6);
        assert_eq!((zones[0].name.as_str(), zones[0].id.as_str()), ("us-east-1a", "use1-az1"));
        assert_eq!(zone_by_id(&region, "use1-az6").unwrap().name, "us-east-1f");
    }

    #[test]
    fn an_unknown_region_has_zones_too() {
        let region = Region::new("local-1").unwrap();
        assert_eq!(zones(&region).len(), 3);
    }
}
