//! What the checkers say: `GetHealthCheckStatus`, `GetHealthCheckLastFailureReason`, `GetCheckerIpRanges`.
//! [API_GetHealthCheckStatus](https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHealthCheckStatus.html)

use std::net::Ipv4Addr;

use enishi_api::route53::{
    GetCheckerIpRangesRequest, GetCheckerIpRangesResponse, GetHealthCheckLastFailureReasonRequest,
    GetHealthCheckLastFailureReasonResponse, GetHealthCheckStatusRequest, GetHealthCheckStatusResponse,
    HealthCheckObservation, StatusReport, ops,
};
use enishi_state::Read;
use enishi_state::route53::{CHECKER_RANGE, CHECKERS, HealthCheckId, HealthCheckKind};
use enishi_wire::Fault;

use super::own;
use crate::outside::{Checked, Supply, Want};
use crate::registry::Registry;
use crate::route53::{faults, shown};

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::GetCheckerIpRanges>(get_checker_ip_ranges);
    on.read_with::<ops::GetHealthCheckStatus>(
        |input| Some(Want::Health(HealthCheckId::new(&input.health_check_id))),
        get_health_check_status,
    );
    on.read_with::<ops::GetHealthCheckLastFailureReason>(
        |input| Some(Want::Health(HealthCheckId::new(&input.health_check_id))),
        get_health_check_last_failure_reason,
    );
}

/// Where probes come from, for security groups to admit.
fn get_checker_ip_ranges(
    _: &Read<'_>,
    _: GetCheckerIpRangesRequest,
) -> Result<GetCheckerIpRangesResponse, Fault> {
    Ok(GetCheckerIpRangesResponse { checker_ip_ranges: vec![CHECKER_RANGE.to_string()] })
}

fn get_health_check_status(
    read: &Read<'_>,
    input: GetHealthCheckStatusRequest,
    supply: &Supply,
) -> Result<GetHealthCheckStatusResponse, Fault> {
    check(read, &input.health_check_id)?;
    let seen = supply.health.as_ref().map(|health| shapes(&health.latest));
    Ok(GetHealthCheckStatusResponse { health_check_observations: seen.unwrap_or_default() })
}

fn get_health_check_last_failure_reason(
    read: &Read<'_>,
    input: GetHealthCheckLastFailureReasonRequest,
    supply: &Supply,
) -> Result<GetHealthCheckLastFailureReasonResponse, Fault> {
    check(read, &input.health_check_id)?;
    let seen = supply.health.as_ref().map(|health| shapes(&health.last_failures));
    Ok(GetHealthCheckLastFailureReasonResponse { health_check_observations: seen.unwrap_or_default() })
}

/// "You can't use GetHealthCheckStatus to get the status of a calculated health check": no checker looks at one.
fn check(read: &Read<'_>, id: &str) -> Result<(), Fault> {
    match own(read.world, &read.caller.scope.account, id)?.config.kind {
        HealthCheckKind::Calculated => {
            Err(faults::invalid_input("The status of calculated health checks is not available."))
        }
        HealthCheckKind::CloudWatchMetric => {
            Err(faults::invalid_input("The status of health checks of CloudWatch alarms is not available."))
        }
        _ => Ok(()),
    }
}

/// In the order of the regions.
fn shapes(seen: &[Checked]) -> Vec<HealthCheckObservation> {
    let of = |(region, address): (&str, Ipv4Addr)| {
        let checked = seen.iter().find(|checked| checked.checker == address)?;
        Some(HealthCheckObservation {
            region: Some(region.to_owned()),
            ip_address: Some(address.to_string()),
            status_report: Some(StatusReport {
                status: Some(checked.status.clone()),
                checked_time: Some(shown(checked.at)),
            }),
        })
    };
    CHECKERS.into_iter().filter_map(of).collect()
}
