//! Routing: any path, query, target, content type and body, apart by zero bytes.
#![no_main]

use enishi_wire::Request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let path = String::from_utf8_lossy(enishi_fuzz::part(&mut rest)).into_owned();
    let query = String::from_utf8_lossy(enishi_fuzz::part(&mut rest)).into_owned();
    let target = enishi_fuzz::part(&mut rest);
    let content_type = enishi_fuzz::part(&mut rest);
    let mut pairs: Vec<(&'static str, &[u8])> = vec![("content-type", content_type)];
    if !target.is_empty() {
        pairs.push(("x-amz-target", target));
    }
    let headers = enishi_fuzz::headers(&pairs);
    enishi_fuzz::serve(&Request {
        method: "POST",
        path: &path,
        query: &query,
        headers: &headers,
        body: rest,
    });
});
