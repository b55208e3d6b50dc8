//! `cargo xtask parity`: regenerates `docs/parity.md`. The document is a golden of a test of the cloud crate.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// Runs the command.
pub fn run(_: &[String]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--quiet", "--package", "enishi-cloud", "--test", "parity"])
        .env("UPDATE", "1")
        .current_dir(crate::root())
        .status()
        .context("running cargo")?;
    if !status.success() {
        bail!("the registry could not be listed");
    }
    Ok(())
}
