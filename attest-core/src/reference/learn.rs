//! A draft golden document from known-good boots. A draft: people review it, and it is never trusted in silence.

mod rules;

pub use rules::{Advice, Proposal, proposals};

use super::component;
use super::golden::{
    self, Accepted, Evidence, Golden, ImaBuffer, ImaFile, ImaGolden, ImaSigner, NotJudged, Order, Rule,
    RuleKind, Sequence, Slot, Variant, in_variant, may_be_judged,
};
use super::overlay::OverlaySigner;
use crate::authenticate::file_signature::{KeyId, SignerKey};
use crate::digest::{Digest, HashAlg};
use crate::evidence::cel::Record;
use crate::evidence::ima_log::{BOOT_AGGREGATE, Entry, FileDigest, FileSignature, ImaLog};
use crate::evidence::tcg_event::SecureBootState;
use crate::evidence::tcg_log::{Event, EventLog, Finding};
use crate::evidence::{Extend, Severity, UserspaceLog};
use rules::Rules;

/// PCRs judged unless told otherwise: the firmware's, and shim's. 11–13 and 15 are added where they have events.
const ALWAYS: [u8; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14];
const WHERE_USED: [u8; 3] = [11, 12, 13];
/// Extended by user space alone: judged where its log tells of it.
const WHERE_TOLD: u8 = 15;

/// One known-good boot.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'b, 'a> {
    /// What to call it: the name of its variant.
    pub name: &'b str,
    /// Its firmware log.
    pub log: &'b EventLog<'a>,
    /// Its log of user space, if there is one.
    pub userspace: Option<&'b UserspaceLog>,
    /// Whether a quote vouches for the log.
    pub evidence: Evidence,
    /// What IMA measured, if the list is given.
    pub files: Option<&'b Measured>,
}

/// What IMA measured in a known-good boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The files that no golden key has signed, ascending, each once.
    pub files: Vec<ImaFile>,
    /// The buffers, ascending, each once.
    pub buffers: Vec<ImaBuffer>,
}

/// What a person decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// PCRs not to judge, each with a reason.
    pub not_judged: Vec<NotJudged>,
    /// Weaknesses to accept, each with a reason.
    pub accepted: Vec<Accepted>,
    /// Keys whose signature accounts for a file.
    pub signers: Vec<ImaSigner>,
    /// Rules to write for the slots that they may own.
    pub rules: Vec<RuleKind>,
    /// Components whose slots are marked as per_device.
    pub per_device: Vec<String>,
    /// Who may sign overlays.
    pub overlay_signers: Vec<OverlaySigner>,
}

/// Why nothing is learned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The boots have no bank above SHA-1 in common.
    #[error("the boots have no bank above SHA-1 in common")]
    BanksDisjoint,
    /// What was learned does not fit together.
    #[error(transparent)]
    Golden(#[from] golden::Error),
    /// The log has a finding that would refuse the device.
    #[error("boot `{boot}`: {detail} (event {event:?}): a log that would be refused is not golden")]
    LogRefused {
        /// Which boot.
        boot: String,
        /// The finding's code.
        code: &'static str,
        /// In words.
        detail: String,
        /// The event.
        event: Option<u32>,
    },
    /// No boot was given.
    #[error("no known-good boot is given")]
    NoBoot,
    /// A PCR that nothing golden extends would have to be judged.
    #[error("boot `{boot}`: PCR {pcr} has events, but no image in PCR 4 is known to make them")]
    NobodyMeasures {
        /// Which boot.
        boot: String,
        /// The PCR.
        pcr: u8,
    },
    /// What a component means must be the same on every device.
    #[error("`{component}` may not differ from device to device")]
    NotPerDevice {
        /// Which.
        component: String,
    },
    /// No slot of the boots can carry the rule: there is none, or its bytes do not parse.
    #[error("rule {rule}: the boots have no measurement that it can own")]
    RuleFitsNothing {
        /// Which.
        rule: &'static str,
    },
    /// The boots have a weakness that nobody accepted.
    #[error("boot `{boot}`: {weakness}: accept it by name, or take a better boot")]
    WeaknessNotAccepted {
        /// Which boot.
        boot: String,
        /// Which weakness.
        weakness: &'static str,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BanksDisjoint => "learn_banks_disjoint",
            Self::Golden(error) => error.code(),
            Self::LogRefused { .. } => "learn_log_refused",
            Self::NoBoot => "learn_no_boot",
            Self::NobodyMeasures { .. } => "learn_nobody_measures",
            Self::NotPerDevice { .. } => "learn_not_per_device",
            Self::RuleFitsNothing { .. } => "learn_rule_fits_nothing",
            Self::WeaknessNotAccepted { .. } => "learn_weakness_not_accepted",
        }
    }
}

/// Makes a draft: each distinct value of PCR 0–3, 6 and 7 becomes an alternative, each distinct boot a variant.
///
/// # Errors
/// [`Error`]: nothing is learned from a log that would be refused, and no weakness is accepted in silence.
pub fn learn(family: &str, boots: &[Boot<'_, '_>], choices: &Choices) -> Result<Golden, Error> {
    let banks = common_banks(boots)?;
    for boot in boots {
        refuse_findings(boot)?;
        refuse_weakness(boot, choices)?;
    }
    let judged = judged(boots, choices);
    let mut golden = Golden {
        family: family.to_owned(),
        description: None,
        banks,
        not_judged: not_judged(&judged, choices),
        judged,
        accepted: choices.accepted.clone(),
        workarounds: Vec::new(),
        sequences: Vec::new(),
        variants: Vec::new(),
        superseded: Vec::new(),
        ima: None,
        overlay_signers: choices.overlay_signers.clone(),
        tokens: Vec::new(),
    };
    let names: Vec<Vec<String>> = boots.iter().map(|boot| component::names(boot.log)).collect();
    let rules = Rules::new(boots, &names, &golden.banks, choices)?;
    for (boot, names) in boots.iter().zip(&names) {
        add(&mut golden, boot, names, &rules)?;
    }
    golden.sequences.sort_by_key(|s| s.pcr);
    golden.ima = ima(boots, &golden, choices);
    golden.validate()?;
    Ok(golden)
}

/// The banks that a draft from these boots lets judge, weakest first: above SHA-1, and complete in every log.
///
/// # Errors
/// [`Error::NoBoot`] or [`Error::BanksDisjoint`].
pub fn common_banks(boots: &[Boot<'_, '_>]) -> Result<Vec<HashAlg>, Error> {
    let first = boots.first().ok_or(Error::NoBoot)?;
    let in_all = |alg: &HashAlg| boots.iter().all(|boot| boot.log.banks().contains(alg));
    let strong = |alg: &HashAlg| alg.strength() > 0;
    // A bank counts only where every extend has its digest: the firmware then extended it.
    let complete = |alg: &HashAlg| {
        boots
            .iter()
            .all(|b| b.log.events().iter().filter(|e| e.is_extended()).all(|e| e.digest(*alg).is_some()))
            && boots.iter().all(|b| (0..16).flat_map(|pcr| b.records(pcr)).all(|r| r.digest(*alg).is_some()))
    };
    let mut banks: Vec<HashAlg> = first.log.banks().to_vec();
    banks.retain(|alg| strong(alg) && in_all(alg) && complete(alg));
    banks.sort_by_key(|alg| alg.strength());
    if banks.is_empty() { Err(Error::BanksDisjoint) } else { Ok(banks) }
}

impl<'b> Boot<'b, '_> {
    /// What user space extended a PCR with, in order.
    fn records(&self, pcr: u8) -> impl Iterator<Item = &'b Record> {
        self.userspace.into_iter().flat_map(move |log| log.extends(pcr))
    }
}

fn refuse_findings(boot: &Boot<'_, '_>) -> Result<(), Error> {
    let refused = |code, detail: String, event| {
        Err(Error::LogRefused { boot: boot.name.to_owned(), code, detail, event })
    };
    let told = boot.userspace.map(UserspaceLog::findings).unwrap_or_default();
    if let Some(finding) = told.iter().find(|finding| finding.severity() == Severity::Refuse) {
        return refused(finding.code(), finding.kind.to_string(), finding.record);
    }
    let refuses = |finding: &&Finding| finding.severity() == Severity::Refuse;
    match boot.log.findings().iter().find(refuses) {
        None => Ok(()),
        Some(finding) => refused(finding.code(), finding.kind.to_string(), finding.event),
    }
}

fn refuse_weakness(boot: &Boot<'_, '_>, choices: &Choices) -> Result<(), Error> {
    for weakness in weaknesses(boot.log) {
        if choices.accepted.iter().all(|accepted| accepted.weakness != weakness) {
            return Err(Error::WeaknessNotAccepted { boot: boot.name.to_owned(), weakness });
        }
    }
    Ok(())
}

/// Weaknesses that the log itself shows.
fn weaknesses(log: &EventLog<'_>) -> Vec<&'static str> {
    let mut found = Vec::new();
    if crate::evidence::tcg_event::secure_boot(log) != Some(true) {
        found.push("secure_boot_off");
    }
    let names = component::names(log);
    let is_validation_state = |(event, name): (&Event<'_>, &String)| {
        event.pcr == 14 && event.is_extended() && name == "mok.validation_state"
    };
    if log.events().iter().zip(&names).any(is_validation_state) {
        found.push("shim_validation_off");
    }
    if SecureBootState::of(log).may_hold_test_keys() {
        found.push("test_keys");
    }
    found
}

/// The PCRs that a draft from these boots judges, ascending. A quote vouches for a boot if it covers all of them.
#[must_use]
pub fn judged(boots: &[Boot<'_, '_>], choices: &Choices) -> Vec<u8> {
    let used = |pcr: &u8| {
        let extends = |e: &Event<'_>| e.is_extended() && e.pcr == u32::from(*pcr);
        boots.iter().any(|boot| boot.log.events().iter().any(extends) || boot.records(*pcr).next().is_some())
    };
    // What nobody's log tells of in PCR 15 cannot be judged; what some good boots lack is a sequence of nothing.
    let told = boots.iter().any(|boot| boot.records(WHERE_TOLD).next().is_some());
    let mut judged: Vec<u8> = ALWAYS.into_iter().chain(WHERE_USED.into_iter().filter(used)).collect();
    judged.extend(told.then_some(WHERE_TOLD));
    judged.retain(|pcr| choices.not_judged.iter().all(|not| not.pcr != *pcr));
    judged.sort_unstable();
    judged
}

/// Every PCR that is left out has a reason in the document.
fn not_judged(judged: &[u8], choices: &Choices) -> Vec<NotJudged> {
    let reason = |pcr: u8| match pcr {
        10 => "IMA's: judged by [ima], if at all".to_owned(),
        11..=13 => "no events in the known-good boots".to_owned(),
        _ => "extended by user space, whose log is not judged".to_owned(),
    };
    let chosen = |pcr: u8| choices.not_judged.iter().find(|not| not.pcr == pcr).map(|not| not.reason.clone());
    let left_out = (0..=15).filter(|pcr| !judged.contains(pcr));
    left_out.map(|pcr| NotJudged { pcr, reason: chosen(pcr).unwrap_or_else(|| reason(pcr)) }).collect()
}

fn add(golden: &mut Golden, boot: &Boot<'_, '_>, names: &[String], rules: &Rules<'_>) -> Result<(), Error> {
    let mut sequences = Vec::new();
    for pcr in golden.judged.clone().into_iter().filter(|pcr| may_be_judged(*pcr)) {
        let sequence = sequence(pcr, boot, names, &golden.banks, Some(rules));
        if in_variant(pcr) {
            sequences.push(sequence);
        } else if golden.sequences.iter().all(|known| !known.same_values(&sequence)) {
            golden.sequences.push(Sequence { name: unique_name(golden, pcr, boot.name), ..sequence });
        }
    }
    measured_by(&mut sequences, boot)?;
    let known = golden.variants.iter().any(|variant| {
        variant.sequences.len() == sequences.len()
            && variant.sequences.iter().zip(&sequences).all(|(a, b)| a.same_values(b))
    });
    if !known {
        let mut name = boot.name.to_owned();
        while golden.variants.iter().any(|variant| variant.name == name) {
            name.push('+');
        }
        golden.variants.push(Variant {
            name,
            evidence: boot.evidence,
            based_on: None,
            replace: Vec::new(),
            sequences,
        });
    }
    Ok(())
}

fn unique_name(golden: &Golden, pcr: u8, name: &str) -> String {
    let mut name = name.to_owned();
    while golden.sequences.iter().any(|s| s.pcr == pcr && s.name == name) {
        name.push('+');
    }
    name
}

fn sequence(
    pcr: u8,
    boot: &Boot<'_, '_>,
    names: &[String],
    banks: &[HashAlg],
    rules: Option<&Rules<'_>>,
) -> Sequence {
    let events = boot.log.events().iter().zip(names);
    let events = events.filter(|(event, _)| event.is_extended() && event.pcr == u32::from(pcr));
    let firmware = events.map(|(event, name)| slot(Extend::Firmware(event), name, banks, rules));
    let userspace = boot
        .records(pcr)
        .map(|record| slot(Extend::Userspace(record), component::of_record(record), banks, rules));
    let slots = without_failed_exits(firmware.chain(userspace).collect());
    Sequence {
        pcr,
        name: String::new(),
        evidence: boot.evidence,
        startup_locality: if pcr == 0 { boot.log.startup_locality().unwrap_or(0) } else { 0 },
        order: Order::Fixed,
        measured_by: None,
        slots: rules::once(slots),
    }
}

/// Leaves out what [`Rule::ExitBootServicesRepeat`] excuses: each invocation with its failure right before another invocation.
fn without_failed_exits(slots: Vec<Slot>) -> Vec<Slot> {
    let failed = |digest: &Digest| *digest == digest.alg().hash(&[Rule::EXIT_BOOT_SERVICES_FAILED]);
    let mut kept: Vec<Slot> = Vec::new();
    for slot in slots {
        if let [.., call, failure] = kept.as_slice()
            && slot.rule == Some(Rule::ExitBootServicesRepeat)
            && call.rule == slot.rule
            && call.digests == slot.digests
            && failure.digests.iter().all(failed)
        {
            kept.truncate(kept.len().saturating_sub(2));
        }
        kept.push(slot);
    }
    kept
}

fn slot(event: Extend<'_, '_>, name: &str, banks: &[HashAlg], rules: Option<&Rules<'_>>) -> Slot {
    Slot {
        component: name.to_owned(),
        digests: banks.iter().filter_map(|bank| event.typed_digest(*bank)).collect(),
        about: component::about_extend(event),
        rule: rules.and_then(|rules| rules.of(event, name, banks)),
    }
}

/// Who extends PCR 8–15: the image of PCR 4 whose business it is.
fn measured_by(sequences: &mut [Sequence], boot: &Boot<'_, '_>) -> Result<(), Error> {
    let pcr4 = sequences.iter().find(|s| s.pcr == 4);
    let images: Vec<String> =
        pcr4.map(|s| s.slots.iter().map(|slot| slot.component.clone()).collect()).unwrap_or_default();
    let first_of =
        |wanted: &[&str]| wanted.iter().find(|w| images.iter().any(|i| i == *w)).map(|w| (*w).to_owned());
    for sequence in sequences.iter_mut().filter(|s| s.pcr >= 8 && !s.slots.is_empty()) {
        let image = match sequence.pcr {
            8 => first_of(&["boot_loader.grub", "boot_loader.systemd_boot", "boot_loader"]),
            9 if sequence
                .slots
                .iter()
                .any(|s| s.component.starts_with("grub.") || s.component == "kernel.file") =>
            {
                first_of(&["boot_loader.grub"])
            }
            9 => first_of(&["kernel", "uki", "boot_loader.grub", "boot_loader.systemd_boot"]),
            // What user space alone extends, the image that starts it extends: its initrd is judged with it.
            11..=13 | 15 if boot.records(sequence.pcr).count() == sequence.slots.len() => {
                first_of(&["uki", "boot_loader.systemd_boot", "kernel"])
            }
            11..=13 => first_of(&["uki", "boot_loader.systemd_boot"]),
            14 => first_of(&["boot_loader.shim"]),
            _ => None,
        };
        let nobody = || Error::NobodyMeasures { boot: boot.name.to_owned(), pcr: sequence.pcr };
        sequence.measured_by = Some(image.ok_or_else(nobody)?);
    }
    Ok(())
}

fn ima(boots: &[Boot<'_, '_>], golden: &Golden, choices: &Choices) -> Option<ImaGolden> {
    let measured = || boots.iter().filter_map(|boot| boot.files);
    let mut files: Vec<ImaFile> = measured().flat_map(|measured| &measured.files).cloned().collect();
    files.sort();
    files.dedup();
    // Lists of nothing but boot_aggregate have no file to judge by.
    if files.is_empty() && (choices.signers.is_empty() || measured().next().is_none()) {
        return None;
    }
    let mut buffers: Vec<ImaBuffer> = measured().flat_map(|measured| &measured.buffers).cloned().collect();
    buffers.sort();
    buffers.dedup();
    let cmdlines = golden.variants.iter().flat_map(|v| &v.sequences).flat_map(|s| &s.slots);
    let mut words = cmdlines.filter(|s| s.component.contains("cmdline")).flat_map(|s| s.about.split(' '));
    let policy = words.find(|word| word.starts_with("ima_policy=")).map(ToOwned::to_owned);
    let signers = choices.signers.clone();
    Some(ImaGolden { measurement_policy: policy, files, signers, buffers, ..ImaGolden::strict() })
}

impl Sequence {
    /// Whether both account for the same extends.
    fn same_values(&self, other: &Self) -> bool {
        // Where a rule with values or an overlay decides, the digests only say from what was learned.
        let is_free = |rule: &Option<Rule>| matches!(rule, Some(Rule::Values(_) | Rule::PerDevice));
        let same = |(a, b): (&Slot, &Slot)| a.rule == b.rule && (is_free(&a.rule) || a.digests == b.digests);
        self.pcr == other.pcr
            && self.startup_locality == other.startup_locality
            && self.slots.len() == other.slots.len()
            && self.slots.iter().zip(&other.slots).all(same)
    }
}

/// What an IMA list says, as golden values: every entry that names a file or a buffer and its digest, violations and boot_aggregate left
/// out.
#[must_use]
pub fn ima_files(list: &ImaLog<'_>) -> Measured {
    files_of(list.entries(), &[])
}

/// The same of some entries, such as those that a quote proves, and without the files that one of these keys has signed.
#[must_use]
pub fn files_of<'e>(entries: impl Iterator<Item = Entry<'e>>, signers: &[ImaSigner]) -> Measured {
    let keys: Vec<SignerKey> = signers.iter().filter_map(ImaSigner::public_key).collect();
    let mut measured = Measured::default();
    for entry in entries {
        if entry.is_violation() || entry.name() == Some(BOOT_AGGREGATE) {
            continue;
        }
        let name = entry.name().and_then(|name| String::from_utf8(name.to_vec()).ok());
        let (Some(name), Some(told)) = (name, entry.file_digest()) else { continue };
        let Some(digest) = told.typed() else { continue };
        if entry.has_buffer() {
            if digest.alg().hash(&[entry.buffer().unwrap_or_default()]) == digest {
                let about = String::new();
                measured.buffers.push(ImaBuffer { name, digest, about });
            }
        } else if !is_signed(&entry, &told, &keys) {
            let verity = told.kind == Some("verity");
            measured.files.push(ImaFile { path: name, digest, verity, required: false });
        }
    }
    measured.files.sort();
    measured.files.dedup();
    measured.buffers.sort();
    measured.buffers.dedup();
    measured
}

fn is_signed(entry: &Entry<'_>, told: &FileDigest<'_>, keys: &[SignerKey]) -> bool {
    let Some(Ok(signature)) = entry.signature().map(FileSignature::parse) else { return false };
    let mut named = keys.iter().filter(|key| key.keyid() == KeyId(signature.keyid));
    named.any(|key| key.verify(&signature, told).is_ok())
}
