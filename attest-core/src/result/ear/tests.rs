use serde_json::json;

use super::*;
use crate::{
    appraise::{
        Cause, Code, GoldenSource, RootCause, TrustVector,
        verdict::{ComponentVerdict, JudgedPcr, Proven},
    },
    evidence::tpm::ClockInfo,
    reference::Governed,
    result::key::VerifyingKey,
};

pub(crate) const NONCE: [u8; 32] = [0xa5; 32];
pub(crate) const NOW: u64 = 1_790_000_000;

fn sub(status: Status, executables: i8) -> SubVerdict {
    SubVerdict { status, trust_vector: TrustVector { executables, ..TrustVector::default() } }
}

pub(crate) fn good() -> Verdict {
    let trust_vector =
        TrustVector { instance_identity: 2, configuration: 2, executables: 3, ..TrustVector::default() };
    Verdict {
        status: Status::Affirming,
        trust_vector,
        boot: SubVerdict { status: Status::Affirming, trust_vector },
        runtime: sub(Status::None, 0),
        tokens: Vec::new(),
        comparison: Vec::new(),
        first_difference: None,
        components: vec![ComponentVerdict { name: "kernel".into(), status: Status::Affirming }],
        reasons: vec![Reason::new(Code::Limits, Severity::Info, Part::Evidence, "kexec is not seen")],
        causes: vec![],
        golden: GoldenSource {
            source: "release",
            release: Some("2026.11".into()),
            tier: Some("production".into()),
            variant: Some("6.1.0-41".into()),
            document_sha256: None,
            overlay_sha256: None,
            governed: None,
        },
        valid_until: None,
        family: "debian-laptop".into(),
        device: Some("dev-0123456789abcdef0123456789abcdef".into()),
        judged: vec![JudgedPcr { pcr: 4, bank: "sha256" }, JudgedPcr { pcr: 7, bank: "sha256" }],
        proven: Some(Proven {
            nonce: hex::encode(NONCE),
            ak_name: Some("000b".to_owned() + &"11".repeat(32)),
            clock: ClockInfo { clock: 12_345, reset_count: 3, restart_count: 0, safe: true },
            firmware_version: "20191023000000ff".into(),
            ima: None,
        }),
        ima_checkpoint: None,
    }
}

pub(crate) fn refused() -> Verdict {
    let mut verdict = good();
    verdict.status = Status::Contraindicated;
    verdict.boot = sub(Status::Contraindicated, 33);
    verdict.components[0].status = Status::Contraindicated;
    for pcr in 0..20 {
        let mut warning = Reason::new(Code::OtherBankMismatch, Severity::Warn, Part::Boot, "sha1 differs");
        warning.pcr = Some(pcr);
        verdict.reasons.push(warning);
    }
    let mut reason = Reason::new(Code::GoldenMismatch, Severity::Refuse, Part::Boot, "the kernel is another");
    (reason.component, reason.pcr) = (Some("kernel".into()), Some(4));
    verdict.reasons.push(reason);
    verdict.causes = vec![RootCause {
        component: Some("kernel".into()),
        pcr: Some(4),
        event: Some(17),
        ..RootCause::new(Cause::KernelChanged)
    }];
    verdict
}

pub(crate) fn subject() -> PublicKey {
    let point = [&[4][..], &[0x17; 32], &[0x2a; 32]].concat();
    PublicKey::from_spki_der(&VerifyingKey::from_point(&point).unwrap().spki_der()).unwrap()
}

pub(crate) fn context() -> ResultContext {
    ResultContext {
        issued_at: Timestamp::from_unix(NOW),
        expires: Timestamp::from_unix(NOW + 300),
        verifier: VerifierId { developer: "https://attest.example".into(), build: "attest 0.1.0".into() },
        issuer: Some("https://attest.example".into()),
        audience: None,
        policy_id: "https://attest.example/policy/1".into(),
        confirmation: Some(subject()),
        development: false,
    }
}

#[test]
fn a_result_counts_no_longer_than_what_its_verdict_stands_on() {
    let exp = |until: Option<u64>| {
        let valid_until = until.map(Timestamp::from_unix);
        Ear::new(&Verdict { valid_until, ..good() }, &context()).to_json()["exp"].clone()
    };
    assert_eq!(exp(None), json!(NOW + 300));
    assert_eq!(exp(Some(NOW + 299)), json!(NOW + 299));
    assert_eq!(exp(Some(NOW + 301)), json!(NOW + 300));
}

fn governed() -> Governed {
    Governed {
        authority: "sha256:00".into(),
        family: "debian-laptop".into(),
        version: "2026.11.1".into(),
        security_version: 4,
        log_index: 17,
        gates: vec!["policy", "request"],
        file_keys: vec![],
    }
}

#[test]
fn a_release_is_named_with_its_authority_its_place_and_its_gates() {
    let mut verdict = good();
    verdict.golden.governed = Some(governed());
    let expected = json!({
        "source": "release", "release": "2026.11", "tier": "production", "variant": "6.1.0-41",
        "authority": "sha256:00", "version": "2026.11.1", "security_version": 4, "log_index": 17,
        "gates": ["policy", "request"],
    });
    assert_eq!(Ear::new(&verdict, &context()).to_json()["attest_golden"], expected);
}

#[test]
fn a_release_signed_with_a_key_in_a_file_is_marked_as_development() {
    let mut verdict = good();
    let file_keys = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
    verdict.golden.governed = Some(Governed { file_keys: file_keys(&[]), ..governed() });
    let claims = Ear::new(&verdict, &context()).to_json();
    assert_eq!(
        (&claims["attest_development"], &claims["attest_golden"]["file_keys"]),
        (&json!(false), &json!(null))
    );
    verdict.golden.governed = Some(Governed { file_keys: file_keys(&["laptop-corim"]), ..governed() });
    let claims = Ear::new(&verdict, &context()).to_json();
    assert_eq!(claims["attest_development"], true, "in whatever tier");
    assert_eq!(claims["attest_golden"]["file_keys"], json!(["laptop-corim"]));
}

#[test]
fn the_claims_are_those_of_the_draft() {
    let claims = Ear::new(&good(), &context()).to_json();
    assert_eq!(claims["eat_profile"], PROFILE);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 300)));
    assert_eq!(claims["ear_status"], "affirming");
    assert_eq!(
        claims["ear_verifier_id"],
        json!({"developer": "https://attest.example", "build": "attest 0.1.0"})
    );
    assert_eq!(claims["sub"], "dev-0123456789abcdef0123456789abcdef");
    assert_eq!(claims["eat_nonce"], "paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU");
    assert_eq!(claims["cnf"]["jwk"], subject().jwk());
    let boot = &claims["submods"]["boot"];
    let vector = json!({"instance-identity": 2, "configuration": 2, "executables": 3});
    assert_eq!(boot["ear_trustworthiness_vector"], vector);
    assert_eq!(boot["ear_appraisal_policy_ids"], json!(["https://attest.example/policy/1"]));
    assert_eq!(boot["ear_attester_claims"]["tpm_reset_count"], 3);
    assert_eq!(boot["ear_verifier_claims"]["banks"], json!(["sha256"]));
    assert_eq!(boot["ear_verifier_claims"]["components"], json!({}));
    let runtime = &claims["submods"]["runtime"];
    assert_eq!(runtime["ear_status"], "none");
    assert_eq!(runtime.get("ear_trustworthiness_vector"), None, "an empty vector is not allowed");
    assert_eq!(claims["attest_family"], "debian-laptop");
    assert_eq!(claims["attest_golden"]["release"], "2026.11");
    assert_eq!(claims["attest_development"], false);
}

#[test]
fn a_refused_device_gets_its_reasons_refusing_ones_first_and_bounded() {
    let claims = Ear::new(&refused(), &context()).to_json();
    assert_eq!(claims["ear_status"], "contraindicated");
    let said = &claims["submods"]["boot"]["ear_verifier_claims"];
    let reasons = said["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), REASONS_MAX);
    let first = json!({"code": "golden_mismatch", "severity": "refuse", "component": "kernel", "pcr": 4});
    assert_eq!(reasons[0], first);
    assert_eq!(said["reason_count"], 22);
    assert_eq!(said["causes"], json!(["kernel_changed"]));
    assert_eq!(said["components"], json!({"kernel": "contraindicated"}));
    let runtime = &claims["submods"]["runtime"]["ear_verifier_claims"];
    assert_eq!(
        runtime["reason_count"], 1,
        "a reason about boot is none about runtime; one about the evidence is"
    );
}

#[test]
fn a15_no_nonce_and_no_confirmation_unless_the_evidence_proved_them() {
    let mut verdict = refused();
    verdict.proven = None;
    verdict.trust_vector = TrustVector::NOT_AUTHENTIC;
    let claims = Ear::new(&verdict, &context()).to_json();
    assert_eq!(claims.get("eat_nonce"), None);
    assert_eq!(claims.get("cnf"), None);
    assert_eq!(claims["submods"]["boot"].get("ear_attester_claims"), None);
    assert_eq!(claims["ear_status"], "contraindicated");
}

#[test]
fn a_key_that_only_the_caller_vouches_for_is_no_subject() {
    let mut verdict = good();
    verdict.device = None;
    assert_eq!(Ear::new(&verdict, &context()).to_json().get("sub"), None);
}

#[test]
fn the_whole_is_never_better_than_a_part() {
    let mut verdict = good();
    verdict.runtime.status = Status::Warning;
    assert_eq!(Ear::new(&verdict, &context()).to_json()["ear_status"], "warning");
    verdict.boot.status = Status::Contraindicated;
    assert_eq!(Ear::new(&verdict, &context()).to_json()["ear_status"], "contraindicated");
}

#[test]
fn golden_values_that_nobody_released_mark_the_result() {
    let mut verdict = good();
    verdict.golden.source = "development";
    assert_eq!(Ear::new(&verdict, &context()).to_json()["attest_development"], true);
    let context = ResultContext { development: true, ..context() };
    assert_eq!(Ear::new(&good(), &context).to_json()["attest_development"], true);
}

/// Whatever a verifier's configuration lets in.
#[test]
fn inv16_values_of_tier_dev_mark_the_result() {
    for (tier, is_development) in
        [("dev", true), ("delegated", false), ("emergency", false), ("production", false)]
    {
        let mut verdict = good();
        verdict.golden.tier = Some(tier.to_owned());
        let claims = Ear::new(&verdict, &context()).to_json();
        assert_eq!(claims["attest_development"], is_development, "{tier}");
        assert_eq!(claims["attest_golden"]["tier"], tier);
    }
}
