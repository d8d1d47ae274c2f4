//! Which of the requests that were published count, one weighed after the other.

use super::*;

impl Fold<'_> {
    /// Each request that counts, and whether for good.
    pub(in super::super) fn counts(&self) -> BTreeMap<usize, bool> {
        let mut order: Vec<(u64, usize)> =
            (0..self.estate.asked.len()).filter_map(|of| Some((self.published(of)?.0, of))).collect();
        order.sort_unstable();
        order.retain(|(_, of)| self.touched != Touched::Bundle(*of));
        // Whose release, where it was published, its version, and whether the floor rose by it.
        let mut stood: Vec<(usize, u64)> = Vec::new();
        let mut reached = [0; 2];
        let (mut near, mut below) = (Vec::new(), BTreeSet::new());
        for (index, of) in order {
            let asked = &self.estate.asked[of];
            let raises = |one: usize| {
                self.estate.asked[one].channel == 0 && self.estate.asked[one].kind == RequestKind::Normal
            };
            let own = rules(asked.is_second.then_some(self.estate.second), asked.family);
            let (since, base) = self.reset(asked.family, index);
            let is_before = |(one, at): &&(usize, u64)| {
                self.estate.asked[*one].family == asked.family && raises(*one) && *at > since
            };
            let before = stood
                .iter()
                .filter(is_before)
                .map(|(one, _)| self.estate.asked[*one].version)
                .max()
                .unwrap_or(0)
                .max(base);
            let submitted = self.first(|act| matches!(act, Act::Submit(one) if *one == of));
            let is_release = |other: usize| {
                stood.iter().any(|(one, at)| {
                    *one == other
                        && self.estate.asked[other].family == asked.family
                        && submitted.is_some_and(|own| *at < own.0)
                })
            };
            let takes_place = asked.replaces.map_or(asked.kind != RequestKind::Rollback, is_release);
            if asked.version > before.max(own.floor) + own.step || !takes_place {
                continue;
            }
            let at = self.published(of).unwrap().1;
            let then = self.way(of, index, at);
            let floor_then = before.max(rules(self.policy_at(index), asked.family).floor);
            let is_above = asked.kind == RequestKind::Rollback || asked.version >= floor_then;
            let is_open = |way: &Way| asked.channel != 1 || way.published.1 <= way.submitted.1 + 2 * DAY;
            let is_taken_back = self.revoked(of).is_some_and(|at| at < index);
            let has_stood = is_above && !is_taken_back && then.as_ref().is_some_and(is_open);
            if has_stood {
                stood.push((of, index));
            }
            let now = self.way(of, u64::MAX, self.now);
            let is_behind = index > self.reset(asked.family, u64::MAX).0;
            if raises(of) && is_behind && !is_taken_back && (has_stood || now.is_some()) {
                reached[asked.family] = asked.version.max(reached[asked.family]);
            }
            near.extend(now.map(|way| (of, way)));
            if !is_above {
                below.insert(of);
            }
        }
        let pending = self.pending(&near);
        let counts = |(of, way): &(usize, Way)| {
            let asked = &self.estate.asked[*of];
            let floor = reached[asked.family].max(rules(self.policy_at(u64::MAX), asked.family).floor);
            let is_high = asked.kind == RequestKind::Rollback || asked.version >= floor;
            let is_fresh = self.now - self.seen <= 7 * DAY;
            if !is_high
                || below.contains(of)
                || !is_fresh
                || self.revoked(*of).is_some()
                || pending.contains(of)
            {
                return None;
            }
            if asked.channel != 1 || self.reviewed(*of, way).is_some() {
                return Some((*of, true));
            }
            let is_in_time = self.now <= way.submitted.1 + 2 * DAY && self.estate.is_confirmed;
            is_in_time.then_some((*of, false))
        };
        near.iter().filter_map(counts).collect()
    }

    /// Behind which succession the family's floor began anew for what stands at this index, and with what; from the start with none.
    fn reset(&self, family: usize, index: u64) -> (u64, u64) {
        let floor = |policy| rules(policy, family).floor;
        let changes = floor(Some(self.estate.second)) != floor(None);
        let at = self.succession().filter(|at| changes && *at < index);
        at.map_or((0, 0), |at| (at, floor(Some(self.estate.second))))
    }

    /// Where somebody looked at an emergency: one who reviewed then and now, in time, and took no part.
    fn reviewed(&self, of: usize, way: &Way) -> Option<u64> {
        let asked = &self.estate.asked[of];
        let own = rules(asked.is_second.then_some(self.estate.second), asked.family).reviewers;
        let looks = |fact: &&Fact<'_>| {
            let Act::Review { who, of: about } = fact.act else { return false };
            // Said again it stands where it was said first.
            let first = self.first(
                |act| matches!(act, Act::Review { who: one, of: other } if one == who && *other == of),
            );
            *about == of
                && first.is_some_and(|(index, _)| index == fact.index)
                && self.touched != Touched::Review(of, who)
                && own.contains(who)
                && rules(self.policy_at(fact.index), asked.family).reviewers.contains(who)
                && fact.index > way.published.0
                && fact.at <= way.submitted.1 + 2 * DAY
                && !way.approvers.contains(who)
                && asked.requester != *who
                && asked.trigger != *who
                && !self.is_silenced(who, fact.index, u64::MAX, self.now)
        };
        self.facts.iter().find(looks).map(|fact| fact.index)
    }

    /// Emergencies that were asked for while another one of the family was out, or on its way, that nobody had looked at.
    fn pending(&self, near: &[(usize, Way)]) -> BTreeSet<usize> {
        let mut all: Vec<&(usize, Way)> =
            near.iter().filter(|(of, _)| self.estate.asked[*of].channel == 1).collect();
        all.sort_by_key(|(_, way)| way.submitted);
        let (mut open, mut pending): (Vec<&(usize, Way)>, BTreeSet<usize>) = (Vec::new(), BTreeSet::new());
        for one in all {
            let (of, way) = one;
            let holds = |(other, before): &&&(usize, Way)| {
                let is_over = |index: Option<u64>| index.is_some_and(|index| index < way.submitted.0);
                self.estate.asked[*other].family == self.estate.asked[*of].family
                    && way.submitted.1 <= before.submitted.1 + 2 * DAY
                    && !is_over(self.reviewed(*other, before))
                    && !is_over(self.revoked(*other))
            };
            if open.iter().any(|before| holds(&before)) {
                pending.insert(*of);
            } else {
                open.push(one);
            }
        }
        pending
    }
}
