//! Signatures over measured files, held against keys that the golden document names.
//!
//! The kernel signs and checks a digest that is there already, and ring hashes the message itself; so `rsa`, `p256` and `p384` check here.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::Pkcs1v15Sign;

use super::signature::VerifyingKey;
use super::{spki, x509};
use crate::der::{self, Der};
use crate::digest::{Digest, HashAlg};
use crate::evidence::ima_log::{FileDigest, FileSignature, SignatureError, SignatureOver};
use crate::evidence::tpm::EccCurve;

/// Why a signature says nothing good about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file has no signature of its own but one that is appended to it (PKCS #7): its own digest is not what that one covers.
    #[error("an appended signature, which is not checked here")]
    Appended,
    /// The digest in the entry is of another hash than the signature's, or an fs-verity digest where the content's is signed.
    #[error("the signature is over another kind of digest than the measured one")]
    DigestOther,
    /// It is no signature that can be checked.
    #[error(transparent)]
    Malformed(#[from] SignatureError),
    /// A key of that identifier is golden, and did not make this signature over this digest.
    #[error("the signature is not by the golden key {keyid} over the measured digest")]
    SignatureInvalid {
        /// Its identifier.
        keyid: KeyId,
    },
    /// No golden key has this identifier.
    #[error("no golden key has the identifier {keyid}")]
    SignerUnknown {
        /// The identifier.
        keyid: KeyId,
    },
    /// The golden document names the key by its digest alone, and it is not among the keys that the list has measured.
    #[error("the golden key {keyid} is known by its digest alone, and no measured buffer holds it")]
    SignerNotMeasured {
        /// Its identifier.
        keyid: KeyId,
    },
    /// So many signatures of the list did not hold that no more are checked.
    #[error("not checked: too many signatures of this list did not hold")]
    TooMany,
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Appended => "signature_appended",
            Self::DigestOther => "signature_digest_other",
            Self::Malformed(error) => error.code(),
            Self::SignatureInvalid { .. } => "signature_invalid",
            Self::SignerUnknown { .. } => "signer_unknown",
            Self::SignerNotMeasured { .. } => "signer_not_measured",
            Self::TooMany => "signatures_too_many",
        }
    }

    /// Whether the file is as good or bad as one without a signature. Otherwise somebody has tried to sign in a golden key's name.
    #[must_use]
    pub const fn is_as_none(&self) -> bool {
        !matches!(self, Self::SignatureInvalid { .. } | Self::DigestOther)
    }
}

/// Every code of this module and of the signature's form.
pub(crate) const CODES: [&str; 13] = [
    "signature_appended",
    "signature_digest_other",
    "signature_evm_portable",
    "signature_hash_unsupported",
    "signature_hash_weak",
    "signature_invalid",
    "signature_length",
    "signature_truncated",
    "signature_type_unknown",
    "signature_version_unsupported",
    "signatures_too_many",
    "signer_not_measured",
    "signer_unknown",
];

/// Which key: the last four bytes of its subject key identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

impl core::fmt::Display for KeyId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A public key that signs files.
#[derive(Clone)]
pub struct SignerKey {
    key: Key,
    keyid: KeyId,
    spki: Vec<u8>,
}

#[derive(Clone)]
enum Key {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Rsa(rsa::RsaPublicKey),
}

impl core::fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SignerKey({} {})", self.algorithm(), self.keyid)
    }
}

/// Why bytes are not the key of a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an RSA key of 2048 to 4096 bits or a key on P-256 or P-384, as a SubjectPublicKeyInfo or certificate"
)]
pub struct KeyError;

impl SignerKey {
    /// A SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`KeyError`]: SM2, GOST, Edwards and other curves are not supported, and neither are RSA keys that are too short.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        let public = spki::public_key(spki).map_err(|_| KeyError)?;
        let key = VerifyingKey::new(&public).map_err(|_| KeyError)?;
        let parsed = match &key {
            VerifyingKey::Ecc { curve: EccCurve::NistP256, point } => {
                Key::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError)?)
            }
            VerifyingKey::Ecc { curve: EccCurve::NistP384, point } => {
                Key::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError)?)
            }
            VerifyingKey::Rsa { numbers, .. } => {
                let number = rsa::BigUint::from_bytes_be;
                let (n, e) = (number(numbers.modulus()), number(numbers.exponent()));
                Key::Rsa(rsa::RsaPublicKey::new(n, e).map_err(|_| KeyError)?)
            }
        };
        let spki = spki::encode(&key);
        // RFC 5280, section 4.2.1.2 (1): SHA-1 of the key's own bytes. It names the key and proves nothing.
        let id = HashAlg::Sha1.hash(&[spki::key_bytes(&spki).map_err(|_| KeyError)?]);
        let keyid = KeyId(id.as_bytes().last_chunk().copied().ok_or(KeyError)?);
        Ok(Self { key: parsed, keyid, spki })
    }

    /// The key of a certificate in DER, under the identifier that the certificate gives it. Nothing else of the certificate counts:
    /// neither its issuer nor its times.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_certificate(certificate: &[u8]) -> Result<Self, KeyError> {
        let spki = x509::subject_public_key_info(certificate).map_err(|_| KeyError)?;
        let key = Self::from_spki(spki)?;
        let id = x509::subject_key_identifier(certificate).map_err(|_| KeyError)?;
        let keyid = id.and_then(|id| id.last_chunk().copied()).map_or(key.keyid, KeyId);
        Ok(Self { keyid, ..key })
    }

    /// The same key under another identifier: certificates may give it any.
    #[must_use]
    pub fn with_keyid(self, keyid: KeyId) -> Self {
        Self { keyid, ..self }
    }

    /// By which signatures name it.
    #[must_use]
    pub const fn keyid(&self) -> KeyId {
        self.keyid
    }

    /// Its SubjectPublicKeyInfo in DER: one key, one encoding.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// `rsa-3072`, `ecdsa-p256`.
    #[must_use]
    pub fn algorithm(&self) -> String {
        use rsa::traits::PublicKeyParts as _;
        match &self.key {
            Key::P256(_) => "ecdsa-p256".into(),
            Key::P384(_) => "ecdsa-p384".into(),
            Key::Rsa(key) => format!("rsa-{}", key.size().saturating_mul(8)),
        }
    }

    /// Whether the signature is by this key over what the entry measured.
    ///
    /// # Errors
    /// [`Error::DigestOther`] or [`Error::SignatureInvalid`].
    pub fn verify(&self, signature: &FileSignature<'_>, file: &FileDigest<'_>) -> Result<(), Error> {
        let of_verity = match file.kind {
            None | Some("ima") => false,
            Some("verity") => true,
            Some(_) => return Err(Error::DigestOther),
        };
        let is_verity = signature.over == SignatureOver::VerityFileId;
        let digest = file.typed().filter(|digest| digest.alg() == signature.hash && is_verity == of_verity);
        let signed = digest.and_then(|digest| signature.signed(digest.as_bytes()));
        let signed = signed.ok_or(Error::DigestOther)?;
        let is_good = match &self.key {
            Key::P256(key) => p256::ecdsa::Signature::from_der(signature.value)
                .is_ok_and(|value| key.verify_prehash(signed.as_bytes(), &value).is_ok()),
            Key::P384(key) => p384::ecdsa::Signature::from_der(signature.value)
                .is_ok_and(|value| key.verify_prehash(signed.as_bytes(), &value).is_ok()),
            Key::Rsa(key) => key.verify(pkcs1(&signed), signed.as_bytes(), signature.value).is_ok(),
        };
        if is_good { Ok(()) } else { Err(Error::SignatureInvalid { keyid: self.keyid }) }
    }
}

/// RSASSA-PKCS1-v1_5 with this hash (RFC 8017, section 9.2, note 1: the DER before the digest).
fn pkcs1(digest: &Digest) -> Pkcs1v15Sign {
    let (last, len) = match digest.alg() {
        HashAlg::Sha384 => (2, 48),
        HashAlg::Sha512 => (3, 64),
        _ => (1, 32),
    };
    let oid = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    let algorithm = der::tlv(der::SEQUENCE, &[der::tlv(der::OID, &oid), der::tlv(der::NULL, &[])].concat());
    // The digest itself is added by the caller: the lengths before it count it already.
    let whole =
        der::tlv(der::SEQUENCE, &[algorithm, der::tlv(der::OCTET_STRING, digest.as_bytes())].concat());
    let prefix = whole.get(..whole.len().saturating_sub(len)).unwrap_or_default();
    Pkcs1v15Sign { hash_len: Some(len), prefix: prefix.into() }
}

/// The certificate's or key's SubjectPublicKeyInfo in a measured buffer (Linux, ima_post_key_create_or_update measures what was loaded).
#[must_use]
pub fn key_in_buffer(buffer: &[u8]) -> Option<SignerKey> {
    let whole = Der::new(buffer).next().ok()?.whole;
    SignerKey::from_certificate(whole).or_else(|_| SignerKey::from_spki(whole)).ok()
}

#[cfg(test)]
mod tests;
