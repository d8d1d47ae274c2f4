//! What is handed in is held against the policy, written down once, and what is turned away is written down as that.

use attest_core::release::ObjectId;
use attest_core::release::bundle::{Bundle, Signature};
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object::{self, Blob};
use attest_core::release::policy::PolicyDocument;
use attest_core::release::request::{Kind, Request};
use attest_core::release::statement::Revoked;
use attest_core::release::view::LogView;
use attest_core::{Limits, Timestamp};
use attest_proto::release::v1::{GetRequestRequest, ListWaitingRequest, waiting::For};
use attest_server::server::Running;
use serde_json::json;
use tonic::Code;

use crate::client::{Client, id, refusal};
use crate::organisation::*;
use crate::site::Site;

/// A server in development, without witnesses that answer.
pub(crate) struct Mailbox {
    pub(crate) site: Site,
    pub(crate) server: Running,
    pub(crate) client: Client,
}

impl Mailbox {
    async fn new() -> Self {
        Self::at(Site::new(1, 1)).await
    }

    async fn at(site: Site) -> Self {
        let server = site.serve(site.config(true, &[])).await;
        let client = Client::on(site.connect(server.grpc()).await);
        Self { site, server, client }
    }

    fn request(&self, tag: &str) -> Request {
        request(self.site.pin, self.site.pin, tag)
    }

    /// The same with something else in it.
    fn request_with(&self, tag: &str, change: impl FnOnce(&mut Request)) -> Request {
        let mut request = self.request(tag);
        change(&mut request);
        request
    }

    async fn submitted(&mut self, request: Request, tag: &str) -> Request {
        self.client.submit(&request, tag).await.unwrap();
        request
    }

    /// Signed for, in a channel that takes nobody's approval.
    async fn signed(&mut self, tag: &str) -> Request {
        let request = self.submitted(self.request(tag), tag).await;
        self.client.attempt(&request, 1).await.unwrap();
        self.client.signed(&request, &[b"signature"]).await.unwrap();
        request
    }

    /// Every leaf, also those that nobody witnessed.
    fn leaves(&self) -> Vec<Event> {
        let log = self.site.path("log/tile/entries");
        let mut widest = (0, Vec::new());
        for file in std::fs::read_dir(log.join("000.p")).unwrap() {
            let path = file.unwrap().path();
            let width: usize = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            if width > widest.0 {
                widest = (width, std::fs::read(path).unwrap());
            }
        }
        let mut bytes = widest.1.as_slice();
        let mut events = Vec::new();
        while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
            let (leaf, rest) = rest.split_at(u16::from_be_bytes(*len).into());
            events.push(object::read::<Leaf>(leaf, &Limits::DEFAULT).unwrap().event);
            bytes = rest;
        }
        assert_eq!(events.len(), widest.0);
        events
    }

    fn denials(&self) -> Vec<String> {
        let because = |event: Event| match event {
            Event::Denied { because, .. } => Some(because.to_string()),
            _ => None,
        };
        self.leaves().into_iter().filter_map(because).collect()
    }
}

fn precondition(code: &str) -> (Code, String) {
    (Code::FailedPrecondition, code.to_owned())
}

fn malformed(code: &str) -> (Code, String) {
    (Code::InvalidArgument, code.to_owned())
}

fn bundle(request: &Request, signatures: &[&[u8]]) -> Vec<u8> {
    let signature = |bytes: &&[u8]| Signature { signature: Blob(bytes.to_vec()), signed: None };
    bytes(&Bundle {
        format: <Bundle as object::Object>::FORMAT.to_owned(),
        request: Blob(bytes(request)),
        submission: Blob(bytes(&submission("ci", "ci", request))),
        approvals: Vec::new(),
        companions: Vec::new(),
        provenance: Vec::new(),
        corim: None,
        signatures: signatures.iter().map(signature).collect(),
    })
}

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
    assert_eq!(m.client.publish(&r, &bundle(&r, &[b"signature"])).await.unwrap().index, 6);
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
        assert_eq!(m.client.publish(&r, &bundle(&r, &[b"s"])).await.unwrap().index, 5);
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
    let r = m.request_with("a", |r| r.not_after = Timestamp::from_unix(now() + 2));
    let r = m.submitted(r, "a").await;
    m.client.approve("alice", &r).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(refusal(m.client.approve("bob", &r).await), precondition("request_expired"));
    assert_eq!(refusal(m.client.attempt(&r, 1).await), precondition("request_expired"));
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
    let r = m.submitted(urgent, "b").await;
    let early = m.client.review_with(&review("dave", "dave", &r)).await;
    assert_eq!(refusal(early), precondition("review_not_published"));
    m.client.approve("carol", &r).await.unwrap();
    m.client.attempt(&r, 1).await.unwrap();
    m.client.signed(&r, &[b"s"]).await.unwrap();
    m.client.publish(&r, &bundle(&r, &[b"s"])).await.unwrap();
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
    m.client.publish(&normal, &bundle(&normal, &[b"signature"])).await.unwrap();
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
    let early = m.client.publish(&r, &bundle(&r, &[])).await;
    assert_eq!(refusal(early), precondition("publish_not_signed"));
    let s = m.signed("b").await;
    assert_eq!(refusal(m.client.publish(&s, b"bundle").await).0, Code::InvalidArgument);
    let other = m.client.publish(&s, &bundle(&r, &[b"signature"])).await;
    assert_eq!(refusal(other), malformed("bundle_other_request"));
    let resigned = m.client.publish(&s, &bundle(&s, &[b"another"])).await;
    assert_eq!(refusal(resigned), precondition("bundle_other_signatures"));
    m.client.publish(&s, &bundle(&s, &[b"signature"])).await.unwrap();
    let mut second: Bundle = object::read(&bundle(&s, &[b"signature"]), &Limits::DEFAULT).unwrap();
    second.approvals.push(Blob(b"one more".to_vec()));
    assert_eq!(refusal(m.client.publish(&s, &bytes(&second)).await), precondition("published_before"));
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
    m.client.publish(&r, &bundle(&r, &[b"signature"])).await.unwrap();
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
    let mut kept = std::collections::BTreeMap::new();
    for file in std::fs::read_dir(m.site.path("log/object")).unwrap() {
        let object = std::fs::read(file.unwrap().path()).unwrap();
        kept.insert(ObjectId::of(&object), object);
    }
    let view = LogView::replay(m.site.pin, entries, &kept, note.as_bytes(), limits);
    assert_eq!(view.unwrap_err().code(), "witness_quorum_not_reached");
}
