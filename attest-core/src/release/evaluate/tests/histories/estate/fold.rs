//! What counts, by the rules as they stand in prose: over plain facts, with nothing of what is checked.

mod counts;

use std::cell::OnceCell;

use super::act::{Act, Asked, Estate};
use super::*;

/// What the server changed before it wrote it down, which is as if nobody had said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Void {
    Nothing,
    Act(usize),
    /// One of those who wanted a policy.
    Word(usize, &'static str),
    /// What one asks for.
    Request(usize),
}

/// Where and when an act stands, and which it is.
#[derive(Clone, Copy, Debug)]
struct Fact<'e> {
    index: u64,
    at: u64,
    number: usize,
    act: &'e Act,
}

/// Who may do what in a family.
struct Rules {
    requesters: &'static [&'static str],
    /// So many out of each of these.
    approvers: &'static [(usize, &'static [&'static str])],
    reviewers: &'static [&'static str],
    revokers: &'static [&'static str],
    floor: u64,
    step: u64,
}

fn rules(policy: Option<usize>, family: usize) -> Rules {
    let is_gone = policy == Some(1);
    if family == 0 {
        Rules {
            requesters: if is_gone { &["bob", "ci"] } else { &["alice", "bob", "ci"] },
            approvers: if is_gone {
                &[(2, &["bob", "carol", "dave"])]
            } else {
                &[(2, &["alice", "bob", "carol"])]
            },
            reviewers: &["dave", "erin"],
            revokers: if is_gone { &["dave"] } else { &["alice", "dave"] },
            floor: match policy {
                Some(0) => 5,
                Some(4) => 1,
                _ => 3,
            },
            step: 5,
        }
    } else {
        Rules {
            requesters: &["bob", "ci"],
            approvers: &[(1, &["bob", "carol"]), (1, &["dave", "erin"])],
            reviewers: if is_gone { &["bob", "erin"] } else { &["alice", "erin"] },
            revokers: &["carol", "erin"],
            floor: 1,
            step: 4,
        }
    }
}

type Suspended = (u64, &'static str, &'static str, u64, u64);

pub(super) struct Fold<'e> {
    estate: &'e Estate,
    facts: Vec<Fact<'e>>,
    void: Void,
    touched: Touched,
    seen: u64,
    now: u64,
    suspended: OnceCell<Vec<Suspended>>,
}

/// A release by its own merit.
struct Way {
    approvers: BTreeSet<&'static str>,
    submitted: (u64, u64),
    published: (u64, u64),
}

impl<'e> Fold<'e> {
    pub(super) fn new(estate: &'e Estate, void: Void, touched: Touched) -> Self {
        let (mut real, mut last, mut offset, mut index) = (NOW + 1, NOW + 1, 0_i64, 0);
        let mut facts = Vec::new();
        for (number, act) in estate.acts.iter().enumerate() {
            match act {
                Act::Pass(seconds) => real += seconds,
                Act::Stamp(by) => offset = *by,
                Act::Borrow { .. } => {}
                _ => {
                    (real, index) = (real + 1, index + 1);
                    last = last.max(real.saturating_add_signed(offset));
                    facts.push(Fact { index, at: last, number, act });
                }
            }
        }
        let clock = (real + estate.later).saturating_sub(estate.set_back);
        Self { estate, facts, void, touched, seen: real, now: clock.max(real), suspended: OnceCell::new() }
    }

    /// Nobody's clock is ten minutes behind the leaves, and what makes the rules is all at hand.
    pub(super) fn has_view(&self) -> bool {
        let is_whole = match self.touched {
            Touched::Rule => false,
            Touched::Request(lost) => !self.said(|act| matches!(act, Act::Revoke { of, .. } if *of == lost)),
            _ => true,
        };
        is_whole && self.facts.last().is_none_or(|fact| fact.at <= self.seen + 600)
    }

    fn said(&self, is: impl Fn(&Act) -> bool) -> bool {
        self.facts.iter().any(|fact| is(fact.act))
    }

    fn is_void(&self, fact: &Fact<'_>) -> bool {
        self.void == Void::Act(fact.number)
    }

    fn first(&self, is: impl Fn(&Act) -> bool) -> Option<(u64, u64)> {
        let fact = self.facts.iter().find(|fact| is(fact.act) && !self.is_void(fact))?;
        Some((fact.index, fact.at))
    }

    /// Where the second policy begins: wanted by two of three of the first root and of its own.
    fn succession(&self) -> Option<u64> {
        let is_wanted = |fact: &&Fact<'_>| {
            let Act::Succeed(by) = fact.act else { return false };
            let say = |root: &[&str]| {
                let is_heard =
                    |who: &&&'static str| root.contains(*who) && self.void != Void::Word(fact.number, who);
                by.iter().filter(is_heard).count() >= 2
            };
            let own =
                if self.estate.second == 1 { ["bob", "carol", "dave"] } else { ["alice", "bob", "carol"] };
            !self.is_void(fact) && say(&["alice", "bob", "carol"]) && say(&own)
        };
        self.facts.iter().find(is_wanted).map(|fact| fact.index)
    }

    fn policy_at(&self, index: u64) -> Option<usize> {
        self.succession().filter(|at| *at < index).map(|_| self.estate.second)
    }

    /// Suspensions that hold: by whoever revokes for some family there, once for each key, for 14 days.
    fn suspended(&self) -> &[Suspended] {
        self.suspended.get_or_init(|| {
            let mut held: Vec<Suspended> = Vec::new();
            let mut real = NOW + 1;
            let mut numbers: BTreeMap<usize, u64> = BTreeMap::new();
            for (number, act) in self.estate.acts.iter().enumerate() {
                numbers.insert(number, real);
                match act {
                    Act::Pass(seconds) => real += seconds,
                    Act::Stamp(_) | Act::Borrow { .. } => {}
                    _ => real += 1,
                }
            }
            for fact in &self.facts {
                let Act::Suspend { by, whose, from, days } = fact.act else { continue };
                let policy = self.policy_at(fact.index);
                let may = (0..2).any(|family| rules(policy, family).revokers.contains(by));
                let is_again = held.iter().any(|(_, one, other, ..)| one == by && other == whose);
                // Until a day that is counted from when it was said.
                let until = numbers[&fact.number] + days * DAY;
                if !may
                    || self.is_void(fact)
                    || is_again
                    || until < fact.at
                    || self.speaks_not(&held, by, fact.index, fact.index, fact.at)
                {
                    continue;
                }
                held.push((fact.index, by, whose, *from, until.min(fact.at + 14 * DAY)));
            }
            held
        })
    }

    fn speaks_not(&self, held: &[Suspended], who: &str, index: u64, known: u64, now: u64) -> bool {
        let is_lost = self.estate.second == 2
            && who == "bob"
            && index >= 8
            && self.succession().is_some_and(|at| at < known);
        is_lost
            || held.iter().any(|(at, _, whose, from, until)| {
                *at < known && *whose == who && index >= *from && now <= *until
            })
    }

    /// Whether nobody listens to what this one said there, by what the log had up to `known`.
    fn is_silenced(&self, who: &str, index: u64, known: u64, now: u64) -> bool {
        self.speaks_not(self.suspended(), who, index, known, now)
    }

    /// Where somebody took it back who may.
    fn revoked(&self, request: usize) -> Option<u64> {
        let takes = |fact: &&Fact<'_>| {
            let Act::Revoke { who, of } = fact.act else { return false };
            let may =
                rules(self.policy_at(fact.index), self.estate.asked[request].family).revokers.contains(who);
            *of == request
                && may
                && !self.is_void(fact)
                && !self.is_silenced(who, fact.index, fact.index, fact.at)
        };
        self.facts.iter().find(takes).map(|fact| fact.index)
    }

    fn wants_people(asked: &Asked) -> bool {
        asked.channel < 2
    }

    /// A release by its own merit, by what the log had up to `known`.
    fn way(&self, of: usize, known: u64, now: u64) -> Option<Way> {
        let asked = &self.estate.asked[of];
        let submitted = self.first(|act| matches!(act, Act::Submit(one) if *one == of))?;
        let attempted = self.first(|act| matches!(act, Act::Attempt(one) if *one == of))?;
        let signed = self.first(|act| matches!(act, Act::Sign { of: one, .. } if *one == of))?;
        let published = self.published(of)?;
        let is_in_order = submitted.0 < attempted.0 && attempted.0 < signed.0 && signed.0 < published.0;
        let until = NOW + 7 * DAY;
        let own = asked.is_second.then_some(self.estate.second);
        let is_followed = |index| self.policy_at(index) == own;
        let is_over = own == Some(3) && attempted.1 > NOW + 2 * DAY;
        let is_early = [attempted, signed, published].iter().any(|(_, at)| *at < NOW);
        if !is_in_order || submitted.1.max(attempted.1).max(signed.1) > until || is_over || is_early {
            return None;
        }
        let rules = rules(own, asked.family);
        let is_theirs = is_followed(submitted.0) && is_followed(attempted.0);
        let may_ask = rules.requesters.contains(&asked.requester)
            && !self.is_silenced(asked.requester, submitted.0, known, now);
        let kinds: &[RequestKind] = match asked.channel {
            0 => &[RequestKind::Normal, RequestKind::Rollback],
            1 => &[RequestKind::Emergency],
            _ => &[RequestKind::Normal],
        };
        let is_known = asked.channel == 3 || asked.trigger != "alice" || own != Some(1);
        let is_its = asked.key_of == asked.family && asked.values_of == asked.family;
        if self.void == Void::Request(of)
            || !is_theirs
            || !may_ask
            || !kinds.contains(&asked.kind)
            || !is_known
            || !is_its
        {
            return None;
        }
        if !self.is_signed(of, published.0) {
            return None;
        }
        let mut took_part = vec![asked.requester];
        took_part.extend((asked.channel < 3).then_some(asked.trigger));
        let approve = |bare: bool| -> BTreeSet<&'static str> {
            let counts = |who: &&str| {
                let says = |fact: &&Fact<'_>| {
                    matches!(fact.act, Act::Approve { who: one, of: about, recomputed } if one == who && *about == of && (bare || *recomputed))
                        && !self.is_void(fact)
                };
                // Said again in the same words it stands where it was said first.
                let all: Vec<_> = self.facts.iter().filter(says).collect();
                let first = |re: bool| {
                    all.iter()
                        .find(|fact| matches!(fact.act, Act::Approve { recomputed, .. } if *recomputed == re))
                };
                [first(true), first(false)].into_iter().flatten().any(|fact| {
                    fact.index > submitted.0
                        && fact.index < attempted.0
                        && fact.at <= until
                        && is_followed(fact.index)
                        && !self.is_silenced(who, fact.index, known, now)
                })
            };
            ["alice", "bob", "carol", "dave", "erin"]
                .into_iter()
                .filter(|who| !took_part.contains(who))
                .filter(|who| own != Some(1) || *who != "alice")
                .filter(counts)
                .collect()
        };
        let is_enough = |people: &BTreeSet<&str>| {
            rules
                .approvers
                .iter()
                .all(|(least, of)| of.iter().filter(|who| people.contains(**who)).count() >= *least)
        };
        let (approvers, recomputed) = (approve(true), approve(false));
        let is_bound = asked.is_bound || is_enough(&recomputed);
        let is_quorate = is_enough(&approvers) && is_bound;
        (!Self::wants_people(asked) || is_quorate).then_some(Way { approvers, submitted, published })
    }

    /// Where it was published first, if with its own bundle.
    fn published(&self, of: usize) -> Option<(u64, u64)> {
        let is_of = |fact: &&Fact<'_>| match fact.act {
            Act::Publish(one) | Act::Replay { of: one, .. } => *one == of,
            _ => false,
        };
        let fact = self.facts.iter().find(is_of)?;
        let is_own = match fact.act {
            Act::Replay { bundle, .. } => *bundle == of,
            _ => true,
        };
        is_own.then_some((fact.index, fact.at))
    }

    /// One result: what was signed first is what was published, and by the family's key.
    fn is_signed(&self, of: usize, published: u64) -> bool {
        let stolen = |fact: &Fact<'_>| match fact.act {
            Act::Sign { of: one, stolen } if *one == of && fact.index < published => Some(*stolen),
            _ => None,
        };
        let mut all = self.facts.iter().filter_map(stolen);
        all.next() == Some(false) && all.next_back() != Some(true)
    }
}
