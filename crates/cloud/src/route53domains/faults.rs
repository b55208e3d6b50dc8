//! Every fault of Route 53 Domains.
//! [Common errors](https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53_Domains.html)

use enishi_api::route53domains::DuplicateRequest;
use enishi_state::AccountId;
use enishi_state::route53domains::{DomainId, OperationId};
use enishi_wire::Fault;

/// `InvalidInput`
pub(super) fn invalid_input(message: impl Into<String>) -> Fault {
    Fault::new("InvalidInput", message)
}

/// `InvalidInput`: what is wrong with the contacts, in brackets.
pub(super) fn invalid_contacts(problems: &[String]) -> Fault {
    invalid_input(format!("[{}]", problems.join(", ")))
}

/// `InvalidInput`: the account has no such domain. As reported from AWS in boto/boto3#1585.
pub(super) fn domain_not_found(domain: &str, account: &AccountId) -> Fault {
    invalid_input(format!("Domain {domain} not found in {account} account."))
}

/// `InvalidInput`: the account has no such operation.
pub(super) fn operation_not_found(id: &str) -> Fault {
    invalid_input(format!("Operation with ID {id} not found."))
}

/// `InvalidInput`: the name has no top-level domain. As reported from AWS in boto/boto3#872.
pub(super) fn single_label() -> Fault {
    invalid_input("Given domain name must contain more than 1 label")
}

/// `InvalidInput`: the domain belongs to somebody already.
pub(super) fn not_available(domain: &str) -> Fault {
    invalid_input(format!("The domain {domain} is not available for registration."))
}

/// `InvalidInput`: the marker is not one that was given out.
pub(super) fn invalid_marker() -> Fault {
    invalid_input("The marker is invalid.")
}

/// `UnsupportedTLD`
pub(super) fn unsupported_tld() -> Fault {
    Fault::new("UnsupportedTLD", "Amazon Route 53 does not support this top-level domain (TLD).")
}

/// `TLDRulesViolation`: what the registry demands and was not given, in brackets. As reported from AWS in
/// hashicorp/terraform-provider-aws#35597.
pub(super) fn tld_rules_violation(problems: &[String]) -> Fault {
    Fault::new("TLDRulesViolation", format!("[{}]", problems.join(", ")))
}

/// `DomainLimitExceeded`
pub(super) fn domain_limit_exceeded() -> Fault {
    Fault::new(
        "DomainLimitExceeded",
        "The number of domains has exceeded the allowed threshold for the account.",
    )
}

/// `DuplicateRequest`: the operation that is under way.
pub(super) fn duplicate_request(domain: &DomainId, operation: &OperationId) -> Fault {
    let detail = DuplicateRequest { request_id: Some(operation.to_string()), message: None };
    Fault::new("DuplicateRequest", format!("The request is already in progress for the domain {domain}."))
        .with_detail(detail)
}
