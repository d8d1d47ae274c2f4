//! The log's proofs and tiles, as ratios to the bare hashing and signature checks that they demand, measured in the same run.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark: what fails ends it")]
#![expect(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "a benchmark reads the clock and signs"
)]

mod clock;
#[path = "../tests/common/signer.rs"]
mod signer;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::{KeyType, SignEd25519 as _};
use attest_core::audit::tile::{self, Error, Level, ProvenTiles, Tile, TileReader};
use attest_core::audit::tree::{Frontier, Hash, Node, TreeHead, inclusion_proof, verify_inclusion};
use attest_core::audit::witness::{LastCosigned, WitnessQuorum, WitnessedCheckpoint, decide};
use attest_core::{Limits, Timestamp};
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use clock::{fastest, time};
use signer::Signer;

const LEAVES: usize = 100_000;
const PROOFS: usize = 1_000;
const ROUNDS: usize = 15;
const LIMITS: &Limits = &Limits::DEFAULT;

fn main() {
    let entries: Vec<Vec<u8>> = (0..LEAVES).map(|index| format!("{index:0200}").into_bytes()).collect();
    appending(&entries);
    let log = Log::new(&entries);
    proving(&log, &entries);
    believing(log.head);
}

fn row(what: &str, floor: Vec<Duration>, work: Vec<Duration>, count: usize) {
    let each = |times| fastest(times).as_secs_f64() * 1e6 / f64::from(u32::try_from(count).expect("small"));
    let (floor, work) = (each(floor), each(work));
    println!("{what:<60} {floor:>9.2} us {work:>9.2} us {:>6.2}", work / floor);
}

/// One hash of each entry and one of each inner node.
fn appending(entries: &[Vec<u8>]) {
    let (mut floor, mut work) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(time(|| {
            for entry in entries {
                black_box(Sha256::new_with_prefix([0]).chain_update(entry).finalize());
                black_box(Sha256::digest([1; 65]));
            }
        }));
        work.push(time(|| {
            let appended = Frontier::new().append(entries.iter().map(Vec::as_slice), LIMITS);
            drop(black_box(appended));
        }));
    }
    row("an entry of 200 bytes appended", floor, work, LEAVES);
}

/// Inclusion proofs: verified, and made from a stranger's tiles, against the bare hashes of verifying.
fn proving(log: &Log, entries: &[Vec<u8>]) {
    let mut tiles = ProvenTiles::open(&log.head, log).expect("an honest log");
    let indexes: Vec<u64> =
        (0..PROOFS).map(|number| u64::try_from(number * 7_919 % LEAVES).expect("small")).collect();
    let proofs: Vec<Vec<Hash>> = indexes
        .iter()
        .map(|index| inclusion_proof(*index, log.head.size, &mut tiles).expect("a proof"))
        .collect();
    let hashes: usize = proofs.iter().map(Vec::len).sum();
    let (mut floor, mut work, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(time(|| {
            for _ in 0..hashes {
                black_box(Sha256::digest(black_box([1; 65])));
            }
        }));
        let leaves: Vec<Hash> = indexes
            .iter()
            .map(|index| Hash::of_leaf(&entries[usize::try_from(*index).expect("small")]))
            .collect();
        work.push(time(|| {
            for ((leaf, index), proof) in leaves.iter().zip(&indexes).zip(&proofs) {
                verify_inclusion(leaf, *index, proof, &log.head).expect("included");
            }
        }));
        made.push(time(|| {
            let mut tiles = ProvenTiles::open(&log.head, log).expect("an honest log");
            for index in &indexes {
                black_box(inclusion_proof(*index, log.head.size, &mut tiles).expect("a proof"));
            }
        }));
    }
    row("an inclusion proof verified, 100,000 leaves", floor.clone(), work, PROOFS);
    row("one made from tiles that are proven first, at random", floor, made, PROOFS);
}

/// A checkpoint with three cosignatures, two of them needed, against four bare signature checks.
fn believing(head: TreeHead) {
    let log = LogIdentity::new(Signer::new(1).key("log.example", KeyType::Ed25519)).expect("a log's key");
    let mut note = Checkpoint::new("log.example", head, LIMITS)
        .and_then(|checkpoint| checkpoint.sign(&Signer::new(1)))
        .expect("a checkpoint");
    let signed = SignedCheckpoint::verify(note.as_bytes(), &log, LIMITS).expect("signed");
    let mut witnesses = Vec::new();
    for number in 2..5 {
        let (name, signer) = (format!("witness{number}.example"), Signer::new(number));
        let now = Timestamp::from_unix(1_780_000_000);
        let cosignable = decide(&LastCosigned::never(), 0, &[], signed.clone(), now).expect("the first");
        note += &cosignable.cosign(&name, &signer).expect("a cosignature");
        witnesses.push(signer.key(&name, KeyType::CosignatureV1));
    }
    let quorum = WitnessQuorum::new(2, witnesses, LIMITS).expect("a quorum");
    let (message, signer) = ([7; 120], Signer::new(1));
    let (public, signature) = (signer.public_key(), signer.sign_ed25519(&message).expect("signed"));
    let (mut floor, mut work) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(time(|| {
            for _ in 0..4 * 100 {
                let key = UnparsedPublicKey::new(&ED25519, public);
                key.verify(&message, black_box(signature.as_ref())).expect("good");
            }
        }));
        work.push(time(|| {
            for _ in 0..100 {
                let signed = SignedCheckpoint::verify(note.as_bytes(), &log, LIMITS).expect("signed");
                black_box(WitnessedCheckpoint::verify(signed, &quorum).expect("witnessed"));
            }
        }));
    }
    row("a checkpoint and three cosignatures", floor, work, 100);
}

/// A log's files.
struct Log {
    head: TreeHead,
    files: BTreeMap<Tile, Vec<u8>>,
}

impl Log {
    fn new(entries: &[Vec<u8>]) -> Self {
        let appended = Frontier::new().append(entries.iter().map(Vec::as_slice), LIMITS).expect("a log");
        let nodes: BTreeMap<Node, Hash> = appended.nodes.into_iter().collect();
        let hashes = tile::grown(0, appended.head.size).into_iter().filter(|t| t.level() != Level::Entries);
        let files = hashes.map(|tile| {
            (tile, tile::render_hashes(&tile.nodes().map(|node| nodes[&node]).collect::<Vec<Hash>>()))
        });
        Self { head: appended.head, files: files.collect() }
    }
}

impl TileReader for &Log {
    type Error = Error;
    fn read(&mut self, tile: &Tile) -> Result<Vec<u8>, Error> {
        Ok(self.files[tile].clone())
    }
}
