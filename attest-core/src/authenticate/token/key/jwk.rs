//! JSON Web Keys (RFC 7517; RFC 7518, section 6; RFC 8037). A private part, if one is there, is not looked at.

use serde_json::{Map, Value as Json};

use super::{Error, Numbers};
use crate::Limits;
use crate::evidence::eat::Algorithm;
use crate::evidence::json;
use crate::evidence::node::Node;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<(Numbers, Option<Algorithm>), Error> {
    let malformed = |detail| Error::Malformed { detail };
    let value =
        json::parse(bytes, limits).map_err(|_| malformed("the JWK is not JSON, or says something twice"))?;
    let key = value.as_object().ok_or(malformed("the JWK is not an object"))?;
    check_use(key)?;
    let alg = match key.get("alg") {
        None => None,
        Some(alg) => Some(Algorithm::from_jose(alg.as_str().ok_or(malformed("`alg` is not text"))?)),
    };
    let text = |name| key.get(name).and_then(Json::as_str);
    let number = |name| {
        let value = key.get(name).and_then(|value| Node::Json(value).bytes());
        value.ok_or(malformed("a number of the key is missing, or not unpadded base64url"))
    };
    let numbers = match (text("kty"), text("crv")) {
        (Some("EC"), Some("P-256")) => Numbers::P256(Numbers::point(&number("x")?, &number("y")?, 32)?),
        (Some("EC"), Some("P-384")) => Numbers::P384(Numbers::point(&number("x")?, &number("y")?, 48)?),
        (Some("EC"), Some("P-521")) => Numbers::P521(Numbers::point(&number("x")?, &number("y")?, 66)?),
        (Some("OKP"), Some("Ed25519")) => {
            Numbers::Ed25519(number("x")?.try_into().map_err(|_| Error::PointUnsupported)?)
        }
        (Some("RSA"), _) => Numbers::rsa(&number("n")?, &number("e")?)?,
        (Some("oct"), _) => return Err(Error::Symmetric),
        (Some(_), _) => return Err(Error::Unsupported),
        (None, _) if key.contains_key("keys") => return Err(malformed("a set of keys: which one is meant?")),
        (None, _) => return Err(malformed("the JWK has no `kty`")),
    };
    Ok((numbers, alg))
}

/// `use` and `key_ops` (RFC 7517, sections 4.2 and 4.3). A private key's operation is `sign`; its public half verifies.
fn check_use(key: &Map<String, Json>) -> Result<(), Error> {
    if key.get("use").is_some_and(|says| says.as_str() != Some("sig")) {
        return Err(Error::UseUnexpected);
    }
    let Some(operations) = key.get("key_ops") else { return Ok(()) };
    let verifies = |all: &Vec<Json>| all.iter().any(|one| matches!(one.as_str(), Some("verify" | "sign")));
    if operations.as_array().is_some_and(verifies) { Ok(()) } else { Err(Error::UseUnexpected) }
}
