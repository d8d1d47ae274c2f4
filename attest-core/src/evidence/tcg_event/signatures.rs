//! What a signature database says, read to its last byte: the golden rules judge by it.

use core::fmt;
use core::str::FromStr;
use std::collections::{BTreeMap, BTreeSet};

use super::guid::Guid;
use super::variable::{SignatureKind, SignatureLists};
use crate::digest::HashAlg;
use crate::reader::Reader;

/// The owner of the security versions in Microsoft's dbx: a hash list whose "hashes" hold a version, an application and its lowest
/// allowed security version (microsoft/secureboot_objects, dbx_info_msft_latest.json, `svns`).
const SECURITY_VERSIONS: Guid =
    Guid::new(0x9d13_2b6c, 0x59d5, 0x4388, [0xab, 0x1c, 0x18, 0x5c, 0xfc, 0xb2, 0xeb, 0x92]);

/// One signature by what it does. Its owner only says who put it there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signature {
    /// EFI_CERT_X509: the certificate's SHA-256.
    Certificate([u8; 32]),
    /// EFI_CERT_X509_SHA256 and its like: the hash of a to-be-signed certificate and the time from which it is revoked, as they stand. The size
    /// tells the hash.
    CertificateHash(Vec<u8>),
    /// EFI_CERT_SHA256: an image's Authenticode hash.
    Image([u8; 32]),
    /// Another type: its GUID, and the SHA-256 of the data.
    Other(Guid, [u8; 32]),
}

/// A security version: major, then minor.
pub type SecurityVersion = (u16, u16);

/// What a database holds, whatever its order: PK, KEK, db, dbx, dbt or dbr.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// The signatures.
    pub all: BTreeSet<Signature>,
    /// Lowest allowed security versions by application, the highest of each.
    pub versions: BTreeMap<Guid, SecurityVersion>,
}

impl Signatures {
    /// Reads EFI_SIGNATURE_LISTs (UEFI 2.10, 32.4.1) that fill `data`, each of its type's size and without a header: no type has one.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let mut lists = SignatureLists::new(data);
        let mut found = Self::default();
        for list in &mut lists {
            if list.header_len != 0 || !has_size(list.kind, list.size) {
                return None;
            }
            for (owner, data) in list.signatures() {
                found.add(list.kind, owner, data)?;
            }
        }
        lists.is_exhausted().then_some(found)
    }

    fn add(&mut self, kind: SignatureKind, owner: Guid, data: &[u8]) -> Option<()> {
        if let (SignatureKind::Sha256, SECURITY_VERSIONS) = (kind, owner) {
            let (application, version) = security_version(data)?;
            let highest = self.versions.entry(application).or_insert(version);
            *highest = (*highest).max(version);
            return Some(());
        }
        self.all.insert(match kind {
            SignatureKind::Sha256 => Signature::Image(data.try_into().ok()?),
            SignatureKind::X509 => Signature::Certificate(sha256(data)),
            SignatureKind::X509Hash(_) => Signature::CertificateHash(data.to_vec()),
            SignatureKind::Other(kind) => Signature::Other(kind, sha256(data)),
        });
        Some(())
    }
}

/// Whether a signature of the kind may have this size, its owner's 16 bytes included (UEFI 2.10, 32.4.1).
fn has_size(kind: SignatureKind, size: usize) -> bool {
    match kind {
        SignatureKind::Sha256 => size == 48,
        // 16 bytes of time behind the hash: its size tells which one it is.
        SignatureKind::X509Hash(alg) => alg.size().checked_add(32) == Some(size),
        SignatureKind::X509 | SignatureKind::Other(_) => true,
    }
}

/// Version 1, the application's GUID, the minor and the major security version, zeros.
fn security_version(data: &[u8]) -> Option<(Guid, SecurityVersion)> {
    let mut reader = Reader::new(data);
    let [layout] = reader.array().ok()?;
    let application = Guid(reader.array().ok()?);
    let (minor, major) = (reader.u16_le().ok()?, reader.u16_le().ok()?);
    let reserved = reader.rest().iter().all(|byte| *byte == 0);
    (layout == 1 && reserved).then_some((application, (major, minor)))
}

fn sha256(data: &[u8]) -> [u8; 32] {
    HashAlg::Sha256.hash(&[data]).as_bytes().try_into().unwrap_or_default()
}

/// `sha256:…`, `x509:…` (SHA-256 of the certificate), `x509_hash:…`, or the type's GUID and the SHA-256 of the data.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(digest) => write!(f, "x509:{}", hex::encode(digest)),
            Self::CertificateHash(bytes) => write!(f, "x509_hash:{}", hex::encode(bytes)),
            Self::Image(digest) => write!(f, "sha256:{}", hex::encode(digest)),
            Self::Other(kind, digest) => write!(f, "{kind}:{}", hex::encode(digest)),
        }
    }
}

/// The text is not a signature as a golden document writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASignature;

impl FromStr for Signature {
    type Err = NotASignature;

    fn from_str(text: &str) -> Result<Self, NotASignature> {
        let (kind, bytes) = text.split_once(':').ok_or(NotASignature)?;
        if bytes.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotASignature);
        }
        let bytes = hex::decode(bytes).map_err(|_| NotASignature)?;
        if kind == "x509_hash" {
            let has_size = matches!(bytes.len(), 48 | 64 | 80);
            return if has_size { Ok(Self::CertificateHash(bytes)) } else { Err(NotASignature) };
        }
        let digest = bytes.try_into().map_err(|_| NotASignature)?;
        Ok(match kind {
            "sha256" => Self::Image(digest),
            "x509" => Self::Certificate(digest),
            guid => Self::Other(guid.parse().map_err(|_| NotASignature)?, digest),
        })
    }
}

#[cfg(test)]
#[path = "signatures/tests.rs"]
mod tests;
