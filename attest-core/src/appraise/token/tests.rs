mod beside;
mod learned;
mod nested;

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
fn absence_refuses() {
    let golden = learned(&map(psa_claims()));
    assert_eq!(refusing(&judged(&golden, &[])), [Code::TokenMissing]);
    assert_eq!(judged(&golden, &[]).status, Status::Contraindicated);
    let missing = &judged(&golden, &[]).reasons[0];
    let of = "the token `psa` of the profile tag:psacertified.org,2023:psa#tfm, and there is none";
    assert!(missing.explain.ends_with(of), "{}", missing.explain);
    let empty = learn_token::empty("sensor");
    assert_eq!(refusing(&judged(&empty, &[proven(&map(psa_claims()))])), [Code::GoldenMissing]);
    assert_eq!(judged(&empty, &[]).status, Status::Contraindicated);
    assert_eq!(refused(268, None), [Code::TokenBootSeed]);
    assert_eq!(refused(2398, None), [Code::TokenClaimMissing]);
    // A token without golden values is not judged, and so no permission.
    let verdict = judged(&golden, &[proven(&map(plain_claims()))]);
    assert_eq!(verdict.tokens[0].verdict.status, Status::None);
    let unjudged = verdict.reasons.iter().find(|r| r.code == Code::TokenNotJudged).unwrap();
    assert_eq!((unjudged.token.as_deref(), &*verdict.tokens[0].name), (Some("token-0"), "token-0"));
    assert!(!verdict.is_affirming());
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
    let verdict =
        judged(&learned(&map(psa_claims())), &[proven(&with(psa_claims(), 2395, Some(int(0x4000))))]);
    let reason = verdict.reasons.iter().find(|r| r.code == Code::TokenLifecycleInsecure).unwrap();
    assert_eq!(reason.component.as_deref(), Some("psa.lifecycle"));
    assert_eq!((&reason.expected[..], reason.got.as_deref()), (&["secured".to_owned()][..], Some("0x4000")));
}

#[test]
fn an_insecure_lifecycle_is_refused_in_every_part_of_the_device() {
    let parts = |state| {
        let part = map([(2395, int(state))]);
        let inner = map([(266, Value::Map(vec![(text("core"), part.clone())]))]);
        [part, inner].map(|part| Value::Map(vec![(text("os"), part)]))
    };
    for (submods, component) in parts(0x1000).into_iter().zip(["psa.os.lifecycle", "psa.os.core.lifecycle"]) {
        assert_eq!(refused(266, Some(submods.clone())), [Code::TokenLifecycleInsecure]);
        let verdict =
            judged(&learned(&map(psa_claims())), &[proven(&with(psa_claims(), 266, Some(submods)))]);
        let reason = verdict.reasons.iter().find(|r| r.code == Code::TokenLifecycleInsecure).unwrap();
        assert_eq!((reason.component.as_deref(), reason.got.as_deref()), (Some(component), Some("0x1000")));
    }
    for submods in parts(0x3001) {
        let token = proven(&with(psa_claims(), 266, Some(submods)));
        assert!(judged(&learned(&map(psa_claims())), &[token]).is_affirming());
    }
    // A token without a profile says it by itself, and golden values that do not speak of it admit what is secured.
    let golden = learned(&map(plain_claims().into_iter().chain([(270, text("OS"))])));
    let codes = |state| {
        let claims = plain_claims().into_iter().chain([(270, text("OS")), (2395, int(state))]);
        refusing(&judged(&golden, &[proven(&map(claims))]))
    };
    assert_eq!((codes(0x3000), codes(0x4000)), (vec![], vec![Code::TokenLifecycleInsecure]));
    let malformed = Sign1::new(&with(psa_claims(), 266, Some(parts(0x7000)[0].clone()))).bytes();
    assert_eq!(Token::parse(&malformed, &Limits::DEFAULT).unwrap_err().code(), "claim_malformed");
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
    // Another variant's measurements are none for one that leaves them open.
    let measured = |body: &[u8]| {
        let measured = Value::Array(vec![Value::Array(vec![int(258), bytes(body)])]);
        with(psa_claims(), 273, Some(measured))
    };
    let mut both = learned(&measured(b"swid"));
    let open = golden::TokenVariant {
        name: "open".into(),
        measurements: vec![],
        ..both.tokens[0].variants[0].clone()
    };
    both.tokens[0].variants.insert(0, open);
    assert!(judged(&both, &[proven(&measured(b"swid"))]).is_affirming(), "the variant that says what it is");
    let verdict = judged(&both, &[proven(&measured(b"other"))]);
    assert_eq!((verdict.status, refusing(&verdict)), (Status::Warning, vec![]));
    assert!(verdict.reasons.iter().any(|r| r.code == Code::TokenMeasurementsNotJudged));
    // Nor are manifests held against anything.
    let manifests = Value::Array(vec![Value::Array(vec![int(258), bytes(b"swid")])]);
    let own = learned(&map(psa_claims()));
    let verdict = judged(&own, &[proven(&with(psa_claims(), 272, Some(manifests)))]);
    assert_eq!(verdict.status, Status::Warning);
    let told = verdict.reasons.iter().find(|r| r.code == Code::TokenMeasurementsNotJudged).unwrap();
    assert_eq!(told.component.as_deref(), Some("psa.manifests"));
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

#[test]
fn two_tokens_of_one_profile_are_refused() {
    let token = || proven(&map(psa_claims()));
    let verdict = judged(&learned(&map(psa_claims())), &[token(), token()]);
    assert_eq!(refusing(&verdict), [Code::TokenRepeated]);
    let repeated = verdict.reasons.iter().find(|r| r.code == Code::TokenRepeated).unwrap();
    assert_eq!(repeated.token.as_deref(), Some("psa"));
}

/// The only refusing reason of a token with one claim another than the golden device's.
fn the_reason(golden: &Value, got: &Value) -> crate::appraise::Reason {
    let verdict = judged(&learned(golden), &[proven(got)]);
    let mut refusing = verdict.reasons.into_iter().filter(|r| r.severity == Severity::Refuse);
    let reason = refusing.next().unwrap();
    assert!(refusing.next().is_none());
    reason
}

#[test]
fn a_refusal_says_what_was_expected_and_what_came() {
    let maker =
        |value| with([(270, text("OS"))].into_iter().chain(plain_claims()).collect(), 258, Some(value));
    let reason = the_reason(&maker(bytes([1, 2, 3])), &maker(int(70_000)));
    assert_eq!(
        (&reason.expected[..], reason.got.as_deref()),
        (&["010203".to_owned()][..], Some("pen:70000"))
    );
    let one = |value| software(&[("BL", value, 0x51, "1.0")]);
    let reason = the_reason(&one(0xb1), &one(0xb2));
    let shown = |value: &str| format!("{} signed by {}", value.repeat(32), "51".repeat(32));
    assert!(reason.expected[0].starts_with(&shown("b1")), "{reason:?}");
    assert_eq!(reason.got, Some(format!("{}, version 1.0", shown("b2"))));
}

#[test]
fn a_tokens_configuration_is_claimed_with_it() {
    let golden = learned(&map(psa_claims()));
    let claimed =
        |claims: &Value| judged(&golden, &[proven(claims)]).tokens[0].verdict.trust_vector.configuration;
    assert_eq!(claimed(&map(psa_claims())), 2);
    assert_eq!(claimed(&with(psa_claims(), 2395, Some(int(0x4000)))), 96);
}

/// Of two known sets of software the nearer one is named, of equally near ones the first.
#[test]
fn the_nearest_software_is_the_one_compared_with() {
    let both = |bl, root| proven(&software(&[("BL", bl, 0x51, "1"), ("PRoT", root, 0x51, "1")]));
    let mut golden = learn_token::empty("sensor");
    learn_token::add(&mut golden, &[("old", &both(1, 1)), ("new", &both(2, 2))]).unwrap();
    let named = |token: AuthenticToken| {
        let verdict = judged(&golden, &[token]);
        let refusing = verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse);
        refusing.map(|r| r.explain.clone()).collect::<Vec<_>>()
    };
    assert_eq!(named(both(2, 3)), ["`PRoT` is not the one of `new`"]);
    assert_eq!(named(both(1, 2)), ["`PRoT` is not the one of `old`"]);
}
