//! Random histories of an estate: two families, several requests by every way, people who come and go, and a server that has its own keys, its disk
//! and its clock. What counts is held against a fold that is written from the rules' prose and shares no line with what it checks.

mod act;
mod disk;
mod fold;
mod play;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::act::Estate;
use self::disk::Touched;
use self::fold::{Fold, Void};
use self::play::{Flipped, Played};
use super::*;
use crate::audit::checkpoint::SignedCheckpoint;
use crate::audit::testing::Store;
use crate::audit::tree::{Frontier, consistency_proof, verify_consistency};
use crate::audit::witness::{LastCosigned, decide};
use crate::release::catalogue::{Catalogue, Floors};
use crate::release::leaf::Leaf;

/// How often what happened.
type Tally = RefCell<BTreeMap<String, u32>>;

fn tell(tally: &Tally, what: impl Into<String>) {
    *tally.borrow_mut().entry(what.into()).or_default() += 1;
}

/// What a verifier makes of it: which requests count, each with whether that is for good; nothing where it takes no view.
fn verified(played: &Played, estate: &Estate) -> Option<(BTreeMap<usize, bool>, Catalogue)> {
    let view = played.history.view().ok()?;
    let clock = played.history.clock.saturating_add(estate.later).saturating_sub(estate.set_back);
    let now = Now { clock: at(clock), is_confirmed: estate.is_confirmed };
    let all = Catalogue::load(&view, &played.history.objects, &Floors::new(), now, &Limits::DEFAULT);
    let number = |one: &Release| played.ids.iter().position(|id| *id == one.id()).unwrap();
    let counts: BTreeMap<_, _> =
        all.releases().map(|one| (number(one), one.standing() == Standing::Full)).collect();
    assert_eq!(all.releases().count(), counts.len(), "each counts once");
    Some((counts, all))
}

/// Inv. 6 and 16: values are of the request's family, and of its channel's tier.
fn is_what_was_asked(all: &Catalogue, played: &Played, estate: &Estate) -> bool {
    all.releases().all(|one| {
        let asked = &estate.asked[played.ids.iter().position(|id| *id == one.id()).unwrap()];
        let source = one.reference().unwrap().source();
        let tier = ["production", "emergency", "delegated", "dev"][asked.channel];
        source.tier.as_deref() == Some(tier)
            && source.governed.as_ref().unwrap().family == act::FAMILIES[asked.family]
            && one.tier().name() == tier
    })
}

fn run(cases: u32, check: impl Fn(&Estate, &Tally) -> Result<(), TestCaseError>) -> BTreeMap<String, u32> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let tally = Tally::default();
    let ran = TestRunner::new(config).run(&act::estate(), |estate| check(&estate, &tally));
    ran.unwrap_or_else(|error| panic!("{error}"));
    let tally = tally.into_inner();
    println!("{tally:?}");
    tally
}

/// The estates of each test: six thousand in all.
const CASES: u32 = 1_500;

#[test]
fn invariants_hold_over_random_estates() {
    let tally = run(2 * CASES, |estate, tally| {
        let played = play::play(estate, None);
        let fold = Fold::new(estate, Void::Nothing, Touched::Nothing);
        let verified = verified(&played, estate);
        prop_assert_eq!(verified.is_some(), fold.has_view(), "{:#?}", estate);
        let Some((counts, all)) = verified else {
            tell(tally, "no view");
            return Ok(());
        };
        prop_assert_eq!(&counts, &fold.counts(), "{:#?}\n{:#?}", estate, all.refused());
        prop_assert!(is_what_was_asked(&all, &played, estate));
        for (number, asked) in estate.asked.iter().enumerate() {
            let counts = if counts.contains_key(&number) { "counts" } else { "does not" };
            tell(tally, format!("{} {counts}", act::CHANNELS[asked.channel]));
        }
        Ok(())
    });
    for channel in act::CHANNELS {
        let of = |what: &str| tally.get(&format!("{channel} {what}")).copied().unwrap_or_default();
        let (good, bad) = (of("counts"), of("does not"));
        assert!(good * 12 > bad && bad * 12 > good, "{channel}: {good} count, {bad} do not: too one-sided");
    }
}

/// Inv. 13 and 15, and what is withheld: a disk that lost or changed any object takes a view, a release or a review away, and makes nothing count.
#[test]
fn invariants_hold_whatever_the_disk_does_to_any_object() {
    let tally = run(CASES, |estate, tally| {
        let mut played = play::play(estate, None);
        let touched = disk::touch(&mut played, estate);
        let fold = Fold::new(estate, Void::Nothing, touched);
        let verified = verified(&played, estate);
        prop_assert_eq!(verified.is_some(), fold.has_view(), "{:?} {:#?}", touched, estate);
        tell(tally, format!("{touched:?}").split('(').next().unwrap_or_default());
        let Some((counts, all)) = verified else { return Ok(()) };
        prop_assert_eq!(&counts, &fold.counts(), "{:?} {:#?}\n{:#?}", touched, estate, all.refused());
        Ok(())
    });
    for what in ["Rule", "Request", "Bundle", "Review"] {
        assert!(tally.get(what).is_some_and(|often| *often > CASES / 50), "{what}: too few");
    }
}

/// Inv. 5: a changed byte of any statement, policy or bundle that the server wrote down so is as if nobody had said it, or changes nothing.
#[test]
fn inv5_any_changed_byte_of_any_statement_is_as_if_nobody_had_said_it() {
    let tally = run(CASES, |estate, tally| {
        let (which, byte, bit) = estate.chance;
        let flipped = Flipped { statement: which % 16, byte, bit };
        let played = play::play(estate, Some(flipped));
        if played.void == Void::Nothing {
            tell(tally, "nothing was changed");
            return Ok(());
        }
        tell(tally, format!("{:?}", played.void).split('(').next().unwrap_or_default());
        // A revocation of another request than there is makes no view at all.
        let Some((counts, all)) = verified(&played, estate) else {
            tell(tally, "no view");
            return Ok(());
        };
        let void = Fold::new(estate, played.void, Touched::Nothing).counts();
        let whole = Fold::new(estate, Void::Nothing, Touched::Nothing).counts();
        tell(tally, if void == whole { "it decided nothing" } else { "it decided" });
        let said = || format!("{flipped:?} {:?} {estate:#?}\n{:#?}", played.void, all.refused());
        prop_assert!(counts == void || counts == whole, "{counts:?}, not {void:?}: {}", said());
        if counts != void {
            tell(tally, "it was the same");
            let honest = self::verified(&play::play(estate, None), estate).unwrap().1;
            let sources = |all: &Catalogue| -> Vec<_> {
                all.releases().map(|one| one.reference().unwrap().source().clone()).collect()
            };
            prop_assert_eq!(sources(&all), sources(&honest));
        }
        Ok(())
    });
    for what in ["Act", "Word", "Request", "it decided"] {
        assert!(tally.get(what).is_some_and(|often| *often > 0), "{what}: too few");
    }
}

/// Inv. 13: the server shows one history to one, and another to another from some leaf on. Whoever saw one never takes the other: not its leaves
/// under the checkpoint that they know, and not its checkpoint by any proof that the server can make.
#[test]
fn inv13_who_saw_one_history_never_takes_another_that_forks_from_it() {
    run(CASES / 2, |estate, tally| {
        let played = play::play(estate, None);
        let one = &played.history;
        let mut other = one.clone();
        let fork = estate.chance.0 % one.leaves.len();
        let behind = other.leaves.split_off(fork);
        // The server leaves out what it likes and puts something of its own there, or denies all of the rest.
        let made_up = Event::Denied { object: id("what never was"), because: name("quorum_missing") };
        other.clock = object::read::<Leaf>(&behind[0], &Limits::DEFAULT).unwrap().at.unix() - 1;
        other.write(made_up);
        let kept = estate.chance.1 % behind.len();
        other
            .leaves
            .extend_from_slice(&behind[usize::from(estate.chance.2 % 2)..][..kept.min(behind.len() - 1)]);
        other.clock = one.clock;
        let seen =
            |history: &History| history.checkpoint(&[("own", 41, one.clock), ("other", 42, one.clock)]);
        prop_assert!(one.view_by(&seen(&other)).is_err() && other.view_by(&seen(one)).is_err());
        let (first, second) = (one.head(), other.head());
        let (small, large, longer) =
            if first.size <= second.size { (first, second, &other) } else { (second, first, one) };
        let entries = longer.leaves.iter().map(Vec::as_slice);
        let nodes = Frontier::new().append(entries, &Limits::DEFAULT).unwrap().nodes;
        let mut store = Store(nodes.into_iter().collect());
        let proof = consistency_proof(small.size, large.size, &mut store).unwrap();
        prop_assert!(verify_consistency(&small, &proof, &large).is_err(), "{fork}: {estate:#?}");
        // What both begin with they both go on from.
        let mut begun = one.clone();
        begun.leaves.truncate(fork);
        let head = begun.head();
        let proof = consistency_proof(head.size, large.size, &mut store).unwrap();
        prop_assert!(verify_consistency(&head, &proof, &large).is_ok());
        // Nor does a witness sign both: without that, no quorum of them can.
        let last = LastCosigned { head: small, time: at(NOW) };
        let (log, _) = policy().log.read(&Limits::DEFAULT).unwrap();
        let signed = SignedCheckpoint::verify(seen(longer).as_bytes(), &log, &Limits::DEFAULT).unwrap();
        let proof = consistency_proof(small.size, large.size, &mut store).unwrap();
        prop_assert!(decide(&last, small.size, &proof, signed, at(one.clock)).is_err());
        tell(tally, if first.size == second.size { "of the same size" } else { "one goes on" });
        Ok(())
    });
}
