//! restXml: any path, query and body of any Route 53 operation's method.
#![no_main]

use enishi_wire::Request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let Some((choice, tail)) = rest.split_first() else { return };
    rest = tail;
    let method = ["GET", "POST", "PUT", "DELETE"][usize::from(*choice) % 4];
    let path = String::from_utf8_lossy(enishi_fuzz::part(&mut rest)).into_owned();
    let path = format!("/2013-04-01/{path}");
    let query = String::from_utf8_lossy(enishi_fuzz::part(&mut rest)).into_owned();
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=0";
    let headers = enishi_fuzz::headers(&[("authorization", scope.as_bytes())]);
    enishi_fuzz::serve(&Request { method, path: &path, query: &query, headers: &headers, body: rest });
});
