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
