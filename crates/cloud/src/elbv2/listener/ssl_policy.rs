//! Security policies: `DescribeSSLPolicies`.
//! [Security policies for Application Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html),
//! [for Network Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html)
//!
//! Policies are AWS's own and the same for everyone: a set of protocols, and a set of ciphers in the order of preference. What
//! an engine cannot speak of it (TLS before 1.2, ciphers without forward secrecy) it does not negotiate.

use enishi_api::elbv2::{Cipher, DescribeSSLPoliciesInput, DescribeSSLPoliciesOutput, SslPolicy, ops};
use enishi_state::Read;
use enishi_wire::Fault;

use super::super::page::page;
use super::super::{faults, text};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeSSLPolicies>(describe_ssl_policies);
}

/// A policy: its name, its protocols, and the parts of its ciphers.
struct Policy {
    name: &'static str,
    protocols: &'static [&'static str],
    ciphers: &'static [&'static [Suite]],
}

/// A cipher, and its place in every policy that has it.
type Suite = (u8, &'static str);

const TLS_1_3: &[&str] = &["TLSv1.3"];
const TLS_1_2_AND_1_3: &[&str] = &["TLSv1.2", "TLSv1.3"];
const TLS_1_1_TO_1_3: &[&str] = &["TLSv1.1", "TLSv1.2", "TLSv1.3"];
const TLS_1_0_TO_1_3: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
const TLS_1_2: &[&str] = &["TLSv1.2"];
const TLS_1_1_TO_1_2: &[&str] = &["TLSv1.1", "TLSv1.2"];
const TLS_1_0_TO_1_2: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2"];

/// TLS 1.3.
const AEAD: &[Suite] = &[(1, "TLS_AES_128_GCM_SHA256"), (2, "TLS_AES_256_GCM_SHA384")];
/// TLS 1.3, not of FIPS.
const CHACHA: &[Suite] = &[(3, "TLS_CHACHA20_POLY1305_SHA256")];
/// Forward secrecy, authenticated encryption.
const EPHEMERAL_GCM: &[Suite] = &[
    (4, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (5, "ECDHE-RSA-AES128-GCM-SHA256"),
    (10, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (11, "ECDHE-RSA-AES256-GCM-SHA384"),
];
/// Forward secrecy, block ciphers with SHA-2.
const EPHEMERAL_SHA2: &[Suite] = &[
    (6, "ECDHE-ECDSA-AES128-SHA256"),
    (7, "ECDHE-RSA-AES128-SHA256"),
    (12, "ECDHE-ECDSA-AES256-SHA384"),
    (13, "ECDHE-RSA-AES256-SHA384"),
];
/// Forward secrecy, block ciphers with SHA-1.
const EPHEMERAL_SHA1: &[Suite] = &[
    (8, "ECDHE-ECDSA-AES128-SHA"),
    (9, "ECDHE-RSA-AES128-SHA"),
    (14, "ECDHE-RSA-AES256-SHA"),
    (15, "ECDHE-ECDSA-AES256-SHA"),
];
/// No forward secrecy, SHA-2.
const STATIC_SHA2: &[Suite] =
    &[(16, "AES128-GCM-SHA256"), (17, "AES128-SHA256"), (19, "AES256-GCM-SHA384"), (20, "AES256-SHA256")];
/// No forward secrecy, SHA-1.
const STATIC_SHA1: &[Suite] = &[(18, "AES128-SHA"), (21, "AES256-SHA")];
/// Weak.
const TRIPLE_DES: &[Suite] = &[(22, "DES-CBC3-SHA")];

const OLD: &[&[Suite]] = &[EPHEMERAL_GCM, EPHEMERAL_SHA2, EPHEMERAL_SHA1, STATIC_SHA2, STATIC_SHA1];
const FORWARD: &[&[Suite]] = &[EPHEMERAL_GCM, EPHEMERAL_SHA2, EPHEMERAL_SHA1];
const ALL: &[&[Suite]] =
    &[AEAD, CHACHA, EPHEMERAL_GCM, EPHEMERAL_SHA2, EPHEMERAL_SHA1, STATIC_SHA2, STATIC_SHA1];
const FIPS: &[&[Suite]] = &[AEAD, EPHEMERAL_GCM, EPHEMERAL_SHA2, EPHEMERAL_SHA1, STATIC_SHA2, STATIC_SHA1];

const fn policy(
    name: &'static str,
    protocols: &'static [&'static str],
    ciphers: &'static [&'static [Suite]],
) -> Policy {
    Policy { name, protocols, ciphers }
}

const POLICIES: &[Policy] = &[
    policy("ELBSecurityPolicy-2016-08", TLS_1_0_TO_1_2, OLD),
    policy(
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
        TLS_1_2_AND_1_3,
        &[AEAD, CHACHA, EPHEMERAL_GCM, EPHEMERAL_SHA2],
    ),
    policy("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", TLS_1_2_AND_1_3, &[AEAD, CHACHA, EPHEMERAL_GCM]),
    policy(
        "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06",
        TLS_1_2_AND_1_3,
        &[AEAD, CHACHA, EPHEMERAL_GCM, EPHEMERAL_SHA2, STATIC_SHA2],
    ),
    policy("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", TLS_1_2_AND_1_3, ALL),
    policy("ELBSecurityPolicy-TLS13-1-1-2021-06", TLS_1_1_TO_1_3, ALL),
    policy("ELBSecurityPolicy-TLS13-1-0-2021-06", TLS_1_0_TO_1_3, ALL),
    policy("ELBSecurityPolicy-TLS13-1-3-2021-06", TLS_1_3, &[AEAD, CHACHA]),
    policy("ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", TLS_1_3, &[AEAD]),
    policy(
        "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04",
        TLS_1_2_AND_1_3,
        &[AEAD, EPHEMERAL_GCM, EPHEMERAL_SHA2],
    ),
    policy("ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", TLS_1_2_AND_1_3, &[AEAD, EPHEMERAL_GCM]),
    policy(
        "ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04",
        TLS_1_2_AND_1_3,
        &[AEAD, EPHEMERAL_GCM, EPHEMERAL_SHA2, EPHEMERAL_SHA1],
    ),
    policy(
        "ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-2023-04",
        TLS_1_2_AND_1_3,
        &[AEAD, EPHEMERAL_GCM, EPHEMERAL_SHA2, STATIC_SHA2],
    ),
    policy("ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-2023-04", TLS_1_2_AND_1_3, FIPS),
    policy("ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04", TLS_1_1_TO_1_3, FIPS),
    policy("ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04", TLS_1_0_TO_1_3, FIPS),
    policy("ELBSecurityPolicy-TLS-1-2-2017-01", TLS_1_2, &[EPHEMERAL_GCM, EPHEMERAL_SHA2, STATIC_SHA2]),
    policy("ELBSecurityPolicy-TLS-1-1-2017-01", TLS_1_1_TO_1_2, OLD),
    policy("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", TLS_1_2, OLD),
    policy("ELBSecurityPolicy-FS-2018-06", TLS_1_0_TO_1_2, FORWARD),
    policy("ELBSecurityPolicy-2015-05", TLS_1_0_TO_1_2, OLD),
    policy(
        "ELBSecurityPolicy-TLS-1-0-2015-04",
        TLS_1_0_TO_1_2,
        &[EPHEMERAL_GCM, EPHEMERAL_SHA2, EPHEMERAL_SHA1, STATIC_SHA2, STATIC_SHA1, TRIPLE_DES],
    ),
    policy("ELBSecurityPolicy-FS-1-2-Res-2019-08", TLS_1_2, &[EPHEMERAL_GCM, EPHEMERAL_SHA2]),
    policy("ELBSecurityPolicy-FS-1-1-2019-08", TLS_1_1_TO_1_2, FORWARD),
    policy("ELBSecurityPolicy-FS-1-2-2019-08", TLS_1_2, FORWARD),
    policy("ELBSecurityPolicy-FS-1-2-Res-2020-10", TLS_1_2, &[EPHEMERAL_GCM]),
];

/// Refuses a policy that there is not.
///
/// # Errors
/// `SSLPolicyNotFound`
pub(super) fn check(name: &str) -> Result<(), Fault> {
    match POLICIES.iter().any(|policy| policy.name == name) {
        true => Ok(()),
        false => Err(faults::ssl_policy_not_found(name)),
    }
}

fn shape(policy: &Policy) -> SslPolicy {
    let mut suites: Vec<Suite> = policy.ciphers.concat();
    suites.sort_unstable();
    let cipher = |(priority, (_, name)): (i32, &Suite)| Cipher { name: text(name), priority: Some(priority) };
    SslPolicy {
        ssl_protocols: Some(policy.protocols.iter().map(|name| (*name).to_owned()).collect()),
        ciphers: Some((1..).zip(&suites).map(cipher).collect()),
        name: text(policy.name),
        supported_load_balancer_types: Some(vec!["application".to_owned(), "network".to_owned()]),
    }
}

fn describe_ssl_policies(
    _: &Read<'_>,
    input: DescribeSSLPoliciesInput,
) -> Result<DescribeSSLPoliciesOutput, Fault> {
    let names = input.names.unwrap_or_default();
    names.iter().try_for_each(|name| check(name))?;
    let is_wanted = |policy: &&Policy| names.is_empty() || names.iter().any(|name| name == policy.name);
    let policies: Vec<&Policy> = match input.load_balancer_type.as_deref() {
        Some("gateway") => vec![],
        _ => POLICIES.iter().filter(is_wanted).collect(),
    };
    let id = |policy: &&Policy| policy.name.to_owned();
    let (policies, next_marker) = page(policies, input.page_size, input.marker.as_deref(), id)?;
    Ok(DescribeSSLPoliciesOutput {
        ssl_policies: Some(policies.into_iter().map(shape).collect()),
        next_marker,
    })
}
