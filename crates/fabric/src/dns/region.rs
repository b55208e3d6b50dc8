//! Where on earth AWS's regions and local zones are.
//! [Regions and zones](https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html)
//!
//! AWS names a metropolitan area for each, not an address: the points are the areas' centres, to a hundredth of a degree. They are
//! what geoproximity measures from, where clients in a region count as being, and what latencies are estimated by.

use std::sync::Arc;

use super::{Coordinates, Place};

/// A region's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionPlace {
    /// The region: `us-east-1`.
    pub name: &'static str,
    /// Two letters of Route 53's list of continents.
    pub continent: &'static str,
    /// Two letters of ISO 3166-1.
    pub country: &'static str,
    /// The state, where the country is the US, else empty.
    pub subdivision: &'static str,
    /// The centre of the metropolitan area.
    pub coordinates: Coordinates,
}

const fn at(
    name: &'static str,
    continent: &'static str,
    country: &'static str,
    subdivision: &'static str,
    latitude: i32,
    longitude: i32,
) -> RegionPlace {
    RegionPlace { name, continent, country, subdivision, coordinates: Coordinates { latitude, longitude } }
}

/// Every region that a latency record set may name, in every partition, by name.
pub const REGIONS: &[RegionPlace] = &[
    at("af-south-1", "AF", "ZA", "", -3393, 1842),
    at("ap-east-1", "AS", "HK", "", 2232, 11417),
    at("ap-east-2", "AS", "TW", "", 2503, 12157),
    at("ap-northeast-1", "AS", "JP", "", 3568, 13969),
    at("ap-northeast-2", "AS", "KR", "", 3757, 12698),
    at("ap-northeast-3", "AS", "JP", "", 3469, 13550),
    at("ap-south-1", "AS", "IN", "", 1908, 7288),
    at("ap-south-2", "AS", "IN", "", 1739, 7849),
    at("ap-southeast-1", "AS", "SG", "", 135, 10382),
    at("ap-southeast-2", "OC", "AU", "", -3387, 15121),
    at("ap-southeast-3", "AS", "ID", "", -621, 10685),
    at("ap-southeast-4", "OC", "AU", "", -3781, 14496),
    at("ap-southeast-5", "AS", "MY", "", 314, 10169),
    at("ap-southeast-6", "OC", "NZ", "", -3685, 17476),
    at("ap-southeast-7", "AS", "TH", "", 1376, 10050),
    at("ca-central-1", "NA", "CA", "", 4550, -7357),
    at("ca-west-1", "NA", "CA", "", 5105, -11407),
    at("cn-north-1", "AS", "CN", "", 3990, 11641),
    at("cn-northwest-1", "AS", "CN", "", 3747, 10627),
    at("eu-central-1", "EU", "DE", "", 5011, 868),
    at("eu-central-2", "EU", "CH", "", 4737, 854),
    at("eu-north-1", "EU", "SE", "", 5933, 1807),
    at("eu-south-1", "EU", "IT", "", 4546, 919),
    at("eu-south-2", "EU", "ES", "", 4165, -88),
    at("eu-west-1", "EU", "IE", "", 5335, -626),
    at("eu-west-2", "EU", "GB", "", 5151, -13),
    at("eu-west-3", "EU", "FR", "", 4886, 235),
    at("eusc-de-east-1", "EU", "DE", "", 5239, 1306),
    at("il-central-1", "AS", "IL", "", 3209, 3478),
    at("me-central-1", "AS", "AE", "", 2445, 5438),
    at("me-south-1", "AS", "BH", "", 2607, 5056),
    at("mx-central-1", "NA", "MX", "", 2059, -10039),
    at("sa-east-1", "SA", "BR", "", -2355, -4663),
    at("us-east-1", "NA", "US", "VA", 3895, -7745),
    at("us-east-2", "NA", "US", "OH", 3996, -8300),
    at("us-gov-east-1", "NA", "US", "OH", 3996, -8300),
    at("us-gov-west-1", "NA", "US", "OR", 4584, -11969),
    at("us-west-1", "NA", "US", "CA", 3735, -12196),
    at("us-west-2", "NA", "US", "OR", 4584, -11969),
];

/// Every local zone group, by name, with its latitude and longitude in hundredths of a degree.
/// [Local Zones](https://docs.aws.amazon.com/local-zones/latest/ug/available-local-zones.html)
const LOCAL_ZONE_GROUPS: &[(&str, i32, i32)] = &[
    ("af-south-1-los-1", 652, 338),
    ("ap-northeast-1-tpe-1", 2503, 12157),
    ("ap-south-1-ccu-1", 2257, 8836),
    ("ap-south-1-del-1", 2861, 7721),
    ("ap-southeast-1-bkk-1", 1376, 10050),
    ("ap-southeast-1-han-1", 2103, 10585),
    ("ap-southeast-1-mnl-1", 1460, 12098),
    ("ap-southeast-2-akl-1", -3685, 17476),
    ("ap-southeast-2-per-1", -3195, 11586),
    ("eu-central-1-ath-1", 3798, 2373),
    ("eu-central-1-ham-1", 5355, 999),
    ("eu-central-1-waw-1", 5223, 2101),
    ("eu-north-1-cph-1", 5568, 1257),
    ("eu-north-1-hel-1", 6017, 2494),
    ("me-south-1-mct-1", 2359, 5841),
    ("us-east-1-atl-1", 3375, -8439),
    ("us-east-1-atl-2", 3375, -8439),
    ("us-east-1-bos-1", 4236, -7106),
    ("us-east-1-bue-1", -3460, -5838),
    ("us-east-1-chi-1", 4188, -8763),
    ("us-east-1-chi-2", 4188, -8763),
    ("us-east-1-dfw-1", 3278, -9680),
    ("us-east-1-dfw-2", 3278, -9680),
    ("us-east-1-iah-1", 2976, -9537),
    ("us-east-1-iah-2", 2976, -9537),
    ("us-east-1-lim-1", -1205, -7704),
    ("us-east-1-mci-1", 3910, -9458),
    ("us-east-1-mia-1", 2576, -8019),
    ("us-east-1-mia-2", 2576, -8019),
    ("us-east-1-msp-1", 4498, -9327),
    ("us-east-1-nyc-1", 4071, -7401),
    ("us-east-1-nyc-2", 4071, -7401),
    ("us-east-1-phl-1", 3995, -7517),
    ("us-east-1-qro-1", 2059, -10039),
    ("us-east-1-scl-1", -3345, -7067),
    ("us-west-2-den-1", 3974, -10499),
    ("us-west-2-hnl-1", 2131, -15786),
    ("us-west-2-las-1", 3617, -11514),
    ("us-west-2-lax-1", 3405, -11824),
    ("us-west-2-pdx-1", 4552, -12268),
    ("us-west-2-phx-1", 3345, -11207),
    ("us-west-2-phx-2", 3345, -11207),
    ("us-west-2-sea-1", 4761, -12233),
];

impl RegionPlace {
    /// The region of that name.
    pub fn of(name: &str) -> Option<&'static RegionPlace> {
        let found = REGIONS.binary_search_by(|region| region.name.cmp(name)).ok()?;
        REGIONS.get(found)
    }

    /// The region that is closest to a point.
    pub fn nearest(point: Coordinates) -> Option<&'static RegionPlace> {
        let distance = |region: &RegionPlace| region.coordinates.distance(point);
        REGIONS.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)))
    }

    /// Where clients in the region are.
    pub fn place(&self) -> Place {
        Place {
            continent: Some(Arc::from(self.continent)),
            country: Some(Arc::from(self.country)),
            subdivision: (!self.subdivision.is_empty()).then(|| Arc::from(self.subdivision)),
            region: Some(Arc::from(self.name)),
            coordinates: Some(self.coordinates),
        }
    }
}

/// Where a local zone group is: `us-west-2-lax-1`.
pub fn local_zone_group(name: &str) -> Option<Coordinates> {
    let found = LOCAL_ZONE_GROUPS.binary_search_by(|(group, ..)| (*group).cmp(name)).ok()?;
    LOCAL_ZONE_GROUPS
        .get(found)
        .map(|(_, latitude, longitude)| Coordinates { latitude: *latitude, longitude: *longitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_on_earth() {
        assert!(REGIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(LOCAL_ZONE_GROUPS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let zones = LOCAL_ZONE_GROUPS.iter().map(|(_, latitude, longitude)| (*latitude, *longitude));
        let regions =
            REGIONS.iter().map(|region| (region.coordinates.latitude, region.coordinates.longitude));
        assert!(
            zones
                .chain(regions)
                .all(|(latitude, longitude)| latitude.abs() < 9_000 && longitude.abs() < 18_000)
        );
    }

    #[test]
    fn a_region_is_nearest_to_itself() {
        let twins = ["us-gov-east-1", "us-gov-west-1", "us-east-2", "us-west-2"];
        for region in REGIONS.iter().filter(|region| !twins.contains(&region.name)) {
            assert_eq!(RegionPlace::nearest(region.coordinates).map(|found| found.name), Some(region.name));
        }
        let distance = |one: &str, other: &str| {
            let at = |name| RegionPlace::of(name).expect("a region").coordinates;
            at(one).distance(at(other)).round()
        };
        // Great circles as any atlas has them.
        assert!((distance("eu-west-2", "us-east-1") - 5_900.0).abs() < 100.0);
        assert!((distance("ap-northeast-1", "ap-southeast-2") - 7_800.0).abs() < 100.0);
    }
}
