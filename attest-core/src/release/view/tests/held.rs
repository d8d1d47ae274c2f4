//! Revocations that a verifier holds: they count where they were handed in, and what is written later takes nothing of that back.

use super::*;
use crate::Limits;
use crate::release::policy::Weakness;

/// What is written next.
type Later = fn(&mut History);

fn code(held: Result<LogView, Error>) -> &'static str {
    held.map_or_else(|error| error.code(), |_| "held")
}

/// The view with this revocation in it, handed in at that place.
fn holding(history: &History, word: &Revocation, place: Place) -> Result<LogView, Error> {
    history.view().unwrap().holding(&bytes(word), place, &history.objects, &Limits::DEFAULT)
}

/// A policy that `alice` and `bob` want next.
fn next(history: &mut History, change: impl FnOnce(&mut PolicyDocument)) {
    let mut next = second_policy();
    change(&mut next);
    history.succeed(&next, &["alice", "bob"]);
}

#[test]
fn inv10_what_was_handed_in_and_counted_stays() {
    let mut before = History::new();
    let request = before.keep(&request());
    let word = revocation("dave", Revoked::Request(request));
    let place = before.view().unwrap().next_place();
    assert_eq!((place.index, place.at), (1, at(before.clock)));
    let later: [(&str, Later); 5] = [
        ("nothing", |_| {}),
        ("his key is suspended", |history| {
            history.revoke(&suspension("alice", "dave", 0, NOW + 9 * DAY));
        }),
        ("and lost", |history| {
            next(history, |policy| policy.compromised = [(spki_sha256("dave"), 0)].into());
        }),
        ("he is no revoker any more", |history| {
            next(history, |policy| {
                policy.families.values_mut().for_each(|family| family.revokers = names("alice"));
            });
        }),
        ("his key's time is over", |history| {
            history.clock += 301 * DAY;
            history.write(Event::Attempted { request: id("late") });
        }),
    ];
    for (what, change) in later {
        let mut history = before.clone();
        change(&mut history);
        assert!(passed_over(&history).is_empty(), "{what}");
        let held = holding(&history, &word, place).unwrap();
        let withdrawn = held.revoked(&request).unwrap();
        assert_eq!((withdrawn.revocation, withdrawn.place), (id_of(&word), place), "{what}");
        // The same word, handed in only then.
        let now = history.view().unwrap().next_place();
        let expected = if what == "nothing" { "held" } else { "revocation_does_not_count" };
        assert_eq!(code(holding(&history, &word, now)), expected, "{what}");
    }
}

#[test]
fn inv10_what_did_not_count_then_does_not_by_what_came_later() {
    let mut history = History::new();
    let request = history.keep(&request());
    let word = revocation("bob", Revoked::Request(request));
    let then = history.view().unwrap().next_place();
    next(&mut history, |policy| {
        policy.families.values_mut().for_each(|family| family.revokers = names("alice bob"));
    });
    let now = history.view().unwrap().next_place();
    assert_eq!(code(holding(&history, &word, then)), "revocation_does_not_count");
    assert_eq!(code(holding(&history, &word, now)), "held");
    // Nor is a control taken back that was not there.
    let mut history = History::new();
    let one = control(&[Weakness::None], NOW + DAY);
    let then = history.view().unwrap().next_place();
    history.compensate(&one, &["dave", "erin"]);
    let word = revocation("alice", Revoked::Control(id_of(&one)));
    let now = history.view().unwrap().next_place();
    assert_eq!(code(holding(&history, &word, then)), "revocation_of_no_control");
    assert_eq!(code(holding(&history, &word, now)), "held");
}

#[test]
fn inv8_the_key_of_somebody_who_was_brought_in_later() {
    let mut history = History::new();
    let word = suspension("alice", "gateway.zoe", 0, NOW + DAY);
    let then = history.view().unwrap().next_place();
    let index = history.change(&family_change(&policy()), &["bob", "carol"]);
    let now = history.view().unwrap().next_place();
    assert_eq!((then.index, now.index), (index, index + 1));
    assert_eq!(code(holding(&history, &word, then)), "suspension_of_no_key");
    assert_eq!(code(holding(&history, &word, now)), "held");
}

#[test]
fn inv8_a_suspension_that_is_held_ends_and_is_one() {
    let mut history = History::new();
    let bob = signer("bob").public().canonical().clone();
    let word = suspension("dave", "bob", 0, NOW + 60 * DAY);
    let place = history.view().unwrap().next_place();
    let held = holding(&history, &word, place).unwrap();
    let ends = place.at.plus(14 * DAY);
    assert!(held.is_suspended(&bob, 0, ends) && !held.is_suspended(&bob, 0, ends.plus(1)));
    // However long it is held, and however often the log is seen meanwhile, and nothing is weighed again for that.
    history.clock += 20 * DAY;
    history.write(Event::Attempted { request: id("late") });
    let later = holding(&history, &word, place).unwrap();
    assert_eq!((later.rules(), later.suspensions()), (held.rules(), held.suspensions()));
    // Handing it in again does not renew it.
    let again = later.holding(&bytes(&word), later.next_place(), &history.objects, &Limits::DEFAULT);
    assert_eq!(code(again), "suspension_renewed_alone");
    // Once the log has it, the log's counts, alone.
    let index = history.revoke(&word);
    let logged = holding(&history, &word, place).unwrap();
    let places: Vec<_> = logged.suspensions().iter().map(|one| one.place.index).collect();
    assert_eq!(places, [index]);
}

/// The log's keeper kept a lesser word of the same person back, and writes it down once the whole one is handed in.
#[test]
fn a67b_a_lesser_suspension_in_the_log_undoes_none_that_is_held() {
    let bob = signer("bob").public().canonical().clone();
    for lesser in [suspension("dave", "bob", 500, NOW + 60 * DAY), suspension("dave", "bob", 0, NOW + DAY)] {
        let mut history = History::new();
        let place = history.view().unwrap().next_place();
        let word = suspension("dave", "bob", 0, NOW + 60 * DAY);
        history.revoke(&lesser);
        let held = holding(&history, &word, place).unwrap();
        assert!(held.is_suspended(&bob, 0, place.at.plus(14 * DAY)));
    }
}

/// A word whose time is over is nobody's word by now: else it would stand where a new one of theirs comes too late.
#[test]
fn a67b_a_suspension_that_is_over_keeps_no_new_one_away() {
    let mut history = History::new();
    let bob = signer("bob").public().canonical().clone();
    history.clock += 2 * DAY;
    let old = history.revoke(&suspension("dave", "bob", 0, NOW + DAY));
    assert_eq!(passed_over(&history), [(old, "suspension_over")]);
    history.revoke(&suspension("dave", "bob", 0, NOW + 60 * DAY));
    let view = history.view().unwrap();
    assert!(view.is_suspended(&bob, 0, at(history.clock)));
}

#[test]
fn inv10_a_key_that_the_policy_names_no_more() {
    let mut history = History::new();
    next(&mut history, |policy| {
        policy.identities.insert(name("carol"), newcomer("gateway.zoe").1);
    });
    assert!(passed_over(&history).is_empty());
    let place = history.view().unwrap().next_place();
    let carol = signer("carol").public().canonical().clone();
    let held = holding(&history, &suspension("dave", "carol", 0, NOW + DAY), place).unwrap();
    assert!(held.is_suspended(&carol, 0, place.at));
}

#[test]
fn inv8_what_was_taken_from_them_by_then() {
    let taken: [(&str, Later); 2] = [
        ("suspended", |history| {
            history.revoke(&suspension("alice", "dave", 0, NOW + 60 * DAY));
        }),
        ("lost", |history| {
            next(history, |policy| policy.compromised = [(spki_sha256("dave"), 0)].into());
        }),
    ];
    for (what, change) in taken {
        let mut history = History::new();
        let request = history.keep(&request());
        change(&mut history);
        assert!(passed_over(&history).is_empty(), "{what}");
        let place = history.view().unwrap().next_place();
        let word = revocation("dave", Revoked::Request(request));
        assert_eq!(code(holding(&history, &word, place)), "revocation_does_not_count", "{what}");
    }
}

/// What people are shown before they say so: as it would be, and nothing of it is so.
#[test]
fn what_a_suspension_would_take_is_only_supposed() {
    let view = History::new().view().unwrap();
    let key_of = |who: &str| {
        let mut keys = view.policy().unwrap().keys();
        keys.find(|(_, of)| of.identity.as_str() == who).unwrap().0.clone()
    };
    let (dave, carol) = (key_of("dave"), key_of("carol"));
    let until = at(NOW + 9 * DAY);
    let supposed = view.supposing([dave.clone()], 5, until, &name("alice"));
    for (what, expected, key, index, now) in [
        ("before it", false, &dave, 4, at(NOW)),
        ("from there on", true, &dave, 5, at(NOW)),
        ("its last second", true, &dave, 5, until),
        ("afterwards", false, &dave, 5, until.plus(1)),
        ("another's key", false, &carol, 5, at(NOW)),
    ] {
        assert_eq!(supposed.is_suspended(key, index, now), expected, "{what}");
        assert!(!view.is_suspended(key, index, now), "{what}");
    }
    assert_eq!((supposed.head(), view.suspensions().len()), (view.head(), 0));
}
