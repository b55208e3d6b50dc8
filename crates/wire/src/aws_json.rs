//! awsJson 1.0 and 1.1: one JSON object in, one out, the operation in `X-Amz-Target`. Spoken by Service Quotas, Cognito,
//! ACM and others.
//!
//! Members that the operation does not know and nulls are ignored. Timestamps are seconds since 1970 as a number unless
//! the model says otherwise; blobs are base64; `NaN` and the infinities are strings. A fault's type is in `__type` and in
//! the header `x-amzn-errortype`; services that came from awsQuery also send `x-amzn-query-error`.
//!
//! AWS pages: Smithy's "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".

use serde_json::{Map as Object, Number, Value as Json};

use crate::fault::Fault;
use crate::message::Response;
use crate::schema::{Kind, Operation, Service, ShapeId, Structure, TimestampFormat};
use crate::value::Value;
use crate::{Timestamp, limits, scalar, validate};

/// The two versions, which differ in their content type only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `application/x-amz-json-1.0`.
    V10,
    /// `application/x-amz-json-1.1`.
    V11,
}

impl Version {
    /// The content type of requests and responses.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V10 => "application/x-amz-json-1.0",
            Self::V11 => "application/x-amz-json-1.1",
        }
    }
}

/// Reads an operation's input.
///
/// # Errors
/// `SerializationException` for what is no JSON of these shapes, `ValidationException` for what the model's constraints
/// refuse (`ValidationError` in services that came from awsQuery).
pub fn decode(service: &Service, operation: &Operation, body: &[u8]) -> Result<Value, Fault> {
    let Some(id) = operation.input else { return Ok(Value::empty()) };
    let json = if body.is_empty() {
        Json::Object(Object::new())
    } else {
        serde_json::from_slice(body).map_err(|_| serialization("Unable to parse the request body as JSON"))?
    };
    // Below the top, null stands for a member that was not given; here nothing would be left.
    if json.is_null() {
        return Err(serialization("The request body is not a JSON object"));
    }
    let value = Decoder { service }.value(id, None, json, 0)?;
    validate::check(service, id, &value, validate::code(service))?;
    Ok(value)
}

/// Writes an operation's output.
pub fn encode(
    service: &Service,
    operation: &Operation,
    version: Version,
    output: &Value,
    request_id: &str,
) -> Response {
    let json = match operation.output {
        Some(id) => encode_value(service, id, None, output),
        None => Json::Object(Object::new()),
    };
    Response::new(operation.status, version.content_type(), request_id, json.to_string().into_bytes())
}

/// Writes a fault.
pub fn encode_fault(
    service: Option<&Service>,
    version: Version,
    fault: &Fault,
    request_id: &str,
) -> Response {
    let modelled = service.and_then(|s| Some((s, s.error_shape(fault.code())?)));
    let kind = modelled.map_or(fault.code(), |(_, (shape, _))| shape.name);
    let mut body = Object::new();
    body.insert("__type".to_owned(), kind.into());
    let message_name = modelled
        .and_then(|(_, (_, s))| s.members.iter().find(|m| m.name.eq_ignore_ascii_case("message")))
        .map_or("message", |m| m.wire_name);
    if !fault.message().is_empty() {
        body.insert(message_name.to_owned(), fault.message().into());
    }
    if let (Some((service, (_, structure))), Some(Value::Structure(members))) = (modelled, fault.detail()) {
        encode_members(service, structure, members, &mut body);
    }
    let bytes = Json::Object(body).to_string().into_bytes();
    let mut response = Response::new(fault.status(), version.content_type(), request_id, bytes);
    response.add_header("x-amzn-errortype", kind.to_owned());
    if service.is_some_and(|s| s.query_compatible) {
        response.add_header("x-amzn-query-error", format!("{};{}", fault.code(), fault.side().as_str()));
    }
    response
}

struct Decoder<'s> {
    service: &'s Service,
}

impl Decoder<'_> {
    fn value(
        &self,
        id: ShapeId,
        format: Option<TimestampFormat>,
        json: Json,
        depth: usize,
    ) -> Result<Value, Fault> {
        if depth > limits::NESTING {
            return Err(serialization("The request is nested too deeply"));
        }
        match (&self.service.shape(id).kind, json) {
            (Kind::Document, json) => Ok(Value::Document(json)),
            (_, Json::Null) => Ok(Value::Null),
            (Kind::Structure(structure), Json::Object(object)) => self.structure(structure, object, depth),
            (Kind::List(list), Json::Array(items)) => {
                within_length(items.len())?;
                let items =
                    items.into_iter().map(|item| self.value(list.item, list.item_timestamp, item, depth + 1));
                items.collect::<Result<_, _>>().map(Value::List)
            }
            (Kind::Map(map), Json::Object(object)) => {
                within_length(object.len())?;
                let entries = object
                    .into_iter()
                    .map(|(key, value)| Ok((key, self.value(map.value, None, value, depth + 1)?)));
                entries.collect::<Result<_, _>>().map(Value::Map)
            }
            (kind, json) => scalar_value(kind, format, json),
        }
    }

    fn structure(
        &self,
        structure: &Structure,
        mut object: Object<String, Json>,
        depth: usize,
    ) -> Result<Value, Fault> {
        let mut members = Vec::new();
        for (index, member) in structure.members.iter().enumerate() {
            let Some(json) = object.remove(member.wire_name) else { continue };
            match self.value(member.target, member.timestamp, json, depth + 1)? {
                Value::Null => {}
                value => members.push((index as u16, value)),
            }
        }
        if structure.union && members.len() != 1 {
            return Err(serialization("A union must have exactly one member set"));
        }
        Ok(Value::Structure(members))
    }
}

fn scalar_value(kind: &Kind, format: Option<TimestampFormat>, json: Json) -> Result<Value, Fault> {
    let found = json_kind(&json);
    let value = match (kind, json) {
        (Kind::String(_), Json::String(text)) => Some(Value::String(text)),
        (Kind::Boolean, Json::Bool(flag)) => Some(Value::Bool(flag)),
        (Kind::Integer, Json::Number(n)) => whole(&n).filter(|n| i32::try_from(*n).is_ok()).map(Value::Int),
        (Kind::Long, Json::Number(n)) => whole(&n).map(Value::Int),
        (Kind::Float | Kind::Double, Json::Number(n)) => n.as_f64().map(Value::Float),
        (Kind::Float | Kind::Double, Json::String(text)) => {
            scalar::parse_float(&text).filter(|n| !n.is_finite()).map(Value::Float)
        }
        (Kind::Blob, Json::String(text)) => scalar::parse_blob(&text).map(Value::Blob),
        (Kind::Timestamp(own), json) => timestamp(own.or(format), &json).map(Value::Timestamp),
        _ => None,
    };
    value.ok_or_else(|| serialization(&format!("{found} can not be converted to {}", kind.noun())))
}

fn timestamp(format: Option<TimestampFormat>, json: &Json) -> Option<Timestamp> {
    match (format.unwrap_or(TimestampFormat::EpochSeconds), json) {
        (TimestampFormat::EpochSeconds, Json::Number(n)) => Timestamp::from_epoch_seconds(n.as_f64()?),
        (TimestampFormat::EpochSeconds, _) => None,
        (format, Json::String(text)) => scalar::parse_timestamp(text, format),
        _ => None,
    }
}

/// A whole number, also when written with a fraction of zero.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        let exact = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
        exact.then_some(float as i64)
    })
}

fn within_length(length: usize) -> Result<(), Fault> {
    if length > limits::LIST_LENGTH {
        return Err(serialization("The request has a list that is too long"));
    }
    Ok(())
}

fn serialization(message: &str) -> Fault {
    Fault::new("SerializationException", message)
}

fn json_kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "NULL_VALUE",
        Json::Bool(true) => "TRUE_VALUE",
        Json::Bool(false) => "FALSE_VALUE",
        Json::Number(_) => "NUMBER_VALUE",
        Json::String(_) => "STRING_VALUE",
        Json::Array(_) => "START_ARRAY",
        Json::Object(_) => "START_OBJECT",
    }
}

fn encode_value(service: &Service, id: ShapeId, format: Option<TimestampFormat>, value: &Value) -> Json {
    match (&service.shape(id).kind, value) {
        (Kind::Structure(structure), Value::Structure(members)) => {
            let mut object = Object::new();
            encode_members(service, structure, members, &mut object);
            Json::Object(object)
        }
        (Kind::List(list), Value::List(items)) => Json::Array(
            items.iter().map(|i| encode_value(service, list.item, list.item_timestamp, i)).collect(),
        ),
        (Kind::Map(map), Value::Map(entries)) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), encode_value(service, map.value, None, value)))
                .collect(),
        ),
        (Kind::Timestamp(own), Value::Timestamp(time)) => encode_timestamp(own.or(format), *time),
        (_, Value::Bool(flag)) => Json::Bool(*flag),
        (_, Value::Int(number)) => Json::from(*number),
        (kind, Value::Float(number)) => encode_float(kind, *number),
        (_, Value::String(text)) => Json::String(text.clone()),
        (_, Value::Blob(blob)) => Json::String(scalar::render_blob(blob)),
        (_, Value::Document(document)) => document.clone(),
        _ => Json::Null,
    }
}

fn encode_members(
    service: &Service,
    structure: &Structure,
    members: &[(u16, Value)],
    object: &mut Object<String, Json>,
) {
    for (index, value) in members {
        if let Some(member) = structure.members.get(usize::from(*index)) {
            let json = encode_value(service, member.target, member.timestamp, value);
            object.insert(member.wire_name.to_owned(), json);
        }
    }
}

fn encode_timestamp(format: Option<TimestampFormat>, time: Timestamp) -> Json {
    match format.unwrap_or(TimestampFormat::EpochSeconds) {
        TimestampFormat::DateTime => Json::String(time.date_time()),
        TimestampFormat::HttpDate => Json::String(time.http_date()),
        TimestampFormat::EpochSeconds if time.as_millis() % 1000 == 0 => Json::from(time.as_seconds()),
        TimestampFormat::EpochSeconds => Json::from(time.as_millis() as f64 / 1000.0),
    }
}

/// JSON has no words for the special values: they become strings.
fn encode_float(kind: &Kind, number: f64) -> Json {
    let finite = if matches!(kind, Kind::Float) {
        // The shortest text that a single-precision reader reads back, rather than the double's long tail.
        (number as f32).to_string().parse().ok().and_then(Number::from_f64)
    } else {
        Number::from_f64(number)
    };
    match finite {
        Some(finite) => Json::Number(finite),
        None if number.is_nan() => "NaN".into(),
        None if number > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}
