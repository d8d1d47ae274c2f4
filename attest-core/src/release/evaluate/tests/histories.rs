//! Random histories under a server that has every key of its own, and writes down whatever it likes, held against a fold over plain facts
//! that shares no line with what it checks.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::release::leaf::Leaf;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
enum Act {
    Submit {
        forged: bool,
    },
    Approve(&'static str),
    Attempt,
    Sign {
        stolen: bool,
    },
    Publish,
    Review(&'static str),
    Revoke(&'static str),
    Suspend {
        by: &'static str,
        whose: &'static str,
        from: u64,
        days: u64,
    },
    Pass(u64),
    /// These people vouch for a control that ends after so many days.
    Compensate {
        by: Vec<&'static str>,
        days: u64,
    },
    /// Whoever it is takes the last control back.
    TakeBack(&'static str),
    /// The server writes down what it has no object for, or lies about.
    Noise(u8),
}

const EVERYBODY: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "ci"];

fn act() -> impl Strategy<Value = Act> {
    let who = || proptest::sample::select(&EVERYBODY[..]);
    prop_oneof![
        1 => any::<bool>().prop_map(|forged| Act::Submit { forged }),
        4 => who().prop_map(Act::Approve),
        1 => Just(Act::Attempt),
        1 => any::<bool>().prop_map(|stolen| Act::Sign { stolen }),
        1 => Just(Act::Publish),
        2 => who().prop_map(Act::Review),
        1 => who().prop_map(Act::Revoke),
        2 => (who(), who(), 0_u64..9, 0_u64..20).prop_map(|(by, whose, from, days)| Act::Suspend { by, whose, from, days }),
        3 => (0_u64..4 * DAY).prop_map(Act::Pass),
        3 => (proptest::sample::subsequence(EVERYBODY[..5].to_vec(), 0..=5), 0_u64..40)
            .prop_map(|(by, days)| Act::Compensate { by, days }),
        2 => (Just(vec!["bob", "dave", "erin"]), 3_u64..40).prop_map(|(by, days)| Act::Compensate { by, days }),
        1 => who().prop_map(Act::TakeBack),
        1 => any::<u8>().prop_map(Act::Noise),
    ]
}

/// What should happen, and what is done to it.
#[derive(Clone, Debug)]
enum Twist {
    Insert(usize, Act),
    Remove(usize),
    Swap(usize, usize),
}

fn twist() -> impl Strategy<Value = Twist> {
    prop_oneof![
        4 => (0_usize..12, act()).prop_map(|(at, act)| Twist::Insert(at, act)),
        1 => (0_usize..12).prop_map(Twist::Remove),
        1 => (0_usize..12, 0_usize..12).prop_map(|(one, other)| Twist::Swap(one, other)),
    ]
}

fn story(twists: &[Twist]) -> Vec<Act> {
    let mut acts = vec![
        Act::Submit { forged: false },
        Act::Approve("alice"),
        Act::Approve("bob"),
        Act::Attempt,
        Act::Sign { stolen: false },
        Act::Publish,
    ];
    for twist in twists {
        match twist {
            Twist::Insert(at, act) => acts.insert((*at).min(acts.len()), act.clone()),
            Twist::Remove(at) if *at < acts.len() => drop(acts.remove(*at)),
            Twist::Swap(one, other) if *one < acts.len() && *other < acts.len() => acts.swap(*one, *other),
            _ => {}
        }
    }
    acts
}

/// The history as it is written down, with real signatures, and the bundle that was published first.
fn played(acts: &[Act], emergency: bool) -> (Play, Option<Bundle>) {
    let mut play = Play::new(History::new());
    if emergency {
        play = play.emergency();
    }
    play.bundle.request = Blob(bytes(&play.request));
    play.bundle.submission = Blob(bytes(&play.submission("ci")));
    let (mut published, mut last) = (None, id("no control"));
    for act in acts {
        match act {
            Act::Submit { forged: false } => drop_place(play.submit("ci")),
            Act::Submit { forged: true } => {
                let mut submission = play.submission("alice");
                submission.by = name("ci");
                play.bundle.submission = Blob(bytes(&submission));
                let submission = play.history.keep(&submission);
                play.history.write(Event::Submitted { submission, request: play.id() });
            }
            Act::Approve(who) => drop_place(play.approve(who)),
            Act::Attempt => drop_place(play.attempt()),
            Act::Sign { stolen } => {
                play.seed = if *stolen { 33 } else { 31 };
                play.sign();
            }
            Act::Publish => {
                play.publish();
                published.get_or_insert(play.bundle.clone());
            }
            Act::Review(who) => drop_place(play.review(who)),
            Act::Revoke(who) => {
                play.history.keep(&play.request);
                let revocation = revocation(who, Revoked::Request(play.id()));
                play.history.revoke(&revocation);
            }
            Act::Suspend { by, whose, from, days } => {
                let spki_sha256 = ObjectId::of(&signer(whose).public().canonical().spki_der());
                let until = at(play.history.clock + days * DAY);
                let revokes = Revoked::Key { spki_sha256, from_index: *from, until };
                play.history.revoke(&revocation(by, revokes));
            }
            Act::Pass(seconds) => play.history.clock += seconds,
            Act::Compensate { by, days } => {
                let mut one = control(&[Weakness::None], play.history.clock + days * DAY);
                // No two are the same.
                one.control = words(&play.history.leaves.len().to_string());
                play.history.compensate(&one, by);
                last = id_of(&one);
            }
            Act::TakeBack(who) => drop_place(play.history.revoke(&revocation(who, Revoked::Control(last)))),
            Act::Noise(number) => noise(&mut play, *number),
        }
    }
    (play, published)
}

fn drop_place(_: u64) {}

/// Leaves that say what never was.
fn noise(play: &mut Play, number: u8) {
    let (request, object) = (play.id(), id(&number.to_string()));
    let event = match number % 5 {
        0 => Event::Approved { approval: object, requests: vec![request] },
        1 => Event::Reviewed { review: object, request },
        2 => Event::Published { request: object, bundle: object },
        3 => Event::Denied { object, because: name("quorum_missing") },
        _ => Event::Attempted { request: object },
    };
    play.history.write(event);
}

/// A fact: its index and time, and what happened.
type Fact<'a> = (u64, u64, &'a Act);

/// The fold: who could have said what, by the rules as they stand in prose.
struct Fold<'a> {
    facts: Vec<Fact<'a>>,
    now: u64,
    /// When witnesses saw the log.
    seen: u64,
    emergency: bool,
}

impl<'a> Fold<'a> {
    fn new(acts: &'a [Act], now: u64, emergency: bool) -> Self {
        let (mut clock, mut index, mut facts) = (NOW + 1, 0, Vec::new());
        for act in acts {
            if let Act::Pass(seconds) = act {
                clock += seconds;
                continue;
            }
            (clock, index) = (clock + 1, index + 1);
            facts.push((index, clock, act));
        }
        Self { facts, now, seen: clock, emergency }
    }

    fn first(&self, is: impl Fn(&Act) -> bool) -> Option<(u64, u64)> {
        self.facts.iter().find(|(.., act)| is(act)).map(|(index, time, _)| (*index, *time))
    }

    /// Suspensions that hold: each by a revoker whose own key was not suspended there, one for each pair of people.
    fn suspensions(&self) -> Vec<(&'static str, u64, u64)> {
        let mut held: Vec<(&str, &str, u64, u64)> = Vec::new();
        for (index, time, act) in &self.facts {
            let Act::Suspend { by, whose, from, days } = act else { continue };
            let is_silenced =
                held.iter().any(|(_, other, from, until)| other == by && index >= from && time <= until);
            let is_second = held.iter().any(|(one, other, ..)| one == by && other == whose);
            if matches!(*by, "alice" | "dave") && !is_silenced && !is_second {
                // The day is counted from the second before the leaf.
                held.push((by, whose, *from, (time - 1 + days * DAY).min(time + 14 * DAY)));
            }
        }
        held.into_iter().map(|(_, whose, from, until)| (whose, from, until)).collect()
    }

    fn is_silenced(&self, who: &str, index: u64, at: u64) -> bool {
        self.suspensions().iter().any(|(whose, from, until)| *whose == who && index >= *from && at <= *until)
    }

    /// The same as it was known when the log had got that far.
    fn was_silenced(&self, who: &str, index: u64, at: u64) -> bool {
        let facts = self.facts.iter().filter(|(other, ..)| *other < index).copied().collect();
        Fold { facts, now: at, ..*self }.is_silenced(who, index, at)
    }

    fn is_revoked(&self) -> bool {
        self.facts.iter().any(|(index, time, act)| {
            matches!(act, Act::Revoke(who @ ("alice" | "dave")) if !self.was_silenced(who, *index, *time))
        })
    }

    /// Whether a control stands: by two of three people who speak then and now, for 30 days at the most, and not taken back.
    fn is_compensated(&self) -> bool {
        let mut standing: Vec<(bool, u64, u64, Vec<&str>)> = Vec::new();
        for (index, time, act) in &self.facts {
            match act {
                Act::Compensate { by, days } => {
                    let may = |who: &&&str| {
                        matches!(**who, "bob" | "dave" | "erin") && !self.was_silenced(who, *index, *time)
                    };
                    let by: Vec<&str> = by.iter().filter(may).copied().collect();
                    // The day is counted from the second before the leaf.
                    let (until, counts) = (time - 1 + days * DAY, by.len() >= 2);
                    let is_in_time = until >= *time && until <= time + 30 * DAY;
                    standing.push((counts && is_in_time, *index, until, by));
                }
                Act::TakeBack(who @ ("alice" | "dave")) if !self.was_silenced(who, *index, *time) => {
                    if let Some(last) = standing.last_mut() {
                        last.0 = false;
                    }
                }
                _ => {}
            }
        }
        standing.iter().any(|(counts, index, until, by)| {
            let now = by.iter().filter(|who| !self.is_silenced(who, *index, self.now)).count();
            *counts && self.now <= *until && now >= 2
        })
    }

    fn counts(&self) -> bool {
        let until = NOW + 7 * DAY;
        let Some((published, _)) = self.first(|act| *act == Act::Publish) else { return false };
        let before = |act: &Act| matches!(act, Act::Submit { .. });
        // The bundle that was published has the submission that was made last before it, or the honest one.
        let last = self.facts.iter().rev().find(|(index, _, act)| *index < published && before(act));
        if last.is_some_and(|(.., act)| **act == Act::Submit { forged: true }) {
            return false;
        }
        let honest = |act: &Act| *act == Act::Submit { forged: false };
        let Some((submitted, asked)) = self.first(honest) else { return false };
        let Some((attempted, tried)) = self.first(|act| *act == Act::Attempt) else { return false };
        let sign = |act: &Act| matches!(act, Act::Sign { .. });
        let Some((signed, made)) = self.first(sign) else { return false };
        if !(submitted < attempted && attempted < signed && signed < published) {
            return false;
        }
        if [asked, tried, made].iter().any(|time| *time > until) {
            return false;
        }
        // One result: what was signed first is what was published, and by the family's key.
        let all: Vec<&Act> = self
            .facts
            .iter()
            .filter(|(index, _, act)| *index < published && sign(act))
            .map(|fact| fact.2)
            .collect();
        if all.first() != all.last() || all.first() != Some(&&Act::Sign { stolen: false }) {
            return false;
        }
        let approvers: BTreeSet<&str> = ["alice", "bob", "carol"]
            .into_iter()
            .filter(|who| {
                self.first(|act| *act == Act::Approve(who)).is_some_and(|(index, time)| {
                    index > submitted
                        && index < attempted
                        && time <= until
                        && !self.is_silenced(who, index, self.now)
                })
            })
            .collect();
        approvers.len() >= 2
            && !self.is_silenced("ci", submitted, self.now)
            && !self.is_revoked()
            && self.now - self.seen <= 7 * DAY
            && (!self.emergency || self.is_looked_at(published) || self.now <= self.deadline())
    }

    fn deadline(&self) -> u64 {
        self.first(|act| matches!(act, Act::Submit { .. })).map_or(0, |(_, time)| time + 2 * DAY)
    }

    fn is_looked_at(&self, published: u64) -> bool {
        // Erin triggered the build, and everyone who approved took part, asked for or not.
        let honest = self.first(|act| *act == Act::Submit { forged: false });
        let attempted = self.first(|act| *act == Act::Attempt);
        let approved = self.first(|act| *act == Act::Approve("dave"));
        let took_part = approved.zip(honest).zip(attempted).is_some_and(|((approved, honest), attempted)| {
            let (index, time) = approved;
            let is_open = index > honest.0 && index < attempted.0 && time <= NOW + 7 * DAY;
            is_open && !self.is_silenced("dave", index, self.now)
        });
        if took_part {
            return false;
        }
        let first = self.first(|act| *act == Act::Review("dave"));
        first.is_some_and(|(index, time)| {
            index > published && time <= self.deadline() && !self.is_silenced("dave", index, self.now)
        })
    }
}

/// Ten thousand in all, on two cores.
const CASES: u32 = 5_000;

#[test]
fn invariants_hold_over_random_histories() {
    histories(false);
}

#[test]
fn invariants_hold_over_random_histories_of_emergencies() {
    histories(true);
}

fn histories(emergency: bool) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let (good, bad) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (made_up, not) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let strategy = (proptest::collection::vec(twist(), 0..5), 0_u64..9 * DAY);
    let ran = TestRunner::new(config).run(&strategy, |(twists, later)| {
        let acts = story(&twists);
        let (mut play, published) = played(&acts, emergency);
        let fold = Fold::new(&acts, play.history.clock + later, emergency);
        if let Some(bundle) = published {
            play.bundle = bundle;
        }
        let weighed = play.weighed_at(fold.now);
        let counter = if weighed.is_ok() { &good } else { &bad };
        counter.fetch_add(1, Ordering::Relaxed);
        let expected = fold.counts();
        prop_assert_eq!(weighed.is_ok(), expected, "{:?} said {:?}", acts, weighed.err());
        if acts.iter().any(|act| matches!(act, Act::Compensate { .. })) {
            let view = play.history.view().unwrap();
            let now = at(fold.now).max(view.time());
            let stands = view.compensation(&name("gateway"), Weakness::None, now).is_some();
            prop_assert_eq!(stands, fold.is_compensated(), "{:?}: {:?}", acts, view.passed_over());
            if stands { &made_up } else { &not }.fetch_add(1, Ordering::Relaxed);
        }
        // Inv. 14: the same question has the same answer. Asked now and then: it costs as much again.
        if later % 16 == 0 {
            prop_assert_eq!(play.weighed_at(fold.now).is_ok(), expected);
        }
        // Nor has a verifier another one that followed the log to here.
        if later % 8 == 0 {
            prop_assert_eq!(followed(&play.history, later, fold.now), expected, "{:?}", acts);
        }
        Ok(())
    });
    ran.unwrap();
    let (good, bad) = (good.into_inner(), bad.into_inner());
    let (made_up, not) = (made_up.into_inner(), not.into_inner());
    println!("{good} releases counted, {bad} did not; {made_up} controls stood, {not} did not");
    assert!(made_up * 10 > not && not * 10 > made_up, "{made_up} stood, {not} did not: too one-sided");
    assert!(good * 10 > good + bad && bad * 10 > good + bad, "{good} counted, {bad} did not: too one-sided");
}

/// Whether the release counts at a verifier that weighed a beginning of the log before.
fn followed(whole: &History, later: u64, now: u64) -> bool {
    let mut begun = whole.clone();
    let kept = usize::try_from(later).unwrap() % whole.leaves.len() + 1;
    begun.leaves.truncate(kept);
    begun.clock = object::read::<Leaf>(begun.leaves.last().unwrap(), &Limits::DEFAULT).unwrap().at.unix();
    let before = catalogue(&begun, begun.clock);
    let now = Now { clock: at(now), is_confirmed: true };
    let view = whole.view().unwrap();
    let after = before.again(&view, &whole.objects, &Floors::new(), now, &Limits::DEFAULT);
    after.releases().count() == 1
}

/// Inv. 5: any changed byte is refused, or changes nothing that devices are judged by.
#[test]
fn inv5_any_changed_byte() {
    let play = Play::whole(History::new());
    let honest = play.weighed().unwrap().reference().unwrap().source().clone();
    let whole = bytes(&play.bundle);
    let view = play.history.view().unwrap();
    let now = Now { clock: at(play.history.clock), is_confirmed: true };
    let floors = Default::default();
    let by = Weighing { view: &view, now, floors: &floors, limits: &Limits::DEFAULT };
    for place in (0..whole.len()).step_by(3) {
        let mut changed = whole.clone();
        changed[place] ^= 1 << (place % 8);
        if let Ok(release) = evaluate(&changed, &[], &by) {
            assert_eq!(release.reference().unwrap().source(), &honest, "byte {place}");
        }
    }
}
