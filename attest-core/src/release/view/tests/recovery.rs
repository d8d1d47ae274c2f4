//! What the recovery quorum can do, and what it cannot.

mod histories;

use super::*;

const WEEK: u64 = 7 * DAY;

/// What dave and erin want when alice, bob and carol are lost: a root of their own, with carol.
fn wanted() -> PolicyDocument {
    let root = quorum("group root 2 carol dave erin\nquorum root");
    PolicyDocument { root, ..second_policy() }
}

/// Another policy, in what the text does not say.
fn other() -> PolicyDocument {
    let mut other = wanted();
    other.log.hard_age_seconds += 1;
    other
}

/// A log in which that is wanted, and seen by witnesses as soon as it stands there.
fn begun() -> (History, ObjectId) {
    let mut history = History::new();
    history.recover(&wanted(), &["dave", "erin"]);
    let seen = history.seen();
    (history, seen)
}

/// The codes of what did not count.
fn codes(history: &History) -> Vec<&'static str> {
    passed_over(history).into_iter().map(|(_, because)| because).collect()
}

#[test]
fn what_the_recovery_quorum_wants_takes_effect_after_seven_days() {
    let (mut history, seen) = begun();
    let view = history.view().unwrap();
    let pending = view.recovery().unwrap();
    assert_eq!((pending.policy().id(), pending.place().index), (id_of(&wanted()), 1));
    assert_eq!(pending.earliest(), at(NOW + 2 + WEEK));
    assert_eq!(versions(&history), [1], "it waits");
    history.clock += WEEK;
    assert_eq!(versions(&history), [1], "nothing takes effect by itself");
    let index = history.recovered(&wanted(), seen);
    assert_eq!((versions(&history), passed_over(&history)), (vec![1, 2], vec![]));
    let view = history.view().unwrap();
    assert!(view.recovery().is_none());
    assert_eq!(view.policy_at(index).unwrap().document().version, 1);
    assert_eq!(view.policy_at(index + 1).unwrap().id(), id_of(&wanted()));
    // From now on the new root decides.
    let third = PolicyDocument { version: 3, previous: Some(id_of(&wanted())), ..wanted() };
    history.succeed(&third, &["dave", "erin"]);
    assert_eq!(versions(&history), [1, 2, 3]);
}

#[test]
fn a57_a_recovery_too_early() {
    let (mut history, seen) = begun();
    history.clock += WEEK - 2;
    let index = history.recovered(&wanted(), seen);
    assert_eq!((versions(&history), passed_over(&history)), (vec![1], vec![(index, "recovery_too_early")]));
    // It is still wanted, and a second later it has waited.
    history.recovered(&wanted(), seen);
    assert_eq!(versions(&history), [1, 2]);
}

#[test]
fn a57_a_recovery_written_down_with_an_old_date() {
    // The log's clock stood still for a month; then all of it is written at once, a week apart by its own clock.
    let mut history = History::new();
    let now = NOW + 30 * DAY;
    history.recover(&wanted(), &["dave", "erin"]);
    let seen = history.keep_checkpoint(&[("own", 41, now), ("other", 42, now)]);
    history.clock += WEEK;
    history.recovered(&wanted(), seen);
    let view = history.view_by(&history.checkpoint(&[("own", 41, now), ("other", 42, now)])).unwrap();
    assert_eq!(view.passed_over().last().unwrap().because, "recovery_too_early");
    assert_eq!(view.policy().unwrap().document().version, 1);
    // Nor does it begin before the log says that it is wanted, where witnesses' clocks are behind.
    let (mut history, _) = begun();
    let behind = history.clock - 500;
    let seen = history.keep_checkpoint(&[("own", 41, behind), ("other", 42, behind)]);
    history.clock += WEEK - 2;
    history.recovered(&wanted(), seen);
    assert_eq!((versions(&history), codes(&history)), (vec![1], vec!["recovery_too_early"]));
}

#[test]
fn a57_a_recovery_that_one_witness_backdates() {
    // The operator's own witness says that it saw it a week ago.
    let (mut history, _) = begun();
    history.clock += WEEK;
    let (then, now) = (history.clock - WEEK, history.clock);
    let seen = history.keep_checkpoint(&[("own", 41, then), ("other", 42, now)]);
    history.recovered(&wanted(), seen);
    assert_eq!((versions(&history), codes(&history)), (vec![1], vec!["recovery_too_early"]));
    // One that is slow, beside two who were there, holds nothing up.
    let (mut history, _) = begun();
    let then = history.clock;
    let seen = history.keep_checkpoint(&[("own", 41, then), ("other", 42, then), ("third", 43, then + WEEK)]);
    history.clock += WEEK;
    history.recovered(&wanted(), seen);
    assert_eq!(versions(&history), [1, 2]);
}

#[test]
fn a72_a_recovery_that_no_witness_saw() {
    let refused = |seen: &dyn Fn(&mut History) -> ObjectId| {
        let (mut history, _) = begun();
        let seen = seen(&mut history);
        history.clock += WEEK;
        history.recovered(&wanted(), seen);
        assert_eq!(versions(&history), [1]);
        codes(&history)
    };
    let not = ["recovery_not_witnessed"];
    let time = NOW + 2;
    assert_eq!(refused(&|h| h.keep_checkpoint(&[])), not);
    assert_eq!(refused(&|h| h.keep_checkpoint(&[("own", 41, time)])), not, "too few");
    assert_eq!(refused(&|h| h.keep(&policy())), not, "no checkpoint");
}

#[test]
fn a72_a_checkpoint_of_before_or_of_another_history() {
    // Before it was wanted.
    let mut history = History::new();
    let before = history.seen();
    history.recover(&wanted(), &["dave", "erin"]);
    history.clock += WEEK;
    history.recovered(&wanted(), before);
    assert_eq!((versions(&history), codes(&history)), (vec![1], vec!["recovery_not_witnessed"]));
    // Another history of the same length, witnessed by whoever lies.
    let (mut fork, mut history) = (History::new(), History::new());
    fork.recover(&other(), &["dave", "erin"]);
    let seen = fork.seen();
    history.recover(&wanted(), &["dave", "erin"]);
    history.objects.extend(fork.objects);
    history.clock += WEEK;
    history.recovered(&wanted(), seen);
    assert_eq!((versions(&history), codes(&history)), (vec![1], vec!["recovery_not_witnessed"]));
    // Of leaves that are not there yet.
    let mut longer = history.clone();
    longer.write(Event::Attempted { request: id("r") });
    let seen = longer.seen();
    history.objects.extend(longer.objects);
    history.recovered(&wanted(), seen);
    assert_eq!(codes(&history).last(), Some(&"recovery_not_witnessed"));
    // A later one of this history does; it counts from then.
    let (mut history, _) = begun();
    history.write(Event::Attempted { request: id("r") });
    history.clock += DAY;
    let seen = history.seen();
    history.clock += WEEK - 2;
    history.recovered(&wanted(), seen);
    history.recovered(&wanted(), seen);
    assert_eq!((versions(&history), codes(&history)), (vec![1, 2], vec!["recovery_too_early"]));
}

#[test]
fn a57_a_recovery_that_too_few_want() {
    let refused = |document: &PolicyDocument, people: &[&str]| {
        let mut history = History::new();
        history.recover(document, people);
        assert!(history.view().unwrap().recovery().is_none());
        codes(&history)
    };
    let not_met = ["recovery_quorum_not_met"];
    assert_eq!(refused(&wanted(), &[]), not_met);
    assert_eq!(refused(&wanted(), &["dave", "dave", "carol"]), not_met);
    assert_eq!(refused(&wanted(), &["carol", "dave"]), not_met, "the new root alone");
    assert_eq!(refused(&second_policy(), &["dave", "erin"]), not_met, "the recovery quorum alone");
    assert_eq!(refused(&wanted(), &["alice", "bob", "carol"]), not_met, "the root recovers nothing");
    assert_eq!(
        refused(&PolicyDocument { version: 3, ..wanted() }, &["dave", "erin"]),
        ["succession_does_not_follow"]
    );
    // None is named.
    let mut history = History::of(|policy| policy.recovery = None);
    let next = PolicyDocument { previous: Some(history.authority), recovery: None, ..wanted() };
    let recoveries = ["dave", "erin"].map(|who| {
        let mut word = recovery(who, &next);
        word.authority = history.authority;
        word.signature = armored::<Recovery>(&signer(who), &Text::recovery(&word, &next));
        history.keep(&word)
    });
    let policy = history.keep(&next);
    history.write(Event::Recovery { policy, recoveries: recoveries.to_vec() });
    assert_eq!(codes(&history), not_met);
}

#[test]
fn a57_words_for_something_else_recover_nothing() {
    let refused = |words: &dyn Fn(&mut History, &str) -> ObjectId| {
        let mut history = History::new();
        let policy = history.keep(&wanted());
        let recoveries = ["dave", "erin"].map(|who| words(&mut history, who)).to_vec();
        history.write(Event::Recovery { policy, recoveries });
        codes(&history)
    };
    let not_met = ["recovery_quorum_not_met"];
    assert_eq!(refused(&|h, who| h.keep(&recovery(who, &wanted()))), [""; 0]);
    assert_eq!(refused(&|h, who| h.keep(&recovery(who, &other()))), not_met, "another policy");
    assert_eq!(refused(&|h, who| h.keep(&succession(who, &wanted()))), not_met, "a root's words");
    let signed_as_succession = |h: &mut History, who: &str| {
        let mut word = recovery(who, &wanted());
        word.signature = armored::<Succession>(&signer(who), &Text::recovery(&word, &wanted()));
        h.keep(&word)
    };
    assert_eq!(refused(&signed_as_succession), not_met, "another namespace");
    let elsewhere = |h: &mut History, who: &str| {
        let mut word = recovery(who, &wanted());
        word.authority = id("elsewhere");
        word.signature = armored::<Recovery>(&signer(who), &Text::recovery(&word, &wanted()));
        h.keep(&word)
    };
    assert_eq!(refused(&elsewhere), not_met, "another authority");
    // Nor do the recovery quorum's words make a succession.
    let mut history = History::new();
    let policy = history.keep(&second_policy());
    let successions = ["alice", "bob"].map(|who| history.keep(&recovery(who, &second_policy()))).to_vec();
    history.write(Event::Policy { policy, successions });
    assert_eq!((versions(&history), codes(&history)), (vec![1], vec!["succession_quorum_not_met"]));
}

#[test]
fn a57_a_recovery_by_the_quorum_of_another_version() {
    // By the second policy others recover; what was wanted before is over.
    let (mut history, seen) = begun();
    let second =
        PolicyDocument { recovery: Some(quorum("group r 2 bob carol\nquorum r")), ..second_policy() };
    history.succeed(&second, &["alice", "bob"]);
    assert!(history.view().unwrap().recovery().is_none());
    history.clock += WEEK;
    history.recovered(&wanted(), seen);
    assert_eq!((versions(&history), codes(&history)), (vec![1, 2], vec!["recovery_not_pending"]));
    let third = PolicyDocument { version: 3, previous: Some(id_of(&second)), ..wanted() };
    history.recover(&third, &["dave", "erin"]);
    assert_eq!(codes(&history).last(), Some(&"recovery_quorum_not_met"));
    history.recover(&third, &["bob", "carol", "dave"]);
    let seen = history.seen();
    history.clock += WEEK;
    history.recovered(&third, seen);
    assert_eq!(versions(&history), [1, 2, 3]);
}

#[test]
fn a57_a_second_recovery_does_not_inherit_the_time_of_the_first() {
    let (mut history, seen) = begun();
    history.clock += WEEK;
    let index = history.recover(&other(), &["dave", "erin"]);
    assert_eq!(history.view().unwrap().recovery().unwrap().place().index, index);
    history.recovered(&other(), seen);
    history.recovered(&wanted(), seen);
    assert_eq!(codes(&history), ["recovery_not_witnessed", "recovery_not_pending"]);
    let seen = history.seen();
    history.recovered(&other(), seen);
    assert_eq!(codes(&history).last(), Some(&"recovery_too_early"));
    history.clock += WEEK;
    history.recovered(&other(), seen);
    assert_eq!(versions(&history), [1, 2]);
}

#[test]
fn the_same_recovery_again_does_not_begin_anew() {
    let (mut history, seen) = begun();
    history.clock += WEEK;
    history.recover(&wanted(), &["dave", "erin"]);
    assert_eq!(codes(&history), ["recovery_pending"]);
    history.recovered(&wanted(), seen);
    assert_eq!(versions(&history), [1, 2]);
}

#[test]
fn a57_one_root_member_is_enough_to_stop_it() {
    for who in ["alice", "bob", "carol"] {
        let (mut history, seen) = begun();
        history.clock += WEEK - DAY;
        history.object(&objection(who, &wanted()));
        assert!(history.view().unwrap().recovery().is_none());
        history.clock += WEEK;
        history.recovered(&wanted(), seen);
        assert_eq!((versions(&history), codes(&history)), (vec![1], vec!["recovery_not_pending"]), "{who}");
        // Nor by asking again.
        history.recover(&wanted(), &["dave", "erin"]);
        assert_eq!(codes(&history).last(), Some(&"recovery_objected"));
        // Another one is another question.
        history.recover(&other(), &["dave", "erin"]);
        assert!(history.view().unwrap().recovery().is_some());
    }
}

#[test]
fn a57_an_objection_by_nobody_of_the_root() {
    let objected = |objection: &Objection| {
        let (mut history, seen) = begun();
        history.object(objection);
        history.clock += WEEK;
        history.recovered(&wanted(), seen);
        (versions(&history), codes(&history))
    };
    let passed = |because| (vec![1, 2], vec![because]);
    let does_not = "objection_does_not_count";
    assert_eq!(objected(&objection("dave", &wanted())), passed(does_not), "dave is none of the root");
    let mut forged = objection("dave", &wanted());
    forged.by = name("alice");
    forged.signature = armored::<Objection>(&signer("dave"), &Text::objection(&forged));
    assert_eq!(objected(&forged), passed(does_not));
    let mut changed = objection("alice", &wanted());
    changed.reason = words("other");
    assert_eq!(objected(&changed), passed(does_not));
    let mut elsewhere = objection("alice", &wanted());
    elsewhere.authority = id("elsewhere");
    elsewhere.signature = armored::<Objection>(&signer("alice"), &Text::objection(&elsewhere));
    assert_eq!(objected(&elsewhere), passed(does_not));
    assert_eq!(objected(&objection("alice", &other())), passed("objection_to_nothing"), "to another policy");
    // What is no objection is passed over as that.
    let (mut history, _) = begun();
    let wrong = history.keep(&policy());
    history.write(Event::Objected { objection: wrong });
    assert_eq!(codes(&history), ["object_format"]);
}

#[test]
fn an_objection_after_it_took_effect_or_before_it_was_wanted() {
    let (mut history, seen) = begun();
    history.clock += WEEK;
    history.recovered(&wanted(), seen);
    history.object(&objection("alice", &wanted()));
    assert_eq!((versions(&history), codes(&history)), (vec![1, 2], vec!["objection_to_nothing"]));
    let mut history = History::new();
    history.object(&objection("alice", &wanted()));
    history.recover(&wanted(), &["dave", "erin"]);
    assert_eq!(codes(&history), ["objection_to_nothing"]);
    assert!(history.view().unwrap().recovery().is_some());
}

#[test]
fn a_suspension_silences_those_who_want_it_and_not_those_who_object() {
    // Dave revokes, and is in the recovery quorum: he cannot keep alice from objecting.
    let (mut history, _) = begun();
    history.revoke(&suspension("dave", "alice", 0, NOW + 60 * DAY));
    history.object(&objection("alice", &wanted()));
    assert!(history.view().unwrap().recovery().is_none());
    // A key that a root quorum says was lost objects to nothing.
    let (alice, second) = (spki_sha256("alice"), second_policy());
    let second = PolicyDocument { compromised: [(alice, 0)].into(), ..second };
    let mut history = History::new();
    history.succeed(&second, &["bob", "carol"]);
    let third = PolicyDocument { version: 3, previous: Some(id_of(&second)), ..wanted() };
    history.recover(&third, &["dave", "erin"]);
    history.object(&objection("alice", &third));
    assert_eq!(codes(&history), ["objection_does_not_count"]);
    // And those who want it must still count when it takes effect.
    let (mut history, seen) = begun();
    history.clock += WEEK;
    history.revoke(&suspension("alice", "erin", 0, history_end()));
    history.recovered(&wanted(), seen);
    assert_eq!((versions(&history), codes(&history)), (vec![1], vec!["recovery_quorum_not_met"]));
    // The suspension is over by itself.
    history.clock += 2 * WEEK + DAY;
    history.recovered(&wanted(), seen);
    assert_eq!(versions(&history), [1, 2]);
}

fn history_end() -> u64 {
    NOW + 200 * DAY
}

#[test]
fn a72_what_a_recovery_is_weighed_by_is_not_withheld() {
    let (mut history, seen) = begun();
    history.clock += WEEK;
    history.recovered(&wanted(), seen);
    history.object(&objection("alice", &wanted()));
    let named = [
        (1, id_of(&wanted())),
        (1, id_of(&recovery("dave", &wanted()))),
        (2, seen),
        (3, id_of(&objection("alice", &wanted()))),
    ];
    for (index, id) in named {
        let mut withheld = history.clone();
        withheld.objects.remove(&id);
        assert_eq!(withheld.view().unwrap_err(), Error::ObjectMissing { index, id });
    }
}
