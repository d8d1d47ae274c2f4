use proptest::prelude::*;

use super::*;
use crate::Limits;
use crate::audit::testing::Store;

mod refused;

/// RFC 9162, section 2.1, as it is written: recursive, over whole slices.
pub(super) mod reference {
    use super::Hash;

    fn split(leaves: &[Hash]) -> usize {
        // The largest power of two smaller than n.
        (0..64).map(|level| 1 << level).take_while(|k| *k < leaves.len()).last().unwrap()
    }

    /// MTH (2.1.1).
    pub(in super::super) fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of_empty_tree(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves));
                Hash::of_node(&root(left), &root(right))
            }
        }
    }

    /// PATH (2.1.3.1).
    pub(in super::super) fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let k = split(leaves);
        let (left, right) = leaves.split_at(k);
        let (mut path, other) = if m < k { (path(m, left), right) } else { (path(m - k, right), left) };
        path.push(root(other));
        path
    }

    /// PROOF and SUBPROOF (2.1.4.1).
    pub(in super::super) fn proof(m: usize, leaves: &[Hash]) -> Vec<Hash> {
        subproof(m, leaves, true)
    }

    fn subproof(m: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
        if m == leaves.len() {
            return if is_known { Vec::new() } else { vec![root(leaves)] };
        }
        let k = split(leaves);
        let (left, right) = leaves.split_at(k);
        let (mut proof, other) =
            if m <= k { (subproof(m, left, is_known), right) } else { (subproof(m - k, right, false), left) };
        proof.push(root(other));
        proof
    }
}

pub(super) fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|index| Hash::of_leaf(format!("entry {index}").as_bytes())).collect()
}

/// A tree over these leaves, and what was stored.
pub(super) fn grown(leaves: &[Hash]) -> (TreeHead, Store) {
    let mut frontier = Frontier::new();
    let appended = frontier.append_leaves(leaves.iter().copied(), &Limits::DEFAULT).unwrap();
    (appended.head, Store(appended.nodes.into_iter().collect()))
}

pub(super) fn head(leaves: &[Hash]) -> TreeHead {
    TreeHead { size: leaves.len() as u64, root: reference::root(leaves) }
}

/// The roots that Certificate Transparency's own tests give for these eight leaves.
#[test]
fn roots_are_those_of_other_implementations() {
    let entries: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    assert_eq!(
        frontier.head().root.to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(frontier.head(), TreeHead::empty());
    for (entry, root) in entries.into_iter().zip(roots) {
        let appended = frontier.append([entry].into_iter(), &Limits::DEFAULT).unwrap();
        assert_eq!(appended.head.root.to_string(), root);
        assert_eq!(appended.head, frontier.head());
    }
}

#[test]
fn every_proof_of_small_trees_is_that_of_the_specification() {
    for size in 0..=40 {
        let leaves = leaves(size);
        let (tree, mut store) = grown(&leaves);
        assert_eq!(tree, head(&leaves), "{size}");
        assert_eq!(root(tree.size, &mut store), Ok(tree.root));
        for (index, leaf) in leaves.iter().enumerate() {
            let proof = inclusion_proof(index as u64, tree.size, &mut store).unwrap();
            assert_eq!(proof, reference::path(index, &leaves), "{index} in {size}");
            assert_eq!(verify_inclusion(leaf, index as u64, &proof, &tree), Ok(()), "{index} in {size}");
        }
        for old in 0..=size {
            let proof = consistency_proof(old as u64, tree.size, &mut store).unwrap();
            let expected = if old == 0 { Vec::new() } else { reference::proof(old, &leaves) };
            assert_eq!(proof, expected, "{old} to {size}");
            assert_eq!(verify_consistency(&head(&leaves[..old]), &proof, &tree), Ok(()), "{old} to {size}");
        }
    }
}

#[test]
fn an_index_beyond_the_tree_has_no_proof() {
    let (_, mut store) = grown(&leaves(5));
    assert_eq!(inclusion_proof(5, 5, &mut store), Err(Error::IndexBeyondTree { index: 5, size: 5 }));
    assert_eq!(inclusion_nodes(0, 0), Err(Error::IndexBeyondTree { index: 0, size: 0 }));
    assert_eq!(consistency_proof(5, 4, &mut store), Err(Error::Backwards { old: 5, new: 4 }));
    assert_eq!(consistency_nodes(1, 0), Err(Error::Backwards { old: 1, new: 0 }));
}

#[test]
fn proofs_need_few_nodes_whatever_the_size() {
    let size = (1 << 48) - 1;
    assert_eq!(inclusion_nodes(size - 1, size).unwrap().len(), 47);
    assert!(inclusion_nodes(0, size).unwrap().len() <= 2 * 48);
    assert!(consistency_nodes((1 << 47) - 1, size).unwrap().len() <= 2 * 48);
    // No number overflows at the end of the range either.
    assert!(inclusion_nodes(u64::MAX - 1, u64::MAX).is_ok());
    assert!(consistency_nodes(u64::MAX - 1, u64::MAX).is_ok());
}

#[test]
fn nodes_know_their_leaves() {
    let node = Node { level: 3, index: 5 };
    assert_eq!(node.leaves(), Some(40..48));
    assert!(node.is_in(48) && !node.is_in(47));
    assert_eq!(node.parent(), Node { level: 4, index: 2 });
    assert_eq!(Node { level: 64, index: 0 }.leaves(), None);
    assert_eq!(Node { level: 63, index: 2 }.leaves(), None);
    assert!(!Node { level: 60, index: u64::MAX }.is_in(u64::MAX));
}

#[test]
fn hashes_have_one_text() {
    let hash = Hash::of_empty_tree();
    let text = hash.to_base64();
    assert_eq!(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(Hash::from_base64(&text), Some(hash));
    assert_eq!(Hash::from_bytes(*hash.as_bytes()), hash);
    // Unused bits, no padding, a byte more or less, the URL alphabet, white space.
    for other in [
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==",
        "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "",
    ] {
        assert_eq!(Hash::from_base64(other), None, "{other}");
    }
}

#[test]
fn a_log_does_not_grow_beyond_its_limit() {
    let limits = Limits { log_leaves: 3, ..Limits::DEFAULT };
    let mut frontier = Frontier::new();
    assert!(frontier.append([&b"a"[..], b"b"].into_iter(), &limits).is_ok());
    let before = frontier.clone();
    let error = frontier.append([&b"c"[..], b"d"].into_iter(), &limits);
    assert_eq!(error, Err(Error::TooManyLeaves { limit: 3 }));
    assert_eq!(frontier, before);
    let appended = frontier.append([&b"c"[..]].into_iter(), &limits).unwrap();
    assert_eq!((appended.first, appended.head.size), (2, 3));
}

#[test]
fn a_frontier_is_restored_only_where_storage_leads_to_the_head() {
    for size in [0, 1, 2, 7, 8, 100] {
        let leaves = leaves(size);
        let (tree, mut store) = grown(&leaves);
        let frontier = Frontier::restore(&tree, &mut store).unwrap();
        assert_eq!(frontier.head(), tree);
        let other = TreeHead { root: Hash::of_leaf(b"another"), ..tree };
        assert_eq!(Frontier::restore(&other, &mut store), Err(Error::RootMismatch));
    }
}

proptest! {
    #[test]
    fn trees_grow_the_same_in_any_batches(sizes in proptest::collection::vec(0_usize..60, 1..8)) {
        let all = leaves(sizes.iter().sum());
        let (mut frontier, mut store, mut done) = (Frontier::new(), Store::default(), 0);
        for size in sizes {
            let batch = &all[done..done + size];
            let appended = frontier.append_leaves(batch.iter().copied(), &Limits::DEFAULT).unwrap();
            prop_assert_eq!(appended.first, done as u64);
            done += size;
            prop_assert_eq!(appended.head, head(&all[..done]));
            for (node, hash) in appended.nodes {
                let range = node.leaves().unwrap();
                prop_assert_eq!(hash, reference::root(&all[range.start as usize..range.end as usize]));
                prop_assert!(store.0.insert(node, hash).is_none(), "{:?} twice", node);
            }
            let restored = Frontier::restore(&appended.head, &mut store).unwrap();
            prop_assert_eq!(&restored, &frontier);
        }
        // Every complete subtree, and nothing else.
        let expected = (0..64).map(|level| done as u64 >> level).sum::<u64>();
        prop_assert_eq!(store.0.len() as u64, expected);
    }

    #[test]
    fn proofs_of_any_tree_are_those_of_the_specification(size in 1_usize..1500, at: prop::sample::Index, old: prop::sample::Index) {
        let leaves = leaves(size);
        let (tree, mut store) = grown(&leaves);
        prop_assert_eq!(tree, head(&leaves));
        let index = at.index(size);
        let proof = inclusion_proof(index as u64, tree.size, &mut store).unwrap();
        prop_assert_eq!(&proof, &reference::path(index, &leaves));
        prop_assert_eq!(verify_inclusion(&leaves[index], index as u64, &proof, &tree), Ok(()));
        let old = 1 + old.index(size);
        let proof = consistency_proof(old as u64, tree.size, &mut store).unwrap();
        prop_assert_eq!(&proof, &reference::proof(old, &leaves));
        prop_assert_eq!(verify_consistency(&head(&leaves[..old]), &proof, &tree), Ok(()));
    }
}

#[test]
fn a_hash_reads_the_same_where_it_is_debugged() {
    let hash = Hash::of_empty_tree();
    assert_eq!(hash.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(format!("{hash:?}"), hash.to_string());
}
