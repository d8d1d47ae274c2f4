//! A captured boot with one of its quotes: read, proven, judged.

use std::path::Path;

use attest_core::appraise::{Context, Policy, Verdict};
use attest_core::authenticate::{
    AttestationKey, AuthenticEvidence, Challenge, Error, Guesses, NoGuesses, Nonce,
};
use attest_core::evidence::bundle::{Bundle, Evidence};
use attest_core::evidence::pcr_values::PcrValues;
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::Golden;
use attest_core::{Digest, HashAlg, Limits, Timestamp};

/// What a device would send. A test changes what it lies about.
pub(crate) struct Capture {
    place: String,
    attest: Vec<u8>,
    signature: Vec<u8>,
    key: Vec<u8>,
    nonce: Vec<u8>,
    event_log: Vec<u8>,
    /// The IMA list, in either form.
    pub(crate) ima: Vec<u8>,
    userspace_log: Option<Vec<u8>>,
    pub(crate) pcrs: Option<PcrValues>,
}

impl Capture {
    /// The boot in a folder by its `quote`: `ecc` or `rsa` for that key's, `all` for the one over every PCR. `None` if there is no such quote.
    pub(crate) fn read(folder: &Path, quote: &str) -> Option<Self> {
        let attest = std::fs::read(folder.join(format!("quote-{quote}.attest"))).ok()?;
        let key = if quote == "all" { "ecc" } else { quote };
        let nonce = file(folder, "nonce.hex");
        Some(Self {
            place: format!("{} ({quote})", folder.display()),
            attest,
            signature: file(folder, &format!("quote-{quote}.sig")),
            key: file(folder, &format!("ak-{key}.pub")),
            nonce: hex::decode(nonce.trim_ascii()).expect("hexadecimal"),
            event_log: file(folder, "eventlog.bin"),
            ima: file(folder, "ima.bin"),
            userspace_log: None,
            pcrs: Some(values(&file(folder, "pcrs.json"))),
        })
    }

    /// The same with this log of user space.
    pub(crate) fn with_userspace_log(self, log: &[u8]) -> Self {
        Self { userspace_log: Some(log.to_vec()), ..self }
    }

    /// The same without PCR values.
    pub(crate) fn without_values(self) -> Self {
        Self { pcrs: None, ..self }
    }

    /// What `check` says of the evidence, if it is authentic.
    pub(crate) fn prove<T>(&self, check: impl FnOnce(&AuthenticEvidence<'_>) -> T) -> Result<T, Error> {
        self.prove_guessing(&NoGuesses, check)
    }

    /// The same where these good boots are known.
    pub(crate) fn prove_guessing<T>(
        &self,
        guesses: &dyn Guesses,
        check: impl FnOnce(&AuthenticEvidence<'_>) -> T,
    ) -> Result<T, Error> {
        let evidence = Evidence {
            attest: &self.attest,
            signature: &self.signature,
            event_log: Some(&self.event_log),
            ima: Some(&self.ima),
            userspace_log: self.userspace_log.as_deref(),
            pcrs: self.pcrs.clone(),
            ..Evidence::default()
        };
        let bundle = Bundle::parse(evidence, &Limits::DEFAULT)?;
        let key = AttestationKey::vouched_tpm(&self.key, &Limits::DEFAULT).expect("key");
        let challenge = Challenge::offline(Nonce::given(&self.nonce).expect("nonce"));
        let now = Timestamp::from_unix(1_800_000_000);
        AuthenticEvidence::authenticate_guessing(bundle, None, &key, challenge, now, guesses)
            .map(|evidence| check(&evidence))
    }

    /// The verdict where the golden values' boots are tried for values that were not sent, as the server and the command line do.
    pub(crate) fn judge_guessing(&self, family: &str, references: &ReferenceSet) -> Verdict {
        let context = Context { family: family.into(), ..Context::default() };
        let policy = Policy::default();
        let judged =
            self.prove_guessing(references, |evidence| policy.appraise(evidence, references, &context));
        judged.unwrap_or_else(|error| {
            policy.refuse_unproven(&error, &error.to_string(), references.source().clone(), &context)
        })
    }

    /// The verdict, by the policy that holds if none is given.
    pub(crate) fn judge(&self, family: &str, references: &ReferenceSet) -> Verdict {
        let context = Context { family: family.into(), ..Context::default() };
        let verdict = self.prove(|evidence| Policy::default().appraise(evidence, references, &context));
        verdict.unwrap_or_else(|error| panic!("{}: {error}", self.place))
    }
}

/// A file of a boot that must be there.
pub(crate) fn file(folder: &Path, name: &str) -> Vec<u8> {
    let path = folder.join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn references(golden: &Golden) -> ReferenceSet {
    ReferenceSet::development(golden.clone()).expect("a document that fits together")
}

/// Every register of `pcrs.json`.
fn values(json: &[u8]) -> PcrValues {
    let banks = super::pcrs(json).into_iter();
    banks
        .flat_map(|(bank, pcrs)| {
            let alg = HashAlg::from_name(&bank).expect("bank");
            pcrs.into_iter().map(move |(pcr, value)| {
                (u8::try_from(pcr).expect("index"), Digest::from_hex(alg, &value).expect("digest"))
            })
        })
        .collect()
}
