//! The published protocol cases, backwards: what they say a client sends is decoded, what they say a client understands is
//! encoded. The cases come with botocore's source package: `cargo xtask protocol-cases`.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enishi_wire::routing::{Call, Router};
use enishi_wire::schema::{Protocol, Service};
use enishi_wire::{Fault, Request, Response, Value};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value as Json;

use support::cbor::Item;
use support::xml::Element;
use support::{model, tables, values};

/// Cases that show what clients tolerate and that no server sends, each with the reason.
const CLIENT_ONLY: &[(&str, &str)] = &[
    ("handles_unexpected_json_output", "a body with a member that the model does not have"),
    ("AwsJson10HandlesUnexpectedJsonOutput", "a body with a member that the model does not have"),
    ("json_1_1_service_responds_with_no_payload", "an empty body in place of {}"),
    ("AwsJson10ServiceRespondsWithNoPayload", "an empty body in place of {}"),
    ("AwsJson11DeserializeIgnoreType", "a union with a __type beside its member"),
    ("AwsJson10DeserializeIgnoreType", "a union with a __type beside its member"),
    ("AwsJson10DeserializeAllowNulls", "a union with nulls beside its member"),
    ("AwsJson11StructuresDontDeserializeNullValues", "a null member"),
    ("AwsJson11FooErrorUsingXAmznErrorType", "the error's type in the header alone"),
    ("AwsJson11FooErrorUsingXAmznErrorTypeWithUri", "the error's type in the header alone, with a URI"),
    (
        "AwsJson11FooErrorUsingXAmznErrorTypeWithUriAndNamespace",
        "the error's type in the header alone, with a URI",
    ),
    ("AwsJson11FooErrorUsingCode", "the error's type in the member code"),
    ("AwsJson11FooErrorUsingCodeAndNamespace", "the error's type in the member code"),
    ("AwsJson11FooErrorUsingCodeUriAndNamespace", "the error's type in the member code"),
    ("AwsJson11FooErrorWithDunderTypeAndNamespace", "the error's type with a namespace"),
    ("AwsJson11FooErrorWithDunderTypeUriAndNamespace", "the error's type with a namespace and a URI"),
    ("AwsJson11EmptyComplexError", "an error whose type is given with no message and no member"),
    ("AwsJson10FooErrorUsingXAmznErrorType", "the error's type in the header alone"),
    ("AwsJson10FooErrorUsingXAmznErrorTypeWithUri", "the error's type in the header alone, with a URI"),
    (
        "AwsJson10FooErrorUsingXAmznErrorTypeWithUriAndNamespace",
        "the error's type in the header alone, with a URI",
    ),
    ("AwsJson10FooErrorUsingCode", "the error's type in the member code"),
    ("AwsJson10FooErrorUsingCodeAndNamespace", "the error's type in the member code"),
    ("AwsJson10FooErrorUsingCodeUriAndNamespace", "the error's type in the member code"),
    ("AwsJson10FooErrorWithDunderTypeAndNamespace", "the error's type with a namespace"),
    ("AwsJson10FooErrorWithDunderTypeUriAndNamespace", "the error's type with a namespace and a URI"),
    ("RestXmlQueryPrecedence", "the client leaves out an entry of a map that another member names too"),
    ("XmlNamespaces", "the default namespace declared once more on a child"),
    ("BodyWithXmlName", "the name of the root element, which no client reads"),
    ("HttpPayloadWithXmlName", "the name of the root element, which no client reads"),
    ("InvalidGreetingError", "an error with a member that the model does not have"),
    ("RpcV2CborExtraFieldsInTheBodyShouldBeSkippedByClients", "members that the model does not have"),
    ("RpcV2CborPayloadWithUnsetUnion", "a body with members of another operation"),
    ("AwsJson10EmptyComplexError", "an error whose type is given with no message and no member"),
];

/// Cases whose request is published without its body, so that there is nothing to decode.
const NO_BODY: &str = "PutWithContentEncoding";

/// One case of a suite with the service it is about.
struct Case {
    id: String,
    json: Json,
    service: &'static Service,
}

fn suite(part: &str) -> Vec<Case> {
    let path = support::cases(&format!("protocols/{part}.json"));
    let text = std::fs::read_to_string(path).expect("a readable suite");
    let suites: Vec<Json> = serde_json::from_str(&text).expect("JSON");
    let mut cases = Vec::new();
    for suite in suites {
        for case in suite["cases"].as_array().expect("cases") {
            let name = case["given"]["name"].as_str().expect("an operation's name");
            let json = serde_json::json!({
                "metadata": suite["metadata"],
                "operations": { name: case["given"] },
                "shapes": suite["shapes"],
            });
            let model = model::read(&json).expect("a model");
            cases.push(Case {
                id: case["id"].as_str().expect("an id").to_owned(),
                json: case.clone(),
                service: tables::service(&model),
            });
        }
    }
    assert!(!cases.is_empty(), "{part} holds cases");
    cases
}

fn check(part: &str, expected_cases: usize, run: impl Fn(&Case) -> Result<(), String>) {
    let cases = suite(part);
    let mut ran = 0;
    let mut failures = Vec::new();
    for case in cases.iter().filter(|c| !CLIENT_ONLY.iter().any(|(id, _)| *id == c.id)) {
        ran += 1;
        if let Err(why) = run(case) {
            failures.push(format!("{}: {why}", case.id));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {ran} cases of {part} fail:\n{}",
        failures.len(),
        failures.join("\n\n")
    );
    assert!(ran >= expected_cases, "{part}: only {ran} cases ran");
}

fn routed<T>(
    service: &'static Service,
    request: &Request<'_>,
    then: impl FnOnce(Call<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let services: &'static [&'static Service] = Box::leak(Box::new([service]));
    let call = Router::new(services)
        .route(request, None)
        .map_err(|refusal| format!("refused: {}", refusal.fault()))?;
    then(call)
}

fn decodes(case: &Case) -> Result<(), String> {
    let sent = &case.json["serialized"];
    let operation = &case.service.operations[0];
    if operation.name == NO_BODY {
        return Ok(());
    }
    let mut headers = client_headers(case);
    for (name, value) in sent["headers"].as_object().into_iter().flatten() {
        let name: HeaderName = name.parse().expect("a header's name");
        headers.insert(name, HeaderValue::from_str(value.as_str().expect("text")).expect("a header's value"));
    }
    let uri = sent["uri"].as_str().expect("a URI");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let body = body(case, sent);
    let request = Request {
        method: sent["method"].as_str().expect("a method"),
        path,
        query,
        headers: &headers,
        body: &body,
    };
    let decoded = routed(case.service, &request, |call| call.decode().map_err(|fault| fault.to_string()))?;
    let Some(input) = operation.input else { return Ok(()) };
    let decoded = without_filled_token(case, decoded);
    let expected = values::value(case.service, input, &case.json["params"]);
    let is_form = !case.service.target_prefix.is_empty();
    if values::same(&decoded, &expected, !is_form) {
        Ok(())
    } else {
        Err(format!("decoded {decoded:?}\nexpected {expected:?}"))
    }
}

/// The body of a case's request or response; CBOR is written in base64.
fn body(case: &Case, message: &Json) -> Vec<u8> {
    let text = message["body"].as_str().unwrap_or_default();
    match is_rpc(case) {
        true => STANDARD.decode(text).expect("base64"),
        false => text.as_bytes().to_vec(),
    }
}

fn is_rpc(case: &Case) -> bool {
    case.service.protocols == [Protocol::RpcV2Cbor]
}

/// A client token that the client made by itself is not among a case's parameters.
fn without_filled_token(case: &Case, decoded: Value) -> Value {
    let operation = &case.service.operations[0];
    let shape = operation.input.map(|id| &case.service.shape(id).kind);
    match (decoded, shape) {
        (Value::Structure(mut members), Some(enishi_wire::schema::Kind::Structure(structure))) => {
            members.retain(|(index, _)| {
                let member = &structure.members[usize::from(*index)];
                !member.idempotency_token || case.json["params"].get(member.name).is_some()
            });
            Value::Structure(members)
        }
        (other, _) => other,
    }
}

fn is_of_paths(case: &Case) -> bool {
    case.service.protocols.contains(&Protocol::RestXml)
}

/// The headers that name the operation; some cases leave them out.
fn client_headers(case: &Case) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let target = format!("{}.{}", case.service.target_prefix, case.service.operations[0].name);
    if is_of_paths(case) {
        return headers;
    }
    if is_rpc(case) {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    } else if case.service.target_prefix.is_empty() {
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    } else {
        headers.insert("x-amz-target", HeaderValue::from_str(&target).expect("a target"));
    }
    headers
}

/// What the codec writes for a case: its result, or its error.
fn encoded(case: &Case) -> Result<Response, String> {
    let operation = &case.service.operations[0];
    let form = format!("Action={}&Version={}", operation.name, case.service.version);
    let headers = client_headers(case);
    let path = operation.uri.replace(['{', '}'], "");
    let rpc_path = format!("/service/{}/operation/{}", case.service.target_prefix, operation.name);
    let (method, path, body) = match is_of_paths(case) {
        true => (operation.method, path.split('?').next().unwrap_or_default(), &b""[..]),
        false if is_rpc(case) => ("POST", rpc_path.as_str(), &b""[..]),
        false => ("POST", "/", form.as_bytes()),
    };
    let request = Request { method, path, query: "", headers: &headers, body };
    let result = match case.json["errorCode"].as_str() {
        None => Ok(match operation.output {
            Some(id) => values::value(case.service, id, &case.json["result"]),
            None => Value::empty(),
        }),
        Some(code) => Err(fault(case, code)),
    };
    routed(case.service, &request, |call| Ok(call.respond(&result, "requestid")))
}

fn fault(case: &Case, code: &str) -> Fault {
    let message = case.json["errorMessage"].as_str().unwrap_or_default();
    let status = case.json["response"]["status_code"].as_u64().expect("a status");
    let fault = Fault::new(code.to_owned(), message).with_status(u16::try_from(status).expect("a status"));
    let id = case.service.operations[0].errors[0];
    let mut detail = case.json["error"].clone();
    if let Some(object) = detail.as_object_mut() {
        object.retain(|name, _| !name.eq_ignore_ascii_case("message"));
    }
    fault.with_detail_value(values::value(case.service, id, &detail))
}

fn check_status(case: &Case, response: &Response) -> Result<(), String> {
    let expected = case.json["response"]["status_code"].as_u64().expect("a status");
    if u64::from(response.status) == expected {
        Ok(())
    } else {
        Err(format!("status {} in place of {expected}", response.status))
    }
}

fn encodes_xml(case: &Case) -> Result<(), String> {
    let response = encoded(case)?;
    check_status(case, &response)?;
    let expected = case.json["response"]["body"].as_str().unwrap_or_default();
    let body = String::from_utf8(response.body).expect("UTF-8");
    let ours = comparable(&body);
    if expected.is_empty() {
        // awsQuery's wrapper stands there even when it is empty.
        let is_empty = |e: &Element| e.children.is_empty() && e.text.is_empty();
        return if ours.children.iter().all(is_empty) {
            Ok(())
        } else {
            Err(format!("wrote {body} in place of nothing"))
        };
    }
    if ours.same(&comparable(expected)) { Ok(()) } else { Err(format!("wrote {body}\nexpected {expected}")) }
}

/// The cases' request ids are their own, and their models leave out the namespace and EC2's habitual `return`. A message
/// stands in every error on the wire; one suite leaves it out, another puts in one that the case does not name.
fn comparable(document: &str) -> Element {
    let hidden = ["requestId", "RequestId", "RequestID", "ResponseMetadata", "return"];
    let mut root = Element::parse(document).without(&hidden);
    root.attributes.clear();
    drop_unnamed_message(&mut root);
    root
}

fn drop_unnamed_message(element: &mut Element) {
    let is_complex = element.child("TopLevel").is_some();
    element.children.retain(|c| !(c.name == "Message" && (is_complex || c.text.is_empty())));
    element.children.iter_mut().for_each(drop_unnamed_message);
}

fn encodes_rest_xml(case: &Case) -> Result<(), String> {
    let response = encoded(case)?;
    check_headers(case, &response)?;
    if !response.body.starts_with(b"<") {
        check_status(case, &response)?;
        let expected = case.json["response"]["body"].as_str().unwrap_or_default();
        let body = String::from_utf8(response.body).expect("UTF-8");
        return if body == expected { Ok(()) } else { Err(format!("wrote {body}\nexpected {expected}")) };
    }
    encodes_xml(case)
}

/// Whether the headers that a case expects are there; the content type is the service's own.
fn check_headers(case: &Case, response: &Response) -> Result<(), String> {
    let expected = case.json["response"]["headers"].as_object();
    for (name, value) in expected.into_iter().flatten() {
        let name = name.to_ascii_lowercase();
        if !["content-type", "content-length"].contains(&name.as_str())
            && response.header(&name) != value.as_str()
        {
            return Err(format!("header {name} is {:?} in place of {value}", response.header(&name)));
        }
    }
    Ok(())
}

fn encodes_json(case: &Case) -> Result<(), String> {
    let response = encoded(case)?;
    check_status(case, &response)?;
    let expected_headers = case.json["response"]["headers"].as_object();
    for (name, value) in expected_headers.into_iter().flatten() {
        let name = name.to_ascii_lowercase();
        // A request id is made by the server; one case has a header of requests among its response's.
        if !["x-amzn-requestid", "x-amz-target"].contains(&name.as_str())
            && response.header(&name) != value.as_str()
        {
            return Err(format!("header {name} is {:?} in place of {value}", response.header(&name)));
        }
    }
    let ours: Json = serde_json::from_slice(&response.body).expect("JSON");
    let text = case.json["response"]["body"].as_str().unwrap_or_default();
    let expected: Json =
        if text.is_empty() { serde_json::json!({}) } else { serde_json::from_str(text).expect("JSON") };
    let expected = without_namespace(expected);
    if same_json(&ours, &expected) { Ok(()) } else { Err(format!("wrote {ours}\nexpected {expected}")) }
}

fn encodes_cbor(case: &Case) -> Result<(), String> {
    let response = encoded(case)?;
    check_status(case, &response)?;
    check_headers(case, &response)?;
    let has_output = case.service.operations[0].output.is_some() || case.json["errorCode"].is_string();
    if (response.header("content-type") == Some("application/cbor")) != has_output
        || response.body.is_empty() == has_output
    {
        return Err("a body and its content type stand and fall together".to_owned());
    }
    let (ours, expected) = (Item::parse(&response.body), Item::parse(&body(case, &case.json["response"])));
    if ours == expected { Ok(()) } else { Err(format!("wrote {ours:?}\nexpected {expected:?}")) }
}

/// `__type` may carry the model's namespace, which botocore's models do not have.
fn without_namespace(mut body: Json) -> Json {
    if let Some(kind) = body.get_mut("__type")
        && let Some((_, name)) = kind.as_str().and_then(|k| k.split_once('#'))
    {
        *kind = name.into();
    }
    body
}

fn same_json(a: &Json, b: &Json) -> bool {
    use enishi_wire::Timestamp;
    let time = |t: &str| Timestamp::parse_date_time(t).or_else(|| Timestamp::parse_http_date(t));
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::String(a), Json::String(b)) => {
            let as_json = |t: &str| serde_json::from_str::<Json>(t).ok().filter(Json::is_object);
            a == b
                || (time(a).is_some() && time(a) == time(b))
                || (as_json(a).is_some() && as_json(a) == as_json(b))
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same_json(a, b)))
        }
        (a, b) => a == b,
    }
}

#[test]
fn ec2_query_decodes_what_clients_send() {
    check("input/ec2", 29, decodes);
}

#[test]
fn ec2_query_encodes_what_clients_read() {
    check("output/ec2", 29, encodes_xml);
}

#[test]
fn aws_query_decodes_what_clients_send() {
    check("input/query", 38, decodes);
}

#[test]
fn aws_query_encodes_what_clients_read() {
    check("output/query", 38, encodes_xml);
}

#[test]
fn aws_json_1_1_decodes_what_clients_send() {
    check("input/json", 54, decodes);
}

#[test]
fn aws_json_1_1_encodes_what_clients_read() {
    check("output/json", 44, encodes_json);
}

#[test]
fn aws_json_1_0_decodes_what_clients_send() {
    check("input/json_1_0", 21, decodes);
    check("input/json_1_0-query-compatible", 1, decodes);
}

#[test]
fn aws_json_1_0_encodes_what_clients_read() {
    check("output/json_1_0", 18, encodes_json);
    check("output/json_1_0-query-compatible", 2, encodes_json);
}

#[test]
fn rest_xml_decodes_what_clients_send() {
    check("input/rest-xml", 60, decodes);
}

#[test]
fn rest_xml_encodes_what_clients_read() {
    check("output/rest-xml", 60, encodes_rest_xml);
}

#[test]
fn rpc_v2_cbor_decodes_what_clients_send() {
    check("input/smithy-rpc-v2-cbor", 14, decodes);
    check("input/smithy-rpc-v2-cbor-query-compatible", 1, decodes);
    check("input/smithy-rpc-v2-cbor-non-query-compatible", 1, decodes);
}

#[test]
fn rpc_v2_cbor_encodes_what_clients_read() {
    check("output/smithy-rpc-v2-cbor", 30, encodes_cbor);
    check("output/smithy-rpc-v2-cbor-query-compatible", 2, encodes_cbor);
}

#[test]
fn every_case_left_out_exists() {
    let mut ids = Vec::new();
    for part in [
        "output/ec2",
        "output/query",
        "output/json",
        "output/json_1_0",
        "input/rest-xml",
        "output/rest-xml",
        "output/smithy-rpc-v2-cbor",
    ] {
        ids.extend(suite(part).into_iter().map(|case| case.id));
    }
    for (id, why) in CLIENT_ONLY {
        assert!(ids.iter().any(|i| i == id), "no case {id} ({why})");
    }
}
