//! AWS's own words for what a request gets wrong before any handler sees it.

use enishi_api::SERVICES;
use enishi_wire::routing::Router;
use enishi_wire::schema::Protocol;
use enishi_wire::sigv4::Authorization;
use enishi_wire::{Fault, Request, Value, limits};
use http::{HeaderMap, HeaderValue};

fn form_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers
        .insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"));
    headers
}

fn signed_for(service: &str, mut headers: HeaderMap) -> HeaderMap {
    let value = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=00"
    );
    headers.insert("authorization", HeaderValue::from_str(&value).expect("a header's value"));
    headers.insert("x-amz-date", HeaderValue::from_static("20260101T000000Z"));
    headers
}

fn json_headers(target: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-target", HeaderValue::from_str(target).expect("a target"));
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    headers
}

/// What the request is answered with: its body and status, `Ok` when it decodes.
fn answer(headers: &HeaderMap, body: &str) -> Result<Protocol, (u16, String)> {
    let request = Request { method: "POST", path: "/", query: "", headers, body: body.as_bytes() };
    let authorization = Authorization::parse(&request).expect("well formed");
    let response = match Router::new(SERVICES).route(&request, authorization.as_ref()) {
        Err(refusal) => refusal.respond("id"),
        Ok(call) => match call.decode() {
            Ok(_) => return Ok(call.protocol()),
            Err(fault) => call.respond(&Err(fault), "id"),
        },
    };
    Err((response.status, String::from_utf8(response.body).expect("UTF-8")))
}

fn ec2_error(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>{message}</Message></Error></Errors><RequestID>id</RequestID></Response>"
    )
}

#[track_caller]
fn check_ec2(body: &str, code: &str, message: &str) {
    assert_eq!(
        answer(&form_headers(), &format!("Version=2016-11-15&{body}")),
        Err((400, ec2_error(code, message)))
    );
}

#[test]
fn a_forms_version_tells_services_apart_that_share_a_name() {
    let headers = signed_for("elasticloadbalancing", form_headers());
    let routed = |version: &str| {
        let body = format!("Action=DescribeLoadBalancers&Version={version}");
        let request =
            Request { method: "POST", path: "/", query: "", headers: &headers, body: body.as_bytes() };
        let authorization = Authorization::parse(&request).expect("well formed");
        let call = Router::new(SERVICES).route(&request, authorization.as_ref()).expect("an operation");
        call.service.name
    };
    assert_eq!((routed("2012-06-01"), routed("2015-12-01")), ("elb", "elbv2"));
}

#[test]
fn ec2_names_what_is_missing_or_unknown() {
    check_ec2("Action=DeleteVpc", "MissingParameter", "The request must contain the parameter VpcId");
    check_ec2(
        "Action=DeleteVpc&VpcId=vpc-1&Foo=1",
        "UnknownParameter",
        "The parameter Foo is not recognized",
    );
    check_ec2(
        "Action=DescribeVpcs&Filter.1.Nme=x",
        "UnknownParameter",
        "The parameter Filter.1.Nme is not recognized",
    );
    check_ec2(
        "Action=DestroyVpc",
        "InvalidAction",
        "The action DestroyVpc is not valid for this web service.",
    );
    check_ec2(
        "Action=DescribeVpcs&MaxResults=1",
        "InvalidParameterValue",
        "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
    );
}

#[test]
fn ec2_takes_what_belongs_to_the_request_itself() {
    let common = "Action=DescribeVpcs&Version=2016-11-15&DryRun=true&X-Amz-Date=x&AWSAccessKeyId=test&SignatureVersion=2";
    assert_eq!(answer(&form_headers(), common), Ok(Protocol::Ec2Query));
}

#[test]
fn a_known_operation_without_shapes_is_not_implemented() {
    let (status, body) =
        answer(&form_headers(), "Action=CreateFleet&Version=2016-11-15").expect_err("a fault");
    assert_eq!(status, 501);
    assert!(body.contains("<Code>NotImplemented</Code>") && body.contains("CreateFleet"), "{body}");
}

#[test]
fn a_form_without_action_is_refused_in_the_words_of_its_service() {
    let (_, body) = answer(&signed_for("ec2", form_headers()), "Version=1").expect_err("a fault");
    assert!(body.contains("<Response><Errors><Error><Code>MissingAction</Code>"), "{body}");
    let (_, body) = answer(&signed_for("sts", form_headers()), "Version=1").expect_err("a fault");
    assert!(body.contains("<Type>Sender</Type><Code>MissingAction</Code>"), "{body}");
}

#[test]
fn a_service_that_is_not_served_says_so() {
    let (status, body) = answer(&signed_for("s3", HeaderMap::new()), "").expect_err("a fault");
    assert_eq!(status, 501);
    assert!(body.contains("Enishi does not serve the AWS service 's3'."), "{body}");
}

#[test]
fn query_services_check_the_models_constraints() {
    let (status, body) =
        answer(&form_headers(), "Action=AssumeRole&Version=2011-06-15&RoleArn=x&Tags.member.1.Key=k")
            .expect_err("a fault");
    assert_eq!(status, 400);
    let expected = "<Code>ValidationError</Code><Message>3 validation errors detected: \
                    Value 'x' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20; \
                    Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null; \
                    Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null</Message>";
    assert!(body.contains(expected), "{body}");
}

#[test]
fn json_services_answer_in_json() {
    let quotas = |operation: &str| json_headers(&format!("ServiceQuotasV20190624.{operation}"));
    assert_eq!(
        answer(&quotas("GetServiceQuota"), "{\"ServiceCode\":\"vpc\"}"),
        Err((
            400,
            "{\"__type\":\"ValidationException\",\"message\":\"1 validation error detected: Value null at 'quotaCode' \
             failed to satisfy constraint: Member must not be null\"}"
                .to_owned()
        ))
    );
    for (body, words) in
        [("{", "Unable to parse"), ("[]", "START_ARRAY"), ("{\"ServiceCode\":1}", "NUMBER_VALUE")]
    {
        let (status, answer) = answer(&quotas("GetServiceQuota"), body).expect_err("a fault");
        assert_eq!(status, 400);
        assert!(answer.contains("SerializationException") && answer.contains(words), "{answer}");
    }
    let (status, body) = answer(&quotas("Nonsense"), "{}").expect_err("a fault");
    assert!(status == 400 && body.contains("\"__type\":\"UnknownOperationException\""), "{body}");
    let (_, body) = answer(&json_headers("Nobody.Nothing"), "{}").expect_err("a fault");
    assert!(body.contains("\"__type\":\"UnknownOperationException\""), "{body}");
}

#[test]
fn a_modelled_error_is_written_under_its_own_names() {
    let headers = json_headers("ServiceQuotasV20190624.ListServices");
    let request = Request { method: "POST", path: "/", query: "", headers: &headers, body: b"{}" };
    let call = Router::new(SERVICES).route(&request, None).expect("a call");
    let response = call.respond(&Err(Fault::new("NoSuchResourceException", "gone")), "id");
    assert_eq!(response.header("x-amzn-errortype"), Some("NoSuchResourceException"));
    assert_eq!(response.body, b"{\"__type\":\"NoSuchResourceException\",\"Message\":\"gone\"}");
}

/// What an rpcv2Cbor request is answered with: the status and the type of its error.
fn rpc_answer(path: &str, content_type: &'static str, body: &[u8]) -> (u16, String) {
    let mut headers = HeaderMap::new();
    headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    headers.insert("content-type", HeaderValue::from_static(content_type));
    let request = Request { method: "POST", path, query: "", headers: &headers, body };
    let response = match Router::new(SERVICES).route(&request, None) {
        Err(refusal) => refusal.respond("id"),
        Ok(call) => call.respond(&call.decode().map(|_| Value::empty()), "id"),
    };
    assert_eq!(response.header("smithy-protocol"), Some("rpc-v2-cbor"));
    let kind = (response.status != 200).then(|| {
        let mut cbor = minicbor::Decoder::new(&response.body);
        cbor.map().expect("a map");
        assert_eq!(cbor.str().expect("a name"), "__type");
        cbor.str().expect("the error's type").to_owned()
    });
    (response.status, kind.unwrap_or_default())
}

#[test]
fn rpc_services_are_found_by_their_path() {
    let cbor = "application/cbor";
    let domains = |operation: &str| format!("/service/Route53Domains_v20140515/operation/{operation}");
    let cases = [
        (domains("ListDomains"), cbor, &b"\xa0"[..], 200, ""),
        (domains("ListDomains"), cbor, b"", 200, ""),
        (format!("/prefix{}", domains("ListDomains")), cbor, b"\xbf\xff", 200, ""),
        (domains("ListDomains"), "application/json", b"{}", 415, "UnsupportedMediaTypeException"),
        (domains("ListDomains"), cbor, b"{}", 400, "SerializationException"),
        (domains("GetDomainDetail"), cbor, b"\xa0", 400, "ValidationException"),
        (domains("Nonsense"), cbor, b"", 404, "UnknownOperationException"),
        ("/".to_owned(), cbor, b"\xa0", 404, "UnknownOperationException"),
        // CloudWatch Logs lists JSON alone.
        (
            "/service/Logs_20140328/operation/DescribeLogGroups".to_owned(),
            cbor,
            b"\xa0",
            404,
            "UnknownOperationException",
        ),
    ];
    for (path, content_type, body, status, kind) in cases {
        assert_eq!(rpc_answer(&path, content_type, body), (status, kind.to_owned()), "{path} {body:?}");
    }
}

#[test]
fn compressed_bodies_are_read_within_bounds() {
    use std::io::Write as _;
    let compressed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let form = b"Action=DescribeVpcs&Version=2016-11-15";
    let cases = [
        (compressed(form), Ok(form.to_vec())),
        (form.to_vec(), Err(400)),
        (compressed(&vec![b'a'; limits::BODY_BYTES]), Ok(vec![b'a'; limits::BODY_BYTES])),
        (compressed(&vec![b'a'; limits::BODY_BYTES + 1]), Err(413)),
    ];
    let mut headers = form_headers();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    let router = Router::new(SERVICES);
    for (body, expected) in cases {
        let request = Request { method: "POST", path: "/", query: "", headers: &headers, body: &body };
        let read = router.body(&request).map(|body| body.into_owned());
        let read = read.map_err(|refusal| refusal.respond("id").status);
        assert!(read == expected, "{:?} in place of {:?}", read.map(|b| b.len()), expected.map(|b| b.len()));
    }
    // With resource paths the encoding may belong to what the body holds.
    headers.remove("content-type");
    let request = Request { method: "PUT", path: "/a", query: "", headers: &headers, body: form };
    assert_eq!(router.body(&request).expect("as sent"), &form[..]);
}

#[test]
fn what_is_too_much_is_refused() {
    let items: String = (1..=limits::LIST_LENGTH + 1).map(|n| format!("&VpcId.{n}=v")).collect();
    let body = format!("Action=DescribeVpcs&Version=2016-11-15{items}");
    let (status, answer_body) = answer(&form_headers(), &body).expect_err("a fault");
    assert!(status == 400 && answer_body.contains("MalformedQueryString"), "{answer_body}");

    let deep = format!("{{\"ServiceCode\":{}1{}}}", "[".repeat(4000), "]".repeat(4000));
    let (status, _) =
        answer(&json_headers("ServiceQuotasV20190624.ListServices"), &deep).expect_err("a fault");
    assert_eq!(status, 400);

    let (status, _) = answer(&form_headers(), &"a".repeat(limits::BODY_BYTES + 1)).expect_err("a fault");
    assert_eq!(status, 413);
    let mut headers = form_headers();
    headers.insert(
        "x-long",
        HeaderValue::from_str(&"a".repeat(limits::HEADER_BYTES)).expect("a header's value"),
    );
    assert_eq!(answer(&headers, "").expect_err("a fault").0, 431);
}
