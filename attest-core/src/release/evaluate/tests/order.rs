use super::*;

#[test]
fn a_grant_is_used_in_its_time() {
    let mut play = Play::new(History::new());
    (play.request.not_before, play.request.not_after) = (at(NOW + 100), at(NOW + 200));
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    let codes = |clock| {
        let failures = play.quorate_at(clock).err().unwrap_or_default();
        failures.iter().map(Failure::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(NOW + 99), ["release_window"]);
    assert!(codes(NOW + 100).is_empty() && codes(NOW + 200).is_empty());
    assert_eq!(codes(NOW + 201), ["release_window"]);
    let expired = History::of(|policy| policy.expires = at(NOW + 150));
    let mut play = Play { history: expired.clone(), ..play };
    (play.request.authority, play.request.policy) = (expired.authority, expired.authority);
    play.bundle.approvals.clear();
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    assert!(play.quorate_at(NOW + 150).is_ok());
    assert_eq!(play.quorate_at(NOW + 151).unwrap_err()[0].code(), "release_policy_expired");
}

#[test]
fn a_policy_that_another_took_the_place_of() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    let index = play.history.succeed(&second_policy(), &["alice", "bob"]);
    // Whatever was written down since: what decided is named, not the log's end.
    play.history.object(&objection("bob", &second_policy()));
    let signer = play.quorate().unwrap_err();
    assert_eq!(signer, [Failure::PolicyNotFollowed { index }], "before the attempt");
    play.attempt();
    play.sign();
    play.publish();
    assert_eq!(play.weighed().unwrap_err(), [Failure::PolicyNotFollowed { index }]);
    let mut play = Play::new(History::new());
    let index = play.history.succeed(&second_policy(), &["alice", "bob"]);
    play.all();
    let wrong = play.weighed().unwrap_err();
    assert_eq!(wrong[0], Failure::PolicyNotFollowed { index }, "asked for too late: {wrong:?}");
    assert!(!wrong[1..].contains(&wrong[0]), "once: {wrong:?}");
    let mut play = Play::whole(History::new());
    play.history.succeed(&second_policy(), &["alice", "bob"]);
    assert!(play.weighed().is_ok(), "what was published stays");
}

#[test]
fn a_policy_that_is_over_releases_nothing_new() {
    let wrong = under(|policy| policy.expires = at(NOW + 4));
    assert_eq!(wrong, ["release_policy_expired"]);
    assert!(under(|policy| policy.expires = at(NOW + 5)).is_empty());
}

#[test]
fn kinds_of_requests_come_their_own_way() {
    let kind = |kind, channel: &str| {
        asked(|play| {
            (play.request.kind, play.request.channel) = (kind, name(channel));
            if kind == RequestKind::Rollback {
                play.request.replaces = Some(id("before"));
                play.floors.release(id("before"), &name("gateway"), 0);
            }
        })
    };
    assert_eq!(kind(RequestKind::Emergency, "stable"), ["release_kind_unfit"]);
    assert_eq!(kind(RequestKind::Normal, "urgent"), ["release_kind_unfit"]);
    assert_eq!(kind(RequestKind::Rollback, "nightly"), ["release_kind_unfit"]);
    assert_eq!(kind(RequestKind::Rollback, "urgent"), ["release_kind_unfit"]);
    assert!(
        kind(RequestKind::Normal, "nightly").is_empty() && kind(RequestKind::Rollback, "stable").is_empty()
    );
}

#[test]
fn a_request_waits_no_longer_than_its_channel_lets_it() {
    let for_seconds = |seconds| asked(|play| play.request.not_after = at(NOW + seconds));
    assert_eq!(for_seconds(7 * DAY + 1), ["release_window_too_long"]);
    assert!(for_seconds(7 * DAY).is_empty());
}

#[test]
fn a68_steps_that_are_not_in_the_log() {
    let without = |left_out: &str| {
        let mut play = Play::new(History::new());
        play.bundle.request = Blob(bytes(&play.request));
        play.bundle.submission = Blob(bytes(&play.submission("ci")));
        if left_out != "submit" {
            play.submit("ci");
        }
        play.approve("alice");
        play.approve("bob");
        if left_out != "attempt" {
            play.attempt();
        }
        play.made();
        if left_out != "sign" {
            play.sign();
        }
        if left_out != "publish" {
            play.publish();
        }
        play.weighed().unwrap_err()
    };
    let submitted = without("submit");
    assert!(submitted.contains(&Failure::NotLogged { mark: Mark::Submitted }), "{submitted:?}");
    assert_eq!(without("attempt"), [Failure::NotLogged { mark: Mark::Attempted }]);
    assert_eq!(without("sign"), [Failure::NotLogged { mark: Mark::Signed }]);
    assert_eq!(without("publish"), [Failure::NotLogged { mark: Mark::Published }]);
}

#[test]
fn a69_steps_in_another_order() {
    let (submitted, attempted) = (Mark::Submitted, Mark::Attempted);
    let mut play = Play::new(History::new());
    play.attempt();
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.sign();
    play.publish();
    let wrong = play.weighed().unwrap_err();
    assert!(wrong.contains(&Failure::OutOfOrder { earlier: submitted, later: attempted }), "{wrong:?}");
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.sign();
    play.attempt();
    play.publish();
    assert_eq!(
        play.weighed().unwrap_err(),
        [Failure::OutOfOrder { earlier: attempted, later: Mark::Signed }]
    );
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.attempt();
    play.made();
    play.publish();
    play.sign();
    let later = Mark::Published;
    assert_eq!(play.weighed().unwrap_err(), [Failure::OutOfOrder { earlier: Mark::Signed, later }]);
}

#[test]
fn a67_a_grant_that_is_used_before_or_after_its_time() {
    let window = |from, until| {
        let mut play = Play::new(History::new());
        (play.request.not_before, play.request.not_after) = (at(NOW + from), at(NOW + until));
        play.all();
        play.wrong()
    };
    // Asked at 2, approved at 3 and 4, attempted at 5, signed at 6, published at 7.
    assert!(window(5, 6).is_empty());
    assert_eq!(window(6, 100), ["release_window"], "attempted before");
    assert_eq!(window(0, 5), ["release_window"], "signed after");
    assert_eq!(window(0, 4), ["release_window", "release_window"], "attempted and signed after");
}

#[test]
fn inv2_one_request_has_one_result() {
    let mut play = Play::whole(History::new());
    let once = play.bundle.clone();
    play.bundle.approvals.reverse();
    assert_eq!(play.wrong(), ["release_bundle_not_published"]);
    play.publish();
    assert_eq!(play.wrong(), ["release_bundle_not_published"], "the first one counts");
    play.bundle = once;
    assert!(play.wrong().is_empty());
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.attempt();
    play.history.write(Event::Signed { request: play.id(), signatures: id("another") });
    play.made();
    play.publish();
    assert_eq!(play.wrong(), ["release_signatures_not_logged"]);
}

#[test]
fn a57_a_request_does_not_outlive_its_policy_by_recovery() {
    let mut play = Play::new(History::new());
    let next =
        PolicyDocument { root: quorum("group root 2 carol dave erin\nquorum root"), ..second_policy() };
    play.history.recover(&next, &["dave", "erin"]);
    let seen = play.history.seen();
    play.history.clock += 7 * DAY;
    (play.request.not_before, play.request.not_after) =
        (at(play.history.clock), at(play.history.clock + DAY));
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    let mut before = play.clone();
    before.finish();
    before.history.recovered(&next, seen);
    assert_eq!(before.wrong(), [""; 0], "what was published stays");
    play.history.recovered(&next, seen);
    assert_eq!(
        play.quorate().unwrap_err().iter().map(Failure::code).collect::<Vec<_>>(),
        ["release_policy_not_followed"]
    );
    play.finish();
    assert_eq!(play.wrong(), ["release_policy_not_followed"]);
}
