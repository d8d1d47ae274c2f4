//! The IMA list against the quoted PCRs: which part of it the quote covers, and whether it belongs to this boot.

use super::ima::{self, BootAggregate, ImaReplay, PrefixMatch, Unproven, extended_with};
use super::pcrs::{self, QuotedPcrs};
use super::quote::AuthenticQuote;
use super::story::Logs;
use crate::digest::{Digest, HashAlg};
use crate::evidence::ima_log::{Entry, IMA_PCR, ImaLog};

/// What the list says about a quoted PCR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImaOutcome {
    /// The list has no entry in this PCR.
    NotItsPcr,
    /// A prefix of it leads to the quoted value.
    Match,
    /// No prefix does.
    Mismatch {
        /// Where the whole list leads.
        replayed: Digest,
    },
}

/// How much of the list the quote covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The bank that decides.
    pub bank: HashAlg,
    /// Entries covered.
    pub entries_covered: u32,
    /// Entries after them, not judged.
    pub entries_left_over: u32,
    /// Whether the bank was extended with zero-padded SHA-1 digests, and so proves no more than SHA-1.
    pub padded: bool,
}

/// An IMA list, as far as the quote covers it.
#[derive(Debug)]
pub struct AuthenticIma<'a> {
    list: ImaLog<'a>,
    /// For each quoted bank the prefix that it covers, and where the whole list leads.
    banks: Vec<Bank>,
    decides: Option<(HashAlg, PrefixMatch)>,
    boot_aggregate: BootAggregate,
}

#[derive(Debug)]
struct Bank {
    alg: HashAlg,
    prefix: Option<PrefixMatch>,
    /// Quoted PCRs that entries are in; where no prefix matches, with the value after the whole list.
    replayed: Vec<(u8, Digest)>,
}

impl<'a> AuthenticIma<'a> {
    pub(super) fn check(list: ImaLog<'a>, pcrs: &QuotedPcrs) -> Self {
        let mut judged: Vec<Bank> =
            pcrs.banks().into_iter().map(|alg| Bank::check(&list, pcrs, alg)).collect();
        // A bank of padded SHA-1 digests proves no more than SHA-1, however long they are.
        let strength =
            |(alg, prefix): &(HashAlg, PrefixMatch)| if prefix.padded { 0 } else { alg.strength() };
        let decides = judged.iter().filter_map(|bank| Some((bank.alg, bank.prefix?))).max_by_key(strength);
        // Every bank must tell the same prefix: TPM2_PCR_Extend can reach one bank alone.
        if let Some((_, prefix)) = decides {
            for bank in &mut judged {
                bank.prefix = bank.prefix.filter(|other| other.end == prefix.end);
            }
        }
        let told = || ima::boot_aggregate(&list, |alg, pcr| pcrs.get(alg, u8::try_from(pcr).ok()?));
        let is_quoted = pcrs.iter().any(|(_, pcr, _)| u32::from(pcr) == IMA_PCR);
        let boot_aggregate =
            if is_quoted { told() } else { BootAggregate::Unproven(Unproven::ListNotQuoted) };
        Self { list, banks: judged, decides, boot_aggregate }
    }

    /// What the list says about a quoted PCR.
    #[must_use]
    pub fn outcome(&self, alg: HashAlg, pcr: u8) -> ImaOutcome {
        let bank = self.banks.iter().find(|bank| bank.alg == alg);
        let found = bank.and_then(|bank| Some((bank, bank.replayed.iter().find(|(p, _)| *p == pcr)?)));
        match found {
            None => ImaOutcome::NotItsPcr,
            Some((bank, _)) if bank.prefix.is_some() => ImaOutcome::Match,
            Some((_, (_, replayed))) => ImaOutcome::Mismatch { replayed: *replayed },
        }
    }

    /// Whether the quote proves what the list says of this PCR.
    #[must_use]
    pub fn proves(&self, pcr: u8) -> bool {
        self.decides.is_some_and(|(alg, _)| self.outcome(alg, pcr) == ImaOutcome::Match)
    }

    /// Whether an entry of the list, covered or not, is in this PCR, if it is quoted.
    #[must_use]
    pub fn is_in(&self, pcr: u8) -> bool {
        self.banks.iter().any(|bank| bank.replayed.iter().any(|(quoted, _)| *quoted == pcr))
    }

    /// How much of the list is proven; `None` if nothing is.
    #[must_use]
    pub fn coverage(&self) -> Option<Coverage> {
        let (bank, prefix) = self.decides?;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Some(Coverage {
            bank,
            entries_covered: count(prefix.entries_covered),
            entries_left_over: count(prefix.left_over),
            padded: prefix.padded,
        })
    }

    /// The entries that the quote proves, in order; none where the list does not replay.
    pub fn proven_entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let (bank, end) = self.decides.map_or((None, 0), |(alg, prefix)| (Some(alg), prefix.end));
        let proven = self.banks.iter().find(|b| Some(b.alg) == bank);
        // PCR 16 and 20–23 can be reset by the running system: an entry there is worth nothing.
        let is_quoted = move |pcr: u32| {
            !matches!(pcr, 16 | 20..)
                && proven
                    .is_some_and(|bank| bank.replayed.iter().any(|(quoted, _)| u32::from(*quoted) == pcr))
        };
        self.list.entries().take(end).filter(move |entry| is_quoted(entry.pcr))
    }

    /// The whole list; what of it is proven, [`proven_entries`](Self::proven_entries) says.
    #[must_use]
    pub const fn list(&self) -> &ImaLog<'a> {
        &self.list
    }

    /// Whether the list belongs to the boot that was quoted.
    #[must_use]
    pub const fn boot_aggregate(&self) -> BootAggregate {
        self.boot_aggregate
    }
}

impl Bank {
    fn check(list: &ImaLog<'_>, pcrs: &QuotedPcrs, alg: HashAlg) -> Self {
        let is_used = |pcr: u8| list.entries().any(|entry| entry.pcr == u32::from(pcr));
        let quoted = pcrs.iter().filter(|(bank, pcr, _)| *bank == alg && is_used(*pcr));
        let quoted: Vec<(u32, Digest)> = quoted.map(|(_, pcr, value)| (pcr.into(), value)).collect();
        let prefix = ima::prefix(list, alg, &quoted);
        // Where the whole list leads interests only when no part of it leads to the quoted values.
        let whole = prefix.is_none().then(|| ImaReplay::new(list, &[alg]));
        let replayed = quoted.iter().filter_map(|(pcr, value)| {
            let at = whole.as_ref().map_or(Some(*value), |whole| whole.value(alg, *pcr))?;
            Some((u8::try_from(*pcr).ok()?, at))
        });
        Self { alg, prefix, replayed: replayed.collect() }
    }
}

/// The values that the logs lead to, believed only if they hash to the signed pcrDigest: each PCR's story, reset values where no event is, and for PCR 10 the longest prefix of the IMA list that fits.
pub(super) fn values_from_logs(
    quote: &AuthenticQuote<'_>,
    told: Logs<'_, '_, '_>,
    ima: Option<&ImaLog<'_>>,
) -> Result<QuotedPcrs, pcrs::Error> {
    let story = |alg: HashAlg, pcr: u8| Some(told.value(alg, pcr));
    let without_ima = QuotedPcrs::from_lookup(quote, story);
    let (Err(error), Some(list)) = (&without_ima, ima) else { return without_ima };
    let banks: Vec<HashAlg> = quote.selection().banks().map(|(alg, _)| alg).collect();
    let whole = ImaReplay::new(list, &banks);
    let prefixes = Prefixes::of(list, &banks);
    for padded_from in [u8::MAX, HashAlg::Sha384.strength(), 1] {
        for step in prefixes.steps.iter().rev() {
            let value = |alg: HashAlg, pcr: u8| match u32::from(pcr) {
                IMA_PCR => prefixes.value(step, alg, alg.strength() >= padded_from),
                other => whole.value(alg, other).or_else(|| story(alg, pcr)),
            };
            if let Ok(pcrs) = QuotedPcrs::from_lookup(quote, value) {
                return Ok(pcrs);
            }
        }
    }
    Err(error.clone())
}

/// PCR 10 after every entry, in each bank: as the bank's own digests lead, and as zero-padded SHA-1 digests do.
struct Prefixes {
    banks: Vec<HashAlg>,
    steps: Vec<Vec<(Digest, Digest)>>,
}

impl Prefixes {
    fn of(list: &ImaLog<'_>, banks: &[HashAlg]) -> Self {
        let mut now: Vec<(Digest, Digest)> =
            banks.iter().map(|alg| (Digest::zero(*alg), Digest::zero(*alg))).collect();
        let mut steps = Vec::new();
        for entry in list.entries().filter(|entry| entry.pcr == IMA_PCR) {
            for ((own, padded), alg) in now.iter_mut().zip(banks) {
                let (by_own, by_padded) = extended_with(&entry, *alg);
                *own = own.extended(by_own.as_bytes());
                *padded = padded.extended(by_padded.as_bytes());
            }
            steps.push(now.clone());
        }
        Self { banks: banks.to_vec(), steps }
    }

    fn value(&self, step: &[(Digest, Digest)], alg: HashAlg, padded: bool) -> Option<Digest> {
        let at = self.banks.iter().position(|bank| *bank == alg)?;
        step.get(at).map(|(own, with_padding)| if padded { *with_padding } else { *own })
    }
}
