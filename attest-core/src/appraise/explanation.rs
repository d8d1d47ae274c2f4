//! What known thing would lead a PCR to its quoted value, where the log does not: a bounded search over few questions, each with a name.
//!
//! The answer is for people. It can be wrong, as any explanation can, and no severity depends on it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::finding::Explanation;
use crate::alignment::{self, Digests};
use crate::authenticate::AuthenticEvidence;
use crate::authenticate::replay::reset_value;
use crate::digest::{Digest, HashAlg};
use crate::evidence::Extend;
use crate::evidence::userspace_log::PHASES;
use crate::limits::Limits;
use crate::reference::ReferenceSet;
use crate::reference::component;
use crate::reference::golden::Sequence;

/// What the firmware measures in place of the separator when it fails (PC Client PFP, EV_SEPARATOR): the value 1.
pub(super) const ERROR_SEPARATOR: [u8; 4] = [1, 0, 0, 0];

/// What was found, in a word and in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) what: Explanation,
    pub(super) words: String,
    /// Whether it starts from the log's own events, not from golden ones.
    pub(super) by_log: bool,
    /// The first event of the log that is told wrongly, if it is known.
    pub(super) event: Option<u32>,
}

/// A row of extends that is known: the log's, or a golden one.
struct Base<'b> {
    name: String,
    by_log: bool,
    localities: Vec<u8>,
    steps: Vec<(&'b [u8], String)>,
}

pub(super) struct Search<'b> {
    evidence: &'b AuthenticEvidence<'b>,
    references: &'b ReferenceSet,
    names: Vec<String>,
    /// Every digest that is known in a bank, with its name.
    known: BTreeMap<HashAlg, Rc<BTreeMap<Digest, String>>>,
    /// Extends that may still be tried.
    budget: usize,
}

impl<'b> Search<'b> {
    pub(super) fn new(
        evidence: &'b AuthenticEvidence<'b>,
        references: &'b ReferenceSet,
        budget: usize,
    ) -> Self {
        let names = evidence.log().map(component::names).unwrap_or_default();
        Self { evidence, references, names, known: BTreeMap::new(), budget }
    }

    /// What leads this PCR to its quoted value in this bank.
    pub(super) fn explain(&mut self, alg: HashAlg, pcr: u8) -> Option<Lead> {
        let quoted = self.evidence.pcrs().get(alg, pcr)?;
        if let Some(golden) = self.references.index().leading_to(pcr, &quoted) {
            let (how, event) = self.told_wrongly(alg, pcr, golden);
            let words = format!("its value is a golden one: this part of the boot was good, and {how}");
            return Some(Lead { what: Explanation::Golden, words, by_log: false, event });
        }
        if self.budget == 0 {
            return None;
        }
        let golden = self.golden(alg, pcr);
        let log = self.log(alg, pcr);
        let known = match self.known.get(&alg) {
            Some(known) => Rc::clone(known),
            None => Rc::new(self.all_known(alg)),
        };
        self.known.insert(alg, Rc::clone(&known));
        let near = log.iter().chain(&golden).find_map(|base| self.near(base, alg, pcr, quoted, &known));
        near.or_else(|| self.not_told(log.as_ref()?, &golden, alg, pcr, quoted))
    }

    /// Where the log leaves the golden sequence that leads to the quoted value, in words, and at which of its events.
    fn told_wrongly(&self, alg: HashAlg, pcr: u8, golden: &Sequence) -> (String, Option<u32>) {
        let events: Vec<Extend<'_, '_>> = self.evidence.extends(pcr).collect();
        let told: Vec<&[u8]> = events.iter().filter_map(|event| event.digest(alg)).collect();
        let slots: Vec<&[u8]> =
            golden.slots.iter().filter_map(|slot| slot.digest(alg)).map(Digest::as_bytes).collect();
        let left = golden.slots.get(told.len()..).unwrap_or_default();
        let of_userspace = component::of_userspace(&golden.slots).len();
        if slots.starts_with(&told) && (1..=of_userspace).contains(&left.len()) {
            let log = match self.evidence.userspace() {
                None => ", which was not given, has",
                Some(_) => " leaves out",
            };
            let first = left.first().map(|slot| slot.component.as_str()).unwrap_or_default();
            let more = format!("{} extend{}", left.len(), if left.len() == 1 { "" } else { "s" });
            return (format!("the log of user space{log} {more}, from {first} on"), None);
        }
        if told.is_empty() || told.len() != events.len() {
            return ("is told wrong or not at all".to_owned(), None);
        }
        let same = told.iter().zip(&slots).take_while(|(told, golden)| told == golden).count();
        let told_after = |from: usize| told.get(from..).unwrap_or_default();
        let slots_after = |from: usize| slots.get(from..).unwrap_or_default();
        let place = |at: usize| match events.get(at) {
            Some(Extend::Firmware(event)) => Some(event.index),
            Some(Extend::Userspace(_)) | None => None,
        };
        let before = match place(same) {
            Some(event) => format!("before event {event}"),
            None => "at its end".to_owned(),
        };
        let slot = golden.slots.get(same).map(|slot| slot.component.as_str()).unwrap_or_default();
        let next = same.saturating_add(1);
        let words = if told == slots {
            "the log tells another startup locality".to_owned()
        } else if told_after(same) == slots_after(next) {
            format!("the log leaves out {slot}, {before}")
        } else if told_after(next) == slots_after(same) {
            let event = place(same).map(|event| format!(" {event}")).unwrap_or_default();
            format!("the log tells an event{event} that was not extended")
        } else if told_after(next) == slots_after(next) {
            let event = place(same).map(|event| format!(", in event {event}")).unwrap_or_default();
            format!("the log tells {slot} wrongly{event}")
        } else {
            format!("is told wrongly from {slot} on, {before}")
        };
        (words, place(same))
    }

    fn log(&self, alg: HashAlg, pcr: u8) -> Option<Base<'b>> {
        let name = |extend: Extend<'_, '_>| match extend {
            Extend::Firmware(event) => {
                let name = usize::try_from(event.index).ok().and_then(|at| self.names.get(at)).cloned();
                format!("{} (event {})", name.unwrap_or_default(), event.index)
            }
            Extend::Userspace(record) => {
                format!("{} (record {})", component::of_record(record), record.index)
            }
        };
        let events = self.evidence.extends(pcr);
        let steps = events.map(|event| Some((event.digest(alg)?, name(event))));
        let steps: Vec<_> = steps.collect::<Option<_>>()?;
        let told = self.evidence.log().and_then(|log| log.startup_locality()).unwrap_or(0);
        let base = Base { name: "the log".into(), by_log: true, localities: localities(pcr, told), steps };
        Some(base).filter(|base| !base.steps.is_empty())
    }

    fn golden(&self, alg: HashAlg, pcr: u8) -> Vec<Base<'b>> {
        let base = |kind: &str, name: &str, sequence: &'b Sequence| {
            let step = |slot: &'b crate::reference::golden::Slot| {
                Some((slot.digest(alg)?.as_bytes(), slot.component.clone()))
            };
            let steps: Vec<_> = sequence.slots.iter().map(step).collect::<Option<_>>()?;
            let localities = localities(pcr, sequence.startup_locality);
            Some(Base { name: format!("{kind} `{name}`"), by_log: false, localities, steps })
        };
        let last = self.references.index().of_register(pcr).take(Limits::DEFAULT.compared);
        let named =
            |variant: Option<u32>| self.references.variant(variant?).map(|variant| variant.name.as_str());
        let based = |(sequence, variant): (&'b Sequence, Option<u32>)| match named(variant) {
            Some(name) => base("variant", name, sequence),
            None => base("boot", &sequence.name, sequence),
        };
        last.filter_map(based).collect()
    }

    /// Every digest of this bank that is known, with its name: golden ones first, then those of the log.
    fn all_known(&self, alg: HashAlg) -> BTreeMap<Digest, String> {
        let golden = self.references.golden();
        let most = Limits::DEFAULT.compared;
        let sequences = (0..16).flat_map(|pcr| self.references.index().of_register(pcr).take(most));
        let slots = sequences.flat_map(|(sequence, _)| &sequence.slots);
        let slots = slots.filter_map(|slot| Some((*slot.digest(alg)?, slot.component.clone())));
        let old = golden.superseded.iter().rev().take(Limits::DEFAULT.findings);
        let old = old.flat_map(|old| old.digests.iter().map(move |digest| (old, digest)));
        let old = old.filter(|(_, digest)| digest.alg() == alg);
        let old = old.map(|(old, digest)| (*digest, format!("the superseded {}", old.component)));
        let events = self.evidence.log().map(|log| log.events()).unwrap_or_default().iter().zip(&self.names);
        let events = events.filter_map(|(event, name)| Some((event.typed_digest(alg)?, name.clone())));
        let zero = (alg.hash(&[&[0; 4]]), component::SEPARATOR.to_owned());
        let mut known = BTreeMap::new();
        for (digest, name) in slots.chain(old).chain(events).chain([zero]) {
            known.entry(digest).or_insert(name);
        }
        known
    }

    /// Extends one after the other, while the budget lasts.
    fn run<'d>(&mut self, start: Digest, steps: impl Iterator<Item = &'d [u8]>) -> Option<Digest> {
        let mut value = start;
        for step in steps {
            self.budget = self.budget.checked_sub(1)?;
            value = value.extended(step);
        }
        Some(value)
    }

    /// What of the base has to differ so that it leads to the quoted value.
    fn near(
        &mut self,
        base: &Base<'_>,
        alg: HashAlg,
        pcr: u8,
        quoted: Digest,
        known: &BTreeMap<Digest, String>,
    ) -> Option<Lead> {
        let found = |what, words: String| Some(Lead { what, words, by_log: base.by_log, event: None });
        let of = &base.name;
        for locality in base.localities.iter().skip(1) {
            let start = reset_value(alg, pcr.into(), Some(*locality));
            if self.run(start, base.steps.iter().map(|step| step.0))? == quoted {
                let words =
                    format!("the events of {of} lead there if the TPM was started from locality {locality}");
                return found(Explanation::StartupLocality, words);
            }
        }
        let start = reset_value(alg, pcr.into(), base.localities.first().copied());
        let mut values = vec![start];
        for (step, _) in &base.steps {
            let last = values.last().copied().unwrap_or(start);
            values.push(self.run(last, [*step].into_iter())?);
        }
        if let Some(at) = values.iter().position(|value| *value == quoted) {
            let next = base.steps.get(at).map(|step| step.1.as_str()).unwrap_or_default();
            let words =
                format!("{of} leads there with its first {at} of {} events, before {next}", base.steps.len());
            return found(Explanation::StoppedEarly, words);
        }
        let last = values.last().copied().unwrap_or(start);
        if let Some(phase) = self.phases(alg, pcr, last, quoted) {
            let words = format!(
                "{of} leads there with the phases that systemd measures, up to `{phase}`: their log was not given"
            );
            return found(Explanation::UserspacePhases, words);
        }
        for (digest, name) in known {
            if self.run(last, [digest.as_bytes()].into_iter())? == quoted {
                let words = format!(
                    "{of} leads there with one extend more at its end, which has the digest of {name}"
                );
                return found(Explanation::EventAppended, words);
            }
        }
        self.one_event(base, alg, &values, quoted)
    }

    /// The last phase, if the phases up to it lead to the quoted value.
    fn phases(&mut self, alg: HashAlg, pcr: u8, from: Digest, quoted: Digest) -> Option<&'static str> {
        let mut value = from;
        for phase in PHASES.iter().filter(|_| pcr == 11) {
            value = self.run(value, [alg.hash(&[phase.as_bytes()]).as_bytes()].into_iter())?;
            if value == quoted {
                return Some(phase);
            }
        }
        None
    }

    /// One event less, one twice, or the separator of an error. `values` are those after each event, and before the first.
    fn one_event(
        &mut self,
        base: &Base<'_>,
        alg: HashAlg,
        values: &[Digest],
        quoted: Digest,
    ) -> Option<Lead> {
        let separators = [alg.hash(&[&[0; 4]]), alg.hash(&[&[0xff; 4]])];
        let error = alg.hash(&[&ERROR_SEPARATOR]);
        let of = &base.name;
        let found = |what, words: String| Some(Lead { what, words, by_log: base.by_log, event: None });
        for (at, ((step, name), before)) in base.steps.iter().zip(values).enumerate() {
            let rest = || base.steps.iter().skip(at.saturating_add(1)).map(|step| step.0);
            if self.run(*before, rest())? == quoted {
                return found(Explanation::EventMissing, format!("{of} leads there without {name}"));
            }
            let after = values.get(at.saturating_add(1)).copied().unwrap_or(*before);
            if self.run(after, [*step].into_iter().chain(rest()))? == quoted {
                return found(Explanation::EventRepeated, format!("{of} leads there with {name} twice"));
            }
            let is_separator = separators.iter().any(|separator| separator.as_bytes() == *step);
            if is_separator && self.run(*before, [error.as_bytes()].into_iter().chain(rest()))? == quoted {
                let words =
                    format!("{of} leads there if the firmware ended it with the separator of an error");
                return found(Explanation::ErrorSeparator, words);
            }
        }
        None
    }

    /// One event more between those of the log: a golden one that the log leaves out, where it would stand.
    fn not_told(
        &mut self,
        log: &Base<'_>,
        golden: &[Base<'_>],
        alg: HashAlg,
        pcr: u8,
        quoted: Digest,
    ) -> Option<Lead> {
        let told: Vec<&[u8]> = log.steps.iter().map(|step| step.0).collect();
        let start = reset_value(alg, pcr.into(), log.localities.first().copied());
        let mut values = vec![start];
        for step in &told {
            let last = values.last().copied().unwrap_or(start);
            values.push(self.run(last, [*step].into_iter())?);
        }
        for base in golden {
            let steps: Vec<&[u8]> = base.steps.iter().map(|step| step.0).collect();
            let sides = Digests { left: &told, right: &steps };
            self.budget = self.budget.checked_sub(sides.extends_worth())?;
            for (place, slot) in alignment::left_out(&sides) {
                let (Some((digest, name)), Some(before)) = (base.steps.get(slot), values.get(place)) else {
                    continue;
                };
                let rest = told.get(place..).unwrap_or_default();
                if self.run(*before, [*digest].into_iter().chain(rest.iter().copied()))? == quoted {
                    let next = log.steps.get(place).map_or("its end", |step| step.1.as_str());
                    let words = format!(
                        "the log leads there with one event more, {name} of {}, before {next}",
                        base.name
                    );
                    let what = Explanation::EventNotTold;
                    return Some(Lead { what, words, by_log: true, event: None });
                }
            }
        }
        None
    }
}

/// The startup localities to try: the one that is told first (PC Client PFP, EV_NO_ACTION StartupLocality: 0, 3 or 4).
fn localities(pcr: u8, told: u8) -> Vec<u8> {
    let mut all = vec![told];
    if pcr == 0 {
        all.extend([0, 3, 4].into_iter().filter(|locality| *locality != told));
    }
    all
}
