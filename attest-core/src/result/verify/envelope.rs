//! JWS compact serialization and COSE_Sign1: from a token to the payload that its signature covers.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{EarVerifier, Error};
use crate::{
    evidence::{
        cbor::{self, Key, Value},
        json,
    },
    result::sign::{
        COSE_ALG, COSE_ES256, COSE_KID, COSE_SIGN1_TAG, COSE_TYP, CWT_TYPE, JWT_TYPE, sig_structure,
    },
};

/// Critical headers (RFC 9052, 3.1).
const COSE_CRIT: i128 = 2;

/// The payload of a JWT whose signature verifies.
pub(super) fn open_jwt(token: &str, verifier: &EarVerifier) -> Result<Vec<u8>, Error> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Error::FormUnexpected)?;
    let (header, payload) = signed.split_once('.').ok_or(Error::FormUnexpected)?;
    if payload.contains('.') {
        return Err(Error::FormUnexpected);
    }
    let header = json::parse(&decode(header, 0)?, &verifier.limits)?;
    let header = header.as_object().ok_or(Error::FormUnexpected)?;
    if header.contains_key("crit") {
        return Err(Error::CritUnexpected);
    }
    // A45: the algorithm is the key's. `none`, HMAC with the public key as secret and other curves all end here.
    if header.get("alg").and_then(|alg| alg.as_str()) != Some("ES256") {
        return Err(Error::AlgorithmUnexpected);
    }
    if header.get("typ").and_then(|typ| typ.as_str()) != Some(JWT_TYPE) {
        return Err(Error::TypeUnexpected);
    }
    // No `jwk`, `jku` or `x5c`: a token does not bring its own key.
    if header.keys().any(|name| !matches!(name.as_str(), "alg" | "kid" | "typ")) {
        return Err(Error::HeaderUnexpected);
    }
    let id = header.get("kid").and_then(|kid| kid.as_str()).ok_or(Error::KeyUnknown)?;
    let key = verifier.key(id.as_bytes())?;
    let signature: [u8; 64] = decode(signature, 2)?.try_into().map_err(|_| Error::SignatureInvalid)?;
    if !key.verifies(signed.as_bytes(), &signature) {
        return Err(Error::SignatureInvalid);
    }
    decode(payload, 1)
}

/// The payload of a CWT whose signature verifies.
pub(super) fn open_cwt<'a>(token: &'a [u8], verifier: &EarVerifier) -> Result<&'a [u8], Error> {
    let Value::Tag(COSE_SIGN1_TAG, sign1) = cbor::parse(token, &verifier.limits)? else {
        return Err(Error::FormUnexpected);
    };
    let Value::Array(parts) = *sign1 else { return Err(Error::FormUnexpected) };
    let [Value::Bytes(protected), Value::Map(unprotected), Value::Bytes(payload), Value::Bytes(signature)] =
        parts.as_slice()
    else {
        return Err(Error::FormUnexpected);
    };
    let header = cbor::parse(protected, &verifier.limits)?;
    let Value::Map(entries) = &header else { return Err(Error::FormUnexpected) };
    if header.get(COSE_CRIT).is_some() {
        return Err(Error::CritUnexpected);
    }
    // A45: the algorithm is the key's, and stands in the protected header.
    if header.get(COSE_ALG.into()) != Some(&Value::Integer(COSE_ES256.into())) {
        return Err(Error::AlgorithmUnexpected);
    }
    if header.get(COSE_TYP.into()) != Some(&Value::Text(CWT_TYPE)) {
        return Err(Error::TypeUnexpected);
    }
    let known = [COSE_ALG, COSE_KID, COSE_TYP].map(|label| Key::Integer(label.into()));
    if !unprotected.is_empty() || entries.iter().any(|(key, _)| !known.contains(key)) {
        return Err(Error::HeaderUnexpected);
    }
    let id = header.get(COSE_KID.into()).and_then(Value::as_bytes).ok_or(Error::KeyUnknown)?;
    let key = verifier.key(id)?;
    let signature = (*signature).try_into().map_err(|_| Error::SignatureInvalid)?;
    if key.verifies(&sig_structure(protected, payload), signature) {
        Ok(payload)
    } else {
        Err(Error::SignatureInvalid)
    }
}

fn decode(text: &str, part: usize) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Base64Malformed { part })
}
