//! What waited while the log changed.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "the organisation is that of the tests from outside, which use all of it"
)]

#[path = "../../tests/authority/organisation.rs"]
mod organisation;

use attest_core::audit::note::KeyType;
use attest_core::release::policy::PolicyDocument;

use self::organisation::{bytes, encoded, objects, policy, request, submission};
use super::*;
use crate::config::{self, Config};
use crate::log::NoteKey;

#[tokio::test]
async fn a56_who_waits_while_the_policy_changes_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = NoteKey::make(&path("log.key"), "log.example/gateway").unwrap();
    let key = key.verifier(KeyType::Ed25519).unwrap().to_string();
    let witness = crate::witness::Witness::make(&path("w"), "w.example").unwrap().to_string();
    let first = encoded::<PolicyDocument>(policy(&key, &[("w", witness)], 1));
    std::fs::write(path("policy.cbor"), &first).unwrap();
    let pin = attest_core::release::ObjectId::of(&first);
    let settings = config::Authority {
        folder: Some(path("log")),
        log_key: path("log.key"),
        policy_pin: pin.to_string(),
        first_policy: Some(path("policy.cbor")),
        signer_name: None,
        witnesses: std::collections::BTreeMap::new(),
        witness_ca: None,
        message_bytes: 8 << 20,
        denials_per_hour: 60,
        watchers: 4,
        refresh_seconds: 600,
    };
    let config = Config { data_directory: path("data"), ..Config::default() };
    let (_stop, stop) = watch::channel(false);
    let (authority, tasks) = open(&config, &settings, stop).unwrap();
    let asked = request(pin, pin, "a");
    let submission = bytes(&submission("ci", "ci", &asked));
    // Past the door, as what came through it before the policy changed.
    let hand_in = async |who: &str| {
        let ask =
            Ask::Submit { submission: submission.clone(), request: bytes(&asked), objects: objects("a") };
        let weight = Arc::clone(&authority.budget).try_acquire_many_owned(1).unwrap();
        let (reply, answer) = oneshot::channel();
        let who = Who::Named(who.try_into().unwrap());
        authority.jobs.send(Job::Ask { who, ask, reply, _weight: weight }).await.unwrap();
        answer.await.unwrap().map(|recorded| recorded.already).map_err(|denied| denied.code)
    };
    assert_eq!(hand_in("mallory").await, Err("identity_unknown"));
    assert_eq!(hand_in("reader").await, Err("role_missing"));
    assert_eq!(hand_in("ci").await, Ok(false));
    tasks.end().await;
}
