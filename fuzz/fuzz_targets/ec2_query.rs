//! ec2Query: any parameters of any EC2 action.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enishi_fuzz::serve_form(&enishi_api::ec2::SERVICE, data));
