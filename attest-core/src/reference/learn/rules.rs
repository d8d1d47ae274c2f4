//! Rules for a draft: what a person asked for by kind, with the values of all boots taken together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Boot, Choices, Error};
use crate::digest::HashAlg;
use crate::evidence::Extend;
use crate::evidence::tcg_event::{
    CertificateName, Database, SbatLevel, Signature, SignatureKind, Signatures, Unread, Variable, Whole,
};
use crate::evidence::tcg_log::Event;
use crate::reference::golden::{
    Golden, Listed, Rule, RuleKind, Sequence, Slot, Terms, ValueRule, may_be_per_device,
};

/// The rules of a draft.
pub(super) struct Rules<'c> {
    per_device: &'c [String],
    rules: Vec<Arc<ValueRule>>,
}

impl<'c> Rules<'c> {
    /// The chosen kinds with values under which every boot passes: revocations and SBAT generations that all have, signatures that some
    /// have, and a rule for each distinct partition table, boot option and set of boot options.
    pub(super) fn new(
        boots: &[Boot<'_, '_>],
        names: &[Vec<String>],
        banks: &[HashAlg],
        choices: &'c Choices,
    ) -> Result<Self, Error> {
        if let Some(component) = choices.per_device.iter().find(|name| !may_be_per_device(name)) {
            return Err(Error::NotPerDevice { component: component.clone() });
        }
        let mut rules: Vec<Arc<ValueRule>> = Vec::new();
        for kind in &choices.rules {
            let mut found: Vec<(Whole, &Event<'_>)> = Vec::new();
            for (boot, names) in boots.iter().zip(names) {
                for event in owned(*kind, boot, names) {
                    found.extend(Whole::read(event, banks).ok().map(|value| (value, event)));
                }
            }
            let before = rules.len();
            // Where nothing is listed, nothing is asked for, and no document says so.
            for terms in terms(*kind, &found).into_iter().filter(|terms| !terms.values().is_empty()) {
                let name = unique(&rules, kind.name());
                rules.push(Arc::new(ValueRule { name, terms }));
            }
            if rules.len() == before {
                return Err(Error::RuleFitsNothing { rule: kind.name() });
            }
        }
        Ok(Self { per_device: &choices.per_device, rules })
    }

    /// The rule of an event's slot. A value that no rule can read stays exact.
    pub(super) fn of(&self, event: Extend<'_, '_>, name: &str, banks: &[HashAlg]) -> Option<Rule> {
        if name == Rule::EXIT_BOOT_SERVICES {
            return Some(Rule::ExitBootServicesRepeat);
        }
        if self.per_device.iter().any(|component| component == name) {
            return Some(Rule::PerDevice);
        }
        let owns = |rule: &&Arc<ValueRule>| rule.kind().owner().1 == name;
        let mut candidates = self.rules.iter().filter(owns).peekable();
        candidates.peek()?;
        let Extend::Firmware(event) = event else { return None };
        let value = Whole::read(event, banks).ok()?;
        candidates.find(|rule| rule.terms.accepts(&value)).map(|rule| Rule::Values(Arc::clone(rule)))
    }
}

/// A second slot of one sequence with the same rule stays exact: a rule owns one slot.
pub(super) fn once(mut slots: Vec<Slot>) -> Vec<Slot> {
    let mut seen = BTreeSet::new();
    for slot in &mut slots {
        let name = slot.rule.as_ref().and_then(Rule::values).map(|rule| rule.name.clone());
        if name.is_some_and(|name| !seen.insert(name)) {
            slot.rule = None;
        }
    }
    slots
}

fn unique(rules: &[Arc<ValueRule>], kind: &str) -> String {
    let mut name = kind.to_owned();
    let mut number = 1_u32;
    while rules.iter().any(|rule| rule.name == name) {
        number = number.saturating_add(1);
        name = format!("{kind}_{number}");
    }
    name
}

/// The events of a boot whose slots a rule of this kind may own.
fn owned<'b, 'a>(
    kind: RuleKind,
    boot: &Boot<'b, 'a>,
    names: &'b [String],
) -> impl Iterator<Item = &'b Event<'a>> + use<'b, 'a> {
    let (pcr, component) = kind.owner();
    let is = move |(event, name): &(&Event<'a>, &String)| {
        event.is_extended() && event.pcr == u32::from(pcr) && *name == component
    };
    boot.log.events().iter().zip(names).filter(is).map(|(event, _)| event)
}

fn terms(kind: RuleKind, found: &[(Whole, &Event<'_>)]) -> Vec<Terms> {
    let values = || found.iter().map(|(value, _)| value);
    match kind {
        RuleKind::AtMost(database) => {
            let all = databases(values(), database);
            let listed: BTreeSet<&Signature> = all.iter().flat_map(|s| &s.all).collect();
            let terms = Terms::AtMost(database, described(listed, found));
            if all.is_empty() { Vec::new() } else { vec![terms] }
        }
        RuleKind::DbxAtLeast => {
            let all = databases(values(), Database::Dbx);
            let Some((first, rest)) = all.split_first() else { return Vec::new() };
            let in_all = |signature: &&Signature| rest.iter().all(|other| other.all.contains(*signature));
            let lowest = first.versions.iter().filter_map(|(application, version)| {
                let others = rest.iter().map(|other| other.versions.get(application));
                let lowest = others.chain([Some(version)]).collect::<Option<Vec<_>>>()?.into_iter().min()?;
                Some((*application, *lowest))
            });
            let listed = described(first.all.iter().filter(in_all).collect(), found);
            vec![Terms::DbxAtLeast(listed, lowest.collect())]
        }
        RuleKind::SbatAtLeast => {
            let all =
                values().filter_map(|v| if let Whole::SbatLevel(level) = v { Some(level) } else { None });
            oldest(all).map(Terms::SbatAtLeast).into_iter().collect()
        }
        RuleKind::BootEntry | RuleKind::BootOrder | RuleKind::PartitionTable => {
            let mut distinct: Vec<Terms> = Vec::new();
            for value in values() {
                let terms = exact(value);
                distinct.extend(terms.filter(|terms| !distinct.contains(terms)));
            }
            distinct
        }
    }
}

fn databases<'v>(values: impl Iterator<Item = &'v Whole>, database: Database) -> Vec<&'v Signatures> {
    let of = |value: &'v Whole| match value {
        Whole::Signatures(known, signatures) if *known == database => Some(signatures),
        _ => None,
    };
    values.filter_map(of).collect()
}

fn oldest<'v>(mut levels: impl Iterator<Item = &'v SbatLevel>) -> Option<SbatLevel> {
    let mut oldest = levels.next()?.clone();
    for level in levels {
        oldest.date = oldest.date.min(level.date);
        oldest.generations.retain(|component, _| level.generations.contains_key(component));
        for (component, generation) in &mut oldest.generations {
            *generation =
                level.generations.get(component).map_or(*generation, |other| *other.min(generation));
        }
    }
    Some(oldest)
}

/// The value itself, without what its rule leaves free.
fn exact(value: &Whole) -> Option<Terms> {
    match value {
        Whole::BootEntry { name, option } => {
            Some(Terms::BootEntry { name: name.clone(), option: option.clone() })
        }
        Whole::BootOrder { order, named } => {
            Some(Terms::BootOrder { numbers: order.iter().copied().collect(), named: *named })
        }
        Whole::PartitionTable(partitions) => Some(Terms::PartitionTable(partitions.clone())),
        Whole::SbatLevel(_) | Whole::Signatures(..) => None,
    }
}

/// Certificates by name, for the reviewer.
fn described(signatures: BTreeSet<&Signature>, found: &[(Whole, &Event<'_>)]) -> Listed {
    let mut names: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for variable in found.iter().filter_map(|(_, event)| Variable::parse(event.data)) {
        for list in variable.signature_lists().filter(|list| list.kind == SignatureKind::X509) {
            for (_, certificate) in list.signatures() {
                let name = CertificateName(certificate).to_string();
                let digest = HashAlg::Sha256.hash(&[certificate]).as_bytes().to_vec();
                names.insert(digest, name.trim_matches('"').to_owned());
            }
        }
    }
    let about = |signature: &Signature| match signature {
        Signature::Certificate(digest) => names.get(digest.as_slice()).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    signatures.into_iter().map(|signature| (signature.clone(), about(signature))).collect()
}

/// Where good boots differ, and what would account for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The PCR.
    pub pcr: u8,
    /// The component.
    pub component: String,
    /// How many distinct values the boots have there.
    pub values: usize,
    /// What fits.
    pub advice: Advice,
}

/// What would account for a difference between good boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// No rule may: each value stays a golden value of its own, or the boots are not of one family.
    Alternatives,
    /// An overlay for each device: `--per-device`.
    PerDevice,
    /// A rule of this kind: `--rule`.
    Rule(RuleKind),
}

/// Compares the boots slot by slot, where their sequences have the same components, and says what would account for the differences that
/// the draft does not account for yet.
#[must_use]
pub fn proposals(boots: &[Boot<'_, '_>], golden: &Golden) -> Vec<Proposal> {
    let names: Vec<Vec<String>> = boots.iter().map(|b| crate::reference::component::names(b.log)).collect();
    let mut found: Vec<Proposal> = Vec::new();
    for pcr in golden.judged.iter().copied() {
        let of = |(boot, names): (&Boot<'_, '_>, &Vec<String>)| {
            super::sequence(pcr, boot, names, &golden.banks, None)
        };
        let sequences: Vec<Sequence> = boots.iter().zip(&names).map(of).collect();
        let Some((first, rest)) = sequences.split_first() else { continue };
        let shape = |s: &Sequence| s.slots.iter().map(|slot| slot.component.clone()).collect::<Vec<_>>();
        if rest.iter().any(|other| shape(other) != shape(first)) {
            continue;
        }
        for at in 0..first.slots.len() {
            let slots: Vec<&Slot> = sequences.iter().filter_map(|s| s.slots.get(at)).collect();
            let values: BTreeSet<_> = slots.iter().map(|slot| &slot.digests).collect();
            let Some(slot) = slots.first().filter(|_| values.len() > 1) else { continue };
            if found.iter().any(|p| p.pcr == pcr && p.component == slot.component)
                || is_owned(golden, pcr, slot)
            {
                continue;
            }
            let advice = advice(pcr, &slot.component, boots, &names, &golden.banks);
            found.push(Proposal { pcr, component: slot.component.clone(), values: values.len(), advice });
        }
    }
    found
}

fn is_owned(golden: &Golden, pcr: u8, slot: &Slot) -> bool {
    let grouped = golden.variants.iter().flat_map(|v| &v.sequences);
    let slots = golden.sequences.iter().chain(grouped).filter(|s| s.pcr == pcr).flat_map(|s| &s.slots);
    slots.filter(|known| known.component == slot.component).any(|known| known.rule.is_some())
}

fn advice(
    pcr: u8,
    component: &str,
    boots: &[Boot<'_, '_>],
    names: &[Vec<String>],
    banks: &[HashAlg],
) -> Advice {
    for kind in RuleKind::ALL.into_iter().filter(|kind| kind.owner() == (pcr, component)) {
        let of = |(boot, names): (&Boot<'_, '_>, &Vec<String>)| -> Result<Vec<Option<Terms>>, Unread> {
            owned(kind, boot, names).map(|event| Ok(exact(&Whole::read(event, banks)?))).collect()
        };
        let read: Result<Vec<_>, _> = boots.iter().zip(names).map(of).collect();
        // Once what the rule leaves free is left out, the boots agree; lists always can be put together.
        if read.is_ok_and(|read| read.windows(2).all(|pair| pair.first() == pair.last())) {
            return Advice::Rule(kind);
        }
    }
    let is_machines_own = matches!(
        component,
        "boot.entry"
            | "boot.order"
            | "boot.partition_table"
            | "hardware.tables"
            | "hardware.nonhost"
            | "firmware.settings"
            | "grub.command"
            | "grub.config"
            | "grub.kernel_cmdline"
            | "kernel.cmdline"
            | "initrd"
            | "initrd.loaded"
            | "mok.list"
            | "uki.parameters"
    );
    if is_machines_own && may_be_per_device(component) { Advice::PerDevice } else { Advice::Alternatives }
}
