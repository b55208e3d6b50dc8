//! Reading a service model in botocore's format, names resolved as botocore resolves them.
//!
//! A reference to a shape may carry traits of its own that win over the shape's (`locationName`), or that say something
//! else than the shape's: `flattened` on a member keeps the member's name, on a list shape it takes the item's. The result mirrors `enishi_wire::schema`, owned. Used by this build script and, over the published protocol
//! cases, by the tests of `wire`.

use std::collections::BTreeMap;

use serde_json::{Map as Object, Value as Json};

/// A whole service.
pub struct Model {
    pub signing_name: String,
    pub id: String,
    pub version: String,
    pub protocols: Vec<&'static str>,
    pub namespace: String,
    pub target_prefix: String,
    pub query_compatible: bool,
    pub operations: Vec<Operation>,
    pub operation_names: Vec<String>,
    pub shapes: Vec<Shape>,
}

pub struct Operation {
    pub name: String,
    pub method: String,
    pub uri: String,
    pub status: u16,
    pub input: Option<u16>,
    pub output: Option<u16>,
    pub result_wrapper: Option<String>,
    pub errors: Vec<u16>,
}

pub struct Shape {
    pub name: String,
    pub kind: Kind,
    pub min: Option<i64>,
    pub max: Option<i64>,
}

pub enum Kind {
    Structure(Structure),
    List(List),
    Map(Map),
    String(Vec<String>),
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    Blob,
    Timestamp(Option<&'static str>),
    Document,
}

pub struct Structure {
    pub members: Vec<Member>,
    pub error: Option<ErrorTrait>,
    pub union: bool,
    pub payload: Option<String>,
    pub namespace: Option<Namespace>,
}

pub struct ErrorTrait {
    pub code: Option<String>,
    pub status: u16,
}

pub struct Member {
    pub name: String,
    pub target: u16,
    pub wire_name: String,
    pub query_name: String,
    pub required: bool,
    pub location: &'static str,
    pub flattened: bool,
    pub attribute: bool,
    pub idempotency_token: bool,
    pub namespace: Option<Namespace>,
    pub timestamp: Option<&'static str>,
}

pub struct List {
    pub item: u16,
    pub item_name: Option<String>,
    pub flattened: bool,
    pub item_namespace: Option<Namespace>,
    pub item_timestamp: Option<&'static str>,
}

pub struct Map {
    pub key: u16,
    pub value: u16,
    pub key_name: String,
    pub value_name: String,
    pub flattened: bool,
    pub key_namespace: Option<Namespace>,
    pub value_namespace: Option<Namespace>,
}

#[derive(Clone)]
pub struct Namespace {
    pub prefix: String,
    pub uri: String,
}

/// What is wrong with a model: text for the person who refreshes it.
pub type Error = String;

/// Reads a model. `operationNames` may be missing; then it is the operations themselves.
pub fn read(json: &Json) -> Result<Model, Error> {
    let shapes = object(json, "shapes")?;
    let ids: BTreeMap<&str, u16> = shapes
        .keys()
        .map(String::as_str)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .zip(0..)
        .collect();
    let metadata = &json["metadata"];
    let reader = Reader { shapes, ids, is_rest: metadata["protocol"] == "rest-xml" };
    let mut operations: Vec<Operation> = object(json, "operations")?
        .iter()
        .map(|(name, o)| reader.operation(name, o))
        .collect::<Result<_, _>>()?;
    operations.sort_by(|a, b| a.name.cmp(&b.name));
    let mut operation_names: Vec<String> = match json["operationNames"].as_array() {
        Some(names) => names.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        None => operations.iter().map(|o| o.name.clone()).collect(),
    };
    operation_names.sort();
    Ok(Model {
        signing_name: text(metadata, "signingName").or(text(metadata, "endpointPrefix")).unwrap_or_default(),
        id: text(metadata, "serviceId").unwrap_or_default(),
        version: text(metadata, "apiVersion").unwrap_or_default(),
        protocols: protocols(metadata)?,
        namespace: text(metadata, "xmlNamespace").or_else(|| input_namespace(json)).unwrap_or_default(),
        target_prefix: text(metadata, "targetPrefix").unwrap_or_default(),
        query_compatible: metadata.get("awsQueryCompatible").is_some(),
        operations,
        operation_names,
        shapes: reader.ids.keys().map(|name| reader.shape(name)).collect::<Result<_, _>>()?,
    })
}

/// A REST model gives its namespace with each operation's input instead of once.
fn input_namespace(json: &Json) -> Option<String> {
    let operations = json["operations"].as_object()?;
    operations.values().find_map(|o| text(&o["input"]["xmlNamespace"], "uri"))
}

/// The model's protocols as variants of `schema::Protocol`, the preferred one first.
fn protocols(metadata: &Json) -> Result<Vec<&'static str>, Error> {
    let first = metadata["protocol"].as_str();
    let listed = metadata["protocols"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let mut found = Vec::new();
    for name in first.into_iter().chain(listed) {
        let protocol = match name {
            "ec2" => "Ec2Query",
            "query" => "AwsQuery",
            "json" if metadata["jsonVersion"] == "1.0" => "AwsJson10",
            "json" => "AwsJson11",
            "rest-xml" => "RestXml",
            "rest-json" => "RestJson1",
            "smithy-rpc-v2-cbor" => "RpcV2Cbor",
            other => return Err(format!("no protocol {other}")),
        };
        if !found.contains(&protocol) {
            found.push(protocol);
        }
    }
    Ok(found)
}

struct Reader<'a> {
    shapes: &'a Object<String, Json>,
    ids: BTreeMap<&'a str, u16>,
    /// A structure's own name is that of a body's root element, not of members.
    is_rest: bool,
}

impl Reader<'_> {
    fn operation(&self, name: &str, json: &Json) -> Result<Operation, Error> {
        let http = &json["http"];
        let id = |key: &str| json.get(key).map(|reference| self.id(reference)).transpose();
        Ok(Operation {
            name: name.to_owned(),
            method: text(http, "method").unwrap_or_else(|| "POST".to_owned()),
            uri: text(http, "requestUri").unwrap_or_else(|| "/".to_owned()),
            status: status(&http["responseCode"]).unwrap_or(200),
            input: id("input")?,
            output: id("output")?,
            result_wrapper: json.get("output").and_then(|o| text(o, "resultWrapper")),
            errors: list(json, "errors").map(|e| self.id(e)).collect::<Result<_, _>>()?,
        })
    }

    fn id(&self, reference: &Json) -> Result<u16, Error> {
        let name = reference["shape"].as_str().ok_or("a reference without a shape")?;
        self.ids.get(name).copied().ok_or_else(|| format!("no shape {name}"))
    }

    /// A trait of a reference, or else of the shape it refers to.
    fn resolved<'j>(&'j self, reference: &'j Json, key: &str) -> Option<&'j Json> {
        let target = || self.shapes.get(reference["shape"].as_str()?)?.get(key);
        reference.get(key).or_else(target)
    }

    fn resolved_text(&self, reference: &Json, key: &str) -> Option<String> {
        self.resolved(reference, key).and_then(Json::as_str).map(str::to_owned)
    }

    fn flag(&self, reference: &Json, key: &str) -> bool {
        self.resolved(reference, key).and_then(Json::as_bool).unwrap_or(false)
    }

    fn shape(&self, name: &str) -> Result<Shape, Error> {
        let json = &self.shapes[name];
        let kind = match json["type"].as_str().unwrap_or_default() {
            "structure" if json["document"] == true => Kind::Document,
            "structure" => Kind::Structure(self.structure(json)?),
            "list" => Kind::List(self.list(json)?),
            "map" => Kind::Map(self.map(json)?),
            "string" | "character" => {
                Kind::String(list(json, "enum").filter_map(Json::as_str).map(str::to_owned).collect())
            }
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "blob" => Kind::Blob,
            "timestamp" => Kind::Timestamp(format(json.get("timestampFormat"))?),
            other => return Err(format!("shape {name} is a {other}")),
        };
        Ok(Shape { name: name.to_owned(), kind, min: bound(&json["min"]), max: bound(&json["max"]) })
    }

    fn structure(&self, json: &Json) -> Result<Structure, Error> {
        let required: Vec<&str> = list(json, "required").filter_map(Json::as_str).collect();
        let members = object(json, "members")?
            .iter()
            .map(|(name, reference)| self.member(name, reference, required.contains(&name.as_str())))
            .collect::<Result<_, _>>()?;
        let is_error = json["exception"] == true || json.get("error").is_some();
        Ok(Structure {
            members,
            error: is_error.then(|| ErrorTrait {
                code: text(&json["error"], "code"),
                status: status(&json["error"]["httpStatusCode"]).unwrap_or(0),
            }),
            union: json["union"] == true,
            payload: text(json, "payload"),
            namespace: namespace(json.get("xmlNamespace")),
        })
    }

    fn member(&self, name: &str, reference: &Json, required: bool) -> Result<Member, Error> {
        let is_structure = reference["shape"].as_str().is_some_and(|s| self.shapes[s]["type"] == "structure");
        let location_name = match self.is_rest && is_structure {
            true => text(reference, "locationName"),
            false => self.resolved_text(reference, "locationName"),
        };
        let query_name = self.resolved_text(reference, "queryName");
        Ok(Member {
            name: name.to_owned(),
            target: self.id(reference)?,
            query_name: query_name.unwrap_or_else(|| upper_first(location_name.as_deref().unwrap_or(name))),
            wire_name: location_name.unwrap_or_else(|| name.to_owned()),
            required,
            location: match reference["location"].as_str() {
                None => "Body",
                Some("header") => "Header",
                Some("headers") => "Headers",
                Some("querystring") => "QueryString",
                Some("uri") => "Uri",
                Some("statusCode") => "StatusCode",
                Some(other) => return Err(format!("member {name} is at {other}")),
            },
            flattened: reference["flattened"] == true,
            attribute: self.flag(reference, "xmlAttribute"),
            idempotency_token: self.flag(reference, "idempotencyToken"),
            namespace: namespace(reference.get("xmlNamespace")),
            timestamp: format(reference.get("timestampFormat"))?,
        })
    }

    fn list(&self, json: &Json) -> Result<List, Error> {
        let item = &json["member"];
        Ok(List {
            item: self.id(item)?,
            item_name: self.resolved_text(item, "locationName"),
            flattened: json["flattened"] == true,
            item_namespace: namespace(item.get("xmlNamespace")),
            item_timestamp: format(item.get("timestampFormat"))?,
        })
    }

    fn map(&self, json: &Json) -> Result<Map, Error> {
        let (key, value) = (&json["key"], &json["value"]);
        Ok(Map {
            key: self.id(key)?,
            value: self.id(value)?,
            key_name: self.resolved_text(key, "locationName").unwrap_or_else(|| "key".to_owned()),
            value_name: self.resolved_text(value, "locationName").unwrap_or_else(|| "value".to_owned()),
            flattened: json["flattened"] == true,
            key_namespace: namespace(key.get("xmlNamespace")),
            value_namespace: namespace(value.get("xmlNamespace")),
        })
    }
}

fn object<'j>(json: &'j Json, key: &str) -> Result<&'j Object<String, Json>, Error> {
    json[key].as_object().ok_or_else(|| format!("no object {key}"))
}

fn list<'j>(json: &'j Json, key: &str) -> impl Iterator<Item = &'j Json> {
    json[key].as_array().into_iter().flatten()
}

fn text(json: &Json, key: &str) -> Option<String> {
    json[key].as_str().map(str::to_owned)
}

fn status(json: &Json) -> Option<u16> {
    json.as_u64().and_then(|n| u16::try_from(n).ok())
}

/// Bounds of doubles are whole numbers in every model; a fraction would be rounded outwards by the cast.
fn bound(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| json.as_f64().map(|f| f as i64))
}

fn format(json: Option<&Json>) -> Result<Option<&'static str>, Error> {
    match json.and_then(Json::as_str) {
        None => Ok(None),
        Some("iso8601") => Ok(Some("DateTime")),
        Some("rfc822") => Ok(Some("HttpDate")),
        Some("unixTimestamp") => Ok(Some("EpochSeconds")),
        Some(other) => Err(format!("no timestamp format {other}")),
    }
}

fn namespace(json: Option<&Json>) -> Option<Namespace> {
    match json? {
        Json::String(uri) => Some(Namespace { prefix: String::new(), uri: uri.clone() }),
        other => {
            Some(Namespace { prefix: text(other, "prefix").unwrap_or_default(), uri: text(other, "uri")? })
        }
    }
}

fn upper_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
