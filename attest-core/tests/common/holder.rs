//! Whoever holds a key of each algorithm, and signs with it as an HSM would; a certificate of that key.

use std::path::Path;

use attest_core::release::form::ReleaseKey;
use attest_core::release::policy::{Purpose, RsaPadding};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData as _};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};

pub(crate) fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(path))
        .expect("fixture")
}

/// Who holds a key, by the name of its algorithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Holder {
    Es256,
    Es384,
    EdDsa,
    Ps256,
    Rs256,
}

impl Holder {
    pub(crate) const ALL: [Self; 5] = [Self::Es256, Self::Es384, Self::EdDsa, Self::Ps256, Self::Rs256];

    pub(crate) fn sign(self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let ecdsa = |with, file| {
            let key = EcdsaKeyPair::from_pkcs8(with, &fixture(file), &random).expect("key");
            key.sign(&random, message).expect("signature").as_ref().to_vec()
        };
        let rsa = |padding| {
            let key = RsaKeyPair::from_pkcs8(&fixture("keys/rsa2048.pk8")).expect("key");
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(padding, &random, message, &mut signature).expect("signature");
            signature
        };
        match self {
            Self::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, "keys/p256.pk8"),
            Self::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, "keys/p384.pk8"),
            Self::EdDsa => Self::ed25519().sign(message).as_ref().to_vec(),
            Self::Ps256 => rsa(&RSA_PSS_SHA256),
            Self::Rs256 => rsa(&RSA_PKCS1_SHA256),
        }
    }

    pub(crate) fn ed25519() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("key")
    }

    pub(crate) fn spki(self) -> Vec<u8> {
        match self {
            Self::EdDsa => {
                let prefix = hex::decode("302a300506032b6570032100").expect("hex");
                [&prefix, Self::ed25519().public_key().as_ref()].concat()
            }
            Self::Es256 => key_pair("keys/p256.pk8").subject_public_key_info(),
            Self::Es384 => key_pair("keys/p384.pk8").subject_public_key_info(),
            Self::Ps256 | Self::Rs256 => key_pair("keys/rsa2048.pk8").subject_public_key_info(),
        }
    }

    pub(crate) fn pem(self) -> String {
        let body = STANDARD.encode(self.spki());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| core::str::from_utf8(line).expect("text")).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    pub(crate) fn key(self, purpose: Purpose) -> ReleaseKey {
        let padding = match self {
            Self::Ps256 if purpose == Purpose::Raw => Some(RsaPadding::Pss),
            Self::Rs256 if purpose == Purpose::Raw => Some(RsaPadding::Pkcs1),
            _ => None,
        };
        ReleaseKey::new(&self.spki(), purpose, padding).expect("key")
    }
}

pub(crate) fn key_pair(file: &str) -> KeyPair {
    KeyPair::try_from(fixture(file)).expect("key")
}

/// A certificate of this key under an authority of its own, and the authority's: DER and PEM each.
pub(crate) fn chain(file: &str) -> [(Vec<u8>, String); 2] {
    let params = |name: &str, is_ca| {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        params
    };
    let authority_key = KeyPair::generate().expect("key");
    let authority = params("Authority", IsCa::Ca(BasicConstraints::Unconstrained));
    let authority_certificate = authority.self_signed(&authority_key).expect("certificate");
    let issuer = Issuer::new(authority, authority_key);
    let leaf = params("Signer", IsCa::NoCa).signed_by(&key_pair(file), &issuer).expect("certificate");
    [leaf, authority_certificate].map(|certificate| (certificate.der().to_vec(), certificate.pem()))
}
