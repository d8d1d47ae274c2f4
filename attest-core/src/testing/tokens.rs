//! Tokens of our own making: an encoder (ciborium) and signers that share nothing with the readers.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ciborium::Value;
use ring::signature::{self as r, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};

use super::{fixture, random};
use crate::Limits;
use crate::authenticate::TokenKey;

pub(crate) const NONCE: [u8; 32] = [0x5a; 32];

/// An integer label.
pub(crate) fn int(number: i64) -> Value {
    Value::Integer(number.into())
}

pub(crate) fn bytes(bytes: impl AsRef<[u8]>) -> Value {
    Value::Bytes(bytes.as_ref().to_vec())
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn map(entries: impl IntoIterator<Item = (i64, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(label, value)| (int(label), value)).collect())
}

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A private key of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    Ed25519,
    P256,
    P384,
    P521,
    Rsa,
}

/// Every signer with the algorithms it may use: name and number.
pub(crate) const ALGORITHMS: [(Signer, &str, i64); 7] = [
    (Signer::P256, "ES256", -7),
    (Signer::P384, "ES384", -35),
    (Signer::P521, "ES512", -36),
    (Signer::Ed25519, "EdDSA", -8),
    (Signer::Rsa, "PS256", -37),
    (Signer::Rsa, "PS384", -38),
    (Signer::Rsa, "PS512", -39),
];

impl Signer {
    fn ecdsa(self) -> EcdsaKeyPair {
        let (alg, der) = match self {
            Self::P256 => (&r::ECDSA_P256_SHA256_FIXED_SIGNING, fixture!("keys/p256.pk8")),
            _ => (&r::ECDSA_P384_SHA384_FIXED_SIGNING, fixture!("keys/p384.pk8")),
        };
        EcdsaKeyPair::from_pkcs8(alg, der, &random()).unwrap()
    }

    fn p521() -> p521::ecdsa::SigningKey {
        p521::ecdsa::SigningKey::from_slice(&[&[0; 2][..], &[7; 64]].concat()).unwrap()
    }

    fn ed25519() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
    }

    pub(crate) fn sign(self, alg: &str, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256 | Self::P384 => self.ecdsa().sign(&random(), message).unwrap().as_ref().to_vec(),
            Self::P521 => {
                use p521::ecdsa::signature::Signer as _;
                let signature: p521::ecdsa::Signature = Self::p521().sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Ed25519 => Self::ed25519().sign(message).as_ref().to_vec(),
            Self::Rsa => {
                let key = RsaKeyPair::from_pkcs8(fixture!("keys/rsa2048.pk8")).unwrap();
                let padding: &dyn r::RsaEncoding = match alg {
                    "PS384" => &r::RSA_PSS_SHA384,
                    "PS512" => &r::RSA_PSS_SHA512,
                    "RS256" => &r::RSA_PKCS1_SHA256,
                    _ => &r::RSA_PSS_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// The public key as SubjectPublicKeyInfo (RFC 5480, section 2; RFC 8410, section 4; RFC 3279, section 2.3.1), by hand.
    pub(crate) fn spki(self) -> Vec<u8> {
        let ec = |prefix: &str| [&hex::decode(prefix).unwrap(), self.ecdsa().public_key().as_ref()].concat();
        match self {
            Self::P256 => ec("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
            Self::P384 => ec("3076301006072a8648ce3d020106052b81040022036200"),
            Self::P521 => panic!("no test asks for it"),
            Self::Ed25519 => {
                let prefix = hex::decode("302a300506032b6570032100").unwrap();
                [&prefix, Self::ed25519().public_key().as_ref()].concat()
            }
            Self::Rsa => {
                let key = RsaKeyPair::from_pkcs8(fixture!("keys/rsa2048.pk8")).unwrap();
                let prefix = hex::decode("30820122300d06092a864886f70d01010105000382010f00").unwrap();
                [&prefix, key.public().as_ref()].concat()
            }
        }
    }

    /// The public key as COSE_Key.
    pub(crate) fn cose_key(self) -> Vec<u8> {
        let ec = |crv, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            map([(1, int(2)), (-1, int(crv)), (-2, bytes(x)), (-3, bytes(y))])
        };
        encode(&match self {
            Self::Ed25519 => {
                map([(1, int(1)), (-1, int(6)), (-2, bytes(Self::ed25519().public_key().as_ref()))])
            }
            Self::P256 => ec(1, self.ecdsa().public_key().as_ref()),
            Self::P384 => ec(2, self.ecdsa().public_key().as_ref()),
            Self::P521 => ec(3, Self::p521().verifying_key().to_sec1_point(false).as_bytes()),
            Self::Rsa => {
                let key = RsaKeyPair::from_pkcs8(fixture!("keys/rsa2048.pk8")).unwrap();
                // RSAPublicKey in DER: nine bytes of headers, the modulus, the exponent.
                map([(1, int(3)), (-1, bytes(&key.public().as_ref()[9..265])), (-2, bytes([1, 0, 1]))])
            }
        })
    }

    pub(crate) fn key(self) -> TokenKey {
        TokenKey::vouched(&self.cose_key(), &Limits::DEFAULT).unwrap()
    }
}

/// The parts of a COSE_Sign1, to be told wrongly one at a time.
#[derive(Clone)]
pub(crate) struct Sign1 {
    pub(crate) signer: Signer,
    pub(crate) alg: &'static str,
    pub(crate) protected: Vec<u8>,
    pub(crate) unprotected: Value,
    pub(crate) payload: Vec<u8>,
    pub(crate) tags: &'static [u64],
}

impl Sign1 {
    /// These claims, signed as they should be.
    pub(crate) fn new(claims: &Value) -> Self {
        Self::of((Signer::P256, "ES256", -7), claims)
    }

    pub(crate) fn of((signer, alg, number): (Signer, &'static str, i64), claims: &Value) -> Self {
        Self {
            signer,
            alg,
            protected: encode(&map([(1, int(number))])),
            unprotected: Value::Map(Vec::new()),
            payload: encode(claims),
            tags: &[18],
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let signed =
            Value::Array(vec![text("Signature1"), bytes(&self.protected), bytes([]), bytes(&self.payload)]);
        let signature = self.signer.sign(self.alg, &encode(&signed));
        let parts =
            vec![bytes(&self.protected), self.unprotected.clone(), bytes(&self.payload), bytes(signature)];
        encode(
            &self.tags.iter().rev().fold(Value::Array(parts), |value, tag| Value::Tag(*tag, Box::new(value))),
        )
    }
}

/// A compact JWS of these texts.
pub(crate) fn jws(signer: Signer, alg: &str, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(payload));
    let signature = signer.sign(alg, signed.as_bytes());
    format!("{signed}.{}", base64url(signature))
}

/// A claims set without a profile.
pub(crate) fn plain_claims() -> Vec<(i64, Value)> {
    vec![(10, bytes(NONCE)), (256, bytes([&[1][..], &[7; 32]].concat()))]
}

/// A token of the profile of RFC 9783.
pub(crate) fn psa_claims() -> Vec<(i64, Value)> {
    let component = |kind: &str, value: u8| {
        map([(1, text(kind)), (2, bytes([value; 32])), (4, text("1.2.3")), (5, bytes([0x51; 32]))])
    };
    vec![
        (265, text("tag:psacertified.org,2023:psa#tfm")),
        (10, bytes(NONCE)),
        (256, bytes([&[1][..], &[7; 32]].concat())),
        (2394, int(-5)),
        (2395, int(0x3001)),
        (2396, bytes([0x1d; 32])),
        (268, bytes([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88])),
        (2398, text("0604565272829-10010")),
        (2399, Value::Array(vec![component("BL", 0xb1), component("PRoT", 0xb2)])),
        (2400, text("https://verifier.example")),
    ]
}

/// A token of the first profile.
pub(crate) fn old_psa_claims() -> Vec<(i64, Value)> {
    let component = map([(2, bytes([3; 32])), (5, bytes([4; 32]))]);
    vec![
        (-75_000, text("PSA_IOT_PROFILE_1")),
        (-75_001, int(1)),
        (-75_002, int(0x3000)),
        (-75_003, bytes([0x1d; 32])),
        (-75_004, bytes([0x5e; 32])),
        (-75_005, text("1234567890123")),
        (-75_006, Value::Array(vec![component])),
        (-75_008, bytes(NONCE)),
        (-75_009, bytes([&[1][..], &[7; 32]].concat())),
    ]
}

/// The claims with one of them another, or without it.
pub(crate) fn with(mut claims: Vec<(i64, Value)>, label: i64, value: Option<Value>) -> Value {
    claims.retain(|(known, _)| *known != label);
    claims.extend(value.map(|value| (label, value)));
    map(claims)
}
