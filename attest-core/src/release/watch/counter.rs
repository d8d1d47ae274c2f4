//! What an HSM counts of a key's use, against the attempts that the log has.

use super::super::name::Name;
use super::super::object::ObjectId;
use super::super::view::LogView;
use super::{Finding, Watch};

/// How often a key signed since it was made, as its HSM says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The key's name in the policy that is followed.
    pub key: Name,
    /// What the HSM says. It was asked before the log was read: an honest signer has its attempt in the log, witnessed, before it asks the HSM.
    pub used: u64,
    /// Signatures that people know of and no request asked for, as that of a certificate request.
    pub accounted: u64,
    /// When it was looked at before.
    pub before: Option<Before>,
}

/// What a count came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// What the HSM said.
    pub used: u64,
    /// The most by which it was ahead of the log that was ever told.
    pub gap: u64,
}

impl Watch {
    /// What is wrong with a count, and what is to be remembered of it.
    #[must_use]
    pub fn counted(&self, count: &Count, view: &LogView) -> (Vec<Finding>, Before) {
        let Count { key, used, accounted, before } = count;
        let before = before.unwrap_or_default();
        let mut findings = Vec::new();
        let policy = view.policy();
        let Some(known) = policy.and_then(|policy| policy.document().signing_keys.get(key)) else {
            let because = "the policy that is followed has no such key".to_owned();
            return (vec![Finding::CounterUnreadable { key: key.clone(), because }], before);
        };
        if *used < before.used {
            findings.push(Finding::CounterBackwards { key: key.clone(), used: *used, before: before.used });
        }
        // Inv. 2.
        let attempts = self.most_questions(&ObjectId::of(&known.public_key.0));
        let gap = used.saturating_sub(attempts.saturating_add(*accounted));
        if gap > before.gap {
            findings.push(Finding::CounterAhead {
                key: key.clone(),
                used: *used,
                attempts,
                accounted: *accounted,
            });
        }
        (findings, Before { used: *used, gap: gap.max(before.gap) })
    }

    /// How often the signer may have asked for this key, at the most: an attempt is one question about one of the things to sign, and once all are
    /// signed, each of the others took one.
    fn most_questions(&self, key: &ObjectId) -> u64 {
        let of_course = |course: &super::Course| {
            let len = |keys: usize| u64::try_from(keys).unwrap_or(u64::MAX);
            let own = len(course.keys.iter().filter(|other| *other == key).count());
            let others = len(course.keys.len()).saturating_sub(own);
            match (own, course.is_signed) {
                (0, _) => 0,
                (_, true) => course.attempts.saturating_sub(others),
                (_, false) => course.attempts,
            }
        };
        self.courses.values().map(of_course).fold(0, u64::saturating_add)
    }
}
