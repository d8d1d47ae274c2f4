//! COSE_Key (RFC 9052, section 7; RFC 9053, section 7; RFC 8230, section 4). A private part, if one is there, is not looked at.

use super::{Error, Numbers};
use crate::Limits;
use crate::evidence::cbor::{self, Value};
use crate::evidence::eat::Algorithm;

const KTY: i128 = 1;
const ALG: i128 = 3;
const KEY_OPS: i128 = 4;
/// `sign` and `verify` in `key_ops`.
const OPERATIONS: [i128; 2] = [1, 2];

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<(Numbers, Option<Algorithm>), Error> {
    let malformed = |detail| Error::Malformed { detail };
    let key = cbor::parse(bytes, limits).map_err(|_| malformed("neither PEM, nor a JWK, nor strict CBOR"))?;
    if !matches!(key, Value::Map(_)) {
        return Err(malformed("a COSE_Key is a map"));
    }
    let alg = match key.get(ALG) {
        None => None,
        Some(alg) => Some(Algorithm::from_cose(
            alg.as_integer().ok_or(malformed("`alg` is not a number that is known"))?,
        )),
    };
    if let Some(operations) = key.get(KEY_OPS) {
        let is_one = |one: &Value<'_>| one.as_integer().is_some_and(|one| OPERATIONS.contains(&one));
        let Value::Array(all) = operations else { return Err(Error::UseUnexpected) };
        if !all.iter().any(is_one) {
            return Err(Error::UseUnexpected);
        }
    }
    let integer = |label: i128| key.get(label).and_then(Value::as_integer);
    let number = |label: i128| {
        let bytes = key.get(label).and_then(Value::as_bytes);
        bytes.ok_or(malformed("a number of the key is missing, or not a byte string"))
    };
    let point = |field_bytes| {
        // The sign of y alone: a compressed point.
        if matches!(key.get(-3), Some(Value::Bool(_))) {
            return Err(Error::PointUnsupported);
        }
        Numbers::point(number(-2)?, number(-3)?, field_bytes)
    };
    let numbers = match (integer(KTY), integer(-1)) {
        (Some(1), Some(6)) => Numbers::Ed25519(number(-2)?.try_into().map_err(|_| Error::PointUnsupported)?),
        (Some(2), Some(1)) => Numbers::P256(point(32)?),
        (Some(2), Some(2)) => Numbers::P384(point(48)?),
        (Some(2), Some(3)) => Numbers::P521(point(66)?),
        (Some(3), _) => Numbers::rsa(number(-1)?, number(-2)?)?,
        (Some(4), _) => return Err(Error::Symmetric),
        (Some(_), _) => return Err(Error::Unsupported),
        (None, _) => return Err(malformed("the COSE_Key has no `kty` that is a number")),
    };
    Ok((numbers, alg))
}
