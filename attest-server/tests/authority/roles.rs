//! A56: every call × every role × no or another certificate.

use attest_core::release::ObjectId;
use attest_core::release::policy::PolicyDocument;
use attest_proto::release::v1::*;
use serde_json::json;
use tonic::Code;

use crate::client::{Client, refusal};
use crate::mailbox::denials;
use crate::organisation::{NEWCOMER, bytes, family_change, managing, request, succession};
use crate::site::Site;

const CALLS: [&str; 22] = [
    "submit",
    "approve",
    "review",
    "revoke",
    "succeed",
    "recover",
    "recovered",
    "object_to_recovery",
    "change_family",
    "compensate",
    "publish",
    "attempt",
    "signed",
    "list",
    "get",
    "watch",
    "checkpoint",
    "leaves",
    "inclusion",
    "consistency",
    "object",
    "watch_log",
];
const READING: [&str; 9] =
    ["list", "get", "watch", "checkpoint", "leaves", "inclusion", "consistency", "object", "watch_log"];

/// What comes of one call, with a request that is malformed or about nothing: the code and reason.
async fn call(client: &mut Client, call: &str) -> (Code, String) {
    let nothing = || ObjectId::of(b"nothing").as_bytes().to_vec();
    let (mailbox, log) = (&mut client.mailbox, &mut client.log);
    let garbage = || call.as_bytes().to_vec();
    macro_rules! of {
        ($call:expr) => {
            match $call.await {
                Ok(_) => (Code::Ok, String::new()),
                Err(status) => refusal(Err::<(), _>(status)),
            }
        };
    }
    match call {
        "submit" => {
            of!(mailbox.submit_request(SubmitRequestRequest { request: garbage(), ..Default::default() }))
        }
        "approve" => of!(mailbox.approve(ApproveRequest { approval: garbage() })),
        "review" => of!(mailbox.review(ReviewRequest { review: garbage() })),
        "revoke" => of!(mailbox.revoke(RevokeRequest { revocation: garbage() })),
        "succeed" => of!(mailbox.succeed(SucceedRequest { policy: garbage(), successions: vec![] })),
        "recover" => of!(mailbox.recover(RecoverRequest { policy: garbage(), recoveries: vec![] })),
        "recovered" => {
            of!(mailbox.recovered(RecoveredRequest { policy_id: nothing(), checkpoint: garbage() }))
        }
        "object_to_recovery" => {
            of!(mailbox.object_to_recovery(ObjectToRecoveryRequest { objection: garbage() }))
        }
        "change_family" => {
            of!(mailbox.change_family(ChangeFamilyRequest { change: garbage(), statements: vec![] }))
        }
        "compensate" => {
            of!(mailbox.compensate(CompensateRequest { control: garbage(), statements: vec![] }))
        }
        "publish" => of!(mailbox.publish(PublishRequest { request_id: nothing(), bundle: garbage() })),
        "attempt" => of!(mailbox.attempt(AttemptRequest { request_id: nothing(), number: 1 })),
        "signed" => of!(mailbox.signed(SignedRequest { request_id: nothing(), signatures: vec![] })),
        "list" => of!(mailbox.list_waiting(ListWaitingRequest::default())),
        "get" => of!(mailbox.get_request(GetRequestRequest { request_id: nothing() })),
        "watch" => of!(mailbox.watch(WatchRequest { from: 0 })),
        "checkpoint" => of!(log.get_checkpoint(GetCheckpointRequest {})),
        "leaves" => of!(log.get_leaves(GetLeavesRequest::default())),
        "inclusion" => of!(log.get_inclusion_proof(GetInclusionProofRequest::default())),
        "consistency" => of!(log.get_consistency_proof(GetConsistencyProofRequest::default())),
        "object" => of!(log.get_object(GetObjectRequest { id: nothing() })),
        "watch_log" => of!(log.watch(WatchLogRequest { from: 0 })),
        _ => unreachable!(),
    }
}

/// The calls that get past the door, whatever comes of them then.
async fn may(site: &Site, server: &attest_server::server::Running, names: &[&str]) -> Vec<&'static str> {
    let mut allowed = Vec::new();
    for name in CALLS {
        // A connection of its own: calls of Watch that are open count.
        let mut client = Client::on(site.connect_as(server, names).await);
        let (code, reason) = call(&mut client, name).await;
        match reason.as_str() {
            "identity_missing" => assert_eq!(code, Code::Unauthenticated, "{names:?} {name}"),
            "identity_unknown" | "role_missing" => {
                assert_eq!(code, Code::PermissionDenied, "{names:?} {name}")
            }
            _ => allowed.push(name),
        }
    }
    allowed
}

fn and_reading(calls: &[&'static str]) -> Vec<&'static str> {
    CALLS.into_iter().filter(|call| calls.contains(call) || READING.contains(call)).collect()
}

#[tokio::test]
async fn a56_every_call_by_every_role() {
    let site = Site::new(1, 1);
    let mut config = site.config(false, &[]);
    config.authority.as_mut().unwrap().watchers = 64;
    let server = site.serve(config).await;
    for (name, calls) in [
        ("ci", &["submit"][..]),
        ("reader", &[]),
        (
            "alice",
            &[
                "submit",
                "approve",
                "revoke",
                "succeed",
                "recover",
                "recovered",
                "object_to_recovery",
                "publish",
            ],
        ),
        (
            "bob",
            &[
                "approve",
                "succeed",
                "recover",
                "recovered",
                "object_to_recovery",
                "change_family",
                "compensate",
                "publish",
            ],
        ),
        ("dave", &["review", "revoke", "change_family", "compensate"]),
        ("erin", &["review", "compensate"]),
        (
            "carol",
            &[
                "approve",
                "review",
                "succeed",
                "recover",
                "recovered",
                "object_to_recovery",
                "change_family",
                "publish",
            ],
        ),
        ("hermetic", &[]),
        ("signer", &["publish", "attempt", "signed"]),
    ] {
        assert_eq!(may(&site, &server, &[name]).await, and_reading(calls), "{name}");
    }
    // A good certificate, and nobody: strangers, the operator's own server, two names, none that a policy can have.
    for names in [&["mallory"][..], &["localhost"], &["alice", "signer"], &["*.example"], &[]] {
        assert_eq!(may(&site, &server, names).await, [""; 0], "{names:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a56_people_whom_a_family_brought_in() {
    let site = Site::new(1, 1);
    let mut config = site.config(false, &[]);
    config.authority.as_mut().unwrap().watchers = 64;
    let server = site.serve(config).await;
    assert_eq!(may(&site, &server, &[NEWCOMER]).await, [""; 0]);
    let mut change = family_change(site.pin, &site.policy);
    change.channels.get_mut("urgent").unwrap().review =
        Some("group review 1 carol dave erin\nquorum review".to_owned().try_into().unwrap());
    let mut bob = Client::on(site.connect_as(&server, &["bob"]).await);
    let statements = ["bob", "carol"].map(|who| bytes(&managing(who, &change))).into();
    let asked = ChangeFamilyRequest { change: bytes(&change), statements };
    bob.mailbox.change_family(asked).await.unwrap();
    // Zoe came, and approves: nothing else. Alice left the rules of the family, and is who she is for the root.
    assert_eq!(may(&site, &server, &[NEWCOMER]).await, and_reading(&["approve", "publish"]));
    let root = ["succeed", "recover", "recovered", "object_to_recovery"];
    let alice = [&["submit", "revoke", "publish"][..], &root].concat();
    assert_eq!(may(&site, &server, &["alice"]).await, and_reading(&alice));
    server.stop().await;
}

#[tokio::test]
async fn a69_who_publishes_is_named_in_the_requests_family() {
    let site = Site::with(1, 1, |policy| {
        let mut sensor = policy["families"]["gateway"].clone();
        sensor["requesters"] = json!(["dave"]);
        policy["families"]["sensor"] = sensor;
    });
    let server = site.serve(site.config(false, &[])).await;
    let r = request(site.pin, site.pin, "a");
    Client::on(site.connect_as(&server, &["ci"]).await).submit(&r, "a").await.unwrap();
    for (who, refused) in [
        ("dave", (Code::PermissionDenied, "role_missing")),
        ("bob", (Code::FailedPrecondition, "publish_not_signed")),
        ("alice", (Code::FailedPrecondition, "publish_not_signed")),
        ("signer", (Code::FailedPrecondition, "publish_not_signed")),
    ] {
        let mut client = Client::on(site.connect_as(&server, &[who]).await);
        let (code, reason) = refusal(client.publish(&r, b"bundle").await);
        assert_eq!((code, reason.as_str()), refused, "{who}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a53_who_may_not_takes_no_room_and_a_stranger_writes_nothing() {
    let site = Site::new(1, 1);
    // A witness that takes its time: what is handed in waits for its first answer, and a megabyte of it may.
    let witness = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = site.config(false, &[witness.local_addr().unwrap()]);
    (config.limits.evidence_message_bytes, config.limits.incoming_bytes) = (1 << 20, 1 << 20);
    let authority = config.authority.as_mut().unwrap();
    (authority.message_bytes, authority.denials_per_hour) = (1 << 20, 2);
    let server = site.serve(config).await;
    let large = |at: u8| ApproveRequest { approval: vec![at; 700_000] };
    let client = async |who: &str| Client::on(site.connect_as(&server, &[who]).await);
    let (mut mallory, mut reader) = (client("mallory").await, client("reader").await);
    let mut waiting = tokio::task::JoinSet::new();
    for mut client in [client("bob").await, client("carol").await] {
        let asked = large(0);
        waiting.spawn(async move { refusal(client.mailbox.approve(asked).await).1 });
    }
    // The first of them that is answered found no room, for the other one has it. Whoever may not hand in anything asks for none.
    waiting.join_next().await.unwrap().unwrap();
    for at in 0..4 {
        assert_eq!(refusal(mallory.mailbox.approve(large(at)).await).1, "identity_unknown");
    }
    waiting.join_next().await.unwrap().unwrap();
    for at in 0..4 {
        assert_eq!(refusal(reader.mailbox.approve(large(at)).await).1, "role_missing");
    }
    server.stop().await;
    let denied = denials(&site);
    assert_eq!(denied.iter().filter(|why| *why == "role_missing").count(), 2, "not without end: {denied:?}");
    assert!(
        !denied.contains(&"identity_unknown".to_owned()),
        "of nobody whom the policy does not name: {denied:?}"
    );
}

#[tokio::test]
async fn a56_the_administrator_of_the_server_has_no_role() {
    let site = Site::new(1, 1);
    let mut config = site.config(false, &[]);
    // Whoever configures the server may name any certificate as an administrator's: it is none of the policy's.
    config.tls.admin_certificates_sha256 = vec!["0a".repeat(32)];
    config.authority.as_mut().unwrap().signer_name = None;
    let server = site.serve(config).await;
    assert_eq!(may(&site, &server, &["admin"]).await, [""; 0]);
    // Without a signer in the configuration nobody is it.
    assert_eq!(may(&site, &server, &["signer"]).await, [""; 0]);
    server.stop().await;
}

#[tokio::test]
async fn a56_each_sees_what_waits_for_itself_alone() {
    let site = Site::new(1, 1);
    let server = site.serve(site.config(false, &[])).await;
    let mut client = Client::on(site.connect_as(&server, &["bob"]).await);
    let asked = |identity: &str| ListWaitingRequest { identity: identity.to_owned(), ..Default::default() };
    assert!(client.mailbox.list_waiting(asked("bob")).await.is_ok());
    let other = client.mailbox.list_waiting(asked("alice")).await;
    assert_eq!(refusal(other), (Code::PermissionDenied, "role_missing".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn a56_who_is_no_identity_any_more_is_told_nothing_more() {
    let site = Site::new(1, 1);
    let server = site.serve(site.config(false, &[])).await;
    let mut reader = Client::on(site.connect_as(&server, &["reader"]).await);
    let mut events = reader.mailbox.watch(WatchRequest { from: 1 }).await.unwrap().into_inner();
    let mut next = site.policy.clone();
    next["version"] = json!(2);
    next["previous"] = json!(site.pin.to_string());
    next["identities"].as_object_mut().unwrap().remove("reader");
    let next: PolicyDocument = serde_json::from_value(next).unwrap();
    let statements = ["alice", "bob"].iter().map(|who| bytes(&succession(who, &next))).collect();
    let mut alice = Client::on(site.connect_as(&server, &["alice"]).await);
    alice.succeed(bytes(&next), statements).await.unwrap();
    let told = tokio::time::timeout(std::time::Duration::from_secs(60), events.message()).await.unwrap();
    assert_eq!(refusal(told), (Code::PermissionDenied, "identity_unknown".to_owned()));
    let again = reader.mailbox.watch(WatchRequest { from: 1 }).await;
    assert_eq!(refusal(again), (Code::PermissionDenied, "identity_unknown".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn without_the_section_there_is_no_such_service() {
    let site = Site::new(1, 1);
    let mut config = site.config(true, &[]);
    config.authority = None;
    let server = site.serve(config).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    let asked = client.log.get_checkpoint(GetCheckpointRequest {}).await;
    assert_eq!(asked.unwrap_err().code(), Code::Unimplemented);
    server.stop().await;
}
