//! Resource policies: what the policy of a bucket or of an account's log groups allows whom.
//! [Policy evaluation logic](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)
//!
//! A statement that denies wins; else one that allows does; else the policy says nothing. What a statement says beyond the
//! elements that are judged here is found by [`not_judged`], so that a service can refuse such a policy.

use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Principal<'a> {
    /// Nobody in particular.
    Anonymous,
    /// Somebody of an account.
    Account {
        /// The account's digits.
        account: &'a str,
        /// The ARN of the session, if it is one.
        session: Option<&'a str>,
    },
    /// One of the cloud's own services, under each of its names.
    Service {
        /// As `Service`: `route53.amazonaws.com`.
        names: &'a [&'a str],
        /// As `AWS`: accounts that it has worked under.
        accounts: &'a [&'a str],
    },
}

/// Who wants to do what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    /// Who.
    pub(crate) principal: Principal<'a>,
    /// `logs:CreateLogStream`
    pub(crate) action: &'a str,
    /// The ARN of what is used.
    pub(crate) resource: &'a str,
    /// The condition keys that the request has, in lower case, with their values.
    pub(crate) context: &'a [(&'a str, &'a str)],
}

/// What a policy says about an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A statement allows it, and none denies it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement is about it.
    Silent,
}

/// What a policy says about an access.
pub(crate) fn judge(policy: &Value, access: Access<'_>) -> Verdict {
    let mut verdict = Verdict::Silent;
    for statement in statements(policy).filter(|statement| concerns(statement, access)) {
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => verdict = Verdict::Allowed,
            _ => return Verdict::Denied,
        }
    }
    verdict
}

/// The statements of a policy.
pub(crate) fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    items(policy.get("Statement"))
}

/// The items of a list; a value that is none stands for a list of one.
pub(crate) fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (list, single) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        other => (Default::default(), other),
    };
    list.iter().chain(single)
}

/// The first thing in the policy that is not judged here, and so might mean what nobody obeys. `keys` are the condition
/// keys that accesses have, in lower case.
pub(crate) fn not_judged(policy: &Value, keys: &[&str]) -> Option<String> {
    statements(policy).find_map(|statement| {
        let Value::Object(members) = statement else { return None };
        if members.contains_key("NotPrincipal") {
            return Some("NotPrincipal".to_owned());
        }
        let Some(Value::Object(operators)) = members.get("Condition") else { return None };
        operators.iter().find_map(|(operator, conditions)| {
            if Operator::parse(operator).is_none() {
                return Some(operator.clone());
            }
            let Value::Object(conditions) = conditions else { return Some(operator.clone()) };
            conditions.keys().find(|key| !keys.contains(&key.to_ascii_lowercase().as_str())).cloned()
        })
    })
}

fn concerns(statement: &Value, access: Access<'_>) -> bool {
    let any = |member: &str, accepts: &dyn Fn(&str) -> bool| {
        items(statement.get(member)).filter_map(Value::as_str).any(accepts)
    };
    let named = |positive: &str, negative: &str, accepts: &dyn Fn(&str) -> bool| match statement.get(positive)
    {
        Some(_) => any(positive, accepts),
        None => statement.get(negative).is_some() && !any(negative, accepts),
    };
    let action = |pattern: &str| is_like(&pattern.to_ascii_lowercase(), &access.action.to_ascii_lowercase());
    let resource = |pattern: &str| is_like(pattern, access.resource);
    names(statement.get("Principal"), access.principal)
        && named("Action", "NotAction", &action)
        && named("Resource", "NotResource", &resource)
        && statement.get("Condition").is_none_or(|condition| holds(condition, access.context))
}

fn names(principals: Option<&Value>, principal: Principal<'_>) -> bool {
    let principals = match principals {
        Some(Value::String(everybody)) => return everybody == "*",
        Some(principals) => principals,
        None => return false,
    };
    let any = |kind: &str, accepts: &dyn Fn(&str) -> bool| {
        items(principals.get(kind)).filter_map(Value::as_str).any(|name| name == "*" || accepts(name))
    };
    match principal {
        Principal::Anonymous => any("AWS", &|_| false),
        Principal::Account { account, session } => {
            any("AWS", &|name| is_account(name, account) || session == Some(name))
        }
        Principal::Service { names, accounts } => {
            any("Service", &|name| names.contains(&name))
                || any("AWS", &|name| accounts.iter().any(|account| is_account(name, account)))
        }
    }
}

/// Whether a principal is the account: by its digits, or by the ARN of its root.
fn is_account(name: &str, account: &str) -> bool {
    let mut parts = name.split(':');
    let mut is_next = |expected: &dyn Fn(&str) -> bool| parts.next().is_some_and(expected);
    name == account
        || (is_next(&|part| part == "arn")
            && is_next(&|part| part.starts_with("aws"))
            && is_next(&|part| part == "iam")
            && is_next(&str::is_empty)
            && is_next(&|part| part == account)
            && is_next(&|part| part == "root"))
}

/// How a condition compares.
#[derive(Clone, Copy)]
struct Operator {
    comparison: Comparison,
    /// Whether it holds where nothing equals, rather than where something does.
    is_negated: bool,
    /// Whether it holds for requests without the key.
    holds_without: bool,
}

#[derive(Clone, Copy)]
enum Comparison {
    Equal,
    EqualIgnoreCase,
    Like,
    Absent,
}

impl Operator {
    fn parse(name: &str) -> Option<Self> {
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (comparison, is_negated) = match name {
            "StringEquals" => (Comparison::Equal, false),
            "StringNotEquals" => (Comparison::Equal, true),
            "StringEqualsIgnoreCase" | "Bool" => (Comparison::EqualIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Comparison::EqualIgnoreCase, true),
            "StringLike" | "ArnLike" | "ArnEquals" => (Comparison::Like, false),
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Comparison::Like, true),
            "Null" if !if_exists => (Comparison::Absent, false),
            _ => return None,
        };
        Some(Operator { comparison, is_negated, holds_without: if_exists || is_negated })
    }

    fn holds(self, wanted: &Value, value: Option<&str>) -> bool {
        let text = |wanted: &Value| match wanted {
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let any =
            |accepts: &dyn Fn(&str) -> bool| items(Some(wanted)).filter_map(text).any(|text| accepts(&text));
        if matches!(self.comparison, Comparison::Absent) {
            return any(&|wanted| wanted == if value.is_none() { "true" } else { "false" });
        }
        let Some(value) = value else { return self.holds_without };
        let equals = any(&|wanted| match self.comparison {
            Comparison::Equal | Comparison::Absent => wanted == value,
            Comparison::EqualIgnoreCase => wanted.eq_ignore_ascii_case(value),
            Comparison::Like => is_like(wanted, value),
        });
        equals != self.is_negated
    }
}

/// Whether all conditions hold; one of an unknown kind does not.
fn holds(condition: &Value, context: &[(&str, &str)]) -> bool {
    let Value::Object(operators) = condition else { return false };
    operators.iter().all(|(operator, keys)| {
        let (Some(operator), Value::Object(keys)) = (Operator::parse(operator), keys) else { return false };
        keys.iter().all(|(key, wanted)| {
            let key = key.to_ascii_lowercase();
            let value = context.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
            operator.holds(wanted, value)
        })
    })
}

/// Whether a text is like a pattern in which `*` stands for any characters and `?` for one.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last star was, and how far its characters go.
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(from) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((star_at, star_from)) => {
                    star = Some((star_at, star_from + 1));
                    (at, from) = (star_at + 1, star_from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}
