//! How much of what is turned away becomes a leaf: nobody fills the log with what does not count.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use attest_core::Timestamp;

use super::Who;

const HOUR: u64 = 3_600;
/// Callers that are remembered. Each has a certificate of the configured authority.
const CALLERS: usize = 4_096;

/// What each caller has left.
#[derive(Debug)]
pub(super) struct Denials {
    per_hour: u32,
    used: HashMap<Who, (u32, Timestamp)>,
}

/// [`Denials::take`], of those that are shared.
pub(super) fn take(denials: &Mutex<Denials>, who: &Who, now: Timestamp) -> bool {
    denials.lock().unwrap_or_else(PoisonError::into_inner).take(who, now)
}

impl Denials {
    pub(super) fn new(per_hour: u32) -> Self {
        Self { per_hour, used: HashMap::new() }
    }

    /// Whether one more may be written for this caller, which it is then.
    pub(super) fn take(&mut self, who: &Who, now: Timestamp) -> bool {
        let is_over = |since: Timestamp| now >= since.plus(HOUR) || now < since;
        if self.used.len() >= CALLERS && !self.used.contains_key(who) {
            self.used.retain(|_, (_, since)| !is_over(*since));
            if self.used.len() >= CALLERS {
                return false;
            }
        }
        let (used, since) = self.used.entry(who.clone()).or_insert((0, now));
        if is_over(*since) {
            (*used, *since) = (0, now);
        }
        *used = used.saturating_add(1);
        *used <= self.per_hour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a53_each_caller_has_so_many_denials_in_an_hour() {
        let at = |seconds| Timestamp::from_unix(1_800_000_000 + seconds);
        let who = |name: &str| Who::Named(name.try_into().unwrap());
        let mut denials = Denials::new(2);
        let taken: Vec<bool> = (0..4).map(|second| denials.take(&who("ci"), at(second))).collect();
        assert_eq!(taken, [true, true, false, false]);
        assert!(denials.take(&who("alice"), at(4)), "another caller");
        assert!(!denials.take(&who("ci"), at(HOUR - 1)));
        assert!(denials.take(&who("ci"), at(HOUR)));
        assert!(!Denials::new(0).take(&who("ci"), at(0)));
    }

    #[test]
    fn a53_callers_that_are_remembered_are_bounded() {
        let at = |seconds| Timestamp::from_unix(1_800_000_000 + seconds);
        let mut denials = Denials::new(2);
        for number in 0..CALLERS {
            assert!(denials.take(&Who::Named(format!("n{number}").as_str().try_into().unwrap()), at(0)));
        }
        let late = Who::Named("late".try_into().unwrap());
        assert!(!denials.take(&late, at(1)));
        assert!(denials.take(&late, at(HOUR)));
        assert_eq!(denials.used.len(), 1);
    }
}
