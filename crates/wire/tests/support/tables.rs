//! A model as a service table: what the generated code holds as statics is leaked here, once per test case.

use enishi_wire::schema::{
    ErrorTrait, Kind, List, Location, Map, Member, Namespace, Operation, Protocol, Service, Shape, ShapeId,
    Structure, TimestampFormat,
};

use super::model;

fn text(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn slice<T>(items: Vec<T>) -> &'static [T] {
    Box::leak(items.into_boxed_slice())
}

/// The service table of a model.
pub fn service(model: &model::Model) -> &'static Service {
    Box::leak(Box::new(Service {
        name: "test",
        signing_name: text(&model.signing_name),
        id: text(&model.id),
        version: text(&model.version),
        protocols: slice(model.protocols.iter().map(|p| protocol(p)).collect()),
        namespace: text(&model.namespace),
        target_prefix: text(&model.target_prefix),
        query_compatible: model.query_compatible,
        operations: slice(model.operations.iter().map(operation).collect()),
        operation_names: slice(model.operation_names.iter().map(|n| text(n)).collect()),
        shapes: slice(model.shapes.iter().map(shape).collect()),
    }))
}

fn protocol(name: &str) -> Protocol {
    match name {
        "Ec2Query" => Protocol::Ec2Query,
        "AwsQuery" => Protocol::AwsQuery,
        "AwsJson10" => Protocol::AwsJson10,
        "AwsJson11" => Protocol::AwsJson11,
        "RestXml" => Protocol::RestXml,
        "RestJson1" => Protocol::RestJson1,
        _ => Protocol::RpcV2Cbor,
    }
}

fn operation(o: &model::Operation) -> Operation {
    Operation {
        name: text(&o.name),
        method: text(&o.method),
        uri: text(&o.uri),
        status: o.status,
        input: o.input.map(ShapeId),
        output: o.output.map(ShapeId),
        result_wrapper: o.result_wrapper.as_deref().map(text),
        errors: slice(o.errors.iter().copied().map(ShapeId).collect()),
    }
}

fn shape(s: &model::Shape) -> Shape {
    let kind = match &s.kind {
        model::Kind::Structure(s) => Kind::Structure(structure(s)),
        model::Kind::List(l) => Kind::List(List {
            item: ShapeId(l.item),
            item_name: l.item_name.as_deref().map(text),
            flattened: l.flattened,
            item_namespace: l.item_namespace.as_ref().map(namespace),
            item_timestamp: l.item_timestamp.map(format),
        }),
        model::Kind::Map(m) => Kind::Map(Map {
            key: ShapeId(m.key),
            value: ShapeId(m.value),
            key_name: text(&m.key_name),
            value_name: text(&m.value_name),
            flattened: m.flattened,
            key_namespace: m.key_namespace.as_ref().map(namespace),
            value_namespace: m.value_namespace.as_ref().map(namespace),
        }),
        model::Kind::String(values) => Kind::String(slice(values.iter().map(|v| text(v)).collect())),
        model::Kind::Boolean => Kind::Boolean,
        model::Kind::Integer => Kind::Integer,
        model::Kind::Long => Kind::Long,
        model::Kind::Float => Kind::Float,
        model::Kind::Double => Kind::Double,
        model::Kind::Blob => Kind::Blob,
        model::Kind::Timestamp(f) => Kind::Timestamp(f.map(format)),
        model::Kind::Document => Kind::Document,
    };
    Shape { name: text(&s.name), kind, min: s.min, max: s.max }
}

fn structure(s: &model::Structure) -> Structure {
    Structure {
        members: slice(s.members.iter().map(member).collect()),
        error: s.error.as_ref().map(|e| ErrorTrait { code: e.code.as_deref().map(text), status: e.status }),
        union: s.union,
        payload: s.payload.as_deref().map(text),
        namespace: s.namespace.as_ref().map(namespace),
    }
}

fn member(m: &model::Member) -> Member {
    Member {
        name: text(&m.name),
        target: ShapeId(m.target),
        wire_name: text(&m.wire_name),
        query_name: text(&m.query_name),
        required: m.required,
        location: location(m.location),
        flattened: m.flattened,
        attribute: m.attribute,
        idempotency_token: m.idempotency_token,
        namespace: m.namespace.as_ref().map(namespace),
        timestamp: m.timestamp.map(format),
    }
}

fn location(name: &str) -> Location {
    match name {
        "Header" => Location::Header,
        "Headers" => Location::Headers,
        "QueryString" => Location::QueryString,
        "Uri" => Location::Uri,
        "StatusCode" => Location::StatusCode,
        _ => Location::Body,
    }
}

fn namespace(n: &model::Namespace) -> Namespace {
    Namespace { prefix: text(&n.prefix), uri: text(&n.uri) }
}

fn format(name: &str) -> TimestampFormat {
    match name {
        "DateTime" => TimestampFormat::DateTime,
        "HttpDate" => TimestampFormat::HttpDate,
        _ => TimestampFormat::EpochSeconds,
    }
}
