//! A root of trust beside the TPM, with a key of its own: it signs PSA tokens (RFC 9783) in COSE_Sign1 (RFC 9052), with an encoder of its own.

mod endorsements;

use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use crate::bank::Bank;
use crate::cbor::{array, bytes, map, number, text};
use crate::subject::{self, Error};

/// One measured piece of software (RFC 9783, section 4.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    /// measurement-type: `BL`, `PRoT`, …
    pub kind: &'static str,
    /// What was measured: the token says its SHA-256.
    pub content: Vec<u8>,
    /// version.
    pub version: &'static str,
}

/// A root of trust. A liar's says what it is told to.
#[derive(Debug)]
pub struct RootOfTrust {
    key: EcdsaKeyPair,
    public: Vec<u8>,
    /// psa-security-lifecycle (section 4.3.1): 0x3000 is secured.
    pub lifecycle: u16,
    /// What it measured, in order.
    pub software: Vec<Software>,
}

impl RootOfTrust {
    /// One with a fresh key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn fresh() -> Result<RootOfTrust, Error> {
        Self::of(&subject::generate()?).ok_or(Error::Generate)
    }

    /// The one with the key in this file (PKCS #8, PEM), which is made if there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no P-256 private key.
    pub fn open(path: &Path) -> Result<RootOfTrust, Error> {
        subject::load_or_generate(path)?;
        let pkcs8 = subject::private_key(path)?;
        Self::of(&pkcs8).ok_or_else(|| Error::Unusable { path: path.to_owned() })
    }

    fn of(pkcs8: &[u8]) -> Option<RootOfTrust> {
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new()).ok()?;
        let piece = |kind, content: &str, version| Software { kind, content: content.into(), version };
        let software = vec![
            piece("BL", "boot loader of the root of trust, 1.2.3", "1.2.3"),
            piece("PRoT", "services of the root of trust, 1.4.0", "1.4.0"),
        ];
        Some(RootOfTrust { key, public: subject::public_key(pkcs8)?, lifecycle: 0x3000, software })
    }

    /// SubjectPublicKeyInfo, DER: what the administrator enrols.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public
    }

    /// The same as PEM (RFC 7468).
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        subject::pem("PUBLIC KEY", &self.public)
    }

    /// A token over this nonce, of 32, 48 or 64 bytes.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn token(&self, nonce: &[u8]) -> Result<Vec<u8>, Error> {
        let claims = self.claims(nonce);
        // {1: -7}: ES256.
        self.sign1(&[0xa1, 0x01, 0x26], &claims)
    }

    /// COSE_Sign1 by its key, tagged.
    fn sign1(&self, protected: &[u8], payload: &[u8]) -> Result<Vec<u8>, Error> {
        let (protected, payload) = (bytes(protected), bytes(payload));
        let signed = array(&[text("Signature1"), protected.clone(), bytes(&[]), payload.clone()]);
        let signature = self.key.sign(&SystemRandom::new(), &signed).map_err(|_| Error::Generate)?;
        Ok(crate::cbor::tag(18, &array(&[protected, map(&[]), payload, bytes(signature.as_ref())])))
    }

    /// The claims, with the keys in the order of RFC 9783, section 4.
    fn claims(&self, nonce: &[u8]) -> Vec<u8> {
        let instance = [&[1], &*sha256(&self.public)].concat();
        let software: Vec<_> = self.software.iter().map(Software::encoded).collect();
        let claims = [
            (10, bytes(nonce)),
            (256, bytes(&instance)),
            (265, text("tag:psacertified.org,2023:psa#tfm")),
            (2394, number(0, 1)),
            (2395, number(0, self.lifecycle)),
            (2396, bytes(&implementation())),
            (2399, array(&software)),
        ];
        map(&claims)
    }
}

impl Software {
    fn encoded(&self) -> Vec<u8> {
        map(&[
            (1, text(self.kind)),
            (2, bytes(&sha256(&self.content))),
            (4, text(self.version)),
            (5, bytes(&signer())),
        ])
    }
}

/// psa-implementation-id (section 4.2.2).
fn implementation() -> Vec<u8> {
    sha256(b"an implementation")
}

/// signer-id: whose software it is.
fn signer() -> Vec<u8> {
    sha256(b"the maker of the root of trust")
}

fn sha256(content: &[u8]) -> Vec<u8> {
    Bank::Sha256.hash(&[content])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rot.pem");
        let made = RootOfTrust::open(&path).unwrap();
        assert_eq!(RootOfTrust::open(&path).unwrap().public_key(), made.public_key());
        assert!(made.public_key_pem().starts_with("-----BEGIN PUBLIC KEY-----\nMFkw"));
        assert_ne!(RootOfTrust::fresh().unwrap().public_key(), made.public_key());
    }
}
