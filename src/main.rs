//! The `countersign` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(countersign::cli::run())
}
