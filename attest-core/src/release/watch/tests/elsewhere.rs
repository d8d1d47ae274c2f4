//! What HSMs count, and what turns up in the field.

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::audit::note::KeyType;
use crate::release::form::{ReleaseKey, Scheme, authenticode, cose, raw};
use crate::release::policy::Continues;
use crate::testing::pe::Pe;
use crate::testing::tokens::Signer as Holder;

/// Before the log was known.
fn count(used: u64, before: Option<Before>) -> Count {
    Count { key: name("gateway-corim"), used, size: 0, at: at(NOW), accounted: 0, before }
}

fn before(used: u64, gap: u64) -> Before {
    Before { used, gap, size: 0, at: at(NOW), spent: 0 }
}

#[test]
fn inv02_an_hsm_that_signed_more_often_than_the_log_says() {
    let mut play = Play::whole(History::new());
    keep(&mut play);
    let (watch, _) = watched(&play.history, 0);
    let view = play.history.view().unwrap();
    let counted = |count: &Count| watch.counted(count, &view);
    assert_eq!(counted(&count(1, None)), (vec![], Some(before(1, 0))));
    let ahead = |used, attempts, accounted| Finding::CounterAhead {
        key: name("gateway-corim"),
        used,
        attempts,
        accounted,
    };
    let told = before(2, 1);
    assert_eq!(counted(&count(2, None)), (vec![ahead(2, 1, 0)], Some(told)));
    // The same gap is told once, a larger one again.
    assert_eq!(counted(&count(2, Some(told))), (vec![], Some(told)));
    assert_eq!(counted(&count(3, Some(told))).0, [ahead(3, 1, 0)]);
    // What people know of.
    assert_eq!(counted(&Count { accounted: 1, ..count(2, None) }).0, []);
    let back = Finding::CounterBackwards { key: name("gateway-corim"), used: 0, before: 1 };
    assert_eq!(counted(&count(0, Some(before(1, 0)))).0, [back]);
    let unknown = counted(&Count { key: name("another"), ..count(1, None) }).0;
    assert_eq!(unknown[0].code(), "counter_unreadable");
    // Even what was examined before counts.
    let (watch, _) = watched(&play.history, 7);
    assert_eq!(watch.counted(&count(1, None), &view).0, []);
}

#[test]
fn inv02_a_signature_in_the_place_of_an_attempt_that_was_not_used() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    // The signer crashed once before it asked.
    play.attempt();
    play.attempt();
    let open = u64::try_from(play.history.leaves.len()).unwrap();
    play.sign();
    play.publish();
    keep(&mut play);
    let (watch, _) = watched(&play.history, 0);
    let view = play.history.view().unwrap();
    let known = |size: u64, seconds: u64| Before { size, at: at(NOW + seconds), ..before(1, 0) };
    let look = |used: u64, before: Before| watch.counted(&count(used, Some(before)), &view).0;
    let unexplained = |used, unasked| {
        vec![Finding::CounterUnexplained { key: name("gateway-corim"), used, before: 1, unasked }]
    };
    let all = watch.size();
    assert_eq!(look(1, known(all, 0)), []);
    assert_eq!(look(2, known(all, 0)), unexplained(2, 1), "it was signed, and nothing else is asked for");
    // Before it was signed the last attempt may be used, and no other one.
    assert_eq!(look(2, known(open, 0)), []);
    assert_eq!(watch.counted(&Count { accounted: 1, ..count(3, Some(known(open, 0))) }, &view).0, []);
    // What came since may be used.
    assert_eq!(look(2, known(open - 1, 0)), []);
    // What is remembered is what was known before the HSM was asked.
    let (_, kept) = watch.counted(&Count { size: open, at: at(NOW + 7), ..count(1, None) }, &view);
    assert_eq!(kept, Some(known(open, 7)));
}

#[test]
fn inv02_a_signature_in_the_place_of_a_request_that_is_over() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.attempt();
    keep(&mut play);
    let (watch, _) = watched(&play.history, 0);
    let view = play.history.view().unwrap();
    let over = play.request.not_after.plus(600);
    let look =
        |at| watch.counted(&count(1, Some(Before { size: watch.size(), at, ..before(0, 0) })), &view).0;
    assert_eq!(look(over), []);
    let codes: Vec<_> = look(over.plus(1)).iter().map(Finding::code).collect();
    assert_eq!(codes, ["counter_unexplained"]);
}

#[test]
fn signatures_that_people_know_of_are_known_once() {
    let mut play = Play::whole(History::new());
    keep(&mut play);
    let (watch, _) = watched(&play.history, 0);
    let view = play.history.view().unwrap();
    let look = |used, before| {
        let size = watch.size();
        watch.counted(&Count { size, accounted: 1, ..count(used, before) }, &view)
    };
    // One for a certificate request, before there was a monitor or since; another one is nobody's.
    let (found, first) = look(2, None);
    assert_eq!((found, first.unwrap().spent), (vec![], 1));
    let (found, kept) = look(1, None);
    assert_eq!((found, kept.unwrap().spent), (vec![], 0));
    let (found, kept) = look(2, kept);
    assert_eq!((found, kept), (vec![], first));
    assert_eq!(look(3, kept).0[0].code(), "counter_ahead", "once, in the words that fit best");
    assert_eq!(look(3, kept).0.len(), 1);
}

#[test]
fn an_attempt_serves_for_one_key() {
    let mut play = Play::new(History::new());
    let mut other = play.request.sign[0].clone();
    (other.key, other.purpose) = (name("gateway-uki"), super::super::super::policy::Purpose::Authenticode);
    play.request.sign.push(other);
    play.submit("ci");
    play.attempt();
    play.attempt();
    keep(&mut play);
    let view = play.history.view().unwrap();
    let most = |play: &Play| watched(&play.history, 0).0.counted(&count(9, None), &view).0;
    let ahead =
        |attempts| Finding::CounterAhead { key: name("gateway-corim"), used: 9, attempts, accounted: 0 };
    assert_eq!(most(&play), [ahead(2)], "nobody knows which one was asked for");
    play.history.write(Event::Signed { request: play.id(), signatures: id("both") });
    assert_eq!(most(&play), [ahead(1)], "each was asked for once");
}

fn seen(play: &Play, thing: &[u8], file: Option<&[u8]>) -> Result<Vec<Finding>, Unreadable> {
    let view = play.history.view().unwrap();
    let (watch, _) = watched(&play.history, 0);
    Ok(watch.unlogged(&sight(&view, thing, file, LIMITS)?))
}

#[test]
fn inv01_a_signed_corim_that_the_log_does_not_know() {
    let mut play = Play::whole(History::new());
    keep(&mut play);
    let logged = play.bundle.corim.clone().unwrap().0;
    assert_eq!(seen(&play, &logged, None), Ok(vec![]));
    assert_eq!(seen(&play, &bytes(&play.bundle), None), Ok(vec![]));
    // The thief has the HSM, and signs another edition.
    let mut stolen = Play::of(
        History::new(),
        &super::super::super::testing::play::corim(&super::super::super::testing::play::golden("gateway"), 2),
        "erin",
    );
    stolen.made();
    let thing = stolen.bundle.corim.clone().unwrap().0;
    let unlogged = Finding::SignatureUnlogged(Seen {
        key: name("gateway-corim"),
        spki_sha256: ObjectId::of(&spki(31)),
        signed_sha256: stolen.request.sign[0].sha256,
    });
    assert_eq!(seen(&play, &thing, None), Ok(vec![unlogged.clone()]));
    stolen.submit("ci");
    assert_eq!(seen(&play, &bytes(&stolen.bundle), None), Ok(vec![unlogged]));
    // Somebody else's.
    stolen.seed = 99;
    stolen.made();
    let foreign = stolen.bundle.corim.clone().unwrap().0;
    assert_eq!(sight(&play.history.view().unwrap(), &foreign, None, LIMITS), Ok(vec![]));
    assert_eq!(sight(&play.history.view().unwrap(), b"what", None, LIMITS), Err(Unreadable::FileWanted));
}

#[test]
fn a68_a_checkpoint_of_another_history() {
    let play = Play::whole(History::new());
    let view = play.history.view().unwrap();
    let entries = || play.history.leaves.iter().map(Vec::as_slice);
    let split = |note: &str| split(&view, entries(), note.as_bytes(), LIMITS);
    let of_first = |history: &History, leaves: usize| {
        let mut history = history.clone();
        history.leaves.truncate(leaves);
        history.checkpoint(&[])
    };
    for leaves in 0..=7 {
        assert_eq!(split(&of_first(&play.history, leaves)), Ok(None), "{leaves}");
    }
    let mut other = play.history.clone();
    other.leaves.truncate(6);
    other.write(Event::Denied { object: id("other"), because: name("role_missing") });
    let found = split(&other.checkpoint(&[])).unwrap().unwrap();
    assert!(matches!(found, Finding::LogSplit { size: 7, .. }), "{found:?}");
    // What is not known yet tells nothing, and what the log's key did not sign is none of it.
    other.write(Event::Denied { object: id("more"), because: name("role_missing") });
    assert_eq!(split(&other.checkpoint(&[])), Ok(None));
    let forged = of_first(&other, 7).replace("log.example", "log.exbmple");
    assert!(split(&forged).is_err());
}

#[test]
fn a68_a_checkpoint_of_another_history_under_an_earlier_key() {
    const NAME: &str = "log.example/new";
    const SEED: u8 = 50;
    let mut history = History::new();
    history.write(Event::Denied { object: id("before"), because: name("role_missing") });
    let from = history.head();
    let mut next = second_policy();
    next.log.key = verifier_key(NAME, KeyType::Ed25519, SEED);
    next.log.continues = Some(Continues { size: from.size, root: Blob(from.root.as_bytes().to_vec()) });
    let of_earlier_key = |history: &History, leaves: usize| {
        let mut history = history.clone();
        history.leaves.truncate(leaves);
        history.checkpoint(&[])
    };
    // Whoever kept the earlier key goes on with it.
    let mut other = history.clone();
    for what in ["one", "two", "three"] {
        other.write(Event::Denied { object: id(what), because: name("role_missing") });
    }
    history.succeed(&next, &["alice", "bob"]);
    history.write(Event::Denied { object: id("after"), because: name("role_missing") });
    let seen = [("own", 41, history.clock), ("other", 42, history.clock)];
    let view = history.view_by(&history.checkpoint_of(NAME, SEED, &seen)).unwrap();
    assert_eq!(view.policy().unwrap().document().version, 2);
    let split = |note: &str| split(&view, history.leaves.iter().map(Vec::as_slice), note.as_bytes(), LIMITS);
    for leaves in 0..=4 {
        assert_eq!(split(&of_earlier_key(&history, leaves)), Ok(None), "{leaves}");
    }
    assert_eq!(split(&of_earlier_key(&other, 2)), Ok(None), "what both have");
    for leaves in [3, 4] {
        let size = u64::try_from(leaves).unwrap();
        let found = split(&of_earlier_key(&other, leaves)).unwrap().unwrap();
        assert!(matches!(found, Finding::LogSplit { size: told, .. } if told == size), "{found:?}");
    }
    assert_eq!(split(&of_earlier_key(&other, 5)), Ok(None), "of more leaves than are known");
    let mut of_now = other.clone();
    of_now.leaves.truncate(4);
    assert!(matches!(split(&of_now.checkpoint_of(NAME, SEED, &[])), Ok(Some(Finding::LogSplit { .. }))));
    assert!(split(&of_now.checkpoint_of(NAME, SEED + 1, &[])).is_err(), "a key that it never had");
}

#[test]
fn inv01_a_bare_signature_by_a_key_of_any_purpose() {
    let mut play = Play::whole(History::new());
    keep(&mut play);
    let (artifact, digest) = (b"an artifact".as_slice(), ObjectId::of(b"an artifact"));
    let code = |signed: &[u8]| {
        let signature = Machine::new(31).sign(signed);
        seen(&play, &signature, Some(artifact)).unwrap().iter().map(Finding::code).collect::<Vec<_>>()
    };
    assert_eq!(code(artifact), ["signature_unlogged"]);
    assert_eq!(code(digest.as_bytes()), ["signature_unlogged"]);
    assert_eq!(code(b"another"), [""; 0]);
}

#[test]
fn inv01_a_signature_in_each_form_that_a_key_can_make() {
    let artifact = b"an artifact".as_slice();
    for (holder, algs) in [(Holder::P256, &["ES256"][..]), (Holder::Rsa, &["RS256", "PS256"])] {
        let history = History::of(|policy| {
            policy.signing_keys.get_mut("gateway-uki").unwrap().public_key = Blob(holder.spki());
        });
        let view = history.view().unwrap();
        let seen = Seen {
            key: name("gateway-uki"),
            spki_sha256: ObjectId::of(&holder.spki()),
            signed_sha256: ObjectId::of(artifact),
        };
        for alg in algs {
            let bare = holder.sign(alg, artifact);
            let scheme = if *alg == "ES256" { Scheme::EcdsaP256 } else { Scheme::RsaPss };
            for signature in [raw::der(scheme, &bare).unwrap(), bare] {
                assert_eq!(sight(&view, &signature, Some(artifact), LIMITS), Ok(vec![seen.clone()]), "{alg}");
            }
        }
    }
}

#[test]
fn inv01_a_signed_image() {
    let view = History::new().view().unwrap();
    let image = Pe::new(&[(".text", &[0x90; 700])]).build();
    let certificate = CertificateParams::default()
        .self_signed(&KeyPair::try_from(crate::testing::fixture!("keys/rsa2048.pk8")).unwrap())
        .unwrap();
    let key = ReleaseKey::new(&Holder::Rsa.spki(), Purpose::Authenticode, None).unwrap();
    let signed = authenticode::to_be_signed(&image, LIMITS).unwrap();
    let signature = Holder::Rsa.sign("RS256", &signed);
    let thing =
        authenticode::finish(&key, &image, &signature, &[certificate.der().to_vec()], LIMITS).unwrap();
    let seen = Seen {
        key: name("gateway-uki"),
        spki_sha256: ObjectId::of(&Holder::Rsa.spki()),
        signed_sha256: ObjectId::of(&signed),
    };
    assert_eq!(sight(&view, &thing, None, LIMITS), Ok(vec![seen]));
    assert_eq!(sight(&view, &image, None, LIMITS), Ok(vec![]), "nobody signed it");
}

#[test]
fn inv01_a_signed_file_and_a_corim_within_tags() {
    let mut stolen = Play::new(History::new());
    stolen.made();
    let view = stolen.history.view().unwrap();
    let seen = |signed_sha256| {
        let (key, spki_sha256) = (name("gateway-corim"), ObjectId::of(&spki(31)));
        Ok(vec![Seen { key, spki_sha256, signed_sha256 }])
    };
    // signed-corim of older drafts: #6.502 around #6.18.
    let tagged = [b"\xd9\x01\xf6", &stolen.bundle.corim.clone().unwrap().0[..]].concat();
    assert_eq!(sight(&view, &tagged, None, LIMITS), seen(stolen.request.sign[0].sha256));

    let file = b"a file".as_slice();
    let key = ReleaseKey::new(&spki(31), Purpose::Cose, None).unwrap();
    let signed = cose::detached(&key, None, file).unwrap();
    let thing = cose::finish(&key, &signed, &Machine::new(31).sign(&signed), LIMITS).unwrap();
    assert_eq!(sight(&view, &thing, Some(file), LIMITS), seen(ObjectId::of(&signed)));
    assert_eq!(sight(&view, &thing, Some(b"another"), LIMITS), Ok(vec![]));
    assert_eq!(sight(&view, &thing, None, LIMITS), Err(Unreadable::FileWanted));
    assert_eq!(Unreadable::FileWanted.code(), "seen_file_wanted");
}

#[test]
fn a_bundle_without_its_signature_says_nothing() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.bundle.signatures =
        vec![super::super::super::bundle::Signature { signature: Blob(vec![0; 64]), signed: None }];
    assert_eq!(sight(&play.history.view().unwrap(), &bytes(&play.bundle), None, LIMITS), Ok(vec![]));
}
