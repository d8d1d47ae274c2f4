//! Every real boot's IMA list replays to the PCR 10 that was read from its TPM, in every bank.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads files, and a panic in it is a failed test"
)]

mod common;

use attest_core::authenticate::ima::{
    BootAggregate, ImaReplay, PrefixMatch, Unproven, boot_aggregate, prefix_of_pcr_10,
};
use attest_core::evidence::Severity;
use attest_core::evidence::ima_log::{IMA_PCR, ImaLog};
use attest_core::{Digest, HashAlg, Limits};
use common::Pcrs;

fn list<'a>(name: &str, bytes: &'a [u8]) -> ImaLog<'a> {
    let list = ImaLog::parse(bytes, &Limits::DEFAULT).unwrap_or_else(|error| panic!("{name}: {error}"));
    for finding in list.findings(&Limits::DEFAULT) {
        assert!(finding.severity() < Severity::Refuse, "{name}: {finding:?}");
    }
    list
}

fn quoted(pcrs: &Pcrs, alg: HashAlg, pcr: u32) -> Option<Digest> {
    Digest::from_hex(alg, pcrs.get(alg.name())?.get(&pcr)?)
}

/// Banks in which the list replays, and whether padded.
fn replays(name: &str, bytes: &[u8], pcrs: &Pcrs) -> Vec<(HashAlg, bool)> {
    let list = list(name, bytes);
    let banks = HashAlg::ALL.into_iter().filter_map(|alg| Some((alg, quoted(pcrs, alg, IMA_PCR)?)));
    banks
        .map(|(alg, value)| {
            let part = prefix_of_pcr_10(&list, alg, &value).unwrap_or_else(|| panic!("{name} {alg}"));
            assert_eq!((part.entries_covered, part.left_over), (list.len(), 0), "{name} {alg}");
            let replay = ImaReplay::new(&list, &[alg]);
            let whole = if part.padded { replay.padded_value(alg, 10) } else { replay.value(alg, 10) };
            assert_eq!(whole, Some(value), "{name} {alg}");
            (alg, part.padded)
        })
        .collect()
}

#[test]
fn the_projects_own_lists_replay_binary_and_ascii() {
    use HashAlg::{Sha1, Sha256, Sha384};
    let three = vec![(Sha1, false), (Sha256, false), (Sha384, true)];
    let expected = [
        ("sb-grub", three.clone()),
        ("uki-sb", three.clone()),
        ("sb-sha384", vec![(Sha384, true)]),
        ("ima-ng", three.clone()),
        ("ima-sig", three.clone()),
        ("ima-sha1", three),
    ];
    for (scenario, banks) in expected {
        let pcrs = common::pcrs(&common::fixture(scenario, "pcrs.json"));
        for file in ["ima.bin", "ima.ascii"] {
            let name = format!("{scenario} {file}");
            assert_eq!(replays(&name, &common::fixture(scenario, file), &pcrs), banks, "{name}");
        }
    }
}

#[test]
fn ascii_and_binary_say_the_same() {
    for scenario in ["sb-grub", "sb-sha384", "ima-ng", "ima-sig", "ima-sha1"] {
        let (binary, ascii) = (common::fixture(scenario, "ima.bin"), common::fixture(scenario, "ima.ascii"));
        let (binary, ascii) = (list(scenario, &binary), list(scenario, &ascii));
        assert_eq!(binary.len(), ascii.len());
        for (one, other) in binary.entries().zip(ascii.entries()) {
            assert_eq!((one.pcr, one.template, one.data), (other.pcr, other.template, other.data));
            assert_eq!(one.template_hash, other.template_hash);
        }
    }
}

#[test]
fn a42_boot_aggregate_is_held_against_the_quoted_pcrs() {
    let check = |scenario: &str, pcrs: &Pcrs| {
        let bytes = common::fixture(scenario, "ima.bin");
        boot_aggregate(&list(scenario, &bytes), |alg, pcr| quoted(pcrs, alg, pcr))
    };
    let own = |scenario: &str| common::pcrs(&common::fixture(scenario, "pcrs.json"));
    for scenario in ["sb-grub", "uki-sb", "ima-ng", "ima-sig"] {
        assert_eq!(check(scenario, &own(scenario)), BootAggregate::Match { alg: HashAlg::Sha256 });
    }
    assert_eq!(check("ima-sha1", &own("ima-sha1")), BootAggregate::Match { alg: HashAlg::Sha1 });
    assert_eq!(check("sb-sha384", &own("sb-sha384")), BootAggregate::Unproven(Unproven::AllZero));
    // The list of one boot beside the quote of another.
    assert!(matches!(check("sb-grub", &own("uki-sb")), BootAggregate::Mismatch { .. }));
    // A quote that leaves out one of the PCRs.
    for pcr in 0..10 {
        let mut fewer = own("sb-grub");
        fewer.get_mut("sha256").unwrap().remove(&pcr);
        let unproven = BootAggregate::Unproven(Unproven::NotQuoted { alg: HashAlg::Sha256, pcr });
        assert_eq!(check("sb-grub", &fewer), unproven);
    }
}

#[test]
fn a43_a_quote_that_lags_covers_exactly_the_entries_before_it() {
    let bytes = common::fixture("ima-ng", "ima.bin");
    let list = list("ima-ng", &bytes);
    let starts: Vec<_> = list.entries().map(|entry| entry.offset).chain([bytes.len()]).collect();
    for covered in 1..=list.len() {
        let part = ImaLog::parse(&bytes[..starts[covered]], &Limits::DEFAULT).unwrap();
        let value = ImaReplay::new(&part, &[HashAlg::Sha256]).value(HashAlg::Sha256, IMA_PCR).unwrap();
        let expected = PrefixMatch {
            end: covered,
            entries_covered: covered,
            left_over: list.len() - covered,
            padded: false,
        };
        assert_eq!(prefix_of_pcr_10(&list, HashAlg::Sha256, &value), Some(expected));
    }
    let zero = Digest::zero(HashAlg::Sha256);
    assert_eq!(prefix_of_pcr_10(&list, HashAlg::Sha256, &zero), None, "nothing is covered by a reset PCR");
}

#[test]
fn all_real_lists_replay() {
    let Some(shared) = common::shared() else { return };
    let mut lists = 0;
    for set in ["boots", "changes"] {
        for folder in common::folders(&shared.join(set)) {
            for file in ["ima.bin", "ima.ascii"] {
                let Ok(bytes) = std::fs::read(folder.join(file)) else { continue };
                let pcrs = common::pcrs(&std::fs::read(folder.join("pcrs.json")).expect("pcrs"));
                replays(&folder.join(file).display().to_string(), &bytes, &pcrs);
                lists += 1;
            }
        }
    }
    assert!(lists >= 60, "{lists} lists");
}
