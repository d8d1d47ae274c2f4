//! The log as others read it: over gRPC, over HTTP, with Go's packages, and with `attest audit verify`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use attest_core::Limits;
use attest_core::audit::checkpoint::{LogIdentity, SignedCheckpoint};
use attest_core::audit::note::VerifierKey;
use attest_core::audit::tree::{Hash, TreeHead, verify_consistency, verify_inclusion};
use attest_core::audit::witness::{WitnessQuorum, WitnessedCheckpoint};
use attest_core::release::ObjectId;
use attest_core::release::statement::Revoked;
use attest_proto::release::v1::*;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::client::{id, refusal};
use crate::organisation::*;
use crate::watched::Watched;

const LIMITS: &Limits = &Limits::DEFAULT;

fn hashes(all: &[Vec<u8>]) -> Vec<Hash> {
    all.iter().map(|hash| Hash::from_bytes(hash.as_slice().try_into().unwrap())).collect()
}

impl Watched {
    /// What witnesses signed, verified by what the policy names.
    async fn head(&mut self, size: u64) -> TreeHead {
        let note = self.published(size).await;
        let log = LogIdentity::new(VerifierKey::parse(&self.site.log_key).unwrap()).unwrap();
        let keys = self.site.witness_keys.iter().map(|key| VerifierKey::parse(key).unwrap()).collect();
        let signed = SignedCheckpoint::verify(note.as_bytes(), &log, LIMITS).unwrap();
        let quorum = WitnessQuorum::new(2, keys, LIMITS).unwrap();
        *WitnessedCheckpoint::verify(signed, &quorum).unwrap().head()
    }

    /// So many requests of `ci`, as many at once as one connection takes.
    pub(crate) async fn fill(&mut self, range: std::ops::Range<u64>) {
        let numbers: Vec<u64> = range.collect();
        for some in numbers.chunks(50) {
            let submit = |number: &u64| {
                let (mut client, tag) = (self.client.clone(), format!("r{number}"));
                let request = self.request(&tag);
                tokio::spawn(async move { client.submit(&request, &tag).await.unwrap() })
            };
            let calls: Vec<_> = some.iter().map(submit).collect();
            for call in calls {
                call.await.unwrap();
            }
        }
    }

    /// A GET by hand: the head of the answer and its body.
    async fn get(&self, line: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.server.http()).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        let at = reply.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (String::from_utf8(reply[..at].to_vec()).unwrap(), reply[at + 4..].to_vec())
    }
}

#[tokio::test]
async fn proofs_lead_to_what_witnesses_signed() {
    let mut w = Watched::new().await;
    w.fill(0..9).await;
    let head = w.head(10).await;
    let leaves = w.client.leaves().await;
    assert_eq!(leaves.len(), 10);
    for index in 0..10 {
        let asked = GetInclusionProofRequest { index, size: 0 };
        let proof = w.client.log.get_inclusion_proof(asked).await.unwrap().into_inner();
        let leaf = Hash::of_leaf(&leaves[usize::try_from(index).unwrap()]);
        assert_eq!(verify_inclusion(&leaf, index, &hashes(&proof.hashes), &head), Ok(()));
    }
    w.fill(9..14).await;
    let newer = w.head(15).await;
    let asked = GetConsistencyProofRequest { old_size: 10, new_size: 15 };
    let proof = w.client.log.get_consistency_proof(asked).await.unwrap().into_inner();
    assert_eq!(verify_consistency(&head, &hashes(&proof.hashes), &newer), Ok(()));

    let beyond = (Code::OutOfRange, "leaf_beyond_log".to_owned());
    let asked = GetInclusionProofRequest { index: 15, size: 0 };
    assert_eq!(refusal(w.client.log.get_inclusion_proof(asked).await), beyond);
    let asked = GetConsistencyProofRequest { old_size: 1, new_size: 16 };
    assert_eq!(refusal(w.client.log.get_consistency_proof(asked).await), beyond);
    let asked = |first| GetLeavesRequest { first, count: 1 };
    assert!(w.client.log.get_leaves(asked(15)).await.unwrap().into_inner().leaves.is_empty());
    assert_eq!(refusal(w.client.log.get_leaves(asked(16)).await), beyond);
    let asked = GetConsistencyProofRequest { old_size: 5, new_size: 4 };
    assert_eq!(refusal(w.client.log.get_consistency_proof(asked).await).1, "tree_backwards");
    let asked = GetLeavesRequest { first: 3, count: 2 };
    let some = w.client.log.get_leaves(asked).await.unwrap().into_inner();
    assert_eq!(some.leaves, leaves[3..5]);
    assert_eq!(
        refusal(w.client.log.get_object(GetObjectRequest { id: vec![7; 32] }).await).0,
        Code::NotFound
    );
    assert_eq!(
        refusal(w.client.log.get_object(GetObjectRequest { id: vec![7; 31] }).await).1,
        "id_malformed"
    );
    w.server.stop().await;
}

#[tokio::test]
async fn the_log_is_served_over_http() {
    let mut w = Watched::new().await;
    w.fill(0..300).await;
    let note = w.published(301).await;
    let (head, body) = w.get("GET /checkpoint").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain; charset=utf-8") && head.contains("max-age=2"), "{head}");
    assert_eq!(body, note.as_bytes());
    let (head, body) = w.get("GET /tile/0/000").await;
    assert_eq!(body.len(), 8_192);
    assert!(head.contains("content-type: application/octet-stream") && head.contains("immutable"), "{head}");
    assert_eq!(w.get("GET /tile/0/001.p/45").await.1.len(), 45 * 32);
    let object = format!("/object/{}", hex::encode(w.site.pin.as_bytes()));
    assert_eq!(w.get(&format!("GET {object}")).await.1, std::fs::read(w.site.path("policy-1.cbor")).unwrap());
    let (head, body) = w.get("HEAD /tile/0/000").await;
    assert!(head.contains("content-length: 8192") && body.is_empty(), "{head}");
    for missing in
        ["/head", "/lock", "/tile/0/001.p/46", "/tile/0/002", "/object/00", "/object/../head", "//checkpoint"]
    {
        assert!(w.get(&format!("GET {missing}")).await.0.starts_with("HTTP/1.1 404"), "{missing}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let (head, _) = w.get(&format!("{method} /checkpoint")).await;
        assert!(head.starts_with("HTTP/1.1 405") && head.contains("allow: GET, HEAD"), "{head}");
    }
    w.server.stop().await;
}

/// Go's packages and the program that uses them; nothing where there is no Go.
fn go() -> Option<PathBuf> {
    let packages = Path::new("/usr/share/gocode");
    let installed = packages.join("src/golang.org/x/mod/sumdb/tlog").is_dir()
        && Command::new("go").arg("version").output().is_ok_and(|output| output.status.success());
    if !installed {
        let missing = "Go and golang.org/x/mod are not installed (golang-go, golang-golang-x-mod-dev)";
        assert!(std::env::var_os("ATTEST_REQUIRE_GO").is_none(), "{missing}");
        drop(writeln!(std::io::stderr(), "SKIPPED: {missing}"));
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = folder.join("tlog-fetch");
    let output = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop/go/tlog.go"))
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .env("GOPATH", packages)
        .env("GOCACHE", folder.join("go-cache"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

#[tokio::test(flavor = "multi_thread")]
async fn go_reads_the_log_over_http() {
    let Some(go) = go() else { return };
    let mut w = Watched::new().await;
    w.fill(0..300).await;
    w.published(301).await;
    std::fs::write(w.site.path("key"), &w.site.log_key).unwrap();
    std::fs::write(w.site.path("witnesses"), w.site.witness_keys.join("\n")).unwrap();
    std::fs::write(w.site.path("proofs"), "").unwrap();
    let fetch = |url: String| {
        let mut command = Command::new(&go);
        command.args(["fetch", &url]).arg(w.site.folder.path()).arg("7");
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let output = fetch(format!("http://{}", w.server.http())).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(told, "301 entries, 43 proven, 0 proofs, 3 signatures\n");
    // And it looks at what it is given.
    std::fs::write(w.site.path("witnesses"), w.site.witness_keys[0].replace("w1", "w3")).unwrap();
    let output = fetch(format!("http://{}", w.server.http())).await.unwrap();
    assert!(!output.status.success());
    w.server.stop().await;
}

fn verify(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_attest"))
        .args(["audit", "verify", "--json"])
        .args(arguments)
        .output()
        .unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_replays_the_log_on_the_command_line() {
    let mut w = Watched::new().await;
    w.fill(0..3).await;
    let r = w.request("r0");
    w.client.attempt(&r, 1).await.unwrap();
    w.client.signed(&r, &[b"s"]).await.unwrap();
    let revoked = revocation("alice", "alice", w.site.pin, Revoked::Request(id_of(&r)));
    w.client.revoke_with(&revoked).await.unwrap();
    refusal(w.client.approve("dave", &w.request("r1")).await);
    w.published(8).await;
    let (folder, url) = (w.site.path("log"), format!("http://{}", w.server.http()));
    let (folder, pin) = (folder.to_str().unwrap(), w.site.pin.to_string());
    let (status, told) = verify(&["--folder", folder, "--policy-pin", &pin]);
    assert_eq!(status, Some(0), "{told}");
    let shown = |name: &str| told[name].as_u64().unwrap();
    assert_eq!((shown("size"), shown("requests"), shown("signed")), (8, 3, 1));
    assert_eq!((shown("revoked"), shown("denied"), shown("published")), (1, 1, 0));
    assert_eq!(told["witnesses"].as_array().unwrap().len(), 2);
    assert_eq!(told["passed_over"], Value::Array(vec![]));
    assert_eq!(verify(&["--url", &url, "--policy-pin", &pin]), (Some(0), told));

    let code = |arguments: &[&str]| {
        let (status, told) = verify(arguments);
        (status.unwrap(), told["error"]["code"].as_str().unwrap().to_owned())
    };
    let other = format!("sha256:{}", "0a".repeat(32));
    assert_eq!(code(&["--folder", folder, "--policy-pin", &other]), (1, "view_first_leaf".to_owned()));
    assert_eq!(code(&["--folder", folder, "--policy-pin", "0a"]), (2, "usage".to_owned()));
    assert_eq!(code(&["--folder", "/nowhere", "--policy-pin", &pin]), (2, "log_unreadable".to_owned()));
    let nobody = ["--url", "http://127.0.0.1:1", "--policy-pin", &pin];
    assert_eq!(code(&nobody), (2, "log_unreadable".to_owned()));
    // A leaf that is not there refuses all of it, and a hash of the tree, too: who asks did nothing wrong.
    for level in ["entries", "0"] {
        let (tile, away) = (w.site.path("log/tile").join(level).join("000.p/8"), w.site.path("away"));
        std::fs::rename(&tile, &away).unwrap();
        assert_eq!(code(&["--folder", folder, "--policy-pin", &pin]), (1, "log_tile_missing".to_owned()));
        std::fs::rename(&away, &tile).unwrap();
    }
    // A revocation that is withheld refuses all of it.
    let withheld = w.site.path("log/object").join(hex::encode(id(id_of(&revoked))));
    std::fs::remove_file(withheld).unwrap();
    assert_eq!(code(&["--folder", folder, "--policy-pin", &pin]), (1, "view_object_missing".to_owned()));
    let many =
        std::fs::read_to_string(w.site.path("log/checkpoint")).unwrap().replace("\n8\n", "\n99999999\n");
    let served = tempfile::tempdir().unwrap();
    std::fs::write(served.path().join("checkpoint"), many).unwrap();
    let served = served.path().to_str().unwrap();
    assert_eq!(code(&["--folder", served, "--policy-pin", &pin]), (1, "log_too_large".to_owned()));
    // Without its witnesses a checkpoint is nobody's word.
    let note = std::fs::read_to_string(w.site.path("log/checkpoint")).unwrap();
    let alone: String = note.split_inclusive('\n').take(5).collect();
    std::fs::write(w.site.path("log/checkpoint"), alone).unwrap();
    std::fs::write(w.site.path("log/object").join(hex::encode(id(id_of(&revoked)))), bytes(&revoked))
        .unwrap();
    let refused = code(&["--folder", folder, "--policy-pin", &pin]);
    assert_eq!(refused, (1, "witness_quorum_not_reached".to_owned()));
    w.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a72_a_request_that_nobody_has_keeps_nobody_from_the_others() {
    let mut w = Watched::new().await;
    w.fill(0..1).await;
    let (mut none, mut objects) = (w.request("none"), objects("none"));
    objects[2] = b"to be signed".to_vec();
    none.sign[0].sha256 = ObjectId::of(&objects[2]);
    none.sign[0].size = 12;
    w.client.submit_with(&bytes(&submission("ci", "ci", &none)), &bytes(&none), objects).await.unwrap();
    w.published(3).await;
    let home = tempfile::tempdir().unwrap();
    let text = format!("authority = \"{}\"\nserver = \"http://{}\"\n", w.site.pin, w.server.grpc());
    std::fs::write(home.path().join("release.toml"), text).unwrap();
    let missing = id_of(&w.request("r0"));
    std::fs::remove_file(w.site.path("log/object").join(hex::encode(id(missing)))).unwrap();
    let asked = |what: &'static [&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_attest"))
            .args(["release", "--json", "--home"])
            .arg(home.path())
            .args(what)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{what:?}: {}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let told = tokio::task::block_in_place(|| asked(&["status"]));
    assert_eq!(told["withheld"], serde_json::json!([missing.to_string()]));
    // Nor does one that asks for what is none.
    let [other] = told["requests"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert!(other["standing"]["missing"].to_string().contains("cbor_truncated"), "{other}");
    let told = tokio::task::block_in_place(|| asked(&["who-can-sign-now"]));
    assert_eq!(told["grants"], Value::Array(vec![]));
    let told = tokio::task::block_in_place(|| asked(&["approve", "--all", "--as", "alice", "--yes"]));
    assert_eq!(told["approved"], Value::Array(vec![]));
}
