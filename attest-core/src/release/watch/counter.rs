//! What an HSM counts of a key's use, against the attempts that the log has.

use super::super::name::Name;
use super::super::object::ObjectId;
use super::super::view::LogView;
use super::{Finding, Watch};
use crate::Timestamp;

/// How often a key signed since it was made, as its HSM says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The key's name in the policy that is followed.
    pub key: Name,
    /// What the HSM says. It was asked before the log was read: an honest signer has its attempt in the log, witnessed, before it asks the HSM.
    pub used: u64,
    /// How many leaves of the log were known before the HSM was asked.
    pub size: u64,
    /// When witnesses had signed those.
    pub at: Timestamp,
    /// Signatures that people know of and no request asked for, as that of a certificate request.
    pub accounted: u64,
    /// When it was looked at before.
    pub before: Option<Before>,
}

/// What a count came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// What the HSM said.
    pub used: u64,
    /// The most by which it was ahead of the log that was ever told.
    pub gap: u64,
    /// [`Count::size`].
    pub size: u64,
    /// [`Count::at`].
    pub at: Timestamp,
    /// How many signatures were taken for some of those that people know of.
    pub spent: u64,
}

/// How far the signer's clock and the witnesses' may differ, in seconds.
const CLOCKS: u64 = 600;

impl Watch {
    /// What is wrong with a count, and what is to be remembered of it; nothing where nobody can tell.
    #[must_use]
    pub fn counted(&self, count: &Count, view: &LogView) -> (Vec<Finding>, Option<Before>) {
        let Count { key, used, size, at, accounted, before } = count;
        let mut findings = Vec::new();
        let policy = view.policy();
        let Some(known) = policy.and_then(|policy| policy.document().signing_keys.get(key)) else {
            let because = "the policy that is followed has no such key".to_owned();
            return (vec![Finding::CounterUnreadable { key: key.clone(), because }], *before);
        };
        if let Some(Before { used: before, .. }) = before.filter(|before| *used < before.used) {
            findings.push(Finding::CounterBackwards { key: key.clone(), used: *used, before });
        }
        // Inv. 2.
        let public = ObjectId::of(&known.public_key.0);
        let attempts = self.most_questions(&public);
        let ahead = used.saturating_sub(attempts);
        let (gap, told) = (ahead.saturating_sub(*accounted), before.map_or(0, |before| before.gap));
        if gap > told {
            findings.push(Finding::CounterAhead {
                key: key.clone(),
                used: *used,
                attempts,
                accounted: *accounted,
            });
        }
        let mut spent = ahead.min(*accounted);
        if let Some(before) = before {
            let more = used.saturating_sub(before.used);
            let unasked = more.saturating_sub(self.possible_questions(&public, before));
            let spare = accounted.saturating_sub(before.spent);
            spent = before.spent.saturating_add(unasked.min(spare));
            // A larger gap says it already.
            if unasked > spare && gap <= told {
                let (key, used, before) = (key.clone(), *used, before.used);
                findings.push(Finding::CounterUnexplained {
                    key,
                    used,
                    before,
                    unasked: unasked.saturating_sub(spare),
                });
            }
        }
        (findings, Some(Before { used: *used, gap: gap.max(told), size: *size, at: *at, spent }))
    }

    /// How often an honest signer may have asked for this key since the HSM was asked before: once for each attempt that the log did not have then,
    /// and once for the last one of each request that was neither signed nor over. What attempts left unused otherwise is nobody's to use.
    fn possible_questions(&self, key: &ObjectId, before: &Before) -> u64 {
        let of_course = |course: &super::Course| {
            if !course.keys.contains(key) {
                return 0;
            }
            let (old, new): (Vec<u64>, Vec<u64>) =
                course.attempts.iter().partition(|index| **index < before.size);
            let is_open = !old.is_empty()
                && course.signed.is_none_or(|index| index >= before.size)
                && course.until.is_none_or(|until| before.at <= until.plus(CLOCKS));
            u64::try_from(new.len()).unwrap_or(u64::MAX).saturating_add(u64::from(is_open))
        };
        self.courses.values().map(of_course).fold(0, u64::saturating_add)
    }

    /// How often the signer may have asked for this key, at the most: an attempt is one question about one of the things to sign, and once all are
    /// signed, each of the others took one.
    fn most_questions(&self, key: &ObjectId) -> u64 {
        let of_course = |course: &super::Course| {
            let len = |keys: usize| u64::try_from(keys).unwrap_or(u64::MAX);
            let own = len(course.keys.iter().filter(|other| *other == key).count());
            let others = len(course.keys.len()).saturating_sub(own);
            let attempts = len(course.attempts.len());
            match (own, course.signed) {
                (0, _) => 0,
                (_, Some(_)) => attempts.saturating_sub(others),
                (_, None) => attempts,
            }
        };
        self.courses.values().map(of_course).fold(0, u64::saturating_add)
    }
}
