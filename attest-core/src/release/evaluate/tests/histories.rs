//! Random histories under a server that has every key of its own, and writes down whatever it likes, held against a fold over plain facts
//! that shares no line with what it checks.

mod estate;
mod fold;

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::fold::Fold;
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
    /// These people vouch for a control that ends after so many days, which somebody may have taken back before that is written down.
    Compensate {
        by: Vec<&'static str>,
        days: u64,
        early: Option<&'static str>,
    },
    /// These people want one of [`PEOPLE_OF`] for the family's people, after the last one or after none.
    Change {
        by: Vec<&'static str>,
        to: usize,
        first: bool,
    },
    /// Whoever it is takes the last control back.
    TakeBack(&'static str),
    /// The server writes down what it has no object for, or lies about.
    Noise(u8),
}

const EVERYBODY: [&str; 7] = ["alice", "bob", "carol", "dave", "erin", "ci", "gateway.zoe"];

/// Whom a family may name: who approves, who makes the next change, and who reviews. The first is what the root wrote.
const PEOPLE_OF: [([&str; 3], [&str; 3], [&str; 2]); 4] = [
    (["alice", "bob", "carol"], ["bob", "carol", "dave"], ["dave", "erin"]),
    (["bob", "carol", "gateway.zoe"], ["bob", "carol", "gateway.zoe"], ["carol", "erin"]),
    (["alice", "bob", "gateway.zoe"], ["bob", "carol", "dave"], ["carol", "dave"]),
    (["alice", "bob", "carol"], ["carol", "dave", "gateway.zoe"], ["erin", "gateway.zoe"]),
];

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
            .prop_map(|(by, days)| Act::Compensate { by, days, early: None }),
        2 => (Just(vec!["bob", "dave", "erin"]), 3_u64..40)
            .prop_map(|(by, days)| Act::Compensate { by, days, early: None }),
        1 => (Just(vec!["bob", "dave", "erin"]), 3_u64..40, who())
            .prop_map(|(by, days, who)| Act::Compensate { by, days, early: Some(who) }),
        1 => who().prop_map(Act::TakeBack),
        3 => (Just(vec!["bob", "carol", "dave", "gateway.zoe"]), 1_usize..4, any::<bool>())
            .prop_map(|(by, to, first)| Act::Change { by, to, first }),
        1 => (proptest::sample::subsequence(EVERYBODY.to_vec(), 0..=7), 0_usize..5, any::<bool>())
            .prop_map(|(by, to, first)| Act::Change { by, to, first }),
        1 => any::<u8>().prop_map(Act::Noise),
    ]
}

/// What should happen, and what is done to it.
#[derive(Clone, Debug)]
enum Twist {
    Insert(usize, Act),
    Remove(usize),
    Swap(usize, usize),
    /// The family names other people, in time, and somebody looks at what is out.
    Replace {
        to: usize,
        reviewer: &'static str,
    },
}

fn twist() -> impl Strategy<Value = Twist> {
    prop_oneof![
        4 => (0_usize..12, act()).prop_map(|(at, act)| Twist::Insert(at, act)),
        1 => (0_usize..12).prop_map(Twist::Remove),
        1 => (0_usize..12, 0_usize..12).prop_map(|(one, other)| Twist::Swap(one, other)),
        1 => (0_usize..4, proptest::sample::select(vec!["carol", "dave", "gateway.zoe"]))
            .prop_map(|(to, reviewer)| Twist::Replace { to, reviewer }),
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
            Twist::Replace { to, reviewer } => {
                let by = vec!["bob", "carol", "dave", "gateway.zoe"];
                acts.extend([Act::Change { by, to: *to, first: true }, Act::Review(reviewer)]);
            }
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
            Act::Compensate { by, days, early } => {
                let mut one = control(&[Weakness::None], play.history.clock + days * DAY);
                // No two are the same.
                one.control = words(&play.history.leaves.len().to_string());
                if let Some(who) = early {
                    play.history.revoke(&revocation(who, Revoked::Control(id_of(&one))));
                }
                play.history.compensate(&one, by);
                last = id_of(&one);
            }
            Act::Change { by, to, first } => change(&mut play, by, *to, *first),
            Act::TakeBack(who) => drop_place(play.history.revoke(&revocation(who, Revoked::Control(last)))),
            Act::Noise(number) => noise(&mut play, *number),
        }
    }
    (play, published)
}

fn drop_place(_: u64) {}

/// One that is beyond the table wants fewer people than the root.
fn change(play: &mut Play, by: &[&str], to: usize, first: bool) {
    let view = play.history.view().unwrap();
    let mut change = family_change(&policy());
    let group = |called: &str, least: u64, people: &[&str]| {
        quorum(&format!("group {called} {least} {}\nquorum {called}", people.join(" ")))
    };
    let (approvers, managers, reviewers) = PEOPLE_OF.get(to).copied().unwrap_or(PEOPLE_OF[0]);
    change.managers = group("managers", 2, &managers);
    for called in ["stable", "urgent"] {
        let least = if to < PEOPLE_OF.len() { 2 } else { 1 };
        change.channels.get_mut(called).unwrap().approvals = Some(group("release", least, &approvers));
    }
    change.channels.get_mut("urgent").unwrap().review = Some(group("review", 1, &reviewers));
    let last = view.policy_of_now(&name("gateway")).and_then(|policy| policy.change());
    change.previous = if first { None } else { last };
    // No two are the same.
    change.reason = words(&play.history.leaves.len().to_string());
    play.history.change(&change, by);
}

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

/// Ten thousand in all with those of estates, on two cores.
const CASES: u32 = 2_000;

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
    let (followed_changes, others) = (AtomicUsize::new(0), AtomicUsize::new(0));
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
        let wanted = acts.iter().filter(|act| matches!(act, Act::Change { .. })).count();
        if wanted > 0 {
            let view = play.history.view().unwrap();
            let places: Vec<u64> =
                view.changes_of(&name("gateway")).iter().map(|one| one.place().index).collect();
            let changes: Vec<u64> = fold.changes().into_iter().map(|(index, _)| index).collect();
            prop_assert_eq!(&places, &changes, "{:?}: {:?}", acts, view.passed_over());
            followed_changes.fetch_add(places.len(), Ordering::Relaxed);
            others.fetch_add(wanted - places.len(), Ordering::Relaxed);
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
    let (changed, others) = (followed_changes.into_inner(), others.into_inner());
    println!("{good} releases counted, {bad} did not; {made_up} controls stood, {not} did not");
    println!("{changed} changes of the family were followed, {others} were not");
    assert!(
        changed * 10 > others && others * 10 > changed,
        "{changed} followed, {others} not: too one-sided"
    );
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
