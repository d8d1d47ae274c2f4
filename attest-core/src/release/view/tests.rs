use super::*;
use crate::audit::{checkpoint, witness};
use crate::release::leaf::{Event, Leaf};
use crate::release::policy::PolicyDocument;
use crate::release::statement::{Objection, Recovery, Revocation, Revoked, Succession, Text};
use crate::release::testing::history::*;
use crate::release::testing::*;

mod control;
mod family;
mod held;
mod ledger;
mod moved;
mod recovery;

fn passed_over(history: &History) -> Vec<(u64, &'static str)> {
    history.view().unwrap().passed_over().iter().map(|leaf| (leaf.index, leaf.because)).collect()
}

fn versions(history: &History) -> Vec<u64> {
    history.view().unwrap().policies.iter().map(|(_, policy)| policy.document().version).collect()
}

fn spki_sha256(who: &str) -> ObjectId {
    ObjectId::of(&signer(who).public().canonical().spki_der())
}

fn suspension(who: &str, whose: &str, from_index: u64, until: u64) -> Revocation {
    revocation(who, Revoked::Key { spki_sha256: spki_sha256(whose), from_index, until: at(until) })
}

#[test]
fn a_log_is_replayed_to_its_checkpoint() {
    let mut history = History::new();
    let request = id("request");
    let submitted = history.write(Event::Submitted { submission: id("s"), request });
    history.write(Event::Submitted { submission: id("again"), request });
    let attempted = history.write(Event::Attempted { request });
    history.write(Event::Denied { object: id("x"), because: name("quorum_not_met") });
    let view = history.view().unwrap();
    assert_eq!((view.authority(), view.head().size), (history.authority, 5));
    assert_eq!(view.time(), at(history.clock));
    assert_eq!(view.policy().unwrap().id(), history.authority);
    let place = |mark| view.place(mark, &request).map(|place| (place.index, place.at));
    assert_eq!(place(Mark::Submitted), Some((submitted, at(NOW + 2))), "the first place counts");
    assert_eq!(place(Mark::Attempted), Some((attempted, at(NOW + 4))));
    assert_eq!(place(Mark::Approved), None);
    assert!(view.passed_over().is_empty());
}

#[test]
fn a67b_a_leaf_that_is_older_than_what_was_there_before_it() {
    let mut history = History::new();
    let index = history.write(Event::Attempted { request: id("late") });
    let leaf = history.leaves.last().unwrap();
    let limits = crate::Limits::DEFAULT;
    let written = NOW + 2;
    assert_eq!(not_antedated(index, leaf, at(written + 600), &limits), Ok(()));
    assert_eq!(
        not_antedated(index, leaf, at(written + 601), &limits),
        Err(Error::Antedated { index, at: at(written), seen_at: at(written + 601) })
    );
    assert!(matches!(not_antedated(7, b"none", at(0), &limits), Err(Error::Leaf { index: 7, .. })));
}

#[test]
fn a72_a_leaf_left_out_added_or_moved() {
    let mut history = History::new();
    for at in 0..3 {
        history.write(Event::Attempted { request: id(&at.to_string()) });
    }
    let honest = history.checkpoint(&[("own", 41, NOW + 10), ("other", 42, NOW + 10)]);
    assert!(history.view_by(&honest).is_ok());
    let lie = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut history = history.clone();
        change(&mut history.leaves);
        history.view_by(&honest).unwrap_err()
    };
    let mismatch = |leaves| Error::RootMismatch { leaves, size: 4 };
    assert_eq!(lie(&|leaves| drop(leaves.remove(2))), mismatch(3));
    assert_eq!(lie(&|leaves| leaves.push(leaves[3].clone())), mismatch(5));
    let other = bytes(&Leaf::new(at(NOW + 3), Event::Attempted { request: id("other") }));
    assert_eq!(lie(&move |leaves| leaves[2].clone_from(&other)), mismatch(4));
    assert_eq!(lie(&|leaves| leaves.truncate(1)), mismatch(1));
}

#[test]
fn a_view_is_what_witnesses_saw() {
    let history = History::new();
    let view = |seen: &[(&str, u8, u64)]| history.view_by(&history.checkpoint(seen)).map(|view| view.time());
    assert_eq!(view(&[("own", 41, NOW + 5), ("other", 42, NOW + 9)]), Ok(at(NOW + 5)));
    let one = Err(Error::Witness(witness::Error::QuorumNotReached { got: 1, threshold: 2 }));
    assert_eq!(view(&[("own", 41, NOW + 5)]), one);
    let mut stolen = history.clone();
    stolen.objects.clear();
    assert_eq!(stolen.view().unwrap_err(), Error::ObjectMissing { index: 0, id: history.authority });
    let foreign = history.checkpoint(&[]).replace("log.example/gateway\n", "log.example/sensor\n");
    assert!(matches!(history.view_by(&foreign), Err(Error::Checkpoint(checkpoint::Error::Note(_)))));
}

#[test]
fn the_logs_clock_runs_forward_and_not_ahead() {
    let mut history = History::new();
    history.clock -= 2;
    history.write(Event::Attempted { request: id("r") });
    assert_eq!(history.view().unwrap_err(), Error::TimeBackwards { index: 1, at: at(NOW - 1 + 1) });
    let mut history = History::new();
    history.clock += 700;
    history.write(Event::Attempted { request: id("r") });
    let seen = |time| history.view_by(&history.checkpoint(&[("own", 41, time), ("other", 42, time)]));
    assert!(seen(history.clock - 600).is_ok());
    let (at, witnessed) = (at(history.clock), at(history.clock - 601));
    assert_eq!(seen(history.clock - 601).unwrap_err(), Error::TimeAhead { index: 1, at, witnessed });
}

#[test]
fn a_log_begins_with_the_policy_that_is_pinned() {
    let first = |history: &History| history.view().unwrap_err();
    let error = Error::FirstLeaf { pinned: id_of(&policy()) };
    let mut other = History::new();
    other.leaves.clear();
    let document = PolicyDocument { expires: at(NOW), ..policy() };
    other.succeed(&document, &[]);
    assert_eq!(first(&other), error);
    let mut none = History::new();
    none.leaves.clear();
    none.write(Event::Attempted { request: id("r") });
    assert_eq!(first(&none), error);
    none.leaves.clear();
    assert_eq!(first(&none), error);
    // One that is pinned, and is not the first.
    let mut second = History::new();
    second.leaves.clear();
    second.authority = id_of(&second_policy());
    second.succeed(&second_policy(), &[]);
    assert_eq!(first(&second), Error::FirstLeaf { pinned: second.authority });
}

#[test]
fn a_policy_follows_if_both_quorums_want_it() {
    let mut history = History::new();
    history.succeed(&second_policy(), &["alice", "carol"]);
    assert_eq!(versions(&history), [1, 2]);
    let view = history.view().unwrap();
    let at_index = |index| view.policy_at(index).map(|policy| policy.document().version);
    assert_eq!((at_index(0), at_index(1), at_index(2), at_index(9)), (None, Some(1), Some(2), Some(2)));
}

#[test]
fn a57_a_policy_that_too_few_want() {
    let other_root = |p: &mut PolicyDocument| p.root = quorum("group root 2 carol dave erin\nquorum root");
    let mut moved = second_policy();
    other_root(&mut moved);
    let wanted = |document: &PolicyDocument, people: &[&str]| {
        let mut history = History::new();
        history.succeed(document, people);
        (versions(&history).len(), passed_over(&history))
    };
    let not_met = || (1, vec![(1, "succession_quorum_not_met")]);
    assert_eq!(wanted(&second_policy(), &[]), not_met());
    assert_eq!(wanted(&second_policy(), &["alice"]), not_met());
    assert_eq!(wanted(&second_policy(), &["alice", "alice"]), not_met());
    assert_eq!(wanted(&second_policy(), &["alice", "dave"]), not_met(), "dave is none of the root");
    assert_eq!(wanted(&moved, &["alice", "bob"]), not_met(), "the old quorum alone");
    assert_eq!(wanted(&moved, &["dave", "erin"]), not_met(), "the new quorum alone");
    assert_eq!(wanted(&moved, &["alice", "carol", "dave"]), (2, vec![]), "both");
}

#[test]
fn a_policy_that_does_not_follow() {
    let wanted = |document: &PolicyDocument| {
        let mut history = History::new();
        history.succeed(document, &["alice", "bob"]);
        (versions(&history).len(), passed_over(&history))
    };
    let does_not = || (1, vec![(1, "succession_does_not_follow")]);
    assert_eq!(wanted(&PolicyDocument { version: 3, ..second_policy() }), does_not());
    assert_eq!(wanted(&PolicyDocument { previous: Some(id("other")), ..second_policy() }), does_not());
    let mut faulty = second_policy();
    faulty.root = quorum("group g 1 alice bob\nquorum g");
    assert_eq!(wanted(&faulty), (1, vec![(1, "release_policy_faults")]));
    // Words for one policy are none for another.
    let mut history = History::new();
    let policy = history.keep(&second_policy());
    let mut other = second_policy();
    other.log.hard_age_seconds += 1;
    let successions = ["alice", "bob"].map(|who| history.keep(&succession(who, &other))).to_vec();
    history.write(Event::Policy { policy, successions });
    assert_eq!(passed_over(&history), [(1, "succession_quorum_not_met")]);
    // What is withheld might have counted.
    history.objects.remove(&policy);
    assert_eq!(history.view().unwrap_err(), Error::ObjectMissing { index: 1, id: policy });
}

#[test]
fn a_request_is_revoked_by_a_revoker_of_its_family() {
    let revoked = |who: &str, change: fn(&mut Revocation)| {
        let mut history = History::new();
        let request = history.keep(&request());
        let mut revocation = revocation(who, Revoked::Request(request));
        change(&mut revocation);
        history.revoke(&revocation);
        let view = history.view().unwrap();
        (view.revoked(&request).map(|withdrawn| withdrawn.reason.clone()), passed_over(&history))
    };
    let lost = Some("lost".to_owned());
    assert_eq!(revoked("dave", |_| {}), (lost.clone(), vec![]));
    assert_eq!(revoked("alice", |_| {}), (lost, vec![]));
    let not = || (None, vec![(1, "revocation_does_not_count")]);
    assert_eq!(revoked("bob", |_| {}), not(), "no revoker");
    let in_anothers_name = |revocation: &mut Revocation| {
        revocation.by = name("dave");
        revocation.signature = armored::<Revocation>(&signer("bob"), &Text::revocation(revocation));
    };
    assert_eq!(revoked("bob", in_anothers_name), not());
    assert_eq!(revoked("bob", |revocation| revocation.by = name("dave")), not(), "nor after the fact");
    assert_eq!(revoked("dave", |revocation| revocation.reason = words("other")), not());
    let elsewhere = |revocation: &mut Revocation| {
        revocation.authority = id("elsewhere");
        revocation.signature = armored::<Revocation>(&signer("dave"), &Text::revocation(revocation));
    };
    assert_eq!(revoked("dave", elsewhere), not(), "of another authority");
}

#[test]
fn a72_a_revocation_that_is_withheld_refuses_the_view() {
    let mut history = History::new();
    let request = history.keep(&request());
    let revocation = history.keep(&revocation("dave", Revoked::Request(request)));
    history.write(Event::Revoked { revocation });
    for id in [revocation, request] {
        let mut withheld = history.clone();
        withheld.objects.remove(&id);
        assert_eq!(withheld.view().unwrap_err(), Error::ObjectMissing { index: 1, id });
        // Nor does another object do in its place.
        withheld.objects.insert(id, bytes(&policy()));
        assert_eq!(withheld.view().unwrap_err(), Error::ObjectMissing { index: 1, id });
    }
}

#[test]
fn a_key_is_suspended_for_a_while_from_a_place_on() {
    let mut history = History::new();
    for at in 0..4 {
        history.write(Event::Attempted { request: id(&at.to_string()) });
    }
    history.revoke(&suspension("dave", "bob", 3, NOW + 60 * DAY));
    let view = history.view().unwrap();
    let bob = signer("bob").public().canonical().clone();
    let suspended = |index, time| view.is_suspended(&bob, index, at(time));
    let last = history.clock + 14 * DAY;
    assert!(suspended(3, NOW) && suspended(99, last));
    assert!(!suspended(2, NOW), "what he signed before stays");
    assert!(!suspended(3, last + 1), "14 days, whatever was written");
    assert!(!view.is_suspended(signer("alice").public().canonical(), 3, at(NOW)));
    // Not again by the same person alone; another one may.
    history.revoke(&suspension("dave", "bob", 0, NOW + 60 * DAY));
    assert_eq!(passed_over(&history), [(6, "suspension_renewed_alone")]);
    history.revoke(&suspension("alice", "bob", 0, NOW + 60 * DAY));
    assert!(history.view().unwrap().is_suspended(&bob, 0, at(NOW)));
    let nobody = Revoked::Key { spki_sha256: id("nobody"), from_index: 0, until: at(NOW + DAY) };
    history.revoke(&revocation("dave", nobody));
    assert_eq!(passed_over(&history).last(), Some(&(8, "suspension_of_no_key")));
    history.revoke(&suspension("bob", "alice", 0, NOW + DAY));
    assert_eq!(passed_over(&history).last(), Some(&(9, "revocation_does_not_count")), "no revoker");
}

#[test]
fn inv10_whoever_is_suspended_is_of_the_root_until_a_succession() {
    let mut history = History::new();
    for whose in ["alice", "bob", "carol"] {
        history.revoke(&suspension("dave", whose, 0, NOW + 60 * DAY));
    }
    assert!(passed_over(&history).is_empty());
    let without = |people: &str| {
        let mut next = second_policy();
        next.families.values_mut().for_each(|family| family.revokers = names(people));
        next
    };
    // They put somebody else in the place of who suspended them all, and that one says nothing any more.
    history.succeed(&without("alice"), &["alice", "bob"]);
    assert_eq!(versions(&history), [1, 2]);
    history.revoke(&suspension("dave", "erin", 0, NOW + 60 * DAY));
    assert_eq!(passed_over(&history), [(5, "revocation_does_not_count")]);
    // What a root quorum said of a key that was lost does silence it.
    let mut history = History::new();
    let lost = PolicyDocument { compromised: [(spki_sha256("alice"), 0)].into(), ..second_policy() };
    history.succeed(&lost, &["bob", "carol"]);
    let third = PolicyDocument { version: 3, previous: Some(id_of(&lost)), ..lost };
    history.succeed(&third, &["alice", "bob"]);
    assert_eq!(
        (versions(&history), passed_over(&history)),
        (vec![1, 2], vec![(2, "succession_quorum_not_met")])
    );
}

#[test]
fn whoever_is_suspended_or_whose_key_is_over_says_nothing() {
    let mut history = History::new();
    let request = history.keep(&request());
    history.revoke(&suspension("alice", "dave", 0, NOW + 60 * DAY));
    history.revoke(&revocation("dave", Revoked::Request(request)));
    assert_eq!(passed_over(&history), [(2, "revocation_does_not_count")]);
    let mut late = History::new();
    late.clock += 301 * DAY;
    late.succeed(&second_policy(), &["bob", "carol"]);
    assert_eq!(passed_over(&late), [(1, "succession_quorum_not_met")]);
}

#[test]
fn leaves_are_leaves() {
    let mut history = History::new();
    history.leaves.push(bytes(&request()));
    let Err(Error::Leaf { index: 1, error }) = history.view() else { panic!("not refused") };
    assert_eq!(error.code(), "object_format");
}
