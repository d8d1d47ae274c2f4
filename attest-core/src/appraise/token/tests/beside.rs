//! Tokens beside a quote, and without one.

use super::*;

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
    let nonce = evidence.quote().nonce().as_bytes();
    let claims = with(plain_claims(), 10, Some(bytes(nonce)));
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
