//! The types of policies, and AWS's own negotiation policies.
//! [Predefined SSL security policies](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-security-policy-table.html)

use enishi_api::elb::{
    DescribeLoadBalancerPolicyTypesInput, DescribeLoadBalancerPolicyTypesOutput,
    PolicyAttributeTypeDescription, PolicyTypeDescription, ops,
};
use enishi_state::Read;
use enishi_state::elb::{Policy, PolicyKind};
use enishi_wire::Fault;

use super::{faults, text};
use crate::registry::Registry;

/// The negotiation policy of a secure listener that has no other.
pub(super) const DEFAULT_NEGOTIATION: &str = "ELBSecurityPolicy-2016-08";

/// The attribute that makes a policy like one of AWS's own.
pub(super) const REFERENCE: &str = "Reference-Security-Policy";

/// AWS's own negotiation policies: which old versions of TLS they have besides 1.2, and whether they have ciphers with SHA-1.
const PREDEFINED: [(&str, &[&str], bool); 4] = [
    (DEFAULT_NEGOTIATION, &["Protocol-TLSv1", "Protocol-TLSv1.1"], true),
    ("ELBSecurityPolicy-TLS-1-2-2017-01", &[], false),
    ("ELBSecurityPolicy-TLS-1-1-2017-01", &["Protocol-TLSv1.1"], true),
    ("ELBSecurityPolicy-2015-05", &["Protocol-TLSv1", "Protocol-TLSv1.1"], true),
];

const CIPHERS: [&str; 12] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
];

const SHA_1_CIPHERS: [&str; 6] = [
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "AES128-SHA",
    "AES256-SHA",
];

/// An attribute of a type: name, kind of value, default, how often.
type Attribute = (&'static str, &'static str, Option<&'static str>, &'static str);

/// A type: its name, what it is for, its attributes.
const TYPES: [(&str, &str, &[Attribute]); 4] = [
    (
        "AppCookieStickinessPolicyType",
        "Stickiness policy with session lifetimes controlled by the lifetime of the application-generated cookie. This policy \
         can be associated only with HTTP/HTTPS listeners.",
        &[("CookieName", "String", None, "ONE")],
    ),
    (
        "LBCookieStickinessPolicyType",
        "Stickiness policy with session lifetimes controlled by the browser (user-agent) or a specified expiration period. \
         This policy can be associated only with HTTP/HTTPS listeners.",
        &[("CookieExpirationPeriod", "Long", None, "ZERO_OR_ONE")],
    ),
    (
        "ProxyProtocolPolicyType",
        "Policy that controls whether to include the IP address and port of the originating request for TCP messages. This \
         policy operates on TCP/SSL listeners only",
        &[("ProxyProtocol", "Boolean", None, "ONE")],
    ),
    (
        "SSLNegotiationPolicyType",
        "Listener policy that defines the ciphers and protocols that will be accepted by the load balancer. This policy can \
         be associated only with HTTPS/SSL listeners.",
        &[(REFERENCE, "String", None, "ZERO_OR_ONE")],
    ),
];

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeLoadBalancerPolicyTypes>(describe_load_balancer_policy_types);
}

/// A policy that is like one of AWS's own, whose name is known.
pub(super) fn negotiation(reference: &str) -> Policy {
    let found = PREDEFINED.iter().find(|(name, ..)| *name == reference);
    let (old, has_sha_1) = found.map_or((&[] as &[&str], false), |(_, old, has_sha_1)| (*old, *has_sha_1));
    let on = |name: &&str| ((*name).to_owned(), "true".to_owned());
    let mut attributes = vec![(REFERENCE.to_owned(), reference.to_owned())];
    attributes.extend(old.iter().chain(&["Protocol-TLSv1.2", "Server-Defined-Cipher-Order"]).map(on));
    attributes.extend(CIPHERS.iter().map(on));
    attributes.extend(SHA_1_CIPHERS.iter().filter(|_| has_sha_1).map(on));
    Policy { kind: PolicyKind::SslNegotiation { reference: Some(reference.to_owned()) }, attributes }
}

/// Whether AWS has a negotiation policy of that name.
pub(super) fn is_predefined(name: &str) -> bool {
    PREDEFINED.iter().any(|(known, ..)| *known == name)
}

/// AWS's own negotiation policies.
pub(super) fn predefined() -> impl Iterator<Item = (&'static str, Policy)> {
    PREDEFINED.iter().map(|(name, ..)| (*name, negotiation(name)))
}

fn describe_load_balancer_policy_types(
    _: &Read<'_>,
    input: DescribeLoadBalancerPolicyTypesInput,
) -> Result<DescribeLoadBalancerPolicyTypesOutput, Fault> {
    let wanted = input.policy_type_names.unwrap_or_default();
    let is_known = |name: &str| TYPES.iter().any(|(known, ..)| *known == name);
    if let Some(unknown) = wanted.iter().find(|name| !is_known(name)) {
        return Err(faults::policy_type_not_found(unknown));
    }
    let types = TYPES.iter().filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|one| one == name));
    let types = types.map(|(name, description, attributes)| PolicyTypeDescription {
        policy_type_name: text(name),
        description: text(description),
        policy_attribute_type_descriptions: Some(attributes.iter().map(attribute).collect()),
    });
    Ok(DescribeLoadBalancerPolicyTypesOutput { policy_type_descriptions: Some(types.collect()) })
}

fn attribute((name, kind, default, cardinality): &Attribute) -> PolicyAttributeTypeDescription {
    PolicyAttributeTypeDescription {
        attribute_name: text(name),
        attribute_type: text(kind),
        description: None,
        default_value: default.map(str::to_owned),
        cardinality: text(cardinality),
    }
}
