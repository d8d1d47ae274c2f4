//! A leap is measured by what the family had reached where it was published, for everybody and for ever.

use super::*;

/// One more release of this security version, approved by these two.
pub(super) fn approved(history: &mut History, version: u64, by: [&str; 2]) -> ObjectId {
    let edition = u64::try_from(history.leaves.len()).unwrap();
    let mut play = Play::of(history.clone(), &corim(&golden("gateway"), edition), "erin");
    play.request.security_version = version;
    play.submit("ci");
    for who in by {
        play.approve(who);
    }
    play.finish();
    *history = play.history.clone();
    play.id()
}

/// Dave suspends somebody's key for so many seconds, and all that it ever signed.
fn suspension(history: &History, who: &str, seconds: u64) -> Revocation {
    let spki_sha256 = ObjectId::of(&signer(who).public().canonical().spki_der());
    revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until: at(history.clock + seconds) })
}

fn leap(got: u64, floor: u64) -> Vec<Failure> {
    vec![Failure::VersionStep { got, floor, step: 5 }]
}

fn failures_of(catalogue: &Catalogue, id: ObjectId) -> Vec<Failure> {
    let refused = catalogue.refused().iter().find(|one| one.request == id);
    refused.map(|one| one.failures.clone()).unwrap_or_default()
}

#[test]
fn inv9_a_leap_stays_one_when_the_family_has_come_nearer() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let far = release(&mut history, 13, |_| {});
    let followed = catalogue(&history, history.clock);
    assert_eq!(failures_of(&followed, far), leap(13, 4));
    let second = release(&mut history, 8, |_| {});
    let third = release(&mut history, 13, |_| {});
    let now = Now { clock: at(history.clock), is_confirmed: true };
    let view = history.view().unwrap();
    let kept = Floors::kept(followed.floors().iter());
    let begun_anew = catalogue(&history, history.clock);
    let restarted = Catalogue::load(&view, &history.objects, &kept, now, &Limits::DEFAULT);
    let followed = followed.again(&view, &history.objects, followed.floors(), now, &Limits::DEFAULT);
    for catalogue in [&begun_anew, &restarted, &followed] {
        assert_eq!(failures_of(catalogue, far), leap(13, 4), "{first} {second}");
        assert_eq!((counts(catalogue), catalogue.floor(&name("gateway"))), (vec![third], 13));
    }
    // Nor when all that came since was read before.
    let known = begun_anew.floors();
    let once_more = Catalogue::load(&view, &history.objects, known, now, &Limits::DEFAULT);
    assert_eq!((failures_of(&once_more, far), counts(&once_more)), (leap(13, 4), vec![third]));
}

#[test]
fn inv9_a_policy_that_comes_later_makes_no_leap_smaller_or_larger() {
    let with = |floor, step| {
        let mut history = History::new();
        let far = release(&mut history, 12, |_| {});
        let near = release(&mut history, 8, |_| {});
        let mut second = second_policy();
        let family = second.families.get_mut(&name("gateway")).unwrap();
        (family.version_floor, family.version_step) = (floor, step);
        history.succeed(&second, &["alice", "bob"]);
        let catalogue = catalogue(&history, history.clock);
        (failures_of(&catalogue, far), failures_of(&catalogue, near))
    };
    assert_eq!(with(3, 50), (leap(12, 3), vec![]));
    assert_eq!(with(8, 5), (leap(12, 3), vec![]));
    assert_eq!(with(3, 1), (leap(12, 3), vec![]));
}

#[test]
fn inv9_whoever_suspends_a_key_makes_no_leap_of_what_was_none() {
    let mut history = History::new();
    let first = approved(&mut history, 8, ["alice", "bob"]);
    let second = approved(&mut history, 13, ["bob", "carol"]);
    history.revoke(&suspension(&history, "alice", DAY));
    let catalogue = catalogue(&history, history.clock);
    assert_eq!(failures_of(&catalogue, first)[0].code(), "release_quorum_missing");
    assert_eq!((counts(&catalogue), failures_of(&catalogue, second)), (vec![second], vec![]));
}

#[test]
fn inv9_whoever_suspends_a_key_lowers_no_floor() {
    let mut history = History::new();
    let first = approved(&mut history, 4, ["bob", "carol"]);
    approved(&mut history, 8, ["alice", "bob"]);
    history.revoke(&suspension(&history, "alice", DAY));
    let catalogue = catalogue(&history, history.clock);
    assert_eq!((counts(&catalogue), catalogue.floor(&name("gateway"))), (vec![], 8));
    assert_eq!(failures_of(&catalogue, first), [Failure::BelowFloor { got: 4, floor: 8 }]);
}

/// What stood where it was published, and what did not.
fn silenced(is_logged: bool) -> (Catalogue, ObjectId, ObjectId) {
    let mut history = History::new();
    let word = suspension(&history, "alice", DAY);
    let place = history.view().unwrap().next_place();
    if is_logged {
        history.revoke(&word);
    }
    let first = approved(&mut history, 8, ["alice", "bob"]);
    history.clock += 2 * DAY;
    let second = approved(&mut history, 13, ["bob", "carol"]);
    let mut view = history.view().unwrap();
    if !is_logged {
        view = view.holding(&bytes(&word), place, &history.objects, &Limits::DEFAULT).unwrap();
    }
    (weighed(&view, &history), first, second)
}

#[test]
fn inv9_what_did_not_count_where_it_was_published_is_no_measure() {
    let (catalogue, first, second) = silenced(true);
    assert_eq!(failures_of(&catalogue, second), leap(13, 3));
    assert_eq!((counts(&catalogue), catalogue.floor(&name("gateway"))), (vec![first], 8), "it counts now");
}

#[test]
fn inv9_what_is_handed_in_to_one_verifier_changes_no_measure() {
    let (catalogue, first, second) = silenced(false);
    assert_eq!(failures_of(&catalogue, second), []);
    assert_eq!((counts(&catalogue), catalogue.floor(&name("gateway"))), (vec![second], 13), "{first}");
}

#[test]
fn inv9_a_bundle_that_was_withheld_is_a_measure_from_where_it_stands() {
    let mut history = History::new();
    let first = release(&mut history, 8, |_| {});
    let second = release(&mut history, 13, |_| {});
    let view = history.view().unwrap();
    let bundle = view.named(crate::release::view::Mark::Published, &first).unwrap();
    let mut withheld = history.objects.clone();
    withheld.remove(&bundle);
    let now = Now { clock: at(history.clock), is_confirmed: true };
    let before = Catalogue::load(&view, &withheld, &Floors::new(), now, &Limits::DEFAULT);
    assert_eq!((counts(&before), failures_of(&before, second)), (vec![], leap(13, 3)));
    let after = before.again(&view, &history.objects, before.floors(), now, &Limits::DEFAULT);
    assert_eq!((counts(&after), after.missing()), (vec![second], &[][..]));
}
