//! Where answers go: readable text in a terminal, one JSON document for programs.

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    io::{self, ErrorKind, IsTerminal as _, Write},
    rc::Rc,
};

use serde::Serialize;
use serde_json::Value;

use super::Failure;

/// What a piece of text means; how it looks follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Something refused or wrong.
    Bad,
    /// Less important than the text around it.
    Dim,
    /// Something proven or accepted.
    Good,
    /// A heading.
    Strong,
    /// Something to look at.
    Warn,
}

impl Style {
    const fn sgr(self) -> &'static str {
        match self {
            Self::Bad => "\x1b[1;31m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Strong => "\x1b[1m",
            Self::Warn => "\x1b[33m",
        }
    }
}

/// What stands in a JSON answer beside what the command says, asked when that is printed.
pub(super) trait Beside {
    /// Under which name.
    fn name(&self) -> &'static str;

    fn json(&self) -> Value;
}

/// Standard output and standard error of one command.
pub struct Output {
    json: bool,
    colour: bool,
    stdout: Box<dyn Write + Send>,
    failed: Option<io::Error>,
    beside: Option<Rc<dyn Beside>>,
}

impl Output {
    /// Writes to the process's standard output. Colour only in a terminal that has any, and not with `NO_COLOR` set.
    #[must_use]
    pub fn for_terminal(json: bool) -> Self {
        let stdout = io::stdout();
        let colour = !json && stdout.is_terminal() && is_colour_wanted(|name| env::var_os(name));
        Self { json, colour, stdout: Box::new(stdout), failed: None, beside: None }
    }

    /// Writes somewhere else, without colour.
    #[must_use]
    pub fn to_writer(json: bool, writer: Box<dyn Write + Send>) -> Self {
        Self { json, colour: false, stdout: writer, failed: None, beside: None }
    }

    /// True when the answer is to be one JSON document: print it with [`Output::json`] and nothing else.
    #[must_use]
    pub const fn wants_json(&self) -> bool {
        self.json
    }

    /// Prints the answer as a JSON document.
    pub fn json<T: Serialize>(&mut self, value: &T) {
        let text = match &self.beside {
            None => serde_json::to_string_pretty(value),
            Some(beside) => serde_json::to_value(value).and_then(|mut value| {
                if let Value::Object(fields) = &mut value {
                    fields.insert(beside.name().to_owned(), beside.json());
                }
                serde_json::to_string_pretty(&value)
            }),
        };
        match text {
            Ok(text) => self.line(text),
            Err(error) => self.failed = Some(error.into()),
        }
    }

    /// From now on this stands in every JSON document, errors too.
    pub(super) fn stands_beside(&mut self, beside: Rc<dyn Beside>) {
        self.beside = Some(beside);
    }

    /// Prints a JSON document on one line, for programs that read line by line.
    pub fn json_line<T: Serialize>(&mut self, value: &T) {
        match serde_json::to_string(value) {
            Ok(text) => self.line(text),
            Err(error) => self.failed = Some(error.into()),
        }
    }

    /// Makes what was printed visible now.
    pub fn flush(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.stdout.flush()
        {
            self.failed = Some(error);
        }
    }

    /// Prints a line of text.
    pub fn line(&mut self, text: impl Display) {
        if self.failed.is_none()
            && let Err(error) = writeln!(self.stdout, "{text}")
        {
            self.failed = Some(error);
        }
    }

    /// `text` as it looks with this meaning; unchanged where colour is not wanted.
    #[must_use]
    pub fn paint(&self, style: Style, text: impl Display) -> String {
        if self.colour { format!("{}{text}\x1b[0m", style.sgr()) } else { text.to_string() }
    }

    /// Says why there is no answer.
    pub fn failure(&mut self, failure: &Failure) {
        if self.json {
            self.json(&failure.to_json());
        } else {
            eprintln!("attest: {}", failure.to_line());
        }
    }

    /// Flushes. A reader that went away (`attest … | head`) is no error.
    ///
    /// # Errors
    /// What was printed could not be written.
    pub fn finish(mut self) -> io::Result<()> {
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.stdout.flush(),
        };
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

fn is_colour_wanted(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let unwanted = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && variable("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Text from evidence made safe for a terminal: control characters and direction marks become `\u{…}` escapes.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let marks_direction =
            matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || marks_direction { safe.extend(c.escape_unicode()) } else { safe.push(c) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_outside_a_terminal() {
        let out = Output::to_writer(false, Box::new(io::sink()));
        assert_eq!(out.paint(Style::Bad, "no"), "no");
    }

    #[test]
    fn no_colour_where_it_is_unwanted_or_the_terminal_has_none() {
        let with = |set: &'static str, to: &'static str| {
            is_colour_wanted(move |name| (name == set).then(|| OsString::from(to)))
        };
        assert!(with("TERM", "xterm-256color") && with("NO_COLOR", "") && with("", ""));
        assert!(!with("TERM", "dumb") && !with("NO_COLOR", "1"));
    }

    #[test]
    fn escape_sequences_in_evidence_stay_text() {
        assert_eq!(printable("a\x1b[31m\u{202e}é"), "a\\u{1b}[31m\\u{202e}é");
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Output::to_writer(false, Box::new(Gone));
        out.line("hello");
        assert!(out.finish().is_ok());
    }
}
