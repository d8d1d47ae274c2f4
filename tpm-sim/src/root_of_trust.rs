//! A root of trust beside the TPM, with a key of its own: it signs PSA tokens (RFC 9783) in COSE_Sign1 (RFC 9052), with an encoder of its own.

use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use crate::bank::Bank;
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
        let protected = bytes(&[0xa1, 0x01, 0x26]);
        let signed = [&[0x84], &*text("Signature1"), &protected, &bytes(&[]), &bytes(&claims)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).map_err(|_| Error::Generate)?;
        Ok([&[0xd2, 0x84], &*protected, &[0xa0], &bytes(&claims), &bytes(signature.as_ref())].concat())
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
            (2396, bytes(&sha256(b"an implementation"))),
            (2399, [head(4, software.len()), software.concat()].concat()),
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
            (5, bytes(&sha256(b"the maker of the root of trust"))),
        ])
    }
}

fn sha256(content: &[u8]) -> Vec<u8> {
    Bank::Sha256.hash(&[content])
}

fn map(entries: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let entries_encoded = entries.iter().flat_map(|(key, value)| [number(0, *key), value.clone()]);
    [head(5, entries.len()), entries_encoded.collect::<Vec<_>>().concat()].concat()
}

fn bytes(content: &[u8]) -> Vec<u8> {
    [head(2, content.len()), content.to_vec()].concat()
}

fn text(content: &str) -> Vec<u8> {
    [head(3, content.len()), content.as_bytes().to_vec()].concat()
}

fn head(major: u8, length: usize) -> Vec<u8> {
    number(major, u16::try_from(length).unwrap_or(u16::MAX))
}

/// A head of CBOR (RFC 8949, section 3) in its shortest form.
fn number(major: u8, number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    match number {
        0..24 => vec![major << 5 | low],
        24..256 => vec![major << 5 | 24, low],
        _ => vec![major << 5 | 25, high, low],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_the_shortest() {
        assert_eq!(number(0, 23), [0x17]);
        assert_eq!(number(2, 32), [0x58, 32]);
        assert_eq!(number(0, 256), [0x19, 1, 0]);
        assert_eq!(text("BL"), [0x62, b'B', b'L']);
        assert_eq!(map(&[(1, number(0, 2))]), [0xa1, 1, 2]);
    }

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
