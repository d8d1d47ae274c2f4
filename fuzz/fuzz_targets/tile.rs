//! Any bytes as a tile's path, as an entry bundle, and as one file of an honest log: what comes out of that is the log's, or nothing.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use attest_core::Limits;
use attest_core::audit::tile::{self, Error, Level, ProvenTiles, Tile, TileReader};
use attest_core::audit::tree::{Appended, Frontier, Hash, Node, inclusion_proof, verify_inclusion};
use libfuzzer_sys::fuzz_target;

const SIZE: u64 = 700;

/// The log, its files by their paths, its entries.
struct Log {
    appended: Appended,
    files: BTreeMap<String, Vec<u8>>,
    entries: Vec<Vec<u8>>,
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let entries: Vec<Vec<u8>> = (0..SIZE).map(|index| format!("entry {index}").into_bytes()).collect();
    let slices: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    let appended = Frontier::new().append(slices.iter().copied(), &Limits::DEFAULT).expect("a small log");
    let nodes: BTreeMap<Node, Hash> = appended.nodes.iter().copied().collect();
    let files = tile::grown(0, SIZE).into_iter().map(|tile| {
        let bytes = match tile.level() {
            Level::Entries => tile::render_entries(tile.nodes().map(|node| slices[node.index as usize]))
                .expect("short entries"),
            Level::Hashes(_) => {
                tile::render_hashes(&tile.nodes().map(|node| nodes[&node]).collect::<Vec<Hash>>())
            }
        };
        (tile.to_string(), bytes)
    });
    Log { files: files.collect(), appended, entries }
});

/// Its server, which lies about one file.
struct Liar<'b> {
    path: &'b str,
    bytes: &'b [u8],
}

impl TileReader for Liar<'_> {
    type Error = Error;
    fn read(&mut self, tile: &Tile) -> Result<Vec<u8>, Error> {
        let path = tile.to_string();
        Ok(if path == self.path { self.bytes.to_vec() } else { LOG.files[&path].clone() })
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(path) = core::str::from_utf8(bytes)
        && let Ok(tile) = Tile::parse(path, &Limits::DEFAULT)
    {
        assert_eq!(tile.to_string(), path);
    }
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let width = u64::from(*choice) + 1;
    let bundle = Tile::of_tree(Level::Entries, 0, width).expect("a tile");
    if let Ok(entries) = tile::parse_entries(&bundle, bytes) {
        assert_eq!(entries.len() as u64, width);
        assert!(bytes.starts_with(&tile::render_entries(entries).expect("entries of a bundle")));
    }

    let path = LOG.files.keys().nth(usize::from(*choice) % LOG.files.len()).expect("a file");
    let head = &LOG.appended.head;
    let Ok(mut tiles) = ProvenTiles::open(head, Liar { path, bytes }) else { return };
    for bundle in 0..SIZE.div_ceil(256) {
        let Ok(entries) = tiles.entries(bundle) else { continue };
        let first = bundle as usize * 256;
        assert_eq!(entries, LOG.entries[first..first + entries.len()]);
    }
    for index in [0, 255, 256, 600, SIZE - 1] {
        let Ok(proof) = inclusion_proof(index, SIZE, &mut tiles) else { continue };
        let leaf = Hash::of_leaf(&LOG.entries[index as usize]);
        assert_eq!(verify_inclusion(&leaf, index, &proof, head), Ok(()));
    }
});
