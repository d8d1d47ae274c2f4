//! What was found, and told, and is open.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::Timestamp;
use attest_core::release::watch::Finding;
use serde::{Deserialize, Serialize};

/// One thing that was found, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alert {
    /// How people name it.
    pub(crate) id: String,
    /// The stable code.
    pub(crate) code: String,
    pub(crate) severity: String,
    /// In words.
    pub(crate) what: String,
    /// The leaf of the log, if it is about one.
    pub(crate) index: Option<u64>,
    /// What to do.
    #[serde(rename = "do")]
    pub(crate) advice: String,
    /// When it was found, in seconds; of a leaf, when it was written.
    since: u64,
    is_lasting: bool,
    /// When people closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acknowledged: Option<u64>,
}

impl Alert {
    fn new(finding: &Finding, now: Timestamp) -> Self {
        let place = finding.place();
        Self {
            id: id(finding.code(), &finding.subject()),
            code: finding.code().to_owned(),
            severity: finding.severity().name().to_owned(),
            what: finding.to_string(),
            index: place.map(|place| place.index),
            advice: finding.advice().to_owned(),
            since: place.map_or(now, |place| place.at).unix(),
            is_lasting: finding.is_lasting(),
            acknowledged: None,
        }
    }

    pub(crate) fn since(&self) -> Timestamp {
        Timestamp::from_unix(self.since)
    }
}

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was found.
    Raised(Alert),
    /// It is over.
    Resolved(Alert),
}

/// Everything that is open, and what people closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Book(BTreeMap<String, Alert>);

/// What is asked only once the log was read.
const OF_THE_LOG: [&str; 6] = [
    "emergency_due",
    "policy_expired",
    "policy_expires",
    "release_fell",
    "signing_key_expires",
    "witness_silent",
];
/// What is asked only when the log could be read just now.
const OF_A_LOOK: [&str; 8] = [
    "counter_unreadable",
    "log_older",
    "log_rolled_back",
    "log_unreadable",
    "object_withheld",
    "seen_foreign",
    "seen_unreadable",
    "witness_quorum_lost",
];

impl Book {
    pub(crate) fn open(&self) -> impl Iterator<Item = &Alert> {
        self.0.values().filter(|alert| alert.acknowledged.is_none())
    }

    /// The only one whose id begins so. What cannot be over by itself is remembered as closed; anything else may come again.
    pub(crate) fn acknowledge(&mut self, begin: &str, now: Timestamp) -> Option<Alert> {
        let mut found =
            self.0.iter_mut().filter(|(id, alert)| id.starts_with(begin) && alert.acknowledged.is_none());
        let (Some((_, alert)), None) = (found.next(), found.next()) else { return None };
        alert.acknowledged = Some(now.unix());
        Some(alert.clone())
    }

    /// What is new, and what is over. `is_known` says whether the log was ever read, and `is_fresh` whether it was just now: what was not
    /// asked is not over.
    pub(crate) fn update(
        &mut self,
        found: Vec<Finding>,
        over: &BTreeSet<String>,
        is_known: bool,
        is_fresh: bool,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut present = BTreeSet::new();
        for alert in found.iter().map(|finding| Alert::new(finding, now)) {
            present.insert(alert.id.clone());
            if let std::collections::btree_map::Entry::Vacant(place) = self.0.entry(alert.id.clone()) {
                place.insert(alert.clone());
                changes.push(Change::Raised(alert));
            }
        }
        let is_asked = |alert: &Alert| {
            let code = alert.code.as_str();
            (is_known || !OF_THE_LOG.contains(&code)) && (is_fresh || !OF_A_LOOK.contains(&code))
        };
        let is_over = |alert: &Alert| {
            let is_gone = !alert.is_lasting && !present.contains(&alert.id) && is_asked(alert);
            is_gone || (over.contains(&alert.id) && !present.contains(&alert.id))
        };
        let gone: Vec<String> =
            self.0.values().filter(|alert| is_over(alert)).map(|alert| alert.id.clone()).collect();
        for alert in gone.iter().filter_map(|id| self.0.remove(id)) {
            if alert.acknowledged.is_none() {
                changes.push(Change::Resolved(alert));
            }
        }
        changes
    }
}

/// A short name of one thing.
pub(super) fn id(code: &str, subject: &str) -> String {
    let id = attest_core::release::ObjectId::of(format!("{code}\n{subject}").as_bytes());
    hex::encode(id.as_bytes().first_chunk::<6>().unwrap_or(&[0; 6]))
}
