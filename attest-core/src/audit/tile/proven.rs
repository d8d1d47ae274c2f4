//! Tiles from whoever has them, held against a tree head.

use super::{Error, HEIGHT, Level, Tile, nodes_of_level, parse_entries, parse_hashes};
use crate::audit::tree::{self, Hash, HashReader, Node, TreeHead};

/// Levels of tiles in the largest tree: 64 levels of nodes.
const LEVELS: u8 = 64 / HEIGHT;

/// Where tiles come from: a disk, a cache, somebody's server. What it returns is not believed.
pub trait TileReader {
    /// Why there is no tile, and why one was not believed.
    type Error: From<Error> + From<tree::Error>;

    /// The bytes of a tile. Who has only the full tile of this place may return that.
    ///
    /// # Errors
    /// The reader's own.
    fn read(&mut self, tile: &Tile) -> Result<Vec<u8>, Self::Error>;
}

/// The tiles of the tree with a known head: every hash and entry that comes out of it is proven to be in that tree.
///
/// The narrow tiles at the tree's right edge, one a level, lead to its root: they are read and proven first. Every other tile is full, and
/// its root is a hash in a tile of the level above, which is proven before it. Of each level the last tile is kept.
#[derive(Debug)]
pub struct ProvenTiles<R> {
    head: TreeHead,
    reader: R,
    /// By level: the hashes of the tile at the right edge, or none.
    edge: Vec<Vec<Hash>>,
    /// By level: the last full tile that was proven.
    last: Vec<Option<(u64, Vec<Hash>)>>,
}

impl<R: TileReader> ProvenTiles<R> {
    /// Reads the tiles at the right edge and holds them against the head's root. The caller believes the head: it has it from a
    /// [`WitnessedCheckpoint`](crate::audit::witness::WitnessedCheckpoint), or is the log.
    ///
    /// # Errors
    /// [`tree::Error::RootMismatch`], [`Error::TileLength`], and the reader's.
    pub fn open(head: &TreeHead, mut reader: R) -> Result<Self, R::Error> {
        let mut edge = Vec::new();
        for level in 0..LEVELS {
            let hashes = match edge_tile(level, head.size) {
                Some(tile) => parse_hashes(&tile, &reader.read(&tile)?)?,
                None => Vec::new(),
            };
            edge.push(hashes);
        }
        let tiles = Self { head: *head, reader, last: vec![None; edge.len()], edge };
        let mut at_edge = Edge { size: head.size, edge: &tiles.edge };
        if tree::root(head.size, &mut at_edge)? != head.root {
            return Err(tree::Error::RootMismatch.into());
        }
        Ok(tiles)
    }

    /// The head that everything is proven under.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The entries of the bundle with this index, each proven: `256·index` and up to 255 more.
    ///
    /// # Errors
    /// [`Error::NotInTree`], [`Error::EntryMismatch`], those of [`parse_entries`] and of tiles, and the reader's.
    pub fn entries(&mut self, index: u64) -> Result<Vec<Vec<u8>>, R::Error> {
        let size = self.head.size;
        let tile =
            Tile::of_tree(Level::Entries, index, size).ok_or(Error::NotInTree { level: 0, index, size })?;
        let leaves = self.tile(0, index)?.to_vec();
        let bundle = self.reader.read(&tile)?;
        let entries = parse_entries(&tile, &bundle)?;
        let mut leaves = leaves.iter();
        for (entry, node) in entries.iter().zip(tile.nodes()) {
            if leaves.next() != Some(&Hash::of_leaf(entry)) {
                return Err(Error::EntryMismatch { index: node.index }.into());
            }
        }
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// The hashes of a tile, proven.
    fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], R::Error> {
        let place = usize::from(level);
        if is_edge(level, index, self.head.size) {
            return Ok(self.edge.get(place).map(Vec::as_slice).unwrap_or_default());
        }
        let is_last = |last: &Option<(u64, Vec<Hash>)>| last.as_ref().is_some_and(|(kept, _)| *kept == index);
        if !self.last.get(place).is_some_and(is_last) {
            let hashes = self.prove(level, index)?;
            if let Some(last) = self.last.get_mut(place) {
                *last = Some((index, hashes));
            }
        }
        let kept = self.last.get(place).and_then(Option::as_ref);
        Ok(kept.map(|(_, hashes)| hashes.as_slice()).unwrap_or_default())
    }

    /// Reads a full tile, and holds its root against the level above.
    fn prove(&mut self, level: u8, index: u64) -> Result<Vec<Hash>, R::Error> {
        let size = self.head.size;
        let beyond = Error::NotInTree { level, index, size };
        let tile =
            Tile::of_tree(Level::Hashes(level), index, size).filter(Tile::is_full).ok_or(beyond.clone())?;
        let above = level.checked_add(1).ok_or(beyond)?;
        let expected = in_tile(self.tile(above, index >> HEIGHT)?, index, 0);
        let hashes = parse_hashes(&tile, &self.reader.read(&tile)?)?;
        if expected.is_none() || expected != Some(subtree(&hashes)) {
            return Err(Error::TileMismatch { tile: tile.to_string() }.into());
        }
        Ok(hashes)
    }
}

/// The tree's inner nodes, each out of the tile whose hashes it joins.
impl<R: TileReader> HashReader for ProvenTiles<R> {
    type Error = R::Error;

    fn hash(&mut self, node: Node) -> Result<Hash, R::Error> {
        let (level, index) = tile_of(node);
        let hashes = self.tile(level, index)?;
        let hash = in_tile(hashes, node.index, node.level % HEIGHT);
        hash.ok_or_else(|| Error::NotInTree { level, index, size: self.head.size }.into())
    }
}

/// The tiles at the right edge alone, while they are not proven.
struct Edge<'e> {
    size: u64,
    edge: &'e [Vec<Hash>],
}

impl HashReader for Edge<'_> {
    type Error = tree::Error;

    fn hash(&mut self, node: Node) -> Result<Hash, tree::Error> {
        let (level, index) = tile_of(node);
        let hashes = self.edge.get(usize::from(level)).filter(|_| is_edge(level, index, self.size));
        hashes
            .and_then(|hashes| in_tile(hashes, node.index, node.level % HEIGHT))
            .ok_or(tree::Error::RootMismatch)
    }
}

/// The level and index of the tile that a node is in, or whose hashes it joins.
fn tile_of(node: Node) -> (u8, u64) {
    let depth = node.level % HEIGHT;
    let index = node.index.checked_shr(HEIGHT.saturating_sub(depth).into()).unwrap_or(0);
    (node.level / HEIGHT, index)
}

/// The hash of the node that is the `index`-th of its level and joins 2^depth hashes of its tile.
fn in_tile(hashes: &[Hash], index: u64, depth: u8) -> Option<Hash> {
    let joined = 1_usize.checked_shl(depth.into())?;
    let nodes = 256_u64.checked_shr(depth.into())?;
    let first = usize::try_from(index.checked_rem(nodes)?).ok()?.checked_mul(joined)?;
    hashes.get(first..first.checked_add(joined)?).map(subtree)
}

/// The root over 2^n hashes.
fn subtree(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while let [_, _, ..] = level.as_slice() {
        let (pairs, _) = level.as_chunks::<2>();
        level = pairs.iter().map(|[left, right]| Hash::of_node(left, right)).collect();
    }
    level.first().copied().unwrap_or_else(Hash::of_empty_tree)
}

fn edge_tile(level: u8, size: u64) -> Option<Tile> {
    let nodes = nodes_of_level(size, Level::Hashes(level).height()?);
    Tile::of_tree(Level::Hashes(level), nodes >> HEIGHT, size)
}

/// Whether a tile of this place is narrow, or would be: it has no hash in the level above.
fn is_edge(level: u8, index: u64, size: u64) -> bool {
    Level::Hashes(level).height().is_some_and(|height| nodes_of_level(size, height) >> HEIGHT == index)
}
