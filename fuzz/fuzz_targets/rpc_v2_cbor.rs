//! rpcv2Cbor: any body of any Route 53 Domains operation, compressed or not.
#![no_main]

use enishi_api::route53domains::SERVICE;
use enishi_wire::Request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first_chunk::<2>() else { return };
    let [operation, encoding] = *choice;
    let operation = &SERVICE.operations[usize::from(operation) % SERVICE.operations.len()];
    let path = format!("/service/{}/operation/{}", SERVICE.target_prefix, operation.name);
    let mut pairs: Vec<(&'static str, &[u8])> =
        vec![("smithy-protocol", b"rpc-v2-cbor"), ("content-type", b"application/cbor")];
    if encoding % 4 == 3 {
        pairs.push(("content-encoding", b"gzip"));
    }
    let headers = enishi_fuzz::headers(&pairs);
    enishi_fuzz::serve(&Request { method: "POST", path: &path, query: "", headers: &headers, body });
});
