//! An IMA list extended into PCRs, the part of it that a quote covers, and what ties it to the boot.

use crate::digest::{Digest, HashAlg};
use crate::evidence::ima_log::{Entry, IMA_PCR, ImaLog};
use crate::evidence::tcg_log::PCRS;

const PCRS_USIZE: usize = 24;
const _: () = assert!(PCRS == 24, "as many PCRs as registers");

/// The values that a whole list leads to, in both ways in which kernels extend a bank.
#[derive(Clone, Debug)]
pub struct ImaReplay<'a, 'l> {
    log: &'l ImaLog<'a>,
    /// Extended with the bank's own digests of the template data; and with SHA-1 digests and zeros after them, as kernels do for hashes
    /// that they lack.
    banks: Vec<(Registers, Registers)>,
}

/// The PCRs of one bank on their way through a list.
#[derive(Clone, Debug)]
pub(super) struct Registers {
    alg: HashAlg,
    padded: bool,
    /// By PCR; `None` before the first entry.
    values: [Option<Digest>; PCRS_USIZE],
}

impl Registers {
    /// Before the first entry.
    pub(super) const fn new(alg: HashAlg, padded: bool) -> Self {
        Self { alg, padded, values: [None; PCRS_USIZE] }
    }

    /// Where an earlier part of the list led.
    pub(super) fn with(mut self, values: &[(u8, Digest)]) -> Self {
        for (pcr, value) in values {
            if let Some(slot) = self.values.get_mut(usize::from(*pcr)) {
                *slot = Some(*value);
            }
        }
        self
    }

    /// Extends the entry's PCR and returns its new value.
    pub(super) fn extend(&mut self, entry: &Entry<'_>) -> Option<&Digest> {
        self.extend_by(entry, &self.extended_by(entry))
    }

    fn extended_by(&self, entry: &Entry<'_>) -> Digest {
        extended_by(entry, self.alg, self.padded)
    }

    /// Whether it is extended with the SHA-256 digests of entries' data.
    const fn is_plain_sha256(&self) -> bool {
        matches!(self.alg, HashAlg::Sha256) && !self.padded
    }

    fn extend_by(&mut self, entry: &Entry<'_>, by: &Digest) -> Option<&Digest> {
        let slot = self.values.get_mut(usize::try_from(entry.pcr).ok()?)?;
        let value = slot.get_or_insert_with(|| reset(self.alg, entry.pcr));
        value.extend(by);
        Some(value)
    }

    /// Extends every entry.
    pub(super) fn run(&mut self, log: &ImaLog<'_>) {
        for entry in log.entries() {
            self.extend(&entry);
        }
    }

    pub(super) fn value(&self, pcr: u32) -> Option<Digest> {
        *self.values.get(usize::try_from(pcr).ok()?)?
    }

    pub(super) const fn alg(&self) -> HashAlg {
        self.alg
    }
}

/// The part of a list that a quote covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixMatch {
    /// The covered entries are those of the quoted PCRs before this position.
    pub end: usize,
    /// How many entries the quote covers.
    pub entries_covered: usize,
    /// How many it does not: measured after the quote, or in PCRs that are not quoted.
    pub left_over: usize,
    /// Whether the kernel extended this bank with zero-padded SHA-1 digests.
    pub padded: bool,
}

/// What `boot_aggregate` says about the boot that was quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootAggregate {
    /// It is the digest of the quoted PCRs.
    Match {
        /// The bank and hash.
        alg: HashAlg,
    },
    /// It is another digest: this list does not belong to this boot.
    Mismatch {
        /// The bank and hash.
        alg: HashAlg,
        /// That of the quoted PCRs.
        expected: Digest,
        /// The list's.
        got: Digest,
    },
    /// Nothing follows from it.
    Unproven(Unproven),
}

/// Why `boot_aggregate` proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unproven {
    /// It is in a hash that is not known, or of a wrong length.
    AlgorithmUnknown,
    /// It is all zeros: the kernel found no bank it could use.
    AllZero,
    /// No quote covers the list's own PCR.
    ListNotQuoted,
    /// The entries of PCR 10 do not begin with it.
    Missing,
    /// A PCR that it covers is not quoted in its bank.
    NotQuoted {
        /// The bank.
        alg: HashAlg,
        /// The first such PCR.
        pcr: u32,
    },
}

impl Unproven {
    /// A stable name for programs, in snake_case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AlgorithmUnknown => "algorithm_unknown",
            Self::AllZero => "all_zero",
            Self::ListNotQuoted => "list_not_quoted",
            Self::Missing => "missing",
            Self::NotQuoted { .. } => "not_quoted",
        }
    }
}

impl<'a, 'l> ImaReplay<'a, 'l> {
    /// Extends every entry, in these banks.
    #[must_use]
    pub fn new(log: &'l ImaLog<'a>, banks: &[HashAlg]) -> Self {
        let run = |alg: &HashAlg| {
            let mut own = Registers::new(*alg, false);
            own.run(log);
            // SHA-1 is its own padding.
            let mut padded = if *alg == HashAlg::Sha1 { own.clone() } else { Registers::new(*alg, true) };
            if *alg != HashAlg::Sha1 {
                padded.run(log);
            }
            (own, padded)
        };
        Self { log, banks: banks.iter().map(run).collect() }
    }

    /// The list.
    #[must_use]
    pub const fn log(&self) -> &'l ImaLog<'a> {
        self.log
    }

    /// The value of a PCR after the whole list; `None` if no entry is in it.
    #[must_use]
    pub fn value(&self, alg: HashAlg, pcr: u32) -> Option<Digest> {
        self.bank(alg).and_then(|(own, _)| own.value(pcr))
    }

    /// The same, had the kernel extended this bank with zero-padded SHA-1 digests.
    #[must_use]
    pub fn padded_value(&self, alg: HashAlg, pcr: u32) -> Option<Digest> {
        self.bank(alg).and_then(|(_, padded)| padded.value(pcr))
    }

    /// The PCRs that the list's entries are in, ascending.
    pub fn pcrs(&self) -> impl Iterator<Item = u32> + '_ {
        (0..PCRS).filter(|pcr| self.log.is_in(*pcr))
    }

    fn bank(&self, alg: HashAlg) -> Option<&(Registers, Registers)> {
        self.banks.iter().find(|(own, _)| own.alg == alg)
    }
}

/// The exact part of the list whose replay gives these quoted values in this bank.
///
/// `quoted` are values of PCRs that entries are in; others are ignored. `None` if no part, not even of one entry, gives all of them at
/// once: a PCR in its reset state covers nothing.
#[must_use]
pub fn prefix(log: &ImaLog<'_>, bank: HashAlg, quoted: &[(u32, Digest)]) -> Option<PrefixMatch> {
    let quoted: Vec<_> = quoted.iter().copied().filter(|(pcr, _)| log.is_in(*pcr)).collect();
    prefix_noting(log, bank, &quoted, &mut TemplateDigests::default())
}

/// [`prefix`] with the digests that were computed on the way.
pub(super) fn prefix_noting(
    log: &ImaLog<'_>,
    bank: HashAlg,
    quoted: &[(u32, Digest)],
    noted: &mut TemplateDigests,
) -> Option<PrefixMatch> {
    // Kernels of today extend a bank's own digests: the other way is looked at only if that one leads nowhere.
    let own = prefix_after(log, Registers::new(bank, false), quoted, noted);
    own.or_else(|| {
        let is_other = bank != HashAlg::Sha1;
        is_other.then(|| prefix_after(log, Registers::new(bank, true), quoted, noted)).flatten()
    })
}

/// SHA-256 digests of entries' data by position, as far as a replay needed them: what is golden in whole need not be read again.
///
/// Entries too short to be files' would make them larger than the list itself: then none are kept.
#[derive(Debug, Default)]
pub(super) struct TemplateDigests {
    digests: Vec<[u8; 32]>,
    is_on: bool,
}

/// The least bytes of a file's entry: PCR, template digest, template name, and an empty digest and name after their lengths.
const SHORTEST_FILE: usize = 4 + 20 + 4 + 6 + 4 + 8;

impl TemplateDigests {
    /// Forgets what another way of extending noted.
    fn begin(&mut self, log: &ImaLog<'_>, registers: &Registers) {
        self.is_on = registers.is_plain_sha256() && log.len() <= log.size() / SHORTEST_FILE;
        self.digests = if self.is_on { Vec::with_capacity(log.len()) } else { Vec::new() };
    }

    fn note(&mut self, position: usize, digest: &Digest) {
        if let (true, Some(digest)) = (self.is_on, digest.as_bytes().first_chunk()) {
            // Entries between are in registers that nobody asked for.
            self.digests.resize(position, [0; 32]);
            self.digests.push(*digest);
        }
    }

    /// That of the entry at this position; none, or zeros, where none was needed.
    pub(super) fn get(&self, position: usize) -> Option<&[u8; 32]> {
        self.digests.get(position)
    }
}

/// [`prefix`] in one way of extending, in one pass, from where an earlier part of the list led: then no entry may be new.
pub(super) fn prefix_after(
    log: &ImaLog<'_>,
    mut registers: Registers,
    quoted: &[(u32, Digest)],
    noted: &mut TemplateDigests,
) -> Option<PrefixMatch> {
    let found = |end: usize, entries_covered: usize, padded: bool| {
        let left_over = log.len().saturating_sub(entries_covered);
        Some(PrefixMatch { end, entries_covered, left_over, padded })
    };
    let padded = registers.padded;
    let agree =
        |registers: &Registers| quoted.iter().all(|(pcr, value)| registers.value(*pcr) == Some(*value));
    if quoted.is_empty() {
        return None;
    }
    if agree(&registers) {
        return found(0, 0, padded);
    }
    noted.begin(log, &registers);
    let mut covered = 0_usize;
    for (position, entry) in log.entries().enumerate() {
        let Some((_, wanted)) = quoted.iter().find(|(pcr, _)| *pcr == entry.pcr) else { continue };
        covered = covered.saturating_add(1);
        let by = registers.extended_by(&entry);
        noted.note(position, &by);
        // Every quoted PCR is looked at only where this entry's own agrees: once or twice in a list.
        if registers.extend_by(&entry, &by) == Some(wanted) && agree(&registers) {
            return found(position.saturating_add(1), covered, padded);
        }
    }
    None
}

/// [`prefix`] for a list whose quote covers PCR 10 alone.
#[must_use]
pub fn prefix_of_pcr_10(log: &ImaLog<'_>, bank: HashAlg, quoted: &Digest) -> Option<PrefixMatch> {
    prefix(log, bank, &[(IMA_PCR, *quoted)])
}

fn reset(alg: HashAlg, pcr: u32) -> Digest {
    super::replay::reset_value(alg, pcr, None)
}

/// What the kernel extends for an entry: the digest of its data, or all ones for a violation (Linux, ima_add_template_entry); a kernel
/// that lacks the bank's hash takes the SHA-1 digest and zeros after it.
fn extended_by(entry: &Entry<'_>, alg: HashAlg, padded: bool) -> Digest {
    if entry.is_violation() {
        return Digest::ones(alg);
    }
    if !padded || alg == HashAlg::Sha1 {
        return entry.template_digest(alg);
    }
    let mut bytes = [0_u8; 64];
    let sha1 = entry.template_digest(HashAlg::Sha1);
    bytes.iter_mut().zip(sha1.as_bytes()).for_each(|(to, from)| *to = *from);
    bytes.get(..alg.size()).and_then(|bytes| Digest::new(alg, bytes)).unwrap_or(Digest::zero(alg))
}

/// What the first entry of PCR 10 says about the boot, as the list has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToldAggregate {
    /// It is no `boot_aggregate`.
    #[default]
    Missing,
    /// It is all zeros.
    AllZero,
    /// It is in a hash that is not known, or of a wrong length.
    AlgorithmUnknown,
    /// This digest.
    Digest(Digest),
}

impl ToldAggregate {
    /// What the list tells: before the first entry of PCR 10 an entry of any other register can be told.
    #[must_use]
    pub fn of_list(log: &ImaLog<'_>) -> Self {
        log.entries().find(|entry| entry.pcr == IMA_PCR).map_or(Self::Missing, |entry| Self::of(&entry))
    }

    /// What an entry tells.
    #[must_use]
    pub fn of(entry: &Entry<'_>) -> Self {
        let named = Some(entry).filter(|entry| entry.is_boot_aggregate());
        let Some(told) = named.and_then(Entry::file_digest) else { return Self::Missing };
        if told.bytes.iter().all(|byte| *byte == 0) {
            return Self::AllZero;
        }
        told.typed().map_or(Self::AlgorithmUnknown, Self::Digest)
    }

    /// Holds it against quoted PCRs: SHA-1 over PCR 0–7, any other hash over PCR 0–9 of its bank (Linux, ima_calc_boot_aggregate).
    #[must_use]
    pub fn check(self, quoted: impl Fn(HashAlg, u32) -> Option<Digest>) -> BootAggregate {
        let unproven = BootAggregate::Unproven;
        let got = match self {
            Self::Missing => return unproven(Unproven::Missing),
            Self::AllZero => return unproven(Unproven::AllZero),
            Self::AlgorithmUnknown => return unproven(Unproven::AlgorithmUnknown),
            Self::Digest(got) => got,
        };
        let alg = got.alg();
        let covered = if alg == HashAlg::Sha1 { 0..8 } else { 0..10 };
        let mut values = Vec::with_capacity(alg.size().saturating_mul(covered.len()));
        for pcr in covered {
            match quoted(alg, pcr) {
                Some(value) => values.extend(value.as_bytes()),
                None => return unproven(Unproven::NotQuoted { alg, pcr }),
            }
        }
        let expected = alg.hash(&[&values]);
        if expected == got {
            BootAggregate::Match { alg }
        } else {
            BootAggregate::Mismatch { alg, expected, got }
        }
    }
}

/// Holds the list's `boot_aggregate` against quoted PCRs: [`ToldAggregate::check`].
#[must_use]
pub fn boot_aggregate(log: &ImaLog<'_>, quoted: impl Fn(HashAlg, u32) -> Option<Digest>) -> BootAggregate {
    ToldAggregate::of_list(log).check(quoted)
}

#[cfg(test)]
mod tests;
