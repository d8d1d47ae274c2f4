//! Keys of logs and witnesses, and a log's storage, for tests.

use std::collections::BTreeMap;

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::note::{KeyType, SignEd25519, VerifierKey};
use super::tree::{self, Hash, HashReader, Node};
use crate::result::SignError;

/// A key made from a number.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(crate) fn new(number: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap())
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }

    /// Its key as a log's.
    pub(crate) fn key(&self, name: &str) -> VerifierKey {
        VerifierKey::new(name, KeyType::Ed25519, self.public()).unwrap()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }
}

impl SignEd25519 for Signer {
    fn public_key(&self) -> [u8; 32] {
        self.public()
    }

    fn sign_ed25519(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.sign(message))
    }
}

/// Stored nodes; one that was never stored is a failed test.
#[derive(Debug, Default)]
pub(crate) struct Store(pub(crate) BTreeMap<Node, Hash>);

impl HashReader for Store {
    type Error = tree::Error;

    fn hash(&mut self, node: Node) -> Result<Hash, tree::Error> {
        Ok(*self.0.get(&node).unwrap_or_else(|| panic!("{node:?} was never stored")))
    }
}
