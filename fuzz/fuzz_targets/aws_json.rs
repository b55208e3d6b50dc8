//! awsJson: any body of any Service Quotas operation.
#![no_main]

use enishi_api::service_quotas::SERVICE;
use enishi_wire::Request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let operation = &SERVICE.operations[usize::from(*choice) % SERVICE.operations.len()];
    let target = format!("{}.{}", SERVICE.target_prefix, operation.name);
    let headers = enishi_fuzz::headers(&[("x-amz-target", target.as_bytes())]);
    enishi_fuzz::serve(&Request { method: "POST", path: "/", query: "", headers: &headers, body });
});
