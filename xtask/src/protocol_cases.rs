//! `cargo xtask protocol-cases`: the published protocol cases and the SigV4 vectors, out of botocore's source package.
//!
//! They are test data of others and never committed; the tests of `wire` read them from `.cache/protocol-cases`.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::botocore;

/// Fetches and unpacks; does nothing when the pinned version is unpacked already.
pub fn run(_args: &[String]) -> Result<()> {
    let root = crate::root();
    let target = root.join(".cache/protocol-cases");
    let version = botocore::version(&root.join("models/botocore.txt"))?;
    let stamp = target.join("version");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == version) {
        return Ok(());
    }
    let archive = botocore::fetch(&root, botocore::Form::Source)?;
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    fs::create_dir_all(&target)?;
    botocore::run(
        Command::new("tar")
            .arg("--extract")
            .arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(&target)
            .args(["--strip-components=3", "--wildcards"])
            .args(["*/tests/unit/protocols/*", "*/tests/unit/auth/*"]),
    )?;
    for part in ["protocols/input", "protocols/output", "auth/aws4_testsuite"] {
        ensure!(target.join(part).is_dir(), "the source package has no {part}");
    }
    fs::write(&stamp, version)?;
    println!("protocol cases are in {}", target.display());
    Ok(())
}
