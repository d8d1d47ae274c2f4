//! Who plays, what each does, and how it must end.

use super::boots::{self, Boot};

/// One device and what it does.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) story: &'static str,
    pub(super) act: Act,
    /// A code or cause that the refusal must name; `None` for the device that is let in.
    pub(super) refused_for: Option<&'static str>,
}

/// What a device does.
pub(super) enum Act {
    /// Boots, and says truly what it booted.
    Honest(Boot),
    /// Boots one thing and sends the logs of another.
    OtherLog { booted: Boot, sent: Boot },
    /// Answers a challenge with the quote that answered an earlier one.
    Replay(Boot),
    /// Has its quote signed by another enrolled device.
    OtherKey(Boot),
    /// Wants an attestation key enrolled that signs whatever it is given.
    UnrestrictedKey,
    /// Shows an endorsement certificate by a maker that nobody knows.
    UnknownMaker,
}

/// The device that booted what was signed for.
pub(super) const GOOD: Scene = Scene {
    name: "good",
    title: "A good device",
    story: "The known-good installation, booted again. Addresses in its log differ, digests do not.",
    act: Act::Honest(boots::AGAIN),
    refused_for: None,
};

/// Devices that booted something else and say so.
pub(super) const CHANGED: &[Scene] = &[
    Scene {
        name: "cmdline",
        title: "Another kernel command line",
        story: "Edited in GRUB's configuration, which nobody signs.",
        act: Act::Honest(boots::CMDLINE),
        refused_for: Some("kernel_cmdline_changed"),
    },
    Scene {
        name: "initrd",
        title: "An implant in the initrd",
        story: "Everything that is signed is untouched, and Secure Boot stays silent.",
        act: Act::Honest(boots::INITRD),
        refused_for: Some("initrd_changed"),
    },
    Scene {
        name: "oldkernel",
        title: "A rollback to an older kernel",
        story: "Its holes are known and its signature is good: Secure Boot lets it run.",
        act: Act::Honest(boots::OLD_KERNEL),
        refused_for: Some("kernel_rollback"),
    },
    Scene {
        name: "secureboot",
        title: "Secure Boot switched off",
        story: "In the firmware's settings. The rest is as it should be.",
        act: Act::Honest(boots::SECURE_BOOT_OFF),
        refused_for: Some("secure_boot_off"),
    },
];

/// Devices that lie about what they booted.
pub(super) const LIARS: &[Scene] = &[
    Scene {
        name: "log",
        title: "The log of another boot",
        story: "Boots the implant, and sends the good device's log with an honest quote.",
        act: Act::OtherLog { booted: boots::INITRD, sent: boots::AGAIN },
        refused_for: Some("replay_mismatch"),
    },
    Scene {
        name: "replay",
        title: "Yesterday's quote",
        story: "Genuine, and made for another challenge.",
        act: Act::Replay(boots::AGAIN),
        refused_for: Some("nonce_mismatch"),
    },
    Scene {
        name: "key",
        title: "A quote by another device's TPM",
        story: "Enrolled as well and booted well, with the right nonce.",
        act: Act::OtherKey(boots::AGAIN),
        refused_for: Some("signature_invalid"),
    },
    Scene {
        name: "unrestricted",
        title: "A key that signs anything",
        story: "Not a restricted key, so \"quotes\" could be written by hand.",
        act: Act::UnrestrictedKey,
        refused_for: Some("ak_not_restricted"),
    },
    Scene {
        name: "maker",
        title: "A TPM of unknown make",
        story: "Its endorsement certificate leads to no root that the verifier knows.",
        act: Act::UnknownMaker,
        refused_for: Some("ek_issuer_unknown"),
    },
];
