//! One record: a register, the digests it was extended with, and what they are of.

use core::fmt;

use super::content::{Content, Management};
use super::error::ErrorKind;
use crate::Limits;
use crate::digest::{Digest, HashAlg};
use crate::evidence::tcg_log::{EventType, PCRS};

/// A record of a canonical event log (section 4.2, TPMS_CEL_EVENT), or of systemd's.
///
/// Only the digests are proven by a quote; see [`Record::is_authenticated`] for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log, from 0.
    pub index: u32,
    /// Where it begins, in bytes from the start of the input.
    pub offset: usize,
    /// The writer's own number for it; systemd writes none.
    pub recnum: Option<u64>,
    /// What was extended.
    pub register: Register,
    /// What was measured, as the writer tells it.
    pub content: Content,
    pub(in crate::evidence) digests: Vec<Digest>,
    /// In TLV the content's type: some writers hash type, length and value together.
    pub(in crate::evidence) tlv_type: Option<u8>,
}

/// What a record says was extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register {
    /// A PCR of a TPM, 0–23.
    Pcr(u8),
    /// An NV index of type extend, by its handle; systemd calls it an NvPCR.
    NvIndex(u32),
    /// A measurement register of a confidential virtual machine.
    MeasurementRegister(u8),
}

impl Register {
    pub(in crate::evidence) fn pcr(index: u64) -> Result<Self, ErrorKind> {
        let known = u8::try_from(index).ok().filter(|pcr| u32::from(*pcr) < PCRS);
        known.map(Self::Pcr).ok_or(ErrorKind::PcrOutOfRange { pcr: index })
    }

    pub(in crate::evidence) fn nv_index(handle: u64) -> Result<Self, ErrorKind> {
        let handle = u32::try_from(handle).map_err(|_| ErrorKind::value("nv_index", "a 32-bit handle"))?;
        Ok(Self::NvIndex(handle))
    }
}

impl Record {
    /// Its digests of known algorithms, in the order of the log.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Its digest in this bank, if it has one.
    #[must_use]
    pub fn digest(&self, alg: HashAlg) -> Option<&Digest> {
        self.digests.iter().find(|digest| digest.alg() == alg)
    }

    /// The PCR it is about; `None` for an NV index or another kind of register.
    #[must_use]
    pub const fn pcr(&self) -> Option<u8> {
        match self.register {
            Register::Pcr(pcr) => Some(pcr),
            Register::NvIndex(_) | Register::MeasurementRegister(_) => None,
        }
    }

    /// Whether its register was extended with it: not with EV_NO_ACTION, nor with the log's own version and end of firmware.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        match &self.content {
            Content::PcClient { event_type, .. } => *event_type != Some(EventType::NO_ACTION),
            Content::Management(all) => all.iter().any(Management::is_measured),
            _ => true,
        }
    }

    /// Whether this bank's digest covers the content, found by computing it again. Never for a record that was not extended.
    ///
    /// systemd measures its string, but for a volume's key and a credential, of which only an HMAC is measured: their text is a hint.
    #[must_use]
    pub fn is_authenticated(&self, alg: HashAlg) -> bool {
        let Some(digest) = self.digest(alg).filter(|_| self.is_extended()) else { return false };
        self.content.is_of(digest, self.tlv_type)
    }

    /// Whether every digest that may judge covers the content; SHA-1 speaks only where it is alone.
    #[must_use]
    pub fn is_authenticated_everywhere(&self) -> bool {
        let is_strong = |digest: &&Digest| digest.alg().strength() > 0;
        let judges = |digest: &&Digest| is_strong(digest) || !self.digests.iter().any(|d| is_strong(&d));
        let mut judging = self.digests.iter().filter(judges).peekable();
        judging.peek().is_some() && judging.all(|digest| self.is_authenticated(digest.alg()))
    }
}

/// The algorithm that a record names for a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alg {
    Known(HashAlg),
    /// A number that no algorithm known here has.
    Numbered(u64),
    /// A name that none has, cut.
    Named(String),
}

impl Alg {
    /// By its TPM_ALG_ID.
    pub(super) fn of_tpm(id: u64) -> Self {
        let known = u16::try_from(id).ok().and_then(HashAlg::from_tpm);
        known.map_or(Self::Numbered(id), Self::Known)
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(alg) => alg.fmt(f),
            Self::Numbered(id) => write!(f, "{id:#06x}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// Digests on their way into a record: each algorithm once, each of its own length.
#[derive(Debug, Default)]
pub(super) struct Digests {
    known: Vec<Digest>,
    others: Vec<Alg>,
}

/// The longest digest of any hash (SHA-512, SHA3-512).
const LONGEST: usize = 64;

impl Digests {
    /// Takes a digest of a known algorithm; one of another is only counted.
    pub(super) fn push(&mut self, alg: Alg, bytes: &[u8], limits: &Limits) -> Result<(), ErrorKind> {
        let limit = limits.event_log_algorithms;
        if self.known.len().saturating_add(self.others.len()) >= limit {
            return Err(ErrorKind::TooManyDigests { limit });
        }
        let is_repeated = match &alg {
            Alg::Known(alg) => self.known.iter().any(|digest| digest.alg() == *alg),
            other => self.others.contains(other),
        };
        if is_repeated {
            return Err(ErrorKind::DigestRepeated { alg: alg.to_string() });
        }
        let size = |alg: &Alg| ErrorKind::DigestSize { alg: alg.to_string(), len: bytes.len() };
        if let Alg::Known(known) = alg {
            // Logs are long, most records have one digest, and a list that grows by itself takes room for four.
            self.known.reserve_exact(1);
            self.known.push(Digest::new(known, bytes).ok_or_else(|| size(&alg))?);
        } else if (1..=LONGEST).contains(&bytes.len()) {
            self.others.push(alg);
        } else {
            return Err(size(&alg));
        }
        Ok(())
    }

    /// The digests of a record with this content: none at all only where nothing was measured.
    pub(super) fn of(self, record: Record) -> Result<Record, ErrorKind> {
        let is_empty = self.known.is_empty() && self.others.is_empty();
        let record = Record { digests: self.known, ..record };
        if is_empty && record.is_extended() { Err(ErrorKind::DigestsMissing) } else { Ok(record) }
    }
}
