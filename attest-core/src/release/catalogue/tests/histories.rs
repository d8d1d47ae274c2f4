//! Random histories of releases and suspensions, held against a fold over plain facts that shares no line with what it checks: what is a leap, what
//! counts, and that who follows the log says the same as who begins anew.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Release { version: u64, by: [&'static str; 2] },
    Suspend { whose: &'static str, hours: u64 },
    Pass { hours: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let pairs = vec![["alice", "bob"], ["alice", "carol"], ["bob", "carol"]];
    prop_oneof![
        6 => (2_u64..16, proptest::sample::select(pairs)).prop_map(|(version, by)| Act::Release { version, by }),
        2 => (proptest::sample::select(vec!["alice", "bob", "carol"]), 1_u64..48)
            .prop_map(|(whose, hours)| Act::Suspend { whose, hours }),
        2 => (1_u64..24).prop_map(|hours| Act::Pass { hours }),
    ]
}

/// A release as plain facts.
struct Fact {
    id: ObjectId,
    version: u64,
    by: [&'static str; 2],
    index: usize,
    at: u64,
}

#[derive(Default)]
struct Fold {
    releases: Vec<Fact>,
    /// Whose key, behind which leaf, until when.
    suspended: Vec<(&'static str, usize, u64)>,
}

impl Fold {
    fn is_silenced(&self, one: &Fact, index: usize, now: u64) -> bool {
        let silences = |(whose, from, until): &(&str, usize, u64)| {
            one.by.contains(whose) && *from < index && now <= *until
        };
        self.suspended.iter().any(silences)
    }

    /// Those that leap, by what those before them reached that stood where they were published.
    fn leaps(&self) -> Vec<ObjectId> {
        let (mut floor, mut leaps) = (3, Vec::new());
        for one in &self.releases {
            if one.version > floor + 5 {
                leaps.push(one.id);
            } else if !self.is_silenced(one, one.index, one.at) {
                floor = floor.max(one.version);
            }
        }
        leaps
    }

    fn counts(&self, now: u64) -> Vec<ObjectId> {
        let leaps = self.leaps();
        let speaks = |one: &&Fact| !self.is_silenced(one, usize::MAX, now);
        let stood = |one: &&Fact| !self.is_silenced(one, one.index, one.at);
        let near = || self.releases.iter().filter(|one| !leaps.contains(&one.id));
        let floor = near().filter(|one| stood(one) || speaks(one)).map(|one| one.version).max();
        let floor = floor.unwrap_or(0).max(3);
        near().filter(|one| one.version >= floor && speaks(one)).map(|one| one.id).collect()
    }
}

fn leaps(catalogue: &Catalogue) -> Vec<ObjectId> {
    let is_leap = |one: &&Refused| one.failures.iter().any(|one| one.code() == "release_version_step");
    catalogue.refused().iter().filter(is_leap).map(|one| one.request).collect()
}

#[test]
fn inv9_who_follows_a_log_and_who_begins_anew_measure_alike_in_random_histories() {
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let (mut near, mut far) = (0, 0);
    let strategy = proptest::collection::vec(act(), 2..8);
    let told = std::cell::RefCell::new((&mut near, &mut far));
    let ran = TestRunner::new(config).run(&strategy, |acts| {
        let (mut history, mut fold) = (History::new(), Fold::default());
        let mut followed = Catalogue::default();
        for act in &acts {
            match *act {
                Act::Release { version, by } => {
                    let id = measure::approved(&mut history, version, by);
                    let (index, at) = (history.leaves.len() - 1, history.clock);
                    fold.releases.push(Fact { id, version, by, index, at });
                }
                Act::Suspend { whose, hours } => {
                    let until = history.clock + hours * 3_600;
                    let spki_sha256 = ObjectId::of(&signer(whose).public().canonical().spki_der());
                    let revokes = Revoked::Key { spki_sha256, from_index: 0, until: at(until) };
                    history.revoke(&revocation("dave", revokes));
                    // Nobody suspends a key twice.
                    if fold.suspended.iter().all(|(other, ..)| *other != whose) {
                        fold.suspended.push((whose, history.leaves.len() - 1, until));
                    }
                }
                Act::Pass { hours } => history.clock += hours * 3_600,
            }
            let now = Now { clock: at(history.clock), is_confirmed: true };
            let view = history.view().unwrap();
            followed = followed.again(&view, &history.objects, followed.floors(), now, &Limits::DEFAULT);
        }
        let begun_anew = catalogue(&history, history.clock);
        let expected = fold.leaps();
        prop_assert_eq!(leaps(&begun_anew), expected.clone(), "{:?}", acts);
        prop_assert_eq!(leaps(&followed), expected.clone(), "{:?}", acts);
        prop_assert_eq!(counts(&begun_anew), fold.counts(history.clock), "{:?}", acts);
        let mut told = told.borrow_mut();
        *told.0 += fold.releases.len() - expected.len();
        *told.1 += expected.len();
        Ok(())
    });
    ran.unwrap();
    assert!(far * 10 > near && near > far, "{near} near, {far} far: too one-sided");
}
