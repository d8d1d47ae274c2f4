//! Proofs held against tree heads. The steps do what RFC 9162, sections 2.1.3.2 and 2.1.4.2, do bit by bit, in two stretches whose lengths
//! are known before the first hash.
//!
//! Seen from a leaf, its way up has an *inner* stretch, where the way of the tree's last leaf is another one, and then a *border*: the
//! way along the tree's right edge, where every neighbour stands to the left and levels without one are skipped.

use super::{Error, Hash, TreeHead};

/// How many levels above leaf `index` its way up is not yet that of the last leaf of a tree of `size` leaves.
const fn inner_levels(index: u64, last: u64) -> u32 {
    u64::BITS.saturating_sub((index ^ last).leading_zeros())
}

/// How many levels of the border above `inner` have a neighbour to the left.
fn border_levels(index: u64, inner: u32) -> u32 {
    index.checked_shr(inner).map_or(0, u64::count_ones)
}

fn length(levels: u32) -> usize {
    // At most 64.
    usize::try_from(levels).unwrap_or(usize::MAX)
}

/// Proofs of these sizes have one length.
fn check_length(proof: &[Hash], levels: u32) -> Result<(), Error> {
    let (expected, got) = (length(levels), proof.len());
    if got == expected { Ok(()) } else { Err(Error::ProofLength { expected, got }) }
}

/// The inner stretch, and the border above it.
fn stretches(proof: &[Hash], inner: u32) -> (&[Hash], &[Hash]) {
    proof.split_at_checked(length(inner)).unwrap_or((proof, &[]))
}

/// Checks that a tree with this head has `leaf` at `index` (RFC 9162, section 2.1.3.2). The leaf is an entry's [`Hash::of_leaf`],
/// computed by the caller from the entry that it is about; a hash that came with the proof proves nothing about an entry.
///
/// # Errors
/// [`Error::IndexBeyondTree`], [`Error::ProofLength`], [`Error::RootMismatch`].
pub fn verify_inclusion(leaf: &Hash, index: u64, proof: &[Hash], head: &TreeHead) -> Result<(), Error> {
    let beyond = Error::IndexBeyondTree { index, size: head.size };
    let last = head.size.checked_sub(1).filter(|last| index <= *last).ok_or(beyond)?;
    let inner = inner_levels(index, last);
    check_length(proof, inner.saturating_add(border_levels(index, inner)))?;
    let (below, border) = stretches(proof, inner);

    let mut way = index;
    let mut hash = *leaf;
    for neighbour in below {
        let is_right = way & 1 == 1;
        hash = if is_right { Hash::of_node(neighbour, &hash) } else { Hash::of_node(&hash, neighbour) };
        way >>= 1;
    }
    hash = border.iter().fold(hash, |hash, left| Hash::of_node(left, &hash));
    if hash == head.root { Ok(()) } else { Err(Error::RootMismatch) }
}

/// Checks that the tree `new` has all leaves of the tree `old`, in their places, and only more behind them (RFC 9162, section 2.1.4.2).
///
/// Two heads of one size must be equal, and their proof has no hashes. The empty tree is continued by every tree, also without any hash
/// (C2SP tlog-witness, add-checkpoint; RFC 9162 leaves this case out).
///
/// # Errors
/// [`Error::Backwards`], [`Error::ProofLength`], [`Error::OldRootMismatch`], [`Error::NewRootMismatch`].
pub fn verify_consistency(old: &TreeHead, proof: &[Hash], new: &TreeHead) -> Result<(), Error> {
    if new.size < old.size {
        return Err(Error::Backwards { old: old.size, new: new.size });
    }
    if old.size == 0 && old.root != Hash::of_empty_tree() {
        return Err(Error::OldRootMismatch);
    }
    if old.size == new.size {
        check_length(proof, 0)?;
        return if old.root == new.root { Ok(()) } else { Err(Error::NewRootMismatch) };
    }
    let (Some(old_last), Some(new_last)) = (old.size.checked_sub(1), new.size.checked_sub(1)) else {
        return check_length(proof, 0);
    };

    // The way up from the old tree's last leaf, in the new tree. It begins at the root of the largest complete subtree that ends with this
    // leaf: below it both trees are the same. If that subtree is the whole old tree its root is known, else the proof brings it.
    let complete = old.size.trailing_zeros();
    let inner = inner_levels(old_last, new_last);
    let border = border_levels(old_last, inner);
    let inner = inner.saturating_sub(complete);
    let is_brought = !old.size.is_power_of_two();
    check_length(proof, inner.saturating_add(border).saturating_add(is_brought.into()))?;
    let (seed, rest) = proof.split_first().filter(|_| is_brought).unwrap_or((&old.root, proof));
    let (below, border) = stretches(rest, inner);

    let mut way = old_last.checked_shr(complete).unwrap_or_default();
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for neighbour in below {
        // What stands to the right is not in the old tree.
        if way & 1 == 1 {
            old_hash = Hash::of_node(neighbour, &old_hash);
            new_hash = Hash::of_node(neighbour, &new_hash);
        } else {
            new_hash = Hash::of_node(&new_hash, neighbour);
        }
        way >>= 1;
    }
    for left in border {
        old_hash = Hash::of_node(left, &old_hash);
        new_hash = Hash::of_node(left, &new_hash);
    }
    if old_hash != old.root {
        Err(Error::OldRootMismatch)
    } else if new_hash != new.root {
        Err(Error::NewRootMismatch)
    } else {
        Ok(())
    }
}
