//! What webpki does not say about a certificate: what else it may be, whether its encoding is DER, and its own purposes.

use crate::der::{self, Der, Tlv};

/// Nesting of values in a certificate; names in extensions, the deepest, reach 10.
const DEPTH: usize = 16;
const OID_SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const OID_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

/// What bytes offered as a certificate are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An attribute certificate (RFC 5755), such as the TCG's platform certificate: it has no public key.
    Attribute,
    /// A public-key certificate, or something that is neither.
    Other,
}

/// Tells an AttributeCertificateInfo (version, then a Holder of tagged fields) from a TBSCertificate.
pub(super) fn kind(certificate: &[u8]) -> Kind {
    let is_attribute = || -> Result<bool, der::Error> {
        let mut outer = Der::new(certificate).expect(der::SEQUENCE)?.inside();
        let mut info = outer.expect(der::SEQUENCE)?.inside();
        info.expect(der::INTEGER)?;
        let holder = info.expect(der::SEQUENCE)?.inside().next()?;
        Ok(holder.tag & 0xc0 == 0x80)
    };
    if is_attribute() == Ok(true) { Kind::Attribute } else { Kind::Other }
}

/// How many bytes follow the first value, if some do.
pub(super) fn behind(certificate: &[u8]) -> Option<usize> {
    let first = Der::new(certificate).next().ok()?;
    certificate.len().checked_sub(first.whole.len()).filter(|count| *count > 0)
}

/// The certificate in a file that an editor or a mail program has ended as a line. Its own last byte may be a line feed, too.
pub(super) fn without_line_end(file: &[u8]) -> &[u8] {
    let alone = match behind(file) {
        Some(1) => file.strip_suffix(b"\n"),
        Some(2) => file.strip_suffix(b"\r\n"),
        _ => None,
    };
    alone.unwrap_or(file)
}

/// Where the encoding of a whole value stops being DER, in bytes from its start; `None` if it is DER throughout.
///
/// Found are lengths, the order in sets, booleans and integers, not defaults that should have been left out.
pub(super) fn departure_from_der(certificate: &[u8]) -> Option<usize> {
    departure(certificate, true)
}

/// The same for lengths alone: what keeps anyone from reading the value at all.
pub(super) fn departure_in_structure(certificate: &[u8]) -> Option<usize> {
    departure(certificate, false)
}

fn departure(certificate: &[u8], values: bool) -> Option<usize> {
    let mut der = Der::new(certificate);
    let checked = der.next().and_then(|value| check(value, values, DEPTH)).and_then(|()| der.finished());
    checked.err().map(der::Error::offset)
}

fn check(value: Tlv<'_>, values: bool, depth: usize) -> Result<(), der::Error> {
    let bad = der::Error::Value { offset: value.offset };
    match (value.tag, value.content) {
        (der::BOOLEAN, [0 | 0xff]) => Ok(()),
        (der::BOOLEAN, _) | (der::INTEGER, [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..]) if values => {
            Err(bad)
        }
        (tag, _) if tag & 0x20 != 0 => {
            let depth = depth.checked_sub(1).ok_or(bad)?;
            let mut inside = value.inside();
            let mut last: &[u8] = &[];
            while !inside.is_empty() {
                let next = inside.next()?;
                if values && tag == der::SET && next.whole < last {
                    return Err(der::Error::Value { offset: next.offset });
                }
                check(next, values, depth)?;
                last = next.whole;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The certificate's SubjectPublicKeyInfo (RFC 5280, section 4.1), whole.
pub(super) fn subject_public_key_info(certificate: &[u8]) -> Result<&[u8], der::Error> {
    let mut certificate = Der::only(certificate, der::SEQUENCE)?.inside();
    let mut tbs = certificate.expect(der::SEQUENCE)?.inside();
    // [0] version, which version 1 lacks.
    tbs.optional(0xa0)?;
    tbs.expect(der::INTEGER)?;
    // signature, issuer, validity, subject.
    for _ in 0..4 {
        tbs.expect(der::SEQUENCE)?;
    }
    Ok(tbs.expect(der::SEQUENCE)?.whole)
}

/// The certificate's subjectKeyIdentifier (RFC 5280, section 4.2.1.2), if it has one.
pub(super) fn subject_key_identifier(certificate: &[u8]) -> Result<Option<&[u8]>, der::Error> {
    let value = extension(certificate, OID_SUBJECT_KEY_IDENTIFIER)?;
    value.map(|value| Ok(Der::only_at(value, der::OCTET_STRING)?.content)).transpose()
}

/// The purposes that the certificate's extendedKeyUsage names (RFC 5280, section 4.2.1.12); none without the extension.
pub(super) fn extended_key_usages(certificate: &[u8]) -> Result<Vec<&[u8]>, der::Error> {
    let Some(value) = extension(certificate, OID_EXTENDED_KEY_USAGE)? else { return Ok(Vec::new()) };
    let mut purposes = Der::only_at(value, der::SEQUENCE)?.inside();
    let mut oids = Vec::new();
    while !purposes.is_empty() {
        oids.push(purposes.expect(der::OID)?.content);
    }
    Ok(oids)
}

/// The value of an extension of the certificate.
pub(crate) fn extension<'a>(certificate: &'a [u8], oid: &[u8]) -> Result<Option<Tlv<'a>>, der::Error> {
    let mut certificate = Der::only(certificate, der::SEQUENCE)?.inside();
    let mut tbs = certificate.expect(der::SEQUENCE)?.inside();
    while !tbs.is_empty() {
        let field = tbs.next()?;
        // [3] extensions.
        if field.tag == 0xa3 {
            return extension_in(field, oid);
        }
    }
    Ok(None)
}

fn extension_in<'a>(extensions: Tlv<'a>, oid: &[u8]) -> Result<Option<Tlv<'a>>, der::Error> {
    let mut extensions = Der::only_at(extensions, der::SEQUENCE)?.inside();
    while !extensions.is_empty() {
        let mut extension = extensions.expect(der::SEQUENCE)?.inside();
        if extension.expect(der::OID)?.content != oid {
            continue;
        }
        extension.optional(der::BOOLEAN)?;
        return extension.expect(der::OCTET_STRING).map(Some);
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
