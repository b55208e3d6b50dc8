//! rpcv2Cbor: one CBOR map in, one out, the operation in the path `/service/NAME/operation/NAME`. Spoken by CloudWatch,
//! Route 53 Domains and others, beside their older protocols.
//!
//! The header `smithy-protocol: rpc-v2-cbor` tells requests and responses of this protocol. Members that the operation
//! does not know and nulls are ignored; arrays, maps and strings may have an indefinite length. Timestamps are seconds
//! since 1970 under tag 1, written as doubles, which every client reads; a number of any width stands for a float.
//! A fault's type is in `__type`; services that came from awsQuery also send `x-amzn-query-error`. An operation without
//! output answers with no body.
//!
//! Pages: Smithy's "Smithy RPC v2 CBOR protocol"; RFC 8949 (CBOR).

use std::convert::Infallible;

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

use crate::fault::Fault;
use crate::message::Response;
use crate::schema::{Kind, List, Map, Operation, Service, ShapeId, Structure};
use crate::value::{Blob, Value};
use crate::{Timestamp, limits, validate};

/// The content type of bodies.
pub const CONTENT_TYPE: &str = "application/cbor";

/// The header that tells the protocol.
pub const PROTOCOL_HEADER: &str = "smithy-protocol";

/// What stands in that header.
pub const PROTOCOL: &str = "rpc-v2-cbor";

/// Tag of seconds since 1970 (RFC 8949, section 3.4.2).
const EPOCH_TAG: u64 = 1;

/// The service's and the operation's name in a path; there may be a prefix before them.
pub(crate) fn names(path: &str) -> Option<(&str, &str)> {
    let mut parts = path.rsplitn(5, '/');
    let operation = parts.next()?;
    let is_operation = parts.next()? == "operation";
    let service = parts.next()?;
    (is_operation && parts.next()? == "service").then_some((service, operation))
}

/// Reads an operation's input.
///
/// # Errors
/// `SerializationException` for what is no CBOR of these shapes, `ValidationException` for what the model's constraints
/// refuse (`ValidationError` in services that came from awsQuery).
pub fn decode(service: &Service, operation: &Operation, body: &[u8]) -> Result<Value, Fault> {
    let Some(id) = operation.input else { return Ok(Value::empty()) };
    let value = if body.is_empty() { Value::empty() } else { read(service, id, body)? };
    validate::check(service, id, &value, validate::code(service))?;
    Ok(value)
}

fn read(service: &Service, id: ShapeId, body: &[u8]) -> Result<Value, Fault> {
    let mut reader = Reader { service, body, cbor: Decoder::new(body) };
    let value = reader.value(id, 0)?;
    if value == Value::Null {
        return Err(serialization("The request body is not a map"));
    }
    if reader.cbor.position() != body.len() {
        return Err(serialization("The request body does not end with its map"));
    }
    Ok(value)
}

/// Writes an operation's output.
pub fn encode(service: &Service, operation: &Operation, output: &Value, request_id: &str) -> Response {
    let body = match operation.output {
        Some(id) => written(|writer| write_value(service, writer, id, output)),
        None => Vec::new(),
    };
    response(operation.status, request_id, body)
}

/// Writes a fault.
pub fn encode_fault(service: Option<&Service>, fault: &Fault, request_id: &str) -> Response {
    let modelled = service.and_then(|s| Some((s, s.error_shape(fault.code())?)));
    let kind = modelled.map_or(fault.code(), |(_, (shape, _))| shape.name);
    let message_name = modelled
        .and_then(|(_, (_, s))| s.members.iter().find(|m| m.name.eq_ignore_ascii_case("message")))
        .map_or("message", |m| m.wire_name);
    let body = written(|writer| {
        writer.begin_map()?.str("__type")?.str(kind)?;
        if !fault.message().is_empty() {
            writer.str(message_name)?.str(fault.message())?;
        }
        if let (Some((service, (_, structure))), Some(Value::Structure(members))) = (modelled, fault.detail())
        {
            write_members(service, writer, structure, members)?;
        }
        writer.end()?.ok()
    });
    let mut response = response(fault.status(), request_id, body);
    if service.is_some_and(|s| s.query_compatible) {
        response.add_header("x-amzn-query-error", format!("{};{}", fault.code(), fault.side().as_str()));
    }
    response
}

fn response(status: u16, request_id: &str, body: Vec<u8>) -> Response {
    let mut response = Response::new(status, CONTENT_TYPE, request_id, body);
    if response.body.is_empty() {
        response.headers.retain(|(name, _)| name != "content-type");
    }
    response.add_header(PROTOCOL_HEADER, PROTOCOL.to_owned());
    response
}

struct Reader<'s, 'b> {
    service: &'s Service,
    body: &'b [u8],
    cbor: Decoder<'b>,
}

impl Reader<'_, '_> {
    fn value(&mut self, id: ShapeId, depth: usize) -> Result<Value, Fault> {
        within_depth(depth)?;
        match (&self.service.shape(id).kind, self.datatype()?) {
            (_, Type::Null | Type::Undefined) => {
                self.cbor.skip().map_err(malformed)?;
                Ok(Value::Null)
            }
            (Kind::Structure(structure), Type::Map | Type::MapIndef) => self.structure(structure, depth),
            (Kind::List(list), Type::Array | Type::ArrayIndef) => self.list(list, depth),
            (Kind::Map(map), Type::Map | Type::MapIndef) => self.map(map, depth),
            (kind, found) => self.scalar(kind, found),
        }
    }

    fn structure(&mut self, structure: &Structure, depth: usize) -> Result<Value, Fault> {
        let length = self.cbor.map().map_err(malformed)?;
        let mut members: Vec<(u16, Value)> = Vec::new();
        let mut read = 0;
        while self.has_next(length, read)? {
            read += 1;
            let name = self.text()?;
            let Some(index) = structure.members.iter().position(|m| m.wire_name == name) else {
                self.skip(depth + 1)?;
                continue;
            };
            let value = self.value(structure.members[index].target, depth + 1)?;
            // The last of several members of one name wins, as in JSON.
            members.retain(|(i, _)| usize::from(*i) != index);
            if value != Value::Null {
                members.push((index as u16, value));
            }
        }
        members.sort_by_key(|(index, _)| *index);
        if structure.union && members.len() != 1 {
            return Err(serialization("A union must have exactly one member set"));
        }
        Ok(Value::Structure(members))
    }

    fn list(&mut self, list: &List, depth: usize) -> Result<Value, Fault> {
        let length = self.cbor.array().map_err(malformed)?;
        let mut items = Vec::new();
        while self.has_next(length, items.len())? {
            within_length(items.len() + 1)?;
            items.push(self.value(list.item, depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn map(&mut self, map: &Map, depth: usize) -> Result<Value, Fault> {
        let length = self.cbor.map().map_err(malformed)?;
        let mut entries = Vec::new();
        while self.has_next(length, entries.len())? {
            within_length(entries.len() + 1)?;
            let key = self.text()?;
            entries.push((key, self.value(map.value, depth + 1)?));
        }
        Ok(Value::Map(entries))
    }

    /// Whether an array or map goes on after that many items. Its announced length is never trusted with memory.
    fn has_next(&mut self, length: Option<u64>, read: usize) -> Result<bool, Fault> {
        match length {
            Some(length) => Ok((read as u64) < length),
            None if self.datatype()? == Type::Break => {
                self.cbor.set_position(self.cbor.position() + 1);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn scalar(&mut self, kind: &Kind, found: Type) -> Result<Value, Fault> {
        let value = match kind {
            Kind::String(_) if is_text(found) => Some(Value::String(self.text()?)),
            Kind::Boolean if found == Type::Bool => Some(Value::Bool(self.cbor.bool().map_err(malformed)?)),
            Kind::Integer if is_integer(found) => {
                let number = self.cbor.i64().map_err(malformed)?;
                i32::try_from(number).ok().map(|number| Value::Int(number.into()))
            }
            Kind::Long if is_integer(found) => Some(Value::Int(self.cbor.i64().map_err(malformed)?)),
            Kind::Float | Kind::Double => self.number(found)?.map(Value::Float),
            Kind::Blob if is_bytes(found) => Some(Value::Blob(self.bytes()?)),
            Kind::Timestamp(_) if found == Type::Tag => self.timestamp()?.map(Value::Timestamp),
            _ => None,
        };
        value.ok_or_else(|| serialization(&format!("A {found} can not be converted to {}", kind.noun())))
    }

    fn text(&mut self) -> Result<String, Fault> {
        match self.datatype()? {
            Type::StringIndef => {
                self.cbor.str_iter().map_err(malformed)?.collect::<Result<_, _>>().map_err(malformed)
            }
            _ => self.cbor.str().map(str::to_owned).map_err(malformed),
        }
    }

    fn bytes(&mut self) -> Result<Blob, Fault> {
        let mut bytes = Vec::new();
        for piece in self.cbor.bytes_iter().map_err(malformed)? {
            bytes.extend_from_slice(piece.map_err(malformed)?);
        }
        Ok(Blob(bytes))
    }

    fn timestamp(&mut self) -> Result<Option<Timestamp>, Fault> {
        if self.cbor.tag().map_err(malformed)?.as_u64() != EPOCH_TAG {
            return Ok(None);
        }
        let found = self.datatype()?;
        Ok(self.number(found)?.and_then(Timestamp::from_epoch_seconds))
    }

    /// A number of any width; nothing where something else stands.
    fn number(&mut self, found: Type) -> Result<Option<f64>, Fault> {
        let number = match found {
            Type::F16 => return self.half().map(Some),
            Type::F32 => f64::from(self.cbor.f32().map_err(malformed)?),
            Type::F64 => self.cbor.f64().map_err(malformed)?,
            found if is_integer(found) => i128::from(self.cbor.int().map_err(malformed)?) as f64,
            _ => return Ok(None),
        };
        Ok(Some(number))
    }

    /// Half precision, which standard Rust has no type for (RFC 8949, appendix D).
    fn half(&mut self) -> Result<f64, Fault> {
        let at = self.cbor.position() + 1;
        let bytes = self.body.get(at..at + 2).ok_or_else(|| serialization("The request body ends early"))?;
        self.cbor.set_position(at + 2);
        let bits = u16::from_be_bytes([bytes[0], bytes[1]]);
        let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
        let magnitude = match exponent {
            0 => mantissa * 2f64.powi(-24),
            0x1f if mantissa == 0.0 => f64::INFINITY,
            0x1f => f64::NAN,
            _ => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
        };
        Ok(if bits & 0x8000 == 0 { magnitude } else { -magnitude })
    }

    /// Passes over any value. The library's own way keeps a stack as long as the nesting is deep.
    fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        within_depth(depth)?;
        let (length, items_each) = match self.datatype()? {
            Type::Array | Type::ArrayIndef => (self.cbor.array().map_err(malformed)?, 1),
            Type::Map | Type::MapIndef => (self.cbor.map().map_err(malformed)?, 2),
            Type::Tag => {
                self.cbor.tag().map_err(malformed)?;
                return self.skip(depth + 1);
            }
            Type::Break => return Err(serialization("The request body has a break where a value belongs")),
            _ => return self.cbor.skip().map_err(malformed),
        };
        let mut read = 0;
        while self.has_next(length, read)? {
            read += 1;
            for _ in 0..items_each {
                self.skip(depth + 1)?;
            }
        }
        Ok(())
    }

    fn datatype(&mut self) -> Result<Type, Fault> {
        self.cbor.datatype().map_err(malformed)
    }
}

fn is_integer(found: Type) -> bool {
    use Type::{I8, I16, I32, I64, Int, U8, U16, U32, U64};
    matches!(found, U8 | U16 | U32 | U64 | I8 | I16 | I32 | I64 | Int)
}

fn is_text(found: Type) -> bool {
    matches!(found, Type::String | Type::StringIndef)
}

fn is_bytes(found: Type) -> bool {
    matches!(found, Type::Bytes | Type::BytesIndef)
}

fn within_depth(depth: usize) -> Result<(), Fault> {
    if depth > limits::NESTING {
        return Err(serialization("The request is nested too deeply"));
    }
    Ok(())
}

fn within_length(length: usize) -> Result<(), Fault> {
    if length > limits::LIST_LENGTH {
        return Err(serialization("The request has a list that is too long"));
    }
    Ok(())
}

fn malformed(_: minicbor::decode::Error) -> Fault {
    serialization("Unable to parse the request body as CBOR")
}

fn serialization(message: &str) -> Fault {
    Fault::new("SerializationException", message)
}

type Writer = Encoder<Vec<u8>>;
type Written = Result<(), minicbor::encode::Error<Infallible>>;

fn written(write: impl FnOnce(&mut Writer) -> Written) -> Vec<u8> {
    let mut writer = Encoder::new(Vec::new());
    let result = write(&mut writer);
    debug_assert!(result.is_ok(), "memory takes every byte");
    writer.into_writer()
}

fn write_value(service: &Service, writer: &mut Writer, id: ShapeId, value: &Value) -> Written {
    match (&service.shape(id).kind, value) {
        (Kind::Structure(structure), Value::Structure(members)) => {
            writer.begin_map()?;
            write_members(service, writer, structure, members)?;
            writer.end()?.ok()
        }
        (Kind::List(list), Value::List(items)) => {
            writer.array(items.len() as u64)?;
            items.iter().try_for_each(|item| write_value(service, writer, list.item, item))
        }
        (Kind::Map(map), Value::Map(entries)) => {
            writer.map(entries.len() as u64)?;
            entries.iter().try_for_each(|(key, value)| {
                writer.str(key)?;
                write_value(service, writer, map.value, value)
            })
        }
        (Kind::Float, Value::Float(number)) => writer.f32(*number as f32)?.ok(),
        (_, Value::Float(number)) => writer.f64(*number)?.ok(),
        (_, Value::Bool(flag)) => writer.bool(*flag)?.ok(),
        (_, Value::Int(number)) => writer.i64(*number)?.ok(),
        (_, Value::String(text)) => writer.str(text)?.ok(),
        (_, Value::Blob(blob)) => writer.bytes(&blob.0)?.ok(),
        (_, Value::Timestamp(time)) => {
            writer.tag(Tag::new(EPOCH_TAG))?.f64(time.as_millis() as f64 / 1000.0)?.ok()
        }
        _ => writer.null()?.ok(),
    }
}

fn write_members(
    service: &Service,
    writer: &mut Writer,
    structure: &Structure,
    members: &[(u16, Value)],
) -> Written {
    for (index, value) in members {
        if let Some(member) = structure.members.get(usize::from(*index)) {
            writer.str(member.wire_name)?;
            write_value(service, writer, member.target, value)?;
        }
    }
    Ok(())
}
