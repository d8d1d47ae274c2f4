//! What is not signed, and why.

use std::time::Duration;

use attest_core::Timestamp;
use attest_core::release::form::{ReleaseKey, corim, cose};
use attest_core::release::policy::{Custody, PolicyDocument, Purpose};
use attest_core::release::request::{Request, ToSign};
use attest_proto::release::v1::ChangeFamilyRequest;

use crate::organisation::{bytes, family_change, id_of, managing, now, revocation, succession};
use crate::site::faketime;
use crate::soft::Soft;
use crate::stage::*;

#[tokio::test(flavor = "multi_thread")]
async fn a72_what_people_did_not_approve() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let key = release_key(&spki());
    let token = Token::new(&[]);
    let turn = async || word(&stage.turns(&token, None, None).await.unwrap());
    let (one, objects) = stage.request("one", &key);
    stage.ask(&one, objects, &["alice"]).await;
    assert_eq!(turn().await, "release_quorum_missing");
    // A server that is taken over may write down what it likes: an attempt is no approval.
    stage.client("signer").await.attempt(&one, 1).await.ok();
    assert_eq!(turn().await, "release_quorum_missing");
    let mut dave = stage.client("dave").await;
    let revokes = attest_core::release::statement::Revoked::Request(id_of(&one));
    dave.revoke_with(&revocation("dave", "dave", stage.site.pin, revokes)).await.unwrap();
    assert_eq!(turn().await, "", "passed over");
    assert_eq!(token.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a47_requests_that_are_over_are_passed_over() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let token = Token::new(&[]);
    let turn = async || word(&stage.turns(&token, None, None).await.unwrap());
    for lasts in LASTS {
        let (mut over, objects) = stage.request(&format!("over-{lasts}"), &release_key(&spki()));
        let until = now() + lasts;
        over.not_after = Timestamp::from_unix(until);
        let asked = stage.ask_in_time(&over, objects, &["alice"]).await;
        let told = turn().await;
        if now() > until {
            continue;
        }
        asked.unwrap();
        assert_eq!(told, "release_quorum_missing");
        sleep_until_after(until).await;
        assert_eq!(turn().await, "");
        return;
    }
    panic!("it was over before it was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_an_attempt_is_no_right_to_sign_for_good() {
    for told in ["release_window", "release_policy_expired"] {
        let mut attempted = None;
        for lasts in LASTS {
            attempted = attempted_in_time(told, lasts).await;
            if attempted.is_some() {
                break;
            }
        }
        let (stage, until) = attempted.expect("it was over before it was attempted");
        sleep_until_after(until).await;
        let token = Token::new(&[]);
        assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), told);
        assert_eq!(token.calls(), 0);
    }
}

/// By a clock that went back the request's time is not over; by what witnesses signed since, it is.
#[tokio::test(flavor = "multi_thread")]
async fn a69_a_clock_that_went_back_opens_no_time_again() {
    let (Some(soft), Some(library)) = (Soft::new(), faketime()) else { return };
    let spki = soft.make();
    let stage = Stage::new(&spki, |_| ()).await;
    for lasts in LASTS {
        let (mut request, objects) = stage.request(&format!("late-{lasts}"), &release_key(&spki));
        let until = now() + lasts;
        request.not_after = Timestamp::from_unix(until);
        let asked = stage.ask_in_time(&request, objects, &["alice", "bob"]).await;
        let attempted = stage.client("signer").await.attempt(&request, 1).await;
        if now() >= until {
            continue;
        }
        asked.unwrap();
        attempted.unwrap();
        sleep_until_after(until).await;
        let (later, objects) = stage.request("later", &release_key(&spki));
        stage.ask(&later, objects, &[]).await;
        let back = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME", "-60"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        let told = soft.once_with(&stage, &back).await;
        let id = id_of(&request).to_string();
        let told = told.lines().find(|line| line.contains(&id)).unwrap_or_else(|| panic!("{told}"));
        assert!(told.contains("\"not_quorate\":[\"release_window\"]"), "{told}");
        assert_eq!(stage.logged(&request).await.0, 1, "no more attempts");
        return;
    }
    panic!("it was over before it was attempted");
}

/// A request that was attempted, and the last second of it or of its policy; nothing where that was over before.
async fn attempted_in_time(over: &str, lasts: u64) -> Option<(Stage, u64)> {
    let (until, never) = (now() + lasts, now() + 9_999);
    let (of_policy, of_request) = if over == "release_window" { (never, until) } else { (until, never) };
    let expires = Timestamp::from_unix(of_policy).utc().to_string();
    let stage = Stage::new(&spki(), |policy| policy["expires"] = expires.into()).await;
    let (mut request, objects) = stage.request("late", &release_key(&spki()));
    request.not_after = Timestamp::from_unix(of_request);
    let asked = stage.ask_in_time(&request, objects, &["alice", "bob"]).await;
    let token = Token::new(&[]);
    let told = word(&stage.turns(&token, Some(Breaks::AfterAttempt), None).await.unwrap());
    if now() >= until {
        return None;
    }
    asked.unwrap();
    assert_eq!((told.as_str(), token.calls()), ("signer_authority", 0));
    assert_eq!(stage.logged(&request).await.0, 1);
    Some((stage, until))
}

/// So many seconds for what is to be done before something is over: a slow machine gets more.
const LASTS: [u64; 3] = [6, 30, 150];

/// When this second is over.
async fn sleep_until_after(second: u64) {
    tokio::time::sleep(Duration::from_secs((second + 1).saturating_sub(now()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_an_attempt_is_no_right_to_sign_under_another_policy() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, _) = stage.quorate("old").await;
    let token = Token::new(&[]);
    let broken = stage.turns(&token, Some(Breaks::AfterAttempt), None).await.unwrap();
    assert_eq!(word(&broken), "signer_authority");
    assert_eq!(stage.logged(&request).await.0, 1);
    let mut next = stage.site.policy.clone();
    next["version"] = 2.into();
    next["previous"] = stage.site.pin.to_string().into();
    let next: PolicyDocument = serde_json::from_value(next).unwrap();
    let words = ["alice", "bob"].iter().map(|who| bytes(&succession(who, &next))).collect();
    let index = stage.client("alice").await.succeed(bytes(&next), words).await.unwrap().index;
    stage.published(index).await;
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "release_policy_not_followed");
    assert_eq!(token.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_an_attempt_is_no_right_to_sign_for_people_who_left() {
    let stage = Stage::new(&spki(), |_| ()).await;
    stage.quorate("left").await;
    let token = Token::new(&[]);
    let mut signer = stage.runs(&stage.folder(), &token, None);
    assert_eq!(word(&signer.turn()), "attempted");
    // Alice, who approved it, leaves the rules of the family.
    let change = family_change(stage.site.pin, &stage.site.policy);
    let statements = ["bob", "carol"].map(|who| bytes(&managing(who, &change))).into();
    let asked = ChangeFamilyRequest { change: bytes(&change), statements };
    let recorded = stage.client("bob").await.mailbox.change_family(asked).await.unwrap().into_inner();
    stage.published(recorded.index).await;
    assert_eq!(word(&signer.turn()), "release_policy_not_followed");
    assert_eq!(token.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_the_signer_itself_makes_so_many_attempts() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, _) = stage.quorate("again").await;
    let mut signer = stage.client("signer").await;
    let mut last = 0;
    for number in 1..=16 {
        last = signer.attempt(&request, number).await.unwrap().index;
    }
    stage.published(last).await;
    let token = Token::new(&[]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signer_too_many_attempts");
    assert_eq!(token.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a69_bytes_of_another_form_although_they_were_approved() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let key = release_key(&spki());
    let token = Token::new(&[]);
    // What is listed is a signature over other measurements than those that are released.
    let (mut request, mut objects) = stage.request("other", &key);
    let mut other = unsigned();
    let at = other.windows(7).position(|window| window == b"gateway").unwrap();
    other[at..at + 7].copy_from_slice(b"gatewaz");
    let draft = corim::Draft { signer: KEY, validity: None, corim: &other };
    objects[2] = draft.to_be_signed(&key, LIMITS).unwrap();
    request.sign =
        vec![ToSign::new(KEY.try_into().unwrap(), Purpose::Corim, Custody::OnlineIntermediate, &objects[2])];
    stage.ask(&request, objects, &["alice", "bob"]).await;
    let told = word(&stage.turns(&token, None, None).await.unwrap());
    assert!(told == "release_corim_mismatch" || told == "form_subject_not_released", "{told}");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (0, 0), "not even an attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_files_do_not_pass_for_others() {
    for (said, custody) in
        [("online_intermediate", Custody::OnlineIntermediate), ("asserted", Custody::Asserted)]
    {
        let (stage, request, _) = kept(said, custody).await;
        let mut token = Token::new(&[]);
        token.is_development = true;
        assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signer_held_in_file");
        assert_eq!((token.calls(), stage.logged(&request).await.0), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_files_sign_what_says_so() {
    let (stage, request, to_be_signed) = kept("file", Custody::File).await;
    let mut token = Token::new(&[]);
    token.is_development = true;
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signed");
    stage.signature(&request, &release_key(&spki()), &to_be_signed).await;
}

/// A nightly request whose key the policy says is kept like this, as the request does.
pub(crate) async fn kept(said: &str, custody: Custody) -> (Stage, Request, Vec<u8>) {
    let stage = Stage::new(&spki(), |policy| policy["signing_keys"][KEY]["custody"] = said.into()).await;
    let (mut request, objects) = stage.request("kept", &release_key(&spki()));
    request.channel = "nightly".try_into().unwrap();
    request.sign[0].custody = custody;
    let to_be_signed = objects[2].clone();
    stage.ask(&request, objects, &[]).await;
    (stage, request, to_be_signed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_of_the_hsm_that_is_not_the_signers_is_told() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let token = Token::new(&[]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "");
    token.calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let error = stage.turns(&token, None, None).await.unwrap_err();
    assert_eq!((error.code(), error.is_alarming()), ("signer_hsm_counter", true));
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "", "told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a68_a_log_that_is_shorter_or_another_than_before() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let (request, _) = stage.quorate("fork").await;
    let token = Token::new(&[]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signed");
    stage.logged(&request).await;
    stage.turns(&token, None, None).await.unwrap();
    let seen = stage.folder().join("log/seen.json");
    let text = std::fs::read_to_string(&seen).unwrap();
    let mut told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let size = told["size"].as_u64().unwrap();
    assert!(size >= 6, "{told}");
    told["size"] = (size + 1).into();
    std::fs::write(&seen, told.to_string()).unwrap();
    assert_eq!(stage.turns(&token, None, None).await.unwrap_err().code(), "signer_log_backwards");
    told["size"] = (size - 1).into();
    std::fs::write(&seen, told.to_string()).unwrap();
    assert_eq!(stage.turns(&token, None, None).await.unwrap_err().code(), "signer_log_forked");
    std::fs::write(&seen, &text).unwrap();
    stage.turns(&token, None, None).await.unwrap();
    // Witnesses saw it an hour from now: what is written behind it has an old time.
    let mut told: serde_json::Value = serde_json::from_str(&text).unwrap();
    told["seen_at"] = (told["seen_at"].as_u64().unwrap() + 3_600).into();
    std::fs::write(&seen, told.to_string()).unwrap();
    stage.quorate("later").await;
    assert_eq!(stage.turns(&token, None, None).await.unwrap_err().code(), "view_leaf_antedated");
    std::fs::write(&seen, text).unwrap();
    stage.turns(&token, None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a68_a_checkpoint_from_before_the_last_one() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let token = Token::new(&[]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "");
    let seen = stage.folder().join("log/seen.json");
    let text = std::fs::read_to_string(&seen).unwrap();
    let mut told: serde_json::Value = serde_json::from_str(&text).unwrap();
    // The same leaves, which witnesses were seen to sign later.
    told["seen_at"] = (told["seen_at"].as_u64().unwrap() + 600).into();
    std::fs::write(&seen, told.to_string()).unwrap();
    let error = stage.turns(&token, None, None).await.unwrap_err();
    // Witnesses whose clocks differ do that, too.
    assert_eq!((error.code(), error.is_alarming()), ("signer_log_older", false));
    std::fs::write(&seen, text).unwrap();
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_key_is_not_asked_for_here() {
    let stage = Stage::new(&spki(), |policy| policy["signing_keys"][KEY]["custody"] = "vendor".into()).await;
    let (mut request, objects) = stage.request("vendor", &release_key(&spki()));
    request.sign[0].custody = Custody::Vendor;
    stage.ask(&request, objects, &["alice", "bob"]).await;
    let token = Token::new(&[]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a67a_a_file_that_is_not_released_although_its_signature_was_approved() {
    let stage = Stage::new(&spki(), with_file_key).await;
    let (mut request, mut objects) = stage.request("file", &release_key(&spki()));
    let bytes = cose::detached(&file_key(), None, b"a file that nobody built").unwrap();
    request.sign.push(ToSign::new(
        "gateway-cose".try_into().unwrap(),
        Purpose::Cose,
        Custody::OnlineIntermediate,
        &bytes,
    ));
    objects.push(bytes);
    stage.ask(&request, objects, &["alice", "bob"]).await;
    let token = Token::new(&[]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "form_subject_not_released");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (0, 0), "not even an attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a67a_an_image_that_the_signer_has_not_seen() {
    let stage = Stage::new(&spki(), |policy| {
        policy["signing_keys"][KEY]["purpose"] = "authenticode".into();
    })
    .await;
    let image = crate::pe::Pe::new(&[(".text", &[0x90; 700]), (".data", b"data")]).build();
    let key = ReleaseKey::new(&spki(), Purpose::Authenticode, None).unwrap();
    let (request, objects) = stage.image_request(&image, &key);
    let bytes = objects[1].clone();
    stage.ask(&request, objects, &["alice", "bob"]).await;
    let token = Token::new(&[]);
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signer_image_missing");
    let images = stage.site.path("images");
    std::fs::create_dir(&images).unwrap();
    let turn = async || word(&stage.turns(&token, None, Some(images.clone())).await.unwrap());
    let name = images.join(request.artifacts[0].sha256.to_string().replace("sha256:", ""));
    // Another image in its place.
    let other = crate::pe::Pe::new(&[(".text", b"other")]).build();
    std::fs::write(&name, other).unwrap();
    assert_eq!(turn().await, "signer_image_missing");
    assert_eq!((token.calls(), stage.logged(&request).await.0), (0, 0), "not even an attempt");
    std::fs::write(&name, &image).unwrap();
    assert_eq!(turn().await, "signed");
    let signature = stage.signature(&request, &key, &bytes).await;
    assert_eq!(signature.len(), 64);
}
