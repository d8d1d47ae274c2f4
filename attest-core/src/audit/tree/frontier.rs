//! A tree that grows.

use super::node::complete_subtrees;
use super::prove::{HashReader, join};
use super::{Error, Hash, Node, TreeHead};
use crate::Limits;

/// As much of a tree as is needed to append to it: the roots of the complete subtrees that it is made of, at most 64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Largest, and so leftmost, first: one for each bit of `size`.
    subtrees: Vec<Hash>,
}

/// What a batch of entries made of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The index of the batch's first leaf.
    pub first: u64,
    /// The tree with all of them.
    pub head: TreeHead,
    /// Every subtree that is now complete and was not before, children before parents. [Tiles](crate::audit::tile) store those whose level
    /// is a multiple of 8.
    pub nodes: Vec<(Node, Hash)>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The frontier of a tree that is stored. What is read must lead to `head`, so that nothing is appended to a tree that nobody signed.
    ///
    /// # Errors
    /// [`Error::RootMismatch`], and the reader's.
    pub fn restore<R: HashReader + ?Sized>(head: &TreeHead, reader: &mut R) -> Result<Self, R::Error> {
        let subtrees: Vec<Hash> =
            complete_subtrees(0..head.size).map(|node| reader.hash(node)).collect::<Result<_, _>>()?;
        let frontier = Self { size: head.size, subtrees };
        if frontier.head() == *head { Ok(frontier) } else { Err(Error::RootMismatch.into()) }
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's size and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: join(&self.subtrees) }
    }

    /// Appends entries: all of them, or none where there is an error. The caller bounds the batch; some 80 bytes an entry come of it.
    ///
    /// # Errors
    /// [`Error::TooManyLeaves`].
    pub fn append<'e>(
        &mut self,
        entries: impl ExactSizeIterator<Item = &'e [u8]>,
        limits: &Limits,
    ) -> Result<Appended, Error> {
        self.append_leaves(entries.map(Hash::of_leaf), limits)
    }

    /// [`append`](Self::append) for entries of which only the leaf hashes are at hand.
    ///
    /// # Errors
    /// [`Error::TooManyLeaves`].
    pub fn append_leaves(
        &mut self,
        leaves: impl ExactSizeIterator<Item = Hash>,
        limits: &Limits,
    ) -> Result<Appended, Error> {
        let limit = limits.log_leaves;
        let grown = u64::try_from(leaves.len()).ok().and_then(|more| self.size.checked_add(more));
        if grown.is_none_or(|size| size > limit) {
            return Err(Error::TooManyLeaves { limit });
        }
        let first = self.size;
        let mut nodes = Vec::new();
        for leaf in leaves {
            self.push(leaf, &mut nodes);
        }
        Ok(Appended { first, head: self.head(), nodes })
    }

    fn push(&mut self, leaf: Hash, nodes: &mut Vec<(Node, Hash)>) {
        let (mut node, mut hash) = (Node::leaf(self.size), leaf);
        nodes.push((node, hash));
        // A subtree as large as the one that has just become complete stands left of it: together they are the next one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                (node, hash) = (node.parent(), Hash::of_node(&left, &hash));
                nodes.push((node, hash));
            }
        }
        self.subtrees.push(hash);
        self.size = self.size.saturating_add(1);
    }
}
