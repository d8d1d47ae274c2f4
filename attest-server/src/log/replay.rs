//! The tree as it grows, and the tiles that come of it: computed from entries alone, by who appends and by who opens the folder.

use std::collections::BTreeMap;

use attest_core::Limits;
use attest_core::audit::tile::{self, Level, Tile, WIDTH};
use attest_core::audit::tree::{Appended, Frontier, Hash, TreeHead};

use super::{Error, Files};

/// Levels of the tree between two levels of tiles.
const HEIGHT: u8 = 8;

/// Tiles with their bytes.
pub(super) type Tiles = Vec<(Tile, Vec<u8>)>;

/// A tree, with what is in its tiles that are not full.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    frontier: Frontier,
    hashes: BTreeMap<(u8, u64), Vec<Hash>>,
    entries: BTreeMap<u64, Vec<Vec<u8>>>,
}

impl Growth {
    /// Its size and root.
    pub(super) fn head(&self) -> TreeHead {
        self.frontier.head()
    }

    /// Appends entries, and gives the tiles that are new or wider.
    pub(super) fn append(
        &mut self,
        entries: &[Vec<u8>],
        limits: &Limits,
    ) -> Result<(Appended, Tiles), Error> {
        let appended = self.frontier.append(entries.iter().map(Vec::as_slice), limits)?;
        for (node, hash) in appended.nodes.iter().filter(|(node, _)| node.level.is_multiple_of(HEIGHT)) {
            let place = (node.level / HEIGHT, node.index / u64::from(WIDTH));
            self.hashes.entry(place).or_default().push(*hash);
        }
        for (entry, index) in entries.iter().zip(appended.first..) {
            self.entries.entry(index / u64::from(WIDTH)).or_default().push(entry.clone());
        }
        let grown = tile::grown(appended.first, appended.head.size);
        let tiles = grown.into_iter().map(|tile| Ok((tile, self.render(&tile)?)));
        let tiles = tiles.collect::<Result<_, Error>>()?;
        let width = usize::from(WIDTH);
        self.hashes.retain(|_, hashes| hashes.len() < width);
        self.entries.retain(|_, entries| entries.len() < width);
        Ok((appended, tiles))
    }

    fn render(&self, tile: &Tile) -> Result<Vec<u8>, Error> {
        match tile.level() {
            Level::Entries => {
                let entries = self.entries.get(&tile.index()).into_iter().flatten();
                Ok(tile::render_entries(entries.map(Vec::as_slice))?)
            }
            Level::Hashes(level) => {
                Ok(tile::render_hashes(self.hashes.get(&(level, tile.index())).into_iter().flatten()))
            }
        }
    }

    /// The tree of this size out of the entries in a folder, each of which is shown. Every tile that a tree of this size has must be there
    /// as the entries give it.
    pub(super) fn replay(
        files: &Files,
        size: u64,
        limits: &Limits,
        mut each: impl FnMut(u64, &[u8]),
    ) -> Result<Self, Error> {
        let mut growth = Self::default();
        for index in 0..size.div_ceil(WIDTH.into()) {
            let Some(tile) = Tile::of_tree(Level::Entries, index, size) else { break };
            let contradicts = || Error::TileContradicts { path: tile.to_string() };
            let bundle = files.tile(&tile)?.ok_or_else(contradicts)?;
            let entries = tile::parse_entries(&tile, &bundle)
                .map_err(|error| Error::Tile { path: tile.to_string(), error })?;
            let entries: Vec<Vec<u8>> = entries.into_iter().map(<[u8]>::to_vec).collect();
            let (appended, tiles) = growth.append(&entries, limits)?;
            for (tile, expected) in tiles {
                let stays = tile.is_full() || Tile::of_tree(tile.level(), tile.index(), size) == Some(tile);
                if stays && files.tile(&tile)?.as_ref() != Some(&expected) {
                    return Err(Error::TileContradicts { path: tile.to_string() });
                }
            }
            for (entry, index) in entries.iter().zip(appended.first..) {
                each(index, entry);
            }
        }
        Ok(growth)
    }
}
