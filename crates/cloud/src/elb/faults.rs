//! Every fault of Classic Load Balancers.
//! [Errors of each operation](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_Operations.html)
//!
//! Words are AWS's where they are public knowledge: saltstack/salt#35730, hashicorp/terraform-provider-aws#12635,
//! kubernetes-sigs/cluster-api-provider-aws#1423, coldbrewcloud/coldbrew-cli#44, puppetlabs-toy-chest/puppetlabs-aws#229.

use std::fmt::Display;

use enishi_wire::Fault;

/// `ValidationError`
pub(super) fn validation_error(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message)
}

/// `InvalidConfigurationRequest`
pub(super) fn invalid_configuration_request(message: impl Into<String>) -> Fault {
    Fault::new("InvalidConfigurationRequest", message).with_status(409)
}

/// `InvalidConfigurationRequest` for what AWS has and Enishi does not.
pub(super) fn not_supported(what: impl Display) -> Fault {
    invalid_configuration_request(format!("{what} not supported by Enishi."))
}

/// `LoadBalancerNotFound`
pub(super) fn load_balancer_not_found(name: &str) -> Fault {
    Fault::new("LoadBalancerNotFound", format!("There is no ACTIVE Load Balancer named '{name}'"))
}

/// `DuplicateLoadBalancerName`
pub(super) fn duplicate_load_balancer_name(name: &str) -> Fault {
    Fault::new(
        "DuplicateLoadBalancerName",
        format!("Load Balancer named {name} already exists and it is configured with different parameters."),
    )
}

/// `TooManyLoadBalancers`
pub(super) fn too_many_load_balancers(limit: usize) -> Fault {
    Fault::new("TooManyLoadBalancers", format!("Exceeded quota of account: {limit} load balancers"))
}

/// `DuplicateListener`
pub(super) fn duplicate_listener(name: &str, port: u16) -> Fault {
    Fault::new(
        "DuplicateListener",
        format!(
            "A listener already exists for {name} with LoadBalancerPort {port}, but with a different InstancePort, Protocol, or SSLCertificateId"
        ),
    )
}

/// `ListenerNotFound`
pub(super) fn listener_not_found(name: &str, port: u16) -> Fault {
    Fault::new("ListenerNotFound", format!("There is no listener on port {port} of load balancer '{name}'"))
}

/// `CertificateNotFound`
pub(super) fn certificate_not_found(arn: &str) -> Fault {
    Fault::new("CertificateNotFound", format!("Server Certificate not found for the key: {arn}"))
}

/// `UnsupportedProtocol`
pub(super) fn unsupported_protocol() -> Fault {
    Fault::new("UnsupportedProtocol", "The specified protocol or signature version is not supported.")
}

/// `InvalidInstance`
pub(super) fn invalid_instance(id: &str) -> Fault {
    Fault::new("InvalidInstance", format!("Could not find EC2 instance {id}."))
}

/// `InvalidInstance`: it is not one of the load balancer's.
pub(super) fn not_registered(id: &str) -> Fault {
    Fault::new("InvalidInstance", format!("Could not find registered instance {id}."))
}

/// `SubnetNotFound`
pub(super) fn subnet_not_found(id: &str) -> Fault {
    Fault::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist"))
}

/// `InvalidSubnet`
pub(super) fn invalid_subnet(message: impl Into<String>) -> Fault {
    Fault::new("InvalidSubnet", message)
}

/// `InvalidSecurityGroup`
pub(super) fn invalid_security_group(message: impl Into<String>) -> Fault {
    Fault::new("InvalidSecurityGroup", message)
}

/// `InvalidScheme`
pub(super) fn invalid_scheme(scheme: &str) -> Fault {
    Fault::new(
        "InvalidScheme",
        format!("The scheme '{scheme}' is not valid: it must be internal or internet-facing"),
    )
}

/// `PolicyNotFound`
pub(super) fn policy_not_found(name: &str) -> Fault {
    Fault::new("PolicyNotFound", format!("There is no policy with name {name}"))
}

/// `PolicyTypeNotFound`
pub(super) fn policy_type_not_found(name: &str) -> Fault {
    Fault::new("PolicyTypeNotFound", format!("Policy type {name} not found"))
}

/// `DuplicatePolicyName`
pub(super) fn duplicate_policy_name(name: &str) -> Fault {
    Fault::new("DuplicatePolicyName", format!("A policy with name {name} already exists."))
}

/// `TooManyPolicies`
pub(super) fn too_many_policies(limit: usize) -> Fault {
    Fault::new("TooManyPolicies", format!("A load balancer can have at most {limit} policies."))
}

/// `LoadBalancerAttributeNotFound`
pub(super) fn attribute_not_found(key: &str) -> Fault {
    Fault::new("LoadBalancerAttributeNotFound", format!("The load balancer attribute {key} is not supported"))
}

/// `TooManyTags`
pub(super) fn too_many_tags(limit: usize) -> Fault {
    Fault::new("TooManyTags", format!("A load balancer can have at most {limit} tags."))
}

/// `DuplicateTagKeys`
pub(super) fn duplicate_tag_keys(key: &str) -> Fault {
    Fault::new("DuplicateTagKeys", format!("The tag key {key} was specified more than once."))
}

/// `InvalidInstance`: it is in another VPC.
pub(super) fn invalid_instance_vpc(id: &str) -> Fault {
    Fault::new("InvalidInstance", format!("EC2 instance {id} is not in the same VPC as ELB."))
}
