//! Boot integrity: each judged PCR's whole extend sequence equals a golden one, and one variant explains the boot's PCRs together.

use core::cell::OnceCell;
use std::collections::BTreeSet;

use super::comparison::{self, Comparison};
use super::difference::{Difference, Hint, Kind};
use super::elsewhere::Elsewhere;
use super::finding::{Code, Part, Reason, Severity};
use super::found::Found;
use super::judged::Judged;
use super::sequence::{self, Basis};
use super::unexplained::Diagnosis;
use super::words;
use crate::authenticate::AuthenticEvidence;
use crate::digest::{Digest, HashAlg};
use crate::evidence::{Extend, Told};
use crate::limits::Limits;
use crate::reference::golden::{Sequence, in_variant};
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
    /// The PCRs that differ, side by side.
    pub(super) comparison: Vec<Comparison>,
    /// Rows that the comparison may still have.
    pub(super) rows_left: usize,
}

pub(super) struct Judge<'r, 'e, 'a> {
    pub(super) evidence: &'e AuthenticEvidence<'a>,
    pub(super) references: &'r ReferenceSet,
    /// Made when the first difference has to be named: a good boot needs none.
    names: OnceCell<Vec<String>>,
    /// Likewise.
    elsewhere: OnceCell<Elsewhere>,
    /// Judged PCRs whose golden sequence has no superseded digest.
    current: BTreeSet<u8>,
    /// Whether a component is in `boot`, by its number.
    named: Vec<bool>,
    pub(super) boot: Boot,
}

/// Compares the evidence with the golden sequences of every judged PCR. PCRs that are not explained have refused already; what the log
/// says of them is compared for the causes alone.
pub(super) fn judge(
    evidence: &AuthenticEvidence<'_>,
    references: &ReferenceSet,
    diagnoses: &[Diagnosis],
) -> Boot {
    let mut judge = Judge {
        evidence,
        references,
        names: OnceCell::new(),
        elsewhere: OnceCell::new(),
        current: BTreeSet::new(),
        named: vec![false; references.index().component_count()],
        boot: Boot { rows_left: comparison::budget(), ..Boot::default() },
    };
    let golden = references.golden();
    let mut alone = Vec::with_capacity(golden.judged.len());
    let mut grouped = Vec::with_capacity(golden.judged.len());
    for judged in golden.judged.iter().filter_map(|pcr| judge.bank(*pcr)) {
        if in_variant(judged.pcr) { &mut grouped } else { &mut alone }.push(judged);
    }
    for judged in &alone {
        judge.alternatives(judged);
    }
    judge.variants(&grouped);
    for judged in alone.iter().chain(&grouped) {
        judge.outdated(judged);
    }
    judge.unjudged();
    for diagnosis in diagnoses {
        judge.told(diagnosis);
    }
    judge.finish()
}

impl<'r, 'e, 'a> Judge<'r, 'e, 'a> {
    /// PCR 0–3, 6 and 7: one of the PCR's golden sequences must account for all of it.
    fn alternatives(&mut self, judged: &Judged<'e, 'a>) {
        let index = self.references.index();
        let locality = self.evidence.log().and_then(|log| log.startup_locality()).unwrap_or(0);
        let same_start = |s: &Sequence| s.pcr != 0 || s.startup_locality == locality;
        let fits = |id: &SequenceId| {
            index
                .sequence(*id)
                .is_some_and(|s| same_start(s) && sequence::matches(s, &judged.events, &judged.by))
        };
        let fitting = self.value(judged).and_then(|value| index.alternatives(judged.pcr, &value).find(fits));
        if let Some(id) = fitting {
            self.account(judged.pcr, id);
            self.varied(id, judged);
            return;
        }
        let all: Vec<_> =
            self.references.sequences().enumerate().filter(|(_, s)| s.pcr == judged.pcr).collect();
        let compared =
            all.into_iter().rev().take(Limits::DEFAULT.compared).collect::<Vec<_>>().into_iter().rev();
        let distance = |s: &Sequence| sequence::distance(s, &judged.events, &judged.by);
        let nearest = compared.min_by_key(|(_, s)| (distance(s), !same_start(s)));
        let Some((at, nearest)) = nearest else { return };
        if let Some(id) = index.alternative(at) {
            self.remember(judged.pcr, id);
        }
        if !same_start(nearest) {
            let explain = words::startup_locality(nearest.startup_locality, locality);
            let reason = Reason::new(Code::StartupLocalityMismatch, Severity::Refuse, Part::Boot, explain);
            let component = "firmware.startup_locality".to_owned();
            self.boot.differences.push(Difference::new(Kind::Changed, 0, component));
            self.boot.reasons.push(Reason {
                pcr: Some(0),
                component: Some("firmware.startup_locality".into()),
                expected: vec![nearest.startup_locality.to_string()],
                got: Some(locality.to_string()),
                ..reason
            });
        }
        self.compare(nearest, &nearest.name, judged);
    }

    /// Says which slots a rule accounts for where the value is not the one that was learned.
    fn varied(&mut self, id: SequenceId, judged: &Judged<'e, 'a>) {
        let index = self.references.index();
        let Some(golden) = index.sequence(id).filter(|golden| !golden.is_exact()) else { return };
        let events = sequence::accountable(golden, &judged.events, &judged.by);
        for slot in &golden.slots {
            let Some(rule) = slot.rule.as_ref().filter(|rule| rule.values().is_some()) else { continue };
            let accounts = |event: &Extend<'_, '_>| sequence::slot_matches(slot, *event, &judged.by);
            let Some(event) = events.iter().copied().find(accounts) else { continue };
            if !judged.by.is_varied(slot, event) {
                continue;
            }
            let explain = words::varied_by_rule(&slot.component, rule);
            self.boot.reasons.push(Reason {
                component: Some(slot.component.clone()),
                pcr: Some(judged.pcr.into()),
                event: Some(event.index()),
                ..Reason::new(Code::VariedByRule, Severity::Info, Part::Boot, explain)
            });
        }
    }

    pub(super) const fn references(&self) -> &'r ReferenceSet {
        self.references
    }

    /// The proven value of a judged PCR in the bank that decides.
    pub(super) fn value(&self, judged: &Judged<'e, 'a>) -> Option<Digest> {
        let decides = judged.by.strongest()?;
        self.evidence.pcrs().get(decides, judged.pcr)
    }

    /// PCR 4, 5, 8, 9 and 11–15: one variant must account for all of them.
    fn variants(&mut self, judged: &[Judged<'e, 'a>]) {
        if self.references.variants().len() == 0 {
            let explain = "the golden document has no variant of a boot";
            self.boot.reasons.push(Reason::new(Code::GoldenMissing, Severity::Refuse, Part::Boot, explain));
            return;
        }
        let found = Found::new(self, judged);
        if let Some(variant) = found.explaining() {
            for (id, golden) in variant.ids.iter().zip(&variant.sequences) {
                self.account(golden.pcr, *id);
                if let Some(judged) = judged.iter().find(|judged| judged.pcr == golden.pcr) {
                    self.varied(*id, judged);
                }
            }
            self.boot.variant = Some(variant.name.clone());
            self.boot.explained = true;
            return;
        }
        if let Some(parts) = found.parts() {
            let explain = words::variants_mixed(&parts);
            self.boot.reasons.push(Reason::new(Code::VariantsMixed, Severity::Refuse, Part::Boot, explain));
        }
        let nearest = found.near().min_by_key(|variant| distance(variant, judged));
        let Some(nearest) = nearest else { return };
        self.boot.variant = Some(nearest.name.clone());
        nearest.ids.iter().zip(&nearest.sequences).for_each(|(id, s)| self.remember(s.pcr, *id));
        for judged in judged {
            if let Some(golden) = golden_for(nearest, judged.pcr) {
                self.compare(golden, &nearest.name, judged);
            }
        }
    }

    /// What the log says of a PCR that it does not explain. Nobody proves it, so it judges nothing: it names causes that would otherwise
    /// hide behind the register's own.
    fn told(&mut self, diagnosis: &Diagnosis) {
        let golden = self.references.golden();
        if !diagnosis.log_tells_more || !golden.judged.contains(&diagnosis.pcr) {
            return;
        }
        let events = self.evidence.all_extends(diagnosis.pcr);
        let asks = self.references.index().has_values(diagnosis.pcr);
        let by = Basis::new(vec![diagnosis.bank], &events, asks);
        let judged = Judged { pcr: diagnosis.pcr, by, events, proven: false };
        let most = Limits::DEFAULT.compared;
        let (sequence, name) = if in_variant(judged.pcr) {
            let known = self.boot.variant.as_ref().and_then(|name| self.references.variant_named(name));
            let last = self.references.variants().rev().take(most);
            let nearest = || last.min_by_key(|variant| distance(variant, core::slice::from_ref(&judged)));
            let Some(variant) = known.or_else(nearest) else { return };
            (golden_for(variant, judged.pcr), variant.name.as_str())
        } else {
            let last = self.references.index().of_register(judged.pcr).map(|(s, _)| s).take(most);
            let nearest = last.min_by_key(|s| sequence::distance(s, &judged.events, &judged.by));
            (nearest, nearest.map_or("", |s| s.name.as_str()))
        };
        if let Some(sequence) = sequence {
            self.compare(sequence, name, &judged);
        }
    }

    /// A superseded digest never accounts, not even where a variant that has it was left in the document.
    fn outdated(&mut self, judged: &Judged<'e, 'a>) {
        if self.current.contains(&judged.pcr) {
            return;
        }
        let Some(bank) = judged.by.strongest() else { return };
        for event in judged.events.iter().copied() {
            let Some(why) = superseded(self.references, event, &judged.by.banks) else { continue };
            let (index, log) = (Some(event.index()), log_of(event));
            if self.boot.reasons.iter().any(|r| (r.code, r.event, r.log) == (Code::Superseded, index, log)) {
                continue;
            }
            let name = self.name(event);
            let explain =
                words::difference(Code::Superseded, &name, judged.pcr, None, Some((event, bank)), Some(why));
            let pcr = judged.pcr.into();
            self.boot.differences.push(Difference {
                event: index,
                log,
                hint: Hint::Superseded,
                ..Difference::new(Kind::Changed, pcr, name.clone())
            });
            self.boot.explained = false;
            self.boot.reasons.push(Reason {
                component: Some(name),
                bank: Some(bank.name()),
                pcr: Some(pcr),
                event: index,
                log,
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
            let named = usize::try_from(*number).ok().and_then(|at| self.named.get_mut(at));
            if named.is_some_and(|named| !core::mem::replace(named, true)) {
                self.boot.components.push((*number, pcr));
            }
        }
    }

    /// Where else a digest is golden.
    pub(super) fn elsewhere(&self, digest: &Digest) -> Option<&str> {
        self.elsewhere.get_or_init(|| Elsewhere::of(self.references)).place(digest)
    }

    pub(super) fn name(&self, extend: Extend<'_, '_>) -> String {
        let event = match extend {
            Extend::Firmware(event) => event,
            Extend::Userspace(record) => return component::of_record(record).to_owned(),
        };
        let at = usize::try_from(event.index).unwrap_or(usize::MAX);
        let names = self.names.get_or_init(|| self.evidence.log().map(component::names).unwrap_or_default());
        names.get(at).cloned().unwrap_or_else(|| component::UNKNOWN.to_owned())
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
            let (event, log) = (Some(first.index()), log_of(first));
            self.boot.reasons.push(Reason { pcr: Some(pcr.into()), event, log, ..reason });
        }
    }
}

/// In reasons an event of the firmware's log needs no word about its log.
pub(super) const fn log_of(extend: Extend<'_, '_>) -> Option<&'static str> {
    match extend.told() {
        Told::ByFirmware => None,
        Told::ByUserspace => Some("userspace"),
    }
}

fn golden_for(variant: &ResolvedVariant, pcr: u8) -> Option<&Sequence> {
    variant.sequences.iter().find(|s| s.pcr == pcr).map(|s| &**s)
}

fn distance<'e, 'a>(variant: &ResolvedVariant, judged: &[Judged<'e, 'a>]) -> usize {
    let of = |j: &Judged<'e, 'a>| {
        golden_for(variant, j.pcr).map_or(usize::MAX, |s| sequence::distance(s, &j.events, &j.by))
    };
    judged.iter().map(of).fold(0, usize::saturating_add)
}

/// Why a digest that was good once no longer is; `None` for any other digest.
pub(super) fn superseded<'r>(
    references: &'r ReferenceSet,
    event: Extend<'_, '_>,
    banks: &[HashAlg],
) -> Option<&'r str> {
    let digests = banks.iter().filter_map(|bank| event.typed_digest(*bank));
    references.superseded(digests).map(|old| old.reason.as_str())
}
