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

use std::hint::black_box;
use std::time::Duration;

use attest_core::appraise::{Context, Policy, Verdict};
use attest_core::authenticate::{
    AttestationKey, AuthenticEvidence, Challenge, ImaCheckpoint, Nonce, ima::prefix_of_pcr_10,
};
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::{Bundle, Evidence, PcrValues};
use attest_core::reference::{Golden, ReferenceSet};
use attest_core::{Digest, HashAlg, Limits, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use sha2::{Digest as _, Sha256};

use clock::{fastest, time};

const ENTRIES: usize = 100_000;
const NEW: usize = 100;
const ROUNDS: usize = 15;
const SHA256: HashAlg = HashAlg::Sha256;

fn main() {
    let machine = Machine::new();
    let references = ReferenceSet::development(golden()).expect("fits");
    let whole = list(ENTRIES + NEW, path);
    let sent = machine.evidence(&whole);
    let moved = list(ENTRIES + NEW, elsewhere);
    let sent_moved = machine.evidence(&moved);
    let checkpoint = {
        let first = list(ENTRIES, path);
        let verdict = machine.verdict(&machine.evidence(&first), &first, None, &references);
        verdict.ima_checkpoint.expect("a good list")
    };
    let after = usize::try_from(checkpoint.position().bytes).expect("small");
    let data: Vec<(usize, usize)> = extents(&whole);
    let (mut floor, mut parse, mut replay, mut verdict, mut derived, mut part, mut other) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(time(|| bare(&whole, &data)));
        parse.push(time(|| drop(black_box(parsed(&whole)))));
        let log = parsed(&whole);
        replay.push(time(|| {
            black_box(prefix_of_pcr_10(&log, SHA256, &sent.pcr_10).expect("replays"));
        }));
        verdict.push(time(|| drop(black_box(machine.verdict(&sent, &whole, None, &references)))));
        let blind = Sent { values: None, ..sent.clone() };
        derived.push(time(|| drop(black_box(machine.verdict(&blind, &whole, None, &references)))));
        other.push(time(|| drop(black_box(machine.verdict(&sent_moved, &moved, None, &references)))));
        part.push(time(|| {
            let judged = machine.verdict(&sent, &whole[after..], Some(&checkpoint), &references);
            assert!(judged.ima_checkpoint.is_some(), "the part is good");
        }));
    }
    let judged = machine.verdict(&sent, &whole, None, &references);
    let runtime = judged.reasons.iter().filter(|reason| reason.component.as_deref() == Some("ima.files"));
    assert_eq!(runtime.count(), 0, "every file is golden");
    let floor = fastest(floor);
    println!("{} entries, {} MB; bare hashing {:.1} ms", ENTRIES + NEW, whole.len() >> 20, millis(floor));
    let told = |what: &str, time: Duration| {
        println!("{what:<44} {:>8.2} ms   ratio {:.3}", millis(time), millis(time) / millis(floor));
    };
    told("parse", fastest(parse));
    told("replay to the quoted PCR 10", fastest(replay));
    told("bytes to verdict, all files golden", fastest(verdict));
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

/// A TPM's key without a TPM.
struct Machine {
    key: EcdsaKeyPair,
    public: AttestationKey,
    random: ring::rand::SystemRandom,
}

const NONCE: [u8; 32] = [0x5a; 32];

impl Machine {
    fn new() -> Self {
        let random = ring::rand::SystemRandom::new();
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(alg, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref(), &random).expect("a key");
        // TPMT_PUBLIC: ECC, SHA-256, an attestation key's attributes, no policy, ECDSA with SHA-256 on P-256.
        let mut public =
            vec![0, 0x23, 0, 0x0b, 0, 5, 0, 0x72, 0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10];
        for half in key.public_key().as_ref()[1..].chunks(32) {
            public.extend([&[0, 32], half].concat());
        }
        let public = AttestationKey::vouched_tpm(&public, &Limits::DEFAULT).expect("a key");
        Self { key, public, random }
    }

    /// A quote over PCR 10 of the SHA-256 bank.
    fn evidence(&self, list: &[u8]) -> Sent {
        let mut value = Digest::zero(SHA256);
        for (at, end) in extents(list) {
            value = value.extended(SHA256.hash(&[&list[at..end]]).as_bytes());
        }
        let mut attest = b"\xff\x54\x43\x47\x80\x18\x00\x22\x00\x0b".to_vec();
        attest.extend([0x5a; 32]);
        attest.extend([&[0, 32][..], &NONCE].concat());
        attest.extend([0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0, 0, 7, 0, 0, 0, 3, 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        attest.extend([0, 0, 0, 1, 0, 0x0b, 3, 0, 4, 0, 0, 32]);
        attest.extend(SHA256.hash(&[value.as_bytes()]).as_bytes());
        let signed = self.key.sign(&self.random, &attest).expect("signed");
        let mut signature = vec![0, 0x18, 0, 0x0b];
        for half in signed.as_ref().chunks(32) {
            signature.extend([&[0, 32], half].concat());
        }
        let values = Some([(10, value)].into_iter().collect());
        Sent { attest, signature, pcr_10: value, values }
    }

    fn verdict(
        &self,
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
        let challenge = Challenge::offline(Nonce::new(&NONCE).expect("a nonce"));
        let now = Timestamp::from_unix(0);
        let proven =
            AuthenticEvidence::authenticate_after(bundle, checkpoint.cloned(), &self.public, challenge, now);
        let context = Context { family: "bench".into(), ..Context::default() };
        Policy::default().appraise(&proven.expect("authentic"), references, &context)
    }
}
