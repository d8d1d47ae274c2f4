//! What families have reached, and by which releases.

use std::collections::BTreeMap;

use crate::release::view::LogView;
use crate::release::{Name, ObjectId};

/// What families have reached: security versions that none of their releases falls below, and where in the log they rose to them.
///
/// Inv. 9: a floor rises by releases and is reset by a succession alone. So each version is known with the reset that it came behind, and counts
/// until the log has a later one: without that succession nothing that is kept, withheld or shown too old lowers a floor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floors {
    families: BTreeMap<Name, Reached>,
    /// Every release that counted where it was published: whose it is, and where that was.
    released: BTreeMap<ObjectId, (Name, u64)>,
}

/// The highest security version that a family reached between one reset of its floor and the next, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whose.
    pub family: Name,
    /// The index in the log of the succession that reset it; 0, where the first policy stands, before any reset.
    pub since: u64,
    /// What the family reached behind that.
    pub version: u64,
}

/// What one family has reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reached {
    /// Where the log that is followed resets it, and to what.
    resets: BTreeMap<u64, u64>,
    /// The highest behind each reset, and behind index 0.
    highest: BTreeMap<u64, u64>,
    /// The floor behind the index of a release by which it rose, until the next one or the next reset.
    steps: BTreeMap<u64, u64>,
}

impl Floors {
    /// Of no release.
    #[must_use]
    pub const fn new() -> Self {
        Self { families: BTreeMap::new(), released: BTreeMap::new() }
    }

    /// What was reached before, as it was kept. By which releases, the log says again.
    #[must_use]
    pub fn kept(reached: impl IntoIterator<Item = Kept>) -> Self {
        let mut floors = Self::new();
        for Kept { family, since, version } in reached {
            floors.of(&family).reach(since, version);
        }
        floors
    }

    /// What this family has reached.
    #[must_use]
    pub fn reached(&self, family: &Name) -> u64 {
        self.families.get(family).map_or(0, Reached::now)
    }

    /// What each family has reached behind each reset, to be kept for the next time.
    pub fn iter(&self) -> impl Iterator<Item = Kept> {
        self.families.iter().flat_map(|(family, reached)| {
            let kept = |(since, version): (&u64, &u64)| Kept {
                family: family.clone(),
                since: *since,
                version: *version,
            };
            reached.highest.iter().map(kept)
        })
    }

    /// What the family had reached where a leaf stands, by the resets and the releases that stand before it. What is kept says nothing of that.
    #[must_use]
    pub fn reached_before(&self, family: &Name, index: u64) -> u64 {
        self.families.get(family).map_or(0, |reached| reached.before(index))
    }

    /// Whether this was a release of the family before the leaf at this index, be it in force or not by now.
    #[must_use]
    pub fn was_released(&self, request: &ObjectId, family: &Name, index: u64) -> bool {
        self.released.get(request).is_some_and(|(whose, at)| whose == family && *at < index)
    }

    /// The resets of this log are those that count.
    pub(in crate::release) fn follow(&mut self, view: &LogView) {
        self.families.values_mut().for_each(|reached| reached.resets.clear());
        for reset in view.floor_resets() {
            let reached = self.of(&reset.family);
            reached.resets.insert(reset.index, reset.to);
            reached.reach(reset.index, reset.to);
        }
    }

    /// A release counted where it was published.
    pub(in crate::release) fn release(&mut self, request: ObjectId, family: &Name, index: u64) {
        self.released.entry(request).or_insert_with(|| (family.clone(), index));
    }

    /// The family has reached this by a release at this index, whenever that came to count.
    pub(in crate::release) fn reach(&mut self, family: &Name, index: u64, version: u64) {
        let reached = self.of(family);
        reached.reach(reached.since(index), version);
    }

    /// The floor rose to this at this index, if it was not as high before. One that was withheld comes later than those behind it.
    pub(in crate::release) fn rise(&mut self, family: &Name, index: u64, version: u64) {
        self.reach(family, index, version);
        let reached = self.of(family);
        if reached.before(index.saturating_add(1)) < version {
            let next = reached.resets.range(index..).next().map_or(u64::MAX, |(at, _)| *at);
            reached.steps.retain(|at, floor| *at < index || *at >= next || *floor > version);
            reached.steps.insert(index, version);
        }
    }

    fn of(&mut self, family: &Name) -> &mut Reached {
        self.families.entry(family.clone()).or_default()
    }
}

impl Reached {
    /// The reset that counts for a leaf at this index: the last one before it.
    fn since(&self, index: u64) -> u64 {
        self.resets.range(..index).next_back().map_or(0, |(at, _)| *at)
    }

    fn reach(&mut self, since: u64, version: u64) {
        let highest = self.highest.entry(since).or_default();
        *highest = version.max(*highest);
    }

    /// What is kept of a reset that this log does not have, or not yet, only raises: it is no succession.
    fn now(&self) -> u64 {
        self.highest.range(self.since(u64::MAX)..).map(|(_, version)| *version).max().unwrap_or(0)
    }

    fn before(&self, index: u64) -> u64 {
        let since = self.since(index);
        let rose = self.steps.range(since..index).next_back();
        rose.or_else(|| self.resets.get_key_value(&since)).map_or(0, |(_, floor)| *floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::testing::name;

    #[test]
    fn a_floor_rises_from_where_it_rose() {
        let (mut floors, family) = (Floors::new(), name("gateway"));
        for (index, version) in [(4, 3), (9, 7), (6, 5), (8, 7), (12, 6)] {
            floors.rise(&family, index, version);
        }
        let at = |index| floors.reached_before(&family, index);
        assert_eq!([4, 5, 6, 7, 8, 9, 10, u64::MAX].map(at), [0, 3, 3, 5, 5, 7, 7, 7]);
        assert_eq!(floors.reached(&family), 7);
        assert_eq!(floors.reached_before(&name("sensor"), 9), 0);
    }

    #[test]
    fn a_floor_rises_from_its_reset_and_no_further_than_to_the_next_one() {
        let family = name("gateway");
        let mut floors = Floors::new();
        floors.of(&family).resets = [(5, 2), (10, 8)].into();
        for (index, version) in [(12, 9), (7, 3), (3, 7), (8, 6), (4, 9), (6, 4), (14, 8)] {
            floors.rise(&family, index, version);
        }
        let at = |index| floors.reached_before(&family, index);
        assert_eq!([3, 4, 5, 6, 7, 8, 9, 10].map(at), [0, 7, 9, 2, 4, 4, 6, 6]);
        assert_eq!([11, 12, 13, 15, u64::MAX].map(at), [8, 8, 9, 9, 9]);
    }
}
