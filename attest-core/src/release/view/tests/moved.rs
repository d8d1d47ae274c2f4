//! A log that goes on under another name or key.

use super::*;
use crate::audit::note::KeyType;
use crate::audit::tree::TreeHead;
use crate::release::object::Blob;
use crate::release::policy::Continues;

const NAME: &str = "log.example/new";
const SEED: u8 = 50;

/// The second policy, whose log has this name and key and goes on from this tree.
fn moved(origin: &str, seed: u8, from: Option<TreeHead>) -> PolicyDocument {
    let mut next = second_policy();
    next.log.key = verifier_key(origin, KeyType::Ed25519, seed);
    next.log.continues =
        from.map(|head| Continues { size: head.size, root: Blob(head.root.as_bytes().to_vec()) });
    next
}

/// A log with some leaves.
fn grown() -> History {
    let mut history = History::new();
    for at in 0..4 {
        history.write(Event::Attempted { request: id(&at.to_string()) });
    }
    history
}

fn seen(history: &History) -> [(&'static str, u8, u64); 2] {
    [("own", 41, history.clock), ("other", 42, history.clock)]
}

#[test]
fn a_log_goes_on_under_a_new_name_and_key() {
    for (origin, seed) in [(NAME, SEED), (NAME, 40), ("log.example/gateway", SEED)] {
        let mut history = grown();
        let from = history.head();
        history.write(Event::Attempted { request: id("meanwhile") });
        history.succeed(&moved(origin, seed, Some(from)), &["alice", "bob"]);
        let view = history.view_by(&history.checkpoint_of(origin, seed, &seen(&history))).unwrap();
        assert!(view.passed_over().is_empty());
        assert_eq!((view.policy().unwrap().document().version, view.head().size), (2, 7));
        assert!(view.place(Mark::Attempted, &id("0")).is_some(), "what stood there before stands there");
        // The old log's word is none any more.
        assert!(matches!(history.view().unwrap_err(), Error::Checkpoint(_)), "{origin} {seed}");
        // The next policy says the same about it.
        let next = moved(origin, seed, Some(from));
        let third = PolicyDocument { version: 3, previous: Some(id_of(&next)), ..next };
        history.succeed(&third, &["alice", "bob"]);
        let view = history.view_by(&history.checkpoint_of(origin, seed, &seen(&history))).unwrap();
        assert_eq!(view.policy().unwrap().document().version, 3);
    }
}

#[test]
fn a68_a_log_that_goes_on_from_other_leaves() {
    let refused = |next: &dyn Fn(&History) -> PolicyDocument| {
        let mut history = grown();
        let next = next(&history);
        history.succeed(&next, &["alice", "bob"]);
        (
            versions(&history),
            passed_over(&history).into_iter().map(|(_, because)| because).collect::<Vec<_>>(),
        )
    };
    let other = (vec![1], vec!["succession_other_log"]);
    assert_eq!(refused(&|_| moved(NAME, SEED, None)), other, "from nothing that was replayed");
    let fork = |_: &History| {
        let mut fork = History::new();
        (0..4).for_each(|_| drop_index(fork.write(Event::Attempted { request: id("fork") })));
        moved(NAME, SEED, Some(fork.head()))
    };
    assert_eq!(refused(&fork), other, "another history");
    let longer = |history: &History| {
        let mut longer = history.clone();
        longer.write(Event::Attempted { request: id("more") });
        moved(NAME, SEED, Some(longer.head()))
    };
    assert_eq!(refused(&longer), other, "leaves that are not there");
    let at =
        |size: u64| move |history: &History| moved(NAME, SEED, Some(TreeHead { size, ..history.head() }));
    assert_eq!(refused(&at(4)), other, "the root of another size");
    assert_eq!(refused(&|_| moved(NAME, SEED, Some(TreeHead::empty()))), other, "from no leaf at all");
    let short = |history: &History| {
        let mut next = moved(NAME, SEED, Some(history.head()));
        next.log.continues.as_mut().unwrap().root.0.pop();
        next
    };
    assert_eq!(refused(&short), other, "no root");
    // A log that is the same did not go on from anything.
    let same = |history: &History| moved("log.example/gateway", 40, Some(history.head()));
    assert_eq!(refused(&same), other);
}

#[test]
fn what_waits_for_the_recovery_quorum_may_move_the_log_too() {
    let mut history = grown();
    let root = quorum("group root 2 carol dave erin\nquorum root");
    let next = PolicyDocument { root, ..moved(NAME, SEED, Some(history.head())) };
    history.recover(&next, &["dave", "erin"]);
    let witnessed = history.seen();
    history.clock += 7 * DAY;
    history.recovered(&next, witnessed);
    let view = history.view_by(&history.checkpoint_of(NAME, SEED, &seen(&history))).unwrap();
    assert_eq!(view.policy().unwrap().id(), id_of(&next));
}

fn drop_index(_: u64) {}
