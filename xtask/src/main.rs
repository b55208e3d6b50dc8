//! The project's own chores, as `cargo xtask COMMAND`. One module per command; this file only chooses.

mod botocore;
mod ci;
mod fuzz;
mod models;
mod parity;
mod protocol_cases;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A command: its name, what the help says, and what runs it (the arguments after the name are passed on).
struct Command {
    name: &'static str,
    help: &'static str,
    run: fn(&[String]) -> anyhow::Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "models",
        help: "refresh models/*.json from the pinned botocore wheel and models/operations.toml",
        run: models::run,
    },
    Command {
        name: "protocol-cases",
        help: "fetch the published protocol cases and SigV4 vectors into .cache/protocol-cases",
        run: protocol_cases::run,
    },
    Command { name: "fuzz", help: "build the fuzz targets and run each for so many seconds", run: fuzz::run },
    Command { name: "parity", help: "regenerate docs/parity.md from the registry", run: parity::run },
    Command { name: "tidy", help: "check the invariants of ARCHITECTURE.md", run: tidy::run },
    Command { name: "ci", help: "install what the tests need, then run every check", run: ci::run },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        print_help();
        return ExitCode::from(2);
    };
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else {
        eprintln!("xtask: no command {name:?}");
        print_help();
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_help() {
    eprintln!("usage: cargo xtask COMMAND\n");
    for command in COMMANDS {
        eprintln!("  {:16} {}", command.name, command.help);
    }
}

/// The root of the repository, found from where this crate lies.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
