//! Why a command could not answer.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Exit, printable};

/// A command ended without its answer. Shown as `{"error":{"code":…,"detail":…}}` with `--json`, else as a line on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    code: String,
    detail: String,
    offset: Option<u64>,
    event: Option<u64>,
}

impl Failure {
    /// The evidence is malformed: exit code 1. `code` is the error's own stable code.
    pub fn malformed(code: impl Into<String>, detail: impl ToString) -> Self {
        Self::new(Exit::Refused, code.into(), detail.to_string())
    }

    /// Wrong usage, or something that cannot be read: exit code 2.
    pub fn usage(code: impl Into<String>, detail: impl ToString) -> Self {
        Self::new(Exit::Usage, code.into(), detail.to_string())
    }

    /// Our own fault: exit code 3.
    pub fn fault(code: impl Into<String>, detail: impl ToString) -> Self {
        Self::new(Exit::Fault, code.into(), detail.to_string())
    }

    /// Where in the file, in bytes.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// In which event of the log.
    #[must_use]
    pub fn at_event(mut self, event: u64) -> Self {
        self.event = Some(event);
        self
    }

    /// About this file.
    #[must_use]
    pub fn about(mut self, file: &Path) -> Self {
        self.detail = format!("{}: {}", file.display(), self.detail);
        self
    }

    /// With more to be said, a line each.
    #[must_use]
    pub fn with_lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        for line in lines {
            self.detail.push_str("\n  ");
            self.detail.push_str(&line);
        }
        self
    }

    /// How the process ends.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The JSON document that stands for the answer.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut error = Map::new();
        error.insert("code".to_owned(), json!(self.code));
        if let Some(offset) = self.offset {
            error.insert("offset".to_owned(), json!(offset));
        }
        if let Some(event) = self.event {
            error.insert("event".to_owned(), json!(event));
        }
        let detail: Vec<String> = self.detail.lines().map(short).collect();
        error.insert("detail".to_owned(), json!(detail.join("\n")));
        json!({ "error": error })
    }

    /// One line for people.
    #[must_use]
    pub fn to_line(&self) -> String {
        // What stands in a file that somebody sent stands in errors about it, too.
        let detail: Vec<String> = self.detail.lines().map(shown).collect();
        let mut line = format!("{} [{}", detail.join("\n"), self.code);
        if let Some(offset) = self.offset {
            line.push_str(&format!(", offset {offset}"));
        }
        if let Some(event) = self.event {
            line.push_str(&format!(", event {event}"));
        }
        line.push(']');
        line
    }

    const fn new(exit: Exit, code: String, detail: String) -> Self {
        Self { exit, code, detail, offset: None, event: None }
    }
}

/// Longer lines of what was read help nobody.
const LONGEST: usize = 1_000;

/// A line as a terminal can take it.
fn shown(line: &str) -> String {
    printable(&short(line))
}

/// A line without what is too much of it.
fn short(line: &str) -> String {
    let mut short: String = line.chars().take(LONGEST).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_file_moves_no_cursor_and_fills_no_screen() {
        let line = |detail: &str| Failure::malformed("golden_syntax", detail).to_line();
        assert_eq!(
            line("at 1\n\u{1b}[31m\u{7}\u{202e}x\ny"),
            "at 1\n\\u{1b}[31m\\u{7}\\u{202e}x\ny [golden_syntax]"
        );
        assert_eq!(
            line(&"[".repeat(1_000_000)).chars().count(),
            LONGEST + "… [golden_syntax]".chars().count()
        );
    }

    #[test]
    fn what_programs_read_is_bounded_too() {
        let told = Failure::malformed("golden_syntax", "[".repeat(1_000_000)).to_json();
        let detail = told["error"]["detail"].as_str().unwrap();
        assert_eq!(detail.chars().count(), LONGEST + 1);
    }

    #[test]
    fn names_the_file_and_each_thing_that_is_wrong() {
        let failure =
            Failure::malformed("release_policy_faults", "two faults").about(Path::new("policy.toml"));
        let failure = failure.with_lines(["one".to_owned(), "another".to_owned()]);
        let told = "policy.toml: two faults\n  one\n  another [release_policy_faults]";
        assert_eq!(failure.to_line(), told);
        assert_eq!(failure.to_json()["error"]["detail"], "policy.toml: two faults\n  one\n  another");
    }

    #[test]
    fn says_where() {
        let failure = Failure::malformed("event_truncated", "the log ends early").at_offset(12).at_event(3);
        assert_eq!(
            failure.to_json(),
            json!({"error": {"code": "event_truncated", "offset": 12, "event": 3, "detail": "the log ends early"}})
        );
        assert_eq!(failure.to_line(), "the log ends early [event_truncated, offset 12, event 3]");
        assert_eq!(failure.exit().code(), 1);
    }
}
