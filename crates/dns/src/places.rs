//! Where clients are: the user's own table of address blocks, and whatever else can be asked.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use enishi_fabric::dns::region::RegionPlace;
use enishi_fabric::dns::{Coordinates, Place, PlaceTable};
use ipnet::IpNet;

use crate::ReadError;

/// Route 53's continents.
const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// Knows where addresses are, such as a geolocation database. It is asked for each answer that depends on it.
pub trait Locate: fmt::Debug + Send + Sync {
    /// The place of an address, and how many bits of the address it holds for.
    fn locate(&self, address: IpAddr) -> Option<(u8, Place)>;
}

/// Reads a table of places: a line for each block, with the fields
/// `block, continent, country, subdivision, region, latitude, longitude`.
///
/// Fields may be empty and those at the end left out. A region fills in what is not said: its continent, its country and its
/// coordinates. `#` starts a comment, and a first line that begins with `block` is a heading.
///
/// ```text
/// block,          continent, country, subdivision, region
/// 203.0.113.0/24, EU,        DE,      ,            eu-central-1
/// 198.51.100.7,   ,          ,        ,            ap-northeast-1
/// 2001:db8::/32,  NA,        US,      CA,          , 34.05, -118.24
/// ```
///
/// # Errors
/// The first line that is wrong.
pub fn read(text: &str) -> Result<PlaceTable, ReadError> {
    let mut rows = Vec::new();
    let mut seen = HashSet::new();
    for (position, (number, line)) in lines(text).enumerate() {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if position == 0 && fields.first().is_some_and(|first| first.eq_ignore_ascii_case("block")) {
            continue;
        }
        let error = |reason| ReadError { line: number, reason };
        let (block, place) = row(&fields).map_err(error)?;
        if !seen.insert(block) {
            return Err(error("the block is there already"));
        }
        rows.push((block, place));
    }
    Ok(PlaceTable { rows })
}

/// The lines that say something, without their comments, numbered from 1.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let said = numbered.map(|(number, line)| (number, line.split('#').next().unwrap_or_default().trim()));
    said.filter(|(_, line)| !line.is_empty())
}

fn row(fields: &[&str]) -> Result<(IpNet, Place), &'static str> {
    let field = |index: usize| fields.get(index).copied().filter(|field| !field.is_empty());
    if fields.len() > 7 {
        return Err("there are more than seven fields");
    }
    let block = block(fields.first().copied().unwrap_or_default())?;
    let (continent, country, subdivision) = (field(1), field(2), field(3));
    if continent.is_some_and(|code| !CONTINENTS.contains(&code)) {
        return Err("a continent is one of AF, AN, AS, EU, NA, OC, SA");
    }
    if country.is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return Err("a country is two capital letters of ISO 3166-1");
    }
    let is_part = |code: &str| code.len() <= 3 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if subdivision.is_some_and(|code| !is_part(code)) {
        return Err(
            "a subdivision has at most three letters and digits, without its country: CA for California",
        );
    }
    let region = match field(4) {
        Some(name) => Some(RegionPlace::of(name).ok_or("there is no such region")?),
        None => None,
    };
    let coordinates = match (field(5), field(6)) {
        (None, None) => None,
        (Some(latitude), Some(longitude)) => Some(
            coordinates(latitude, longitude)
                .ok_or("latitude and longitude are degrees, such as 52.37 and 4.9")?,
        ),
        _ => return Err("a latitude needs a longitude"),
    };
    let said = Place {
        continent: continent.map(Arc::from),
        country: country.map(Arc::from),
        subdivision: subdivision.map(Arc::from),
        region: None,
        coordinates,
    };
    if said.subdivision.is_some() && said.country.is_none() {
        return Err("a subdivision needs a country");
    }
    match region {
        Some(region) => Ok((block, filled(said, region))),
        None if said == Place::default() => Err("nothing is said about the block"),
        None => Ok((block, said)),
    }
}

/// The place with what its region says about the rest. A country of its own keeps the region's from answering for it.
fn filled(said: Place, region: &RegionPlace) -> Place {
    let all = region.place();
    let abroad = said.country.is_some() && said.country != all.country;
    let elsewhere = said.continent.is_some() && said.continent != all.continent;
    Place {
        continent: said.continent.or_else(|| all.continent.filter(|_| !abroad)),
        country: said.country.or_else(|| all.country.filter(|_| !elsewhere)),
        subdivision: said.subdivision.or_else(|| all.subdivision.filter(|_| !abroad && !elsewhere)),
        region: all.region,
        coordinates: said.coordinates.or(all.coordinates),
    }
}

/// A block, or one address.
fn block(text: &str) -> Result<IpNet, &'static str> {
    const REASON: &str = "the first field is an address block, such as 203.0.113.0/24";
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let block: IpNet = text.parse().map_err(|_| REASON)?;
    if block.trunc() == block { Ok(block) } else { Err("the block has bits set beyond its prefix") }
}

fn coordinates(latitude: &str, longitude: &str) -> Option<Coordinates> {
    Coordinates::from_degrees(latitude.parse().ok()?, longitude.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_fills_in_what_is_not_said() {
        let text = "block, continent, country\n\
                    203.0.113.0/24, EU, DE, , eu-central-1 # an office\n\
                    198.51.100.7, , , , us-west-1\n\
                    2001:db8::/32,NA,US,CA,,34.05,-118.24\n\
                    192.0.2.0/24,,FR,,eu-central-1";
        let table = read(text).expect("a table");
        let place = |index: usize| table.rows[index].1.clone();
        assert_eq!(place(0).country.as_deref(), Some("DE"));
        assert_eq!(place(0).coordinates, Some(Coordinates { latitude: 5011, longitude: 868 }));
        assert_eq!(table.rows[1].0.to_string(), "198.51.100.7/32");
        assert_eq!(place(1).subdivision.as_deref(), Some("CA"));
        assert_eq!(place(2).region, None);
        assert_eq!(place(2).coordinates, Some(Coordinates { latitude: 3405, longitude: -11824 }));
        assert_eq!((place(3).continent, place(3).country.as_deref()), (None, Some("FR")));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line) in [
            ("here,EU", 1),
            ("# nothing\n203.0.113.1/24,EU", 2),
            ("203.0.113.0/24,XX", 1),
            ("203.0.113.0/24,EU,Germany", 1),
            ("203.0.113.0/24,EU,,BE", 1),
            ("203.0.113.0/24", 1),
            ("203.0.113.0/24,,,,mars-north-1", 1),
            ("203.0.113.0/24,,,,,12", 1),
            ("203.0.113.0/24,,,,,91,0", 1),
            ("203.0.113.0/24,,,,,NaN,inf", 1),
            ("203.0.113.0/24,EU,,,,,,", 1),
            ("203.0.113.0/24,EU\n\n203.0.113.0/24,AS", 3),
        ] {
            assert_eq!(read(text).map(|_| ()).map_err(|error| error.line), Err(line), "{text}");
        }
    }
}
