//! What was found: one [`Reason`] per fact, with a stable code. The causes behind them are [`RootCause`](super::RootCause)s.

use core::fmt;

use serde::{Serialize, Serializer};

pub use crate::evidence::Severity;

/// The part of the device's state that a finding speaks of. Boot and runtime integrity are separate claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The evidence as a whole: authenticity, freshness, identity, reference values. It bounds every other part.
    Evidence,
    /// Firmware to operating-system start: the firmware's event log and the PCRs it explains.
    Boot,
    /// What ran after: the IMA list.
    Runtime,
    /// What one token says; [`Reason::token`] names it.
    Token,
}

macro_rules! names {
    ($(#[$meta:meta])* $enum:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $enum { $($(#[$doc])* $variant,)* }

        impl $enum {
            /// Every value, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name used in JSON, tokens, audit entries and gRPC.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $enum {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

// Behind the macro that it uses.
mod why;

pub use self::why::{Cause, Explanation};

names! {
    /// The stable code of a finding.
    Code {
        /// The AK came as a bare key: nothing proves that it is restricted and lives in a TPM.
        AkAttributesUnproven = "ak_attributes_unproven",
        /// A quoted bank is not one of the banks that the golden document lets judge.
        BankNotGolden = "bank_not_golden",
        /// IMA's boot_aggregate is not the digest of the quoted PCRs.
        BootAggregateMismatch = "boot_aggregate_mismatch",
        /// IMA's boot_aggregate is zero, or covers PCRs that are not quoted in that bank.
        BootAggregateUnproven = "boot_aggregate_unproven",
        /// IMA measured a buffer (a key, a policy, a command line) without golden value.
        BufferUnknown = "buffer_unknown",
        /// The TPM's clock went back although it was not reset.
        ClockWentBack = "clock_went_back",
        /// The TPM says that its clock may have gone back (`safe` = no).
        ClockUnsafe = "clock_unsafe",
        /// A component of the golden document has no counterpart in the boot.
        ComponentMissing = "component_missing",
        /// The verdict was made in development mode.
        DevelopmentMode = "development_mode",
        /// An event after the end of the golden sequence of its PCR.
        EventAppended = "event_appended",
        /// A golden extend that the boot lacks.
        EventMissing = "event_missing",
        /// A golden extend at another place of its PCR's sequence.
        EventReordered = "event_reordered",
        /// The same extend more often than the golden sequence has it.
        EventRepeated = "event_repeated",
        /// An extend that the golden sequence lacks.
        EventUnexpected = "event_unexpected",
        /// The release was let in without waiting, and nobody has looked at it yet.
        EmergencyReleaseUnreviewed = "emergency_release_unreviewed",
        /// The evidence could not be proven; the detail says why.
        EvidenceNotAuthentic = "evidence_not_authentic",
        /// The golden document is for another device family.
        FamilyMismatch = "family_mismatch",
        /// Files that account by their path alone, because the golden document says so.
        FileByPathAlone = "file_by_path_alone",
        /// A file that IMA measured has another digest than the golden one.
        FileChanged = "file_changed",
        /// A golden file's content, at another path.
        FileMoved = "file_moved",
        /// A file that the golden document requires was not measured.
        FileRequiredMissing = "file_required_missing",
        /// A file without golden digest whose signature does not account for it; the detail says why.
        FileSignature = "file_signature",
        /// IMA measured a file without golden value.
        FileUnknown = "file_unknown",
        /// An entry of IMA's list whose digest and name cannot be read: no rule can be asked about what was measured.
        FileUnreadable = "file_unreadable",
        /// The TPM's firmware is another than before.
        FirmwareVersionChanged = "firmware_version_changed",
        /// A golden value that no quote vouched for when it was learned.
        GoldenLogOnly = "log_only",
        /// An extend has another digest than the golden slot.
        GoldenMismatch = "golden_mismatch",
        /// There are no golden values at all.
        GoldenMissing = "golden_missing",
        /// The beginning of the list was judged by another golden document.
        ImaCheckpointForeign = "ima_checkpoint_foreign",
        /// There are golden values for IMA files, but no IMA list.
        ImaMissing = "ima_missing",
        /// The bank was extended with zero-padded SHA-1 digests.
        ImaPadded = "ima_padded_sha1",
        /// The list has entries in PCRs of which the quote proves nothing: they are not judged.
        ImaPcrNotProven = "ima_pcr_not_proven",
        /// IMA reports a measurement violation.
        ImaViolation = "ima_violation",
        /// A boot with a kexec, or an IMA list that was lost: the list does not replay.
        KexecOrLostList = "kexec_or_lost_list",
        /// The event log is empty.
        LogEmpty = "log_empty",
        /// The event log has a defect that its own finding names.
        LogFinding = "log_finding",
        /// There is no event log.
        LogMissing = "log_missing",
        /// The log is of a confidential virtual machine's registers, not of a TPM's PCRs.
        LogNotOfTpm = "log_not_of_tpm",
        /// The verdict says nothing about these.
        Limits = "limits",
        /// The same PCR in another quoted bank does not agree with the log.
        OtherBankMismatch = "other_bank_mismatch",
        /// The golden values carry an overlay that was verified for another device.
        OverlayDeviceMismatch = "overlay_device_mismatch",
        /// The device's overlay does not count; the detail says why.
        OverlayRefused = "overlay_refused",
        /// A PCR has events that the golden document does not judge.
        PcrNotJudged = "pcr_not_judged",
        /// A judged PCR is not quoted.
        PcrNotQuoted = "pcr_not_quoted",
        /// A PCR has a value, but no event explains it.
        PcrWithoutEvents = "no_events",
        /// The policy judges nothing.
        PolicyEmpty = "policy_empty",
        /// The policy asks for a PCR that the golden document does not judge.
        PolicyNotCovered = "policy_not_covered",
        /// The family is judged by its boot, and no quote came.
        QuoteMissing = "quote_missing",
        /// The device was restarted since it was last seen.
        Rebooted = "rebooted",
        /// The policy says that devices of the family enforce nothing.
        ReleaseCapabilityNone = "release_capability_none",
        /// What devices of the family cannot prove is made up for; the explanation says by what.
        ReleaseCompensated = "release_compensated",
        /// The policy wants something that makes up for what devices of the family cannot prove, and nothing does.
        ReleaseControlMissing = "release_control_missing",
        /// Two histories of the log of releases were witnessed.
        ReleaseLogForked = "release_log_forked",
        /// A release that nobody had to approve: tier dev or delegated.
        ReleaseLowAssurance = "release_low_assurance",
        /// No release of the family counts.
        ReleaseMissing = "release_missing",
        /// The release came by a way that is not accepted here.
        ReleaseTierNotAccepted = "release_tier_not_accepted",
        /// The policy says that devices of the family verify what they boot and do not measure it.
        ReleaseVerifiedOnly = "release_verified_only",
        /// The log of releases is not known up to a recent time.
        ReleaseViewStale = "release_view_stale",
        /// The release counted once; the detail says why it does not now.
        ReleaseWithdrawn = "release_withdrawn",
        /// More releases lead to the PCR values than were tried.
        ReleasesNotTried = "releases_not_tried",
        /// The log's events do not replay to the quoted PCR.
        ReplayMismatch = "replay_mismatch",
        /// The TPM was reset or restarted while an earlier verdict still counts.
        ResetWithinLease = "reset_within_lease",
        /// The TPM's reset counter is smaller than before.
        ResetCountWentBack = "reset_count_went_back",
        /// The TPM was restarted or resumed, without a reset, since it was last seen.
        Resumed = "resumed",
        /// The device is revoked.
        Revoked = "revoked",
        /// Another startup locality than the golden one.
        StartupLocalityMismatch = "startup_locality_mismatch",
        /// Two logs beside the firmware's tell of one PCR.
        StoryAmbiguous = "story_ambiguous",
        /// A digest that the golden document names as superseded.
        Superseded = "superseded",
        /// A token's boot seed is missing, a constant, or not the same in all its parts.
        TokenBootSeed = "token_boot_seed",
        /// A claim is missing that has golden values.
        TokenClaimMissing = "token_claim_missing",
        /// A claim that is not a golden one.
        TokenClaimUnexpected = "token_claim_unexpected",
        /// A component has another measurement, signer or version than the golden one.
        TokenComponentMismatch = "token_component_mismatch",
        /// A golden component that the token lacks.
        TokenComponentMissing = "token_component_missing",
        /// A component without golden value.
        TokenComponentUnexpected = "token_component_unexpected",
        /// A part of the device can be debugged, or could be since the boot.
        TokenDebugEnabled = "token_debug_enabled",
        /// The root of trust is in no state that counts.
        TokenLifecycleInsecure = "token_lifecycle_insecure",
        /// A comparison that the device made itself did not succeed.
        TokenMeasurementFailed = "token_measurement_failed",
        /// Measurements in a token that no golden value speaks of.
        TokenMeasurementsNotJudged = "token_measurements_not_judged",
        /// The golden values ask for a token that was not sent.
        TokenMissing = "token_missing",
        /// There are no golden values for a token.
        TokenNotJudged = "token_not_judged",
        /// A token that carries another nonce than the evidence beside it.
        TokenOfAnotherChallenge = "token_of_another_challenge",
        /// A token by a key that is not the device's.
        TokenOfAnotherDevice = "token_of_another_device",
        /// Two tokens of one profile.
        TokenRepeated = "token_repeated",
        /// A submodule whose claims nobody proved.
        TokenSubmoduleUnproven = "token_submodule_unproven",
        /// Each PCR is known, but no single variant of the boot explains all of them.
        VariantsMixed = "variants_mixed",
        /// A rule of the golden document, and not a digest, accounts for a measurement.
        VariedByRule = "varied_by_rule",
        /// The PCR is quoted in no bank of at least SHA-256.
        WeakBank = "weak_bank",
        /// The policy says that the keys which the family's makers put into it are weak.
        WeakRoots = "weak_roots",
        /// A quirk was tolerated because the golden document names it.
        WorkaroundUsed = "workaround_used",
    }
}

impl Code {
    /// Whether such a warning about the evidence as a whole keeps every part from being better than `warning`.
    pub(super) const fn caps(self) -> bool {
        matches!(
            self,
            Self::ReleaseCapabilityNone
                | Self::ReleaseVerifiedOnly
                | Self::ReleaseViewStale
                | Self::WeakRoots
        )
    }
}

/// One fact about the evidence, in the fixed order of the appraisal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Which kind of fact.
    pub code: Code,
    /// The code of the layer below, where that layer has its own: a log's `duplicate_separator`, a quote's `nonce_mismatch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail_code: Option<&'static str>,
    /// What it means for `part`, the same for every kind of evidence: `refuse` contraindicates it, `warn` lowers it to `warning`, `info` lowers
    /// nothing. The evidence as a whole has no status of its own: `refuse` contraindicates every part, `warn` is told and lowers none.
    pub severity: Severity,
    /// Which claim it bears on.
    pub part: Part,
    /// The named part of the boot, such as `grub.kernel_cmdline`.
    pub component: Option<String>,
    /// The token it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The bank it was seen in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank: Option<&'static str>,
    /// The PCR, if it is about one.
    pub pcr: Option<u32>,
    /// Index of the event in the firmware's log (0 is the header), of the record in the log of user space (see `log`), or of the entry in
    /// the IMA list.
    pub event: Option<u32>,
    /// `userspace` where the event is a record of the log of user space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<&'static str>,
    /// What would have been right: digests in hexadecimal, or words.
    pub expected: Vec<String>,
    /// What was there.
    pub got: Option<String>,
    /// The same in plain words.
    pub explain: String,
    /// The likely cause.
    pub cause: Option<Cause>,
    /// A known thing that would lead to this; `explain` has it in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// It stands for this many findings of its code and severity that are not listed, because there are too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<usize>,
}

impl Reason {
    /// A finding with nothing but its code, severity, part and words.
    #[must_use]
    pub fn new(code: Code, severity: Severity, part: Part, explain: impl Into<String>) -> Self {
        Self {
            code,
            detail_code: None,
            severity,
            part,
            component: None,
            token: None,
            bank: None,
            pcr: None,
            event: None,
            log: None,
            expected: Vec::new(),
            got: None,
            explain: explain.into(),
            cause: None,
            explanation: None,
            left_out: None,
        }
    }
}
