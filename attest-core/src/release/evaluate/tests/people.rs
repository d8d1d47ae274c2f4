use super::*;

#[test]
fn a65_who_asks_must_be_one_who_may() {
    let mut play = Play::new(History::new());
    play.request.requester = name("dave");
    play.submit("dave");
    play.approve("alice");
    play.approve("bob");
    play.finish();
    assert_eq!(play.weighed().unwrap_err(), [Failure::NotRequester { by: name("dave") }]);
    let mut play = Play::new(History::new());
    play.submit("alice");
    play.approve("alice");
    play.approve("bob");
    play.finish();
    assert_eq!(play.wrong(), ["release_submission_mismatch"], "the request says that ci asks");
}

#[test]
fn a65_a_request_that_its_requester_did_not_sign() {
    let mut play = Play::new(History::new());
    play.bundle.request = Blob(bytes(&play.request));
    let mut submission = play.submission("alice");
    submission.by = name("ci");
    play.bundle.submission = Blob(bytes(&submission));
    let kept = play.history.keep(&submission);
    play.history.write(Event::Submitted { submission: kept, request: play.id() });
    play.approve("alice");
    play.approve("bob");
    play.finish();
    assert_eq!(play.wrong(), ["statement_key_mismatch"]);
    let mut play = Play::new(History::new());
    let mut other = play.submission("ci");
    play.all();
    other.request = id("other");
    play.bundle.submission = Blob(bytes(&other));
    assert!(play.wrong().contains(&"release_submission_mismatch"));
}

#[test]
fn inv8_a_requester_whose_key_was_lost() {
    let mut play = Play::whole(History::new());
    let spki_sha256 = ObjectId::of(&signer("ci").public().canonical().spki_der());
    let revokes = Revoked::Key { spki_sha256, from_index: 0, until: at(NOW + DAY) };
    play.history.revoke(&revocation("dave", revokes));
    assert_eq!(play.wrong(), ["statement_key_suspended"]);
}

#[test]
fn inv3_who_asked_or_built_does_not_approve() {
    let mut play = Play::new(History::new());
    play.request.requester = name("alice");
    play.submit("alice");
    play.approve("alice");
    play.approve("bob");
    play.finish();
    let [Failure::QuorumMissing { got: 1, refused }] = &play.weighed().unwrap_err()[..] else { panic!() };
    assert_eq!(refused[0].1.code(), "approval_took_part");
    let told = |refused: &[_]| Failure::QuorumMissing { got: 1, refused: refused.to_vec() }.to_string();
    assert_eq!(told(&[]), "1 approval(s) count, which is no quorum");
    let because = "the first because `alice` asked for it, or triggered the build";
    assert_eq!(told(refused), format!("{}; 1 do not count, {because}", told(&[])));
    let corim = corim(&golden("gateway"), 1);
    let mut play = Play::of(History::new(), &corim, "bob");
    play.all();
    assert_eq!(play.wrong(), ["release_quorum_missing"], "bob triggered the build");
}

#[test]
fn inv4_approvals_before_the_request_or_after_the_attempt_undo_nothing() {
    let mut play = Play::new(History::new());
    let early = approval("alice", &[&play.request]);
    play.hand_in(&early);
    play.submit("ci");
    play.approve("bob");
    play.finish();
    assert_eq!(play.wrong(), ["release_quorum_missing"], "alice approved what nobody had asked for");
    let mut late = Play::new(History::new());
    late.submit("ci");
    late.approve("alice");
    late.attempt();
    late.approve("bob");
    late.sign();
    late.publish();
    let [Failure::QuorumMissing { got: 1, refused }] = &late.weighed().unwrap_err()[..] else { panic!() };
    assert_eq!(refused[0].1.code(), "approval_out_of_order");
    let mut more = Play::new(History::new());
    more.hand_in(&Approval { recomputed: false, ..approval("alice", &[&more.request]) });
    more.all();
    more.approve("carol");
    more.history.keep(&more.bundle);
    let published = more.wrong();
    assert_eq!(published, ["release_bundle_not_published"], "the quorum stands");
}

#[test]
fn a67_a_quorum_of_another_channel() {
    let wrong = under(|policy| {
        let family = policy.families.get_mut("gateway").unwrap();
        let stable = family.channels.get_mut("stable").unwrap();
        stable.approvals = Some(quorum("group release 2 dave erin carol\nquorum release"));
    });
    assert_eq!(wrong, ["release_quorum_missing"]);
}

#[test]
fn a70_a_build_that_nobody_vouches_for() {
    let mut play = Play::new(History::new());
    play.bundle.provenance.clear();
    play.all();
    let wrong = play.wrong();
    assert!(wrong.contains(&"provenance_envelope_missing"), "{wrong:?}");
    assert!(wrong.contains(&"provenance_builders_missing"), "{wrong:?}");
}

#[test]
fn inv8_a_key_that_a_root_quorum_says_was_lost() {
    let mut play = Play::whole(History::new());
    let lost = |from: u64| {
        let bob = ObjectId::of(&signer("bob").public().canonical().spki_der());
        PolicyDocument { compromised: [(bob, from)].into(), ..second_policy() }
    };
    let mut later = play.clone();
    later.history.succeed(&lost(4), &["alice", "carol"]);
    assert!(later.wrong().is_empty(), "bob approved at 3");
    play.history.succeed(&lost(3), &["alice", "carol"]);
    assert_eq!(play.wrong(), ["release_quorum_missing"]);
    let third = PolicyDocument {
        version: 3,
        previous: Some(id_of(&lost(3))),
        compromised: Default::default(),
        ..policy()
    };
    play.history.succeed(&third, &["alice", "carol"]);
    assert_eq!(play.history.view().unwrap().policy().unwrap().document().version, 3);
    assert_eq!(play.wrong(), ["release_quorum_missing"], "no later policy takes that back");
    later.history.succeed(
        &PolicyDocument { version: 3, previous: Some(id_of(&lost(4))), ..lost(3) },
        &["alice", "carol"],
    );
    assert_eq!(later.wrong(), ["release_quorum_missing"], "but one may learn that it was lost before");
}

#[test]
fn inv8_a_build_by_a_builder_whose_key_is_lost() {
    let key = ObjectId::of(&spki(20));
    let suspend = |history: &mut History, from_index: u64| {
        let until = at(history.clock + DAY);
        history.revoke(&revocation("dave", Revoked::Key { spki_sha256: key, from_index, until }));
    };
    let mut play = Play::whole(History::new());
    suspend(&mut play.history, 2);
    assert!(play.weighed().is_ok(), "the request stands before");
    let mut play = Play::whole(History::new());
    suspend(&mut play.history, 0);
    assert_eq!(play.wrong()[0], "provenance_not_signed");
    assert!(play.wrong().contains(&"release_builder_suspended"), "{:?}", play.wrong());
    let until = play.history.clock + DAY;
    assert!(play.weighed_at(until).is_ok(), "nobody said more for as long");
    let mut play = Play::whole(History::new());
    let mut second = second_policy();
    second.compromised.insert(key, 0);
    play.history.succeed(&second, &["alice", "bob"]);
    assert_eq!(play.wrong()[0], "provenance_not_signed", "for good");
}
