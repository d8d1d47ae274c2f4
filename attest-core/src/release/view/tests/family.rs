//! Families that say who stands in their rules, and changes that do not count.

use super::*;
use crate::Limits;
use crate::release::family::FamilyChange;
use crate::release::statement::FamilyStatement;

const MANAGERS: [&str; 2] = ["bob", "carol"];

fn gateway() -> Name {
    name("gateway")
}

fn first() -> FamilyChange {
    family_change(&policy())
}

/// Another one that follows the first.
fn second() -> FamilyChange {
    FamilyChange { previous: Some(id_of(&first())), reason: words("And another one"), ..first() }
}

fn codes(history: &History) -> Vec<&'static str> {
    passed_over(history).into_iter().map(|(_, because)| because).collect()
}

/// The changes that were ever followed.
fn followed(history: &History) -> Vec<ObjectId> {
    let view = history.view().unwrap();
    view.changes_of(&gateway()).iter().map(|one| one.policy().change().unwrap()).collect()
}

/// The change that is followed now.
fn now(history: &History) -> Option<ObjectId> {
    history.view().unwrap().policy_of_now(&gateway()).unwrap().change()
}

#[test]
fn a_change_is_followed_from_its_place_on() {
    let mut history = History::new();
    let at_first = history.change(&first(), &MANAGERS);
    history.write(Event::Attempted { request: id("between") });
    let at_second = history.change(&second(), &["bob", "gateway.zoe"]);
    assert!(passed_over(&history).is_empty());
    let view = history.view().unwrap();
    let change = |index| view.policy_of(&gateway(), index).unwrap().change();
    let (one, other) = (Some(id_of(&first())), Some(id_of(&second())));
    assert_eq!((change(at_first), change(at_first + 1), change(at_second)), (None, one, one));
    assert_eq!((change(at_second + 1), now(&history)), (other, other));
    assert_eq!(view.changes_of(&gateway())[1].change(), &second());
    assert_eq!(view.changes_of(&gateway())[1].place().index, at_second);
    assert_eq!(view.changed(u64::MAX).map(Policy::change).collect::<Vec<_>>(), [other]);
    // The root's policy is what it was, and so is what is followed for other families.
    assert_eq!((view.policy().unwrap().change(), view.policy().unwrap().id()), (None, history.authority));
    assert_eq!(view.policy_of(&name("sensor"), at_second + 1).unwrap().change(), None);
    assert!(view.policy_of(&gateway(), 0).is_none());
}

#[test]
fn what_is_followed_is_read_as_one_text() {
    let mut history = History::new();
    assert_eq!(history.view().unwrap().document(), Some(policy()));
    history.change(&first(), &MANAGERS);
    let view = history.view().unwrap();
    let document = view.document().unwrap();
    assert_eq!(document, *view.policy_of_now(&gateway()).unwrap().document());
    assert!(document.identities.contains_key("gateway.zoe") && document != policy());
}

#[test]
fn a57_a_change_that_too_few_want() {
    let not_met = ["family_quorum_not_met"];
    let wanted = |people: &[&str]| {
        let mut history = History::new();
        history.change(&first(), people);
        (followed(&history).len(), codes(&history))
    };
    // Managers of before: bob, carol, dave. Of after: bob, carol, zoe.
    for people in [&[][..], &["bob"], &["bob", "bob"], &["alice", "erin"], &["dave", "gateway.zoe"]] {
        assert_eq!(wanted(people), (0, not_met.to_vec()), "{people:?}");
    }
    assert_eq!(wanted(&["bob", "gateway.zoe"]), (0, not_met.to_vec()), "one of before");
    assert_eq!(wanted(&["bob", "dave"]), (0, not_met.to_vec()), "one of after");
    assert_eq!(wanted(&["bob", "dave", "gateway.zoe"]), (1, vec![]));
    let lied = |change: &dyn Fn(&mut FamilyStatement)| {
        let mut history = History::new();
        let mut word = managing("carol", &first());
        change(&mut word);
        let statements = vec![history.keep(&managing("bob", &first())), history.keep(&word)];
        let change = history.keep(&first());
        history.write(Event::FamilyChanged { change, statements });
        codes(&history)
    };
    assert_eq!(lied(&|_| {}), [""; 0]);
    assert_eq!(lied(&|word| word.by = name("dave")), not_met, "in the name of another");
    assert_eq!(lied(&|word| *word = managing("carol", &second())), not_met, "for another change");
    assert_eq!(lied(&|word| word.change = id("other")), not_met, "it says that it is for another one");
    let other_namespace = |word: &mut FamilyStatement| {
        let text = Text::family(word, id_of(&first()), &first()).unwrap();
        word.signature = armored::<Objection>(&signer("carol"), &text);
    };
    assert_eq!(lied(&other_namespace), not_met, "signed as something else");
    // Nor by a key that is suspended there.
    let mut history = History::new();
    history.revoke(&suspension("alice", "carol", 0, NOW + DAY));
    history.change(&first(), &MANAGERS);
    assert_eq!(codes(&history), not_met);
}

#[test]
fn a65_a_change_counts_once_in_its_turn_in_its_time_and_here() {
    let refused = |change: &dyn Fn(&mut FamilyChange)| {
        let mut one = first();
        change(&mut one);
        let mut history = History::new();
        history.change(&one, &MANAGERS);
        assert!(followed(&history).is_empty());
        codes(&history)
    };
    assert_eq!(refused(&|one| one.authority = id("elsewhere")), ["family_change_of_another_authority"]);
    assert_eq!(refused(&|one| one.policy = id("another")), ["family_change_under_another_policy"]);
    assert_eq!(refused(&|one| one.previous = Some(id("one"))), ["family_change_does_not_follow"]);
    assert_eq!(refused(&|one| one.not_after = at(NOW + 1)), ["family_change_over"]);
    assert_eq!(refused(&|one| one.family = name("sensor")), ["family_not_managed"]);
    let mut history = History::new();
    history.change(&FamilyChange { not_after: at(NOW + 2), ..first() }, &MANAGERS);
    assert!(passed_over(&history).is_empty(), "its last second");
    // Neither again, nor back to it, nor two at once.
    let mut history = History::new();
    for change in [first(), first(), second(), first(), second()] {
        history.change(&change, &MANAGERS);
    }
    assert_eq!(codes(&history), ["family_change_does_not_follow"; 3]);
    assert_eq!(followed(&history), [id_of(&first()), id_of(&second())]);
    let other = FamilyChange { reason: words("The other one"), ..first() };
    let mut history = History::new();
    for change in [first(), other] {
        history.change(&change, &MANAGERS);
    }
    assert_eq!(
        (now(&history), codes(&history)),
        (Some(id_of(&first())), vec!["family_change_does_not_follow"])
    );
    // And one that is no change.
    let mut history = History::new();
    let change = history.keep(&policy());
    history.write(Event::FamilyChanged { change, statements: Vec::new() });
    assert_eq!(codes(&history), ["object_format"]);
}

#[test]
fn a62_a_change_below_what_the_root_wrote() {
    let mut weak = first();
    weak.channels.get_mut("stable").unwrap().approvals = Some(quorum("group release 1 bob\nquorum release"));
    let mut history = History::new();
    history.change(&weak, &MANAGERS);
    assert_eq!((now(&history), codes(&history)), (None, vec!["family_quorum_weakened"]));
    // It is held against the root's text, and not against what a change made of it.
    let mut more = first();
    more.channels.get_mut("stable").unwrap().approvals =
        Some(quorum("group release 2 bob carol erin gateway.zoe\nquorum release"));
    let mut back = second();
    back.previous = Some(id_of(&more));
    history.change(&more, &MANAGERS);
    history.change(&back, &MANAGERS);
    assert_eq!(now(&history), Some(id_of(&back)));
}

#[test]
fn a_family_changes_so_often_and_no_more() {
    let mut history = History::new();
    history.change(&first(), &MANAGERS);
    history.change(&second(), &MANAGERS);
    let replayed = |most| {
        let limits = Limits { family_changes: most, ..Limits::DEFAULT };
        let seen = history.checkpoint(&[("own", 41, history.clock), ("other", 42, history.clock)]);
        let entries = history.leaves.iter().map(Vec::as_slice);
        LogView::replay(history.authority, entries, &history.objects, seen.as_bytes(), &limits).unwrap()
    };
    assert_eq!(replayed(2).changes_of(&gateway()).len(), 2);
    let view = replayed(1);
    assert_eq!(view.changes_of(&gateway()).len(), 1);
    assert_eq!(
        view.passed_over().iter().map(|leaf| leaf.because).collect::<Vec<_>>(),
        ["family_change_too_many"]
    );
}

#[test]
fn a72_a_change_that_is_withheld_refuses_the_view() {
    let mut history = History::new();
    history.change(&first(), &MANAGERS);
    for id in [id_of(&first()), id_of(&managing("bob", &first()))] {
        let mut withheld = history.clone();
        withheld.objects.remove(&id);
        assert_eq!(withheld.view().unwrap_err(), Error::ObjectMissing { index: 1, id });
    }
}

/// The second policy, that carries this change on.
fn carrying(change: Option<ObjectId>) -> PolicyDocument {
    let mut next = second_policy();
    next.families.get_mut("gateway").unwrap().managers.as_mut().unwrap().carries = change;
    next
}

#[test]
fn a57_a_succession_ends_what_families_said_but_for_what_it_carries_on() {
    let mut before = History::new();
    before.change(&first(), &MANAGERS);
    before.change(&second(), &MANAGERS);
    let (one, other) = (Some(id_of(&first())), Some(id_of(&second())));
    let succeeded = |next: &PolicyDocument| {
        let mut history = before.clone();
        history.succeed(next, &["alice", "bob"]);
        history
    };
    for carried in [None, one, other] {
        let history = succeeded(&carrying(carried));
        assert_eq!((versions(&history), now(&history)), (vec![1, 2], carried));
        let view = history.view().unwrap();
        let policy = view.policy_of_now(&gateway()).unwrap();
        assert_eq!(policy.id(), id_of(&carrying(carried)));
        assert_eq!(view.policy_of(&gateway(), 3).unwrap().change(), other, "where the succession stands");
    }
    // The next change follows what is carried, and is under the new policy.
    let mut history = succeeded(&carrying(one));
    let mut third = FamilyChange { policy: id_of(&carrying(one)), previous: one, ..second() };
    history.change(&second(), &MANAGERS);
    history.change(&third, &MANAGERS);
    assert_eq!(
        (codes(&history), now(&history)),
        (vec!["family_change_under_another_policy"], Some(id_of(&third)))
    );
    let mut history = succeeded(&carrying(None));
    third.policy = id_of(&carrying(None));
    history.change(&third, &MANAGERS);
    assert_eq!((codes(&history), now(&history)), (vec!["family_change_does_not_follow"], None));
    // What never was followed, or goes below the new text, carries nothing: the succession does not count.
    let stranger = succeeded(&carrying(Some(id("stranger"))));
    assert_eq!((versions(&stranger), codes(&stranger)), (vec![1], vec!["succession_carries_nothing"]));
    assert_eq!(now(&stranger), other);
    let mut strict = carrying(other);
    strict.families.get_mut("gateway").unwrap().managers.as_mut().unwrap().enrol = None;
    let strict = succeeded(&strict);
    assert_eq!((versions(&strict), codes(&strict)), (vec![1], vec!["family_enrolment_not_allowed"]));
    // Nor does a recovery wait for that.
    let mut history = before;
    history.recover(&carrying(Some(id("stranger"))), &["dave", "erin", "alice", "bob"]);
    assert_eq!(codes(&history), ["succession_carries_nothing"]);
    assert!(history.view().unwrap().recovery().is_none());
}

#[test]
fn a57_another_family_carries_on_its_own_alone() {
    let two = |document: &mut PolicyDocument| {
        let sensor = document.families[&gateway()].clone();
        document.families.insert(name("sensor"), sensor);
    };
    let mut first_policy = policy();
    two(&mut first_policy);
    let mut history = History::of(two);
    let change = family_change(&first_policy);
    history.change(&change, &MANAGERS);
    let mut next = PolicyDocument { version: 2, previous: Some(history.authority), ..first_policy };
    let sensor = next.families.get_mut("sensor").unwrap();
    sensor.managers.as_mut().unwrap().carries = Some(id_of(&change));
    history.succeed(&next, &["alice", "bob"]);
    assert_eq!((versions(&history), codes(&history)), (vec![1], vec!["succession_carries_nothing"]));
}

#[test]
fn inv10_revokers_whom_a_family_named_revoke_what_is_its_own() {
    let with_zoe = FamilyChange { revokers: names("alice dave gateway.zoe"), ..first() };
    let mut history = History::new();
    history.change(&with_zoe, &MANAGERS);
    let request = request();
    history.keep(&request);
    let revoked = |history: &History, revokes: Revoked| {
        let mut history = history.clone();
        history.revoke(&revocation("gateway.zoe", revokes));
        let view = history.view().unwrap();
        (view.revoked(&id_of(&request)).is_some(), view.suspensions().len(), codes(&history))
    };
    assert_eq!(revoked(&history, Revoked::Request(id_of(&request))), (true, 0, vec![]));
    let key = |who| Revoked::Key { spki_sha256: spki_sha256(who), from_index: 0, until: at(NOW + DAY) };
    let does_not = vec!["revocation_does_not_count"];
    // A key speaks in other families, too, and for the root.
    assert_eq!(revoked(&history, key("alice")), (false, 0, does_not.clone()));
    assert_eq!(
        revoked(&History::new(), Revoked::Control(id("c"))),
        (false, 0, vec!["revocation_of_no_control"])
    );
    let mut unchanged = History::new();
    unchanged.keep(&request);
    assert_eq!(revoked(&unchanged, Revoked::Request(id_of(&request))), (false, 0, does_not));
    // A verifier that holds it goes by it as well.
    let word = bytes(&revocation("gateway.zoe", Revoked::Request(id_of(&request))));
    let view = history.view().unwrap();
    let held = view.holding(&word, view.next_place(), &history.objects, &Limits::DEFAULT).unwrap();
    assert!(held.revoked(&id_of(&request)).is_some());
}

#[test]
fn inv8_keys_that_a_family_brought_in_are_suspended_like_others() {
    let mut history = History::new();
    history.change(&first(), &MANAGERS);
    // And they stay known when they are gone.
    let gone = FamilyChange {
        previous: Some(id_of(&first())),
        ..FamilyChange::of(
            history.authority,
            history.view().unwrap().policy().unwrap(),
            &gateway(),
            words("Zoe leaves"),
            at(NOW + DAY),
        )
        .unwrap()
    };
    history.change(&gone, &["bob", "carol"]);
    history.revoke(&suspension("alice", "gateway.zoe", 0, NOW + DAY));
    history.revoke(&suspension("alice", "gateway.yan", 0, NOW + DAY));
    assert_eq!(codes(&history), ["suspension_of_no_key"], "nobody ever brought yan in");
    let view = history.view().unwrap();
    assert!(view.is_suspended(signer("gateway.zoe").public().canonical(), 1, at(NOW)));
}

#[test]
fn a62_controls_are_vouched_for_by_the_familys_people() {
    use crate::release::policy::Weakness;
    let mut change = first();
    change.controls = Some(quorum("group controls 2 bob dave gateway.zoe\nquorum controls"));
    let control = control(&[Weakness::None], NOW + DAY);
    let stands = |is_changed: bool, people: &[&str]| {
        let mut history = History::new();
        if is_changed {
            history.change(&change, &MANAGERS);
        }
        history.compensate(&control, people);
        history.view().unwrap().compensation(&gateway(), Weakness::None, at(NOW)).is_some()
    };
    assert!(stands(true, &["dave", "gateway.zoe"]) && !stands(false, &["dave", "gateway.zoe"]));
    assert!(stands(false, &["dave", "erin"]) && !stands(true, &["dave", "erin"]));
}
