//! What families have reached, and by which releases.

use std::collections::BTreeMap;

use crate::release::{Name, ObjectId};

/// What families have reached: security versions that none of their releases falls below, and where in the log they rose to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floors {
    reached: BTreeMap<Name, u64>,
    /// Each family's floor behind the index of a release by which it rose, from that one to the next.
    steps: BTreeMap<Name, BTreeMap<u64, u64>>,
    /// Every release that counted where it was published: whose it is, and where that was.
    released: BTreeMap<ObjectId, (Name, u64)>,
}

impl Floors {
    /// Of no release.
    #[must_use]
    pub const fn new() -> Self {
        Self { reached: BTreeMap::new(), steps: BTreeMap::new(), released: BTreeMap::new() }
    }

    /// What was reached before, as it was kept. By which releases, the log says again.
    #[must_use]
    pub fn kept(reached: impl IntoIterator<Item = (Name, u64)>) -> Self {
        Self { reached: reached.into_iter().collect(), ..Self::new() }
    }

    /// What this family has reached.
    #[must_use]
    pub fn reached(&self, family: &Name) -> u64 {
        self.reached.get(family).copied().unwrap_or_default()
    }

    /// What each family has reached, to be kept for the next time.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, u64)> {
        self.reached.iter().map(|(family, floor)| (family, *floor))
    }

    /// What the family had reached where a leaf stands, by the releases that stand before it. What is kept says nothing of that.
    #[must_use]
    pub fn reached_before(&self, family: &Name, index: u64) -> u64 {
        let steps = self.steps.get(family);
        steps.and_then(|steps| steps.range(..index).next_back()).map_or(0, |(_, floor)| *floor)
    }

    /// Whether this was a release of the family before the leaf at this index, be it in force or not by now.
    #[must_use]
    pub fn was_released(&self, request: &ObjectId, family: &Name, index: u64) -> bool {
        self.released.get(request).is_some_and(|(whose, at)| whose == family && *at < index)
    }

    /// A release counted where it was published.
    pub(in crate::release) fn release(&mut self, request: ObjectId, family: &Name, index: u64) {
        self.released.entry(request).or_insert_with(|| (family.clone(), index));
    }

    /// The family has reached this, whenever that was.
    pub(in crate::release) fn reach(&mut self, family: &Name, version: u64) {
        let floor = self.reached.entry(family.clone()).or_default();
        *floor = version.max(*floor);
    }

    /// The floor rose to this at this index, if it was not as high before. One that was withheld comes later than those behind it.
    pub(in crate::release) fn rise(&mut self, family: &Name, index: u64, version: u64) {
        self.reach(family, version);
        if self.reached_before(family, index.saturating_add(1)) < version {
            let steps = self.steps.entry(family.clone()).or_default();
            steps.retain(|at, floor| *at < index || *floor > version);
            steps.insert(index, version);
        }
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
}
