//! The attestation key and what it signs.

use tss_esapi::attributes::ObjectAttributesBuilder;
use tss_esapi::constants::CapabilityType;
use tss_esapi::handles::{KeyHandle, ObjectHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::dynamic_handles::Persistent;
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::key_bits::RsaKeyBits;
use tss_esapi::interface_types::resource_handles::{Hierarchy, Provision};
use tss_esapi::structures::{
    CapabilityData, Data, EccParameter, EccPoint, EccScheme, HashScheme, KeyDerivationFunctionScheme, Public,
    PublicBuilder, PublicEccParametersBuilder, PublicKeyRsa, PublicRsaParametersBuilder, RsaExponent,
    RsaScheme, SignatureScheme, SymmetricDefinitionObject,
};
use tss_esapi::traits::Marshall as _;

use super::Device;
use super::error::{Command as _, Error};
use super::pcr::selection_list;
use crate::bank::Selection;

/// Where the agent keeps its attestation key, in the owner's range of persistent handles.
pub const DEFAULT_AK_HANDLE: u32 = 0x8101_4154;

/// The attestation key's algorithm. Both sign with SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AkAlgorithm {
    /// ECDSA on P-256.
    EccP256,
    /// RSASSA, 2048 bits.
    Rsa2048,
}

/// How to make an attestation key. The same template gives the same key in the same TPM, because it is a primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AkTemplate {
    /// The algorithm.
    pub algorithm: AkAlgorithm,
    /// Tells keys of one TPM apart; at most 32 bytes.
    pub label: Vec<u8>,
    /// Signs only what the TPM itself made. An attestation key must; a liar's does not.
    pub restricted: bool,
}

impl AkTemplate {
    /// A restricted signing key.
    #[must_use]
    pub fn new(algorithm: AkAlgorithm, label: &[u8]) -> AkTemplate {
        AkTemplate { algorithm, label: label.to_vec(), restricted: true }
    }

    fn public(&self) -> tss_esapi::Result<Public> {
        let attributes = ObjectAttributesBuilder::new()
            .with_fixed_tpm(true)
            .with_fixed_parent(true)
            .with_sensitive_data_origin(true)
            .with_user_with_auth(true)
            // There is no authorization value to guess; without it every power cut would count towards a lockout.
            .with_no_da(true)
            .with_restricted(self.restricted)
            .with_sign_encrypt(true)
            .build()?;
        let builder = PublicBuilder::new()
            .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
            .with_object_attributes(attributes);
        let hash = HashScheme::new(HashingAlgorithm::Sha256);
        match self.algorithm {
            AkAlgorithm::EccP256 => {
                let parameters = PublicEccParametersBuilder::new()
                    .with_symmetric(SymmetricDefinitionObject::Null)
                    .with_ecc_scheme(EccScheme::EcDsa(hash))
                    .with_curve(EccCurve::NistP256)
                    .with_key_derivation_function_scheme(KeyDerivationFunctionScheme::Null)
                    .with_is_signing_key(true)
                    .with_restricted(self.restricted)
                    .build()?;
                let label = EccParameter::try_from(self.label.as_slice())?;
                builder
                    .with_public_algorithm(PublicAlgorithm::Ecc)
                    .with_ecc_parameters(parameters)
                    .with_ecc_unique_identifier(EccPoint::new(label, EccParameter::default()))
                    .build()
            }
            AkAlgorithm::Rsa2048 => {
                let parameters = PublicRsaParametersBuilder::new()
                    .with_symmetric(SymmetricDefinitionObject::Null)
                    .with_scheme(RsaScheme::RsaSsa(hash))
                    .with_key_bits(RsaKeyBits::Rsa2048)
                    .with_exponent(RsaExponent::default())
                    .with_is_signing_key(true)
                    .with_restricted(self.restricted)
                    .build()?;
                builder
                    .with_public_algorithm(PublicAlgorithm::Rsa)
                    .with_rsa_parameters(parameters)
                    .with_rsa_unique_identifier(PublicKeyRsa::try_from(self.label.as_slice())?)
                    .build()
            }
        }
    }
}

/// A loaded attestation key.
#[derive(Clone, Debug)]
pub struct AttestationKey {
    /// TPM2B_PUBLIC, size in front.
    pub public: Vec<u8>,
    /// The key's name: name algorithm and digest of the public area.
    pub name: Vec<u8>,
    handle: KeyHandle,
    transient: bool,
}

impl AttestationKey {
    pub(super) fn handle(&self) -> KeyHandle {
        self.handle
    }
}

/// A quote as the TPM gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// TPMS_ATTEST.
    pub attest: Vec<u8>,
    /// TPMT_SIGNATURE.
    pub signature: Vec<u8>,
}

impl Device {
    /// Makes a transient attestation key in the endorsement hierarchy.
    ///
    /// # Errors
    /// The label is too long, or the TPM refuses.
    pub fn create_ak(&mut self, template: &AkTemplate) -> Result<AttestationKey, Error> {
        let public = template.public().command("AK template")?;
        let created = self.with_password("TPM2_CreatePrimary(attestation key)", |context| {
            context.create_primary(Hierarchy::Endorsement, public, None, None, None, None)
        })?;
        self.attestation_key(created.key_handle, true)
    }

    /// Loads the attestation key kept at a persistent handle, if there is one.
    ///
    /// # Errors
    /// The handle is not persistent, or the TPM refuses.
    pub fn persistent_ak(&mut self, handle: u32) -> Result<Option<AttestationKey>, Error> {
        let tpm_handle = persistent_handle(handle)?;
        if !self.handles_from(handle)?.contains(&TpmHandle::Persistent(tpm_handle)) {
            return Ok(None);
        }
        let object = self
            .context
            .execute_without_session(|context| context.tr_from_tpm_public(TpmHandle::Persistent(tpm_handle)))
            .command("TPM2_ReadPublic")?;
        self.attestation_key(object.into(), false).map(Some)
    }

    /// Keeps a transient attestation key at a persistent handle, and frees the transient slot.
    ///
    /// # Errors
    /// The handle is taken or not persistent, or the owner's authorization is not empty.
    pub fn persist_ak(&mut self, ak: AttestationKey, handle: u32) -> Result<AttestationKey, Error> {
        let tpm_handle = persistent_handle(handle)?;
        let object: ObjectHandle = ak.handle.into();
        let kept = self.with_password("TPM2_EvictControl", |context| {
            context.evict_control(Provision::Owner, object, Persistent::Persistent(tpm_handle))
        })?;
        self.release_ak(ak)?;
        self.attestation_key(kept.into(), false)
    }

    /// TPM2_Quote over the selection with the nonce as qualifying data.
    ///
    /// # Errors
    /// The nonce is longer than the TPM takes, or the TPM refuses.
    pub fn quote(
        &mut self,
        ak: &AttestationKey,
        nonce: &[u8],
        selection: &Selection,
    ) -> Result<Quote, Error> {
        let nonce = Data::try_from(nonce).command("TPM2_Quote")?;
        let list = selection_list(selection)?;
        let handle = ak.handle;
        let (attest, signature) = self.with_password("TPM2_Quote", |context| {
            context.quote(handle, nonce, SignatureScheme::Null, list)
        })?;
        let attest = attest.marshall().command("TPMS_ATTEST")?;
        let signature = signature.marshall().command("TPMT_SIGNATURE")?;
        Ok(Quote { attest, signature })
    }

    /// Frees a transient attestation key; a persistent one stays.
    ///
    /// # Errors
    /// The TPM refuses.
    pub fn release_ak(&mut self, ak: AttestationKey) -> Result<(), Error> {
        if ak.transient { self.flush(ak.handle.into()) } else { Ok(()) }
    }

    fn attestation_key(&mut self, handle: KeyHandle, transient: bool) -> Result<AttestationKey, Error> {
        let (public, name, _) = self
            .context
            .execute_without_session(|context| context.read_public(handle))
            .command("TPM2_ReadPublic")?;
        Ok(AttestationKey { public: sized_public(&public)?, name: name.value().to_vec(), handle, transient })
    }

    /// The handles in use from this one on, of the same kind.
    pub(super) fn handles_from(&mut self, handle: u32) -> Result<Vec<TpmHandle>, Error> {
        let (data, _) = self
            .context
            .execute_without_session(|context| context.get_capability(CapabilityType::Handles, handle, 8))
            .command("TPM2_GetCapability")?;
        match data {
            CapabilityData::Handles(handles) => Ok(handles.into_inner()),
            _ => Ok(Vec::new()),
        }
    }
}

fn persistent_handle(handle: u32) -> Result<PersistentTpmHandle, Error> {
    PersistentTpmHandle::new(handle).command("persistent handle")
}

/// TPM2B_PUBLIC.
pub(super) fn sized_public(public: &Public) -> Result<Vec<u8>, Error> {
    let public = public.marshall().command("TPMT_PUBLIC")?;
    let size = u16::try_from(public.len()).unwrap_or(u16::MAX);
    Ok([size.to_be_bytes().as_slice(), &public].concat())
}
