//! Random histories of what root and recovery quorum want, held against a fold over plain facts.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// What may happen while a policy is followed.
#[derive(Clone, Debug)]
enum Act {
    Want { other: bool, people: Vec<&'static str> },
    Object { other: bool, by: &'static str },
    TakeEffect { other: bool },
    Succeed(Vec<&'static str>),
    Suspend { by: &'static str, whose: &'static str },
    Pass(u64),
}

const EVERYBODY: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

fn act() -> impl Strategy<Value = Act> {
    let who = || proptest::sample::select(&EVERYBODY[..]);
    let some = || proptest::sample::subsequence(EVERYBODY.to_vec(), 0..=5);
    let any = any::<bool>;
    prop_oneof![
        3 => any().prop_map(|other| Act::Want { other, people: vec!["dave", "erin"] }),
        2 => (any(), some()).prop_map(|(other, people)| Act::Want { other, people }),
        2 => (any(), who()).prop_map(|(other, by)| Act::Object { other, by }),
        6 => any().prop_map(|other| Act::TakeEffect { other }),
        1 => some().prop_map(Act::Succeed),
        1 => (who(), who()).prop_map(|(by, whose)| Act::Suspend { by, whose }),
        5 => (0_u64..9 * DAY).prop_map(Act::Pass),
    ]
}

/// The fold over plain facts: who wanted what when, and whether anybody stood up. It knows policies by one letter, `r` for the root's.
#[derive(Default)]
struct Fold {
    followed: Vec<char>,
    wanted: Option<(char, u64, Vec<&'static str>)>,
    refused: Vec<char>,
    silenced: Vec<(&'static str, &'static str, u64)>,
}

impl Fold {
    fn speaks(&self, who: &str, time: u64) -> bool {
        !self.silenced.iter().any(|(_, whose, until)| *whose == who && time <= *until)
    }

    fn act(&mut self, act: &Act, time: u64) {
        let letter = |other: &bool| if *other { 'o' } else { 'w' };
        if !self.followed.is_empty() && !matches!(act, Act::Suspend { .. }) {
            return;
        }
        let both = |fold: &Self, people: &[&str]| {
            ["dave", "erin"].iter().all(|who| people.contains(who) && fold.speaks(who, time))
        };
        match act {
            Act::Want { other, people } => {
                let one = letter(other);
                let is_waiting = self.wanted.as_ref().is_some_and(|(waits, ..)| *waits == one);
                if both(self, people) && !is_waiting && !self.refused.contains(&one) {
                    self.wanted = Some((one, time, people.clone()));
                }
            }
            Act::Object { other, by } => {
                let one = letter(other);
                let is_waiting = self.wanted.as_ref().is_some_and(|(waits, ..)| *waits == one);
                if is_waiting && ["alice", "bob", "carol"].contains(by) {
                    self.refused.push(one);
                    self.wanted = None;
                }
            }
            Act::TakeEffect { other } => {
                let one = letter(other);
                if let Some((waits, since, people)) = &self.wanted
                    && *waits == one
                    && time >= since + WEEK
                    && both(self, people)
                {
                    self.followed.push(one);
                }
            }
            Act::Succeed(people) => {
                let root = ["alice", "bob", "carol"];
                // Whoever suspends them does not silence them.
                if root.iter().filter(|who| people.contains(who)).count() >= 2 {
                    self.followed.push('r');
                }
            }
            Act::Suspend { by, whose } => {
                let is_second = self.silenced.iter().any(|(one, other, _)| one == by && other == whose);
                if matches!(*by, "alice" | "dave") && self.speaks(by, time) && !is_second {
                    self.silenced.push((by, whose, time + 14 * DAY));
                }
            }
            Act::Pass(_) => {}
        }
    }
}

/// Whichever of them is followed, the fold says the same.
#[test]
fn recoveries_in_random_histories() {
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let strategy = proptest::collection::vec(act(), 1..16);
    let ends = RefCell::new(BTreeMap::new());
    let ran = TestRunner::new(config).run(&strategy, |acts| {
        let (mut history, mut fold) = (History::new(), Fold::default());
        let mut seen: [ObjectId; 2] = [history.seen(); 2];
        let choose = |which: &bool| if *which { other() } else { wanted() };
        let root = second_policy();
        for act in &acts {
            match act {
                Act::Want { other, people } => {
                    let before = history.view().unwrap().recovery().map(|pending| pending.place());
                    history.recover(&choose(other), people);
                    if history.view().unwrap().recovery().map(|pending| pending.place()) != before {
                        seen[usize::from(*other)] = history.seen();
                    }
                }
                Act::Object { other, by } => drop_index(history.object(&objection(by, &choose(other)))),
                Act::TakeEffect { other } => {
                    drop_index(history.recovered(&choose(other), seen[usize::from(*other)]));
                }
                Act::Succeed(people) => drop_index(history.succeed(&root, people)),
                Act::Suspend { by, whose } => {
                    drop_index(history.revoke(&suspension(by, whose, 0, history.clock + 30 * DAY)));
                }
                Act::Pass(seconds) => history.clock += seconds,
            }
            fold.act(act, history.clock);
        }
        let view = history.view().unwrap();
        let letter = |policy: &Policy| match policy.id() {
            id if id == id_of(&wanted()) => 'w',
            id if id == id_of(&other()) => 'o',
            _ => 'r',
        };
        let followed: Vec<char> = view.policies.iter().skip(1).map(|(_, policy)| letter(policy)).collect();
        *ends.borrow_mut().entry(fold.followed.clone()).or_insert(0) += 1;
        prop_assert_eq!(&followed, &fold.followed, "{:?} {:?}", acts, passed_over(&history));
        if followed.is_empty() {
            let waits = view.recovery().map(|pending| letter(pending.policy()));
            prop_assert_eq!(waits, fold.wanted.map(|(one, ..)| one), "{:?}", acts);
        }
        Ok(())
    });
    ran.unwrap();
    let ends = ends.into_inner();
    println!("{ends:?}");
    assert!(ends.len() == 4 && ends.values().all(|count| *count > 0), "too one-sided: {ends:?}");
}

fn drop_index(_: u64) {}
