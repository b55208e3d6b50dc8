//! awsQuery: form parameters in, XML with a result wrapper out. Spoken by STS, IAM, Elastic Load Balancing.
//!
//! Requests: a list is `Name.member.N` (or `Name.N` when flattened), a map `Name.entry.N.key` and `.value`; `Name=` is an
//! empty list. Responses: `<XResponse><XResult>…</XResult><ResponseMetadata>…`. Parameters that the operation does not
//! know are ignored. Constraints of the model are checked as AWS's framework does, with code `ValidationError`.
//!
//! AWS pages: "Common parameters" and "Common errors" of each API reference; Smithy's "AWS query protocol".

use crate::fault::Fault;
use crate::form::{Form, Node, View};
use crate::message::Response;
use crate::schema::{Kind, List, Map, Operation, Service, ShapeId, Structure, TimestampFormat};
use crate::value::Value;
use crate::xml::{Times, Writer};
use crate::{limits, scalar, validate};

const CONTENT_TYPE: &str = "text/xml";

/// Reads an operation's input.
///
/// # Errors
/// `MalformedInput` for a value of the wrong kind, `ValidationError` for what the model's constraints refuse.
pub fn decode(service: &Service, operation: &Operation, form: &Form<'_>) -> Result<Value, Fault> {
    let Some(id) = operation.input else { return Ok(Value::empty()) };
    let decoder = Decoder { service };
    let value = match &service.shape(id).kind {
        Kind::Structure(structure) => decoder.structure(structure, form.root(), 0)?,
        _ => return Err(Fault::internal("the input is no structure")),
    };
    validate::check(service, id, &value, "ValidationError")?;
    Ok(value)
}

/// Writes an operation's output.
pub fn encode(service: &Service, operation: &Operation, output: &Value, request_id: &str) -> Response {
    let mut xml = Writer::new(Some(service), Times::Short);
    let root = format!("{}Response", operation.name);
    xml.open_in(&root, "", service.namespace);
    if let (Some(Kind::Structure(structure)), Value::Structure(members)) =
        (operation.output.map(|id| &service.shape(id).kind), output)
    {
        let wrapper =
            operation.result_wrapper.map_or_else(|| format!("{}Result", operation.name), str::to_owned);
        xml.open(&wrapper);
        xml.members(structure, members);
        xml.close(&wrapper);
    }
    xml.open("ResponseMetadata");
    xml.text_element("RequestId", request_id);
    xml.close("ResponseMetadata");
    xml.close(&root);
    Response::new(operation.status, CONTENT_TYPE, request_id, xml.finish())
}

/// Writes a fault.
pub fn encode_fault(service: Option<&Service>, fault: &Fault, request_id: &str) -> Response {
    let mut xml = Writer::new(service, Times::Short);
    xml.open_in("ErrorResponse", "", service.map_or("", |s| s.namespace));
    xml.open("Error");
    xml.text_element("Type", fault.side().as_str());
    xml.text_element("Code", fault.code());
    xml.text_element("Message", fault.message());
    xml.fault_detail(fault);
    xml.close("Error");
    xml.text_element("RequestId", request_id);
    xml.close("ErrorResponse");
    Response::new(fault.status(), CONTENT_TYPE, request_id, xml.finish())
}

struct Decoder<'s> {
    service: &'s Service,
}

impl Decoder<'_> {
    fn structure(&self, structure: &Structure, view: View<'_>, depth: usize) -> Result<Value, Fault> {
        if depth > limits::NESTING {
            return Err(malformed("The request is nested too deeply"));
        }
        let mut members = Vec::new();
        for (index, member) in structure.members.iter().enumerate() {
            let value = match &self.service.shape(member.target).kind {
                Kind::List(list) if let Some(name) = member.flattened_name(list) => {
                    let node = view.node(name);
                    self.items(list, node, node.below, depth)?
                }
                Kind::Map(map) if member.flattened || map.flattened => {
                    self.entries(map, view.node(member.wire_name).below, depth)?
                }
                _ => self.value(member.target, member.timestamp, view.node(member.wire_name), depth)?,
            };
            members.extend(value.map(|value| (index as u16, value)));
        }
        Ok(Value::Structure(members))
    }

    /// The value at a node; nothing when nothing is there.
    fn value(
        &self,
        id: ShapeId,
        format: Option<TimestampFormat>,
        node: Node<'_>,
        depth: usize,
    ) -> Result<Option<Value>, Fault> {
        if !node.is_present() {
            return Ok(None);
        }
        match &self.service.shape(id).kind {
            Kind::Structure(structure) => self.structure(structure, node.below, depth + 1).map(Some),
            Kind::List(list) => self.items(list, node, node.below.node(list.item_name()).below, depth),
            Kind::Map(map) => self.entries(map, node.below.node("entry").below, depth),
            kind => {
                let Some(text) = node.value else { return Ok(None) };
                let format = format.unwrap_or(TimestampFormat::DateTime);
                let value = scalar::parse(kind, text, format);
                value.map(Some).ok_or_else(|| malformed(&format!("Invalid value: {text}")))
            }
        }
    }

    /// A list's items below `numbered`; `Name=` at the node itself is the empty list.
    fn items(
        &self,
        list: &List,
        node: Node<'_>,
        numbered: View<'_>,
        depth: usize,
    ) -> Result<Option<Value>, Fault> {
        let items = bounded(numbered)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.extend(self.value(list.item, list.item_timestamp, item, depth + 1)?);
        }
        let is_given = !values.is_empty() || node.value == Some("");
        Ok(is_given.then_some(Value::List(values)))
    }

    fn entries(&self, map: &Map, numbered: View<'_>, depth: usize) -> Result<Option<Value>, Fault> {
        let mut entries = Vec::new();
        for item in bounded(numbered)? {
            let Some(key) = item.below.value(map.key_name) else { continue };
            let node = item.below.node(map.value_name);
            if let Some(value) = self.value(map.value, None, node, depth + 1)? {
                entries.push((key.to_owned(), value));
            }
        }
        Ok((!entries.is_empty()).then_some(Value::Map(entries)))
    }
}

fn bounded(numbered: View<'_>) -> Result<Vec<Node<'_>>, Fault> {
    let items = numbered.items();
    if items.len() > limits::LIST_LENGTH {
        return Err(malformed("The request has a list that is too long"));
    }
    Ok(items.into_iter().map(|(_, node)| node).collect())
}

fn malformed(message: &str) -> Fault {
    Fault::new("MalformedInput", message)
}
