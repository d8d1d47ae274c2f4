//! Places in the tree.

use core::ops::Range;

/// A subtree of 2^level leaves that is complete, by its place: level 0 are the leaves, and the index counts from the left within a level.
/// Its hash never changes again, so these are what a log stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// How many levels above the leaves, below 64.
    pub level: u8,
    /// How many nodes stand left of it in its level.
    pub index: u64,
}

impl Node {
    /// The leaf with this index.
    #[must_use]
    pub const fn leaf(index: u64) -> Self {
        Self { level: 0, index }
    }

    /// The node over this one and its neighbour.
    #[must_use]
    pub const fn parent(self) -> Self {
        Self { level: self.level.saturating_add(1), index: self.index >> 1 }
    }

    /// The leaves below it; `None` if a 64-bit number does not hold their indexes.
    #[must_use]
    pub fn leaves(self) -> Option<Range<u64>> {
        let width = 1_u64.checked_shl(self.level.into())?;
        let begin = self.index.checked_mul(width)?;
        Some(begin..begin.checked_add(width)?)
    }

    /// Whether a tree of `size` leaves has it.
    #[must_use]
    pub fn is_in(self, size: u64) -> bool {
        self.leaves().is_some_and(|leaves| leaves.end <= size)
    }
}

/// The complete subtrees that `leaves` are made of, from left to right. Each is at most as large as the one before it wherever `leaves`
/// is a part that RFC 9162 splits a tree into (section 2.1.1: at the largest power of two below its size).
pub(super) fn complete_subtrees(leaves: Range<u64>) -> impl Iterator<Item = Node> {
    let Range { mut start, end } = leaves;
    core::iter::from_fn(move || {
        let level = end.checked_sub(start)?.checked_ilog2()?.min(start.trailing_zeros());
        let node = Node { level: u8::try_from(level).ok()?, index: start.checked_shr(level)? };
        start = node.leaves()?.end;
        Some(node)
    })
}
