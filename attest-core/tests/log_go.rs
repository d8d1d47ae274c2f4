//! Logs between this library and Go's `golang.org/x/mod/sumdb` (`tests/interop/go/tlog.go`): each reads what the other wrote, verifies the
//! other's proofs, and makes the same ones. Debian: golang-go and golang-golang-x-mod-dev. Without them this says so and passes, unless
//! `ATTEST_REQUIRE_GO` is set.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads files and runs programs, and a panic in it is a failed test"
)]

#[path = "common/signer.rs"]
mod signer;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::{KeyType, VerifierKey};
use attest_core::audit::tile::{self, Level, ProvenTiles, Tile, TileReader};
use attest_core::audit::tree::{
    self, Frontier, Hash, HashReader, Node, TreeHead, consistency_proof, inclusion_proof, verify_consistency,
    verify_inclusion,
};
use attest_core::audit::witness::{LastCosigned, WitnessQuorum, WitnessedCheckpoint, decide};
use attest_core::{Limits, Timestamp};

use signer::Signer;

const LIMITS: &Limits = &Limits::DEFAULT;

/// The Go program, built once; `None` where there is no Go.
fn go() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let packages = Path::new("/usr/share/gocode");
    let installed = packages.join("src/golang.org/x/mod/sumdb/tlog").is_dir()
        && Command::new("go").arg("version").output().is_ok_and(|output| output.status.success());
    if !installed {
        let missing = "Go and golang.org/x/mod are not installed (golang-go, golang-golang-x-mod-dev)";
        assert!(std::env::var_os("ATTEST_REQUIRE_GO").is_none(), "{missing}");
        // Past the capturing of the test harness.
        drop(writeln!(std::io::stderr(), "SKIPPED: {missing}"));
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = folder.join("tlog");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop/go/tlog.go");
    let output = Command::new("go")
        .args(["build", "-o"])
        .args([&program, &source])
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .env("GOPATH", packages)
        .env("GOCACHE", folder.join("go-cache"))
        .output()
        .expect("go build");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

fn run(program: &Path, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("the Go program");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A log's folder, gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("folder");
        Self(path)
    }

    fn arg(&self) -> &str {
        self.0.to_str().expect("path")
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, content).expect("file");
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.join(path)).expect(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl TileReader for &Folder {
    type Error = tile::Error;
    fn read(&mut self, tile: &Tile) -> Result<Vec<u8>, tile::Error> {
        Ok(std::fs::read(self.0.join(tile.to_string())).expect("tile"))
    }
}

struct Store(BTreeMap<Node, Hash>);

impl HashReader for Store {
    type Error = tree::Error;
    fn hash(&mut self, node: Node) -> Result<Hash, tree::Error> {
        Ok(self.0[&node])
    }
}

/// A log of ours, with two witnesses, as files.
fn publish(folder: &Folder, size: usize, step: usize) {
    let entries: Vec<Vec<u8>> =
        (0..size).map(|i| format!("entry {i}, ").repeat(i % 4).into_bytes()).collect();
    let mut frontier = Frontier::new();
    let appended = frontier.append(entries.iter().map(Vec::as_slice), LIMITS).expect("appended");
    let head = appended.head;
    let mut store = Store(appended.nodes.into_iter().collect());
    for tile in tile::grown(0, head.size) {
        let bytes = match tile.level() {
            Level::Entries => {
                tile::render_entries(tile.nodes().map(|node| entries[node.index as usize].as_slice()))
                    .expect("entries")
            }
            Level::Hashes(_) => {
                tile::render_hashes(&tile.nodes().map(|node| store.0[&node]).collect::<Vec<_>>())
            }
        };
        folder.write(&tile.to_string(), &bytes);
    }
    let mut proofs = String::new();
    let mut list = |kind: &str, at: usize, first: Hash, hashes: Vec<Hash>| {
        let hashes: String = hashes.iter().map(|hash| format!(" {}", hash.to_base64())).collect();
        proofs += &format!("{kind} {at} {}{hashes}\n", first.to_base64());
    };
    for at in (0..size).step_by(step) {
        let proof = inclusion_proof(at as u64, head.size, &mut store).expect("proof");
        list("inclusion", at, Hash::of_leaf(&entries[at]), proof);
        let old = tree::root(at as u64 + 1, &mut store).expect("root");
        list(
            "consistency",
            at + 1,
            old,
            consistency_proof(at as u64 + 1, head.size, &mut store).expect("proof"),
        );
    }
    folder.write("proofs", proofs.as_bytes());

    let (origin, signer) = ("ours.example/log", Signer::new(1));
    let log_key = signer.key(origin, KeyType::Ed25519);
    let note = Checkpoint::new(origin, head, LIMITS).expect("checkpoint").sign(&signer).expect("note");
    let (mut cosigned, mut witnesses) = (note.clone(), String::new());
    for number in [2, 3] {
        let log = LogIdentity::new(log_key.clone()).expect("log");
        let signed = SignedCheckpoint::verify(note.as_bytes(), &log, LIMITS).expect("signed");
        let (name, signer) = (format!("ours.example/witness{number}"), Signer::new(number));
        let now = Timestamp::from_unix(1_780_000_000);
        let cosignable = decide(&LastCosigned::never(), 0, &[], signed, now).expect("consistent");
        cosigned += &cosignable.cosign(&name, &signer).expect("cosignature");
        witnesses += &format!("{}\n", signer.key(&name, KeyType::CosignatureV1));
    }
    folder.write("checkpoint", cosigned.as_bytes());
    folder.write("key", format!("{log_key}\n").as_bytes());
    folder.write("witnesses", witnesses.as_bytes());
}

const SIZES: [usize; 8] = [1, 2, 3, 255, 256, 257, 1_000, 66_000];

/// Proofs for a few hundred entries of a large log.
const fn step(size: usize) -> usize {
    size / 300 + 1
}

#[test]
fn go_reads_our_logs() {
    let Some(go) = go() else { return };
    for size in SIZES {
        let folder = Folder::new("ours");
        publish(&folder, size, step(size));
        let told = run(go, &["read", folder.arg(), &step(size).to_string()]);
        let proven = size.div_ceil(step(size));
        assert_eq!(told, format!("{size} entries, {proven} proven, {} proofs, 3 signatures\n", 2 * proven));
    }
}

/// What Go refuses shows that it looks at what it is given.
#[test]
fn go_refuses_a_changed_log() {
    let Some(go) = go() else { return };
    for (path, at) in [("checkpoint", 20), ("tile/0/000", 5), ("tile/entries/000", 30), ("tile/1/000.p/1", 9)]
    {
        let folder = Folder::new("changed");
        publish(&folder, 300, 1);
        let mut bytes = std::fs::read(folder.0.join(path)).expect(path);
        bytes[at] ^= 1;
        folder.write(path, &bytes);
        let output = Command::new(go).args(["read", folder.arg(), "1"]).output().expect("the Go program");
        assert!(!output.status.success(), "{path}");
    }
}

#[test]
fn we_read_logs_of_go() {
    let Some(go) = go() else { return };
    for size in SIZES {
        let folder = Folder::new("theirs");
        run(go, &["write", folder.arg(), &size.to_string(), &step(size).to_string()]);
        let vkey = |file: &str| VerifierKey::parse(folder.text(file).trim_end()).expect("key");
        let log = LogIdentity::new(vkey("key")).expect("log");
        let note = folder.text("checkpoint");
        let signed = SignedCheckpoint::verify(note.as_bytes(), &log, LIMITS).expect("signed");
        let quorum = WitnessQuorum::new(1, vec![vkey("witnesses")], LIMITS).expect("quorum");
        let witnessed = WitnessedCheckpoint::verify(signed, &quorum).expect("witnessed");
        assert!(witnessed.time().unix() > 1_700_000_000);
        let head = witnessed.head();
        assert_eq!(head.size, size as u64);
        verify_log_of_go(&folder, head);
    }
}

fn verify_log_of_go(folder: &Folder, head: &TreeHead) {
    let mut tiles = ProvenTiles::open(head, folder).expect("tiles");
    let mut entries = Vec::new();
    for bundle in 0..head.size.div_ceil(256) {
        entries.extend(tiles.entries(bundle).expect("entries"));
    }
    assert_eq!(entries.len() as u64, head.size);
    let mut frontier = Frontier::new();
    assert_eq!(frontier.append(entries.iter().map(Vec::as_slice), LIMITS).expect("tree").head, *head);

    for line in folder.text("proofs").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let at: u64 = words[1].parse().expect("number");
        let hashes: Vec<Hash> =
            words[2..].iter().map(|word| Hash::from_base64(word).expect("hash")).collect();
        let (first, proof) = hashes.split_first().expect("hash");
        if words[0] == "inclusion" {
            assert_eq!(*first, Hash::of_leaf(&entries[at as usize]));
            assert_eq!(verify_inclusion(first, at, proof, head), Ok(()), "{line}");
            assert_eq!(inclusion_proof(at, head.size, &mut tiles).expect("proof"), proof);
        } else {
            let old = TreeHead { size: at, root: *first };
            assert_eq!(verify_consistency(&old, proof, head), Ok(()), "{line}");
            assert_eq!(consistency_proof(at, head.size, &mut tiles).expect("proof"), proof);
        }
    }
}
