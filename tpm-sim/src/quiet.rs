//! Silences the TSS library, which writes every refused TPM command to standard error.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

const VARIABLE: &str = "TSS2_LOG";

/// Starts this program again with the TSS library's log off, unless the environment says something about it. The library reads the
/// variable once, and a running program cannot change its own environment safely. Returns only if that is not needed or not possible.
pub fn restart_without_tss_log() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let _failed =
            Command::new(program).args(std::env::args_os().skip(1)).env(VARIABLE, "all+none").exec();
    }
}
