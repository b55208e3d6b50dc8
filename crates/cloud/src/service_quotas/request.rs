//! Requests for a higher quota, and their history. A request is granted at once, up to ten thousand million.

use enishi_api::service_quotas::{
    GetRequestedServiceQuotaChangeRequest, GetRequestedServiceQuotaChangeResponse,
    ListRequestedServiceQuotaChangeHistoryByQuotaRequest,
    ListRequestedServiceQuotaChangeHistoryByQuotaResponse, ListRequestedServiceQuotaChangeHistoryRequest,
    ListRequestedServiceQuotaChangeHistoryResponse, RequestServiceQuotaIncreaseRequest,
    RequestServiceQuotaIncreaseResponse, RequestedServiceQuotaChange, ops,
};
use enishi_state::quota::{Quota, QuotaRequest, QuotaRequestId};
use enishi_state::{Read, Tx};
use enishi_wire::{Fault, Timestamp};

use super::{applied, arn, faults, find, page, service_name};
use crate::quota;
use crate::registry::Registry;

/// Every request has been granted by the time it is answered.
const STATUS: &str = "APPROVED";

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::RequestServiceQuotaIncrease>(request_service_quota_increase);
    on.read::<ops::GetRequestedServiceQuotaChange>(get_requested_service_quota_change);
    on.read::<ops::ListRequestedServiceQuotaChangeHistory>(list_history);
    on.read::<ops::ListRequestedServiceQuotaChangeHistoryByQuota>(list_history_by_quota);
}

fn request_service_quota_increase(
    tx: &mut Tx<'_>,
    input: RequestServiceQuotaIncreaseRequest,
) -> Result<RequestServiceQuotaIncreaseResponse, Fault> {
    let quota = find(&input.service_code, &input.quota_code)?;
    let scope = tx.caller().scope.clone();
    if !quota.adjustable {
        return Err(faults::not_adjustable());
    }
    // Not a number is not greater either.
    let greater = input.desired_value > applied(tx.world(), &scope, quota);
    if !greater {
        return Err(faults::not_greater());
    }
    let mut random = [0u8; 16];
    tx.entropy().fill(&mut random);
    let row = QuotaRequest {
        id: QuotaRequestId::new(&format!("{:032x}", u128::from_be_bytes(random))),
        scope: scope.clone(),
        service: input.service_code.clone(),
        code: input.quota_code.clone(),
        desired: input.desired_value,
        created: tx.now(),
    };
    tx.put(Quota {
        scope: quota.scope(&scope),
        service: input.service_code,
        code: input.quota_code,
        value: input.desired_value,
    });
    let requested_quota = Some(shape(&row));
    tx.put(row);
    Ok(RequestServiceQuotaIncreaseResponse { requested_quota })
}

fn shape(row: &QuotaRequest) -> RequestedServiceQuotaChange {
    let quota = quota::find(&row.service, &row.code);
    let at = Timestamp::from_millis(row.created.0);
    RequestedServiceQuotaChange {
        id: Some(row.id.to_string()),
        request_type: Some("AutomaticManagement".to_owned()),
        service_code: Some(row.service.clone()),
        service_name: service_name(&row.service).ok().map(str::to_owned),
        quota_code: Some(row.code.clone()),
        quota_name: quota.map(|quota| quota.name.to_owned()),
        desired_value: Some(row.desired),
        status: Some(STATUS.to_owned()),
        created: Some(at),
        last_updated: Some(at),
        requester: Some(format!("{{\"accountId\":\"{}\"}}", row.scope.account)),
        quota_arn: quota.map(|quota| arn(&row.scope, row.scope.account.as_str(), quota)),
        global_quota: Some(quota.is_some_and(|quota| quota.global)),
        unit: Some("None".to_owned()),
        quota_requested_at_level: Some("ACCOUNT".to_owned()),
        ..Default::default()
    }
}

fn get_requested_service_quota_change(
    read: &Read<'_>,
    input: GetRequestedServiceQuotaChangeRequest,
) -> Result<GetRequestedServiceQuotaChangeResponse, Fault> {
    let row = read.world.get::<QuotaRequest>(&QuotaRequestId::new(&input.request_id));
    let row = row.filter(|row| row.scope == read.caller.scope).ok_or_else(faults::no_such_request)?;
    Ok(GetRequestedServiceQuotaChangeResponse { requested_quota: Some(shape(row)) })
}

/// The caller's requests, by id.
fn history<'w>(
    read: &Read<'w>,
    status: Option<&str>,
    wanted: impl Fn(&QuotaRequest) -> bool,
) -> Vec<&'w QuotaRequest> {
    let any_status = status.is_none_or(|status| status == STATUS);
    let rows = read.world.by::<QuotaRequest>("scope", &read.caller.scope.to_string());
    rows.filter(|row| any_status && wanted(row)).collect()
}

fn list_history(
    read: &Read<'_>,
    input: ListRequestedServiceQuotaChangeHistoryRequest,
) -> Result<ListRequestedServiceQuotaChangeHistoryResponse, Fault> {
    if let Some(service) = &input.service_code {
        service_name(service)?;
    }
    let of_service =
        |row: &QuotaRequest| input.service_code.as_ref().is_none_or(|service| row.service == *service);
    let rows = history(read, input.status.as_deref(), of_service);
    let (rows, next_token) = page(rows, input.max_results, input.next_token, |row| row.id.to_string())?;
    let requested_quotas = Some(rows.into_iter().map(shape).collect());
    Ok(ListRequestedServiceQuotaChangeHistoryResponse { next_token, requested_quotas })
}

fn list_history_by_quota(
    read: &Read<'_>,
    input: ListRequestedServiceQuotaChangeHistoryByQuotaRequest,
) -> Result<ListRequestedServiceQuotaChangeHistoryByQuotaResponse, Fault> {
    find(&input.service_code, &input.quota_code)?;
    let of_quota = |row: &QuotaRequest| row.service == input.service_code && row.code == input.quota_code;
    let rows = history(read, input.status.as_deref(), of_quota);
    let (rows, next_token) = page(rows, input.max_results, input.next_token, |row| row.id.to_string())?;
    let requested_quotas = Some(rows.into_iter().map(shape).collect());
    Ok(ListRequestedServiceQuotaChangeHistoryByQuotaResponse { next_token, requested_quotas })
}
