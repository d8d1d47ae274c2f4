//! A challenge is one challenge: across a killed server, between two clients, for one device, for one key.

use std::time::Duration;

use attest_proto::v1::Status;
use attest_tests::{Member, Site, names};
use tpm_sim::boot::debian::Parts;
use tpm_sim::client::{Error, Judgement};

fn status(judgement: &Judgement) -> Status {
    judgement.verdict.status()
}

fn reason(result: Result<Judgement, Error>) -> String {
    match result {
        Err(Error::Refused { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_challenge_survives_a_killed_server() {
    let site = Site::new();
    let member = Member::new(&site);
    let server = site.serve();
    let client = server.connect().await;
    let id = member.enrol(&client).await;
    let challenge = client.challenge(&id, &member.subject_key).await.unwrap();
    server.kill();

    let server = site.serve();
    let client = server.connect().await;
    let judgement = client.verify(&challenge.id, member.answer(&challenge)).await.unwrap();
    assert_eq!(status(&judgement), Status::Affirming, "{:?}", judgement.verdict);
    assert!(judgement.verdict.development);
    assert!(!judgement.ear_jwt.is_empty() && !judgement.ear_cwt.is_empty());
}

#[tokio::test]
async fn a12_spent_stays_spent_after_a_killed_server() {
    let site = Site::new();
    let member = Member::new(&site);
    let server = site.serve();
    let client = server.connect().await;
    let id = member.enrol(&client).await;
    let challenge = client.challenge(&id, &member.subject_key).await.unwrap();
    let evidence = member.answer(&challenge);
    assert_eq!(status(&client.verify(&challenge.id, evidence.clone()).await.unwrap()), Status::Affirming);
    assert_eq!(reason(client.verify(&challenge.id, evidence.clone()).await), "challenge_spent");
    server.kill();

    let server = site.serve();
    let client = server.connect().await;
    assert_eq!(reason(client.verify(&challenge.id, evidence.clone()).await), "challenge_spent");
    // The same evidence for another challenge: another nonce.
    let other = client.challenge(&id, &member.subject_key).await.unwrap();
    let judgement = client.verify(&other.id, evidence).await.unwrap();
    assert_eq!(status(&judgement), Status::Contraindicated);
    assert!(
        names(&judgement.verdict, "evidence_not_authentic") || names(&judgement.verdict, "nonce_mismatch")
    );
}

/// SIGKILL at many moments of a verification. Whatever was answered before counts: a verdict is given at most once. `ATTEST_KILLS` says how
/// often.
#[tokio::test]
async fn a12_a_server_killed_while_it_verifies_never_judges_twice() {
    let site = Site::new();
    let member = Member::new(&site);
    let mut server = site.serve();
    let id = member.enrol(&server.connect().await).await;
    let kills = std::env::var("ATTEST_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let (mut answered, mut spent) = (0, 0);
    for round in 0..kills {
        let client = server.connect().await;
        let challenge = client.challenge(&id, &member.subject_key).await.unwrap();
        let evidence = member.answer(&challenge);
        let first = {
            let verification = client.verify(&challenge.id, evidence.clone());
            let kill = async {
                tokio::time::sleep(Duration::from_micros(2_137 * round % 25_000)).await;
                server.kill();
            };
            let (first, ()) = tokio::join!(verification, kill);
            first
        };
        server = site.serve();
        let second = server.connect().await.verify(&challenge.id, evidence).await;
        match (first, second) {
            (Ok(first), second) => {
                answered += 1;
                assert_eq!(status(&first), Status::Affirming);
                assert_eq!(reason(second), "challenge_spent");
            }
            // Killed after it was spent and before the answer: the device asks anew.
            (Err(_), Err(Error::Refused { reason, .. })) => {
                spent += 1;
                assert_eq!(reason, "challenge_spent");
            }
            (Err(_), second) => assert_eq!(status(&second.unwrap()), Status::Affirming),
        }
    }
    eprintln!("of {kills} kills: {answered} after the answer, {spent} between spending and answer");
}

#[tokio::test]
async fn two_clients_race_and_exactly_one_wins() {
    let site = Site::new();
    let member = Member::new(&site);
    let server = site.serve();
    let (left, right) = (server.connect().await, server.connect().await);
    let id = member.enrol(&left).await;
    for round in 0..10 {
        let challenge = left.challenge(&id, &member.subject_key).await.unwrap();
        let evidence = member.answer(&challenge);
        let results = tokio::join!(
            left.verify(&challenge.id, evidence.clone()),
            right.verify(&challenge.id, evidence.clone()),
            left.verify(&challenge.id, evidence.clone()),
            right.verify(&challenge.id, evidence),
        );
        let results = [results.0, results.1, results.2, results.3];
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "round {round}");
        for judgement in won {
            assert_eq!(status(&judgement.unwrap()), Status::Affirming);
        }
        for refused in lost {
            assert_eq!(reason(refused), "challenge_spent");
        }
    }
}

#[tokio::test]
async fn a28_a_challenge_is_for_one_device_and_one_subject_key() {
    let site = Site::new();
    let (one, two) = (Member::new(&site), Member::new(&site));
    let server = site.serve();
    let client = server.connect().await;
    let (first, second) = (one.enrol(&client).await, two.enrol(&client).await);

    // Device two answers device one's challenge, in both ways that there are.
    let challenge = client.challenge(&first, &one.subject_key).await.unwrap();
    let judgement = client.verify(&challenge.id, two.answer(&challenge)).await.unwrap();
    assert_eq!(status(&judgement), Status::Contraindicated);
    let theirs = client.challenge(&second, &two.subject_key).await.unwrap();
    let ours = client.challenge(&first, &one.subject_key).await.unwrap();
    let judgement = client.verify(&ours.id, two.answer(&theirs)).await.unwrap();
    assert_eq!(status(&judgement), Status::Contraindicated);

    // Two keys, two nonces: a quote for the one is worth nothing for the other.
    let relayed = client.challenge(&first, &two.subject_key).await.unwrap();
    let ours = client.challenge(&first, &one.subject_key).await.unwrap();
    assert_ne!(relayed.nonce, ours.nonce);
    let judgement = client.verify(&relayed.id, one.answer(&ours)).await.unwrap();
    assert_eq!(status(&judgement), Status::Contraindicated);
}

#[tokio::test]
async fn a16_a_tpm_that_went_back_in_time_is_seen() {
    let site = Site::new();
    let maker = site.maker();
    let server = site.serve();
    let client = server.connect().await;
    let mut member = Member::with(&maker, maker.tpm("old").unwrap());
    let id = member.enrol(&client).await;
    for _ in 0..3 {
        member.boot(&Parts::new());
    }
    assert_eq!(status(&member.attest(&client, &id).await), Status::Affirming);

    // The same TPM as it left the factory: the same keys, older counters.
    let mut before = Member::with(&maker, maker.tpm("old").unwrap());
    before.subject_key.clone_from(&member.subject_key);
    assert_eq!(before.enrol(&client).await, id);
    let judgement = before.attest(&client, &id).await;
    assert!(names(&judgement.verdict, "reset_count_went_back"), "{:?}", judgement.verdict.reasons);
    assert_ne!(status(&judgement), Status::Affirming);
}

#[tokio::test]
async fn a18_a_reboot_is_named_and_is_no_tampering() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let mut member = Member::new(&site);
    let id = member.enrol(&client).await;
    assert!(!names(&member.attest(&client, &id).await.verdict, "rebooted"));
    let challenge = client.challenge(&id, &member.subject_key).await.unwrap();
    member.boot(&Parts::new());
    let judgement = client.verify(&challenge.id, member.answer(&challenge)).await.unwrap();
    assert_eq!(status(&judgement), Status::Affirming, "{:?}", judgement.verdict.reasons);
    assert!(names(&judgement.verdict, "rebooted"));
}

#[tokio::test]
async fn a51_evidence_that_is_too_large_is_refused_and_the_server_lives() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let member = Member::new(&site);
    let id = member.enrol(&client).await;
    let challenge = client.challenge(&id, &member.subject_key).await.unwrap();
    let mut evidence = member.answer(&challenge);
    evidence.ima_list = Some(vec![0; 40 << 20]);
    client.verify(&challenge.id, evidence).await.unwrap_err();
    assert_eq!(status(&member.attest(&server.connect().await, &id).await), Status::Affirming);
}
