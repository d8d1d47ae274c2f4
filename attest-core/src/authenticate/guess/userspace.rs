//! The log of user space, withheld or cut: it tells of several registers, so all of them are wrong at once.

use core::ops::ControlFlow;

use super::{Search, Tried};
use crate::authenticate::story::Logs;
use crate::authenticate::untold::PHASES_PCR;
use crate::digest::{Digest, HashAlg};
use crate::evidence::userspace_log::PHASES;
use crate::limits::Limits;

/// A register in all its quoted banks.
struct Register {
    /// The place of each bank in the selection.
    places: Vec<usize>,
    /// The values it may have, in the order of `places`, the most likely ones first.
    values: Vec<Vec<Digest>>,
}

impl Search<'_, '_> {
    /// On top of what the firmware's log tells, what user space extends in a good boot, or as much of it as was extended when the quote was
    /// made.
    pub(super) fn userspace(&mut self, told: &Logs<'_, '_, '_>) -> Tried {
        let boots = self.guesses.boots();
        // Half of all rows at most, each boot as many as another.
        let share = Limits::DEFAULT.guessed_rows.checked_div(boots.saturating_mul(2)).unwrap_or(0);
        // Logs of thousands of records leave half of the extends to those who come behind them.
        let reserve = self.extends.div_euclid(2);
        for boot in 0..boots {
            if self.extends <= reserve {
                break;
            }
            let registers = self.extended_by_userspace(told, boot)?;
            for row in Rows::of(&registers).take(share) {
                let mut values = self.story.clone();
                for (register, at) in registers.iter().zip(row) {
                    let chosen = register.values.get(at).into_iter().flatten();
                    for (place, value) in register.places.iter().zip(chosen) {
                        if let Some(slot) = values.get_mut(*place) {
                            *slot = *value;
                        }
                    }
                }
                self.is_it(&values)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Registers that have more than one value by this boot's user space.
    fn extended_by_userspace(&mut self, told: &Logs<'_, '_, '_>, boot: usize) -> Tried<Vec<Register>> {
        let mut pcrs: Vec<u8> = self.quoted.iter().map(|(_, pcr)| *pcr).collect();
        pcrs.sort_unstable();
        pcrs.dedup();
        let mut registers = Vec::new();
        for pcr in pcrs {
            let banks = self.quoted.iter().enumerate().filter(|(_, (_, quoted))| *quoted == pcr);
            let banks: Vec<(usize, HashAlg)> = banks.map(|(at, (alg, _))| (at, *alg)).collect();
            let values = self.values(told, boot, pcr, &banks)?;
            if values.len() > 1 {
                registers.push(Register { places: banks.iter().map(|(at, _)| *at).collect(), values });
            }
        }
        ControlFlow::Continue(registers)
    }

    /// Where the firmware's story leads, where the boot's user space goes on from there, step by step, and systemd's phases; the whole first.
    fn values(
        &mut self,
        told: &Logs<'_, '_, '_>,
        boot: usize,
        pcr: u8,
        banks: &[(usize, HashAlg)],
    ) -> Tried<Vec<Vec<Digest>>> {
        let (mut of_boot, mut of_phases) = (Vec::new(), Vec::new());
        for (_, alg) in banks {
            let firmware = Logs { userspace: None, ..*told }.value(*alg, pcr);
            let mut steps = self.guesses.userspace(boot, *alg, pcr);
            steps.truncate(self.extends.div_euclid(4));
            of_boot.push(self.run_through(firmware, &steps)?);
            let phases: Vec<Digest> = match pcr {
                PHASES_PCR => PHASES.iter().map(|phase| alg.hash(&[phase.as_bytes()])).collect(),
                _ => Vec::new(),
            };
            of_phases.push(self.run_through(firmware, &phases)?);
        }
        let as_told = banks.iter().filter_map(|(at, _)| self.story.get(*at).copied()).collect();
        let mut all: Vec<Vec<Digest>> = Vec::new();
        for row in across(&of_boot).chain(core::iter::once(as_told)).chain(across(&of_phases)) {
            if !all.contains(&row) {
                all.push(row);
            }
        }
        ControlFlow::Continue(all)
    }

    /// The value after each extend, and before the first.
    fn run_through(&mut self, from: Digest, steps: &[Digest]) -> Tried<Vec<Digest>> {
        let mut values = vec![from];
        for step in steps {
            let last = values.last().copied().unwrap_or(from);
            values.push(self.run(last, core::iter::once(step.as_bytes()))?);
        }
        ControlFlow::Continue(values)
    }
}

/// The values of all banks after the same number of extends, after all of them first; none beyond what each bank's digests are known of.
fn across(banks: &[Vec<Digest>]) -> impl Iterator<Item = Vec<Digest>> + '_ {
    let shortest = banks.iter().map(Vec::len).min().unwrap_or(0);
    (0..shortest).rev().map(|at| banks.iter().filter_map(|values| values.get(at).copied()).collect())
}

/// Every choice of a value for each register, the first of each first.
struct Rows<'r> {
    registers: &'r [Register],
    next: Option<Vec<usize>>,
}

impl<'r> Rows<'r> {
    fn of(registers: &'r [Register]) -> Self {
        Self { registers, next: (!registers.is_empty()).then(|| vec![0; registers.len()]) }
    }
}

impl Iterator for Rows<'_> {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let row = self.next.take()?;
        let mut next = row.clone();
        // As a number with a digit for each register.
        for (digit, register) in next.iter_mut().zip(self.registers) {
            *digit = digit.saturating_add(1);
            if *digit < register.values.len() {
                self.next = Some(next);
                break;
            }
            *digit = 0;
        }
        Some(row)
    }
}
