//! `[ima]` between its text and its values.

use serde::Deserialize;

use super::error::Error;
use super::ima::{
    ImaBuffer, ImaFile, ImaGolden, ImaPath, ImaSigner, PathEffect, Response, SignerKeyGolden, key_from_pem,
};
use super::parse::unique;
use super::write::{line, quoted};
use crate::authenticate::file_signature::KeyId;
use crate::digest::{Digest, HashAlg};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIma {
    measurement_policy: Option<String>,
    #[serde(default = "refuse")]
    unknown_files: String,
    #[serde(default = "refuse")]
    violations: String,
    #[serde(default = "refuse")]
    kexec: String,
    #[serde(default)]
    files: Vec<RawFile>,
    #[serde(default)]
    signers: Vec<RawSigner>,
    #[serde(default)]
    paths: Vec<RawPath>,
    #[serde(default)]
    buffers: Vec<RawBuffer>,
}

fn refuse() -> String {
    "refuse".into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    path: String,
    digest: String,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSigner {
    name: String,
    keyid: Option<String>,
    key: Option<String>,
    key_sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPath {
    pattern: String,
    effect: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBuffer {
    name: String,
    digest: String,
    #[serde(default)]
    about: String,
}

fn response(name: &str, place: &str) -> Result<Response, Error> {
    match name {
        "refuse" => Ok(Response::Refuse),
        "warn" => Ok(Response::Warn),
        got => Err(value(place.into(), got, "refuse, warn")),
    }
}

fn value(place: String, got: &str, expected: &'static str) -> Error {
    Error::Value { place, got: got.into(), expected }
}

/// `algorithm:hexadecimal`.
fn digest(text: &str, place: impl FnOnce() -> String) -> Result<Digest, Error> {
    let (alg, hex) = text.split_once(':').unwrap_or_default();
    let digest = HashAlg::from_name(alg).and_then(|alg| Digest::from_hex(alg, hex));
    digest.ok_or_else(|| Error::Digest {
        place: place(),
        bank: alg.into(),
        detail: "expected `algorithm:hexadecimal`",
    })
}

impl RawFile {
    fn read(self) -> Result<ImaFile, Error> {
        let (verity, text) = match self.digest.strip_prefix("verity:") {
            Some(text) => (true, text),
            None => (false, self.digest.as_str()),
        };
        let digest = digest(text, || format!("ima file `{}`", self.path))?;
        Ok(ImaFile { digest, verity, required: self.required, path: self.path })
    }
}

impl RawSigner {
    fn read(self) -> Result<ImaSigner, Error> {
        let place = format!("ima signer `{}`", self.name);
        let keyid = match &self.keyid {
            None => None,
            Some(text) => {
                let mut id = [0; 4];
                let wrong = |_| value(place.clone(), text, "keyid: eight hexadecimal digits");
                hex::decode_to_slice(text, &mut id).map_err(wrong)?;
                Some(KeyId(id))
            }
        };
        match (self.key, self.key_sha256, keyid) {
            (Some(pem), None, keyid) => {
                let wrong = "key: a PEM public key or certificate, RSA of 2048 to 4096 bits, P-256 or P-384";
                let key = key_from_pem(&pem).ok_or_else(|| value(place, "key", wrong))?;
                let keyid = keyid.unwrap_or(key.keyid());
                Ok(ImaSigner { name: self.name, keyid, key: SignerKeyGolden::Spki(key.spki().to_vec()) })
            }
            (None, Some(text), Some(keyid)) => {
                let digest = digest(&format!("sha256:{text}"), || place)?;
                Ok(ImaSigner { name: self.name, keyid, key: SignerKeyGolden::Sha256(digest) })
            }
            _ => Err(value(place, "fields", "key, or key_sha256 and keyid")),
        }
    }
}

impl RawPath {
    fn read(self) -> Result<ImaPath, Error> {
        let place = format!("ima path `{}`", self.pattern);
        let effect = match self.effect.as_str() {
            "warn" => PathEffect::Warn,
            "accounts_by_path_alone" => PathEffect::AccountsByPathAlone,
            got => return Err(value(place, got, "warn, accounts_by_path_alone")),
        };
        let path = ImaPath { pattern: self.pattern, effect, reason: self.reason };
        if path.reason.trim().is_empty() {
            return Err(value(place, "", "a reason"));
        }
        if !path.is_well_formed() {
            return Err(value(
                place,
                &path.pattern,
                "an absolute path with at most one `*` or `**`, not all paths",
            ));
        }
        Ok(path)
    }
}

impl ImaGolden {
    pub(super) fn from_raw(raw: RawIma) -> Result<Self, Error> {
        let mut files = raw.files.into_iter().map(RawFile::read).collect::<Result<Vec<_>, _>>()?;
        files.sort();
        let signers = raw.signers.into_iter().map(RawSigner::read).collect::<Result<Vec<_>, _>>()?;
        unique("ima signers", signers.iter().map(|signer| signer.name.clone()))?;
        // A signature names its key by the identifier alone: two keys of one would be two chances.
        unique("ima signers", signers.iter().map(|signer| signer.keyid.to_string()))?;
        let paths = raw.paths.into_iter().map(RawPath::read).collect::<Result<Vec<_>, _>>()?;
        unique("ima paths", paths.iter().map(|path| path.pattern.clone()))?;
        let buffer = |raw: RawBuffer| {
            let digest = digest(&raw.digest, || format!("ima buffer `{}`", raw.name))?;
            Ok(ImaBuffer { name: raw.name, digest, about: raw.about })
        };
        let mut buffers = raw.buffers.into_iter().map(buffer).collect::<Result<Vec<_>, Error>>()?;
        buffers.sort();
        Ok(Self {
            measurement_policy: raw.measurement_policy,
            unknown_files: response(&raw.unknown_files, "ima.unknown_files")?,
            violations: response(&raw.violations, "ima.violations")?,
            kexec: response(&raw.kexec, "ima.kexec")?,
            files,
            signers,
            paths,
            buffers,
        })
    }

    pub(super) fn write(&self, out: &mut String) {
        let response = |r: Response| quoted(r.name());
        out.push_str("\n[ima]\n");
        if let Some(policy) = &self.measurement_policy {
            line(out, "measurement_policy", &quoted(policy));
        }
        line(out, "unknown_files", &response(self.unknown_files));
        line(out, "violations", &response(self.violations));
        if self.kexec != Response::Refuse {
            line(out, "kexec", &response(self.kexec));
        }
        out.push_str("files = [\n");
        for file in &self.files {
            let required = if file.required { ", required = true" } else { "" };
            let (path, digest) = (quoted(&file.path), file.digest_text());
            line(out, "", &format!("  {{ path = {path}, digest = \"{digest}\"{required} }},"));
        }
        out.push_str("]\n");
        for signer in &self.signers {
            out.push_str("\n[[ima.signers]]\n");
            line(out, "name", &quoted(&signer.name));
            line(out, "keyid", &quoted(&signer.keyid.to_string()));
            match &signer.key {
                SignerKeyGolden::Spki(spki) => line(out, "key", &pem(spki)),
                SignerKeyGolden::Sha256(digest) => line(out, "key_sha256", &quoted(&digest.to_string())),
            }
        }
        for path in &self.paths {
            out.push_str("\n[[ima.paths]]\n");
            line(out, "pattern", &quoted(&path.pattern));
            line(out, "effect", &quoted(path.effect.name()));
            line(out, "reason", &quoted(&path.reason));
        }
        for buffer in &self.buffers {
            out.push_str("\n[[ima.buffers]]\n");
            line(out, "name", &quoted(&buffer.name));
            line(out, "digest", &quoted(&format!("{:?}", buffer.digest)));
            if !buffer.about.is_empty() {
                line(out, "about", &quoted(&buffer.about));
            }
        }
    }
}

/// A public key as a TOML text of several lines.
fn pem(spki: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(spki);
    let mut out = String::from("\"\"\"\n-----BEGIN PUBLIC KEY-----\n");
    for (at, letter) in text.char_indices() {
        if at > 0 && at.is_multiple_of(64) {
            out.push('\n');
        }
        out.push(letter);
    }
    out.push_str("\n-----END PUBLIC KEY-----\n\"\"\"");
    out
}
