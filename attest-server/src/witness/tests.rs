use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::{KeyType, SignEd25519, VerifierKey};
use attest_core::audit::tree::{
    Error as TreeError, Frontier, Hash, HashReader, Node, TreeHead, consistency_proof,
};
use attest_core::audit::witness::{AddCheckpoint, WitnessQuorum, WitnessedCheckpoint};
use attest_core::{Limits, Timestamp};

use super::*;
use crate::log::NoteKey;

const LIMITS: &Limits = &Limits::DEFAULT;
const ORIGIN: &str = "log.example/releases";

/// A log of numbers, told in one of many ways.
struct Log {
    key: NoteKey,
    nodes: Vec<(Node, Hash)>,
    heads: Vec<TreeHead>,
}

struct Nodes<'n>(&'n [(Node, Hash)]);

impl HashReader for Nodes<'_> {
    type Error = TreeError;
    fn hash(&mut self, node: Node) -> Result<Hash, TreeError> {
        Ok(self.0.iter().find(|(known, _)| *known == node).unwrap().1)
    }
}

impl Log {
    fn new(folder: &Path, history: &str, size: u64) -> Self {
        let path = folder.join("log.key");
        if !path.exists() {
            NoteKey::make(&path, ORIGIN).unwrap();
        }
        let mut frontier = Frontier::new();
        let (mut nodes, mut heads) = (Vec::new(), vec![TreeHead::empty()]);
        for number in 0..size {
            // All histories begin with the same three entries.
            let entry = if number < 3 { format!("{number}") } else { format!("{history} {number}") };
            let appended = frontier.append([entry.as_bytes()].into_iter(), LIMITS).unwrap();
            nodes.extend(appended.nodes);
            heads.push(appended.head);
        }
        Self { key: NoteKey::open(&path).unwrap(), nodes, heads }
    }

    fn note(&self, size: usize) -> String {
        Checkpoint::new(self.key.name(), self.heads[size], LIMITS).unwrap().sign(&self.key).unwrap()
    }

    fn request(&self, old: usize, size: usize) -> Vec<u8> {
        let proof = consistency_proof(old as u64, size as u64, &mut Nodes(&self.nodes)).unwrap();
        AddCheckpoint { old: old as u64, proof, note: self.note(size).as_bytes() }.to_bytes()
    }

    fn vkey(&self) -> String {
        self.key.verifier(KeyType::Ed25519).unwrap().to_string()
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(1_800_000_000 + seconds)
}

/// A log of ten entries, and a witness of it.
fn made() -> (tempfile::TempDir, Log, VerifierKey) {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(folder.path(), "one", 10);
    let key = Witness::make(&folder.path().join("witness"), "witness.example").unwrap();
    (folder, log, key)
}

fn open(folder: &tempfile::TempDir, log: &Log) -> Witness {
    Witness::open(&folder.path().join("witness"), &[log.vkey()]).unwrap()
}

fn status(witness: &Witness, body: &[u8]) -> (u16, String) {
    let answer = witness.add_checkpoint(body, at(0));
    (answer.status, answer.body)
}

#[test]
fn a_witness_signs_what_continues_what_it_signed() {
    let (folder, log, key) = made();
    let witness = open(&folder, &log);
    for (old, new) in [(0, 3), (3, 3), (3, 7), (7, 10)] {
        let answer = witness.add_checkpoint(&log.request(old, new), at(5));
        assert_eq!(answer.status, 200, "{answer:?}");
        let note = log.note(new) + &answer.body;
        let identity = LogIdentity::new(VerifierKey::parse(&log.vkey()).unwrap()).unwrap();
        let signed = SignedCheckpoint::verify(note.as_bytes(), &identity, LIMITS).unwrap();
        let quorum = WitnessQuorum::new(1, vec![key.clone()], LIMITS).unwrap();
        assert_eq!(WitnessedCheckpoint::verify(signed, &quorum).unwrap().time(), at(5));
    }
}

#[test]
fn each_refusal_has_its_status() {
    let (folder, log, _) = made();
    let witness = open(&folder, &log);
    let fork = Log::new(folder.path(), "other", 10);
    assert_eq!(status(&witness, b"old x\n\n").0, 400);
    assert_eq!(status(&witness, b"old 0\n\nno note").0, 400);
    let body =
        |old, proof: Vec<Hash>, note: &str| AddCheckpoint { old, proof, note: note.as_bytes() }.to_bytes();
    assert_eq!(status(&witness, &body(9, vec![], &log.note(3))).0, 400, "an old size beyond the new one");
    let stranger = tempfile::tempdir().unwrap();
    NoteKey::make(&stranger.path().join("log.key"), "log.example/other").unwrap();
    assert_eq!(status(&witness, &Log::new(stranger.path(), "one", 3).request(0, 3)).0, 404);
    let thief = tempfile::tempdir().unwrap();
    assert_eq!(status(&witness, &Log::new(thief.path(), "one", 3).request(0, 3)).0, 403, "another key");
    let changed = log.note(3).replace("\n3\n", "\n4\n");
    assert_eq!(status(&witness, &body(0, vec![], &changed)).0, 403, "not what was signed");

    assert_eq!(status(&witness, &log.request(0, 7)).0, 200);
    let answer = witness.add_checkpoint(&log.request(0, 10), at(0));
    assert_eq!((answer.status, answer.content_type, answer.body.as_str()), (409, "text/x.tlog.size", "7\n"));
    assert_eq!(status(&witness, &fork.request(7, 7)).0, 409, "another root of the same size");
    assert_eq!(status(&witness, &fork.request(7, 10)).0, 422);
    assert_eq!(status(&witness, &body(7, vec![], &log.note(10))).0, 422);
    let early = witness.add_checkpoint(&log.request(7, 10), Timestamp::from_unix(1));
    assert_eq!(early.status, 500, "its own clock went back");
    assert_eq!(status(&witness, &log.request(7, 10)).0, 200);
}

#[test]
fn a68_a_witness_knows_after_a_restart_what_it_signed() {
    let (folder, log, _) = made();
    let fork = Log::new(folder.path(), "other", 10);
    assert_eq!(status(&open(&folder, &log), &log.request(0, 7)).0, 200);
    let witness = open(&folder, &log);
    assert_eq!(status(&witness, &fork.request(0, 7)), (409, "7\n".to_owned()));
    assert_eq!(status(&witness, &fork.request(7, 7)).0, 409);
    assert_eq!(status(&witness, &log.request(7, 10)).0, 200);
}

#[test]
fn a68_a_memory_that_was_lost_is_not_begun_again() {
    let (folder, log, _) = made();
    let place = folder.path().join("witness");
    let vkey = [log.vkey()];
    let code = || Witness::open(&place, &vkey).err().unwrap().code();
    assert_eq!(status(&open(&folder, &log), &log.request(0, 7)).0, 200);
    fs::write(place.join("state.json"), "[{}]").unwrap();
    assert_eq!(code(), "witness_state_lost");
    fs::remove_file(place.join("state.json")).unwrap();
    assert_eq!(code(), "witness_state_lost");
    assert_eq!(Witness::make(&place, "witness.example").unwrap_err().code(), "witness_exists");
    fs::remove_dir_all(&place).unwrap();
    assert_eq!(code(), "witness_state_lost");
    assert!(!place.exists());
}

#[test]
fn a68_what_cannot_be_remembered_is_not_signed() {
    let (folder, log, _) = made();
    let witness = open(&folder, &log);
    let place = folder.path().join("witness");
    fs::remove_dir_all(place.join("new")).unwrap();
    assert_eq!(status(&witness, &log.request(0, 7)).0, 500);
    // Nor afterwards, though the disk is well again: it may hold this or that.
    fs::create_dir(place.join("new")).unwrap();
    assert_eq!(status(&witness, &log.request(0, 3)).0, 500);
    drop(witness);
    assert_eq!(status(&open(&folder, &log), &log.request(0, 3)).0, 200);
}

#[test]
fn a68_of_two_histories_told_at_once_one_is_signed() {
    for round in 0..20 {
        let (folder, log, _) = made();
        let fork = Log::new(folder.path(), "other", 10);
        let witness = Arc::new(open(&folder, &log));
        let askers: Vec<_> = [&log, &fork]
            .into_iter()
            .cycle()
            .take(8)
            .map(|told| {
                let (witness, body) = (Arc::clone(&witness), told.request(0, 5 + round % 5));
                let note = told.note(5 + round % 5);
                thread::spawn(move || (status(&witness, &body).0 == 200).then_some(note))
            })
            .collect();
        let signed: BTreeSet<String> = askers.into_iter().filter_map(|asker| asker.join().unwrap()).collect();
        assert_eq!(signed.len(), 1);
    }
}

#[test]
fn a_witness_is_one_process_and_a_log_has_one_key() {
    let (folder, log, _) = made();
    let witness = open(&folder, &log);
    let again = |logs: &[String]| Witness::open(&folder.path().join("witness"), logs).err().unwrap().code();
    assert_eq!(again(&[log.vkey()]), "witness_locked");
    drop(witness);
    let other = NoteKey::make(&folder.path().join("other.key"), ORIGIN).unwrap();
    let other = VerifierKey::new(ORIGIN, KeyType::Ed25519, other.public_key()).unwrap();
    assert_eq!(again(&[log.vkey(), other.to_string()]), "witness_log_repeated");
    let witness_key = VerifierKey::new(ORIGIN, KeyType::CosignatureV1, *other.public()).unwrap();
    assert_eq!(again(&[witness_key.to_string()]), "checkpoint_key_type_unexpected");
    assert_eq!(again(&["log".to_owned()]), "note_key_malformed");
}
