//! Filter patterns: any pattern on any message, apart by a zero byte.
#![no_main]

use enishi_cloud::logs::pattern::Pattern;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let pattern = String::from_utf8_lossy(enishi_fuzz::part(&mut rest)).into_owned();
    let message = String::from_utf8_lossy(rest);
    if let Ok(pattern) = Pattern::parse(&pattern) {
        assert_eq!(pattern.matches(&message), pattern.extract(&message).is_some());
    }
});
