//! Appraisal against many golden values as a ratio to appraisal against few, in one run: both for a boot that is golden and for one that is
//! not, which has to be told from the nearest. Then the release that a boot is of, looked up among few and among many.
#![expect(clippy::expect_used, reason = "a benchmark: what fails ends it")]
#![expect(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "a benchmark reads the clock"
)]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use attest_core::appraise::{Context, Policy};
use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce};
use attest_core::evidence::tcg_log::EventLog;
use attest_core::evidence::{Bundle, Evidence, PcrValues};
use attest_core::reference::golden::{self, Golden, Replacement, Superseded, Variant};
use attest_core::reference::learn::{Boot, Choices, learn};
use attest_core::reference::{Candidates, ReferenceSet};
use attest_core::{Digest, HashAlg, Limits, Timestamp};

const ROUNDS: usize = 15;
const CALLS: u32 = 100;

fn main() {
    let base = learned();
    let counts = if std::env::args().any(|argument| argument == "releases") {
        vec![]
    } else {
        vec![10, 1_000, 100_000]
    };
    for variants in counts {
        let start = Instant::now();
        let references = ReferenceSet::development(grown(&base, variants)).expect("fits");
        println!(
            "{variants} variants, as many superseded digests: ready in {:.2} s",
            start.elapsed().as_secs_f64()
        );
        let few = ReferenceSet::development(grown(&base, 10)).expect("fits");
        for boot in ["sb-grub", "sb-initrd"] {
            compare(boot, variants, &references, &few);
        }
    }
    releases(&base);
}

/// The release that a device booted, the oldest of many with the same firmware, against the only one of few.
fn releases(base: &Golden) {
    let files = Files::of("sb-grub");
    let evidence = files.authentic();
    let sets = |count: usize| {
        let own = ReferenceSet::development(base.clone()).expect("fits");
        let others = (1..count).map(|at| ReferenceSet::development(kin(base, at)).expect("fits"));
        others.chain([own]).collect::<Vec<ReferenceSet>>()
    };
    let few = Candidates::new(&sets(10));
    for count in [10, 1_000, 100_000] {
        let sets = sets(count);
        let start = Instant::now();
        let many = Candidates::new(&sets);
        let ready = start.elapsed().as_secs_f64();
        assert_eq!(many.find(&evidence).collect::<Vec<_>>(), [count - 1], "the release that was booted");
        let (mut with_few, mut with_many) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            with_few.push(time(|| assert!(black_box(few.find(&evidence).next()).is_some())));
            with_many.push(time(|| assert!(black_box(many.find(&evidence).next()).is_some())));
        }
        let fastest = |times: Vec<Duration>| times.into_iter().min().expect("rounds").as_secs_f64() * 1e6;
        let (few, many) = (fastest(with_few), fastest(with_many));
        println!(
            "{count:>7} releases, found in {many:>6.2} us, among 10 in {few:>6.2} us   ratio {:.2}   (indexed in {ready:.2} s)",
            many / few
        );
    }
}

/// Another release of the family: the same firmware, another boot loader and kernel.
fn kin(base: &Golden, at: usize) -> Golden {
    let mut kin = Golden { judged: vec![0, 4, 7, 9], superseded: vec![], ima: None, ..base.clone() };
    kin.sequences.retain(|sequence| kin.judged.contains(&sequence.pcr));
    for variant in &mut kin.variants {
        variant.sequences.retain(|sequence| kin.judged.contains(&sequence.pcr));
        for sequence in &mut variant.sequences {
            // Those of PCR 4 name the image that measures the rest.
            sequence.slots.truncate(if sequence.pcr == 4 { usize::MAX } else { 1 });
            for digest in sequence.slots.iter_mut().flat_map(|slot| &mut slot.digests) {
                *digest = digest.alg().hash(&[&at.to_be_bytes(), digest.as_bytes()]);
            }
        }
    }
    kin
}

fn compare(boot: &str, variants: usize, references: &ReferenceSet, few: &ReferenceSet) {
    let files = Files::of(boot);
    let evidence = files.authentic();
    let context = Context { family: "bench".into(), ..Context::default() };
    let policy = Policy::default();
    let (mut with_few, mut with_many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with_few.push(time(|| drop(black_box(policy.appraise(&evidence, few, &context)))));
        with_many.push(time(|| drop(black_box(policy.appraise(&evidence, references, &context)))));
    }
    let fastest = |times: Vec<Duration>| times.into_iter().min().expect("rounds").as_secs_f64() * 1e6;
    let (few, many) = (fastest(with_few), fastest(with_many));
    let status = policy.appraise(&evidence, references, &context).status;
    println!(
        "  {boot:<10} 10 variants {few:>7.1} us   {variants:>7} variants {many:>7.1} us   ratio {:.2}   ({})",
        many / few,
        status.as_str()
    );
}

fn time(run: impl Fn()) -> Duration {
    let start = Instant::now();
    for _ in 0..CALLS {
        run();
    }
    start.elapsed() / CALLS
}

/// The learned document with further releases: each has another kernel, and each has superseded one.
fn grown(base: &Golden, variants: usize) -> Golden {
    let mut grown = base.clone();
    let learned = base.variants.first().expect("a variant");
    let other = |at: usize, slot: &golden::Slot| {
        let digests = slot.digests.iter().map(|d| d.alg().hash(&[&at.to_be_bytes(), d.as_bytes()])).collect();
        golden::Slot { digests, ..slot.clone() }
    };
    let kernels: Vec<(u8, usize, &golden::Slot)> = learned
        .sequences
        .iter()
        .flat_map(|s| s.slots.iter().enumerate().map(|(at, slot)| (s.pcr, at, slot)))
        .filter(|(_, _, slot)| slot.component.starts_with("kernel"))
        .collect();
    for at in 1..variants {
        grown.variants.push(Variant {
            name: format!("release-{at}"),
            evidence: golden::Evidence::Reviewed,
            based_on: Some(learned.name.clone()),
            replace: kernels
                .iter()
                .map(|(pcr, slot, old)| Replacement { pcr: *pcr, slot: *slot, with: other(at, old) })
                .collect(),
            sequences: vec![],
        });
    }
    grown.superseded = (0..variants)
        .map(|at| Superseded {
            component: "kernel".into(),
            digests: vec![HashAlg::Sha256.hash(&[b"superseded", &at.to_be_bytes()])],
            reason: "older".into(),
        })
        .collect();
    grown
}

fn learned() -> Golden {
    let files = Files::of("sb-grub");
    let log = EventLog::parse(&files.log, &Limits::DEFAULT).expect("a log");
    let boot =
        Boot { name: "learned", log: &log, userspace: None, evidence: golden::Evidence::Quoted, files: None };
    learn("bench", &[boot], &Choices::default()).expect("golden")
}

/// The evidence of one of the project's boots.
struct Files {
    attest: Vec<u8>,
    signature: Vec<u8>,
    key: Vec<u8>,
    nonce: Vec<u8>,
    log: Vec<u8>,
    ima: Vec<u8>,
    pcrs: PcrValues,
}

impl Files {
    fn of(boot: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots").join(boot);
        let read = |name: &str| std::fs::read(root.join(name)).expect(name);
        let banks: serde_json::Value = serde_json::from_slice(&read("pcrs.json")).expect("JSON");
        let mut pcrs = PcrValues::new();
        for (bank, values) in banks.as_object().expect("banks") {
            let alg = HashAlg::from_name(bank).expect("a bank");
            for (pcr, value) in values.as_object().expect("PCRs") {
                let digest = Digest::from_hex(alg, value.as_str().expect("hexadecimal")).expect("a digest");
                pcrs.insert(pcr.parse().expect("an index"), digest);
            }
        }
        Self {
            attest: read("quote-ecc.attest"),
            signature: read("quote-ecc.sig"),
            key: read("ak-ecc.pub"),
            nonce: hex::decode(read("nonce.hex").trim_ascii()).expect("hexadecimal"),
            log: read("eventlog.bin"),
            ima: read("ima.bin"),
            pcrs,
        }
    }

    fn authentic(&self) -> AuthenticEvidence<'_> {
        let evidence = Evidence {
            attest: &self.attest,
            signature: &self.signature,
            event_log: Some(&self.log),
            ima: Some(&self.ima),
            pcrs: Some(self.pcrs.clone()),
            ..Evidence::default()
        };
        let bundle = Bundle::parse(evidence, &Limits::DEFAULT).expect("well-formed");
        let key = AttestationKey::vouched(&self.key, &Limits::DEFAULT).expect("a key");
        let challenge = Challenge::offline(Nonce::given(&self.nonce).expect("a nonce"));
        AuthenticEvidence::authenticate(bundle, &key, challenge, Timestamp::from_unix(0)).expect("authentic")
    }
}
