//! A release as it travels: the request, and everything that speaks for it. None of it is believed; `evaluate` weighs it.
//!
//! Reviews are not part of it, since they come after it was published.

use serde::{Deserialize, Serialize};

use super::object::{Blob, Object, ObjectId};
use crate::Limits;

/// A request with all that speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`Bundle::FORMAT`].
    pub format: String,
    /// The request's bytes.
    pub request: Blob,
    /// The statement of whoever asks.
    pub submission: Blob,
    /// Approvals.
    pub approvals: Vec<Blob>,
    /// Other requests that these approvals name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<Blob>,
    /// DSSE envelopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Blob>,
    /// The measurements: a CoRIM in `COSE_Sign1`. Before it is signed its signature is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corim: Option<Blob>,
    /// One for each of the things to sign, in the request's order; none before they are signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
}

/// What the signer made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The signature, in the form that its purpose has.
    pub signature: Blob,
    /// What was signed, where it is neither the artifact itself nor in the CoRIM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Blob>,
}

impl Object for Bundle {
    const FORMAT: &'static str = "attest-release-bundle/1";

    fn most_bytes(limits: &Limits) -> usize {
        limits.release_bundle_bytes
    }
}

impl Bundle {
    /// How the log names the signatures: SHA-256 over the SHA-256 of each, in the request's order.
    #[must_use]
    pub fn signatures_id(&self) -> ObjectId {
        ObjectId::of(&signature_list(self.signatures.iter().map(|made| &*made.signature.0)))
    }
}

/// The object by which the log names signatures: the SHA-256 of each, one after the other, in the request's order.
#[must_use]
pub fn signature_list<'s>(signatures: impl IntoIterator<Item = &'s [u8]>) -> Vec<u8> {
    signatures.into_iter().flat_map(|signature| *ObjectId::of(signature).as_bytes()).collect()
}

/// The signatures that such a list names.
pub(super) fn listed(list: &[u8]) -> impl Iterator<Item = ObjectId> {
    list.as_chunks::<32>().0.iter().copied().map(ObjectId::from_bytes)
}
