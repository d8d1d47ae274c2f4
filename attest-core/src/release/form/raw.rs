//! Bare signatures, for tools that take a digest or a file out and a signature in (MCUboot's `imgtool --vector-to-sign` and `--fix-sig`).
//!
//! What is signed is the artifact's own bytes: of MCUboot, what its tool exports as `payload`. Ed25519, which hashes by itself, may also
//! sign an artifact's SHA-256, as MCUboot has it.

use super::{Error, ReleaseKey, Scheme, Subject, artifact};
use crate::der::{self, tlv};
use crate::release::ObjectId;

/// How every COSE `Sig_structure` of one signer begins (RFC 9052, 4.4): an array of four and the context, in the one encoding.
const SIG_STRUCTURE: &[u8] = b"\x84\x6aSignature1";
/// That of a message with many signers.
const SIG_STRUCTURE_OF_MANY: &[u8] = b"\x85\x69Signature";

pub(super) fn subject(key: &ReleaseKey, to_be_signed: &[u8]) -> Result<Subject, Error> {
    // A69: whoever trusts the key for COSE by mistake is not handed a message of the requester's making.
    if to_be_signed.starts_with(SIG_STRUCTURE) || to_be_signed.starts_with(SIG_STRUCTURE_OF_MANY) {
        return Err(Error::Disguised);
    }
    Ok(match (key.scheme(), <[u8; 32]>::try_from(to_be_signed)) {
        (Scheme::Ed25519, Ok(digest)) => {
            Subject::Artifact { sha256: ObjectId::from_bytes(digest), size: None }
        }
        _ => artifact(to_be_signed),
    })
}

/// The signature as tools take it that want DER: ECDSA-Sig-Value (RFC 3279, section 2.2.3) for ECDSA, the others as they are.
///
/// # Errors
/// [`Error::SignatureInvalid`]: not of the scheme's length.
pub fn der(scheme: Scheme, signature: &[u8]) -> Result<Vec<u8>, Error> {
    let field = match scheme {
        Scheme::EcdsaP256 => 32,
        Scheme::EcdsaP384 => 48,
        Scheme::Ed25519 | Scheme::RsaPkcs1 | Scheme::RsaPss => return Ok(signature.to_vec()),
    };
    let (r, s) =
        signature.split_at_checked(field).filter(|(_, s)| s.len() == field).ok_or(Error::SignatureInvalid)?;
    Ok(tlv(der::SEQUENCE, &[der::unsigned(r), der::unsigned(s)].concat()))
}

/// Verifies a bare signature in the form that [`Scheme`] says.
///
/// # Errors
/// [`Error::SignatureInvalid`].
pub fn verify(key: &ReleaseKey, to_be_signed: &[u8], signature: &[u8]) -> Result<(), Error> {
    if key.verifies(to_be_signed, signature) { Ok(()) } else { Err(Error::SignatureInvalid) }
}
