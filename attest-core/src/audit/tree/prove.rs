//! Roots and proofs made from stored nodes.

use core::ops::Range;

use super::node::complete_subtrees;
use super::{Error, Hash, Node};

/// Where the hashes of complete subtrees are: a log's own storage, or [tiles](crate::audit::tile) that are proven as they are read.
pub trait HashReader {
    /// Why there is no hash.
    type Error: From<Error>;

    /// The hash of this node. Only nodes of the tree that the reader is for are asked for.
    ///
    /// # Errors
    /// The reader's own.
    fn hash(&mut self, node: Node) -> Result<Hash, Self::Error>;
}

/// The root over the first `size` leaves.
///
/// # Errors
/// The reader's.
pub fn root<R: HashReader + ?Sized>(size: u64, reader: &mut R) -> Result<Hash, R::Error> {
    range_root(0..size, reader)
}

/// The proof that leaf `index` is in the tree of `size` leaves: PATH of RFC 9162, section 2.1.3.1.
///
/// # Errors
/// [`Error::IndexBeyondTree`], and the reader's.
pub fn inclusion_proof<R: HashReader + ?Sized>(
    index: u64,
    size: u64,
    reader: &mut R,
) -> Result<Vec<Hash>, R::Error> {
    inclusion_ranges(index, size)?.into_iter().map(|range| range_root(range, reader)).collect()
}

/// The proof that the tree of `new` leaves continues that of `old` leaves: PROOF of RFC 9162, section 2.1.4.1. It is empty where
/// [`verify_consistency`](super::verify_consistency) wants it so.
///
/// # Errors
/// [`Error::Backwards`], and the reader's.
pub fn consistency_proof<R: HashReader + ?Sized>(
    old: u64,
    new: u64,
    reader: &mut R,
) -> Result<Vec<Hash>, R::Error> {
    consistency_ranges(old, new)?.into_iter().map(|range| range_root(range, reader)).collect()
}

/// The nodes that [`inclusion_proof`] reads, for who must fetch them first.
///
/// # Errors
/// [`Error::IndexBeyondTree`].
pub fn inclusion_nodes(index: u64, size: u64) -> Result<Vec<Node>, Error> {
    Ok(inclusion_ranges(index, size)?.into_iter().flat_map(complete_subtrees).collect())
}

/// The nodes that [`consistency_proof`] reads, for who must fetch them first.
///
/// # Errors
/// [`Error::Backwards`].
pub fn consistency_nodes(old: u64, new: u64) -> Result<Vec<Node>, Error> {
    Ok(consistency_ranges(old, new)?.into_iter().flat_map(complete_subtrees).collect())
}

/// The leaves of each subtree in the proof, from the leaf upwards.
fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range<u64>>, Error> {
    if index >= size {
        return Err(Error::IndexBeyondTree { index, size });
    }
    let mut ranges = Vec::new();
    let mut tree = 0..size;
    while let Some(middle) = middle(&tree) {
        if index < middle {
            ranges.push(middle..tree.end);
            tree = tree.start..middle;
        } else {
            ranges.push(tree.start..middle);
            tree = middle..tree.end;
        }
    }
    ranges.reverse();
    Ok(ranges)
}

fn consistency_ranges(old: u64, new: u64) -> Result<Vec<Range<u64>>, Error> {
    if new < old {
        return Err(Error::Backwards { old, new });
    }
    let mut ranges = Vec::new();
    if old == 0 || old == new {
        return Ok(ranges);
    }
    // SUBPROOF: down to the subtree that ends where the old tree ended.
    let mut tree = 0..new;
    while let Some(middle) = middle(&tree).filter(|_| tree.end != old) {
        if old <= middle {
            ranges.push(middle..tree.end);
            tree = tree.start..middle;
        } else {
            ranges.push(tree.start..middle);
            tree = middle..tree.end;
        }
    }
    // The whole old tree is known to the verifier by its root.
    if tree.start != 0 {
        ranges.push(tree);
    }
    ranges.reverse();
    Ok(ranges)
}

/// Where a tree over these leaves is split: behind the largest power of two that is smaller than its size (RFC 9162, section 2.1.1).
fn middle(leaves: &Range<u64>) -> Option<u64> {
    let level = leaves.end.checked_sub(leaves.start)?.checked_sub(1)?.checked_ilog2()?;
    leaves.start.checked_add(1_u64.checked_shl(level)?)
}

/// The hash of the tree over these leaves.
pub(super) fn range_root<R: HashReader + ?Sized>(
    leaves: Range<u64>,
    reader: &mut R,
) -> Result<Hash, R::Error> {
    let hashes: Vec<Hash> =
        complete_subtrees(leaves).map(|node| reader.hash(node)).collect::<Result<_, _>>()?;
    Ok(join(&hashes))
}

/// The root over complete subtrees, largest first, that stand side by side.
pub(super) fn join(subtrees: &[Hash]) -> Hash {
    let mut from_right = subtrees.iter().rev();
    let Some(last) = from_right.next() else { return Hash::of_empty_tree() };
    from_right.fold(*last, |right, left| Hash::of_node(left, &right))
}
