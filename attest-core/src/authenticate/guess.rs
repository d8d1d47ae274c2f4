//! Quoted values that nobody sent and the logs do not lead to, found by trying what they may have been.
//!
//! A guess is never believed for where it comes from: it counts only if it hashes to the signed pcrDigest, and then it is the quoted value,
//! whoever guessed it. So nothing is proven here that was not signed; it only becomes known which register the logs tell wrongly.
//!
//! Whoever holds an enrolled key can ask for the search with any log, so its work is counted before it is done: rows of values that are
//! hashed, and extends that lead to them.

mod userspace;

use core::ops::ControlFlow;
use std::collections::BTreeSet;

use super::ima::Registers;
use super::pcrs::QuotedPcrs;
use super::quote::AuthenticQuote;
use super::replay::reset_value;
use super::story::Logs;
use crate::alignment::{self, Digests};
use crate::digest::{Digest, HashAlg};
use crate::limits::Limits;

/// What registers hold after good boots, from whoever knows such boots.
pub trait Guesses {
    /// How many boots are known; the most likely one first.
    fn boots(&self) -> usize;

    /// The value of a register after one of them, where that boot says so.
    fn value(&self, boot: usize, alg: HashAlg, pcr: u8) -> Option<Digest>;

    /// How many rows of extends are known of a register; the most likely one first.
    fn rows(&self, pcr: u8) -> usize;

    /// One of these rows; `None` where an extend has no digest in this bank.
    fn row(&self, at: usize, alg: HashAlg, pcr: u8) -> Option<Vec<Digest>>;

    /// What user space extends a register with after one of the boots, when the firmware is done; up to the first extend whose digest in this
    /// bank nobody knows.
    fn userspace(&self, boot: usize, alg: HashAlg, pcr: u8) -> Vec<Digest>;
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

    fn rows(&self, _: u8) -> usize {
        0
    }

    fn row(&self, _: usize, _: HashAlg, _: u8) -> Option<Vec<Digest>> {
        None
    }

    fn userspace(&self, _: usize, _: HashAlg, _: u8) -> Vec<Digest> {
        Vec::new()
    }
}

/// The quoted values, if a guess finds them. `of_list` is where the IMA list leads, in each way in which that may be.
pub(super) fn find(
    quote: &AuthenticQuote<'_>,
    told: Logs<'_, '_, '_>,
    of_list: &[Vec<Registers>],
    guesses: &dyn Guesses,
) -> Option<QuotedPcrs> {
    let quoted: Vec<(HashAlg, u8)> = quote.selection().iter().collect();
    let mut stories: Vec<Vec<Digest>> = Vec::new();
    for banks in of_list {
        let of_list = |alg, pcr: u8| banks.iter().find(|bank| bank.alg() == alg)?.value(pcr.into());
        let story =
            quoted.iter().map(|(alg, pcr)| of_list(*alg, *pcr).unwrap_or_else(|| told.value(*alg, *pcr)));
        let story = story.collect();
        if !stories.contains(&story) {
            stories.push(story);
        }
    }
    let Limits { guessed_rows, explaining_extends, .. } = Limits::DEFAULT;
    let mut search =
        Search { quote, guesses, rows: guessed_rows, extends: explaining_extends, quoted, story: Vec::new() };
    match search.all(&told, &stories) {
        ControlFlow::Break(found) => found,
        ControlFlow::Continue(()) => None,
    }
}

/// It ends with the quoted values, or with nothing where no more work is allowed.
type Tried<T = ()> = ControlFlow<Option<QuotedPcrs>, T>;

struct Search<'q, 'a> {
    quote: &'q AuthenticQuote<'a>,
    guesses: &'q dyn Guesses,
    /// Rows of values that may still be hashed.
    rows: usize,
    /// Extends that may still be made.
    extends: usize,
    quoted: Vec<(HashAlg, u8)>,
    /// What the logs lead to, in the order of the selection.
    story: Vec<Digest>,
}

/// A register in one quoted bank.
struct Bank<'t> {
    alg: HashAlg,
    /// Its place in the selection.
    at: usize,
    reset: Digest,
    /// Extends that the logs tell; none where one has no digest in this bank.
    steps: Vec<&'t [u8]>,
}

/// A register in all its quoted banks.
struct Register<'t> {
    pcr: u8,
    banks: Vec<Bank<'t>>,
}

impl Register<'_> {
    /// How many extends are told.
    fn len(&self) -> usize {
        self.banks.iter().map(|bank| bank.steps.len()).max().unwrap_or(0)
    }

    /// Where else a register may have started (PC Client PFP, EV_NO_ACTION StartupLocality).
    fn localities(&self) -> &'static [u8] {
        if self.pcr == 0 { &[0, 3, 4] } else { &[] }
    }
}

impl Search<'_, '_> {
    fn all(&mut self, told: &Logs<'_, '_, '_>, stories: &[Vec<Digest>]) -> Tried {
        let mut registers = self.registers(told);
        for story in stories {
            self.story.clone_from(story);
            self.good_boots()?;
            self.userspace(told)?;
            for register in &registers {
                self.as_known(register)?;
            }
        }
        // A long one can take all that is left, so it comes last.
        registers.sort_by_key(Register::len);
        for story in stories {
            self.story.clone_from(story);
            for register in &registers {
                self.one_extend(register)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn registers<'t>(&self, told: &'t Logs<'_, '_, '_>) -> Vec<Register<'t>> {
        let mut registers: Vec<Register<'t>> = Vec::new();
        for (at, (alg, pcr)) in self.quoted.iter().enumerate() {
            let steps = told.steps(*alg, *pcr).unwrap_or_default();
            let bank = Bank { alg: *alg, at, reset: told.reset_value(*alg, *pcr), steps };
            match registers.iter_mut().find(|register| register.pcr == *pcr) {
                Some(register) => register.banks.push(bank),
                None => registers.push(Register { pcr: *pcr, banks: vec![bank] }),
            }
        }
        registers
    }

    /// Whether these are the quoted values.
    fn is_it(&mut self, row: &[Digest]) -> Tried {
        let Some(left) = self.rows.checked_sub(1) else { return ControlFlow::Break(None) };
        self.rows = left;
        match QuotedPcrs::from_row(self.quote, row) {
            Some(found) => ControlFlow::Break(Some(found)),
            None => ControlFlow::Continue(()),
        }
    }

    /// Extends one after the other, while that is allowed.
    fn run<'d>(&mut self, start: Digest, steps: impl Iterator<Item = &'d [u8]>) -> Tried<Digest> {
        let mut value = start;
        for step in steps {
            let Some(left) = self.extends.checked_sub(1) else { return ControlFlow::Break(None) };
            self.extends = left;
            value = value.extended(step);
        }
        ControlFlow::Continue(value)
    }

    /// What the logs tell, but of one register something else, where it is known what.
    fn with(&mut self, register: &Register<'_>, values: &[Option<Digest>]) -> Tried {
        let mut row = self.story.clone();
        for (bank, value) in register.banks.iter().zip(values) {
            if let (Some(place), Some(value)) = (row.get_mut(bank.at), value) {
                *place = *value;
            }
        }
        self.is_it(&row)
    }

    /// A good boot, told wrongly: all its registers as they are golden, or all but one as the logs tell.
    fn good_boots(&mut self) -> Tried {
        let mut registers: Vec<u8> = self.quoted.iter().map(|(_, pcr)| *pcr).collect();
        registers.sort_unstable();
        registers.dedup();
        for boot in 0..self.guesses.boots() {
            let golden = |((alg, pcr), told): (&(HashAlg, u8), &Digest)| {
                self.guesses.value(boot, *alg, *pcr).unwrap_or(*told)
            };
            let row: Vec<Digest> = self.quoted.iter().zip(&self.story).map(golden).collect();
            self.is_it(&row)?;
            for but in &registers {
                let told = |((quoted, golden), told): ((&(HashAlg, u8), &Digest), &Digest)| {
                    if quoted.1 == *but { *told } else { *golden }
                };
                let but_one: Vec<Digest> = self.quoted.iter().zip(&row).zip(&self.story).map(told).collect();
                self.is_it(&but_one)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// A register that nothing extended, or as it is known from somewhere.
    fn as_known(&mut self, register: &Register<'_>) -> Tried {
        let reset: Vec<_> = register.banks.iter().map(|bank| Some(bank.reset)).collect();
        self.with(register, &reset)?;
        for at in 0..self.guesses.rows(register.pcr) {
            let of_bank = |bank: &Bank<'_>| self.guesses.row(at, bank.alg, register.pcr);
            let known: Vec<_> = register.banks.iter().map(of_bank).collect();
            for locality in core::iter::once(None).chain(register.localities().iter().map(Some)) {
                let mut values = Vec::new();
                for (bank, known) in register.banks.iter().zip(&known) {
                    let start = locality
                        .map_or(bank.reset, |other| reset_value(bank.alg, register.pcr.into(), Some(*other)));
                    values.push(match known {
                        Some(steps) => Some(self.run(start, steps.iter().map(Digest::as_bytes))?),
                        None => None,
                    });
                }
                self.with(register, &values)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The logs, told wrongly of one register: another startup locality, one extend less, twice, or one more that is known.
    fn one_extend(&mut self, register: &Register<'_>) -> Tried {
        for locality in register.localities() {
            let mut values = Vec::new();
            for bank in &register.banks {
                let start = reset_value(bank.alg, register.pcr.into(), Some(*locality));
                values.push(Some(self.run(start, bank.steps.iter().copied())?));
            }
            self.with(register, &values)?;
        }
        self.appended(register)?;
        // Before each extend, and after the last.
        let mut before = Vec::new();
        for bank in &register.banks {
            let mut values = vec![bank.reset];
            for step in &bank.steps {
                let last = values.last().copied().unwrap_or(bank.reset);
                values.push(self.run(last, core::iter::once(*step))?);
            }
            before.push(values);
        }
        for at in 0..register.len() {
            for times in [0, 2] {
                let mut values = Vec::new();
                for (bank, before) in register.banks.iter().zip(&before) {
                    let rest = bank.steps.get(at..).unwrap_or_default().split_first();
                    let from = before.get(at).copied();
                    values.push(match (rest, from) {
                        (Some((step, rest)), Some(from)) => {
                            let steps = core::iter::repeat_n(*step, times).chain(rest.iter().copied());
                            Some(self.run(from, steps)?)
                        }
                        _ => None,
                    });
                }
                self.with(register, &values)?;
            }
        }
        self.left_out(register, &before)
    }

    /// One more at the end, of those that are known of this register.
    fn appended(&mut self, register: &Register<'_>) -> Tried {
        let mut tried: BTreeSet<Vec<Option<Digest>>> = BTreeSet::new();
        for at in 0..self.guesses.rows(register.pcr) {
            let of_bank = |bank: &Bank<'_>| self.guesses.row(at, bank.alg, register.pcr);
            let known: Vec<_> = register.banks.iter().map(of_bank).collect();
            let count = known.iter().flatten().map(Vec::len).max().unwrap_or(0);
            for slot in 0..count {
                let digests: Vec<Option<Digest>> =
                    known.iter().map(|known| known.as_ref()?.get(slot).copied()).collect();
                if !tried.insert(digests.clone()) {
                    continue;
                }
                let mut values = Vec::new();
                for (bank, digest) in register.banks.iter().zip(&digests) {
                    values.push(match (self.story.get(bank.at).copied(), digest) {
                        (Some(told), Some(digest)) => {
                            Some(self.run(told, core::iter::once(digest.as_bytes()))?)
                        }
                        _ => None,
                    });
                }
                self.with(register, &values)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// One more between others: a known one that the log leaves out, where it would stand. `before` are the values before each extend.
    fn left_out(&mut self, register: &Register<'_>, before: &[Vec<Digest>]) -> Tried {
        for at in 0..self.guesses.rows(register.pcr) {
            let of_bank = |bank: &Bank<'_>| self.guesses.row(at, bank.alg, register.pcr);
            let known: Vec<_> = register.banks.iter().map(of_bank).collect();
            // Aligned in one bank, for the others have the same extends in the same places.
            let mut banks = register.banks.iter().zip(&known);
            let Some((steps, golden)) = banks.find_map(|(bank, known)| {
                let is_whole = bank.steps.len() == register.len();
                Some((&bank.steps, known.as_ref()?)).filter(|_| is_whole)
            }) else {
                continue;
            };
            let golden: Vec<&[u8]> = golden.iter().map(Digest::as_bytes).collect();
            let sides = Digests { left: steps, right: &golden };
            let Some(left) = self.extends.checked_sub(sides.extends_worth()) else {
                return ControlFlow::Break(None);
            };
            self.extends = left;
            for (place, slot) in alignment::left_out(&sides) {
                let mut values = Vec::new();
                for ((bank, known), before) in register.banks.iter().zip(&known).zip(before) {
                    let digest = known.as_ref().and_then(|known| known.get(slot));
                    values.push(match (digest, before.get(place), bank.steps.get(place..)) {
                        (Some(digest), Some(from), Some(rest)) => {
                            let steps = core::iter::once(digest.as_bytes()).chain(rest.iter().copied());
                            Some(self.run(*from, steps)?)
                        }
                        _ => None,
                    });
                }
                self.with(register, &values)?;
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests;
