//! How far a list was proven and judged, so that the same boot's next quote costs what was measured since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ima::{Registers, ToldAggregate};
use super::quote::AuthenticQuote;
use crate::digest::{Digest, HashAlg};
use crate::evidence::ima_log::Position;
use crate::evidence::tpm::PcrSelection;

/// A proven and judged beginning of one boot's list. Made by the appraisal alone, and kept by whoever judges: a device that could choose
/// one would choose its own past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImaCheckpoint {
    pub(super) ak_name: Vec<u8>,
    pub(super) reset_count: u32,
    pub(super) restart_count: u32,
    pub(super) selection: Vec<(HashAlg, u32)>,
    pub(super) position: Position,
    pub(super) covered: u32,
    pub(super) banks: Vec<BankAt>,
    pub(super) boot_aggregate: ToldAggregate,
    /// How many entries so far are in each PCR that no quote proves: [`AuthenticIma::outside`](super::AuthenticIma::outside).
    pub(super) outside: BTreeMap<u8, u32>,
    pub(crate) judged: Judged,
}

/// One bank after the entries that were covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BankAt {
    pub(super) alg: HashAlg,
    pub(super) padded: bool,
    pub(super) pcrs: Vec<(u8, Digest)>,
}

/// What was found in the entries so far, and by which rules. The appraisal's own; nothing here reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judged {
    /// SHA-256 of the golden document, lower-case hexadecimal.
    pub(crate) document_sha256: String,
    /// Required files that were measured, as places among the document's.
    pub(crate) required_found: Vec<u32>,
    /// How many entries passed by each of the document's paths alone.
    pub(crate) by_path: Vec<u32>,
    /// Keys that the document knows by their digest and the list has measured: SubjectPublicKeyInfo, lower-case hexadecimal.
    pub(crate) measured_keys: Vec<String>,
    /// Findings about entries, none of which refuses.
    pub(crate) reasons: Vec<serde_json::Value>,
}

/// Why a list does not go on from a checkpoint. None of it is a sign of tampering: the whole list answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The device has sent the later part of a list, and nobody knows the first.
    #[error("the list begins after {entries} entries, of which nothing is known")]
    CheckpointMissing {
        /// How many.
        entries: u32,
    },
    /// The TPM was reset or restarted since.
    #[error("the device was restarted since the checkpoint")]
    OtherBoot,
    /// Another attestation key, whose counters are not comparable, or none that is known to live in a TPM.
    #[error("the checkpoint is another key's")]
    OtherKey,
    /// The part begins elsewhere.
    #[error("the part begins after {got} bytes of the list, the checkpoint is at {expected}")]
    OtherPosition {
        /// Bytes before the checkpoint.
        expected: u64,
        /// Bytes before the part.
        got: u64,
    },
    /// Other PCRs are quoted than at the checkpoint.
    #[error("other PCRs are quoted than at the checkpoint")]
    OtherSelection,
}

impl ResumeError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CheckpointMissing { .. } => "ima_checkpoint_missing",
            Self::OtherBoot => "ima_other_boot",
            Self::OtherKey => "ima_other_key",
            Self::OtherPosition { .. } => "ima_other_position",
            Self::OtherSelection => "ima_other_selection",
        }
    }
}

/// What was stored is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored bytes are no checkpoint of a list")]
pub struct StoredError;

pub(super) fn selected(selection: &PcrSelection) -> Vec<(HashAlg, u32)> {
    let mut banks: Vec<_> = selection.banks().map(|(alg, mask)| (alg, mask.bits())).collect();
    banks.sort_unstable();
    banks
}

impl ImaCheckpoint {
    /// Where the next part of the list begins.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// SHA-256 of the golden document it was judged by, lower-case hexadecimal.
    #[must_use]
    pub fn document_sha256(&self) -> &str {
        &self.judged.document_sha256
    }

    /// Whether a quote is one of the same boot, by the same key, over the same PCRs.
    pub(super) fn check(&self, quote: &AuthenticQuote<'_>, before: Position) -> Result<(), ResumeError> {
        let clock = quote.clock_info();
        if quote.key_name() != Some(&self.ak_name) {
            return Err(ResumeError::OtherKey);
        }
        if (clock.reset_count, clock.restart_count) != (self.reset_count, self.restart_count) {
            return Err(ResumeError::OtherBoot);
        }
        if selected(quote.selection()) != self.selection {
            return Err(ResumeError::OtherSelection);
        }
        if before != self.position {
            return Err(ResumeError::OtherPosition { expected: self.position.bytes, got: before.bytes });
        }
        Ok(())
    }

    pub(super) fn registers(&self, alg: HashAlg) -> Option<Registers> {
        let bank = self.banks.iter().find(|bank| bank.alg == alg)?;
        Some(Registers::new(alg, bank.padded).with(&bank.pcrs))
    }

    pub(super) fn is_in(&self, alg: HashAlg, pcr: u8) -> bool {
        let bank = self.banks.iter().find(|bank| bank.alg == alg);
        bank.is_some_and(|bank| bank.pcrs.iter().any(|(known, _)| *known == pcr))
    }

    /// As bytes for a store that only the verifier writes to.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let digest = |digest: &Digest| format!("{digest:?}");
        let stored = Stored {
            ak_name: hex::encode(&self.ak_name),
            reset_count: self.reset_count,
            restart_count: self.restart_count,
            selection: self.selection.iter().map(|(alg, mask)| (alg.name().to_owned(), *mask)).collect(),
            entries: self.position.entries,
            bytes: self.position.bytes,
            hash_size: self.position.hash_size,
            covered: self.covered,
            banks: self
                .banks
                .iter()
                .map(|bank| StoredBank {
                    alg: bank.alg.name().to_owned(),
                    padded: bank.padded,
                    pcrs: bank.pcrs.iter().map(|(pcr, value)| (*pcr, digest(value))).collect(),
                })
                .collect(),
            boot_aggregate: match &self.boot_aggregate {
                ToldAggregate::Missing => "missing".into(),
                ToldAggregate::AllZero => "all_zero".into(),
                ToldAggregate::AlgorithmUnknown => "algorithm_unknown".into(),
                ToldAggregate::Digest(told) => digest(told),
            },
            outside: self.outside.iter().map(|(pcr, count)| (*pcr, *count)).collect(),
            judged: self.judged.clone(),
        };
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// What [`to_bytes`](Self::to_bytes) gave. The store vouches for it: nothing in the bytes proves who wrote them.
    ///
    /// # Errors
    /// [`StoredError`].
    pub fn from_store(bytes: &[u8]) -> Result<Self, StoredError> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|_| StoredError)?;
        stored.read().ok_or(StoredError)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    ak_name: String,
    reset_count: u32,
    restart_count: u32,
    selection: Vec<(String, u32)>,
    entries: u32,
    bytes: u64,
    hash_size: u8,
    covered: u32,
    banks: Vec<StoredBank>,
    boot_aggregate: String,
    outside: Vec<(u8, u32)>,
    judged: Judged,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredBank {
    alg: String,
    padded: bool,
    pcrs: Vec<(u8, String)>,
}

impl Stored {
    fn read(self) -> Option<ImaCheckpoint> {
        let bank = |stored: StoredBank| {
            let alg = HashAlg::from_name(&stored.alg)?;
            let value = |(pcr, text): (u8, String)| Some((pcr, digest(&text).filter(|d| d.alg() == alg)?));
            let pcrs = stored.pcrs.into_iter().map(value).collect::<Option<Vec<_>>>()?;
            Some(BankAt { alg, padded: stored.padded, pcrs })
        };
        let selected = |(name, mask): (String, u32)| Some((HashAlg::from_name(&name)?, mask));
        Some(ImaCheckpoint {
            ak_name: hex::decode(self.ak_name).ok()?,
            reset_count: self.reset_count,
            restart_count: self.restart_count,
            selection: self.selection.into_iter().map(selected).collect::<Option<_>>()?,
            position: Position { entries: self.entries, bytes: self.bytes, hash_size: self.hash_size },
            covered: self.covered,
            banks: self.banks.into_iter().map(bank).collect::<Option<_>>()?,
            boot_aggregate: match self.boot_aggregate.as_str() {
                "missing" => ToldAggregate::Missing,
                "all_zero" => ToldAggregate::AllZero,
                "algorithm_unknown" => ToldAggregate::AlgorithmUnknown,
                text => ToldAggregate::Digest(digest(text)?),
            },
            outside: self.outside.into_iter().collect(),
            judged: self.judged,
        })
    }
}

fn digest(text: &str) -> Option<Digest> {
    let (alg, hex) = text.split_once(':')?;
    Digest::from_hex(HashAlg::from_name(alg)?, hex)
}
