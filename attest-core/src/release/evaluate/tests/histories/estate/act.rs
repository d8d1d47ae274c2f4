//! What happens in an estate.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::super::*;

pub(super) const FAMILIES: [&str; 2] = ["gateway", "sensor"];
pub(super) const CHANNELS: [&str; 4] = ["stable", "urgent", "nightly", "lab"];
pub(super) const EVERYBODY: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "ci"];

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) family: usize,
    pub(super) channel: usize,
    pub(super) requester: &'static str,
    /// Who triggered the build.
    pub(super) trigger: &'static str,
    pub(super) kind: RequestKind,
    pub(super) version: u64,
    pub(super) replaces: Option<usize>,
    /// Of which family the key is, and of which the values; 2 is a key of the first one for another purpose.
    pub(super) key_of: usize,
    pub(super) values_of: usize,
    /// Whether the builder made the measurements, too.
    pub(super) is_bound: bool,
    /// Whether it names the second policy.
    pub(super) is_second: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Submit(usize),
    Approve {
        who: &'static str,
        of: usize,
        recomputed: bool,
    },
    Attempt(usize),
    Sign {
        of: usize,
        stolen: bool,
    },
    Publish(usize),
    /// The server publishes for one request what another one's bundle is.
    Replay {
        of: usize,
        bundle: usize,
    },
    /// The server puts what approves another request into the bundle.
    Borrow {
        of: usize,
        from: usize,
    },
    Review {
        who: &'static str,
        of: usize,
    },
    Revoke {
        who: &'static str,
        of: usize,
    },
    Suspend {
        by: &'static str,
        whose: &'static str,
        from: u64,
        days: u64,
    },
    Succeed(Vec<&'static str>),
    Pass(u64),
    /// The server's clock is so many seconds off from here on.
    Stamp(i64),
}

#[derive(Clone, Debug)]
pub(super) struct Estate {
    pub(super) asked: Vec<Asked>,
    pub(super) acts: Vec<Act>,
    /// Which second policy there is.
    pub(super) second: usize,
    /// How long after the last leaf a verifier asks, and how far somebody set its clock back.
    pub(super) later: u64,
    pub(super) set_back: u64,
    pub(super) is_confirmed: bool,
    /// Which byte and bit of what the server touches.
    pub(super) chance: (usize, usize, u8),
}

fn mostly(good: usize) -> impl Strategy<Value = usize> {
    prop_oneof![14 => Just(good), 1 => 0_usize..3]
}

fn asked() -> impl Strategy<Value = Asked> {
    let who = (
        prop_oneof![8 => Just("ci"), 2 => Just("bob"), 1 => select(&EVERYBODY[..])],
        prop_oneof![5 => Just("ci"), 1 => select(&EVERYBODY[..])],
    );
    let place = (0_usize..2, prop_oneof![4 => Just(0_usize), 4 => Just(1), 1 => Just(2), 1 => Just(3)]);
    let version = (prop_oneof![6 => 3_u64..7, 1 => 1_u64..14], proptest::option::weighted(0.2, 0_usize..3));
    let kind =
        select(vec![None, None, None, None, None, Some(RequestKind::Rollback), Some(RequestKind::Normal)]);
    let rest = (mostly(0), mostly(0), prop::bool::weighted(0.85), prop::bool::weighted(0.1));
    (who, place, version, kind, rest).prop_map(|(who, (family, channel), (version, replaces), kind, rest)| {
        let fitting = if channel == 1 { RequestKind::Emergency } else { RequestKind::Normal };
        Asked {
            family,
            channel,
            requester: who.0,
            trigger: who.1,
            kind: kind.unwrap_or(fitting),
            version,
            replaces,
            key_of: if rest.0 == 2 { 2 } else { (family + rest.0) % 2 },
            values_of: (family + rest.1) % 2,
            is_bound: rest.2,
            is_second: rest.3,
        }
    })
}

/// A request's way, as it should be, by people of its family.
fn way(of: usize, family: usize, pair: usize, reviewer: Option<&'static str>, bare: bool) -> Vec<Act> {
    let pairs = [
        [["alice", "bob"], ["bob", "carol"], ["carol", "alice"]],
        [["bob", "dave"], ["carol", "erin"], ["carol", "dave"]],
    ];
    let approve = |who| Act::Approve { who, of, recomputed: !bare };
    let [one, other] = pairs[family][pair % 3].map(approve);
    let mut way = vec![
        Act::Submit(of),
        one,
        other,
        Act::Attempt(of),
        Act::Sign { of, stolen: false },
        Act::Publish(of),
    ];
    way.extend(reviewer.map(|who| Act::Review { who, of }));
    way
}

fn other() -> impl Strategy<Value = Act> {
    let who = || select(&EVERYBODY[..]);
    let of = || 0_usize..3;
    prop_oneof![
        2 => (who(), of(), any::<bool>()).prop_map(|(who, of, recomputed)| Act::Approve { who, of, recomputed }),
        1 => (of(), any::<bool>()).prop_map(|(of, stolen)| Act::Sign { of, stolen }),
        1 => of().prop_map(Act::Publish),
        1 => of().prop_map(Act::Submit),
        1 => of().prop_map(Act::Attempt),
        1 => (of(), of()).prop_map(|(of, bundle)| Act::Replay { of, bundle }),
        1 => (of(), of()).prop_map(|(of, from)| Act::Borrow { of, from }),
        2 => (who(), of()).prop_map(|(who, of)| Act::Review { who, of }),
        2 => (select(vec!["alice", "dave", "carol", "erin", "bob"]), of()).prop_map(|(who, of)| Act::Revoke { who, of }),
        3 => (select(vec!["alice", "dave", "carol", "erin", "bob"]), who(), 0_u64..16, 0_u64..20)
            .prop_map(|(by, whose, from, days)| Act::Suspend { by, whose, from, days }),
        3 => prop_oneof![2 => Just(vec!["alice", "bob", "carol"]), 1 => subsequence(EVERYBODY.to_vec(), 0..=6)]
            .prop_map(Act::Succeed),
        3 => (0_u64..3 * DAY).prop_map(Act::Pass),
        2 => select(vec![-40_000_i64, -3_000, 0, 300, 900]).prop_map(Act::Stamp),
    ]
}

/// Ways one after the other, or side by side, with something else in between, and with leaves in another order.
pub(super) fn estate() -> impl Strategy<Value = Estate> {
    let one = (
        asked(),
        0_usize..3,
        proptest::option::of(select(vec!["alice", "dave", "erin"])),
        prop::bool::weighted(0.3),
    );
    let others = proptest::collection::vec((any::<prop::sample::Index>(), other()), 0..4);
    let swaps = proptest::collection::vec(any::<prop::sample::Index>(), 0..3);
    let clock = (
        prop_oneof![6 => 0_u64..DAY, 2 => 0_u64..8 * DAY],
        prop_oneof![3 => Just(0_u64), 1 => 0_u64..20 * DAY],
    );
    let rest = (0_usize..5, clock, prop::bool::weighted(0.85), (any::<usize>(), any::<usize>(), 0_u8..8));
    let ways = proptest::collection::vec(one, 1..4);
    (ways, any::<bool>(), others, swaps, rest).prop_map(|(ways, is_mixed, others, swaps, rest)| {
        let (second, (later, set_back), is_confirmed, chance) = rest;
        let all = ways.iter().enumerate();
        let mut of: Vec<Vec<Act>> = all
            .map(|(of, (asked, pair, reviewer, bare))| way(of, asked.family, *pair, *reviewer, *bare))
            .collect();
        let mut acts: Vec<Act> = Vec::new();
        if is_mixed {
            let longest = of.iter().map(Vec::len).max().unwrap_or(0);
            for place in 0..longest {
                acts.extend(of.iter().filter_map(|way| way.get(place).cloned()));
            }
        } else {
            acts.extend(of.drain(..).flatten());
        }
        for (at, act) in others {
            acts.insert(at.index(acts.len() + 1), act);
        }
        for at in swaps {
            let at = at.index(acts.len() - 1);
            acts.swap(at, at + 1);
        }
        let count = ways.len();
        let mut asked: Vec<Asked> = ways.into_iter().map(|(asked, ..)| asked).collect();
        for (number, one) in asked.iter_mut().enumerate() {
            // Nobody names what is not asked for yet.
            one.replaces = one.replaces.filter(|other| *other < number);
        }
        acts.retain(|act| act.of().is_none_or(|all| all.iter().all(|of| *of < count)));
        Estate { asked, acts, second, later, set_back, is_confirmed, chance }
    })
}

impl Act {
    /// The requests that it is about.
    fn of(&self) -> Option<Vec<usize>> {
        match self {
            Self::Submit(of) | Self::Attempt(of) | Self::Publish(of) => Some(vec![*of]),
            Self::Approve { of, .. }
            | Self::Sign { of, .. }
            | Self::Review { of, .. }
            | Self::Revoke { of, .. } => Some(vec![*of]),
            Self::Replay { of, bundle: other } | Self::Borrow { of, from: other } => Some(vec![*of, *other]),
            Self::Suspend { .. } | Self::Succeed(_) | Self::Pass(_) | Self::Stamp(_) => None,
        }
    }
}
