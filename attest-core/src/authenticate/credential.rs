//! Credential protection: a secret that only the TPM with this endorsement key can open, and only for an object of this name.
//!
//! TPM 2.0 Library, Part 1, "Credential Protection", and the annexes on RSA and ECC for how the seed travels. What
//! [`make_credential`] does, a TPM does in `TPM2_MakeCredential`; `TPM2_ActivateCredential` undoes it.

use aes::cipher::{AsyncStreamCipher as _, BlockCipher, BlockEncryptMut, KeyInit, KeyIvInit as _};
use aes::{Aes128, Aes192, Aes256};
use ring::rand::SecureRandom;
use ring::{agreement, hmac};
use rsa::{BigUint, Oaep, RsaPublicKey};
use zeroize::Zeroizing;

use super::signature::{self, VerifyingKey};
use crate::HashAlg;
use crate::evidence::tpm::{EccCurve, Public, Symmetric};
use crate::rsa_numbers::RsaNumbers;

const TPM_ALG_AES: u16 = 0x0006;
const TPM_ALG_CFB: u16 = 0x0043;
/// The label under which a credential's seed travels. The zero byte is part of it.
const IDENTITY: &str = "IDENTITY\0";

/// Why no credential can be made for this endorsement key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The attestation key's name is not a known algorithm's identifier with its digest.
    #[error("{len} bytes are not the name of an object")]
    AkNameMalformed {
        /// Length of the name in bytes.
        len: usize,
    },
    /// The endorsement key does not protect its children with AES in CFB mode.
    #[error("the endorsement key does not protect with AES-CFB")]
    EkCipherUnsupported {
        /// What it protects with.
        symmetric: Option<Symmetric>,
    },
    /// The endorsement key's numbers do not count.
    #[error(transparent)]
    EkKey(#[from] signature::Error),
    /// The endorsement key's name is a digest that is not supported: SHA-256, SHA-384 and SHA-512 are.
    #[error("the endorsement key's name is a {alg} digest")]
    EkNameAlgUnsupported {
        /// The name algorithm.
        alg: HashAlg,
    },
    /// The endorsement key's point is not on its curve, or its numbers are no RSA key.
    #[error("the endorsement key cannot encrypt")]
    EkNumbersInvalid,
    /// The key is not a restricted decryption key: it might hand out what it decrypts.
    #[error("the endorsement key is not a restricted decryption key")]
    EkNotRestrictedDecryption,
    /// The source of randomness failed.
    #[error("the source of randomness failed")]
    RandomnessFailed,
    /// The secret is empty or longer than the endorsement key's name digest.
    #[error("a secret of {len} bytes, 1 to {max} are possible")]
    SecretLength {
        /// Its length in bytes.
        len: usize,
        /// The most.
        max: usize,
    },
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AkNameMalformed { .. } => "ak_name_malformed",
            Self::EkCipherUnsupported { .. } => "ek_cipher_unsupported",
            Self::EkKey(error) => error.code(),
            Self::EkNameAlgUnsupported { .. } => "ek_name_alg_unsupported",
            Self::EkNumbersInvalid => "ek_numbers_invalid",
            Self::EkNotRestrictedDecryption => "ek_not_restricted_decryption",
            Self::RandomnessFailed => "randomness_failed",
            Self::SecretLength { .. } => "secret_length",
        }
    }
}

/// What the device needs for `TPM2_ActivateCredential`. None of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// TPM2B_ID_OBJECT with its size.
    pub credential_blob: Vec<u8>,
    /// TPM2B_ENCRYPTED_SECRET with its size.
    pub encrypted_secret: Vec<u8>,
}

/// Seals `secret` for the TPM with the endorsement key `ek`, which releases it only to an object named `ak_name` that lives
/// beside it. Every key is drawn from `rng` or derived, and forgotten.
///
/// # Errors
/// [`Error`] names what does not fit: the key's attributes, cipher or numbers, the name, the secret's length.
pub fn make_credential(
    ek: &Public<'_>,
    ak_name: &[u8],
    secret: &[u8],
    rng: &dyn SecureRandom,
) -> Result<Credential, Error> {
    let has = ek.attributes();
    if !(has.restricted() && has.decrypt()) || has.sign() {
        return Err(Error::EkNotRestrictedDecryption);
    }
    let alg = ek.name_alg();
    let hmac_alg = hmac_alg(alg).ok_or(Error::EkNameAlgUnsupported { alg })?;
    let max = alg.size();
    if secret.is_empty() || secret.len() > max {
        return Err(Error::SecretLength { len: secret.len(), max });
    }
    if !is_name(ak_name) {
        return Err(Error::AkNameMalformed { len: ak_name.len() });
    }
    let cipher = Cipher::new(ek.symmetric())?;
    let (seed, encrypted_secret) = match VerifyingKey::new(&ek.key())? {
        VerifyingKey::Rsa { numbers, .. } => rsa_seed(alg, &numbers, rng)?,
        VerifyingKey::Ecc { curve, point } => ecc_seed(alg, curve, &point, rng)?,
    };

    let mut identity = Zeroizing::new(Vec::with_capacity(secret.len().saturating_add(2)));
    push_sized(&mut identity, secret);
    let key = kdfa(hmac_alg, &seed, b"STORAGE", ak_name, cipher.key_bits());
    cipher.encrypt(&key, &mut identity)?;
    let key = kdfa(hmac_alg, &seed, b"INTEGRITY", &[], bits_of(alg));
    let mut integrity = hmac::Context::with_key(&hmac::Key::new(hmac_alg, &key));
    integrity.update(&identity);
    integrity.update(ak_name);

    let mut id_object = Vec::new();
    push_sized(&mut id_object, integrity.sign().as_ref());
    id_object.extend_from_slice(&identity);
    Ok(Credential { credential_blob: sized(&id_object), encrypted_secret: sized(&encrypted_secret) })
}

/// A seed and its form on the wire, without a size.
type Seed = (Zeroizing<Vec<u8>>, Vec<u8>);

/// Part 1, annex "RSA": the seed is drawn and encrypted with OAEP, hash and mask by the key's name algorithm.
fn rsa_seed(alg: HashAlg, ek: &RsaNumbers, rng: &dyn SecureRandom) -> Result<Seed, Error> {
    let mut seed = Zeroizing::new(vec![0; alg.size()]);
    rng.fill(&mut seed).map_err(|_| Error::RandomnessFailed)?;
    let number = BigUint::from_bytes_be;
    let key = RsaPublicKey::new(number(ek.modulus()), number(ek.exponent()))
        .map_err(|_| Error::EkNumbersInvalid)?;
    let padding = match alg {
        HashAlg::Sha256 => Oaep::new_with_label::<rsa::sha2::Sha256, _>(IDENTITY),
        HashAlg::Sha384 => Oaep::new_with_label::<rsa::sha2::Sha384, _>(IDENTITY),
        HashAlg::Sha512 => Oaep::new_with_label::<rsa::sha2::Sha512, _>(IDENTITY),
        _ => return Err(Error::EkNameAlgUnsupported { alg }),
    };
    let mut fill = |bytes: &mut [u8]| rng.fill(bytes);
    let mut rng = Infallible { fill: &mut fill, failed: false };
    let encrypted = key.encrypt(&mut rng, padding, &seed).map_err(|_| Error::EkNumbersInvalid)?;
    if rng.failed { Err(Error::RandomnessFailed) } else { Ok((seed, encrypted)) }
}

/// Part 1, annex "ECC": the seed comes from a Diffie-Hellman exchange with an ephemeral key, whose public point travels.
fn ecc_seed(alg: HashAlg, curve: EccCurve, point: &[u8], rng: &dyn SecureRandom) -> Result<Seed, Error> {
    let algorithm = match curve {
        EccCurve::NistP256 => &agreement::ECDH_P256,
        EccCurve::NistP384 => &agreement::ECDH_P384,
    };
    let ephemeral =
        agreement::EphemeralPrivateKey::generate(algorithm, rng).map_err(|_| Error::RandomnessFailed)?;
    let public = ephemeral.compute_public_key().map_err(|_| Error::RandomnessFailed)?;
    let (our_x, our_y) = coordinates(public.as_ref(), curve).ok_or(Error::EkNumbersInvalid)?;
    let (their_x, _) = coordinates(point, curve).ok_or(Error::EkNumbersInvalid)?;
    let peer = agreement::UnparsedPublicKey::new(algorithm, point);
    let seed =
        agreement::agree_ephemeral(ephemeral, &peer, |z| kdfe(alg, z, IDENTITY.as_bytes(), our_x, their_x))
            .map_err(|_| Error::EkNumbersInvalid)?;
    let mut wire = Vec::new();
    push_sized(&mut wire, our_x);
    push_sized(&mut wire, our_y);
    Ok((seed, wire))
}

fn coordinates(point: &[u8], curve: EccCurve) -> Option<(&[u8], &[u8])> {
    point.strip_prefix(&[4])?.split_at_checked(curve.field_bytes())
}

/// KDFa (Part 1, "KDFa()") for as many bits as one block of the HMAC has at the most: every use here needs no more.
fn kdfa(alg: hmac::Algorithm, key: &[u8], label: &[u8], context: &[u8], bits: u32) -> Zeroizing<Vec<u8>> {
    let mut block = hmac::Context::with_key(&hmac::Key::new(alg, key));
    block.update(&1u32.to_be_bytes());
    block.update(label);
    block.update(&[0]);
    block.update(context);
    block.update(&bits.to_be_bytes());
    let mut out = Zeroizing::new(block.sign().as_ref().to_vec());
    out.truncate(usize::try_from(bits.div_ceil(8)).unwrap_or(0));
    out
}

/// KDFe (Part 1, "KDFe for ECDH") for one whole digest: so one block, and no bits to mask.
fn kdfe(alg: HashAlg, z: &[u8], label: &[u8], party_u: &[u8], party_v: &[u8]) -> Zeroizing<Vec<u8>> {
    let digest = alg.hash(&[&1u32.to_be_bytes(), z, label, party_u, party_v]);
    Zeroizing::new(digest.as_bytes().to_vec())
}

/// AES in CFB mode with a zero initialization vector: each key encrypts one thing.
#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    fn new(symmetric: Option<Symmetric>) -> Result<Self, Error> {
        match symmetric {
            Some(Symmetric { alg: TPM_ALG_AES, key_bits: 128, mode: TPM_ALG_CFB }) => Ok(Self::Aes128),
            Some(Symmetric { alg: TPM_ALG_AES, key_bits: 192, mode: TPM_ALG_CFB }) => Ok(Self::Aes192),
            Some(Symmetric { alg: TPM_ALG_AES, key_bits: 256, mode: TPM_ALG_CFB }) => Ok(Self::Aes256),
            symmetric => Err(Error::EkCipherUnsupported { symmetric }),
        }
    }

    const fn key_bits(self) -> u32 {
        match self {
            Self::Aes128 => 128,
            Self::Aes192 => 192,
            Self::Aes256 => 256,
        }
    }

    fn encrypt(self, key: &[u8], data: &mut [u8]) -> Result<(), Error> {
        fn run<C: BlockEncryptMut + BlockCipher + KeyInit>(key: &[u8], data: &mut [u8]) -> Result<(), Error> {
            // The key has the cipher's length; another one would be our mistake, and encrypts nothing.
            let cipher = cfb_mode::Encryptor::<C>::new_from_slices(key, &[0; 16])
                .map_err(|_| Error::EkCipherUnsupported { symmetric: None })?;
            cipher.encrypt(data);
            Ok(())
        }
        match self {
            Self::Aes128 => run::<Aes128>(key, data),
            Self::Aes192 => run::<Aes192>(key, data),
            Self::Aes256 => run::<Aes256>(key, data),
        }
    }
}

const fn hmac_alg(alg: HashAlg) -> Option<hmac::Algorithm> {
    Some(match alg {
        HashAlg::Sha256 => hmac::HMAC_SHA256,
        HashAlg::Sha384 => hmac::HMAC_SHA384,
        HashAlg::Sha512 => hmac::HMAC_SHA512,
        _ => return None,
    })
}

fn bits_of(alg: HashAlg) -> u32 {
    u32::try_from(alg.size()).unwrap_or(0).saturating_mul(8)
}

fn is_name(name: &[u8]) -> bool {
    name.split_first_chunk().is_some_and(|(id, digest)| {
        HashAlg::from_tpm(u16::from_be_bytes(*id)).is_some_and(|alg| alg.size() == digest.len())
    })
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_sized(&mut out, bytes);
    out
}

/// Appends a TPM2B. What stands in them here is at most 512 bytes long.
fn push_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The argument's randomness in the form in which `rsa` takes it, which knows no failure: it is remembered instead.
struct Infallible<'a> {
    fill: &'a mut dyn FnMut(&mut [u8]) -> Result<(), ring::error::Unspecified>,
    failed: bool,
}

impl rsa::rand_core::RngCore for Infallible<'_> {
    fn next_u32(&mut self) -> u32 {
        rsa::rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rsa::rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.failed |= (self.fill)(dest).is_err();
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl rsa::rand_core::CryptoRng for Infallible<'_> {}

#[cfg(test)]
mod tests;
