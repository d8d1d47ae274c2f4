//! The witness's own side.

use super::*;
use crate::audit::testing::Store;
use crate::audit::tree;

/// The tree of these entries, and how it continues a smaller one.
fn tree_of(entries: &[&str], old: u64) -> (TreeHead, Vec<Hash>) {
    let mut frontier = Frontier::new();
    let entries = entries.iter().map(|entry| entry.as_bytes());
    let appended = frontier.append(entries, &Limits::DEFAULT).unwrap();
    let proof =
        tree::consistency_proof(old, appended.head.size, &mut Store(appended.nodes.into_iter().collect()));
    (appended.head, proof.unwrap_or_default())
}

fn checkpoint(head: TreeHead) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(ORIGIN, head, &Limits::DEFAULT).unwrap();
    signed(&checkpoint.sign(&Signer::new(1)).unwrap())
}

const ENTRIES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(seconds)
}

/// After three entries at time 100.
fn last() -> LastCosigned {
    LastCosigned { head: tree_of(&ENTRIES[..3], 0).0, time: at(100) }
}

#[test]
fn a_witness_signs_what_continues_the_last_and_others_verify_it() {
    let (head, proof) = tree_of(&ENTRIES, 3);
    let cosignable = decide(&last(), 3, &proof, checkpoint(head), at(150)).unwrap();
    assert_eq!(cosignable.remember(), LastCosigned { head, time: at(150) });
    let line = cosignable.cosign(&name(11), &Signer::new(11)).unwrap();
    let note = checkpoint(head).note().to_owned() + &line;
    assert_eq!(line, cosigned(11, &name(11), 150, text_of(&note)));
    assert_eq!(verify(&note, &quorum(1, 1)).unwrap().time(), at(150));
}

#[test]
fn a_witness_begins_with_whatever_it_sees_first() {
    let (head, _) = tree_of(&ENTRIES, 0);
    let never = LastCosigned::never();
    assert!(decide(&never, 0, &[], checkpoint(head), at(1)).is_ok());
    assert!(decide(&never, 0, &[], checkpoint(TreeHead::empty()), at(1)).is_ok());
    let error = Refusal::ProofInvalid(tree::Error::ProofLength { expected: 0, got: 1 });
    assert_eq!(decide(&never, 0, &[head.root], checkpoint(head), at(1)), Err(error));
}

#[test]
fn a_witness_signs_the_same_tree_again() {
    let again = decide(&last(), 3, &[], checkpoint(last().head), at(100)).unwrap();
    assert_eq!(again.remember(), last());
}

#[test]
fn a68_a_witness_does_not_sign_a_second_history() {
    let (fork, proof) = tree_of(&["a", "b", "another", "d", "e"], 3);
    let refusal = decide(&last(), 3, &proof, checkpoint(fork), at(150)).unwrap_err();
    assert!(matches!(refusal, Refusal::ProofInvalid(tree::Error::OldRootMismatch)), "{refusal}");
    assert_eq!(refusal.http_status(), 422);
    let (fork, _) = tree_of(&["a", "b", "another"], 0);
    let refusal = decide(&last(), 3, &[], checkpoint(fork), at(150)).unwrap_err();
    assert_eq!((&refusal, refusal.http_status()), (&Refusal::Forked { size: 3 }, 409));
}

/// The old tree is right, the new one is not the one that the proof leads to.
#[test]
fn a68_a_witness_does_not_sign_a_root_that_the_proof_does_not_lead_to() {
    let (head, proof) = tree_of(&ENTRIES, 3);
    let told = TreeHead { root: last().head.root, ..head };
    let refusal = decide(&last(), 3, &proof, checkpoint(told), at(150)).unwrap_err();
    let expected = Refusal::ProofInvalid(tree::Error::NewRootMismatch);
    assert_eq!((&refusal, refusal.http_status()), (&expected, 422));
}

#[test]
fn every_code_is_its_own_and_stable() {
    for (refusal, code) in [
        (Refusal::ClockBackwards { last: at(2), now: at(1) }, "witness_clock_backwards"),
        (Refusal::Forked { size: 3 }, "witness_forked"),
        (Refusal::OldSizeBeyondNew { old: 3, new: 2 }, "witness_old_size_beyond_new"),
        (Refusal::OldSizeMismatch { old: 2, last: 3 }, "witness_old_size_mismatch"),
        (Refusal::ProofInvalid(tree::Error::OldRootMismatch), "witness_proof_invalid"),
    ] {
        assert_eq!(refusal.code(), code, "{refusal}");
    }
}

#[test]
fn a_witness_goes_on_from_the_last_it_signed() {
    let (head, proof) = tree_of(&ENTRIES, 2);
    let refusal = decide(&last(), 2, &proof, checkpoint(head), at(150)).unwrap_err();
    assert_eq!((&refusal, refusal.http_status()), (&Refusal::OldSizeMismatch { old: 2, last: 3 }, 409));
    // From nothing, as if it had never signed.
    let refusal = decide(&last(), 0, &[], checkpoint(head), at(150)).unwrap_err();
    assert_eq!(refusal, Refusal::OldSizeMismatch { old: 0, last: 3 });
    // Back to a smaller tree, whatever is told.
    let (smaller, _) = tree_of(&ENTRIES[..2], 0);
    let refusal = decide(&last(), 3, &[], checkpoint(smaller), at(150)).unwrap_err();
    assert_eq!((&refusal, refusal.http_status()), (&Refusal::OldSizeBeyondNew { old: 3, new: 2 }, 400));
    let refusal = decide(&last(), 2, &[], checkpoint(smaller), at(150)).unwrap_err();
    assert_eq!(refusal, Refusal::OldSizeMismatch { old: 2, last: 3 });
}

#[test]
fn a69_a_witness_whose_clock_went_back_does_not_sign() {
    let (head, proof) = tree_of(&ENTRIES, 3);
    let decide = |now| decide(&last(), 3, &proof, checkpoint(head), at(now));
    let refusal = Refusal::ClockBackwards { last: at(100), now: at(99) };
    assert_eq!(refusal.http_status(), 500);
    assert_eq!(decide(99), Err(refusal));
    assert!(decide(100).is_ok() && decide(u64::MAX >> 1).is_ok());
    let beyond = 1 << 63;
    assert_eq!(decide(beyond), Err(Refusal::ClockBackwards { last: at(100), now: at(beyond) }));
}

#[test]
fn a_witness_without_a_sound_name_signs_nothing() {
    let cosignable = decide(&last(), 3, &[], checkpoint(last().head), at(100)).unwrap();
    assert_eq!(cosignable.cosign("a b", &Signer::new(11)), Err(note::Error::NameMalformed));
}

proptest! {
    /// Whatever a log asks, in any order: all that one witness ever signed is one history.
    #[test]
    fn a68_a_witness_signs_one_history(asks in proptest::collection::vec((0_usize..8, 0_usize..8, any::<bool>()), 1..20)) {
        let honest: Vec<String> = (0..8).map(|n| format!("entry {n}")).collect();
        let mut forged = honest.clone();
        forged[4] = "rewritten".to_owned();
        let mut last = LastCosigned::never();
        let mut signed_so_far: Vec<(bool, usize)> = Vec::new();
        for (old, size, is_forged) in asks {
            let entries: Vec<&str> =
                if is_forged { &forged } else { &honest }[..size].iter().map(String::as_str).collect();
            let (head, proof) = tree_of(&entries, old as u64);
            if let Ok(cosignable) = decide(&last, old as u64, &proof, checkpoint(head), at(1)) {
                last = cosignable.remember();
                signed_so_far.push((is_forged, size));
            }
        }
        let longest = |which| signed_so_far.iter().filter(|(f, _)| *f == which).map(|(_, n)| *n).max().unwrap_or(0);
        prop_assert!(longest(true) <= 4 || longest(false) <= 4, "{:?}", signed_so_far);
        prop_assert!(signed_so_far.is_sorted_by_key(|(_, size)| *size));
    }
}
