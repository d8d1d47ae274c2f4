//! `[ima]`: golden values for what the kernel measures after the boot, and what is not golden by a digest of its own.

use super::LintCode;
use crate::authenticate::file_signature::{KeyId, SignerKey};
use crate::digest::{Digest, HashAlg};

/// Golden values for what IMA measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImaGolden {
    /// Words that a golden kernel command line must contain so that the measurements are complete, such as `ima_policy=tcb`.
    pub measurement_policy: Option<String>,
    /// What an unknown file means.
    pub unknown_files: Response,
    /// What a violation means.
    pub violations: Response,
    /// What a kexec means whose kernel went on with the list of the first.
    pub kexec: Response,
    /// The files, ascending by path, then digest.
    pub files: Vec<ImaFile>,
    /// Keys whose signature accounts for a file, at whatever path.
    pub signers: Vec<ImaSigner>,
    /// What a path says about a file that is otherwise unknown.
    pub paths: Vec<ImaPath>,
    /// Measured buffers: keys, policies, command lines of a kexec.
    pub buffers: Vec<ImaBuffer>,
}

/// What a finding of a kind means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// The part is refused.
    Refuse,
    /// The part is at best a warning.
    Warn,
}

/// One golden file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImaFile {
    /// Its path as IMA reports it.
    pub path: String,
    /// Digest of its content.
    pub digest: Digest,
    /// Whether the digest is fs-verity's, which is no hash of the content.
    pub verity: bool,
    /// Whether its absence from the list refuses.
    pub required: bool,
}

/// Whose signature accounts for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImaSigner {
    /// What people call the key; shown in verdicts.
    pub name: String,
    /// The last four bytes of its subject key identifier, by which signatures name it.
    pub keyid: KeyId,
    /// The key.
    pub key: SignerKeyGolden,
}

/// A key, or how to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerKeyGolden {
    /// SubjectPublicKeyInfo in DER.
    Spki(Vec<u8>),
    /// SHA-256 of it: the key itself must be among the keys that the list has measured.
    Sha256(Digest),
}

/// What a path says. Mount namespaces let an attacker choose paths, so it says little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImaPath {
    /// An absolute path with at most one `*` (no `/` in it) or `**` (anything).
    pub pattern: String,
    /// What it does.
    pub effect: PathEffect,
    /// Why.
    pub reason: String,
}

/// What a path does for an unknown file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEffect {
    /// The file is a warning, whatever `unknown_files` says.
    Warn,
    /// The file accounts by its path alone.
    AccountsByPathAlone,
}

/// A golden buffer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImaBuffer {
    /// What the kernel calls it: `kexec-cmdline`, `.ima`, a keyring's name.
    pub name: String,
    /// Digest of the buffer.
    pub digest: Digest,
    /// What it holds, for people; nothing is compared with it.
    pub about: String,
}

impl ImaPath {
    /// Whether the pattern is the path's. A path with `..`, a NUL or control characters matches nothing.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let is_odd = path.iter().any(u8::is_ascii_control)
            || path.split(|byte| *byte == b'/').any(|part| matches!(part, b".." | b"."));
        let (head, tail, deep) = self.parts();
        let middle = path.strip_prefix(head.as_bytes()).and_then(|rest| match tail {
            None => rest.is_empty().then_some(rest),
            Some(tail) => rest.strip_suffix(tail.as_bytes()),
        });
        !is_odd && middle.is_some_and(|middle| deep || !middle.contains(&b'/'))
    }

    /// What stands before the wildcard and after it, and whether it crosses folders.
    fn parts(&self) -> (&str, Option<&str>, bool) {
        if let Some((head, tail)) = self.pattern.split_once("**") {
            return (head, Some(tail), true);
        }
        match self.pattern.split_once('*') {
            Some((head, tail)) => (head, Some(tail), false),
            None => (&self.pattern, None, false),
        }
    }

    pub(super) fn is_well_formed(&self) -> bool {
        let (head, tail, _) = self.parts();
        // `/*` and `/**` would be everything.
        head.len() > 1 && head.starts_with('/') && !tail.is_some_and(|tail| tail.contains('*'))
    }
}

/// The one key or certificate in a PEM text.
#[must_use]
pub fn key_from_pem(pem: &str) -> Option<SignerKey> {
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
    if let Ok(spki) = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()) {
        return SignerKey::from_spki(&spki).ok();
    }
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    SignerKey::from_certificate(&certificate).ok()
}

impl ImaGolden {
    /// Nothing golden yet, and whatever is not golden refuses.
    #[must_use]
    pub const fn strict() -> Self {
        Self {
            measurement_policy: None,
            unknown_files: Response::Refuse,
            violations: Response::Refuse,
            kexec: Response::Refuse,
            files: Vec::new(),
            signers: Vec::new(),
            paths: Vec::new(),
            buffers: Vec::new(),
        }
    }

    /// Remarks for the reviewer.
    pub(super) fn check(&self, add: &mut impl FnMut(LintCode, String, String)) {
        if self.measurement_policy.is_none() {
            let detail = "no measurement_policy: nothing proves that IMA measures everything it should";
            add(LintCode::PolicyUnproven, "ima".into(), detail.into());
        }
        if self.kexec == Response::Warn {
            let detail = "a second kernel that no boot measurement covers is a warning";
            add(LintCode::KexecTolerated, "ima.kexec".into(), detail.into());
        }
        for path in self.paths.iter().filter(|path| path.effect == PathEffect::AccountsByPathAlone) {
            let detail = format!(
                "whoever can mount can choose this path, and any content passes there: {}",
                path.reason
            );
            add(LintCode::PathAlone, format!("ima path `{}`", path.pattern), detail);
        }
    }

    /// Places in words and their values, in the order of the document.
    pub(super) fn flatten(&self, add: &mut impl FnMut(String, String)) {
        add("ima measurement_policy".into(), self.measurement_policy.clone().unwrap_or_default());
        add("ima unknown_files".into(), self.unknown_files.name().into());
        add("ima violations".into(), self.violations.name().into());
        add("ima kexec".into(), self.kexec.name().into());
        for file in &self.files {
            let required = if file.required { " required" } else { "" };
            add(format!("ima file `{}` {}", file.path, file.digest_text()), format!("golden{required}"));
        }
        for signer in &self.signers {
            let key = format!("{} {}", signer.keyid, signer.key.sha256());
            add(format!("ima signer `{}`", signer.name), key);
        }
        for path in &self.paths {
            let said = format!("{}: {}", path.effect.name(), path.reason);
            add(format!("ima path `{}`", path.pattern), said);
        }
        for buffer in &self.buffers {
            add(format!("ima buffer `{}` {:?}", buffer.name, buffer.digest), buffer.about.clone());
        }
    }
}

impl ImaFile {
    /// `sha256:…`, or `verity:sha256:…`.
    #[must_use]
    pub fn digest_text(&self) -> String {
        let kind = if self.verity { "verity:" } else { "" };
        format!("{kind}{:?}", self.digest)
    }
}

impl ImaSigner {
    /// The key under its identifier; `None` where the document has its digest alone.
    #[must_use]
    pub fn public_key(&self) -> Option<SignerKey> {
        let SignerKeyGolden::Spki(spki) = &self.key else { return None };
        SignerKey::from_spki(spki).ok().map(|key| key.with_keyid(self.keyid))
    }
}

impl SignerKeyGolden {
    /// SHA-256 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        match self {
            Self::Spki(spki) => HashAlg::Sha256.hash(&[spki]),
            Self::Sha256(digest) => *digest,
        }
    }
}

impl Response {
    /// Its name in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
        }
    }
}

impl PathEffect {
    /// Its name in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::AccountsByPathAlone => "accounts_by_path_alone",
        }
    }
}
