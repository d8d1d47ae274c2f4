//! Keys, and what is signed with them: SSHSIG, signed notes, COSE.

use attest_core::HashAlg;
use attest_core::audit::note::{KeyType, SignEd25519, VerifierKey};
use attest_core::result::SignError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::PEOPLE;

pub(super) struct Key(Ed25519KeyPair);

impl Key {
    pub(super) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(super) fn of(who: &str) -> Self {
        let place = PEOPLE.iter().position(|known| *known == who).unwrap();
        Self::new(u8::try_from(place + 1).unwrap())
    }

    pub(super) fn spki(&self) -> Vec<u8> {
        [&hex(b"302a300506032b6570032100")[..], self.0.public_key().as_ref()].concat()
    }

    pub(super) fn ssh_blob(&self) -> Vec<u8> {
        [string(b"ssh-ed25519"), string(self.0.public_key().as_ref())].concat()
    }

    /// An SSHSIG, armored as `ssh-keygen` does it.
    pub(super) fn armored(&self, namespace: &str, text: &str) -> String {
        let hash = HashAlg::Sha512.hash(&[text.as_bytes()]);
        let fields = [namespace.as_bytes(), b"", b"sha512", hash.as_bytes()].map(string).concat();
        let signature = self.0.sign(&[b"SSHSIG", &fields[..]].concat());
        let inner = [string(b"ssh-ed25519"), string(signature.as_ref())].concat();
        let key = string(&self.ssh_blob());
        let parts = [string(namespace.as_bytes()), string(b""), string(b"sha512"), string(&inner)].concat();
        let blob = STANDARD.encode([b"SSHSIG", &1_u32.to_be_bytes()[..], &key, &parts].concat());
        let lines: Vec<&str> = blob.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    }
}

impl SignEd25519 for Key {
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }

    fn sign_ed25519(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(message).as_ref().try_into().unwrap())
    }
}

pub(super) fn hex(digits: &[u8]) -> Vec<u8> {
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    pairs.collect()
}

pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

pub(super) fn verifier_key(called: &str, key_type: KeyType, seed: u8) -> String {
    VerifierKey::new(called, key_type, Key::new(seed).public_key()).unwrap().to_string()
}

/// A CBOR head with its bytes.
pub(super) fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let head = match length {
        0..=23 => vec![0x40 | u8::try_from(length).unwrap()],
        24..=0xff => vec![0x58, u8::try_from(length).unwrap()],
        0x100..=0xffff => [&[0x59][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        _ => [&[0x5a][..], &length.to_be_bytes()].concat(),
    };
    [&head, bytes].concat()
}

/// A `COSE_Sign1` around a CoRIM.
pub(super) fn cose(corim: &[u8], signature: &[u8]) -> Vec<u8> {
    let protected =
        [&[0xa3, 0x01, 0x27, 0x03, 0x74][..], b"application/rim+cbor", &[0x0f, 0xa1, 0x01, 0x61], b"x"]
            .concat();
    [&[0xd2, 0x84][..], &cbor_bytes(&protected), &[0xa0], &cbor_bytes(corim), &cbor_bytes(signature)].concat()
}
