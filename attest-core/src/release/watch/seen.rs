//! Signatures that were found somewhere else: whose key made them, and whether the log knows of it.

use std::collections::BTreeSet;

use super::super::bundle::Bundle;
use super::super::form::{ReleaseKey, authenticode};
use super::super::key::CanonicalKey;
use super::super::name::Name;
use super::super::object::{self, ObjectId};
use super::super::policy::{Purpose, RsaPadding};
use super::super::request::Request;
use super::super::view::LogView;
use super::{Finding, Watch};
use crate::Limits;
use crate::audit::checkpoint::{self, SignedCheckpoint};
use crate::audit::tree::Frontier;
use crate::evidence::cbor::{self, Value};
use crate::reference::corim::{SignedCorim, sig_structure};

/// COSE_Sign1 (RFC 9052, 2).
const TAG_SIGN1: u64 = 18;
/// How an image begins.
const MZ: &[u8] = b"MZ";

/// One signature by a key of the authority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// The key's name in the policy that has it.
    pub key: Name,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: ObjectId,
    /// SHA-256 of the bytes that it signed.
    pub signed_sha256: ObjectId,
}

/// Why nothing can be said about a thing that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The signature is beside what it is over.
    #[error("what was signed is wanted beside the signature")]
    FileWanted,
}

impl Unreadable {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::FileWanted => "seen_file_wanted",
        }
    }
}

/// Bytes, and what is said to be their signature.
struct Claim {
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// Every signature in a thing by a key that any policy of the log ever had. The thing is a bundle, a `COSE_Sign1` as of a CoRIM, an image
/// with Authenticode signatures, or a bare signature; `file` is what it was made over, where that is not in it. A key is asked about
/// each form, whatever its purpose: a thief does not care.
///
/// # Errors
/// [`Unreadable`].
pub fn sight(
    view: &LogView,
    thing: &[u8],
    file: Option<&[u8]>,
    limits: &Limits,
) -> Result<Vec<Seen>, Unreadable> {
    let keys = keys(view);
    if thing.starts_with(MZ) {
        return Ok(in_image(&keys, thing, limits));
    }
    let claims = if let Ok(bundle) = object::read::<Bundle>(thing, limits) {
        in_bundle(&bundle, file, limits)
    } else if let Some(claim) = in_cose(thing, file, limits)? {
        vec![claim]
    } else {
        bare(thing, file.ok_or(Unreadable::FileWanted)?)
    };
    let mut seen = BTreeSet::new();
    for claim in &claims {
        let by = keys.iter().filter(|key| key.made(claim));
        seen.extend(by.map(|key| key.seen(ObjectId::of(&claim.signed))));
    }
    Ok(seen.into_iter().collect())
}

/// A checkpoint of the log that was found somewhere else, against the leaves that are known here: nothing where they have the same beginning, or
/// it is of more leaves than are known. A log that went on under another name or key has the leaves of the earlier one before its own, so what any
/// of its keys signed is the beginning of it; a key that is in use no more may have been stolen since.
///
/// # Errors
/// [`checkpoint::Error`]: not of this log, or not signed by a key that it ever had.
pub fn split<'e>(
    view: &LogView,
    entries: impl ExactSizeIterator<Item = &'e [u8]>,
    note: &[u8],
    limits: &Limits,
) -> Result<Option<Finding>, checkpoint::Error> {
    let mut signed = None;
    for policy in view.policies() {
        let Ok((log, _)) = policy.document().log.read(limits) else { continue };
        let verified = SignedCheckpoint::verify(note, &log, limits);
        let is_its = verified.is_ok();
        signed = Some(verified);
        if is_its {
            break;
        }
    }
    let Some(signed) = signed else { return Ok(None) };
    let head = *signed?.head();
    let Some(size) = usize::try_from(head.size).ok().filter(|_| head.size <= view.head().size) else {
        return Ok(None);
    };
    let own = Frontier::new().append(entries.take(size), limits).map(|appended| appended.head.root);
    let is_ours = own.is_ok_and(|root| root == head.root);
    Ok((!is_ours).then_some(Finding::LogSplit { size: head.size, root: head.root }))
}

impl Watch {
    /// Inv. 1: what was signed and no attempt in the log covers.
    #[must_use]
    pub fn unlogged(&self, seen: &[Seen]) -> Vec<Finding> {
        let is_covered = |seen: &&Seen| self.covered.contains(&(seen.spki_sha256, seen.signed_sha256));
        let unlogged = seen.iter().filter(|seen| !is_covered(seen));
        unlogged.map(|seen| Finding::SignatureUnlogged(seen.clone())).collect()
    }
}

/// A key with every way in which it may sign.
struct Key {
    name: Name,
    spki: Vec<u8>,
    ways: Vec<ReleaseKey>,
}

fn keys(view: &LogView) -> Vec<Key> {
    let mut known = BTreeSet::new();
    let signing_keys = view.policies().flat_map(|policy| &policy.document().signing_keys);
    let new = signing_keys.filter(|(_, key)| known.insert(key.public_key.0.clone()));
    let key = |(name, key): (&Name, &super::super::policy::SigningKey)| {
        let spki = key.public_key.0.clone();
        let paddings = [None, Some(RsaPadding::Pkcs1), Some(RsaPadding::Pss)];
        let ways = paddings.iter().filter_map(|padding| ReleaseKey::new(&spki, Purpose::Raw, *padding).ok());
        // What signs no raw bytes has a way of its own.
        let ways = ways.chain(ReleaseKey::try_from(key)).collect();
        Key { name: name.clone(), spki, ways }
    };
    new.map(key).collect()
}

impl Key {
    fn made(&self, claim: &Claim) -> bool {
        let Claim { signed, signature } = claim;
        let in_der =
            CanonicalKey::from_spki_der(&self.spki).is_ok_and(|key| key.verifies_der(signed, signature));
        in_der || self.ways.iter().any(|key| key.verifies(signed, signature))
    }

    fn seen(&self, signed_sha256: ObjectId) -> Seen {
        Seen { key: self.name.clone(), spki_sha256: ObjectId::of(&self.spki), signed_sha256 }
    }
}

fn in_image(keys: &[Key], image: &[u8], limits: &Limits) -> Vec<Seen> {
    let Ok(signed) = authenticode::to_be_signed(image, limits) else { return Vec::new() };
    let as_firmware = |key: &&Key| {
        let key = ReleaseKey::new(&key.spki, Purpose::Authenticode, None);
        key.is_ok_and(|key| authenticode::verify(&key, image, limits).is_ok())
    };
    keys.iter().filter(as_firmware).map(|key| key.seen(ObjectId::of(&signed))).collect()
}

fn in_bundle(bundle: &Bundle, file: Option<&[u8]>, limits: &Limits) -> Vec<Claim> {
    let request = Request::parse(&bundle.request.0, limits);
    let listed = request.iter().flat_map(|request| &request.sign);
    let corim = bundle.corim.as_ref().and_then(|corim| SignedCorim::parse(&corim.0, limits).ok());
    let claim = |(sign, made): (&super::super::request::ToSign, &super::super::bundle::Signature)| {
        let signed = match (&made.signed, sign.purpose) {
            (Some(signed), _) => signed.0.clone(),
            (None, Purpose::Corim) => corim.as_ref()?.to_be_signed(),
            (None, _) => file?.to_vec(),
        };
        Some(Claim { signed, signature: made.signature.0.clone() })
    };
    listed.zip(&bundle.signatures).filter_map(claim).collect()
}

fn in_cose(message: &[u8], file: Option<&[u8]>, limits: &Limits) -> Result<Option<Claim>, Unreadable> {
    let mut value = match cbor::parse(message, limits) {
        Ok(value) => value,
        Err(_) => return Ok(None),
    };
    // Of a signed CoRIM, tags stand around it.
    while let Value::Tag(tag, inner) = value {
        value = *inner;
        if tag == TAG_SIGN1 {
            break;
        }
    }
    let Value::Array(parts) = value else { return Ok(None) };
    let [Value::Bytes(protected), Value::Map(_), payload, Value::Bytes(signature)] = parts.as_slice() else {
        return Ok(None);
    };
    let payload = match (payload, file) {
        (Value::Bytes(payload), _) => payload,
        (Value::Null, Some(file)) => file,
        (Value::Null, None) => return Err(Unreadable::FileWanted),
        _ => return Ok(None),
    };
    Ok(Some(Claim { signed: sig_structure(protected, payload), signature: signature.to_vec() }))
}

/// A bare signature over the file, or over its SHA-256, as MCUboot has it.
fn bare(signature: &[u8], file: &[u8]) -> Vec<Claim> {
    let digest = ObjectId::of(file).as_bytes().to_vec();
    let claim = |signed| Claim { signed, signature: signature.to_vec() };
    vec![claim(file.to_vec()), claim(digest)]
}
