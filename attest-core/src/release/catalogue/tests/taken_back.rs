//! What somebody took back before it was published was never a release: it raises nothing, and nothing takes its place.

use super::*;

/// A request of this security version that alice and bob approved, taken back by dave at one of its steps or not at all.
fn taken_back(history: &mut History, version: u64, before: Option<Mark>) -> ObjectId {
    let edition = u64::try_from(history.leaves.len()).unwrap();
    let mut play = Play::of(history.clone(), &corim(&golden("gateway"), edition), "erin");
    play.request.security_version = version;
    play.submit("ci");
    let word = revocation("dave", Revoked::Request(play.id()));
    for who in ["alice", "bob"] {
        play.approve(who);
    }
    for mark in [Mark::Attempted, Mark::Signed, Mark::Published] {
        if before == Some(mark) {
            play.history.revoke(&word);
        }
        match mark {
            Mark::Attempted => play.attempt(),
            Mark::Signed => play.sign(),
            _ => play.publish(),
        };
    }
    *history = play.history.clone();
    play.id()
}

/// What everybody finds: who begins anew, and who followed from where the log was shorter.
fn both(history: &History, followed: &Catalogue) -> [Catalogue; 2] {
    let now = Now { clock: at(history.clock), is_confirmed: true };
    let view = history.view().unwrap();
    let begun_anew = Catalogue::load(&view, &history.objects, &Floors::new(), now, &Limits::DEFAULT);
    [followed.again(&view, &history.objects, followed.floors(), now, &Limits::DEFAULT), begun_anew]
}

fn revoked(id: ObjectId) -> Vec<(ObjectId, Vec<&'static str>)> {
    vec![(id, vec!["release_revoked"])]
}

#[test]
fn inv9_what_was_taken_back_before_it_was_published_raises_nothing() {
    for before in [Mark::Attempted, Mark::Signed, Mark::Published] {
        let mut history = History::new();
        let first = release(&mut history, 4, |_| {});
        let followed = catalogue(&history, history.clock);
        let second = taken_back(&mut history, 8, Some(before));
        for one in both(&history, &followed) {
            assert_eq!((counts(&one), one.floor(&name("gateway"))), (vec![first], 4), "{before:?}");
            assert_eq!(refused(&one), revoked(second));
        }
        // Nor is a leap measured by it, and nothing takes its place.
        let far = release(&mut history, 10, |_| {});
        let instead = release(&mut history, 4, |play| play.request.replaces = Some(second));
        for one in both(&history, &followed) {
            let leap = (far, vec!["release_version_step"]);
            let nothing = (instead, vec!["release_replaces_no_release"]);
            assert_eq!(refused(&one), [revoked(second).remove(0), leap, nothing]);
        }
    }
}

#[test]
fn inv9_what_was_published_before_it_was_taken_back_keeps_what_it_raised() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let second = taken_back(&mut history, 8, None);
    let followed = catalogue(&history, history.clock);
    history.revoke(&revocation("dave", Revoked::Request(second)));
    for one in both(&history, &followed) {
        assert_eq!((counts(&one), one.floor(&name("gateway"))), (vec![], 8));
        assert_eq!(refused(&one), [(first, vec!["release_below_floor"]), revoked(second).remove(0)]);
    }
}

#[test]
fn inv9_what_was_taken_back_before_it_was_published_while_a_key_was_suspended() {
    let suspended = |until: u64| {
        let mut history = History::new();
        let first = release(&mut history, 4, |_| {});
        let spki_sha256 = ObjectId::of(&signer("carol").public().canonical().spki_der());
        let until = at(history.clock + until);
        history.revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until }));
        let followed = catalogue(&history, history.clock);
        let second = taken_back(&mut history, 8, Some(Mark::Published));
        for one in both(&history, &followed) {
            assert_eq!((counts(&one), one.floor(&name("gateway"))), (vec![first], 4));
            assert_eq!(refused(&one), revoked(second));
        }
    };
    suspended(DAY);
    suspended(1);
}

#[test]
fn inv9_what_is_taken_back_at_one_verifier_changes_no_measure() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let place = history.view().unwrap().next_place();
    let second = taken_back(&mut history, 8, None);
    let third = release(&mut history, 13, |_| {});
    let word = revocation("dave", Revoked::Request(second));
    let view = brought(&history, &word, place);
    assert!(!view.revoked(&second).unwrap().is_logged);
    let catalogue = weighed(&view, &history);
    assert_eq!((counts(&catalogue), catalogue.floor(&name("gateway"))), (vec![third], 13));
    let below = (first, vec!["release_below_floor"]);
    assert_eq!(refused(&catalogue), [below, revoked(second).remove(0)]);
}
