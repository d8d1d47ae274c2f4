use super::*;
use crate::release::statement::{Revoked, Text};
use crate::release::testing::history::{History, revocation};
use crate::release::testing::play::Play;
use crate::release::testing::*;
use crate::testing::ssh::Signer;

/// What the log's keeper has.
fn kept(play: &mut Play) {
    for envelope in play.bundle.provenance.clone() {
        play.history.objects.insert(ObjectId::of(&envelope.0), envelope.0);
    }
    let unsigned = play.bundle.corim.clone().unwrap();
    let signed = crate::reference::corim::SignedCorim::parse(&unsigned.0, &Limits::DEFAULT).unwrap();
    let bytes = signed.to_be_signed();
    play.history.objects.insert(ObjectId::of(&bytes), bytes);
    for made in play.bundle.signatures.clone() {
        let digest = ObjectId::of(&made.signature.0);
        play.history.objects.insert(digest, made.signature.0);
        play.history.objects.insert(play.bundle.signatures_id(), digest.as_bytes().to_vec());
    }
}

fn assembled(play: &Play) -> Result<Bundle, Error> {
    let entries = play.history.leaves.iter().map(Vec::as_slice);
    let said = Said::of(entries, &Limits::DEFAULT);
    assemble(play.id(), &said, &play.history.objects, &Limits::DEFAULT)
}

#[test]
fn the_bundle_is_what_the_log_names() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    kept(&mut play);
    assert_eq!(assembled(&play).unwrap(), play.bundle, "before anybody signed");
    play.approve("bob");
    play.finish();
    kept(&mut play);
    assert_eq!(assembled(&play).unwrap(), play.bundle);
    assert!(play.weighed().is_ok());
}

#[test]
fn everything_that_it_is_made_of_is_named_and_nothing_else() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    let mut other = play.request.clone();
    other.version = words("another");
    play.hand_in(&approval("alice", &[&play.request, &other]));
    play.history.keep(&other);
    play.bundle.companions.push(Blob(bytes(&other)));
    play.approve("bob");
    play.finish();
    kept(&mut play);
    let said = Said::of(play.history.leaves.iter().map(Vec::as_slice), &Limits::DEFAULT);
    let mut got = BTreeMap::new();
    loop {
        let named = named(play.id(), &said, &got, &Limits::DEFAULT);
        let new: Vec<_> = named.into_iter().filter(|id| !got.contains_key(id)).collect();
        if new.is_empty() {
            break;
        }
        got.extend(new.into_iter().map(|id| (id, play.history.objects[&id].clone())));
    }
    assert_eq!(assemble(play.id(), &said, &got, &Limits::DEFAULT).unwrap(), play.bundle);
    for id in got.keys() {
        let mut without = got.clone();
        without.remove(id);
        let made = assemble(play.id(), &said, &without, &Limits::DEFAULT);
        assert_ne!(made.ok().as_ref(), Some(&play.bundle), "{id} is not part of it");
    }
}

#[test]
fn what_is_not_at_hand_is_named() {
    let mut play = Play::whole(History::new());
    kept(&mut play);
    let without = |id: ObjectId| {
        let mut play = play.clone();
        play.history.objects.remove(&id);
        assembled(&play).unwrap_err()
    };
    let (request, provenance) = (play.id(), play.request.provenance[0]);
    assert_eq!(without(request), Error::Missing { what: "the request", id: request });
    assert_eq!(without(provenance), Error::Missing { what: "the provenance", id: provenance });
    let signed = play.request.sign[0].sha256;
    assert_eq!(without(signed), Error::Missing { what: "what is to be signed,", id: signed });
    let submission = ObjectId::of(&play.bundle.submission.0);
    assert_eq!(without(submission), Error::NotSubmitted(request));
    let said = Said::default();
    let nobody = assemble(request, &said, &play.history.objects, &Limits::DEFAULT);
    assert_eq!(nobody, Err(Error::NotSubmitted(request)));
}

#[test]
fn inv4_whoever_approves_again_and_again_undoes_nothing() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    let approved = play.bundle.approvals.clone();
    for number in 0..300 {
        let mut other = play.request.clone();
        other.version = words(&format!("another {number}"));
        let again = approval("alice", &[&play.request, &other]);
        let id = play.history.keep(&again);
        play.history.write(Event::Approved { approval: id, requests: again.requests.clone() });
        play.history.keep(&other);
    }
    kept(&mut play);
    let bundle = assembled(&play).unwrap();
    assert_eq!((&bundle.approvals, bundle.companions.len()), (&approved, 0));
    // But that it was computed again is something new.
    let mut told = approval("alice", &[&play.request]);
    told.recomputed = false;
    let id = play.history.keep(&told);
    play.history.write(Event::Approved { approval: id, requests: told.requests.clone() });
    assert_eq!(assembled(&play).unwrap().approvals.len(), 3);
}

#[test]
fn inv4_whoever_approves_hundreds_together_undoes_nothing() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    for (who, first) in ["alice", "bob", "carol", "dave", "erin"].into_iter().zip((0..).step_by(63)) {
        let others: Vec<Request> = (first..first + 63)
            .map(|number| Request { version: words(&format!("another {number}")), ..play.request.clone() })
            .collect();
        let all: Vec<&Request> = core::iter::once(&play.request).chain(&others).collect();
        let batch = approval(who, &all);
        for other in &others {
            play.history.keep(other);
        }
        let id = play.history.keep(&batch);
        play.history.write(Event::Approved { approval: id, requests: batch.requests.clone() });
    }
    kept(&mut play);
    let bundle = assembled(&play).unwrap();
    assert_eq!((bundle.approvals.len(), bundle.companions.len()), (4, 252));
    assert!(bundle.companions.len() <= Limits::DEFAULT.release_statements);
}

#[test]
fn a47_as_many_approvals_as_fit_go_along() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    for who in ["alice", "bob", "carol"] {
        play.approve(who);
    }
    kept(&mut play);
    let said = Said::of(play.history.leaves.iter().map(Vec::as_slice), &Limits::DEFAULT);
    for (release_statements, expected) in [(2, &play.bundle.approvals[..2]), (3, &play.bundle.approvals)] {
        let limits = Limits { release_statements, ..Limits::DEFAULT };
        let made = assemble(play.id(), &said, &play.history.objects, &limits).unwrap();
        assert_eq!(made.approvals, expected);
    }
}

#[test]
fn every_code_is_its_own_and_stable() {
    let id = id("something");
    let (object, form) = (object::Error::NotDeterministic { offset: 1 }, form::Error::FileUnexpected);
    let request = request::Error::Object(object.clone());
    for (error, code) in [
        (Error::Form(form.clone()), form.code()),
        (Error::Missing { what: "the request", id }, "object_missing"),
        (Error::NotSubmitted(id), "request_not_submitted"),
        (Error::Object(object.clone()), object.code()),
        (Error::Request(request.clone()), request.code()),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn other_bytes_under_an_id_are_not_at_hand() {
    let mut play = Play::whole(History::new());
    kept(&mut play);
    let provenance = play.request.provenance[0];
    play.history.objects.insert(provenance, b"other".to_vec());
    assert_eq!(assembled(&play), Err(Error::Missing { what: "the provenance", id: provenance }));
}

#[test]
fn requests_that_were_approved_together_go_along() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    let mut other = play.request.clone();
    other.version = words("another");
    let both = approval("alice", &[&play.request, &other]);
    play.hand_in(&both);
    play.history.keep(&other);
    kept(&mut play);
    let bundle = assembled(&play).unwrap();
    assert_eq!(bundle.companions, [Blob(bytes(&other))]);
}

/// Alice's word by another key of hers.
fn by_another_key(play: &Play, key: &Signer) -> Approval {
    let mut approval = approval("alice", &[&play.request]);
    let text = Text::approval(&approval, &[play.described()]).unwrap();
    approval.signature = armored::<Approval>(key, &text);
    approval
}

#[test]
fn inv4_a_first_approval_that_does_not_count_hides_no_second() {
    let stolen = Signer::ed25519(99, None);
    let history = History::of(|policy| {
        let alice = policy.identities.get_mut("alice").unwrap();
        alice.keys.push(key_of(stolen.public().to_line()));
    });
    let mut play = Play::new(history);
    (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
    play.submit("ci");
    play.hand_in(&by_another_key(&play, &stolen));
    let spki_sha256 = ObjectId::of(&stolen.public().canonical().spki_der());
    let revokes = Revoked::Key { spki_sha256, from_index: 0, until: at(NOW + DAY) };
    play.history.revoke(&revocation("dave", revokes));
    play.approve("bob");
    let one = play.bundle.approvals.len();
    play.approve("alice");
    // Who says it once more by the same key says nothing new.
    play.history.keep(&by_another_key(&play, &stolen));
    play.finish();
    kept(&mut play);
    let bundle = assembled(&play).unwrap();
    assert_eq!((one, bundle.approvals.len()), (2, 3));
    assert_eq!(bundle, play.bundle);
    assert!(play.weighed().is_ok(), "{:?}", play.weighed().err());
}
