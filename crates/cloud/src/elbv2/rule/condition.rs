//! Conditions of rules.
//! [Condition types](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html)
//!
//! A rule has at most one each of `host-header`, `path-pattern`, `http-request-method` and `source-ip`, and any number of
//! `http-header` and `query-string`; five values and six wildcards in all. Host and path are answered in both the old form
//! (`Values`) and the new one, as AWS does.

use enishi_api::elbv2::{
    self as api, HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, QueryStringKeyValuePair, SourceIpConditionConfig,
};
use enishi_fabric::Cidr;
use enishi_state::elbv2::Condition;
use enishi_wire::Fault;

use super::super::{faults, text};

/// Values of all conditions of a rule at most.
pub(in super::super) const CONDITION_VALUES: usize = 5;
/// Wildcards of all conditions of a rule at most.
pub(in super::super) const CONDITION_WILDCARDS: usize = 6;
/// Characters of a pattern at most.
const PATTERN_LENGTH: usize = 128;
/// Characters of a header's name or a method at most.
const TOKEN_LENGTH: usize = 40;

/// The conditions of a request.
///
/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`
pub(super) fn parse(conditions: Vec<api::RuleCondition>) -> Result<Vec<Condition>, Fault> {
    if conditions.is_empty() {
        return Err(faults::validation_error("At least one condition must be specified"));
    }
    let parsed = conditions.into_iter().map(parse_one).collect::<Result<Vec<_>, _>>()?;
    let mut single: Vec<&str> = parsed.iter().map(field).filter(|field| is_single(field)).collect();
    single.sort_unstable();
    if let Some(field) =
        single.windows(2).find_map(|pair| pair.first().filter(|one| pair.last() == Some(*one)))
    {
        return Err(faults::invalid_configuration_request(format!(
            "A rule can only have one '{field}' condition"
        )));
    }
    let values: usize = parsed.iter().map(|condition| values(condition).len()).sum();
    if values > CONDITION_VALUES {
        return Err(faults::validation_error(format!(
            "A rule can only have '{CONDITION_VALUES}' condition values"
        )));
    }
    let wildcards: usize = parsed.iter().flat_map(wildcards_of).map(count_wildcards).sum();
    match wildcards > CONDITION_WILDCARDS {
        true => Err(faults::validation_error(format!(
            "A rule can only have '{CONDITION_WILDCARDS}' condition wildcards"
        ))),
        false => Ok(parsed),
    }
}

fn is_single(field: &str) -> bool {
    !matches!(field, "http-header" | "query-string")
}

/// AWS's name of the kind of condition.
fn field(condition: &Condition) -> &'static str {
    match condition {
        Condition::HostHeader { .. } => "host-header",
        Condition::PathPattern { .. } => "path-pattern",
        Condition::HttpHeader { .. } => "http-header",
        Condition::HttpRequestMethod(_) => "http-request-method",
        Condition::QueryString(_) => "query-string",
        Condition::SourceIp(_) => "source-ip",
    }
}

/// Everything that counts as a value.
fn values(condition: &Condition) -> Vec<&str> {
    match condition {
        Condition::HostHeader { values, regex }
        | Condition::PathPattern { values, regex }
        | Condition::HttpHeader { values, regex, .. } => {
            values.iter().chain(regex).map(String::as_str).collect()
        }
        Condition::HttpRequestMethod(values) | Condition::SourceIp(values) => {
            values.iter().map(String::as_str).collect()
        }
        Condition::QueryString(pairs) => pairs.iter().map(|(_, value)| value.as_str()).collect(),
    }
}

/// What wildcards can be in.
fn wildcards_of(condition: &Condition) -> Vec<&str> {
    match condition {
        Condition::HostHeader { values, .. }
        | Condition::PathPattern { values, .. }
        | Condition::HttpHeader { values, .. } => values.iter().map(String::as_str).collect(),
        Condition::HttpRequestMethod(_) | Condition::SourceIp(_) => vec![],
        Condition::QueryString(pairs) => {
            pairs.iter().flat_map(|(key, value)| key.as_deref().into_iter().chain([value.as_str()])).collect()
        }
    }
}

fn count_wildcards(value: &str) -> usize {
    let mut escaped = false;
    let counts = |character: char| {
        let is_wildcard = !escaped && matches!(character, '*' | '?');
        escaped = character == '\\' && !escaped;
        is_wildcard
    };
    value.chars().map(counts).filter(|is_wildcard| *is_wildcard).count()
}

fn parse_one(condition: api::RuleCondition) -> Result<Condition, Fault> {
    let field = condition.field.unwrap_or_default();
    let plain = Patterns { values: condition.values, regex: condition.regex_values };
    let only_config = |plain: Patterns| match plain.values.is_some() || plain.regex.is_some() {
        true => Err(faults::validation_error(format!(
            "The values of '{field}' conditions must be specified in their own config"
        ))),
        false => Ok(()),
    };
    match field.as_str() {
        "host-header" => {
            let config = condition.host_header_config.unwrap_or_default();
            let own = Patterns { values: config.values, regex: config.regex_values };
            let (values, regex) = plain.or(own, &field)?.check(&field, is_host_pattern)?;
            Ok(Condition::HostHeader { values, regex })
        }
        "path-pattern" => {
            let config = condition.path_pattern_config.unwrap_or_default();
            let own = Patterns { values: config.values, regex: config.regex_values };
            let (values, regex) = plain.or(own, &field)?.check(&field, is_path_pattern)?;
            Ok(Condition::PathPattern { values, regex })
        }
        "http-header" => {
            only_config(plain)?;
            parse_header(condition.http_header_config.unwrap_or_default())
        }
        "http-request-method" => {
            only_config(plain)?;
            let values = condition.http_request_method_config.unwrap_or_default().values;
            let own = Patterns { values, regex: None };
            let (values, _) = own.check(&field, is_method)?;
            Ok(Condition::HttpRequestMethod(values))
        }
        "query-string" => {
            only_config(plain)?;
            parse_query(condition.query_string_config.unwrap_or_default())
        }
        "source-ip" => {
            only_config(plain)?;
            parse_source(condition.source_ip_config.unwrap_or_default())
        }
        _ => Err(faults::validation_error(format!(
            "Condition field '{field}' must be one of '[path-pattern, host-header, http-header, http-request-method, \
             query-string, source-ip]'"
        ))),
    }
}

/// Wildcard patterns and regular expressions.
struct Patterns {
    values: Option<Vec<String>>,
    regex: Option<Vec<String>>,
}

impl Patterns {
    /// The patterns of the old form or, if it has none, of the new one.
    fn or(self, own: Patterns, field: &str) -> Result<Patterns, Fault> {
        let is_given = |patterns: &Patterns| patterns.values.is_some() || patterns.regex.is_some();
        match (is_given(&self), is_given(&own)) {
            (true, true) => Err(faults::validation_error(format!(
                "Only one of 'Values' and the config can be specified for '{field}' conditions"
            ))),
            (true, false) => Ok(self),
            (false, _) => Ok(own),
        }
    }

    /// Checks them; `fits` tells what a wildcard pattern may be.
    fn check(self, field: &str, fits: fn(&str) -> bool) -> Result<(Vec<String>, Vec<String>), Fault> {
        let values = self.values.unwrap_or_default();
        let regex = self.regex.unwrap_or_default();
        if values.is_empty() && regex.is_empty() {
            return Err(faults::validation_error(format!(
                "A value must be specified for '{field}' conditions"
            )));
        }
        if let Some(bad) = values.iter().find(|value| !fits(value)) {
            return Err(faults::validation_error(format!(
                "The value '{bad}' of the '{field}' condition is not valid"
            )));
        }
        if let Some(bad) = regex.iter().find(|value| !is_regex(value)) {
            return Err(faults::validation_error(format!(
                "The regex value '{bad}' of the '{field}' condition is not valid"
            )));
        }
        Ok((values, regex))
    }
}

fn is_short(value: &str) -> bool {
    !value.is_empty() && value.chars().count() <= PATTERN_LENGTH
}

fn is_host_pattern(value: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.*?:_".contains(&byte);
    is_short(value) && value.bytes().all(is_allowed)
}

fn is_path_pattern(value: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$/~\"'@:+&*?\\!(),;=%".contains(&byte);
    is_short(value) && value.bytes().all(is_allowed)
}

fn is_text_pattern(value: &str) -> bool {
    is_short(value) && value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn is_method(value: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_uppercase() || b"-_".contains(&byte);
    !value.is_empty() && value.len() <= TOKEN_LENGTH && value.bytes().all(is_allowed)
}

/// Whether it could be a regular expression; the engine that uses it compiles it.
pub(super) fn is_regex(value: &str) -> bool {
    is_short(value) && regex::Regex::new(value).is_ok()
}

fn parse_header(config: HttpHeaderConditionConfig) -> Result<Condition, Fault> {
    let name = config.http_header_name.unwrap_or_default();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > TOKEN_LENGTH || !name.bytes().all(is_token) {
        return Err(faults::validation_error(format!("The HTTP header name '{name}' is not valid")));
    }
    if name.eq_ignore_ascii_case("host") {
        return Err(faults::validation_error(
            "The HTTP header name cannot be 'host': use a 'host-header' condition instead",
        ));
    }
    let patterns = Patterns { values: config.values, regex: config.regex_values };
    let (values, regex) = patterns.check("http-header", is_text_pattern)?;
    Ok(Condition::HttpHeader { name, values, regex })
}

fn parse_query(config: QueryStringConditionConfig) -> Result<Condition, Fault> {
    let pairs = config.values.unwrap_or_default();
    if pairs.is_empty() {
        return Err(faults::validation_error("A value must be specified for 'query-string' conditions"));
    }
    let parse = |pair: QueryStringKeyValuePair| {
        let value = pair.value.unwrap_or_default();
        let key = pair.key.filter(|key| !key.is_empty());
        let fits = is_text_pattern(&value) && key.as_deref().is_none_or(is_text_pattern);
        match fits {
            true => Ok((key, value)),
            false => Err(faults::validation_error(format!(
                "The value '{value}' of the 'query-string' condition is not valid"
            ))),
        }
    };
    Ok(Condition::QueryString(pairs.into_iter().map(parse).collect::<Result<_, _>>()?))
}

fn parse_source(config: SourceIpConditionConfig) -> Result<Condition, Fault> {
    if config.ip_address_type.as_deref() == Some("ipv6") {
        return Err(faults::not_supported("IPv6 in 'source-ip' conditions is"));
    }
    let values = config.values.unwrap_or_default();
    if values.is_empty() {
        return Err(faults::validation_error("A value must be specified for 'source-ip' conditions"));
    }
    let is_ipv6 = |value: &str| {
        let (address, prefix) = value.split_once('/').unwrap_or((value, ""));
        address.parse::<std::net::Ipv6Addr>().is_ok() && prefix.parse::<u8>().is_ok_and(|bits| bits <= 128)
    };
    if let Some(ipv6) = values.iter().find(|value| is_ipv6(value)) {
        return Err(faults::not_supported(&format!("The IPv6 block '{ipv6}' of a 'source-ip' condition is")));
    }
    match values.iter().find(|value| !value.contains('/') || Cidr::parse_lenient(value).is_err()) {
        Some(bad) => Err(faults::validation_error(format!(
            "The value '{bad}' of the 'source-ip' condition must be in CIDR format"
        ))),
        None => Ok(Condition::SourceIp(values)),
    }
}

/// Conditions as responses show them.
pub(super) fn shapes(conditions: &[Condition]) -> Vec<api::RuleCondition> {
    conditions.iter().map(shape).collect()
}

fn shape(condition: &Condition) -> api::RuleCondition {
    let listed = |values: &Vec<String>| Some(values.clone()).filter(|values| !values.is_empty());
    let mut shape = api::RuleCondition { field: text(field(condition)), ..Default::default() };
    match condition {
        Condition::HostHeader { values, regex } => {
            shape.values = listed(values);
            shape.regex_values = listed(regex);
            shape.host_header_config =
                Some(HostHeaderConditionConfig { values: listed(values), regex_values: listed(regex) });
        }
        Condition::PathPattern { values, regex } => {
            shape.values = listed(values);
            shape.regex_values = listed(regex);
            shape.path_pattern_config =
                Some(PathPatternConditionConfig { values: listed(values), regex_values: listed(regex) });
        }
        Condition::HttpHeader { name, values, regex } => {
            shape.http_header_config = Some(HttpHeaderConditionConfig {
                http_header_name: text(name),
                values: listed(values),
                regex_values: listed(regex),
            });
        }
        Condition::HttpRequestMethod(values) => {
            shape.http_request_method_config =
                Some(HttpRequestMethodConditionConfig { values: listed(values) });
        }
        Condition::QueryString(pairs) => {
            let pair = |(key, value): &(Option<String>, String)| QueryStringKeyValuePair {
                key: key.clone(),
                value: text(value),
            };
            shape.query_string_config =
                Some(QueryStringConditionConfig { values: Some(pairs.iter().map(pair).collect()) });
        }
        Condition::SourceIp(values) => {
            shape.source_ip_config =
                Some(SourceIpConditionConfig { values: listed(values), ..Default::default() });
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_counted_unless_they_are_escaped() {
        assert_eq!(count_wildcards("/a*/?"), 2);
        assert_eq!(count_wildcards(r"/\*/\?"), 0);
        assert_eq!(count_wildcards(r"\\*"), 1);
    }

    #[test]
    fn patterns_have_their_alphabets() {
        assert!(is_host_pattern("*.example.com") && !is_host_pattern("a b") && !is_host_pattern(""));
        assert!(is_path_pattern("/img/*") && !is_path_pattern("/a b") && !is_path_pattern(&"a".repeat(129)));
        assert!(is_method("GET") && is_method("M-SEARCH") && !is_method("get"));
    }
}
