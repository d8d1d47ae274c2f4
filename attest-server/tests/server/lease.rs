//! A TPM that was reset while its device's last affirming verdict still counts: an honest boot, or registers that were reset without one. The
//! policy says how it is taken.

use std::{fs, time::Duration};

use attest_proto::v1;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::harness::{Clients, FAMILY, Server, answer, enrolled, refusing, sha256};
use crate::soft_tpm::SoftTpm;

/// A server that takes a reset like this, and an enrolled device.
async fn taking(reset: &str, lifetime_seconds: u64) -> (Server, Clients, SoftTpm, String) {
    let server = Server::start_with(|config| {
        let path = config.data_directory.with_file_name("policy.toml");
        let text =
            format!("format = 'attest-policy/1'\nmust_judge = [0, 4, 7]\nreset_within_lease = '{reset}'\n");
        fs::write(&path, text).unwrap();
        config.families.get_mut(FAMILY).unwrap().policy = Some(path);
        config.token.lifetime_seconds = lifetime_seconds;
    })
    .await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    (server, clients, tpm, device_id)
}

async fn judged(clients: &mut Clients, device_id: &str, tpm: &SoftTpm) -> v1::Verdict {
    clients.attest(device_id, tpm).await.unwrap().verdict.unwrap()
}

fn boot(tpm: &mut SoftTpm) {
    (tpm.reset_count, tpm.clock) = (tpm.reset_count + 1, 10);
}

fn has(verdict: &v1::Verdict, code: &str) -> bool {
    verdict.reasons.iter().any(|reason| reason.code == code)
}

#[tokio::test]
async fn a18_an_honest_boot_affirms_unless_the_policy_says_otherwise() {
    let (_server, mut clients, mut tpm, id) = enrolled().await;
    assert_eq!(judged(&mut clients, &id, &tpm).await.status(), v1::Status::Affirming);
    boot(&mut tpm);
    let verdict = judged(&mut clients, &id, &tpm).await;
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:#?}", verdict.reasons);
    assert!(has(&verdict, "rebooted") && !has(&verdict, "reset_within_lease"));
    // Between challenge and quote.
    let challenge = clients.challenge(&id).await.unwrap();
    boot(&mut tpm);
    let verdict = clients.verify(&challenge.challenge_id, answer(&challenge, &tpm)).await.unwrap();
    let verdict = verdict.verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Affirming);
    assert!(has(&verdict, "rebooted") && !has(&verdict, "reset_within_lease"));
}

#[tokio::test]
async fn a40_a_reset_within_a_lease_is_refused_every_time_it_is_tried() {
    let (server, mut clients, mut tpm, id) = taking("refuse", 300).await;
    for _ in 0..2 {
        tpm.clock += 1;
        assert_eq!(judged(&mut clients, &id, &tpm).await.status(), v1::Status::Affirming, "the same boot");
    }
    boot(&mut tpm);
    for _ in 0..2 {
        let verdict = judged(&mut clients, &id, &tpm).await;
        assert_eq!(refusing(&verdict), ["reset_within_lease"]);
        assert_eq!(verdict.status(), v1::Status::Contraindicated);
    }
    let server = server.restart().await;
    let mut clients = server.clients().await;
    let verdict = judged(&mut clients, &id, &tpm).await;
    assert_eq!(refusing(&verdict), ["reset_within_lease"], "after a restart of the server");
    // Another device's lease is its own.
    let mut other = SoftTpm::new(&server.maker);
    other.reset_count = 9;
    let other_id = clients.enroll(&mut other).await.unwrap();
    assert_eq!(judged(&mut clients, &other_id, &other).await.status(), v1::Status::Affirming);
}

#[tokio::test]
async fn a40_a_reset_within_a_lease_warns_every_time_it_is_tried() {
    let (_server, mut clients, mut tpm, id) = taking("warn", 300).await;
    assert_eq!(judged(&mut clients, &id, &tpm).await.status(), v1::Status::Affirming);
    boot(&mut tpm);
    for _ in 0..2 {
        let verdict = judged(&mut clients, &id, &tpm).await;
        assert_eq!(verdict.status(), v1::Status::Warning);
        assert!(has(&verdict, "reset_within_lease"));
    }
}

#[tokio::test]
async fn a40_a_boot_after_the_lease_affirms() {
    let (_server, mut clients, mut tpm, id) = taking("refuse", 1).await;
    assert_eq!(judged(&mut clients, &id, &tpm).await.status(), v1::Status::Affirming);
    boot(&mut tpm);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let verdict = judged(&mut clients, &id, &tpm).await;
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:#?}", verdict.reasons);
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_is_no_default_policy() {
    let (folder, maker) = (tempfile::tempdir().unwrap(), crate::soft_tpm::Maker::new());
    let mut config = crate::harness::config_in(folder.path(), &maker);
    let path = folder.path().join("policy.toml");
    config.families.get_mut(FAMILY).unwrap().policy = Some(path.clone());
    for text in [None, Some("reset_within_lease = 'refuse'")] {
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let Err(error) = attest_server::server::start(config.clone()).await else { panic!("it starts") };
        assert!(error.to_string().contains("policy.toml"), "{error}");
    }
}

/// An access system can tell by which policy a result came to be.
#[tokio::test]
async fn a_result_names_the_policy_where_it_is_not_the_default_one() {
    let ids = async |(_server, mut clients, tpm, id): (Server, Clients, SoftTpm, String)| {
        let jwt = clients.attest(&id, &tpm).await.unwrap().ear_jwt;
        let claims = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        claims["submods"]["boot"]["ear_appraisal_policy_ids"][0].as_str().unwrap().to_owned()
    };
    let (default, accept) = (ids(enrolled().await).await, ids(taking("accept", 300).await).await);
    let refuse = ids(taking("refuse", 300).await).await;
    assert!(!default.contains("/policy/"), "{default}");
    let text = "format = 'attest-policy/1'\nmust_judge = [0, 4, 7]\nreset_within_lease = 'refuse'\n";
    let sha256 = hex::encode(sha256(&[text.as_bytes()]));
    assert!(refuse.ends_with(&format!("/policy/{sha256}")), "{refuse}");
    assert_ne!(accept.rsplit('/').next(), refuse.rsplit('/').next());
}

/// What one device's policy asks for that its golden values do not judge.
#[tokio::test]
async fn a_familys_policy_judges() {
    let server = Server::start_with(|config| {
        let path = config.data_directory.with_file_name("policy.toml");
        fs::write(&path, "format = 'attest-policy/1'\nmust_judge = [0, 4, 7, 12]\n").unwrap();
        config.families.get_mut(FAMILY).unwrap().policy = Some(path);
    })
    .await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let id = clients.enroll(&mut tpm).await.unwrap();
    assert_eq!(refusing(&judged(&mut clients, &id, &tpm).await), ["policy_not_covered"]);
}
