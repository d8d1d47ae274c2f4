//! What a document says that a reviewer should hear about, though it is well-formed.

use std::collections::BTreeSet;

use super::{Evidence, Golden, Rule, Sequence, Slot};
use crate::digest::Digest;

/// Which kind of remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LintCode {
    /// A weakness that a person accepted.
    AcceptedWeakness,
    /// A slot whose value is known to differ between boots or between good machines.
    BrittleValue,
    /// A component's name is used for a PCR's every event: nobody named it.
    ComponentUnnamed,
    /// A kexec that carried its list over is a warning, not a refusal.
    KexecTolerated,
    /// Values that no quote vouched for.
    LogOnly,
    /// Files account by their path alone, which an attacker can choose.
    PathAlone,
    /// No variant, or no judged PCR: everything will be refused.
    NothingJudged,
    /// Slots are marked as per_device, but nobody may sign overlays; or the other way round.
    OverlayUnsigned,
    /// A PCR of 0–9 is not judged.
    PcrNotJudged,
    /// IMA files without a measurement policy: nothing proves that all of them are measured.
    PolicyUnproven,
    /// The same digest is golden and superseded.
    SupersededStillGolden,
    /// A firmware quirk is tolerated.
    WorkaroundNamed,
}

impl LintCode {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AcceptedWeakness => "accepted_weakness",
            Self::BrittleValue => "brittle_value",
            Self::ComponentUnnamed => "component_unnamed",
            Self::LogOnly => "log_only",
            Self::KexecTolerated => "kexec_tolerated",
            Self::NothingJudged => "nothing_judged",
            Self::OverlayUnsigned => "overlay_unsigned",
            Self::PathAlone => "path_alone",
            Self::PcrNotJudged => "pcr_not_judged",
            Self::PolicyUnproven => "policy_unproven",
            Self::SupersededStillGolden => "superseded_still_golden",
            Self::WorkaroundNamed => "workaround_named",
        }
    }

    /// Whether the document should not be used as it is.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::NothingJudged | Self::SupersededStillGolden)
    }
}

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Which kind.
    pub code: LintCode,
    /// Where: a variant, PCR or component.
    pub place: String,
    /// In words.
    pub detail: String,
}

impl Golden {
    /// Remarks for the reviewer, in the order of the document.
    #[must_use]
    pub fn check(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        let mut add = |code, place: String, detail: String| lints.push(Lint { code, place, detail });
        let tokens_alone = self.judged.is_empty() && !self.tokens.is_empty();
        if !tokens_alone && (self.judged.is_empty() || self.variants.is_empty()) {
            add(
                LintCode::NothingJudged,
                "judged, variants".into(),
                "without a judged PCR and a variant every device is refused".into(),
            );
        }
        for token in &self.tokens {
            token.check(&mut add);
        }
        for pcr in (0..=9).filter(|pcr| !tokens_alone && !self.judged.contains(pcr)) {
            let reason = self.not_judged.iter().find(|n| n.pcr == pcr).map(|n| n.reason.as_str());
            let detail = reason.unwrap_or("no reason is given").to_owned();
            add(LintCode::PcrNotJudged, format!("PCR {pcr}"), detail);
        }
        for accepted in &self.accepted {
            add(LintCode::AcceptedWeakness, accepted.weakness.clone(), accepted.reason.clone());
        }
        for workaround in &self.workarounds {
            add(LintCode::WorkaroundNamed, workaround.quirk.name().into(), workaround.reason.clone());
        }
        for sequence in &self.sequences {
            let place = format!("PCR {} `{}`", sequence.pcr, sequence.name);
            check_evidence(sequence.evidence, &place, &mut add);
            check_slots(sequence, &place, &mut add);
        }
        for variant in &self.variants {
            check_evidence(variant.evidence, &format!("variant `{}`", variant.name), &mut add);
            for sequence in &variant.sequences {
                check_slots(sequence, &format!("variant `{}` PCR {}", variant.name, sequence.pcr), &mut add);
            }
        }
        for replacement in self.variants.iter().flat_map(|v| &v.replace) {
            let place = format!("replacement PCR {} slot {}", replacement.pcr, replacement.slot);
            check_slot(&replacement.with, &place, &mut add);
        }
        self.check_superseded(&mut add);
        self.check_overlays(&mut add);
        for file in self.ima.iter().flat_map(|ima| &ima.files).filter(|file| is_hosts_own(&file.path)) {
            let detail = "is each host's own: leave it out, or give every host the same";
            add(LintCode::BrittleValue, format!("ima file `{}`", file.path), detail.into());
        }
        if let Some(ima) = &self.ima {
            ima.check(&mut add);
        }
        lints
    }

    fn check_overlays(&self, add: &mut impl FnMut(LintCode, String, String)) {
        let grouped = self.variants.iter().flat_map(|v| &v.sequences);
        let mut slots = self.sequences.iter().chain(grouped).flat_map(|s| &s.slots);
        let marked = slots.any(|slot| slot.rule == Some(Rule::PerDevice));
        let detail = match (marked, self.overlay_signers.is_empty()) {
            (true, true) => {
                "slots are marked as per_device, but no overlay_signer is named: no overlay can be signed"
            }
            (false, false) => "an overlay_signer is named, but no slot is marked as per_device",
            _ => return,
        };
        add(LintCode::OverlayUnsigned, "overlay_signer".into(), detail.into());
    }

    fn check_superseded(&self, add: &mut impl FnMut(LintCode, String, String)) {
        let resolved = self.variants.iter().filter_map(|v| self.resolve(v).ok()).flatten();
        let slots = self.sequences.iter().cloned().chain(resolved).flat_map(|sequence| sequence.slots);
        let mut golden: BTreeSet<Digest> = slots.flat_map(|slot| slot.digests).collect();
        if let Some(ima) = &self.ima {
            golden.extend(ima.files.iter().map(|file| file.digest));
            golden.extend(ima.buffers.iter().map(|buffer| buffer.digest));
        }
        for old in &self.superseded {
            if old.digests.iter().any(|digest| golden.contains(digest)) {
                let detail = format!("superseded ({}), yet golden: remove what still has it", old.reason);
                add(LintCode::SupersededStillGolden, old.component.clone(), detail);
            }
        }
    }
}

fn check_evidence(evidence: Evidence, place: &str, add: &mut impl FnMut(LintCode, String, String)) {
    if evidence == Evidence::LogOnly {
        let detail = "learned from a log that no quote covered; learn it again with the quote's flags";
        add(LintCode::LogOnly, place.into(), detail.into());
    }
}

fn check_slots(sequence: &Sequence, place: &str, add: &mut impl FnMut(LintCode, String, String)) {
    for (i, slot) in sequence.slots.iter().enumerate() {
        check_slot(slot, &format!("{place} slot {i}"), add);
    }
}

fn check_slot(slot: &Slot, place: &str, add: &mut impl FnMut(LintCode, String, String)) {
    let place = format!("{place} `{}`", slot.component);
    if slot.component.ends_with(".unknown") {
        let detail = format!("nobody knows what this is: {}", slot.about);
        add(LintCode::ComponentUnnamed, place.clone(), detail);
    }
    if let (None, Some(advice)) = (&slot.rule, brittle(slot)) {
        add(LintCode::BrittleValue, place, advice.into());
    }
}

/// Why an exact digest of this slot will refuse good machines, and what to do. Words of the event are hints, and enough for advice.
fn brittle(slot: &Slot) -> Option<&'static str> {
    let says = |word: &str| slot.about.contains(word);
    Some(match slot.component.as_str() {
        "boot.partition_table" => {
            "holds GUIDs that differ between machines: rule partition_table judges types, attributes and names"
        }
        "boot.entry" if says("MAC(") || says("NVMe(") || says("USB(") => {
            "names a device of one machine: mark it per_device, or leave the entry out of the boot order"
        }
        "boot.entry" if says("HD(") => {
            "names one disk: rule boot_entry leaves the disk free and nothing else"
        }
        "boot.entry" | "boot.order" => {
            "can name disks and network cards of one machine: rules boot_entry and boot_order, or per_device"
        }
        "hardware.tables" | "hardware.nonhost" => {
            "can hold the machine's serial number and UUID (SMBIOS): mark it per_device"
        }
        "grub.command" | "grub.kernel_cmdline" | "kernel.cmdline" | "uki.parameters"
            if says("UUID=") || says("--fs-uuid") || says("machine-id") || says("machine_id") =>
        {
            "names a file system or a machine by its id: mark it per_device, or boot by label"
        }
        "secure_boot.dbx" => {
            "every new revocation will refuse the whole family: rule dbx_at_least asks for these and allows more"
        }
        "userspace.machine_id"
        | "userspace.filesystem"
        | "userspace.volume_key"
        | "userspace.product_id"
        | "userspace.keyslot"
        | "userspace.nvpcr_init" => "is one machine's own: mark it per_device",
        "userspace.login" | "userspace.credential" | "userspace.imds_userdata" => {
            "is what someone did or gave on one boot"
        }
        "secure_boot.sbat_level" => {
            "every new SBAT level will refuse the whole family: rule sbat_at_least allows newer ones"
        }
        _ => return None,
    })
}

/// Files that are made on the host itself.
fn is_hosts_own(path: &str) -> bool {
    const PATHS: [&str; 6] = [
        "/etc/machine-id",
        "/etc/ssh/ssh_host_",
        "/etc/hostname",
        "/etc/fstab",
        "/etc/crypttab",
        "/var/lib/",
    ];
    PATHS.iter().any(|own| path.starts_with(own))
}
