//! The command line, one file a subcommand.
//!
//! Exit codes: 0 good, 1 judged and refused or malformed evidence, 2 wrong usage or unreadable file, 3 our own fault.

mod audit;
mod comparison;
mod demo;
mod eventlog;
mod evidence;
mod failure;
mod golden;
mod ima;
mod input;
mod layout;
mod looks;
mod near;
mod output;
mod quote;
mod release;
mod serve;
mod signer;
mod token;
mod verdict;
mod verify;
mod witness;
mod wrapped;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::Failure;
pub use output::{Output, Style, printable};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is so.
    Good,
    /// Judged and refused, or the evidence is malformed.
    Refused,
    /// Wrong usage, or a file that cannot be read.
    Usage,
    /// Our own fault.
    Fault,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Fault => 3,
        }
    }
}

/// Did this device boot what we signed for?
#[derive(Debug, Parser)]
#[command(name = "attest", version, about, propagate_version = true)]
struct Cli {
    /// Print one JSON document on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Audit(audit::Audit),
    Eventlog(eventlog::Eventlog),
    Ima(ima::Ima),
    Quote(quote::Quote),
    Token(token::Token),
    Golden(golden::Golden),
    Verify(Box<verify::Verify>),
    Release(Box<release::Release>),
    Serve(serve::Serve),
    Signer(signer::Signer),
    Witness(witness::Witness),
    Demo(demo::Demo),
}

impl Command {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Audit(command) => command.run(out),
            Self::Eventlog(command) => command.run(out),
            Self::Ima(command) => command.run(out),
            Self::Quote(command) => command.run(out),
            Self::Token(command) => command.run(out),
            Self::Golden(command) => command.run(out),
            Self::Verify(command) => command.run(out),
            Self::Release(command) => command.run(out),
            Self::Serve(command) => command.run(out),
            Self::Signer(command) => command.run(out),
            Self::Witness(command) => command.run(out),
            Self::Demo(command) => command.run(out),
        }
    }
}

/// Whether the answer is to be JSON, asked before the arguments could be read.
fn asks_for_json(arguments: impl IntoIterator<Item = OsString>) -> bool {
    arguments.into_iter().take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// What is wrong with the arguments, without the usage that people are shown with it.
fn wrong_usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let what = text.split("\n\nUsage:").next().unwrap_or_default().trim();
    Failure::usage("usage", what.strip_prefix("error: ").unwrap_or(what))
}

/// Runs the program on the process's arguments. Wrong usage ends the process inside (exit code 2).
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && asks_for_json(std::env::args_os()) => {
            let mut out = Output::for_terminal(true);
            out.failure(&wrong_usage(&error));
            return match out.finish() {
                Ok(()) => ExitCode::from(Exit::Usage.code()),
                Err(_) => ExitCode::from(Exit::Fault.code()),
            };
        }
        Err(error) => error.exit(),
    };
    let mut out = Output::for_terminal(cli.json);
    let exit = match cli.command.run(&mut out) {
        Ok(exit) => exit,
        Err(failure) => {
            out.failure(&failure);
            failure.exit()
        }
    };
    match out.finish() {
        Ok(()) => ExitCode::from(exit.code()),
        Err(_) => ExitCode::from(Exit::Fault.code()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_has_an_answer_in_json() {
        let arguments = |all: &[&str]| all.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(asks_for_json(arguments(&["attest", "eventlog", "--json"])));
        assert!(!asks_for_json(arguments(&["attest", "eventlog", "--", "--json"])));
        let error = Cli::try_parse_from(["attest", "eventlog", "--json"]).unwrap_err();
        assert!(error.use_stderr());
        let failure = wrong_usage(&error);
        assert_eq!((failure.exit().code(), &failure.to_json()["error"]["code"]), (2, &"usage".into()));
        assert!(failure.to_line().contains("<FILE>") && !failure.to_line().contains("Usage:"));
    }

    #[test]
    fn what_the_operator_typed_is_wrong_usage_and_no_evidence() {
        let failure = evidence::check_nonce(Some("0x12")).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert_eq!((evidence::check_nonce(None), evidence::check_nonce(Some("00ff"))), (Ok(()), Ok(())));
    }

    #[test]
    fn json_may_follow_the_subcommand() {
        assert!(Cli::try_parse_from(["attest", "eventlog", "log", "--json"]).unwrap().json);
    }
}
