//! Where on earth somebody is, and which addresses are there.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A point on earth, in hundredths of a degree: Route 53 takes two decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Coordinates {
    /// North positive, -9000 to 9000.
    pub latitude: i32,
    /// East positive, -18000 to 18000.
    pub longitude: i32,
}

impl Coordinates {
    /// The point at so many degrees, to the nearest hundredth; nothing when that is not on earth.
    pub fn from_degrees(latitude: f64, longitude: f64) -> Option<Self> {
        let on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        let hundredths = |degrees: f64| (degrees * 100.0).round() as i32;
        on_earth.then(|| Coordinates { latitude: hundredths(latitude), longitude: hundredths(longitude) })
    }

    /// The great-circle distance in kilometres.
    pub fn distance(self, other: Coordinates) -> f64 {
        const EARTH_RADIUS_KM: f64 = 6371.0;
        let radians = |hundredths: i32| (f64::from(hundredths) / 100.0).to_radians();
        let (lat1, lat2) = (radians(self.latitude), radians(other.latitude));
        let half_lat = ((lat2 - lat1) / 2.0).sin();
        let half_lon = (radians(other.longitude - self.longitude) / 2.0).sin();
        let chord = half_lat * half_lat + lat1.cos() * lat2.cos() * half_lon * half_lon;
        2.0 * EARTH_RADIUS_KM * chord.clamp(0.0, 1.0).sqrt().asin()
    }
}

impl fmt::Display for Coordinates {
    /// Latitude and longitude in degrees.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} {:.2}", f64::from(self.latitude) / 100.0, f64::from(self.longitude) / 100.0)
    }
}

/// Where a client is, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Two letters of Route 53's continent list: `AF AN AS EU OC NA SA`.
    pub continent: Option<Arc<str>>,
    /// Two letters of ISO 3166-1.
    pub country: Option<Arc<str>>,
    /// The part of the country, such as a state of the US, without the country.
    pub subdivision: Option<Arc<str>>,
    /// The AWS region that the client is in, or whose row of the latency matrix it follows.
    pub region: Option<Arc<str>>,
    /// The point on earth.
    pub coordinates: Option<Coordinates>,
}

/// Places by address block: the user's own geolocation database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceTable {
    /// The rows in any order; the longest matching prefix wins.
    pub rows: Vec<(IpNet, Place)>,
}

impl PlaceTable {
    /// The most specific row that holds `address`.
    pub fn find(&self, address: IpAddr) -> Option<&(IpNet, Place)> {
        self.rows.iter().filter(|(net, _)| net.contains(&address)).max_by_key(|(net, _)| net.prefix_len())
    }
}
