//! From a device to a verdict, by the library's front door.

use attest_core::appraise::{Code, Context, Part, Policy, Reason, Severity, Status, Verdict};
use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Guesses, NoGuesses, Nonce};
use attest_core::evidence::bundle::{Bundle, Evidence};
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::pcr_values::PcrValues;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::{self, Golden};
use attest_core::reference::learn::{self, Boot, Choices};
use attest_core::{Digest, HashAlg, Limits, Timestamp};

use super::device::{Device, NONCE, ak_public, sign};

pub const FAMILY: &str = "debian-laptops";

/// What is sent, as bytes that a test may change.
#[derive(Clone)]
pub struct Sent {
    pub attest: Vec<u8>,
    pub signature: Vec<u8>,
    pub log: Option<Vec<u8>>,
    pub ima: Option<Vec<u8>>,
    pub userspace: Option<Vec<u8>>,
    pub values: Option<PcrValues>,
}

impl Sent {
    pub fn by(device: &Device) -> Self {
        let attest = device.attest();
        let value = |((bank, pcr), bytes): (&(u16, u8), &Vec<u8>)| {
            (*pcr, Digest::new(HashAlg::from_tpm(*bank).unwrap(), bytes).unwrap())
        };
        Self {
            signature: sign(&attest),
            attest,
            log: Some(device.log_bytes()),
            ima: (!device.ima.is_empty()).then(|| device.ima_bytes()),
            userspace: None,
            values: Some(device.pcrs.iter().map(value).collect()),
        }
    }

    pub fn bundle(&self) -> Result<Bundle<'_>, attest_core::evidence::bundle::Error> {
        let evidence = Evidence {
            attest: &self.attest,
            signature: &self.signature,
            signature_scheme: None,
            event_log: self.log.as_deref(),
            ima: self.ima.as_deref(),
            userspace_log: self.userspace.as_deref(),
            pcrs: self.values.clone(),
            ..Evidence::default()
        };
        Bundle::parse(evidence, &Limits::DEFAULT)
    }

    pub fn authenticate(&self) -> Result<AuthenticEvidence<'_>, attest_core::authenticate::Error> {
        self.authenticate_guessing(&NoGuesses)
    }

    fn authenticate_guessing(
        &self,
        guesses: &dyn Guesses,
    ) -> Result<AuthenticEvidence<'_>, attest_core::authenticate::Error> {
        let key = AttestationKey::vouched_tpm(&ak_public(), &Limits::DEFAULT).unwrap();
        let challenge = Challenge::offline(Nonce::new(&NONCE).unwrap());
        let now = Timestamp::from_unix(1_800_000_000);
        AuthenticEvidence::authenticate_guessing(self.bundle()?, None, &key, challenge, now, guesses)
    }

    pub fn judge(&self, golden: &Golden, policy: &Policy, context: &Context) -> Verdict {
        self.judge_by(&ReferenceSet::development(golden.clone()).unwrap(), policy, context)
    }

    pub fn judge_by(&self, references: &ReferenceSet, policy: &Policy, context: &Context) -> Verdict {
        match self.authenticate_guessing(references) {
            Ok(evidence) => policy.appraise(&evidence, references, context),
            Err(error) => {
                policy.refuse_unproven(&error, &error.to_string(), references.source().clone(), context)
            }
        }
    }
}

pub fn context() -> Context {
    Context { family: FAMILY.into(), ..Context::default() }
}

/// The verdict by the default policy. Without the PCR values the verdict is the same, or the evidence is not authentic.
pub fn judge(device: &Device, golden: &Golden) -> Verdict {
    let sent = Sent::by(device);
    let references = ReferenceSet::development(golden.clone()).unwrap();
    let verdict = sent.judge_by(&references, &Policy::default(), &context());
    let derived = Sent { values: None, ..sent }.judge_by(&references, &Policy::default(), &context());
    if derived.reasons.iter().any(|r| r.code == Code::EvidenceNotAuthentic) {
        assert_eq!(
            verdict.status,
            Status::Contraindicated,
            "the logs do not lead to the values: {verdict:#?}"
        );
    } else {
        assert_eq!(derived, verdict);
    }
    verdict
}

/// A golden document for boot integrity, learned from these devices.
pub fn golden(devices: &[&Device]) -> Golden {
    learned(devices, false).unwrap()
}

/// The same with golden values for files.
pub fn golden_with_files(devices: &[&Device]) -> Golden {
    learned(devices, true).unwrap()
}

pub fn learned(devices: &[&Device], with_files: bool) -> Result<Golden, learn::Error> {
    learned_by(devices, with_files, &Choices::default())
}

pub fn learned_by(devices: &[&Device], with_files: bool, choices: &Choices) -> Result<Golden, learn::Error> {
    let bytes: Vec<(Vec<u8>, Vec<u8>)> = devices.iter().map(|d| (d.log_bytes(), d.ima_bytes())).collect();
    let parsed: Vec<_> = bytes
        .iter()
        .map(|(log, ima)| {
            let log = EventLog::parse(log, &Limits::DEFAULT).unwrap();
            let files = with_files.then(|| learn::ima_files(&ImaLog::parse(ima, &Limits::DEFAULT).unwrap()));
            (log, files)
        })
        .collect();
    let names: Vec<String> = (1..=devices.len()).map(|n| format!("boot-{n}")).collect();
    let boots: Vec<Boot<'_, '_>> = parsed
        .iter()
        .zip(&names)
        .map(|((log, files), name)| Boot {
            userspace: None,
            name,
            log,
            evidence: golden::Evidence::Quoted,
            files: files.as_ref(),
        })
        .collect();
    learn::learn(FAMILY, &boots, choices)
}

pub fn find(verdict: &Verdict, code: Code) -> Vec<&Reason> {
    verdict.reasons.iter().filter(|r| r.code == code).collect()
}

pub fn has(verdict: &Verdict, code: Code) -> bool {
    !find(verdict, code).is_empty()
}

/// Asserts that the verdict refuses, and that a refusing reason has this code.
#[track_caller]
pub fn refused(verdict: &Verdict, code: Code) {
    let by = |r: &&Reason| r.code == code && r.severity == Severity::Refuse;
    assert!(verdict.reasons.iter().any(|r| by(&r)), "not refused as {code}: {verdict:#?}");
    assert_eq!(verdict.status, Status::Contraindicated);
}

/// Asserts that the verdict refuses for nothing but this code.
#[track_caller]
pub fn refused_only(verdict: &Verdict, code: Code) {
    refused(verdict, code);
    for reason in verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse) {
        assert_eq!(reason.code, code, "{verdict:#?}");
    }
}

#[track_caller]
pub fn affirmed(verdict: &Verdict) {
    assert_eq!(verdict.status, Status::Affirming, "{verdict:#?}");
    assert!(verdict.causes.is_empty() && verdict.worst(Part::Boot) == Some(Severity::Info));
}

/// How bad a status is.
pub fn badness(status: Status) -> u8 {
    match status {
        Status::Affirming => 0,
        Status::None => 1,
        Status::Warning => 2,
        _ => 3,
    }
}
