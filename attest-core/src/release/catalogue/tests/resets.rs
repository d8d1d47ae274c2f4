//! A version floor is reset by a succession alone, from its place in the log on.

use super::*;
use crate::release::policy::{Family, PolicyDocument};
use crate::release::view::FloorReset;

/// The next policy after this one, with another rule of the family.
fn next(before: &PolicyDocument, change: impl FnOnce(&mut Family)) -> PolicyDocument {
    let (version, previous) = (before.version + 1, Some(id_of(before)));
    let mut next = PolicyDocument { version, previous, ..before.clone() };
    change(next.families.get_mut(&name("gateway")).unwrap());
    next
}

fn succeed(history: &mut History, next: &PolicyDocument) -> u64 {
    history.succeed(next, &["alice", "bob"])
}

/// The next policy, which begins the floor anew.
fn reset(history: &mut History, floor: u64) -> (PolicyDocument, u64) {
    let next = next(&policy(), |family| family.version_floor = floor);
    let index = succeed(history, &next);
    (next, index)
}

/// A release under this policy.
fn under(policy: &PolicyDocument) -> impl FnOnce(&mut Play) + use<> {
    let id = id_of(policy);
    move |play| play.request.policy = id
}

fn load(history: &History, reached: &Floors) -> Catalogue {
    let now = Now { clock: at(history.clock), is_confirmed: true };
    Catalogue::load(&history.view().unwrap(), &history.objects, reached, now, &Limits::DEFAULT)
}

fn kept(since: u64, version: u64) -> Floors {
    Floors::kept([Kept { family: name("gateway"), since, version }])
}

/// What everybody finds: who begins anew, who followed, who begins with what was kept, and who was asked once more.
fn all(history: &History, followed: &Catalogue) -> [Catalogue; 4] {
    let now = Now { clock: at(history.clock), is_confirmed: true };
    let view = history.view().unwrap();
    let kept = Floors::kept(followed.floors().iter());
    let known = followed.again(&view, &history.objects, followed.floors(), now, &Limits::DEFAULT);
    let once_more = known.again(&view, &history.objects, known.floors(), now, &Limits::DEFAULT);
    [load(history, &Floors::new()), known, load(history, &kept), once_more]
}

fn floor(catalogue: &Catalogue) -> u64 {
    catalogue.floor(&name("gateway"))
}

fn below(got: u64, floor: u64) -> Vec<Failure> {
    vec![Failure::BelowFloor { got, floor }]
}

fn failures_of(catalogue: &Catalogue, id: ObjectId) -> Vec<Failure> {
    let refused = catalogue.refused().iter().find(|one| one.request == id);
    refused.map(|one| one.failures.clone()).unwrap_or_default()
}

#[test]
fn inv9_a_succession_resets_the_floor() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let second = release(&mut history, 8, |_| {});
    let followed = catalogue(&history, history.clock);
    assert_eq!((counts(&followed), floor(&followed)), (vec![second], 8));
    let (lower, _) = reset(&mut history, 2);
    for one in all(&history, &followed) {
        assert_eq!((counts(&one), floor(&one)), (vec![first, second], 2), "in force again");
    }
    // From there it rises again by what is published behind it, and a leap is measured from there.
    let followed = catalogue(&history, history.clock);
    let far = release(&mut history, 8, under(&lower));
    let third = release(&mut history, 5, under(&lower));
    for one in all(&history, &followed) {
        assert_eq!(failures_of(&one, far), [Failure::VersionStep { got: 8, floor: 2, step: 5 }]);
        assert_eq!((counts(&one), floor(&one)), (vec![second, third], 5));
        assert_eq!(failures_of(&one, first), below(4, 5));
    }
}

#[test]
fn inv9_a_succession_resets_the_floor_to_more() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let followed = catalogue(&history, history.clock);
    let (higher, _) = reset(&mut history, 9);
    for one in all(&history, &followed) {
        assert_eq!((counts(&one), floor(&one), failures_of(&one, first)), (vec![], 9, below(4, 9)));
    }
    // And the one after it back again, for good or not.
    let followed = catalogue(&history, history.clock);
    let back = next(&higher, |family| family.version_floor = 3);
    succeed(&mut history, &back);
    for one in all(&history, &followed) {
        assert_eq!((counts(&one), floor(&one)), (vec![first], 3));
    }
}

/// Who signs a policy is told what it resets, and not what others reset before it.
#[test]
fn what_a_policy_would_reset_is_told_before_it_is_followed() {
    let mut history = History::new();
    let (higher, index) = reset(&mut history, 9);
    let view = history.view().unwrap();
    let gateway = |index, from, to| FloorReset { family: name("gateway"), index, from, to };
    let before = policy().families[&name("gateway")].version_floor;
    assert_eq!(view.floor_resets(), [gateway(index, before, 9)]);
    let back = next(&higher, |family| family.version_floor = 3);
    assert_eq!(view.floor_resets_by(&back), [gateway(view.head().size, 9, 3)]);
    assert_eq!(view.floor_resets_by(&next(&higher, |family| family.version_step = 50)), []);
}

#[test]
fn inv9_a_policy_with_the_same_floor_resets_nothing() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let second = release(&mut history, 8, |_| {});
    let followed = catalogue(&history, history.clock);
    let same = next(&policy(), |family| family.version_step = 50);
    succeed(&mut history, &same);
    assert!(history.view().unwrap().floor_resets().is_empty());
    for one in all(&history, &followed) {
        assert_eq!((counts(&one), floor(&one), failures_of(&one, first)), (vec![second], 8, below(4, 8)));
    }
}

#[test]
fn inv9_a_floor_that_is_kept_stays_when_no_succession_reset_it() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    assert_eq!(floor(&load(&history, &kept(0, 8))), 8);
    assert_eq!(failures_of(&load(&history, &kept(0, 8)), first), below(4, 8));
    // A disk that speaks of a reset which the log does not have: it lowers nothing.
    for since in [1, 99, u64::MAX] {
        let (less, more) = (load(&history, &kept(since, 0)), load(&history, &kept(since, 7)));
        assert_eq!((floor(&less), counts(&less), floor(&more)), (4, vec![first], 7));
    }
    // One that was kept behind a reset counts until the next one.
    let (lower, index) = reset(&mut history, 2);
    assert_eq!([index, index - 1, 0].map(|since| floor(&load(&history, &kept(since, 7)))), [7, 2, 2]);
    let next = next(&lower, |family| family.version_floor = 1);
    succeed(&mut history, &next);
    assert_eq!(floor(&load(&history, &kept(index, 7))), 1);
}

#[test]
fn inv9_an_older_policy_that_is_replayed_resets_nothing() {
    let mut history = History::new();
    let (lower, _) = reset(&mut history, 2);
    let first = release(&mut history, 7, under(&lower));
    let followed = catalogue(&history, history.clock);
    for document in [policy(), lower.clone()] {
        history.succeed(&document, &["alice", "bob", "carol"]);
    }
    let view = history.view().unwrap();
    assert_eq!((view.passed_over().len(), view.floor_resets().len()), (2, 1));
    for one in all(&history, &followed) {
        assert_eq!((counts(&one), floor(&one)), (vec![first], 7));
    }
}

#[test]
fn inv9_too_few_who_want_a_reset_reset_nothing() {
    let mut history = History::new();
    let first = release(&mut history, 7, |_| {});
    let followed = catalogue(&history, history.clock);
    history.succeed(&next(&policy(), |family| family.version_floor = 2), &["alice"]);
    for one in all(&history, &followed) {
        assert_eq!((counts(&one), floor(&one)), (vec![first], 7));
    }
}

#[test]
fn inv9_a_reset_that_is_withheld_lowers_nothing() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    release(&mut history, 8, |_| {});
    let short = history.clone();
    let (lower, _) = reset(&mut history, 2);
    release(&mut history, 6, under(&lower));
    let whole = catalogue(&history, history.clock);
    assert_eq!(floor(&whole), 6);
    // Whoever knows of it, and is shown the log of before, holds on to the most.
    let shown = load(&short, whole.floors());
    assert_eq!((floor(&shown), failures_of(&shown, first)), (8, below(4, 8)));
    // Nor does that take back what was reached behind the reset: the bundle is withheld as well.
    let bundles: Vec<ObjectId> = whole.releases().map(Release::bundle).collect();
    history.objects.retain(|id, _| !bundles.contains(id));
    assert_eq!(floor(&load(&history, shown.floors())), 6);
    assert_eq!(floor(&load(&history, &Floors::kept(shown.floors().iter()))), 6);
}

#[test]
fn inv9_what_fell_below_the_floor_where_it_was_published_is_no_release_after_a_reset() {
    let mut history = History::new();
    release(&mut history, 8, |_| {});
    // The family had reached more, and whoever has the signer signed it all the same.
    let low = release(&mut history, 4, |_| {});
    let followed = catalogue(&history, history.clock);
    assert_eq!(failures_of(&followed, low), below(4, 8));
    let (lower, _) = reset(&mut history, 2);
    let instead = release(&mut history, 8, |play| {
        under(&lower)(play);
        (play.request.kind, play.request.replaces) = (RequestKind::Rollback, Some(low));
    });
    for one in all(&history, &followed) {
        assert_eq!(failures_of(&one, low), below(4, 8));
        assert!(failures_of(&one, instead).contains(&Failure::ReplacesNoRelease { replaces: low }));
    }
    // The same below what a policy wrote.
    let mut history = History::of(|first| {
        first.families.get_mut(&name("gateway")).unwrap().version_floor = 6;
    });
    let mut first = policy();
    first.families.get_mut(&name("gateway")).unwrap().version_floor = 6;
    let low = release(&mut history, 4, |_| {});
    let followed = catalogue(&history, history.clock);
    succeed(&mut history, &next(&first, |family| family.version_floor = 2));
    for one in all(&history, &followed) {
        assert_eq!((failures_of(&one, low), floor(&one)), (below(4, 6), 2));
    }
}

#[test]
fn inv9_what_was_published_before_a_reset_raises_nothing_behind_it() {
    let mut history = History::new();
    let spki_sha256 = ObjectId::of(&signer("alice").public().canonical().spki_der());
    let until = at(history.clock + DAY);
    history.revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until }));
    // It counts once alice's key does again, and never did where it was published.
    let late = measure::approved(&mut history, 8, ["alice", "bob"]);
    let followed = catalogue(&history, history.clock);
    let (lower, _) = reset(&mut history, 2);
    history.clock += 2 * DAY;
    let first = release(&mut history, 3, under(&lower));
    for one in all(&history, &followed) {
        assert_eq!((counts(&one), floor(&one)), (vec![late, first], 3));
    }
}

#[test]
fn inv9_a_family_that_was_left_out_for_a_while_comes_back_to_its_floor() {
    let resets = |floor: u64| {
        let mut history = History::new();
        release(&mut history, 7, |_| {});
        let mut without = next(&policy(), |_| {});
        without.families.clear();
        without.signing_keys.retain(|_, key| key.family.is_none());
        succeed(&mut history, &without);
        let mut back =
            next(&PolicyDocument { version: 2, ..policy() }, |family| family.version_floor = floor);
        back.previous = Some(id_of(&without));
        succeed(&mut history, &back);
        assert_eq!(history.view().unwrap().policies().count(), 3);
        floor_of(&history)
    };
    assert_eq!((resets(3), resets(2)), (7, 2));
}

fn floor_of(history: &History) -> u64 {
    floor(&catalogue(history, history.clock))
}
