//! Routing policies of record sets, to and from the members that carry them.
//! [Choosing a routing policy](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy.html)
//!
//! A set with a policy has an identifier, a set without one has none.

use enishi_api::route53::{
    self as api, CidrRoutingConfig, GeoLocation, GeoProximityLocation, ResourceRecordSet,
};
use enishi_fabric::dns::{CidrLocation, Coordinates, Failover, Geolocation, Geoproximity, Location, Routing};
use enishi_wire::Fault;

use crate::route53::faults;
use crate::route53::geo_location;

const POLICIES: &str =
    "Weight, Region, Failover, GeoLocation, MultiValueAnswer, GeoProximityLocation, or CidrRoutingConfig";

/// A region's name has this many dashes at most (`us-gov-west-1`); a local zone group's has more (`us-west-2-lax-1`).
const REGION_DASHES: usize = 3;

/// The policy of a record set.
///
/// # Errors
/// `InvalidInput`
pub(super) fn parse(set: &ResourceRecordSet, shown: &str) -> Result<Routing, Fault> {
    let mut found = Vec::new();
    if let Some(weight) = set.weight {
        let weight =
            u8::try_from(weight).map_err(|_| faults::invalid_input("Weight must be between 0 and 255"))?;
        found.push(Routing::Weighted(weight));
    }
    found.extend(set.region.as_deref().map(|region| Routing::Latency(region.into())));
    if let Some(failover) = set.failover.as_deref() {
        let primary = failover == "PRIMARY";
        found.push(Routing::Failover(if primary { Failover::Primary } else { Failover::Secondary }));
    }
    if let Some(location) = &set.geo_location {
        found.push(Routing::Geolocation(geolocation(location)?));
    }
    found.extend((set.multi_value_answer == Some(true)).then_some(Routing::Multivalue));
    if let Some(location) = &set.geo_proximity_location {
        found.push(Routing::Geoproximity(geoproximity(location)?));
    }
    found.extend(set.cidr_routing_config.as_ref().map(|config| {
        Routing::Cidr(CidrLocation {
            collection: config.collection_id.as_str().into(),
            location: config.location_name.as_str().into(),
        })
    }));
    let (count, policy) = (found.len(), found.pop());
    match (&set.set_identifier, policy) {
        (None, None) if set.health_check_id.is_none() => Ok(Routing::Simple),
        (None, _) => Err(faults::invalid_input(format!(
            "Invalid request: Missing field 'SetIdentifier' in Change with {shown}"
        ))),
        (Some(_), Some(policy)) if count == 1 => Ok(policy),
        (Some(_), policy) => {
            let found = if policy.is_none() { "none" } else { "more than one" };
            Err(faults::invalid_input(format!(
                "Invalid request: Expected exactly one of [{POLICIES}], but found {found} in Change with {shown}"
            )))
        }
    }
}

fn geolocation(location: &GeoLocation) -> Result<Geolocation, Fault> {
    let code = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
    let (continent, country, subdivision) =
        (code(&location.continent_code), code(&location.country_code), code(&location.subdivision_code));
    if !geo_location::exists(continent.as_deref(), country.as_deref(), subdivision.as_deref()) {
        return Err(faults::invalid_input("The specified geographic location is not valid."));
    }
    Ok(match (continent, country) {
        (Some(continent), _) => Geolocation::Continent(continent.into()),
        (None, Some(country)) if country != "*" => {
            Geolocation::Country { country: country.into(), subdivision: subdivision.map(Into::into) }
        }
        (None, _) => Geolocation::Default,
    })
}

fn geoproximity(location: &GeoProximityLocation) -> Result<Geoproximity, Fault> {
    let invalid = || {
        faults::invalid_input(
            "Invalid request: Expected exactly one of [AWSRegion, LocalZoneGroup, or Coordinates] in GeoProximityLocation",
        )
    };
    let at = match (&location.aws_region, &location.local_zone_group, &location.coordinates) {
        (Some(region), None, None) | (None, Some(region), None) => Location::Region(region.as_str().into()),
        (None, None, Some(point)) => Location::Coordinates(coordinates(point)?),
        _ => return Err(invalid()),
    };
    let bias = i8::try_from(location.bias.unwrap_or_default()).map_err(|_| invalid())?;
    Ok(Geoproximity { at, bias })
}

fn coordinates(point: &api::Coordinates) -> Result<Coordinates, Fault> {
    let latitude = hundredths(&point.latitude, 9_000);
    let longitude = hundredths(&point.longitude, 18_000);
    match (latitude, longitude) {
        (Some(latitude), Some(longitude)) => Ok(Coordinates { latitude, longitude }),
        _ => Err(faults::invalid_input("The specified coordinates are not valid.")),
    }
}

/// Degrees with at most two decimal places, in hundredths.
fn hundredths(text: &str, most: i32) -> Option<i32> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || fraction.len() > 2 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let value = format!("{whole}{fraction:0<2}").parse::<i32>().ok().filter(|value| *value <= most)?;
    Some(if negative { -value } else { value })
}

fn degrees(hundredths: i32) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
}

/// Puts the policy's members into a response's record set.
pub(super) fn show(routing: &Routing, set: &mut ResourceRecordSet) {
    match routing {
        Routing::Simple => {}
        Routing::Weighted(weight) => set.weight = Some(i64::from(*weight)),
        Routing::Latency(region) => set.region = Some(region.to_string()),
        Routing::Failover(Failover::Primary) => set.failover = Some("PRIMARY".to_owned()),
        Routing::Failover(Failover::Secondary) => set.failover = Some("SECONDARY".to_owned()),
        Routing::Geolocation(location) => set.geo_location = Some(shown_geolocation(location)),
        Routing::Geoproximity(location) => set.geo_proximity_location = Some(shown_geoproximity(location)),
        Routing::Multivalue => set.multi_value_answer = Some(true),
        Routing::Cidr(location) => {
            set.cidr_routing_config = Some(CidrRoutingConfig {
                collection_id: location.collection.to_string(),
                location_name: location.location.to_string(),
            });
        }
    }
}

fn shown_geolocation(location: &Geolocation) -> GeoLocation {
    match location {
        Geolocation::Continent(code) => {
            GeoLocation { continent_code: Some(code.to_string()), ..Default::default() }
        }
        Geolocation::Country { country, subdivision } => GeoLocation {
            country_code: Some(country.to_string()),
            subdivision_code: subdivision.as_deref().map(str::to_owned),
            ..Default::default()
        },
        Geolocation::Default => GeoLocation { country_code: Some("*".to_owned()), ..Default::default() },
    }
}

fn shown_geoproximity(location: &Geoproximity) -> GeoProximityLocation {
    let bias = Some(i32::from(location.bias));
    match &location.at {
        Location::Region(name) if name.matches('-').count() > REGION_DASHES => {
            GeoProximityLocation { local_zone_group: Some(name.to_string()), bias, ..Default::default() }
        }
        Location::Region(name) => {
            GeoProximityLocation { aws_region: Some(name.to_string()), bias, ..Default::default() }
        }
        Location::Coordinates(point) => GeoProximityLocation {
            coordinates: Some(api::Coordinates {
                latitude: degrees(point.latitude),
                longitude: degrees(point.longitude),
            }),
            bias,
            ..Default::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{degrees, hundredths};

    #[test]
    fn degrees_have_two_places() {
        for (text, value) in [("49.22", 4922), ("-74.0", -7400), ("7", 700), ("0.05", 5), ("-0.5", -50)] {
            assert_eq!(hundredths(text, 9_000), Some(value), "{text}");
        }
        for text in ["", "91", "1.234", "x", "--1", ".5"] {
            assert_eq!(hundredths(text, 9_000), None, "{text}");
        }
        assert_eq!((degrees(-50), degrees(4922)), ("-0.50".to_owned(), "49.22".to_owned()));
    }
}
