//! The attestation of a FIDO token, taken when its key is made: `ssh-keygen -O challenge=… -O write-attestation=…` (PROTOCOL.u2f,
//! "Attestation"). Only it says that an `sk-` key lives in hardware: the key's type is what anyone can write.
//!
//! The file does not say how the token signed. WebAuthn has two ways that OpenSSH's tokens use, and the token's model tells them apart: U2F
//! tokens have none, it is all zeros (WebAuthn Level 2, section 8.6), and every other signs as `packed` (section 8.2). Each file is checked in the
//! one way that is its own. Attestations by the key itself prove nothing and are refused: there is no certificate in them.

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::{Flags, PublicKey, wire};
use crate::authenticate::{ek, x509};
use crate::evidence::cbor::{self, Value};
use crate::reader::Reader;
use crate::release::CanonicalKey;
use crate::release::key::Curve;
use crate::{Digest, HashAlg, Limits, Timestamp, der};

mod error;
#[cfg(test)]
mod tests;

pub use error::Error;

/// id-fido-gen-ce-aaguid, 1.3.6.1.4.1.45724.1.1.4 (WebAuthn Level 2, section 8.2.1).
const OID_AAGUID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xe5, 0x1c, 0x01, 0x01, 0x04];
/// anyExtendedKeyUsage, 2.5.29.37.0: where a certificate names purposes, this one must be among them; FIDO has none of its own.
const OID_ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// What a token says about a key it has just made, well-formed and not believed.
#[derive(Clone, Debug)]
pub struct Attestation {
    certificate: Vec<u8>,
    signature: Vec<u8>,
    authenticator_data: Vec<u8>,
    credential: Credential,
}

/// Authenticator data with a new credential (WebAuthn Level 2, sections 6.1 and 6.5.1).
#[derive(Clone, Debug)]
struct Credential {
    rp_id_hash: [u8; 32],
    flags: Flags,
    aaguid: [u8; 16],
    id: Vec<u8>,
    key: CanonicalKey,
}

impl Attestation {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let (len, limit) = (bytes.len(), limits.fido_attestation_bytes);
        if len > limit {
            return Err(Error::TooLong { len, limit });
        }
        let mut reader = Reader::new(bytes);
        match wire::text(&mut reader)? {
            "ssh-sk-attest-v01" => {}
            // Without authenticator data there is nothing that a signature could be over.
            "ssh-sk-attest-v00" => return Err(Error::AuthenticatorDataMissing),
            _ => return Err(Error::FormatUnknown),
        }
        let certificate = wire::string(&mut reader)?.rest().to_vec();
        let signature = wire::string(&mut reader)?.rest().to_vec();
        let data = wire::string(&mut reader)?;
        let reserved = (reader.u32_be().map_err(wire::Error::from)?, wire::string(&mut reader)?.is_empty());
        wire::finished(&reader)?;
        if reserved != (0, true) {
            return Err(Error::ReservedNotEmpty);
        }
        if certificate.is_empty() {
            return Err(Error::CertificateMissing);
        }
        let Value::Bytes(data) = cbor::parse_at(data.rest(), data.offset(), limits, cbor::Integers::Minimal)?
        else {
            return Err(Error::AuthenticatorDataMalformed);
        };
        let credential = Credential::parse(data, limits)?;
        Ok(Self { certificate, signature, authenticator_data: data.to_vec(), credential })
    }

    /// Verifies that the key of the certificate in it vouches for `key`, made in answer to `challenge` (the bytes of the file that
    /// `-O challenge` names). Whose certificate that is, [`Attested::made_by`] asks.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify(&self, key: &PublicKey, challenge: &[u8]) -> Result<Attested, Error> {
        let credential = &self.credential;
        let application = key.application().ok_or(Error::KeyNotOfToken)?;
        if *key.canonical() != credential.key {
            return Err(Error::KeyMismatch);
        }
        if HashAlg::Sha256.hash(&[application.as_bytes()]).as_bytes() != credential.rp_id_hash {
            return Err(Error::ApplicationMismatch);
        }
        if !credential.flags.user_present() {
            return Err(Error::UserPresenceMissing);
        }
        if credential.flags.backup() {
            return Err(Error::BackupEligible);
        }
        let certificate = CertificateDer::from(self.certificate.as_slice());
        let certificate = EndEntityCert::try_from(&certificate).map_err(|_| Error::CertificateMalformed)?;
        self.check_model()?;
        let signed = self.signed_bytes(challenge)?;
        certificate
            .verify_signature(webpki::ring::ECDSA_P256_SHA256, &signed, &self.signature)
            .map_err(|_| Error::SignatureInvalid)?;
        Ok(Attested {
            key: credential.key.clone(),
            aaguid: credential.aaguid,
            certificate: self.certificate.clone(),
        })
    }

    /// A certificate that names a model names this one (WebAuthn Level 2, section 8.2.1).
    fn check_model(&self) -> Result<(), Error> {
        let named = x509::extension(&self.certificate, OID_AAGUID);
        let Some(named) = named.map_err(|_| Error::CertificateMalformed)? else { return Ok(()) };
        let named = der::Der::only_at(named, der::OCTET_STRING).map_err(|_| Error::CertificateMalformed)?;
        if named.content == self.credential.aaguid { Ok(()) } else { Err(Error::ModelMismatch) }
    }

    fn signed_bytes(&self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        let challenge = HashAlg::Sha256.hash(&[challenge]);
        let credential = &self.credential;
        if credential.aaguid != [0; 16] {
            return Ok([&self.authenticator_data, challenge.as_bytes()].concat());
        }
        // U2F: 0 ‖ application ‖ challenge ‖ key handle ‖ point (WebAuthn Level 2, section 8.6).
        let point = credential.key.point().ok_or(Error::CredentialKeyUnsupported)?;
        Ok([&[0][..], &credential.rp_id_hash, challenge.as_bytes(), &credential.id, point].concat())
    }
}

impl Credential {
    fn parse(data: &[u8], limits: &Limits) -> Result<Self, Error> {
        let mut reader = Reader::new(data);
        let short = |_| Error::AuthenticatorDataMalformed;
        let rp_id_hash = reader.array().map_err(short)?;
        let flags = Flags::new(reader.u8().map_err(short)?);
        let _counter = reader.u32_be().map_err(short)?;
        if !flags.attested_credential() {
            return Err(Error::CredentialMissing);
        }
        let aaguid = reader.array().map_err(short)?;
        let len = usize::from(reader.u16_be().map_err(short)?);
        let id = reader.bytes(len).map_err(short)?.to_vec();
        let key = cose_key(&cbor::next(&mut reader, limits)?)?;
        if flags.extensions() && !matches!(cbor::next(&mut reader, limits)?, Value::Map(_)) {
            return Err(Error::AuthenticatorDataMalformed);
        }
        if !reader.is_empty() {
            return Err(Error::AuthenticatorDataMalformed);
        }
        Ok(Self { rp_id_hash, flags, aaguid, id, key })
    }
}

/// The credential's key: a COSE_Key (RFC 9052, section 7) for ES256 or EdDSA, with exactly the parameters that it needs (CTAP 2.1,
/// section 6.1.1).
fn cose_key(key: &Value<'_>) -> Result<CanonicalKey, Error> {
    let Value::Map(entries) = key else { return Err(Error::CredentialKeyUnsupported) };
    let number = |label| key.get(label).and_then(Value::as_integer);
    let bytes = |label| key.get(label).and_then(Value::as_bytes).ok_or(Error::CredentialKeyUnsupported);
    // kty, alg, crv.
    match (number(1), number(3), number(-1), entries.len()) {
        (Some(2), Some(-7), Some(1), 5) => {
            let (x, y) = (bytes(-2)?, bytes(-3)?);
            if x.len() != Curve::P256.field_bytes() {
                return Err(Error::CredentialKeyUnsupported);
            }
            Ok(CanonicalKey::ecdsa(Curve::P256, &[&[4], x, y].concat())?)
        }
        (Some(1), Some(-8), Some(6), 4) => Ok(CanonicalKey::ed25519(bytes(-2)?)?),
        _ => Err(Error::CredentialKeyUnsupported),
    }
}

/// The key of some certificate vouches that a token made this key. Made by [`Attestation::verify`] only.
#[derive(Clone, Debug)]
pub struct Attested {
    key: CanonicalKey,
    aaguid: [u8; 16],
    certificate: Vec<u8>,
}

impl Attested {
    /// Asks whether the certificate is of a maker that counts: it leads to a root at `now`. `intermediates` may stand in any order.
    ///
    /// # Errors
    /// [`Error`].
    pub fn made_by(
        &self,
        roots: &FidoRoots,
        intermediates: &[&[u8]],
        now: Timestamp,
        limits: &Limits,
    ) -> Result<HardwareKey, Error> {
        if roots.is_empty() {
            return Err(Error::RootsMissing);
        }
        if intermediates.len() > limits.intermediates {
            return Err(Error::TooManyIntermediates {
                count: intermediates.len(),
                limit: limits.intermediates,
            });
        }
        let limit = limits.certificate_bytes;
        if let Some(long) = intermediates.iter().find(|der| der.len() > limit) {
            return Err(Error::TooLong { len: long.len(), limit });
        }
        let leaf = CertificateDer::from(self.certificate.as_slice());
        let leaf = EndEntityCert::try_from(&leaf).map_err(|_| Error::CertificateMalformed)?;
        let chain: Vec<_> = intermediates.iter().map(|der| CertificateDer::from(*der)).collect();
        let now = UnixTime::since_unix_epoch(core::time::Duration::from_secs(now.unix()));
        let usage = KeyUsage::required_if_present(OID_ANY_USAGE);
        leaf.verify_for_usage(ek::ALGORITHMS, &roots.0, &chain, now, usage, None, None).map_err(|error| {
            match error {
                webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
                    Error::CertificateExpired
                }
                _ => Error::MakerUnknown,
            }
        })?;
        let certificate = HashAlg::Sha256.hash(&[&self.certificate]);
        Ok(HardwareKey { key: self.key.clone(), aaguid: self.aaguid, certificate })
    }

    /// The token's model; zeros for U2F tokens.
    #[must_use]
    pub const fn aaguid(&self) -> &[u8; 16] {
        &self.aaguid
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

/// A66: a maker that counts vouches that this key lives in a token of its making. Made by [`Attested::made_by`] only.
#[derive(Clone, Debug)]
pub struct HardwareKey {
    key: CanonicalKey,
    aaguid: [u8; 16],
    certificate: Digest,
}

impl HardwareKey {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &CanonicalKey {
        &self.key
    }

    /// The token's model; zeros for U2F tokens.
    #[must_use]
    pub const fn aaguid(&self) -> &[u8; 16] {
        &self.aaguid
    }

    /// SHA-256 of the certificate, which a hundred thousand tokens share.
    #[must_use]
    pub const fn certificate(&self) -> Digest {
        self.certificate
    }
}

/// The makers of tokens whose word counts. Their own validity and issuers are not asked for.
#[derive(Clone, Debug, Default)]
pub struct FidoRoots(Vec<TrustAnchor<'static>>);

impl FidoRoots {
    /// No root: no key is one of hardware.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one certificate in DER, or all certificates in PEM text; how many it were.
    ///
    /// # Errors
    /// [`Error::RootMalformed`] names it by its place. Nothing is added then.
    pub fn add(&mut self, certificates: &[u8]) -> Result<usize, Error> {
        let malformed = |at| Error::RootMalformed { at };
        let ders = if certificates.first() == Some(&der::SEQUENCE) {
            vec![CertificateDer::from(certificates)]
        } else {
            let pem = CertificateDer::pem_slice_iter(certificates).enumerate();
            pem.map(|(at, der)| der.map_err(|_| malformed(at))).collect::<Result<_, _>>()?
        };
        if ders.is_empty() {
            return Err(malformed(0));
        }
        let anchor = |(at, der)| Ok(anchor_from_trusted_cert(der).map_err(|_| malformed(at))?.to_owned());
        let anchors = ders.iter().enumerate().map(anchor).collect::<Result<Vec<_>, Error>>()?;
        self.0.extend(anchors);
        Ok(ders.len())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
