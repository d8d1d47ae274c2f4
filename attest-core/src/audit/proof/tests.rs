use super::*;
use crate::Timestamp;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::note::{KeyType, VerifierKey};
use crate::audit::testing::{Signer, Store};
use crate::audit::tree::{Frontier, inclusion_proof};
use crate::audit::witness::{LastCosigned, decide};

const ORIGIN: &str = "log.example/releases";
const ENTRIES: [&[u8]; 5] = [b"release A", b"release B", b"denied", b"", b"release C"];

fn log() -> LogIdentity {
    LogIdentity::new(Signer::new(1).key(ORIGIN)).unwrap()
}

fn quorum() -> WitnessQuorum {
    let key = VerifierKey::new("witness.example", KeyType::CosignatureV1, Signer::new(2).public()).unwrap();
    WitnessQuorum::new(1, vec![key], &Limits::DEFAULT).unwrap()
}

/// A file that proves this entry.
fn proof_of(index: u64) -> Vec<u8> {
    let appended = Frontier::new().append(ENTRIES.into_iter(), &Limits::DEFAULT).unwrap();
    let head = appended.head;
    let hashes = inclusion_proof(index, head.size, &mut Store(appended.nodes.into_iter().collect())).unwrap();
    let note = Checkpoint::new(ORIGIN, head, &Limits::DEFAULT).unwrap().sign(&Signer::new(1)).unwrap();
    let signed = SignedCheckpoint::verify(note.as_bytes(), &log(), &Limits::DEFAULT).unwrap();
    let cosignable = decide(&LastCosigned::never(), 0, &[], signed, Timestamp::from_unix(100)).unwrap();
    let note = note + &cosignable.cosign("witness.example", &Signer::new(2)).unwrap();
    LogProof { extra: None, index, hashes, note: note.as_bytes() }.to_bytes()
}

fn parse(bytes: &[u8]) -> Result<LogProof<'_>, Error> {
    LogProof::parse(bytes, &Limits::DEFAULT)
}

fn verify(bytes: &[u8], entry: &[u8]) -> Result<LoggedEntry, Error> {
    parse(bytes)?.verify(entry, &log(), &quorum(), &Limits::DEFAULT)
}

#[test]
fn an_entry_is_proven_without_asking_anyone() {
    for (index, entry) in (0..).zip(ENTRIES) {
        let logged = verify(&proof_of(index), entry).unwrap();
        assert_eq!((logged.index(), *logged.leaf()), (index, Hash::of_leaf(entry)));
        assert_eq!((logged.checkpoint().head().size, logged.checkpoint().time().unix()), (5, 100));
    }
}

#[test]
fn a68_the_proof_of_one_release_does_not_prove_another() {
    for index in 0..5_u64 {
        let proof = proof_of(index);
        for (other, entry) in (0..5_u64).zip(ENTRIES) {
            assert_eq!(verify(&proof, entry).is_ok(), other == index, "{other} by the proof of {index}");
        }
    }
}

#[test]
fn a68_every_changed_byte_and_every_prefix_of_a_proof_is_refused() {
    let proof = proof_of(1);
    for at in 0..proof.len() {
        assert!(verify(&proof[..at], ENTRIES[1]).is_err(), "{at}");
        for bit in 0..8 {
            let mut changed = proof.clone();
            changed[at] ^= 1 << bit;
            assert!(verify(&changed, ENTRIES[1]).is_err(), "{at} {bit}");
        }
    }
}

#[test]
fn a_checkpoint_that_nobody_witnessed_proves_nothing() {
    let proof = String::from_utf8(proof_of(1)).unwrap();
    let unwitnessed =
        proof.lines().filter(|line| !line.contains("witness.example")).collect::<Vec<_>>().join("\n");
    let error = Error::Witness(witness::Error::QuorumNotReached { got: 0, threshold: 1 });
    assert_eq!(verify(format!("{unwitnessed}\n").as_bytes(), ENTRIES[1]), Err(error));
    let other = LogIdentity::new(Signer::new(3).key(ORIGIN)).unwrap();
    let error = parse(proof.as_bytes()).unwrap().verify(ENTRIES[1], &other, &quorum(), &Limits::DEFAULT);
    assert_eq!(error.unwrap_err().code(), "note_not_signed");
}

#[test]
fn lines_of_a_proof() {
    let root = Hash::of_empty_tree().to_base64();
    let good = format!("{HEADER}\nextra YQ==\nindex 7\n{root}\n\nnote");
    let proof = parse(good.as_bytes()).unwrap();
    assert_eq!((proof.extra.as_deref(), proof.index, proof.hashes.len()), (Some(&b"a"[..]), 7, 1));
    assert_eq!(proof.note, b"note");
    assert_eq!(proof.to_bytes(), good.as_bytes());
    let small = format!("{HEADER}\nindex 0\n\n");
    assert_eq!(parse(small.as_bytes()).unwrap().to_bytes(), small.as_bytes());

    for (text, line) in [
        (String::new(), 1),
        (HEADER.to_owned(), 1),
        (format!("{HEADER}\r\nindex 0\n\n"), 1),
        ("c2sp.org/tlog-proof@v2\nindex 0\n\n".to_owned(), 1),
        (format!("{HEADER}\n"), 2),
        (format!("{HEADER}\n\n"), 2),
        (format!("{HEADER}\nindex 00\n\n"), 2),
        (format!("{HEADER}\nindex -1\n\n"), 2),
        (format!("{HEADER}\nindex 0\nextra YQ==\n\n"), 3),
        (format!("{HEADER}\nextra YQ\nindex 0\n\n"), 2),
        (format!("{HEADER}\nextra YQ==\nextra YQ==\nindex 0\n\n"), 3),
        (format!("{HEADER}\nindex 0\n"), 3),
        (format!("{HEADER}\nindex 0\n{root}"), 3),
        (format!("{HEADER}\nindex 0\n{root} \n\n"), 3),
    ] {
        assert_eq!(parse(text.as_bytes()), Err(Error::Malformed { line }), "{text:?}");
    }
}

#[test]
fn a47_a_proof_is_bounded() {
    let root = Hash::of_empty_tree().to_base64() + "\n";
    let with = |count| format!("{HEADER}\nindex 0\n{}\n", root.repeat(count));
    assert!(parse(with(63).as_bytes()).is_ok());
    assert_eq!(parse(with(64).as_bytes()), Err(Error::TooManyHashes { limit: 63 }));
    let limit = Limits::DEFAULT.note_bytes + MAX_BYTES;
    let longest = format!("{}{}", with(0), "n".repeat(limit - with(0).len()));
    assert_eq!(parse(longest.as_bytes()).map(|proof| proof.to_bytes().len()), Ok(limit));
    let long = longest + "n";
    assert_eq!(parse(long.as_bytes()), Err(Error::TooLarge { got: limit + 1, limit }));
}
