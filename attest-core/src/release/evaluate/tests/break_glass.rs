use super::*;
use crate::release::object::Object as _;

#[test]
fn inv11_an_emergency_lapses_by_itself() {
    let mut play = Play::new(History::new()).emergency();
    play.all();
    let deadline = at(NOW + 2 + 2 * DAY);
    let release = play.weighed().unwrap();
    assert_eq!(
        (release.tier(), release.standing()),
        (Tier::Emergency, Standing::Provisional { until: deadline })
    );
    assert!(play.weighed_at(deadline.unix()).is_ok());
    assert_eq!(play.weighed_at(deadline.unix() + 1).unwrap_err(), [Failure::Lapsed { deadline }]);
    play.is_confirmed = false;
    assert_eq!(play.weighed().unwrap_err(), [Failure::ClockUnconfirmed]);
    play.review("dave");
    let release = play.weighed_at(deadline.unix() + 1).unwrap();
    assert_eq!(release.standing(), Standing::Full, "somebody looked, and then no clock matters");
}

#[test]
fn a72_a_clock_that_was_set_back_does_not_undo_a_lapse() {
    let mut play = Play::new(History::new()).emergency();
    play.all();
    play.history.clock += 2 * DAY;
    play.history.write(Event::Attempted { request: id("something else") });
    assert_eq!(play.wrong_at(NOW), ["release_lapsed"], "the witnesses know what time it is");
}

#[test]
fn inv11_asking_again_gives_no_more_time() {
    let mut play = Play::new(History::new()).emergency();
    play.history.write(Event::Submitted { submission: id("somebody's"), request: play.id() });
    play.history.clock += DAY;
    play.all();
    let Standing::Provisional { until } = play.weighed().unwrap().standing() else { panic!() };
    assert_eq!(until, at(NOW + 2 + 2 * DAY));
}

/// The log's keeper writes the leaf: it names the submission, and another request.
#[test]
fn inv11_a_submission_that_is_logged_for_another_request() {
    for is_told_later in [false, true] {
        let mut play = Play::new(History::new()).emergency();
        play.bundle.request = Blob(bytes(&play.request));
        let submission = play.submission("ci");
        play.bundle.submission = Blob(bytes(&submission));
        play.history.keep(&play.request);
        let submission = play.history.keep(&submission);
        play.history.write(Event::Submitted { submission, request: id("another") });
        play.approve("alice");
        play.approve("bob");
        assert!(play.quorate().unwrap_err().contains(&Failure::NotLogged { mark: Mark::Submitted }));
        if is_told_later {
            play.history.write(Event::Submitted { submission, request: play.id() });
        }
        play.finish();
        let wrong = play.weighed().unwrap_err();
        assert!(wrong.contains(&Failure::NotLogged { mark: Mark::Submitted }), "{wrong:?}");
    }
}

#[test]
fn inv12_reviews_that_do_not_count() {
    let reviewed = |change: &dyn Fn(&mut Play)| {
        let mut play = Play::new(History::new()).emergency();
        play.all();
        change(&mut play);
        play.weighed().unwrap().standing() == Standing::Full
    };
    assert!(reviewed(&|play| {
        play.review("dave");
    }));
    assert!(
        !reviewed(&|play| {
            play.review("erin");
        }),
        "erin triggered the build"
    );
    assert!(
        !reviewed(&|play| {
            play.review("bob");
        }),
        "bob approved, and is no reviewer"
    );
    assert!(
        !reviewed(&|play| {
            play.review("dave");
            play.history.leaves.pop();
        }),
        "not in the log"
    );
    assert!(
        !reviewed(&|play| {
            play.review("dave");
            let mut review: ReviewStatement = object::read(&play.reviews[0], &Limits::DEFAULT).unwrap();
            review.finding = words("Something else");
            play.reviews = vec![bytes(&review)];
            let review = play.history.keep(&review);
            play.history.write(Event::Reviewed { review, request: play.id() });
        }),
        "other words than were signed"
    );
    assert!(
        !reviewed(&|play| {
            let mut other = play.clone();
            other.request.reason = words("Another one");
            other.review("dave");
            play.reviews = other.reviews;
            play.history = other.history;
        }),
        "of another request"
    );
    let mut late = Play::new(History::new()).emergency();
    late.all();
    late.history.clock += 2 * DAY;
    late.review("dave");
    assert_eq!(late.wrong(), ["release_lapsed"], "too late");
    let mut early = Play::new(History::new()).emergency();
    early.submit("ci");
    early.review("dave");
    early.approve("alice");
    early.approve("bob");
    early.finish();
    assert_ne!(early.weighed().unwrap().standing(), Standing::Full, "before there was anything to look at");
}

#[test]
fn inv12_an_approver_does_not_review() {
    let policy = |policy: &mut PolicyDocument| {
        let family = policy.families.get_mut("gateway").unwrap();
        let review = family.channels.get_mut("urgent").unwrap().review.as_mut().unwrap();
        review.quorum = quorum("group review 1 bob dave\nquorum review");
    };
    let mut play = Play::new(History::of(policy)).emergency();
    (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
    play.all();
    play.review("bob");
    assert_ne!(play.weighed().unwrap().standing(), Standing::Full);
    play.review("dave");
    assert_eq!(play.weighed().unwrap().standing(), Standing::Full);
}

#[test]
fn inv11_reviews_without_end_take_nobodys_place() {
    let mut play = Play::new(History::new()).emergency();
    play.all();
    play.review("dave");
    // The log's keeper writes down what dave never said, and what he says too late.
    let many = |play: &mut Play, by: &str| {
        for number in 0..300 {
            let mut review = ReviewStatement {
                format: ReviewStatement::FORMAT.to_owned(),
                authority: play.request.authority,
                request: play.id(),
                finding: words(&format!("number {number} of {by}")),
                by: name("dave"),
                signature: String::new(),
            };
            let text = Text::review(&review, play.described()).unwrap();
            review.signature = armored::<ReviewStatement>(&signer(by), &text);
            play.reviews.push(bytes(&review));
            let review = play.history.keep(&review);
            play.history.write(Event::Reviewed { review, request: play.id() });
        }
    };
    many(&mut play, "bob");
    play.history.clock += 3 * DAY;
    many(&mut play, "dave");
    play.reviews.reverse();
    assert_eq!(play.weighed().unwrap().standing(), Standing::Full);
}

/// A policy whose emergencies are reviewed by these people, so many of them.
fn reviewed_by(before: Option<&PolicyDocument>, least: u64, people: &str) -> PolicyDocument {
    let mut document = policy();
    if let Some(before) = before {
        (document.version, document.previous) = (before.version + 1, Some(id_of(before)));
    }
    let urgent = document.families.get_mut("gateway").unwrap().channels.get_mut("urgent").unwrap();
    let text = format!("group review {least} {people}\nquorum review");
    urgent.review.as_mut().unwrap().quorum = quorum(&text);
    document
}

/// An emergency that is out, under a policy by which these people review.
fn out_under(document: &PolicyDocument) -> Play {
    let own = document.clone();
    let mut play = Play::new(History::of(|policy| *policy = own)).emergency();
    (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
    play.all();
    play
}

fn is_confirmed(play: &Play) -> bool {
    play.weighed().unwrap().standing() == Standing::Full
}

#[test]
fn inv8_a_reviewer_who_was_taken_out_confirms_nothing_more() {
    let before = reviewed_by(None, 1, "carol dave");
    let after = reviewed_by(Some(&before), 1, "carol erin");
    let out = out_under(&before);
    // What he said before he was taken out stays.
    let mut play = out.clone();
    play.review("dave");
    play.history.succeed(&after, &["alice", "bob"]);
    assert_eq!(play.history.view().unwrap().policy().unwrap().document().version, 2);
    assert!(is_confirmed(&play));
    // He is still a person of the policy, with a key that counts; and the other one reviews as before.
    let mut play = out.clone();
    play.history.succeed(&after, &["alice", "bob"]);
    play.review("dave");
    assert!(!is_confirmed(&play), "taken out, and looks afterwards");
    play.review("carol");
    assert!(is_confirmed(&play));
    // Who came in his stead was not named when it was asked for.
    let before = reviewed_by(None, 1, "dave erin");
    let mut play = out_under(&before);
    play.history.succeed(&reviewed_by(Some(&before), 1, "carol erin"), &["alice", "bob"]);
    play.review("dave");
    play.review("carol");
    assert!(!is_confirmed(&play), "nobody is left who may, and it lapses");
    let deadline = at(NOW + 2 + 2 * DAY);
    assert_eq!(play.weighed_at(deadline.unix() + 1).unwrap_err(), [Failure::Lapsed { deadline }]);
}

#[test]
fn inv11_two_are_asked_for_by_the_time_that_one_has_looked() {
    // Then one and now two; then two and now one: fewer do not make up for what was asked for before.
    for (then, now) in [(1, 2), (2, 1)] {
        let before = reviewed_by(None, then, "carol dave");
        let after = reviewed_by(Some(&before), now, "carol dave");
        let mut play = out_under(&before);
        play.history.succeed(&after, &["alice", "bob"]);
        play.review("dave");
        assert!(!is_confirmed(&play), "one of two");
        play.review("carol");
        assert!(is_confirmed(&play));
    }
}

#[test]
fn inv8_one_of_two_who_was_taken_out_between_them() {
    let before = reviewed_by(None, 2, "carol dave");
    let after = reviewed_by(Some(&before), 1, "carol erin");
    let confirmed = |first: &str, is_after: bool| {
        let mut play = out_under(&before);
        if is_after {
            play.history.succeed(&after, &["alice", "bob"]);
        }
        play.review(first);
        if !is_after {
            play.history.succeed(&after, &["alice", "bob"]);
        }
        play.review("carol");
        is_confirmed(&play)
    };
    assert!(confirmed("dave", false), "he said it while he was one");
    assert!(!confirmed("dave", true), "he was none any more");
}

/// The policy after this one, in which these people have the keys of these seeds.
fn with_keys(before: &PolicyDocument, keys: &[(&str, &[u8])]) -> PolicyDocument {
    let mut document = before.clone();
    (document.version, document.previous) = (before.version + 1, Some(id_of(before)));
    for (who, seeds) in keys {
        let keys = seeds.iter().map(|seed| key_of(key(*seed).public().to_line())).collect();
        document.identities.get_mut(*who).unwrap().keys = keys;
    }
    document
}

fn key(seed: u8) -> crate::testing::ssh::Signer {
    crate::testing::ssh::Signer::ed25519(seed, None)
}

/// The seeds of alice, dave, erin and the program.
const ALICE: u8 = 1;
const DAVE: u8 = 4;
const ERIN: u8 = 5;
const CI: u8 = 6;

#[test]
fn inv12_whoever_took_part_does_not_review_by_another_name() {
    let before = reviewed_by(None, 1, "carol dave");
    let reviewed = |keys: &[(&str, &[u8])], seed: u8| {
        let mut play = out_under(&before);
        let after = with_keys(&before, keys);
        play.history.succeed(&after, &["bob", "carol"]);
        assert_eq!(play.history.view().unwrap().policy().unwrap().id(), id_of(&after));
        play.review_with("dave", &key(seed));
        let (is_confirmed, deadline) = (is_confirmed(&play), NOW + 2 + 2 * DAY);
        assert_eq!(play.wrong_at(deadline + 1).is_empty(), is_confirmed);
        is_confirmed
    };
    assert!(reviewed(&[("dave", &[50])], 50), "a new key of his own");
    assert!(reviewed(&[("dave", &[50, DAVE])], DAVE));
    // Who approved, who asked, and who triggered the build.
    for (who, seed) in [("alice", ALICE), ("ci", CI), ("erin", ERIN)] {
        assert!(!reviewed(&[(who, &[51]), ("dave", &[seed])], seed), "{who}");
        assert!(!reviewed(&[(who, &[51]), ("dave", &[DAVE, seed])], DAVE), "{who}, with another key");
    }
    // A key that nobody used yet is its holder's as well.
    let with_two = with_keys(&before, &[("alice", &[ALICE, 52])]);
    let mut play = out_under(&before);
    play.history.succeed(&with_two, &["bob", "carol"]);
    play.history.succeed(&with_keys(&with_two, &[("alice", &[ALICE]), ("dave", &[52])]), &["bob", "carol"]);
    play.review_with("dave", &key(52));
    assert!(!is_confirmed(&play));
    play.review("carol");
    assert!(is_confirmed(&play), "somebody else looked");
}

#[test]
fn inv12_one_person_by_two_names_is_no_two_reviewers() {
    let before = reviewed_by(None, 2, "carol dave");
    let after = with_keys(&before, &[("dave", &[50]), ("carol", &[DAVE])]);
    let reviewed = |last: &PolicyDocument, seed: u8| {
        let mut play = out_under(&before);
        play.review("dave");
        play.history.succeed(last, &["alice", "bob"]);
        play.review_with("carol", &key(seed));
        is_confirmed(&play)
    };
    assert!(!reviewed(&after, DAVE), "the same key");
    assert!(
        !reviewed(&with_keys(&before, &[("dave", &[50]), ("carol", &[DAVE, 51])]), 51),
        "the same holder"
    );
    assert!(reviewed(&with_keys(&before, &[("carol", &[51])]), 51), "two people");
}
