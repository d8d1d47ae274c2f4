//! What came with a request: where its parts stand, and whose tokens are in it.

use attest_core::authenticate::{AuthenticEvidence, AuthenticToken, ImaCheckpoint, TokenKey, token::Keys};
use attest_core::evidence::bundle::Evidence;
use attest_core::evidence::eat::Token;
use attest_core::evidence::ima_log::Position;
use attest_core::evidence::{Collection, PcrValues};
use attest_core::{Limits, Timestamp};

use crate::service::Refusal;
use crate::store::Device;

/// What came with a request. Nothing of it is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SentEvidence {
    pub(crate) attest: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) event_log: Option<Vec<u8>>,
    pub(crate) ima_list: Option<Vec<u8>>,
    pub(crate) ima_list_offset: u64,
    pub(crate) userspace_log: Option<Vec<u8>>,
    pub(crate) pcrs: Option<PcrValues>,
    /// Attestation tokens, each with the identity of the enrolled key that is said to have signed it; empty if the device has but one.
    pub(crate) tokens: Vec<(Vec<u8>, Vec<u8>)>,
    /// All of it in one wrapper; then none of the above is there.
    pub(crate) cmw: Option<Vec<u8>>,
}

/// Why nothing is proven: a stable code and words.
pub(super) type NotProven = (&'static str, String);

impl SentEvidence {
    /// What stands in the wrapper, if everything came in one.
    pub(super) fn collection(&self, limits: &Limits) -> Result<Option<Collection<'_>>, NotProven> {
        let parsed = self.cmw.as_deref().map(|cmw| Collection::parse(cmw, limits)).transpose();
        parsed.map_err(|error| (error.code(), error.to_string()))
    }

    /// Quote and logs, wherever they stand. A device is judged by its quote: tokens alone are none.
    pub(super) fn parts<'e>(
        &'e self,
        collection: Option<&'e Collection<'_>>,
    ) -> Result<Evidence<'e>, NotProven> {
        let Some(collection) = collection else { return Ok(self.borrowed()) };
        let missing = || ("quote_missing", "the collection holds tokens and no quote beside them".to_owned());
        collection.evidence().ok_or_else(missing)
    }

    fn borrowed(&self) -> Evidence<'_> {
        Evidence {
            attest: &self.attest,
            signature: &self.signature,
            event_log: self.event_log.as_deref(),
            ima: self.ima_list.as_deref(),
            userspace_log: self.userspace_log.as_deref(),
            pcrs: self.pcrs.clone(),
            ..Evidence::default()
        }
    }
}

/// Where in its list a device begins: nowhere but where this server was.
pub(super) fn position(offset: u64, checkpoint: Option<&ImaCheckpoint>) -> Result<Option<Position>, Refusal> {
    if offset == 0 {
        return Ok(None);
    }
    let position = checkpoint.map(ImaCheckpoint::position).filter(|position| position.bytes == offset);
    position.map(Some).ok_or(Refusal::WholeListWanted { because: "ima_other_position", is_proven: false })
}

/// The device's token keys: what was stored was checked when it was enrolled.
pub(super) fn enrolled_token_keys(
    device: &Device,
    stored: &[Vec<u8>],
    limits: &Limits,
) -> Result<Vec<TokenKey>, Refusal> {
    let key = |bytes: &Vec<u8>| {
        TokenKey::enrolled(bytes, &device.id, limits).map_err(|_| {
            tracing::error!(device_id = device.id, "a stored token key is damaged");
            Refusal::ServerFault { code: "store_damaged" }
        })
    };
    stored.iter().map(key).collect()
}

/// A27a: a token is held against a key of this device alone. Which one, the request says; no other one is tried. A token in it is by another of
/// the device's keys.
pub(super) fn prove_tokens(
    proven: &AuthenticEvidence<'_>,
    sent: &[(Vec<u8>, Vec<u8>)],
    keys: &[TokenKey],
    now: Timestamp,
    limits: &Limits,
) -> Result<Vec<AuthenticToken>, NotProven> {
    let one = |(token, identity): &(Vec<u8>, Vec<u8>)| {
        let named = |key: &&TokenKey| identity.is_empty() || key.identity().as_slice() == identity.as_slice();
        let mut fitting = keys.iter().filter(named);
        let (Some(key), None) = (fitting.next(), fitting.next()) else {
            let detail =
                "no key of this device is enrolled under that identity, or it has several and none is named";
            return Err(("token_key_unknown", detail.to_owned()));
        };
        let token = Token::parse(token, limits).map_err(|error| (error.code(), error.to_string()))?;
        proven
            .authenticate_token(token, Keys { own: key, nested: keys }, now)
            .map_err(|error| (error.code(), error.to_string()))
    };
    sent.iter().map(one).collect()
}

/// A27a: the same of tokens in a collection, where nothing that counts names a key. Each is by one of this device's.
pub(super) fn prove_collected(
    proven: &AuthenticEvidence<'_>,
    collection: &Collection<'_>,
    keys: &[TokenKey],
    now: Timestamp,
) -> Result<Vec<AuthenticToken>, NotProven> {
    let tokens = collection.tokens().iter().cloned();
    let proven = tokens.map(|token| proven.authenticate_token_by_any(token, keys, now));
    proven.collect::<Result<_, _>>().map_err(|error| (error.code(), error.to_string()))
}
