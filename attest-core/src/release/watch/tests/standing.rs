//! A log that is held back, and what ends.

use super::*;
use crate::release::policy::PolicyDocument;
use crate::release::testing::history::objection;

fn stands(play: &Play, now: u64, cosigned: &BTreeMap<String, Timestamp>) -> Vec<Finding> {
    let view = play.history.view().unwrap();
    let moment = Now { clock: at(now), is_confirmed: true };
    let catalogue = Catalogue::load(&view, &play.history.objects, &Floors::new(), moment, LIMITS);
    standing(&Standing { view: &view, catalogue: &catalogue, cosigned, now: at(now) })
}

#[test]
fn a67b_a_log_that_is_held_back() {
    let play = Play::whole(History::new());
    let seen = play.history.clock;
    let told = |now| stands(&play, now, &BTreeMap::new());
    assert_eq!(told(seen + DAY), []);
    assert_eq!(told(seen + DAY + 1), [Finding::ViewStale { seen: at(seen) }]);
    assert_eq!(told(seen + 7 * DAY), [Finding::ViewStale { seen: at(seen) }]);
    assert_eq!(told(seen + 7 * DAY + 1), [Finding::ViewTooOld { seen: at(seen) }]);
}

#[test]
fn a_witness_that_is_silent() {
    let play = Play::whole(History::new());
    let now = play.history.clock;
    let since = |seconds: u64| BTreeMap::from([("third.example".to_owned(), at(now - seconds))]);
    assert_eq!(stands(&play, now, &since(DAY)), []);
    let silent = Finding::WitnessSilent { witness: "third.example".to_owned(), since: at(now - DAY - 1) };
    assert_eq!(stands(&play, now, &since(DAY + 1)), [silent]);
    let stranger = BTreeMap::from([("a-stranger".to_owned(), at(0))]);
    assert_eq!(stands(&play, now, &stranger), []);
}

#[test]
fn what_ends_soon() {
    let soon = |days: u64| {
        let ends = at(NOW + days * DAY);
        let history = History::of(|policy| {
            policy.expires = ends;
            policy.signing_keys.get_mut(&name("gateway-corim")).unwrap().until = ends;
        });
        (Play::new(history), ends)
    };
    let clock = NOW + 1;
    let (play, _) = soon(31);
    assert_eq!(stands(&play, clock, &BTreeMap::new()), []);
    let (play, ends) = soon(30);
    let key = Finding::SigningKeyExpires { key: name("gateway-corim"), at: ends };
    assert_eq!(
        stands(&play, clock, &BTreeMap::new()),
        [Finding::PolicyExpires { version: 1, at: ends }, key.clone()]
    );
    let (play, ends) = soon(0);
    let key = Finding::SigningKeyExpires { key: name("gateway-corim"), at: ends };
    assert_eq!(
        stands(&play, clock, &BTreeMap::new()),
        [Finding::PolicyExpired { version: 1, at: ends }, key]
    );
}

#[test]
fn a71_an_emergency_that_nobody_looks_at() {
    let mut play = Play::new(History::new()).emergency();
    play.all();
    let deadline = NOW + 2 + 2 * DAY;
    let left = |seconds: u64| {
        let mut play = play.clone();
        // Witnesses go on.
        play.history.clock = deadline - seconds;
        stands(&play, play.history.clock, &BTreeMap::new())
    };
    assert_eq!(left(DAY / 2 + 1), []);
    let request = play.id();
    assert_eq!(left(DAY / 2), [Finding::EmergencyDue { request, deadline: at(deadline) }]);
    let mut late = play.clone();
    late.history.clock = deadline + 1;
    let lapsed = Finding::EmergencyLapsed { request, deadline: at(deadline) };
    assert_eq!(stands(&late, deadline + 1, &BTreeMap::new()), [lapsed]);
    // Reviewed, and taken back.
    let mut reviewed = play.clone();
    reviewed.review("dave");
    reviewed.history.clock = deadline + 1;
    assert_eq!(stands(&reviewed, deadline + 1, &BTreeMap::new()), []);
    play.history.revoke(&revocation("dave", Revoked::Request(request)));
    play.history.clock = deadline + 1;
    assert_eq!(stands(&play, deadline + 1, &BTreeMap::new()), []);
}

#[test]
fn inv08_a_release_falls_with_the_key_that_approved_it() {
    let mut play = Play::whole(History::new());
    let (spki_sha256, until) = (ObjectId::of(&spki(1)), at(NOW + DAY));
    play.history.revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until }));
    let fell = Finding::ReleaseFell { request: play.id() };
    assert_eq!(stands(&play, play.history.clock, &BTreeMap::new()), [fell]);
    // So it does with the key that built it.
    let mut play = Play::whole(History::new());
    let spki_of_builder = ObjectId::of(&spki(20));
    let lost = Revoked::Key { spki_sha256: spki_of_builder, from_index: 0, until };
    play.history.revoke(&revocation("dave", lost));
    let fell = Finding::ReleaseFell { request: play.id() };
    assert_eq!(stands(&play, play.history.clock, &BTreeMap::new()), [fell]);
    // A third approval holds it.
    let mut play = Play::new(History::new());
    play.submit("ci");
    for who in ["alice", "bob", "carol"] {
        play.approve(who);
    }
    play.finish();
    play.history.revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until }));
    assert_eq!(stands(&play, play.history.clock, &BTreeMap::new()), []);
}

#[test]
fn a57_what_the_recovery_quorum_wants_is_told_until_it_is_over() {
    let mut play = Play::whole(History::new());
    let next =
        PolicyDocument { root: quorum("group root 2 carol dave erin\nquorum root"), ..second_policy() };
    let index = play.history.recover(&next, &["dave", "erin"]);
    let seen = play.history.seen();
    let earliest = at(play.history.clock + 7 * DAY);
    let told = |play: &Play| stands(play, play.history.clock, &BTreeMap::new());
    assert_eq!(told(&play), [Finding::RecoveryPending { policy: id_of(&next), index, earliest }]);
    let mut stopped = play.clone();
    stopped.history.object(&objection("alice", &next));
    assert_eq!(told(&stopped), []);
    play.history.clock += 7 * DAY;
    let index = play.history.recovered(&next, seen);
    assert_eq!(told(&play), []);
    let followed = Finding::PolicyFollowed { place: place(&play, index), version: 2 };
    keep(&mut play);
    assert_eq!(watched(&play.history, index).1, [followed]);
}
