//! What makes up for a weakness, and what does not.

use super::*;
use crate::Limits;
use crate::release::policy::Weakness;
use crate::release::statement::{Control, ControlStatement};

const FOR: [Weakness; 1] = [Weakness::None];

/// A log in which that is written down, by these people.
fn vouched(control: &Control, people: &[&str]) -> History {
    let mut history = History::new();
    history.compensate(control, people);
    history
}

fn stands(history: &History, weakness: Weakness, now: u64) -> bool {
    history.view().unwrap().compensation(&name("gateway"), weakness, at(now)).is_some()
}

fn codes(history: &History) -> Vec<&'static str> {
    passed_over(history).into_iter().map(|(_, because)| because).collect()
}

#[test]
fn a_control_stands_for_its_family_and_weakness_until_its_time_is_over() {
    let until = NOW + 10 * DAY;
    let one = control(&[Weakness::None, Weakness::WeakRoots], until);
    let history = vouched(&one, &["dave", "erin"]);
    let view = history.view().unwrap();
    assert!(passed_over(&history).is_empty());
    let found = view.compensation(&name("gateway"), Weakness::None, at(until)).unwrap();
    assert_eq!((found.id(), found.place().index, found.control()), (id_of(&one), 1, &one));
    assert_eq!(found.people().cloned().collect::<Vec<_>>(), names::<Vec<_>>("dave erin"));
    assert!(stands(&history, Weakness::WeakRoots, until));
    assert!(!stands(&history, Weakness::None, until + 1), "it is over");
    assert!(!stands(&history, Weakness::VerifiedOnly, NOW), "another weakness");
    assert!(view.compensation(&name("sensor"), Weakness::None, at(NOW)).is_none(), "another family");
    assert_eq!(view.compensations(at(until + 1)).map(|(_, stands)| stands).collect::<Vec<_>>(), [false]);
}

#[test]
fn the_control_that_lasts_longest_counts() {
    let (short, long) = (control(&FOR, NOW + DAY), control(&FOR, NOW + 20 * DAY));
    for (first, second) in [(&short, &long), (&long, &short)] {
        let mut history = vouched(first, &["bob", "dave"]);
        history.compensate(second, &["bob", "dave"]);
        let view = history.view().unwrap();
        let found = view.compensation(&name("gateway"), Weakness::None, at(NOW)).unwrap();
        assert_eq!(found.control().not_after, long.not_after);
    }
}

#[test]
fn a57_a_control_that_too_few_vouch_for() {
    let one = control(&FOR, NOW + DAY);
    let not_met = ["control_quorum_not_met"];
    for people in [&[][..], &["dave"], &["dave", "dave"], &["dave", "alice"], &["alice", "carol"]] {
        let history = vouched(&one, people);
        assert_eq!(codes(&history), not_met, "{people:?}");
        assert!(!stands(&history, Weakness::None, NOW));
    }
    let lied = |change: &dyn Fn(&mut ControlStatement)| {
        let mut history = History::new();
        let mut word = vouching("erin", &one);
        change(&mut word);
        let statements = vec![history.keep(&vouching("dave", &one)), history.keep(&word)];
        let control = history.keep(&one);
        history.write(Event::Compensated { control, statements });
        codes(&history)
    };
    assert_eq!(lied(&|_| {}), [""; 0]);
    assert_eq!(lied(&|word| word.by = name("bob")), not_met, "in the name of another");
    let other = control(&[Weakness::WeakRoots], NOW + DAY);
    assert_eq!(lied(&|word| *word = vouching("erin", &other)), not_met, "for another control");
    assert_eq!(lied(&|word| word.control = id("other")), not_met, "it says that it is for another one");
    let other_namespace = |word: &mut ControlStatement| {
        let text = Text::control(word, id_of(&one), &one).unwrap();
        word.signature = armored::<Objection>(&signer("erin"), &text);
    };
    assert_eq!(lied(&other_namespace), not_met, "signed as something else");
}

#[test]
fn a62_a_control_that_the_policy_does_not_foresee() {
    let refused = |change: &dyn Fn(&mut Control)| {
        let mut one = control(&FOR, NOW + DAY);
        change(&mut one);
        let history = vouched(&one, &["dave", "erin"]);
        assert!(history.view().unwrap().compensations(at(NOW)).next().is_none());
        codes(&history)
    };
    assert_eq!(refused(&|one| one.authority = id("elsewhere")), ["control_of_another_authority"]);
    assert_eq!(refused(&|one| one.family = name("sensor")), ["control_not_foreseen"]);
    assert_eq!(refused(&|one| one.compensates.clear()), ["control_of_nothing"]);
    assert_eq!(refused(&|one| one.not_after = at(NOW)), ["control_over"]);
    // The leaf is written two seconds after the beginning.
    assert_eq!(refused(&|one| one.not_after = at(NOW + 2 + 30 * DAY + 1)), ["control_too_long"]);
    for until in [NOW + 2, NOW + 2 + 30 * DAY] {
        assert!(stands(&vouched(&control(&FOR, until), &["dave", "erin"]), Weakness::None, NOW));
    }
    // A family that has no such rule.
    let mut history =
        History::of(|policy| policy.families.values_mut().for_each(|family| family.controls = None));
    let one = Control { authority: history.authority, ..control(&FOR, NOW + DAY) };
    history.compensate(&one, &["dave", "erin"]);
    assert_eq!(codes(&history), ["control_not_foreseen"]);
    // And one that is no control.
    let mut history = History::new();
    let control = history.keep(&policy());
    history.write(Event::Compensated { control, statements: Vec::new() });
    assert_eq!(codes(&history), ["object_format"]);
}

#[test]
fn inv10_one_person_takes_a_control_back() {
    let one = control(&FOR, NOW + DAY);
    let taken_back = |who: &str| {
        let mut history = vouched(&one, &["dave", "erin"]);
        history.revoke(&revocation(who, Revoked::Control(id_of(&one))));
        (stands(&history, Weakness::None, NOW), codes(&history))
    };
    assert_eq!(taken_back("alice"), (false, vec![]));
    assert_eq!(taken_back("bob"), (true, vec!["revocation_does_not_count"]), "bob is no revoker");
    // Nor is a revoker of another family one of this.
    let mut history = History::of(|policy| {
        let mut sensor = policy.families[&name("gateway")].clone();
        sensor.revokers = names("bob");
        policy.families.insert(name("sensor"), sensor);
    });
    let own = Control { authority: history.authority, ..one.clone() };
    history.compensate(&own, &["dave", "erin"]);
    for (who, stands_then) in [("bob", true), ("alice", false)] {
        let mut word = revocation(who, Revoked::Control(id_of(&own)));
        word.authority = history.authority;
        word.signature = armored::<Revocation>(&signer(who), &Text::revocation(&word));
        history.revoke(&word);
        assert_eq!(stands(&history, Weakness::None, NOW), stands_then, "{who}");
    }
    // It does not come back by being written down again.
    let mut history = vouched(&one, &["dave", "erin"]);
    history.revoke(&revocation("alice", Revoked::Control(id_of(&one))));
    history.compensate(&one, &["bob", "dave", "erin"]);
    assert_eq!((stands(&history, Weakness::None, NOW), codes(&history)), (false, vec!["control_repeated"]));
    // Nor is anything taken back that is not there.
    let mut history = History::new();
    history.revoke(&revocation("alice", Revoked::Control(id_of(&one))));
    assert_eq!(codes(&history), ["revocation_of_no_control"]);
    // Whoever keeps the log may write down first what takes back.
    let early = |who: &str, before: &dyn Fn(&mut History), between: &dyn Fn(&mut History)| {
        let mut history = History::new();
        before(&mut history);
        history.revoke(&revocation(who, Revoked::Control(id_of(&one))));
        between(&mut history);
        history.compensate(&one, &["dave", "erin"]);
        stands(&history, Weakness::None, NOW)
    };
    let nothing = |_: &mut History| {};
    assert!(!early("alice", &nothing, &nothing));
    assert!(early("bob", &nothing, &nothing), "bob is no revoker");
    // Who may not revoke there, may not by what came later; and who might, might.
    let suspended = |history: &mut History| {
        let until = at(history.clock + DAY);
        let revokes = Revoked::Key { spki_sha256: spki_sha256("alice"), from_index: 0, until };
        history.revoke(&revocation("dave", revokes));
    };
    assert!(early("alice", &suspended, &nothing));
    assert!(!early("alice", &nothing, &suspended));
    let by_bob = |history: &mut History| {
        let mut next = second_policy();
        next.families.values_mut().for_each(|family| family.revokers = names("bob"));
        history.succeed(&next, &["alice", "bob"]);
    };
    assert!(early("bob", &nothing, &by_bob) && !early("bob", &by_bob, &nothing));
    assert!(!early("alice", &nothing, &by_bob) && early("alice", &by_bob, &nothing));
    // Nor does one that is none keep back another, nor what too few vouch for.
    let both = |history: &mut History| {
        history.compensate(&one, &["dave"]);
        history.revoke(&revocation("alice", Revoked::Control(id_of(&one))));
    };
    assert!(!early("bob", &nothing, &both));
    // And it counts once a verifier holds it.
    let history = vouched(&one, &["dave", "erin"]);
    let word = bytes(&revocation("alice", Revoked::Control(id_of(&one))));
    let view = history.view().unwrap();
    let held = view.holding(&word, view.next_place(), &history.objects, &Limits::DEFAULT).unwrap();
    assert!(held.compensation(&name("gateway"), Weakness::None, at(NOW)).is_none());
}

#[test]
fn inv8_a_control_by_keys_that_are_not_trusted_any_more() {
    let mut history = vouched(&control(&FOR, NOW + 20 * DAY), &["dave", "erin"]);
    history.revoke(&suspension("alice", "erin", 0, NOW + DAY));
    assert!(!stands(&history, Weakness::None, NOW + DAY), "one word is too few");
    assert!(stands(&history, Weakness::None, NOW + DAY + 1), "the suspension is over");
    let mut history = History::new();
    history.revoke(&suspension("alice", "erin", 0, NOW + DAY));
    history.compensate(&control(&FOR, NOW + 20 * DAY), &["dave", "erin"]);
    assert_eq!(codes(&history), ["control_quorum_not_met"]);
    assert!(!stands(&history, Weakness::None, NOW + 2 * DAY), "what did not count then does not later");
}

#[test]
fn a72_a_control_that_is_withheld_refuses_the_view() {
    let one = control(&FOR, NOW + DAY);
    let history = vouched(&one, &["dave", "erin"]);
    for id in [id_of(&one), id_of(&vouching("dave", &one))] {
        let mut withheld = history.clone();
        withheld.objects.remove(&id);
        assert_eq!(withheld.view().unwrap_err(), Error::ObjectMissing { index: 1, id });
    }
}
