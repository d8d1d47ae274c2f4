//! [`Golden`] → TOML as people review it: one line a slot, in a fixed order, so that a line-by-line comparison shows what changed.

use core::fmt::Write;

use super::{Evidence, FORMAT, Golden, Order, Sequence, Slot, Superseded, ValueRule, Variant};
use crate::digest::Digest;

impl Golden {
    /// The document as text. [`Golden::parse`] of it gives the same document.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        self.head(&mut out);
        for rule in self.rules().into_values() {
            write_rule(&mut out, rule);
        }
        for signer in &self.overlay_signers {
            out.push_str("\n[[overlay_signer]]\n");
            line(&mut out, "name", &quoted(&signer.name));
            line(&mut out, "key", &quoted(&signer.to_base64()));
        }
        for sequence in &self.sequences {
            out.push_str("\n[[sequence]]\n");
            let evidence = Some(sequence.evidence);
            write_sequence(&mut out, sequence, evidence);
        }
        for variant in &self.variants {
            write_variant(&mut out, variant);
        }
        for old in &self.superseded {
            write_superseded(&mut out, old);
        }
        if let Some(ima) = &self.ima {
            ima.write(&mut out);
        }
        for token in &self.tokens {
            out.push_str("\n[[token]]\n");
            token.write(&mut out);
        }
        out
    }

    fn head(&self, out: &mut String) {
        out.push_str(
            "# What a good device of this family boots. `attest golden show` explains it in words.\n",
        );
        line(out, "format", &quoted(FORMAT));
        line(out, "family", &quoted(&self.family));
        if let Some(text) = &self.description {
            line(out, "description", &quoted(text));
        }
        let banks: Vec<String> = self.banks.iter().map(|bank| quoted(bank.name())).collect();
        line(out, "banks", &format!("[{}]", banks.join(", ")));
        let judged: Vec<String> = self.judged.iter().map(ToString::to_string).collect();
        line(out, "judged", &format!("[{}]", judged.join(", ")));
        for not in &self.not_judged {
            out.push_str("\n[[not_judged]]\n");
            line(out, "pcr", &not.pcr.to_string());
            line(out, "reason", &quoted(&not.reason));
        }
        for accepted in &self.accepted {
            out.push_str("\n[[accepted]]\n");
            line(out, "weakness", &quoted(&accepted.weakness));
            line(out, "reason", &quoted(&accepted.reason));
        }
        for workaround in &self.workarounds {
            out.push_str("\n[[workaround]]\n");
            line(out, "quirk", &quoted(workaround.quirk.name()));
            line(out, "reason", &quoted(&workaround.reason));
        }
    }
}

fn write_rule(out: &mut String, rule: &ValueRule) {
    out.push_str("\n[[rule]]\n");
    line(out, "name", &quoted(&rule.name));
    line(out, "kind", &quoted(rule.kind().name()));
    out.push_str("values = [\n");
    for value in rule.terms.values() {
        line(out, "", &format!("  {},", quoted(&value)));
    }
    out.push_str("]\n");
}

/// A table holds one digest of a bank; further ones of the same bank stand in tables of their own.
fn write_superseded(out: &mut String, old: &Superseded) {
    let mut left: Vec<&Digest> = old.digests.iter().collect();
    while !left.is_empty() {
        out.push_str("\n[[superseded]]\n");
        line(out, "component", &quoted(&old.component));
        let (mut banks, mut rest) = (Vec::new(), Vec::new());
        for digest in left {
            if banks.contains(&digest.alg()) {
                rest.push(digest);
            } else {
                banks.push(digest.alg());
                line(out, digest.alg().name(), &quoted(&digest.to_string()));
            }
        }
        line(out, "reason", &quoted(&old.reason));
        left = rest;
    }
}

fn write_variant(out: &mut String, variant: &Variant) {
    out.push_str("\n[[variant]]\n");
    line(out, "name", &quoted(&variant.name));
    line(out, "evidence", &quoted(variant.evidence.name()));
    if let Some(base) = &variant.based_on {
        line(out, "based_on", &quoted(base));
    }
    if !variant.replace.is_empty() {
        out.push_str("replace = [\n");
        for replacement in &variant.replace {
            let with = inline_slot(&replacement.with);
            line(
                out,
                "",
                &format!("  {{ pcr = {}, slot = {}, with = {with} }},", replacement.pcr, replacement.slot),
            );
        }
        out.push_str("]\n");
    }
    for sequence in &variant.sequences {
        out.push_str("\n[[variant.sequence]]\n");
        write_sequence(out, sequence, None);
    }
}

fn write_sequence(out: &mut String, sequence: &Sequence, evidence: Option<Evidence>) {
    line(out, "pcr", &sequence.pcr.to_string());
    if let Some(evidence) = evidence {
        line(out, "name", &quoted(&sequence.name));
        line(out, "evidence", &quoted(evidence.name()));
    }
    if sequence.startup_locality != 0 {
        line(out, "startup_locality", &sequence.startup_locality.to_string());
    }
    if sequence.order == Order::FreeBeforeSeparator {
        line(out, "order", "\"free_before_separator\"");
    }
    if let Some(image) = &sequence.measured_by {
        line(out, "measured_by", &quoted(image));
    }
    if sequence.slots.is_empty() {
        line(out, "slots", "[]");
        return;
    }
    out.push_str("slots = [\n");
    for slot in &sequence.slots {
        line(out, "", &format!("  {},", inline_slot(slot)));
    }
    out.push_str("]\n");
}

fn inline_slot(slot: &Slot) -> String {
    let mut fields = vec![format!("component = {}", quoted(&slot.component))];
    fields.extend(slot.rule.as_ref().map(|rule| format!("rule = {}", quoted(rule.name()))));
    fields.extend(slot.digests.iter().map(digest_field));
    if !slot.about.is_empty() {
        fields.push(format!("about = {}", quoted(&slot.about)));
    }
    format!("{{ {} }}", fields.join(", "))
}

fn digest_field(digest: &Digest) -> String {
    format!("{} = \"{digest}\"", digest.alg())
}

/// A TOML basic string; the library knows what must be escaped.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub(super) fn line(out: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = if key.is_empty() { writeln!(out, "{value}") } else { writeln!(out, "{key} = {value}") };
}
