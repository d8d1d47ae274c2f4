//! Signed files: COSE_Sign1 (RFC 9052, 4.2) with the file beside it, or around its SHA-256 as a hash envelope
//! (draft-ietf-cose-hash-envelope-10).

use super::{Error, ReleaseKey, Subject, artifact, sha256};
use crate::Limits;
use crate::evidence::cbor::{self, Key, Value, encode};
use crate::reference::corim::sig_structure;
use crate::release::ObjectId;

/// COSE_Sign1 (RFC 9052, 2).
const TAG_SIGN1: u64 = 18;
const ALG: i128 = 1;
const CONTENT_TYPE: i128 = 3;
/// How the payload was hashed, of what content type that is which was hashed, and where it is.
const PAYLOAD_HASH_ALG: i128 = 258;
const PREIMAGE_CONTENT_TYPE: i128 = 259;
const PAYLOAD_LOCATION: i128 = 260;
/// SHA-256 in the registry "COSE Algorithms" (RFC 9054, 2.1).
const SHA_256: i128 = -16;

/// The bytes to be signed of a file that travels beside its signature.
///
/// # Errors
/// [`Error::KeyForPurpose`].
pub fn detached(key: &ReleaseKey, content_type: Option<&str>, file: &[u8]) -> Result<Vec<u8>, Error> {
    let content_type = content_type.map(|name| (Key::Integer(CONTENT_TYPE), Value::Text(name)));
    let header = algorithm(key)?.into_iter().chain(content_type).collect();
    Ok(sig_structure(&encode(&Value::Map(header)), file))
}

/// The bytes to be signed of a hash envelope around a file's SHA-256: some hundred bytes, however large the file is.
///
/// # Errors
/// [`Error::KeyForPurpose`].
pub fn envelope(
    key: &ReleaseKey,
    content_type: Option<&str>,
    location: Option<&str>,
    file: &ObjectId,
) -> Result<Vec<u8>, Error> {
    let hash = (Key::Integer(PAYLOAD_HASH_ALG), Value::Integer(SHA_256));
    let content_type = content_type.map(|name| (Key::Integer(PREIMAGE_CONTENT_TYPE), Value::Text(name)));
    let location = location.map(|place| (Key::Integer(PAYLOAD_LOCATION), Value::Text(place)));
    let header = algorithm(key)?.into_iter().chain([hash]).chain(content_type).chain(location).collect();
    Ok(sig_structure(&encode(&Value::Map(header)), file.as_bytes()))
}

fn algorithm(key: &ReleaseKey) -> Result<[(Key<'static>, Value<'static>); 1], Error> {
    let alg = key.scheme().cose().ok_or(Error::KeyForPurpose { key: "this key" })?;
    Ok([(Key::Integer(ALG), Value::Integer(alg))])
}

/// The COSE_Sign1, of the bytes that were signed and their signature. Nothing else goes into it: the payload is in a hash envelope, and
/// beside any other.
///
/// # Errors
/// [`Error`]: not such a Sig_structure, or the signature is not this key's over it.
pub fn finish(
    key: &ReleaseKey,
    to_be_signed: &[u8],
    signature: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    subject(key, to_be_signed, limits)?;
    super::raw::verify(key, to_be_signed, signature)?;
    let parts = SigStructure::read(to_be_signed, limits)?;
    let is_envelope = Header::read(parts.protected, limits)?.is_envelope;
    Ok(sign1(parts.protected, is_envelope.then_some(parts.payload), signature))
}

/// Verifies a COSE_Sign1 of either form by this key over this file.
///
/// # Errors
/// [`Error`].
pub fn verify(key: &ReleaseKey, message: &[u8], file: &[u8], limits: &Limits) -> Result<(), Error> {
    let value = cbor::parse(message, limits)?;
    let shape = |what| Error::ShapeUnexpected {
        what,
        expected: "COSE_Sign1 with tag 18, no unprotected header, and the payload beside it or its SHA-256 inside",
    };
    let Value::Tag(TAG_SIGN1, inner) = value else { return Err(shape("the message")) };
    let Value::Array(parts) = *inner else { return Err(shape("the message")) };
    let [Value::Bytes(protected), Value::Map(unprotected), payload, Value::Bytes(signature)] =
        parts.as_slice()
    else {
        return Err(shape("the message"));
    };
    if !unprotected.is_empty() {
        return Err(shape("the unprotected header"));
    }
    let header = Header::read(protected, limits)?;
    let signed = match (payload, header.is_envelope) {
        (Value::Null, false) => sig_structure(protected, file),
        (Value::Bytes(digest), true) => sig_structure(protected, digest),
        _ => return Err(shape("the payload")),
    };
    header.is_of(key)?;
    super::raw::verify(key, &signed, signature)?;
    match payload {
        Value::Bytes(digest) if *digest != sha256(file) => Err(Error::FileUnexpected),
        _ => Ok(()),
    }
}

/// What these bytes are about.
pub(super) fn subject(key: &ReleaseKey, to_be_signed: &[u8], limits: &Limits) -> Result<Subject, Error> {
    let parts = SigStructure::read(to_be_signed, limits)?;
    let header = Header::read(parts.protected, limits)?;
    header.is_of(key)?;
    if !header.is_envelope {
        return Ok(artifact(parts.payload));
    }
    let digest = parts.payload.try_into();
    let digest = digest.map_err(|_| Error::ShapeUnexpected { what: "the payload", expected: "a SHA-256" })?;
    Ok(Subject::Artifact { sha256: ObjectId::from_bytes(digest), size: None })
}

/// A protected header of ours: nothing else stands in it.
struct Header {
    algorithm: i128,
    is_envelope: bool,
}

impl Header {
    fn read(protected: &[u8], limits: &Limits) -> Result<Self, Error> {
        let shape = |expected| Error::ShapeUnexpected { what: "the protected header", expected };
        let value = cbor::parse(protected, limits)?;
        let Value::Map(entries) = &value else { return Err(shape("a map")) };
        // One content, one encoding: what is read here is what the form makes.
        if encode(&value) != protected {
            return Err(shape("deterministic CBOR"));
        }
        let (mut algorithm, mut hash, mut plain, mut preimage) = (None, false, false, false);
        for entry in entries {
            match entry {
                (Key::Integer(ALG), Value::Integer(alg)) => algorithm = Some(*alg),
                (Key::Integer(CONTENT_TYPE), Value::Text(_)) => plain = true,
                (Key::Integer(PAYLOAD_HASH_ALG), Value::Integer(SHA_256)) => hash = true,
                (Key::Integer(PREIMAGE_CONTENT_TYPE | PAYLOAD_LOCATION), Value::Text(_)) => preimage = true,
                _ => return Err(shape("alg, and a content type, or SHA-256 and what it is of")),
            }
        }
        // Section 4 of the draft: content-type is easily taken for the preimage's, and does not stand beside it.
        if (plain && hash) || (preimage && !hash) {
            return Err(shape("a content type, or what a hash envelope says of its preimage"));
        }
        Ok(Self { algorithm: algorithm.ok_or_else(|| shape("alg"))?, is_envelope: hash })
    }

    /// A45: the algorithm is the key's.
    fn is_of(&self, key: &ReleaseKey) -> Result<(), Error> {
        if key.scheme().cose() == Some(self.algorithm) {
            Ok(())
        } else {
            Err(Error::AlgorithmUnexpected { got: self.algorithm, key: key.scheme() })
        }
    }
}

/// What a COSE_Sign1's signature is over (RFC 9052, 4.4), taken apart.
pub(super) struct SigStructure<'a> {
    pub(super) protected: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl<'a> SigStructure<'a> {
    /// Reads one without external data.
    pub(super) fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let shape = Error::ShapeUnexpected {
            what: "the bytes to be signed",
            expected: "a Sig_structure of one signer without external data",
        };
        let Value::Array(parts) = cbor::parse(bytes, limits)? else { return Err(shape) };
        match parts.as_slice() {
            [Value::Text("Signature1"), Value::Bytes(protected), Value::Bytes([]), Value::Bytes(payload)] => {
                Ok(Self { protected, payload })
            }
            _ => Err(shape),
        }
    }
}

/// COSE_Sign1 with tag 18 and an empty unprotected header; without a payload it is detached.
pub(super) fn sign1(protected: &[u8], payload: Option<&[u8]>, signature: &[u8]) -> Vec<u8> {
    let parts = vec![
        Value::Bytes(protected),
        Value::Map(Vec::new()),
        payload.map_or(Value::Null, Value::Bytes),
        Value::Bytes(signature),
    ];
    encode(&Value::Tag(TAG_SIGN1, Box::new(Value::Array(parts))))
}
