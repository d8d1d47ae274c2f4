//! What the recovery quorum wants waits at the server, too: for seven days, by witnesses' clocks, and until a root member objects.

use attest_core::Limits;
use attest_core::Timestamp;
use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::KeyType;
use attest_core::audit::tree::Frontier;
use attest_core::audit::witness::{LastCosigned, decide};
use attest_core::release::ObjectId;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::policy::PolicyDocument;
use attest_proto::release::v1::{ObjectToRecoveryRequest, RecoverRequest, RecoveredRequest};
use attest_server::log::{NoteKey, Writer};
use attest_server::server::Running;
use serde_json::{Value, json};
use tonic::Code;

use crate::client::{Answer, Client, refusal};
use crate::organisation::*;
use crate::site::{ORIGIN, Site};

const LIMITS: &Limits = &Limits::DEFAULT;
const DAY: u64 = 86_400;

/// A site with a recovery quorum, and a witness whose key the test has.
struct Lost {
    site: Site,
    witness: NoteKey,
}

impl Lost {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let witness = NoteKey::make(&folder.path().join("w"), "w1.example").unwrap();
        let key = witness.verifier(KeyType::CosignatureV1).unwrap().to_string();
        let site = Site::with(1, 1, |policy: &mut Value| {
            policy["recovery"] = json!("group recovery 2 dave erin\nquorum recovery");
            policy["log"]["witnesses"]["w1"]["key"] = json!(key);
        });
        Self { site, witness }
    }

    /// What dave and erin want.
    fn next(&self, change: impl FnOnce(&mut Value)) -> PolicyDocument {
        let mut next = self.site.policy.clone();
        next["version"] = json!(2);
        next["previous"] = json!(self.site.pin.to_string());
        next["root"] = json!("group root 2 carol dave erin\nquorum root");
        change(&mut next);
        serde_json::from_value(next).unwrap()
    }

    async fn serve(&self) -> (Running, Client) {
        let server = self.site.serve(self.site.config(true, &[])).await;
        let client = Client::on(self.site.connect(server.grpc()).await);
        (server, client)
    }

    /// The witness saw these leaves at this time.
    fn seen(&self, leaves: &[Vec<u8>], time: u64) -> Vec<u8> {
        let entries = leaves.iter().map(Vec::as_slice);
        let head = Frontier::new().append(entries, LIMITS).unwrap().head;
        let key = NoteKey::open(&self.site.path("log.key")).unwrap();
        let mut note = Checkpoint::new(ORIGIN, head, LIMITS).unwrap().sign(&key).unwrap();
        let log = LogIdentity::new(key.verifier(KeyType::Ed25519).unwrap()).unwrap();
        let signed = SignedCheckpoint::verify(note.as_bytes(), &log, LIMITS).unwrap();
        let time = Timestamp::from_unix(time);
        let cosignable = decide(&LastCosigned::never(), 0, &[], signed, time).unwrap();
        note += &cosignable.cosign("w1.example", &self.witness).unwrap();
        note.into_bytes()
    }

    /// A log in which that is wanted since so long ago, and the checkpoint of then.
    fn since(&self, seconds: u64, next: &PolicyDocument) -> Vec<u8> {
        let key = NoteKey::open(&self.site.path("log.key")).unwrap();
        let mut writer = Writer::open(&self.site.path("log"), key, LIMITS, |_, _| {}).unwrap();
        let recoveries: Vec<Vec<u8>> = statements(next, &["dave", "erin"]);
        writer.keep(&std::fs::read(self.site.path("policy-1.cbor")).unwrap()).unwrap();
        writer.keep(&bytes(next)).unwrap();
        for statement in &recoveries {
            writer.keep(statement).unwrap();
        }
        let then = now() - seconds;
        let leaf = |event| bytes(&Leaf::new(Timestamp::from_unix(then), event));
        let recoveries = recoveries.iter().map(|statement| ObjectId::of(statement)).collect();
        let leaves = [
            leaf(Event::Policy { policy: self.site.pin, successions: vec![] }),
            leaf(Event::Recovery { policy: id_of(next), recoveries }),
        ];
        writer.append(&leaves).unwrap();
        self.seen(&leaves, then)
    }
}

fn statements(policy: &PolicyDocument, people: &[&str]) -> Vec<Vec<u8>> {
    people.iter().map(|who| bytes(&recovery(who, policy))).collect()
}

async fn recover(client: &mut Client, policy: &PolicyDocument, people: &[&str]) -> Answer {
    let asked = RecoverRequest { policy: bytes(policy), recoveries: statements(policy, people) };
    Ok(client.mailbox.recover(asked).await?.into_inner())
}

async fn recovered(client: &mut Client, policy: &PolicyDocument, checkpoint: &[u8]) -> Answer {
    let policy_id = id_of(policy).as_bytes().to_vec();
    let asked = RecoveredRequest { policy_id, checkpoint: checkpoint.to_vec() };
    Ok(client.mailbox.recovered(asked).await?.into_inner())
}

async fn object(client: &mut Client, who: &str, policy: &PolicyDocument) -> Answer {
    let objection = bytes(&objection(who, policy));
    Ok(client.mailbox.object_to_recovery(ObjectToRecoveryRequest { objection }).await?.into_inner())
}

fn not_now(code: &str) -> (Code, String) {
    (Code::FailedPrecondition, code.to_owned())
}

#[tokio::test]
async fn a57_what_the_recovery_quorum_wants_waits_and_root_members_object() {
    let lost = Lost::new();
    let (wanted, other) =
        (lost.next(|_| {}), lost.next(|next| next["families"]["gateway"]["version_step"] = json!(6)));
    let (server, mut client) = lost.serve().await;
    // Before anything is asked that takes as long as the log.
    let alone = recover(&mut client, &wanted, &["dave", "alice"]).await.unwrap_err();
    assert_eq!(alone.message(), "dave said so, and that is not enough");
    for people in [&[][..], &["dave"], &["dave", "dave"], &["carol", "dave"], &["alice", "bob", "carol"]] {
        let refused = refusal(recover(&mut client, &wanted, people).await);
        assert_eq!(refused, not_now("recovery_quorum_not_met"), "{people:?}");
    }
    let elsewhere = lost.next(|next| next["log"]["key"] = json!(other_log()));
    let refused = refusal(recover(&mut client, &elsewhere, &["dave", "erin"]).await);
    assert_eq!(refused, not_now("succession_other_log"));
    let garbage = RecoverRequest { policy: bytes(&wanted), recoveries: vec![b"nothing".to_vec()] };
    assert_eq!(refusal(client.mailbox.recover(garbage).await).0, Code::InvalidArgument);
    assert_eq!(refusal(object(&mut client, "alice", &wanted).await), not_now("objection_to_nothing"));
    let first = recover(&mut client, &wanted, &["dave", "erin"]).await.unwrap();
    let again = recover(&mut client, &wanted, &["dave", "erin"]).await.unwrap();
    assert_eq!((again.index, again.already), (first.index, true));
    // Its days have only begun.
    let leaves = vec![b"other leaves".to_vec()];
    let refused = refusal(recovered(&mut client, &wanted, &lost.seen(&leaves, now())).await);
    assert_eq!(refused, not_now("recovery_too_early"));
    assert_eq!(refusal(recovered(&mut client, &wanted, b"note").await), not_now("recovery_not_witnessed"));
    assert_eq!(refusal(recovered(&mut client, &other, b"note").await), not_now("recovery_not_pending"));
    let long = vec![0; LIMITS.note_bytes + 1];
    assert_eq!(refusal(recovered(&mut client, &wanted, &long).await).0, Code::InvalidArgument);
    assert_eq!(refusal(object(&mut client, "dave", &wanted).await), not_now("objection_does_not_count"));
    let mut forged = objection("bob", &wanted);
    forged.signature = objection("alice", &wanted).signature;
    let asked = ObjectToRecoveryRequest { objection: bytes(&forged) };
    let forged = client.mailbox.object_to_recovery(asked).await.unwrap_err();
    assert_eq!(forged.message(), "the key is not one of `bob`");
    let stopped = object(&mut client, "bob", &wanted).await.unwrap();
    assert!(object(&mut client, "bob", &wanted).await.unwrap().index == stopped.index);
    assert_eq!(refusal(recover(&mut client, &wanted, &["dave", "erin"]).await), not_now("recovery_objected"));
    server.stop().await;
    // A new start reads the same.
    let (server, mut client) = lost.serve().await;
    assert_eq!(refusal(recover(&mut client, &wanted, &["dave", "erin"]).await), not_now("recovery_objected"));
    recover(&mut client, &other, &["dave", "erin"]).await.unwrap();
    server.stop().await;
}

fn other_log() -> String {
    let folder = tempfile::tempdir().unwrap();
    let key = NoteKey::make(&folder.path().join("l"), "log.example/other").unwrap();
    key.verifier(KeyType::Ed25519).unwrap().to_string()
}

#[tokio::test]
async fn what_waited_for_seven_days_is_followed() {
    let lost = Lost::new();
    let wanted = lost.next(|_| {});
    let seen = lost.since(7 * DAY, &wanted);
    let (server, mut client) = lost.serve().await;
    let answer = recovered(&mut client, &wanted, &seen).await.unwrap();
    assert!(recovered(&mut client, &wanted, &seen).await.unwrap().already);
    assert_eq!(answer.index, 2);
    // Requests are made under it now.
    client.submit(&request(lost.site.pin, id_of(&wanted), "a"), "a").await.unwrap();
    let old = request(lost.site.pin, lost.site.pin, "b");
    assert_eq!(refusal(client.submit(&old, "b").await), not_now("policy_mismatch"));
    server.stop().await;
}

#[tokio::test]
async fn a57_less_than_seven_days() {
    let lost = Lost::new();
    let wanted = lost.next(|_| {});
    let seen = lost.since(7 * DAY - 60, &wanted);
    let (server, mut client) = lost.serve().await;
    assert_eq!(refusal(recovered(&mut client, &wanted, &seen).await), not_now("recovery_too_early"));
    server.stop().await;
}
