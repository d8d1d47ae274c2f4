//! PE Authenticode, as UEFI firmware and shim check it: PKCS #7 SignedData (RFC 2315) over the image's hash, in its certificate table
//! (Windows Authenticode Portable Executable Signature Format).
//!
//! Signed are the attributes: the content's type and its SHA-256, and no time. All of it follows from the image alone.

#[cfg(test)]
mod tests;

use super::{Error, ReleaseKey, Scheme, Subject, artifact, raw, sha256};
use crate::der::{self, Der, OCTET_STRING, OID, SEQUENCE, SET, tlv};
use crate::reference::predict::pe::Image;
use crate::{HashAlg, Limits};

/// id-signedData.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// SPC_INDIRECT_DATA_OBJID.
const INDIRECT_DATA: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04];
/// contentType and messageDigest (RFC 2985, 5.3.1 and 5.3.2).
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// AlgorithmIdentifiers: id-sha256 and rsaEncryption with NULL, ecdsa-with-SHA256.
const SHA256: &[u8] = b"\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00";
const RSA_ENCRYPTION: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const ECDSA_WITH_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// SPC_PE_IMAGE_DATAOBJ.
const PE_IMAGE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f];
/// `[0]`, constructed.
const CONTEXT_0: u8 = 0xa0;
const VERSION_1: &[u8] = &[0x02, 0x01, 0x01];

/// The bytes to be signed of an image: the attributes as a SET OF in DER (RFC 2315, 9.3).
///
/// # Errors
/// [`Error::Image`], [`Error::ImageUnsuitable`].
pub fn to_be_signed(image: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
    Ok(attributes(&content(&read(image, limits)?)))
}

/// The signed image: the signatures that it has, and behind them this one with the certificate of its key and those between it and the one
/// that devices know.
///
/// # Errors
/// [`Error`]: the image, the signature or the first certificate is not what this key's signature needs.
pub fn finish(
    key: &ReleaseKey,
    image: &[u8],
    signature: &[u8],
    certificates: &[Vec<u8>],
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    let parsed = read(image, limits)?;
    let content = content(&parsed);
    raw::verify(key, &attributes(&content), signature)?;
    let unexpected = |because| Error::CertificateUnexpected { because };
    let too_long = certificates.iter().any(|certificate| certificate.len() > limits.certificate_bytes);
    if too_long || certificates.len() > limits.intermediates.saturating_add(1) {
        return Err(unexpected("certificates too many or too long"));
    }
    let leaf = certificates.first().ok_or(unexpected("there is none"))?;
    let Leaf { issuer, serial, spki } =
        Leaf::read(leaf).map_err(|_| unexpected("not an X.509 certificate in DER"))?;
    if spki != key.spki_der() {
        return Err(unexpected("the first one is of another key"));
    }
    let certificates = certificates.concat();
    let pkcs7 = signed_data(key.scheme(), &content, &[issuer, serial].concat(), &certificates, signature)?;
    parsed
        .with_signature(&pkcs7)
        .ok_or(Error::ImageUnsuitable { because: "there is no room for one more signature" })
}

/// Verifies that one of the image's signatures is of this form, over this image, and by this key. Which certificates it carries, and
/// whether a device knows one of them, is the device's matter.
///
/// # Errors
/// [`Error`].
pub fn verify(key: &ReleaseKey, image: &[u8], limits: &Limits) -> Result<(), Error> {
    let image = read(image, limits)?;
    let content = content(&image);
    let attributes = attributes(&content);
    let is_ours = |data: &[u8]| {
        let found = signature_in(data, &content, &attributes).ok().flatten();
        found
            .and_then(|signature| plain(key.scheme(), signature))
            .is_some_and(|signature| key.verifies(&attributes, &signature))
    };
    let found = image.signed_data()?.into_iter().flatten().any(is_ours);
    if found { Ok(()) } else { Err(Error::SignatureInvalid) }
}

/// What these bytes are about: the image that is at hand, if they are its.
pub(super) fn subject(to_be_signed: &[u8], image: Option<&[u8]>, limits: &Limits) -> Result<Subject, Error> {
    let image = image.ok_or(Error::ImageMissing)?;
    if self::to_be_signed(image, limits)? != to_be_signed {
        return Err(Error::FileUnexpected);
    }
    Ok(artifact(image))
}

/// The image, if all who hash it find the same.
fn read<'a>(image: &'a [u8], limits: &Limits) -> Result<Image<'a>, Error> {
    let image = Image::parse(image, limits)?;
    if image.has_gaps() {
        return Err(Error::ImageUnsuitable {
            because: "bytes between its sections belong to none: readers hash them differently",
        });
    }
    Ok(image)
}

/// SpcIndirectDataContent, without its own tag and length: SpcPeImageData with no flags and the link `<<<Obsolete>>>`, as the format
/// prescribes, and the image's hash.
fn content(image: &Image<'_>) -> Vec<u8> {
    let obsolete: Vec<u8> = "<<<Obsolete>>>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let link = tlv(CONTEXT_0, &tlv(0xa2, &tlv(0x80, &obsolete)));
    let data = tlv(SEQUENCE, &[&[0x03, 0x01, 0x00], &link[..]].concat());
    let kind = tlv(OID, PE_IMAGE);
    let hash = image.authenticode_to_be_signed(HashAlg::Sha256);
    let digest_info = tlv(SEQUENCE, &[SHA256, &tlv(OCTET_STRING, hash.as_bytes())].concat());
    [tlv(SEQUENCE, &[kind, data].concat()), digest_info].concat()
}

/// The attributes, in the order of their encodings.
fn attributes(content: &[u8]) -> Vec<u8> {
    let attribute = |kind: &[u8], value: &[u8]| tlv(SEQUENCE, &[tlv(OID, kind), tlv(SET, value)].concat());
    let content_type = attribute(CONTENT_TYPE, &tlv(OID, INDIRECT_DATA));
    let digest = attribute(MESSAGE_DIGEST, &tlv(OCTET_STRING, &sha256(content)));
    tlv(SET, &[content_type, digest].concat())
}

/// ContentInfo with SignedData (RFC 2315, 7 and 9.1) of one signer.
fn signed_data(
    scheme: Scheme,
    content: &[u8],
    issuer_and_serial: &[u8],
    certificates: &[u8],
    signature: &[u8],
) -> Result<Vec<u8>, Error> {
    let algorithm = if scheme == Scheme::EcdsaP256 { ECDSA_WITH_SHA256 } else { RSA_ENCRYPTION };
    // [0] IMPLICIT SET OF.
    let mut attributes = attributes(content);
    if let Some(tag) = attributes.first_mut() {
        *tag = CONTEXT_0;
    }
    let signer = [
        VERSION_1,
        &tlv(SEQUENCE, issuer_and_serial),
        SHA256,
        &attributes,
        algorithm,
        &tlv(OCTET_STRING, &raw::der(scheme, signature)?),
    ];
    let content = [tlv(OID, INDIRECT_DATA), tlv(CONTEXT_0, &tlv(SEQUENCE, content))].concat();
    let signed = [
        VERSION_1,
        &tlv(SET, SHA256),
        &tlv(SEQUENCE, &content),
        &tlv(CONTEXT_0, certificates),
        &tlv(SET, &tlv(SEQUENCE, &signer.concat())),
    ];
    let signed = tlv(CONTEXT_0, &tlv(SEQUENCE, &signed.concat()));
    Ok(tlv(SEQUENCE, &[tlv(OID, SIGNED_DATA), signed].concat()))
}

/// The signature in a value of this form, if content and attributes are these; signers pad the value.
fn signature_in<'a>(
    data: &'a [u8],
    content: &[u8],
    attributes: &[u8],
) -> Result<Option<&'a [u8]>, der::Error> {
    let mut info = Der::new(data).expect(SEQUENCE)?.inside();
    let kind = info.expect(OID)?.content;
    let mut signed = Der::only_at(info.expect(CONTEXT_0)?, SEQUENCE)?.inside();
    // version, digestAlgorithms
    signed.unsigned()?;
    signed.expect(SET)?;
    let mut inner = signed.expect(SEQUENCE)?.inside();
    let inner_kind = inner.expect(OID)?.content;
    let got = Der::only_at(inner.expect(CONTEXT_0)?, SEQUENCE)?.content;
    signed.optional(CONTEXT_0)?;
    let mut signer = Der::only_at(signed.expect(SET)?, SEQUENCE)?.inside();
    // version, issuerAndSerialNumber, digestAlgorithm
    signer.unsigned()?;
    signer.expect(SEQUENCE)?;
    signer.expect(SEQUENCE)?;
    let signed_attributes = signer.expect(CONTEXT_0)?.whole;
    signer.expect(SEQUENCE)?;
    let signature = signer.expect(OCTET_STRING)?.content;
    let is_this = kind == SIGNED_DATA
        && inner_kind == INDIRECT_DATA
        && got == content
        && signed_attributes.get(1..) == attributes.get(1..);
    Ok(is_this.then_some(signature))
}

/// The signature as [`Scheme`] says it, from what PKCS #7 carries.
fn plain(scheme: Scheme, signature: &[u8]) -> Option<Vec<u8>> {
    if scheme != Scheme::EcdsaP256 {
        return Some(signature.to_vec());
    }
    let mut numbers = Der::only(signature, SEQUENCE).ok()?.inside();
    let mut plain = Vec::new();
    for number in [numbers.unsigned().ok()?, numbers.unsigned().ok()?] {
        plain.extend(core::iter::repeat_n(0, 32_usize.checked_sub(number.len())?));
        plain.extend_from_slice(number);
    }
    numbers.finished().ok()?;
    Some(plain)
}

/// What a signer is named by: fields of its certificate (RFC 5280, 4.1), as they stand there.
struct Leaf<'a> {
    issuer: &'a [u8],
    serial: &'a [u8],
    spki: &'a [u8],
}

impl<'a> Leaf<'a> {
    fn read(certificate: &'a [u8]) -> Result<Self, der::Error> {
        let mut outer = Der::only(certificate, SEQUENCE)?.inside();
        let mut fields = outer.expect(SEQUENCE)?.inside();
        // version
        fields.optional(CONTEXT_0)?;
        let serial = fields.expect(der::INTEGER)?.whole;
        // signature
        fields.expect(SEQUENCE)?;
        let issuer = fields.expect(SEQUENCE)?.whole;
        // validity, subject
        fields.expect(SEQUENCE)?;
        fields.expect(SEQUENCE)?;
        let spki = fields.expect(SEQUENCE)?.whole;
        Ok(Self { issuer, serial, spki })
    }
}
