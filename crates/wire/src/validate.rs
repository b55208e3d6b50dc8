//! The model's constraints, checked and worded as the framework behind AWS's Query and JSON services does.
//!
//! "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; Value ''
//! at …". EC2 has its own checks and words: see [`ec2_query`](crate::ec2_query).

use crate::fault::Fault;
use crate::schema::{Kind, Service, Shape, ShapeId};
use crate::value::Value;

/// Violations that one message lists at most.
const LISTED: usize = 10;

/// The code of what the model's constraints refuse in the JSON and CBOR protocols. CloudWatch Logs has the one it uses for
/// every wrong parameter; a service that came from awsQuery kept that protocol's.
pub(crate) fn code(service: &Service) -> &'static str {
    match service.name {
        "logs" => "InvalidParameterException",
        _ if service.query_compatible => "ValidationError",
        _ => "ValidationException",
    }
}

/// Checks a request's structure.
///
/// # Errors
/// The given code, with all violations in the message.
pub(crate) fn check(service: &Service, id: ShapeId, value: &Value, code: &'static str) -> Result<(), Fault> {
    let mut checker = Checker { service, path: String::new(), violations: Vec::new() };
    checker.shape(id, value);
    let count = checker.violations.len();
    if count == 0 {
        return Ok(());
    }
    let plural = if count == 1 { "error" } else { "errors" };
    let message = format!("{count} validation {plural} detected: {}", checker.violations.join("; "));
    Err(Fault::new(code, message))
}

struct Checker<'s> {
    service: &'s Service,
    path: String,
    violations: Vec<String>,
}

impl Checker<'_> {
    fn shape(&mut self, id: ShapeId, value: &Value) {
        let shape = self.service.shape(id);
        match (&shape.kind, value) {
            (Kind::Structure(structure), Value::Structure(members)) => {
                for (index, member) in structure.members.iter().enumerate() {
                    let found = members.iter().find(|(i, _)| usize::from(*i) == index);
                    match found {
                        Some((_, value)) => {
                            self.within(&lower_first(member.name), |c| c.shape(member.target, value))
                        }
                        None if member.required => {
                            self.within(&lower_first(member.name), |c| {
                                c.report("null", "Member must not be null")
                            });
                        }
                        None => {}
                    }
                }
            }
            (Kind::List(list), Value::List(items)) => {
                self.length(shape, items.len(), || "[…]".to_owned());
                for (at, item) in items.iter().enumerate() {
                    self.within(&format!("{}.member", at + 1), |c| c.shape(list.item, item));
                }
            }
            (Kind::Map(map), Value::Map(entries)) => {
                self.length(shape, entries.len(), || "{…}".to_owned());
                for (key, value) in entries {
                    self.within(&format!("{key}.member"), |c| c.shape(map.value, value));
                }
            }
            (Kind::String(values), Value::String(text)) => self.string(shape, values, text),
            (_, Value::Blob(blob)) => self.length(shape, blob.0.len(), || "…".to_owned()),
            (_, Value::Int(number)) => self.range(shape, *number as f64, &number.to_string()),
            (_, Value::Float(number)) => self.range(shape, *number, &number.to_string()),
            _ => {}
        }
    }

    fn string(&mut self, shape: &Shape, values: &[&str], text: &str) {
        if !values.is_empty() && !values.contains(&text) {
            self.report(
                &quoted(text),
                &format!("Member must satisfy enum value set: [{}]", values.join(", ")),
            );
        }
        self.length(shape, text.chars().count(), || text.to_owned());
    }

    fn length(&mut self, shape: &Shape, length: usize, shown: impl Fn() -> String) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        if let Some(min) = shape.min.filter(|min| length < *min) {
            self.report(
                &quoted(&shown()),
                &format!("Member must have length greater than or equal to {min}"),
            );
        }
        if let Some(max) = shape.max.filter(|max| length > *max) {
            self.report(&quoted(&shown()), &format!("Member must have length less than or equal to {max}"));
        }
    }

    fn range(&mut self, shape: &Shape, number: f64, shown: &str) {
        if let Some(min) = shape.min.filter(|min| number < *min as f64) {
            self.report(&quoted(shown), &format!("Member must have value greater than or equal to {min}"));
        }
        if let Some(max) = shape.max.filter(|max| number > *max as f64) {
            self.report(&quoted(shown), &format!("Member must have value less than or equal to {max}"));
        }
    }

    fn within(&mut self, step: &str, check: impl FnOnce(&mut Self)) {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        self.path.push_str(step);
        check(self);
        self.path.truncate(before);
    }

    fn report(&mut self, shown: &str, constraint: &str) {
        if self.violations.len() < LISTED {
            self.violations
                .push(format!("Value {shown} at '{}' failed to satisfy constraint: {constraint}", self.path));
        }
    }
}

/// The value in quotes, cut where it is long.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 256;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("'{}…'", &text[..at]),
        None => format!("'{text}'"),
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
