//! A person's yes, or a word of theirs, asked for in the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::cli::Failure;

/// Asks unless `--yes` was given. Without a terminal nobody can be asked, and nothing is signed.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody_to_ask", "there is no terminal to ask in; --yes says yes"));
    }
    if line(&format!("{question} [type yes] "))? == "yes" {
        Ok(())
    } else {
        Err(Failure::usage("declined", "nothing was signed"))
    }
}

/// What somebody types, without the space around it; nothing where there is no terminal to ask in.
pub(super) fn ask(question: &str) -> Result<Option<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    line(question).map(Some)
}

fn line(question: &str) -> Result<String, Failure> {
    eprint!("{question}");
    let mut answer = String::new();
    let fault = |error| Failure::fault("terminal_failed", error);
    std::io::stderr().flush().map_err(fault)?;
    std::io::stdin().lock().read_line(&mut answer).map_err(fault)?;
    Ok(answer.trim().to_owned())
}
