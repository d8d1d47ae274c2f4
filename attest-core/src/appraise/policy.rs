//! What the relying party asks for, as data that is parsed once.

use serde::Deserialize;

use crate::evidence::tpm::ClockInfo;
use crate::reference::golden::may_be_judged;
use crate::toml_error::described;

/// What a policy's first line says it is.
pub const POLICY_FORMAT: &str = "attest-policy/1";

/// How a finding that machines also have for good reasons is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Taken {
    /// It refuses.
    Refuse,
    /// It is told as a warning about the evidence, which lowers no status.
    Warn,
}

/// How a TPM is taken that was reset or restarted while the device's last affirming verdict still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reset {
    /// A boot like any other: for devices that may boot whenever they want.
    Accept,
    /// It refuses, until that verdict has expired.
    Refuse,
    /// It lowers the boot to `warning`, until that verdict has expired.
    Warn,
}

/// What must be judged, and how findings are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    must_judge: Vec<u8>,
    clock_unsafe: Taken,
    firmware_version_changed: Taken,
    reset_within_lease: Option<Reset>,
}

impl Default for Policy {
    /// Firmware code, boot loader and Secure Boot must be judged; an unsafe clock or new TPM firmware warns, and so
    /// does a boot within a lease where the caller holds one against it.
    fn default() -> Self {
        Self {
            must_judge: vec![0, 4, 7],
            clock_unsafe: Taken::Warn,
            firmware_version_changed: Taken::Warn,
            reset_within_lease: None,
        }
    }
}

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The document says that it is something else.
    #[error("format is `{got}`, expected `{POLICY_FORMAT}`")]
    Format {
        /// What it says.
        got: String,
    },
    /// A PCR that can never be judged.
    #[error("must_judge: PCR {pcr} cannot be judged")]
    Pcr {
        /// Which.
        pcr: u8,
    },
    /// It is not TOML, or not of this shape.
    #[error("{detail}")]
    Syntax {
        /// Line, column and what was expected.
        detail: String,
    },
}

impl PolicyError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Format { .. } => "policy_format",
            Self::Pcr { .. } => "policy_pcr",
            Self::Syntax { .. } => "policy_syntax",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    format: String,
    must_judge: Vec<u8>,
    clock_unsafe: Option<Taken>,
    firmware_version_changed: Option<Taken>,
    reset_within_lease: Option<Reset>,
}

impl Policy {
    /// Reads a policy. One that asks for no PCR is read, and then refuses every device.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let raw: RawPolicy =
            toml::from_str(text).map_err(|e| PolicyError::Syntax { detail: described(text, &e) })?;
        if raw.format != POLICY_FORMAT {
            return Err(PolicyError::Format { got: raw.format });
        }
        if let Some(&pcr) = raw.must_judge.iter().find(|pcr| !may_be_judged(**pcr)) {
            return Err(PolicyError::Pcr { pcr });
        }
        Ok(Self {
            must_judge: raw.must_judge,
            clock_unsafe: raw.clock_unsafe.unwrap_or(Taken::Warn),
            firmware_version_changed: raw.firmware_version_changed.unwrap_or(Taken::Warn),
            reset_within_lease: raw.reset_within_lease,
        })
    }

    /// The PCRs that the golden document must judge.
    #[must_use]
    pub fn must_judge(&self) -> &[u8] {
        &self.must_judge
    }

    /// How an unsafe clock is taken.
    #[must_use]
    pub const fn clock_unsafe(&self) -> Taken {
        self.clock_unsafe
    }

    /// How another TPM firmware than the last time's is taken.
    #[must_use]
    pub const fn firmware_version_changed(&self) -> Taken {
        self.firmware_version_changed
    }

    /// How a TPM is taken that was reset or restarted while an earlier verdict still counts: it warns unless the policy says otherwise.
    #[must_use]
    pub const fn reset_within_lease(&self) -> Reset {
        match self.reset_within_lease {
            Some(said) => said,
            None => Reset::Warn,
        }
    }

    /// Whether the policy says itself how such a boot is taken. A caller whose devices boot when they want gives a lease only where it does.
    #[must_use]
    pub const fn asks_for_leases(&self) -> bool {
        self.reset_within_lease.is_some()
    }
}

/// What the caller knows about the device and itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The family that the device is enrolled in, or that the caller asks about.
    pub family: String,
    /// Development mode: marks the verdict.
    pub development: bool,
    /// What the same AK's last authentic quote said. Counters of different keys are not comparable (TPM 2.0 Part 1, clock
    /// obfuscation for keys outside the endorsement and platform hierarchies).
    pub last_seen: Option<LastSeen>,
    /// The TPM's counters in the quote of the same AK behind the last affirming verdict, while that still counts. `None`: there is no
    /// such verdict, or the caller lets its devices boot when they want. What a boot meanwhile means, [`Policy::reset_within_lease`] says.
    pub lease: Option<ClockInfo>,
    /// Why the device is revoked, if it is.
    pub revoked: Option<String>,
}

/// The last authentic quote of the same AK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// Its clock.
    pub clock: ClockInfo,
    /// Its TPM firmware version.
    pub firmware_version: u64,
}
