//! What unit tests share: genuine evidence, and a software attestation key that signs whatever a liar wants signed.

pub(crate) mod provenance;
pub(crate) mod ssh;
pub(crate) mod tokens;

/// Writes PE images; shared with the tests of whole predictions.
#[path = "../tests/common/pe.rs"]
pub(crate) mod pe;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};

use crate::{Digest, HashAlg};

/// A file of `tests/fixtures`.
macro_rules! fixture {
    ($path:expr) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/", $path)).as_slice()
    };
}
pub(crate) use fixture;

/// The nonce of a captured boot, from its `nonce.hex`.
pub(crate) fn nonce_of(hex_text: &[u8]) -> Vec<u8> {
    hex::decode(hex_text.trim_ascii()).unwrap()
}

/// The values of a captured boot, from its `pcrs.json`.
pub(crate) fn pcrs_of(json: &[u8]) -> crate::authenticate::pcrs::PcrValues {
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(json).unwrap();
    let mut values = crate::authenticate::pcrs::PcrValues::new();
    for (bank, pcrs) in json {
        let alg = HashAlg::from_name(&bank).unwrap();
        for (pcr, value) in pcrs.as_object().unwrap() {
            values.insert(pcr.parse().unwrap(), Digest::from_hex(alg, value.as_str().unwrap()).unwrap());
        }
    }
    values
}

#[expect(clippy::disallowed_methods, reason = "tests sign, and signing wants randomness")]
pub(crate) fn random() -> impl SecureRandom {
    SystemRandom::new()
}

/// TPM2B: the size and the bytes.
pub(crate) fn tpm2b(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// The fields of a TPMS_ATTEST, to be told wrongly one at a time.
#[derive(Clone)]
pub(crate) struct AttestFields {
    pub(crate) magic: u32,
    pub(crate) kind: u16,
    pub(crate) qualified_signer: Vec<u8>,
    pub(crate) extra_data: Vec<u8>,
    pub(crate) safe: u8,
    /// Bank and bit map, with the map's size before it.
    pub(crate) selections: Vec<(u16, Vec<u8>)>,
    pub(crate) pcr_digest: Vec<u8>,
    pub(crate) trailing: Vec<u8>,
}

impl AttestFields {
    /// A good quote over PCR 0 and 1 of the SHA-256 bank, all zeros, by the key of this name algorithm.
    pub(crate) fn good(nonce: &[u8]) -> Self {
        Self {
            magic: 0xff54_4347,
            kind: 0x8018,
            qualified_signer: [&[0, 0x0b][..], &[0x5a; 32]].concat(),
            extra_data: nonce.to_vec(),
            safe: 1,
            selections: vec![(0x000b, vec![3, 0, 0])],
            pcr_digest: HashAlg::Sha256.hash(&[&[0; 64]]).as_bytes().to_vec(),
            trailing: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = self.magic.to_be_bytes().to_vec();
        out.extend(self.kind.to_be_bytes());
        out.extend(tpm2b(&self.qualified_signer));
        out.extend(tpm2b(&self.extra_data));
        out.extend(1000u64.to_be_bytes());
        out.extend(7u32.to_be_bytes());
        out.extend(3u32.to_be_bytes());
        out.push(self.safe);
        out.extend(0x0102_0304_0506_0708u64.to_be_bytes());
        out.extend((self.selections.len() as u32).to_be_bytes());
        for (alg, map) in &self.selections {
            out.extend(alg.to_be_bytes());
            out.push(map.len() as u8);
            out.extend(map);
        }
        out.extend(tpm2b(&self.pcr_digest));
        out.extend(&self.trailing);
        out
    }
}

/// restricted, sign, userWithAuth, sensitiveDataOrigin, fixedParent, fixedTPM.
pub(crate) const AK_ATTRIBUTES: u32 = 0x0005_0072;

/// A key without a TPM: no TPM keeps it from signing what it likes.
pub(crate) enum SoftKey {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Rsa2048(Box<RsaKeyPair>),
}

impl SoftKey {
    pub(crate) fn p256() -> Self {
        let der = fixture!("keys/p256.pk8");
        Self::P256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random()).unwrap())
    }

    pub(crate) fn p384() -> Self {
        let der = fixture!("keys/p384.pk8");
        Self::P384(EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der, &random()).unwrap())
    }

    pub(crate) fn rsa2048() -> Self {
        Self::Rsa2048(Box::new(RsaKeyPair::from_pkcs8(fixture!("keys/rsa2048.pk8")).unwrap()))
    }

    /// TPMT_PUBLIC of this key.
    pub(crate) fn public(&self, attributes: u32, name_alg: u16, scheme: &[u16]) -> Vec<u8> {
        let kind: u16 = if matches!(self, Self::Rsa2048(_)) { 1 } else { 0x23 };
        let mut out = [kind.to_be_bytes(), name_alg.to_be_bytes()].concat();
        out.extend(attributes.to_be_bytes());
        out.extend([0, 0, 0, 0x10]);
        out.extend(scheme.iter().flat_map(|id| id.to_be_bytes()));
        match self {
            Self::Rsa2048(key) => {
                out.extend([0x08, 0x00, 0, 0, 0, 0]);
                // RSAPublicKey in DER: nine bytes of headers, the modulus, the exponent.
                out.extend(tpm2b(&key.public().as_ref()[9..9 + 256]));
            }
            Self::P256(key) | Self::P384(key) => {
                let point = &key.public_key().as_ref()[1..];
                let curve = if point.len() == 64 { 3 } else { 4 };
                out.extend([0, curve, 0, 0x10]);
                let (x, y) = point.split_at(point.len() / 2);
                out.extend([tpm2b(x), tpm2b(y)].concat());
            }
        }
        out
    }

    /// A TPMT_PUBLIC that is good for an attestation key.
    pub(crate) fn good_public(&self) -> Vec<u8> {
        self.public(AK_ATTRIBUTES, 0x000b, &self.scheme())
    }

    /// The scheme in which [`sign`](Self::sign) signs.
    pub(crate) fn scheme(&self) -> [u16; 2] {
        match self {
            Self::P256(_) => [0x18, 0x0b],
            Self::P384(_) => [0x18, 0x0c],
            Self::Rsa2048(_) => [0x14, 0x0b],
        }
    }

    /// TPMT_SIGNATURE over the message.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut out: Vec<u8> = self.scheme().iter().flat_map(|id| id.to_be_bytes()).collect();
        match self {
            Self::P256(key) | Self::P384(key) => {
                let signature = key.sign(&random(), message).unwrap();
                let (r, s) = signature.as_ref().split_at(signature.as_ref().len() / 2);
                out.extend([tpm2b(r), tpm2b(s)].concat());
            }
            Self::Rsa2048(key) => {
                out.extend(tpm2b(&self.rsa(key, &ring::signature::RSA_PKCS1_SHA256, message)));
            }
        }
        out
    }

    /// TPMT_SIGNATURE with RSAPSS and SHA-256.
    pub(crate) fn sign_pss(&self, message: &[u8]) -> Vec<u8> {
        let Self::Rsa2048(key) = self else { panic!("not an RSA key") };
        [&[0, 0x16, 0, 0x0b][..], &tpm2b(&self.rsa(key, &ring::signature::RSA_PSS_SHA256, message))].concat()
    }

    fn rsa(
        &self,
        key: &RsaKeyPair,
        padding: &'static dyn ring::signature::RsaEncoding,
        message: &[u8],
    ) -> Vec<u8> {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(padding, &random(), message, &mut signature).unwrap();
        signature
    }
}
