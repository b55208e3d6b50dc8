//! How far AWS's regions are from clients: in kilometres, and in time.

use enishi_fabric::dns::region::{REGIONS, RegionPlace, local_zone_group};
use enishi_fabric::dns::{Coordinates, Location, Place};

use crate::ReadError;

/// Light in fibre does 200 km in a millisecond, so 100 there and back, and no fibre is straight.
const MICROS_PER_KM: f64 = 13.0;

/// The longest round trip that a table may say, in microseconds: a minute.
const LONGEST: u32 = 60_000_000;

/// Where a client is: its own coordinates, or its region's.
pub fn of(place: &Place) -> Option<Coordinates> {
    place.coordinates.or_else(|| RegionPlace::of(place.region.as_deref()?).map(|region| region.coordinates))
}

/// Where a geoproximity record set's resource is.
pub fn resource(at: &Location) -> Option<Coordinates> {
    match at {
        Location::Coordinates(coordinates) => Some(*coordinates),
        Location::Region(name) => {
            RegionPlace::of(name).map(|region| region.coordinates).or_else(|| local_zone_group(name))
        }
    }
}

/// Round trips from regions to regions, in microseconds.
///
/// What no table says is estimated from the distance, at 13 µs a kilometre; within a region it is 0.
#[derive(Debug, Clone)]
pub struct LatencyMatrix {
    /// Row by row, in the order of [`REGIONS`].
    micros: Vec<u32>,
    /// Whether any of it was said and not estimated.
    told: bool,
}

impl Default for LatencyMatrix {
    /// Estimates only.
    fn default() -> Self {
        let to = |from: &RegionPlace| {
            let from = from.coordinates;
            REGIONS.iter().map(move |to| estimate(from, to.coordinates)).collect::<Vec<u32>>()
        };
        LatencyMatrix { micros: REGIONS.iter().flat_map(to).collect(), told: false }
    }
}

fn estimate(from: Coordinates, to: Coordinates) -> u32 {
    (from.distance(to) * MICROS_PER_KM) as u32
}

fn index(region: &str) -> Option<usize> {
    REGIONS.binary_search_by(|known| known.name.cmp(region)).ok()
}

impl LatencyMatrix {
    /// Reads a table. Its first line names the regions that queries may be sent to, each further one the region of a client
    /// and the round trips in milliseconds; an empty field is estimated. Fields are separated by commas, `#` starts a comment.
    ///
    /// ```text
    /// from,      us-east-1, eu-west-1
    /// us-east-1, 0.5,       71
    /// eu-west-1, 70.8,
    /// ```
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        let mut matrix = LatencyMatrix::default();
        let mut header: Option<Vec<&str>> = None;
        for (number, line) in crate::places::lines(text) {
            let error = |reason| ReadError { line: number, reason };
            let mut fields = line.split(',').map(str::trim);
            let from = fields.next().unwrap_or_default();
            let Some(to) = &header else {
                let regions: Vec<&str> = fields.collect();
                if !regions.iter().all(|region| index(region).is_some()) {
                    return Err(error("the first line names regions, after a first field that is not read"));
                }
                header = Some(regions);
                continue;
            };
            if index(from).is_none() {
                return Err(error("the first field is no region"));
            }
            for (position, field) in fields.enumerate() {
                let to = to.get(position).ok_or(error("there are more fields than in the first line"))?;
                if !field.is_empty() {
                    let micros =
                        micros(field).ok_or(error("a round trip is a number of milliseconds up to 60000"))?;
                    matrix.set(from, to, micros);
                }
            }
        }
        Ok(matrix)
    }

    /// Says how long a round trip from a client's region to a resource's takes, in microseconds. Regions that AWS does not
    /// have are left out.
    pub fn set(&mut self, from: &str, to: &str, micros: u32) {
        if let (Some(from), Some(to)) = (index(from), index(to))
            && let Some(cell) = self.micros.get_mut(from * REGIONS.len() + to)
        {
            *cell = micros;
            self.told = true;
        }
    }

    /// A round trip in microseconds; nothing when the client's place or the region is unknown. A client whose region is unknown
    /// follows the row of the nearest one, if there is a table, else it is estimated from where it is.
    pub fn latency(&self, place: &Place, region: &str) -> Option<u32> {
        let to = index(region)?;
        let from = match (&place.region, place.coordinates) {
            (Some(from), _) => index(from)?,
            (None, Some(point)) if self.told => index(RegionPlace::nearest(point)?.name)?,
            (None, Some(point)) => return Some(estimate(point, REGIONS.get(to)?.coordinates)),
            (None, None) => return None,
        };
        self.micros.get(from * REGIONS.len() + to).copied()
    }
}

/// Milliseconds with at most three decimal places, in microseconds.
fn micros(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 5 || fraction.len() > 3 || !plain(whole) || !plain(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<3}").parse().ok().filter(|micros| *micros <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(region: &str) -> Place {
        RegionPlace::of(region).expect("a region").place()
    }

    #[test]
    fn a_table_goes_before_estimates() {
        let text = "# round trips\nfrom, us-east-1, eu-west-1\nus-east-1, 0.5, 71\n\neu-west-1, 70.25,\n";
        let matrix = LatencyMatrix::read(text).expect("a table");
        assert_eq!(matrix.latency(&client("us-east-1"), "us-east-1"), Some(500));
        assert_eq!(matrix.latency(&client("eu-west-1"), "us-east-1"), Some(70_250));
        assert_eq!(matrix.latency(&client("eu-west-1"), "eu-west-1"), Some(0));
        assert_eq!(matrix.latency(&client("eu-west-1"), "nowhere-1"), None);
        assert_eq!(matrix.latency(&Place::default(), "us-east-1"), None);
        // Dublin has no region of its own in this place, so it follows the nearest one.
        let dublin =
            Place { coordinates: Some(Coordinates { latitude: 5330, longitude: -620 }), ..Place::default() };
        assert_eq!(matrix.latency(&dublin, "us-east-1"), Some(70_250));
        let estimated = LatencyMatrix::default().latency(&dublin, "us-east-1").expect("an estimate");
        assert!((60_000..80_000).contains(&estimated), "{estimated}");
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line) in [
            ("from,mars-north-1\n", 1),
            ("from,us-east-1\nmars-north-1,1\n", 2),
            ("from,us-east-1\n\n# nothing\nus-east-1,fast\n", 4),
            ("from,us-east-1\nus-east-1,1,2\n", 2),
            ("from,us-east-1\nus-east-1,60001\n", 2),
            ("from,us-east-1\nus-east-1,-1\n", 2),
        ] {
            assert_eq!(
                LatencyMatrix::read(text).map(|_| ()).map_err(|error| error.line),
                Err(line),
                "{text}"
            );
        }
    }
}
