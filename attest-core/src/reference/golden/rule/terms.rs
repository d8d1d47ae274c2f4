//! The values of a rule: what they accept, and how a document writes them.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use super::RuleKind;
use crate::evidence::tcg_event::{
    Database, Guid, PartitionUse, SbatLevel, SecurityVersion, Signature, Signatures, Whole,
};

/// Signatures with what a person should read beside them.
pub type Listed = BTreeMap<Signature, String>;

/// What a rule holds a value against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// The variable's name where the digest covers it, and the option without what names one disk.
    BootEntry {
        /// `Boot0001`.
        name: Option<String>,
        /// The option.
        option: Vec<u8>,
    },
    /// The numbers of the boot options, and whether the digest covers the variable's name.
    BootOrder {
        /// The numbers.
        numbers: BTreeSet<u16>,
        /// Whether the digest covers the variable's name too.
        named: bool,
    },
    /// What a database may hold.
    AtMost(Database, Listed),
    /// What dbx must hold: signatures, and security versions by application.
    DbxAtLeast(Listed, BTreeMap<Guid, SecurityVersion>),
    /// The partitions, in their order.
    PartitionTable(Vec<PartitionUse>),
    /// The oldest level that is good enough.
    SbatAtLeast(SbatLevel),
}

/// How a value departs from a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Something listed is not there, or older.
    Missing(Vec<String>),
    /// Something differs that may not.
    Other(String),
    /// Something is there that is not listed.
    Unlisted(Vec<String>),
}

/// A departure in words names this many; the rest is counted.
const MOST_NAMED: usize = 8;

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, names) = match self {
            Self::Missing(names) => ("it lacks", names),
            Self::Unlisted(names) => ("it has what is not listed:", names),
            Self::Other(text) => return f.write_str(text),
        };
        let shown: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
        write!(f, "{text} {}", shown.join(", "))?;
        match names.len().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Terms {
    /// The rule's kind.
    #[must_use]
    pub const fn kind(&self) -> RuleKind {
        match self {
            Self::BootEntry { .. } => RuleKind::BootEntry,
            Self::BootOrder { .. } => RuleKind::BootOrder,
            Self::AtMost(database, _) => RuleKind::AtMost(*database),
            Self::DbxAtLeast(..) => RuleKind::DbxAtLeast,
            Self::PartitionTable(_) => RuleKind::PartitionTable,
            Self::SbatAtLeast(_) => RuleKind::SbatAtLeast,
        }
    }

    /// Whether the value is one that the rule allows.
    #[must_use]
    pub fn accepts(&self, value: &Whole) -> bool {
        match (self, value) {
            (Self::BootEntry { name, option }, Whole::BootEntry { name: got_name, option: got }) => {
                name == got_name && option == got
            }
            (Self::BootOrder { numbers, named }, Whole::BootOrder { order, named: got_named }) => {
                named == got_named && *numbers == order.iter().copied().collect()
            }
            (Self::AtMost(database, listed), Whole::Signatures(got_database, got)) => {
                // An empty PK is setup mode, an empty db nothing that could have verified the boot.
                database == got_database
                    && !got.all.is_empty()
                    && got.versions.is_empty()
                    && got.all.iter().all(|signature| listed.contains_key(signature))
            }
            (Self::DbxAtLeast(listed, versions), Whole::Signatures(Database::Dbx, got)) => {
                listed.keys().all(|signature| got.all.contains(signature))
                    && versions.iter().all(|version| !is_older(got, version))
            }
            (Self::PartitionTable(partitions), Whole::PartitionTable(got)) => partitions == got,
            (Self::SbatAtLeast(level), Whole::SbatLevel(got)) => {
                got.date >= level.date && level.generations.iter().all(|least| !is_behind(got, least))
            }
            _ => false,
        }
    }

    /// How the value departs from the rule, for people: [`Terms::accepts`] decides, and this only explains.
    ///
    /// # Errors
    /// [`Departure`]: what is missing, or there although it is not listed.
    pub fn accept(&self, value: &Whole) -> Result<(), Departure> {
        if self.accepts(value) { Ok(()) } else { Err(self.departure(value)) }
    }

    fn departure(&self, value: &Whole) -> Departure {
        let (missing, unlisted) = self.departures(value);
        match (missing.is_empty(), unlisted.is_empty()) {
            (false, _) => Departure::Missing(missing),
            (true, false) => Departure::Unlisted(unlisted),
            (true, true) => Departure::Other(self.other_departure(value).to_owned()),
        }
    }

    /// What the value lacks, and what it has that is not listed.
    fn departures(&self, value: &Whole) -> (Vec<String>, Vec<String>) {
        match (self, value) {
            (Self::BootOrder { numbers, named }, Whole::BootOrder { order, named: got_named })
                if named == got_named =>
            {
                let got: BTreeSet<u16> = order.iter().copied().collect();
                let text = |number: &u16| format!("Boot{number:04X}");
                (numbers.difference(&got).map(text).collect(), got.difference(numbers).map(text).collect())
            }
            (Self::AtMost(database, listed), Whole::Signatures(got_database, got))
                if database == got_database =>
            {
                let versions = got.versions.keys().map(|application| format!("svn:{application}"));
                let signatures = got.all.iter().filter(|s| !listed.contains_key(s)).map(ToString::to_string);
                (Vec::new(), signatures.chain(versions).collect())
            }
            (Self::DbxAtLeast(listed, versions), Whole::Signatures(Database::Dbx, got)) => {
                let signatures = listed.iter().filter(|(s, _)| !got.all.contains(s)).map(written);
                let older = versions.iter().filter(|version| is_older(got, *version)).map(version_text);
                (signatures.chain(older).collect(), Vec::new())
            }
            (Self::PartitionTable(partitions), Whole::PartitionTable(got)) => {
                let missing = partitions.iter().filter(|p| !got.contains(p)).map(ToString::to_string);
                let unlisted = got.iter().filter(|p| !partitions.contains(p)).map(ToString::to_string);
                (missing.collect(), unlisted.collect())
            }
            (Self::SbatAtLeast(level), Whole::SbatLevel(got)) => {
                let older = level.generations.iter().filter(|least| is_behind(got, *least));
                let older = older.map(|(component, generation)| format!("{component},{generation}"));
                let date = (got.date < level.date).then(|| format!("sbat,…,{}", level.date));
                (older.chain(date).collect(), Vec::new())
            }
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// A departure that no list shows.
    fn other_departure(&self, value: &Whole) -> &'static str {
        match (self, value) {
            (Self::BootEntry { .. }, Whole::BootEntry { .. }) => {
                "more differs than the disk that the option's partition is on"
            }
            (Self::BootOrder { .. }, Whole::BootOrder { .. }) => {
                "the firmware measures the variable in another way"
            }
            (Self::AtMost(database, _), Whole::Signatures(got, _)) if database == got => "it is empty",
            (Self::PartitionTable(_), Whole::PartitionTable(_)) => {
                "its partitions stand in another order or number"
            }
            _ => "it is another kind of value than the rule's",
        }
    }

    /// What it allows, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::BootEntry { .. } => "this boot option, on whichever disk".to_owned(),
            Self::BootOrder { numbers, .. } => format!("these {} boot options in any order", numbers.len()),
            Self::AtMost(_, listed) => format!("at most these {} signatures, and one at least", listed.len()),
            Self::DbxAtLeast(listed, versions) => {
                format!("at least these {} revocations", listed.len().saturating_add(versions.len()))
            }
            Self::PartitionTable(partitions) => {
                format!(
                    "these {} partitions by type, attributes and name, on whichever disk",
                    partitions.len()
                )
            }
            Self::SbatAtLeast(level) => format!("SBAT level {level}, or newer"),
        }
    }

    /// The values as the document writes them, one a line.
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        match self {
            Self::BootEntry { name, option } => {
                name.iter().cloned().chain([format!("hex:{}", hex::encode(option))]).collect()
            }
            Self::BootOrder { numbers, named } => {
                let name = named.then(|| "BootOrder".to_owned());
                name.into_iter().chain(numbers.iter().map(|n| format!("{n:04x}"))).collect()
            }
            Self::AtMost(_, listed) => listed.iter().map(written).collect(),
            Self::DbxAtLeast(listed, versions) => {
                listed.iter().map(written).chain(versions.iter().map(version_text)).collect()
            }
            Self::PartitionTable(partitions) => partitions.iter().map(ToString::to_string).collect(),
            Self::SbatAtLeast(level) => level.lines(),
        }
    }

    /// Reads the values that [`Terms::values`] writes.
    ///
    /// # Errors
    /// The value that is none, or stands twice, or `""` where one is missing.
    pub fn read(kind: RuleKind, values: &[String]) -> Result<Self, String> {
        let terms = match kind {
            RuleKind::BootEntry => {
                let (option, name) = values.split_last().ok_or_else(String::new)?;
                let bytes = option.strip_prefix("hex:").and_then(|text| hex::decode(text).ok());
                Self::BootEntry { name: name.first().cloned(), option: bytes.ok_or_else(|| option.clone())? }
            }
            RuleKind::BootOrder => {
                let named = values.first().is_some_and(|first| first == "BootOrder");
                let numbers = values.iter().skip(usize::from(named));
                let numbers = numbers.map(|text| u16::from_str_radix(text, 16).map_err(|_| text.clone()));
                Self::BootOrder { numbers: numbers.collect::<Result<_, _>>()?, named }
            }
            RuleKind::AtMost(database) => Self::AtMost(database, listed(values.iter())?),
            RuleKind::DbxAtLeast => {
                let (versions, signatures): (Vec<_>, Vec<_>) =
                    values.iter().partition(|value| value.starts_with("svn:"));
                let versions = versions.into_iter().map(|text| version(text).ok_or_else(|| text.clone()));
                Self::DbxAtLeast(listed(signatures.into_iter())?, versions.collect::<Result<_, _>>()?)
            }
            RuleKind::PartitionTable => {
                let partitions = values.iter().map(|text| text.parse().map_err(|_| text.clone()));
                Self::PartitionTable(partitions.collect::<Result<_, _>>()?)
            }
            RuleKind::SbatAtLeast => {
                let level = SbatLevel::from_lines(values.iter().map(String::as_str));
                Self::SbatAtLeast(level.ok_or_else(|| values.join("; "))?)
            }
        };
        // One way to write it: a value that stands twice, or in another form, is a mistake to hear about.
        let (mut written, mut given) = (terms.values(), values.to_vec());
        if !matches!(kind, RuleKind::PartitionTable) {
            written.sort_unstable();
            given.sort_unstable();
        }
        match given.iter().zip(&written).find(|(given, written)| given != written) {
            Some((given, _)) => Err(given.clone()),
            None if given.is_empty() || given.len() != written.len() => {
                Err(given.last().cloned().unwrap_or_default())
            }
            None => Ok(terms),
        }
    }
}

fn written((signature, about): (&Signature, &String)) -> String {
    if about.is_empty() { signature.to_string() } else { format!("{signature} {about}") }
}

fn version_text((application, (major, minor)): (&Guid, &SecurityVersion)) -> String {
    format!("svn:{application}={major}.{minor}")
}

fn version(text: &str) -> Option<(Guid, SecurityVersion)> {
    let (application, version) = text.strip_prefix("svn:")?.split_once('=')?;
    let (major, minor) = version.split_once('.')?;
    Some((application.parse().ok()?, (major.parse().ok()?, minor.parse().ok()?)))
}

fn listed<'v>(values: impl Iterator<Item = &'v String>) -> Result<Listed, String> {
    let mut listed = Listed::new();
    for text in values {
        let (signature, about) = text.split_once(' ').unwrap_or((text, ""));
        let signature = signature.parse().map_err(|_| text.clone())?;
        if listed.insert(signature, about.to_owned()).is_some() {
            return Err(text.clone());
        }
    }
    Ok(listed)
}

/// Whether the application's lowest allowed version is missing, or lower than this.
fn is_older(got: &Signatures, (application, version): (&Guid, &SecurityVersion)) -> bool {
    got.versions.get(application).is_none_or(|got| got < version)
}

/// Whether the component's generation is missing, or lower than this.
fn is_behind(got: &SbatLevel, (component, generation): (&String, &u16)) -> bool {
    got.generations.get(component).is_none_or(|got| got < generation)
}
