//! What a release takes the place of was a release of the same family before it was asked for.

use super::*;
use crate::release::object::Blob;

/// What is wrong with the last one, which takes the place of what it is told.
fn wrong(
    history: &History,
    version: u64,
    kind: RequestKind,
    replaces: Option<ObjectId>,
) -> Vec<&'static str> {
    let mut history = history.clone();
    let id = release(&mut history, version, |play| {
        (play.request.kind, play.request.replaces) = (kind, replaces);
    });
    let catalogue = catalogue(&history, history.clock);
    let refused = refused(&catalogue).into_iter().find(|(request, _)| *request == id);
    assert_eq!(refused.is_none(), counts(&catalogue).contains(&id));
    assert!(refused.is_none() || catalogue.withdrawn(&name("gateway")).iter().all(|(one, _)| one.id() != id));
    refused.map(|(_, codes)| codes).unwrap_or_default()
}

const KINDS: [RequestKind; 2] = [RequestKind::Normal, RequestKind::Rollback];

#[test]
fn inv9_a_rollback_of_nothing() {
    let mut history = History::new();
    release(&mut history, 8, |_| {});
    assert_eq!(wrong(&history, 4, RequestKind::Rollback, None), ["release_replaces_nothing"]);
    assert!(wrong(&history, 8, RequestKind::Normal, None).is_empty());
}

#[test]
fn inv9_in_the_place_of_what_was_no_release() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let stolen = release(&mut history, 4, |play| play.seed = 32);
    let leap = release(&mut history, 10, |_| {});
    let mut waits = Play::of(history.clone(), &corim(&golden("gateway"), 99), "erin");
    waits.submit("ci");
    let history = waits.history.clone();
    for kind in KINDS {
        assert!(wrong(&history, 4, kind, Some(first)).is_empty());
        for named in [id("anything"), history.authority, stolen, leap, waits.id()] {
            assert_eq!(wrong(&history, 4, kind, Some(named)), ["release_replaces_no_release"]);
        }
    }
}

#[test]
fn inv9_in_the_place_of_what_came_later() {
    let mut history = History::new();
    let mut second = Play::of(History::new(), &corim(&golden("gateway"), 1), "erin");
    second.request.security_version = 5;
    let mut first = Play::of(history.clone(), &corim(&golden("gateway"), 2), "erin");
    // It names a release of which the log knows nothing when it is asked for.
    (first.request.kind, first.request.replaces) = (RequestKind::Rollback, Some(second.id()));
    first.submit("ci");
    second.history = first.history.clone();
    second.all();
    first.history = second.history.clone();
    first.approve("alice");
    first.approve("bob");
    first.finish();
    history = first.history.clone();
    let catalogue = catalogue(&history, history.clock);
    assert_eq!(counts(&catalogue), [second.id()]);
    assert_eq!(refused(&catalogue), [(first.id(), vec!["release_replaces_no_release"])]);
}

#[test]
fn inv9_in_the_place_of_a_release_of_another_family() {
    let mut history = History::of(|policy| {
        let family = policy.families[&name("gateway")].clone();
        let mut key = policy.signing_keys[&name("gateway-corim")].clone();
        key.family = Some(name("sensor"));
        key.public_key = Blob(spki(33));
        policy.signing_keys.insert(name("sensor-corim"), key);
        policy.families.insert(name("sensor"), family);
    });
    let other = release(&mut history, 4, |play| {
        let mut own = Play::of(play.history.clone(), &corim(&golden("sensor"), 5), "erin");
        own.request.sign[0].key = name("sensor-corim");
        (own.request.family, own.seed) = (name("sensor"), 33);
        (own.request.authority, own.request.policy) = (play.history.authority, play.history.authority);
        *play = own;
    });
    assert_eq!(catalogue(&history, history.clock).family(&name("sensor")).len(), 1);
    for kind in KINDS {
        assert_eq!(wrong(&history, 4, kind, Some(other)), ["release_replaces_no_release"]);
    }
}

#[test]
fn inv9_in_the_place_of_a_release_that_is_out_of_force() {
    let mut history = History::new();
    let revoked = release(&mut history, 4, |_| {});
    let below = release(&mut history, 4, |_| {});
    release(&mut history, 6, |_| {});
    history.revoke(&revocation("dave", Revoked::Request(revoked)));
    let spki_sha256 = ObjectId::of(&signer("erin").public().canonical().spki_der());
    let until = at(history.clock + DAY);
    history.revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until }));
    for named in [revoked, below] {
        for kind in KINDS {
            assert!(wrong(&history, 6, kind, Some(named)).is_empty(), "it was one");
        }
    }
}

#[test]
fn inv9_the_signer_asks_what_it_takes_the_place_of() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let known = catalogue(&history, history.clock);
    let says = |replaces| {
        let mut play = Play::of(history.clone(), &corim(&golden("gateway"), 99), "erin");
        (play.request.kind, play.request.replaces) = (RequestKind::Rollback, replaces);
        play.floors = known.floors().clone();
        play.submit("ci");
        play.approve("alice");
        play.approve("bob");
        let told = play.quorate().err().unwrap_or_default();
        told.iter().map(Failure::code).collect::<Vec<_>>()
    };
    assert!(says(Some(first)).is_empty());
    assert_eq!(says(Some(id("anything"))), ["release_replaces_no_release"]);
    assert_eq!(says(None), ["release_replaces_nothing"]);
}
