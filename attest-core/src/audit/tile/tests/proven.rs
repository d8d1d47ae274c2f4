//! A server of tiles, honest or not.

use super::*;
use crate::audit::tree::{inclusion_proof, verify_inclusion};

/// Files by their paths, as a log's disk has them.
#[derive(Clone, Debug, Default)]
struct Disk(BTreeMap<String, Vec<u8>>);

#[derive(Debug, PartialEq, Eq)]
enum Failed {
    Missing(String),
    Tile(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Tile(error)
    }
}

impl From<tree::Error> for Failed {
    fn from(error: tree::Error) -> Self {
        Self::Tile(error.into())
    }
}

impl TileReader for &Disk {
    type Error = Failed;
    fn read(&mut self, tile: &Tile) -> Result<Vec<u8>, Failed> {
        let path = tile.to_string();
        self.0.get(&path).cloned().ok_or(Failed::Missing(path))
    }
}

/// A log as a server keeps it: nodes of every eighth level, and files.
#[derive(Default)]
struct Log {
    frontier: Frontier,
    nodes: BTreeMap<Node, Hash>,
    entries: Vec<Vec<u8>>,
    disk: Disk,
}

impl Log {
    fn of(size: usize) -> Self {
        let mut log = Self::default();
        log.append(size);
        log
    }

    fn append(&mut self, count: usize) -> TreeHead {
        let old = self.entries.len();
        self.entries.extend((old..old + count).map(|index| format!("entry {index}").into_bytes()));
        let new = self.entries[old..].iter().map(Vec::as_slice);
        let appended = self.frontier.append(new, &Limits::DEFAULT).unwrap();
        self.nodes.extend(appended.nodes.into_iter().filter(|(node, _)| node.level.is_multiple_of(8)));
        for tile in grown(old as u64, appended.head.size) {
            let bytes = match tile.level() {
                Level::Entries => {
                    let entries = tile.nodes().map(|node| self.entries[node.index as usize].as_slice());
                    render_entries(entries).unwrap()
                }
                Level::Hashes(_) => {
                    let hashes: Vec<Hash> = tile.nodes().map(|node| self.nodes[&node]).collect();
                    render_hashes(&hashes)
                }
            };
            self.disk.0.insert(tile.to_string(), bytes);
        }
        appended.head
    }

    fn head(&self) -> TreeHead {
        self.frontier.head()
    }
}

/// Everything that the tiles give out: all entries, and inclusion proofs for some.
fn read_all(head: &TreeHead, disk: &Disk) -> Result<Vec<Vec<u8>>, Failed> {
    let mut tiles = ProvenTiles::open(head, disk)?;
    let mut entries = Vec::new();
    for bundle in 0..head.size.div_ceil(256) {
        entries.extend(tiles.entries(bundle)?);
    }
    for index in (0..head.size).step_by(37) {
        let proof = inclusion_proof(index, head.size, &mut tiles)?;
        assert_eq!(verify_inclusion(&Hash::of_leaf(&entries[index as usize]), index, &proof, head), Ok(()));
    }
    Ok(entries)
}

#[test]
fn a_log_is_read_from_its_tiles() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 1_000] {
        let log = Log::of(size);
        assert_eq!(read_all(&log.head(), &log.disk).unwrap(), log.entries, "{size}");
    }
}

#[test]
fn three_levels_of_tiles() {
    let log = Log::of(70_000);
    let head = log.head();
    let mut tiles = ProvenTiles::open(&head, &log.disk).unwrap();
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_632, 69_999] {
        let proof = inclusion_proof(index, head.size, &mut tiles).unwrap();
        let leaf = Hash::of_leaf(&log.entries[index as usize]);
        assert_eq!(verify_inclusion(&leaf, index, &proof, &head), Ok(()), "{index}");
        assert!(tiles.entries(index / 256).unwrap().contains(&log.entries[index as usize]));
    }
    let restored = Frontier::restore(&head, &mut tiles).unwrap();
    assert_eq!(restored, log.frontier);
    // A tile in the middle whose parent is good: found out when it is read.
    let mut disk = log.disk.clone();
    disk.0.get_mut("tile/0/100").unwrap()[17] ^= 1;
    let mut tiles = ProvenTiles::open(&head, &disk).unwrap();
    assert!(tiles.hash(Node::leaf(0)).is_ok());
    let error = Failed::Tile(Error::TileMismatch { tile: "tile/0/100".to_owned() });
    assert_eq!(tiles.hash(Node::leaf(25_600)), Err(error));
    // The level above, full, too: nothing below it is believed.
    let mut disk = log.disk.clone();
    disk.0.get_mut("tile/1/000").unwrap()[17] ^= 1;
    let mut tiles = ProvenTiles::open(&head, &disk).unwrap();
    let error = Failed::Tile(Error::TileMismatch { tile: "tile/1/000".to_owned() });
    assert_eq!(tiles.hash(Node::leaf(0)), Err(error));
    assert!(tiles.hash(Node::leaf(69_999)).is_ok());
}

/// A tree that was full tiles only, and one whose tiles are now wider than they were.
#[test]
fn an_older_head_is_read_from_the_tiles_of_a_larger_log() {
    let mut log = Log::of(300);
    let old = log.head();
    log.append(900);
    assert_eq!(read_all(&old, &log.disk).unwrap(), log.entries[..300]);
    // What was narrow is deleted once it is full; whoever fetches takes the full one in its place.
    let mut disk = log.disk.clone();
    for (narrow, full) in [("tile/entries/001.p/44", "tile/entries/001"), ("tile/0/001.p/44", "tile/0/001")] {
        assert!(disk.0.remove(narrow).is_some());
        let bytes = disk.0[full].clone();
        disk.0.insert(narrow.to_owned(), bytes);
    }
    assert_eq!(read_all(&old, &disk).unwrap(), log.entries[..300]);
}

#[test]
fn a_tile_that_is_missing() {
    let log = Log::of(600);
    for path in log.disk.0.keys() {
        let mut disk = log.disk.clone();
        disk.0.remove(path);
        assert_eq!(read_all(&log.head(), &disk), Err(Failed::Missing(path.clone())));
    }
}

#[test]
fn a_tile_in_anothers_place_or_of_another_log() {
    let log = Log::of(600);
    let paths: Vec<&String> = log.disk.0.keys().collect();
    for one in &paths {
        for other in paths.iter().filter(|other| *other != one) {
            let mut disk = log.disk.clone();
            disk.0.insert((*one).clone(), log.disk.0[*other].clone());
            assert!(matches!(read_all(&log.head(), &disk), Err(Failed::Tile(_))), "{other} as {one}");
        }
    }
    let mut other = Log::default();
    other.entries.push(b"another beginning".to_vec());
    other.frontier.append([b"another beginning".as_slice()].into_iter(), &Limits::DEFAULT).unwrap();
    let error = Failed::Tile(Error::Tree(tree::Error::RootMismatch));
    assert_eq!(ProvenTiles::open(&TreeHead { size: 600, ..other.head() }, &log.disk).map(drop), Err(error));
}

#[test]
fn a68_the_tiles_of_another_size() {
    let log = Log::of(600);
    for size in (0..620).filter(|size| *size != 600) {
        let head = TreeHead { size, ..log.head() };
        assert!(ProvenTiles::open(&head, &log.disk).is_err(), "{size}");
    }
}

#[test]
fn an_entry_that_is_not_the_leaf() {
    let log = Log::of(300);
    let mut disk = log.disk.clone();
    let bundle = disk.0.get_mut("tile/entries/001.p/44").unwrap();
    *bundle.last_mut().unwrap() ^= 1;
    let mut tiles = ProvenTiles::open(&log.head(), &disk).unwrap();
    assert!(tiles.entries(0).is_ok());
    assert_eq!(tiles.entries(1), Err(Failed::Tile(Error::EntryMismatch { index: 299 })));
    let error = Failed::Tile(Error::NotInTree { level: 0, index: 2, size: 300 });
    assert_eq!(tiles.entries(2), Err(error));
    let error = Failed::Tile(Error::NotInTree { level: 0, index: 1, size: 300 });
    assert_eq!(tiles.hash(Node::leaf(300)), Err(error));
}

#[test]
fn nodes_beyond_every_tree_are_refused() {
    let log = Log::of(300);
    let mut tiles = ProvenTiles::open(&log.head(), &log.disk).unwrap();
    for node in [
        Node::leaf(u64::MAX),
        Node { level: 8, index: 1 },
        Node { level: 9, index: 0 },
        Node { level: 63, index: 0 },
        Node { level: 255, index: u64::MAX },
    ] {
        assert!(matches!(tiles.hash(node), Err(Failed::Tile(Error::NotInTree { .. }))), "{node:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In whatever batches a log grew, its files are those of one that grew at once, and some more that are narrower.
    #[test]
    fn logs_that_grow_in_batches_serve_the_same_tiles(batches in proptest::collection::vec(0_usize..300, 1..6)) {
        let mut log = Log::default();
        for batch in &batches {
            let head = log.append(*batch);
            prop_assert_eq!(&read_all(&head, &log.disk).unwrap(), &log.entries);
        }
        for (path, bytes) in Log::of(batches.iter().sum()).disk.0 {
            prop_assert_eq!(&log.disk.0[&path], &bytes, "{}", path);
        }
    }

    /// A byte changed, cut off or added anywhere in what a server sends: refused, or it was not read.
    #[test]
    fn a68_a_changed_byte_in_any_tile(
        size in 1_usize..700, file: prop::sample::Index, at: prop::sample::Index, bit in 0_u8..8, how in 0_u8..3
    ) {
        let log = Log::of(size);
        let mut disk = log.disk.clone();
        let path = log.disk.0.keys().nth(file.index(log.disk.0.len())).unwrap();
        let bytes = disk.0.get_mut(path).unwrap();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] ^= 1 << bit,
            1 => bytes.truncate(at),
            _ => bytes.insert(at, bit),
        }
        prop_assert!(matches!(read_all(&log.head(), &disk), Err(Failed::Tile(_))), "{} {} {}", path, at, how);
    }
}
