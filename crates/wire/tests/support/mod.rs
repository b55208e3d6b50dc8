//! What the tests over published cases share: where the cases are, and service tables made from them at run time.
#![allow(dead_code)] // Each test binary uses its own part of this.

pub mod cbor;
#[path = "../../../api/build/model.rs"]
pub mod model;
pub mod tables;
pub mod values;
pub mod xml;

use std::path::PathBuf;

/// The folder of published cases below `.cache`, or below `ENISHI_PROTOCOL_CASES`.
///
/// Fails the test when they are not there: a case that is silently skipped proves nothing.
pub fn cases(part: &str) -> PathBuf {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/protocol-cases");
    let root = std::env::var_os("ENISHI_PROTOCOL_CASES").map_or(default, PathBuf::from);
    let path = root.join(part);
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask protocol-cases` (or set ENISHI_PROTOCOL_CASES)",
        path.display()
    );
    path
}
