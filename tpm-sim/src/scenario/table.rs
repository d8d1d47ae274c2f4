//! Every scenario with its right answer.

use attest_proto::v1::Status::{Affirming, Contraindicated, Warning};

use super::{Expected, Scenario, Trick};
use super::{lengths, lies};
use crate::boot::debian::Parts;

const GOOD: Expected = Expected::Verdict { status: &[Affirming], named: &[] };

pub(super) const fn refused(named: &'static [&'static str]) -> Expected {
    Expected::Verdict { status: &[Contraindicated], named }
}

pub(super) const fn scenario(name: &'static str, about: &'static str, expected: Expected) -> Scenario {
    Scenario { name, about, expected, parts: Parts::new, afterwards: lies::nothing, trick: Trick::Honest }
}

/// Good boots first, then changed boots, then lies about logs, then lies about quotes and keys.
const SCENARIOS: &[Scenario] = &[
    scenario("good", "boots as delivered and says so", GOOD),
    Scenario {
        parts: Parts::updated,
        ..scenario("updated", "boots the reviewed update of kernel and initrd", GOOD)
    },
    Scenario {
        trick: Trick::RebootedBetween,
        ..scenario("rebooted-between", "reboots properly between challenge and quote", GOOD)
    },
    Scenario {
        trick: Trick::ListGrew,
        ..scenario("list-grew", "measures a file between the quote and the reading of the list", GOOD)
    },
    Scenario {
        afterwards: lies::run_systemd,
        ..scenario("systemd-log", "runs systemd, which measures its phases and shows its log", GOOD)
    },
    Scenario {
        afterwards: lies::measure_and_tell,
        ..scenario(
            "userspace-measures-more",
            "measures more into PCR 9 after the boot and tells so in systemd's log",
            refused(&["userspace_measurement_changed"]),
        )
    },
    Scenario {
        afterwards: lies::tell_in_firmware_pcr,
        ..scenario(
            "userspace-in-firmware-pcr",
            "measures more into PCR 4 after the boot and calls it systemd's separator",
            refused(&["userspace_measurement_changed", "log_finding"]),
        )
    },
    Scenario {
        afterwards: lies::tell_of_ima_pcr,
        ..scenario(
            "two-logs-of-one-pcr",
            "says in systemd's log that it extended PCR 10, which the IMA list explains",
            refused(&["story_ambiguous"]),
        )
    },
    Scenario {
        parts: Parts::unannounced,
        ..scenario(
            "unannounced-update",
            "boots a newer kernel and initrd that nobody reviewed",
            refused(&["kernel_changed", "initrd_changed"]),
        )
    },
    Scenario {
        parts: Parts::with_cmdline,
        ..scenario(
            "changed-cmdline",
            "boots with another kernel command line",
            refused(&["kernel_cmdline_changed"]),
        )
    },
    Scenario {
        parts: Parts::with_implant,
        ..scenario("implanted-initrd", "boots an initrd with an implant", refused(&["initrd_changed"]))
    },
    Scenario {
        parts: Parts::rolled_back,
        ..scenario(
            "rolled-back-kernel",
            "boots an older kernel that Secure Boot still accepts",
            refused(&["kernel_changed|kernel_rollback", "initrd_changed|kernel_rollback"]),
        )
    },
    Scenario {
        parts: Parts::without_secure_boot,
        ..scenario("secure-boot-off", "boots with Secure Boot switched off", refused(&["secure_boot_off"]))
    },
    Scenario {
        parts: Parts::mixed,
        ..scenario(
            "mixed-boots",
            "boots the delivered kernel with the update's initrd",
            refused(&["variants_mixed|initrd_changed|kernel_changed"]),
        )
    },
    Scenario {
        parts: Parts::with_other_file,
        ..scenario("changed-file", "boots well and runs another sshd", refused(&["file_changed"]))
    },
    Scenario {
        parts: Parts::with_implant,
        afterwards: lies::remove_initrd_event,
        ..scenario(
            "log-event-removed",
            "cuts the implanted initrd's event out of the log",
            refused(&["replay_mismatch"]),
        )
    },
    Scenario {
        parts: Parts::with_cmdline,
        afterwards: lies::show_good_text,
        ..scenario(
            "log-data-edited",
            "shows the good command line's text beside the true digest",
            refused(&["golden_mismatch|event_unexpected|kernel_cmdline_changed"]),
        )
    },
    Scenario {
        parts: Parts::with_cmdline,
        afterwards: lies::show_good_log,
        ..scenario(
            "log-digest-edited",
            "shows the log of a good boot, digests included",
            refused(&["replay_mismatch"]),
        )
    },
    Scenario {
        parts: Parts::with_implant,
        afterwards: lies::flip_initrd_event_type,
        ..scenario(
            "event-type-flipped",
            "relabels the implanted initrd's event as one that is never extended",
            refused(&["replay_mismatch"]),
        )
    },
    Scenario {
        parts: Parts::with_implant,
        afterwards: lies::relabel_initrd_event,
        ..scenario(
            "event-type-relabelled",
            "relabels the implanted initrd's event as an action string",
            refused(&["golden_mismatch|event_unexpected|initrd_changed"]),
        )
    },
    Scenario {
        afterwards: lies::reorder_events,
        ..scenario("log-events-reordered", "swaps two events of the log", refused(&["replay_mismatch"]))
    },
    Scenario {
        parts: Parts::with_implant,
        afterwards: lies::drop_strong_digest,
        ..scenario(
            "log-digest-missing",
            "leaves the implanted initrd's SHA-256 digest out of the log",
            refused(&["log_finding"]),
        )
    },
    Scenario {
        parts: Parts::with_implant,
        afterwards: lies::show_sha1_log,
        ..scenario(
            "sha1-log",
            "shows the log in the old format, with SHA-1 digests only",
            refused(&["no_events"]),
        )
    },
    Scenario {
        afterwards: lies::forge_startup_locality,
        ..scenario(
            "startup-locality-forged",
            "claims that the firmware started PCR 0 from another locality",
            refused(&["replay_mismatch"]),
        )
    },
    Scenario {
        parts: Parts::with_cmdline,
        afterwards: lies::empty_log,
        ..scenario("empty-log", "shows a log of no bytes", refused(&["log_empty"]))
    },
    Scenario {
        trick: Trick::LogWithheld,
        ..scenario("log-withheld", "sends no log at all", refused(&["log_missing"]))
    },
    Scenario {
        afterwards: lies::extend_silently,
        ..scenario(
            "unlogged-extension",
            "extends PCR 9 and tells no log",
            refused(&["replay_mismatch|unlogged_extension"]),
        )
    },
    Scenario {
        afterwards: lies::append_allowed_digest,
        ..scenario(
            "appended-digest",
            "extends an allowed digest once more after the boot",
            refused(&["event_appended|event_repeated"]),
        )
    },
    Scenario {
        afterwards: lies::second_separator,
        ..scenario(
            "second-separator",
            "adds a second separator to PCR 4 and a tool after it",
            refused(&["log_finding|event_appended|event_repeated|event_unexpected"]),
        )
    },
    Scenario {
        afterwards: lies::rewrite_ima_entry,
        ..scenario(
            "ima-entry-rewritten",
            "shows another file in the place of an implant in the IMA list",
            refused(&["kexec_or_lost_list|replay_mismatch"]),
        )
    },
    Scenario {
        trick: Trick::NarrowQuote,
        ..scenario("narrow-quote", "quotes PCR 0 alone", refused(&["selection_mismatch"]))
    },
    Scenario {
        trick: Trick::WeakBankQuote,
        ..scenario("weak-bank-quote", "quotes the sha1 bank alone", refused(&["selection_mismatch"]))
    },
    Scenario {
        parts: Parts::with_implant,
        trick: Trick::ReplayedQuote,
        ..scenario(
            "replayed-quote",
            "answers with the quote, the nonce and the logs of an earlier, good boot",
            refused(&["nonce_mismatch"]),
        )
    },
    Scenario {
        parts: Parts::with_implant,
        trick: Trick::StrangerQuote,
        ..scenario(
            "stranger-quote",
            "lets another TPM, which booted well, make the quote",
            refused(&["signature_invalid"]),
        )
    },
    Scenario {
        trick: Trick::UnrestrictedKey,
        ..scenario(
            "unrestricted-key",
            "enrols a signing key that is not restricted",
            Expected::EnrolmentRefused { reasons: &["ak_not_restricted", "ak_attributes_refused"] },
        )
    },
    Scenario {
        trick: Trick::TpmReset,
        ..scenario(
            "tpm-reset",
            "resets the TPM alone after the boot and shows the old logs",
            refused(&["replay_mismatch"]),
        )
    },
    Scenario {
        parts: Parts::with_implant,
        trick: Trick::TpmResetAndRefilled,
        ..scenario(
            "tpm-reset-refilled",
            "resets the TPM alone after a bad boot and extends the digests of a good one",
            // To the verifier this is a good boot after a reset: a limit of measured boot, which the verdict has to state.
            Expected::Verdict {
                status: &[Affirming, Warning, Contraindicated],
                named: &["rebooted", "limits"],
            },
        )
    },
    Scenario {
        parts: Parts::with_implant,
        trick: Trick::TpmResetAndListKept,
        ..scenario(
            "tpm-reset-list-kept",
            "resets the TPM alone after a bad boot, extends the digests of a good one and the old IMA list",
            refused(&["boot_aggregate_mismatch"]),
        )
    },
];

/// Every scenario. The right answers hold for a server whose golden values were learned from `good` and `updated`.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter().chain(lengths::SCENARIOS)
}

/// The scenario of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    all().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_command_line() {
        for (index, scenario) in all().enumerate() {
            assert!(
                scenario
                    .name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{}",
                scenario.name
            );
            assert!(all().skip(index + 1).all(|other| other.name != scenario.name), "{}", scenario.name);
        }
        assert!(find("good").is_some() && find("no-such-thing").is_none());
    }
}
