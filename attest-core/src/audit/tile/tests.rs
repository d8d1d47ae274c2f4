use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::Limits;
use crate::audit::tree::{Frontier, HashReader, TreeHead};

mod proven;

fn parse(path: &str) -> Result<Tile, Error> {
    Tile::parse(path, &Limits::DEFAULT)
}

const fn tile(level: Level, index: u64, width: u16) -> Tile {
    Tile { level, index, width }
}

#[test]
fn paths_are_those_of_the_specification() {
    for (path, expected) in [
        ("tile/0/000", tile(Level::Hashes(0), 0, 256)),
        ("tile/0/x001/x234/067", tile(Level::Hashes(0), 1_234_067, 256)),
        ("tile/1/000.p/17", tile(Level::Hashes(1), 0, 17)),
        ("tile/entries/273.p/112", tile(Level::Entries, 273, 112)),
        ("tile/entries/x001/000", tile(Level::Entries, 1_000, 256)),
        ("tile/5/000.p/255", tile(Level::Hashes(5), 0, 255)),
        ("tile/0/999.p/1", tile(Level::Hashes(0), 999, 1)),
    ] {
        assert_eq!(parse(path), Ok(expected), "{path}");
        assert_eq!(expected.to_string(), path);
    }
}

#[test]
fn a_tile_has_one_path() {
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile//000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x00/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/x001",
        "tile/0/X001/000",
        "tile/0/-01",
        "tile/0/+01",
        "tile/0/ 01",
        "tile/00/000",
        "tile/01/000",
        "tile/+1/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/data/000",
        "tile/8/0/000",
        "tile/Entries/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/65537",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/.p/1",
        "tile/0/x001.p/1/000",
        "tile/0/000.p/x01",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "checkpoint",
    ] {
        assert_eq!(parse(path), Err(Error::PathMalformed), "{path}");
    }
    let long = format!("tile/0/{}000", "x001/".repeat(20));
    assert_eq!(parse(&long), Err(Error::PathMalformed));
}

#[test]
fn a_tile_lies_within_the_largest_log() {
    // 2^48 leaves: 2^40 full tiles, one hash of level 6.
    assert!(parse("tile/0/x001/x099/x511/x627/775").is_ok());
    assert!(parse("tile/6/000.p/1").is_ok());
    for path in [
        "tile/0/x001/x099/x511/x627/776.p/1",
        "tile/6/000.p/2",
        "tile/6/000",
        "tile/8/000.p/1",
        "tile/63/000",
    ] {
        assert_eq!(parse(path), Err(Error::BeyondLog { tile: path.to_owned() }));
    }
    let limits = Limits { log_leaves: 300, ..Limits::DEFAULT };
    assert!(Tile::parse("tile/0/001.p/44", &limits).is_ok());
    let error = Error::BeyondLog { tile: "tile/0/001.p/45".to_owned() };
    assert_eq!(Tile::parse("tile/0/001.p/45", &limits), Err(error));
}

/// The example of the specification: 70,000 leaves.
#[test]
fn tiles_of_a_tree() {
    let level = |level| grown(0, 70_000).into_iter().filter(move |tile| tile.level() == level);
    let hashes = |l| level(Level::Hashes(l)).collect::<Vec<_>>();
    assert_eq!(hashes(0).len(), 274);
    assert!(hashes(0)[..273].iter().all(Tile::is_full));
    assert_eq!(hashes(0)[273], tile(Level::Hashes(0), 273, 112));
    assert_eq!(hashes(1), [tile(Level::Hashes(1), 0, 256), tile(Level::Hashes(1), 1, 17)]);
    assert_eq!(hashes(2), [tile(Level::Hashes(2), 0, 1)]);
    assert_eq!(hashes(3), []);
    assert_eq!(level(Level::Entries).count(), 274);
    // A full tile and one hash above it.
    let paths: Vec<String> = grown(0, 256).iter().map(Tile::to_string).collect();
    assert_eq!(paths, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(grown(0, 0), []);
    assert_eq!(grown(7, 7), []);
    assert_eq!(grown(7, 6), []);
    let paths: Vec<String> = grown(255, 258).iter().map(Tile::to_string).collect();
    let expected =
        ["tile/entries/000", "tile/entries/001.p/2", "tile/0/000", "tile/0/001.p/2", "tile/1/000.p/1"];
    assert_eq!(paths, expected);
    // What is full is not written again.
    let paths: Vec<String> = grown(256, 257).iter().map(Tile::to_string).collect();
    assert_eq!(paths, ["tile/entries/001.p/1", "tile/0/001.p/1"]);
}

#[test]
fn a_tree_has_no_tile_beyond_its_edge() {
    assert_eq!(Tile::of_tree(Level::Hashes(0), 1, 256), None);
    assert_eq!(Tile::of_tree(Level::Hashes(0), 1, 257), Some(tile(Level::Hashes(0), 1, 1)));
    assert_eq!(Tile::of_tree(Level::Hashes(1), 0, 255), None);
    assert_eq!(Tile::of_tree(Level::Entries, 0, 0), None);
    assert_eq!(Tile::of_tree(Level::Hashes(8), 0, u64::MAX), None);
    assert_eq!(Tile::of_tree(Level::Hashes(0), u64::MAX, u64::MAX), None);
    let partial = tile(Level::Hashes(0), 1, 44);
    assert!(partial.is_in(300) && !partial.is_in(299));
    let seventh = Tile::of_tree(Level::Entries, 7, 2_000).unwrap();
    assert_eq!((seventh.level(), seventh.index(), seventh.width()), (Level::Entries, 7, 208));
}

#[test]
fn every_code_is_its_own_and_stable() {
    let tile = String::new;
    for (error, code) in [
        (Error::BeyondLog { tile: tile() }, "tile_beyond_log"),
        (Error::BundleCount { expected: 1, got: 0 }, "tile_bundle_count"),
        (Error::BundleTruncated(Truncated { offset: 0, wanted: 1, left: 0 }), "tile_bundle_truncated"),
        (Error::EntryMismatch { index: 0 }, "tile_entry_mismatch"),
        (Error::EntryTooLarge { got: 2, limit: 1 }, "tile_entry_too_large"),
        (Error::NotInTree { level: 0, index: 1, size: 1 }, "tile_not_in_tree"),
        (Error::PathMalformed, "tile_path_malformed"),
        (Error::TileLength { tile: tile(), expected: 32, got: 31 }, "tile_length"),
        (Error::TileMismatch { tile: tile() }, "tile_mismatch"),
        (Error::Tree(tree::Error::RootMismatch), tree::Error::RootMismatch.code()),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn bundles_are_entries_behind_their_lengths() {
    let entries: [&[u8]; 3] = [b"one", b"", &[7; 65_535]];
    let bundle = render_entries(entries).unwrap();
    assert_eq!(&bundle[..7], b"\0\x03one\0\0");
    let three = tile(Level::Entries, 0, 3);
    assert_eq!(parse_entries(&three, &bundle).unwrap(), entries);
    let error = Error::EntryTooLarge { got: 65_536, limit: 65_535 };
    assert_eq!(render_entries([[0; 65_536].as_slice()]), Err(error));

    let count = |tile: &Tile, bytes: &[u8]| parse_entries(tile, bytes).map(|entries| entries.len());
    let two = tile(Level::Entries, 0, 2);
    assert_eq!(count(&two, &bundle), Err(Error::BundleCount { expected: 2, got: 3 }));
    let four = tile(Level::Entries, 0, 4);
    assert_eq!(count(&four, &bundle), Err(Error::BundleCount { expected: 4, got: 3 }));
    assert_eq!(count(&three, &[]), Err(Error::BundleCount { expected: 3, got: 0 }));
    for at in 1..6 {
        let expected = if at == 5 {
            Error::BundleCount { expected: 3, got: 1 }
        } else {
            let (offset, wanted) = if at == 1 { (0, 2) } else { (2, 3) };
            Error::BundleTruncated(Truncated { offset, wanted, left: at - offset })
        };
        assert_eq!(count(&three, &bundle[..at]), Err(expected), "{at}");
    }
}

#[test]
fn a47_a_full_bundle_or_tile_stands_for_a_narrower_one_and_nothing_else_does() {
    let bundle = |count: usize| render_entries(vec![b"e".as_slice(); count]).unwrap();
    let five = tile(Level::Entries, 0, 5);
    assert_eq!(parse_entries(&five, &bundle(256)).map(|entries| entries.len()), Ok(5));
    for got in [4, 6, 255, 257] {
        assert_eq!(parse_entries(&five, &bundle(got)), Err(Error::BundleCount { expected: 5, got }), "{got}");
    }
    // Counting stops behind a full bundle.
    assert_eq!(parse_entries(&five, &bundle(9_000)), Err(Error::BundleCount { expected: 5, got: 257 }));

    let five = tile(Level::Hashes(0), 0, 5);
    assert_eq!(parse_hashes(&five, &[0; 256 * 32]).map(|hashes| hashes.len()), Ok(5));
    assert_eq!(parse_hashes(&five, &[0; 5 * 32]).map(|hashes| hashes.len()), Ok(5));
    for got in [0, 1, 4 * 32, 5 * 32 - 1, 5 * 32 + 1, 6 * 32, 255 * 32, 256 * 32 + 1, 257 * 32] {
        let error = Error::TileLength { tile: "tile/0/000.p/5".to_owned(), expected: 160, got };
        assert_eq!(parse_hashes(&five, &vec![0; got]), Err(error));
    }
    let full = tile(Level::Hashes(0), 0, 256);
    assert_eq!(full.max_bytes(), 8_192);
    assert_eq!(parse_hashes(&full, &vec![7; 8_192]).map(|hashes| render_hashes(&hashes)), Ok(vec![7; 8_192]));
    assert_eq!(tile(Level::Entries, 0, 1).max_bytes(), bundle(256).len() + 256 * 65_534);
}

proptest! {
    #[test]
    fn paths_and_tiles_are_the_same(level in -1_i8..7, index in 0_u64..1 << 40, width in 1_u16..=256) {
        let level = u8::try_from(level).map_or(Level::Entries, Level::Hashes);
        let tile = tile(level, index, width);
        match parse(&tile.to_string()) {
            Ok(read) => prop_assert_eq!(read, tile),
            Err(error) => prop_assert_eq!(error, Error::BeyondLog { tile: tile.to_string() }),
        }
    }

    #[test]
    fn any_path_is_a_tiles_or_refused(path in "tile/([0-7]|entries)/(x?[0-9]{2,4}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = parse(&path) {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn bundles_are_read_as_they_were_written(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..20)) {
        let bundle = render_entries(entries.iter().map(Vec::as_slice)).unwrap();
        let tile = tile(Level::Entries, 0, entries.len() as u16);
        prop_assert_eq!(parse_entries(&tile, &bundle).unwrap(), entries);
        for at in 0..bundle.len() {
            prop_assert!(parse_entries(&tile, &bundle[..at]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_a_bundle_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), width in 1_u16..=256) {
        let tile = tile(Level::Entries, 0, width);
        if let Ok(entries) = parse_entries(&tile, &bytes) {
            prop_assert_eq!(render_entries(entries).unwrap(), bytes);
        }
    }
}
