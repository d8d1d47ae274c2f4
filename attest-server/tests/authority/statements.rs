//! What is handed in is held against the policy, written down once, and what is turned away is written down as that.

mod recorded;

use std::time::Duration;

use attest_core::Timestamp;
use attest_core::release::ObjectId;
use attest_core::release::request::{Kind, Request};
use attest_core::release::statement::Revoked;
use attest_proto::release::v1::GetRequestRequest;
use serde_json::json;
use tonic::Code;

use crate::client::{Client, id, refusal};
use crate::mailbox::*;
use crate::organisation::*;
use crate::site::Site;

#[tokio::test]
async fn a_release_from_its_request_to_its_bundle() {
    let mut m = Mailbox::new().await;
    let r = m.request("a");
    let first = m.client.submit(&r, "a").await.unwrap();
    assert_eq!((first.index, first.already), (1, false));
    assert_eq!(m.client.approve("alice", &r).await.unwrap().index, 2);
    assert_eq!(m.client.approve("bob", &r).await.unwrap().index, 3);
    assert_eq!(m.client.attempt(&r, 1).await.unwrap().index, 4);
    assert_eq!(m.client.signed(&r, &[b"signature"]).await.unwrap().index, 5);
    assert_eq!(m.publish(&r).await.unwrap().index, 6);
    let asked = GetRequestRequest { request_id: id(id_of(&r)) };
    let told = m.client.mailbox.get_request(asked).await.unwrap().into_inner();
    assert_eq!(told.request, bytes(&r));
    let whats: Vec<&str> = told.events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(whats, ["submitted", "approved", "approved", "attempted", "signed", "published"]);
    assert!(told.events.iter().all(|event| event.requests == [id(id_of(&r))]));
    // What was signed can be had by the name that the log gives it.
    let asked = attest_proto::release::v1::GetObjectRequest { id: told.events[4].object.clone() };
    let digests = m.client.log.get_object(asked).await.unwrap().into_inner().object;
    assert_eq!(digests, id(ObjectId::of(b"signature")));
    m.server.stop().await;
}

#[tokio::test]
async fn the_same_object_again_is_the_same_leaf() {
    let mut m = Mailbox::new().await;
    let r = m.request("a");
    let (first, again) = (m.client.submit(&r, "a").await.unwrap(), m.client.submit(&r, "a").await.unwrap());
    assert_eq!((first.index, first.at, again.already), (again.index, again.at, true));
    // ECDSA signatures have twins: a request that is asked for in other bytes is the same one.
    let twin = submission("ci", "alice", &r);
    let again = m.client.submit_with(&bytes(&twin), &bytes(&r), vec![]).await.unwrap();
    assert_eq!((again.index, again.already), (first.index, true));
    for _ in 0..2 {
        assert_eq!(m.client.approve("bob", &r).await.unwrap().index, 2);
        assert_eq!(m.client.attempt(&r, 1).await.unwrap().index, 3);
        assert_eq!(m.client.signed(&r, &[b"s"]).await.unwrap().index, 4);
        assert_eq!(m.publish(&r).await.unwrap().index, 5);
    }
    let revoked = revocation("alice", "alice", m.site.pin, Revoked::Request(id_of(&r)));
    for _ in 0..2 {
        assert_eq!(m.client.revoke_with(&revoked).await.unwrap().index, 6);
    }
    assert_eq!(m.leaves().len(), 7);
    // All at once, and after a restart.
    let s = m.request("b");
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, s) = (m.client.clone(), s.clone());
            tokio::spawn(async move { client.submit(&s, "b").await.unwrap().index })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 7);
    }
    m.server.stop().await;
    m.server = m.site.serve(m.site.config(true, &[])).await;
    let mut client = Client::on(m.site.connect(m.server.grpc()).await);
    assert_eq!(client.submit(&s, "b").await.unwrap().index, 7);
    assert_eq!(client.approve("bob", &r).await.map(|r| r.index).unwrap_or(2), 2);
    assert_eq!(m.leaves().len(), 8);
}

#[tokio::test]
async fn a57_a_request_that_its_requester_did_not_make() {
    let mut m = Mailbox::new().await;
    let r = m.request("a");
    let submit = async |client: &mut Client, who: &str, by: &str, r: &Request| {
        refusal(client.submit_with(&bytes(&submission(who, by, r)), &bytes(r), objects("a")).await)
    };
    assert_eq!(submit(&mut m.client, "ci", "bob", &r).await, precondition("statement_key_mismatch"));
    assert_eq!(submit(&mut m.client, "alice", "alice", &r).await, precondition("requester_not_named"));
    let bobs = m.request_with("a", |r| r.requester = "bob".try_into().unwrap());
    assert_eq!(submit(&mut m.client, "bob", "bob", &bobs).await, precondition("requester_not_named"));
    let other = m.request_with("a", |r| r.security_version = 9);
    let asked = m.client.submit_with(&bytes(&submission("ci", "ci", &other)), &bytes(&r), objects("a")).await;
    assert_eq!(refusal(asked), malformed("statement_of_other_objects"));
    assert_eq!(m.denials().len(), 4);
}

#[tokio::test]
async fn a65_a_request_for_another_authority_policy_channel_or_time() {
    let mut m = Mailbox::new().await;
    let elsewhere = ObjectId::of(b"elsewhere");
    type Lie = fn(&mut Request);
    let lies: [(&str, Lie); 4] = [
        ("channel_unknown", |r| r.channel = "nowhere".try_into().unwrap()),
        ("channel_unknown", |r| r.family = "sensor".try_into().unwrap()),
        ("request_expired", |r| {
            r.not_before = Timestamp::from_unix(1_000);
            r.not_after = Timestamp::from_unix(1_001);
        }),
        ("policy_mismatch", |r| r.policy = ObjectId::of(b"old")),
    ];
    for (code, lie) in lies {
        let r = m.request_with("a", lie);
        assert_eq!(refusal(m.client.submit(&r, "a").await), precondition(code));
    }
    let r = m.request_with("a", |r| r.authority = elsewhere);
    assert_eq!(refusal(m.client.submit(&r, "a").await), precondition("authority_mismatch"));
    let empty = m.request_with("a", |r| {
        r.artifacts.clear();
        r.measurements = None;
    });
    assert_eq!(refusal(m.client.submit(&empty, "a").await), malformed("request_empty"));
    assert_eq!(m.denials().len(), 6);
}

#[tokio::test]
async fn nothing_new_is_asked_for_under_a_policy_that_is_over() {
    let over = |policy: &mut serde_json::Value| {
        policy["expires"] = json!(Timestamp::from_unix(now() - 10).utc().to_string());
    };
    let mut m = Mailbox::at(Site::with(1, 1, over)).await;
    let r = m.request("a");
    assert_eq!(refusal(m.client.submit(&r, "a").await), precondition("policy_expired"));
}

#[tokio::test]
async fn a69_nothing_is_approved_or_attempted_when_the_requests_time_is_over() {
    let mut m = Mailbox::new().await;
    // A slow machine gets more time.
    for lasts in [3, 30, 150] {
        let until = now() + lasts;
        let r = m.request_with("a", |r| r.not_after = Timestamp::from_unix(until));
        let (asked, approved) = (m.client.submit(&r, "a").await, m.client.approve("alice", &r).await);
        if now() > until {
            continue;
        }
        asked.unwrap();
        approved.unwrap();
        tokio::time::sleep(Duration::from_secs((until + 1).saturating_sub(now()))).await;
        assert_eq!(refusal(m.client.approve("bob", &r).await), precondition("request_expired"));
        assert_eq!(refusal(m.client.attempt(&r, 1).await), precondition("request_expired"));
        return;
    }
    panic!("it was over before it was approved");
}

#[tokio::test]
async fn a67_objects_that_the_request_does_not_name() {
    let mut m = Mailbox::new().await;
    let r = m.request("a");
    let submit = async |client: &mut Client, r: &Request, objects: Vec<Vec<u8>>| {
        client.submit_with(&bytes(&submission("ci", "ci", r)), &bytes(r), objects).await
    };
    let mut more = objects("a");
    more.push(b"stowaway".to_vec());
    assert_eq!(refusal(submit(&mut m.client, &r, more).await), malformed("object_not_named"));
    assert!(!m.site.path("log/object").join(hex::encode(ObjectId::of(b"stowaway").as_bytes())).exists());
    let fewer = objects("a")[..2].to_vec();
    assert_eq!(refusal(submit(&mut m.client, &r, fewer).await), precondition("object_missing"));
    let sized = m.request_with("a", |r| r.sign[0].size += 1);
    assert_eq!(refusal(submit(&mut m.client, &sized, objects("a")).await), malformed("object_size_mismatch"));
    submit(&mut m.client, &r, objects("a")).await.unwrap();
    // What is there already need not be sent again.
    let again = m.request_with("a", |r| r.security_version = 5);
    submit(&mut m.client, &again, vec![]).await.unwrap();
}

#[tokio::test]
async fn a65_approvals_that_do_not_count_are_turned_away() {
    let mut m = Mailbox::new().await;
    let r = m.submitted(m.request("a"), "a").await;
    let client = &mut m.client;
    let signed_by = async |client: &mut Client, who: &str, by: &str| {
        refusal(client.approve_with(&approval(who, by, &[&r])).await)
    };
    assert_eq!(signed_by(client, "alice", "bob").await, precondition("statement_key_mismatch"));
    assert_eq!(signed_by(client, "dave", "dave").await, precondition("approver_not_named"));
    assert_eq!(signed_by(client, "ci", "ci").await, precondition("approver_not_named"));
    let unknown = request(m.site.pin, m.site.pin, "never asked");
    let (code, reason) = refusal(client.approve("alice", &unknown).await);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "request_unknown"));
    let mut elsewhere = approval("alice", "alice", &[&r]);
    elsewhere.authority = ObjectId::of(b"elsewhere");
    assert_eq!(refusal(client.approve_with(&elsewhere).await), precondition("authority_mismatch"));
    let mut other = approval("alice", "alice", &[&r]);
    other.policy = ObjectId::of(b"old");
    assert_eq!(refusal(client.approve_with(&other).await), precondition("policy_mismatch"));
    let mut changed = approval("alice", "alice", &[&r]);
    changed.recomputed = false;
    assert_eq!(refusal(client.approve_with(&changed).await), precondition("sshsig_invalid"));
    // Another kind of statement, well signed.
    let wrong = client.approve_with(&submission("alice", "alice", &r)).await;
    assert_eq!(refusal(wrong), malformed("object_format"));
}

#[tokio::test]
async fn a65_nobody_approves_what_they_asked_for() {
    let mut m = Mailbox::new().await;
    let r = m.request_with("a", |r| r.requester = "alice".try_into().unwrap());
    let submitted = bytes(&submission("alice", "alice", &r));
    m.client.submit_with(&submitted, &bytes(&r), objects("a")).await.unwrap();
    assert_eq!(refusal(m.client.approve("alice", &r).await), precondition("approval_took_part"));
    m.client.approve("bob", &r).await.unwrap();
}

#[tokio::test]
async fn a65_an_emergency_is_not_approved_in_a_batch() {
    let mut m = Mailbox::new().await;
    let r = m.submitted(m.request("a"), "a").await;
    let urgent = m.request_with("b", |r| {
        r.kind = Kind::Emergency;
        r.channel = "urgent".try_into().unwrap();
    });
    let urgent = m.submitted(urgent, "b").await;
    let both = approval("alice", "alice", &[&r, &urgent]);
    assert_eq!(refusal(m.client.approve_with(&both).await), precondition("approval_batch_not_allowed"));
    m.client.approve("alice", &urgent).await.unwrap();
    let many = m.submitted(m.request("c"), "c").await;
    let told = m.client.approve_with(&approval("alice", "alice", &[&r, &many])).await.unwrap();
    assert!(!told.already);
}

#[tokio::test]
async fn a71_a_review_by_one_who_took_part_or_before_there_is_something() {
    let mut m = Mailbox::new().await;
    let urgent = m.request_with("b", |r| {
        r.kind = Kind::Emergency;
        r.channel = "urgent".try_into().unwrap();
    });
    let asked = m.client.submit(&urgent, "b").await.unwrap().at.unwrap();
    let r = urgent;
    let early = m.client.review_with(&review("dave", "dave", &r)).await;
    assert_eq!(refusal(early), precondition("review_not_published"));
    m.client.approve("carol", &r).await.unwrap();
    m.client.attempt(&r, 1).await.unwrap();
    m.client.signed(&r, &[b"s"]).await.unwrap();
    // It is due from when it was asked for, not from when it was out.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    m.publish(&r).await.unwrap();
    let due = waits_for(&mut m.client, "dave").await;
    assert_eq!(due[0].until.unwrap().seconds, asked.seconds + 2 * 86_400);
    let by = async |client: &mut Client, who: &str, by: &str| client.review_with(&review(who, by, &r)).await;
    assert_eq!(refusal(by(&mut m.client, "alice", "alice").await), precondition("reviewer_not_named"));
    assert_eq!(refusal(by(&mut m.client, "dave", "erin").await), precondition("statement_key_mismatch"));
    assert_eq!(refusal(by(&mut m.client, "carol", "carol").await), precondition("review_took_part"));
    let mut elsewhere = review("dave", "dave", &r);
    elsewhere.authority = ObjectId::of(b"elsewhere");
    let refused = refusal(m.client.review_with(&elsewhere).await);
    assert_eq!(refused, precondition("authority_mismatch"));
    by(&mut m.client, "dave", "dave").await.unwrap();
    let normal = m.signed("c").await;
    m.publish(&normal).await.unwrap();
    let none = m.client.review_with(&review("dave", "dave", &normal)).await;
    assert_eq!(refusal(none), precondition("reviewer_not_named"));
}

#[tokio::test]
async fn a57_a_revocation_by_nobody_who_may() {
    let mut m = Mailbox::new().await;
    let r = m.submitted(m.request("a"), "a").await;
    let revokes = || Revoked::Request(id_of(&r));
    let pin = m.site.pin;
    for (who, by) in [("bob", "bob"), ("alice", "bob"), ("ci", "ci")] {
        let revoked = m.client.revoke_with(&revocation(who, by, pin, revokes())).await;
        assert_eq!(refusal(revoked), precondition("revocation_does_not_count"));
    }
    // Before anything is asked that takes as long as the log.
    let told = async |client: &mut Client, revocation| {
        client.revoke_with(&revocation).await.unwrap_err().message().to_owned()
    };
    let no_revoker = revocation("bob", "bob", pin, revokes());
    assert_eq!(told(&mut m.client, no_revoker).await, "`bob` is no revoker");
    let forged = revocation("alice", "bob", pin, revokes());
    assert_eq!(told(&mut m.client, forged).await, "the key is not one of `alice`");
    let elsewhere = revocation("alice", "alice", ObjectId::of(b"elsewhere"), revokes());
    assert_eq!(refusal(m.client.revoke_with(&elsewhere).await), precondition("revocation_does_not_count"));
    // A leaf about a request that nobody has would refuse everybody's view.
    let unknown = revocation("alice", "alice", pin, Revoked::Request(ObjectId::of(b"nothing")));
    assert_eq!(refusal(m.client.revoke_with(&unknown).await).1, "request_unknown");
    m.client.revoke_with(&revocation("dave", "dave", pin, revokes())).await.unwrap();
    // Another one's word for the same is written down, too.
    let second = m.client.revoke_with(&revocation("alice", "alice", pin, revokes())).await.unwrap();
    assert!(!second.already);
    assert_eq!(refusal(m.client.approve("alice", &r).await), precondition("request_revoked"));
    assert_eq!(refusal(m.client.attempt(&r, 1).await), precondition("request_revoked"));
}
