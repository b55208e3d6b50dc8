//! The static description of a service: what every codec is guided by.
//!
//! The crate `api` holds one [`Service`] table per AWS service, generated at build time from `models/*.json`. A table is
//! plain `'static` data: shapes refer to each other by [`ShapeId`], an index into [`Service::shapes`], so recursive shapes
//! need no pointers. The codecs are written once over these tables; no operation has code of its own.

use std::fmt;

/// Index of a shape in [`Service::shapes`] of the service it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShapeId(pub u16);

/// One AWS service as a table.
pub struct Service {
    /// Our name for it and its module in `api` with dashes: `ec2`, `service-quotas`.
    pub name: &'static str,
    /// The service's part of a credential scope: `ec2`, `sts`, `servicequotas`.
    pub signing_name: &'static str,
    /// The model's service id: `EC2`, `Service Quotas`.
    pub id: &'static str,
    /// API version, as in the `Version` parameter: `2016-11-15`.
    pub version: &'static str,
    /// Every protocol that the model lists, the model's preferred one first.
    pub protocols: &'static [Protocol],
    /// XML namespace of responses, empty when the model has none.
    pub namespace: &'static str,
    /// What stands before the dot in `X-Amz-Target`, empty when the model has none.
    pub target_prefix: &'static str,
    /// The service moved from awsQuery and sends `x-amzn-query-error` beside its faults.
    pub query_compatible: bool,
    /// The operations that have shapes here, sorted by name.
    pub operations: &'static [Operation],
    /// The names of all operations that AWS has, sorted; a superset of `operations`.
    pub operation_names: &'static [&'static str],
    /// All shapes; [`ShapeId`] is an index into this.
    pub shapes: &'static [Shape],
}

impl Service {
    /// The operation of that exact name, if its shapes are in the table.
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        let found = self.operations.binary_search_by(|o| o.name.cmp(name));
        self.operations.get(found.ok()?)
    }

    /// Whether AWS has an operation of that name, served here or not.
    pub fn knows(&self, name: &str) -> bool {
        self.operation_names.binary_search(&name).is_ok()
    }

    /// The shape behind an id.
    ///
    /// Ids come out of the same generated table, so the index is in range for every id a table holds.
    pub fn shape(&self, id: ShapeId) -> &'static Shape {
        &self.shapes[usize::from(id.0)]
    }

    /// The modelled error with that code on the wire or that name in the model.
    pub fn error_shape(&self, code: &str) -> Option<(&'static Shape, &'static Structure)> {
        self.shapes.iter().find_map(|shape| match &shape.kind {
            Kind::Structure(s) => {
                let error = s.error.as_ref()?;
                (error.code == Some(code) || shape.name == code).then_some((shape, s))
            }
            _ => None,
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Service {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// An AWS wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// EC2's own dialect of form parameters and XML.
    Ec2Query,
    /// Form parameters in, XML out: STS, IAM, ELB.
    AwsQuery,
    /// `application/x-amz-json-1.0` with `X-Amz-Target`.
    AwsJson10,
    /// `application/x-amz-json-1.1` with `X-Amz-Target`.
    AwsJson11,
    /// Resource paths and XML bodies: Route 53, S3.
    RestXml,
    /// Resource paths and JSON bodies: API Gateway, Lambda.
    RestJson1,
    /// Smithy RPC v2 with CBOR bodies.
    RpcV2Cbor,
}

/// One operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// `CreateVpc`.
    pub name: &'static str,
    /// HTTP method of the REST protocols; `POST` for all others.
    pub method: &'static str,
    /// URI template of the REST protocols; `/` for all others.
    pub uri: &'static str,
    /// HTTP status of success.
    pub status: u16,
    /// The request's structure, if it has one.
    pub input: Option<ShapeId>,
    /// The response's structure, if it has one.
    pub output: Option<ShapeId>,
    /// awsQuery's element around the result: `GetCallerIdentityResult`.
    pub result_wrapper: Option<&'static str>,
    /// The modelled errors.
    pub errors: &'static [ShapeId],
}

/// One shape: a type of the model.
#[derive(Debug)]
pub struct Shape {
    /// The model's name for it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Least value of a number, least length of a string, list, map or blob.
    pub min: Option<i64>,
    /// Greatest value of a number, greatest length of a string, list, map or blob.
    pub max: Option<i64>,
}

impl Shape {
    /// A shape without bounds.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, min: None, max: None }
    }

    /// The same with a least value or length.
    pub const fn min(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    /// The same with a greatest value or length.
    pub const fn max(mut self, max: i64) -> Self {
        self.max = Some(max);
        self
    }
}

/// The kinds of shapes.
#[derive(Debug)]
pub enum Kind {
    /// Named members.
    Structure(Structure),
    /// Items of one shape.
    List(List),
    /// Entries from a string to one shape.
    Map(Map),
    /// Text; the values it may take when it is an enum, else empty.
    String(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// 32-bit signed.
    Integer,
    /// 64-bit signed.
    Long,
    /// Single precision, carried as `f64`.
    Float,
    /// Double precision.
    Double,
    /// Bytes, base64 on most wires.
    Blob,
    /// A point in time; the format where the shape itself fixes one.
    Timestamp(Option<TimestampFormat>),
    /// Any JSON.
    Document,
}

impl Kind {
    /// What it is called in messages.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Structure(_) => "a structure",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::String(_) => "String",
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::Long => "Long",
            Self::Float => "Float",
            Self::Double => "Double",
            Self::Blob => "Blob",
            Self::Timestamp(_) => "Timestamp",
            Self::Document => "Document",
        }
    }
}

/// A structure or union.
#[derive(Debug)]
pub struct Structure {
    /// In the model's order, which is the order on the wire.
    pub members: &'static [Member],
    /// Set when the structure is a modelled error.
    pub error: Option<ErrorTrait>,
    /// Exactly one member is set.
    pub union: bool,
    /// The member that is the whole body in the REST protocols.
    pub payload: Option<&'static str>,
    /// Namespace of a REST body's root element, where the shape fixes one.
    pub namespace: Option<Namespace>,
}

impl Structure {
    /// A plain structure.
    pub const fn new(members: &'static [Member]) -> Self {
        Self { members, error: None, union: false, payload: None, namespace: None }
    }
}

/// What the model says about an error.
#[derive(Clone, Copy, Debug)]
pub struct ErrorTrait {
    /// The code on the wire where it differs from the shape's name.
    pub code: Option<&'static str>,
    /// HTTP status, 0 when the model gives none.
    pub status: u16,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The model's name: `VpcId`.
    pub name: &'static str,
    /// The member's shape.
    pub target: ShapeId,
    /// Its name in XML, JSON and awsQuery: `vpcId`.
    pub wire_name: &'static str,
    /// Its name among ec2Query's parameters: `VpcId`.
    pub query_name: &'static str,
    /// The request is invalid without it.
    pub required: bool,
    /// Where the REST protocols carry it.
    pub location: Location,
    /// A list or map without its own element: each item bears the member's wire name.
    pub flattened: bool,
    /// An XML attribute of the parent's element.
    pub attribute: bool,
    /// A client token: the client makes one when the user gives none.
    pub idempotency_token: bool,
    /// Namespace of the member's element.
    pub namespace: Option<Namespace>,
    /// Format, where the member fixes one.
    pub timestamp: Option<TimestampFormat>,
}

impl Member {
    /// An optional member in the body whose wire names are its own.
    pub const fn new(name: &'static str, target: u16) -> Self {
        Self {
            name,
            target: ShapeId(target),
            wire_name: name,
            query_name: name,
            required: false,
            location: Location::Body,
            flattened: false,
            attribute: false,
            idempotency_token: false,
            namespace: None,
            timestamp: None,
        }
    }

    /// The same with other names on the wire (XML and JSON; ec2Query).
    pub const fn named(mut self, wire_name: &'static str, query_name: &'static str) -> Self {
        self.wire_name = wire_name;
        self.query_name = query_name;
        self
    }

    /// The same, required.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same, elsewhere in the message.
    pub const fn at(mut self, location: Location) -> Self {
        self.location = location;
        self
    }

    /// The same, flattened.
    pub const fn flattened(mut self) -> Self {
        self.flattened = true;
        self
    }

    /// The same as an XML attribute.
    pub const fn attribute(mut self) -> Self {
        self.attribute = true;
        self
    }

    /// The same as a client token.
    pub const fn idempotency_token(mut self) -> Self {
        self.idempotency_token = true;
        self
    }

    /// The same with a namespace on its element.
    pub const fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// The same with a fixed format.
    pub const fn timestamp(mut self, format: TimestampFormat) -> Self {
        self.timestamp = Some(format);
        self
    }
}

/// Where the REST protocols carry a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the body.
    Body,
    /// In the header named by the member's wire name.
    Header,
    /// A map in all headers with the wire name as prefix.
    Headers,
    /// In the query string.
    QueryString,
    /// In the URI template.
    Uri,
    /// The HTTP status.
    StatusCode,
}

impl Member {
    /// What each item of a list is called where the list is flattened; nothing where it is not.
    pub fn flattened_name(&self, list: &List) -> Option<&'static str> {
        if self.flattened {
            Some(self.wire_name)
        } else {
            list.flattened.then(|| list.item_name.unwrap_or(self.wire_name))
        }
    }
}

/// A list.
#[derive(Debug)]
pub struct List {
    /// The items' shape.
    pub item: ShapeId,
    /// The items' element name, where the model gives one; `member` otherwise.
    pub item_name: Option<&'static str>,
    /// The list is flattened wherever it is used: each item bears the item name, else the member's wire name.
    pub flattened: bool,
    /// Namespace of the items' elements.
    pub item_namespace: Option<Namespace>,
    /// Format of items that are timestamps.
    pub item_timestamp: Option<TimestampFormat>,
}

impl List {
    /// A plain list.
    pub const fn new(item: u16) -> Self {
        Self {
            item: ShapeId(item),
            item_name: None,
            flattened: false,
            item_namespace: None,
            item_timestamp: None,
        }
    }

    /// The same with a name for the items.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.item_name = Some(name);
        self
    }

    /// What an item is called inside the list's own element.
    pub fn item_name(&self) -> &'static str {
        self.item_name.unwrap_or("member")
    }
}

/// A map with string keys.
#[derive(Debug)]
pub struct Map {
    /// The keys' shape, a string.
    pub key: ShapeId,
    /// The values' shape.
    pub value: ShapeId,
    /// `key` unless the model gives another.
    pub key_name: &'static str,
    /// `value` unless the model gives another.
    pub value_name: &'static str,
    /// The map is flattened wherever it is used.
    pub flattened: bool,
    /// Namespace of the key's element.
    pub key_namespace: Option<Namespace>,
    /// Namespace of the value's element.
    pub value_namespace: Option<Namespace>,
}

impl Map {
    /// A plain map.
    pub const fn new(key: u16, value: u16) -> Self {
        Self {
            key: ShapeId(key),
            value: ShapeId(value),
            key_name: "key",
            value_name: "value",
            flattened: false,
            key_namespace: None,
            value_namespace: None,
        }
    }
}

/// An XML namespace declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Prefix, empty for the default namespace.
    pub prefix: &'static str,
    /// The namespace's name.
    pub uri: &'static str,
}

/// How a point in time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `2026-01-02T03:04:05Z`, with milliseconds where there are any.
    DateTime,
    /// `Fri, 02 Jan 2026 03:04:05 GMT`.
    HttpDate,
    /// Seconds since 1970, with a fraction where there is one.
    EpochSeconds,
}
