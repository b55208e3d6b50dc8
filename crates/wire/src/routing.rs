//! Which service, protocol and operation a request is for.
//!
//! Looked at in this order, as AWS clients differ in what they send: the header `smithy-protocol` (rpcv2Cbor, whose path
//! names service and operation), `X-Amz-Target` (JSON protocols), then method and path (REST protocols), then a form's
//! `Action` (query protocols). A service of resource paths is found by the credential scope, else, where the request is no
//! form, by which service has the path. A form names no service, so it is found by the credential scope, else by the
//! `Version` parameter, else by which service has the action. All of it comes from the service tables: a service is served
//! in every protocol its model lists and that has a codec here. restJson1 gets its own with the first service that speaks
//! it: a variant of `Codec`, an arm in `Call`, and its way of naming the operation in [`Router::route`].

use std::borrow::Cow;
use std::collections::HashMap;

use crate::aws_json::Version;
use crate::fault::Fault;
use crate::form::Form;
use crate::message::{Request, Response};
use crate::schema::{Operation, Protocol, Service};
use crate::sigv4::Authorization;
use crate::uri_template::Labels;
use crate::value::Value;
use crate::{aws_json, aws_query, content_encoding, ec2_query, limits, rest_xml, rpc_v2_cbor};

/// The content type of the query protocols.
const FORM: &str = "application/x-www-form-urlencoded";

/// A protocol that has a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Ec2Query,
    AwsQuery,
    AwsJson(Version),
    RestXml,
    RpcV2Cbor,
}

impl Codec {
    fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Ec2Query => Some(Self::Ec2Query),
            Protocol::AwsQuery => Some(Self::AwsQuery),
            Protocol::AwsJson10 => Some(Self::AwsJson(Version::V10)),
            Protocol::AwsJson11 => Some(Self::AwsJson(Version::V11)),
            Protocol::RestXml => Some(Self::RestXml),
            Protocol::RpcV2Cbor => Some(Self::RpcV2Cbor),
            Protocol::RestJson1 => None,
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::Ec2Query => Protocol::Ec2Query,
            Self::AwsQuery => Protocol::AwsQuery,
            Self::AwsJson(Version::V10) => Protocol::AwsJson10,
            Self::AwsJson(Version::V11) => Protocol::AwsJson11,
            Self::RestXml => Protocol::RestXml,
            Self::RpcV2Cbor => Protocol::RpcV2Cbor,
        }
    }

    /// The protocol that a request is in as far as its headers alone tell; nothing for the REST protocols.
    fn of_headers(request: &Request<'_>) -> Option<Self> {
        let content_type = request.content_type();
        if is_rpc(request) {
            Some(Self::RpcV2Cbor)
        } else if request.header("x-amz-target").is_some() {
            let is_first = content_type == Version::V10.content_type();
            Some(Self::AwsJson(if is_first { Version::V10 } else { Version::V11 }))
        } else {
            (content_type == FORM).then_some(Self::AwsQuery)
        }
    }

    /// The form codec of a service, if it has one.
    fn form_of(service: &Service) -> Option<Self> {
        let codecs = service.protocols.iter().filter_map(|p| Self::of(*p));
        codecs.into_iter().find(|c| matches!(c, Self::Ec2Query | Self::AwsQuery))
    }

    fn encode_fault(self, service: Option<&'static Service>, fault: &Fault, request_id: &str) -> Response {
        match self {
            Self::Ec2Query => ec2_query::encode_fault(service, fault, request_id),
            Self::AwsQuery => aws_query::encode_fault(service, fault, request_id),
            Self::AwsJson(version) => aws_json::encode_fault(service, version, fault, request_id),
            Self::RestXml => rest_xml::encode_fault(service, fault, request_id),
            Self::RpcV2Cbor => rpc_v2_cbor::encode_fault(service, fault, request_id),
        }
    }
}

/// Finds what a request is for. Made once from the service tables.
#[derive(Debug)]
pub struct Router {
    services: &'static [&'static Service],
    by_target: HashMap<&'static str, &'static Service>,
}

impl Router {
    /// A router over these services.
    pub fn new(services: &'static [&'static Service]) -> Self {
        let targets = services.iter().filter(|s| !s.target_prefix.is_empty());
        Self { services, by_target: targets.map(|s| (s.target_prefix, *s)).collect() }
    }

    /// The body as the codecs read it: as sent, or decompressed where the client compressed it.
    ///
    /// [`route`](Self::route) takes the request with this body; a signature is over the body as sent.
    ///
    /// # Errors
    /// A [`Refusal`] for a request out of [bounds](limits) and for what cannot be decompressed within them.
    pub fn body<'r>(&self, request: &Request<'r>) -> Result<Cow<'r, [u8]>, Refusal> {
        check_limits(request)?;
        match Codec::of_headers(request) {
            // The encoding belongs to what the body holds.
            None => Ok(Cow::Borrowed(request.body)),
            Some(codec) => {
                content_encoding::decoded(request).map_err(|fault| Refusal::new(codec, None, fault))
            }
        }
    }

    /// Finds the operation; `authorization` tells the service where the request itself does not.
    ///
    /// # Errors
    /// A [`Refusal`] with AWS's error, in the protocol that the client speaks as far as that can be told.
    pub fn route<'r>(
        &self,
        request: &Request<'r>,
        authorization: Option<&Authorization>,
    ) -> Result<Call<'r>, Refusal> {
        check_limits(request)?;
        let scope = authorization.map(|a| a.service.as_str());
        if is_rpc(request) {
            return self.route_rpc(request, scope);
        }
        match request.header("x-amz-target") {
            Some(target) => self.route_target(request, target, scope),
            None => match self.route_path(request, scope) {
                Some(routed) => routed,
                None => self.route_form(request, scope),
            },
        }
    }

    fn route_rpc<'r>(&self, request: &Request<'r>, scope: Option<&str>) -> Result<Call<'r>, Refusal> {
        let codec = Codec::RpcV2Cbor;
        let refuse = |service, fault: Fault| Err(Refusal::new(codec, service, fault));
        let unknown = |what: &str| {
            Fault::new("UnknownOperationException", format!("Unknown operation {what}")).with_status(404)
        };
        let Some((prefix, name)) = rpc_v2_cbor::names(request.path).filter(|_| request.method == "POST")
        else {
            return refuse(None, unknown(&format!("{} {}", request.method, request.path)));
        };
        let Some(service) = self.by_target.get(prefix).copied() else {
            return refuse(None, no_service(scope));
        };
        if !service.protocols.contains(&Protocol::RpcV2Cbor) {
            return refuse(Some(service), unknown(name));
        }
        if !request.body.is_empty() && request.content_type() != rpc_v2_cbor::CONTENT_TYPE {
            let message = format!("The content type of a body is {}.", rpc_v2_cbor::CONTENT_TYPE);
            return refuse(
                Some(service),
                Fault::new("UnsupportedMediaTypeException", message).with_status(415),
            );
        }
        match find(service, name, || unknown(name)) {
            Ok(operation) => Ok(Call { service, operation, codec, input: Input::Body(request.body) }),
            Err(fault) => refuse(Some(service), fault),
        }
    }

    fn route_target<'r>(
        &self,
        request: &Request<'r>,
        target: &str,
        scope: Option<&str>,
    ) -> Result<Call<'r>, Refusal> {
        let content_type = request.content_type();
        let asked = if content_type == Version::V10.content_type() { Version::V10 } else { Version::V11 };
        let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
        let Some(service) = self.by_target.get(prefix).copied() else {
            return Err(Refusal::new(Codec::AwsJson(asked), None, no_service(scope)));
        };
        let listed = |codec: &Codec| matches!(codec, Codec::AwsJson(_));
        let codecs = || service.protocols.iter().filter_map(|p| Codec::of(*p)).filter(listed);
        let wanted = Codec::AwsJson(asked);
        let codec = codecs().find(|c| *c == wanted).or_else(|| codecs().next());
        let Some(codec) = codec else {
            return Err(Refusal::new(wanted, Some(service), no_service(scope)));
        };
        let unknown = || Fault::new("UnknownOperationException", format!("Unknown operation {name}"));
        let operation = find(service, name, unknown).map_err(|f| Refusal::new(codec, Some(service), f))?;
        Ok(Call { service, operation, codec, input: Input::Body(request.body) })
    }

    /// The operation that method and path name; nothing where the request is not for a service of resource paths.
    fn route_path<'r>(
        &self,
        request: &Request<'r>,
        scope: Option<&str>,
    ) -> Option<Result<Call<'r>, Refusal>> {
        let of_paths = |s: &&&Service| s.protocols.contains(&Protocol::RestXml);
        let in_scope = |s: &&&Service| scope.is_none_or(|scope| s.signing_name == scope);
        let mut services = self.services.iter().filter(of_paths).filter(in_scope).copied().peekable();
        let first = *services.peek()?;
        if scope.is_none() && names_an_action(request) {
            return None;
        }
        let found = services.find_map(|service| Some((service, rest_xml::find(service, request)?)));
        let codec = Codec::RestXml;
        match found {
            Some((service, (operation, labels))) => {
                Some(Ok(Call { service, operation, codec, input: Input::Path(*request, labels) }))
            }
            None if scope.is_some() && Codec::form_of(first).is_none() => {
                let what = format!("Unknown operation {} {}", request.method, request.path);
                let fault = Fault::new("UnknownOperationException", what).with_status(404);
                Some(Err(Refusal::new(codec, Some(first), fault)))
            }
            None => None,
        }
    }

    fn route_form<'r>(&self, request: &Request<'r>, scope: Option<&str>) -> Result<Call<'r>, Refusal> {
        let is_form = request.content_type() == FORM;
        let in_scope = || {
            let named = |s: &&Service| scope.is_none_or(|scope| s.signing_name == scope);
            self.services.iter().copied().filter(move |s| named(s))
        };
        // Until the form is read, a signed request is answered in the words of the service that it is signed for.
        let first = in_scope().next().filter(|_| scope.is_some());
        let guess = first.and_then(Codec::form_of).unwrap_or(Codec::AwsQuery);
        let refuse = |fault| Refusal::new(guess, first, fault);
        if scope.is_some() && first.is_none() {
            return Err(refuse(no_service(scope)));
        }
        let form_body = if is_form { request.body } else { &[] };
        let form = Form::parse(request.query, form_body).map_err(refuse)?;
        let Some(action) = form.get("Action").map(str::to_owned) else {
            let message = "The request is missing an action or a required parameter.";
            return Err(refuse(Fault::new("MissingAction", message)));
        };
        let version = form.get("Version").unwrap_or_default();
        let forms = in_scope().filter_map(|s| Codec::form_of(s).map(|codec| (s, codec)));
        let Some((service, codec)) = best_match(forms, version, &action) else {
            return Err(refuse(invalid_action(guess, &action, version)));
        };
        let operation = find(service, &action, || invalid_action(codec, &action, service.version))
            .map_err(|fault| Refusal::new(codec, Some(service), fault))?;
        Ok(Call { service, operation, codec, input: Input::Form(form) })
    }
}

/// The service that a form is for. An API version is nearly a service's own and an action's name too; two services may
/// share a signing name (both generations of load balancing do).
fn best_match(
    candidates: impl Iterator<Item = (&'static Service, Codec)>,
    version: &str,
    action: &str,
) -> Option<(&'static Service, Codec)> {
    let fit = |service: &Service| (service.version == version, service.knows(action));
    candidates.max_by_key(|(service, _)| fit(service)).filter(|(service, _)| fit(service) != (false, false))
}

/// Whether the request is in rpcv2Cbor.
fn is_rpc(request: &Request<'_>) -> bool {
    request.header(rpc_v2_cbor::PROTOCOL_HEADER) == Some(rpc_v2_cbor::PROTOCOL)
}

/// Whether the request is one of the query protocols.
fn names_an_action(request: &Request<'_>) -> bool {
    let in_query = || form_urlencoded::parse(request.query.as_bytes()).any(|(name, _)| name == "Action");
    request.content_type() == FORM || in_query()
}

fn check_limits(request: &Request<'_>) -> Result<(), Refusal> {
    let refuse = |code: &'static str, message: &str, status| {
        Err(Refusal::new(Codec::AwsQuery, None, Fault::new(code, message).with_status(status)))
    };
    let header_bytes: usize = request.headers.iter().map(|(n, v)| n.as_str().len() + v.len()).sum();
    if request.body.len() > limits::BODY_BYTES {
        return refuse("RequestEntityTooLarge", "The request's body is too large.", 413);
    }
    if request.path.len() + request.query.len() > limits::URI_BYTES {
        return refuse("RequestUriTooLong", "The request's URI is too long.", 414);
    }
    if request.headers.len() > limits::HEADER_COUNT || header_bytes > limits::HEADER_BYTES {
        return refuse("RequestHeaderSectionTooLarge", "The request's headers are too large.", 431);
    }
    Ok(())
}

/// The operation's row; a name that AWS has but this service table has not is told apart from an unknown one.
fn find(
    service: &'static Service,
    name: &str,
    unknown: impl Fn() -> Fault,
) -> Result<&'static Operation, Fault> {
    match service.operation(name) {
        Some(operation) => Ok(operation),
        None if service.knows(name) => {
            Err(not_implemented(format!("Enishi does not implement the operation {name} of {}.", service.id)))
        }
        None => Err(unknown()),
    }
}

fn invalid_action(codec: Codec, action: &str, version: &str) -> Fault {
    let message = match codec {
        Codec::Ec2Query => format!("The action {action} is not valid for this web service."),
        _ => format!("Could not find operation {action} for version {version}"),
    };
    Fault::new("InvalidAction", message)
}

fn no_service(scope: Option<&str>) -> Fault {
    match scope {
        Some(name) => not_implemented(format!("Enishi does not serve the AWS service '{name}'.")),
        None => Fault::new("UnknownOperationException", "The request is for no service that is served here."),
    }
}

/// 501 rather than 500, so that clients do not try again.
fn not_implemented(message: String) -> Fault {
    Fault::new("NotImplemented", message).with_status(501)
}

/// A request whose service, protocol and operation are known.
#[derive(Debug)]
pub struct Call<'r> {
    /// The service's table.
    pub service: &'static Service,
    /// The operation's row in it.
    pub operation: &'static Operation,
    codec: Codec,
    input: Input<'r>,
}

#[derive(Debug)]
enum Input<'r> {
    Form(Form<'r>),
    Body(&'r [u8]),
    Path(Request<'r>, Labels),
}

impl Call<'_> {
    /// The protocol that the client speaks.
    pub fn protocol(&self) -> Protocol {
        self.codec.protocol()
    }

    /// Reads the operation's input.
    ///
    /// # Errors
    /// AWS's fault for what the protocol or the model refuses.
    pub fn decode(&self) -> Result<Value, Fault> {
        match (&self.codec, &self.input) {
            (Codec::Ec2Query, Input::Form(form)) => ec2_query::decode(self.service, self.operation, form),
            (_, Input::Form(form)) => aws_query::decode(self.service, self.operation, form),
            (_, Input::Path(request, labels)) => {
                rest_xml::decode(self.service, self.operation, request, labels)
            }
            (Codec::RpcV2Cbor, Input::Body(body)) => rpc_v2_cbor::decode(self.service, self.operation, body),
            (_, Input::Body(body)) => aws_json::decode(self.service, self.operation, body),
        }
    }

    /// Writes the operation's output or its fault.
    pub fn respond(&self, result: &Result<Value, Fault>, request_id: &str) -> Response {
        let (service, operation) = (self.service, self.operation);
        match (result, self.codec) {
            (Err(fault), codec) => codec.encode_fault(Some(service), fault, request_id),
            (Ok(output), Codec::Ec2Query) => ec2_query::encode(service, operation, output, request_id),
            (Ok(output), Codec::AwsQuery) => aws_query::encode(service, operation, output, request_id),
            (Ok(output), Codec::RestXml) => rest_xml::encode(service, operation, output, request_id),
            (Ok(output), Codec::RpcV2Cbor) => rpc_v2_cbor::encode(service, operation, output, request_id),
            (Ok(output), Codec::AwsJson(version)) => {
                aws_json::encode(service, operation, version, output, request_id)
            }
        }
    }
}

/// A request that cannot be brought to an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    codec: Codec,
    service: Option<&'static Service>,
    fault: Box<Fault>,
}

impl Refusal {
    fn new(codec: Codec, service: Option<&'static Service>, fault: Fault) -> Self {
        Self { codec, service, fault: Box::new(fault) }
    }

    /// Why.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The answer to send.
    pub fn respond(&self, request_id: &str) -> Response {
        self.codec.encode_fault(self.service, &self.fault, request_id)
    }
}
