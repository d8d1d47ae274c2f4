//! A software signer that stands in for a TPM. It does what a TPM does with keys (TPM2_ActivateCredential, TPM2_Quote) and protects
//! nothing: its PCR values are read from a file, and whoever runs it can make it say anything. That is what the liars use it for.

use aes::{
    Aes128,
    cipher::{AsyncStreamCipher as _, KeyIvInit as _},
};
use attest_core::HashAlg;
use attest_proto::v1::PcrBank;
use ring::{
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};

use super::{Problem, boots::Pcrs, maker::Maker};

const ALG_SHA256: u16 = 0x000b;
const ALG_NULL: u16 = 0x0010;
const ALG_ECDSA: u16 = 0x0018;
const ALG_ECC: u16 = 0x0023;
const ALG_AES: u16 = 0x0006;
const ALG_CFB: u16 = 0x0043;
const CURVE_P256: u16 = 0x0003;
const ST_ATTEST_QUOTE: u16 = 0x8018;
const MAGIC: u32 = 0xff54_4347;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign.
pub(super) const AK_ATTRIBUTES: u32 = 0x0005_0072;
/// The same without `restricted`: such a key signs whatever it is given.
pub(super) const UNRESTRICTED_ATTRIBUTES: u32 = 0x0004_0072;
/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt.
const EK_ATTRIBUTES: u32 = 0x0003_00b2;
/// PolicySecret(TPM_RH_ENDORSEMENT), of the TCG's EK templates.
const EK_POLICY: &str = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";

/// Keys and counters of one pretended TPM.
pub(super) struct SoftTpm {
    // Used once: ring's Diffie-Hellman keys are ephemeral, and one activation is all that an endorsement key does here.
    ek: Option<EphemeralPrivateKey>,
    ek_point: Vec<u8>,
    ek_certificate: Vec<u8>,
    ak: EcdsaKeyPair,
    ak_attributes: u32,
    clock: u64,
    reset_count: u32,
}

/// A quote as TPM2_Quote returns it.
#[derive(Clone, Debug)]
pub(super) struct Quote {
    pub(super) attest: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl SoftTpm {
    pub(super) fn new(maker: &Maker, serial: u8, ak_attributes: u32) -> Result<Self, Problem> {
        let rng = SystemRandom::new();
        let ek = EphemeralPrivateKey::generate(&ECDH_P256, &rng).map_err(Problem::of)?;
        let ek_point = ek.compute_public_key().map_err(Problem::of)?.as_ref().to_vec();
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(alg, &rng).map_err(Problem::of)?;
        let ak = EcdsaKeyPair::from_pkcs8(alg, document.as_ref(), &rng).map_err(Problem::of)?;
        let ek_certificate = maker.vouch(serial, &ek_point)?;
        Ok(Self { ek: Some(ek), ek_point, ek_certificate, ak, ak_attributes, clock: 93_485, reset_count: 2 })
    }

    pub(super) fn ek_certificate(&self) -> &[u8] {
        &self.ek_certificate
    }

    /// TPM2B_PUBLIC of the endorsement key, after the TCG's template for P-256.
    pub(super) fn ek_public(&self) -> Vec<u8> {
        sized(&self.ek_area())
    }

    /// TPM2B_PUBLIC of the attestation key.
    pub(super) fn ak_public(&self) -> Vec<u8> {
        sized(&self.ak_area())
    }

    fn ek_area(&self) -> Vec<u8> {
        let policy = hex::decode(EK_POLICY).unwrap_or_default();
        let symmetric = [ALG_AES, 128, ALG_CFB].map(u16::to_be_bytes).concat();
        public_area(EK_ATTRIBUTES, &policy, &symmetric, &ALG_NULL.to_be_bytes(), &self.ek_point)
    }

    fn ak_area(&self) -> Vec<u8> {
        let scheme = [ALG_ECDSA, ALG_SHA256].map(u16::to_be_bytes).concat();
        let point = self.ak.public_key().as_ref();
        public_area(self.ak_attributes, &[], &ALG_NULL.to_be_bytes(), &scheme, point)
    }

    fn ak_name(&self) -> Vec<u8> {
        [&ALG_SHA256.to_be_bytes(), HashAlg::Sha256.hash(&[&self.ak_area()]).as_bytes()].concat()
    }

    /// TPM2_ActivateCredential (TPM 2.0 Part 1, "Credential Protection"): the secret, if it was made for this endorsement key and this
    /// attestation key.
    pub(super) fn activate(&mut self, blob: &[u8], encrypted_secret: &[u8]) -> Result<Vec<u8>, Problem> {
        let refused = || Problem::new("TPM2_ActivateCredential refuses the credential");
        let ek = self.ek.take().ok_or_else(refused)?;
        let (point, _) = take_sized(encrypted_secret).ok_or_else(refused)?;
        let (x, rest) = take_sized(point).ok_or_else(refused)?;
        let (y, _) = take_sized(rest).ok_or_else(refused)?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, [&[4], x, y].concat());
        let our_x = self.ek_point.get(1..33).ok_or_else(refused)?;
        // KDFe with one block: SHA-256(1 ‖ Z ‖ label ‖ the ephemeral x ‖ our x).
        let seed = agree_ephemeral(ek, &peer, |z| {
            HashAlg::Sha256.hash(&[&[0, 0, 0, 1], z, b"IDENTITY\0", x, our_x])
        })
        .map_err(Problem::of)?;
        let name = self.ak_name();
        let (id_object, _) = take_sized(blob).ok_or_else(refused)?;
        let (integrity, identity) = take_sized(id_object).ok_or_else(refused)?;
        let key = kdfa(seed.as_bytes(), b"INTEGRITY\0", &[], 256);
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        hmac::verify(&key, &[identity, &name].concat(), integrity).map_err(|_| refused())?;
        let key = kdfa(seed.as_bytes(), b"STORAGE\0", &name, 128);
        let key = key.as_ref().get(..16).ok_or_else(refused)?;
        let mut plain = identity.to_vec();
        cfb_mode::Decryptor::<Aes128>::new_from_slices(key, &[0; 16])
            .map_err(Problem::of)?
            .decrypt(&mut plain);
        take_sized(&plain).map(|(secret, _)| secret.to_vec()).ok_or_else(refused)
    }

    /// TPM2_Quote over `pcrs`.
    pub(super) fn quote(&self, pcrs: &Pcrs, selection: &[PcrBank], nonce: &[u8]) -> Result<Quote, Problem> {
        let mut attest = MAGIC.to_be_bytes().to_vec();
        attest.extend(ST_ATTEST_QUOTE.to_be_bytes());
        // The qualified name of a key that is its own primary in the owner hierarchy.
        let name = self.ak_name();
        let qualified = HashAlg::Sha256.hash(&[&0x4000_0001_u32.to_be_bytes(), &name]);
        attest.extend(sized(&[&ALG_SHA256.to_be_bytes(), qualified.as_bytes()].concat()));
        attest.extend(sized(nonce));
        attest.extend(self.clock.to_be_bytes());
        attest.extend(self.reset_count.to_be_bytes());
        attest.extend([0; 4]);
        attest.push(1);
        attest.extend(0x2019_1023_0016_3636_u64.to_be_bytes());
        let count = u32::try_from(selection.len()).map_err(Problem::of)?;
        attest.extend(count.to_be_bytes());
        let mut values = Vec::new();
        for bank in selection {
            let unknown = || Problem::new(format!("no PCR bank {}", bank.bank));
            let alg = HashAlg::from_name(&bank.bank).ok_or_else(unknown)?;
            let mut mask = [0_u8; 3];
            for pcr in &bank.pcrs {
                let byte =
                    usize::try_from(pcr / 8).ok().and_then(|at| mask.get_mut(at)).ok_or_else(unknown)?;
                *byte |= 1 << (pcr % 8);
                values.extend_from_slice(pcrs.get(&bank.bank, *pcr).ok_or_else(unknown)?);
            }
            attest.extend(alg.tpm_id().to_be_bytes());
            attest.push(3);
            attest.extend(mask);
        }
        attest.extend(sized(HashAlg::Sha256.hash(&[&values]).as_bytes()));
        let signature = self.sign(&attest)?;
        Ok(Quote { attest, signature })
    }

    /// TPMT_SIGNATURE, ECDSA with SHA-256.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Problem> {
        let signature = self.ak.sign(&SystemRandom::new(), message).map_err(Problem::of)?;
        let (r, s) = signature.as_ref().split_at(32);
        Ok([[ALG_ECDSA, ALG_SHA256].map(u16::to_be_bytes).concat(), sized(r), sized(s)].concat())
    }
}

/// TPMT_PUBLIC of a P-256 key (TPM 2.0 Part 2, 12.2.4).
fn public_area(attributes: u32, policy: &[u8], symmetric: &[u8], scheme: &[u8], point: &[u8]) -> Vec<u8> {
    let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
    let parts = [
        [ALG_ECC, ALG_SHA256].map(u16::to_be_bytes).concat(),
        attributes.to_be_bytes().to_vec(),
        sized(policy),
        symmetric.to_vec(),
        scheme.to_vec(),
        [CURVE_P256, ALG_NULL].map(u16::to_be_bytes).concat(),
        sized(x),
        sized(y),
    ];
    parts.concat()
}

/// KDFa (TPM 2.0 Part 1, 11.4.10.2) with one block of HMAC-SHA-256; `label` ends with its zero.
fn kdfa(key: &[u8], label: &[u8], context: &[u8], bits: u32) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, &[&[0, 0, 0, 1], label, context, &bits.to_be_bytes()].concat())
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&len.to_be_bytes(), bytes].concat()
}

fn take_sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}
