//! Golden values and the boot side by side, for people: where they part, and what follows from what.

use serde::Serialize;

use super::align::Edit;
use super::finding::Cause;
use crate::digest::HashAlg;
use crate::limits::Limits;
use crate::reference::component;

/// How a row's two sides relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// `count` extends that are the same on both sides.
    Same,
    /// Another digest than the golden one.
    Changed,
    /// Golden alone.
    Missing,
    /// On the device alone.
    Extra,
}

/// One side of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Index of the event in the log; none on the golden side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<u32>,
    /// `userspace` where the event is a record of the log of user space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<&'static str>,
    /// The named part of the boot.
    pub component: String,
    /// Its digest, lower-case hexadecimal.
    pub digest: String,
    /// What it says of itself.
    pub about: String,
}

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// How the sides relate.
    pub relation: Relation,
    /// How many extends the row stands for: 1, or more where the same ones are folded.
    pub count: usize,
    /// What the golden sequence has; absent in folded rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<Side>,
    /// What the log has; absent in folded rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Side>,
    /// The likely cause of the difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Whether the cause shows best elsewhere, and this follows from it.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub follows: bool,
    /// Which of the boot's differences it is.
    #[serde(skip)]
    pub(super) difference: Option<usize>,
}

impl Row {
    /// So many extends that are the same on both sides, without naming them.
    #[must_use]
    pub const fn folded(count: usize) -> Self {
        let (golden, device) = (None, None);
        Self {
            relation: Relation::Same,
            count,
            golden,
            device,
            cause: None,
            follows: false,
            difference: None,
        }
    }
}

/// One PCR whose extends are not the golden ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The PCR.
    pub pcr: u32,
    /// The bank whose digests are shown.
    pub bank: &'static str,
    /// The golden sequence or variant that comes nearest.
    pub golden: String,
    /// Whether the log leads to the quoted PCR; if not, its side is what the log says and nobody proves.
    pub proven: bool,
    /// The lines, in the order of the sequence.
    pub rows: Vec<Row>,
    /// Differences that are not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Where golden values and boot part first, in the order of the log once both are aligned: an event that is only shifted is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstDifference {
    /// The PCR.
    pub pcr: u32,
    /// The event; for a golden extend that is missing, none.
    pub event: Option<u32>,
    /// Index in its log of the event before which it shows: the event itself, or the next one of the PCR; behind the last one of the log if
    /// there is none.
    pub position: u32,
    /// `userspace` where `event` and `position` are records of the log of user space; they are numbered apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<&'static str>,
    /// No event follows in the PCR.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub at_end: bool,
    /// How it differs.
    pub relation: Relation,
    /// The named part of the boot.
    pub component: String,
    /// What the golden document expects there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Side>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<Side>,
    /// The likely cause.
    pub cause: Option<Cause>,
}

/// The sides of an edit.
pub(super) fn sides(edit: &Edit<'_, '_, '_>, bank: HashAlg, name: &str) -> (Option<Side>, Option<Side>) {
    let digest = |digest: Option<crate::Digest>| digest.map(|d| d.to_string()).unwrap_or_default();
    let golden = edit.slot().map(|slot| Side {
        event: None,
        log: None,
        component: slot.component.clone(),
        digest: digest(slot.digest(bank).copied()),
        about: slot.about.clone(),
    });
    let device = edit.event().map(|event| Side {
        event: Some(event.index()),
        log: super::boot::log_of(event),
        component: name.to_owned(),
        digest: digest(event.typed_digest(bank)),
        about: component::about_extend(event),
    });
    (golden, device)
}

/// Folds what is the same, but for one row before and after each difference, and stops at the budget.
pub(super) struct Builder<'b> {
    pub(super) rows: Vec<Row>,
    pub(super) omitted: usize,
    budget: &'b mut usize,
    /// The same ones since the last difference: how many, and the last of them.
    same: usize,
    last_same: Option<Row>,
}

impl<'b> Builder<'b> {
    pub(super) const fn new(budget: &'b mut usize) -> Self {
        Self { rows: Vec::new(), omitted: 0, budget, same: 0, last_same: None }
    }

    /// Takes the next row.
    pub(super) fn push(&mut self, row: Row) {
        if row.relation == Relation::Same {
            let follows_difference = self.same == 0 && !self.rows.is_empty();
            self.same = self.same.saturating_add(1);
            if follows_difference && self.omitted == 0 {
                self.rows.push(row);
            } else {
                self.last_same = Some(row);
            }
            return;
        }
        let Some(left) = self.budget.checked_sub(1) else {
            self.omitted = self.omitted.saturating_add(1);
            return;
        };
        *self.budget = left;
        self.close(true);
        self.rows.push(row);
    }

    /// Ends a run of the same ones: what is between its shown ends is one row.
    fn close(&mut self, shows_last: bool) {
        let shown_first = usize::from(self.same > 0 && self.last_is_same());
        let last = self.last_same.take();
        let shown_last = usize::from(shows_last && last.is_some());
        let folded = self.same.saturating_sub(shown_first).saturating_sub(shown_last);
        if folded > 0 {
            self.rows.push(Row::folded(folded));
        }
        self.rows.extend(last.filter(|_| shows_last));
        self.same = 0;
    }

    fn last_is_same(&self) -> bool {
        self.rows.last().is_some_and(|row| row.relation == Relation::Same)
    }

    pub(super) fn finish(mut self) -> (Vec<Row>, usize) {
        if self.omitted == 0 {
            self.close(false);
        }
        (self.rows, self.omitted)
    }
}

/// How many rows a verdict may still have.
pub(super) const fn budget() -> usize {
    Limits::DEFAULT.compared_rows
}

#[cfg(test)]
mod tests;
