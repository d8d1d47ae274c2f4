//! The one place where people are counted.

use std::collections::BTreeSet;

use super::{Group, Members, Name, Need, Quorum};

/// How far a group of people is from what it takes, for showing it. The groups may share people; whether the quorum is met is asked of
/// [`Quorum::is_met_by`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The group.
    pub group: Name,
    /// Members of it that are there.
    pub have: BTreeSet<Name>,
    /// How many it takes.
    pub need: usize,
}

impl Quorum {
    /// Whether these people fill it: some way to fill it has a person of its own for each place. More people never undo that.
    #[must_use]
    pub fn is_met_by(&self, people: &BTreeSet<Name>) -> bool {
        let people: Vec<&Name> = people.iter().collect();
        self.ways.iter().any(|way| self.is_filled(way, &people))
    }

    /// What each group of people has, in the order of the text.
    #[must_use]
    pub fn tally(&self, people: &BTreeSet<Name>) -> Vec<Tally> {
        let one = |group: &Group| match &group.members {
            Members::Groups(_) => None,
            Members::People(members) => Some(Tally {
                group: group.name.clone(),
                have: members.intersection(people).cloned().collect(),
                need: group.threshold,
            }),
        };
        self.groups.iter().filter_map(one).collect()
    }

    /// Whether each place gets a person of its own: a matching of places to people, grown by augmenting paths (Kuhn).
    fn is_filled(&self, way: &[Need], people: &[&Name]) -> bool {
        let places = way.iter().flat_map(|need| core::iter::repeat_n(need.group, need.people));
        let mut seats: Vec<Option<usize>> = vec![None; people.len()];
        for group in places {
            let mut asked = vec![false; people.len()];
            if !self.seat(group, people, &mut seats, &mut asked) {
                return false;
            }
        }
        true
    }

    /// Finds a person for one more place of this group, moving others to other places where that helps. Each person is asked once, so
    /// this ends, and is no deeper than there are people.
    fn seat(&self, group: usize, people: &[&Name], seats: &mut [Option<usize>], asked: &mut [bool]) -> bool {
        for (at, person) in people.iter().enumerate() {
            let is_member = self.is_member(group, person);
            let Some(asked_before) = asked.get_mut(at).filter(|asked| is_member && !**asked) else {
                continue;
            };
            *asked_before = true;
            let now = seats.get(at).copied().flatten();
            if now.is_none_or(|other| self.seat(other, people, seats, asked)) {
                if let Some(seat) = seats.get_mut(at) {
                    *seat = Some(group);
                }
                return true;
            }
        }
        false
    }

    fn is_member(&self, group: usize, person: &Name) -> bool {
        match self.groups.get(group).map(|group| &group.members) {
            Some(Members::People(people)) => people.contains(person),
            Some(Members::Groups(_)) | None => false,
        }
    }
}
