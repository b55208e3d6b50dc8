//! Metric math: expressions over time series.
//! [Using metric math](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html)
//!
//! Arithmetic, comparison, `AND`, `OR`, lists, and these functions: `ABS AVG CEIL DATAPOINT_COUNT DIFF DIFF_TIME EPOCH FILL
//! FIRST FLOOR HOUR IF LAST LOG LOG10 MAX METRICS METRIC_COUNT MIN MINUTE PERIOD RATE REMOVE_EMPTY RUNNING_SUM STDDEV SUM
//! TIME_SERIES`. Others, `SEARCH`, `ANOMALY_DETECTION_BAND` and Metrics Insights are refused.
//!
//! A point whose value would be no number (a division by zero) is left out.

mod function;
mod parser;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use parser::Expression;
use parser::{Node, Operator};

/// Points of one result at most.
const POINTS: i64 = 100_800;

/// A time series: values by the start of their period, in seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    /// Seconds of a period.
    pub(super) period: u32,
    /// The values.
    pub(super) points: BTreeMap<i64, f64>,
}

/// What an expression is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A number.
    Number(f64),
    /// Text, an argument of a few functions.
    Text(String),
    /// A time series.
    Line(Line),
    /// Several, each with the id or label that it came by.
    Lines(Vec<(String, Line)>),
}

/// The time that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// The start of the first period, in seconds since 1970.
    pub(super) start: i64,
    /// The end, which no period reaches.
    pub(super) end: i64,
}

impl Range {
    /// The start of every period.
    fn starts(self, period: u32) -> Result<impl Iterator<Item = i64> + Clone, String> {
        let period = i64::from(period.max(1));
        if (self.end - self.start).div_euclid(period) > POINTS {
            return Err("the time range has too many periods to be filled".to_owned());
        }
        let count = (self.end - self.start).max(0);
        Ok((0..(count + period - 1).div_euclid(period)).map(move |number| self.start + number * period))
    }
}

/// What names in an expression stand for.
pub(super) struct Scope<'s> {
    /// Results by id.
    pub(super) values: &'s BTreeMap<String, Value>,
    /// The ids of metrics, which `METRICS()` is all of.
    pub(super) metrics: &'s [String],
    /// The time of the request.
    pub(super) range: Range,
}

/// Computes an expression.
///
/// # Errors
/// Why it cannot be, in words.
pub(super) fn evaluate(expression: &Expression, scope: &Scope<'_>) -> Result<Value, String> {
    node(&expression.root, scope)
}

fn node(expression: &Node, scope: &Scope<'_>) -> Result<Value, String> {
    match expression {
        Node::Number(number) => Ok(Value::Number(*number)),
        Node::Text(text) => Ok(Value::Text(text.clone())),
        Node::Name(name) => {
            scope.values.get(name).cloned().ok_or_else(|| format!("{name} is no id of a query"))
        }
        Node::List(items) => {
            let mut lines = Vec::new();
            for item in items {
                let name = if let Node::Name(name) = item { name.clone() } else { String::new() };
                match node(item, scope)? {
                    Value::Line(line) => lines.push((name, line)),
                    Value::Lines(more) => lines.extend(more),
                    _ => return Err("a list has time series only".to_owned()),
                }
            }
            Ok(Value::Lines(lines))
        }
        Node::Negative(inner) => map(node(inner, scope)?, |value| -value),
        Node::Operation(operator, left, right) => {
            combine(node(left, scope)?, node(right, scope)?, |left, right| apply(*operator, left, right))
        }
        Node::Call(name, arguments) => {
            let values: Result<Vec<Value>, String> = arguments.iter().map(|one| node(one, scope)).collect();
            function::call(name, values?, scope)
        }
    }
}

fn apply(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |is_true: bool| if is_true { 1.0 } else { 0.0 };
    match operator {
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Times => left * right,
        Operator::Over => left / right,
        Operator::Power => left.powf(right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Or => truth(left != 0.0 || right != 0.0),
    }
}

/// Every value on its own.
fn map(value: Value, change: impl Fn(f64) -> f64 + Copy) -> Result<Value, String> {
    Ok(match value {
        Value::Number(number) => Value::Number(change(number)),
        Value::Line(line) => Value::Line(mapped(line, change)),
        Value::Lines(lines) => {
            Value::Lines(lines.into_iter().map(|(name, line)| (name, mapped(line, change))).collect())
        }
        Value::Text(_) => return Err("text is no number".to_owned()),
    })
}

fn mapped(line: Line, change: impl Fn(f64) -> f64) -> Line {
    let points = line.points.into_iter().map(|(at, value)| (at, change(value)));
    Line { period: line.period, points: points.filter(|(_, value)| value.is_finite()).collect() }
}

/// Two values, point by point: of two time series those that both have.
fn combine(left: Value, right: Value, with: impl Fn(f64, f64) -> f64 + Copy) -> Result<Value, String> {
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(with(left, right)),
        (Value::Number(left), right) => map(right, |right| with(left, right))?,
        (left, Value::Number(right)) => map(left, |left| with(left, right))?,
        (Value::Line(left), Value::Line(right)) => Value::Line(joined(left, &right, with)),
        (Value::Lines(left), Value::Line(right)) => {
            Value::Lines(left.into_iter().map(|(name, left)| (name, joined(left, &right, with))).collect())
        }
        (Value::Line(left), Value::Lines(right)) => {
            let join = |(name, right): (String, Line)| (name, joined(left.clone(), &right, with));
            Value::Lines(right.into_iter().map(join).collect())
        }
        (Value::Lines(_), Value::Lines(_)) => {
            return Err("two lists of time series cannot be combined".to_owned());
        }
        _ => return Err("text is no number".to_owned()),
    })
}

fn joined(left: Line, right: &Line, with: impl Fn(f64, f64) -> f64) -> Line {
    let both = left.points.iter().filter_map(|(at, left)| Some((*at, with(*left, *right.points.get(at)?))));
    Line {
        period: left.period.max(right.period),
        points: both.filter(|(_, value)| value.is_finite()).collect(),
    }
}
