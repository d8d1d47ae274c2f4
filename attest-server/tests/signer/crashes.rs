//! Crashes between any two steps: what is signed is signed once, under an attempt of its own, and handed in.

use attest_core::release::form::cose;
use attest_core::release::policy::{Custody, Purpose};
use attest_core::release::request::ToSign;

use crate::stage::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_quorate_is_signed_once() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, bytes) = stage.quorate("one").await;
    let token = Token::new(&[]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signed");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (1, 1));
    assert_eq!(*token.messages.lock().unwrap(), std::slice::from_ref(&bytes), "exactly what was approved");
    let signature = stage.signature(&request, &release_key(&spki()), &bytes).await;
    // Again, and by a signer that lost its memory.
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "");
    std::fs::remove_dir_all(stage.folder()).unwrap();
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "");
    assert_eq!(token.calls(), 1, "a grant is spent once");
    assert_eq!(stage.signature(&request, &release_key(&spki()), &bytes).await, signature);
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_two_things_are_signed_under_two_attempts() {
    let stage = Stage::new(&spki(), with_file_key).await;
    let (mut request, mut objects) = stage.request("two", &release_key(&spki()));
    let file = cose::envelope(&file_key(), None, None, &request.artifacts[0].sha256).unwrap();
    request.sign.push(ToSign::new(
        "gateway-cose".try_into().unwrap(),
        Purpose::Cose,
        Custody::OnlineIntermediate,
        &file,
    ));
    objects.push(file.clone());
    let corim = objects[2].clone();
    stage.ask(&request, objects, &["alice", "bob"]).await;
    let token = Token::new(&[Does::Signs, Does::Breaks]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "hsm_in_the_middle");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (2, 2));
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signed");
    // What was signed stays, and only the other is asked for again.
    assert_eq!((token.calls(), stage.logged(&request).await.0), (3, 3));
    assert_eq!(*token.messages.lock().unwrap(), [corim, file.clone(), file]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_anywhere() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let token = Token::new(&[]);
    for (calls, attempts, breaks, tag) in [
        (1, 1, Breaks::BeforeAttempt, "before-attempt"),
        // Nobody told it that this attempt is its own.
        (2, 2, Breaks::AfterAttempt, "after-attempt"),
        (3, 1, Breaks::BeforeSigned, "before-signed"),
        (4, 1, Breaks::AfterSigned, "after-signed"),
    ] {
        let (request, bytes) = stage.quorate(tag).await;
        let broken = stage.turns(&token, Some(breaks), None).await.unwrap();
        assert_eq!(word(&broken), "signer_authority", "{breaks:?}");
        let after = word(&stage.turns(&token, None, None).await.unwrap());
        let expected = if breaks == Breaks::AfterSigned { "" } else { "signed" };
        assert_eq!(after, expected, "{breaks:?}");
        assert_eq!((token.calls(), stage.logged(&request).await.0), (calls, attempts), "{breaks:?}");
        stage.signature(&request, &release_key(&spki()), &bytes).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_an_hsm_that_may_have_signed_is_asked_again_only_under_a_new_attempt() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, bytes) = stage.quorate("breaks").await;
    let token = Token::new(&[Does::IsAway, Does::Breaks, Does::Lies, Does::IsAway]);
    let turn = async || word(&stage.turns(&token, None, None).await.unwrap());
    assert_eq!(turn().await, "hsm_unavailable");
    assert_eq!(turn().await, "hsm_in_the_middle");
    // Each time it is another run, which asks under no attempt of the one before.
    assert_eq!((token.calls(), stage.logged(&request).await.0), (1, 2));
    assert_eq!(turn().await, "hsm_signature_invalid");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (2, 3));
    assert_eq!(turn().await, "hsm_unavailable");
    assert_eq!(turn().await, "signed");
    // Inv. 2: no more calls than attempts, and the same bytes each time.
    assert_eq!((token.calls(), stage.logged(&request).await.0), (3, 5));
    assert!(token.messages.lock().unwrap().iter().all(|message| *message == bytes));
    stage.signature(&request, &release_key(&spki()), &bytes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_a_signer_that_lost_its_memory_trusts_no_attempt_of_another() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, _) = stage.quorate("lost").await;
    let token = Token::new(&[Does::Breaks]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "hsm_in_the_middle");
    std::fs::remove_dir_all(stage.folder()).unwrap();
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signed");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hsm_that_was_away_is_asked_under_the_same_attempt() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, _) = stage.quorate("away").await;
    let token = Token::new(&[Does::IsAway]);
    let mut signer = stage.runs(&stage.folder(), &token, None);
    for told in ["attempted", "hsm_unavailable", "signed"] {
        stage.settled().await;
        assert_eq!(word(&signer.turn()), told);
    }
    assert_eq!((token.calls(), stage.logged(&request).await.0), (1, 1));
}

/// Copies a folder, as a backup does.
fn copied(from: &std::path::Path, to: &std::path::Path) {
    let done = std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap();
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_a_signer_whose_memory_was_put_back_asks_under_no_attempt_of_before() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, bytes) = stage.quorate("backup").await;
    let token = Token::without_counter();
    let mut signer = stage.runs(&stage.folder(), &token, Some(Breaks::BeforeSigned));
    assert_eq!(word(&signer.turn()), "attempted");
    // By this copy nothing was asked yet, and it is so in the log.
    let backup = stage.site.path("backup");
    copied(&stage.folder(), &backup);
    stage.settled().await;
    assert_eq!(word(&signer.turn()), "signer_authority", "the HSM signed, and nobody heard of it");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (1, 1));
    drop(signer);
    std::fs::remove_dir_all(stage.folder()).unwrap();
    std::fs::rename(backup, stage.folder()).unwrap();
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signed");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (2, 2));
    assert!(token.messages.lock().unwrap().iter().all(|message| *message == bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_two_signers_never_ask_under_one_attempt() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, _) = stage.quorate("two-signers").await;
    let token = Token::without_counter();
    // One sees the log as it was before the other's attempt, so both want the same one.
    let mut one = stage.runs(&stage.folder(), &token, None);
    let mut late = stage.opening();
    late.folder = stage.site.path("other-signer");
    let asked = attest_proto::release::v1::GetCheckpointRequest {};
    late.old = Some(stage.client("ci").await.log.get_checkpoint(asked).await.unwrap().into_inner().note);
    let mut other = late.runs(&token, Some(Breaks::BeforeSigned));
    assert_eq!(word(&one.turn()), "attempted");
    stage.settled().await;
    assert_eq!((word(&other.turn()).as_str(), stage.logged(&request).await.0), ("attempted", 1));
    // It is the other's turn first, and nobody hears what the HSM told it.
    while token.calls() == 0 {
        stage.settled().await;
        other.turn();
    }
    while word(&one.turn()) != "signed" {
        stage.settled().await;
    }
    let attempts = stage.logged(&request).await.0;
    assert!(token.calls() == 2 && attempts >= 2, "{} calls, {attempts} attempts", token.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_cannot_be_read_stops_the_signer() {
    let stage = Stage::new(&spki(), |_| ()).await;
    stage.quorate("torn").await;
    let token = Token::new(&[Does::Breaks]);
    stage.turns(&token, None, None).await.unwrap();
    let file = files(&stage.folder().join("journal")).into_iter().find(|path| path.extension().is_some());
    let file = file.unwrap();
    let whole = std::fs::read_to_string(&file).unwrap();
    for torn in [&whole[..whole.len() / 2], "", &whole.replace("sha256:", "sha255:")] {
        std::fs::write(&file, torn).unwrap();
        assert_eq!(stage.turns(&token, None, None).await.unwrap_err().code(), "signer_journal_lost");
    }
    std::fs::write(file.with_file_name("0000.json"), &whole).unwrap();
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(stage.turns(&token, None, None).await.unwrap_err().code(), "signer_journal_lost");
    assert_eq!(token.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a72_signatures_in_the_log_that_the_signer_did_not_make() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, _) = stage.quorate("another").await;
    let token = Token::new(&[]);
    stage.turns(&token, None, None).await.unwrap();
    stage.logged(&request).await;
    let file = files(&stage.folder().join("journal")).into_iter().find(|path| path.extension().is_some());
    let file = file.unwrap();
    let mut told: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    told["signatures"][0] = "AAAA".into();
    std::fs::write(&file, told.to_string()).unwrap();
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signer_signed_by_another");
}
