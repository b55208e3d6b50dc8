//! restXml: resource paths, headers and query strings, XML bodies. Spoken by Route 53, CloudFront and S3.
//!
//! Requests: the method and the path name the operation ([`uri_template`](crate::uri_template)); members stand in the
//! path, the query string, headers, or below the body's root element, whatever that is called. A payload member is the
//! whole body. Responses: the root element is called like the output's shape. Errors: `<ErrorResponse><Error>…`.
//!
//! AWS pages: each API reference; Smithy's "AWS restXml protocol" and "HTTP bindings".

use std::borrow::Cow;

use http::HeaderMap;

use crate::fault::Fault;
use crate::message::{Request, Response};
use crate::schema::{
    Kind, List, Location, Map, Member, Namespace, Operation, Service, ShapeId, Structure, TimestampFormat,
};
use crate::uri_template::{self, Labels};
use crate::value::{Blob, Value};
use crate::xml::{Times, Writer};
use crate::xml_tree::Element;
use crate::{limits, scalar, validate};

const CONTENT_TYPE: &str = "text/xml";

/// The code for what the model's constraints refuse. Route 53 words it so.
const INVALID: &str = "InvalidInput";

/// Finds the operation that a request's method and path name, and reads the path's labels.
pub(crate) fn find(service: &'static Service, request: &Request<'_>) -> Option<(&'static Operation, Labels)> {
    let operations = service.operations.iter().filter(|o| o.method == request.method);
    let fitting = operations.filter_map(|o| {
        let (rank, labels) = uri_template::read(o.uri, request.path, request.query)?;
        Some((rank, o, labels))
    });
    fitting.max_by_key(|(rank, _, _)| *rank).map(|(_, operation, labels)| (operation, labels))
}

/// Reads an operation's input.
///
/// # Errors
/// `MalformedInput` for a body that is not well-formed or a value of the wrong kind, `InvalidInput` for what the model's
/// constraints refuse.
pub(crate) fn decode(
    service: &Service,
    operation: &Operation,
    request: &Request<'_>,
    labels: &Labels,
) -> Result<Value, Fault> {
    let Some(id) = operation.input else { return Ok(Value::empty()) };
    let Kind::Structure(structure) = &service.shape(id).kind else {
        return Err(Fault::internal("the input is no structure"));
    };
    let decoder = Decoder { service };
    let body = decoder.body(structure, request)?;
    let query: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(request.query.as_bytes()).collect();
    let mut members = Vec::new();
    for (index, member) in structure.members.iter().enumerate() {
        let value = match member.location {
            Location::Body if structure.payload == Some(member.name) => decoder.payload(member, request)?,
            Location::Body => match &body {
                Some(root) => decoder.member(member, root, 0)?,
                None => None,
            },
            Location::Uri => match labels.iter().find(|(name, _)| *name == member.wire_name) {
                Some((_, text)) => Some(decoder.text(member, text, TimestampFormat::DateTime)?),
                None => None,
            },
            Location::QueryString => decoder.query(structure, member, &query)?,
            Location::Header => decoder.header(member, request.headers)?,
            Location::Headers => decoder.headers(member, request.headers),
            Location::StatusCode => None,
        };
        members.extend(value.map(|value| (index as u16, value)));
    }
    let value = Value::Structure(members);
    validate::check(service, id, &value, INVALID)?;
    Ok(value)
}

/// Writes an operation's output.
pub(crate) fn encode(service: &Service, operation: &Operation, output: &Value, request_id: &str) -> Response {
    let mut response = Response::new(operation.status, CONTENT_TYPE, request_id, Vec::new());
    let Some(id) = operation.output else { return response };
    let shape = service.shape(id);
    let (Kind::Structure(structure), Value::Structure(members)) = (&shape.kind, output) else {
        return response;
    };
    add_headers(service, structure, members, &mut response);
    match structure.payload {
        Some(name) => write_payload(service, structure, members, name, &mut response),
        None if has_body(structure) => {
            let mut xml = Writer::new(Some(service), Times::Short);
            xml.root(shape.name, namespace(service, structure), structure, members);
            response.body = xml.finish();
        }
        None => {}
    }
    response
}

/// Whether an output has a body: a member in it, or no member at all. What requests carry in the path or the query string
/// stands in a response's body.
fn has_body(structure: &Structure) -> bool {
    let elsewhere =
        |m: &Member| matches!(m.location, Location::Header | Location::Headers | Location::StatusCode);
    structure.members.is_empty() || !structure.members.iter().all(elsewhere)
}

/// Writes a fault.
pub(crate) fn encode_fault(service: Option<&Service>, fault: &Fault, request_id: &str) -> Response {
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
    let mut response = Response::new(fault.status(), CONTENT_TYPE, request_id, xml.finish());
    let modelled = service.and_then(|s| s.error_shape(fault.code()).map(|(_, structure)| (s, structure)));
    if let (Some((service, structure)), Some(Value::Structure(members))) = (modelled, fault.detail()) {
        add_headers(service, structure, members, &mut response);
    }
    response
}

fn namespace(service: &Service, structure: &Structure) -> Option<Namespace> {
    let of_service =
        || (!service.namespace.is_empty()).then_some(Namespace { prefix: "", uri: service.namespace });
    structure.namespace.or_else(of_service)
}

fn write_payload(
    service: &Service,
    structure: &Structure,
    members: &[(u16, Value)],
    name: &str,
    response: &mut Response,
) {
    let Some(index) = structure.members.iter().position(|m| m.name == name) else { return };
    let member = &structure.members[index];
    let Some((_, value)) = members.iter().find(|(i, _)| usize::from(*i) == index) else { return };
    let shape = service.shape(member.target);
    match (&shape.kind, value) {
        (Kind::Structure(inner), Value::Structure(members)) => {
            let root = if member.wire_name == member.name { shape.name } else { member.wire_name };
            let mut xml = Writer::new(Some(service), Times::Short);
            xml.root(root, member.namespace.or_else(|| namespace(service, inner)), inner, members);
            response.body = xml.finish();
        }
        (_, Value::Blob(blob)) => response.body.clone_from(&blob.0),
        (_, Value::String(text)) => response.body = text.clone().into_bytes(),
        _ => {}
    }
}

/// Adds the members that stand in headers, and takes the status from the one that is it.
fn add_headers(service: &Service, structure: &Structure, members: &[(u16, Value)], response: &mut Response) {
    for (index, value) in members {
        let Some(member) = structure.members.get(usize::from(*index)) else { continue };
        match (member.location, value) {
            (Location::Header, value) => {
                if let Some(text) = header_text(service, member, value) {
                    response.add_header(member.wire_name, text);
                }
            }
            (Location::Headers, Value::Map(entries)) => {
                for (name, value) in entries {
                    if let Value::String(text) = value {
                        response.add_header(&format!("{}{name}", member.wire_name), text.clone());
                    }
                }
            }
            (Location::StatusCode, Value::Int(status)) => {
                response.status = u16::try_from(*status).unwrap_or(response.status);
            }
            _ => {}
        }
    }
}

fn header_text(service: &Service, member: &Member, value: &Value) -> Option<String> {
    let kind = &service.shape(member.target).kind;
    match (kind, value) {
        (Kind::List(list), Value::List(items)) => {
            let kind = &service.shape(list.item).kind;
            let format = list.item_timestamp.unwrap_or(TimestampFormat::HttpDate);
            let is_text = matches!(kind, Kind::String(_));
            let texts = items.iter().filter_map(|item| scalar::render(kind, item, format));
            let texts: Vec<String> =
                texts.map(|text| if is_text { quoted(&text) } else { text.into_owned() }).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        (kind, value) => {
            let format = member.timestamp.unwrap_or(TimestampFormat::HttpDate);
            scalar::render(kind, value, format).map(Cow::into_owned)
        }
    }
}

/// An item of a header's list, in quotes where it holds a comma or a quote.
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

struct Decoder<'s> {
    service: &'s Service,
}

impl Decoder<'_> {
    /// The body's root element, where the input has members in it.
    fn body(&self, structure: &Structure, request: &Request<'_>) -> Result<Option<Element>, Fault> {
        let in_body = structure.members.iter().any(|m| m.location == Location::Body);
        if structure.payload.is_some() || !in_body || request.body.is_empty() {
            return Ok(None);
        }
        Element::parse(request.body).map(Some).map_err(malformed)
    }

    fn payload(&self, member: &Member, request: &Request<'_>) -> Result<Option<Value>, Fault> {
        if request.body.is_empty() {
            return Ok(None);
        }
        match &self.service.shape(member.target).kind {
            Kind::Structure(structure) => {
                let root = Element::parse(request.body).map_err(malformed)?;
                self.structure(structure, &root, 0).map(Some)
            }
            Kind::Blob => Ok(Some(Value::Blob(Blob(request.body.to_vec())))),
            Kind::String(_) => {
                let text = std::str::from_utf8(request.body)
                    .map_err(|_| malformed("the body is not UTF-8".to_owned()))?;
                Ok(Some(Value::String(text.to_owned())))
            }
            _ => Err(Fault::internal("a payload of that kind is not read")),
        }
    }

    fn structure(&self, structure: &Structure, element: &Element, depth: usize) -> Result<Value, Fault> {
        if depth > limits::NESTING {
            return Err(malformed("the document is nested too deeply".to_owned()));
        }
        let mut members = Vec::new();
        for (index, member) in structure.members.iter().enumerate() {
            let value = self.member(member, element, depth)?;
            members.extend(value.map(|value| (index as u16, value)));
        }
        Ok(Value::Structure(members))
    }

    /// A member of the structure that `parent` is.
    fn member(&self, member: &Member, parent: &Element, depth: usize) -> Result<Option<Value>, Fault> {
        if member.attribute {
            let text = parent.attribute(member.wire_name);
            return text.map(|text| self.text(member, text, TimestampFormat::DateTime)).transpose();
        }
        match &self.service.shape(member.target).kind {
            Kind::List(list) if let Some(name) = member.flattened_name(list) => {
                let items = self.items(list, parent.children(name), depth)?;
                Ok((!items.is_empty()).then_some(Value::List(items)))
            }
            Kind::Map(map) if member.flattened || map.flattened => {
                let entries = self.entries(map, parent.children(member.wire_name), depth)?;
                Ok((!entries.is_empty()).then_some(Value::Map(entries)))
            }
            _ => match parent.child(member.wire_name) {
                Some(child) => self.element(member.target, member.timestamp, child, depth).map(Some),
                None => Ok(None),
            },
        }
    }

    fn element(
        &self,
        id: ShapeId,
        format: Option<TimestampFormat>,
        element: &Element,
        depth: usize,
    ) -> Result<Value, Fault> {
        match &self.service.shape(id).kind {
            Kind::Structure(structure) => self.structure(structure, element, depth + 1),
            Kind::List(list) => {
                self.items(list, element.children(list.item_name()), depth + 1).map(Value::List)
            }
            Kind::Map(map) => self.entries(map, element.children("entry"), depth + 1).map(Value::Map),
            kind => parsed(kind, &element.text, format.unwrap_or(TimestampFormat::DateTime)),
        }
    }

    fn items<'e>(
        &self,
        list: &List,
        elements: impl Iterator<Item = &'e Element>,
        depth: usize,
    ) -> Result<Vec<Value>, Fault> {
        let mut items = Vec::new();
        for element in elements {
            if items.len() == limits::LIST_LENGTH {
                return Err(malformed("the document has a list that is too long".to_owned()));
            }
            items.push(self.element(list.item, list.item_timestamp, element, depth + 1)?);
        }
        Ok(items)
    }

    fn entries<'e>(
        &self,
        map: &Map,
        elements: impl Iterator<Item = &'e Element>,
        depth: usize,
    ) -> Result<Vec<(String, Value)>, Fault> {
        let mut entries = Vec::new();
        for element in elements {
            if entries.len() == limits::LIST_LENGTH {
                return Err(malformed("the document has a map that is too long".to_owned()));
            }
            let (Some(key), Some(value)) = (element.child(map.key_name), element.child(map.value_name))
            else {
                continue;
            };
            entries.push((key.text.clone(), self.element(map.value, None, value, depth + 1)?));
        }
        Ok(entries)
    }

    /// A scalar member as text.
    fn text(&self, member: &Member, text: &str, format: TimestampFormat) -> Result<Value, Fault> {
        parsed(&self.service.shape(member.target).kind, text, member.timestamp.unwrap_or(format))
    }

    fn query(
        &self,
        structure: &Structure,
        member: &Member,
        query: &[(Cow<'_, str>, Cow<'_, str>)],
    ) -> Result<Option<Value>, Fault> {
        let values = || query.iter().filter(|(name, _)| name == member.wire_name).map(|(_, value)| value);
        match &self.service.shape(member.target).kind {
            Kind::List(list) => {
                let kind = &self.service.shape(list.item).kind;
                let format = list.item_timestamp.unwrap_or(TimestampFormat::DateTime);
                let items: Vec<Value> =
                    values().map(|text| parsed(kind, text, format)).collect::<Result<_, _>>()?;
                Ok((!items.is_empty()).then_some(Value::List(items)))
            }
            Kind::Map(map) => {
                // A map takes every parameter that no other member names.
                let named = |name: &str| {
                    structure.members.iter().any(|m| {
                        m.location == Location::QueryString && m.wire_name == name && m.name != member.name
                    })
                };
                let lists = matches!(self.service.shape(map.value).kind, Kind::List(_));
                Ok(Some(Value::Map(query_map(query, named, lists))))
            }
            _ => values().next().map(|text| self.text(member, text, TimestampFormat::DateTime)).transpose(),
        }
    }

    fn header(&self, member: &Member, headers: &HeaderMap) -> Result<Option<Value>, Fault> {
        let Some(text) = headers.get(member.wire_name).and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        match &self.service.shape(member.target).kind {
            Kind::List(list) => {
                let kind = &self.service.shape(list.item).kind;
                let format = list.item_timestamp.unwrap_or(TimestampFormat::HttpDate);
                let is_date = matches!(kind, Kind::Timestamp(own) if own.unwrap_or(format) == TimestampFormat::HttpDate);
                let items = header_items(text, is_date);
                let items: Vec<Value> =
                    items.iter().map(|item| parsed(kind, item, format)).collect::<Result<_, _>>()?;
                Ok(Some(Value::List(items)))
            }
            _ => self.text(member, text, TimestampFormat::HttpDate).map(Some),
        }
    }

    fn headers(&self, member: &Member, headers: &HeaderMap) -> Option<Value> {
        let prefix = member.wire_name.to_ascii_lowercase();
        let entries = headers.iter().filter_map(|(name, value)| {
            let key = name.as_str().strip_prefix(&prefix)?;
            Some((key.to_owned(), Value::String(value.to_str().ok()?.to_owned())))
        });
        let entries: Vec<(String, Value)> = entries.collect();
        (!entries.is_empty()).then_some(Value::Map(entries))
    }
}

fn query_map(
    query: &[(Cow<'_, str>, Cow<'_, str>)],
    named: impl Fn(&str) -> bool,
    lists: bool,
) -> Vec<(String, Value)> {
    let mut entries: Vec<(String, Value)> = Vec::new();
    for (name, value) in query.iter().filter(|(name, _)| !named(name)) {
        let value = Value::String(value.clone().into_owned());
        let known = entries.iter_mut().find(|(key, _)| key == name);
        match (known, lists) {
            (Some((_, Value::List(items))), true) => items.push(value),
            (Some(_), _) => {}
            (None, true) => entries.push((name.clone().into_owned(), Value::List(vec![value]))),
            (None, false) => entries.push((name.clone().into_owned(), value)),
        }
    }
    entries
}

/// The items of a header's list. Items may stand in quotes; an HTTP date has a comma of its own.
fn header_items(text: &str, is_date: bool) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let mut items = Vec::new();
    let mut item = String::new();
    let mut in_quotes = false;
    let mut commas = 0;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => in_quotes = !in_quotes,
            '\\' if in_quotes => item.extend(letters.next()),
            ',' if !in_quotes => {
                commas += 1;
                if is_date && commas % 2 == 1 {
                    item.push(',');
                } else {
                    items.push(std::mem::take(&mut item).trim().to_owned());
                }
            }
            other => item.push(other),
        }
    }
    items.push(item.trim().to_owned());
    items
}

fn parsed(kind: &Kind, text: &str, format: TimestampFormat) -> Result<Value, Fault> {
    let trimmed = if matches!(kind, Kind::String(_)) { text } else { text.trim() };
    scalar::parse(kind, trimmed, format).ok_or_else(|| malformed(format!("Invalid value: {text}")))
}

fn malformed(message: impl Into<String>) -> Fault {
    Fault::new("MalformedInput", message)
}
