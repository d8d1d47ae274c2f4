//! A log goes on under a new name and key, in a folder of its own.

use std::process::{Command, Output};

use attest_core::Limits;
use attest_core::audit::checkpoint::Checkpoint;
use attest_core::audit::note::KeyType;
use attest_core::release::ObjectId;
use attest_core::release::policy::PolicyDocument;
use attest_core::release::view::{LogView, Mark};
use attest_server::log::NoteKey;
use attest_server::witness::{self, Witness};
use serde_json::json;

use crate::client::{Client, refusal};
use crate::mailbox::precondition;
use crate::organisation::*;
use crate::site::Site;
use crate::watched::published;

const LIMITS: &Limits = &Limits::DEFAULT;

/// The program, as an operator calls it; its statements are of these people.
fn go_on(site: &Site, policy: &PolicyDocument, people: &[&str]) -> Output {
    std::fs::write(site.path("next.cbor"), bytes(policy)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
    command.args(["--json", "audit", "continue", "--policy-pin", &site.pin.to_string()]);
    for (flag, file) in
        [("--from", "log"), ("--out", "moved"), ("--log-key", "new.key"), ("--policy", "next.cbor")]
    {
        command.arg(flag).arg(site.path(file));
    }
    for who in people {
        let file = site.path(&format!("{who}.cbor"));
        std::fs::write(&file, bytes(&succession(who, policy))).unwrap();
        command.arg("--statement").arg(file);
    }
    command.output().unwrap()
}

/// The key of the log that goes on.
fn new_key(site: &Site) -> String {
    let key = NoteKey::make(&site.path("new.key"), "log.example/new").unwrap();
    key.verifier(KeyType::Ed25519).unwrap().to_string()
}

/// The next policy, by which the log of `note` goes on under another key behind so many leaves.
fn moving(site: &Site, key: &str, note: &str, size: u64) -> PolicyDocument {
    let head = *Checkpoint::unverified(note.as_bytes(), LIMITS).unwrap().head();
    let mut next = site.policy.clone();
    next["version"] = json!(2);
    next["previous"] = json!(site.pin.to_string());
    next["log"]["key"] = json!(key);
    next["log"]["continues"] = json!({ "size": size, "root": head.root.to_base64() });
    serde_json::from_value(next).unwrap()
}

/// All who replay the log would follow that policy, and the server would sign on with a key that is none of the log's any more.
#[tokio::test(flavor = "multi_thread")]
async fn a68_a_log_does_not_go_on_under_another_key_while_its_server_runs() {
    let site = Site::new(1, 1);
    let witness = site.witness(1).await;
    let server = site.serve(site.config(true, &[witness.address()])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    client.submit(&request(site.pin, site.pin, "a"), "a").await.unwrap();
    let note = published(&mut client, 2).await;
    let next = moving(&site, &new_key(&site), &note, 2);
    let statements = ["alice", "bob"].map(|who| bytes(&succession(who, &next))).to_vec();
    assert_eq!(refusal(client.succeed(bytes(&next), statements).await), precondition("succession_other_log"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_goes_on_where_it_was_left_and_only_from_there() {
    let site = Site::new(1, 1);
    let witness = site.witness(1).await;
    let server = site.serve(site.config(true, &[witness.address()])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    let first = request(site.pin, site.pin, "a");
    client.submit(&first, "a").await.unwrap();
    let note = published(&mut client, 2).await;
    server.stop().await;
    drop(witness);
    let key = new_key(&site);
    let next = |size| moving(&site, &key, &note, size);
    let refused = |output: Output| {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap()
    };
    assert!(refused(go_on(&site, &next(1), &["alice", "bob"])).contains("succession_other_log"));
    assert!(refused(go_on(&site, &next(2), &["alice"])).contains("succession_quorum_not_met"));
    assert!(!site.path("moved").exists(), "nothing is begun");
    // What is written and was not witnessed would be lost.
    let copied = Command::new("cp").arg("-r").args([site.path("log"), site.path("spare")]).status().unwrap();
    assert!(copied.success());
    let server = site.serve(site.config(true, &[])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    client.submit(&request(site.pin, site.pin, "unseen"), "unseen").await.unwrap();
    server.stop().await;
    assert!(refused(go_on(&site, &next(2), &["alice", "bob"])).contains("log_not_published"));
    // An object that is another one than its name says.
    std::fs::remove_dir_all(site.path("log")).unwrap();
    std::fs::rename(site.path("spare"), site.path("log")).unwrap();
    let odd = site.path("log/object").join("0".repeat(64));
    std::fs::write(&odd, b"odd").unwrap();
    assert!(refused(go_on(&site, &next(2), &["alice", "bob"])).contains("object_damaged"));
    std::fs::remove_file(&odd).unwrap();
    std::fs::remove_dir_all(site.path("moved")).unwrap();
    let done = go_on(&site, &next(2), &["alice", "bob"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(go_on(&site, &next(2), &["alice", "bob"]).status.code(), Some(2), "not over another log");
    // The server and the witness, by the new key.
    let witness = Witness::open(&site.path("w1"), std::slice::from_ref(&key)).unwrap();
    let witness = witness::start(witness, "127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let mut config = site.config(true, &[witness.address()]);
    let authority = config.authority.as_mut().unwrap();
    (authority.folder, authority.log_key) = (Some(site.path("moved")), site.path("new.key"));
    let server = site.serve(config).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    client.submit(&request(site.pin, id_of(&next(2)), "b"), "b").await.unwrap();
    let note = published(&mut client, 4).await;
    let leaves = client.leaves().await;
    let objects = std::fs::read_dir(site.path("moved/object")).unwrap();
    let objects = objects.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let objects: std::collections::BTreeMap<_, _> =
        objects.map(|bytes| (ObjectId::of(&bytes), bytes)).collect();
    let entries = leaves.iter().map(Vec::as_slice);
    let view = LogView::replay(site.pin, entries, &objects, note.as_bytes(), LIMITS).unwrap();
    assert_eq!(view.policy().unwrap().id(), id_of(&next(2)));
    assert!(view.place(Mark::Submitted, &id_of(&first)).is_some());
    server.stop().await;
}
