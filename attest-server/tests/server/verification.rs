use std::{collections::HashSet, time::Duration};

use attest_proto::v1;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tonic::Code;

use crate::{
    harness::{Server, answer, check_ear, enrolled, refusal, refusing, sha256, subject_key},
    soft_tpm::SoftTpm,
};

fn is(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

/// The claims of a JWT, unchecked.
fn claims(jwt: &str) -> serde_json::Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_good_device_gets_an_affirming_verdict() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let response = clients.attest(&device_id, &tpm).await.unwrap();
    let verdict = response.verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:#?}", verdict.reasons);
    assert_eq!(verdict.device_id, device_id);
    assert!(verdict.development, "development marks every verdict");
    assert!(verdict.reasons.iter().any(|reason| reason.code == "development_mode"));

    let device = clients.device(&device_id).await.unwrap();
    assert_eq!((device.last_status(), device.stale), (v1::Status::Affirming, false));
    let last = v1::LastVerdictRequest { device_id };
    let last = clients.devices.last_verdict(last).await.unwrap().into_inner();
    assert_eq!(last.verdict.unwrap(), verdict);
    assert_eq!((last.ear_jwt, last.ear_cwt), (response.ear_jwt, response.ear_cwt));
}

#[tokio::test]
async fn a15_the_results_nonce_is_the_one_in_the_evidence_and_binds_the_subject_key() {
    let (server, mut clients, tpm, device_id) = enrolled().await;
    let subject = subject_key();
    let request =
        v1::CreateChallengeRequest { device_id: device_id.clone(), subject_public_key: subject.clone() };
    let challenge = clients.verifier.create_challenge(request).await.unwrap().into_inner();
    assert_eq!(challenge.nonce, sha256(&[&challenge.server_random, device_id.as_bytes(), &subject]));
    let response = clients.verify(&challenge.challenge_id, answer(&challenge, &tpm)).await.unwrap();
    let claims = claims(&response.ear_jwt);
    assert_eq!(claims["iss"], server.running.issuer());
    assert_eq!(claims["sub"], device_id);
    assert_eq!(claims["ear_status"], "affirming");
    assert_eq!(claims["attest_development"], true);
    let x = claims["cnf"]["jwk"]["x"].as_str().unwrap();
    let x = URL_SAFE_NO_PAD.decode(x).unwrap();
    assert_eq!(x, subject[27..59]);

    // Another nonce in the evidence: refused, and the result carries none.
    let challenge = clients.challenge(&device_id).await.unwrap();
    let other = v1::CreateChallengeResponse { nonce: vec![7; 32], ..challenge.clone() };
    let response = clients.verify(&challenge.challenge_id, answer(&other, &tpm)).await.unwrap();
    assert_eq!(refusing(response.verdict.as_ref().unwrap()), ["nonce_mismatch"]);
    let claims = self::claims(&response.ear_jwt);
    assert_eq!(claims["ear_status"], "contraindicated");
    assert!(claims.get("eat_nonce").is_none() && claims.get("cnf").is_none() && claims.get("sub").is_none());
}

#[tokio::test]
async fn the_results_verify_with_the_published_key() {
    let (server, mut clients, tpm, device_id) = enrolled().await;
    let response = clients.attest(&device_id, &tpm).await.unwrap();
    let jwks = crate::limits::http_get(server.running.http(), "/.well-known/jwks.json").await;
    let jwks = jwks.split("\r\n\r\n").nth(1).unwrap().to_owned();
    check_ear(&jwks, &response, server.running.issuer());
}

#[tokio::test]
async fn a12_a_challenge_is_answered_once() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    let evidence = answer(&challenge, &tpm);
    clients.verify(&challenge.challenge_id, evidence.clone()).await.unwrap();
    let again = clients.verify(&challenge.challenge_id, evidence.clone()).await;
    assert_eq!(refusal(again), is(Code::NotFound, "challenge_spent"));
    // The same evidence in another session.
    let other = clients.challenge(&device_id).await.unwrap();
    let response = clients.verify(&other.challenge_id, evidence).await.unwrap();
    assert_eq!(refusing(&response.verdict.unwrap()), ["nonce_mismatch"]);
}

#[tokio::test]
async fn a12_a_challenge_is_spent_by_bad_evidence_too() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    let response = clients.verify(&challenge.challenge_id, v1::Evidence::default()).await.unwrap();
    assert_eq!(response.verdict.unwrap().status(), v1::Status::Contraindicated);
    let again = clients.verify(&challenge.challenge_id, answer(&challenge, &tpm)).await;
    assert_eq!(refusal(again), is(Code::NotFound, "challenge_spent"));
}

#[tokio::test]
async fn a12_of_clients_that_race_with_one_challenge_one_gets_an_answer() {
    let (server, mut clients, tpm, device_id) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    let evidence = answer(&challenge, &tpm);
    let mut racers = Vec::new();
    for _ in 0..8 {
        let mut clients = server.clients().await;
        let (id, evidence) = (challenge.challenge_id.clone(), evidence.clone());
        racers.push(tokio::spawn(async move { clients.verify(&id, evidence).await }));
    }
    let mut answers = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Ok(_) => answers += 1,
            refused => assert_eq!(refusal(refused), is(Code::NotFound, "challenge_spent")),
        }
    }
    assert_eq!(answers, 1);
}

#[tokio::test]
async fn a14_an_expired_challenge_is_refused_for_good() {
    let server = Server::start_with(|config| config.challenge.expires_seconds = 1).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    let challenge = clients.challenge(&device_id).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let evidence = answer(&challenge, &tpm);
    for _ in 0..2 {
        let late = clients.verify(&challenge.challenge_id, evidence.clone()).await;
        assert_eq!(refusal(late), is(Code::FailedPrecondition, "challenge_expired"));
    }
}

#[tokio::test]
async fn an_unknown_challenge_is_refused() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    for id in ["", "chl-", "chl-00000000000000000000000000000000", "x' OR 1=1 --"] {
        let result = clients.verify(id, answer(&challenge, &tpm)).await;
        assert_eq!(refusal(result), is(Code::NotFound, "challenge_unknown"), "{id}");
    }
}

#[tokio::test]
async fn another_device_cannot_answer_a_challenge() {
    let (server, mut clients, _tpm, device_id) = enrolled().await;
    let mut other = SoftTpm::new(&server.maker);
    clients.enroll(&mut other).await.unwrap();
    let challenge = clients.challenge(&device_id).await.unwrap();
    let response = clients.verify(&challenge.challenge_id, answer(&challenge, &other)).await.unwrap();
    let verdict = response.verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Contraindicated);
    assert!(verdict.device_id.is_empty() && verdict.proven.is_none());
    assert_eq!(refusing(&verdict).len(), 1, "{verdict:?}");
    assert_eq!(clients.device(&device_id).await.unwrap().last_status(), v1::Status::Contraindicated);
}

#[tokio::test]
async fn a_challenge_of_another_server_is_unknown_here() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let (_other_server, mut other_clients, _, _) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    let result = other_clients.verify(&challenge.challenge_id, answer(&challenge, &tpm)).await;
    assert_eq!(refusal(result), is(Code::NotFound, "challenge_unknown"));
}

#[tokio::test]
async fn a02_another_selection_than_the_challenges_is_refused() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    let mut fewer = challenge.clone();
    fewer.selection[0].pcrs.retain(|pcr| *pcr != 4);
    let response = clients.verify(&challenge.challenge_id, answer(&fewer, &tpm)).await.unwrap();
    assert_eq!(response.verdict.unwrap().status(), v1::Status::Contraindicated);
}

#[tokio::test]
async fn a16_a_clock_that_goes_back_is_refused_and_stays_refused() {
    let (_server, mut clients, mut tpm, device_id) = enrolled().await;
    tpm.clock = 5_000;
    clients.attest(&device_id, &tpm).await.unwrap();
    tpm.clock = 4_000;
    for _ in 0..2 {
        let verdict = clients.attest(&device_id, &tpm).await.unwrap().verdict.unwrap();
        assert!(refusing(&verdict).contains(&"clock_went_back"), "{:?}", refusing(&verdict));
    }
    (tpm.clock, tpm.reset_count) = (10, 6);
    let verdict = clients.attest(&device_id, &tpm).await.unwrap().verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Affirming, "a reboot");
    tpm.reset_count = 5;
    let verdict = clients.attest(&device_id, &tpm).await.unwrap().verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Contraindicated, "resetCount smaller");
}

/// The older of two answers arrives last.
#[tokio::test]
async fn a16_answers_that_overtake_one_another_are_no_clock_that_goes_back() {
    let (_server, mut clients, mut tpm, device_id) = enrolled().await;
    tpm.clock = 5_000;
    clients.attest(&device_id, &tpm).await.unwrap();
    let (first, second) =
        (clients.challenge(&device_id).await.unwrap(), clients.challenge(&device_id).await.unwrap());
    let (lie, third) =
        (clients.challenge(&device_id).await.unwrap(), clients.challenge(&device_id).await.unwrap());
    tpm.clock = 6_000;
    let older = answer(&first, &tpm);
    tpm.clock = 7_000;
    clients.verify(&second.challenge_id, answer(&second, &tpm)).await.unwrap();
    let verdict = clients.verify(&first.challenge_id, older).await.unwrap().verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:?}", refusing(&verdict));

    // What was known when the question was asked was later than that.
    tpm.clock = 4_000;
    let verdict = clients.verify(&lie.challenge_id, answer(&lie, &tpm)).await.unwrap().verdict.unwrap();
    assert!(refusing(&verdict).contains(&"clock_went_back"), "{:?}", refusing(&verdict));
    // The answer that came last did not become what is known.
    tpm.clock = 6_500;
    let verdict = clients.attest(&device_id, &tpm).await.unwrap().verdict.unwrap();
    assert!(refusing(&verdict).contains(&"clock_went_back"), "{:?}", refusing(&verdict));

    // An earlier boot is over once a later one was seen.
    let older = answer(&third, &tpm);
    (tpm.clock, tpm.reset_count) = (10, tpm.reset_count + 1);
    clients.attest(&device_id, &tpm).await.unwrap();
    let verdict = clients.verify(&third.challenge_id, older).await.unwrap().verdict.unwrap();
    assert!(refusing(&verdict).contains(&"reset_count_went_back"), "{:?}", refusing(&verdict));
}

#[tokio::test]
async fn a13_nonces_do_not_repeat() {
    let (_server, mut clients, _tpm, device_id) = enrolled().await;
    let subject_public_key = subject_key();
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let request = v1::CreateChallengeRequest {
            device_id: device_id.clone(),
            subject_public_key: subject_public_key.clone(),
        };
        let challenge = clients.verifier.create_challenge(request).await.unwrap().into_inner();
        assert!(seen.insert(challenge.nonce) && seen.insert(challenge.server_random));
    }
}

/// A device's id is no secret.
#[tokio::test]
async fn a53_open_challenges_of_a_stranger_keep_no_device_from_its_own() {
    let server = Server::start_with(|config| config.challenge.expires_seconds = 3_600).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    let first = clients.challenge(&device_id).await.unwrap();
    let mut stranger = server.clients().await;
    for _ in 0..1_000 {
        stranger.challenge(&device_id).await.unwrap();
    }
    clients.attest(&device_id, &tpm).await.unwrap();
    clients.verify(&first.challenge_id, answer(&first, &tpm)).await.unwrap();
}

#[tokio::test]
async fn a12_a_challenge_that_was_touched_is_unknown() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    let (front, back) = challenge.challenge_id.split_at(challenge.challenge_id.len() / 2);
    let touched = [front, if back.starts_with('A') { "B" } else { "A" }, &back[1..]].concat();
    let result = clients.verify(&touched, answer(&challenge, &tpm)).await;
    assert_eq!(refusal(result), is(Code::NotFound, "challenge_unknown"));
}

#[tokio::test]
async fn a28_a_challenge_needs_a_subject_key() {
    let (_server, mut clients, _tpm, device_id) = enrolled().await;
    for subject_public_key in [vec![], vec![0x30, 0], vec![0; 91]] {
        let request = v1::CreateChallengeRequest { device_id: device_id.clone(), subject_public_key };
        let result = clients.verifier.create_challenge(request).await;
        assert_eq!(refusal(result), is(Code::InvalidArgument, "subject_key_malformed"));
    }
}

#[tokio::test]
async fn a58_what_is_no_device_id_is_not_looked_up() {
    let (_server, mut clients, _tpm, _device_id) = enrolled().await;
    for id in ["", "dev-1\nlevel=ERROR forged", "\u{1b}[31m", "dev-0000000000000000000000000000000G"] {
        let result = clients.challenge(id).await;
        assert_eq!(refusal(result), is(Code::InvalidArgument, "device_id_malformed"));
        assert_eq!(refusal(clients.device(id).await), is(Code::InvalidArgument, "device_id_malformed"));
    }
    let result = clients.challenge("dev-00000000000000000000000000000000").await;
    assert_eq!(refusal(result), is(Code::NotFound, "device_unknown"));
}

#[tokio::test]
async fn a54_an_old_verdict_is_stale_and_never_stays_passed() {
    let server = Server::start_with(|config| config.token.lifetime_seconds = 1).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    let last = v1::LastVerdictRequest { device_id: device_id.clone() };
    let none = clients.devices.last_verdict(last.clone()).await;
    assert_eq!(refusal(none), is(Code::NotFound, "verdict_none"));
    clients.attest(&device_id, &tpm).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert!(clients.device(&device_id).await.unwrap().stale);
    assert!(clients.devices.last_verdict(last).await.unwrap().into_inner().stale);
}

#[tokio::test]
async fn malformed_pcr_values_are_a_malformed_request() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    for (bank, pcr, length) in [("md5", 0, 16), ("sha256", 24, 32), ("sha256", 0, 31)] {
        let mut evidence = answer(&challenge, &tpm);
        evidence.pcr_values = vec![v1::PcrValue { bank: bank.to_owned(), pcr, value: vec![0; length] }];
        let result = clients.verify(&challenge.challenge_id, evidence).await;
        assert_eq!(refusal(result), is(Code::InvalidArgument, "pcr_values_malformed"));
    }
    let value = v1::PcrValue { bank: "sha256".to_owned(), pcr: 0, value: vec![0; 32] };
    let evidence = v1::Evidence { pcr_values: vec![value; 385], ..answer(&challenge, &tpm) };
    let result = clients.verify(&challenge.challenge_id, evidence).await;
    assert_eq!(refusal(result), is(Code::InvalidArgument, "pcr_values_malformed"));
    // None of them spent the challenge.
    clients.verify(&challenge.challenge_id, answer(&challenge, &tpm)).await.unwrap();
}

#[tokio::test]
async fn devices_come_in_pages() {
    let (server, mut clients, _tpm, first) = enrolled().await;
    let mut ids = vec![first];
    for _ in 0..4 {
        ids.push(clients.enroll(&mut SoftTpm::new(&server.maker)).await.unwrap());
    }
    ids.sort();
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListRequest { page_size: 2, page_token, family: String::new() };
        let page = clients.devices.list(request).await.unwrap().into_inner();
        assert!(page.devices.len() <= 2);
        listed.extend(page.devices.into_iter().map(|device| device.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ids);
    let request = v1::ListRequest { page_token: "x".to_owned(), ..v1::ListRequest::default() };
    let result = clients.devices.list(request).await;
    assert_eq!(refusal(result), is(Code::InvalidArgument, "page_token_malformed"));
}
