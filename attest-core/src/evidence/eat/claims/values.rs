//! What single claims can say (RFC 9711, section 4): the values of enumerated claims by their names and numbers, and the pairs.

use super::super::psa::PsaProfile;

/// Which rules a token's claims follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// It names none.
    #[default]
    None,
    /// One of the PSA profiles.
    Psa(PsaProfile),
}

impl Profile {
    /// As the token names it.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Psa(profile) => Some(profile.name()),
        }
    }
}

/// Who made the device (`oemid`, RFC 9711, 4.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OemId {
    /// An IEEE identifier of 3 bytes, or 16 random bytes.
    Bytes(Vec<u8>),
    /// A private enterprise number.
    Pen(u64),
}

/// A version and how it is written (`hwversion`, `swversion`); the scheme is CoSWID's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The version.
    pub version: String,
    /// CoSWID's number or name for how it is written.
    pub scheme: Option<String>,
}

/// Whether the device can be debugged (`dbgstat`, RFC 9711, 4.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugStatus {
    /// It can, now.
    Enabled,
    /// Not now; it may have been since the boot.
    Disabled,
    /// Not since the boot.
    DisabledSinceBoot,
    /// Never again but by the maker.
    DisabledPermanently,
    /// Never again by anyone.
    DisabledFullyAndPermanently,
}

impl DebugStatus {
    pub(super) const NAMES: [(&'static str, i64, Self); 5] = [
        ("enabled", 0, Self::Enabled),
        ("disabled", 1, Self::Disabled),
        ("disabled-since-boot", 2, Self::DisabledSinceBoot),
        ("disabled-permanently", 3, Self::DisabledPermanently),
        ("disabled-fully-and-permanently", 4, Self::DisabledFullyAndPermanently),
    ];

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, _, status)| *status == self).map_or("", |(name, ..)| name)
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, ..)| *known == name).map(|(_, _, status)| *status)
    }
}

/// What the token is for (`intuse`, RFC 9711, 4.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntendedUse {
    /// Anything.
    Generic,
    /// Registration with a service.
    Registration,
    /// Provisioning.
    Provisioning,
    /// A certificate request.
    Csr,
    /// Proof of possession.
    ProofOfPossession,
}

impl IntendedUse {
    pub(super) const NAMES: [(&'static str, i64, Self); 5] = [
        ("generic", 1, Self::Generic),
        ("registration", 2, Self::Registration),
        ("provisioning", 3, Self::Provisioning),
        ("csr", 4, Self::Csr),
        ("pop", 5, Self::ProofOfPossession),
    ];

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, _, known)| *known == self).map_or("", |(name, ..)| name)
    }
}

/// Measurements or a manifest in a format of their own (`measurements`, `manifests`): CoSWID in most cases, kept as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// CoAP content format.
    pub content_format: u16,
    /// The encoded measurements.
    pub body: Vec<u8>,
}

/// How a comparison ended that the device made itself (`measres`, RFC 9711, 4.2.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasurementResult {
    /// As expected.
    Success,
    /// Not as expected.
    Fail,
    /// Not compared.
    NotRun,
    /// Nothing there to be compared.
    Absent,
}

impl MeasurementResult {
    pub(super) const NAMES: [(&'static str, i64, Self); 4] = [
        ("success", 1, Self::Success),
        ("fail", 2, Self::Fail),
        ("not-run", 3, Self::NotRun),
        ("absent", 4, Self::Absent),
    ];
}

/// One result, with the system that measured and the name of what it measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// The measuring system.
    pub system: String,
    /// What was measured; bytes are in hexadecimal.
    pub id: String,
    /// How it ended.
    pub result: MeasurementResult,
}
