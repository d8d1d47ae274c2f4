//! What happened, step by step, for people and for programs.

use attest_proto::v1::Verdict;
use serde::Serialize;

use super::Fault;
use super::expect::{named, status_name};

/// One step of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was done: `boot`, `enrol`, `challenge`, `quote`, `verify`, …
    pub step: &'static str,
    /// How it went, in words.
    pub detail: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// A verdict.
    Verdict {
        /// Its status.
        status: &'static str,
        /// What it names: root causes first, then codes.
        named: Vec<String>,
    },
    /// The enrolment was refused.
    Refused {
        /// The server's reason.
        reason: String,
    },
    /// An error stopped the scenario.
    Stopped {
        /// Which.
        error: String,
    },
}

impl Outcome {
    /// A verdict in short.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Outcome {
        Outcome::Verdict { status: status_name(verdict.status()), named: named(verdict) }
    }
}

/// A scenario's whole story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its name.
    pub scenario: &'static str,
    /// What it does.
    pub about: &'static str,
    /// In order.
    pub steps: Vec<Step>,
    /// How it ended.
    pub outcome: Outcome,
    /// The right answer, in words.
    pub expected: String,
    /// Whether it ended as it should.
    pub as_expected: bool,
    /// Every difference from the right answer.
    pub faults: Vec<String>,
}

impl Report {
    pub(super) fn faults(faults: &[Fault]) -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    }
}
