//! Service Quotas. [What is Service Quotas?](https://docs.aws.amazon.com/servicequotas/latest/userguide/intro.html)
//!
//! What AWS promises: each quota has a default and, once it was raised, an applied value; a request for more is decided by
//! AWS. How we realise it: the quotas are those that are enforced ([`crate::quota`]), and a request is granted at once.
//! Tested in `tests/service_quotas.rs`.

mod faults;
mod request;

use enishi_api::service_quotas::{
    GetAWSDefaultServiceQuotaRequest, GetAWSDefaultServiceQuotaResponse, GetServiceQuotaRequest,
    GetServiceQuotaResponse, ListAWSDefaultServiceQuotasRequest, ListAWSDefaultServiceQuotasResponse,
    ListServiceQuotasRequest, ListServiceQuotasResponse, ListServicesRequest, ListServicesResponse,
    ServiceInfo, ServiceQuota, ops,
};
use enishi_state::{Read, Scope, World, quota as rows};
use enishi_wire::Fault;

use crate::quota::{self, Quota};
use crate::registry::Registry;

/// Code and name of the services that have quotas here, by code.
const SERVICES: &[(&str, &str)] = &[
    ("acm", "AWS Certificate Manager (ACM)"),
    ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)"),
    ("elasticloadbalancing", "Elastic Load Balancing (ELB)"),
    ("route53", "Amazon Route 53"),
    ("route53resolver", "Amazon Route 53 Resolver"),
    ("vpc", "Amazon Virtual Private Cloud (Amazon VPC)"),
];

pub(crate) fn register(on: &mut Registry) {
    on.read::<ops::ListServices>(list_services);
    on.read::<ops::GetServiceQuota>(get_service_quota);
    on.read::<ops::ListServiceQuotas>(list_service_quotas);
    on.read::<ops::GetAWSDefaultServiceQuota>(get_aws_default_service_quota);
    on.read::<ops::ListAWSDefaultServiceQuotas>(list_aws_default_service_quotas);
    request::register(on);
}

/// The name of a service.
///
/// # Errors
/// `NoSuchResourceException`
fn service_name(code: &str) -> Result<&'static str, Fault> {
    let found = SERVICES.iter().find(|(known, _)| *known == code);
    found.map(|(_, name)| *name).ok_or_else(faults::no_such_service)
}

/// A quota that is enforced.
///
/// # Errors
/// `NoSuchResourceException`
fn find(service: &str, code: &str) -> Result<&'static Quota, Fault> {
    service_name(service)?;
    quota::find(service, code).ok_or_else(faults::no_such_quota)
}

/// The value that applies in the scope.
fn applied(world: &World, scope: &Scope, quota: &Quota) -> f64 {
    let key = rows::Quota::key(&quota.scope(scope), quota.service, quota.code);
    let row = world.get::<rows::Quota>(&key);
    row.map_or(f64::from(quota.default), |row| row.value)
}

/// The ARN of a quota; that of a default value has no account.
fn arn(scope: &Scope, account: &str, quota: &Quota) -> String {
    let region = quota.scope(scope).region;
    format!("arn:aws:servicequotas:{region}:{account}:{}/{}", quota.service, quota.code)
}

fn shape(scope: &Scope, account: &str, quota: &Quota, value: f64) -> ServiceQuota {
    ServiceQuota {
        service_code: Some(quota.service.to_owned()),
        service_name: service_name(quota.service).ok().map(str::to_owned),
        quota_arn: Some(arn(scope, account, quota)),
        quota_code: Some(quota.code.to_owned()),
        quota_name: Some(quota.name.to_owned()),
        value: Some(value),
        unit: Some("None".to_owned()),
        adjustable: Some(quota.adjustable),
        global_quota: Some(quota.global),
        quota_applied_at_level: Some("ACCOUNT".to_owned()),
        ..Default::default()
    }
}

fn applied_shape(read: &Read<'_>, quota: &Quota) -> ServiceQuota {
    let scope = &read.caller.scope;
    shape(scope, scope.account.as_str(), quota, applied(read.world, scope, quota))
}

fn default_shape(read: &Read<'_>, quota: &Quota) -> ServiceQuota {
    shape(&read.caller.scope, "", quota, f64::from(quota.default))
}

fn get_service_quota(
    read: &Read<'_>,
    input: GetServiceQuotaRequest,
) -> Result<GetServiceQuotaResponse, Fault> {
    let quota = find(&input.service_code, &input.quota_code)?;
    Ok(GetServiceQuotaResponse { quota: Some(applied_shape(read, quota)) })
}

fn get_aws_default_service_quota(
    read: &Read<'_>,
    input: GetAWSDefaultServiceQuotaRequest,
) -> Result<GetAWSDefaultServiceQuotaResponse, Fault> {
    let quota = find(&input.service_code, &input.quota_code)?;
    Ok(GetAWSDefaultServiceQuotaResponse { quota: Some(default_shape(read, quota)) })
}

fn list_service_quotas(
    read: &Read<'_>,
    input: ListServiceQuotasRequest,
) -> Result<ListServiceQuotasResponse, Fault> {
    let mut quotas = of_service(&input.service_code)?;
    if let Some(code) = &input.quota_code {
        quotas.retain(|quota| quota.code == code);
    }
    let (quotas, next_token) =
        page(quotas, input.max_results, input.next_token, |quota| quota.code.to_owned())?;
    let quotas = quotas.into_iter().map(|quota| applied_shape(read, quota)).collect();
    Ok(ListServiceQuotasResponse { next_token, quotas: Some(quotas) })
}

fn list_aws_default_service_quotas(
    read: &Read<'_>,
    input: ListAWSDefaultServiceQuotasRequest,
) -> Result<ListAWSDefaultServiceQuotasResponse, Fault> {
    let quotas = of_service(&input.service_code)?;
    let (quotas, next_token) =
        page(quotas, input.max_results, input.next_token, |quota| quota.code.to_owned())?;
    let quotas = quotas.into_iter().map(|quota| default_shape(read, quota)).collect();
    Ok(ListAWSDefaultServiceQuotasResponse { next_token, quotas: Some(quotas) })
}

/// The quotas of a service, by code.
fn of_service(service: &str) -> Result<Vec<&'static Quota>, Fault> {
    service_name(service)?;
    let mut quotas: Vec<_> = quota::ALL.iter().filter(|quota| quota.service == service).collect();
    quotas.sort_by_key(|quota| quota.code);
    Ok(quotas)
}

fn list_services(_: &Read<'_>, input: ListServicesRequest) -> Result<ListServicesResponse, Fault> {
    let (services, next_token) =
        page(SERVICES.to_vec(), input.max_results, input.next_token, |(code, _)| (*code).to_owned())?;
    let info = |(code, name): (&str, &str)| ServiceInfo {
        service_code: Some(code.to_owned()),
        service_name: Some(name.to_owned()),
    };
    Ok(ListServicesResponse { next_token, services: Some(services.into_iter().map(info).collect()) })
}

/// One page of items that are sorted by `key`. A token is the key of the last item that was given out.
///
/// # Errors
/// `InvalidPaginationTokenException` for a token that no item had.
fn page<T>(
    items: Vec<T>,
    max_results: Option<i32>,
    token: Option<String>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Fault> {
    if token.as_ref().is_some_and(|token| !items.iter().any(|item| key(item) == *token)) {
        return Err(faults::invalid_pagination_token());
    }
    let is_next = |item: &T| token.as_ref().is_none_or(|token| key(item) > *token);
    let mut rest: Vec<T> = items.into_iter().filter(is_next).collect();
    let limit = max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100).max(1);
    if rest.len() <= limit {
        return Ok((rest, None));
    }
    rest.truncate(limit);
    let next = rest.last().map(&key);
    Ok((rest, next))
}
