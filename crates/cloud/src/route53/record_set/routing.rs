//! Routing policies of record sets, to and from the members that carry them.
//! [Choosing a routing policy](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy.html)
//!
//! A set with a policy has an identifier, a set without one has none.

use enishi_api::route53::{
    self as api, CidrRoutingConfig, GeoLocation, GeoProximityLocation, ResourceRecordSet,
};
use enishi_fabric::dns::region::{REGIONS, RegionPlace, local_zone_group};
use enishi_fabric::dns::{CidrLocation, Coordinates, Failover, Geolocation, Geoproximity, Location, Routing};
use enishi_wire::Fault;

use crate::route53::faults;
use crate::route53::geo_location;

const POLICIES: &str =
    "Weight, Region, Failover, GeoLocation, MultiValueAnswer, GeoProximityLocation, or CidrRoutingConfig";

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
    if let Some(name) = set.region.as_deref() {
        found.push(Routing::Latency(region(name)?.name.into()));
    }
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

/// The region of that name: what AWS's schema lists.
fn region(name: &str) -> Result<&'static RegionPlace, Fault> {
    RegionPlace::of(name).ok_or_else(|| {
        let known: Vec<&str> = REGIONS.iter().map(|region| region.name).collect();
        unfit(format!(
            "cvc-enumeration-valid: Value '{name}' is not facet-valid with respect to enumeration '[{}]'. It must be a value from the enumeration.",
            known.join(", ")
        ))
    })
}

/// What does not fit the schema of the API.
fn unfit(what: impl std::fmt::Display) -> Fault {
    faults::invalid_input(format!("Invalid XML ; {what}"))
}

fn geoproximity(location: &GeoProximityLocation) -> Result<Geoproximity, Fault> {
    let at = match (&location.aws_region, &location.local_zone_group, &location.coordinates) {
        (Some(name), None, None) => Location::Region(region(name)?.name.into()),
        (None, Some(group), None) if local_zone_group(group).is_some() => {
            Location::Region(group.as_str().into())
        }
        (None, Some(group), None) => {
            return Err(faults::invalid_input(format!("The Local Zone Group {group} is not valid.")));
        }
        (None, None, Some(point)) => Location::Coordinates(coordinates(point)?),
        _ => {
            return Err(faults::invalid_input(
                "Invalid request: Expected exactly one of [AWSRegion, LocalZoneGroup, or Coordinates] in GeoProximityLocation",
            ));
        }
    };
    Ok(Geoproximity { at, bias: bias(location.bias.unwrap_or_default())? })
}

fn bias(value: i32) -> Result<i8, Fault> {
    let facet = match value {
        ..-99 => "minInclusive-valid: Value '{}' is not facet-valid with respect to minInclusive '-99'",
        100.. => "maxInclusive-valid: Value '{}' is not facet-valid with respect to maxInclusive '99'",
        _ => return Ok(value as i8),
    };
    Err(unfit(format!("cvc-{} for type 'Bias'.", facet.replace("{}", &value.to_string()))))
}

fn coordinates(point: &api::Coordinates) -> Result<Coordinates, Fault> {
    Ok(Coordinates {
        latitude: hundredths(&point.latitude, 90, "Latitude")?,
        longitude: hundredths(&point.longitude, 180, "Longitude")?,
    })
}

/// Degrees with at most two decimal places, in hundredths.
fn hundredths(text: &str, most: i32, kind: &str) -> Result<i32, Fault> {
    let digits = if most < 100 { 2 } else { 3 };
    let value = decimal(text, digits).ok_or_else(|| {
        unfit(format!(
            "cvc-pattern-valid: Value '{text}' is not facet-valid with respect to pattern '[-+]?[0-9]{{1,{digits}}}(\\.[0-9]{{0,2}})?' for type '{kind}'."
        ))
    })?;
    if value.abs() > most * 100 {
        return Err(faults::invalid_input(format!("{kind} must be between -{most} and {most}: {text}")));
    }
    Ok(value)
}

fn decimal(text: &str, digits: usize) -> Option<i32> {
    let (negative, number) = match text.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > digits || fraction.len() > 2 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let value = format!("{whole}{fraction:0<2}").parse::<i32>().ok()?;
    Some(if negative { -value } else { value })
}

/// Hundredths of a degree as Route 53 writes degrees.
pub(super) fn degrees(hundredths: i32) -> String {
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
        Location::Region(name) if RegionPlace::of(name).is_none() => {
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
    use super::{bias, decimal, degrees, hundredths};

    #[test]
    fn degrees_have_two_places() {
        for (text, value) in
            [("49.22", 4922), ("-74.0", -7400), ("7", 700), ("7.", 700), ("0.05", 5), ("+0.5", 50)]
        {
            assert_eq!(decimal(text, 2), Some(value), "{text}");
        }
        for text in ["", "1.234", "x", "--1", ".5", "100"] {
            assert_eq!(decimal(text, 2), None, "{text}");
        }
        assert_eq!((degrees(-50), degrees(4922)), ("-0.50".to_owned(), "49.22".to_owned()));
        let refused = |text, most, kind| hundredths(text, most, kind).expect_err("it is refused").to_string();
        assert!(refused("40.7128", 90, "Latitude").contains(
            "Value '40.7128' is not facet-valid with respect to pattern '[-+]?[0-9]{1,2}(\\.[0-9]{0,2})?' for type 'Latitude'."
        ));
        assert!(refused("180.01", 180, "Longitude").contains("Longitude must be between -180 and 180"));
    }

    #[test]
    fn a_bias_has_two_digits() {
        assert_eq!((bias(-99).ok(), bias(0).ok(), bias(99).ok()), (Some(-99), Some(0), Some(99)));
        assert!(bias(100).is_err() && bias(-100).is_err());
    }
}
