//! The flags that name a device's evidence, shared by `quote`, `verify` and `golden learn`.

use std::path::{Path, PathBuf};

use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Guesses, NoGuesses, Nonce};
use attest_core::evidence::tpm::SignatureScheme;
use attest_core::evidence::{Bundle, Evidence, PcrValues, pcr_values};
use attest_core::{Limits, Timestamp};
use clap::Args;

use super::Failure;
use super::input::read_file;

/// A PCR file holds at most 5 banks of 24 values.
const PCRS_BYTES: usize = 64 << 10;

/// One device's evidence.
#[derive(Args, Clone, Debug)]
pub(super) struct EvidenceFlags {
    /// The quote: TPMS_ATTEST
    #[arg(long, value_name = "FILE")]
    pub(super) attest: Option<PathBuf>,
    /// Its signature: TPMT_SIGNATURE, or a bare one with --signature-scheme
    #[arg(long, value_name = "FILE")]
    pub(super) signature: Option<PathBuf>,
    /// The attestation key: TPM2B_PUBLIC, TPMT_PUBLIC or PEM
    #[arg(long, value_name = "FILE")]
    pub(super) ak: Option<PathBuf>,
    /// The nonce that was sent to the device
    #[arg(long, value_name = "HEX")]
    pub(super) nonce: Option<String>,
    /// PCR values, {"sha256":{"0":"…"}}; without them those that the logs lead to, else a good boot's
    #[arg(long, value_name = "FILE")]
    pub(super) pcrs: Option<PathBuf>,
    /// The firmware's event log
    #[arg(long, value_name = "FILE")]
    pub(super) eventlog: Option<PathBuf>,
    /// The IMA list, binary or ASCII; wanted where the quote covers PCR 10 or files are golden
    #[arg(long, value_name = "FILE")]
    pub(super) ima: Option<PathBuf>,
    /// The log of user space: systemd's tpm2-measure.log, or a canonical event log in TLV, JSON or CBOR
    #[arg(long, value_name = "FILE")]
    pub(super) userspace_log: Option<PathBuf>,
    /// Scheme of a bare signature, such as rsassa-sha256
    #[arg(long, value_name = "SCHEME")]
    pub(super) signature_scheme: Option<String>,
}

/// The files that the flags name, read.
#[derive(Debug)]
pub(super) struct Files {
    attest: Vec<u8>,
    signature: Vec<u8>,
    ak: Vec<u8>,
    nonce: Option<String>,
    scheme: Option<SignatureScheme>,
    pcrs: Option<PcrValues>,
    pub(super) eventlog: Option<Vec<u8>>,
    pub(super) ima: Option<Vec<u8>>,
    pub(super) userspace_log: Option<Vec<u8>>,
}

impl EvidenceFlags {
    /// Reads every file.
    pub(super) fn read(&self, limits: &Limits) -> Result<Files, Failure> {
        let optional = |path: &Option<PathBuf>, most| path.as_deref().map(|p| read_file(p, most)).transpose();
        let scheme = self.signature_scheme.as_deref().map(|name| {
            let unknown =
                || Failure::usage("signature_scheme_unknown", format!("`{name}` is not a signature scheme"));
            SignatureScheme::from_name(name).ok_or_else(unknown)
        });
        let needed = |flag: &str, path: &Option<PathBuf>| {
            let missing = || Failure::usage("flag_missing", format!("--{flag} is needed"));
            path.clone().ok_or_else(missing)
        };
        check_nonce(self.nonce.as_deref())?;
        Ok(Files {
            attest: read_file(&needed("attest", &self.attest)?, limits.attest_bytes)?,
            signature: read_file(&needed("signature", &self.signature)?, limits.signature_bytes)?,
            ak: read_file(&needed("ak", &self.ak)?, limits.public_key_bytes)?,
            nonce: self.nonce.clone(),
            scheme: scheme.transpose()?,
            pcrs: self.pcrs.as_deref().map(read_pcrs).transpose()?,
            eventlog: optional(&self.eventlog, limits.event_log_bytes)?,
            ima: optional(&self.ima, limits.ima_bytes)?,
            userspace_log: optional(&self.userspace_log, limits.userspace_log_bytes)?,
        })
    }
}

impl EvidenceFlags {
    /// The same where quote and logs came in one wrapper.
    pub(super) fn with(&self, sent: Evidence<'_>, limits: &Limits) -> Result<Files, Failure> {
        let missing = || Failure::usage("flag_missing", "--ak is needed");
        let ak = self.ak.as_deref().ok_or_else(missing)?;
        Ok(Files {
            attest: sent.attest.to_vec(),
            signature: sent.signature.to_vec(),
            ak: read_file(ak, limits.public_key_bytes)?,
            nonce: self.nonce.clone(),
            scheme: None,
            pcrs: sent.pcrs,
            eventlog: sent.event_log.map(<[u8]>::to_vec),
            ima: sent.ima.map(<[u8]>::to_vec),
            userspace_log: sent.userspace_log.map(<[u8]>::to_vec),
        })
    }
}

/// Why evidence is not authentic: its stable code and words.
#[derive(Debug)]
pub(super) enum NotAuthentic {
    /// The attestation key is refused, or the nonce is missing or malformed.
    Before { code: &'static str, detail: String },
    /// The evidence is.
    Evidence(attest_core::authenticate::Error),
}

impl NotAuthentic {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Before { code, .. } => code,
            Self::Evidence(error) => error.code(),
        }
    }

    pub(super) fn detail(&self) -> String {
        match self {
            Self::Before { detail, .. } => detail.clone(),
            Self::Evidence(error) => error.to_string(),
        }
    }
}

impl Files {
    /// Parses and proves the evidence.
    pub(super) fn authenticate(&self, limits: &Limits) -> Result<AuthenticEvidence<'_>, NotAuthentic> {
        self.authenticate_guessing(limits, &NoGuesses)
    }

    /// The same where good boots are known: PCR values that were not given are looked for among theirs.
    pub(super) fn authenticate_guessing(
        &self,
        limits: &Limits,
        guesses: &dyn Guesses,
    ) -> Result<AuthenticEvidence<'_>, NotAuthentic> {
        let key = AttestationKey::vouched(&self.ak, limits)
            .map_err(|e| NotAuthentic::Before { code: e.code(), detail: e.to_string() })?;
        let nonce = hex::decode(self.nonce.as_deref().unwrap_or_default())
            .map_err(|e| NotAuthentic::Before { code: "nonce_not_hexadecimal", detail: e.to_string() })?;
        let nonce = Nonce::given(&nonce)
            .map_err(|e| NotAuthentic::Before { code: e.code(), detail: e.to_string() })?;
        let evidence = Evidence {
            attest: &self.attest,
            signature: &self.signature,
            signature_scheme: self.scheme,
            event_log: self.eventlog.as_deref(),
            ima: self.ima.as_deref(),
            userspace_log: self.userspace_log.as_deref(),
            ima_after: None,
            pcrs: self.pcrs.clone(),
        };
        let bundle = Bundle::parse(evidence, limits)
            .map_err(|e| NotAuthentic::Evidence(attest_core::authenticate::Error::Malformed(e)))?;
        // An offline challenge does not expire: the caller chose the nonce and judges its age.
        let now = Timestamp::from_unix(0);
        let challenge = Challenge::offline(nonce);
        AuthenticEvidence::authenticate_guessing(bundle, None, &key, challenge, now, guesses)
            .map_err(NotAuthentic::Evidence)
    }
}

/// What the operator typed is no evidence: a nonce that is not hexadecimal is wrong usage.
pub(super) fn check_nonce(nonce: Option<&str>) -> Result<(), Failure> {
    let decoded = hex::decode(nonce.unwrap_or_default());
    decoded.map(drop).map_err(|e| Failure::usage("nonce_not_hexadecimal", format!("--nonce: {e}")))
}

fn read_pcrs(path: &Path) -> Result<PcrValues, Failure> {
    let bytes = read_file(path, PCRS_BYTES)?;
    let bad = |e: pcr_values::Error| Failure::usage("pcrs_malformed", format!("{}: {e}", path.display()));
    PcrValues::from_json(&bytes, &Limits::DEFAULT).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use attest_core::{Digest, HashAlg};

    use crate::cli::Exit;

    #[test]
    fn pcr_values_that_the_operator_gave_wrongly_are_wrong_usage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pcrs.json");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_pcrs(&path)
        };
        let zero = "00".repeat(32);
        let good = read(&format!(r#"{{"sha256":{{"0":"{zero}","23":"{}"}}}}"#, "FF".repeat(32))).unwrap();
        assert_eq!(good.get(HashAlg::Sha256, 0), Some(Digest::zero(HashAlg::Sha256)));
        assert_eq!(good.get(HashAlg::Sha256, 23), Some(Digest::ones(HashAlg::Sha256)));
        for wrong in [
            "".to_owned(),
            "[]".to_owned(),
            r#"{"sha256":["00"]}"#.to_owned(),
            format!(r#"{{"md5":{{"0":"{zero}"}}}}"#),
            format!(r#"{{"sha256":{{"x":"{zero}"}}}}"#),
            format!(r#"{{"sha256":{{"256":"{zero}"}}}}"#),
            format!(r#"{{"sha384":{{"0":"{zero}"}}}}"#),
            format!(r#"{{"sha256":{{"0":"{zero}00"}}}}"#),
            format!(r#"{{"sha256":{{"0":"0x{zero}"}}}}"#),
            format!(r#"{{"sha256":{{"0":"{zero}"}}}} more"#),
        ] {
            let failure = read(&wrong).unwrap_err();
            assert_eq!((failure.exit(), failure.exit().code()), (Exit::Usage, 2), "{wrong}");
            assert_eq!(failure.to_json()["error"]["code"], "pcrs_malformed", "{wrong}");
        }
        let absent = read_pcrs(&folder.path().join("absent")).unwrap_err();
        assert_eq!(
            (absent.exit(), &absent.to_json()["error"]["code"]),
            (Exit::Usage, &"file_unreadable".into())
        );
    }
}
