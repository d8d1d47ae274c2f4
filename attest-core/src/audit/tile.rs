//! Tiles: the tree and the entries as files that never change (C2SP tlog-tiles).
//!
//! A log serves 256 hashes of one level, or 256 entries, as a file each; the last ones of a tree are narrower. [`Tile`] names one and says
//! which nodes are in it. [`ProvenTiles`] reads them from whoever has them and hands out hashes and entries that are those of a tree whose
//! head is known, and nothing else.

mod bundle;
mod path;
mod proven;

pub use bundle::{parse_entries, render_entries};
pub use proven::{ProvenTiles, TileReader};

use super::tree::{self, Hash, Node};
use crate::reader::Truncated;

/// Hashes or entries in a full tile.
pub const WIDTH: u16 = 256;
/// log2 of [`WIDTH`]: the levels of the tree in a tile.
const HEIGHT: u8 = 8;

/// Why a path names no tile, or bytes are not the tile's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tile has leaves that no log has.
    #[error("{tile} lies beyond the largest log")]
    BeyondLog {
        /// The tile's path.
        tile: String,
    },
    /// A bundle with more or fewer entries.
    #[error("a bundle of {got} entries, where {expected} are wanted")]
    BundleCount {
        /// How many the tile has.
        expected: u16,
        /// How many there are; counting stops behind a full bundle.
        got: usize,
    },
    /// A bundle that ends within an entry.
    #[error("entry bundle {0}")]
    BundleTruncated(#[from] Truncated),
    /// An entry that is not the leaf in its place.
    #[error("entry {index} is not what the log's tree has there")]
    EntryMismatch {
        /// The leaf's index.
        index: u64,
    },
    /// An entry that no bundle holds: its length has 16 bits.
    #[error("an entry of {got} bytes, more than {limit}")]
    EntryTooLarge {
        /// Its length.
        got: usize,
        /// The bound.
        limit: usize,
    },
    /// The tree has no such tile.
    #[error("a tree of {size} leaves has no tile {index} of level {level}")]
    NotInTree {
        /// The tile's level.
        level: u8,
        /// Its index.
        index: u64,
        /// The tree's leaves.
        size: u64,
    },
    /// Not a tile's path, or not its only one.
    #[error("not the path of a tile")]
    PathMalformed,
    /// A tile of hashes with another length.
    #[error("{tile} has {got} bytes, where {expected} are wanted")]
    TileLength {
        /// The tile's path.
        tile: String,
        /// How many bytes it must have.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// The tile's hashes are not those of the tree.
    #[error("the hashes in {tile} are not those of the log's tree")]
    TileMismatch {
        /// The tile's path.
        tile: String,
    },
    /// The hashes along the tree's right edge do not lead to its root, or a question about the tree was wrong.
    #[error(transparent)]
    Tree(#[from] tree::Error),
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BeyondLog { .. } => "tile_beyond_log",
            Self::BundleCount { .. } => "tile_bundle_count",
            Self::BundleTruncated(_) => "tile_bundle_truncated",
            Self::EntryMismatch { .. } => "tile_entry_mismatch",
            Self::EntryTooLarge { .. } => "tile_entry_too_large",
            Self::NotInTree { .. } => "tile_not_in_tree",
            Self::PathMalformed => "tile_path_malformed",
            Self::TileLength { .. } => "tile_length",
            Self::TileMismatch { .. } => "tile_mismatch",
            Self::Tree(error) => error.code(),
        }
    }
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Entries: a bundle, each with its length.
    Entries,
    /// Hashes of every eighth level of the tree: 0 are the leaves', 1 those of full tiles of level 0.
    Hashes(u8),
}

/// A tile by its place. It holds hashes (or entries) `256·index` up to `256·index + width` of its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: Level,
    index: u64,
    width: u16,
}

impl Tile {
    /// The tile that a tree of `size` leaves has in this place, as wide as this tree makes it; `None` if it has none.
    #[must_use]
    pub fn of_tree(level: Level, index: u64, size: u64) -> Option<Self> {
        let first = index.checked_mul(WIDTH.into())?;
        let there = nodes_of_level(size, level.height()?).checked_sub(first)?;
        let width = u16::try_from(there).map_or(WIDTH, |there| there.min(WIDTH));
        (width > 0).then_some(Self { level, index, width })
    }

    /// What it holds.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// How many tiles stand left of it in its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds: 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it will never be wider.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == WIDTH
    }

    /// The most bytes that it has where it is served, also as a full tile: what a reader takes from a server before it gives up.
    #[must_use]
    pub const fn max_bytes(&self) -> usize {
        match self.level {
            Level::Entries => 256 * (2 + 65_535),
            Level::Hashes(_) => 256 * Hash::SIZE,
        }
    }

    /// The nodes whose hashes it holds, in their order; of a bundle the leaves whose entries it holds.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        let first = self.index.saturating_mul(WIDTH.into());
        let level = self.level.height().unwrap_or(u8::MAX);
        (first..first.saturating_add(self.width.into())).map(move |index| Node { level, index })
    }

    /// Whether a log of `size` leaves has it, or had it before it grew to this size.
    #[must_use]
    pub fn is_in(&self, size: u64) -> bool {
        self.nodes().last().is_some_and(|node| node.is_in(size))
    }
}

impl Level {
    /// How many levels above the leaves; `None` beyond every tree.
    fn height(self) -> Option<u8> {
        match self {
            Self::Entries => Some(0),
            Self::Hashes(level) => level.checked_mul(HEIGHT).filter(|height| *height < 64),
        }
    }
}

/// How many complete subtrees of this height a tree has.
fn nodes_of_level(size: u64, height: u8) -> u64 {
    size.checked_shr(height.into()).unwrap_or(0)
}

/// The tiles to be written when a log grows from `old` to `new` leaves: each that is new or wider, as wide as it is then; entries first, and
/// hashes from the leaves upwards.
#[must_use]
pub fn grown(old: u64, new: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in core::iter::once(Level::Entries).chain((0..64).map(Level::Hashes)) {
        let Some(height) = level.height() else { break };
        let (before, after) = (nodes_of_level(old, height), nodes_of_level(new, height));
        if before >= after {
            continue;
        }
        // The first one that is not full, up to the last one that has something.
        let first = before.checked_shr(HEIGHT.into()).unwrap_or(0);
        let tiles_of_level = (first..=after.checked_shr(HEIGHT.into()).unwrap_or(0))
            .filter_map(|index| Tile::of_tree(level, index, new));
        tiles.extend(tiles_of_level);
    }
    tiles
}

/// A tile of hashes as it is served.
#[must_use]
pub fn render_hashes<'h>(hashes: impl IntoIterator<Item = &'h Hash>) -> Vec<u8> {
    hashes.into_iter().flat_map(|hash| hash.as_bytes()).copied().collect()
}

/// The hashes in a tile. A full tile may stand for a narrower one, whose hashes are its first ones: logs may delete tiles that have become
/// full (C2SP tlog-tiles, Partial Tiles).
///
/// # Errors
/// [`Error::TileLength`].
pub fn parse_hashes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::SIZE }>();
    let width = usize::from(tile.width);
    let is_served = hashes.len() == width || hashes.len() == usize::from(WIDTH);
    if !is_served || !rest.is_empty() {
        let expected = width.saturating_mul(Hash::SIZE);
        return Err(Error::TileLength { tile: tile.to_string(), expected, got: bytes.len() });
    }
    Ok(hashes.iter().take(width).map(|bytes| Hash::from_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests;
