//! TOML → [`Golden`]: unknown fields are refused, and so is whatever does not fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::Error;
use super::raw::{
    RawDigests, RawGolden, RawOverlaySigner, RawRule, RawSequence, RawSlot, RawSuperseded, RawVariant,
    RawWorkaround,
};
use super::{
    Accepted, Evidence, FORMAT, Golden, ImaGolden, NotJudged, Order, Quirk, Replacement, Rule, RuleKind,
    Sequence, Slot, Superseded, Terms, TokenGolden, ValueRule, Variant, Workaround, in_variant,
    may_be_judged,
};
use crate::digest::{Digest, HashAlg};
use crate::limits::Limits;
use crate::reference::overlay::OverlaySigner;

impl RawDigests {
    /// The digests that are written, each of the right length.
    fn parse(&self, place: &str) -> Result<Vec<Digest>, Error> {
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

impl Golden {
    /// Reads a document and checks that it fits together.
    ///
    /// # Errors
    /// [`Error`], naming the place.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.golden_bytes {
            return Err(Error::TooLarge { got: text.len(), limit: limits.golden_bytes });
        }
        Self::from_raw(toml::from_str(text).map_err(|e| Error::Syntax { detail: e.to_string() })?)
    }

    /// The same for a document that came in another encoding than text.
    pub(crate) fn from_table(table: toml::Table) -> Result<Self, Error> {
        Self::from_raw(
            table.try_into().map_err(|e: toml::de::Error| Error::Syntax { detail: e.to_string() })?,
        )
    }

    fn from_raw(raw: RawGolden) -> Result<Self, Error> {
        if raw.format != FORMAT {
            return Err(Error::Format { got: raw.format });
        }
        let banks = banks(&raw.banks, raw.judged.is_empty() && !raw.token.is_empty())?;
        let judged = judged(raw.judged)?;
        let known = Known { banks: &banks, rules: rules(&raw.rule)? };
        let sequences =
            raw.sequence.into_iter().map(|s| alternative(s, &known)).collect::<Result<Vec<_>, _>>()?;
        let variants = raw.variant.into_iter().map(|v| variant(v, &known)).collect::<Result<Vec<_>, _>>()?;
        let golden = Self {
            family: raw.family,
            description: raw.description,
            banks,
            judged,
            not_judged: raw
                .not_judged
                .into_iter()
                .map(|n| NotJudged { pcr: n.pcr, reason: n.reason })
                .collect(),
            accepted: raw
                .accepted
                .into_iter()
                .map(|a| Accepted { weakness: a.weakness, reason: a.reason })
                .collect(),
            workarounds: raw.workaround.into_iter().map(workaround).collect::<Result<_, _>>()?,
            sequences,
            variants,
            superseded: raw.superseded.into_iter().map(superseded).collect::<Result<_, _>>()?,
            ima: raw.ima.map(ImaGolden::from_raw).transpose()?,
            overlay_signers: raw.overlay_signer.iter().map(signer).collect::<Result<_, _>>()?,
            tokens: raw.token.into_iter().map(TokenGolden::parse).collect::<Result<_, _>>()?,
        };
        golden.check_rules_used(&raw.rule)?;
        golden.validate()?;
        Ok(golden)
    }

    /// What a single section cannot see: names are unique, every judged PCR has a sequence, and PCR 8–15 say who measured them.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.family.is_empty() {
            let place = "family".into();
            return Err(Error::Value { place, got: String::new(), expected: "a family's name" });
        }
        unique("tokens", self.tokens.iter().map(|token| token.name.clone()))?;
        unique("tokens' profiles", self.tokens.iter().map(|t| t.profile.clone().unwrap_or_default()))?;
        self.tokens.iter().try_for_each(TokenGolden::validate)?;
        unique("variants", self.variants.iter().map(|v| v.name.clone()))?;
        unique("sequences", self.sequences.iter().map(|s| format!("PCR {} {}", s.pcr, s.name)))?;
        unique("overlay_signers", self.overlay_signers.iter().map(|s| s.id().to_owned()))?;
        for sequence in &self.sequences {
            sequence.check_rules(&format!("PCR {} `{}`", sequence.pcr, sequence.name))?;
        }
        unique("not_judged", self.not_judged.iter().map(|n| n.pcr.to_string()))?;
        if let Some(both) = self.not_judged.iter().find(|n| self.judged.contains(&n.pcr)) {
            return Err(Error::Pcr {
                place: "not_judged".into(),
                pcr: both.pcr,
                detail: "is also in `judged`",
            });
        }
        for pcr in self.judged.iter().copied().filter(|pcr| !in_variant(*pcr)) {
            if !self.sequences.iter().any(|s| s.pcr == pcr) {
                return Err(Error::NoSequence { place: "sequences".into(), pcr });
            }
        }
        for variant in &self.variants {
            let resolved = self.resolve(variant)?;
            for sequence in &resolved {
                sequence.check_rules(&format!("variant `{}` PCR {}", variant.name, sequence.pcr))?;
            }
            for pcr in self.judged.iter().copied().filter(|pcr| in_variant(*pcr)) {
                let place = format!("variant `{}`", variant.name);
                let sequence = resolved.iter().find(|s| s.pcr == pcr);
                let sequence = sequence.ok_or_else(|| Error::NoSequence { place: place.clone(), pcr })?;
                if pcr >= 8
                    && !sequence.slots.is_empty()
                    && !self.measured_by_golden_image(sequence, &resolved)
                {
                    return Err(Error::MeasuredByMissing { place, pcr });
                }
            }
        }
        Ok(())
    }

    fn measured_by_golden_image(&self, sequence: &Sequence, variant: &[Sequence]) -> bool {
        let Some(image) = &sequence.measured_by else { return false };
        let pcr4 = variant.iter().find(|s| s.pcr == 4);
        self.judged.contains(&4) && pcr4.is_some_and(|s| s.slots.iter().any(|slot| slot.component == *image))
    }

    /// A variant's sequences with `based_on` and `replace` carried out, ascending by PCR.
    pub(crate) fn resolve(&self, variant: &Variant) -> Result<Vec<Sequence>, Error> {
        let Some(base_name) = &variant.based_on else { return Ok(variant.sequences.clone()) };
        let base = self.variants.iter().find(|v| v.name == *base_name && v.based_on.is_none());
        let base = base.ok_or_else(|| Error::BaseUnknown {
            variant: variant.name.clone(),
            based_on: base_name.clone(),
        })?;
        let inherited =
            base.sequences.iter().filter(|s| variant.sequences.iter().all(|own| own.pcr != s.pcr));
        let mut resolved: Vec<Sequence> = variant.sequences.iter().chain(inherited).cloned().collect();
        resolved.sort_by_key(|s| s.pcr);
        for replacement in &variant.replace {
            apply(replacement, &mut resolved).map_err(|detail| Error::Replacement {
                variant: variant.name.clone(),
                pcr: replacement.pcr,
                slot: replacement.slot,
                detail,
            })?;
        }
        for sequence in &mut resolved {
            sequence.evidence = variant.evidence;
        }
        Ok(resolved)
    }
}

fn apply(replacement: &Replacement, sequences: &mut [Sequence]) -> Result<(), String> {
    let sequence =
        sequences.iter_mut().find(|s| s.pcr == replacement.pcr).ok_or("the base has no such PCR")?;
    let slot = sequence.slots.get_mut(replacement.slot).ok_or("the base has no such slot")?;
    if slot.component != replacement.with.component {
        return Err(format!("the base has `{}` there, not `{}`", slot.component, replacement.with.component));
    }
    *slot = replacement.with.clone();
    Ok(())
}

pub(super) fn unique(place: &str, names: impl Iterator<Item = String>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(Error::Duplicate { place: place.into(), what: name });
        }
    }
    Ok(())
}

/// A family whose devices send tokens alone has no bank.
fn banks(names: &[String], tokens_alone: bool) -> Result<Vec<HashAlg>, Error> {
    let mut banks = Vec::new();
    for name in names {
        let alg = HashAlg::from_name(name)
            .ok_or_else(|| Error::Banks { detail: format!("`{name}` is not a bank") })?;
        if alg.strength() == 0 {
            return Err(Error::Banks { detail: format!("`{name}` is too weak to judge by") });
        }
        if banks.contains(&alg) {
            return Err(Error::Duplicate { place: "banks".into(), what: name.clone() });
        }
        banks.push(alg);
    }
    if banks.is_empty() && !tokens_alone {
        return Err(Error::Banks { detail: "at least one bank must judge".into() });
    }
    banks.sort_by_key(|alg| alg.strength());
    Ok(banks)
}

fn judged(mut pcrs: Vec<u8>) -> Result<Vec<u8>, Error> {
    let place = || "judged".to_owned();
    if let Some(&pcr) = pcrs.iter().find(|pcr| !may_be_judged(**pcr)) {
        let detail =
            "cannot be judged: 10 is IMA's (see [ima]), 16 and above can be reset or are not the firmware's";
        return Err(Error::Pcr { place: place(), pcr, detail });
    }
    unique("judged", pcrs.iter().map(ToString::to_string))?;
    pcrs.sort_unstable();
    Ok(pcrs)
}

fn alternative(raw: RawSequence, known: &Known<'_>) -> Result<Sequence, Error> {
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

fn variant(raw: RawVariant, known: &Known<'_>) -> Result<Variant, Error> {
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
struct Known<'d> {
    banks: &'d [HashAlg],
    rules: BTreeMap<String, Rule>,
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

fn rules(raw: &[RawRule]) -> Result<BTreeMap<String, Rule>, Error> {
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

fn signer(raw: &RawOverlaySigner) -> Result<OverlaySigner, Error> {
    OverlaySigner::from_base64(&raw.name, &raw.key).ok_or_else(|| Error::SignerKey { name: raw.name.clone() })
}

impl Golden {
    /// The rules with values that its slots name, by name.
    #[must_use]
    pub fn rules(&self) -> BTreeMap<&str, &ValueRule> {
        let variants = self.variants.iter().flat_map(|v| &v.sequences);
        let slots = self.sequences.iter().chain(variants).flat_map(|s| &s.slots);
        let replaced = self.variants.iter().flat_map(|v| &v.replace).map(|r| &r.with);
        let values = slots.chain(replaced).filter_map(|slot| slot.rule.as_ref()?.values());
        values.map(|rule| (rule.name.as_str(), rule)).collect()
    }

    /// A rule that no slot names is a mistake: somebody believes that it judges.
    fn check_rules_used(&self, raw: &[RawRule]) -> Result<(), Error> {
        let used = self.rules();
        match raw.iter().find(|rule| !used.contains_key(rule.name.as_str())) {
            None => Ok(()),
            Some(RawRule { name, .. }) => {
                Err(Error::Rule { place: "rules".into(), rule: name.clone(), detail: "is named by no slot" })
            }
        }
    }
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

fn workaround(raw: RawWorkaround) -> Result<Workaround, Error> {
    let quirk = Quirk::from_name(&raw.quirk).ok_or(Error::Value {
        place: "workaround".into(),
        got: raw.quirk,
        expected: "sha1_bank_mismatch, separator_missing, separator_duplicate",
    })?;
    Ok(Workaround { quirk, reason: raw.reason })
}

fn superseded(raw: RawSuperseded) -> Result<Superseded, Error> {
    let place = format!("superseded `{}`", raw.component);
    let written =
        RawDigests { sha256: raw.sha256, sha384: raw.sha384, sha512: raw.sha512, sm3_256: raw.sm3_256 };
    let digests = written.parse(&place)?;
    if digests.is_empty() {
        return Err(Error::Digest { place, bank: "any".into(), detail: "missing" });
    }
    Ok(Superseded { component: raw.component, digests, reason: raw.reason })
}
