//! What the `sig` field of an entry holds: the file's extended attribute security.ima (Linux, security/integrity/integrity.h,
//! `struct signature_v2_hdr`), or security.evm where the file has no signature of its own.

use crate::digest::{Digest, HashAlg};
use crate::reader::Reader;

/// A file's signature in the form that the kernel appraises: made by `evmctl` and packagers. Not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSignature<'e> {
    /// What is signed.
    pub over: SignatureOver,
    /// The hash of the file, and of what is signed.
    pub hash: HashAlg,
    /// Which key: the last four bytes of its subject key identifier.
    pub keyid: [u8; 4],
    /// RSASSA-PKCS1-v1_5 in the length of the modulus, or Ecdsa-Sig-Value in DER.
    pub value: &'e [u8],
}

/// What a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureOver {
    /// Version 2: the digest of the file's content itself.
    FileDigest,
    /// Version 3: the digest of `struct ima_file_id`, which holds the digest of the file's content.
    FileId,
    /// Version 3: the same with the file's fs-verity digest.
    VerityFileId,
}

/// Why a `sig` field holds no signature that can be checked. The kernel's names in words where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A portable signature of EVM over the file's attributes stands in its place.
    #[error("a portable EVM signature over attributes, which is not checked here")]
    EvmPortable,
    /// A hash that no signature is checked with here: GOST, SM3, RIPEMD, Tiger, Whirlpool, SHA-224, SHA-3.
    #[error("hash {id} of the kernel is not supported for signatures")]
    HashUnsupported {
        /// The kernel's number (include/uapi/linux/hash_info.h).
        id: u8,
    },
    /// MD4, MD5 or SHA-1.
    #[error("hash {id} of the kernel is too weak to sign with")]
    HashWeak {
        /// The kernel's number: 0, 1 or 2.
        id: u8,
    },
    /// The length that it tells is not that of what follows.
    #[error("a signature of {told} bytes, {got} follow")]
    Length {
        /// What it tells.
        told: u16,
        /// How many follow.
        got: usize,
    },
    /// The bytes end inside the header.
    #[error("cut short")]
    Truncated,
    /// The attribute holds something else than a signature.
    #[error("attribute of type {got:#04x} is no signature of a file")]
    TypeUnknown {
        /// `enum evm_ima_xattr_type`.
        got: u8,
    },
    /// A version that is not known, or not for this type: version 1 has no hash that is strong enough.
    #[error("version {got} is not supported for this type of signature")]
    VersionUnsupported {
        /// The version.
        got: u8,
    },
}

impl SignatureError {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EvmPortable => "signature_evm_portable",
            Self::HashUnsupported { .. } => "signature_hash_unsupported",
            Self::HashWeak { .. } => "signature_hash_weak",
            Self::Length { .. } => "signature_length",
            Self::Truncated => "signature_truncated",
            Self::TypeUnknown { .. } => "signature_type_unknown",
            Self::VersionUnsupported { .. } => "signature_version_unsupported",
        }
    }
}

/// EVM_IMA_XATTR_DIGSIG, EVM_XATTR_PORTABLE_DIGSIG and IMA_VERITY_DIGSIG of `enum evm_ima_xattr_type`.
const DIGSIG: u8 = 3;
const EVM_PORTABLE: u8 = 5;
const VERITY: u8 = 6;

impl<'e> FileSignature<'e> {
    /// Reads the field; all of it must be used.
    ///
    /// # Errors
    /// [`SignatureError`]: what it is instead.
    pub fn parse(field: &'e [u8]) -> Result<Self, SignatureError> {
        let mut reader = Reader::new(field);
        let [kind, version, hash] = reader.array().map_err(|_| match field {
            [DIGSIG | EVM_PORTABLE | VERITY, ..] | [] => SignatureError::Truncated,
            [got, ..] => SignatureError::TypeUnknown { got: *got },
        })?;
        let over = match (kind, version) {
            (DIGSIG, 2) => SignatureOver::FileDigest,
            (DIGSIG, 3) => SignatureOver::FileId,
            (VERITY, 3) => SignatureOver::VerityFileId,
            (DIGSIG | VERITY, got) => return Err(SignatureError::VersionUnsupported { got }),
            (EVM_PORTABLE, _) => return Err(SignatureError::EvmPortable),
            (got, _) => return Err(SignatureError::TypeUnknown { got }),
        };
        let hash = match hash {
            id @ 0..=2 => return Err(SignatureError::HashWeak { id }),
            4 => HashAlg::Sha256,
            5 => HashAlg::Sha384,
            6 => HashAlg::Sha512,
            id => return Err(SignatureError::HashUnsupported { id }),
        };
        let keyid = reader.array().map_err(|_| SignatureError::Truncated)?;
        let told = u16::from_be_bytes(reader.array().map_err(|_| SignatureError::Truncated)?);
        let value = reader.rest();
        if value.len() != usize::from(told) || value.is_empty() {
            return Err(SignatureError::Length { told, got: value.len() });
        }
        Ok(Self { over, hash, keyid, value })
    }

    /// The kernel's number of its hash (include/uapi/linux/hash_info.h), as `struct ima_file_id` holds it.
    #[must_use]
    pub const fn hash_id(&self) -> u8 {
        match self.hash {
            HashAlg::Sha384 => 5,
            HashAlg::Sha512 => 6,
            _ => 4,
        }
    }

    /// The digest that is signed, if this is the file's; `None` for one of another hash's length.
    #[must_use]
    pub fn signed(&self, file: &[u8]) -> Option<Digest> {
        let digest = Digest::new(self.hash, file)?;
        let id = |kind: u8| self.hash.hash(&[&[kind, self.hash_id()], file]);
        Some(match self.over {
            SignatureOver::FileDigest => digest,
            SignatureOver::FileId => id(DIGSIG),
            SignatureOver::VerityFileId => id(VERITY),
        })
    }
}
