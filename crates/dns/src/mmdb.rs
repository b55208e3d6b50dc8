//! Geolocation databases in MaxMind's format: `.mmdb` files with the fields of GeoIP2 City or Country.
//! [MaxMind DB](https://maxmind.github.io/MaxMind-DB/)
//!
//! Looked up per answer and never exploded into a table: a database of the whole internet has millions of blocks.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use enishi_fabric::dns::{Coordinates, Place};
use maxminddb::{MaxMindDbError, Reader, geoip2};

use crate::places::Locate;

/// A database in memory.
pub struct Mmdb(Reader<Vec<u8>>);

impl Mmdb {
    /// Takes the bytes of a database file.
    ///
    /// # Errors
    /// When it is no database, or one that says nothing about places.
    pub fn new(bytes: Vec<u8>) -> Result<Self, MaxMindDbError> {
        let reader = Reader::from_source(bytes)?;
        let kind = &reader.metadata().database_type;
        if ["City", "Country", "Enterprise", "Location"].iter().any(|known| kind.contains(known)) {
            Ok(Mmdb(reader))
        } else {
            Err(MaxMindDbError::invalid_database(format!(
                "it is of the type {kind:?}; one with City, Country, Enterprise or Location in its type is needed"
            )))
        }
    }

    fn find(&self, address: IpAddr) -> Result<Option<(u8, Place)>, MaxMindDbError> {
        let found = self.0.lookup(address)?;
        let Some(city) = found.decode::<geoip2::City<'_>>()? else { return Ok(None) };
        let network = found.network()?;
        // An IPv4 address found above where IPv4 begins in a database of IPv6 says nothing about its own bits.
        let bits = if network.is_ipv4() == address.is_ipv4() { network.prefix() } else { 0 };
        let country = city.country.iso_code.or(city.registered_country.iso_code);
        let part = city.subdivisions.first().and_then(|part| part.iso_code);
        let coordinates = match (city.location.latitude, city.location.longitude) {
            (Some(latitude), Some(longitude)) => Coordinates::from_degrees(latitude, longitude),
            _ => None,
        };
        let place = Place {
            continent: city.continent.code.map(Arc::from),
            country: country.map(Arc::from),
            subdivision: part.map(Arc::from),
            region: None,
            coordinates,
        };
        Ok(Some((bits, place)))
    }
}

impl Locate for Mmdb {
    fn locate(&self, address: IpAddr) -> Option<(u8, Place)> {
        self.find(address).unwrap_or_else(|error| {
            tracing::debug!(%error, %address, "the geolocation database cannot tell");
            None
        })
    }
}

impl fmt::Debug for Mmdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mmdb").field(&self.0.metadata().database_type).finish()
    }
}
