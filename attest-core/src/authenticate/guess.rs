//! Quoted values that nobody sent and the logs do not lead to, found by trying what they may have been.
//!
//! A guess is never believed for where it comes from: it counts only if it hashes to the signed pcrDigest, and then it is the quoted value,
//! whoever guessed it. So nothing is proven here that was not signed; it only becomes known which register the logs tell wrongly.

use super::pcrs::QuotedPcrs;
use super::quote::AuthenticQuote;
use super::replay::reset_value;
use super::story::Logs;
use crate::digest::{Digest, HashAlg};
use crate::limits::Limits;

/// Values that registers have after good boots, from whoever knows such boots.
pub trait Guesses {
    /// How many boots are known; the most likely one first.
    fn boots(&self) -> usize;

    /// The value of a register after one of them, where that boot says so.
    fn value(&self, boot: usize, alg: HashAlg, pcr: u8) -> Option<Digest>;

    /// Digests that may have been extended into a register and are in no log, and each bank's at the same place of its list.
    fn extended(&self, alg: HashAlg, pcr: u8) -> Vec<Digest>;
}

/// Nothing is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGuesses;

impl Guesses for NoGuesses {
    fn boots(&self) -> usize {
        0
    }

    fn value(&self, _: usize, _: HashAlg, _: u8) -> Option<Digest> {
        None
    }

    fn extended(&self, _: HashAlg, _: u8) -> Vec<Digest> {
        Vec::new()
    }
}

/// The quoted values, if a guess finds them.
pub(super) fn find(
    quote: &AuthenticQuote<'_>,
    told: Logs<'_, '_, '_>,
    ima: impl Fn(HashAlg, u8) -> Option<Digest>,
    guesses: &dyn Guesses,
) -> Option<QuotedPcrs> {
    let quoted: Vec<(HashAlg, u8)> = quote.selection().iter().collect();
    let told_value = |alg, pcr| ima(alg, pcr).unwrap_or_else(|| told.value(alg, pcr));
    let mut search = Search {
        quote,
        rows: Limits::DEFAULT.guessed_rows,
        story: quoted.iter().map(|(alg, pcr)| told_value(*alg, *pcr)).collect(),
        quoted,
    };
    search.good_boots(guesses).or_else(|| search.one_register(told, guesses))
}

struct Search<'q, 'a> {
    quote: &'q AuthenticQuote<'a>,
    /// Rows that may still be tried.
    rows: usize,
    quoted: Vec<(HashAlg, u8)>,
    /// What the logs lead to, in the order of the selection.
    story: Vec<Digest>,
}

impl Search<'_, '_> {
    fn is_it(&mut self, row: &[Digest]) -> Option<QuotedPcrs> {
        self.rows = self.rows.checked_sub(1)?;
        let parts: Vec<&[u8]> = row.iter().map(Digest::as_bytes).collect();
        if self.quote.signing_hash().hash(&parts).as_bytes() != self.quote.pcr_digest() {
            return None;
        }
        let at = |alg, pcr| self.quoted.iter().position(|quoted| *quoted == (alg, pcr));
        // The one maker of quoted values hashes them again.
        QuotedPcrs::from_lookup(self.quote, |alg, pcr| row.get(at(alg, pcr)?).copied()).ok()
    }

    /// A good boot, told wrongly: all its registers as they are golden, or all but one as the logs tell.
    fn good_boots(&mut self, guesses: &dyn Guesses) -> Option<QuotedPcrs> {
        for boot in 0..guesses.boots() {
            let golden = |((alg, pcr), told): (&(HashAlg, u8), &Digest)| {
                guesses.value(boot, *alg, *pcr).unwrap_or(*told)
            };
            let row: Vec<Digest> = self.quoted.iter().zip(&self.story).map(golden).collect();
            if let Some(found) = self.is_it(&row) {
                return Some(found);
            }
            for pcr in self.registers() {
                let but_one: Vec<Digest> = self
                    .quoted
                    .iter()
                    .zip(row.iter().zip(&self.story))
                    .map(|((_, of), (golden, told))| if *of == pcr { *told } else { *golden })
                    .collect();
                if let Some(found) = self.is_it(&but_one) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// The logs, told wrongly of one register: a golden value there, none, one event less or twice, an event that is known and not told, or
    /// another startup locality.
    fn one_register(&mut self, told: Logs<'_, '_, '_>, guesses: &dyn Guesses) -> Option<QuotedPcrs> {
        for pcr in self.registers() {
            for of_banks in self.ways(pcr, told, guesses) {
                let changed = |((alg, of), told): (&(HashAlg, u8), &Digest)| {
                    let other = || of_banks.iter().find(|digest| digest.alg() == *alg).copied();
                    if *of == pcr { other().unwrap_or(*told) } else { *told }
                };
                let row: Vec<Digest> = self.quoted.iter().zip(&self.story).map(changed).collect();
                if let Some(found) = self.is_it(&row) {
                    return Some(found);
                }
                if self.rows == 0 {
                    return None;
                }
            }
        }
        None
    }

    fn registers(&self) -> Vec<u8> {
        let mut registers: Vec<u8> = self.quoted.iter().map(|(_, pcr)| *pcr).collect();
        registers.sort_unstable();
        registers.dedup();
        registers
    }

    /// Values that the register may have instead, those of all its quoted banks together.
    fn ways(&self, pcr: u8, told: Logs<'_, '_, '_>, guesses: &dyn Guesses) -> Vec<Vec<Digest>> {
        let banks: Vec<HashAlg> =
            self.quoted.iter().filter(|(_, of)| *of == pcr).map(|(alg, _)| *alg).collect();
        let in_banks = |value: &dyn Fn(HashAlg) -> Option<Digest>| -> Vec<Digest> {
            banks.iter().filter_map(|alg| value(*alg)).collect()
        };
        let mut ways = vec![in_banks(&|alg| Some(told.reset_value(alg, pcr)))];
        ways.extend((0..guesses.boots()).map(|boot| in_banks(&|alg| guesses.value(boot, alg, pcr))));
        let steps: Vec<(HashAlg, Vec<&[u8]>)> =
            banks.iter().filter_map(|alg| Some((*alg, told.steps(*alg, pcr)?))).collect();
        let steps_of =
            |alg: HashAlg| steps.iter().find(|(of, _)| *of == alg).map(|(_, steps)| steps.as_slice());
        let run = |start: Digest, steps: &mut dyn Iterator<Item = &[u8]>| {
            steps.fold(start, |value, step| value.extended(step))
        };
        let count = steps.iter().map(|(_, steps)| steps.len()).max().unwrap_or(0);
        if pcr == 0 {
            for locality in [0, 3, 4] {
                ways.push(in_banks(&|alg| {
                    let start = reset_value(alg, 0, Some(locality));
                    Some(run(start, &mut steps_of(alg)?.iter().copied()))
                }));
            }
        }
        // One event less, or twice; beyond this many the log is not worth it.
        for at in 0..count.min(Limits::DEFAULT.guessed_events) {
            for times in [0, 2] {
                ways.push(in_banks(&|alg| {
                    let steps = steps_of(alg)?.iter().enumerate();
                    let mut steps = steps.flat_map(|(place, step)| {
                        core::iter::repeat_n(*step, if place == at { times } else { 1 })
                    });
                    Some(run(told.reset_value(alg, pcr), &mut steps))
                }));
            }
        }
        let more: Vec<(HashAlg, Vec<Digest>)> =
            banks.iter().map(|alg| (*alg, guesses.extended(*alg, pcr))).collect();
        let known = more.iter().map(|(_, known)| known.len()).max().unwrap_or(0);
        for at in 0..known {
            ways.push(in_banks(&|alg| {
                let (_, known) = more.iter().find(|(of, _)| *of == alg)?;
                Some(told.value(alg, pcr).extended(known.get(at)?.as_bytes()))
            }));
        }
        ways
    }
}
