//! The program `attest`.

use std::process::ExitCode;

fn main() -> ExitCode {
    attest_server::cli::main()
}
