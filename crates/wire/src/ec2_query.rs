//! ec2Query: form parameters in, EC2's XML out. Spoken by EC2 alone.
//!
//! Requests: every list is flattened (`Filter.1.Value.2`), names are the model's `queryName`, else the location name with
//! a capital letter. Responses: the members stand directly below `<XResponse>`, beside `<requestId>`; an operation
//! without a result answers `<return>true</return>`. Unlike awsQuery, EC2 refuses parameters that it does not know.
//!
//! AWS pages: "Query requests", "Error codes" of the EC2 API reference; Smithy's "AWS EC2 query protocol".

use crate::fault::Fault;
use crate::form::{Form, Node, View};
use crate::limits;
use crate::message::Response;
use crate::scalar;
use crate::schema::{Kind, Member, Operation, Service, Shape, ShapeId, Structure, TimestampFormat};
use crate::value::Value;
use crate::xml::{Times, Writer};

/// Parameters that belong to the request itself and not to an operation.
const COMMON: &[&str] = &[
    "Action",
    "Version",
    "AWSAccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SecurityToken",
    "Timestamp",
    "Expires",
];

const CONTENT_TYPE: &str = "text/xml;charset=UTF-8";

/// Reads an operation's input.
///
/// # Errors
/// `MissingParameter`, `UnknownParameter`, `InvalidParameterValue`, as EC2 words them.
pub fn decode(service: &Service, operation: &Operation, form: &Form<'_>) -> Result<Value, Fault> {
    let value = match operation.input {
        Some(id) => {
            let decoder = Decoder { service };
            match &service.shape(id).kind {
                Kind::Structure(structure) => decoder.structure(structure, form.root(), 0)?,
                _ => return Err(Fault::internal("the input is no structure")),
            }
        }
        None => Value::empty(),
    };
    // EC2 answers DryRun for every action, also for those whose model has no such member.
    let is_common = |name: &&str| {
        COMMON.contains(name)
            || *name == "DryRun"
            || name.get(..6).is_some_and(|p| p.eq_ignore_ascii_case("X-Amz-"))
    };
    match form.unused().find(|name| !is_common(name)) {
        Some(name) => Err(Fault::new("UnknownParameter", format!("The parameter {name} is not recognized"))),
        None => Ok(value),
    }
}

/// Writes an operation's output.
pub fn encode(service: &Service, operation: &Operation, output: &Value, request_id: &str) -> Response {
    let mut xml = Writer::new(Some(service), Times::Millis);
    let root = format!("{}Response", operation.name);
    xml.open_in(&root, "", &namespace(service));
    xml.text_element("requestId", request_id);
    match (operation.output.map(|id| &service.shape(id).kind), output) {
        (Some(Kind::Structure(structure)), Value::Structure(members)) => xml.members(structure, members),
        _ => xml.text_element("return", "true"),
    }
    xml.close(&root);
    Response::new(200, CONTENT_TYPE, request_id, xml.finish())
}

/// Writes a fault.
pub fn encode_fault(service: Option<&Service>, fault: &Fault, request_id: &str) -> Response {
    let mut xml = Writer::new(service, Times::Millis);
    xml.open("Response");
    xml.open("Errors");
    xml.open("Error");
    xml.text_element("Code", fault.code());
    xml.text_element("Message", fault.message());
    xml.fault_detail(fault);
    xml.close("Error");
    xml.close("Errors");
    xml.text_element("RequestID", request_id);
    xml.close("Response");
    Response::new(fault.status(), CONTENT_TYPE, request_id, xml.finish())
}

/// The model's namespace ends without the slash that EC2's responses have.
fn namespace(service: &Service) -> String {
    let name = service.namespace;
    if name.is_empty() || name.ends_with('/') { name.to_owned() } else { format!("{name}/") }
}

struct Decoder<'s> {
    service: &'s Service,
}

impl Decoder<'_> {
    fn structure(&self, structure: &Structure, view: View<'_>, depth: usize) -> Result<Value, Fault> {
        if depth > limits::NESTING {
            return Err(Fault::new("MalformedQueryString", "The query string is nested too deeply."));
        }
        let mut members = Vec::new();
        for (index, member) in structure.members.iter().enumerate() {
            let node = view.node(member.query_name);
            // Older SDKs send every optional string they were given, empty ones too; EC2 takes those as not given.
            let empty = depth == 0
                && node.value == Some("")
                && matches!(self.service.shape(member.target).kind, Kind::String(_));
            if node.is_present() && !empty {
                let path = || view.path(member.query_name);
                let value = self.value(member.target, member.timestamp, node, &path, depth)?;
                if let Some(value) = value {
                    members.push((index as u16, value));
                    continue;
                }
            }
            if member.required {
                return Err(missing(member, view));
            }
        }
        Ok(Value::Structure(members))
    }

    /// The value at a node; nothing when the node holds only what the shape does not know.
    fn value(
        &self,
        id: ShapeId,
        format: Option<TimestampFormat>,
        node: Node<'_>,
        path: &dyn Fn() -> String,
        depth: usize,
    ) -> Result<Option<Value>, Fault> {
        let shape = self.service.shape(id);
        match &shape.kind {
            Kind::Structure(_) if node.below.is_empty() => Err(invalid_kind(&path())),
            Kind::Structure(structure) => self.structure(structure, node.below, depth + 1).map(Some),
            Kind::List(list) => {
                let items = node.below.items();
                if items.len() > limits::LIST_LENGTH {
                    return Err(Fault::new(
                        "MalformedQueryString",
                        "The query string has a list that is too long.",
                    ));
                }
                let mut values = Vec::with_capacity(items.len());
                for (name, item) in items {
                    let path = || node.below.path(name);
                    let value = self.value(list.item, list.item_timestamp, item, &path, depth + 1)?;
                    values.extend(value);
                }
                Ok((!values.is_empty()).then_some(Value::List(values)))
            }
            Kind::Map(_) => Ok(None),
            kind => match node.value {
                Some(text) => self.scalar(shape, kind, text, format, path).map(Some),
                None => Ok(None),
            },
        }
    }

    fn scalar(
        &self,
        shape: &Shape,
        kind: &Kind,
        text: &str,
        format: Option<TimestampFormat>,
        path: &dyn Fn() -> String,
    ) -> Result<Value, Fault> {
        let format = format.unwrap_or(TimestampFormat::DateTime);
        let Some(value) = scalar::parse(kind, text, format) else {
            let expected = match kind {
                Kind::Boolean => "boolean",
                Kind::Integer | Kind::Long => "integer",
                Kind::Float | Kind::Double => "number",
                Kind::Timestamp(_) => "timestamp",
                _ => "base64",
            };
            let message = format!(
                "Value ({text}) for parameter {} is invalid. It must be a valid {expected}.",
                lower_first(&path())
            );
            return Err(Fault::new("InvalidParameterValue", message));
        };
        if let Value::Int(number) = value {
            check_range(shape, number, path)?;
        }
        Ok(value)
    }
}

/// EC2 words it so: "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5."
fn check_range(shape: &Shape, number: i64, path: &dyn Fn() -> String) -> Result<(), Fault> {
    let expecting = if let Some(min) = shape.min.filter(|min| number < *min) {
        format!("greater than {min}")
    } else if let Some(max) = shape.max.filter(|max| number > *max) {
        format!("less than {max}")
    } else {
        return Ok(());
    };
    let path = lower_first(&path());
    let message =
        format!("Value ( {number} ) for parameter {path} is invalid. Expecting a value {expecting}.");
    Err(Fault::new("InvalidParameterValue", message))
}

fn missing(member: &Member, view: View<'_>) -> Fault {
    let path = view.path(member.query_name);
    Fault::new("MissingParameter", format!("The request must contain the parameter {path}"))
}

fn invalid_kind(path: &str) -> Fault {
    Fault::new("InvalidParameterValue", format!("The parameter {path} must be a structure."))
}

/// EC2 speaks of a parameter with a small first letter in most messages.
fn lower_first(path: &str) -> String {
    let mut letters = path.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
