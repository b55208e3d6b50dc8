//! The places that geolocation routing knows: continents, countries, states of the US.
//! [API_ListGeoLocations](https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListGeoLocations.html)

mod table;

use enishi_api::route53::{
    GeoLocationDetails, GetGeoLocationRequest, GetGeoLocationResponse, ListGeoLocationsRequest,
    ListGeoLocationsResponse, ops,
};
use enishi_state::Read;
use enishi_wire::Fault;

use super::faults;
use super::page::{self, Page};
use crate::registry::Registry;
use table::{CONTINENTS, COUNTRIES, STATES};

/// The country code of everywhere else.
const DEFAULT: &str = "*";
/// The country whose subdivisions are known.
const STATES_OF: &str = "US";

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::GetGeoLocation>(get_geo_location);
    on.stored_read::<ops::ListGeoLocations>(list_geo_locations);
}

/// A place: continent, country, subdivision; as in Route 53, a country is not part of a continent here.
type Codes<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// Whether there is such a place.
pub(super) fn exists(continent: Option<&str>, country: Option<&str>, subdivision: Option<&str>) -> bool {
    details((continent, country, subdivision)).is_some()
}

fn name<'t>(table: &'t [(&str, &str)], code: &str) -> Option<&'t str> {
    let at = table.binary_search_by(|(known, _)| (*known).cmp(code)).ok()?;
    table.get(at).map(|(_, name)| *name)
}

fn details(codes: Codes<'_>) -> Option<GeoLocationDetails> {
    let text = |text: &str| Some(text.to_owned());
    match codes {
        (Some(continent), None, None) => Some(GeoLocationDetails {
            continent_code: text(continent),
            continent_name: text(name(CONTINENTS, continent)?),
            ..Default::default()
        }),
        (None, Some(DEFAULT), None) => Some(GeoLocationDetails {
            country_code: text(DEFAULT),
            country_name: text("Default"),
            ..Default::default()
        }),
        (None, Some(country), None) => Some(GeoLocationDetails {
            country_code: text(country),
            country_name: text(name(COUNTRIES, country)?),
            ..Default::default()
        }),
        (None, Some(STATES_OF), Some(state)) => Some(GeoLocationDetails {
            country_code: text(STATES_OF),
            country_name: text(name(COUNTRIES, STATES_OF)?),
            subdivision_code: text(state),
            subdivision_name: text(name(STATES, state)?),
            ..Default::default()
        }),
        _ => None,
    }
}

/// Every place in the order of the list: continents, the default, countries each followed by its subdivisions.
fn all() -> impl Iterator<Item = Codes<'static>> {
    let continents = CONTINENTS.iter().map(|(code, _)| (Some(*code), None, None));
    let countries = COUNTRIES.iter().flat_map(|(code, _)| {
        let states = STATES.iter().filter(move |_| *code == STATES_OF);
        let states = states.map(move |(state, _)| (None, Some(*code), Some(*state)));
        std::iter::once((None, Some(*code), None)).chain(states)
    });
    continents.chain(std::iter::once((None, Some(DEFAULT), None))).chain(countries)
}

fn get_geo_location(_: &Read<'_>, input: GetGeoLocationRequest) -> Result<GetGeoLocationResponse, Fault> {
    let codes =
        (input.continent_code.as_deref(), input.country_code.as_deref(), input.subdivision_code.as_deref());
    let geo_location_details = details(codes).ok_or_else(faults::no_such_geo_location)?;
    Ok(GetGeoLocationResponse { geo_location_details })
}

fn list_geo_locations(
    _: &Read<'_>,
    input: ListGeoLocationsRequest,
) -> Result<ListGeoLocationsResponse, Fault> {
    let size = page::size(input.max_items.as_deref(), page::USUAL)?;
    let start = (
        input.start_continent_code.as_deref(),
        input.start_country_code.as_deref(),
        input.start_subdivision_code.as_deref(),
    );
    if start != (None, None, None) && details(start).is_none() {
        return Err(faults::invalid_input("The specified geographic location was not found."));
    }
    let rest = all().skip_while(|codes| start != (None, None, None) && *codes != start);
    let Page { items, next } = page::cut(rest, size);
    let owned = |code: Option<&str>| code.map(str::to_owned);
    let (continent, country, subdivision) = next.unwrap_or_default();
    Ok(ListGeoLocationsResponse {
        geo_location_details_list: items.into_iter().filter_map(details).collect(),
        is_truncated: next.is_some(),
        next_continent_code: owned(continent),
        next_country_code: owned(country),
        next_subdivision_code: owned(subdivision),
        max_items: size.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::{all, details};

    #[test]
    fn every_place_is_found() {
        assert!(all().all(|codes| details(codes).is_some()));
        assert!(details((None, Some("US"), Some("WA"))).is_some());
        assert!(details((None, Some("JP"), Some("WA"))).is_none());
    }
}
