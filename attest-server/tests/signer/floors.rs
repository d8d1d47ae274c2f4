//! The signer comes to the floor that verifiers come to: a succession resets it, and nothing else does.

use std::time::Duration;

use attest_core::release::policy::PolicyDocument;
use attest_core::release::request::Request;
use attest_server::signing::Report;

use crate::bounded::of;
use crate::organisation::{bytes, id_of, succession};
use crate::stage::*;

/// Turns until nothing is on its way to a signature.
async fn turned(signer: &mut Runs) -> Vec<Report> {
    loop {
        let reports = signer.turn();
        if !reports.iter().any(|report| matches!(report, Report::Attempted { .. })) {
            return reports;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The next policy is followed, with this floor and step of the family.
async fn succeed(stage: &Stage, before: &PolicyDocument, floor: u64, step: u64) -> PolicyDocument {
    let (version, previous) = (before.version + 1, Some(id_of(before)));
    let mut next = PolicyDocument { version, previous, ..before.clone() };
    for family in next.families.values_mut() {
        (family.version_floor, family.version_step) = (floor, step);
    }
    let words = ["alice", "bob"].iter().map(|who| bytes(&succession(who, &next))).collect();
    let index = stage.client("alice").await.succeed(bytes(&next), words).await.unwrap().index;
    stage.published(index).await;
    next
}

/// A request for less than the family has reached, under this policy.
async fn low(stage: &Stage, tag: &str, policy: &PolicyDocument) -> Request {
    let (mut low, objects) = stage.request(tag, &release_key(&spki()));
    (low.security_version, low.policy) = (3, id_of(policy));
    stage.ask(&low, objects, &["bob", "carol"]).await;
    low
}

#[tokio::test(flavor = "multi_thread")]
async fn inv9_a_succession_resets_the_floor_at_the_signer_and_nothing_else_does() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let token = Token::new(&[]);
    let first: PolicyDocument = serde_json::from_value(stage.site.policy.clone()).unwrap();
    let (one, _) = stage.quorate("one").await;
    let mut signer = stage.runs(&stage.folder(), &token, None);
    assert_eq!(of(&turned(&mut signer).await, &one), "signed");
    stage.publish(&one).await;
    let same = succeed(&stage, &first, 3, 6).await;
    let refused = low(&stage, "refused", &same).await;
    assert_eq!(of(&turned(&mut signer).await, &refused), "release_below_floor");
    assert_eq!(token.calls(), 1);
    let lower = succeed(&stage, &same, 2, 6).await;
    let again = low(&stage, "again", &lower).await;
    assert_eq!(of(&turned(&mut signer).await, &again), "signed");
    // A signer that begins anew says the same.
    stage.publish(&again).await;
    drop(signer);
    let third = low(&stage, "third", &lower).await;
    assert_eq!(of(&stage.turns(&token, None, None).await.unwrap(), &third), "signed");
}
