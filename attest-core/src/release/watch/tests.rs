//! A thief at each step, and honest people beside.

mod elsewhere;
mod findings;
mod standing;

use std::collections::BTreeMap;

use super::super::catalogue::{Catalogue, Floors};
use super::super::evaluate::Now;
use super::super::leaf::Event;
use super::super::object::Blob;
use super::super::statement::Revoked;
use super::super::testing::history::{History, family_change, revocation, second_policy};
use super::super::testing::play::Play;
use super::super::testing::*;
use super::*;
use crate::Timestamp;
use crate::audit::testing::Signer as Machine;

const LIMITS: &Limits = &Limits::DEFAULT;

/// What the log's keeper has besides.
fn keep(play: &mut Play) {
    let mut keep = |bytes: Vec<u8>| play.history.objects.insert(ObjectId::of(&bytes), bytes);
    for envelope in play.bundle.provenance.clone() {
        keep(envelope.0);
    }
    let corim = play.bundle.corim.clone().unwrap();
    keep(crate::reference::corim::SignedCorim::parse(&corim.0, LIMITS).unwrap().to_be_signed());
    let mut list = Vec::new();
    for made in play.bundle.signatures.clone() {
        list.extend(ObjectId::of(&made.signature.0).as_bytes());
        keep(made.signature.0);
    }
    keep(list);
}

#[test]
fn a_thing_is_told_apart_by_code_and_subject() {
    let place = Place { index: 7, at: at(NOW) };
    let one = Finding::SignatureWithoutRequest { request: id("one"), place };
    assert_eq!((one.code(), one.subject().as_str()), ("signature_without_request", "7"));
    assert_eq!((one.severity(), one.is_lasting()), (Severity::Alert, true));
    let severities = [Severity::Note, Severity::Warning, Severity::Alert];
    assert_eq!(severities.map(Severity::name), ["note", "warning", "alert"]);
    let stale = Finding::ViewStale { seen: at(NOW) };
    assert_eq!((stale.code(), stale.severity(), stale.is_lasting()), ("log_stale", Severity::Warning, false));
    assert_eq!(stale.subject(), Finding::ViewStale { seen: at(NOW + 1) }.subject());
    let ahead = |used| Finding::CounterAhead { key: name("k"), used, attempts: 1, accounted: 0 };
    assert_ne!(ahead(2).subject(), ahead(3).subject(), "a larger gap is another theft");
}

/// The log, read from its first leaf; everything that is wanted is there unless the history has it not.
fn watched(history: &History, from: u64) -> (Watch, Vec<Finding>) {
    let mut watch = Watch::new(history.authority, from);
    let mut findings = Vec::new();
    for leaf in &history.leaves {
        findings.extend(watch.read(leaf, &history.objects, LIMITS).unwrap());
    }
    (watch, findings)
}

fn found(play: &mut Play) -> Vec<Finding> {
    keep(play);
    watched(&play.history, 0).1
}

fn place(play: &Play, index: u64) -> Place {
    let leaf: Leaf = object::read(&play.history.leaves[usize::try_from(index).unwrap()], LIMITS).unwrap();
    Place { index, at: leaf.at }
}

#[test]
fn an_honest_release_is_nothing_to_tell() {
    let mut play = Play::whole(History::new());
    assert_eq!(found(&mut play), []);
    let (watch, _) = watched(&play.history, 0);
    assert_eq!((watch.size(), watch.examined()), (7, 7));
}

#[test]
fn what_is_taken_back_later_makes_no_honest_signature_a_stolen_one() {
    let mut play = Play::whole(History::new());
    play.history.revoke(&revocation("dave", Revoked::Request(play.id())));
    let spki_sha256 = ObjectId::of(&spki(1));
    play.history
        .revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until: at(NOW + DAY) }));
    let suspended = place(&play, 8);
    let alice = crate::release::CanonicalKey::from_spki_der(&spki(1)).unwrap();
    assert_eq!(found(&mut play), [Finding::KeySuspended { place: suspended, key: alice, by: name("dave") }]);
}

#[test]
fn inv01_a_signature_that_nobody_asked_for() {
    let mut play = Play::whole(History::new());
    let stranger = id("what the thief made up");
    let index = play.history.write(Event::Attempted { request: stranger });
    let attempt = place(&play, index);
    let index = play.history.write(Event::Signed { request: stranger, signatures: id("thief's") });
    let signed = place(&play, index);
    assert_eq!(
        found(&mut play),
        [
            Finding::AttemptWithoutRequest { request: stranger, place: attempt },
            Finding::SignatureWithoutRequest { request: stranger, place: signed },
        ]
    );
}

#[test]
fn inv02_a_signature_without_an_attempt() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    let index = play.sign();
    let (request, place) = (play.id(), place(&play, index));
    let without = Finding::SignatureWithoutAttempt { request, place, attempts: 0, needed: 1 };
    assert_eq!(found(&mut play), [without]);
}

#[test]
fn inv02_two_signatures_after_one_attempt() {
    let mut play = Play::new(History::new());
    play.request.sign.push(play.request.sign[0].clone());
    play.request.sign[1].key = name("gateway-uki");
    play.request.sign[1].purpose = super::super::policy::Purpose::Authenticode;
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.attempt();
    let index = play.sign();
    let (request, place) = (play.id(), place(&play, index));
    let without = Finding::SignatureWithoutAttempt { request, place, attempts: 1, needed: 2 };
    assert!(found(&mut play).contains(&without));
}

#[test]
fn a69_an_attempt_without_a_quorum_and_what_was_signed_after_it() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    let (attempt, signed) = (play.attempt(), play.sign());
    let (request, attempt, signed) = (play.id(), place(&play, attempt), place(&play, signed));
    let because = || vec!["release_quorum_missing"];
    assert_eq!(
        found(&mut play),
        [
            Finding::AttemptUnfounded { request, place: attempt, because: because() },
            Finding::SignatureUnfounded { request, place: signed, because: because() },
        ]
    );
}

#[test]
fn a71_an_attempt_after_the_request_was_taken_back() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.history.revoke(&revocation("dave", Revoked::Request(play.id())));
    let index = play.attempt();
    let (request, place) = (play.id(), place(&play, index));
    assert_eq!(
        found(&mut play),
        [Finding::AttemptUnfounded { request, place, because: vec!["release_revoked"] }]
    );
    // Taken back between attempt and result: nobody is to blame.
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.attempt();
    play.history.revoke(&revocation("dave", Revoked::Request(play.id())));
    play.sign();
    assert_eq!(found(&mut play), []);
}

#[test]
fn inv02_a_second_result_and_more_attempts_than_things_to_sign() {
    let mut play = Play::whole(History::new());
    let request = play.id();
    let index = play.attempt();
    let repeated = Finding::AttemptRepeated { request, place: place(&play, index), attempts: 2, things: 1 };
    let index = play.history.write(Event::Signed { request, signatures: id("another") });
    let twice = Finding::SignedTwice { request, place: place(&play, index) };
    assert_eq!(found(&mut play), [repeated, twice]);
}

#[test]
fn a72_what_is_published_without_a_signature() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.made();
    let index = play.publish();
    let (request, place) = (play.id(), place(&play, index));
    let because = vec!["release_not_logged"];
    assert_eq!(found(&mut play), [Finding::PublicationUnfounded { request, place, because }]);
}

#[test]
fn a68_a_good_bundle_published_under_another_name() {
    let mut play = Play::whole(History::new());
    let bundle = id_of(&play.bundle);
    let request = id("another request");
    let index = play.history.write(Event::Published { request, bundle });
    let place = place(&play, index);
    let because = vec!["release_other_request"];
    assert_eq!(found(&mut play), [Finding::PublicationUnfounded { request, place, because }]);
}

#[test]
fn a57_a_policy_that_too_few_want_and_one_that_is_followed() {
    let mut play = Play::whole(History::new());
    let index = play.history.succeed(&second_policy(), &["alice"]);
    let refused = place(&play, index);
    let index = play.history.succeed(&second_policy(), &["alice", "bob"]);
    let followed = place(&play, index);
    assert_eq!(
        found(&mut play),
        [
            Finding::LeafDoesNotCount { place: refused, because: "succession_quorum_not_met" },
            Finding::PolicyFollowed { place: followed, version: 2 },
        ]
    );
}

#[test]
fn a57_a_family_in_other_hands_is_told() {
    let mut play = Play::whole(History::new());
    let change = family_change(&policy());
    let index = play.history.change(&change, &["bob", "alice"]);
    let refused = place(&play, index);
    let index = play.history.change(&change, &["bob", "carol"]);
    let followed = place(&play, index);
    let expected = [
        Finding::LeafDoesNotCount { place: refused, because: "family_quorum_not_met" },
        Finding::FamilyChanged { place: followed, family: name("gateway"), change: id_of(&change) },
    ];
    assert_eq!(found(&mut play), expected);
    assert_eq!((expected[1].code(), expected[1].severity()), ("family_changed", Severity::Note));
}

#[test]
fn a56_what_was_turned_away() {
    let mut play = Play::whole(History::new());
    let index = play.history.write(Event::Denied { object: id("what"), because: name("role_missing") });
    let place = place(&play, index);
    assert_eq!(found(&mut play), [Finding::TurnedAway { place, because: name("role_missing") }]);
}

#[test]
fn a67b_what_is_withheld_is_told_and_examined_again() {
    let mut play = Play::whole(History::new());
    keep(&mut play);
    let approval = ObjectId::of(&play.bundle.approvals[0].0);
    let bytes = play.history.objects.remove(&approval).unwrap();
    let (watch, findings) = watched(&play.history, 0);
    let attempt = place(&play, 4);
    assert!(findings.contains(&Finding::ObjectWithheld { place: attempt, object: approval }), "{findings:?}");
    assert_eq!(watch.examined(), 4);
    assert_eq!(watch.view().head().size, 0, "no view is given out");
    // Asked for before the leaf is read.
    let mut watch = Watch::new(play.history.authority, 0);
    for leaf in &play.history.leaves[..4] {
        watch.read(leaf, &play.history.objects, LIMITS).unwrap();
    }
    assert_eq!(watch.wants(&play.history.leaves[4], &play.history.objects, LIMITS), [approval]);
    play.history.objects.insert(approval, bytes);
    assert_eq!(watch.wants(&play.history.leaves[4], &play.history.objects, LIMITS), []);
    assert_eq!(watched(&play.history, 4).1, []);
}

#[test]
fn each_thing_that_can_be_withheld_is_wanted_and_told() {
    let mut play = Play::whole(History::new());
    keep(&mut play);
    let things = [
        play.id(),
        ObjectId::of(&play.bundle.submission.0),
        play.request.provenance[0],
        play.request.sign[0].sha256,
        play.bundle.signatures_id(),
        ObjectId::of(&play.bundle.signatures[0].signature.0),
        id_of(&play.bundle),
    ];
    for thing in things {
        let mut play = play.clone();
        play.history.objects.remove(&thing);
        let (_, findings) = watched(&play.history, 0);
        let is_it =
            |finding: &Finding| matches!(finding, Finding::ObjectWithheld { object, .. } if *object == thing);
        assert!(findings.iter().any(is_it), "{thing}: {findings:?}");
        let mut watch = Watch::new(play.history.authority, 0);
        let wanted = play.history.leaves.iter().any(|leaf| {
            let wants = watch.wants(leaf, &play.history.objects, LIMITS);
            watch.read(leaf, &play.history.objects, LIMITS).unwrap();
            wants.contains(&thing)
        });
        assert!(wanted, "{thing}");
    }
}

#[test]
fn of_what_was_examined_before_the_requests_alone_are_wanted() {
    let mut play = Play::whole(History::new());
    keep(&mut play);
    let mut watch = Watch::new(play.history.authority, 7);
    for entry in &play.history.leaves {
        // What the HSM may have been asked to sign stands in the request.
        let leaf: Leaf = object::read(entry, LIMITS).unwrap();
        let request = if let Event::Attempted { request } = leaf.event { vec![request] } else { Vec::new() };
        assert_eq!(watch.wants(entry, &BTreeMap::new(), LIMITS), request, "{:?}", leaf.event);
        watch.read(entry, &play.history.objects, LIMITS).unwrap();
    }
}

#[test]
fn what_was_examined_before_is_not_told_again() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.attempt();
    play.sign();
    play.publish();
    assert!(!found(&mut play).is_empty());
    assert_eq!(watched(&play.history, 5).1, []);
}
