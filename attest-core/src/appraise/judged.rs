//! Which registers are judged, and by which banks.

use super::boot::Judge;
use super::difference::{Difference, Kind};
use super::finding::{Code, Part, Reason, Severity};
use super::sequence::Basis;
use super::words;
use crate::evidence::Extend;

/// One judged PCR, ready for comparison.
pub(super) struct Judged<'e, 'a> {
    pub(super) pcr: u8,
    /// By the banks that must all agree: quoted, golden and explained by the log. Never none.
    pub(super) by: Basis,
    pub(super) events: Vec<Extend<'e, 'a>>,
    /// Whether the log leads to the quoted value. If not, nothing here is judged: what the log says only explains.
    pub(super) proven: bool,
}

impl<'e, 'a> Judge<'_, 'e, 'a> {
    /// Decides in which banks a PCR is judged. `None`, with a refusing reason, if in none.
    pub(super) fn bank(&mut self, pcr: u8) -> Option<Judged<'e, 'a>> {
        let golden = self.references.golden();
        let evidence = self.evidence;
        let quoted = || {
            let outcomes = evidence.outcomes().iter().filter(|(_, p, _)| *p == pcr);
            outcomes.map(|(alg, _, outcome)| (alg, outcome))
        };
        let strong = || quoted().filter(|(alg, _)| alg.strength() > 0);
        let refusal = if quoted().next().is_none() {
            Some((Code::PcrNotQuoted, words::pcr_not_quoted(pcr)))
        } else if strong().next().is_none() {
            Some((Code::WeakBank, words::weak_bank(pcr)))
        } else if !strong().any(|(alg, _)| golden.banks.contains(alg)) {
            Some((Code::BankNotGolden, words::bank_not_golden(pcr, &golden.banks)))
        } else {
            None
        };
        if let Some((code, explain)) = refusal {
            let reason =
                Reason { pcr: Some(pcr.into()), ..Reason::new(code, Severity::Refuse, Part::Boot, explain) };
            self.boot.reasons.push(reason);
            return None;
        }
        // A register's story may go on in the IMA list, but no golden sequence has such extends.
        if self.evidence.ima().is_some_and(|ima| ima.is_in(pcr)) {
            let explain = words::extended_by_ima(pcr);
            let reason = Reason::new(Code::EventUnexpected, Severity::Refuse, Part::Boot, explain);
            let component = "userspace.ima".to_owned();
            let difference = Difference::new(Kind::Extra, pcr.into(), component.clone());
            self.boot.differences.push(difference);
            self.boot.reasons.push(Reason { pcr: Some(pcr.into()), component: Some(component), ..reason });
            return None;
        }
        let mut banks = Vec::new();
        for (alg, outcome) in strong().filter(|(alg, _)| golden.banks.contains(alg)) {
            // What is not explained refuses on its own, under the code of its outcome (see `unexplained`).
            if !outcome.is_explained() {
                return None;
            }
            banks.push(*alg);
        }
        let decides = banks.iter().copied().max_by_key(|alg| alg.strength())?;
        self.boot.judged.push((pcr, decides));
        let events = self.evidence.all_extends(pcr);
        let by = Basis::new(banks, &events, self.references.index().has_values(pcr));
        Some(Judged { pcr, by, events, proven: true })
    }
}
