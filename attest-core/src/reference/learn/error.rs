//! Why nothing is learned.

use super::super::golden;
use crate::digest::Digest;

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
    /// The IMA list is of another boot than the log.
    #[error(
        "boot `{boot}`: the IMA list is of another boot: its boot_aggregate is {got}, that of the log's registers {expected}"
    )]
    ListOfAnotherBoot {
        /// Which boot.
        boot: String,
        /// The digest of what the log leads to.
        expected: Box<Digest>,
        /// The list's.
        got: Box<Digest>,
    },
    /// The log has a finding that would refuse the device.
    #[error("boot `{boot}`: {detail}{}: a log that would be refused is not golden", at_event(*event))]
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

fn at_event(event: Option<u32>) -> String {
    event.map(|event| format!(" (event {event})")).unwrap_or_default()
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BanksDisjoint => "learn_banks_disjoint",
            Self::Golden(error) => error.code(),
            Self::ListOfAnotherBoot { .. } => "learn_ima_of_another_boot",
            Self::LogRefused { .. } => "learn_log_refused",
            Self::NoBoot => "learn_no_boot",
            Self::NobodyMeasures { .. } => "learn_nobody_measures",
            Self::NotPerDevice { .. } => "learn_not_per_device",
            Self::RuleFitsNothing { .. } => "learn_rule_fits_nothing",
            Self::WeaknessNotAccepted { .. } => "learn_weakness_not_accepted",
        }
    }
}
