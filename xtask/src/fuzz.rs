//! `cargo xtask fuzz SECONDS [TARGET...]`: builds the fuzz targets with coverage and runs each for that long.
//!
//! The same as `cargo fuzz run -s none`, for machines that have neither cargo-fuzz nor a nightly toolchain: the flags below
//! are the part of cargo-fuzz that stable Rust takes. Corpora stay in `fuzz/corpus`, what is found goes to
//! `fuzz/artifacts`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::botocore::run as run_command;

/// Tells LLVM to count edges and to trace comparisons, in the tables that libFuzzer reads.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Longest input, in bytes: far beyond any structure that the codecs know.
const MAX_INPUT_BYTES: usize = 8192;

/// Builds and runs.
pub fn run(args: &[String]) -> Result<()> {
    let Some((seconds, wanted)) = args.split_first() else {
        bail!("usage: cargo xtask fuzz SECONDS [TARGET...]");
    };
    let seconds: u32 = seconds.parse().context("SECONDS is no number")?;
    let folder = crate::root().join("fuzz");
    let known = targets(&folder)?;
    let chosen: Vec<&String> =
        if wanted.is_empty() { known.iter().collect() } else { wanted.iter().collect() };
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(name)) {
        bail!("no fuzz target {unknown}; there are {}", known.join(", "));
    }
    let host = host()?;
    // With --target, build scripts and procedural macros are compiled without the coverage flags.
    run_command(
        Command::new("cargo")
            .args(["build", "--release", "--target", &host])
            .env("RUSTFLAGS", COVERAGE)
            .current_dir(&folder),
    )?;
    // Where cargo put them: its own variable moves the whole folder.
    let built = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
    let built = built.join(&host).join("release");
    for target in chosen {
        run_target(&folder, &built, target, seconds)?;
    }
    Ok(())
}

fn run_target(folder: &Path, built: &Path, target: &str, seconds: u32) -> Result<()> {
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    println!("fuzzing {target} for {seconds} s");
    run_command(
        Command::new(built.join(target))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={MAX_INPUT_BYTES}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-print_final_stats=1", "-verbosity=0"])
            .arg(&corpus),
    )
}

/// The names of the targets: the files in `fuzz_targets`.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("starting rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("rustc names no host")
}
