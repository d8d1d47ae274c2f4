//! An IMA list extended into PCRs, the part of it that a quote covers, and what ties it to the boot.

use crate::digest::{Digest, HashAlg};
use crate::evidence::ima_log::{BOOT_AGGREGATE, Entry, IMA_PCR, ImaLog};

/// The values that a whole list leads to.
#[derive(Clone, Debug)]
pub struct ImaReplay<'a, 'l> {
    log: &'l ImaLog<'a>,
    banks: Vec<Bank>,
}

#[derive(Clone, Debug)]
struct Bank {
    alg: HashAlg,
    /// Ascending by PCR.
    pcrs: Vec<Register>,
}

/// A PCR on its way, in both ways in which kernels extend a bank.
#[derive(Clone, Copy, Debug)]
struct Register {
    pcr: u32,
    /// Extended with the bank's own digest of the template data.
    own: Digest,
    /// Extended with the SHA-1 digest, zeros after it, as kernels do for hashes that they lack.
    padded: Digest,
    entries: usize,
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
            let mut pcrs = Vec::new();
            log.entries().for_each(|entry| extend(&mut pcrs, &entry, *alg));
            pcrs.sort_by_key(|register: &Register| register.pcr);
            Bank { alg: *alg, pcrs }
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
        self.register(alg, pcr).map(|register| register.own)
    }

    /// The same, had the kernel extended this bank with zero-padded SHA-1 digests.
    #[must_use]
    pub fn padded_value(&self, alg: HashAlg, pcr: u32) -> Option<Digest> {
        self.register(alg, pcr).map(|register| register.padded)
    }

    /// The PCRs that the list's entries are in, ascending.
    pub fn pcrs(&self) -> impl Iterator<Item = u32> + '_ {
        self.banks.first().into_iter().flat_map(|bank| bank.pcrs.iter().map(|register| register.pcr))
    }

    fn register(&self, alg: HashAlg, pcr: u32) -> Option<&Register> {
        let bank = self.banks.iter().find(|bank| bank.alg == alg)?;
        bank.pcrs.iter().find(|register| register.pcr == pcr)
    }
}

/// The exact part of the list whose replay gives these quoted values in this bank, in one pass.
///
/// `quoted` are values of PCRs that entries are in; others are ignored. `None` if no part, not even of one entry,
/// gives all of them at once: a PCR in its reset state covers nothing.
#[must_use]
pub fn prefix(log: &ImaLog<'_>, bank: HashAlg, quoted: &[(u32, Digest)]) -> Option<PrefixMatch> {
    let is_used = |pcr: u32| log.entries().any(|entry| entry.pcr == pcr);
    let quoted: Vec<_> = quoted.iter().copied().filter(|(pcr, _)| is_used(*pcr)).collect();
    if quoted.is_empty() {
        return None;
    }
    let mut registers = Vec::new();
    for (position, entry) in log.entries().enumerate() {
        let Some((_, value)) = quoted.iter().find(|(pcr, _)| *pcr == entry.pcr) else { continue };
        extend(&mut registers, &entry, bank);
        // Every quoted PCR is looked at only where this entry's own agrees: once or twice in a list.
        let own = registers.iter().find(|register| register.pcr == entry.pcr);
        if !own.is_some_and(|register| register.own == *value || register.padded == *value) {
            continue;
        }
        for padded in [false, true] {
            let agrees = |(pcr, value): &(u32, Digest)| {
                let register = registers.iter().find(|register| register.pcr == *pcr);
                register.is_some_and(|at| if padded { at.padded == *value } else { at.own == *value })
            };
            if quoted.iter().all(agrees) {
                let entries_covered = registers.iter().map(|register| register.entries).sum();
                let left_over = log.len().saturating_sub(entries_covered);
                return Some(PrefixMatch {
                    end: position.saturating_add(1),
                    entries_covered,
                    left_over,
                    padded,
                });
            }
        }
    }
    None
}

/// [`prefix`] for a list whose quote covers PCR 10 alone.
#[must_use]
pub fn prefix_of_pcr_10(log: &ImaLog<'_>, bank: HashAlg, quoted: &Digest) -> Option<PrefixMatch> {
    prefix(log, bank, &[(IMA_PCR, *quoted)])
}

fn extend(registers: &mut Vec<Register>, entry: &Entry<'_>, alg: HashAlg) {
    let (own, padded) = extended_with(entry, alg);
    let fresh =
        || Register { pcr: entry.pcr, own: reset(alg, entry.pcr), padded: reset(alg, entry.pcr), entries: 0 };
    let known = registers.iter_mut().find(|register| register.pcr == entry.pcr);
    let register = match known {
        Some(register) => register,
        None => {
            registers.push(fresh());
            let Some(last) = registers.last_mut() else { return };
            last
        }
    };
    register.own = register.own.extended(own.as_bytes());
    register.padded =
        if alg == HashAlg::Sha1 { register.own } else { register.padded.extended(padded.as_bytes()) };
    register.entries = register.entries.saturating_add(1);
}

fn reset(alg: HashAlg, pcr: u32) -> Digest {
    super::replay::reset_value(alg, pcr, None)
}

/// What the kernel extends for an entry: the digest of its data, or all ones for a violation (Linux,
/// ima_add_template_entry); and the same as a kernel does that lacks the bank's hash.
pub(super) fn extended_with(entry: &Entry<'_>, alg: HashAlg) -> (Digest, Digest) {
    if entry.is_violation() {
        return (Digest::ones(alg), Digest::ones(alg));
    }
    let own = entry.template_digest(alg);
    if alg == HashAlg::Sha1 {
        return (own, own);
    }
    let mut padded = [0_u8; 64];
    let sha1 = entry.template_digest(HashAlg::Sha1);
    padded.iter_mut().zip(sha1.as_bytes()).for_each(|(to, from)| *to = *from);
    let padded = padded.get(..alg.size()).and_then(|bytes| Digest::new(alg, bytes));
    (own, padded.unwrap_or(own))
}

/// Holds the list's `boot_aggregate` against quoted PCRs: SHA-1 over PCR 0–7, any other hash over PCR 0–9 of its bank
/// (Linux, ima_calc_boot_aggregate). It is the first entry of PCR 10: before it an entry of any other register can be told.
#[must_use]
pub fn boot_aggregate(log: &ImaLog<'_>, quoted: impl Fn(HashAlg, u32) -> Option<Digest>) -> BootAggregate {
    let unproven = BootAggregate::Unproven;
    let first = log.entries().find(|entry| entry.pcr == IMA_PCR);
    let first = first.filter(|entry| entry.name() == Some(BOOT_AGGREGATE));
    let Some(told) = first.and_then(|entry| entry.file_digest()) else {
        return unproven(Unproven::Missing);
    };
    if told.bytes.iter().all(|byte| *byte == 0) {
        return unproven(Unproven::AllZero);
    }
    let Some(got) = told.typed() else { return unproven(Unproven::AlgorithmUnknown) };
    let alg = got.alg();
    let covered = if alg == HashAlg::Sha1 { 0..8 } else { 0..10 };
    let mut values = Vec::new();
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

#[cfg(test)]
mod tests;
