use std::hint::black_box;

use proptest::strategy::Strategy;

use super::build::{Made, header, log, log_in_banks, sha1_event, spec_id};
use super::*;
use crate::authenticate::replay::Replay;
use crate::digest::Digest;
use crate::evidence::Severity;
use crate::testing::fixture;

mod malformed;
mod order;
mod words;

const SB_GRUB: &[u8] = fixture!("boots/sb-grub/eventlog.bin");
const UKI: &[u8] = fixture!("boots/uki-sb/eventlog.bin");
const SHA256: u16 = 0x000b;
const SHA384: u16 = 0x000c;

fn parse(bytes: &[u8]) -> Result<EventLog<'_>, Error> {
    EventLog::parse(bytes, &Limits::DEFAULT)
}

fn error(bytes: &[u8]) -> &'static str {
    parse(bytes).expect_err("malformed").code()
}

/// Codes, events and registers of the findings, without those about missing separators.
fn findings(bytes: &[u8]) -> Vec<(&'static str, Option<u32>, Option<u32>)> {
    let log = parse(bytes).unwrap();
    let findings = log.findings().iter().filter(|finding| finding.kind != FindingKind::SeparatorMissing);
    findings.map(|finding| (finding.code(), finding.event, finding.pcr)).collect()
}

fn pcr(bytes: &[u8], pcr: u32) -> Option<Digest> {
    Replay::new(&parse(bytes).unwrap()).value(HashAlg::Sha256, pcr)
}

fn extended(start: Digest, data: &[&[u8]]) -> Digest {
    data.iter().fold(start, |value, data| value.extended(HashAlg::Sha256.hash(&[data]).as_bytes()))
}

const ZERO: Digest = Digest::zero(HashAlg::Sha256);

#[test]
fn a_real_log_is_read_whole() {
    let log = parse(SB_GRUB).unwrap();
    assert_eq!(log.format(), Format::CryptoAgile);
    assert_eq!(log.banks(), [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384]);
    assert_eq!((log.events().len(), log.padding(), log.startup_locality()), (47, 0, None));
    assert_eq!(log.findings(), []);
    assert_eq!(log.spec_id().unwrap().version, (2, 0, 0));
    let last = log.events().last().unwrap();
    assert_eq!((last.index, last.pcr, last.event_type), (46, 5, EventType::EFI_ACTION));
    assert_eq!(last.digest(HashAlg::Sha384).unwrap().len(), 48);
    assert_eq!(last.digest(HashAlg::Sha512), None);
    assert_eq!(last.digests().count(), 3);
}

#[test]
fn a34_what_is_listed_is_what_was_replayed() {
    let log = parse(SB_GRUB).unwrap();
    let replay = Replay::new(&log);
    let mut listed = 0;
    for pcr in 0..PCRS {
        let mut value = replay.reset_value(HashAlg::Sha256, pcr);
        for event in replay.extends(pcr) {
            assert_eq!(event.pcr, pcr);
            value = value.extended(event.digest(HashAlg::Sha256).unwrap());
            listed += 1;
        }
        assert_eq!(replay.value(HashAlg::Sha256, pcr).unwrap_or(value), value);
        assert!(replay.positions(pcr).is_sorted());
    }
    assert_eq!(listed, log.events().iter().filter(|event| event.is_extended()).count());
    assert_eq!((replay.positions(24), replay.positions(u32::MAX)), (&[][..], &[][..]));
}

#[test]
fn a52_every_truncated_prefix_is_refused_or_a_shorter_log() {
    for original in [SB_GRUB, UKI] {
        let whole = parse(original).unwrap();
        let ends: Vec<_> = whole.events().iter().skip(1).map(|event| event.offset).collect();
        for len in 0..original.len() {
            match parse(&original[..len]) {
                Ok(shorter) => {
                    assert!(ends.contains(&len), "cut at {len}");
                    assert!(shorter.events().len() < whole.events().len());
                }
                Err(error) => assert!(!ends.contains(&len), "{error}"),
            }
        }
    }
}

#[test]
fn a52_every_single_byte_change_is_refused_or_replays_otherwise_unless_no_digest_covers_it() {
    let original = parse(UKI).unwrap();
    // What a replay is made of, without its hashing: the start of PCR 0, and what extends which PCR.
    let values = |log: &EventLog<'_>| {
        let extending = log.events().iter().filter(|event| event.is_extended());
        let digests =
            extending.flat_map(|event| event.digests().map(|(alg, bytes)| (event.pcr, alg, bytes.to_vec())));
        (log.startup_locality(), digests.collect::<Vec<_>>())
    };
    let good = values(&original);
    for at in 0..UKI.len() {
        for change in [1_u8 << (at % 8), 0xff] {
            let mut changed = UKI.to_vec();
            changed[at] ^= change;
            let Ok(log) = parse(&changed) else { continue };
            if values(&log) != good {
                continue;
            }
            // The same replay: only type, data, or header without a digest over it may have changed.
            let event = original.events().iter().rfind(|event| event.offset <= at).unwrap();
            let now = &log.events()[event.index as usize];
            if at < 4 {
                // The header's register makes it a CCEL, which has no registers 5 to 7.
                assert!(log.findings().iter().any(|finding| finding.kind == FindingKind::PcrInvalid));
                continue;
            }
            assert_eq!(now.pcr, event.pcr, "byte {at}");
            let shown = log.findings().iter().any(|finding| finding.kind == FindingKind::NoActionDigest);
            assert!(now.digests().eq(event.digests()) || (at < 28 && shown), "byte {at}");
        }
    }
}

#[test]
fn a51_a_log_of_the_largest_size_is_read() {
    let limited = |bytes: &[u8], event_log_bytes| {
        let limits = Limits { event_log_bytes, ..Limits::DEFAULT };
        EventLog::parse(bytes, &limits).map(|log| log.format().name()).map_err(|error| error.code())
    };
    let log = build::log(&[Made::separator(4)]);
    assert_eq!(limited(&log, log.len()), Ok("crypto-agile"));
    assert_eq!(limited(&log, log.len() - 1), Err("log_too_large"));
    let sha1 = build::sha1_event(4, EventType::SEPARATOR, &[7; 20], &[0; 4]);
    assert_eq!(limited(&sha1, sha1.len()), Ok("sha1"));
    let ccel = [build::header(1, &build::spec_id(1, &[(0x0c, 48)], &[0])), vec![0xff; 64]].concat();
    assert_eq!(limited(&ccel, ccel.len()), Ok("ccel"));
}

#[test]
fn a35_drtm_pcrs_start_at_all_ones() {
    for (register, start) in
        [(16, ZERO), (17, Digest::ones(HashAlg::Sha256)), (22, Digest::ones(HashAlg::Sha256)), (23, ZERO)]
    {
        let bytes = log(&[Made::new(register, EventType::EVENT_TAG, b"launch")]);
        assert_eq!(pcr(&bytes, register), Some(extended(start, &[b"launch"])), "{register}");
    }
}

proptest::proptest! {
    /// Firmware keeps the header's order, and what does is read faster.
    #[test]
    fn a37_digests_in_any_order_are_those_of_their_own_algorithms(
        order in proptest::sample::subsequence(IN_HEADER.to_vec(), 1..=IN_HEADER.len()).prop_shuffle(),
    ) {
        let bytes = log_in_banks(&IN_HEADER, &[Made::in_banks(4, EventType::IPL, b"data", &order)]);
        let log = parse(&bytes).unwrap();
        let event = log.events().last().unwrap();
        let digests: Vec<_> = event.digests().collect();
        proptest::prop_assert_eq!(digests.iter().map(|(alg, _)| *alg).collect::<Vec<_>>(), order.clone());
        for alg in IN_HEADER {
            let expected = order.contains(&alg).then(|| alg.hash(&[b"data"]));
            proptest::prop_assert_eq!(event.typed_digest(alg), expected);
        }
    }
}

/// The first two have digests of one length.
const IN_HEADER: [HashAlg; 4] = [HashAlg::Sm3_256, HashAlg::Sha256, HashAlg::Sha1, HashAlg::Sha384];

#[test]
fn a37_as_many_digests_as_the_header_names_are_one_of_each() {
    let banks = [HashAlg::Sha256, HashAlg::Sm3_256];
    let with = |second: u16| {
        let mut event = Made::in_banks(4, EventType::IPL, b"data", &banks);
        event.digests[1].0 = second;
        parse(&log_in_banks(&banks, &[event])).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(with(HashAlg::Sm3_256.tpm_id()), Ok(()));
    assert_eq!(with(SHA256), Err("digest_repeated"));
    assert_eq!(with(SHA384), Err("digest_algorithm"));
}

#[test]
fn a36_a_bank_that_an_event_leaves_out_cannot_be_judged_in_that_pcr() {
    let both = [HashAlg::Sha1, HashAlg::Sha256];
    let one = |pcr| Made::in_banks(pcr, EventType::IPL, b"one", &both);
    let partial = Made::in_banks(5, EventType::IPL, b"two", &[HashAlg::Sha256]);
    let bytes = log_in_banks(&both, &[one(4), one(5), partial.clone(), partial]);
    assert_eq!(findings(&bytes), [("digest_missing", Some(3), Some(5))], "once for a PCR and bank");
    let log = parse(&bytes).unwrap();
    let replay = Replay::new(&log);
    assert_eq!(replay.value(HashAlg::Sha1, 5), None);
    assert!(replay.is_unjudgeable(HashAlg::Sha1, 5) && !replay.is_unjudgeable(HashAlg::Sha256, 5));
    assert_eq!(replay.value(HashAlg::Sha256, 5), Some(extended(ZERO, &[b"one", b"two", b"two"])));
    assert!(replay.value(HashAlg::Sha1, 4).is_some());
    assert!(replay.is_unjudgeable(HashAlg::Sha512, 4), "a bank that the log does not have");
}

#[test]
fn a38_an_event_dropped_repeated_or_moved_changes_the_replay_of_its_pcr() {
    let original = parse(SB_GRUB).unwrap();
    let good = Replay::new(&original);
    let ends: Vec<_> =
        original.events().iter().map(|event| event.offset).skip(1).chain([SB_GRUB.len()]).collect();
    let differs = |bytes: &[u8], pcr| {
        let log = parse(bytes).unwrap();
        Replay::new(&log).value(HashAlg::Sha256, pcr) != good.value(HashAlg::Sha256, pcr)
    };
    for event in &original.events()[1..] {
        let (from, to) = (event.offset, ends[event.index as usize]);
        let dropped = [&SB_GRUB[..from], &SB_GRUB[to..]].concat();
        assert!(differs(&dropped, event.pcr), "event {} dropped", event.index);
        let repeated = [&SB_GRUB[..to], &SB_GRUB[from..]].concat();
        assert!(differs(&repeated, event.pcr), "event {} repeated", event.index);
        // Before the event that extends the same PCR just before it, unless that has the same digest.
        let before = good.extends(event.pcr).take_while(|other| other.index < event.index).last();
        let Some(before) = before else { continue };
        let moved =
            [&SB_GRUB[..before.offset], &SB_GRUB[from..to], &SB_GRUB[before.offset..from], &SB_GRUB[to..]]
                .concat();
        let same = before.digest(HashAlg::Sha256) == event.digest(HashAlg::Sha256);
        assert_eq!(differs(&moved, event.pcr), !same, "event {} moved", event.index);
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_without_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
        changes in proptest::collection::vec((0..UKI.len(), proptest::prelude::any::<u8>()), 0..20),
    ) {
        let mut changed = UKI.to_vec();
        changes.into_iter().for_each(|(at, value)| changed[at] = value);
        for bytes in [bytes.clone(), [log(&[]), bytes].concat(), changed] {
            let Ok(log) = parse(&bytes) else { continue };
            black_box(Replay::new(&log).values(HashAlg::Sha256).count());
            black_box(crate::evidence::tcg_event::secure_boot(&log));
            for event in log.events() {
                black_box(crate::evidence::tcg_event::authenticated_everywhere(event));
                let summary = crate::evidence::tcg_event::summary(event);
                assert!(!summary.chars().any(char::is_control));
            }
        }
    }
}

/// As many banks in a header and logs in an input as the limits say are read, and one more is not.
#[test]
fn a51_what_is_as_many_as_the_limit_is_read() {
    let banks = |event_log_algorithms| {
        let limits = Limits { event_log_algorithms, ..Limits::DEFAULT };
        EventLog::parse(SB_GRUB, &limits).map(|log| log.banks().len())
    };
    assert_eq!(banks(3), Ok(3));
    assert!(banks(2).is_err());
    let two = [&40_u32.to_le_bytes()[..], &[1; 40], &40_u32.to_le_bytes(), &[2; 40]].concat();
    let split = |event_log_pieces| {
        let pieces = super::pieces::split(&two, &Limits { event_log_pieces, ..Limits::DEFAULT });
        pieces.map(|pieces| pieces.iter().map(|piece| (piece.offset, piece.bytes[0])).collect::<Vec<_>>())
    };
    assert_eq!((split(2), split(1)), (Some(vec![(4, 1), (48, 2)]), None));
}
