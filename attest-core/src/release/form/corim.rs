//! A signed CoRIM: COSE_Sign1 around the unsigned one (draft-ietf-rats-corim-11, `signed-corim`).

use super::cose::{SigStructure, sign1};
use super::{Error, ReleaseKey};
use crate::Limits;
use crate::evidence::cbor::{Key, Value, encode};
use crate::reference::corim::{Corim, SignedCorim, Validity, sig_structure};
use crate::release::ObjectId;

const CONTENT_TYPE: &str = "application/rim+cbor";
/// CBOR tag of epoch-based times (RFC 8949, 3.4.2).
const TAG_TIME: u64 = 1;

/// A CoRIM that is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Who signs, as `signer-name` of `corim-meta` says it.
    pub signer: &'a str,
    /// When the signature counts, as `signature-validity` says it.
    pub validity: Option<Validity>,
    /// The unsigned CoRIM.
    pub corim: &'a [u8],
}

impl Draft<'_> {
    /// The bytes to be signed: the Sig_structure (RFC 9052, 4.4) of deterministic CBOR.
    ///
    /// # Errors
    /// [`Error::Corim`]: what is to be signed is no CoRIM. [`Error::KeyForPurpose`]: not this key's to sign.
    pub fn to_be_signed(&self, key: &ReleaseKey, limits: &Limits) -> Result<Vec<u8>, Error> {
        let alg = key.scheme().cose().ok_or(Error::KeyForPurpose { key: "this key" })?;
        // Nothing is signed that no verifier would read.
        Corim::parse(self.corim, limits)?;
        let meta = encode(&self.meta());
        let protected = encode(&Value::Map(vec![
            (Key::Integer(1), Value::Integer(alg)),
            (Key::Integer(3), Value::Text(CONTENT_TYPE)),
            (Key::Integer(8), Value::Bytes(&meta)),
        ]));
        Ok(sig_structure(&protected, self.corim))
    }

    /// `corim-meta-map`.
    fn meta(&self) -> Value<'_> {
        let time = |at: crate::Timestamp| Value::Tag(TAG_TIME, Box::new(Value::Integer(at.unix().into())));
        let mut entries =
            vec![(Key::Integer(0), Value::Map(vec![(Key::Integer(0), Value::Text(self.signer))]))];
        if let Some(Validity { not_before, not_after }) = self.validity {
            let from = not_before.map(|from| (Key::Integer(0), time(from)));
            let period = from.into_iter().chain([(Key::Integer(1), time(not_after))]).collect();
            entries.push((Key::Integer(1), Value::Map(period)));
        }
        Value::Map(entries)
    }
}

/// The signed CoRIM, of the bytes that were signed and their signature. Nothing else goes into it.
///
/// # Errors
/// [`Error`]: not the Sig_structure of a CoRIM, or the signature is not this key's over it.
pub fn finish(
    key: &ReleaseKey,
    to_be_signed: &[u8],
    signature: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    subject(key, to_be_signed, limits)?;
    super::raw::verify(key, to_be_signed, signature)?;
    enclose(to_be_signed, signature, limits)
}

/// The bytes that were signed, or are to be, in a COSE_Sign1 with whatever signature: for those who weigh it. An empty one stands where there
/// is none yet.
///
/// # Errors
/// [`Error`]: not a Sig_structure.
pub fn enclose(to_be_signed: &[u8], signature: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
    let parts = SigStructure::read(to_be_signed, limits)?;
    Ok(sign1(parts.protected, Some(parts.payload), signature))
}

/// The CoRIM that these bytes are about: they are read as whoever checks the signature will read them.
pub(super) fn subject(key: &ReleaseKey, to_be_signed: &[u8], limits: &Limits) -> Result<ObjectId, Error> {
    let message = enclose(to_be_signed, &[], limits)?;
    let signed = SignedCorim::parse(&message, limits)?;
    if key.scheme().cose() != Some(signed.algorithm()) {
        return Err(Error::AlgorithmUnexpected { got: signed.algorithm(), key: key.scheme() });
    }
    signed.unverified(limits)?;
    Ok(ObjectId::of(signed.payload()))
}
