//! What an image's signatures say: which digest they are over and which certificates they carry.
//!
//! Nothing is verified here: the firmware and shim do that, and a verdict rests on digests. It tells a person that an update is signed by
//! somebody else, or over other bytes, before the first device finds out.

use super::{Error, Image};
use crate::der::{self, Der, OCTET_STRING, OID, SEQUENCE, SET, Tlv};
use crate::digest::{Digest, HashAlg};
use crate::evidence::tcg_event::{CertificateName, IssuerName};
use crate::reader::{Reader, len32};

/// WIN_CERT_TYPE_PKCS_SIGNED_DATA.
pub(super) const PKCS_SIGNED_DATA: u16 = 2;
/// Attribute certificates in one image. Images signed twice exist; more than four were never seen.
pub(super) const MOST_CERTIFICATES: usize = 16;
/// Certificates in one signature that are named.
const MOST_NAMES: usize = 16;
/// id-signedData 1.2.840.113549.1.7.2.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// SPC_INDIRECT_DATA_OBJID 1.3.6.1.4.1.311.2.1.4.
const INDIRECT_DATA: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04];
/// id-sha1, id-sha256, id-sha384, id-sha512.
const HASHES: [(&[u8], HashAlg); 4] = [
    (&[0x2b, 0x0e, 0x03, 0x02, 0x1a], HashAlg::Sha1),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01], HashAlg::Sha256),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02], HashAlg::Sha384),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03], HashAlg::Sha512),
];
/// `[0]`, constructed.
const CONTEXT_0: u8 = 0xa0;

/// One signature of an image, unverified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// The Authenticode hash that was signed, if the hash is a known one.
    pub digest: Option<Digest>,
    /// Subjects and issuers of the certificates in it, harmless in a terminal, each once.
    pub names: Vec<String>,
}

impl<'a> Image<'a> {
    /// Its signatures. One that is not Authenticode, or not readable, has neither digest nor names.
    ///
    /// # Errors
    /// [`Error::Certificate`] or [`Error::TooManyCertificates`]: the table is not a list of WIN_CERTIFICATE.
    pub fn signatures(&self) -> Result<Vec<Signature>, Error> {
        let read = |data| signed_data(data).unwrap_or_default().unwrap_or_default();
        Ok(self.signed_data()?.into_iter().map(|data| data.map_or_else(Signature::default, read)).collect())
    }

    /// What its certificate table holds, in order: a PKCS #7 value each, padded or not; none where something else stands.
    ///
    /// # Errors
    /// As [`Self::signatures`].
    pub(crate) fn signed_data(&self) -> Result<Vec<Option<&'a [u8]>>, Error> {
        let start = self.file.len().saturating_sub(self.certificates.len());
        let mut table = Reader::at(self.certificates, start);
        let mut found = Vec::new();
        while !table.is_empty() {
            if found.len() >= MOST_CERTIFICATES {
                return Err(Error::TooManyCertificates { limit: MOST_CERTIFICATES });
            }
            let (kind, data) = next(&mut table)?;
            found.push((kind == PKCS_SIGNED_DATA).then_some(data));
        }
        Ok(found)
    }
}

/// The next WIN_CERTIFICATE: its length counts its header, and the one after it begins on a multiple of 8.
fn next<'a>(table: &mut Reader<'a>) -> Result<(u16, &'a [u8]), Error> {
    let (offset, left) = (table.offset(), table.rest().len());
    let len = len32(table.u32_le()?);
    let wrong = Error::Certificate { offset, len, left };
    // wRevision
    table.bytes(2)?;
    let kind = table.u16_le()?;
    let data = table.bytes(len.checked_sub(8).ok_or(wrong)?).map_err(|_| wrong)?;
    let padding = len.next_multiple_of(8).saturating_sub(len).min(table.rest().len());
    table.bytes(padding)?;
    Ok((kind, data))
}

/// ContentInfo with SignedData (RFC 2315, 7 and 9.1) around SpcIndirectDataContent. `None`: signed data of something else.
fn signed_data(bytes: &[u8]) -> Result<Option<Signature>, der::Error> {
    // Signers pad the value to the table's multiple of 8.
    let mut info = Der::new(bytes).expect(SEQUENCE)?.inside();
    if info.expect(OID)?.content != SIGNED_DATA {
        return Ok(None);
    }
    let mut signed = Der::only_at(info.expect(CONTEXT_0)?, SEQUENCE)?.inside();
    // version, digestAlgorithms
    signed.unsigned()?;
    signed.expect(SET)?;
    let mut content = signed.expect(SEQUENCE)?.inside();
    if content.expect(OID)?.content != INDIRECT_DATA {
        return Ok(None);
    }
    let digest = indirect_data(content.expect(CONTEXT_0)?)?;
    let mut names = Vec::new();
    if let Some(certificates) = signed.optional(CONTEXT_0)? {
        let mut certificates = certificates.inside();
        while !certificates.is_empty() && names.len() < MOST_NAMES {
            let certificate = certificates.next()?;
            let (subject, issuer) = (CertificateName(certificate.whole), IssuerName(certificate.whole));
            for name in [subject.to_string(), issuer.to_string()] {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    Ok(Some(Signature { digest, names }))
}

/// SpcIndirectDataContent: data, then DigestInfo.
fn indirect_data(outer: Tlv<'_>) -> Result<Option<Digest>, der::Error> {
    let mut content = Der::only_at(outer, SEQUENCE)?.inside();
    content.expect(SEQUENCE)?;
    let mut info = content.expect(SEQUENCE)?.inside();
    let oid = info.expect(SEQUENCE)?.inside().expect(OID)?.content;
    let digest = info.expect(OCTET_STRING)?.content;
    let alg = HASHES.iter().find(|(known, _)| *known == oid).map(|(_, alg)| *alg);
    Ok(alg.and_then(|alg| Digest::new(alg, digest)))
}
