//! What a copy of the log is good for: up to when it tells, and what it lacks. That stands beside every answer that is given by one, since a copy can
//! be old, and is no less true for that.

use std::cell::RefCell;
use std::collections::BTreeSet;

use attest_core::Timestamp;
use attest_core::release::ObjectId;
use attest_core::release::policy::Freshness;
use attest_core::release::view::LogView;
use serde_json::{Value, json};

use super::source::Folder;
use crate::cli::layout::{WIDTH, wrapped};
use crate::cli::output::Beside;
use crate::cli::{Output, Style, printable};

/// So many of what is missing are told one by one.
const LISTED: usize = 8;

/// What is told of a copy.
#[derive(Debug)]
pub(super) struct AsOf {
    folder: String,
    is_export: bool,
    /// The leaves that are known by it.
    size: u64,
    /// When witnesses saw the last of them.
    time: Timestamp,
    /// Seconds from then to now; 0 where a clock goes wrong.
    age: u64,
    freshness: Freshness,
    /// Seconds after which no release counts by it.
    hard_age: u64,
    /// What was asked for and is not there.
    missing: RefCell<BTreeSet<ObjectId>>,
}

impl AsOf {
    pub(super) fn of(folder: &Folder, view: &LogView, now: Timestamp) -> Self {
        let time = view.time();
        Self {
            folder: folder.path().display().to_string(),
            is_export: folder.is_export(),
            size: view.head().size,
            time,
            age: now.unix().saturating_sub(time.unix()),
            freshness: view.freshness(now.max(time)),
            hard_age: view.counts_until().unix().saturating_sub(time.unix()),
            missing: RefCell::default(),
        }
    }

    /// One more that is not there.
    pub(super) fn lacks(&self, id: ObjectId) {
        self.missing.borrow_mut().insert(id);
    }

    pub(super) fn is_too_old(&self) -> bool {
        self.freshness == Freshness::TooOld
    }

    /// When witnesses saw the last of its leaves, and how long ago that is.
    pub(super) fn when(&self) -> String {
        format!("{} ({} ago)", self.time.utc(), duration(self.age))
    }

    /// How old a copy may be, so that releases count by it.
    pub(super) fn most(&self) -> String {
        duration(self.hard_age)
    }

    /// For people, before anything else is told; each line behind this.
    pub(super) fn tell(&self, begin: &str, out: &mut Output) {
        if out.wants_json() {
            return;
        }
        let what = if self.is_export { "an export" } else { "a copy of the log" };
        let mut told = vec![
            format!("as of {}, log size {}", self.when(), self.size),
            format!("by {what}, in {}", printable(&self.folder)),
        ];
        match self.freshness {
            Freshness::Fresh => {}
            Freshness::Stale => told.push("it is old: have a newer one".to_owned()),
            Freshness::TooOld => {
                told.push(format!("it is older than {}: by it no release counts", self.most()))
            }
        }
        let style = if self.freshness == Freshness::Fresh { Style::Dim } else { Style::Warn };
        for line in told.iter().flat_map(|told| wrapped(told, WIDTH.saturating_sub(begin.len()))) {
            let line = out.paint(style, line);
            out.line(format!("{begin}{line}"));
        }
    }

    /// What was not there, a line each; nothing where all was.
    pub(super) fn lines(&self) -> Vec<String> {
        let missing = self.missing.borrow();
        if missing.is_empty() {
            return Vec::new();
        }
        let own = if self.is_export { " (an export has what its own release needs)" } else { "" };
        let text = format!("{} not in there, or not what the name says{own}:", count(missing.len()));
        let mut lines = wrapped(&text, WIDTH);
        lines.extend(missing.iter().take(LISTED).map(|id| format!("  {id}")));
        if let more @ 1.. = missing.len().saturating_sub(LISTED) {
            lines.push(format!("  and {more} more"));
        }
        lines
    }
}

impl Beside for AsOf {
    fn name(&self) -> &'static str {
        "as_of"
    }

    fn json(&self) -> Value {
        let freshness = match self.freshness {
            Freshness::Fresh => "fresh",
            Freshness::Stale => "stale",
            Freshness::TooOld => "too_old",
        };
        json!({
            "folder": self.folder, "kind": if self.is_export { "export" } else { "log" }, "size": self.size,
            "time": self.time.utc().to_string(), "age_seconds": self.age, "freshness": freshness,
            "missing": *self.missing.borrow(),
        })
    }
}

fn count(missing: usize) -> String {
    if missing == 1 { "1 object is".to_owned() } else { format!("{missing} objects are") }
}

/// So many seconds as people say it.
fn duration(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_of(age: u64, freshness: Freshness) -> AsOf {
        AsOf {
            folder: "a/rather/long/name/of/a/folder/on/the/disk/of/an/auditor/who/keeps/\u{1b}many"
                .to_owned(),
            is_export: false,
            size: 1_234,
            time: Timestamp::from_unix(1_800_000_000),
            age,
            freshness,
            hard_age: 86_400,
            missing: RefCell::default(),
        }
    }

    #[test]
    fn an_age_is_told_as_people_say_it() {
        let told = [0, 1, 119, 120, 7_199, 7_200, 172_799, 172_800].map(duration);
        let expected =
            ["0 seconds", "1 second", "119 seconds", "2 minutes", "119 minutes", "2 hours", "47 hours"];
        assert_eq!(told[..7], expected);
        assert_eq!(told[7], "2 days");
    }

    #[test]
    fn what_is_missing_is_listed_up_to_a_bound_and_every_line_fits() {
        let as_of = as_of(90_000, Freshness::TooOld);
        assert_eq!(as_of.lines(), [""; 0]);
        let ids: Vec<ObjectId> = (0..10_u8).map(|byte| ObjectId::of(&[byte])).collect();
        ids.iter().chain(&ids).for_each(|id| as_of.lacks(*id));
        let lines = as_of.lines();
        assert_eq!(lines.len(), 1 + LISTED + 1);
        assert_eq!(lines[9], "  and 2 more");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert_eq!(as_of.json()["missing"].as_array().unwrap().len(), 10);
    }
}
