//! Files that count by a signature: the keys that are at hand, and what they signed.

use std::collections::BTreeMap;

use super::{Files, State};
use crate::authenticate::file_signature::{self, KeyId, SignerKey, key_in_buffer};
use crate::authenticate::{AuthenticIma, Judged};
use crate::digest::{Digest, HashAlg};
use crate::evidence::ima_log::{Entry, FileDigest, FileSignature};
use crate::limits::Limits;

impl Files<'_> {
    /// The golden keys that are at hand: those in the document, and those of which it has the digest and the list the key.
    pub(super) fn keys(&self, ima: &AuthenticIma<'_>, judged: &Judged) -> BTreeMap<KeyId, SignerKey> {
        let signers = self.index.signers();
        let mut keys: BTreeMap<KeyId, SignerKey> = BTreeMap::new();
        for signer in signers {
            keys.extend(signer.key.clone().map(|key| (signer.keyid, key)));
        }
        if signers.iter().all(|signer| signer.key.is_some()) {
            return keys;
        }
        let before = judged.measured_keys.iter().filter_map(|spki| hex::decode(spki).ok());
        let before = before.filter_map(|spki| SignerKey::from_spki(&spki).ok());
        let measured = ima.proven_entries().filter_map(|entry| {
            let (told, buffer) = (entry.file_digest()?.typed()?, entry.buffer()?);
            // What lies beside a digest that is not its own is nothing that was loaded.
            (told.alg().hash(&[buffer]) == told).then(|| key_in_buffer(buffer)).flatten()
        });
        for key in before.chain(measured) {
            let digest = HashAlg::Sha256.hash(&[key.spki()]);
            if let Some(signer) =
                signers.iter().find(|signer| signer.key.is_none() && signer.sha256 == digest)
            {
                keys.insert(signer.keyid, key.with_keyid(signer.keyid));
            }
        }
        keys
    }

    /// A key that the list gave, for the next part of it.
    pub(super) fn measured_key(&self, key: &SignerKey) -> Option<String> {
        let signer = self.index.signers().iter().find(|signer| signer.keyid == key.keyid())?;
        signer.key.is_none().then(|| hex::encode(key.spki()))
    }

    /// Whether a golden key signed the file; `None` where no key is golden or the file has no signature.
    pub(super) fn signature<'e>(
        &self,
        entry: &Entry<'e>,
        told: &FileDigest<'_>,
        digest: &Digest,
        state: &mut State<'e>,
    ) -> Option<Result<(), file_signature::Error>> {
        if self.index.signers().is_empty() {
            return None;
        }
        let Some(field) = entry.signature() else {
            let appended = entry.appended_signature();
            return appended.map(|_| Err(file_signature::Error::Appended));
        };
        if let Some(known) = state.checked.get(&(*digest, field)) {
            return Some(*known);
        }
        Some(self.check(field, told, digest, state))
    }

    /// A check by a golden key is dear: it is made once, and no more once too many have failed. What no golden key signed costs nothing.
    fn check<'e>(
        &self,
        field: &'e [u8],
        told: &FileDigest<'_>,
        digest: &Digest,
        state: &mut State<'e>,
    ) -> Result<(), file_signature::Error> {
        let signature = FileSignature::parse(field)?;
        let keyid = KeyId(signature.keyid);
        let Some(key) = state.keys.get(&keyid) else {
            let is_golden = self.index.signers().iter().any(|signer| signer.keyid == keyid);
            return Err(if is_golden {
                file_signature::Error::SignerNotMeasured { keyid }
            } else {
                file_signature::Error::SignerUnknown { keyid }
            });
        };
        if state.invalid >= Limits::DEFAULT.ima_invalid_signatures {
            return Err(file_signature::Error::TooMany);
        }
        let checked = key.verify(&signature, told);
        state.invalid = state.invalid.saturating_add(usize::from(checked.is_err()));
        state.checked.insert((*digest, field), checked);
        checked
    }
}
