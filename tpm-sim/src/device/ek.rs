//! The endorsement key and its certificate, by the standard templates of the TCG EK Credential Profile for TPM Family 2.0.

use tss_esapi::abstraction::AsymmetricAlgorithmSelection;
use tss_esapi::abstraction::ek::create_ek_public_from_default_template_2;
use tss_esapi::abstraction::nv;
use tss_esapi::attributes::SessionAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{AuthHandle, KeyHandle, NvIndexTpmHandle, ObjectHandle, SessionHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::key_bits::RsaKeyBits;
use tss_esapi::interface_types::resource_handles::{Hierarchy, NvAuth};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{Digest, DigestList, EncryptedSecret, IdObject, Public, SymmetricDefinition};

use super::ak::sized_public;
use super::error::{Command as _, Error};
use super::{AttestationKey, Device};

/// PolicyC with SHA-384 (EK Credential Profile, annex on EK policies): the second branch of PolicyB, by which the high-range templates
/// are authorized. The first branch is PolicyA, that is PolicySecret(endorsement).
const POLICY_C_SHA384: [u8; 48] = [
    0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6, 0xa3, 0x32, 0x37, 0xef, //
    0x2b, 0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4, 0x55, 0xe2, 0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5, //
    0xb4, 0x94, 0x7c, 0x2d, 0x73, 0xe6, 0x30, 0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65,
];

/// Where the EK Credential Profile lets makers keep the endorsement certificate's chain.
const EK_CHAIN_INDICES: std::ops::RangeInclusive<u32> = 0x01c0_0100..=0x01c0_01ff;

/// Which endorsement key: its template and the NV index of its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EkKind {
    /// Template L-1: RSA 2048, certificate at 0x01c00002, PolicyA.
    Rsa2048,
    /// Template L-2: ECC P-256, certificate at 0x01c0000a, PolicyA.
    EccP256,
    /// Template H-3: ECC P-384, certificate at 0x01c00016, PolicyB.
    EccP384,
}

impl EkKind {
    /// Every kind, in the order in which a certificate is looked for.
    pub const ALL: [EkKind; 3] = [EkKind::EccP384, EkKind::EccP256, EkKind::Rsa2048];

    /// The NV index that holds the certificate.
    #[must_use]
    pub fn certificate_index(self) -> u32 {
        match self {
            EkKind::Rsa2048 => 0x01c0_0002,
            EkKind::EccP256 => 0x01c0_000a,
            EkKind::EccP384 => 0x01c0_0016,
        }
    }

    fn algorithm(self) -> AsymmetricAlgorithmSelection {
        match self {
            EkKind::Rsa2048 => AsymmetricAlgorithmSelection::Rsa(RsaKeyBits::Rsa2048),
            EkKind::EccP256 => AsymmetricAlgorithmSelection::Ecc(EccCurve::NistP256),
            EkKind::EccP384 => AsymmetricAlgorithmSelection::Ecc(EccCurve::NistP384),
        }
    }

    fn policy_hash(self) -> HashingAlgorithm {
        match self {
            EkKind::Rsa2048 | EkKind::EccP256 => HashingAlgorithm::Sha256,
            EkKind::EccP384 => HashingAlgorithm::Sha384,
        }
    }
}

/// A loaded endorsement key with its certificate.
#[derive(Clone, Debug)]
pub struct EndorsementKey {
    /// Which template made it.
    pub kind: EkKind,
    /// The certificate, DER, as it lies in NV (without padding after it).
    pub certificate: Vec<u8>,
    /// TPM2B_PUBLIC, size in front.
    pub public: Vec<u8>,
    handle: KeyHandle,
}

impl Device {
    /// Reads the certificate and makes the key by its template; the certificate must carry that very key.
    ///
    /// # Errors
    /// No certificate, a certificate of another key, or the TPM refuses.
    pub fn endorsement_key(&mut self, kind: EkKind) -> Result<EndorsementKey, Error> {
        let certificate = self.ek_certificate(kind)?;
        let template =
            create_ek_public_from_default_template_2(kind.algorithm(), None).command("EK template")?;
        let created = self.with_password("TPM2_CreatePrimary(endorsement)", |context| {
            context.create_primary(Hierarchy::Endorsement, template, None, None, None, None)
        })?;
        if !carries_key(&certificate, &created.out_public) {
            self.flush(created.key_handle.into())?;
            return Err(Error::EkCertificateForeign { index: kind.certificate_index() });
        }
        let public = sized_public(&created.out_public)?;
        Ok(EndorsementKey { kind, certificate, public, handle: created.key_handle })
    }

    /// The endorsement key of the first kind that has a certificate, strongest first.
    ///
    /// # Errors
    /// None has one, or as [`Device::endorsement_key`].
    pub fn any_endorsement_key(&mut self) -> Result<EndorsementKey, Error> {
        for kind in EkKind::ALL {
            match self.endorsement_key(kind) {
                Err(Error::EkCertificateMissing { .. }) => (),
                found => return found,
            }
        }
        Err(Error::EkCertificateMissing { index: EkKind::Rsa2048.certificate_index() })
    }

    /// The certificate from NV.
    ///
    /// # Errors
    /// The index is not defined, or the TPM refuses.
    pub fn ek_certificate(&mut self, kind: EkKind) -> Result<Vec<u8>, Error> {
        let index = kind.certificate_index();
        if !self.nv_index_defined(index)? {
            return Err(Error::EkCertificateMissing { index });
        }
        let mut certificate = self.read_nv(index)?;
        certificate.truncate(der_length(&certificate).unwrap_or(certificate.len()));
        Ok(certificate)
    }

    /// The certificates between the endorsement certificate and the maker's root, as some makers keep them in NV: one after the other, over
    /// as many indices as they take. Empty where there are none.
    ///
    /// # Errors
    /// The TPM refuses.
    pub fn ek_chain(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        let mut bytes = Vec::new();
        for index in EK_CHAIN_INDICES {
            if !self.nv_index_defined(index)? {
                break;
            }
            bytes.extend(self.read_nv(index)?);
        }
        let mut chain = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((certificate, after)) =
            der_length(rest).and_then(|length| rest.split_at_checked(length))
        {
            chain.push(certificate.to_vec());
            rest = after;
        }
        Ok(chain)
    }

    fn read_nv(&mut self, index: u32) -> Result<Vec<u8>, Error> {
        let index = NvIndexTpmHandle::new(index).command("NV index")?;
        let handle = self
            .context
            .execute_without_session(|context| context.tr_from_tpm_public(TpmHandle::NvIndex(index)))
            .command("TPM2_NV_ReadPublic")?;
        self.with_password("TPM2_NV_Read", |context| {
            nv::read_full(context, NvAuth::NvIndex(handle.into()), index)
        })
    }

    /// Listed first, because reading a missing index makes the TSS library complain on standard error.
    fn nv_index_defined(&mut self, index: u32) -> Result<bool, Error> {
        let wanted = NvIndexTpmHandle::new(index).map(TpmHandle::NvIndex).command("NV index")?;
        let handles = self.handles_from(index)?;
        Ok(handles.contains(&wanted))
    }

    /// TPM2_ActivateCredential: proves that the attestation key lives beside this endorsement key.
    ///
    /// `credential_blob` is a TPM2B_ID_OBJECT and `secret` a TPM2B_ENCRYPTED_SECRET, both with their size in front.
    ///
    /// # Errors
    /// The structures are malformed, or the TPM refuses: the credential was made for another key.
    pub fn activate(
        &mut self,
        ek: &EndorsementKey,
        ak: &AttestationKey,
        credential_blob: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let malformed = |what, structure| move |_| Error::MalformedChallenge { what, structure };
        let blob = sized(credential_blob, "credential blob", "TPM2B_ID_OBJECT")?;
        let blob = IdObject::try_from(blob).map_err(malformed("credential blob", "TPM2B_ID_OBJECT"))?;
        let secret = sized(secret, "encrypted secret", "TPM2B_ENCRYPTED_SECRET")?;
        let secret = EncryptedSecret::try_from(secret)
            .map_err(malformed("encrypted secret", "TPM2B_ENCRYPTED_SECRET"))?;
        let session = self.ek_policy_session(ek.kind)?;
        let (ak_handle, ek_handle) = (ak.handle(), ek.handle);
        let activated = self
            .context
            .execute_with_sessions((Some(AuthSession::Password), Some(session), None), |context| {
                context.activate_credential(ak_handle, ek_handle, blob, secret)
            });
        let flushed = self.flush(SessionHandle::from(session).into());
        let activated = activated.command("TPM2_ActivateCredential")?;
        flushed?;
        Ok(activated.value().to_vec())
    }

    /// A policy session that satisfies the template's authorization policy: PolicySecret(endorsement), and for the high-range templates
    /// PolicyOR over PolicyA and PolicyC on top.
    fn ek_policy_session(&mut self, kind: EkKind) -> Result<AuthSession, Error> {
        let hash = kind.policy_hash();
        let session = self
            .context
            .start_auth_session(None, None, None, SessionType::Policy, SymmetricDefinition::AES_128_CFB, hash)
            .command("TPM2_StartAuthSession")?
            .ok_or(Error::Tpm { command: "TPM2_StartAuthSession", detail: "no session".to_owned() })?;
        let (attributes, mask) =
            SessionAttributesBuilder::new().with_decrypt(true).with_encrypt(true).build();
        self.context.tr_sess_set_attributes(session, attributes, mask).command("session attributes")?;
        let policy = PolicySession::try_from(session).command("policy session")?;
        self.with_password("TPM2_PolicySecret", |context| {
            let empty = tss_esapi::structures::Nonce::default;
            context.policy_secret(policy, AuthHandle::Endorsement, empty(), Digest::default(), empty(), None)
        })?;
        if kind == EkKind::EccP384 {
            let policy_a = self.context.policy_get_digest(policy).command("TPM2_PolicyGetDigest")?;
            let mut branches = DigestList::new();
            branches.add(policy_a).command("PolicyB")?;
            branches
                .add(Digest::try_from(POLICY_C_SHA384.as_slice()).command("PolicyB")?)
                .command("PolicyB")?;
            self.context
                .execute_without_session(|context| context.policy_or(policy, branches))
                .command("TPM2_PolicyOR")?;
        }
        Ok(session)
    }

    /// Frees what an endorsement key holds in the TPM; transient slots are few.
    ///
    /// # Errors
    /// The TPM refuses.
    pub fn release_ek(&mut self, ek: EndorsementKey) -> Result<(), Error> {
        self.flush(ek.handle.into())
    }

    pub(super) fn flush(&mut self, handle: ObjectHandle) -> Result<(), Error> {
        self.context
            .execute_without_session(|context| context.flush_context(handle))
            .command("TPM2_FlushContext")
    }
}

/// The key material of the public area, found inside the certificate's SubjectPublicKeyInfo: both write it as the same big-endian bytes.
fn carries_key(certificate: &[u8], public: &Public) -> bool {
    let key = match public {
        Public::Rsa { unique, .. } => unique.value().to_vec(),
        Public::Ecc { unique, .. } => {
            let point = [unique.x().value(), unique.y().value()];
            // A coordinate with leading zeros may be shorter in the TPM; both are found on their own then.
            return point.iter().all(|coordinate| contains(certificate, coordinate));
        }
        _ => return false,
    };
    contains(certificate, &key)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}

/// The length of the one DER structure at the front; some NV indices are padded after it.
fn der_length(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [0x30, 0x82, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([high, low]))),
        [0x30, 0x81, length, ..] => Some(3 + usize::from(length)),
        [0x30, length, ..] if length < 0x80 => Some(2 + usize::from(length)),
        _ => None,
    }
}

/// The contents of a TPM2B structure.
fn sized(bytes: &[u8], what: &'static str, structure: &'static str) -> Result<Vec<u8>, Error> {
    match bytes.split_first_chunk::<2>() {
        Some((size, rest)) if usize::from(u16::from_be_bytes(*size)) == rest.len() => Ok(rest.to_vec()),
        _ => Err(Error::MalformedChallenge { what, structure }),
    }
}
