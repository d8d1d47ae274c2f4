//! The flags that name a device's evidence, shared by `quote`, `verify` and `golden learn`.

use std::path::{Path, PathBuf};

use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Guesses, NoGuesses, Nonce};
use attest_core::evidence::tpm::SignatureScheme;
use attest_core::evidence::{Bundle, Evidence, PcrValues, pcr_values};
use attest_core::{Limits, Timestamp};
use clap::Args;

use super::Failure;
use super::input::{self, read_given};
use super::looks::{self, Kind};

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

/// What a flag takes, in words, and what that looks like where it can be told.
const TAKES: [(&str, &str, &[Kind]); 6] = [
    ("attest", "a quote (TPMS_ATTEST)", &[Kind::Attest]),
    ("signature", "TPMT_SIGNATURE, or a bare signature with --signature-scheme", &[Kind::Signature]),
    (
        "ak",
        "the attestation key: TPM2B_PUBLIC, TPMT_PUBLIC or a PEM public key",
        &[Kind::Public, Kind::PemPublicKey],
    ),
    ("eventlog", "the firmware's event log", &[Kind::EventLog, Kind::Empty]),
    ("ima", "the IMA list, binary or ASCII", &[Kind::ImaAscii, Kind::ImaBinary, Kind::Empty]),
    ("userspace-log", "the log of user space", &[Kind::Json, Kind::Empty]),
];

/// A file that the flag names.
fn read(flag: &str, path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    read_given(flag, path, wanted(flag), most)
}

/// What a flag takes, in words.
fn wanted(flag: &str) -> &'static str {
    TAKES.iter().find(|(name, ..)| *name == flag).map_or("another file", |(_, wants, _)| wants)
}

/// What is said of a file under a flag that is not what that takes.
fn unfit(flag: &str, path: Option<&Path>, error: &dyn std::fmt::Display) -> String {
    match path {
        Some(path) => format!("{error}; it stands in --{flag} {}: expected {}", path.display(), wanted(flag)),
        None => error.to_string(),
    }
}

/// A file of which not all was read.
fn too_large(flag: &str, path: &Path, bytes: &[u8], most: usize) -> Option<String> {
    let path = path.display();
    (bytes.len() > most)
        .then(|| format!("--{flag} {path} holds more than {}, the most that is read", input::size(most)))
}

/// One file under a flag that takes another kind; nothing where it fits, or could be anything.
fn mistaken(flag: &str, path: &Path, bytes: &[u8]) -> Option<String> {
    let (_, wants, kinds) = TAKES.iter().find(|(name, ..)| *name == flag)?;
    // Before the rest: its first bytes may look like an event of the firmware.
    if let Some(log) = looks::userspace_log(bytes).filter(|_| matches!(flag, "eventlog" | "ima")) {
        let path = path.display();
        return Some(format!(
            "--{flag} {path} looks like {log}, and --{flag} wants {wants}; give it as --userspace-log"
        ));
    }
    let kind = looks::like(bytes).filter(|kind| !kinds.contains(kind))?;
    let path = path.display();
    let how = match kind {
        Kind::PemCertificate if flag == "ak" => {
            format!("; `openssl x509 -in {path} -pubkey -noout` writes its key")
        }
        _ => String::new(),
    };
    Some(format!("--{flag} {path} looks like {kind}, and --{flag} wants {wants}{how}"))
}

/// The files that the flags name, read.
#[derive(Debug)]
pub(super) struct Files {
    /// Where each came from, of those that came in a file of their own.
    from: EvidenceFlags,
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
        let optional = |flag: &str, path: &Option<PathBuf>, most| {
            path.as_deref().map(|path| read(flag, path, most)).transpose()
        };
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
            from: self.clone(),
            attest: read("attest", &needed("attest", &self.attest)?, limits.attest_bytes)?,
            signature: read("signature", &needed("signature", &self.signature)?, limits.signature_bytes)?,
            ak: read("ak", &needed("ak", &self.ak)?, limits.public_key_bytes)?,
            nonce: self.nonce.clone(),
            scheme: scheme.transpose()?,
            pcrs: self.pcrs.as_deref().map(read_pcrs).transpose()?,
            eventlog: optional("eventlog", &self.eventlog, limits.event_log_bytes)?,
            ima: optional("ima", &self.ima, limits.ima_bytes)?,
            userspace_log: optional("userspace-log", &self.userspace_log, limits.userspace_log_bytes)?,
        })
    }
}

impl EvidenceFlags {
    /// The same where quote and logs came in one wrapper.
    pub(super) fn with(&self, sent: Evidence<'_>, limits: &Limits) -> Result<Files, Failure> {
        let missing = || Failure::usage("flag_missing", "--ak is needed");
        let ak = self.ak.as_deref().ok_or_else(missing)?;
        Ok(Files {
            from: self.clone(),
            attest: sent.attest.to_vec(),
            signature: sent.signature.to_vec(),
            ak: read("ak", ak, limits.public_key_bytes)?,
            nonce: self.nonce.clone(),
            scheme: None,
            pcrs: sent.pcrs,
            eventlog: sent.event_log.map(<[u8]>::to_vec),
            ima: sent.ima.map(<[u8]>::to_vec),
            userspace_log: sent.userspace_log.map(<[u8]>::to_vec),
        })
    }
}

/// Why evidence is not authentic: its stable code and words, and which files look like something else than their flags want.
#[derive(Debug)]
pub(super) struct NotAuthentic {
    because: Box<Because>,
    mistaken: Vec<String>,
}

#[derive(Debug)]
enum Because {
    /// The attestation key is refused, or the nonce is missing or malformed.
    Before { code: &'static str, detail: String },
    /// The evidence is.
    Evidence(attest_core::authenticate::Error),
}

impl NotAuthentic {
    pub(super) fn code(&self) -> &'static str {
        match &*self.because {
            Because::Before { code, .. } => code,
            Because::Evidence(error) => error.code(),
        }
    }

    /// What is wrong with the evidence, if it was looked at.
    pub(super) fn error(&self) -> Option<&attest_core::authenticate::Error> {
        match &*self.because {
            Because::Before { .. } => None,
            Because::Evidence(error) => Some(error),
        }
    }

    /// One line.
    pub(super) fn detail(&self) -> String {
        let detail = match &*self.because {
            Because::Before { detail, .. } => detail.clone(),
            Because::Evidence(error) => error.to_string(),
        };
        let hints = self.mistaken.iter().map(String::as_str);
        core::iter::once(detail.as_str()).chain(hints).collect::<Vec<_>>().join("; ")
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
        self.proven(limits, guesses).map_err(|because| NotAuthentic {
            mistaken: self.mistaken(&because, limits),
            because: Box::new(because),
        })
    }

    /// Which files look like something else than their flags want.
    fn mistaken(&self, because: &Because, limits: &Limits) -> Vec<String> {
        let (from, log) = (&self.from, self.userspace_log.as_ref());
        let named = [
            ("attest", &from.attest, Some(&self.attest), limits.attest_bytes),
            ("signature", &from.signature, Some(&self.signature), limits.signature_bytes),
            ("ak", &from.ak, Some(&self.ak), limits.public_key_bytes),
            ("eventlog", &from.eventlog, self.eventlog.as_ref(), limits.event_log_bytes),
            ("ima", &from.ima, self.ima.as_ref(), limits.ima_bytes),
            ("userspace-log", &from.userspace_log, log, limits.userspace_log_bytes),
        ];
        let given = named
            .iter()
            .filter_map(|(flag, path, bytes, most)| Some((*flag, path.as_deref()?, (*bytes)?, *most)));
        let given: Vec<_> = given.collect();
        let hint = |&(flag, path, bytes, most): &(&str, &Path, &Vec<u8>, usize)| {
            too_large(flag, path, bytes, most).or_else(|| mistaken(flag, path, bytes))
        };
        let hints: Vec<String> = given.iter().filter_map(hint).collect();
        let is_malformed =
            matches!(because, Because::Evidence(attest_core::authenticate::Error::Malformed(_)));
        if !hints.is_empty() || !is_malformed {
            return hints;
        }
        // What is malformed and looks like nothing is under one of these flags.
        let unlike = |&(flag, path, bytes, _): &(&str, &Path, &Vec<u8>, usize)| {
            let is_bare = flag == "signature" && self.scheme.is_some();
            let is_told = looks::like(bytes).is_some() || is_bare || matches!(flag, "ak" | "userspace-log");
            (!is_told).then(|| format!("--{flag} {} does not begin like {}", path.display(), wanted(flag)))
        };
        given.iter().filter_map(unlike).collect()
    }

    fn proven(&self, limits: &Limits, guesses: &dyn Guesses) -> Result<AuthenticEvidence<'_>, Because> {
        let key = AttestationKey::vouched(&self.ak, limits).map_err(|e| Because::Before {
            code: e.code(),
            detail: unfit("ak", self.from.ak.as_deref(), &e),
        })?;
        let nonce = hex::decode(self.nonce.as_deref().unwrap_or_default())
            .map_err(|e| Because::Before { code: "nonce_not_hexadecimal", detail: e.to_string() })?;
        let nonce = Nonce::given(&nonce)
            .map_err(|e| Because::Before { code: e.code(), detail: format!("--nonce: {e}") })?;
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
            .map_err(|e| Because::Evidence(attest_core::authenticate::Error::Malformed(e)))?;
        // An offline challenge does not expire: the caller chose the nonce and judges its age.
        let now = Timestamp::from_unix(0);
        let challenge = Challenge::offline(nonce);
        AuthenticEvidence::authenticate_guessing(bundle, None, &key, challenge, now, guesses)
            .map_err(Because::Evidence)
    }
}

/// What the operator typed is no evidence: a nonce that is not hexadecimal is wrong usage.
pub(super) fn check_nonce(nonce: Option<&str>) -> Result<(), Failure> {
    let decoded = hex::decode(nonce.unwrap_or_default());
    decoded.map(drop).map_err(|e| Failure::usage("nonce_not_hexadecimal", format!("--nonce: {e}")))
}

fn read_pcrs(path: &Path) -> Result<PcrValues, Failure> {
    let bytes = read_given("pcrs", path, "JSON: {\"sha256\":{\"0\":\"…\"}}", PCRS_BYTES)?;
    let bad = |e: pcr_values::Error| {
        let kind = looks::like(&bytes).filter(|kind| *kind != Kind::Json);
        let hint = kind.map(|kind| {
            format!("; it looks like {kind}, and --pcrs wants JSON: {{\"sha256\":{{\"0\":\"…\"}}}}")
        });
        let detail = format!("{}: {e}{}", path.display(), hint.unwrap_or_default());
        Failure::usage("pcrs_malformed", detail)
    };
    PcrValues::from_json(&bytes, &Limits::DEFAULT).map_err(bad)
}

#[cfg(test)]
mod tests;
