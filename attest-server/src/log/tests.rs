use std::fs;
use std::path::Path;

use attest_core::Limits;
use attest_core::audit::checkpoint::{Checkpoint, SignedCheckpoint};
use attest_core::audit::tile::{ProvenTiles, Tile};
use attest_core::audit::tree::{Frontier, TreeHead, inclusion_proof, verify_inclusion};
use proptest::prelude::*;

use super::*;

const LIMITS: &Limits = &Limits::DEFAULT;

fn key(folder: &Path) -> NoteKey {
    let path = folder.join("log.key");
    if !path.exists() {
        NoteKey::make(&path, "log.example/releases").unwrap();
    }
    NoteKey::open(&path).unwrap()
}

fn open(folder: &Path) -> Result<(Writer, Vec<Vec<u8>>), Error> {
    let mut entries = Vec::new();
    let writer = Writer::open(&folder.join("log"), key(folder), LIMITS, |index, entry| {
        assert_eq!(index, entries.len() as u64);
        entries.push(entry.to_vec());
    })?;
    Ok((writer, entries))
}

fn entries(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range.map(|number| format!("entry {number}").into_bytes()).collect()
}

/// A log of so many entries, closed.
fn log_of(size: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap().0.append(&entries(0..size)).unwrap();
    folder
}

fn code(folder: &tempfile::TempDir) -> &'static str {
    open(folder.path()).err().unwrap().code()
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.join("tile")];
    while let Some(next) = folders.pop() {
        for file in fs::read_dir(next).into_iter().flatten() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                names.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let place = to.join(file.file_name());
        if file.path().is_dir() {
            copy(&file.path(), &place)
        } else {
            fs::copy(file.path(), place).unwrap();
        }
    }
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, none) = open(folder.path()).unwrap();
    assert_eq!((none.len(), *writer.head()), (0, TreeHead::empty()));
    assert_eq!(writer.append(&entries(0..3)).unwrap(), 0);
    assert_eq!(writer.append(&entries(3..300)).unwrap(), 3);
    let head = *writer.head();
    drop(writer);
    let (writer, read) = open(folder.path()).unwrap();
    assert_eq!((read, *writer.head()), (entries(0..300), head));
    let mut tiles = ProvenTiles::open(&head, Files::new(&folder.path().join("log"))).unwrap();
    assert_eq!(tiles.entries(1).unwrap(), entries(256..300));
    let proof = inclusion_proof(7, 300, &mut tiles).unwrap();
    let leaf = attest_core::audit::tree::Hash::of_leaf(b"entry 7");
    assert_eq!(verify_inclusion(&leaf, 7, &proof, &head), Ok(()));
    // Narrow tiles of full ones are gone, and the full one stands for them.
    let names = files_below(&folder.path().join("log"));
    let expected =
        ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"];
    assert_eq!(names, expected);
    let narrow = Tile::parse("tile/0/000.p/3", LIMITS).unwrap();
    assert_eq!(
        Files::new(&folder.path().join("log")).tile(&narrow).unwrap().map(|full| full.len()),
        Some(8_192)
    );
}

#[test]
fn a_log_has_one_writer() {
    let folder = log_of(1);
    let (writer, _) = open(folder.path()).unwrap();
    assert_eq!(code(&folder), "log_locked");
    drop(writer);
    assert!(open(folder.path()).is_ok());
}

#[test]
fn an_append_that_did_not_come_to_its_head_is_dropped_as_a_whole() {
    for (size, more) in [(5, 2), (5, 4), (250, 10), (255, 1), (0, 3)] {
        let folder = log_of(size);
        let head = fs::read(folder.path().join("log/head")).unwrap();
        let before = files_below(&folder.path().join("log"));
        let (mut writer, _) = open(folder.path()).unwrap();
        writer.append(&vec![b"never told".to_vec(); more]).unwrap();
        drop(writer);
        // All of it is on the disk but the head; full tiles replaced none.
        fs::write(folder.path().join("log/head"), head).unwrap();
        let restored = log_of(size);
        if size > 0 {
            copy(&restored.path().join("log/tile"), &folder.path().join("log/tile"));
        }
        let (mut writer, read) = open(folder.path()).unwrap();
        assert_eq!(read, entries(0..size));
        assert_eq!(files_below(&folder.path().join("log")), before);
        // What comes in its place is another tree.
        writer.append(&entries(size..size + 8)).unwrap();
        drop(writer);
        assert_eq!(open(folder.path()).unwrap().1, entries(0..size + 8));
    }
}

#[test]
fn a68_an_entry_that_was_changed_on_the_disk() {
    let folder = log_of(3);
    let path = folder.path().join("log/tile/entries/000.p/3");
    let mut bundle = fs::read(&path).unwrap();
    bundle[2] ^= 1;
    fs::write(&path, &bundle).unwrap();
    assert_eq!(code(&folder), "log_tile_contradicts");
    // With its hash changed, too, the tree is another one than the one that was signed.
    let other = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join("log.key"), other.path().join("log.key")).unwrap();
    let mut changed = entries(0..3);
    changed[0][0] ^= 1;
    open(other.path()).unwrap().0.append(&changed).unwrap();
    copy(&other.path().join("log/tile"), &folder.path().join("log/tile"));
    assert_eq!(code(&folder), "log_head_contradicts");
}

#[test]
fn a68_a_tile_that_was_changed_or_taken_away() {
    for tile in ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"] {
        let folder = log_of(300);
        let path = folder.path().join("log").join(tile);
        let mut hashes = fs::read(&path).unwrap();
        hashes[0] ^= 1;
        fs::write(&path, hashes).unwrap();
        assert_eq!(code(&folder), "log_tile_contradicts", "{tile}");
        fs::remove_file(&path).unwrap();
        assert_eq!(code(&folder), "log_tile_contradicts", "{tile}");
    }
    let folder = log_of(300);
    fs::remove_file(folder.path().join("log/tile/entries/000")).unwrap();
    assert_eq!(code(&folder), "log_tile_contradicts");
    let folder = log_of(3);
    fs::write(folder.path().join("log/tile/entries/000.p/3"), [0, 9, 1]).unwrap();
    assert_eq!(code(&folder), "tile_bundle_truncated");
}

#[test]
fn a68_a_head_that_is_missing_or_of_another_key() {
    let folder = log_of(3);
    let head = folder.path().join("log/head");
    let note = fs::read(&head).unwrap();
    fs::write(&head, String::from_utf8(note.clone()).unwrap().replace("\n3\n", "\n2\n")).unwrap();
    assert_eq!(code(&folder), "note_signature_invalid");
    fs::remove_file(&head).unwrap();
    assert_eq!(code(&folder), "log_head_missing");
    fs::write(&head, note).unwrap();
    fs::remove_file(folder.path().join("log.key")).unwrap();
    assert_eq!(code(&folder), "note_not_signed");
}

#[test]
fn a68_a_folder_that_was_set_back_behind_what_is_published() {
    let folder = log_of(3);
    let (mut writer, _) = open(folder.path()).unwrap();
    let head = fs::read(folder.path().join("log/head")).unwrap();
    writer.append(&entries(3..5)).unwrap();
    let note = writer.signed().note().to_owned();
    writer.publish(&note).unwrap();
    drop(writer);
    assert!(open(folder.path()).is_ok());
    let tiles = log_of(3);
    fs::write(folder.path().join("log/head"), head).unwrap();
    fs::remove_dir_all(folder.path().join("log/tile")).unwrap();
    copy(&tiles.path().join("log/tile"), &folder.path().join("log/tile"));
    assert_eq!(code(&folder), "log_checkpoint_contradicts");
}

#[test]
fn a68_a_published_checkpoint_of_another_history() {
    let folder = log_of(5);
    let key = key(folder.path());
    let head = Frontier::new().append(entries(1..4).iter().map(Vec::as_slice), LIMITS).unwrap().head;
    let fork = Checkpoint::new(key.name(), head, LIMITS).unwrap().sign(&key).unwrap();
    let (mut writer, _) = open(folder.path()).unwrap();
    assert_eq!(writer.publish(&fork).unwrap_err().code(), "log_checkpoint_contradicts");
    drop(writer);
    fs::write(folder.path().join("log/checkpoint"), fork).unwrap();
    assert_eq!(code(&folder), "log_checkpoint_contradicts");
}

#[test]
fn an_older_checkpoint_does_not_take_the_place_of_a_newer_one() {
    let folder = log_of(3);
    let (mut writer, _) = open(folder.path()).unwrap();
    let old = writer.signed().note().to_owned();
    writer.append(&entries(3..4)).unwrap();
    let new = writer.signed().note().to_owned();
    writer.publish(&new).unwrap();
    writer.publish(&old).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("log/checkpoint")).unwrap(), new);
    let read = Files::new(&folder.path().join("log")).checkpoint(LIMITS.note_bytes).unwrap().unwrap();
    assert_eq!(SignedCheckpoint::verify(&read, writer.identity(), LIMITS).unwrap().head().size, 4);
}

#[test]
fn what_cannot_be_written_is_not_in_the_log_and_leaves_nothing() {
    let folder = log_of(3);
    let (mut writer, _) = open(folder.path()).unwrap();
    let before = files_below(&folder.path().join("log"));
    // The hashes cannot be written, the entries can.
    let hashes = folder.path().join("log/tile/0/000.p");
    fs::rename(&hashes, folder.path().join("away")).unwrap();
    fs::write(&hashes, "in the way").unwrap();
    let error = writer.append(&entries(3..5)).unwrap_err();
    assert_eq!(error.code(), "log_io");
    assert!(error.to_string().contains("tile/0/000.p"), "{error}");
    fs::remove_file(&hashes).unwrap();
    fs::rename(folder.path().join("away"), &hashes).unwrap();
    assert_eq!(files_below(&folder.path().join("log")), before);
    assert_eq!(writer.head().size, 3);
    // And goes on when it can.
    assert_eq!(writer.append(&entries(3..9)).unwrap(), 3);
    drop(writer);
    assert_eq!(open(folder.path()).unwrap().1, entries(0..9));
}

#[test]
fn an_object_is_what_its_name_says() {
    let folder = log_of(1);
    let (mut writer, _) = open(folder.path()).unwrap();
    let id = writer.keep(b"policy").unwrap();
    assert_eq!(writer.keep(b"policy").unwrap(), id);
    writer.append(&entries(1..2)).unwrap();
    let files = Files::new(&folder.path().join("log"));
    assert_eq!(files.object(&id, 100).unwrap().as_deref(), Some(&b"policy"[..]));
    assert_eq!(files.object(&id, 5).unwrap_err().code(), "log_io");
    let path = folder.path().join("log/object").join(hex::encode(id.as_bytes()));
    fs::write(&path, "polity").unwrap();
    assert_eq!(files.object(&id, 100).unwrap_err().code(), "log_object_damaged");
    assert_eq!(writer.keep(b"policy").unwrap_err().code(), "log_object_damaged");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// However it is cut into batches, the log and its tiles are those of its entries.
    #[test]
    fn batches_do_not_matter(batches in proptest::collection::vec(1_u64..200, 1..8)) {
        let folder = tempfile::tempdir().unwrap();
        let mut size = 0;
        let (mut writer, _) = open(folder.path()).unwrap();
        for batch in batches {
            writer.append(&entries(size..size + batch)).unwrap();
            size += batch;
        }
        let whole = Frontier::new().append(entries(0..size).iter().map(Vec::as_slice), LIMITS).unwrap().head;
        prop_assert_eq!(*writer.head(), whole);
        drop(writer);
        prop_assert_eq!(open(folder.path()).unwrap().1, entries(0..size));
    }
}
