//! Keys in files, for development: whoever runs the machine can copy them. Their signatures are as good as an HSM's: what tells them apart is the custody
//! that the policy says of each key and every request that people approve says again.

use std::path::PathBuf;

use attest_core::release::form::{ReleaseKey, Scheme};
use ring::rand::SystemRandom;
use ring::signature::{self as r, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use zeroize::Zeroizing;

use super::{Error, Holder, KeyUri};
use crate::secret_file;

/// A folder of keys, PKCS #8 in DER, each in the file `<object>.p8` of what its URI names as object.
pub struct FileKeys {
    folder: PathBuf,
    used: u64,
}

impl FileKeys {
    /// The keys of this folder. Each is read when it is asked for.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, used: 0 }
    }

    fn read(&self, uri: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let parsed = KeyUri::parse(uri).map_err(|source| Error::Uri { uri: uri.to_owned(), source })?;
        let name = parsed.object.ok_or_else(|| Error::KeyNotOne { uri: uri.to_owned(), count: 0 })?;
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_plain {
            return Err(Error::KeyNotOne { uri: uri.to_owned(), count: 0 });
        }
        Ok(secret_file::read(&self.folder.join(format!("{name}.p8")))?)
    }
}

/// The signature of the key in this PKCS #8; nothing where it is no key of this scheme, or another's.
fn sign(pkcs8: &[u8], key: &ReleaseKey, message: Option<&[u8]>) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    let spki = key.spki_der();
    let is_its = |public: &[u8]| spki.ends_with(public);
    match key.scheme() {
        scheme @ (Scheme::EcdsaP256 | Scheme::EcdsaP384) => {
            let with = if scheme == Scheme::EcdsaP256 {
                &r::ECDSA_P256_SHA256_FIXED_SIGNING
            } else {
                &r::ECDSA_P384_SHA384_FIXED_SIGNING
            };
            let pair = EcdsaKeyPair::from_pkcs8(with, pkcs8, &random).ok()?;
            is_its(pair.public_key().as_ref()).then_some(())?;
            message
                .map_or(Some(Vec::new()), |message| Some(pair.sign(&random, message).ok()?.as_ref().to_vec()))
        }
        Scheme::Ed25519 => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?;
            is_its(pair.public_key().as_ref()).then_some(())?;
            Some(message.map_or_else(Vec::new, |message| pair.sign(message).as_ref().to_vec()))
        }
        scheme @ (Scheme::RsaPkcs1 | Scheme::RsaPss) => {
            let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
            is_its(pair.public_key().as_ref()).then_some(())?;
            let padding: &dyn r::RsaEncoding =
                if scheme == Scheme::RsaPss { &r::RSA_PSS_SHA256 } else { &r::RSA_PKCS1_SHA256 };
            let Some(message) = message else { return Some(Vec::new()) };
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(padding, &random, message, &mut signature).ok()?;
            Some(signature)
        }
    }
}

impl Holder for FileKeys {
    fn sign(&mut self, uri: &str, key: &ReleaseKey, to_be_signed: &[u8]) -> Result<Vec<u8>, Error> {
        let pkcs8 = self.read(uri)?;
        let signature =
            sign(&pkcs8, key, Some(to_be_signed)).ok_or_else(|| Error::KeyOther { uri: uri.to_owned() })?;
        self.used = self.used.saturating_add(1);
        if key.verifies(to_be_signed, &signature) { Ok(signature) } else { Err(Error::SignatureInvalid) }
    }

    fn check(&mut self, uri: &str, key: &ReleaseKey) -> Result<(), Error> {
        let pkcs8 = self.read(uri)?;
        sign(&pkcs8, key, None).map(drop).ok_or_else(|| Error::KeyOther { uri: uri.to_owned() })
    }

    fn used(&mut self) -> Option<u64> {
        Some(self.used)
    }

    fn is_development(&self) -> bool {
        true
    }
}
