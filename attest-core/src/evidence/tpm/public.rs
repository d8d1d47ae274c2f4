//! TPMT_PUBLIC, with or without the size that makes it a TPM2B_PUBLIC (Part 2, "Public Area Structures").

use super::{Error, SignatureScheme, SigningAlg, TPM_ALG_NULL, bounded, finished, hash_alg, sized};
use crate::HashAlg;
use crate::limits::Limits;
use crate::reader::Reader;

const TPM_ALG_RSA: u16 = 0x0001;
const TPM_ALG_ECC: u16 = 0x0023;
/// The largest authPolicy: a digest.
const DIGEST_MAX: usize = 64;
/// The largest modulus: 4096 bits.
const MODULUS_MAX: usize = 512;
/// What an RSA exponent of 0 stands for (Part 2, "TPMS_RSA_PARMS").
const DEFAULT_EXPONENT: u32 = 65537;

/// The public area of a TPM object: well-formed, not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public<'a> {
    raw: &'a [u8],
    name_alg: HashAlg,
    attributes: ObjectAttributes,
    auth_policy: &'a [u8],
    symmetric: Option<Symmetric>,
    scheme: Option<SignatureScheme>,
    key: PublicKey<'a>,
}

/// A public key with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKey<'a> {
    /// A point on a curve.
    Ecc {
        /// The curve.
        curve: EccCurve,
        /// The x coordinate, big-endian, perhaps without its leading zeros.
        x: &'a [u8],
        /// The y coordinate, likewise.
        y: &'a [u8],
    },
    /// An RSA key.
    Rsa {
        /// The public exponent; the TPM's 0 is 65537 here.
        exponent: u32,
        /// The modulus, big-endian.
        modulus: &'a [u8],
    },
}

/// The curves supported (TPM_ECC_CURVE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EccCurve {
    /// TPM_ECC_NIST_P256.
    NistP256,
    /// TPM_ECC_NIST_P384.
    NistP384,
}

impl EccCurve {
    /// Length of a coordinate in bytes.
    #[must_use]
    pub const fn field_bytes(self) -> usize {
        match self {
            Self::NistP256 => 32,
            Self::NistP384 => 48,
        }
    }

    /// `p256` or `p384`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NistP256 => "p256",
            Self::NistP384 => "p384",
        }
    }
}

/// TPMT_SYM_DEF_OBJECT of a storage key: how it protects its children and credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symmetric {
    /// TPM_ALG_ID of the cipher; AES is 0x0006.
    pub alg: u16,
    /// Key length in bits.
    pub key_bits: u16,
    /// TPM_ALG_ID of the mode; CFB is 0x0043.
    pub mode: u16,
}

/// TPMA_OBJECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectAttributes(u32);

macro_rules! attributes {
    ($($name:ident $bit:literal, $doc:literal;)*) => {$(
        #[doc = $doc]
        #[must_use]
        pub const fn $name(self) -> bool {
            self.0 & (1 << $bit) != 0
        }
    )*};
}

impl ObjectAttributes {
    attributes! {
        fixed_tpm 1, "fixedTPM: the object cannot leave its TPM.";
        fixed_parent 4, "fixedParent: the object cannot move to another parent.";
        sensitive_data_origin 5, "sensitiveDataOrigin: the TPM made the private part itself.";
        restricted 16, "restricted: as a signing key it signs only what the TPM made.";
        decrypt 17, "decrypt: the private part may decrypt.";
        sign 18, "sign: the private part may sign.";
    }

    /// All 32 bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl<'a> Public<'a> {
    /// Reads a TPM2B_PUBLIC or a TPMT_PUBLIC that fills `bytes`.
    ///
    /// They are told apart by content: the first two bytes are a size equal to what follows, or the key's type (1 or 35;
    /// no public area is that short).
    ///
    /// # Errors
    /// [`Error`] says which field is not what Part 2 asks for, or not supported here.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let mut reader = bounded(bytes, limits.public_key_bytes)?;
        let mut sized_reader = reader;
        if usize::from(sized_reader.u16_be()?) == sized_reader.rest().len() {
            reader = sized_reader;
        }
        let raw = reader.rest();
        let kind = reader.u16_be()?;
        let name_alg = hash_alg(&mut reader)?;
        let attributes = ObjectAttributes(reader.u32_be()?);
        let auth_policy = sized(&mut reader, DIGEST_MAX)?;
        let symmetric = Symmetric::read(&mut reader)?;
        let (scheme, key) = match kind {
            TPM_ALG_ECC => (ecc_scheme(&mut reader)?, read_ecc(&mut reader)?),
            TPM_ALG_RSA => (rsa_scheme(&mut reader)?, read_rsa(&mut reader)?),
            id => return Err(Error::KeyTypeUnsupported { id }),
        };
        finished(reader)?;
        Ok(Self { raw, name_alg, attributes, auth_policy, symmetric, scheme, key })
    }

    /// The TPMT_PUBLIC, without a size.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The object's name: the name algorithm's identifier and its digest of the TPMT_PUBLIC (Part 1, "Names").
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        let mut name = self.name_alg.tpm_id().to_be_bytes().to_vec();
        name.extend_from_slice(self.name_alg.hash(&[self.raw]).as_bytes());
        name
    }

    /// The object's qualified name below a parent of this qualified name: the name algorithm's identifier and its digest
    /// of both (Part 1, "Names"). A hierarchy's qualified name is its handle, such as `40 00 00 0b` for the endorsement
    /// hierarchy.
    #[must_use]
    pub fn qualified_name(&self, parent_qualified_name: &[u8]) -> Vec<u8> {
        let digest = self.name_alg.hash(&[parent_qualified_name, &self.name()]);
        let mut name = self.name_alg.tpm_id().to_be_bytes().to_vec();
        name.extend_from_slice(digest.as_bytes());
        name
    }

    /// The hash of the object's name.
    #[must_use]
    pub const fn name_alg(&self) -> HashAlg {
        self.name_alg
    }

    /// What the object may do.
    #[must_use]
    pub const fn attributes(&self) -> ObjectAttributes {
        self.attributes
    }

    /// The policy digest that authorizes use; empty if there is none.
    #[must_use]
    pub const fn auth_policy(&self) -> &'a [u8] {
        self.auth_policy
    }

    /// How the key protects what lies below it; storage keys have it.
    #[must_use]
    pub const fn symmetric(&self) -> Option<Symmetric> {
        self.symmetric
    }

    /// The one signature scheme the key may use; `None` if it names none, or one that does not sign or is not supported, such as OAEP or ECDAA.
    #[must_use]
    pub const fn scheme(&self) -> Option<SignatureScheme> {
        self.scheme
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> PublicKey<'a> {
        self.key
    }
}

impl Symmetric {
    fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, Error> {
        Ok(match reader.u16_be()? {
            TPM_ALG_NULL => None,
            alg => Some(Self { alg, key_bits: reader.u16_be()?, mode: reader.u16_be()? }),
        })
    }
}

/// TPMT_RSA_SCHEME: RSAES has no hash, the others do.
fn rsa_scheme(reader: &mut Reader<'_>) -> Result<Option<SignatureScheme>, Error> {
    let offset = reader.offset();
    Ok(match reader.u16_be()? {
        TPM_ALG_NULL | 0x0015 => None,
        id @ (0x0014 | 0x0016) => signing(id, reader)?,
        0x0017 => hash_alg(reader).map(|_| None)?,
        id => return Err(Error::SchemeUnsupported { id, offset }),
    })
}

/// TPMT_ECC_SCHEME: all have a hash (ECDH, SM2, ECSCHNORR, ECMQV), ECDAA also a counter.
fn ecc_scheme(reader: &mut Reader<'_>) -> Result<Option<SignatureScheme>, Error> {
    let offset = reader.offset();
    Ok(match reader.u16_be()? {
        TPM_ALG_NULL => None,
        id @ 0x0018 => signing(id, reader)?,
        0x0019 | 0x001b | 0x001c | 0x001d => hash_alg(reader).map(|_| None)?,
        0x001a => {
            hash_alg(reader)?;
            reader.u16_be()?;
            None
        }
        id => return Err(Error::SchemeUnsupported { id, offset }),
    })
}

fn signing(id: u16, reader: &mut Reader<'_>) -> Result<Option<SignatureScheme>, Error> {
    let hash = hash_alg(reader)?;
    Ok(SigningAlg::from_tpm(id).map(|alg| SignatureScheme { alg, hash }))
}

/// The rest of TPMS_RSA_PARMS and TPM2B_PUBLIC_KEY_RSA.
fn read_rsa<'a>(reader: &mut Reader<'a>) -> Result<PublicKey<'a>, Error> {
    let bits = reader.u16_be()?;
    let exponent = match reader.u32_be()? {
        0 => DEFAULT_EXPONENT,
        exponent => exponent,
    };
    let modulus = sized(reader, MODULUS_MAX)?;
    if modulus.len().checked_mul(8) != Some(usize::from(bits)) {
        return Err(Error::ModulusLength { bits, bytes: modulus.len() });
    }
    Ok(PublicKey::Rsa { exponent, modulus })
}

/// The rest of TPMS_ECC_PARMS and TPMS_ECC_POINT.
fn read_ecc<'a>(reader: &mut Reader<'a>) -> Result<PublicKey<'a>, Error> {
    let curve = match reader.u16_be()? {
        0x0003 => EccCurve::NistP256,
        0x0004 => EccCurve::NistP384,
        id => return Err(Error::CurveUnsupported { id }),
    };
    // TPMT_KDF_SCHEME: all have a hash.
    if reader.u16_be()? != TPM_ALG_NULL {
        hash_alg(reader)?;
    }
    let x = sized(reader, curve.field_bytes())?;
    let y = sized(reader, curve.field_bytes())?;
    Ok(PublicKey::Ecc { curve, x, y })
}
