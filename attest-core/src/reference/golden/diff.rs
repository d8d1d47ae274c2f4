//! What changed between two documents, as a reviewer reads it.

use std::collections::BTreeMap;

use super::{Golden, Sequence, Slot};

/// What happened to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Only the new document has it.
    Added,
    /// Both have it, differently.
    Changed,
    /// Only the old document has it.
    Removed,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// Where: `variant debian-12 PCR 8 slot 5 grub.command`.
    pub place: String,
    /// What stood there.
    pub old: Option<String>,
    /// What stands there now.
    pub new: Option<String>,
}

impl Golden {
    /// Everything in which `new` differs from this document, in the order of the
    /// documents, additions last. Nothing that is compared at appraisal is
    /// left out.
    #[must_use]
    pub fn diff(&self, new: &Self) -> Vec<Change> {
        let (before, after) = (self.flatten(), new.flatten());
        let old: BTreeMap<&str, &str> = before.iter().map(|(place, value)| (&**place, &**value)).collect();
        let new: BTreeMap<&str, &str> = after.iter().map(|(place, value)| (&**place, &**value)).collect();
        let only_new = after.iter().filter(|(place, _)| !old.contains_key(&**place));
        let change = |(place, _): &(String, String)| {
            let (old, new) = (old.get(&**place), new.get(&**place));
            let kind = match (old, new) {
                (Some(_), None) => ChangeKind::Removed,
                (None, Some(_)) => ChangeKind::Added,
                (Some(old), Some(new)) if old != new => ChangeKind::Changed,
                _ => return None,
            };
            let text = |value: Option<&&str>| value.map(|v| (*v).to_owned());
            Some(Change { kind, place: place.clone(), old: text(old), new: text(new) })
        };
        before.iter().chain(only_new).filter_map(change).collect()
    }

    fn flatten(&self) -> Vec<(String, String)> {
        let mut flat = Flat::default();
        flat.add("family".into(), self.family.clone());
        let banks: Vec<&str> = self.banks.iter().map(|b| b.name()).collect();
        flat.add("banks".into(), banks.join(", "));
        for pcr in &self.judged {
            flat.add(format!("judged PCR {pcr}"), "judged".into());
        }
        for not in &self.not_judged {
            flat.add(format!("not judged PCR {}", not.pcr), not.reason.clone());
        }
        for accepted in &self.accepted {
            flat.add(format!("accepted weakness {}", accepted.weakness), accepted.reason.clone());
        }
        for workaround in &self.workarounds {
            flat.add(format!("workaround {}", workaround.quirk.name()), workaround.reason.clone());
        }
        for (name, rule) in self.rules() {
            flat.add(format!("rule `{name}`"), format!("{}: {}", rule.kind().name(), rule.terms.words()));
            for value in rule.terms.values() {
                flat.add(format!("rule `{name}` {value}"), "listed".into());
            }
        }
        for signer in &self.overlay_signers {
            flat.add(format!("overlay signer {}", signer.id()), signer.name.clone());
        }
        for sequence in &self.sequences {
            flat.sequence(&format!("PCR {} `{}`", sequence.pcr, sequence.name), sequence);
        }
        for variant in &self.variants {
            let place = format!("variant `{}`", variant.name);
            flat.add(place.clone(), variant.evidence.name().into());
            for sequence in self.resolve(variant).unwrap_or_default() {
                flat.sequence(&format!("{place} PCR {}", sequence.pcr), &sequence);
            }
        }
        for old in &self.superseded {
            let digests: Vec<String> = old.digests.iter().map(|d| format!("{d:?}")).collect();
            flat.add(format!("superseded `{}` {}", old.component, digests.join(" ")), old.reason.clone());
        }
        if let Some(ima) = &self.ima {
            ima.flatten(&mut |place, value| flat.add(place, value));
        }
        flat.0
    }
}

/// Places in words and their values, in the order of the document.
#[derive(Default)]
struct Flat(Vec<(String, String)>);

impl Flat {
    fn add(&mut self, place: String, value: String) {
        self.0.push((place, value));
    }

    fn sequence(&mut self, place: &str, sequence: &Sequence) {
        let by = sequence.measured_by.as_deref().map(|by| format!(", measured by {by}")).unwrap_or_default();
        let order = sequence.order;
        let head = format!(
            "{} extends, {}, locality {}, order {order:?}{by}",
            sequence.slots.len(),
            sequence.evidence.name(),
            sequence.startup_locality
        );
        self.add(place.into(), head);
        for (i, slot) in sequence.slots.iter().enumerate() {
            self.add(format!("{place} slot {i:02} {}", slot.component), describe(slot));
        }
    }
}

fn describe(slot: &Slot) -> String {
    let digests: Vec<String> = slot.digests.iter().map(|d| format!("{d:?}")).collect();
    let rule = slot.rule.as_ref().map(|rule| format!(" rule {}", rule.name())).unwrap_or_default();
    format!("{}{rule} {}", digests.join(" "), slot.about).trim_end().to_owned()
}
