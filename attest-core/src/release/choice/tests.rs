use super::*;
use crate::reference::corim::{Validity, profile};
use crate::release::testing::history::*;
use crate::release::testing::play::*;
use crate::release::testing::*;

/// Whose time is over after a last second, and what is said then.
fn lapsing() -> [(Play, Timestamp, &'static str); 2] {
    let mut urgent = Play::new(History::new()).emergency();
    urgent.all();
    let deadline = at(NOW + 2 + 2 * DAY);

    let until = at(NOW + DAY);
    let validity = Some(Validity { not_before: None, not_after: until });
    let corim = profile::write(&golden("gateway"), &profile::Edition { tag_version: 9, validity }).unwrap();
    let mut measured = Play::of(History::new(), &corim, "erin");
    measured.all();
    [(urgent, deadline, "release_lapsed"), (measured, until, "corim_expired")]
}

#[test]
fn inv11_an_offer_counts_up_to_the_last_second_of_its_time() {
    for (play, until, code) in lapsing() {
        let catalogue = catalogue(&play.history, play.history.clock);
        let choice = Choice::new(&name("gateway"), &catalogue, &AcceptedTiers::default());
        let [offer] = choice.offers() else { panic!("{choice:?}") };
        assert_eq!(offer.lapses(), Some(until));
        let view = play.history.view().unwrap();
        let at = |clock| Now { clock, is_confirmed: true };
        assert_eq!(offer.not_now(&view, at(until)), None, "{code}");
        let late = offer.not_now(&view, at(until.plus(1))).unwrap();
        assert_eq!(late.code, code);
    }
}
