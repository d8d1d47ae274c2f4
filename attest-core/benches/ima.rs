//! Lists of 100,000 entries, as ratios to the bare hashing that they demand, measured in the same run: replay, a whole verdict with an
//! allow-list of as many files, a verdict on files that are golden elsewhere, and one on what was measured since the last one.
//!
//! The floor is one hash of each entry's data and one extend, by sha2's own interface over the very same bytes. Rounds alternate, so a machine that slows down
//! slows all of them.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark: what fails ends it")]
#![expect(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "a benchmark reads the clock and signs"
)]

mod clock;
mod machine;

use std::hint::black_box;
use std::time::Duration;

use attest_core::appraise::{Context, Policy, Verdict};
use attest_core::authenticate::{AuthenticEvidence, ImaCheckpoint, ima::prefix_of_pcr_10};
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::{Bundle, Evidence, PcrValues};
use attest_core::reference::{Golden, ReferenceSet};
use attest_core::{Digest, HashAlg, Limits, Timestamp};
use sha2::{Digest as _, Sha256};

use clock::{fastest, time};
use machine::Machine;

const ENTRIES: usize = 100_000;
const NEW: usize = 100;
const ROUNDS: usize = 15;
const SHA256: HashAlg = HashAlg::Sha256;

fn main() {
    let machine = Machine::new();
    let references = ReferenceSet::development(golden()).expect("fits");
    let whole = list(ENTRIES + NEW, path);
    let sent = evidence(&machine, &whole);
    let moved = list(ENTRIES + NEW, elsewhere);
    let sent_moved = evidence(&machine, &moved);
    let checkpoint = {
        let first = list(ENTRIES, path);
        let judged = verdict(&machine, &evidence(&machine, &first), &first, None, &references);
        judged.ima_checkpoint.expect("a good list")
    };
    let after = usize::try_from(checkpoint.position().bytes).expect("small");
    let data: Vec<(usize, usize)> = extents(&whole);
    let (mut floor, mut parse, mut replay, mut whole_verdict, mut derived, mut part, mut other) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(time(|| bare(&whole, &data)));
        parse.push(time(|| drop(black_box(parsed(&whole)))));
        let log = parsed(&whole);
        replay.push(time(|| {
            black_box(prefix_of_pcr_10(&log, SHA256, &sent.pcr_10).expect("replays"));
        }));
        whole_verdict.push(time(|| drop(black_box(verdict(&machine, &sent, &whole, None, &references)))));
        let blind = Sent { values: None, ..sent.clone() };
        derived.push(time(|| drop(black_box(verdict(&machine, &blind, &whole, None, &references)))));
        other.push(time(|| drop(black_box(verdict(&machine, &sent_moved, &moved, None, &references)))));
        part.push(time(|| {
            let judged = verdict(&machine, &sent, &whole[after..], Some(&checkpoint), &references);
            assert!(judged.ima_checkpoint.is_some(), "the part is good");
        }));
    }
    let judged = verdict(&machine, &sent, &whole, None, &references);
    let runtime = judged.reasons.iter().filter(|reason| reason.component.as_deref() == Some("ima.files"));
    assert_eq!(runtime.count(), 0, "every file is golden");
    let floor = fastest(floor);
    println!("{} entries, {} MB; bare hashing {:.1} ms", ENTRIES + NEW, whole.len() >> 20, millis(floor));
    let told = |what: &str, time: Duration| {
        println!("{what:<44} {:>8.2} ms   ratio {:.3}", millis(time), millis(time) / millis(floor));
    };
    told("parse", fastest(parse));
    told("replay to the quoted PCR 10", fastest(replay));
    told("bytes to verdict, all files golden", fastest(whole_verdict));
    told("the same without PCR values", fastest(derived));
    told("bytes to verdict, all files golden elsewhere", fastest(other));
    told("bytes to verdict, the last 100 entries alone", fastest(part));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn parsed(bytes: &[u8]) -> ImaLog<'_> {
    ImaLog::parse(bytes, &Limits::DEFAULT).expect("a list")
}

/// One hash and one extend an entry, as sha2 offers them.
fn bare(list: &[u8], data: &[(usize, usize)]) {
    let mut value = [0; 32];
    for (at, end) in data {
        let digest = Sha256::digest(&list[*at..*end]);
        value = Sha256::new().chain_update(value).chain_update(digest).finalize().into();
    }
    black_box(value);
}

/// Where each entry's data stands.
fn extents(list: &[u8]) -> Vec<(usize, usize)> {
    let log = parsed(list);
    let at = |data: &[u8]| data.as_ptr().addr() - list.as_ptr().addr();
    log.entries().map(|entry| (at(entry.data), at(entry.data) + entry.data.len())).collect()
}

fn path(n: usize) -> String {
    format!("/usr/lib/x86_64-linux-gnu/package-{}/file-{n}.so", n % 97)
}

/// Where no file is golden, though its content is.
fn elsewhere(n: usize) -> String {
    format!("/tmp{}", path(n))
}

fn content(n: usize) -> Digest {
    SHA256.hash(&[&n.to_le_bytes()])
}

/// A list under `ima-ng` as kernels of today write it: boot_aggregate, then a file after the other.
fn list(entries: usize, path: impl Fn(usize) -> String) -> Vec<u8> {
    let mut out = Vec::new();
    record(&mut out, "boot_aggregate", &Digest::zero(SHA256));
    (1..entries).for_each(|n| record(&mut out, &path(n), &content(n)));
    out
}

fn record(out: &mut Vec<u8>, name: &str, digest: &Digest) {
    let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_le_bytes(), bytes].concat();
    let digest = field(&[b"sha256:\0", digest.as_bytes()].concat());
    let data = [digest, field(&[name.as_bytes(), &[0]].concat())].concat();
    out.extend(10_u32.to_le_bytes());
    out.extend(HashAlg::Sha1.hash(&[&data]).as_bytes());
    out.extend(field(b"ima-ng"));
    out.extend(field(&data));
}

/// All files golden, and nothing else judged.
fn golden() -> Golden {
    let mut text =
        String::from("format = \"attest-golden/1\"\nfamily = \"bench\"\nbanks = [\"sha256\"]\njudged = []\n");
    text.push_str("[ima]\nfiles = [\n");
    for n in 1..ENTRIES + NEW {
        text.push_str(&format!("{{ path = \"{}\", digest = \"{:?}\" }},\n", path(n), content(n)));
    }
    text.push_str("]\n");
    Golden::parse(&text, &Limits::DEFAULT).expect("a document")
}

#[derive(Clone)]
struct Sent {
    attest: Vec<u8>,
    signature: Vec<u8>,
    pcr_10: Digest,
    values: Option<PcrValues>,
}

/// Evidence of a list, over PCR 10 of the SHA-256 bank.
fn evidence(machine: &Machine, list: &[u8]) -> Sent {
    let mut value = Digest::zero(SHA256);
    for (at, end) in extents(list) {
        value = value.extended(SHA256.hash(&[&list[at..end]]).as_bytes());
    }
    let (attest, signature) = machine.quote([0, 4, 0], &[value]);
    let values = Some([(10, value)].into_iter().collect());
    Sent { attest, signature, pcr_10: value, values }
}

fn verdict(
    machine: &Machine,
    sent: &Sent,
    list: &[u8],
    checkpoint: Option<&ImaCheckpoint>,
    references: &ReferenceSet,
) -> Verdict {
    let evidence = Evidence {
        attest: &sent.attest,
        signature: &sent.signature,
        ima: Some(list),
        ima_after: checkpoint.map(ImaCheckpoint::position),
        pcrs: sent.values.clone(),
        ..Evidence::default()
    };
    let bundle = Bundle::parse(evidence, &Limits::DEFAULT).expect("well-formed");
    let now = Timestamp::from_unix(0);
    let proven = AuthenticEvidence::authenticate_after(
        bundle,
        checkpoint.cloned(),
        &machine.public,
        Machine::challenge(),
        now,
    );
    let context = Context { family: "bench".into(), ..Context::default() };
    Policy::default().appraise(&proven.expect("authentic"), references, &context)
}
