//! A TPM's key without a TPM: it signs quotes over whatever values it is given.

use attest_core::authenticate::{AttestationKey, Challenge, Nonce};
use attest_core::{Digest, HashAlg, Limits};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

const NONCE: [u8; 32] = [0x5a; 32];

pub(crate) struct Machine {
    key: EcdsaKeyPair,
    pub(crate) public: AttestationKey,
    random: ring::rand::SystemRandom,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let random = ring::rand::SystemRandom::new();
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(alg, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref(), &random).expect("a key");
        // TPMT_PUBLIC: ECC, SHA-256, an attestation key's attributes, no policy, ECDSA with SHA-256 on P-256.
        let mut public =
            vec![0, 0x23, 0, 0x0b, 0, 5, 0, 0x72, 0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10];
        for half in key.public_key().as_ref()[1..].chunks(32) {
            public.extend([&[0, 32], half].concat());
        }
        let public = AttestationKey::vouched_tpm(&public, &Limits::DEFAULT).expect("a key");
        Self { key, public, random }
    }

    /// TPMS_ATTEST and TPMT_SIGNATURE of a quote over these registers of the SHA-256 bank, a bit each, with these values in their order.
    pub(crate) fn quote(&self, registers: [u8; 3], values: &[Digest]) -> (Vec<u8>, Vec<u8>) {
        let mut attest = b"\xff\x54\x43\x47\x80\x18\x00\x22\x00\x0b".to_vec();
        attest.extend([0x5a; 32]);
        attest.extend([&[0, 32][..], &NONCE].concat());
        attest.extend([0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0, 0, 7, 0, 0, 0, 3, 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        attest.extend([&[0, 0, 0, 1, 0, 0x0b, 3][..], &registers, &[0, 32]].concat());
        let values: Vec<&[u8]> = values.iter().map(Digest::as_bytes).collect();
        attest.extend(HashAlg::Sha256.hash(&values).as_bytes());
        let signed = self.key.sign(&self.random, &attest).expect("signed");
        let mut signature = vec![0, 0x18, 0, 0x0b];
        for half in signed.as_ref().chunks(32) {
            signature.extend([&[0, 32], half].concat());
        }
        (attest, signature)
    }

    pub(crate) fn challenge() -> Challenge {
        Challenge::offline(Nonce::new(&NONCE).expect("a nonce"))
    }
}
