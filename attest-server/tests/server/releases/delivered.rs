//! A revocation that is brought to a verifier by hand, of what does not count there now, or of what the verifier has not read.

use super::*;

/// Follows the log as far as it is published.
async fn followed(fleet: &Fleet) {
    let leaves = fleet.organisation.leaves();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
}

#[tokio::test]
async fn a67b_a_revocation_of_what_the_verifier_has_not_read() {
    let mut fleet = Fleet::new(|_| {}).await;
    // Whoever serves the log withholds that it was published.
    let id = fleet.organisation.release(&golden(true), "stable");
    let before = fleet.organisation.leaves() - 1;
    fleet.organisation.publish_first(usize::try_from(before).unwrap(), now());
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == before).await;
    let request = std::fs::read(fleet.organisation.object(id)).unwrap();
    let statement = fleet.organisation.revocation("dave", id);
    assert_eq!(refusal(fleet.hold(statement.clone()).await).1, "releases_request_unknown");
    // With another request, by somebody who may not, and of what that other one is.
    let other = fleet.organisation.clone().release(&golden(false), "stable");
    let other_request = std::fs::read(fleet.organisation.object(other)).unwrap();
    let refused = fleet.hold_with(statement.clone(), other_request).await;
    assert_eq!(refusal(refused), (Code::InvalidArgument, "delivery_request_mismatch".to_owned()));
    let stranger = fleet.organisation.revocation("alice", id);
    let refused = fleet.hold_with(stranger, request.clone()).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "revocation_does_not_count".to_owned()));
    // With its own it counts, and outlives a restart.
    assert_eq!(fleet.state().await.revocations_left_out, 0);
    fleet.hold_with(statement, request).await.unwrap();
    let mut fleet = fleet.restart().await;
    fleet.organisation.publish();
    followed(&fleet).await;
    fleet.until("it is weighed", async |fleet| fleet.state().await.releases[FAMILY] == 1).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    // Of that the log says nothing, until it does.
    assert_eq!(fleet.state().await.revocations_left_out, 1);
    fleet.organisation.revoke("dave", id);
    fleet.organisation.publish();
    followed(&fleet).await;
    fleet.until("the log has it", async |fleet| fleet.state().await.revocations_left_out == 0).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
}

#[tokio::test]
async fn a67b_a_revocation_of_what_is_out_of_force_for_another_reason() {
    let mut id = None;
    let mut fleet = Fleet::new(|organisation| id = Some(organisation.release(&golden(true), "stable"))).await;
    let id = id.unwrap();
    // A slow machine gets more time.
    let until = now() + 20;
    fleet.organisation.suspend_until("dave", "alice", until);
    fleet.organisation.publish();
    followed(&fleet).await;
    fleet.until("it is weighed", async |fleet| fleet.state().await.releases[FAMILY] == 0).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_missing"], "it is no release for now");
    // As files were written before, without the request.
    assert_eq!(
        refusal(fleet.hold(fleet.organisation.revocation("alice", id)).await).1,
        "revocation_does_not_count"
    );
    fleet.hold(fleet.organisation.revocation("dave", id)).await.unwrap();
    let mut fleet = fleet.restart().await;
    while now() <= until {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Something new in the log: all of it is weighed again, and the suspension is over.
    fleet.organisation.note(b"something new");
    fleet.organisation.publish();
    followed(&fleet).await;
    fleet.until("it is weighed", async |fleet| fleet.state().await.releases[FAMILY] == 1).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
}

#[tokio::test]
async fn a67b_a_revocation_that_cannot_be_weighed_is_not_said_to_be_kept() {
    let mut id = None;
    let fleet = Fleet::new(|organisation| id = Some(organisation.release(&golden(true), "stable"))).await;
    let id = id.unwrap();
    let statement = fleet.organisation.revocation("dave", id);
    let request = std::fs::read(fleet.organisation.object(id)).unwrap();
    // It just started, and the log cannot be had: the pin is a digest, so who may revoke is not known, be it dave or anybody.
    let checkpoint = fleet.log.join("checkpoint");
    let served = std::fs::read(&checkpoint).unwrap();
    std::fs::remove_file(&checkpoint).unwrap();
    let mut fleet = fleet.restart().await;
    let stranger = fleet.organisation.revocation("alice", id);
    for statement in [statement.clone(), stranger] {
        let refused = fleet.hold_with(statement, request.clone()).await.unwrap_err();
        for words in ["who may revoke", "is not kept", "Deliver it again once `attest.releases`"] {
            assert!(refused.message().contains(words), "{words}: {}", refused.message());
        }
        assert_eq!(refusal::<()>(Err(refused)), (Code::Unavailable, "releases_unavailable".to_owned()));
    }
    // Meanwhile no device is judged by what was to be revoked.
    let refused = fleet.clients.attest(&fleet.device, &fleet.tpm).await;
    assert_eq!(refusal(refused), (Code::Unavailable, "releases_unavailable".to_owned()));
    std::fs::write(&checkpoint, served).unwrap();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves > 0).await;
    fleet.hold_with(statement, request).await.unwrap();
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
}
