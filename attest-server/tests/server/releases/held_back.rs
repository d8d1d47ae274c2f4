//! A log that is set back, held back, forked, withheld or written with an old time.

use super::*;

#[tokio::test]
async fn a67b_a_log_that_was_set_back_is_refused_and_said() {
    let mut id = None;
    let mut fleet = Fleet::new(|organisation| {
        id = Some(organisation.release(&golden(true), "stable"));
        organisation.revoke("dave", id.unwrap());
    })
    .await;
    let leaves = fleet.organisation.leaves();
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    assert!(fleet.is_healthy().await);
    // All of it but the revocation, witnessed as well, and later.
    fleet.organisation.publish_first(usize::try_from(leaves).unwrap() - 1, now() + 5);
    fleet.until("an alert", async |fleet| !fleet.is_healthy().await).await;
    assert_eq!(fleet.state().await.leaves, leaves, "what was known stays in force");
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    // After a restart nothing is known but how far it was seen.
    let mut fleet = fleet.restart().await;
    let refused = fleet.clients.attest(&fleet.device, &fleet.tpm).await;
    assert_eq!(refusal(refused), (Code::Unavailable, "releases_unavailable".to_owned()));
    // The log as it was, with an older word of its witnesses.
    fleet.organisation.publish_first(usize::try_from(leaves).unwrap(), now() - 1_000);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(fleet.state().await.leaves, 0);
    fleet.organisation.publish();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
    fleet.until("no alert", async |fleet| fleet.is_healthy().await).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
}

#[tokio::test]
async fn a67b_a_log_that_is_held_back_is_said() {
    let early = std::cell::RefCell::new(None);
    let two_days_ago = |_: &mut Config| {
        let organisation: &Option<Organisation> = &early.borrow();
        organisation.as_ref().unwrap().publish_first(1, now() - 2 * 86_400);
    };
    let fleet = Fleet::with(3 * 86_400, |own| *early.borrow_mut() = Some(own.clone()), two_days_ago).await;
    assert_eq!(fleet.state().await.leaves, 1, "it is followed");
    assert!(!fleet.is_healthy().await);
    fleet.organisation.publish();
    fleet.until("no alert", async |fleet| fleet.is_healthy().await).await;
}

#[tokio::test]
async fn a67b_a_leaf_with_an_old_time_is_refused_and_said() {
    let mut fleet = Fleet::with(3_600, |_| {}, |_| {}).await;
    let leaves = fleet.organisation.leaves();
    assert!(fleet.is_healthy().await);
    // Witnesses saw the log just now, and whoever keeps it writes as if it were an hour ago.
    fleet.organisation.note(b"an old key's word");
    fleet.organisation.publish();
    fleet.until("an alert", async |fleet| !fleet.is_healthy().await).await;
    assert_eq!(fleet.state().await.leaves, leaves, "what was known stays in force");
}

#[tokio::test]
async fn a68_two_witnessed_histories_refuse_both_for_good() {
    let mut fleet = Fleet::new(|organisation| {
        organisation.release(&golden(true), "stable");
    })
    .await;
    let mut other = fleet.organisation.clone();
    fleet.organisation.note(b"one history");
    fleet.organisation.publish();
    let leaves = fleet.organisation.leaves();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    other.note(b"another one");
    other.note(b"which is longer");
    other.publish();
    fleet.until("the fork is seen", async |fleet| fleet.state().await.forked).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_log_forked"]);
    fleet.until("an alert", async |fleet| !fleet.is_healthy().await).await;
    // Neither the first history nor a restart makes it good again.
    fleet.organisation.publish();
    let mut fleet = fleet.restart().await;
    assert!(fleet.state().await.forked);
    assert_eq!(refusing(&fleet.verdict().await), ["release_log_forked"]);
}

#[tokio::test]
async fn a68_keys_that_were_retired_prove_no_other_history() {
    let mut before = None;
    let mut fleet = Fleet::new(|organisation| {
        organisation.release(&golden(true), "stable");
        before = Some(organisation.clone());
        organisation.change_keys();
    })
    .await;
    let mut others = [before.clone().unwrap(), before.unwrap()];
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    // Whoever stole the log's key and those of its witnesses, after they were changed: a longer history, and one of leaves that are known.
    let [longer, other] = &mut others;
    (0..5_u8).for_each(|nth| longer.note(&[nth]));
    other.change_last(b"another");
    for other in &others {
        other.publish();
        fleet.until("an alert", async |fleet| !fleet.is_healthy().await).await;
        assert!(!fleet.state().await.forked);
        assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming, "what was known stays in force");
        fleet = fleet.restart().await;
        let refused = fleet.clients.attest(&fleet.device, &fleet.tpm).await;
        assert_eq!(refusal(refused), (Code::Unavailable, "releases_unavailable".to_owned()));
        fleet.organisation.publish();
        fleet.until("no alert", async |fleet| fleet.is_healthy().await).await;
        assert!(!fleet.state().await.forked);
        assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    }
    // Those whom the policy asks now prove it.
    let mut other = fleet.organisation.clone();
    fleet.organisation.note(b"one history");
    fleet.organisation.publish();
    let leaves = fleet.organisation.leaves();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
    other.note(b"another one");
    other.publish();
    fleet.until("the fork is seen", async |fleet| fleet.state().await.forked).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_log_forked"]);
}

#[tokio::test]
async fn a67b_an_object_that_is_not_answered_for_keeps_nobody_from_the_leaves() {
    let bundle = ObjectId::of(b"a bundle that nobody has");
    let mut fleet = Fleet::new(|organisation| {
        organisation.release(&golden(true), "stable");
        organisation.write_down(Event::Published { request: ObjectId::of(b"a request"), bundle });
    })
    .await;
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    // It was not there, and now nobody knows: the folder fails there.
    std::fs::create_dir(fleet.organisation.object(bundle)).unwrap();
    fleet.until("an alert", async |fleet| !fleet.is_healthy().await).await;
    fleet.organisation.suspend("dave", "alice");
    fleet.organisation.publish();
    let leaves = fleet.organisation.leaves();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
    fleet.until("it is weighed", async |fleet| fleet.state().await.releases[FAMILY] == 0).await;
    assert_ne!(fleet.verdict().await.status(), v1::Status::Affirming);
}
