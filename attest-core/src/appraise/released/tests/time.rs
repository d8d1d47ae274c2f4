//! What counts for a time: emergencies, views, measurements and overlays.

use super::*;

#[test]
fn inv11_an_emergency_lapses_by_the_clock_alone() {
    let mut history = History::new();
    release(&mut history, &own(), urgent);
    let deadline = NOW + 2 + 2 * DAY;
    let verdict = Asked::of(&history).at(deadline - 1).verdict();
    assert_eq!(found(&verdict), ["emergency_release_unreviewed", "release_view_stale"]);
    let verdict = Asked::of(&history).verdict();
    assert_eq!((verdict.status, found(&verdict)), (Status::Affirming, vec!["emergency_release_unreviewed"]));
    assert_eq!(verdict.valid_until, Some(at(deadline)), "the verdict lapses with it");
    let verdict = Asked::of(&history).at(deadline + 1).verdict();
    assert_eq!(verdict.status, Status::Contraindicated);
    assert_eq!(found(&verdict)[0], "release_lapsed");
    // The witnesses' time counts where a clock was set back.
    let mut later = history.clone();
    later.clock = deadline + 1;
    let mut asked = Asked::of(&history).at(NOW);
    asked.view = later.view().unwrap();
    assert_eq!(found(&asked.verdict())[0], "release_lapsed");
}

#[test]
fn an_emergency_waits_until_somebody_knows_what_time_it_is() {
    let mut history = History::new();
    release(&mut history, &own(), urgent);
    let mut asked = Asked::of(&history);
    asked.now.is_confirmed = false;
    let verdict = asked.verdict();
    assert_eq!(
        (verdict.status, found(&verdict)),
        (Status::Contraindicated, vec!["release_clock_unconfirmed"])
    );
}

#[test]
fn an_emergency_that_was_looked_at_counts_like_any_other() {
    let mut play = Play::of(History::new(), &corim(&own(), 1), "erin").emergency();
    play.all();
    play.review("dave");
    let verdict = Asked::of(&play.history).verdict();
    assert_eq!((verdict.status, found(&verdict)), (Status::Affirming, vec![]));
    assert_eq!(verdict.golden.tier.as_deref(), Some("emergency"));
}

#[test]
fn a_view_that_grows_old_lowers_and_then_refuses() {
    let mut history = History::new();
    release(&mut history, &own(), |_| {});
    let (weighed, seen) = (|| Asked::of(&history), history.clock);
    let judged = |clock| {
        let verdict = weighed().at(clock).verdict();
        (verdict.status, found(&verdict))
    };
    let stale = vec!["release_view_stale"];
    assert_eq!(judged(seen + DAY), (Status::Affirming, vec![]));
    assert_eq!(judged(seen + DAY + 1), (Status::Warning, stale.clone()));
    assert_eq!(judged(seen + 7 * DAY), (Status::Warning, stale.clone()));
    assert_eq!(judged(seen + 7 * DAY + 1), (Status::Contraindicated, stale));
}

#[test]
fn measurements_have_a_time_of_their_own() {
    let until = at(NOW + DAY);
    let validity = Some(Validity { not_before: None, not_after: until });
    let corim = profile::write(&own(), &profile::Edition { tag_version: 1, validity }).unwrap();
    let mut play = Play::of(History::new(), &corim, "erin");
    play.all();
    let verdict = Asked::of(&play.history).verdict();
    assert_eq!((verdict.status, verdict.valid_until), (Status::Affirming, Some(until)));
    let verdict = Asked::of(&play.history).at(until.unix() + 1).verdict();
    assert_eq!(verdict.status, Status::Contraindicated);
    assert_eq!(found(&verdict)[0], "corim_expired");
}

#[test]
fn a_verdict_ends_with_the_overlay_that_it_stands_on() {
    let mut history = History::new();
    release(&mut history, &own(), |_| {});
    let asked = Asked::of(&history);
    let context = Context { family: "gateway".into(), ..Context::default() };
    let until = |days: u64| {
        let ends = at(history.clock + days * DAY);
        let own = move |known: &ReferenceSet| Ok(Some(known.clone().until(ends)));
        let judged = Policy::default().appraise_released(&evidence(), &[], &asked.releases(), &own, &context);
        judged.valid_until
    };
    assert_eq!(until(1), Some(at(history.clock + DAY)));
    assert_eq!(until(30), Some(at(history.clock + 7 * DAY)), "the view's hard age");
}
