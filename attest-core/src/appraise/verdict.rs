//! The verdict: a status and every reason, in order.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::cause::RootCause;
use super::comparison::{Comparison, FirstDifference};
use super::finding::{Part, Reason, Severity};
use crate::Timestamp;
use crate::authenticate::ImaCheckpoint;
use crate::evidence::tpm::ClockInfo;
use crate::reference::GoldenSource;

/// The four tiers of AR4SI, worst last in severity but ordered here as EAR writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing was judged.
    None,
    /// Everything judged is as the golden values say.
    Affirming,
    /// Judged good but for a warning.
    Warning,
    /// Judged and refused.
    Contraindicated,
}

impl Status {
    /// The name used in EAR (`ear_status`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Affirming => "affirming",
            Self::Warning => "warning",
            Self::Contraindicated => "contraindicated",
        }
    }

    /// The trustworthiness tier as a number (draft-ietf-rats-ear, trustworthiness tiers), used in CBOR.
    #[must_use]
    pub const fn tier(self) -> i8 {
        match self {
            Self::None => 0,
            Self::Affirming => 2,
            Self::Warning => 32,
            Self::Contraindicated => 96,
        }
    }

    /// The worse of two judged statuses. `None` was not judged and so does not count.
    #[must_use]
    pub const fn worst(self, other: Self) -> Self {
        if self.rank() >= other.rank() { self } else { other }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Affirming => 1,
            Self::Warning => 2,
            Self::Contraindicated => 3,
        }
    }
}

/// The trustworthiness vector of AR4SI. 0 is "no claim".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrustVector {
    /// 2: an enrolled key; 0: a key that the caller vouches for; 96: revoked; 99: not authentic.
    pub instance_identity: i8,
    /// 2: approved configuration; 32: unsafe; 96: unsupportable.
    pub configuration: i8,
    /// 2: only approved executables at runtime; 3: at boot; 33: unrecognized; 96: contraindicated.
    pub executables: i8,
    /// Files below: 2 approved, 32 unrecognized, 96 contraindicated.
    pub file_system: i8,
    /// Not judged here: 0.
    pub runtime_opaque: i8,
    /// 2: golden firmware on a known platform; 0 while firmware identity is not judged.
    pub hardware: i8,
}

impl TrustVector {
    /// Every claim set to 99, "cryptographic validation of the evidence failed".
    pub const NOT_AUTHENTIC: Self = Self {
        instance_identity: 99,
        configuration: 99,
        executables: 99,
        file_system: 99,
        runtime_opaque: 99,
        hardware: 99,
    };

    /// The claims with their AR4SI names, in the order of their CBOR labels (0 instance-identity, 1 configuration, 2 executables,
    /// 3 file-system, 4 hardware, 5 runtime-opaque).
    #[must_use]
    pub const fn claims(&self) -> [(&'static str, i8); 6] {
        [
            ("instance-identity", self.instance_identity),
            ("configuration", self.configuration),
            ("executables", self.executables),
            ("file-system", self.file_system),
            ("hardware", self.hardware),
            ("runtime-opaque", self.runtime_opaque),
        ]
    }
}

/// A part's own status and vector: it becomes one submodule of the EAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SubVerdict {
    /// `none` when the part has no golden values and so was not judged.
    pub status: Status,
    /// The claims about this part.
    pub trust_vector: TrustVector,
}

/// A named part of the boot and how it fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentVerdict {
    /// Its name in the golden document.
    #[serde(serialize_with = "text")]
    pub name: Arc<str>,
    /// How it fared.
    pub status: Status,
}

/// Which bank decided about a PCR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct JudgedPcr {
    /// The PCR.
    pub pcr: u32,
    /// The bank that decided.
    pub bank: &'static str,
}

/// What the evidence proved about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proven {
    /// The nonce in the signed evidence, lower-case hexadecimal: never an echo of the request (A15).
    pub nonce: String,
    /// Name of the attestation key (nameAlg ‖ digest), lower-case hexadecimal; absent for a bare key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ak_name: Option<String>,
    /// The TPM's clock.
    #[serde(serialize_with = "clock")]
    pub clock: ClockInfo,
    /// The TPM's firmware version, 16 hexadecimal digits.
    pub firmware_version: String,
    /// How many IMA entries the quote covers, and how many follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ima: Option<ImaCoverage>,
}

/// The prefix of the IMA list that the quote covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ImaCoverage {
    /// The bank in which the prefix replays.
    pub bank: &'static str,
    /// Entries covered by the quote.
    pub entries_covered: u32,
    /// Entries after them, measured after the quote and not judged.
    pub entries_left_over: u32,
}

#[expect(clippy::ref_option, reason = "serde passes fields so")]
fn unix<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Timestamp::unix).serialize(serializer)
}

fn text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn clock<S: Serializer>(clock: &ClockInfo, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fields {
        clock: u64,
        reset_count: u32,
        restart_count: u32,
        safe: bool,
    }
    Fields {
        clock: clock.clock,
        reset_count: clock.reset_count,
        restart_count: clock.restart_count,
        safe: clock.safe,
    }
    .serialize(serializer)
}

/// One token's own verdict: it becomes a submodule of the EAR, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenVerdict {
    /// The golden document's name for it.
    pub name: String,
    /// The profile that the token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<&'static str>,
    /// The nonce in the signed token, lower-case hexadecimal (A15); absent if there is no token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// How it fared; `none` without golden values.
    #[serde(flatten)]
    pub verdict: SubVerdict,
}

/// What we say about a device, and why. Made by the appraisal only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The worst of the judged parts.
    pub status: Status,
    /// The claims about the whole device.
    pub trust_vector: TrustVector,
    /// Boot integrity.
    pub boot: SubVerdict,
    /// Runtime integrity; never better than boot.
    pub runtime: SubVerdict,
    /// Each token, judged or missed; empty if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenVerdict>,
    /// Every named component, in the order of the golden document.
    pub components: Vec<ComponentVerdict>,
    /// Every finding, in the fixed order of the appraisal.
    pub reasons: Vec<Reason>,
    /// The root causes, most telling first.
    pub causes: Vec<RootCause>,
    /// Where golden values and boot part first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<FirstDifference>,
    /// The PCRs that differ from their golden sequences, side by side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparison: Vec<Comparison>,
    /// Where the golden values came from.
    pub golden: GoldenSource,
    /// The last second of what this verdict stands on: a result never counts longer, whatever its maker's usual time is.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "unix")]
    pub valid_until: Option<Timestamp>,
    /// The device family that was judged.
    pub family: String,
    /// The enrolled device, if the key is enrolled.
    pub device: Option<String>,
    /// Which bank decided about each judged PCR.
    pub judged: Vec<JudgedPcr>,
    /// What the evidence proved; absent when it proved nothing.
    pub proven: Option<Proven>,
    /// What the device's next quote of the same boot may go on from, for the verifier's own store.
    #[serde(skip)]
    pub ima_checkpoint: Option<ImaCheckpoint>,
}

impl Verdict {
    /// The worst severity among the findings about `part` or about the evidence as a whole.
    #[must_use]
    pub fn worst(&self, part: Part) -> Option<Severity> {
        self.reasons.iter().filter(|r| r.part == part || r.part == Part::Evidence).map(|r| r.severity).max()
    }

    /// The nonce in the signed evidence, lower-case hexadecimal: the quote's, or where there is none the tokens'.
    #[must_use]
    pub fn proven_nonce(&self) -> Option<&str> {
        let quote = self.proven.as_ref().map(|proven| proven.nonce.as_str());
        quote.or_else(|| self.tokens.iter().find_map(|token| token.nonce.as_deref()))
    }

    /// When a result that would count until `usual` stops counting.
    #[must_use]
    pub fn expires(&self, usual: Timestamp) -> Timestamp {
        self.valid_until.map_or(usual, |until| until.min(usual))
    }

    /// Whether every finding allows the credential: the status is `affirming`.
    #[must_use]
    pub const fn is_affirming(&self) -> bool {
        matches!(self.status, Status::Affirming)
    }
}
