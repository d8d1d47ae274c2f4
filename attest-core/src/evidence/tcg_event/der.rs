//! As much DER as naming a certificate takes. Nothing is decided by it.

/// Whether the bytes begin with a SEQUENCE that fills them.
pub(super) fn is_sequence(bytes: &[u8]) -> bool {
    element(bytes).is_some_and(|(tag, _, rest)| tag == SEQUENCE && rest.is_empty())
}

/// What of a certificate names it (RFC 5280, 4.1).
pub(super) struct Certificate<'a> {
    /// The contents of the issuer's name.
    pub(super) issuer: &'a [u8],
    /// The contents of the subject's name.
    pub(super) subject: &'a [u8],
    /// The whole SubjectPublicKeyInfo.
    pub(super) public_key_info: &'a [u8],
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(certificate: &'a [u8]) -> Option<Self> {
        let (_, certificate, _) = expect(certificate, SEQUENCE)?;
        let (_, mut tbs, _) = expect(certificate, SEQUENCE)?;
        if let Some((_, _, rest)) = expect(tbs, VERSION) {
            tbs = rest;
        }
        let (_, _serial_number, rest) = element(tbs)?;
        let (_, _signature, rest) = element(rest)?;
        let (_, issuer, rest) = expect(rest, SEQUENCE)?;
        let (_, _validity, rest) = element(rest)?;
        let (_, subject, rest) = expect(rest, SEQUENCE)?;
        let (_, _, after) = expect(rest, SEQUENCE)?;
        let public_key_info = rest.get(..rest.len().checked_sub(after.len())?)?;
        Some(Self { issuer, subject, public_key_info })
    }
}

/// The last common name in a certificate's subject, or else its last organisation (RFC 5280, 4.1.2.6).
pub(super) fn subject_name(certificate: &[u8]) -> Option<&[u8]> {
    common_name(Certificate::parse(certificate)?.subject)
}

/// The same of its issuer (RFC 5280, 4.1.2.4).
pub(super) fn issuer_name(certificate: &[u8]) -> Option<&[u8]> {
    common_name(Certificate::parse(certificate)?.issuer)
}

fn common_name(name: &[u8]) -> Option<&[u8]> {
    attribute(name, COMMON_NAME).or_else(|| attribute(name, ORGANIZATION))
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;
/// id-at-commonName 2.5.4.3, id-at-organizationName 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

fn attribute<'a>(mut name: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut found = None;
    while !name.is_empty() {
        let (_, set, rest) = expect(name, SET)?;
        let (_, pair, _) = expect(set, SEQUENCE)?;
        let (_, kind, value) = expect(pair, OBJECT_IDENTIFIER)?;
        let (_, value, _) = element(value)?;
        if kind == wanted {
            found = Some(value);
        }
        name = rest;
    }
    found
}

fn expect(bytes: &[u8], wanted: u8) -> Option<(u8, &[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted)
}

/// Tag, contents and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (len, rest) = match *first {
        len @ 0..=0x7f => (usize::from(len), rest),
        0x81 => {
            let ([len], rest) = rest.split_first_chunk()?;
            (usize::from(*len), rest)
        }
        0x82 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(len)?;
    Some((*tag, contents, rest))
}
