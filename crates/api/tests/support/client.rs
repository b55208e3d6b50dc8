//! The client's side of each protocol, as small as it can be: renders requests, reads responses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enishi_wire::schema::{Kind, Operation, Protocol, Service, ShapeId, Structure};
use enishi_wire::{Blob, Timestamp, Value, aws_json, rpc_v2_cbor};
use http::{HeaderMap, HeaderValue};

use super::xml::Element;

/// A request as a client would send it.
pub struct Sent {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Renders a request in the service's first protocol.
pub fn send(service: &'static Service, operation: &'static Operation, input: &Value) -> Sent {
    let mut headers = HeaderMap::new();
    let mut path = "/".to_owned();
    // JSON and CBOR are the same both ways, so the input's structure is written as if it were an output's.
    let turned = Operation { output: operation.input, errors: &[], ..*operation };
    let body = match service.protocols[0] {
        Protocol::RpcV2Cbor => {
            path = format!("/service/{}/operation/{}", service.target_prefix, operation.name);
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
            headers.insert("content-type", HeaderValue::from_static("application/cbor"));
            rpc_v2_cbor::encode(service, &turned, input, "").body
        }
        Protocol::Ec2Query | Protocol::AwsQuery => {
            headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
            form(service, operation, input).into_bytes()
        }
        _ => {
            let target = format!("{}.{}", service.target_prefix, operation.name);
            headers.insert("x-amz-target", HeaderValue::from_str(&target).expect("a target"));
            headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
            aws_json::encode(service, &turned, aws_json::Version::V11, input, "").body
        }
    };
    Sent { path, headers, body }
}

fn form(service: &Service, operation: &Operation, input: &Value) -> String {
    let is_ec2 = service.protocols[0] == Protocol::Ec2Query;
    let mut writer = FormWriter { service, is_ec2, pairs: form_urlencoded::Serializer::new(String::new()) };
    writer.pairs.append_pair("Action", operation.name).append_pair("Version", service.version);
    if let Some(id) = operation.input {
        writer.value(id, String::new(), input);
    }
    writer.pairs.finish()
}

struct FormWriter<'s> {
    service: &'s Service,
    is_ec2: bool,
    pairs: form_urlencoded::Serializer<'static, String>,
}

impl FormWriter<'_> {
    fn value(&mut self, id: ShapeId, name: String, value: &Value) {
        match (&self.service.shape(id).kind, value) {
            (Kind::Structure(structure), Value::Structure(members)) => {
                self.members(structure, &name, members)
            }
            (Kind::List(list), Value::List(items)) => {
                for (at, item) in items.iter().enumerate() {
                    let step = if self.is_ec2 { String::new() } else { format!(".{}", list.item_name()) };
                    self.value(list.item, format!("{name}{step}.{}", at + 1), item);
                }
            }
            (Kind::Map(map), Value::Map(entries)) => {
                for (at, (key, value)) in entries.iter().enumerate() {
                    let entry = format!("{name}.entry.{}", at + 1);
                    self.pairs.append_pair(&format!("{entry}.{}", map.key_name), key);
                    self.value(map.value, format!("{entry}.{}", map.value_name), value);
                }
            }
            (_, scalar) => {
                self.pairs.append_pair(&name, &text(scalar));
            }
        }
    }

    fn members(&mut self, structure: &Structure, name: &str, members: &[(u16, Value)]) {
        for (index, value) in members {
            let member = &structure.members[usize::from(*index)];
            let step = if self.is_ec2 { member.query_name } else { member.wire_name };
            let name = if name.is_empty() { step.to_owned() } else { format!("{name}.{step}") };
            self.value(member.target, name, value);
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Blob(blob) => STANDARD.encode(blob),
        Value::Timestamp(time) => time.date_time(),
        other => panic!("{} is no scalar", other.kind()),
    }
}

/// Reads the members of a structure out of its element, by the schema.
pub fn read(service: &Service, structure: &Structure, element: &Element) -> Value {
    let mut members = Vec::new();
    for (index, member) in structure.members.iter().enumerate() {
        if let Some(child) = element.child(member.wire_name) {
            members.push((index as u16, read_value(service, member.target, child)));
        }
    }
    Value::Structure(members)
}

fn read_value(service: &Service, id: ShapeId, element: &Element) -> Value {
    let text = element.text.as_str();
    match &service.shape(id).kind {
        Kind::Structure(structure) => read(service, structure, element),
        Kind::List(list) => {
            let items = element.children.iter().inspect(|c| assert_eq!(c.name, list.item_name()));
            Value::List(items.map(|c| read_value(service, list.item, c)).collect())
        }
        Kind::Map(map) => {
            let entry = |e: &Element| {
                let value = e.child(map.value_name).expect("a value");
                (e.child(map.key_name).expect("a key").text.clone(), read_value(service, map.value, value))
            };
            Value::Map(element.children.iter().map(entry).collect())
        }
        Kind::String(_) => Value::String(text.to_owned()),
        Kind::Boolean => Value::Bool(text.parse().expect("a boolean")),
        Kind::Integer | Kind::Long => Value::Int(text.parse().expect("an integer")),
        Kind::Float | Kind::Double => Value::Float(text.parse().expect("a number")),
        Kind::Blob => Value::Blob(Blob(STANDARD.decode(text).expect("base64"))),
        Kind::Timestamp(_) => Value::Timestamp(Timestamp::parse_date_time(text).expect("a time")),
        Kind::Document => Value::Document(text.into()),
    }
}
