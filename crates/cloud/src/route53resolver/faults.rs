//! Every fault of Route 53 Resolver, with the numbers that AWS puts before its messages where they are public knowledge.
//! [Errors of each operation](https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53_Resolver.html)

use std::fmt::Display;

use enishi_api::route53resolver as api;
use enishi_wire::Fault;

/// What AWS's faults name in `ResourceType`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A resolver endpoint.
    Endpoint,
    /// A resolver rule.
    Rule,
    /// The association of a rule with a VPC.
    RuleAssociation,
    /// A query logging configuration.
    QueryLogConfig,
    /// The association of a query logging configuration with a VPC.
    QueryLogAssociation,
    /// A VPC.
    Vpc,
    /// An address of a resolver endpoint.
    IpAddress,
}

impl Kind {
    /// As messages begin with it.
    fn words(self) -> &'static str {
        match self {
            Kind::Endpoint => "Resolver Endpoint",
            Kind::Rule => "Resolver Rule",
            Kind::RuleAssociation => "Resolver Rule Association",
            Kind::QueryLogConfig => "Resolver Query Log Config",
            Kind::QueryLogAssociation => "Resolver Query Log Config Association",
            Kind::Vpc => "VPC",
            Kind::IpAddress => "IP Address",
        }
    }

    /// As `ResourceType` has it.
    fn resource_type(self) -> Option<String> {
        let name = match self {
            Kind::Endpoint => "resolver-endpoint",
            Kind::Rule => "resolver-rule",
            Kind::RuleAssociation => "resolver-rule-association",
            Kind::QueryLogConfig => "resolver-query-log-config",
            Kind::QueryLogAssociation => "resolver-query-log-config-association",
            Kind::Vpc => "vpc",
            Kind::IpAddress => "ip-address",
        };
        Some(name.to_owned())
    }
}

/// `InvalidParameterException`: the member `field` of the request is wrong.
pub(super) fn invalid_parameter(field: &str, message: impl Into<String>) -> Fault {
    let message = message.into();
    let detail =
        api::InvalidParameterException { message: message.clone(), field_name: Some(field.to_owned()) };
    Fault::new("InvalidParameterException", message).with_detail(detail)
}

/// `InvalidParameterException` for what AWS has and Enishi does not.
pub(super) fn not_supported(field: &str, what: &str) -> Fault {
    invalid_parameter(field, format!("{what} not supported by Enishi."))
}

/// `InvalidRequestException`: the request contradicts what is there.
pub(super) fn invalid_request(message: impl Into<String>) -> Fault {
    Fault::new("InvalidRequestException", message)
}

/// `InvalidNextTokenException`
pub(super) fn invalid_next_token() -> Fault {
    Fault::new("InvalidNextTokenException", "The value that you specified for NextToken isn't valid.")
}

/// `InvalidTagException`
pub(super) fn invalid_tag(message: impl Into<String>) -> Fault {
    Fault::new("InvalidTagException", message)
}

/// `ResourceNotFoundException`
pub(super) fn resource_not_found(kind: Kind, id: impl Display) -> Fault {
    let message = format!("{} with ID \"{id}\" does not exist.", kind.words());
    let detail = api::ResourceNotFoundException { message: None, resource_type: kind.resource_type() };
    Fault::new("ResourceNotFoundException", message).with_detail(detail)
}

/// `ResourceNotFoundException` for what has no id of its own.
pub(super) fn no_such(kind: Kind, message: impl Into<String>) -> Fault {
    let detail = api::ResourceNotFoundException { message: None, resource_type: kind.resource_type() };
    Fault::new("ResourceNotFoundException", message).with_detail(detail)
}

/// `ResourceExistsException`: a request of that name was carried out before.
pub(super) fn creator_request_exists(kind: Kind, id: &str) -> Fault {
    already_exists(kind, format!("{} with creator request id {id} already exists", kind.words()))
}

/// `ResourceExistsException`
pub(super) fn already_exists(kind: Kind, message: impl Into<String>) -> Fault {
    let detail = api::ResourceExistsException { message: None, resource_type: kind.resource_type() };
    Fault::new("ResourceExistsException", message).with_detail(detail)
}

/// `ResourceInUseException`
pub(super) fn resource_in_use(kind: Kind, message: impl Into<String>) -> Fault {
    let detail = api::ResourceInUseException { message: None, resource_type: kind.resource_type() };
    Fault::new("ResourceInUseException", message).with_detail(detail)
}

/// `ResourceUnavailableException`: it is on its way out.
pub(super) fn resource_unavailable(kind: Kind, id: impl Display) -> Fault {
    let message = format!("{} with ID \"{id}\" is being deleted.", kind.words());
    let detail = api::ResourceUnavailableException { message: None, resource_type: kind.resource_type() };
    Fault::new("ResourceUnavailableException", message).with_detail(detail)
}

/// `LimitExceededException` of an account.
pub(super) fn limit_exceeded(kind: Kind, message: impl Into<String>) -> Fault {
    let detail = api::LimitExceededException { message: None, resource_type: kind.resource_type() };
    Fault::new("LimitExceededException", message).with_detail(detail)
}

/// `LimitExceededException`: as many endpoints as the account may have.
pub(super) fn too_many_endpoints(account: impl Display) -> Fault {
    limit_exceeded(Kind::Endpoint, format!("[RSLVR-00309] Account '{account}' has exceeded 'max-endpoints'."))
}

/// `InvalidRequestException`: an endpoint has at least two addresses.
pub(super) fn too_few_addresses() -> Fault {
    invalid_request("[RSLVR-00400] Resolver endpoint need to have at least 2 IP addresses.")
}

/// `InvalidRequestException`: an address that an endpoint cannot have.
pub(super) fn address_not_in_subnet(ip: impl Display) -> Fault {
    invalid_request(format!("[RSLVR-00405] The IP address {ip} is not in subnet CIDR range or is reserved."))
}

/// `InvalidRequestException`: an endpoint is kept by its rules.
pub(super) fn endpoint_has_rules(rules: &[&str]) -> Fault {
    let list: Vec<String> = rules.iter().map(|id| format!("\"{id}\"")).collect();
    invalid_request(format!(
        "[RSLVR-00600] Cannot delete resolver endpoint unless its related resolver rules are deleted. The following \
         rules still exist for this resolver endpoint: {}",
        list.join(", ")
    ))
}

/// `InvalidRequestException`: one change of a rule at a time.
pub(super) fn rule_is_updating() -> Fault {
    invalid_request("[RSLVR-00705] Cannot update Resolver Rule because it's currently updating.")
}

/// `InvalidRequestException`: only AWS makes recursive rules.
pub(super) fn recursive_rule() -> Fault {
    invalid_request("[RSLVR-00718] Cannot create a rule with type RECURSIVE")
}

/// `InvalidRequestException`: a VPC has one rule for a domain.
pub(super) fn domain_is_taken(rule: impl Display) -> Fault {
    invalid_request(format!(
        "[RSLVR-00802] Cannot associate rules with same domain name with same VPC. Conflict with resolver rule \"{rule}\""
    ))
}

/// `InvalidRequestException`: the rule would send a VPC's queries back into its resolver.
pub(super) fn target_is_inbound_endpoint(rule: impl Display, vpc: impl Display) -> Fault {
    invalid_request(format!(
        "[RSLVR-00804] Cannot associate rule {rule} to VPC {vpc} because the VPC include an INBOUND resolver endpoints \
         with rule's target IP. Please try a different rule or update rule's target IP."
    ))
}
