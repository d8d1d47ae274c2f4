//! Families that change who stands in their rules.

use std::collections::BTreeSet;

use super::{Check, Fault, PEOPLE, Who};
use crate::release::policy::Family;
use crate::release::{Name, Quorum};

impl Check<'_> {
    /// Whoever says who approves can do what those can: so it takes as many of them.
    pub(super) fn managers(&mut self, name: &Name, family: &Family) {
        let Some(rules) = &family.managers else { return };
        let of = || name.clone();
        self.people(&Who::Managers(of()), &rules.quorum, PEOPLE);
        if !rules.quorum.survives_the_loss_of_anyone() {
            self.faults.push(Fault::ManagersFragile { family: of() });
        }
        let managers = rules.quorum.least_people();
        let approvals = family.channels.values().filter_map(|channel| channel.approvals.as_ref());
        let approvals = approvals.map(Quorum::least_people).max().unwrap_or_default();
        if managers < approvals {
            self.faults.push(Fault::ManagersFewer { family: of(), managers, approvals });
        }
        let quorums = family.quorums(name);
        let groups: BTreeSet<&Name> = quorums
            .iter()
            .flat_map(|(_, quorum)| quorum.groups_of_people())
            .map(|(group, _)| group)
            .collect();
        let unknown = rules.fixed.iter().filter(|group| !groups.contains(group)).cloned();
        self.faults.extend(unknown.map(|group| Fault::GroupUnknown { family: of(), group }));
        if rules.carries.is_some() && self.document.version == 1 {
            self.faults.push(Fault::CarriesNothing { family: of() });
        }
    }
}
