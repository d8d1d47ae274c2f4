//! Who could have said what, by the rules as they stand in prose: over plain facts, with nothing of what is checked.

use super::*;

/// A fact: its index and time, and what happened.
type Fact<'a> = (u64, u64, &'a Act);

/// The fold: who could have said what, by the rules as they stand in prose.
pub(super) struct Fold<'a> {
    facts: Vec<Fact<'a>>,
    pub(super) now: u64,
    /// When witnesses saw the log.
    seen: u64,
    emergency: bool,
}

impl<'a> Fold<'a> {
    pub(super) fn new(acts: &'a [Act], now: u64, emergency: bool) -> Self {
        let (mut clock, mut index, mut facts) = (NOW + 1, 0, Vec::new());
        for act in acts {
            if let Act::Pass(seconds) = act {
                clock += seconds;
                continue;
            }
            let leaves = if matches!(act, Act::Compensate { early: Some(_), .. }) { 2 } else { 1 };
            (clock, index) = (clock + leaves, index + leaves);
            facts.push((index, clock, act));
        }
        Self { facts, now, seen: clock, emergency }
    }

    fn first(&self, is: impl Fn(&Act) -> bool) -> Option<(u64, u64)> {
        self.facts.iter().find(|(.., act)| is(act)).map(|(index, time, _)| (*index, *time))
    }

    /// Suspensions that hold: each by a revoker whose own key was not suspended there, one for each pair of people.
    fn suspensions(&self) -> Vec<(&'static str, u64, u64)> {
        let mut held: Vec<(&str, &str, u64, u64)> = Vec::new();
        for (index, time, act) in &self.facts {
            let Act::Suspend { by, whose, from, days } = act else { continue };
            let is_silenced =
                held.iter().any(|(_, other, from, until)| other == by && index >= from && time <= until);
            // Of her the log knows nothing before.
            if *whose == "gateway.zoe" && !self.people_at(*index).1 {
                continue;
            }
            let is_second = held.iter().any(|(one, other, ..)| one == by && other == whose);
            if matches!(*by, "alice" | "dave") && !is_silenced && !is_second {
                // The day is counted from the second before the leaf.
                held.push((by, whose, *from, (time - 1 + days * DAY).min(time + 14 * DAY)));
            }
        }
        held.into_iter().map(|(_, whose, from, until)| (whose, from, until)).collect()
    }

    fn is_silenced(&self, who: &str, index: u64, at: u64) -> bool {
        self.suspensions().iter().any(|(whose, from, until)| *whose == who && index >= *from && at <= *until)
    }

    /// The same as it was known when the log had got that far.
    fn was_silenced(&self, who: &str, index: u64, at: u64) -> bool {
        let facts = self.facts.iter().filter(|(other, ..)| *other < index).copied().collect();
        Fold { facts, now: at, ..*self }.is_silenced(who, index, at)
    }

    /// Changes that are followed: the index behind which each is, and which of the people it names. Each is wanted by two of three who are
    /// its managers before, and by two of three who are after it, and says which one it follows.
    pub(super) fn changes(&self) -> Vec<(u64, usize)> {
        let mut followed: Vec<(u64, usize)> = Vec::new();
        for (index, time, act) in &self.facts {
            let Act::Change { by, to, first } = act else { continue };
            let now = followed.last().map_or(0, |(_, to)| *to);
            let want = |which: usize| {
                let speaks = |who: &&str| by.contains(who) && !self.was_silenced(who, *index, *time);
                PEOPLE_OF[which].1.iter().filter(|who| speaks(who)).count() >= 2
            };
            let is_next = !first || followed.is_empty();
            let is_in_time = *time <= NOW + 10 * DAY;
            if *to < PEOPLE_OF.len() && is_next && is_in_time && want(now) && want(*to) {
                followed.push((*index, *to));
            }
        }
        followed
    }

    /// The index of the change that is followed here, and whether there is any; who approves by it.
    fn people_at(&self, index: u64) -> (Option<u64>, bool, [&'static str; 3]) {
        let last = self.change_at(index);
        (last.map(|(at, _)| at), last.is_some(), PEOPLE_OF[last.map_or(0, |(_, to)| to)].0)
    }

    /// Who reviews here.
    fn reviewers_at(&self, index: u64) -> [&'static str; 2] {
        PEOPLE_OF[self.change_at(index).map_or(0, |(_, to)| to)].2
    }

    fn change_at(&self, index: u64) -> Option<(u64, usize)> {
        let facts = self.facts.iter().filter(|(other, ..)| *other < index).copied().collect();
        Fold { facts, ..*self }.changes().last().copied()
    }

    fn is_revoked(&self) -> bool {
        self.facts.iter().any(|(index, time, act)| {
            matches!(act, Act::Revoke(who @ ("alice" | "dave")) if !self.was_silenced(who, *index, *time))
        })
    }

    /// Whether a control stands: by two of three people who speak then and now, for 30 days at the most, and not taken back.
    pub(super) fn is_compensated(&self) -> bool {
        let mut standing: Vec<(bool, u64, u64, Vec<&str>)> = Vec::new();
        for (index, time, act) in &self.facts {
            match act {
                Act::Compensate { by, days, early } => {
                    let may = |who: &&&str| {
                        matches!(**who, "bob" | "dave" | "erin") && !self.was_silenced(who, *index, *time)
                    };
                    let by: Vec<&str> = by.iter().filter(may).copied().collect();
                    // The day is counted from the second before the leaf.
                    let written = if early.is_some() { 2 } else { 1 };
                    let (until, enough) = (time - written + days * DAY, by.len() >= 2);
                    let is_taken_back = early.is_some_and(|who| {
                        matches!(who, "alice" | "dave") && !self.was_silenced(who, index - 1, time - 1)
                    });
                    let counts = enough && !is_taken_back;
                    let is_in_time = until >= *time && until <= time + 30 * DAY;
                    standing.push((counts && is_in_time, *index, until, by));
                }
                Act::TakeBack(who @ ("alice" | "dave")) if !self.was_silenced(who, *index, *time) => {
                    if let Some(last) = standing.last_mut() {
                        last.0 = false;
                    }
                }
                _ => {}
            }
        }
        standing.iter().any(|(counts, index, until, by)| {
            let now = by.iter().filter(|who| !self.is_silenced(who, *index, self.now)).count();
            *counts && self.now <= *until && now >= 2
        })
    }

    pub(super) fn counts(&self) -> bool {
        let until = NOW + 7 * DAY;
        let Some((published, _)) = self.first(|act| *act == Act::Publish) else { return false };
        let before = |act: &Act| matches!(act, Act::Submit { .. });
        // The bundle that was published has the submission that was made last before it, or the honest one.
        let last = self.facts.iter().rev().find(|(index, _, act)| *index < published && before(act));
        if last.is_some_and(|(.., act)| **act == Act::Submit { forged: true }) {
            return false;
        }
        let honest = |act: &Act| *act == Act::Submit { forged: false };
        let Some((submitted, asked)) = self.first(honest) else { return false };
        let Some((attempted, tried)) = self.first(|act| *act == Act::Attempt) else { return false };
        let sign = |act: &Act| matches!(act, Act::Sign { .. });
        let Some((signed, made)) = self.first(sign) else { return false };
        if !(submitted < attempted && attempted < signed && signed < published) {
            return false;
        }
        if [asked, tried, made].iter().any(|time| *time > until) {
            return false;
        }
        // One result: what was signed first is what was published, and by the family's key.
        let all: Vec<&Act> = self
            .facts
            .iter()
            .filter(|(index, _, act)| *index < published && sign(act))
            .map(|fact| fact.2)
            .collect();
        if all.first() != all.last() || all.first() != Some(&&Act::Sign { stolen: false }) {
            return false;
        }
        // Asked for and attempted by the same people of the family.
        let (change, _, approvers) = self.people_at(submitted);
        if change != self.people_at(attempted).0 {
            return false;
        }
        let approvers: BTreeSet<&str> = approvers
            .into_iter()
            .filter(|who| {
                self.first(|act| *act == Act::Approve(who)).is_some_and(|(index, time)| {
                    index > submitted
                        && index < attempted
                        && time <= until
                        && !self.is_silenced(who, index, self.now)
                })
            })
            .collect();
        approvers.len() >= 2
            && !self.is_silenced("ci", submitted, self.now)
            && !self.is_revoked()
            && self.now - self.seen <= 7 * DAY
            && (!self.emergency || self.is_looked_at(submitted, published) || self.now <= self.deadline())
    }

    fn deadline(&self) -> u64 {
        self.first(|act| matches!(act, Act::Submit { .. })).map_or(0, |(_, time)| time + 2 * DAY)
    }

    /// One who reviewed when it was asked for, still does when they say so, and took no part.
    fn is_looked_at(&self, submitted: u64, published: u64) -> bool {
        let names_them = |index, who: &&str| self.reviewers_at(index).contains(who);
        let looked = |who: &&'static str| {
            let first = self.first(|act| *act == Act::Review(who));
            first.is_some_and(|(index, time)| {
                names_them(index, who)
                    && index > published
                    && time <= self.deadline()
                    && !self.is_silenced(who, index, self.now)
            })
        };
        let mut reviewers = self.reviewers_at(submitted).into_iter();
        reviewers.any(|who| looked(&who) && !self.took_part(who))
    }

    /// Erin triggered the build, and everyone who approved took part, asked for or not.
    fn took_part(&self, who: &'static str) -> bool {
        let honest = self.first(|act| *act == Act::Submit { forged: false });
        let attempted = self.first(|act| *act == Act::Attempt);
        let approved = self.first(|act| *act == Act::Approve(who));
        let approves = approved.zip(honest).zip(attempted).is_some_and(|((approved, honest), attempted)| {
            let (index, time) = approved;
            let is_open = index > honest.0 && index < attempted.0 && time <= NOW + 7 * DAY;
            is_open && !self.is_silenced(who, index, self.now)
        });
        who == "erin" || approves
    }
}
