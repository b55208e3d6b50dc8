//! Fetching botocore as `models/botocore.txt` pins it, with pip, which checks the hashes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Which of the two published forms of the package is wanted.
#[derive(Clone, Copy)]
pub enum Form {
    /// The built wheel: the service models.
    Wheel,
    /// The source package: the only one with the tests.
    Source,
}

/// Downloads the pinned package below `.cache/` unless it is there already, and returns the archive's path.
pub fn fetch(root: &Path, form: Form) -> Result<PathBuf> {
    let pin = root.join("models/botocore.txt");
    let (folder, extension, choice) = match form {
        Form::Wheel => ("wheel", "whl", "--only-binary"),
        Form::Source => ("source", "gz", "--no-binary"),
    };
    let target = root.join(".cache/botocore").join(version(&pin)?).join(folder);
    if let Some(found) = archive(&target, extension)? {
        return Ok(found);
    }
    fs::create_dir_all(&target)?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--require-hashes", choice, ":all:", "--requirement"])
        .arg(&pin)
        .arg("--dest")
        .arg(&target))?;
    archive(&target, extension)?.with_context(|| format!("pip left no archive in {}", target.display()))
}

/// The version that the pin names.
pub fn version(pin: &Path) -> Result<String> {
    let text = fs::read_to_string(pin).with_context(|| format!("reading {}", pin.display()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("botocore=="))
        .and_then(|rest| rest.split_whitespace().next())
        .map(str::to_owned)
        .with_context(|| format!("{} has no line `botocore==VERSION`", pin.display()))
}

/// Runs a command to its end; an exit status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {:?}", command.get_program()))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

fn archive(folder: &Path, extension: &str) -> Result<Option<PathBuf>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == extension) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
