//! The tree of what was replayed, at each of its sizes.

use crate::Limits;
use crate::audit::tree::{Error, Frontier, Hash, TreeHead};

/// A tree with the hashes of its leaves, 32 bytes each.
#[derive(Clone, Debug, Default)]
pub(super) struct Grown {
    tree: Frontier,
    leaves: Vec<Hash>,
}

impl Grown {
    /// One leaf more.
    pub(super) fn append(&mut self, leaf: Hash, limits: &Limits) -> Result<(), Error> {
        self.tree.append_leaves(core::iter::once(leaf), limits)?;
        self.leaves.push(leaf);
        Ok(())
    }

    pub(super) const fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(super) fn head(&self) -> TreeHead {
        self.tree.head()
    }

    /// The tree as it was with so many leaves; nothing where it never had as many.
    pub(super) fn head_at(&self, size: u64, limits: &Limits) -> Option<TreeHead> {
        let leaves = self.leaves.get(..usize::try_from(size).ok()?)?;
        Frontier::new().append_leaves(leaves.iter().copied(), limits).ok().map(|appended| appended.head)
    }
}
