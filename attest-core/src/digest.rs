//! Hash algorithms by their TPM identifiers, and digests that know their algorithm.

mod sha256;

use core::fmt;

use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use sm3::Sm3;

/// A hash algorithm that a PCR bank or a signature may use (TCG Algorithm Registry, table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HashAlg {
    /// TPM_ALG_SHA1; read because old logs carry it, never enough to judge by.
    Sha1,
    /// TPM_ALG_SHA256.
    Sha256,
    /// TPM_ALG_SHA384.
    Sha384,
    /// TPM_ALG_SHA512.
    Sha512,
    /// TPM_ALG_SM3_256.
    Sm3_256,
}

impl HashAlg {
    /// Every algorithm, weakest first; the order in which banks are reported.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sm3_256, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The algorithm with this TPM_ALG_ID, if it is a hash known here.
    #[must_use]
    pub const fn from_tpm(id: u16) -> Option<Self> {
        Some(match id {
            0x0004 => Self::Sha1,
            0x000b => Self::Sha256,
            0x000c => Self::Sha384,
            0x000d => Self::Sha512,
            0x0012 => Self::Sm3_256,
            _ => return None,
        })
    }

    /// Its TPM_ALG_ID.
    #[must_use]
    pub const fn tpm_id(self) -> u16 {
        match self {
            Self::Sha1 => 0x0004,
            Self::Sha256 => 0x000b,
            Self::Sha384 => 0x000c,
            Self::Sha512 => 0x000d,
            Self::Sm3_256 => 0x0012,
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 | Self::Sm3_256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Its name as people and JSON write it: `sha256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sm3_256 => "sm3_256",
        }
    }

    /// The algorithm of this [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// A bank's strength for deciding: 0 for SHA-1, which decides nothing; larger is stronger.
    #[must_use]
    pub const fn strength(self) -> u8 {
        match self {
            Self::Sha1 => 0,
            Self::Sm3_256 => 1,
            Self::Sha256 => 2,
            Self::Sha384 => 3,
            Self::Sha512 => 4,
        }
    }

    /// The digest of `parts`, one after the other.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> Digest {
        fn run<H: sha2::Digest>(alg: HashAlg, parts: &[&[u8]]) -> Digest {
            let mut hasher = H::new();
            for part in parts {
                hasher.update(part);
            }
            Digest::filled(alg, &hasher.finalize())
        }
        match self {
            Self::Sha1 => run::<Sha1>(self, parts),
            Self::Sha256 => match parts {
                [one] => Digest::filled(self, &sha256::of(one)),
                _ => run::<Sha256>(self, parts),
            },
            Self::Sha384 => run::<Sha384>(self, parts),
            Self::Sha512 => run::<Sha512>(self, parts),
            Self::Sm3_256 => run::<Sm3>(self, parts),
        }
    }
}

impl fmt::Display for HashAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A digest together with its algorithm; its length is always the algorithm's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    alg: HashAlg,
    // Unused tail bytes stay zero, so the derived comparisons are right.
    bytes: [u8; 64],
}

impl Digest {
    /// The digest with these bytes; `None` unless there are exactly [`HashAlg::size`] of them.
    #[must_use]
    pub fn new(alg: HashAlg, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == alg.size()).then(|| Self::filled(alg, bytes))
    }

    /// All bytes zero: the reset value of PCR 0–16 and 23.
    #[must_use]
    pub const fn zero(alg: HashAlg) -> Self {
        Self { alg, bytes: [0; 64] }
    }

    /// All bytes one: the reset value of the DRTM PCRs 17–22.
    #[must_use]
    pub fn ones(alg: HashAlg) -> Self {
        Self::filled(alg, &[0xff; 64])
    }

    /// The digest written as lower- or upper-case hexadecimal.
    #[must_use]
    pub fn from_hex(alg: HashAlg, text: &str) -> Option<Self> {
        let mut bytes = [0; 64];
        let out = bytes.get_mut(..alg.size())?;
        hex::decode_to_slice(text, out).ok()?;
        Some(Self { alg, bytes })
    }

    fn filled(alg: HashAlg, from: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let size = alg.size().min(from.len());
        if let (Some(to), Some(from)) = (bytes.get_mut(..size), from.get(..size)) {
            to.copy_from_slice(from);
        }
        Self { alg, bytes }
    }

    /// Its algorithm.
    #[must_use]
    pub const fn alg(&self) -> HashAlg {
        self.alg
    }

    /// Its bytes, [`HashAlg::size`] of them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.alg.size()).unwrap_or_default()
    }

    /// What a PCR holds after this digest is extended with `by` (TPM 2.0 Part 3, TPM2_PCR_Extend).
    #[must_use]
    pub fn extended(&self, by: &[u8]) -> Self {
        let mut value = *self;
        value.extend_by(by);
        value
    }

    /// [`extended`](Self::extended) in place.
    pub(crate) fn extend_by(&mut self, by: &[u8]) {
        #[cfg(test)]
        tests::count();
        // Most of the hashing that evidence asks for is this, in this bank.
        match (self.alg, by.try_into(), self.bytes.first_chunk_mut()) {
            (HashAlg::Sha256, Ok(by), Some(value)) => *value = sha256::of_two(value, by),
            _ => *self = self.alg.hash(&[self.as_bytes(), by]),
        }
    }

    /// [`extended`](Self::extended) in place, by another digest.
    pub(crate) fn extend(&mut self, by: &Self) {
        // A list extends one register a hundred thousand times.
        match (self.alg, by.alg, self.bytes.first_chunk_mut(), by.bytes.first_chunk()) {
            (HashAlg::Sha256, HashAlg::Sha256, Some(value), Some(by)) => *value = sha256::of_two(value, by),
            _ => *self = self.extended(by.as_bytes()),
        }
    }

    /// Whether every byte is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.bytes == [0; 64]
    }
}

/// Digits of the longest digest, of 64 bytes.
const LONGEST_HEX: usize = 128;

/// Lower-case hexadecimal, without the algorithm.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // At once: golden documents are made of little else.
        let mut digits = [0; LONGEST_HEX];
        let len = self.as_bytes().len().saturating_mul(2);
        // It fails only for another length.
        let _ = hex::encode_to_slice(self.as_bytes(), digits.get_mut(..len).unwrap_or_default());
        let text = digits.get(..len).and_then(|digits| core::str::from_utf8(digits).ok());
        f.write_str(text.unwrap_or_default())
    }
}

/// Lower-case hexadecimal, written at once and not digit by digit.
pub(crate) fn in_hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; bytes.len().saturating_mul(2)];
    // It fails only for another length.
    let _ = hex::encode_to_slice(bytes, &mut digits);
    String::from_utf8(digits).unwrap_or_default()
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.alg)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use core::cell::Cell;

    use super::*;

    std::thread_local! {
        static EXTENDS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        EXTENDS.set(EXTENDS.get() + 1);
    }

    /// How often this thread has extended anything with [`Digest::extended`].
    pub(crate) fn extends() -> usize {
        EXTENDS.get()
    }

    #[test]
    fn every_algorithm_knows_itself_by_id_and_name() {
        for alg in HashAlg::ALL {
            assert_eq!(HashAlg::from_tpm(alg.tpm_id()), Some(alg));
            assert_eq!(HashAlg::from_name(alg.name()), Some(alg));
            assert_eq!(alg.hash(&[b"abc"]).as_bytes().len(), alg.size());
        }
        assert_eq!(HashAlg::from_tpm(0x0010), None);
        assert_eq!(HashAlg::from_name("md5"), None);
    }

    #[test]
    fn hashes_are_those_of_the_standards() {
        let abc = |alg: HashAlg| alg.hash(&[b"a", b"bc"]).to_string();
        assert_eq!(abc(HashAlg::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(abc(HashAlg::Sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(abc(HashAlg::Sm3_256), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    }

    proptest::proptest! {
        #[test]
        fn extending_is_hashing_in_every_bank(value: [u8; 64], by: [u8; 64]) {
            for alg in HashAlg::ALL {
                let value = Digest::filled(alg, &value);
                for len in [alg.size(), alg.size() - 1, 0, 20, 64] {
                    let by = &by[..len];
                    proptest::prop_assert_eq!(value.extended(by), alg.hash(&[value.as_bytes(), by]));
                }
                let by = Digest::filled(HashAlg::Sha256, &by);
                let mut extended = value;
                extended.extend(&by);
                proptest::prop_assert_eq!(extended, value.extended(by.as_bytes()));
            }
        }
    }

    #[test]
    fn a_digest_of_another_length_does_not_exist() {
        assert_eq!(Digest::new(HashAlg::Sha256, &[0; 31]), None);
        assert_eq!(Digest::new(HashAlg::Sha256, &[0; 33]), None);
        assert_eq!(Digest::from_hex(HashAlg::Sha1, "00"), None);
        assert_eq!(Digest::from_hex(HashAlg::Sha1, &"zz".repeat(20)), None);
    }

    #[test]
    fn extending_hashes_the_old_value_first() {
        let pcr = Digest::zero(HashAlg::Sha256).extended(&[1; 32]);
        assert_eq!(pcr, HashAlg::Sha256.hash(&[&[0; 32], &[1; 32]]));
        assert!(!pcr.is_zero() && Digest::zero(HashAlg::Sha512).is_zero());
        assert_eq!(Digest::ones(HashAlg::Sha1).to_string(), "f".repeat(40));
    }
}
