//! How a slot may vary. Never a wildcard: a rule owns one slot of a sequence, reads only what that slot's digest covers, and parses all of
//! it. Where a rule has values, they decide; the slot's digest says from what they were learned.

mod terms;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use terms::{Departure, Listed, Terms};

use super::error::Error;
use super::{Sequence, Slot};
use crate::evidence::tcg_event::Database;

/// How one slot may vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `Exit Boot Services Invocation`: the firmware may have been asked before and have refused, any number of times up to
    /// [`Rule::MOST_REPEATS`], each leaving an invocation and a failure.
    ExitBootServicesRepeat,
    /// The digest differs between good machines: a signed overlay brings each machine's own. Without one the slot's digest counts.
    PerDevice,
    /// The value is held against the values of a `[[rule]]` of the document.
    Values(Arc<ValueRule>),
}

impl Rule {
    /// How often ExitBootServices may fail before it succeeds.
    pub const MOST_REPEATS: usize = 8;

    /// What ExitBootServices leaves in PCR 5 when it fails (TCG PC Client Platform Firmware Profile, EV_EFI_ACTION strings).
    pub(crate) const EXIT_BOOT_SERVICES_FAILED: &[u8] = b"Exit Boot Services Returned with Failure";

    /// The component of [`Rule::ExitBootServicesRepeat`].
    pub(crate) const EXIT_BOOT_SERVICES: &str = "boot.exit_boot_services";

    /// Its name in the document.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ExitBootServicesRepeat => "exit_boot_services_repeat",
            Self::PerDevice => "per_device",
            Self::Values(rule) => &rule.name,
        }
    }

    /// What it allows, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::ExitBootServicesRepeat => {
                format!("may be refused by the firmware up to {} times before", Self::MOST_REPEATS)
            }
            Self::PerDevice => "differs from device to device: a signed overlay brings its value".to_owned(),
            Self::Values(rule) => rule.terms.words(),
        }
    }

    /// The values that it judges by, if it has any.
    #[must_use]
    pub fn values(&self) -> Option<&ValueRule> {
        match self {
            Self::Values(rule) => Some(rule),
            Self::ExitBootServicesRepeat | Self::PerDevice => None,
        }
    }

    /// Whether this slot may carry it.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn may_own(&self, pcr: u8, component: &str) -> Result<(), &'static str> {
        match self {
            Self::ExitBootServicesRepeat if (pcr, component) == (5, Self::EXIT_BOOT_SERVICES) => Ok(()),
            Self::ExitBootServicesRepeat => Err("belongs to boot.exit_boot_services in PCR 5"),
            Self::PerDevice if may_be_per_device(component) => Ok(()),
            Self::PerDevice => Err("may not be given away: this component means the same on every device"),
            Self::Values(rule) if rule.kind().owner() == (pcr, component) => Ok(()),
            Self::Values(_) => Err("belongs to another component's slot"),
        }
    }
}

/// What Secure Boot's state and shim's validation say, and where the firmware's part ends, is nothing to be signed away for one device.
#[must_use]
pub fn may_be_per_device(component: &str) -> bool {
    !matches!(component, "separator" | "secure_boot.state" | "mok.validation_state")
}

/// A `[[rule]]` of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRule {
    /// Its name, unique in the document.
    pub name: String,
    /// What it allows.
    pub terms: Terms,
}

impl ValueRule {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> RuleKind {
        self.terms.kind()
    }
}

/// The kinds of rules with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// PCR 1: the same boot option, whichever disk its partition is on.
    BootEntry,
    /// PCR 1: the same boot options in any order.
    BootOrder,
    /// PCR 7: nothing that is not listed.
    AtMost(Database),
    /// PCR 7: dbx has everything listed.
    DbxAtLeast,
    /// PCR 5: the same partitions by type, attributes and name.
    PartitionTable,
    /// PCR 7: shim's SBAT level is no older.
    SbatAtLeast,
}

impl RuleKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::BootEntry,
        Self::BootOrder,
        Self::AtMost(Database::Db),
        Self::AtMost(Database::Dbr),
        Self::AtMost(Database::Dbt),
        Self::AtMost(Database::KEK),
        Self::AtMost(Database::PK),
        Self::DbxAtLeast,
        Self::PartitionTable,
        Self::SbatAtLeast,
    ];

    /// Their names, for a person who wrote another.
    pub(super) const NAMES: &'static str = "boot_entry, boot_order, db_at_most, dbr_at_most, dbt_at_most, kek_at_most, pk_at_most, \
                                            dbx_at_least, partition_table, sbat_at_least";

    /// Its name in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BootEntry => "boot_entry",
            Self::BootOrder => "boot_order",
            Self::AtMost(Database::Db) => "db_at_most",
            Self::AtMost(Database::Dbr) => "dbr_at_most",
            Self::AtMost(Database::Dbt) => "dbt_at_most",
            // Fewer revocations are never allowed: there is no such kind in ALL.
            Self::AtMost(Database::Dbx) => "dbx_at_most",
            Self::AtMost(Database::KEK) => "kek_at_most",
            Self::AtMost(Database::PK) => "pk_at_most",
            Self::DbxAtLeast => "dbx_at_least",
            Self::PartitionTable => "partition_table",
            Self::SbatAtLeast => "sbat_at_least",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// PCR and component of the slots that it may own.
    #[must_use]
    pub const fn owner(self) -> (u8, &'static str) {
        match self {
            Self::BootEntry => (1, "boot.entry"),
            Self::BootOrder => (1, "boot.order"),
            Self::AtMost(Database::Db) => (7, "secure_boot.db"),
            Self::AtMost(Database::Dbr | Database::Dbt) => (7, "secure_boot.recovery"),
            Self::AtMost(Database::Dbx) | Self::DbxAtLeast => (7, "secure_boot.dbx"),
            Self::AtMost(Database::KEK) => (7, "secure_boot.kek"),
            Self::AtMost(Database::PK) => (7, "secure_boot.pk"),
            Self::PartitionTable => (5, "boot.partition_table"),
            Self::SbatAtLeast => (7, "secure_boot.sbat_level"),
        }
    }
}

impl Sequence {
    /// A rule with values owns one slot of a sequence, of which these are the slots.
    pub(super) fn check_rules_of<'s>(
        slots: impl IntoIterator<Item = &'s Slot>,
        place: impl Fn() -> String,
    ) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        for rule in slots.into_iter().filter_map(|slot| slot.rule.as_ref()?.values()) {
            if !seen.insert(&rule.name) {
                return Err(Error::Rule {
                    place: place(),
                    rule: rule.name.clone(),
                    detail: "owns one slot, and stands in two",
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "rule/tests.rs"]
mod tests;
