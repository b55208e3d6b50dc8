//! The functions of metric math.

use std::collections::BTreeMap;

use super::{Line, Scope, Value, combine, map};

const DAY: i64 = 86_400;

type Outcome = Result<Value, String>;

/// Calls a function; its name is in capitals.
pub(super) fn call(name: &str, mut arguments: Vec<Value>, scope: &Scope<'_>) -> Outcome {
    let usage = || Err(format!("{name} is not called like this"));
    if name == "METRICS" {
        return metrics(&arguments, scope);
    }
    if arguments.is_empty() {
        return usage();
    }
    let first = arguments.remove(0);
    let rest = arguments;
    match (name, rest.as_slice()) {
        ("SUM" | "AVG" | "MIN" | "MAX" | "STDDEV" | "DATAPOINT_COUNT", []) => aggregate(name, first),
        ("ABS", []) => map(first, f64::abs),
        ("CEIL", []) => map(first, f64::ceil),
        ("FLOOR", []) => map(first, f64::floor),
        ("LOG", []) => map(first, f64::ln),
        ("LOG10", []) => map(first, f64::log10),
        ("RUNNING_SUM", []) => each(first, running_sum),
        ("DIFF", []) => each(first, |line| steps(line, |_, before, now| now - before)),
        ("RATE", []) => each(first, |line| steps(line, |seconds, before, now| (now - before) / seconds)),
        ("DIFF_TIME", []) => each(first, |line| steps(line, |seconds, _, _| seconds)),
        ("EPOCH", []) => each(first, |line| clock(line, |at| at)),
        ("MINUTE", []) => each(first, |line| clock(line, |at| at.rem_euclid(3600) / 60)),
        ("HOUR", []) => each(first, |line| clock(line, |at| at.rem_euclid(DAY) / 3600)),
        ("FILL", [fill]) => filled(first, fill, scope),
        ("IF", [then]) => choose(first, then, None),
        ("IF", [then, otherwise]) => choose(first, then, Some(otherwise)),
        ("PERIOD", []) => match first {
            Value::Line(line) => Ok(Value::Number(line.period.into())),
            _ => usage(),
        },
        ("TIME_SERIES", []) => match first {
            Value::Number(number) => constant(number, scope),
            _ => usage(),
        },
        ("METRIC_COUNT", []) => match first {
            Value::Lines(lines) => Ok(Value::Number(lines.len() as f64)),
            _ => usage(),
        },
        ("FIRST" | "LAST", []) => match first {
            Value::Lines(lines) => {
                let line = if name == "FIRST" { lines.first() } else { lines.last() };
                line.map(|(_, line)| Value::Line(line.clone()))
                    .ok_or_else(|| format!("{name} of no time series"))
            }
            _ => usage(),
        },
        ("REMOVE_EMPTY", []) => match first {
            Value::Lines(lines) => {
                Ok(Value::Lines(lines.into_iter().filter(|(_, line)| !line.points.is_empty()).collect()))
            }
            _ => usage(),
        },
        _ => Err(format!("the function {name} with {} arguments is not supported by Enishi", rest.len() + 1)),
    }
}

/// All metrics, or those whose id has a text in it.
fn metrics(arguments: &[Value], scope: &Scope<'_>) -> Outcome {
    let part = match arguments {
        [] => "",
        [Value::Text(part)] => part.as_str(),
        _ => return Err("METRICS is not called like this".to_owned()),
    };
    let mut lines = Vec::new();
    for id in scope.metrics.iter().filter(|id| id.contains(part)) {
        if let Some(Value::Line(line)) = scope.values.get(id) {
            lines.push((id.clone(), line.clone()));
        }
    }
    Ok(Value::Lines(lines))
}

/// A number of one time series, or a time series of several.
fn aggregate(name: &str, value: Value) -> Outcome {
    match value {
        Value::Line(line) => {
            let values: Vec<f64> = line.points.into_values().collect();
            of_values(name, &values).map(Value::Number).ok_or_else(|| format!("{name} of no data"))
        }
        Value::Lines(lines) => {
            let period = lines.iter().map(|(_, line)| line.period).max().unwrap_or(0);
            let mut by_time: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            for (at, value) in lines.into_iter().flat_map(|(_, line)| line.points) {
                by_time.entry(at).or_default().push(value);
            }
            let points = by_time.into_iter().filter_map(|(at, values)| Some((at, of_values(name, &values)?)));
            Ok(Value::Line(Line { period, points: points.collect() }))
        }
        _ => Err(format!("{name} is of time series")),
    }
}

fn of_values(name: &str, values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    match name {
        "DATAPOINT_COUNT" => Some(count),
        _ if values.is_empty() => None,
        "SUM" => Some(sum),
        "AVG" => Some(sum / count),
        "MIN" => values.iter().copied().reduce(f64::min),
        "MAX" => values.iter().copied().reduce(f64::max),
        _ => {
            let mean = sum / count;
            Some((values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
        }
    }
}

/// Every time series on its own.
fn each(value: Value, change: impl Fn(Line) -> Line) -> Outcome {
    match value {
        Value::Line(line) => Ok(Value::Line(change(line))),
        Value::Lines(lines) => {
            Ok(Value::Lines(lines.into_iter().map(|(name, line)| (name, change(line))).collect()))
        }
        _ => Err("a time series is expected".to_owned()),
    }
}

fn running_sum(line: Line) -> Line {
    let mut sum = 0.0;
    let add = |(at, value): (i64, f64)| {
        sum += value;
        (at, sum)
    };
    Line { period: line.period, points: line.points.into_iter().map(add).collect() }
}

/// What lies between a point and the one before it: seconds, and both values.
fn steps(line: Line, of: impl Fn(f64, f64, f64) -> f64) -> Line {
    let pairs = line.points.iter().zip(line.points.iter().skip(1));
    let points = pairs.map(|((from, before), (to, now))| (*to, of((to - from) as f64, *before, *now)));
    Line { period: line.period, points: points.collect() }
}

fn clock(line: Line, of: impl Fn(i64) -> i64) -> Line {
    let points = line.points.into_keys().map(|at| (at, of(at) as f64)).collect();
    Line { period: line.period, points }
}

fn constant(number: f64, scope: &Scope<'_>) -> Outcome {
    let periods = scope.values.values().filter_map(|value| match value {
        Value::Line(line) => Some(line.period),
        _ => None,
    });
    let period = periods.max().unwrap_or(60);
    let points = scope.range.starts(period)?.map(|at| (at, number)).collect();
    Ok(Value::Line(Line { period, points }))
}

/// A value for every period of the request that has none: a number, another time series' value, the value before
/// (`REPEAT`), or what lies between its neighbours (`LINEAR`).
fn filled(value: Value, fill: &Value, scope: &Scope<'_>) -> Outcome {
    let fill_line = |line: Line| -> Result<Line, String> {
        let starts = scope.range.starts(line.period)?;
        let missing = starts.filter(|at| !line.points.contains_key(at));
        let found: Vec<(i64, f64)> = match fill {
            Value::Number(number) => missing.map(|at| (at, *number)).collect(),
            Value::Line(other) => missing.filter_map(|at| Some((at, *other.points.get(&at)?))).collect(),
            Value::Text(_) | Value::Lines(_) => return Err("FILL is not called like this".to_owned()),
        };
        let mut line = line;
        line.points.extend(found);
        Ok(line)
    };
    let by_neighbours = |line: Line, is_linear: bool| -> Result<Line, String> {
        let starts = scope.range.starts(line.period)?;
        let before = |at: i64| line.points.range(..at).next_back();
        let after = |at: i64| line.points.range(at..).next();
        let missing = starts.filter(|at| !line.points.contains_key(at));
        let value = |at: i64| match (before(at), after(at), is_linear) {
            (Some((_, value)), _, false) => Some(*value),
            (Some((from, low)), Some((to, high)), true) => {
                Some(low + (high - low) * (at - from) as f64 / (to - from) as f64)
            }
            _ => None,
        };
        let found: Vec<(i64, f64)> = missing.filter_map(|at| Some((at, value(at)?))).collect();
        let mut line = line.clone();
        line.points.extend(found);
        Ok(line)
    };
    let fill_one = |line: Line| match fill {
        Value::Text(word) if word == "REPEAT" => by_neighbours(line, false),
        Value::Text(word) if word == "LINEAR" => by_neighbours(line, true),
        _ => fill_line(line),
    };
    match value {
        Value::Line(line) => fill_one(line).map(Value::Line),
        Value::Lines(lines) => {
            let filled = lines.into_iter().map(|(name, line)| Ok((name, fill_one(line)?)));
            filled.collect::<Result<_, String>>().map(Value::Lines)
        }
        _ => Err("FILL is of time series".to_owned()),
    }
}

/// `IF(condition, then, otherwise)`: where the condition is not zero `then`, else `otherwise`, or nothing.
fn choose(condition: Value, then: &Value, otherwise: Option<&Value>) -> Outcome {
    match condition {
        Value::Number(number) if number != 0.0 => Ok(then.clone()),
        Value::Number(_) => otherwise.cloned().ok_or_else(|| "IF has no value for false".to_owned()),
        Value::Line(line) => {
            let (yes, no): (Vec<_>, Vec<_>) = line.points.iter().partition(|(_, value)| **value != 0.0);
            let side = |points: Vec<(&i64, &f64)>, value: &Value| -> Result<BTreeMap<i64, f64>, String> {
                let points = points.into_iter().map(|(at, _)| (*at, 0.0)).collect();
                let zeros = Value::Line(Line { period: line.period, points });
                match combine(zeros, value.clone(), |_, value| value)? {
                    Value::Line(line) => Ok(line.points),
                    _ => Err("IF chooses among numbers and time series".to_owned()),
                }
            };
            let mut points = side(yes, then)?;
            if let Some(otherwise) = otherwise {
                points.extend(side(no, otherwise)?);
            }
            Ok(Value::Line(Line { period: line.period, points }))
        }
        Value::Text(_) | Value::Lines(_) => {
            Err("the condition of IF is a number or a time series".to_owned())
        }
    }
}
