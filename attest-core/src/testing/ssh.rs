//! SSH keys and signatures in software, so that each field of one can be told wrongly.

use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

use super::{fixture, random};
use crate::{HashAlg, Limits, release::ssh::PublicKey};

/// A string of the wire format.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// An mpint from big-endian bytes.
pub(crate) fn mpint(number: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    let zero: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    string(&[zero, &digits].concat())
}

/// Who signs.
pub(crate) enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// A key and the form it takes: with an application it is one of a FIDO token.
pub(crate) struct Signer {
    pub(crate) key: Key,
    pub(crate) application: Option<&'static str>,
}

/// The fields of an SSHSIG.
#[derive(Clone)]
pub(crate) struct Fields {
    pub(crate) magic: Vec<u8>,
    pub(crate) version: u32,
    pub(crate) key: Vec<u8>,
    pub(crate) namespace: Vec<u8>,
    pub(crate) reserved: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) trailing: Vec<u8>,
}

impl Fields {
    pub(crate) fn blob(&self) -> Vec<u8> {
        let strings = [&self.key, &self.namespace, &self.reserved, &self.hash, &self.signature];
        let strings = strings.iter().flat_map(|field| string(field)).collect::<Vec<u8>>();
        [&self.magic[..], &self.version.to_be_bytes(), &strings, &self.trailing].concat()
    }
}

impl Signer {
    pub(crate) fn ed25519(seed: u8, application: Option<&'static str>) -> Self {
        Self { key: Key::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()), application }
    }

    pub(crate) fn p256(application: Option<&'static str>) -> Self {
        let der = fixture!("keys/p256.pk8");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random()).unwrap();
        Self { key: Key::P256(key), application }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match (&self.key, self.application) {
            (Key::Ed25519(_), None) => "ssh-ed25519",
            (Key::Ed25519(_), Some(_)) => "sk-ssh-ed25519@openssh.com",
            (Key::P256(_), None) => "ecdsa-sha2-nistp256",
            (Key::P256(_), Some(_)) => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    pub(crate) fn blob(&self) -> Vec<u8> {
        let mut out = string(self.type_name().as_bytes());
        match &self.key {
            Key::Ed25519(key) => out.extend(string(key.public_key().as_ref())),
            Key::P256(key) => out.extend([string(b"nistp256"), string(key.public_key().as_ref())].concat()),
        }
        out.extend(self.application.map(|application| string(application.as_bytes())).unwrap_or_default());
        out
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_blob(&self.blob(), &Limits::DEFAULT).unwrap()
    }

    /// The bare signature: 64 bytes, or r ‖ s.
    fn raw(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Key::P256(key) => key.sign(&random(), message).unwrap().as_ref().to_vec(),
        }
    }

    /// What stands in the signature field: type, numbers, and for tokens flags and counter.
    pub(crate) fn inner(&self, raw: &[u8], flags: u8, counter: u32) -> Vec<u8> {
        let numbers = match &self.key {
            Key::Ed25519(_) => raw.to_vec(),
            Key::P256(_) => [mpint(&raw[..32]), mpint(&raw[32..])].concat(),
        };
        let mut out = [string(self.type_name().as_bytes()), string(&numbers)].concat();
        if self.application.is_some() {
            out.push(flags);
            out.extend(counter.to_be_bytes());
        }
        out
    }

    /// A good signature, with these flags and the counter 7 if the key is one of a token.
    pub(crate) fn sign(&self, namespace: &str, message: &[u8], flags: u8) -> Fields {
        let hash = HashAlg::Sha512.hash(&[message]);
        let fields = [namespace.as_bytes(), b"", b"sha512", hash.as_bytes()];
        let signed: Vec<u8> =
            b"SSHSIG".iter().copied().chain(fields.iter().flat_map(|f| string(f))).collect();
        let signed = match self.application {
            None => signed,
            Some(application) => {
                let (of, digest) =
                    (HashAlg::Sha256.hash(&[application.as_bytes()]), HashAlg::Sha256.hash(&[&signed]));
                [of.as_bytes(), &[flags], &7u32.to_be_bytes(), digest.as_bytes()].concat()
            }
        };
        Fields {
            magic: b"SSHSIG".to_vec(),
            version: 1,
            key: self.blob(),
            namespace: namespace.into(),
            reserved: Vec::new(),
            hash: b"sha512".to_vec(),
            signature: self.inner(&self.raw(&signed), flags, 7),
            trailing: Vec::new(),
        }
    }
}
