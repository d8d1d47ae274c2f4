//! The tests' own token, which counts, and fails as it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use attest_core::release::form::{ReleaseKey, Scheme};
use attest_core::release::policy::Purpose;
use attest_server::hsm::{Error as HsmError, Holder};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::organisation::key_of;
use crate::stage::URI;

fn pair() -> EcdsaKeyPair {
    let pkcs8 = include_bytes!("../../../tests/fixtures/keys/p256.pk8");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new()).unwrap()
}

/// The SubjectPublicKeyInfo of the key that the tests' own token has.
pub(crate) fn spki() -> Vec<u8> {
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    [&prefix, pair().public_key().as_ref()].concat()
}

/// The key as the policy has it.
pub(crate) fn release_key(spki: &[u8]) -> ReleaseKey {
    ReleaseKey::new(spki, Purpose::Corim, None).unwrap()
}

/// What a token does with one question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Does {
    /// Signs.
    Signs,
    /// Signs, and its answer is lost.
    Breaks,
    /// Is not there, and does not sign.
    IsAway,
    /// Signs something else.
    Lies,
}

/// A token that counts.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) script: Arc<Mutex<Vec<Does>>>,
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) messages: Arc<Mutex<Vec<Vec<u8>>>>,
    pub(crate) is_development: bool,
    /// Whether it says how often it was used: many do not.
    pub(crate) is_counting: bool,
}

impl Token {
    pub(crate) fn new(script: &[Does]) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.to_vec())),
            calls: Arc::default(),
            messages: Arc::default(),
            is_development: false,
            is_counting: true,
        }
    }

    /// One that signs, and does not say how often.
    pub(crate) fn without_counter() -> Self {
        Self { is_counting: false, ..Self::new(&[]) }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Holder for Token {
    fn sign(&mut self, uri: &str, key: &ReleaseKey, to_be_signed: &[u8]) -> Result<Vec<u8>, HsmError> {
        assert_eq!(uri, URI);
        let mut script = self.script.lock().unwrap();
        let does = if script.is_empty() { Does::Signs } else { script.remove(0) };
        if does == Does::IsAway {
            return Err(HsmError::Unavailable("pulled out".to_owned()));
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.messages.lock().unwrap().push(to_be_signed.to_vec());
        let signature = match key.scheme() {
            Scheme::Ed25519 => key_of(33).sign(to_be_signed).as_ref().to_vec(),
            _ => pair().sign(&SystemRandom::new(), to_be_signed).unwrap().as_ref().to_vec(),
        };
        assert!(key.verifies(to_be_signed, &signature));
        match does {
            Does::Breaks => Err(HsmError::InTheMiddle("CKR_DEVICE_ERROR".to_owned())),
            Does::Lies => Err(HsmError::SignatureInvalid),
            Does::Signs | Does::IsAway => Ok(signature),
        }
    }

    fn check(&mut self, _: &str, _: &ReleaseKey) -> Result<(), HsmError> {
        Ok(())
    }

    fn used(&mut self) -> Option<u64> {
        u64::try_from(self.calls()).ok().filter(|_| self.is_counting)
    }

    fn is_development(&self) -> bool {
        self.is_development
    }
}
