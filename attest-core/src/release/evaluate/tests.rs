use super::*;
use crate::reference::golden::Evidence;
use crate::release::bundle::{Bundle, Signature};
use crate::release::leaf::Event;
use crate::release::object::{self, Blob};
use crate::release::policy::{Custody, PolicyDocument, Purpose, SigningKey, Weakness};
use crate::release::request::{Kind as RequestKind, ToSign};
use crate::release::statement::{Approval, ReviewStatement, Revoked, Text};
use crate::release::testing::history::*;
use crate::release::testing::play::*;
use crate::release::testing::*;
use crate::release::view::Mark;

mod break_glass;
mod family;
mod histories;
mod order;
mod people;
mod values;

/// What is wrong with a release of which something was told wrongly before the first step.
fn asked(change: impl FnOnce(&mut Play)) -> Vec<&'static str> {
    let mut play = Play::new(History::new());
    change(&mut play);
    play.all();
    play.wrong()
}

/// What is wrong with a release under another policy.
fn under(change: impl FnOnce(&mut PolicyDocument)) -> Vec<&'static str> {
    let mut play = Play::new(History::of(change));
    play.request.authority = play.history.authority;
    play.request.policy = play.history.authority;
    play.all();
    play.wrong()
}

#[test]
fn a_release_that_passes_every_gate() {
    let play = Play::whole(History::new());
    let release = play.weighed().unwrap();
    assert_eq!(
        (release.id(), release.tier(), release.standing()),
        (play.id(), Tier::Production, Standing::Full)
    );
    assert_eq!(release.approvers(), &names::<BTreeSet<_>>("alice bob"));
    assert_eq!(release.published().index, 6);
    assert!(!release.has_weak_roots());
    assert_eq!(release.capability(), Capability::Measured);
    let source = release.reference().unwrap().source();
    assert_eq!((source.source, source.release.as_deref()), ("release", Some(&*play.id().to_string())));
    assert_eq!(source.tier.as_deref(), Some("production"));
    let governed = source.governed.as_ref().unwrap();
    assert_eq!((governed.log_index, governed.security_version), (6, 4));
    assert_eq!((&*governed.family, &*governed.version, governed.gates.len()), ("gateway", "2026.11.1", 13));
    assert_eq!(governed.authority, play.history.authority.to_string());
}

#[test]
fn the_signer_asks_the_same_gates_before() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    let few = play.quorate().unwrap_err();
    assert!(matches!(&few[..], [Failure::QuorumMissing { got: 1, .. }]), "{few:?}");
    play.approve("bob");
    let quorate = play.quorate().unwrap();
    assert_eq!((quorate.id(), quorate.attempted()), (play.id(), None));
    assert_eq!(quorate.approvers(), &names::<BTreeSet<_>>("alice bob"));
    assert_eq!(quorate.request(), &play.request);
    let index = play.attempt();
    assert_eq!(play.quorate().unwrap().attempted().unwrap().index, index);
    let early = play.quorate_at(NOW + 8 * DAY).unwrap_err();
    assert_eq!(early.iter().map(Failure::code).collect::<Vec<_>>(), ["release_view_stale"]);
    assert!(play.weighed().is_err(), "nothing was signed");
}

#[test]
fn a65_another_authority_or_policy() {
    let authority = |play: &mut Play| play.request.authority = id("other");
    assert_eq!(asked(authority), ["release_authority_mismatch"]);
    let policy = |play: &mut Play| play.request.policy = id("other");
    assert_eq!(asked(policy), ["release_policy_unknown"]);
    assert_eq!(asked(|play| play.request.family = name("sensor")), ["release_family_unknown"]);
    assert_eq!(asked(|play| play.request.channel = name("beta")), ["release_channel_unknown"]);
}

#[test]
fn bundles_that_cannot_be_read() {
    let view = History::new().view().unwrap();
    let now = Now { clock: at(NOW), is_confirmed: true };
    let floors = Default::default();
    let by = Weighing { view: &view, now, floors: &floors, limits: &Limits::DEFAULT };
    let code = |bytes: &[u8]| evaluate(bytes, &[], &by).unwrap_err()[0].code();
    assert_eq!(code(b""), "cbor_truncated");
    assert_eq!(code(&bytes(&request())), "object_format");
    let whole = Play::whole(History::new());
    let lie = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = whole.bundle.clone();
        change(&mut bundle);
        code(&bytes(&bundle))
    };
    assert_eq!(lie(&|bundle| bundle.request = bundle.submission.clone()), "object_format");
    assert_eq!(lie(&|bundle| bundle.submission = Blob(vec![0xa0])), "object_shape");
    let many = |bundle: &mut Bundle| bundle.approvals = vec![bundle.approvals[0].clone(); 257];
    assert_eq!(lie(&many), "release_too_many");
}

#[test]
fn a47_as_many_of_each_kind_as_fit_in_a_bundle() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    for who in ["alice", "bob", "carol"] {
        play.approve(who);
    }
    play.finish();
    let (view, floors) = (play.history.view().unwrap(), Default::default());
    let with = |release_statements| {
        let limits = Limits { release_statements, ..Limits::DEFAULT };
        let now = Now { clock: at(play.history.clock), is_confirmed: true };
        let by = Weighing { view: &view, now, floors: &floors, limits: &limits };
        evaluate(&bytes(&play.bundle), &[], &by).map(|release| release.id())
    };
    assert_eq!(with(3), Ok(play.id()));
    assert_eq!(with(2), Err(vec![Failure::TooMany { what: "approvals", count: 3, most: 2 }]));
}

#[test]
fn gates_have_names_of_their_own() {
    let names = [
        "policy",
        "request",
        "requester",
        "quorum",
        "order",
        "provenance",
        "measurement",
        "key",
        "signature",
        "revocation",
        "freshness",
        "break_glass",
        "version",
    ];
    assert_eq!(Gate::ALL.map(Gate::name), names);
    assert!(Gate::ALL.is_sorted(), "as failures are told");
}

#[test]
fn inv10_what_one_person_took_back() {
    let mut play = Play::whole(History::new());
    let revoked = revocation("dave", Revoked::Request(play.id()));
    play.history.revoke(&revoked);
    let wrong = play.weighed().unwrap_err();
    assert!(matches!(&wrong[..], [Failure::Revoked(withdrawn)] if withdrawn.reason == "lost"), "{wrong:?}");
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.history.revoke(&revoked);
    assert_eq!(play.quorate().unwrap_err()[0].code(), "release_revoked", "a rejection");
}

#[test]
fn a72_a_view_that_is_too_old() {
    let play = Play::whole(History::new());
    let seen = play.history.clock;
    assert!(play.weighed_at(seen + 7 * DAY).is_ok());
    assert_eq!(play.wrong_at(seen + 7 * DAY + 1), ["release_view_stale"]);
    assert!(play.weighed_at(0).is_ok(), "a clock that was set back is the witnesses'");
}

#[test]
fn inv9_below_the_floor_or_a_leap_above_it() {
    let version = |version, kind, floor: u64| {
        let mut play = Play::new(History::new());
        (play.request.security_version, play.request.kind) = (version, kind);
        if kind == RequestKind::Rollback {
            play.request.replaces = Some(id("before"));
            play.floors.release(id("before"), &name("gateway"), 0);
        }
        play.floors.rise(&name("gateway"), 0, floor);
        play.all();
        play.weighed().err().unwrap_or_default()
    };
    let (normal, rollback) = (RequestKind::Normal, RequestKind::Rollback);
    assert_eq!(version(2, normal, 0), [Failure::BelowFloor { got: 2, floor: 3 }], "the policy's");
    assert_eq!(version(4, normal, 5), [Failure::BelowFloor { got: 4, floor: 5 }], "what it has reached");
    assert!(version(3, normal, 0).is_empty() && version(8, normal, 0).is_empty());
    assert_eq!(version(9, normal, 0), [Failure::VersionStep { got: 9, floor: 3, step: 5 }]);
    assert!(version(10, normal, 5).is_empty());
    assert!(version(1, rollback, 5).is_empty(), "people named it");
    assert_eq!(version(11, rollback, 5), [Failure::VersionStep { got: 11, floor: 5, step: 5 }]);
    // What the family reached since it was published, or before it is signed.
    let mut play = Play::whole(History::new());
    play.floors.rise(&name("gateway"), 99, 7);
    assert_eq!(play.weighed().unwrap_err(), [Failure::BelowFloor { got: 4, floor: 7 }]);
    let mut play = Play::new(History::new());
    play.request.security_version = 2;
    play.submit("ci");
    for who in ["alice", "bob"] {
        play.approve(who);
    }
    assert_eq!(play.quorate().unwrap_err(), [Failure::BelowFloor { got: 2, floor: 3 }]);
    play.floors.rise(&name("gateway"), 0, 5);
    assert_eq!(play.quorate().unwrap_err(), [Failure::BelowFloor { got: 2, floor: 5 }]);
}

#[test]
fn a_family_that_is_no_more() {
    let mut play = Play::whole(History::new());
    let mut second = second_policy();
    second.families.clear();
    second.signing_keys.retain(|_, key| key.purpose == Purpose::Root);
    play.history.succeed(&second, &["alice", "bob"]);
    assert_eq!(play.weighed().unwrap_err(), [Failure::FamilyUnknown { family: name("gateway") }]);
}
