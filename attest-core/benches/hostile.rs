//! What the worst bytes cost, beside as many honest ones: read alone, told in words, and from bytes to verdict.
//!
//! A word behind `--` measures the shapes alone whose names hold it.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark: what fails ends it")]
#![expect(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "a benchmark reads the clock"
)]

mod boot;
mod clock;
mod machine;
mod shapes;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use attest_core::appraise::{Context, Policy};
use attest_core::authenticate::AuthenticEvidence;
use attest_core::evidence::tcg_event;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::evidence::{Bundle, Evidence};
use attest_core::reference::ReferenceSet;
use attest_core::{Digest, HashAlg, Limits, Timestamp};

use boot::references;
use machine::Machine;

const LIMITS: Limits = Limits::DEFAULT;
const ROUNDS: usize = 7;

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).unwrap_or_default();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots/sb-grub");
    let real = std::fs::read(root.join("eventlog.bin")).expect("the boot that the project carries");
    logs(&real, &wanted);
}

/// Event logs. The measure is the first.
fn logs(real: &[u8], wanted: &str) {
    let log = EventLog::parse(real, &LIMITS).expect("a log");
    let references = references(&log);
    let (header, events) = real.split_at(log.events()[1].offset);
    let shapes = shapes::Maker { header, events }.shapes();
    let machine = Machine::new();
    let mut measure = None;
    for (nth, (name, bytes)) in shapes.iter().enumerate() {
        if nth > 0 && !name.contains(wanted) {
            continue;
        }
        let parsed = fastest(|| drop(black_box(EventLog::parse(bytes, &LIMITS).expect("within the limits"))));
        let told = fastest(|| tell(bytes));
        let judged = judged(&machine, bytes, &references);
        let (p, t, j) = *measure.get_or_insert((parsed, told, judged));
        println!(
            "{name:<28} {:>5} KB   parsed {:>6.0} us, {:>5.2}   told {:>7.0} us, {:>5.2}   to verdict {:>7.0} us, {:>5.2}",
            bytes.len() / 1024,
            micros(parsed),
            ratio(parsed, p),
            micros(told),
            ratio(told, t),
            micros(judged),
            ratio(judged, j),
        );
    }
}

/// Read, searched for findings, each event put in words.
fn tell(bytes: &[u8]) {
    let log = EventLog::parse(bytes, &LIMITS).expect("within the limits");
    black_box(tcg_event::findings(&log));
    for event in log.events() {
        black_box(tcg_event::summary(event));
    }
}

/// From bytes to verdict, by a quote over what the log leads to.
fn judged(machine: &Machine, bytes: &[u8], references: &ReferenceSet) -> Duration {
    let log = EventLog::parse(bytes, &LIMITS).expect("within the limits");
    let mut values = [Digest::zero(HashAlg::Sha256); 16];
    for event in log.events().iter().filter(|event| event.is_extended()) {
        let slot = usize::try_from(event.pcr).ok().and_then(|pcr| values.get_mut(pcr));
        if let Some((value, digest)) = slot.zip(event.digest(HashAlg::Sha256)) {
            *value = value.extended(digest);
        }
    }
    let (attest, signature) = machine.quote([0xff, 0xff, 0], &values);
    let context = Context { family: "bench".into(), ..Context::default() };
    fastest(|| {
        let evidence = Evidence {
            attest: &attest,
            signature: &signature,
            event_log: Some(bytes),
            pcrs: Some((0..16).zip(values).collect()),
            ..Evidence::default()
        };
        let bundle = Bundle::parse(evidence, &LIMITS).expect("well-formed");
        let now = Timestamp::from_unix(0);
        let proven = AuthenticEvidence::authenticate(bundle, &machine.public, Machine::challenge(), now);
        let verdict = Policy::default().appraise(&proven.expect("authentic"), references, &context);
        assert_eq!(verdict.status.as_str(), "contraindicated", "no shape is a good boot");
        black_box(verdict);
    })
}

fn fastest(run: impl Fn()) -> Duration {
    clock::fastest((0..ROUNDS).map(|_| clock::time(&run)).collect())
}

fn ratio(this: Duration, measure: Duration) -> f64 {
    micros(this) / micros(measure)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
