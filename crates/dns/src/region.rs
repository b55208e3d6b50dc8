//! Where AWS's regions are, and how far they are from clients in time.

use std::collections::HashMap;
use std::sync::Arc;

use enishi_fabric::dns::{Coordinates, Place};

/// Each region's place, in hundredths of a degree, to the nearest degree or so: the AWS Global Infrastructure page names the
/// metropolitan areas.
const REGIONS: &[(&str, i32, i32)] = &[
    ("af-south-1", -3393, 1842),
    ("ap-east-1", 2232, 11417),
    ("ap-northeast-1", 3568, 13969),
    ("ap-northeast-2", 3757, 12698),
    ("ap-northeast-3", 3469, 13550),
    ("ap-south-1", 1908, 7288),
    ("ap-south-2", 1739, 7849),
    ("ap-southeast-1", 135, 10382),
    ("ap-southeast-2", -3387, 15121),
    ("ap-southeast-3", -621, 10685),
    ("ap-southeast-4", -3781, 14496),
    ("ca-central-1", 4550, -7357),
    ("ca-west-1", 5105, -11407),
    ("eu-central-1", 5011, 868),
    ("eu-central-2", 4737, 854),
    ("eu-north-1", 5933, 1807),
    ("eu-south-1", 4546, 919),
    ("eu-south-2", 4165, -88),
    ("eu-west-1", 5335, -626),
    ("eu-west-2", 5151, -13),
    ("eu-west-3", 4886, 235),
    ("il-central-1", 3209, 3478),
    ("me-central-1", 2445, 5438),
    ("me-south-1", 2607, 5056),
    ("mx-central-1", 2059, -10039),
    ("sa-east-1", -2355, -4663),
    ("us-east-1", 3895, -7745),
    ("us-east-2", 3996, -8300),
    ("us-west-1", 3735, -12196),
    ("us-west-2", 4584, -11969),
];

/// A region's place.
pub fn coordinates(region: &str) -> Option<Coordinates> {
    let (_, latitude, longitude) = REGIONS.iter().find(|(name, _, _)| *name == region)?;
    Some(Coordinates { latitude: *latitude, longitude: *longitude })
}

/// Where a client is: its own coordinates, or its region's.
pub fn of(place: &Place) -> Option<Coordinates> {
    place.coordinates.or_else(|| coordinates(place.region.as_deref()?))
}

/// Latencies between regions. What it does not say is estimated from the distance.
#[derive(Debug, Clone, Default)]
pub struct LatencyMatrix(HashMap<(Arc<str>, Arc<str>), u32>);

impl LatencyMatrix {
    /// Says how long a round trip from a client's region to a resource's takes, in microseconds.
    pub fn set(&mut self, from: &str, to: &str, micros: u32) {
        self.0.insert((Arc::from(from), Arc::from(to)), micros);
    }

    /// A round trip in microseconds; nothing when the client's place or the region is unknown.
    pub fn latency(&self, place: &Place, region: &Arc<str>) -> Option<u32> {
        if let Some(from) = &place.region {
            if let Some(micros) = self.0.get(&(Arc::clone(from), Arc::clone(region))) {
                return Some(*micros);
            }
            if from == region {
                return Some(0);
            }
        }
        // Light in fibre does 200 km in a millisecond, there and back 100, and no fibre is straight.
        const MICROS_PER_KM: f64 = 13.0;
        Some((of(place)?.distance(coordinates(region)?) * MICROS_PER_KM) as u32)
    }
}
