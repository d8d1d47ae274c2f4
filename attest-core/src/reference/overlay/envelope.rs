//! The envelope of an overlay: a compact JWS (RFC 7515) with ES256 by a key that the golden document names.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Error, OverlaySigner};
use crate::Limits;
use crate::evidence::json;

/// `typ` of the header: a signature for anything else is none for an overlay.
const TYPE: &str = "attest-overlay+jwt";

/// The payload that a named signer signed, and the signer.
pub(super) fn open<'s>(
    text: &str,
    signers: &'s [OverlaySigner],
    limits: &Limits,
) -> Result<(Vec<u8>, &'s OverlaySigner), Error> {
    if text.len() > limits.token_bytes {
        return Err(json::Error::TooLong { len: text.len(), limit: limits.token_bytes }.into());
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(Error::FormUnexpected)?;
    let (header, payload) = signed.split_once('.').ok_or(Error::FormUnexpected)?;
    if payload.contains('.') {
        return Err(Error::FormUnexpected);
    }
    let header = json::parse(&decode(header, 0)?, limits)?;
    let header = header.as_object().ok_or(Error::FormUnexpected)?;
    let says = |name: &str| header.get(name).and_then(|value| value.as_str());
    // A45: the algorithm is the key's. `none` ends here.
    if says("alg") != Some("ES256") {
        return Err(Error::AlgorithmUnexpected);
    }
    if says("typ") != Some(TYPE) {
        return Err(Error::TypeUnexpected);
    }
    // No `jwk`, `jku`, `x5c` or `crit`: an overlay does not bring its own key.
    if header.keys().any(|name| !matches!(name.as_str(), "alg" | "kid" | "typ")) {
        return Err(Error::HeaderUnexpected);
    }
    let id = says("kid").unwrap_or_default();
    let signer = signers.iter().find(|signer| signer.id() == id);
    let signer = signer.ok_or_else(|| Error::SignerUnknown { id: id.to_owned() })?;
    let signature: [u8; 64] = decode(signature, 2)?.try_into().map_err(|_| Error::SignatureInvalid)?;
    if !signer.verifies(signed.as_bytes(), &signature) {
        return Err(Error::SignatureInvalid);
    }
    Ok((decode(payload, 1)?, signer))
}

/// What the signature covers (RFC 7515, 5.1): header and payload.
pub(super) fn signing_input(payload: &str, key_id: &str) -> String {
    let header = serde_json::json!({ "alg": "ES256", "kid": key_id, "typ": TYPE }).to_string();
    let mut input = URL_SAFE_NO_PAD.encode(header);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut input);
    input
}

/// The whole, once signed.
pub(super) fn compact(mut input: String, signature: &[u8; 64]) -> String {
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut input);
    input
}

fn decode(text: &str, part: usize) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Base64Malformed { part })
}
