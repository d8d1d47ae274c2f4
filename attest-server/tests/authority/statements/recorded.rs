//! What is written down, how often, and who is told.

use attest_core::release::bundle::Bundle;
use attest_core::release::leaf::Leaf;
use attest_core::release::object::Blob;
use attest_core::release::policy::PolicyDocument;
use attest_core::release::statement::Revoked;
use attest_core::release::view::LogView;
use attest_core::{Limits, Timestamp};
use attest_proto::release::v1::{ListWaitingRequest, waiting::For};
use serde_json::json;
use tonic::Code;

use crate::client::{Client, refusal};
use crate::mailbox::*;
use crate::organisation::*;
use crate::site::Site;

#[tokio::test]
async fn a69_the_hsm_is_asked_once_for_each_attempt_that_is_written_down() {
    let mut m = Mailbox::new().await;
    let r = m.submitted(m.request("a"), "a").await;
    assert_eq!(refusal(m.client.signed(&r, &[b"s"]).await), precondition("signed_without_attempt"));
    assert_eq!(refusal(m.client.attempt(&r, 0).await), malformed("attempt_number"));
    assert_eq!(refusal(m.client.attempt(&r, 2).await), precondition("attempt_out_of_order"));
    for number in 1..=16 {
        assert!(!m.client.attempt(&r, number).await.unwrap().already);
        assert!(m.client.attempt(&r, number).await.unwrap().already);
    }
    assert_eq!(refusal(m.client.attempt(&r, 17).await), precondition("too_many_attempts"));
    assert_eq!(refusal(m.client.signed(&r, &[b"s", b"t"]).await), malformed("signatures_count"));
    m.client.signed(&r, &[b"s"]).await.unwrap();
    assert_eq!(refusal(m.client.signed(&r, &[b"t"]).await), precondition("signed_before"));
    let s = m.signed("b").await;
    assert_eq!(refusal(m.client.attempt(&s, 2).await), precondition("signed_before"));
}

#[tokio::test]
async fn a69_one_result_is_published() {
    let mut m = Mailbox::new().await;
    let r = m.submitted(m.request("a"), "a").await;
    assert_eq!(refusal(m.publish(&r).await), precondition("publish_not_signed"));
    let s = m.signed("b").await;
    assert_eq!(refusal(m.client.publish(&s, b"bundle").await).0, Code::InvalidArgument);
    let other = m.client.publish(&s, &bytes(&m.bundle(&r))).await;
    assert_eq!(refusal(other), malformed("bundle_other_request"));
    let mut resigned = m.bundle(&s);
    resigned.signatures[0].signature = Blob(b"another".to_vec());
    let resigned = m.client.publish(&s, &bytes(&resigned)).await;
    assert_eq!(refusal(resigned), precondition("bundle_other_signatures"));
    m.publish(&s).await.unwrap();
    let mut second = m.bundle(&s);
    second.approvals.push(Blob(b"one more".to_vec()));
    assert_eq!(refusal(m.client.publish(&s, &bytes(&second)).await), precondition("published_before"));
}

#[tokio::test]
async fn a69_a_bundle_of_less_or_more_than_the_log_has() {
    let mut m = Mailbox::new().await;
    let r = m.submitted(m.request("a"), "a").await;
    for who in ["alice", "bob"] {
        m.client.approve(who, &r).await.unwrap();
    }
    m.client.attempt(&r, 1).await.unwrap();
    m.client.signed(&r, &[b"signature"]).await.unwrap();
    let late = m.client.approve("carol", &r).await;
    assert_eq!(refusal(late), precondition("signed_before"), "it would make another bundle");
    let whole = m.bundle(&r);
    assert_eq!(whole.approvals.len(), 2);
    type Lie = fn(&mut Bundle);
    let lies: [Lie; 6] = [
        |bundle| bundle.approvals.clear(),
        |bundle| drop(bundle.approvals.pop()),
        |bundle| bundle.approvals.reverse(),
        |bundle| bundle.companions.push(Blob(b"one more".to_vec())),
        |bundle| bundle.provenance.clear(),
        |bundle| bundle.corim = None,
    ];
    for lie in lies {
        let mut lied = whole.clone();
        lie(&mut lied);
        let refused = m.client.publish(&r, &bytes(&lied)).await;
        assert_eq!(refusal(refused), precondition("bundle_other_objects"));
    }
    // Nobody was kept from publishing the whole one.
    assert!(!m.client.publish(&r, &bytes(&whole)).await.unwrap().already);
}

#[tokio::test]
async fn a57_a_policy_that_too_few_want_or_of_another_log() {
    let mut m = Mailbox::new().await;
    let before = m.submitted(m.request("before"), "before").await;
    let next = |change: fn(&mut serde_json::Value)| {
        let mut next = m.site.policy.clone();
        next["version"] = json!(2);
        next["previous"] = json!(m.site.pin.to_string());
        change(&mut next);
        serde_json::from_value::<PolicyDocument>(next).unwrap()
    };
    let wanted_by = |policy: &PolicyDocument, people: &[&str]| {
        let statements = people.iter().map(|who| bytes(&succession(who, policy))).collect();
        (bytes(policy), statements)
    };
    let same = next(|_| {});
    let other_log = next(|next| {
        let key = key_of(99);
        let public = ring::signature::KeyPair::public_key(&key).as_ref().try_into().unwrap();
        let key_type = attest_core::audit::note::KeyType::Ed25519;
        let key = attest_core::audit::note::VerifierKey::new("log.example/other", key_type, public).unwrap();
        next["log"]["key"] = json!(key.to_string());
    });
    let skips = next(|next| next["version"] = json!(3));
    let client = &mut m.client;
    for people in [&[][..], &["alice"], &["alice", "alice"], &["alice", "dave"]] {
        let (policy, statements) = wanted_by(&same, people);
        let refused = refusal(client.succeed(policy, statements).await);
        assert_eq!(refused, precondition("succession_quorum_not_met"), "{people:?}");
    }
    let (policy, statements) = wanted_by(&same, &["dave"]);
    let alone = client.succeed(policy, statements).await.unwrap_err();
    assert_eq!(alone.message(), "nobody who counts said so, and that is not enough");
    let (policy, statements) = wanted_by(&other_log, &["alice", "bob"]);
    assert_eq!(refusal(client.succeed(policy, statements).await), precondition("succession_other_log"));
    let (policy, statements) = wanted_by(&skips, &["alice", "bob"]);
    assert_eq!(refusal(client.succeed(policy, statements).await), precondition("succession_does_not_follow"));
    let (policy, statements) = wanted_by(&same, &["alice", "bob"]);
    let lied = statements.iter().cloned().chain([b"nothing".to_vec()]).collect();
    assert_eq!(refusal(client.succeed(policy.clone(), lied).await).0, Code::InvalidArgument);
    client.succeed(policy.clone(), statements.clone()).await.unwrap();
    assert!(client.succeed(policy, statements).await.unwrap().already);
    // What was asked for before is not approved under the new one.
    let mut late = approval("alice", "alice", &[&before]);
    late.policy = id_of(&same);
    assert_eq!(refusal(m.client.approve_with(&late).await), precondition("policy_mismatch"));
    // What is asked for now is under the new one.
    let old = m.request("a");
    assert_eq!(refusal(m.client.submit(&old, "a").await), precondition("policy_mismatch"));
    let new = request(m.site.pin, id_of(&same), "a");
    m.client.submit(&new, "a").await.unwrap();
}

#[tokio::test]
async fn a53_what_is_turned_away_is_written_down_once_and_not_without_end() {
    let site = Site::new(1, 1);
    let mut config = site.config(true, &[]);
    config.authority.as_mut().unwrap().denials_per_hour = 3;
    let server = site.serve(config).await;
    let client = Client::on(site.connect(server.grpc()).await);
    let mut m = Mailbox { site, server, client };
    let garbage = async |client: &mut Client, bytes: &[u8]| {
        let asked = attest_proto::release::v1::ApproveRequest { approval: bytes.to_vec() };
        refusal(client.mailbox.approve(asked).await).0
    };
    for _ in 0..3 {
        assert_eq!(garbage(&mut m.client, b"one").await, Code::InvalidArgument);
    }
    assert_eq!(m.denials().len(), 1, "the same for the same reason");
    for number in 0..9 {
        assert_eq!(garbage(&mut m.client, format!("{number}").as_bytes()).await, Code::InvalidArgument);
    }
    assert_eq!(m.denials().len(), 3);
    // And what is in order goes on.
    m.submitted(m.request("a"), "a").await;
}

#[tokio::test]
async fn what_waits_for_a_person_is_told_to_that_person() {
    let mut m = Mailbox::new().await;
    let (r, s) = (m.request("a"), m.request("b"));
    let alices = m.request_with("c", |r| r.requester = "alice".try_into().unwrap());
    m.submitted(r.clone(), "a").await;
    m.submitted(s.clone(), "b").await;
    let submitted = bytes(&submission("alice", "alice", &alices));
    m.client.submit_with(&submitted, &bytes(&alices), objects("c")).await.unwrap();
    let list = async |client: &mut Client, who: &str, size: u32, token: &str| {
        let (identity, page_token) = (who.to_owned(), token.to_owned());
        let asked = ListWaitingRequest { page_size: size, page_token, identity };
        client.mailbox.list_waiting(asked).await.unwrap().into_inner()
    };
    assert_eq!(list(&mut m.client, "bob", 0, "").await.waiting.len(), 3);
    assert_eq!(list(&mut m.client, "dave", 0, "").await.waiting.len(), 0);
    let alice = list(&mut m.client, "alice", 0, "").await.waiting;
    assert_eq!(alice.len(), 2, "not her own");
    assert!(alice.iter().all(|waiting| waiting.what_for() == For::Approval));
    assert!([bytes(&r), bytes(&s)].contains(&alice[0].request));
    m.client.approve("alice", &r).await.unwrap();
    let left = list(&mut m.client, "alice", 0, "").await.waiting;
    assert_eq!(left.iter().map(|waiting| waiting.request.clone()).collect::<Vec<_>>(), [bytes(&s)]);
    // In pages.
    let first = list(&mut m.client, "bob", 2, "").await;
    let second = list(&mut m.client, "bob", 2, &first.next_page_token).await;
    assert_eq!((first.waiting.len(), second.waiting.len(), second.next_page_token.as_str()), (2, 1, ""));
    let revoked = revocation("alice", "alice", m.site.pin, Revoked::Request(id_of(&s)));
    m.client.revoke_with(&revoked).await.unwrap();
    assert!(list(&mut m.client, "alice", 0, "").await.waiting.is_empty());
}

#[tokio::test]
async fn a72_with_all_keys_of_the_server_nothing_is_made() {
    // The server's log key signs a checkpoint over a log in which it wrote a release of its own making; no witness is asked.
    let mut m = Mailbox::new().await;
    let r = m.signed("a").await;
    m.publish(&r).await.unwrap();
    let leaves = m.leaves();
    let entries: Vec<Vec<u8>> = std::iter::zip(0.., &leaves)
        .map(|(second, event)| bytes(&Leaf::new(Timestamp::from_unix(now() + second), event.clone())))
        .collect();
    let key = attest_server::log::NoteKey::open(&m.site.path("log.key")).unwrap();
    let limits = &Limits::DEFAULT;
    let entries = entries.iter().map(Vec::as_slice);
    let head = attest_core::audit::tree::Frontier::new().append(entries.clone(), limits).unwrap().head;
    let note = attest_core::audit::checkpoint::Checkpoint::new(key.name(), head, limits)
        .unwrap()
        .sign(&key)
        .unwrap();
    let view = LogView::replay(m.site.pin, entries, &m.kept(), note.as_bytes(), limits);
    assert_eq!(view.unwrap_err().code(), "witness_quorum_not_reached");
}
