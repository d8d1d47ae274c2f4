//! Alternatives and variants: sequences of slots with their digests, and the rules that own a slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::error::Error;
use super::super::raw::{RawDigests, RawRule, RawSequence, RawSlot, RawVariant};
use super::super::{
    Evidence, Order, Replacement, Rule, RuleKind, Sequence, Slot, Terms, ValueRule, Variant, in_variant,
    may_be_judged,
};
use super::unique;
use crate::digest::{Digest, HashAlg};

impl RawDigests {
    /// The digests that are written, each of the right length.
    pub(super) fn parse(&self, place: &str) -> Result<Vec<Digest>, Error> {
        let written = [
            (HashAlg::Sm3_256, &self.sm3_256),
            (HashAlg::Sha256, &self.sha256),
            (HashAlg::Sha384, &self.sha384),
            (HashAlg::Sha512, &self.sha512),
        ];
        let mut digests = Vec::new();
        for (alg, text) in written {
            let Some(text) = text else { continue };
            let digest = Digest::from_hex(alg, text).ok_or_else(|| Error::Digest {
                place: place.into(),
                bank: alg.name().into(),
                detail: "not hexadecimal of the bank's length",
            })?;
            digests.push(digest);
        }
        Ok(digests)
    }
}

pub(super) fn alternative(raw: RawSequence, known: &Known<'_>) -> Result<Sequence, Error> {
    let place = format!("sequence PCR {}", raw.pcr);
    if in_variant(raw.pcr) || !may_be_judged(raw.pcr) {
        return Err(Error::Pcr {
            place,
            pcr: raw.pcr,
            detail: "belongs into a variant, or cannot be judged",
        });
    }
    let name = raw.name.clone().unwrap_or_default();
    let written = raw.evidence.clone().unwrap_or_default();
    let evidence = evidence(&written, &place)?;
    sequence(raw, name, evidence, &place, known)
}

pub(super) fn variant(raw: RawVariant, known: &Known<'_>) -> Result<Variant, Error> {
    let place = format!("variant `{}`", raw.name);
    let evidence = evidence(&raw.evidence, &place)?;
    let mut sequences = Vec::new();
    for s in raw.sequence {
        let place = format!("{place} PCR {}", s.pcr);
        if !in_variant(s.pcr) {
            return Err(Error::Pcr { place, pcr: s.pcr, detail: "does not belong into a variant" });
        }
        if s.name.is_some() || s.evidence.is_some() {
            let got = "name or evidence".into();
            return Err(Error::Value { place, got, expected: "the variant's own fields" });
        }
        sequences.push(sequence(s, String::new(), evidence, &place, known)?);
    }
    sequences.sort_by_key(|s: &Sequence| s.pcr);
    unique(&place, sequences.iter().map(|s| format!("PCR {}", s.pcr)))?;
    let replace = raw.replace.into_iter().map(|r| {
        let with = slot(r.with, r.pcr, &format!("{place} replace PCR {}", r.pcr), known)?;
        Ok(Replacement { pcr: r.pcr, slot: r.slot, with })
    });
    let replace = replace.collect::<Result<Vec<_>, Error>>()?;
    unique(&place, replace.iter().map(|r| format!("replace PCR {} slot {}", r.pcr, r.slot)))?;
    if raw.based_on.is_none() && !replace.is_empty() {
        return Err(Error::BaseUnknown { variant: raw.name, based_on: String::new() });
    }
    Ok(Variant { name: raw.name, evidence, based_on: raw.based_on, replace, sequences })
}

fn sequence(
    raw: RawSequence,
    name: String,
    evidence: Evidence,
    place: &str,
    known: &Known<'_>,
) -> Result<Sequence, Error> {
    let pcr = raw.pcr;
    if !matches!(raw.startup_locality, 0 | 3 | 4) || (pcr != 0 && raw.startup_locality != 0) {
        let got = raw.startup_locality.to_string();
        return Err(Error::Value {
            place: place.into(),
            got,
            expected: "startup_locality 0, 3 or 4, in PCR 0 alone",
        });
    }
    let order = match raw.order.as_deref() {
        None | Some("fixed") => Order::Fixed,
        Some("free_before_separator") => Order::FreeBeforeSeparator,
        Some(got) => {
            return Err(Error::Value {
                place: place.into(),
                got: got.into(),
                expected: "fixed, free_before_separator",
            });
        }
    };
    let slots = raw.slots.into_iter().enumerate();
    let slots = slots.map(|(i, s)| slot(s, pcr, &format!("{place} slot {i}"), known));
    let slots = slots.collect::<Result<Vec<_>, _>>()?;
    Ok(Sequence {
        pcr,
        name,
        evidence,
        startup_locality: raw.startup_locality,
        order,
        measured_by: raw.measured_by,
        slots,
    })
}

fn slot(raw: RawSlot, pcr: u8, place: &str, known: &Known<'_>) -> Result<Slot, Error> {
    if raw.component.is_empty() {
        return Err(Error::Value { place: place.into(), got: String::new(), expected: "a component's name" });
    }
    let written =
        RawDigests { sha256: raw.sha256, sha384: raw.sha384, sha512: raw.sha512, sm3_256: raw.sm3_256 };
    let digests = written.parse(place)?;
    if let Some(bank) = known.banks.iter().find(|bank| digests.iter().all(|d| d.alg() != **bank)) {
        let detail = "missing, although the document says that this bank judges";
        return Err(Error::Digest { place: place.into(), bank: bank.name().into(), detail });
    }
    if let Some(extra) = digests.iter().find(|d| !known.banks.contains(&d.alg())) {
        let detail = "not one of the document's banks";
        return Err(Error::Digest { place: place.into(), bank: extra.alg().name().into(), detail });
    }
    let rule = raw.rule.map(|name| known.rule(&name, pcr, &raw.component, place)).transpose()?;
    Ok(Slot { component: raw.component, digests, about: raw.about, rule })
}

/// What slots may name: the document's banks and its rules with values.
pub(super) struct Known<'d> {
    pub(super) banks: &'d [HashAlg],
    pub(super) rules: BTreeMap<String, Rule>,
}

impl Known<'_> {
    fn rule(&self, name: &str, pcr: u8, component: &str, place: &str) -> Result<Rule, Error> {
        let fail = |detail| Error::Rule { place: place.into(), rule: name.into(), detail };
        let built_in = BUILT_IN.into_iter().find(|rule| rule.name() == name);
        let rule = built_in.or_else(|| self.rules.get(name).cloned()).ok_or_else(|| fail("is not known"))?;
        rule.may_own(pcr, component).map_err(fail)?;
        Ok(rule)
    }
}

const BUILT_IN: [Rule; 2] = [Rule::ExitBootServicesRepeat, Rule::PerDevice];

pub(super) fn rules(raw: &[RawRule]) -> Result<BTreeMap<String, Rule>, Error> {
    let mut rules = BTreeMap::new();
    for RawRule { name, kind, values } in raw {
        let place = || "rules".to_owned();
        let kind = RuleKind::from_name(kind).ok_or_else(|| Error::Value {
            place: format!("rule `{name}`"),
            got: kind.clone(),
            expected: RuleKind::NAMES,
        })?;
        if name.is_empty() || BUILT_IN.iter().any(|rule| rule.name() == name) {
            return Err(Error::Rule { place: place(), rule: name.clone(), detail: "has a reserved name" });
        }
        let terms =
            Terms::read(kind, values).map_err(|value| Error::RuleValue { rule: name.clone(), value })?;
        let rule = Rule::Values(Arc::new(ValueRule { name: name.clone(), terms }));
        if rules.insert(name.clone(), rule).is_some() {
            return Err(Error::Duplicate { place: place(), what: name.clone() });
        }
    }
    Ok(rules)
}

fn evidence(name: &str, place: &str) -> Result<Evidence, Error> {
    Evidence::from_name(name).ok_or_else(|| Error::Value {
        place: place.into(),
        got: name.into(),
        expected: "evidence: quoted, log_only, predicted, reviewed",
    })
}

impl Evidence {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Quoted, "quoted"),
        (Self::LogOnly, "log_only"),
        (Self::Predicted, "predicted"),
        (Self::Reviewed, "reviewed"),
    ];

    /// Its name in the document.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(e, _)| *e == self).map_or("", |(_, name)| name)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(e, _)| *e)
    }
}
