//! The service's static table: `SERVICE`, its operations and shapes as `enishi_wire::schema` values.

use std::fmt::{Error, Write as _};

use crate::model::{Kind, List, Map, Member, Model, Namespace, Operation, Shape, Structure};

/// The tables of a service as Rust.
pub fn emit(service: &str, model: &Model) -> Result<String, Error> {
    let mut out = String::new();
    let protocols: Vec<String> =
        model.protocols.iter().map(|p| format!("enishi_wire::schema::Protocol::{p}")).collect();
    writeln!(out, "/// The service's table.")?;
    writeln!(out, "pub static SERVICE: enishi_wire::schema::Service = enishi_wire::schema::Service {{")?;
    writeln!(
        out,
        "name: {service:?}, signing_name: {:?}, id: {:?}, version: {:?},",
        model.signing_name, model.id, model.version
    )?;
    writeln!(out, "protocols: &[{}], namespace: {:?},", protocols.join(", "), model.namespace)?;
    writeln!(out, "target_prefix: {:?}, query_compatible: {},", model.target_prefix, model.query_compatible)?;
    writeln!(
        out,
        "operations: tables::OPERATIONS, operation_names: tables::OPERATION_NAMES, shapes: tables::SHAPES }};"
    )?;
    writeln!(out, "mod tables {{ use enishi_wire::schema::*;")?;
    writeln!(out, "pub(super) static OPERATION_NAMES: &[&str] = &{:?};", model.operation_names)?;
    writeln!(out, "pub(super) static OPERATIONS: &[Operation] = &[")?;
    for operation in &model.operations {
        writeln!(out, "{},", emit_operation(operation))?;
    }
    writeln!(out, "];\npub(super) static SHAPES: &[Shape] = &[")?;
    for shape in &model.shapes {
        emit_shape(&mut out, shape)?;
    }
    writeln!(out, "]; }}")?;
    Ok(out)
}

fn emit_operation(o: &Operation) -> String {
    let id = |id: Option<u16>| id.map_or_else(|| "None".to_owned(), |id| format!("Some(ShapeId({id}))"));
    let errors: Vec<String> = o.errors.iter().map(|e| format!("ShapeId({e})")).collect();
    format!(
        "Operation {{ name: {:?}, method: {:?}, uri: {:?}, status: {}, input: {}, output: {}, result_wrapper: {:?}, errors: &[{}] }}",
        o.name,
        o.method,
        o.uri,
        o.status,
        id(o.input),
        id(o.output),
        o.result_wrapper,
        errors.join(", ")
    )
}

fn emit_shape(out: &mut String, shape: &Shape) -> Result<(), Error> {
    write!(out, "Shape::new({:?}, ", shape.name)?;
    match &shape.kind {
        Kind::Structure(structure) => emit_structure(out, structure)?,
        Kind::List(list) => write!(out, "Kind::List({})", emit_list(list))?,
        Kind::Map(map) => write!(out, "Kind::Map({})", emit_map(map))?,
        Kind::String(values) => write!(out, "Kind::String(&{values:?})")?,
        Kind::Boolean => write!(out, "Kind::Boolean")?,
        Kind::Integer => write!(out, "Kind::Integer")?,
        Kind::Long => write!(out, "Kind::Long")?,
        Kind::Float => write!(out, "Kind::Float")?,
        Kind::Double => write!(out, "Kind::Double")?,
        Kind::Blob => write!(out, "Kind::Blob")?,
        Kind::Timestamp(format) => write!(out, "Kind::Timestamp({})", emit_format(*format))?,
        Kind::Document => write!(out, "Kind::Document")?,
    }
    write!(out, ")")?;
    for (name, bound) in [("min", shape.min), ("max", shape.max)] {
        if let Some(bound) = bound {
            write!(out, ".{name}({bound})")?;
        }
    }
    writeln!(out, ",")
}

fn emit_structure(out: &mut String, structure: &Structure) -> Result<(), Error> {
    write!(out, "Kind::Structure(Structure {{ members: &[")?;
    for member in &structure.members {
        write!(out, "{}, ", emit_member(member))?;
    }
    let error = structure.error.as_ref().map_or_else(
        || "None".to_owned(),
        |e| format!("Some(ErrorTrait {{ code: {:?}, status: {} }})", e.code, e.status),
    );
    write!(
        out,
        "], error: {error}, union: {}, payload: {:?}, namespace: {} }})",
        structure.union,
        structure.payload,
        emit_namespace(structure.namespace.as_ref())
    )
}

fn emit_member(member: &Member) -> String {
    let mut code = format!("Member::new({:?}, {})", member.name, member.target);
    if member.wire_name != member.name || member.query_name != member.name {
        code += &format!(".named({:?}, {:?})", member.wire_name, member.query_name);
    }
    let flags = [
        (member.required, ".required()"),
        (member.flattened, ".flattened()"),
        (member.attribute, ".attribute()"),
        (member.idempotency_token, ".idempotency_token()"),
    ];
    for (_, call) in flags.iter().filter(|(set, _)| *set) {
        code += call;
    }
    if member.location != "Body" {
        code += &format!(".at(Location::{})", member.location);
    }
    if let Some(n) = &member.namespace {
        code += &format!(".namespace(Namespace {{ prefix: {:?}, uri: {:?} }})", n.prefix, n.uri);
    }
    if let Some(format) = member.timestamp {
        code += &format!(".timestamp(TimestampFormat::{format})");
    }
    code
}

fn emit_list(list: &List) -> String {
    format!(
        "List {{ item: ShapeId({}), item_name: {:?}, flattened: {}, item_namespace: {}, item_timestamp: {} }}",
        list.item,
        list.item_name,
        list.flattened,
        emit_namespace(list.item_namespace.as_ref()),
        emit_format(list.item_timestamp)
    )
}

fn emit_map(map: &Map) -> String {
    format!(
        "Map {{ key: ShapeId({}), value: ShapeId({}), key_name: {:?}, value_name: {:?}, flattened: {}, key_namespace: {}, value_namespace: {} }}",
        map.key,
        map.value,
        map.key_name,
        map.value_name,
        map.flattened,
        emit_namespace(map.key_namespace.as_ref()),
        emit_namespace(map.value_namespace.as_ref())
    )
}

fn emit_namespace(namespace: Option<&Namespace>) -> String {
    namespace.map_or_else(
        || "None".to_owned(),
        |n| format!("Some(Namespace {{ prefix: {:?}, uri: {:?} }})", n.prefix, n.uri),
    )
}

fn emit_format(format: Option<&str>) -> String {
    format.map_or_else(|| "None".to_owned(), |f| format!("Some(TimestampFormat::{f})"))
}
