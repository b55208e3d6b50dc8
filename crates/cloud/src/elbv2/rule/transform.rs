//! Transforms of rules: what is changed of a request before it is forwarded.
//! [Transforms](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html)
//!
//! A rule has at most one of each type, with one rewrite: a regular expression and what its match becomes.

use enishi_api::elbv2::{
    self as api, HostHeaderRewriteConfig, RewriteConfig, RuleTransform, UrlRewriteConfig,
};
use enishi_state::elbv2::Rewrite;
use enishi_wire::Fault;

use super::super::faults;
use super::condition::is_regex;

/// Characters of a replacement at most.
const REPLACEMENT_LENGTH: usize = 1024;

/// The transforms of a request.
///
/// # Errors
/// `ValidationError`
pub(super) fn parse(transforms: Vec<RuleTransform>) -> Result<Vec<Rewrite>, Fault> {
    let parsed = transforms.into_iter().map(parse_one).collect::<Result<Vec<_>, _>>()?;
    let hosts = parsed.iter().filter(|rewrite| matches!(rewrite, Rewrite::HostHeader(..))).count();
    match hosts > 1 || parsed.len() - hosts > 1 {
        true => Err(faults::validation_error("A rule can only have one transform of each type")),
        false => Ok(parsed),
    }
}

fn parse_one(transform: RuleTransform) -> Result<Rewrite, Fault> {
    let RuleTransform { r#type, host_header_rewrite_config: host, url_rewrite_config: url } = transform;
    let lacks = || {
        faults::validation_error(format!("A config must be specified for transforms of type '{}'", r#type))
    };
    match (r#type.as_str(), host, url) {
        ("host-header-rewrite", Some(config), None) => {
            let (regex, replacement) = only(config.rewrites)?;
            Ok(Rewrite::HostHeader(regex, replacement))
        }
        ("url-rewrite", None, Some(config)) => {
            let (regex, replacement) = only(config.rewrites)?;
            Ok(Rewrite::Url(regex, replacement))
        }
        _ => Err(lacks()),
    }
}

/// The one rewrite of a transform.
fn only(rewrites: Option<Vec<RewriteConfig>>) -> Result<(String, String), Fault> {
    let mut rewrites = rewrites.unwrap_or_default();
    let Some(rewrite) = rewrites.pop().filter(|_| rewrites.is_empty()) else {
        return Err(faults::validation_error("Exactly one rewrite must be specified for a transform"));
    };
    let RewriteConfig { regex, replace } = rewrite;
    if !is_regex(&regex) {
        return Err(faults::validation_error(format!("The regex '{regex}' of the transform is not valid")));
    }
    let is_plain =
        replace.len() <= REPLACEMENT_LENGTH && replace.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    match is_plain {
        true => Ok((regex, replace)),
        false => Err(faults::validation_error("The replacement of the transform is not valid")),
    }
}

/// Transforms as responses show them.
pub(super) fn shapes(rewrites: &[Rewrite]) -> Vec<api::RuleTransform> {
    let configs = |regex: &String, replace: &String| {
        Some(vec![RewriteConfig { regex: regex.clone(), replace: replace.clone() }])
    };
    let shape = |rewrite: &Rewrite| match rewrite {
        Rewrite::HostHeader(regex, replace) => RuleTransform {
            r#type: "host-header-rewrite".to_owned(),
            host_header_rewrite_config: Some(HostHeaderRewriteConfig { rewrites: configs(regex, replace) }),
            url_rewrite_config: None,
        },
        Rewrite::Url(regex, replace) => RuleTransform {
            r#type: "url-rewrite".to_owned(),
            host_header_rewrite_config: None,
            url_rewrite_config: Some(UrlRewriteConfig { rewrites: configs(regex, replace) }),
        },
    };
    rewrites.iter().map(shape).collect()
}
