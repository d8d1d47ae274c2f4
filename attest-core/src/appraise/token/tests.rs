use ciborium::Value;

use crate::appraise::{Code, Context, Part, Policy, Severity, Status, Verdict};
use crate::authenticate::token::Keys;
use crate::authenticate::{AttestationKey, AuthenticEvidence, AuthenticToken, Challenge, Nonce, TokenKey};
use crate::evidence::eat::Token;
use crate::evidence::tcg_log::EventLog;
use crate::evidence::{Bundle, Evidence};
use crate::reference::golden::{self, Golden};
use crate::reference::{ReferenceSet, learn, learn_token};
use crate::result::{Ear, ResultContext, VerifierId};
use crate::testing::tokens::*;
use crate::testing::{fixture, nonce_of};
use crate::{Limits, Timestamp};

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

const ES256: (Signer, &str, i64) = (Signer::P256, "ES256", -7);
const ES384: (Signer, &str, i64) = (Signer::P384, "ES384", -35);

fn proven(claims: &Value) -> AuthenticToken {
    by(ES256, claims)
}

fn by(signer: (Signer, &'static str, i64), claims: &Value) -> AuthenticToken {
    let token = Token::parse(&Sign1::of(signer, claims).bytes(), &Limits::DEFAULT).unwrap();
    let challenge = Challenge::offline(Nonce::given(&NONCE).unwrap());
    AuthenticToken::authenticate(token, &signer.0.key(), challenge, NOW).unwrap()
}

/// Golden values for tokens alone, learned from these claims.
fn learned(claims: &Value) -> Golden {
    let mut golden = learn_token::empty("sensor");
    learn_token::add(&mut golden, &[("1.2.3", &proven(claims))]).unwrap();
    golden
}

fn context(family: &str) -> Context {
    Context { family: family.into(), ..Context::default() }
}

fn judged(golden: &Golden, tokens: &[AuthenticToken]) -> Verdict {
    let references = ReferenceSet::development(golden.clone()).unwrap();
    Policy::default().appraise_tokens(tokens, &references, &context("sensor"))
}

/// The refusing codes of a token with one claim another than the golden device's.
fn refused(label: i64, value: Option<Value>) -> Vec<Code> {
    let verdict = judged(&learned(&map(psa_claims())), &[proven(&with(psa_claims(), label, value))]);
    assert_eq!(verdict.status, Status::Contraindicated, "{label}");
    refusing(&verdict)
}

fn refusing(verdict: &Verdict) -> Vec<Code> {
    verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse).map(|r| r.code).collect()
}

#[test]
fn a_token_as_golden_affirms_and_is_a_submodule() {
    let verdict = judged(&learned(&map(psa_claims())), &[proven(&map(psa_claims()))]);
    assert_eq!(verdict.status, Status::Affirming, "{:?}", verdict.reasons);
    assert_eq!((verdict.boot.status, verdict.runtime.status), (Status::None, Status::None));
    let token = &verdict.tokens[0];
    assert_eq!((token.name.as_str(), token.verdict.status), ("psa", Status::Affirming));
    let vector = token.verdict.trust_vector;
    assert_eq!((vector.executables, vector.hardware, vector.instance_identity), (3, 2, 0));
    assert_eq!(verdict.proven_nonce(), Some(hex::encode(NONCE).as_str()));
    let json = ear(&verdict);
    assert_eq!(json["submods"]["psa"]["ear_status"], "affirming");
    assert_eq!(json["submods"]["boot"]["ear_status"], "none");
    assert_eq!(json["eat_nonce"], base64url(NONCE));
}

fn ear(verdict: &Verdict) -> serde_json::Value {
    let context = ResultContext {
        issued_at: NOW,
        expires: NOW.plus(60),
        verifier: VerifierId { developer: "x".into(), build: "y".into() },
        issuer: None,
        audience: None,
        policy_id: "urn:x".into(),
        confirmation: None,
        development: false,
    };
    Ear::new(verdict, &context).to_json()
}

#[test]
fn a_golden_document_with_tokens_survives_its_text() {
    let claims =
        with(plain_claims(), 273, Some(Value::Array(vec![Value::Array(vec![int(258), bytes([1, 2])])])));
    let Value::Map(mut entries) = claims else { panic!() };
    entries.extend([
        (int(263), int(3)),
        (int(258), int(70_000)),
        (int(259), bytes([7; 4])),
        (int(262), Value::Bool(true)),
    ]);
    let mut golden = learned(&map(psa_claims()));
    learn_token::add(&mut golden, &[("eat", &proven(&Value::Map(entries)))]).unwrap();
    let text = golden.to_toml();
    let read = Golden::parse(&text, &Limits::DEFAULT).unwrap();
    assert_eq!(read, golden, "{text}");
    assert_eq!(golden.diff(&read), []);
    let mut other = read;
    other.tokens[1].variants[0].components[0].value = vec![0; 32];
    assert_eq!(golden.diff(&other).len(), 2, "one component gone, one come");
}

#[test]
fn absence_refuses() {
    let golden = learned(&map(psa_claims()));
    assert_eq!(refusing(&judged(&golden, &[])), [Code::TokenMissing]);
    assert_eq!(judged(&golden, &[]).status, Status::Contraindicated);
    let empty = learn_token::empty("sensor");
    assert_eq!(refusing(&judged(&empty, &[proven(&map(psa_claims()))])), [Code::GoldenMissing]);
    assert_eq!(judged(&empty, &[]).status, Status::Contraindicated);
    assert_eq!(refused(268, None), [Code::TokenBootSeed]);
    assert_eq!(refused(2398, None), [Code::TokenClaimMissing]);
    // A token without golden values is not judged, and so no permission.
    let verdict = judged(&golden, &[proven(&map(plain_claims()))]);
    assert_eq!(verdict.tokens[0].verdict.status, Status::None);
    assert_eq!(refusing(&verdict), [Code::TokenMissing]);
}

#[test]
fn an_insecure_lifecycle_is_refused() {
    for state in [0, 0x1000, 0x2000, 0x4000, 0x5000, 0x6000] {
        assert_eq!(refused(2395, Some(int(state))), [Code::TokenLifecycleInsecure], "{state:#x}");
    }
    // The implementation's own part of the claim is free.
    let golden = learned(&map(psa_claims()));
    assert!(judged(&golden, &[proven(&with(psa_claims(), 2395, Some(int(0x30ff))))]).is_affirming());
}

#[test]
fn another_implementation_caller_certificate_or_seed_is_refused() {
    assert_eq!(refused(2396, Some(bytes([0x1e; 32]))), [Code::TokenClaimUnexpected]);
    assert_eq!(refused(2394, Some(int(7))), [Code::TokenClaimUnexpected]);
    assert_eq!(refused(2398, Some(text("0604565272829-10011"))), [Code::TokenClaimUnexpected]);
    assert_eq!(refused(268, Some(bytes([0; 8]))), [Code::TokenBootSeed]);
}

#[test]
fn debug_is_refused_in_every_part_of_the_device() {
    for status in [0, 1] {
        let device = with(psa_claims(), 263, Some(int(status)));
        let codes = refusing(&judged(&learned(&map(psa_claims())), &[proven(&device)]));
        // Without a rule only what is open now refuses.
        assert_eq!(codes.contains(&Code::TokenDebugEnabled), status == 0, "{status}");
        let submods = Value::Map(vec![(text("os"), map([(263, int(0))]))]);
        assert_eq!(refused(266, Some(submods)), [Code::TokenDebugEnabled]);
    }
    let claims: Vec<_> = plain_claims().into_iter().chain([(263, int(3)), (270, text("OS"))]).collect();
    let golden = learned(&map(claims.clone()));
    assert!(judged(&golden, &[proven(&map(claims.clone()))]).is_affirming());
    for (value, code) in [(Some(int(1)), Code::TokenDebugEnabled), (None, Code::TokenClaimMissing)] {
        assert_eq!(refusing(&judged(&golden, &[proven(&with(claims.clone(), 263, value))])), [code]);
    }
}

fn software(all: &[(&str, u8, u8, &str)]) -> Value {
    let one = |(kind, value, signer, version): &(&str, u8, u8, &str)| {
        map([(1, text(kind)), (2, bytes([*value; 32])), (4, text(version)), (5, bytes([*signer; 32]))])
    };
    with(psa_claims(), 2399, Some(Value::Array(all.iter().map(one).collect())))
}

#[test]
fn one_known_set_of_software_explains_all_of_it() {
    let (old, new) = (
        software(&[("BL", 1, 9, "1"), ("PRoT", 2, 9, "1")]),
        software(&[("BL", 3, 9, "2"), ("PRoT", 4, 9, "2")]),
    );
    let mut golden = learn_token::empty("sensor");
    learn_token::add(&mut golden, &[("1", &proven(&old)), ("2", &proven(&new))]).unwrap();
    let codes = |all: &[(&str, u8, u8, &str)]| refusing(&judged(&golden, &[proven(&software(all))]));
    assert!(codes(&[("PRoT", 2, 9, "1"), ("BL", 1, 9, "1")]).is_empty(), "the order is free");
    // A38b: parts of two good releases.
    assert_eq!(codes(&[("BL", 1, 9, "1"), ("PRoT", 4, 9, "2")]), [Code::TokenComponentMismatch]);
    assert_eq!(codes(&[("BL", 1, 9, "1"), ("PRoT", 5, 9, "1")]), [Code::TokenComponentMismatch]);
    assert_eq!(codes(&[("BL", 1, 8, "1"), ("PRoT", 2, 9, "1")]), [Code::TokenComponentMismatch], "signer");
    assert_eq!(codes(&[("BL", 1, 9, "9"), ("PRoT", 2, 9, "1")]), [Code::TokenComponentMismatch], "version");
    assert_eq!(codes(&[("BL", 1, 9, "1")]), [Code::TokenComponentMissing]);
    let three = [("BL", 1, 9, "1"), ("PRoT", 2, 9, "1"), ("App", 7, 9, "1")];
    assert_eq!(codes(&three), [Code::TokenComponentUnexpected]);
    let twice = [("BL", 1, 9, "1"), ("PRoT", 2, 9, "1"), ("BL", 1, 9, "1")];
    assert_eq!(codes(&twice), [Code::TokenComponentUnexpected], "one slot is used once");
    golden.superseded.push(golden::Superseded {
        component: "BL".into(),
        digests: vec![crate::Digest::new(crate::HashAlg::Sha256, &[6; 32]).unwrap()],
        reason: "a flaw".into(),
    });
    let verdict = judged(&golden, &[proven(&software(&[("BL", 6, 9, "0"), ("PRoT", 2, 9, "1")]))]);
    assert_eq!(refusing(&verdict), [Code::Superseded]);
    // The same word about a component that was left in the golden values: the newer word counts.
    golden.superseded[0].digests = vec![crate::Digest::new(crate::HashAlg::Sha256, &[1; 32]).unwrap()];
    assert_eq!(refusing(&judged(&golden, &[proven(&old)])), [Code::Superseded]);
}

#[test]
fn measurements_in_another_format_are_named_or_judged_whole() {
    let claims = |body: &[u8]| {
        let measured = Value::Array(vec![Value::Array(vec![int(258), bytes(body)])]);
        with(plain_claims().into_iter().chain([(270, text("OS"))]).collect(), 273, Some(measured))
    };
    let golden = learned(&claims(b"swid"));
    assert!(judged(&golden, &[proven(&claims(b"swid"))]).is_affirming());
    assert_eq!(refusing(&judged(&golden, &[proven(&claims(b"other"))])), [Code::TokenComponentMismatch]);
    let mut without = golden;
    without.tokens[0].variants.clear();
    let verdict = judged(&without, &[proven(&claims(b"swid"))]);
    assert_eq!(verdict.status, Status::Warning);
    assert!(verdict.reasons.iter().any(|r| r.code == Code::TokenMeasurementsNotJudged));
    let failed = Value::Array(vec![Value::Array(vec![
        text("self"),
        Value::Array(vec![Value::Array(vec![text("all"), int(2)])]),
    ])]);
    let own = with(plain_claims().into_iter().chain([(270, text("OS"))]).collect(), 274, Some(failed));
    assert!(refusing(&judged(&without, &[proven(&own)])).contains(&Code::TokenMeasurementFailed));
}

/// A part that is not proven says nothing, and what it leaves out may be that it is open: without its claims there is no permission.
#[test]
fn a_submodule_that_nobody_proved_is_refused() {
    let nested = bytes(Sign1::of(ES384, &map(plain_claims())).bytes());
    let detached = Value::Array(vec![int(-16), bytes([1; 32])]);
    for part in [nested, detached] {
        let submods = Value::Map(vec![(text("se"), part)]);
        let token = proven(&with(psa_claims(), 266, Some(submods)));
        let verdict = judged(&learned(&map(psa_claims())), &[token]);
        assert_eq!(refusing(&verdict), [Code::TokenSubmoduleUnproven]);
        assert_eq!(verdict.tokens[0].verdict.status, Status::Contraindicated);
        assert_eq!(verdict.reasons[0].component.as_deref(), Some("psa.se"));
    }
}

/// A device's token with a secure element's in it, at this place.
fn with_element(place: &str, element: &Value) -> AuthenticToken {
    with_elements(&[(place, element)])
}

fn with_elements(elements: &[(&str, &Value)]) -> AuthenticToken {
    let one = |(place, claims): &(&str, &Value)| (text(place), bytes(Sign1::of(ES384, claims).bytes()));
    let submods = Value::Map(elements.iter().map(one).collect());
    let outer = Sign1::new(&with(psa_claims(), 266, Some(submods))).bytes();
    let token = Token::parse(&outer, &Limits::DEFAULT).unwrap();
    let challenge = Challenge::offline(Nonce::given(&NONCE).unwrap());
    let (own, nested) = (Signer::P256.key(), [Signer::P384.key()]);
    AuthenticToken::authenticate(token, Keys { own: &own, nested: &nested }, challenge, NOW).unwrap()
}

fn element(name: &str) -> Value {
    map(plain_claims().into_iter().chain([(270, text(name)), (263, int(3))]))
}

fn learned_with_element() -> Golden {
    let mut golden = learn_token::empty("sensor");
    learn_token::add(&mut golden, &[("1.2.3", &with_element("se", &element("SE")))]).unwrap();
    golden
}

#[test]
fn a_nested_token_is_judged_like_any_other() {
    let golden = learned_with_element();
    assert_eq!(Golden::parse(&golden.to_toml(), &Limits::DEFAULT).unwrap(), golden);
    let verdict = judged(&golden, &[with_element("se", &element("SE"))]);
    assert_eq!(verdict.status, Status::Affirming, "{:?}", verdict.reasons);
    let parts: Vec<_> =
        verdict.tokens.iter().map(|token| (token.name.as_str(), token.verdict.status)).collect();
    assert_eq!(parts, [("psa", Status::Affirming), ("se", Status::Affirming)]);
    assert_eq!(ear(&verdict)["submods"]["se"]["ear_status"], "affirming");
    let other = judged(&golden, &[with_element("se", &element("Other"))]);
    assert_eq!(refusing(&other), [Code::TokenClaimUnexpected]);
    let open = with([(270, text("SE"))].into_iter().chain(plain_claims()).collect(), 263, Some(int(0)));
    assert_eq!(refusing(&judged(&golden, &[with_element("se", &open)])), [Code::TokenDebugEnabled]);
}

/// The golden values of one place are not those of another, and a token that is asked for may not come by itself, where nothing binds it.
#[test]
fn a27a_a_nested_token_counts_in_its_place_alone() {
    let golden = learned_with_element();
    assert_eq!(refusing(&judged(&golden, &[proven(&map(psa_claims()))])), [Code::TokenMissing]);
    assert_eq!(refusing(&judged(&golden, &[with_element("tee", &element("SE"))])), [Code::TokenMissing]);
    let beside = [proven(&map(psa_claims())), by(ES384, &element("SE"))];
    assert_eq!(refusing(&judged(&golden, &beside)), [Code::TokenMissing]);
}

#[test]
fn a_device_with_a_nested_token_that_nobody_knows_does_not_affirm() {
    let both = [("se", &element("SE")), ("tee", &element("Other"))];
    let verdict = judged(&learned_with_element(), &[with_elements(&both)]);
    assert_eq!(verdict.status, Status::Warning);
    let statuses: Vec<_> = verdict.tokens.iter().map(|token| token.verdict.status).collect();
    assert_eq!(statuses, [Status::Warning, Status::Affirming, Status::None]);
    let not_judged = verdict.reasons.iter().filter(|reason| reason.code == Code::TokenNotJudged);
    let named: Vec<_> = not_judged.map(|r| (r.token.as_deref().unwrap(), r.component.as_deref())).collect();
    assert_eq!(named, [("token-2", None), ("psa", Some("psa.tee"))]);
    // A token that came by itself is beside the others, and in none.
    let beside = [with_element("se", &element("SE")), by(ES384, &element("Other"))];
    let statuses: Vec<_> =
        judged(&learned_with_element(), &beside).tokens.iter().map(|token| token.verdict.status).collect();
    assert_eq!(statuses, [Status::Affirming, Status::Affirming, Status::None]);
}

#[test]
fn a27a_a_nested_token_of_another_device() {
    let limits = Limits::DEFAULT;
    let key = |signer: Signer, device| TokenKey::enrolled(&signer.cose_key(), device, &limits).unwrap();
    let submods = Value::Map(vec![(text("se"), bytes(Sign1::of(ES384, &element("SE")).bytes()))]);
    let outer = Sign1::new(&with(psa_claims(), 266, Some(submods))).bytes();
    let judge = |device| {
        let token = Token::parse(&outer, &limits).unwrap();
        let challenge = Challenge::offline(Nonce::given(&NONCE).unwrap());
        let (own, nested) = (key(Signer::P256, "dev-a"), [key(Signer::P384, device)]);
        let keys = Keys { own: &own, nested: &nested };
        let token = AuthenticToken::authenticate(token, keys, challenge, NOW).unwrap();
        refusing(&judged(&learned_with_element(), &[token]))
    };
    assert_eq!(judge("dev-a"), []);
    assert_eq!(judge("dev-b"), [Code::TokenOfAnotherDevice]);
}

#[test]
fn nothing_is_learned_from_a_part_that_is_not_proven() {
    let submods = Value::Map(vec![(text("se"), bytes(Sign1::of(ES384, &map(plain_claims())).bytes()))]);
    let token = proven(&with(psa_claims(), 266, Some(submods)));
    let error = learn_token::add(&mut learn_token::empty("sensor"), &[("x", &token)]).unwrap_err();
    assert!(matches!(error, learn_token::Error::Insecure { .. }));
}

#[test]
fn sections_of_submodules_have_names_that_the_result_can_carry() {
    let names = |places: &[&str]| {
        let all: Vec<_> = places.iter().map(|place| element(place)).collect();
        let elements: Vec<_> = places.iter().copied().zip(&all).collect();
        let mut golden = learn_token::empty("sensor");
        learn_token::add(&mut golden, &[("x", &with_elements(&elements))]).unwrap();
        golden.tokens.iter().map(|token| token.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&["boot", "Secure Element", "secure-element"]),
        ["boot-2", "psa", "secure-element", "secure-element-2"]
    );
    assert_eq!(names(&["", &"x".repeat(99)]), ["eat", "psa", &"x".repeat(28)]);
}

#[test]
fn two_tokens_of_one_profile_are_refused() {
    let token = || proven(&map(psa_claims()));
    assert_eq!(refusing(&judged(&learned(&map(psa_claims())), &[token(), token()])), [Code::TokenRepeated]);
}

#[test]
fn nothing_is_learned_from_an_open_device() {
    for (label, value) in [(2395, int(0x4000)), (263, int(0)), (263, int(1))] {
        let mut golden = learn_token::empty("sensor");
        let token = proven(&with(psa_claims(), label, Some(value)));
        let error = learn_token::add(&mut golden, &[("x", &token)]).unwrap_err();
        assert!(matches!(error, learn_token::Error::Insecure { .. }));
    }
}

#[test]
fn a_section_that_would_accept_anything_is_refused() {
    let parse = |section: &str| {
        let text = format!(
            "format = \"attest-golden/1\"\nfamily = \"x\"\nbanks = []\njudged = []\n[[token]]\n{section}"
        );
        Golden::parse(&text, &Limits::DEFAULT).unwrap_err().code()
    };
    assert_eq!(parse("name = \"eat\""), "golden_value");
    assert_eq!(parse("name = \"boot\"\nswname = [\"x\"]"), "golden_value");
    assert_eq!(parse("name = \"a b\"\nswname = [\"x\"]"), "golden_value");
    assert_eq!(parse("name = \"psa\"\nprofile = \"tag:psacertified.org,2023:psa#tfm\""), "golden_value");
    assert_eq!(parse("name = \"x\"\nprofile = \"tag:other\"\nswname = [\"x\"]"), "golden_value");
    assert_eq!(parse("name = \"x\"\nswnames = [\"x\"]"), "golden_syntax");
    assert_eq!(parse("name = \"x\"\nswname = [\"x\"]\ndebug = [\"off\"]"), "golden_value");
    assert_eq!(parse("name = \"x\"\nswname = [\"x\"]\n[[token.variant]]\nname = \"v\""), "golden_value");
    let twice = "name = \"x\"\nswname = [\"x\"]\n[[token]]\nname = \"x\"\nswname = [\"x\"]";
    assert_eq!(parse(twice), "golden_duplicate");
}

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
