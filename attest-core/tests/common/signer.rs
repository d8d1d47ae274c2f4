//! A key of a log or a witness, in software.

use attest_core::audit::note::{KeyType, SignEd25519, VerifierKey};
use attest_core::result::SignError;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The key of this number.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(crate) fn new(number: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a seed"))
    }

    /// Its public half as somebody's verifier key.
    pub(crate) fn key(&self, name: &str, key_type: KeyType) -> VerifierKey {
        VerifierKey::new(name, key_type, self.public_key()).expect("a key")
    }
}

impl SignEd25519 for Signer {
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("32 bytes")
    }

    fn sign_ed25519(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(message).as_ref().try_into().expect("64 bytes"))
    }
}
