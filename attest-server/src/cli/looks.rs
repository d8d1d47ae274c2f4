//! What bytes look like, by their first few: said beside an error where a file of one kind was given for another. It decides nothing.

use std::fmt;

use attest_core::Limits;
use attest_core::evidence::userspace_log::{Format, UserspaceLog};

/// A kind of file that evidence is taken for, or mistaken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Attest,
    DerCertificate,
    Empty,
    EventLog,
    ImaAscii,
    ImaBinary,
    Json,
    Jwt,
    PemCertificate,
    PemPrivateKey,
    PemPublicKey,
    Pem,
    Public,
    Signature,
    SshKey,
    Zeros,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attest => "a quote (TPMS_ATTEST)",
            Self::DerCertificate => "a certificate (DER)",
            Self::Empty => "nothing: the file is empty",
            Self::EventLog => "a firmware event log",
            Self::ImaAscii => "an IMA list (ASCII)",
            Self::ImaBinary => "an IMA list (binary)",
            Self::Json => "JSON",
            Self::Jwt => "a token (JWT)",
            Self::PemCertificate => "a PEM certificate",
            Self::PemPrivateKey => "a PEM private key",
            Self::PemPublicKey => "a PEM public key",
            Self::Pem => "PEM",
            Self::Public => "a TPM's public key (TPM2B_PUBLIC or TPMT_PUBLIC)",
            Self::Signature => "a TPM's signature (TPMT_SIGNATURE)",
            Self::SshKey => "a public key as OpenSSH writes it",
            Self::Zeros => "nothing: all of its bytes are zero",
        })
    }
}

/// As many zeros as an event's head has bytes are no chance.
const ZEROS: usize = 32;

/// What these bytes look like; nothing where they could be anything.
pub(super) fn like(bytes: &[u8]) -> Option<Kind> {
    if bytes.is_empty() {
        return Some(Kind::Empty);
    }
    // An event of zeros alone is well-formed: it has type 0, no digest that anything has, and no data. So is what a failed copy leaves.
    if bytes.len() >= ZEROS && bytes.iter().all(|byte| *byte == 0) {
        return Some(Kind::Zeros);
    }
    of_tpm(bytes).or_else(|| log(bytes)).or_else(|| text(bytes)).or_else(|| certificate(bytes))
}

/// Which log of user space these bytes are, if they are one at least to the end of its first record; in words.
pub(super) fn userspace_log(bytes: &[u8]) -> Option<&'static str> {
    let limits = Limits::DEFAULT;
    // What is cut, or wrong further on, is one still; a log without records could be anything.
    let is_one = match UserspaceLog::parse(bytes, &limits) {
        Ok(log) => !log.records().is_empty(),
        Err(error) => error.record > 0,
    };
    match Format::of(*bytes.first().filter(|_| is_one)?)? {
        Format::Systemd => Some("systemd's log of user space"),
        Format::CelTlv => Some("a canonical event log in TLV"),
        Format::CelJson => Some("a canonical event log in JSON"),
        Format::CelCbor => Some("a canonical event log in CBOR"),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

/// TPM_ALG_ID of a hash: SHA-1, SHA-2, SM3, SHA-3.
const fn is_hash(alg: u16) -> bool {
    matches!(alg, 0x0004 | 0x000b..=0x000d | 0x0012 | 0x0027..=0x0029)
}

fn of_tpm(bytes: &[u8]) -> Option<Kind> {
    // TPM_GENERATED_VALUE.
    if bytes.starts_with(&[0xff, b'T', b'C', b'G']) {
        return Some(Kind::Attest);
    }
    // RSA and ECC keys, by type and nameAlg; a TPM2B has its size before.
    let is_public =
        |at| matches!(u16_at(bytes, at), Some(0x0001 | 0x0023)) && u16_at(bytes, at + 2).is_some_and(is_hash);
    let is_sized = u16_at(bytes, 0).map(|size| usize::from(size) + 2) == Some(bytes.len());
    if is_public(0) || (is_sized && is_public(2)) {
        return Some(Kind::Public);
    }
    // RSASSA, RSAPSS, ECDSA, SM2 and ECSCHNORR, with the hash.
    let is_signature = matches!(u16_at(bytes, 0), Some(0x0014 | 0x0016 | 0x0018 | 0x001b | 0x001c))
        && u16_at(bytes, 2).is_some_and(is_hash);
    is_signature.then_some(Kind::Signature)
}

fn log(bytes: &[u8]) -> Option<Kind> {
    // A register, SHA-1, and the template's name behind its length.
    let name = u32_at(bytes, 24).and_then(|length| usize::try_from(length).ok());
    let name = name.and_then(|length| bytes.get(28..28_usize.checked_add(length)?));
    if name.is_some_and(|name| name.len() <= 32 && name.starts_with(b"ima")) {
        return Some(Kind::ImaBinary);
    }
    // A register, an event's type, and behind SHA-1 the length of data.
    let is_type = |code: u32| matches!(code, 0..=0x20 | 0x8000_0000..=0x8000_0fff);
    let is_within = |length: u32| usize::try_from(length).is_ok_and(|length| length <= bytes.len());
    let is_event = u32_at(bytes, 0).is_some_and(|pcr| pcr < 24)
        && u32_at(bytes, 4).is_some_and(is_type)
        && u32_at(bytes, 28).is_some_and(is_within);
    is_event.then_some(Kind::EventLog)
}

fn text(bytes: &[u8]) -> Option<Kind> {
    let start = bytes.get(..bytes.len().min(4_096))?;
    let text = match core::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() + 4 > start.len() => {
            core::str::from_utf8(start.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim_start();
    // Certificates may have words before them.
    if let Some(label) = text.split("-----BEGIN ").nth(1).and_then(|rest| rest.split("-----").next()) {
        return Some(match label {
            label if label.ends_with("CERTIFICATE") => Kind::PemCertificate,
            label if label.ends_with("PRIVATE KEY") => Kind::PemPrivateKey,
            label if label.ends_with("PUBLIC KEY") => Kind::PemPublicKey,
            _ => Kind::Pem,
        });
    }
    let mut words = text.split_whitespace();
    let (first, second, third) = (words.next()?, words.next(), words.next());
    let is_digest = |word: &str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    if first.parse::<u8>().is_ok()
        && second.is_some_and(is_digest)
        && third.is_some_and(|it| it.starts_with("ima"))
    {
        return Some(Kind::ImaAscii);
    }
    match first {
        _ if first.starts_with("ssh-") || first.starts_with("ecdsa-sha2-") || first.starts_with("sk-") => {
            Some(Kind::SshKey)
        }
        _ if first.starts_with("eyJ") && first.contains('.') => Some(Kind::Jwt),
        // A record separator stands before each record of JSON-SEQ.
        _ if first.starts_with(['{', '[', '\u{1e}']) => Some(Kind::Json),
        _ => None,
    }
}

/// A SEQUENCE in a SEQUENCE, with a version or a serial number first.
fn certificate(bytes: &[u8]) -> Option<Kind> {
    let is_sequence = |at: usize| bytes.get(at..at + 2) == Some(&[0x30, 0x82]);
    (is_sequence(0) && is_sequence(4) && matches!(bytes.get(8), Some(0xa0 | 0x02)))
        .then_some(Kind::DerCertificate)
}

#[cfg(test)]
mod tests;
