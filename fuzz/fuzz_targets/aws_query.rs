//! awsQuery: any parameters of any STS action.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enishi_fuzz::serve_form(&enishi_api::sts::SERVICE, data));
