//! Expressions by example.

use std::collections::BTreeMap;

use super::{Expression, Line, Range, Scope, Value, evaluate};

fn line(points: &[(i64, f64)]) -> Value {
    Value::Line(Line { period: 60, points: points.iter().copied().collect() })
}

/// The points of an expression over `m1` (1, nothing, 3) and `m2` (2, 0, 4), or why there are none.
fn worth(text: &str) -> Result<Vec<(i64, f64)>, String> {
    let values = BTreeMap::from([
        ("m1".to_owned(), line(&[(0, 1.0), (120, 3.0)])),
        ("m2".to_owned(), line(&[(0, 2.0), (60, 0.0), (120, 4.0)])),
    ]);
    let metrics = ["m1".to_owned(), "m2".to_owned()];
    let scope = Scope { values: &values, metrics: &metrics, range: Range { start: 0, end: 180 } };
    match evaluate(&Expression::parse(text)?, &scope)? {
        Value::Line(line) => Ok(line.points.into_iter().collect()),
        Value::Number(number) => Ok(vec![(-1, number)]),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn expressions_are_worth_what_they_say() {
    let cases: [(&str, &[(i64, f64)]); 18] = [
        ("m1 + m2 * 2", &[(0, 5.0), (120, 11.0)]),
        ("-(m2 - 1) ^ 2", &[(0, 1.0), (60, 1.0), (120, 9.0)]),
        ("1 / m2", &[(0, 0.5), (120, 0.25)]),
        ("m2 > 1 AND m2 < 4", &[(0, 1.0), (60, 0.0), (120, 0.0)]),
        ("SUM(m2)", &[(-1, 6.0)]),
        ("SUM(METRICS())", &[(0, 3.0), (60, 0.0), (120, 7.0)]),
        ("MAX([m1, m2])", &[(0, 2.0), (60, 0.0), (120, 4.0)]),
        ("AVG(METRICS(\"m1\"))", &[(0, 1.0), (120, 3.0)]),
        ("FILL(m1, 9)", &[(0, 1.0), (60, 9.0), (120, 3.0)]),
        ("FILL(m1, REPEAT)", &[(0, 1.0), (60, 1.0), (120, 3.0)]),
        ("FILL(m1, LINEAR)", &[(0, 1.0), (60, 2.0), (120, 3.0)]),
        ("FILL(m1, m2)", &[(0, 1.0), (60, 0.0), (120, 3.0)]),
        ("IF(m2 > 1, m2)", &[(0, 2.0), (120, 4.0)]),
        ("IF(m2, 1, 7)", &[(0, 1.0), (60, 7.0), (120, 1.0)]),
        ("RATE(m2) * 60", &[(60, -2.0), (120, 4.0)]),
        ("RUNNING_SUM(m2)", &[(0, 2.0), (60, 2.0), (120, 6.0)]),
        ("TIME_SERIES(5) + PERIOD(m1)", &[(0, 65.0), (60, 65.0), (120, 65.0)]),
        ("METRIC_COUNT(METRICS()) + DATAPOINT_COUNT(m1)", &[(-1, 4.0)]),
    ];
    for (text, points) in cases {
        assert_eq!(worth(text), Ok(points.to_vec()), "{text}");
    }
}

#[test]
fn what_is_none_is_refused() {
    let deep = "(".repeat(2000);
    let texts = [
        "",
        "m1 +",
        "m1 m2",
        "(m1",
        "[m1",
        "SUM()",
        "SUM(1)",
        "SEARCH('x', 'Sum')",
        "m3",
        "1.2.3",
        "\"x",
        "é",
        "METRICS() + METRICS()",
        "FILL(m1, 'x')",
        "m1 + 'x'",
        "IF(m1)",
        &deep,
    ];
    for text in texts {
        assert!(worth(text).is_err(), "{text}: {:?}", worth(text));
    }
}
