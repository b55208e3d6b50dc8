//! Signature Version 4: any authorization header, date, path and query, apart by zero bytes.
#![no_main]

use enishi_wire::Request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let authorization = enishi_fuzz::part(&mut rest);
    let date = enishi_fuzz::part(&mut rest);
    let payload = enishi_fuzz::part(&mut rest);
    let path = String::from_utf8_lossy(enishi_fuzz::part(&mut rest)).into_owned();
    let query = String::from_utf8_lossy(enishi_fuzz::part(&mut rest)).into_owned();
    let mut pairs: Vec<(&'static str, &[u8])> = vec![("host", b"localhost"), ("x-amz-date", date)];
    if !authorization.is_empty() {
        pairs.push(("authorization", authorization));
    }
    if !payload.is_empty() {
        pairs.push(("x-amz-content-sha256", payload));
    }
    let headers = enishi_fuzz::headers(&pairs);
    enishi_fuzz::serve(&Request { method: "GET", path: &path, query: &query, headers: &headers, body: rest });
});
