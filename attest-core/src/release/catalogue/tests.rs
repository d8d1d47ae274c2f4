use super::*;
use crate::reference::corim::{NotAuthentic, Validity, profile};
use crate::release::delivery::Delivery;
use crate::release::leaf::Event;
use crate::release::request::Kind as RequestKind;
use crate::release::statement::{Revocation, Revoked};
use crate::release::testing::history::*;
use crate::release::testing::play::*;
use crate::release::testing::*;
use crate::release::view::Mark;

mod histories;
mod measure;
mod replaces;
mod resets;
mod taken_back;

/// One more release of this security version, and its request's id.
fn release(history: &mut History, version: u64, change: impl FnOnce(&mut Play)) -> ObjectId {
    let edition = u64::try_from(history.leaves.len()).unwrap();
    let mut play = Play::of(history.clone(), &corim(&golden("gateway"), edition), "erin");
    play.request.security_version = version;
    (play.request.authority, play.request.policy) = (history.authority, history.authority);
    change(&mut play);
    play.all();
    *history = play.history.clone();
    play.id()
}

/// Back from this release.
fn rollback(from: ObjectId) -> impl FnOnce(&mut Play) {
    move |play| (play.request.kind, play.request.replaces) = (RequestKind::Rollback, Some(from))
}

fn urgent(play: &mut Play) {
    *play = play.clone().emergency();
}

fn counts(catalogue: &Catalogue) -> Vec<ObjectId> {
    catalogue.family(&name("gateway")).iter().map(Release::id).collect()
}

fn refused(catalogue: &Catalogue) -> Vec<(ObjectId, Vec<&'static str>)> {
    let codes = |one: &Refused| (one.request, one.failures.iter().map(Failure::code).collect());
    catalogue.refused().iter().map(codes).collect()
}

#[test]
fn releases_in_the_order_of_the_log() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let second = release(&mut history, 4, |_| {});
    let catalogue = catalogue(&history, history.clock);
    assert_eq!((counts(&catalogue), refused(&catalogue)), (vec![first, second], vec![]));
    assert_eq!((catalogue.floor(&name("gateway")), catalogue.releases().count()), (4, 2));
    assert!(catalogue.family(&name("sensor")).is_empty() && catalogue.missing().is_empty());
}

#[test]
fn inv9_a_floor_rises_with_production_alone() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let nightly = release(&mut history, 9, |play| play.request.channel = name("nightly"));
    let before = catalogue(&history, history.clock);
    assert_eq!((counts(&before), before.floor(&name("gateway"))), (vec![first, nightly], 4));
    let third = release(&mut history, 8, |_| {});
    let below = "release_below_floor";
    let after = catalogue(&history, history.clock);
    assert_eq!((counts(&after), refused(&after)), (vec![nightly, third], vec![(first, vec![below])]));
    let back = release(&mut history, 4, rollback(third));
    let rolled = catalogue(&history, history.clock);
    assert_eq!((counts(&rolled), rolled.floor(&name("gateway"))), (vec![nightly, third, back], 8));
}

#[test]
fn inv9_taking_a_release_back_lowers_nothing() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let second = release(&mut history, 6, |_| {});
    history.revoke(&revocation("dave", Revoked::Request(second)));
    let catalogue = catalogue(&history, history.clock);
    assert!(counts(&catalogue).is_empty());
    let revoked = (second, vec!["release_revoked"]);
    assert_eq!(refused(&catalogue), [(first, vec!["release_below_floor"]), revoked]);
}

#[test]
fn inv9_measurements_whose_time_is_over_lower_nothing() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let until = at(NOW + DAY);
    let validity = Some(Validity { not_before: None, not_after: until });
    let corim = profile::write(&golden("gateway"), &profile::Edition { tag_version: 9, validity }).unwrap();
    let mut play = Play::of(history, &corim, "erin");
    play.request.security_version = 6;
    play.all();
    let (second, history) = (play.id(), play.history);
    let before = catalogue(&history, until.unix());
    assert_eq!((counts(&before), before.floor(&name("gateway"))), (vec![second], 6));
    let after = catalogue(&history, until.unix() + 1);
    assert!(counts(&after).is_empty());
    let over = (second, vec!["corim_expired"]);
    assert_eq!(refused(&after), [(first, vec!["release_below_floor"]), over], "a verifier that is new");
    let [_, (once, failures)] = after.withdrawn(&name("gateway")) else { panic!("{after:?}") };
    assert!(once.reference().is_some(), "a device that runs it hears why not");
    assert_eq!(failures[..], [Failure::Corim(NotAuthentic::Expired { until })]);
    assert_eq!(failures[0].gate(), Gate::Freshness);
}

#[test]
fn inv9_what_was_never_a_release_raises_nothing() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let stolen = release(&mut history, 8, |play| play.seed = 32);
    let catalogue = catalogue(&history, history.clock);
    assert_eq!(counts(&catalogue), [first]);
    assert_eq!(refused(&catalogue), [(stolen, vec!["corim_signature_invalid"])]);
}

#[test]
fn inv9_what_was_reached_stays_reached() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let second = release(&mut history, 7, |_| {});
    let now = Now { clock: at(history.clock), is_confirmed: true };
    let view = history.view().unwrap();
    let load = |objects: &BTreeMap<ObjectId, Vec<u8>>, reached: &Floors| {
        Catalogue::load(&view, objects, reached, now, &Limits::DEFAULT)
    };
    let honest = load(&history.objects, &Floors::new());
    assert_eq!(counts(&honest), [second]);
    let bundle = view.published().find(|(request, ..)| *request == second).unwrap().2;
    let mut withheld = history.objects.clone();
    withheld.remove(&bundle);
    let lied_to = load(&withheld, honest.floors());
    assert_eq!((counts(&lied_to), lied_to.missing()), (vec![], &[second][..]), "{first}");
    withheld.insert(bundle, b"other bytes".to_vec());
    assert_eq!(load(&withheld, honest.floors()).missing(), [second], "not the bundle that was published");
}

#[test]
fn inv11_one_emergency_at_a_time() {
    let mut history = History::new();
    let first = release(&mut history, 4, urgent);
    let second = release(&mut history, 4, urgent);
    let both = catalogue(&history, history.clock);
    assert_eq!(
        (counts(&both), refused(&both)),
        (vec![first], vec![(second, vec!["release_emergency_pending"])])
    );
    assert_eq!(both.refused()[0].failures, [Failure::EmergencyPending { other: first }]);
    // The same is known before the other one is published.
    let view = history.view().unwrap();
    let holds_up = |id: &ObjectId, family: &str| {
        let submitted = view.place(Mark::Submitted, id).unwrap();
        both.holds_up(&family.try_into().unwrap(), submitted, &view)
    };
    assert_eq!(holds_up(&second, "gateway"), Some(first));
    assert_eq!(holds_up(&first, "gateway"), None, "it was asked for first");
    assert_eq!(holds_up(&second, "another"), None);
}

#[test]
fn inv11_an_emergency_after_the_other_is_over() {
    let after = |between: &dyn Fn(&mut Play)| {
        let mut play = Play::new(History::new()).emergency();
        play.all();
        between(&mut play);
        let mut history = play.history.clone();
        let second = release(&mut history, 4, |play| {
            urgent(play);
            play.request.not_after = at(NOW + 7 * DAY);
        });
        let catalogue = catalogue(&history, history.clock);
        let view = history.view().unwrap();
        let submitted = view.place(Mark::Submitted, &second).unwrap();
        let told = catalogue.holds_up(&"gateway".try_into().unwrap(), submitted, &view);
        assert_eq!(told.is_none(), counts(&catalogue).contains(&second));
        (counts(&catalogue).contains(&second), counts(&catalogue).len())
    };
    assert_eq!(after(&|_| {}), (false, 1));
    assert_eq!(
        after(&|play| {
            play.review("dave");
        }),
        (true, 2),
        "somebody looked"
    );
    assert_eq!(after(&|play| play.history.clock += 2 * DAY), (true, 1), "it lapsed");
    let revoke = |play: &mut Play| {
        play.history.revoke(&revocation("dave", Revoked::Request(play.id())));
    };
    assert_eq!(after(&revoke), (true, 1), "it was taken back");
}

#[test]
fn inv11_an_emergency_that_never_was_one_holds_up_none() {
    let mut history = History::new();
    let fake = release(&mut history, 4, |play| {
        urgent(play);
        play.seed = 32;
    });
    let second = release(&mut history, 4, urgent);
    let catalogue = catalogue(&history, history.clock);
    assert_eq!(counts(&catalogue), [second]);
    assert_eq!(refused(&catalogue), [(fake, vec!["corim_signature_invalid"])]);

    let mut history = History::new();
    let far = release(&mut history, 9, urgent);
    let second = release(&mut history, 4, urgent);
    let catalogue = self::catalogue(&history, history.clock);
    assert_eq!(counts(&catalogue), [second]);
    assert_eq!(refused(&catalogue), [(far, vec!["release_version_step"])]);
}

#[test]
fn garbage_that_somebody_published() {
    let mut history = History::new();
    let bundle = ObjectId::of(b"garbage");
    history.objects.insert(bundle, b"garbage".to_vec());
    history.write(Event::Published { request: id("request"), bundle });
    let catalogue = catalogue(&history, history.clock);
    assert_eq!(catalogue.refused().len(), 1);
    assert_eq!((catalogue.refused()[0].request, catalogue.refused()[0].bundle), (id("request"), bundle));
}

#[test]
fn a_bundle_published_for_another_request() {
    let mut play = Play::whole(History::new());
    let bundle = play.history.keep(&play.bundle);
    let other = id("other request");
    play.history.write(Event::Published { request: other, bundle });
    let catalogue = catalogue(&play.history, play.history.clock);
    assert_eq!(counts(&catalogue), [play.id()], "and it counts once");
    assert_eq!(refused(&catalogue), [(other, vec!["release_other_request"])]);
}

/// What stands in a catalogue, as far as anyone can tell.
fn told(catalogue: &Catalogue) -> String {
    let releases: Vec<_> =
        catalogue.releases().map(|one| (one.id(), one.standing(), one.approvers())).collect();
    format!("{releases:?} {:?} {:?} {:?}", catalogue.refused(), catalogue.floors(), catalogue.missing())
}

/// A catalogue, then a change of the history and of the time, and what the catalogue says then, asked again and asked for the first time.
fn again(history: &mut History, before: u64, change: impl FnOnce(&mut History) -> u64) -> [Vec<ObjectId>; 2] {
    let old = catalogue(history, before);
    let now = Now { clock: at(change(history)), is_confirmed: true };
    let view = history.view().unwrap();
    let fresh = Catalogue::load(&view, &history.objects, old.floors(), now, &Limits::DEFAULT);
    let again = old.again(&view, &history.objects, old.floors(), now, &Limits::DEFAULT);
    assert_eq!(told(&again), told(&fresh));
    [counts(&old), counts(&again)]
}

#[test]
fn inv14_asked_again_it_says_the_same() {
    let mut whole = History::new();
    let first = release(&mut whole, 4, |_| {});
    let case = |change: &dyn Fn(&mut History) -> u64| again(&mut whole.clone(), whole.clock, change);
    let nothing = case(&|history| history.clock + DAY);
    assert_eq!(nothing, [[first], [first]]);
    let revoked = case(&|history| {
        history.revoke(&revocation("dave", Revoked::Request(first)));
        history.clock
    });
    assert_eq!(revoked, [vec![first], vec![]]);
    let key = |who: &str| ObjectId::of(&signer(who).public().canonical().spki_der());
    let suspended = case(&|history| {
        let until = at(history.clock + DAY);
        let revokes = Revoked::Key { spki_sha256: key("bob"), from_index: 0, until };
        history.revoke(&revocation("dave", revokes));
        history.clock
    });
    assert_eq!(suspended, [vec![first], vec![]]);
    let succeeded = case(&|history| {
        let mut second = second_policy();
        second.compromised.insert(key("bob"), 0);
        history.succeed(&second, &["alice", "carol"]);
        history.clock
    });
    assert_eq!(succeeded, [vec![first], vec![]]);
    assert_eq!(case(&|history| history.clock + 7 * DAY + 1), [vec![first], vec![]], "too old a view");
    let risen = case(&|history| {
        release(history, 6, |_| {});
        history.clock
    });
    assert_eq!((&risen[0], risen[1].contains(&first)), (&vec![first], false), "the floor rose");
}

#[test]
fn inv14_asked_again_when_time_went_on_or_back() {
    let mut urgently = History::new();
    let emergency = release(&mut urgently, 4, urgent);
    let clock = urgently.clock;
    let lapsed = again(&mut urgently, clock, |history| history.clock + 2 * DAY);
    assert_eq!(lapsed, [vec![emergency], vec![]]);

    let until = at(NOW + DAY);
    let validity = Some(Validity { not_before: None, not_after: until });
    let corim = profile::write(&golden("gateway"), &profile::Edition { tag_version: 9, validity }).unwrap();
    let mut play = Play::of(History::new(), &corim, "erin");
    play.all();
    let (expiring, mut history) = (play.id(), play.history);
    let clock = history.clock;
    assert_eq!(again(&mut history, clock, |_| until.unix()), [[expiring], [expiring]]);
    assert_eq!(again(&mut history, clock, |_| until.unix() + 1), [vec![expiring], vec![]]);

    let mut suspended = History::new();
    let first = release(&mut suspended, 4, |_| {});
    let until = suspended.clock + DAY;
    let spki_sha256 = ObjectId::of(&signer("bob").public().canonical().spki_der());
    suspended.revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until: at(until) }));
    let back = again(&mut suspended, until + 1, |history| history.clock);
    assert_eq!(back, [vec![first], vec![]], "a clock that was set back");
}

#[test]
fn what_nothing_touched_is_not_weighed_again() {
    let mut history = History::new();
    let first = release(&mut history, 4, |_| {});
    let old = catalogue(&history, history.clock);
    let second = release(&mut history, 4, |_| {});
    let bundles: Vec<ObjectId> = old.releases().map(Release::bundle).collect();
    history.objects.retain(|id, _| !bundles.contains(id));
    let now = Now { clock: at(history.clock), is_confirmed: true };
    let view = history.view().unwrap();
    let new = old.again(&view, &history.objects, old.floors(), now, &Limits::DEFAULT);
    assert_eq!((counts(&new), new.missing()), (vec![first, second], &[][..]), "its bundle is not asked for");
}

/// What is brought to a verifier by hand, with nothing else that it knows of the request.
fn brought(history: &History, word: &Revocation, place: Place) -> LogView {
    let Revoked::Request(request) = word.revokes else { panic!() };
    let delivery = Delivery::new(bytes(word), Some(history.objects[&request].clone()));
    let (delivery, _) = Delivery::read(&bytes(&delivery), &Limits::DEFAULT).unwrap();
    let objects = BTreeMap::from([(request, delivery.request.unwrap().0)]);
    history.view().unwrap().holding(&delivery.revocation.0, place, &objects, &Limits::DEFAULT).unwrap()
}

fn weighed(view: &LogView, history: &History) -> Catalogue {
    let now = Now { clock: at(history.clock), is_confirmed: true };
    Catalogue::load(view, &history.objects, &Floors::new(), now, &Limits::DEFAULT)
}

#[test]
fn a67b_what_was_taken_back_before_it_was_read_or_while_it_did_not_count() {
    let mut history = History::new();
    let place = history.view().unwrap().next_place();
    let id = release(&mut history, 4, |_| {});
    let word = revocation("dave", Revoked::Request(id));
    let revoked = vec![(id, vec!["release_revoked"])];
    assert_eq!(counts(&catalogue(&history, history.clock)), [id]);
    // It was not in the log yet when it was taken back.
    assert_eq!(refused(&weighed(&brought(&history, &word, place), &history)), revoked);
    // It is out of force for two days.
    let spki_sha256 = ObjectId::of(&signer("alice").public().canonical().spki_der());
    let until = at(history.clock + 2 * DAY);
    history.revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index: 0, until }));
    let suspended = catalogue(&history, history.clock);
    assert_eq!((counts(&suspended), suspended.withdrawn(&name("gateway")).len()), (vec![], 0));
    let place = history.view().unwrap().next_place();
    let codes = |view: &LogView, history: &History| refused(&weighed(view, history)).remove(0).1;
    assert!(codes(&brought(&history, &word, place), &history).contains(&"release_revoked"));
    // Then it would be in force again, and is not.
    history.clock += 3 * DAY;
    history.write(Event::Attempted { request: ObjectId::of(b"another one") });
    assert_eq!(counts(&catalogue(&history, history.clock)), [id]);
    assert_eq!(refused(&weighed(&brought(&history, &word, place), &history)), revoked);
    // Whoever may not revoke, may not by bringing the request either.
    let word = revocation("bob", Revoked::Request(id));
    let objects = &history.objects;
    let held = history.view().unwrap().holding(&bytes(&word), place, objects, &Limits::DEFAULT);
    assert_eq!(held.unwrap_err().code(), "revocation_does_not_count");
}
