//! Builders that sign what a liar wants signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _,
};
use serde_json::{Value, json};

use super::{fixture, random};
use crate::release::dsse::pre_authentication_encoding;
use crate::release::{CanonicalKey, key::Curve, provenance::PAYLOAD_TYPE};

/// A builder's key.
pub(crate) enum Key {
    Ed25519(Ed25519KeyPair),
    Ecdsa(Curve, EcdsaKeyPair),
}

impl Key {
    pub(crate) fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(crate) fn p256() -> Self {
        let (with, der) = (&ECDSA_P256_SHA256_ASN1_SIGNING, fixture!("keys/p256.pk8"));
        Self::Ecdsa(Curve::P256, EcdsaKeyPair::from_pkcs8(with, der, &random()).unwrap())
    }

    pub(crate) fn p384() -> Self {
        let (with, der) = (&ECDSA_P384_SHA384_ASN1_SIGNING, fixture!("keys/p384.pk8"));
        Self::Ecdsa(Curve::P384, EcdsaKeyPair::from_pkcs8(with, der, &random()).unwrap())
    }

    pub(crate) fn public(&self) -> CanonicalKey {
        match self {
            Self::Ed25519(key) => CanonicalKey::ed25519(key.public_key().as_ref()).unwrap(),
            Self::Ecdsa(curve, key) => CanonicalKey::ecdsa(*curve, key.public_key().as_ref()).unwrap(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Ecdsa(_, key) => key.sign(&random(), message).unwrap().as_ref().to_vec(),
        }
    }
}

/// An envelope with a signature of each key, over these bytes as a payload of this type.
pub(crate) fn envelope_of(payload_type: &str, payload: &[u8], keys: &[&Key]) -> Value {
    let signed = pre_authentication_encoding(payload_type, payload);
    let signature = |key: &&Key| json!({ "keyid": "", "sig": STANDARD.encode(key.sign(&signed)) });
    json!({
        "payloadType": payload_type,
        "payload": STANDARD.encode(payload),
        "signatures": keys.iter().map(signature).collect::<Vec<_>>(),
    })
}

/// An envelope around a Statement.
pub(crate) fn envelope(statement: &Value, keys: &[&Key]) -> Vec<u8> {
    envelope_of(PAYLOAD_TYPE, statement.to_string().as_bytes(), keys).to_string().into_bytes()
}
