//! The `enishi` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    enishi::cli::main()
}
