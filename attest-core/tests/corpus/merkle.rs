//! Merkle proofs of other people's logs.

use std::path::Path;

use attest_core::Limits;
use attest_core::audit::checkpoint::{self, Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::{KeyType, SignedNote, VerifierKey};
use attest_core::audit::tree::{Hash, TreeHead, verify_consistency, verify_inclusion};
use attest_core::audit::witness::{WitnessQuorum, WitnessedCheckpoint};
use base64::Engine as _;
use serde_json::Value;

use crate::score::{Exception, Score, corpus, json};

/// Bundles made to be refused: by their proof or by what it is about.
const REFUSED: &[Exception] = &[
    ("bundle-empty-certificate-chain_fail", "tree_proof_length", "one hash for a tree of 23 million leaves"),
    ("incorrect-public-key_fail", "tree_root_mismatch", "the key in the entry was changed"),
    ("invalid-inclusion-proof_fail", "tree_root_mismatch", "an older proof, of another entry"),
];

/// Proofs of trees, and of subtrees: the tree over the leaves `start..end` of a larger one, where `start` is a multiple of the smallest
/// power of two that is not below `end - start`. A subtree that begins with the first leaf is a tree.
#[test]
fn merkle_proofs() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("Merkle proofs");
    for expected in json(&root.join("expected/tlog_merkle.json")).as_array().expect("array") {
        let file = expected["file"].as_str().expect("file");
        let accept = expected["expect"] == "accept";
        let case = json(&root.join(file));
        assert_eq!(case["wantErr"], !accept, "{file}");
        let verified = match kind(file) {
            "inclusion" => inclusion(&case, 0, &case["treeSize"]),
            "consistency" => consistency(&case, &case["size1"], &case["size2"]),
            "subtreeinclusion" => is_subtree(&case) && inclusion(&case, number(&case["start"]), &case["end"]),
            "subtreeconsistency" => {
                is_subtree(&case) && case["start"] == 0 && consistency(&case, &case["end"], &case["size"])
            }
            other => panic!("{file}: {other}"),
        };
        score.check(file, "verified", verified == accept);
    }
    score.finish(&[], 260);
}

fn kind(file: &str) -> &str {
    let parts: Vec<&str> = file.split('/').collect();
    let folder = parts.iter().position(|part| *part == "testdata").expect("testdata");
    parts[folder + 1]
}

fn inclusion(case: &Value, start: u64, end: &Value) -> bool {
    let (Some(leaf), Some(root)) = (hash(&case["leafHash"]), hash(&case["root"])) else { return false };
    let (Some(index), Some(size)) =
        (number(&case["leafIdx"]).checked_sub(start), number(end).checked_sub(start))
    else {
        return false;
    };
    let Some(proof) = proof(case) else { return false };
    verify_inclusion(&leaf, index, &proof, &TreeHead { size, root }).is_ok()
}

fn consistency(case: &Value, old: &Value, new: &Value) -> bool {
    let (Some(root1), Some(root2)) = (hash(&case["root1"]), hash(&case["root2"])) else { return false };
    let (old, new) =
        (TreeHead { size: number(old), root: root1 }, TreeHead { size: number(new), root: root2 });
    proof(case).is_some_and(|proof| verify_consistency(&old, &proof, &new).is_ok())
}

fn is_subtree(case: &Value) -> bool {
    let (start, end) = (number(&case["start"]), number(&case["end"]));
    start < end && start.is_multiple_of((end - start).next_power_of_two())
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// Bytes of another length are no hash.
fn hash(value: &Value) -> Option<Hash> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str()?).expect("base64");
    Some(Hash::from_bytes(bytes.try_into().ok()?))
}

fn proof(case: &Value) -> Option<Vec<Hash>> {
    match &case["proof"] {
        Value::Null => Some(Vec::new()),
        hashes => hashes.as_array().expect("array").iter().map(hash).collect(),
    }
}

/// The inclusion proofs of Rekor entries lead from the entry's own bytes to the root that they name.
#[test]
fn rekor_inclusion_proofs() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("Rekor inclusion proofs");
    for (name, entry) in entries(&root) {
        let proof = &entry["inclusionProof"];
        let Some(body) = entry["canonicalizedBody"].as_str().filter(|_| proof.is_object()) else { continue };
        let body = base64::engine::general_purpose::STANDARD.decode(body).expect("base64");
        let text = |key: &str| proof[key].as_str().unwrap_or("0").parse().expect("a number");
        let hashes: Option<Vec<Hash>> = proof["hashes"].as_array().into_iter().flatten().map(hash).collect();
        let Some((root, hashes)) = hash(&proof["rootHash"]).zip(hashes) else {
            score.check(&name, "a hash of another length", false);
            continue;
        };
        let head = TreeHead { size: text("treeSize"), root };
        let verified = verify_inclusion(&Hash::of_leaf(&body), text("logIndex"), &hashes, &head);
        let what = verified.map_or_else(|error| error.code().to_owned(), |()| "included".to_owned());
        score.check(&name, &what, verified.is_ok());
    }
    score.finish(REFUSED, 20);
}

/// The log entries of sigstore's conformance bundles, by the bundle's name.
pub(crate) fn entries(root: &Path) -> Vec<(String, Value)> {
    let folder = root.join("all/sigstore__sigstore-conformance/test/assets/bundle-verify");
    let mut entries = Vec::new();
    for folder in crate::common::folders(&folder) {
        let Ok(bytes) = std::fs::read(folder.join("bundle.sigstore.json")) else { continue };
        let bundle: Value = serde_json::from_slice(&bytes).expect("JSON");
        let name = folder.file_name().expect("name").to_string_lossy().into_owned();
        for entry in bundle["verificationMaterial"]["tlogEntries"].as_array().into_iter().flatten() {
            entries.push((name.clone(), entry.clone()));
        }
    }
    entries
}

/// Checkpoints of Rekor: each is a note and a checkpoint, and those that Rekor v2 signed verify by its keys in the trust roots beside them,
/// for the tree that the inclusion proof leads to. Rekor v1 signs with ECDSA, which no checkpoint of ours is signed with.
#[test]
fn rekor_checkpoints() {
    let Some(root) = corpus() else { return };
    let keys = rekor_keys(&root);
    let mut score = Score::new("Rekor checkpoints");
    for (name, entry) in entries(&root) {
        let proof = &entry["inclusionProof"];
        let Some(note) = proof["checkpoint"]["envelope"].as_str() else { continue };
        let parsed =
            SignedNote::parse(note.as_bytes(), &Limits::DEFAULT).map_err(checkpoint::Error::from).and_then(
                |note| Checkpoint::parse(note.text(), &Limits::DEFAULT).map(|read| (note.text(), read)),
            );
        let (text, read) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                score.check(&name, error.code(), false);
                continue;
            }
        };
        score.check(&name, "written as it was read", read.to_string() == text);
        if !read.origin().starts_with("log2025-") {
            continue;
        }
        let key = keys.iter().find(|key| key.name() == read.origin());
        let log = key.map(|key| LogIdentity::new(key.clone()).expect("a log's key"));
        let signed = log.map(|log| SignedCheckpoint::verify(note.as_bytes(), &log, &Limits::DEFAULT));
        let what = match &signed {
            None => "unknown log",
            Some(Err(error)) => error.code(),
            Some(Ok(_)) => "signed",
        };
        score.check(&name, what, matches!(signed, Some(Ok(_))));
        if let Some(Ok(signed)) = signed {
            let size = proof["treeSize"].as_str().expect("size").parse::<u64>().expect("a number");
            let is_proofs =
                signed.head().size == size && Some(signed.head().root) == hash(&proof["rootHash"]);
            score.check(&name, "the proof's tree", is_proofs);
        }
    }
    score.finish(UNSIGNED, 20);
}

const UNSIGNED: &[Exception] = &[
    ("rekor2-checkpoint-missing-root-hash_fail", "checkpoint_line_missing", "made without a root hash"),
    ("rekor2-checkpoint-no-matching-signature_fail", "unknown log", "of a log that no trust root has"),
];

/// The Ed25519 keys of logs in all trust roots, under the names of their hosts; each one's id is the one that the trust root says.
fn rekor_keys(root: &Path) -> Vec<VerifierKey> {
    let mut keys = Vec::new();
    let folder = root.join("all/sigstore__sigstore-conformance/test/assets/bundle-verify");
    for folder in crate::common::folders(&folder) {
        let Ok(bytes) = std::fs::read(folder.join("trusted_root.json")) else { continue };
        let trusted: Value = serde_json::from_slice(&bytes).expect("JSON");
        for log in trusted["tlogs"].as_array().expect("tlogs") {
            let url = log["baseUrl"].as_str().expect("URL");
            let host =
                url.strip_prefix("https://").filter(|_| log["publicKey"]["keyDetails"] == "PKIX_ED25519");
            let Some(name) = host else { continue };
            let bytes = |value: &Value| {
                base64::engine::general_purpose::STANDARD
                    .decode(value.as_str().expect("text"))
                    .expect("base64")
            };
            // SubjectPublicKeyInfo: the key is its end.
            let public = *bytes(&log["publicKey"]["rawBytes"]).last_chunk().expect("32 bytes");
            let key = VerifierKey::new(name, KeyType::Ed25519, public).expect("a sound key");
            assert_eq!(key.id().to_be_bytes(), bytes(&log["logId"]["keyId"])[..4], "{url}");
            keys.push(key);
        }
    }
    keys
}

/// One checkpoint of a log of four million entries, and three witnesses of the public network who cosigned it. The keys are those that
/// their operators publish.
#[test]
fn a_real_checkpoint_and_its_real_witnesses() {
    let Some(root) = corpus() else { return };
    let witnesses = [
        "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G",
        "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
        "staging.witness.transparency.goog/ring-any-bells+2e1a8dc9+BG5JTpLc3FJtwzgh1Uv+Qelz9qeOH2bfWjS1s0s+y4rL",
    ];
    let witnesses = witnesses.map(|key| VerifierKey::parse(key).expect("key")).to_vec();
    let quorum = WitnessQuorum::new(3, witnesses, &Limits::DEFAULT).expect("quorum");
    let name = "log2025-alpha3.rekor.sigstage.dev";
    let key = rekor_keys(&root).into_iter().find(|key| key.name() == name).expect("key");
    let log = LogIdentity::new(key).expect("a log's key");
    let (_, entry) =
        entries(&root).into_iter().find(|(name, _)| name == "rekor2-dsse-happy-path").expect("bundle");
    let note = entry["inclusionProof"]["checkpoint"]["envelope"].as_str().expect("checkpoint");
    let signed = SignedCheckpoint::verify(note.as_bytes(), &log, &Limits::DEFAULT).expect("signed");
    let witnessed = WitnessedCheckpoint::verify(signed, &quorum).expect("witnessed");
    assert_eq!((witnessed.head().size, witnessed.time().unix()), (4_026_479, 1_778_700_214));
    assert_eq!(witnessed.cosignatures().len(), 3);
}
