//! How many of whom it takes.
//!
//! A quorum is written as lines, in the manner of the witness policies of transparency logs:
//!
//! ```text
//! group release 2 alice bob carol
//! group security 1 dave erin
//! group both 2 release security
//! quorum both
//! ```
//! A group names people, or groups that stand before it. Each person fills one place in all of a quorum: someone who is in two groups
//! counts in one of them, so two groups that are both needed are two people.

mod count;
mod error;
mod shape;
#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::count::Tally;
pub use self::error::Error;
use super::name::Name;
use crate::Limits;

/// A quorum that somebody can fill: every threshold is at least 1 and at most what its group has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quorum {
    groups: Vec<Group>,
    /// Which of the groups it takes.
    top: usize,
    /// The ways to fill it: each a number of people out of each of some groups of people.
    ways: Vec<Vec<Need>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: Name,
    threshold: usize,
    members: Members,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Members {
    /// Positions of groups.
    Groups(Vec<usize>),
    People(BTreeSet<Name>),
}

/// So many people of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    group: usize,
    people: usize,
}

impl Quorum {
    /// Reads a quorum. Lines that begin with `#`, and empty ones, say nothing.
    ///
    /// # Errors
    /// [`Error`], with the line.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Error> {
        let mut groups: Vec<Group> = Vec::new();
        let mut top = None;
        for (line, number) in text.lines().zip(1_usize..) {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                None => continue,
                Some(word) if word.starts_with('#') => continue,
                Some(_) if top.is_some() => return Err(Error::AfterTheEnd { line: number }),
                Some("group") => groups.push(read_group(number, words, &groups, limits)?),
                Some("quorum") => top = Some(read_top(number, words, &groups)?),
                Some(_) => return Err(Error::Keyword { line: number }),
            }
            if groups.len() > limits.quorum_groups {
                return Err(Error::TooMany { what: "groups", most: limits.quorum_groups });
            }
        }
        let top = top.ok_or(Error::NoQuorum)?;
        every_group_is_used_once(&groups, top)?;
        let ways = ways(&groups, top, limits.quorum_ways)
            .ok_or(Error::TooMany { what: "ways to fill it", most: limits.quorum_ways })?;
        let quorum = Self { groups, top, ways };
        if quorum.is_met_by(&quorum.people()) { Ok(quorum) } else { Err(Error::Unreachable) }
    }

    /// Everyone who is named.
    #[must_use]
    pub fn people(&self) -> BTreeSet<Name> {
        let people = self.groups.iter().filter_map(|group| match &group.members {
            Members::Groups(_) => None,
            Members::People(people) => Some(people.iter().cloned()),
        });
        people.flatten().collect()
    }

    /// The least number of different people that fill it.
    #[must_use]
    pub fn least_people(&self) -> usize {
        self.ways.iter().map(|way| way.iter().map(|need| need.people).sum()).min().unwrap_or(usize::MAX)
    }

    /// Whether it can still be filled when any one person is gone.
    #[must_use]
    pub fn survives_the_loss_of_anyone(&self) -> bool {
        let all = self.people();
        all.iter().all(|lost| {
            let left: BTreeSet<Name> = all.iter().filter(|person| *person != lost).cloned().collect();
            self.is_met_by(&left)
        })
    }
}

fn read_group<'a>(
    line: usize,
    mut words: impl Iterator<Item = &'a str>,
    groups: &[Group],
    limits: &Limits,
) -> Result<Group, Error> {
    let name = read_name(line, words.next())?;
    if groups.iter().any(|group| group.name == name) {
        return Err(Error::GroupTwice { line, group: name });
    }
    let threshold = words.next().ok_or(Error::Threshold { line, got: String::new() })?;
    let mut members: BTreeMap<Name, Option<usize>> = BTreeMap::new();
    for word in words {
        let member = read_name(line, Some(word))?;
        let at = groups.iter().position(|group| group.name == member);
        if members.insert(member.clone(), at).is_some() {
            return Err(Error::MemberTwice { line, member });
        }
        if members.len() > limits.quorum_members {
            return Err(Error::TooMany { what: "members of a group", most: limits.quorum_members });
        }
    }
    let of = members.len();
    let threshold = read_threshold(line, threshold, of)?;
    let mut positions: Vec<usize> = members.values().copied().flatten().collect();
    positions.sort_unstable();
    let members = match positions.len() {
        0 => Members::People(members.into_keys().collect()),
        groups if groups == of => Members::Groups(positions),
        _ => return Err(Error::PeopleAndGroups { line }),
    };
    Ok(Group { name, threshold, members })
}

/// A62: a number in plain digits, at least 1 and at most as many as there are.
fn read_threshold(line: usize, word: &str, of: usize) -> Result<usize, Error> {
    let refuse = || Error::Threshold {
        line,
        got: crate::evidence::text::shortened(crate::evidence::text::Text(word), 20),
    };
    let threshold = match word {
        "all" => of,
        "any" => 1,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') => {
            digits.parse().map_err(|_| refuse())?
        }
        _ => return Err(refuse()),
    };
    if of == 0 {
        return Err(Error::GroupEmpty { line });
    }
    if threshold > of { Err(Error::ThresholdUnreachable { line, threshold, of }) } else { Ok(threshold) }
}

fn read_top<'a>(
    line: usize,
    mut words: impl Iterator<Item = &'a str>,
    groups: &[Group],
) -> Result<usize, Error> {
    let name = read_name(line, words.next())?;
    match groups.iter().position(|group| group.name == name) {
        Some(at) if words.next().is_none() => Ok(at),
        Some(_) => Err(Error::Keyword { line }),
        None => Err(Error::GroupUnknown { line, group: name }),
    }
}

fn read_name(line: usize, word: Option<&str>) -> Result<Name, Error> {
    Name::try_from(word.unwrap_or_default()).map_err(|error| Error::Name { line, error })
}

/// A group that nothing asks for would look like protection, and one that is asked for twice would count its people twice.
fn every_group_is_used_once(groups: &[Group], top: usize) -> Result<(), Error> {
    let asked = |at: usize| {
        let within = groups.iter().map(|group| match &group.members {
            Members::Groups(members) => members.iter().filter(|member| **member == at).count(),
            Members::People(_) => 0,
        });
        within.sum::<usize>().saturating_add(usize::from(at == top))
    };
    for (at, group) in groups.iter().enumerate() {
        match asked(at) {
            0 => return Err(Error::GroupUnused { group: group.name.clone() }),
            1 => {}
            _ => return Err(Error::GroupShared { group: group.name.clone() }),
        }
    }
    Ok(())
}

/// Every way to fill this group; nothing where there are more than `most`.
fn ways(groups: &[Group], at: usize, most: usize) -> Option<Vec<Vec<Need>>> {
    let group = groups.get(at)?;
    let members = match &group.members {
        Members::People(_) => return Some(vec![vec![Need { group: at, people: group.threshold }]]),
        Members::Groups(members) => members,
    };
    // By how many of the members seen so far are filled: the ways to do that.
    let mut by_filled: Vec<Vec<Vec<Need>>> = vec![Vec::new(); group.threshold.checked_add(1)?];
    by_filled.first_mut()?.push(Vec::new());
    for member in members {
        let own = ways(groups, *member, most)?;
        for filled in (0..group.threshold).rev() {
            let before = by_filled.get(filled)?.clone();
            let with_member =
                before.iter().flat_map(|way| own.iter().map(move |own| [way.as_slice(), own].concat()));
            by_filled.get_mut(filled.checked_add(1)?)?.extend(with_member);
        }
        if by_filled.iter().map(Vec::len).sum::<usize>() > most {
            return None;
        }
    }
    by_filled.pop()
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |at: &usize| self.groups.get(*at).map(|group| group.name.as_str()).unwrap_or_default();
        for group in &self.groups {
            write!(f, "group {} {}", group.name, group.threshold)?;
            match &group.members {
                Members::Groups(members) => members.iter().try_for_each(|at| write!(f, " {}", name(at)))?,
                Members::People(people) => people.iter().try_for_each(|person| write!(f, " {person}"))?,
            }
            f.write_str("\n")?;
        }
        write!(f, "quorum {}", name(&self.top))
    }
}

impl TryFrom<String> for Quorum {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text, &Limits::DEFAULT)
    }
}

impl From<Quorum> for String {
    fn from(quorum: Quorum) -> Self {
        quorum.to_string()
    }
}
