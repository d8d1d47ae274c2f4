//! How a quorum is made, whoever is in it.

use std::collections::BTreeSet;

use super::{Error, Members, Name, Quorum};
use crate::Limits;

impl Quorum {
    /// Whether this is `least` with other people in its groups, of whom it takes as many or more: the same groups of groups, and no
    /// threshold that is lower.
    #[must_use]
    pub fn keeps_to(&self, least: &Self) -> bool {
        let is_same = |(one, other): (&Members, &Members)| match (one, other) {
            (Members::Groups(one), Members::Groups(other)) => one == other,
            (Members::People(_), Members::People(_)) => true,
            _ => false,
        };
        let mut pairs = self.groups.iter().zip(&least.groups);
        self.groups.len() == least.groups.len()
            && pairs.all(|(own, least)| {
                own.name == least.name
                    && own.threshold >= least.threshold
                    && is_same((&own.members, &least.members))
            })
    }

    /// The same with other people in its groups.
    ///
    /// # Errors
    /// [`Error`]: nobody could fill it.
    pub fn with_people(
        &self,
        people: impl Fn(&Name, &BTreeSet<Name>) -> BTreeSet<Name>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut other = self.clone();
        for group in &mut other.groups {
            if let Members::People(members) = &mut group.members {
                *members = people(&group.name, members);
            }
        }
        Self::parse(&other.to_string(), limits)
    }

    /// Its groups of people, in the order of the text.
    pub fn groups_of_people(&self) -> impl Iterator<Item = (&Name, &BTreeSet<Name>)> {
        self.groups.iter().filter_map(|group| match &group.members {
            Members::Groups(_) => None,
            Members::People(people) => Some((&group.name, people)),
        })
    }
}
