//! Regions and Availability Zones.
//! [Regions and Zones](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html)
//!
//! A fixed table. Every region can be used; as an account at AWS would, `DescribeRegions` shows without `AllRegions` those
//! that need no opt-in, and the one that the caller is in.

use enishi_api::ec2::{
    self, AvailabilityZone, DescribeAvailabilityZonesRequest, DescribeAvailabilityZonesResult,
    DescribeRegionsRequest, DescribeRegionsResult, ops,
};
use enishi_state::{Read, Region};
use enishi_wire::Fault;

use super::faults;
use super::filter::{Field, Filters, field};
use crate::region::{self, REGIONS, Zone};
use crate::registry::Registry;

const REGION_FILTERS: &[Field<ec2::Region>] = &[
    field("endpoint", |_, region, values| values.maybe(region.endpoint.as_ref())),
    field("opt-in-status", |_, region, values| values.maybe(region.opt_in_status.as_ref())),
    field("region-name", |_, region, values| values.maybe(region.region_name.as_ref())),
];

const ZONE_FILTERS: &[Field<AvailabilityZone>] = &[
    field("group-long-name", |_, zone, values| values.maybe(zone.group_long_name.as_ref())),
    field("group-name", |_, zone, values| values.maybe(zone.group_name.as_ref())),
    field("message", |_, _, _| {}),
    field("network-border-group", |_, zone, values| values.maybe(zone.network_border_group.as_ref())),
    field("opt-in-status", |_, zone, values| values.maybe(zone.opt_in_status.as_ref())),
    field("parent-zone-id", |_, _, _| {}),
    field("parent-zone-name", |_, _, _| {}),
    field("region-name", |_, zone, values| values.maybe(zone.region_name.as_ref())),
    field("state", |_, zone, values| values.maybe(zone.state.as_ref())),
    field("zone-id", |_, zone, values| values.maybe(zone.zone_id.as_ref())),
    field("zone-name", |_, zone, values| values.maybe(zone.zone_name.as_ref())),
    field("zone-type", |_, zone, values| values.maybe(zone.zone_type.as_ref())),
];

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeAvailabilityZones>(describe_availability_zones);
    on.read::<ops::DescribeRegions>(describe_regions);
}

fn describe_regions(read: &Read<'_>, input: DescribeRegionsRequest) -> Result<DescribeRegionsResult, Fault> {
    let filters = Filters::parse(input.filters, REGION_FILTERS)?;
    let unknown: Vec<&str> =
        input.region_names.iter().map(String::as_str).filter(|name| !is_region(name)).collect();
    if !unknown.is_empty() {
        let message = format!("Invalid region names: [{}]", unknown.join(", "));
        return Err(faults::invalid_parameter_value(message));
    }
    let current = read.caller.scope.region.as_str();
    let shown = REGIONS.iter().filter(|info| match input.region_names.is_empty() {
        true => !info.opt_in || info.name == current || input.all_regions == Some(true),
        false => input.region_names.iter().any(|name| name == info.name),
    });
    let regions = shown.map(|info| ec2::Region {
        opt_in_status: Some(opt_in_status(info.opt_in, info.name == current).to_owned()),
        geography: None,
        region_name: Some(info.name.to_owned()),
        endpoint: Some(format!("ec2.{}.amazonaws.com", info.name)),
    });
    let regions = regions.filter(|region| filters.accept(read.world, "", region)).collect();
    Ok(DescribeRegionsResult { regions: Some(regions) })
}

fn is_region(name: &str) -> bool {
    REGIONS.iter().any(|info| info.name == name)
}

fn opt_in_status(needed: bool, done: bool) -> &'static str {
    match (needed, done) {
        (false, _) => "opt-in-not-required",
        (true, true) => "opted-in",
        (true, false) => "not-opted-in",
    }
}

fn describe_availability_zones(
    read: &Read<'_>,
    input: DescribeAvailabilityZonesRequest,
) -> Result<DescribeAvailabilityZonesResult, Fault> {
    let filters = Filters::parse(input.filters, ZONE_FILTERS)?;
    let region = &read.caller.scope.region;
    let zones = region::zones(region);
    let named = |name: &String| zones.iter().any(|zone| zone.name == *name);
    let identified = |id: &String| zones.iter().any(|zone| zone.id == *id);
    let unknown = input.zone_names.iter().find(|name| !named(name));
    if let Some(unknown) = unknown.or_else(|| input.zone_ids.iter().find(|id| !identified(id))) {
        return Err(faults::invalid_parameter_value(format!("Invalid availability zone: [{unknown}]")));
    }
    let wanted = |zone: &Zone| {
        (input.zone_names.is_empty() || input.zone_names.contains(&zone.name))
            && (input.zone_ids.is_empty() || input.zone_ids.contains(&zone.id))
    };
    let shown = zones.iter().enumerate().filter(|(_, zone)| wanted(zone));
    let zones = shown.map(|(index, zone)| render(region, index + 1, zone));
    let zones = zones.filter(|zone| filters.accept(read.world, "", zone)).collect();
    Ok(DescribeAvailabilityZonesResult { availability_zones: Some(zones) })
}

fn render(region: &Region, number: usize, zone: &Zone) -> AvailabilityZone {
    let info = region::info(region);
    let long_name = info.map_or(region.as_str(), |info| info.long_name);
    AvailabilityZone {
        opt_in_status: Some("opt-in-not-required".to_owned()),
        messages: Some(vec![]),
        region_name: Some(region.to_string()),
        zone_name: Some(zone.name.clone()),
        zone_id: Some(zone.id.clone()),
        group_name: Some(format!("{region}-zg-1")),
        network_border_group: Some(region.to_string()),
        zone_type: Some("availability-zone".to_owned()),
        group_long_name: Some(format!("{long_name} {number}")),
        state: Some("available".to_owned()),
        ..Default::default()
    }
}
