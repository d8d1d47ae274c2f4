//! Tokens beside a quote, and without one.

use super::*;
use crate::authenticate::token;

fn boot<'b, 'a>(log: &'b EventLog<'a>) -> learn::Boot<'b, 'a> {
    learn::Boot { name: "debian", log, userspace: None, evidence: golden::Evidence::Quoted, files: None }
}

/// A genuine boot, judged with what else came with it.
fn beside(
    ak: &AttestationKey,
    tokens: impl FnOnce(&AuthenticEvidence<'_>) -> Vec<AuthenticToken>,
) -> Verdict {
    let log = fixture!("boots/sb-grub/eventlog.bin");
    let parsed = EventLog::parse(log, &Limits::DEFAULT).unwrap();
    let mut golden = learn::learn("sensor", &[boot(&parsed)], &learn::Choices::default()).unwrap();
    learn_token::add(&mut golden, &[("1.2.3", &proven(&map(psa_claims())))]).unwrap();
    beside_by(golden, ak, tokens)
}

fn beside_by(
    golden: Golden,
    ak: &AttestationKey,
    tokens: impl FnOnce(&AuthenticEvidence<'_>) -> Vec<AuthenticToken>,
) -> Verdict {
    let log = fixture!("boots/sb-grub/eventlog.bin");
    let references = ReferenceSet::development(golden).unwrap();
    let evidence = Evidence {
        attest: fixture!("boots/sb-grub/quote-ecc.attest"),
        signature: fixture!("boots/sb-grub/quote-ecc.sig"),
        event_log: Some(log),
        ima: Some(fixture!("boots/sb-grub/ima.bin")),
        ..Evidence::default()
    };
    let nonce = Nonce::given(&nonce_of(fixture!("boots/sb-grub/nonce.hex"))).unwrap();
    let bundle = Bundle::parse(evidence, &Limits::DEFAULT).unwrap();
    let evidence = AuthenticEvidence::authenticate(bundle, ak, Challenge::offline(nonce), NOW).unwrap();
    let tokens = tokens(&evidence);
    Policy::default().appraise_with_tokens(&evidence, &tokens, &references, &context("sensor"))
}

/// The boot's nonce has 20 bytes, a PSA one 32: the token is one without a profile.
fn token_for(evidence: &AuthenticEvidence<'_>, key: &TokenKey) -> AuthenticToken {
    saying(evidence, key, &[])
}

fn saying(evidence: &AuthenticEvidence<'_>, key: &TokenKey, more: &[(i64, Value)]) -> AuthenticToken {
    let nonce = evidence.quote().nonce().as_bytes();
    let claims = plain_claims().into_iter().chain(more.iter().cloned()).collect();
    let claims = with(claims, 10, Some(bytes(nonce)));
    let token = Token::parse(&Sign1::new(&claims).bytes(), &Limits::DEFAULT).unwrap();
    evidence.authenticate_token(token, key, NOW).unwrap()
}

#[test]
fn a27a_a_token_of_another_device_beside_the_quote() {
    let limits = Limits::DEFAULT;
    let ak = AttestationKey::enrolled(fixture!("boots/sb-grub/ak-ecc.pub"), "dev-a", &limits).unwrap();
    let key = |device: &str| TokenKey::enrolled(&Signer::P256.cose_key(), device, &limits).unwrap();
    let codes = |key: TokenKey| refusing(&beside(&ak, |evidence| vec![token_for(evidence, &key)]));
    assert_eq!(codes(key("dev-a")), [Code::TokenMissing]);
    assert_eq!(codes(key("dev-b")), [Code::TokenOfAnotherDevice, Code::TokenMissing]);
    assert_eq!(codes(Signer::P256.key()), [Code::TokenOfAnotherDevice, Code::TokenMissing]);
    let said = |key: TokenKey| {
        let verdict = beside(&ak, |evidence| vec![token_for(evidence, &key)]);
        verdict.reasons.into_iter().find(|r| r.code == Code::TokenOfAnotherDevice).unwrap().explain
    };
    assert!(
        said(key("dev-b")).contains("of the device dev-b, the rest of the evidence is of the device dev-a")
    );
    assert!(said(Signer::P256.key()).contains("of a device that only the caller vouches for, the rest"));
    // Both only vouched for: the caller's word is that they are one device.
    let vouched = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &limits).unwrap();
    let verdict = beside(&vouched, |evidence| vec![token_for(evidence, &Signer::P256.key())]);
    assert_eq!(refusing(&verdict), [Code::TokenMissing]);
}

#[test]
fn a27a_a_token_that_answers_another_challenge() {
    let vouched = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &Limits::DEFAULT).unwrap();
    let verdict = beside(&vouched, |_| vec![proven(&map(psa_claims()))]);
    assert_eq!(refusing(&verdict), [Code::TokenOfAnotherChallenge]);
    assert!(verdict.reasons.iter().any(|r| r.part == Part::Evidence && r.severity == Severity::Refuse));
    assert_eq!(verdict.boot.status, Status::Contraindicated, "nothing of it counts");
    assert_eq!(verdict.tokens[0].verdict.status, Status::Contraindicated);
}

#[test]
fn a15_the_result_says_the_nonce_of_the_quote() {
    let vouched = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &Limits::DEFAULT).unwrap();
    let verdict = beside(&vouched, |_| vec![proven(&map(psa_claims()))]);
    let nonce = nonce_of(fixture!("boots/sb-grub/nonce.hex"));
    assert_eq!(verdict.proven_nonce(), Some(hex::encode(nonce).as_str()));
}

/// Quote, logs and token in one collection, as a device sends them and a verifier with these keys takes them.
fn collected(nonce_of_token: &[u8], keys: &[TokenKey]) -> Result<Verdict, token::Error> {
    use crate::evidence::collection::{self, Collection};
    let record = |kind: &str, content: &[u8]| Value::Array(vec![text(kind), bytes(content)]);
    let attest = fixture!("boots/sb-grub/quote-ecc.attest");
    let size = u16::try_from(attest.len()).unwrap().to_be_bytes();
    let quote = [&size, attest, fixture!("boots/sb-grub/quote-ecc.sig")].concat();
    let claims = with(plain_claims(), 10, Some(bytes(nonce_of_token)));
    let sent = encode(&Value::Map(vec![
        (text("t"), record("application/eat+cwt", &Sign1::new(&claims).bytes())),
        (text("q"), record(collection::QUOTE, &quote)),
        (text("l"), record(collection::EVENT_LOG, fixture!("boots/sb-grub/eventlog.bin"))),
        (text("i"), record(collection::IMA_LIST, fixture!("boots/sb-grub/ima.bin"))),
    ]));
    let collection = Collection::parse(&sent, &Limits::DEFAULT).unwrap();
    let log = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let golden = learn::learn("sensor", &[boot(&log)], &learn::Choices::default()).unwrap();
    let nonce = Nonce::given(&nonce_of(fixture!("boots/sb-grub/nonce.hex"))).unwrap();
    let bundle = Bundle::parse(collection.evidence().unwrap(), &Limits::DEFAULT).unwrap();
    let ak =
        AttestationKey::enrolled(fixture!("boots/sb-grub/ak-ecc.pub"), "dev-a", &Limits::DEFAULT).unwrap();
    let evidence = AuthenticEvidence::authenticate(bundle, &ak, Challenge::offline(nonce), NOW).unwrap();
    let tokens = collection.tokens().iter().cloned();
    let tokens = tokens.map(|token| evidence.authenticate_token_by_any(token, keys, NOW));
    let tokens = tokens.collect::<Result<Vec<_>, _>>()?;
    let references = ReferenceSet::development(golden).unwrap();
    Ok(Policy::default().appraise_with_tokens(&evidence, &tokens, &references, &context("sensor")))
}

#[test]
fn a27a_a_token_in_a_collection_is_by_a_key_of_the_same_device_and_over_the_same_nonce() {
    let key = |signer: Signer, device: &str| {
        TokenKey::enrolled(&signer.cose_key(), device, &Limits::DEFAULT).unwrap()
    };
    let nonce = nonce_of(fixture!("boots/sb-grub/nonce.hex"));
    let (own, second) = (key(Signer::P256, "dev-a"), key(Signer::P384, "dev-a"));
    for keys in [vec![own.clone()], vec![second.clone(), own.clone()], vec![own.clone(), second.clone()]] {
        let verdict = collected(&nonce, &keys).unwrap();
        assert_eq!((verdict.status, verdict.tokens.len()), (Status::Affirming, 1), "{:?}", verdict.reasons);
    }
    // Of another device, whoever put it among the keys.
    let verdict = collected(&nonce, &[second.clone(), key(Signer::P256, "dev-b")]).unwrap();
    assert_eq!(refusing(&verdict), [Code::TokenOfAnotherDevice]);
    // Of another challenge, whichever of the keys it is by.
    let mismatch = collected(&vec![9; nonce.len()], &[second.clone(), own]).unwrap_err();
    assert_eq!(mismatch.code(), "nonce_mismatch");
    // By none of the keys: the one key's own reason where there is but one.
    assert_eq!(collected(&nonce, &[]).unwrap_err(), token::Error::KeyMissing);
    let several = collected(&nonce, &[second.clone(), key(Signer::Ed25519, "dev-a")]);
    assert_eq!(several.unwrap_err(), token::Error::KeyMissing);
    assert!(matches!(collected(&nonce, &[second]).unwrap_err(), token::Error::AlgorithmMismatch { .. }));
}

#[test]
fn a_missing_token_makes_the_whole_contraindicated_and_not_the_boot() {
    let vouched = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &Limits::DEFAULT).unwrap();
    let verdict = beside(&vouched, |_| Vec::new());
    assert_eq!(refusing(&verdict), [Code::TokenMissing]);
    assert_eq!((verdict.boot.status, verdict.status), (Status::Affirming, Status::Contraindicated));
    assert_eq!(ear(&verdict)["ear_status"], "contraindicated");
    assert_eq!(ear(&verdict)["submods"]["psa"]["ear_status"], "contraindicated");
}

#[test]
fn a_device_that_is_judged_by_its_boot_cannot_leave_the_quote_out() {
    let parsed = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let mut golden = learn::learn("sensor", &[boot(&parsed)], &learn::Choices::default()).unwrap();
    learn_token::add(&mut golden, &[("1.2.3", &proven(&map(psa_claims())))]).unwrap();
    let verdict = judged(&golden, &[proven(&map(psa_claims()))]);
    assert_eq!(refusing(&verdict), [Code::QuoteMissing]);
    assert_eq!(verdict.status, Status::Contraindicated);
}

#[test]
fn a_revoked_device_and_another_family_are_refused() {
    let golden = learned(&map(psa_claims()));
    let references = ReferenceSet::development(golden).unwrap();
    let tokens = [proven(&map(psa_claims()))];
    let other = Policy::default().appraise_tokens(&tokens, &references, &context("other"));
    assert_eq!(refusing(&other), [Code::FamilyMismatch]);
    let revoked = Context { revoked: Some("stolen".into()), ..context("sensor") };
    let verdict = Policy::default().appraise_tokens(&tokens, &references, &revoked);
    assert_eq!(refusing(&verdict), [Code::Revoked]);
    assert_eq!(verdict.trust_vector.instance_identity, 96);
}

/// Nobody asked for the token, and it says itself that the device is open.
#[test]
fn what_a_token_admits_counts_without_golden_values() {
    let vouched = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &Limits::DEFAULT).unwrap();
    let log = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let golden = learn::learn("sensor", &[boot(&log)], &learn::Choices::default()).unwrap();
    let verdict = |more: &[(i64, Value)]| {
        let tokens = |evidence: &AuthenticEvidence<'_>| vec![saying(evidence, &Signer::P256.key(), more)];
        beside_by(golden.clone(), &vouched, tokens)
    };
    let in_part = |claim: (i64, Value)| (266, Value::Map(vec![(text("os"), map([claim]))]));
    for (debug, lifecycle) in [(int(2), int(0x3001)), (int(1), int(0x3000))] {
        let fine = verdict(&[(263, debug), (2395, lifecycle)]);
        assert_eq!(fine.tokens[0].verdict.status, Status::None);
        assert_eq!(fine.status, Status::Affirming, "{:?}", fine.reasons);
    }
    for (claim, code, place) in [
        ((263, int(0)), Code::TokenDebugEnabled, "dbgstat"),
        ((2395, int(0x1000)), Code::TokenLifecycleInsecure, "lifecycle"),
    ] {
        let cases =
            [(claim.clone(), format!("token-0.{place}")), (in_part(claim), format!("token-0.os.{place}"))];
        for (claim, component) in cases {
            let verdict = verdict(&[claim]);
            assert_eq!(refusing(&verdict), [code]);
            let reason = verdict.reasons.iter().find(|r| r.code == code).unwrap();
            assert_eq!(reason.component.as_deref(), Some(component.as_str()));
            assert_eq!((verdict.status, verdict.boot.status), (Status::Contraindicated, Status::Affirming));
            assert_eq!(verdict.tokens[0].verdict.status, Status::Contraindicated);
        }
    }
}

/// Whatever a section is called, a token that nobody knows does not stand in for the one that is asked for.
#[test]
fn a27a_a_token_that_nobody_knows_is_not_called_like_a_section() {
    let mut golden = learned(&map(psa_claims()));
    golden.tokens[0].name = "token-0".into();
    let other = by(ES384, &map(plain_claims().into_iter().chain([(270, text("OS"))])));
    let verdict = judged(&golden, std::slice::from_ref(&other));
    assert_eq!(refusing(&verdict), [Code::TokenMissing]);
    let names = |verdict: &Verdict| -> Vec<String> {
        verdict.tokens.iter().map(|token| token.name.clone()).collect()
    };
    assert_eq!(names(&verdict), ["token-1", "token-0"]);
    // Nor does the one that is asked for come twice by that.
    let verdict = judged(&golden, &[other.clone(), proven(&map(psa_claims()))]);
    assert_eq!((refusing(&verdict), names(&verdict)), (vec![], vec!["token-1".into(), "token-0".into()]));
    golden.tokens[0].name = "token-1".into();
    let verdict = judged(&golden, &[other.clone(), other]);
    assert_eq!(names(&verdict), ["token-0", "token-2", "token-1"]);
}
