//! Every fault of Elastic Load Balancing v2: functions bear AWS's codes, messages are AWS's where they are public knowledge.
//! [Errors of each operation](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations_Elastic_Load_Balancing_version_2.html),
//! [Common errors](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html)

use std::fmt::Display;

use enishi_wire::Fault;

/// `ValidationError`: a parameter is wrong by itself.
pub(super) fn validation_error(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message)
}

/// `ValidationError`: a text that should be the ARN of a `noun`.
pub(super) fn invalid_arn(arn: &str, noun: &str) -> Fault {
    validation_error(format!("'{arn}' is not a valid {noun} ARN"))
}

/// `InvalidConfigurationRequest`: parameters that contradict each other or what is there.
pub(super) fn invalid_configuration_request(message: impl Into<String>) -> Fault {
    Fault::new("InvalidConfigurationRequest", message)
}

/// `InvalidConfigurationRequest` for what AWS has and Enishi does not: `what` with its verb.
pub(super) fn not_supported(what: &str) -> Fault {
    invalid_configuration_request(format!("{what} not supported by Enishi."))
}

/// `LoadBalancerNotFound`: of the load balancers that a request lists by ARN.
pub(super) fn load_balancers_not_found() -> Fault {
    Fault::new("LoadBalancerNotFound", "One or more load balancers not found")
}

/// `LoadBalancerNotFound`: of the load balancers that a request lists by name.
pub(super) fn load_balancer_names_not_found(names: &[String]) -> Fault {
    Fault::new("LoadBalancerNotFound", format!("Load balancers '[{}]' not found", names.join(", ")))
}

/// `LoadBalancerNotFound`
pub(super) fn load_balancer_not_found(arn: impl Display) -> Fault {
    Fault::new("LoadBalancerNotFound", format!("Load balancer '{arn}' not found"))
}

/// `DuplicateLoadBalancerName`
pub(super) fn duplicate_load_balancer_name(name: &str) -> Fault {
    Fault::new(
        "DuplicateLoadBalancerName",
        format!("A load balancer with the same name '{name}' exists, but with different settings"),
    )
}

/// `TooManyLoadBalancers`
pub(super) fn too_many_load_balancers(kind: &str, limit: usize) -> Fault {
    Fault::new(
        "TooManyLoadBalancers",
        format!("You have reached the maximum number of load balancers of type '{kind}': [{limit}]"),
    )
}

/// `OperationNotPermitted`
pub(super) fn operation_not_permitted(message: impl Into<String>) -> Fault {
    Fault::new("OperationNotPermitted", message)
}

/// `OperationNotPermitted`: the load balancer is protected.
pub(super) fn deletion_protection(arn: impl Display) -> Fault {
    operation_not_permitted(format!(
        "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
    ))
}

/// `ResourceInUse`
pub(super) fn resource_in_use(message: impl Into<String>) -> Fault {
    Fault::new("ResourceInUse", message)
}

/// `SubnetNotFound`
pub(super) fn subnet_not_found(id: &str) -> Fault {
    Fault::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist"))
}

/// `InvalidSubnet`
pub(super) fn invalid_subnet(message: impl Into<String>) -> Fault {
    Fault::new("InvalidSubnet", message)
}

/// `InvalidSubnet`: nothing from the internet gets into the VPC.
pub(super) fn no_internet_gateway(vpc: impl Display) -> Fault {
    invalid_subnet(format!("VPC {vpc} has no internet gateway"))
}

/// `InvalidSubnet`: the subnet is too full.
pub(super) fn not_enough_addresses(subnet: impl Display) -> Fault {
    invalid_subnet(format!(
        "Not enough IP space available in {subnet}. ELB requires at least 8 free IP addresses in each subnet."
    ))
}

/// `InvalidSecurityGroup`
pub(super) fn invalid_security_group(id: &str) -> Fault {
    Fault::new("InvalidSecurityGroup", format!("The security group ID '{id}' does not exist"))
}

/// `AllocationIdNotFound`
pub(super) fn allocation_id_not_found(id: &str) -> Fault {
    Fault::new("AllocationIdNotFound", format!("The allocation IDs '{id}' do not exist"))
}

/// `TargetGroupNotFound`: of the target groups that a request lists.
pub(super) fn target_groups_not_found() -> Fault {
    Fault::new("TargetGroupNotFound", "One or more target groups not found")
}

/// `TargetGroupNotFound`
pub(super) fn target_group_not_found(arn: impl Display) -> Fault {
    Fault::new("TargetGroupNotFound", format!("Target groups '{arn}' not found"))
}

/// `DuplicateTargetGroupName`
pub(super) fn duplicate_target_group_name(name: &str) -> Fault {
    Fault::new(
        "DuplicateTargetGroupName",
        format!("A target group with the same name '{name}' exists, but with different settings"),
    )
}

/// `TooManyTargetGroups`
pub(super) fn too_many_target_groups(message: impl Into<String>) -> Fault {
    Fault::new("TooManyTargetGroups", message)
}

/// `TooManyUniqueTargetGroupsPerLoadBalancer`
pub(super) fn too_many_unique_target_groups(kind: &str, limit: usize) -> Fault {
    Fault::new(
        "TooManyUniqueTargetGroupsPerLoadBalancer",
        format!(
            "You have reached the maximum number of unique target groups that you can associate with a load balancer of \
             type '{kind}': [{limit}]"
        ),
    )
}

/// `TargetGroupAssociationLimit`
pub(super) fn target_group_association_limit(arn: impl Display) -> Fault {
    Fault::new(
        "TargetGroupAssociationLimit",
        format!("The following target groups cannot be associated with more than one load balancer: {arn}"),
    )
}

/// `InvalidTarget`
pub(super) fn invalid_target(message: impl Into<String>) -> Fault {
    Fault::new("InvalidTarget", message)
}

/// `TooManyTargets`
pub(super) fn too_many_targets(message: impl Into<String>) -> Fault {
    Fault::new("TooManyTargets", message)
}

/// `ListenerNotFound`: of the listeners that a request lists.
pub(super) fn listeners_not_found() -> Fault {
    Fault::new("ListenerNotFound", "One or more listeners not found")
}

/// `ListenerNotFound`
pub(super) fn listener_not_found(arn: impl Display) -> Fault {
    Fault::new("ListenerNotFound", format!("Listener '{arn}' not found"))
}

/// `DuplicateListener`
pub(super) fn duplicate_listener(balancer: impl Display) -> Fault {
    Fault::new(
        "DuplicateListener",
        format!("A listener already exists on this port for this load balancer '{balancer}'"),
    )
}

/// `TooManyListeners`
pub(super) fn too_many_listeners(limit: usize) -> Fault {
    Fault::new(
        "TooManyListeners",
        format!("You have reached the maximum number of listeners per load balancer: [{limit}]"),
    )
}

/// `IncompatibleProtocols`
pub(super) fn incompatible_protocols(group: impl Display, listener: &str, target: &str) -> Fault {
    Fault::new(
        "IncompatibleProtocols",
        format!(
            "The listener and its associated target group '{group}' have incompatible protocols: '{listener}' and \
             '{target}'"
        ),
    )
}

/// `SSLPolicyNotFound`
pub(super) fn ssl_policy_not_found(name: &str) -> Fault {
    Fault::new("SSLPolicyNotFound", format!("SSL policy '{name}' not found"))
}

/// `ALPNPolicyNotFound`
pub(super) fn alpn_policy_not_found(name: &str) -> Fault {
    Fault::new("ALPNPolicyNotFound", format!("ALPN policy '{name}' not found"))
}

/// `CertificateNotFound`
pub(super) fn certificate_not_found(arn: &str) -> Fault {
    Fault::new("CertificateNotFound", format!("Certificate '{arn}' not found"))
}

/// `TooManyActions`
pub(super) fn too_many_actions() -> Fault {
    Fault::new("TooManyActions", "You have reached the maximum number of actions per rule")
}

/// `InvalidLoadBalancerAction`
pub(super) fn invalid_load_balancer_action(message: impl Into<String>) -> Fault {
    Fault::new("InvalidLoadBalancerAction", message)
}

/// `TooManyTags`
pub(super) fn too_many_tags(limit: usize) -> Fault {
    Fault::new("TooManyTags", format!("The maximum number of tags per resource is {limit}"))
}

/// `DuplicateTagKeys`
pub(super) fn duplicate_tag_keys(key: &str) -> Fault {
    Fault::new("DuplicateTagKeys", format!("Tag key '{key}' was specified more than once"))
}

/// `RuleNotFound`: of the rules that a request lists.
pub(super) fn rules_not_found() -> Fault {
    Fault::new("RuleNotFound", "One or more rules not found")
}

/// `TrustStoreNotFound`
pub(super) fn trust_store_not_found(arn: impl Display) -> Fault {
    Fault::new("TrustStoreNotFound", format!("Trust store '{arn}' not found"))
}

/// `TooManyCertificates`
pub(super) fn too_many_certificates(limit: usize) -> Fault {
    Fault::new(
        "TooManyCertificates",
        format!("You have reached the maximum number of certificates per load balancer: [{limit}]"),
    )
}

/// `TooManyRules`
pub(super) fn too_many_rules(limit: usize) -> Fault {
    Fault::new(
        "TooManyRules",
        format!("You have reached the maximum number of rules per load balancer: [{limit}]"),
    )
}

/// `PriorityInUse`
pub(super) fn priority_in_use(priority: u32) -> Fault {
    Fault::new("PriorityInUse", format!("Priority '{priority}' is currently in use"))
}

/// `UnsupportedProtocol`
pub(super) fn unsupported_protocol(message: impl Into<String>) -> Fault {
    Fault::new("UnsupportedProtocol", message)
}

/// `UnsupportedCertificate`: it is not issued yet, or has expired.
pub(super) fn unsupported_certificate(arn: &str) -> Fault {
    Fault::new(
        "UnsupportedCertificate",
        format!(
            "The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key size."
        ),
    )
}

/// `DuplicateTrustStoreName`
pub(super) fn duplicate_trust_store_name(name: &str) -> Fault {
    Fault::new("DuplicateTrustStoreName", format!("A trust store with the same name '{name}' exists"))
}

/// `TrustStoreInUse`
pub(super) fn trust_store_in_use(arn: impl Display) -> Fault {
    Fault::new("TrustStoreInUse", format!("Trust store '{arn}' is currently in use by a listener"))
}

/// `CaCertificatesBundleNotFound`
pub(super) fn ca_certificates_bundle_not_found() -> Fault {
    Fault::new("CaCertificatesBundleNotFound", "The CA certificates bundle does not exist or cannot be read")
}

/// `InvalidCaCertificatesBundle`
pub(super) fn invalid_ca_certificates_bundle(message: impl Into<String>) -> Fault {
    Fault::new("InvalidCaCertificatesBundle", message)
}

/// `RevocationContentNotFound`
pub(super) fn revocation_content_not_found() -> Fault {
    Fault::new("RevocationContentNotFound", "The revocation content does not exist or cannot be read")
}

/// `InvalidRevocationContent`
pub(super) fn invalid_revocation_content() -> Fault {
    Fault::new(
        "InvalidRevocationContent",
        "The revocation content is not a valid certificate revocation list",
    )
}

/// `RevocationIdNotFound`
pub(super) fn revocation_id_not_found(id: i64) -> Fault {
    Fault::new("RevocationIdNotFound", format!("Revocation ID '{id}' not found"))
}

/// `TooManyTrustStoreRevocationEntries`
pub(super) fn too_many_trust_store_revocation_entries(limit: usize) -> Fault {
    Fault::new(
        "TooManyTrustStoreRevocationEntries",
        format!("You have reached the maximum number of revocation lists per trust store: [{limit}]"),
    )
}
