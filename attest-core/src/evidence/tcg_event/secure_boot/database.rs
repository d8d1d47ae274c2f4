//! The variables that hold keys and hashes.

use crate::evidence::tcg_event::{Guid, Variable};

/// A list of keys or hashes (UEFI 2.10, 32.3 and 32.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the variables")]
pub enum Database {
    PK,
    KEK,
    Db,
    Dbx,
    Dbt,
    Dbr,
}

impl Database {
    /// All of them, in the order in which firmware measures them.
    pub const ALL: [Self; 6] = [Self::PK, Self::KEK, Self::Db, Self::Dbx, Self::Dbt, Self::Dbr];

    /// The variable's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PK => "PK",
            Self::KEK => "KEK",
            Self::Db => "db",
            Self::Dbx => "dbx",
            Self::Dbt => "dbt",
            Self::Dbr => "dbr",
        }
    }

    /// Whether who holds a key of it decides what boots, now or after a change.
    pub(super) const fn decides(self) -> bool {
        matches!(self, Self::PK | Self::KEK | Self::Db)
    }

    pub(in crate::evidence::tcg_event) fn of(variable: &Variable<'_>) -> Option<Self> {
        let vendor = |database: &Self| match database {
            Self::PK | Self::KEK => Guid::GLOBAL,
            _ => Guid::IMAGE_SECURITY,
        };
        Self::ALL.into_iter().find(|database| variable.is(vendor(database), database.name()))
    }
}
