//! Signature Version 4 beyond the vectors: presigned URLs, payload hashes, what is refused and in which words.

use enishi_wire::schema::Protocol;
use enishi_wire::sigv4::{Authorization, Denied};
use enishi_wire::{Request, Timestamp};
use http::{HeaderMap, HeaderValue};

/// The presigned URL that the S3 user guide works through ("Authenticating Requests: Using Query Parameters").
const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
     &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
     &X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
     &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, HeaderValue::from_str(value).expect("a header's value"));
    }
    headers
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse_compact(text).expect("a time")
}

fn presigned(query: &str, now: &str) -> Result<(), Denied> {
    let headers = headers(&[("host", "examplebucket.s3.amazonaws.com")]);
    let request = Request { method: "GET", path: "/test.txt", query, headers: &headers, body: b"" };
    let authorization = Authorization::parse(&request)?.ok_or(Denied::Missing)?;
    assert_eq!(authorization.access_key, "AKIAIOSFODNN7EXAMPLE");
    authorization.verify(&request, SECRET, time(now))
}

#[test]
fn a_presigned_url_verifies_until_it_expires() {
    assert_eq!(presigned(PRESIGNED, "20130524T000000Z"), Ok(()));
    assert_eq!(presigned(PRESIGNED, "20130525T000000Z"), Ok(()));
    assert!(matches!(presigned(PRESIGNED, "20130525T000001Z"), Err(Denied::Expired(_))));
    assert!(matches!(presigned(PRESIGNED, "20130523T234459Z"), Err(Denied::Expired(_))));
}

#[test]
fn a_changed_presigned_url_does_not_verify() {
    assert_eq!(presigned(&PRESIGNED.replace("86400", "86401"), "20130524T000000Z"), Err(Denied::Mismatch));
    assert_eq!(presigned(&format!("{PRESIGNED}&a=b"), "20130524T000000Z"), Err(Denied::Mismatch));
    let long = PRESIGNED.replace("86400", "604801");
    assert!(matches!(presigned(&long, "20130524T000000Z"), Err(Denied::Incomplete(_))));
}

fn header_request(extra: &[(&'static str, &str)]) -> HeaderMap {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20130524/us-east-1/ec2/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
         Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let mut all =
        vec![("authorization", authorization), ("host", "localhost"), ("x-amz-date", "20130524T000000Z")];
    all.extend_from_slice(extra);
    headers(&all)
}

fn verify(headers: &HeaderMap) -> Result<(), Denied> {
    let request = Request { method: "POST", path: "/", query: "", headers, body: b"a=b" };
    let authorization = Authorization::parse(&request)?.ok_or(Denied::Missing)?;
    authorization.verify(&request, SECRET, time("20130524T000000Z"))
}

#[test]
fn payload_hashes_are_checked_and_streams_refused() {
    let streamed = header_request(&[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")]);
    assert!(matches!(verify(&streamed), Err(Denied::Unsupported(_))));
    let of_another_body = header_request(&[("x-amz-content-sha256", &"0".repeat(64))]);
    assert_eq!(verify(&of_another_body), Err(Denied::Mismatch));
}

#[test]
fn headers_that_matter_must_be_signed() {
    let unsigned = header_request(&[("x-amz-target", "A.B")]);
    let Err(Denied::Incomplete(text)) = verify(&unsigned) else { panic!("an unsigned header passed") };
    assert_eq!(text, "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.");
    // The token is added after signing by some clients; then only the signature itself decides.
    assert_eq!(verify(&header_request(&[("x-amz-security-token", "token")])), Err(Denied::Mismatch));
}

fn parse(authorization: &str) -> Result<Option<Authorization>, Denied> {
    let headers = headers(&[("authorization", authorization), ("x-amz-date", "20130524T000000Z")]);
    Authorization::parse(&Request { method: "GET", path: "/", query: "", headers: &headers, body: b"" })
}

#[test]
fn authorizations_are_parsed_or_named_incomplete() {
    let good =
        "AWS4-HMAC-SHA256 Credential=a/b/20130524/eu-west-1/sts/aws4_request,SignedHeaders=host,Signature=1";
    let parsed = parse(good).expect("well formed").expect("signed");
    assert_eq!(
        (parsed.access_key.as_str(), parsed.region.as_str(), parsed.service.as_str()),
        ("a/b", "eu-west-1", "sts")
    );
    for bad in [
        "Bearer x",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/20130524/eu-west-1/sts/aws4_request, Signature=1",
        "AWS4-HMAC-SHA256 Credential=a/20130524/eu-west-1/sts, SignedHeaders=host, Signature=1",
        "AWS4-HMAC-SHA256 Credential=20130524/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=1",
    ] {
        assert!(matches!(parse(bad), Err(Denied::Incomplete(_))), "{bad}");
    }
}

#[test]
fn the_asymmetric_variant_is_read_but_not_verified() {
    let text =
        "AWS4-ECDSA-P256-SHA256 Credential=a/20130524/sts/aws4_request, SignedHeaders=host, Signature=1";
    let parsed = parse(text).expect("well formed").expect("signed");
    assert_eq!((parsed.service.as_str(), parsed.region.as_str()), ("sts", ""));
    let headers = HeaderMap::new();
    let request = Request { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
    assert!(matches!(parsed.verify(&request, SECRET, time("20130524T000000Z")), Err(Denied::Unsupported(_))));
}

#[test]
fn each_protocol_has_its_own_words() {
    let code = |denied: Denied, protocol| {
        let fault = denied.fault(protocol);
        (fault.status(), fault.code().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(Denied::Mismatch, Protocol::Ec2Query), is(401, "AuthFailure"));
    assert_eq!(code(Denied::Mismatch, Protocol::AwsQuery), is(403, "SignatureDoesNotMatch"));
    assert_eq!(code(Denied::Mismatch, Protocol::AwsJson11), is(400, "InvalidSignatureException"));
    assert_eq!(code(Denied::UnknownKey, Protocol::AwsQuery), is(403, "InvalidClientTokenId"));
    assert_eq!(code(Denied::UnknownKey, Protocol::AwsJson11), is(400, "UnrecognizedClientException"));
    assert_eq!(code(Denied::Missing, Protocol::AwsQuery), is(403, "MissingAuthenticationToken"));
    assert_eq!(code(Denied::Expired(String::new()), Protocol::Ec2Query), is(400, "RequestExpired"));
    assert_eq!(code(Denied::Incomplete(String::new()), Protocol::AwsQuery), is(400, "IncompleteSignature"));
}
