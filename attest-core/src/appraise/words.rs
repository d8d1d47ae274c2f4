//! Findings in plain words, and what an event's own words hint at.

use super::difference::Hint;
use super::finding::Code;
use crate::digest::HashAlg;
use crate::evidence::Extend;
use crate::evidence::tcg_event::{Authenticated, Decoded, authenticated, decode, measured_byte};
use crate::reference::component;
use crate::reference::golden::{Rule, Slot};

pub(super) fn pcr_not_quoted(pcr: u8) -> String {
    format!("PCR {pcr} is judged, but the quote does not cover it: what is not quoted is not seen")
}

pub(super) fn weak_bank(pcr: u8) -> String {
    format!("PCR {pcr} is quoted in the SHA-1 bank alone, which is too weak to judge by")
}

pub(super) fn bank_not_golden(pcr: u8, golden: &[HashAlg]) -> String {
    let banks: Vec<&str> = golden.iter().map(|bank| bank.name()).collect();
    let banks = banks.join(", ");
    format!("PCR {pcr} is quoted in no bank that the golden document lets judge ({banks})")
}

pub(super) fn extended_by_ima(pcr: u8) -> String {
    format!("the IMA list has entries in PCR {pcr}, which the golden boot measures alone")
}

pub(super) fn startup_locality(expected: u8, got: u8) -> String {
    format!("the TPM was started from locality {got}, the golden boots from locality {expected}")
}

pub(super) fn variants_mixed(parts: &[(u8, &str)]) -> String {
    let parts: Vec<String> =
        parts.iter().map(|(pcr, name)| format!("PCR {pcr} is that of `{name}`")).collect();
    format!("every part is known, but from different boots: {}", parts.join(", "))
}

pub(super) fn pcr_not_judged(pcr: u8, count: usize, first: &str) -> String {
    format!("PCR {pcr} has {count} events (the first: {first}) that the golden document does not judge")
}

pub(super) fn varied_by_rule(name: &str, rule: &Rule) -> String {
    let what = describe(name);
    format!("{what} is not the one that was learned; rule `{}` allows it: {}", rule.name(), rule.words())
}

/// How an event departs from its slot's rule, or that an overlay could have brought its digest.
pub(super) fn departure(slot: &Slot, departure: Option<&str>) -> String {
    match (&slot.rule, departure) {
        (Some(rule), Some(departure)) => format!("; by rule `{}`: {departure}", rule.name()),
        (Some(Rule::PerDevice), None) => {
            "; it differs from device to device: is there an overlay for this one?".into()
        }
        _ => String::new(),
    }
}

/// Where else a digest is golden: an older or newer boot's part, or one in another's place.
pub(super) fn golden_elsewhere(place: &str) -> String {
    format!("; the same digest is golden as {place}")
}

/// What a difference means.
pub(super) fn difference(
    code: Code,
    name: &str,
    pcr: u8,
    slot: Option<&Slot>,
    event: Option<(Extend<'_, '_>, HashAlg)>,
    superseded: Option<&str>,
) -> String {
    let what = describe(name);
    let says = event.map(|(event, bank)| own_words(event, bank)).unwrap_or_default();
    let golden = slot.map(|slot| slot.about.as_str()).filter(|about| !about.is_empty());
    let golden = golden.map(|about| format!("; the golden boot has: {about}")).unwrap_or_default();
    let text = match code {
        Code::Superseded => {
            format!("{what} is an old one that no longer counts ({})", superseded.unwrap_or_default())
        }
        Code::GoldenMismatch => format!("{what} is not the golden one"),
        Code::EventMissing => format!("{what} was not measured into PCR {pcr}, the golden boot has it"),
        Code::EventRepeated => {
            format!("{what} is measured into PCR {pcr} more often than in the golden boot")
        }
        Code::EventReordered => {
            format!("{what} is measured into PCR {pcr} at another place than in the golden boot")
        }
        Code::EventAppended => {
            format!("{what} is measured into PCR {pcr} after everything that the golden boot measures")
        }
        _ => format!("{what} is measured into PCR {pcr}, the golden boot has no such event there"),
    };
    format!("{text}{says}{golden}")
}

/// What the event's data says. Only what its digest covers is proven; all else is a hint, and called one.
fn own_words(extend: Extend<'_, '_>, bank: HashAlg) -> String {
    let about = component::about_extend(extend);
    let proven = match extend {
        Extend::Firmware(event) => matches!(
            authenticated(event, bank),
            Authenticated::WholeData
                | Authenticated::WholeDataAndNul
                | Authenticated::Variable
                | Authenticated::StringAfterPrefix
        ),
        Extend::Userspace(record) => record.is_authenticated(bank),
    };
    match proven {
        _ if about.is_empty() => String::new(),
        true => format!("; measured was: {about}"),
        false => format!("; the event says of itself, unproven: {about}"),
    }
}

fn describe(name: &str) -> String {
    let known = match name {
        "firmware.version" => "the firmware's version",
        "firmware.code" => "the firmware's code",
        "secure_boot.state" => "the state of Secure Boot",
        "secure_boot.pk" => "the platform key (PK)",
        "secure_boot.kek" => "the key exchange keys (KEK)",
        "secure_boot.db" => "the list of allowed signers (db)",
        "secure_boot.dbx" => "the list of revocations (dbx)",
        "secure_boot.authority" => "the certificate that allowed an image",
        "secure_boot.sbat_level" => "shim's SBAT level",
        "boot.order" => "the boot order",
        "boot.entry" => "a boot entry",
        "boot.partition_table" => "the partition table",
        "boot.exit_boot_services" => "the hand-over to the operating system",
        "boot_loader.shim" => "shim",
        "boot_loader.grub" => "GRUB",
        "boot_loader" => "the boot loader",
        "kernel" => "the kernel",
        "kernel.file" => "the kernel file that GRUB read",
        "kernel.cmdline" | "grub.kernel_cmdline" | "uki.cmdline" => "the kernel command line",
        "grub.command" => "a GRUB command",
        "grub.config" => "GRUB's configuration",
        "initrd" | "initrd.loaded" | "uki.initrd" => "the initial RAM disk",
        "uki" => "the unified kernel image",
        "option_rom" => "an option ROM or driver",
        component::SEPARATOR => "the separator that ends the firmware's measurements",
        component::UNKNOWN => "an unknown measurement",
        other => return format!("`{other}`"),
    };
    known.to_owned()
}

/// What the event says about itself beyond its name. Data counts only where it hashes to the digest.
pub(super) fn hint(name: &str, extend: Extend<'_, '_>, bank: HashAlg, superseded: bool) -> Hint {
    if superseded {
        return Hint::Superseded;
    }
    let Extend::Firmware(event) = extend else { return Hint::None };
    let authentic = authenticated(event, bank) == Authenticated::WholeData;
    match (name, decode(event)) {
        ("secure_boot.state", Decoded::Variable(v)) if authentic && matches!(v.data, [] | [0]) => {
            Hint::SecureBootOff
        }
        ("secure_boot.state", Decoded::Variable(v)) if authentic && v.data == [1] => Hint::SecureBootOn,
        ("secure_boot.pk", Decoded::Variable(v)) if authentic && v.data.is_empty() => Hint::SetupMode,
        ("mok.validation_state", _) if measured_byte(event, bank) == Some(1) => Hint::ValidationOff,
        ("grub.command", Decoded::GrubCommand(command)) => {
            let word = command.bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
            match word {
                b"linux" | b"linuxefi" | b"linux16" => Hint::LoadKernel,
                b"initrd" | b"initrdefi" | b"initrd16" => Hint::LoadInitrd,
                _ => Hint::None,
            }
        }
        _ => Hint::None,
    }
}

#[cfg(test)]
mod tests;
