//! The IMA list against the quoted PCRs: which part of it the quote covers, and whether it belongs to this boot.

use std::collections::BTreeMap;

use super::ima::{self, BootAggregate, PrefixMatch, Registers, TemplateDigests, ToldAggregate, Unproven};
use super::ima_checkpoint::{BankAt, ImaCheckpoint, Judged, selected};
use super::pcrs::{self, QuotedPcrs};
use super::quote::AuthenticQuote;
use super::story::Logs;
use crate::digest::{Digest, HashAlg};
use crate::evidence::ima_log::{Entry, IMA_PCR, ImaLog, Plain};
use crate::evidence::tcg_log::PCRS;

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
    told_aggregate: ToldAggregate,
    boot_aggregate: BootAggregate,
    /// The beginning of the list, if only its later part was sent.
    before: Option<ImaCheckpoint>,
}

#[derive(Debug)]
struct Bank {
    alg: HashAlg,
    prefix: Option<PrefixMatch>,
    /// Quoted PCRs that entries are in; where no prefix matches, with the value after the whole list.
    replayed: Vec<(u8, Digest)>,
    noted: TemplateDigests,
}

/// The digest of an entry's data, which the quote proves, and the template by which the list tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataDigest<'e> {
    pub(crate) template: Plain,
    pub(crate) sha256: &'e [u8; 32],
}

/// PCRs, a bit each.
#[derive(Clone, Copy, Debug)]
struct Pcrs(u32);

impl Pcrs {
    fn has(self, pcr: u32) -> bool {
        1_u32.checked_shl(pcr).is_some_and(|bit| self.0 & bit != 0)
    }
}

impl<'a> AuthenticIma<'a> {
    /// `at_handover` gives the value of a quoted PCR when the kernel took `boot_aggregate`: before user space went on with it.
    pub(super) fn check(
        list: ImaLog<'a>,
        pcrs: &QuotedPcrs,
        before: Option<ImaCheckpoint>,
        at_handover: impl Fn(HashAlg, u8) -> Option<Digest>,
    ) -> Self {
        let mut judged: Vec<Bank> =
            pcrs.banks().into_iter().map(|alg| Bank::check(&list, pcrs, alg, before.as_ref())).collect();
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
        let told_aggregate =
            before.as_ref().map_or_else(|| ToldAggregate::of_list(&list), |before| before.boot_aggregate);
        let is_quoted = pcrs.iter().any(|(_, pcr, _)| u32::from(pcr) == IMA_PCR);
        let boot_aggregate = if is_quoted {
            told_aggregate.check(|alg, pcr| at_handover(alg, u8::try_from(pcr).ok()?))
        } else {
            BootAggregate::Unproven(Unproven::ListNotQuoted)
        };
        Self { list, banks: judged, decides, told_aggregate, boot_aggregate, before }
    }

    /// The beginning of the list, proven and judged before, if only what follows was sent.
    pub(crate) const fn before(&self) -> Option<&ImaCheckpoint> {
        self.before.as_ref()
    }

    /// What a later quote of the same boot may go on from; `None` where not everything that is quoted is proven, or nothing says which
    /// boot it is.
    pub(crate) fn checkpoint(&self, quote: &AuthenticQuote<'_>, judged: Judged) -> Option<ImaCheckpoint> {
        let (_, prefix) = self.decides?;
        let bank = |bank: &Bank| {
            let padded = bank.prefix?.padded;
            Some(BankAt { alg: bank.alg, padded, pcrs: bank.replayed.clone() })
        };
        let with_entries = self.banks.iter().filter(|bank| !bank.replayed.is_empty());
        let clock = quote.clock_info();
        Some(ImaCheckpoint {
            ak_name: quote.key_name()?.to_vec(),
            reset_count: clock.reset_count,
            restart_count: clock.restart_count,
            selection: selected(quote.selection()),
            position: self.list.position(prefix.end)?,
            covered: self.coverage()?.entries_covered,
            banks: with_entries.map(bank).collect::<Option<_>>()?,
            boot_aggregate: self.told_aggregate,
            outside: self.outside_before(prefix.end),
            judged,
        })
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

    /// Whether the quote proves what the list says of this PCR; never of one that the running system can reset.
    #[must_use]
    pub fn proves(&self, pcr: u8) -> bool {
        self.proven().1.has(pcr.into())
    }

    /// How many entries are in each PCR that is not [proven](Self::proves), of the whole list: nothing says that they are all there were, or
    /// that there were any. PCR 10 is left out: without it the list as a whole is unproven.
    #[must_use]
    pub fn outside(&self) -> BTreeMap<u8, u32> {
        self.outside_before(self.list.len())
    }

    /// The same of the entries before this place in the list, and of all that came before it.
    fn outside_before(&self, end: usize) -> BTreeMap<u8, u32> {
        let is_proven = self.proven().1;
        let mut counts = self.before.as_ref().map(|before| before.outside.clone()).unwrap_or_default();
        let is_outside = |pcr: u32| pcr != IMA_PCR && !is_proven.has(pcr);
        // Most lists are in PCR 10 alone, and not read for this.
        if (0..PCRS).any(|pcr| self.list.is_in(pcr) && is_outside(pcr)) {
            let outside = self.list.registers().take(end).filter(|(pcr, _)| is_outside(*pcr));
            for pcr in outside.filter_map(|(pcr, _)| u8::try_from(pcr).ok()) {
                let count: &mut u32 = counts.entry(pcr).or_default();
                *count = count.saturating_add(1);
            }
        }
        counts
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
        let (before, covered_before) =
            self.before.as_ref().map_or((0, 0), |before| (before.position.entries, before.covered));
        let not_covered_before = before.saturating_sub(covered_before);
        Some(Coverage {
            bank,
            entries_covered: covered_before.saturating_add(count(prefix.entries_covered)),
            entries_left_over: not_covered_before.saturating_add(count(prefix.left_over)),
            padded: prefix.padded,
        })
    }

    /// The entries that the quote proves, in order; none where the list does not replay. Those that were judged before are not among them.
    pub fn proven_entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let (end, is_proven) = self.proven();
        self.list.entries().take(end).filter(move |entry| is_proven.has(entry.pcr))
    }

    /// The positions of [`proven_entries`](Self::proven_entries), each with the digest of the entry's data where that is what proves it.
    pub(crate) fn proven_digests(&self) -> impl Iterator<Item = (usize, Option<DataDigest<'_>>)> {
        let (end, is_proven) = self.proven();
        let deciding = self.decides.and_then(|(alg, _)| self.banks.iter().find(|bank| bank.alg == alg));
        let entries = self.list.registers().take(end).enumerate();
        entries.filter(move |(_, (pcr, _))| is_proven.has(*pcr)).map(move |(at, (_, plain))| {
            let digest = || Some(DataDigest { template: plain?, sha256: deciding?.noted.get(at)? });
            (at, digest())
        })
    }

    /// Those among [`proven_entries`](Self::proven_entries) that are named `boot_aggregate`.
    pub(crate) fn proven_boot_aggregates(&self) -> impl Iterator<Item = Entry<'_>> {
        let (end, is_proven) = self.proven();
        let before_end = self.list.boot_aggregates().take_while(move |at| *at < end);
        before_end.filter_map(|at| self.list.entry(at)).filter(move |entry| is_proven.has(entry.pcr))
    }

    /// Where the proven part of the list ends, and the PCRs whose entries it proves.
    fn proven(&self) -> (usize, Pcrs) {
        let Some((alg, prefix)) = self.decides else { return (0, Pcrs(0)) };
        let bank = self.banks.iter().find(|bank| bank.alg == alg);
        let quoted = bank.into_iter().flat_map(|bank| &bank.replayed).map(|(pcr, _)| u32::from(*pcr));
        // PCR 16 and 20–23 can be reset by the running system: an entry there is worth nothing.
        let lasting = quoted.filter(|pcr| !matches!(pcr, 16 | 20..));
        (prefix.end, Pcrs(lasting.fold(0, |mask, pcr| mask | 1_u32.wrapping_shl(pcr))))
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
    fn check(list: &ImaLog<'_>, pcrs: &QuotedPcrs, alg: HashAlg, before: Option<&ImaCheckpoint>) -> Self {
        let is_used = |pcr: u8| list.is_in(pcr.into()) || before.is_some_and(|before| before.is_in(alg, pcr));
        let quoted = pcrs.iter().filter(|(bank, pcr, _)| *bank == alg && is_used(*pcr));
        let quoted: Vec<(u32, Digest)> = quoted.map(|(_, pcr, value)| (pcr.into(), value)).collect();
        let registers = before.map(|before| before.registers(alg));
        let mut noted = TemplateDigests::default();
        let prefix = match &registers {
            Some(Some(registers)) => ima::prefix_after(list, registers.clone(), &quoted, &mut noted),
            // At the checkpoint, if there is one, no entry was in a quoted PCR of this bank.
            None | Some(None) => ima::prefix_noting(list, alg, &quoted, &mut noted),
        };
        // Where the whole list leads interests only when no part of it leads to the quoted values.
        let whole = prefix.is_none().then(|| {
            let mut registers = registers.flatten().unwrap_or(Registers::new(alg, false));
            registers.run(list);
            registers
        });
        let replayed = quoted.iter().filter_map(|(pcr, value)| {
            let at = whole.as_ref().map_or(Some(*value), |whole| whole.value(*pcr))?;
            Some((u8::try_from(*pcr).ok()?, at))
        });
        Self { alg, prefix, replayed: replayed.collect(), noted }
    }
}

/// The values that the logs lead to, believed only if they hash to the signed pcrDigest: each PCR's story, reset values where no event is,
/// and for PCR 10 the prefix of the IMA list that fits.
pub(super) fn values_from_logs(
    quote: &AuthenticQuote<'_>,
    told: Logs<'_, '_, '_>,
    ima: Option<&ImaLog<'_>>,
    before: Option<&ImaCheckpoint>,
) -> Result<QuotedPcrs, pcrs::Error> {
    let story = |alg: HashAlg, pcr: u8| Some(told.value(alg, pcr));
    let without_ima = QuotedPcrs::from_lookup(quote, story);
    let (Err(error), Some(list)) = (&without_ima, ima) else { return without_ima };
    for padded_from in ways(before) {
        let start = || before_the_list(quote, before, *padded_from);
        if let Some(pcrs) = prefix_that_hashes(quote, list, &start, &story) {
            return Ok(pcrs);
        }
    }
    Err(error.clone())
}

/// Which banks the kernel extends with padded digests it does not tell: none, those above SHA-256, or all; the least strength of each.
const fn ways(before: Option<&ImaCheckpoint>) -> &'static [u8] {
    const ALL: &[u8] = &[u8::MAX, HashAlg::Sha384.strength(), 1];
    if before.is_some() { &[u8::MAX] } else { ALL }
}

/// The quoted banks before the first entry.
fn before_the_list(
    quote: &AuthenticQuote<'_>,
    before: Option<&ImaCheckpoint>,
    padded_from: u8,
) -> Vec<Registers> {
    let banks = quote.selection().banks().map(|(alg, _)| {
        let known = before.and_then(|before| before.registers(alg));
        known.unwrap_or(Registers::new(alg, alg.strength() >= padded_from))
    });
    banks.collect()
}

/// Where the whole list leads, in each quoted bank; in each way in which the kernel may have extended them.
pub(super) fn registers_of(
    quote: &AuthenticQuote<'_>,
    list: &ImaLog<'_>,
    before: Option<&ImaCheckpoint>,
) -> Vec<Vec<Registers>> {
    let led = |padded_from: &u8| {
        let mut banks = before_the_list(quote, before, *padded_from);
        banks.iter_mut().for_each(|bank| bank.run(list));
        banks
    };
    ways(before).iter().map(led).collect()
}

/// The values after the prefix of the list with which they hash to the signed pcrDigest. The whole list is tried first: a quote rarely lags.
fn prefix_that_hashes(
    quote: &AuthenticQuote<'_>,
    list: &ImaLog<'_>,
    start: &impl Fn() -> Vec<Registers>,
    story: &impl Fn(HashAlg, u8) -> Option<Digest>,
) -> Option<QuotedPcrs> {
    let mut whole = start();
    whole.iter_mut().for_each(|bank| bank.run(list));
    let value = |banks: &[Registers], alg: HashAlg, pcr: u8| {
        let of = |banks: &[Registers]| banks.iter().find(|bank| bank.alg() == alg)?.value(pcr.into());
        let at = if u32::from(pcr) == IMA_PCR { of(banks) } else { of(&whole) };
        at.or_else(|| story(alg, pcr))
    };
    let believed =
        |banks: &[Registers]| QuotedPcrs::from_lookup(quote, |alg, pcr| value(banks, alg, pcr)).ok();
    if let Some(pcrs) = believed(&whole) {
        return Some(pcrs);
    }
    // All values one after the other, as they are hashed; only PCR 10's change from step to step.
    let mut now = start();
    let mut bytes = Vec::new();
    let mut places = Vec::new();
    for (alg, pcr) in quote.selection().iter() {
        if u32::from(pcr) == IMA_PCR {
            places.push((alg, bytes.len()));
        }
        bytes.extend(value(&now, alg, pcr)?.as_bytes());
    }
    let is_it = |bytes: &[u8]| quote.signing_hash().hash(&[bytes]).as_bytes() == quote.pcr_digest();
    if is_it(&bytes) {
        return believed(&now);
    }
    for entry in list.entries().filter(|entry| entry.pcr == IMA_PCR) {
        for bank in &mut now {
            bank.extend(&entry);
            let Some((_, at)) = places.iter().find(|(alg, _)| *alg == bank.alg()) else { continue };
            let value = bank.value(IMA_PCR)?;
            bytes.get_mut(*at..at.checked_add(value.as_bytes().len())?)?.copy_from_slice(value.as_bytes());
        }
        if is_it(&bytes) {
            return believed(&now);
        }
    }
    None
}
