//! Boot integrity: each judged PCR's whole extend sequence equals a golden one, and one variant explains the boot's PCRs together.

use core::cell::OnceCell;
use std::collections::BTreeSet;

use super::difference::{Difference, Hint, Kind, attribute};
use super::finding::{Cause, Code, Part, Reason, Severity};
use super::found::Found;
use super::sequence::{self, Edit};
use super::words;
use crate::authenticate::{AuthenticEvidence, Outcome};
use crate::digest::{Digest, HashAlg};
use crate::evidence::tcg_log::Event;
use crate::limits::Limits;
use crate::reference::golden::{Sequence, Slot, in_variant};
use crate::reference::index::SequenceId;
use crate::reference::{ReferenceSet, ResolvedVariant, component};

/// What the comparison with the golden sequences gave.
#[derive(Debug, Default)]
pub(super) struct Boot {
    pub(super) reasons: Vec<Reason>,
    pub(super) differences: Vec<Difference>,
    /// The variant that explains the boot, or comes nearest.
    pub(super) variant: Option<String>,
    /// Whether that variant explains all of it.
    pub(super) explained: bool,
    pub(super) judged: Vec<(u8, HashAlg)>,
    /// Golden components, by their number in the index, with their PCRs, in the order of the document.
    pub(super) components: Vec<(u32, u8)>,
}

/// One judged PCR, ready for comparison.
pub(super) struct Judged<'e, 'a> {
    pub(super) pcr: u8,
    /// The banks that must all agree: quoted, golden and explained by the log. Never empty.
    pub(super) banks: Vec<HashAlg>,
    pub(super) events: Vec<&'e Event<'a>>,
}

/// Where an event without slot stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its slot is another one of the sequence, which is empty.
    Other,
    /// After everything golden.
    Tail,
    /// Before or between golden events.
    Within,
}

pub(super) struct Judge<'r, 'e, 'a> {
    evidence: &'e AuthenticEvidence<'a>,
    references: &'r ReferenceSet,
    /// Made when the first difference has to be named: a good boot needs none.
    names: OnceCell<Vec<String>>,
    /// Judged PCRs whose golden sequence has no superseded digest.
    current: BTreeSet<u8>,
    /// Components that are in `boot`.
    named: BTreeSet<u32>,
    boot: Boot,
}

/// Compares the evidence with the golden sequences of every judged PCR.
pub(super) fn judge(evidence: &AuthenticEvidence<'_>, references: &ReferenceSet) -> Boot {
    let mut judge = Judge {
        evidence,
        references,
        names: OnceCell::new(),
        current: BTreeSet::new(),
        named: BTreeSet::new(),
        boot: Boot::default(),
    };
    let golden = references.golden();
    let judged: Vec<Judged<'_, '_>> = golden.judged.iter().filter_map(|pcr| judge.bank(*pcr)).collect();
    let (grouped, alone): (Vec<_>, Vec<_>) = judged.into_iter().partition(|j| in_variant(j.pcr));
    for judged in &alone {
        judge.alternatives(judged);
    }
    judge.variants(&grouped);
    for judged in alone.iter().chain(&grouped) {
        judge.outdated(judged);
    }
    judge.unjudged();
    judge.finish()
}

impl<'r, 'e, 'a> Judge<'r, 'e, 'a> {
    /// Decides in which banks a PCR is judged. `None`, with a refusing reason, if in none.
    fn bank(&mut self, pcr: u8) -> Option<Judged<'e, 'a>> {
        let golden = self.references.golden();
        let quoted: Vec<(HashAlg, Outcome)> = self
            .evidence
            .outcomes()
            .iter()
            .filter(|(_, p, _)| *p == pcr)
            .map(|(alg, _, o)| (*alg, *o))
            .collect();
        let strong = || quoted.iter().filter(|(alg, _)| alg.strength() > 0);
        let refusal = if quoted.is_empty() {
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
            let difference = Difference {
                kind: Kind::Extra,
                pcr: pcr.into(),
                event: None,
                component: component.clone(),
                hint: Hint::None,
            };
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
        Some(Judged { pcr, banks, events: self.evidence.extends(pcr).collect() })
    }

    /// PCR 0–3, 6 and 7: one of the PCR's golden sequences must account for all of it.
    fn alternatives(&mut self, judged: &Judged<'e, 'a>) {
        let index = self.references.index();
        let locality = self.evidence.log().and_then(|log| log.startup_locality()).unwrap_or(0);
        let same_start = |s: &Sequence| s.pcr != 0 || s.startup_locality == locality;
        let fits = |id: &SequenceId| {
            index
                .sequence(*id)
                .is_some_and(|s| same_start(s) && sequence::matches(s, &judged.events, &judged.banks))
        };
        let fitting = self.value(judged).and_then(|value| index.alternatives(judged.pcr, &value).find(fits));
        if let Some(id) = fitting {
            self.account(judged.pcr, id);
            return;
        }
        let all = self.references.golden().sequences.iter().enumerate().filter(|(_, s)| s.pcr == judged.pcr);
        let compared = all.rev().take(Limits::DEFAULT.compared).collect::<Vec<_>>().into_iter().rev();
        let nearest = compared.min_by_key(|(_, s)| (self.distance(s, judged), !same_start(s)));
        let Some((at, nearest)) = nearest else { return };
        if let Some(id) = index.alternative(at) {
            self.remember(judged.pcr, id);
        }
        if !same_start(nearest) {
            let explain = words::startup_locality(nearest.startup_locality, locality);
            let reason = Reason::new(Code::StartupLocalityMismatch, Severity::Refuse, Part::Boot, explain);
            self.boot.reasons.push(Reason {
                pcr: Some(0),
                component: Some("firmware.startup_locality".into()),
                expected: vec![nearest.startup_locality.to_string()],
                got: Some(locality.to_string()),
                ..reason
            });
        }
        self.compare(nearest, judged);
    }

    pub(super) const fn references(&self) -> &'r ReferenceSet {
        self.references
    }

    /// The proven value of a judged PCR in the bank that decides.
    pub(super) fn value(&self, judged: &Judged<'e, 'a>) -> Option<Digest> {
        let decides = judged.banks.iter().copied().max_by_key(|alg| alg.strength())?;
        self.evidence.pcrs().get(decides, judged.pcr)
    }

    /// PCR 4, 5, 8, 9 and 11–15: one variant must account for all of them.
    fn variants(&mut self, judged: &[Judged<'e, 'a>]) {
        let variants = self.references.variants();
        if variants.is_empty() {
            let explain = "the golden document has no variant of a boot";
            self.boot.reasons.push(Reason::new(Code::GoldenMissing, Severity::Refuse, Part::Boot, explain));
            return;
        }
        let found = Found::new(self, judged);
        if let Some(variant) = found.explaining(variants) {
            variant.ids.iter().zip(&variant.sequences).for_each(|(id, s)| self.account(s.pcr, *id));
            self.boot.variant = Some(variant.name.clone());
            self.boot.explained = true;
            return;
        }
        if let Some(parts) = found.parts(variants) {
            let explain = words::variants_mixed(&parts);
            self.boot.reasons.push(Reason::new(Code::VariantsMixed, Severity::Refuse, Part::Boot, explain));
        }
        let distance = |variant: &&ResolvedVariant| -> usize {
            let of =
                |j: &Judged<'e, 'a>| golden_for(variant, j.pcr).map_or(usize::MAX, |s| self.distance(s, j));
            judged.iter().map(of).fold(0, usize::saturating_add)
        };
        let Some(nearest) = found.near(variants).min_by_key(distance) else { return };
        self.boot.variant = Some(nearest.name.clone());
        nearest.ids.iter().zip(&nearest.sequences).for_each(|(id, s)| self.remember(s.pcr, *id));
        for judged in judged {
            if let Some(golden) = golden_for(nearest, judged.pcr) {
                self.compare(golden, judged);
            }
        }
    }

    /// A superseded digest never accounts, not even where a variant that has it was left in the document.
    fn outdated(&mut self, judged: &Judged<'e, 'a>) {
        if self.current.contains(&judged.pcr) {
            return;
        }
        let Some(bank) = judged.banks.iter().copied().max_by_key(|alg| alg.strength()) else { return };
        for event in &judged.events {
            let Some(why) = superseded(self.references, event, &judged.banks) else { continue };
            let index = Some(event.index);
            if self.boot.reasons.iter().any(|r| r.code == Code::Superseded && r.event == index) {
                continue;
            }
            let name = self.name(event);
            let explain =
                words::difference(Code::Superseded, &name, judged.pcr, None, Some((event, bank)), Some(why));
            let (pcr, hint) = (judged.pcr.into(), Hint::Superseded);
            let component = name.clone();
            self.boot.differences.push(Difference {
                kind: Kind::Changed,
                pcr,
                event: index,
                component,
                hint,
            });
            self.boot.explained = false;
            self.boot.reasons.push(Reason {
                component: Some(name),
                bank: Some(bank.name()),
                pcr: Some(pcr),
                event: index,
                got: event.typed_digest(bank).map(|digest| digest.to_string()),
                ..Reason::new(Code::Superseded, Severity::Refuse, Part::Boot, explain)
            });
        }
    }

    /// The sequence accounts for the register.
    fn account(&mut self, pcr: u8, sequence: SequenceId) {
        if self.references.index().is_current(sequence) {
            self.current.insert(pcr);
        }
        self.remember(pcr, sequence);
    }

    fn remember(&mut self, pcr: u8, sequence: SequenceId) {
        if !self.references.golden().judged.contains(&pcr) {
            return;
        }
        for number in self.references.index().components(sequence) {
            if self.named.insert(*number) {
                self.boot.components.push((*number, pcr));
            }
        }
    }

    fn name(&self, event: &Event<'_>) -> String {
        let at = usize::try_from(event.index).unwrap_or(usize::MAX);
        let names = self.names.get_or_init(|| self.evidence.log().map(component::names).unwrap_or_default());
        names.get(at).cloned().unwrap_or_else(|| component::UNKNOWN.to_owned())
    }

    fn edits<'s>(&self, golden: &'s Sequence, judged: &Judged<'e, 'a>) -> Vec<Edit<'s, 'e, 'a>> {
        let events = sequence::accountable(golden, &judged.events, &judged.banks);
        sequence::align(&golden.slots, &events, &judged.banks, &|event| self.name(event))
    }

    /// How many slots and events do not fit.
    fn distance(&self, golden: &Sequence, judged: &Judged<'e, 'a>) -> usize {
        if sequence::matches(golden, &judged.events, &judged.banks) {
            return 0;
        }
        self.edits(golden, judged).iter().filter(|edit| !matches!(edit, Edit::Same)).count().max(1)
    }

    /// Reports every difference between a golden sequence and what was extended.
    fn compare(&mut self, golden: &Sequence, judged: &Judged<'e, 'a>) {
        if sequence::matches(golden, &judged.events, &judged.banks) {
            return;
        }
        let edits = self.edits(golden, judged);
        let last_golden = edits.iter().rposition(|edit| !matches!(edit, Edit::Extra(_)));
        let missing: Vec<&Slot> = edits
            .iter()
            .filter_map(|edit| if let Edit::Missing(slot) = edit { Some(*slot) } else { None })
            .collect();
        let differ = edits.iter().enumerate().filter(|(_, edit)| !matches!(edit, Edit::Same));
        let more = differ.clone().count().saturating_sub(Limits::DEFAULT.findings);
        for (at, edit) in differ.take(Limits::DEFAULT.findings) {
            let place = match edit {
                Edit::Extra(event)
                    if missing.iter().any(|s| sequence::slot_matches(s, event, &judged.banks)) =>
                {
                    Place::Other
                }
                _ if last_golden.is_none_or(|last| at > last) => Place::Tail,
                _ => Place::Within,
            };
            self.report(*edit, place, golden, judged);
        }
        if more > 0 {
            let explain = format!("PCR {} has {more} more differences, which are not listed", judged.pcr);
            let reason = Reason::new(Code::EventUnexpected, Severity::Refuse, Part::Boot, explain);
            self.boot.reasons.push(Reason { pcr: Some(judged.pcr.into()), ..reason });
        }
    }

    fn report(&mut self, edit: Edit<'_, 'e, 'a>, place: Place, golden: &Sequence, judged: &Judged<'e, 'a>) {
        let bank = judged.banks.iter().copied().max_by_key(|alg| alg.strength());
        let Some(bank) = bank else { return };
        let (slot, event) = match edit {
            Edit::Same => return,
            Edit::Changed(slot, event) => (Some(slot), Some(event)),
            Edit::Missing(slot) => (Some(slot), None),
            Edit::Extra(event) => (None, Some(event)),
        };
        let name = slot.map(|slot| slot.component.clone());
        let name = name.or_else(|| event.map(|event| self.name(event))).unwrap_or_default();
        let superseded = event.and_then(|event| superseded(self.references, event, &judged.banks));
        let code = match edit {
            _ if superseded.is_some() => Code::Superseded,
            Edit::Changed(..) => Code::GoldenMismatch,
            Edit::Missing(_) => Code::EventMissing,
            _ if place == Place::Other => Code::EventReordered,
            _ if golden
                .slots
                .iter()
                .any(|s| event.is_some_and(|e| sequence::slot_matches(s, e, &judged.banks))) =>
            {
                Code::EventRepeated
            }
            _ if place == Place::Tail => Code::EventAppended,
            _ => Code::EventUnexpected,
        };
        let hint = event.map_or(Hint::None, |event| words::hint(&name, event, bank, superseded.is_some()));
        let kind = match (slot, event) {
            (Some(_), Some(_)) => Kind::Changed,
            (Some(_), None) => Kind::Missing,
            _ => Kind::Extra,
        };
        let explain = words::difference(code, &name, judged.pcr, slot, event.map(|e| (e, bank)), superseded);
        let index = event.map(|event| event.index);
        self.boot.differences.push(Difference {
            kind,
            pcr: judged.pcr.into(),
            event: index,
            component: name.clone(),
            hint,
        });
        self.boot.reasons.push(Reason {
            component: Some(name),
            bank: Some(bank.name()),
            pcr: Some(judged.pcr.into()),
            event: index,
            expected: slot.and_then(|slot| slot.digest(bank)).map(ToString::to_string).into_iter().collect(),
            got: event.and_then(|event| event.typed_digest(bank)).map(|digest| digest.to_string()),
            ..Reason::new(code, Severity::Refuse, Part::Boot, explain)
        });
    }

    /// PCRs that have events, are quoted, and that the document does not judge.
    fn unjudged(&mut self) {
        let golden = self.references.golden();
        for pcr in (0..=15).filter(|pcr| *pcr != 10 && !golden.judged.contains(pcr)) {
            let mut events = self.evidence.extends(pcr);
            let count = events.clone().count();
            let quoted = self.evidence.outcomes().iter().any(|(_, p, _)| *p == pcr);
            let (Some(first), true) = (events.next(), quoted) else { continue };
            let explain = words::pcr_not_judged(pcr, count, &self.name(first));
            let reason = Reason::new(Code::PcrNotJudged, Severity::Info, Part::Boot, explain);
            self.boot.reasons.push(Reason { pcr: Some(pcr.into()), event: Some(first.index), ..reason });
        }
    }

    /// Gives every reason that is a difference the cause it is attributed to.
    fn finish(mut self) -> Boot {
        let causes = attribute(&self.boot.differences);
        let of = |reason: &Reason| -> Option<Cause> {
            let matches = |d: &Difference| {
                Some(d.pcr) == reason.pcr
                    && d.event == reason.event
                    && Some(&d.component) == reason.component.as_ref()
            };
            let at = self.boot.differences.iter().position(matches)?;
            causes.get(at).copied()
        };
        let found: Vec<Option<Cause>> = self.boot.reasons.iter().map(of).collect();
        for (reason, cause) in self.boot.reasons.iter_mut().zip(found) {
            reason.cause = cause;
        }
        self.boot
    }
}

fn golden_for(variant: &ResolvedVariant, pcr: u8) -> Option<&Sequence> {
    variant.sequences.iter().find(|s| s.pcr == pcr).map(|s| &**s)
}

/// Why a digest that was good once no longer is; `None` for any other digest.
fn superseded<'r>(references: &'r ReferenceSet, event: &Event<'_>, banks: &[HashAlg]) -> Option<&'r str> {
    let known = |bank: &HashAlg| references.index().superseded(&event.typed_digest(*bank)?);
    let at = banks.iter().filter_map(known).min()?;
    references.golden().superseded.get(at).map(|old| old.reason.as_str())
}
