//! Where the successions of a log reset what families have reached.

use std::collections::BTreeMap;

use super::LogView;
use crate::release::Name;
use crate::release::policy::PolicyDocument;

/// A succession by which the version floor of a family begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorReset {
    /// Whose floor.
    pub family: Name,
    /// The index of the policy's leaf, or of the next leaf where it is in none yet. What is published behind it raises the floor from there.
    pub index: u64,
    /// What the policy before wrote, which is not what the family had reached.
    pub from: u64,
    /// The floor.
    pub to: u64,
}

impl LogView {
    /// Inv. 9: where a policy that was followed gives a family another `version_floor` than the last one before it that names the family, in the
    /// order of the log. One that says the same number again resets nothing, nor does one that leaves the family out for a while.
    #[must_use]
    pub fn floor_resets(&self) -> Vec<FloorReset> {
        resets(self.documents())
    }

    /// What this policy would reset, were it the one that is followed next.
    #[must_use]
    pub fn floor_resets_by(&self, next: &PolicyDocument) -> Vec<FloorReset> {
        let index = self.head.size;
        let all = resets(self.documents().chain([(index, next)]));
        all.into_iter().filter(|reset| reset.index == index).collect()
    }

    fn documents(&self) -> impl Iterator<Item = (u64, &PolicyDocument)> {
        self.policies.iter().map(|(index, policy)| (*index, policy.document()))
    }
}

fn resets<'p>(policies: impl Iterator<Item = (u64, &'p PolicyDocument)>) -> Vec<FloorReset> {
    let mut said: BTreeMap<&Name, u64> = BTreeMap::new();
    let mut resets = Vec::new();
    for (index, document) in policies {
        for (family, rules) in &document.families {
            let to = rules.version_floor;
            if let Some(from) = said.insert(family, to).filter(|from| *from != to) {
                resets.push(FloorReset { family: family.clone(), index, from, to });
            }
        }
    }
    resets
}
