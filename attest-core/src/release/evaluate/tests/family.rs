//! Releases of a family that says who stands in its rules.

use super::*;

const MANAGERS: [&str; 2] = ["bob", "carol"];

/// A log in which zoe comes in the place of alice.
fn changed() -> History {
    let mut history = History::new();
    history.change(&family_change(&policy()), &MANAGERS);
    history
}

/// The release that these people approve, with a change before one of its steps.
fn released(mut history: History, approvers: &[&str], change_before: usize) -> Vec<&'static str> {
    let change = |history: &mut History, step: usize| {
        if step == change_before {
            history.change(&family_change(&policy()), &MANAGERS);
        }
    };
    change(&mut history, 0);
    let mut play = Play::new(history);
    play.submit("ci");
    change(&mut play.history, 1);
    approvers.iter().for_each(|who| drop(play.approve(who)));
    change(&mut play.history, 2);
    play.attempt();
    change(&mut play.history, 3);
    play.sign();
    change(&mut play.history, 4);
    play.publish();
    change(&mut play.history, 5);
    play.wrong()
}

const NEVER: usize = 9;

#[test]
fn a57_who_approves_is_whom_the_family_names() {
    assert_eq!(released(changed(), &["bob", "gateway.zoe"], NEVER), [""; 0]);
    assert_eq!(released(History::new(), &["bob", "gateway.zoe"], NEVER), ["release_quorum_missing"]);
    assert_eq!(released(History::new(), &["alice", "bob"], NEVER), [""; 0]);
    // Alice left the rules. She is who she was, and her word is one of nobody who is asked.
    assert_eq!(released(changed(), &["alice", "bob"], NEVER), ["release_quorum_missing"]);
    assert_eq!(released(changed(), &["gateway.zoe", "gateway.zoe"], NEVER), ["release_quorum_missing"]);
}

#[test]
fn inv1_from_the_request_to_the_attempt_a_family_is_of_the_same_people() {
    let approvers = ["bob", "carol"];
    assert_eq!(released(History::new(), &approvers, 0), [""; 0]);
    // Approvals count under the people of the request alone.
    assert_eq!(
        released(History::new(), &approvers, 1),
        ["release_policy_not_followed", "release_quorum_missing"]
    );
    assert_eq!(released(History::new(), &approvers, 2), ["release_policy_not_followed"]);
    for step in 3..=5 {
        assert_eq!(released(History::new(), &approvers, step), [""; 0], "what was begun is finished: {step}");
    }
    // The signer says so before it signs.
    let mut play = Play::new(History::new());
    play.submit("ci");
    approvers.iter().for_each(|who| drop(play.approve(who)));
    assert!(play.quorate().is_ok());
    play.history.change(&family_change(&policy()), &MANAGERS);
    let failures = play.quorate().unwrap_err();
    assert_eq!(failures.iter().map(Failure::code).collect::<Vec<_>>(), ["release_policy_not_followed"]);
}

#[test]
fn inv6_another_familys_people_are_its_own() {
    let two = |document: &mut PolicyDocument| {
        let sensor = document.families["gateway"].clone();
        document.families.insert(name("sensor"), sensor);
    };
    let mut document = policy();
    two(&mut document);
    let of_sensor = || {
        let mut change = family_change(&document);
        change.family = name("sensor");
        let called = name("sensor.zoe");
        change.people = [(called.clone(), newcomer("gateway.zoe").1)].into();
        let quorum = |text: &str| quorum(&text.replace("zoe", called.as_str()));
        change.managers = quorum("group managers 2 bob carol zoe\nquorum managers");
        for channel in ["stable", "urgent"] {
            change.channels.get_mut(channel).unwrap().approvals =
                Some(quorum("group release 2 bob carol zoe\nquorum release"));
        }
        change
    };
    let mut play = Play::new(History::of(two));
    (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
    play.submit("ci");
    play.approve("alice");
    play.history.change(&of_sensor(), &MANAGERS);
    play.approve("bob");
    play.finish();
    let view = play.history.view().unwrap();
    assert_eq!(view.changes_of(&name("sensor")).len(), 1, "{:?}", view.passed_over());
    assert_eq!(play.wrong(), [""; 0]);
}

#[test]
fn inv3_whoever_the_family_brought_in_and_asked_does_not_approve() {
    let mut change = family_change(&policy());
    change.requesters = names("ci gateway.zoe");
    let mut history = History::new();
    history.change(&change, &MANAGERS);
    let asked = |approvers: &[&str]| {
        let mut play = Play::new(history.clone());
        play.request.requester = name("gateway.zoe");
        play.submit("gateway.zoe");
        approvers.iter().for_each(|who| drop(play.approve(who)));
        play.finish();
        play.wrong()
    };
    assert_eq!(asked(&["bob", "carol"]), [""; 0]);
    assert_eq!(asked(&["bob", "gateway.zoe"]), ["release_quorum_missing"]);
    // Nor does whoever triggered the build: the family's people have accounts, too.
    let triggered = |approvers: &[&str]| {
        let mut play = Play::of(history.clone(), &corim(&golden("gateway"), 1), "gateway.zoe");
        play.submit("ci");
        approvers.iter().for_each(|who| drop(play.approve(who)));
        play.finish();
        play.wrong()
    };
    assert_eq!(triggered(&["bob", "carol"]), [""; 0]);
    assert_eq!(triggered(&["bob", "gateway.zoe"]), ["release_quorum_missing"]);
    // Somebody else's request is not theirs because they are brought in.
    let mut before = Play::new(History::new());
    before.request.requester = name("gateway.zoe");
    before.submit("gateway.zoe");
    ["bob", "carol"].iter().for_each(|who| drop(before.approve(who)));
    before.finish();
    assert_eq!(before.wrong(), ["release_not_requester", "statement_key_mismatch"]);
}

#[test]
fn inv12_reviews_are_of_people_whom_the_family_has_then() {
    let open = |document: &mut PolicyDocument| {
        document.families.get_mut("gateway").unwrap().managers.as_mut().unwrap().fixed.clear();
    };
    let mut document = policy();
    open(&mut document);
    let mut change = family_change(&document);
    let review = quorum("group review 1 dave gateway.zoe\nquorum review");
    change.channels.get_mut("urgent").unwrap().review = Some(review);
    let reviewed = |by: &str, is_changed_first: bool| {
        let mut history = History::of(open);
        let written = |history: &mut History| drop(history.change(&change, &MANAGERS));
        if is_changed_first {
            written(&mut history);
        }
        let mut play = Play::new(history).emergency();
        (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
        play.submit("ci");
        play.approve("bob");
        play.approve("carol");
        play.finish();
        if !is_changed_first {
            written(&mut play.history);
        }
        play.review(by);
        play.weighed().unwrap().standing()
    };
    assert_eq!(reviewed("gateway.zoe", true), Standing::Full);
    assert!(
        matches!(reviewed("gateway.zoe", false), Standing::Provisional { .. }),
        "asked for under the others"
    );
    assert_eq!(reviewed("dave", false), Standing::Full);
}

fn drop<T>(_: T) {}

#[test]
fn a57_a_change_is_no_approval() {
    // Its managers' words are for who approves, and not for what.
    let history = changed();
    let statements: Vec<Vec<u8>> =
        MANAGERS.iter().map(|who| bytes(&managing(who, &family_change(&policy())))).collect();
    let mut play = Play::new(history);
    play.submit("ci");
    play.bundle.approvals = statements.into_iter().map(Blob).collect();
    play.finish();
    assert_eq!(play.wrong(), ["release_quorum_missing"]);
}
