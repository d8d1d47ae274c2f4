//! What a liar does with proofs.

use super::*;

/// Each change of one bit in a hash.
pub(in super::super) fn flipped(hash: &Hash) -> impl Iterator<Item = Hash> + '_ {
    (0..256).map(|bit| {
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Hash::from_bytes(bytes)
    })
}

/// A proof with a node more, less, twice, or two in each other's place.
fn reshaped(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..=proof.len() {
        let mut longer = proof.to_vec();
        longer.insert(at, Hash::of_leaf(b"inserted"));
        all.push(longer);
    }
    for at in 0..proof.len() {
        let mut shorter = proof.to_vec();
        let node = shorter.remove(at);
        all.push(shorter);
        let mut twice = proof.to_vec();
        twice.insert(at, node);
        all.push(twice);
        for other in at + 1..proof.len() {
            let mut swapped = proof.to_vec();
            swapped.swap(at, other);
            all.push(swapped);
        }
    }
    all
}

#[test]
fn a68_a_flipped_bit_in_any_node_of_an_inclusion_proof() {
    for size in 1..=17 {
        let leaves = leaves(size);
        let (tree, mut store) = grown(&leaves);
        for (index, leaf) in leaves.iter().enumerate() {
            let at = index as u64;
            let proof = inclusion_proof(at, tree.size, &mut store).unwrap();
            for node in 0..proof.len() {
                for other in flipped(&proof[node]) {
                    let mut proof = proof.clone();
                    proof[node] = other;
                    assert_eq!(verify_inclusion(leaf, at, &proof, &tree), Err(Error::RootMismatch));
                }
            }
            for other in flipped(leaf) {
                assert_eq!(verify_inclusion(&other, at, &proof, &tree), Err(Error::RootMismatch));
            }
            for root in flipped(&tree.root) {
                let tree = TreeHead { root, ..tree };
                assert_eq!(verify_inclusion(leaf, at, &proof, &tree), Err(Error::RootMismatch));
            }
        }
    }
}

#[test]
fn a68_an_inclusion_proof_with_a_node_more_or_less_or_elsewhere() {
    for size in 1..=17 {
        let leaves = leaves(size);
        let (tree, mut store) = grown(&leaves);
        for (index, leaf) in leaves.iter().enumerate() {
            let proof = inclusion_proof(index as u64, tree.size, &mut store).unwrap();
            for other in reshaped(&proof) {
                let expected = if other.len() == proof.len() {
                    Error::RootMismatch
                } else {
                    Error::ProofLength { expected: proof.len(), got: other.len() }
                };
                assert_eq!(verify_inclusion(leaf, index as u64, &other, &tree), Err(expected));
            }
        }
    }
}

#[test]
fn a68_the_proof_of_one_leaf_does_not_prove_another() {
    let leaves = leaves(23);
    let (tree, mut store) = grown(&leaves);
    for index in 0..23 {
        let proof = inclusion_proof(index, 23, &mut store).unwrap();
        for other in (0..30).filter(|other| *other != index) {
            // Another place for the same leaf, and another leaf in the same place.
            assert!(verify_inclusion(&leaves[index as usize], other, &proof, &tree).is_err());
            if let Some(leaf) = leaves.get(other as usize) {
                assert_eq!(verify_inclusion(leaf, index, &proof, &tree), Err(Error::RootMismatch));
            }
        }
    }
}

#[test]
fn an_inner_node_is_no_leaf() {
    let leaves = leaves(4);
    let (tree, _) = grown(&leaves);
    let left = Hash::of_node(&leaves[0], &leaves[1]);
    let right = Hash::of_node(&leaves[2], &leaves[3]);
    // A tree of two leaves would have this root, and a client that was told so would accept; its head is signed, with the size.
    let told = TreeHead { size: 2, ..tree };
    assert_eq!(verify_inclusion(&left, 0, &[right], &told), Ok(()));
    assert_eq!(verify_inclusion(&left, 0, &[right], &tree), Err(Error::ProofLength { expected: 2, got: 1 }));
    // No entry has an inner node's hash: the bytes that an inner node hashes are hashed with another first byte.
    let bytes = [leaves[0].as_bytes().as_slice(), leaves[1].as_bytes()].concat();
    assert_ne!(Hash::of_leaf(&bytes), left);
}

#[test]
fn a_leaf_beyond_the_tree() {
    let leaves = leaves(8);
    let (tree, mut store) = grown(&leaves);
    let proof = inclusion_proof(0, 8, &mut store).unwrap();
    for index in [8, 16, u64::MAX] {
        let error = Err(Error::IndexBeyondTree { index, size: 8 });
        assert_eq!(verify_inclusion(&leaves[0], index, &proof, &tree), error);
    }
    let error = Err(Error::IndexBeyondTree { index: 0, size: 0 });
    assert_eq!(verify_inclusion(&Hash::of_empty_tree(), 0, &[], &TreeHead::empty()), error);
}

#[test]
fn a68_a_flipped_bit_in_any_node_of_a_consistency_proof() {
    for size in 2..=17 {
        let leaves = leaves(size);
        let (tree, mut store) = grown(&leaves);
        for old in 1..size {
            let before = head(&leaves[..old]);
            let proof = consistency_proof(old as u64, tree.size, &mut store).unwrap();
            for node in 0..proof.len() {
                for other in flipped(&proof[node]) {
                    let mut proof = proof.clone();
                    proof[node] = other;
                    let error = verify_consistency(&before, &proof, &tree).unwrap_err();
                    assert!(matches!(error, Error::OldRootMismatch | Error::NewRootMismatch), "{error}");
                }
            }
            for root in flipped(&tree.root) {
                let tree = TreeHead { root, ..tree };
                assert_eq!(verify_consistency(&before, &proof, &tree), Err(Error::NewRootMismatch));
            }
            for root in flipped(&before.root) {
                let before = TreeHead { root, ..before };
                // If the old tree is one complete subtree its root is also where the way to the new root begins.
                assert_eq!(
                    verify_consistency(&before, &proof, &tree),
                    Err(match old.is_power_of_two() {
                        true => Error::NewRootMismatch,
                        false => Error::OldRootMismatch,
                    })
                );
            }
        }
    }
}

#[test]
fn a68_a_consistency_proof_with_a_node_more_or_less_or_elsewhere() {
    for size in 1..=17 {
        let leaves = leaves(size);
        let (tree, mut store) = grown(&leaves);
        for old in 0..=size {
            let before = head(&leaves[..old]);
            let proof = consistency_proof(old as u64, tree.size, &mut store).unwrap();
            for other in reshaped(&proof) {
                let error = verify_consistency(&before, &other, &tree).unwrap_err();
                if other.len() == proof.len() {
                    assert!(matches!(error, Error::OldRootMismatch | Error::NewRootMismatch), "{error}");
                } else {
                    assert_eq!(error, Error::ProofLength { expected: proof.len(), got: other.len() });
                }
            }
        }
    }
}

#[test]
fn a68_two_histories_do_not_continue_each_other() {
    let honest = leaves(12);
    for changed in 0..12 {
        let mut other = honest.clone();
        other[changed] = Hash::of_leaf(b"rewritten");
        let (tree, mut store) = grown(&other);
        for old in 1..=12 {
            let before = head(&honest[..old]);
            let proof = consistency_proof(old as u64, 12, &mut store).unwrap();
            let result = verify_consistency(&before, &proof, &tree);
            // What was rewritten behind the old tree's end was not there before.
            assert_eq!(result.is_ok(), changed >= old, "{changed} rewritten, {old} known");
        }
    }
}

#[test]
fn a_tree_does_not_shrink_and_has_one_root() {
    let leaves = leaves(6);
    let (six, five) = (head(&leaves), head(&leaves[..5]));
    assert_eq!(verify_consistency(&six, &[], &five), Err(Error::Backwards { old: 6, new: 5 }));
    let forked = TreeHead { root: five.root, ..six };
    assert_eq!(verify_consistency(&six, &[], &forked), Err(Error::NewRootMismatch));
    let error = Err(Error::ProofLength { expected: 0, got: 1 });
    assert_eq!(verify_consistency(&six, &[six.root], &six), error);
    assert_eq!(verify_consistency(&TreeHead::empty(), &[six.root], &six), error);
    assert_eq!(verify_consistency(&TreeHead::empty(), &[], &TreeHead::empty()), Ok(()));
    // An empty tree with another root is none.
    let empty = TreeHead { size: 0, root: six.root };
    assert_eq!(verify_consistency(&empty, &[], &six), Err(Error::OldRootMismatch));
    assert_eq!(verify_consistency(&TreeHead::empty(), &[], &empty), Err(Error::NewRootMismatch));
}

proptest! {
    #[test]
    fn a51_any_proof_for_any_sizes_is_refused_at_once(
        old: u64, new: u64, index: u64, hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..70)
    ) {
        let proof: Vec<Hash> = hashes.into_iter().map(Hash::from_bytes).collect();
        let tree = TreeHead { size: new, root: Hash::of_leaf(b"root") };
        let before = TreeHead { size: old, root: Hash::of_leaf(b"older root") };
        prop_assert!(verify_inclusion(&Hash::of_leaf(b"leaf"), index, &proof, &tree).is_err());
        prop_assert!(verify_consistency(&before, &proof, &tree).is_err());
    }
}
