//! What a family cannot prove, and what makes up for that.

use super::*;
use crate::release::policy::Capability;

#[test]
fn what_the_policy_says_of_a_family_bounds_its_verdicts() {
    let judged = |change: fn(&mut Family)| {
        let mut history = History::of(|policy| {
            policy.families.values_mut().for_each(|family| family.controls = None);
            policy.families.values_mut().for_each(change);
        });
        release(&mut history, &own(), |_| {});
        let verdict = Asked::of(&history).verdict();
        let lives = verdict.valid_until.unwrap().unix() - history.clock;
        (verdict.status, found(&verdict), verdict.trust_vector.hardware, lives)
    };
    let week = 7 * DAY;
    assert_eq!(judged(|_| {}), (Status::Affirming, vec![], 0, week));
    let weak = judged(|family| family.weak_roots = true);
    assert_eq!(weak, (Status::Warning, vec!["weak_roots"], 32, week));
    let none = judged(|family| family.capability = Capability::None);
    assert_eq!(none, (Status::Warning, vec!["release_capability_none"], 0, week));
    let verified = judged(|family| family.capability = Capability::VerifiedOnly);
    assert_eq!(verified, (Status::Warning, vec!["release_verified_only"], 0, 60));
}

/// A family that is weak in this way, and whose policy wants that something makes up for it, or not; and a control.
fn controlled(change: fn(&mut Family), compensates: &[Weakness], days: u64) -> Asked {
    let mut history = History::of(|policy| policy.families.values_mut().for_each(change));
    release(&mut history, &own(), |_| {});
    let mut one = control(compensates, history.clock + days * DAY);
    one.authority = history.authority;
    history.compensate(&one, &["dave", "erin"]);
    Asked::of(&history)
}

#[test]
fn what_makes_up_for_a_weakness_lifts_to_warning_and_no_further() {
    type Change = fn(&mut Family);
    let kinds: [(Change, Weakness, &str, i8, u64); 3] = [
        (|family| family.capability = Capability::None, Weakness::None, "release_capability_none", 0, DAY),
        (
            |family| family.capability = Capability::VerifiedOnly,
            Weakness::VerifiedOnly,
            "release_verified_only",
            0,
            60,
        ),
        (|family| family.weak_roots = true, Weakness::WeakRoots, "weak_roots", 32, DAY),
    ];
    for (change, weakness, code, hardware, lives) in kinds {
        let asked = controlled(change, &[weakness], 1);
        let now = asked.now.clock.unix();
        let verdict = asked.verdict();
        assert_eq!((verdict.status, found(&verdict)), (Status::Warning, vec![code]));
        assert_eq!(verdict.trust_vector.hardware, hardware);
        let until = verdict.valid_until.unwrap().unix();
        assert!(
            until <= now + lives && until >= now + lives - 2,
            "no longer than the control, nor than without one"
        );
        let named = verdict.reasons.iter().find(|reason| reason.code == Code::ReleaseCompensated).unwrap();
        assert!(named.explain.contains("a room of their own") && named.explain.contains(weakness.name()));
        // A second after its time.
        let over = asked.at(now + DAY + 1).verdict();
        assert_eq!(over.status, Status::Contraindicated);
        assert!(found(&over).contains(&"release_control_missing"));
    }
}

#[test]
fn a62_a_weakness_that_nothing_makes_up_for_where_the_policy_wants_it() {
    let none: fn(&mut Family) = |family| family.capability = Capability::None;
    let refused = |asked: &Asked| {
        let verdict = asked.verdict();
        assert_eq!((verdict.status, verdict.valid_until), (Status::Contraindicated, None));
        found(&verdict)
    };
    let missing = vec!["release_capability_none", "release_control_missing"];
    assert_eq!(refused(&controlled(none, &[Weakness::WeakRoots], 1)), missing, "for another weakness");
    let both: fn(&mut Family) = |family| {
        family.capability = Capability::None;
        family.weak_roots = true;
    };
    let half = controlled(both, &[Weakness::None], 1);
    assert_eq!(refused(&half), ["weak_roots", "release_control_missing", "release_capability_none"]);
    assert_eq!(controlled(both, &[Weakness::None, Weakness::WeakRoots], 1).verdict().status, Status::Warning);
    // Taken back, and a device hears of it without a message from the log.
    let mut asked = controlled(none, &[Weakness::None], 1);
    assert_eq!(asked.verdict().status, Status::Warning);
    let view = asked.view.clone();
    let one = view.compensations(at(NOW)).next().unwrap().0.id();
    let mut word = revocation("alice", Revoked::Control(one));
    word.authority = view.authority();
    word.signature = armored::<Revocation>(&signer("alice"), &Text::revocation(&word));
    let objects = std::collections::BTreeMap::new();
    asked.view = view.holding(&bytes(&word), view.next_place(), &objects, &Limits::DEFAULT).unwrap();
    assert_eq!(refused(&asked), missing);
    // A family without the rule is judged as ever, and nothing is said.
    let without: fn(&mut Family) = |family| {
        family.capability = Capability::None;
        family.controls = None;
    };
    let verdict = controlled(without, &[Weakness::None], 1).verdict();
    assert_eq!((verdict.status, found(&verdict)), (Status::Warning, vec!["release_capability_none"]));
    assert!(verdict.reasons.iter().all(|reason| reason.code != Code::ReleaseCompensated));
    // And one that is weak in nothing needs nothing.
    assert_eq!(controlled(|_| {}, &[Weakness::None], 1).verdict().status, Status::Affirming);
}
