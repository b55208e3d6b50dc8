//! The cases write parameters and results as JSON by the model's names: as values, by the schema.

use enishi_wire::schema::{Kind, Service, ShapeId};
use enishi_wire::{Blob, Timestamp, Value};
use serde_json::Value as Json;

/// The value that the JSON of a case stands for. Nulls inside structures are absent members.
pub fn value(service: &Service, id: ShapeId, json: &Json) -> Value {
    match (&service.shape(id).kind, json) {
        (Kind::Document, json) => Value::Document(json.clone()),
        (_, Json::Null) => Value::Null,
        (Kind::Structure(structure), Json::Object(object)) => {
            let mut members = Vec::new();
            for (index, member) in structure.members.iter().enumerate() {
                match object.get(member.name).map(|json| value(service, member.target, json)) {
                    None | Some(Value::Null) => {}
                    Some(value) => members.push((index as u16, value)),
                }
            }
            Value::Structure(members)
        }
        (Kind::List(list), Json::Array(items)) => {
            Value::List(items.iter().map(|item| value(service, list.item, item)).collect())
        }
        (Kind::Map(map), Json::Object(entries)) => {
            Value::Map(entries.iter().map(|(k, v)| (k.clone(), value(service, map.value, v))).collect())
        }
        (kind, json) => scalar(kind, json),
    }
}

fn scalar(kind: &Kind, json: &Json) -> Value {
    match (kind, json) {
        (Kind::String(_), Json::String(text)) => Value::String(text.clone()),
        // A string that carries JSON (the `jsonvalue` trait): the case holds the JSON itself.
        (Kind::String(_), json) => Value::String(json.to_string()),
        (Kind::Boolean, json) => Value::Bool(json.as_bool().expect("a boolean")),
        (Kind::Integer | Kind::Long, json) => Value::Int(json.as_i64().expect("an integer")),
        (Kind::Float | Kind::Double, Json::String(text)) => Value::Float(match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            _ => f64::NEG_INFINITY,
        }),
        (Kind::Float | Kind::Double, json) => Value::Float(json.as_f64().expect("a number")),
        (Kind::Blob, json) => Value::Blob(Blob(json.as_str().expect("a blob").as_bytes().to_vec())),
        (Kind::Timestamp(_), json) => {
            Value::Timestamp(Timestamp::from_epoch_seconds(json.as_f64().expect("a time")).expect("in range"))
        }
        (_, json) => panic!("{json} is no scalar of the schema"),
    }
}

/// Equality that takes NaN as itself and an empty list or map as an absent one, where the wire cannot tell them apart.
pub fn same(a: &Value, b: &Value, empty_is_absent: bool) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => {
            a == b || (a.is_nan() && b.is_nan()) || (*a as f32) == (*b as f32)
        }
        (Value::Structure(a), Value::Structure(b)) => {
            let present = |members: &[(u16, Value)]| -> Vec<(u16, Value)> {
                let kept = members.iter().filter(|(_, v)| !(empty_is_absent && is_empty(v)));
                kept.cloned().collect()
            };
            let (a, b) = (present(a), present(b));
            a.len() == b.len()
                && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1, empty_is_absent))
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, empty_is_absent))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.iter().any(|(k, b)| k == key && same(a, b, empty_is_absent)))
        }
        (a, b) => a == b,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    }
}
