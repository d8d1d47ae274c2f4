//! TOML → [`Golden`]: unknown fields are refused, and so is whatever does not fit together.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Error;
use super::inherit::Heir;
use super::items;
use super::raw::{RawDigests, RawGolden, RawOverlaySigner, RawRule, RawSuperseded, RawWorkaround};
use super::{
    Accepted, FORMAT, Golden, ImaGolden, NotJudged, Quirk, Sequence, Superseded, TokenGolden, ValueRule,
    Workaround, in_variant, may_be_judged,
};
use crate::digest::HashAlg;
use crate::evidence::text::{Text, shortened};
use crate::limits::Limits;
use crate::reference::overlay::OverlaySigner;
use crate::toml_error::described;

mod sequences;

use sequences::{Known, alternative, rules, variant};

impl Golden {
    /// Reads a document and checks that it fits together.
    ///
    /// # Errors
    /// [`Error`], naming the place.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.golden_bytes {
            return Err(Error::TooLarge { got: text.len(), limit: limits.golden_bytes });
        }
        if text.trim().is_empty() {
            let detail =
                format!("the document is empty; expected a golden document, with `format = \"{FORMAT}\"`");
            return Err(Error::Syntax { detail });
        }
        items::check(text, limits)?;
        Self::from_raw(toml::from_str(text).map_err(|e| Error::Syntax { detail: described(text, &e) })?)
    }

    /// The same for a document that came in another encoding than text.
    pub(crate) fn from_table(table: toml::Table) -> Result<Self, Error> {
        Self::from_raw(
            table.try_into().map_err(|e: toml::de::Error| Error::Syntax { detail: described("", &e) })?,
        )
    }

    fn from_raw(raw: RawGolden) -> Result<Self, Error> {
        if raw.format != FORMAT {
            return Err(Error::Format { got: shortened(Text(&raw.format), 80) });
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
        let place = |token: &TokenGolden| {
            format!("{} {:?}", token.profile.as_deref().unwrap_or_default(), token.submodule)
        };
        unique("tokens' profiles", self.tokens.iter().map(place))?;
        self.tokens.iter().try_for_each(TokenGolden::validate)?;
        unique("variants", self.variants.iter().map(|v| v.name.clone()))?;
        unique("sequences", self.sequences.iter().map(|s| format!("PCR {} {}", s.pcr, s.name)))?;
        unique("overlay_signers", self.overlay_signers.iter().map(|s| s.id().to_owned()))?;
        for sequence in &self.sequences {
            Sequence::check_rules_of(&sequence.slots, || {
                format!("PCR {} `{}`", sequence.pcr, sequence.name)
            })?;
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
        self.check_slots(Limits::DEFAULT.golden_slots)?;
        let roots = self.roots();
        for variant in &self.variants {
            let base = variant.based_on.as_deref().and_then(|name| roots.get(name).copied());
            let heir = Heir::of(variant, base)?;
            heir.check_rules()?;
            for pcr in self.judged.iter().copied().filter(|pcr| in_variant(*pcr)) {
                let place = format!("variant `{}`", variant.name);
                let sequence = heir.sequences.iter().find(|s| s.pcr == pcr);
                let sequence = sequence.ok_or_else(|| Error::NoSequence { place: place.clone(), pcr })?;
                if pcr >= 8
                    && !sequence.slots.is_empty()
                    && !self.measured_by_golden_image(sequence, &heir.sequences)
                {
                    return Err(Error::MeasuredByMissing { place, pcr });
                }
            }
        }
        Ok(())
    }

    fn measured_by_golden_image(&self, sequence: &Sequence, variant: &[&Sequence]) -> bool {
        let Some(image) = &sequence.measured_by else { return false };
        let pcr4 = variant.iter().find(|s| s.pcr == 4);
        self.judged.contains(&4) && pcr4.is_some_and(|s| s.slots.iter().any(|slot| slot.component == *image))
    }
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
