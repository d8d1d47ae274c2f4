//! What an event proves to its last byte: the only thing that a golden rule may judge by.

use super::gpt::{PartitionUse, partition_uses};
use super::guid::Guid;
use super::sbat::SbatLevel;
use super::secure_boot::Database;
use super::signatures::Signatures;
use super::variable::Variable;
use super::{Authenticated, authenticated, boot};
use crate::digest::HashAlg;
use crate::evidence::tcg_log::{Event, EventType};

/// An event's value, proven by its digest in every bank asked for and parsed to its last byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// A boot option without what names one disk, and the variable's name where the digest covers it.
    BootEntry {
        /// `Boot0001`.
        name: Option<String>,
        /// See [`option_without_disk`](super::option_without_disk).
        option: Vec<u8>,
    },
    /// The numbers of BootOrder, as they stand, and whether the digest covers the variable's name.
    BootOrder {
        /// Numbers of boot options, none twice.
        order: Vec<u16>,
        /// Whether the digest covers the variable's name too.
        named: bool,
    },
    /// The partitions in use.
    PartitionTable(Vec<PartitionUse>),
    /// shim's SBAT level.
    SbatLevel(SbatLevel),
    /// A signature database.
    Signatures(Database, Signatures),
}

/// Why an event's value cannot be judged by a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Not an event of a kind that a rule knows.
    Kind,
    /// It has bytes that do not parse.
    Malformed,
    /// In some bank its data does not hash to its digest.
    Unproven,
}

impl Unread {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Kind => "the event is of another kind than the rule's",
            Self::Malformed => "the event's data does not parse to its last byte",
            Self::Unproven => "the event's data does not hash to its digest",
        }
    }
}

impl Whole {
    /// Reads an event. The digests of all `banks` must cover the same bytes.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn read(event: &Event<'_>, banks: &[HashAlg]) -> Result<Self, Unread> {
        let subject = Subject::of(event).ok_or(Unread::Kind)?;
        let mut proven = banks.iter().map(|bank| authenticated(event, *bank));
        let first = proven.next().ok_or(Unread::Unproven)?;
        if proven.any(|other| other != first) {
            return Err(Unread::Unproven);
        }
        let named = match (first, &subject) {
            (Authenticated::WholeData, _) => true,
            // EV_EFI_VARIABLE_BOOT may cover the contents alone; the name is then a hint.
            (Authenticated::VariableData, Subject::BootEntry(_) | Subject::BootOrder(_)) => false,
            _ => return Err(Unread::Unproven),
        };
        subject.read(named).ok_or(Unread::Malformed)
    }
}

/// What an event says that it is. The type is never proven; that it fits can only narrow what a rule accepts.
enum Subject<'a> {
    BootEntry(Variable<'a>),
    BootOrder(Variable<'a>),
    PartitionTable(&'a [u8]),
    SbatLevel(Variable<'a>),
    Signatures(Database, Variable<'a>),
}

impl<'a> Subject<'a> {
    fn of(event: &Event<'a>) -> Option<Self> {
        let variable = || Variable::parse(event.data);
        match (event.pcr, event.event_type) {
            (1, EventType::EFI_VARIABLE_BOOT | EventType::EFI_VARIABLE_BOOT2) => {
                let variable = variable()?;
                if variable.is(Guid::GLOBAL, "BootOrder") {
                    return Some(Self::BootOrder(variable));
                }
                variable.is_boot_option().then_some(Self::BootEntry(variable))
            }
            (5, EventType::EFI_GPT_EVENT) => Some(Self::PartitionTable(event.data)),
            (7, EventType::EFI_VARIABLE_AUTHORITY) => {
                Some(variable()?).filter(|v| v.is(Guid::SHIM, "SbatLevel")).map(Self::SbatLevel)
            }
            (7, EventType::EFI_VARIABLE_DRIVER_CONFIG) => {
                let variable = variable()?;
                Some(Self::Signatures(Database::of(&variable)?, variable))
            }
            _ => None,
        }
    }

    fn read(self, named: bool) -> Option<Whole> {
        let contents = |variable: Variable<'a>| sound(variable).then_some(variable.data);
        Some(match self {
            Self::BootEntry(variable) => Whole::BootEntry {
                name: named.then(|| variable.name.to_string()),
                option: boot::option_without_disk(contents(variable)?)?,
            },
            Self::BootOrder(variable) => {
                let (pairs, odd) = contents(variable)?.as_chunks::<2>();
                let order: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
                let mut sorted = order.clone();
                sorted.sort_unstable();
                sorted.dedup();
                if !odd.is_empty() || sorted.len() != order.len() {
                    return None;
                }
                Whole::BootOrder { order, named }
            }
            Self::PartitionTable(data) => Whole::PartitionTable(partition_uses(data)?),
            Self::SbatLevel(variable) => Whole::SbatLevel(SbatLevel::parse(contents(variable)?)?),
            Self::Signatures(database, variable) => {
                Whole::Signatures(database, Signatures::parse(contents(variable)?)?)
            }
        })
    }
}

/// Whether a variable has no bytes beyond its contents, and its name none beyond its text.
fn sound(variable: Variable<'_>) -> bool {
    let len = variable.name.units().count().checked_mul(2);
    variable.trailing.is_empty() && len == Some(variable.name.0.len())
}

#[cfg(test)]
#[path = "whole/tests.rs"]
mod tests;
