//! Quotas: defaults, applied values, requests and their history.

mod harness;

use enishi_api::ec2::{CreateVpcRequest, ops as ec2_ops};
use enishi_api::service_quotas::{
    GetAWSDefaultServiceQuotaRequest, GetRequestedServiceQuotaChangeRequest, GetServiceQuotaRequest,
    ListRequestedServiceQuotaChangeHistoryByQuotaRequest, ListRequestedServiceQuotaChangeHistoryRequest,
    ListServiceQuotasRequest, ListServicesRequest, RequestServiceQuotaIncreaseRequest, ops,
};
use harness::{Harness, text};

const VPCS: &str = "L-F678F1CE";

fn get(code: &str) -> GetServiceQuotaRequest {
    GetServiceQuotaRequest {
        service_code: "vpc".to_owned(),
        quota_code: code.to_owned(),
        ..Default::default()
    }
}

fn raise(to: f64) -> RequestServiceQuotaIncreaseRequest {
    RequestServiceQuotaIncreaseRequest {
        service_code: "vpc".to_owned(),
        quota_code: VPCS.to_owned(),
        desired_value: to,
        ..Default::default()
    }
}

fn vpc() -> CreateVpcRequest {
    CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() }
}

#[test]
fn a_raised_quota_takes_effect_at_once_in_its_account_and_region() {
    let mut h = Harness::new();
    for _ in 0..4 {
        h.ok::<ec2_ops::CreateVpc>(vpc());
    }
    h.message::<ec2_ops::CreateVpc>(
        vpc(),
        "VpcLimitExceeded",
        "The maximum number of VPCs has been reached.",
    );
    let requested = h.ok::<ops::RequestServiceQuotaIncrease>(raise(6.0)).requested_quota.unwrap();
    assert_eq!(requested.status.as_deref(), Some("APPROVED"));
    h.ok::<ec2_ops::CreateVpc>(vpc());
    h.code::<ec2_ops::CreateVpc>(vpc(), "VpcLimitExceeded");

    let applied = h.ok::<ops::GetServiceQuota>(get(VPCS)).quota.unwrap();
    assert_eq!((applied.value, applied.adjustable), (Some(6.0), Some(true)));
    assert_eq!(
        applied.quota_arn.as_deref(),
        Some("arn:aws:servicequotas:us-east-1:123456789012:vpc/L-F678F1CE")
    );
    let default =
        GetAWSDefaultServiceQuotaRequest { service_code: "vpc".to_owned(), quota_code: VPCS.to_owned() };
    let default = h.ok::<ops::GetAWSDefaultServiceQuota>(default).quota.unwrap();
    assert_eq!(default.value, Some(5.0));
    assert_eq!(default.quota_arn.as_deref(), Some("arn:aws:servicequotas:us-east-1::vpc/L-F678F1CE"));
    h.act_as("123456789012", "eu-west-1");
    assert_eq!(h.ok::<ops::GetServiceQuota>(get(VPCS)).quota.unwrap().value, Some(5.0));
}

#[test]
fn requests_are_checked_and_remembered() {
    let mut h = Harness::new();
    for to in [5.0, 4.0, f64::NAN] {
        h.message::<ops::RequestServiceQuotaIncrease>(
            raise(to),
            "IllegalArgumentException",
            "You must provide a quota value greater than the current quota value",
        );
    }
    let unknown = RequestServiceQuotaIncreaseRequest { quota_code: "L-00000000".to_owned(), ..raise(9.0) };
    h.code::<ops::RequestServiceQuotaIncrease>(unknown, "NoSuchResourceException");
    let id = h.ok::<ops::RequestServiceQuotaIncrease>(raise(9.0)).requested_quota.unwrap().id.unwrap();
    let input = GetRequestedServiceQuotaChangeRequest { request_id: id };
    let request = h.ok::<ops::GetRequestedServiceQuotaChange>(input).requested_quota.unwrap();
    assert_eq!((request.desired_value, request.quota_name.as_deref()), (Some(9.0), Some("VPCs per Region")));
    let all = h.ok::<ops::ListRequestedServiceQuotaChangeHistory>(
        ListRequestedServiceQuotaChangeHistoryRequest::default(),
    );
    assert_eq!(all.requested_quotas.unwrap().len(), 1);
    let pending = ListRequestedServiceQuotaChangeHistoryByQuotaRequest {
        service_code: "vpc".to_owned(),
        quota_code: VPCS.to_owned(),
        status: text("PENDING"),
        ..Default::default()
    };
    let pending = h.ok::<ops::ListRequestedServiceQuotaChangeHistoryByQuota>(pending);
    assert_eq!(pending.requested_quotas, Some(vec![]));
}

#[test]
fn services_and_quotas_are_listed_in_pages() {
    let mut h = Harness::new();
    let services = h.ok::<ops::ListServices>(ListServicesRequest::default()).services.unwrap();
    assert_eq!(services.len(), 6);
    let mut input = ListServiceQuotasRequest {
        service_code: "vpc".to_owned(),
        max_results: Some(4),
        ..Default::default()
    };
    let mut codes = Vec::new();
    loop {
        let page = h.ok::<ops::ListServiceQuotas>(input.clone());
        codes.extend(page.quotas.unwrap().into_iter().map(|quota| quota.quota_code.unwrap()));
        if page.next_token.is_none() {
            break;
        }
        input.next_token = page.next_token;
    }
    assert!(codes.len() > 10 && codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
    input.next_token = text("nonsense");
    h.code::<ops::ListServiceQuotas>(input, "InvalidPaginationTokenException");
    let input = ListServiceQuotasRequest { service_code: "s3".to_owned(), ..Default::default() };
    h.message::<ops::ListServiceQuotas>(
        input,
        "NoSuchResourceException",
        "The request failed because the specified service does not exist.",
    );
}
