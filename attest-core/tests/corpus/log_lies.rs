//! Real logs of every format, told wrongly: whatever is flipped, dropped, repeated, moved or inserted, a log that still leads to the same
//! values says nothing better than the honest one.

use attest_core::authenticate::replay::Replay;
use attest_core::evidence::Severity;
use attest_core::evidence::tcg_event::secure_boot;
use attest_core::evidence::tcg_log::{EventLog, EventType};
use attest_core::{Digest, HashAlg, Limits};

use crate::score::{corpus, say};

/// One or more of each format and kind of machine, the refused one and one without Secure Boot among them.
const LOGS: [&str; 9] = [
    "all/kgoldman__ibmtss/utils/amd635.log",
    "all/kgoldman__ibmtss/utils/p511.log",
    "all/google__go-eventlog/testdata/eventlogs/tpm/cos-85-amd-sev.bin",
    "all/google__go-eventlog/testdata/eventlogs/tpm/arch-linux-workstation.bin",
    "all/google__go-eventlog/testdata/legacydata/ebs_event_missing_eventlog",
    "all/google__go-eventlog/testdata/legacydata/option_rom_eventlog",
    "all/google__go-eventlog/testdata/eventlogs/ccel/CCEL_unpadded.data.bin",
    "all/confidential-containers__trustee/deps/eventlog/test_data/CCEL_data_grub",
    "extracted/guard-oss/IMN-SUPERMICRO-no-epp.evidence/eventlog.bin",
];

/// What a log says, as far as a verdict could hang on it.
#[derive(Debug)]
struct Told {
    values: Vec<(HashAlg, u32, Digest)>,
    refused: bool,
    secure_boot: Option<bool>,
}

fn told(bytes: &[u8]) -> Option<Told> {
    let log = EventLog::parse(bytes, &Limits::DEFAULT).ok()?;
    let replay = Replay::new(&log);
    let values =
        log.banks().iter().flat_map(|alg| replay.values(*alg).map(|(pcr, value)| (*alg, pcr, value)));
    Some(Told {
        values: values.collect(),
        refused: log.findings().iter().any(|finding| finding.severity() == Severity::Refuse),
        secure_boot: secure_boot(&log),
    })
}

/// The lie is refused, or leads elsewhere, or says no better thing. Whether it leads to the same values.
#[track_caller]
fn no_better(lie: &[u8], honest: &Told, what: &str) -> bool {
    let Some(lie) = told(lie) else { return false };
    let same = lie.values == honest.values;
    if same {
        assert!(lie.refused >= honest.refused, "{what}: the refusal is gone");
        let better = lie.secure_boot == Some(true) && honest.secure_boot != Some(true);
        assert!(!better, "{what}: Secure Boot seems on");
    }
    same
}

/// Where each event begins and ends.
fn spans(bytes: &[u8]) -> Vec<(usize, usize, u32, EventType)> {
    let log = EventLog::parse(bytes, &Limits::DEFAULT).expect("a log");
    let end = bytes.len() - log.padding();
    let starts = log.events().iter().map(|event| event.offset);
    let ends = starts.clone().skip(1).chain([end]);
    let what = log.events().iter().map(|event| (event.pcr, event.event_type));
    starts.zip(ends).zip(what).map(|((from, to), (pcr, kind))| (from, to, pcr, kind)).collect()
}

fn each(run: impl Fn(&str, &[u8], &Told)) {
    let Some(root) = corpus() else { return };
    for file in LOGS {
        let bytes = std::fs::read(root.join(file)).expect(file);
        run(file, &bytes, &told(&bytes).expect(file));
    }
    say(&format!("event logs: {} told wrongly at every position, none says a better thing", LOGS.len()));
}

#[test]
fn a29_every_type_at_every_position() {
    let named = (0..0x20).chain(0x8000_0000..0x8000_0020).chain(0x8000_00e0..0x8000_00f0);
    let types: Vec<u32> =
        named.filter(|code| EventType(*code).name().is_some()).chain([0xe0, 0x8401, 0xffff_ffff]).collect();
    each(|file, bytes, honest| {
        let mut lie = bytes.to_vec();
        for (from, _, _, kind) in spans(bytes).into_iter().skip(1) {
            for code in &types {
                lie[from + 4..from + 8].copy_from_slice(&code.to_le_bytes());
                let same = no_better(&lie, honest, &format!("{file} at {from} as {code:#x}"));
                let silenced = (*code == EventType::NO_ACTION.0) != (kind == EventType::NO_ACTION);
                // Into NO_ACTION the extend is gone; out of it one is new, unless its register is none.
                assert!(!same || !silenced || lie[from..from + 4] == [0xff; 4], "{file} at {from}");
            }
            lie[from + 4..from + 8].copy_from_slice(&kind.0.to_le_bytes());
        }
    });
}

#[test]
fn a38_dropped_repeated_moved_at_every_position() {
    each(|file, bytes, honest| {
        let log = EventLog::parse(bytes, &Limits::DEFAULT).expect("a log");
        let digests = |at: usize| log.events()[at].raw_digests().collect::<Vec<_>>();
        let spans = spans(bytes);
        for (at, (from, to, pcr, kind)) in spans.iter().copied().enumerate().skip(1) {
            let is_extended = kind != EventType::NO_ACTION && pcr < 24;
            let dropped = [&bytes[..from], &bytes[to..]].concat();
            let repeated = [&bytes[..to], &bytes[from..to], &bytes[to..]].concat();
            for (lie, how) in [(dropped, "dropped"), (repeated, "repeated")] {
                let same = no_better(&lie, honest, &format!("{file} at {from} {how}"));
                assert!(!same || !is_extended, "{file}: event {at} {how} leads to the same values");
            }
            let Some((_, next, other, other_kind)) = spans.get(at + 1).copied() else { continue };
            let swapped = [&bytes[..from], &bytes[to..next], &bytes[from..to], &bytes[next..]].concat();
            let same = no_better(&swapped, honest, &format!("{file} at {from} swapped"));
            if is_extended && other_kind != EventType::NO_ACTION {
                // Order across registers is not proven; within one it is, but between two events that extend the same.
                let alike = other != pcr || digests(at) == digests(at + 1);
                assert_eq!(same, alike, "{file}: events {at} and {} swapped", at + 1);
            }
        }
    });
}

#[test]
fn a38_inserted_at_every_position() {
    each(|file, bytes, honest| {
        let spans = spans(bytes);
        // An event of the log's own form: the last one that is extended, in another register.
        let last = spans.iter().rev().find(|(.., kind)| *kind != EventType::NO_ACTION).expect("events");
        let (from, to, ..) = *last;
        for pcr in [0, 1, 2, 4] {
            let mut extra = bytes[from..to].to_vec();
            extra[..4].copy_from_slice(&u32::to_le_bytes(pcr));
            for (at, ..) in &spans[1..] {
                let lie = [&bytes[..*at], &extra, &bytes[*at..]].concat();
                assert!(!no_better(&lie, honest, &format!("{file} at {at}")), "{file}: inserted at {at}");
                let silent = [&extra[..4], &EventType::NO_ACTION.0.to_le_bytes(), &extra[8..]].concat();
                no_better(
                    &[&bytes[..*at], &silent, &bytes[*at..]].concat(),
                    honest,
                    &format!("{file} at {at}"),
                );
            }
        }
    });
}
