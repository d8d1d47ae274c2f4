//! Every real boot's log replays to the PCRs that were read from its TPM, in every bank.
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

use attest_core::authenticate::replay::Replay;
use attest_core::evidence::Severity;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::{HashAlg, Limits};
use common::Pcrs;

/// PCRs that the firmware, the boot loader and the kernel's stub extend; 10 is IMA's, 15 and later are user space's.
const FIRMWARE: [u32; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];

fn replays(name: &str, log: &[u8], pcrs: &Pcrs) {
    let log = EventLog::parse(log, &Limits::DEFAULT).unwrap_or_else(|error| panic!("{name}: {error}"));
    for finding in log.findings() {
        assert!(finding.severity() < Severity::Refuse, "{name}: {finding:?}");
    }
    let replay = Replay::new(&log);
    for (bank, values) in pcrs {
        let alg = HashAlg::from_name(bank).expect("bank");
        for pcr in FIRMWARE {
            let value = replay.value(alg, pcr).unwrap_or_else(|| replay.reset_value(alg, pcr));
            // Its user space extended PCR 11 with phases, which the firmware's log cannot tell.
            let is_told = pcr != 11 || !name.ends_with("own-uki-phase");
            assert_eq!(value.to_string() == values[&pcr], is_told, "{name} {bank} {pcr}");
        }
    }
}

#[test]
fn the_projects_own_boots_replay() {
    for scenario in ["sb-grub", "uki-sb", "nosb-grub", "sb-sha384", "ima-ng", "ima-sig", "ima-sha1"] {
        let pcrs = common::pcrs(&common::fixture(scenario, "pcrs.json"));
        replays(scenario, &common::fixture(scenario, "eventlog.bin"), &pcrs);
    }
}

#[test]
fn all_real_boots_replay() {
    let Some(shared) = common::shared() else { return };
    let mut logs = 0;
    for set in ["boots", "changes"] {
        for folder in common::folders(&shared.join(set)) {
            let Ok(log) = std::fs::read(folder.join("eventlog.bin")) else { continue };
            let pcrs = std::fs::read(folder.join("pcrs.json")).expect("pcrs");
            if log.is_empty() {
                let error = EventLog::parse(&log, &Limits::DEFAULT).expect_err("an empty log is no log");
                assert_eq!(error.code(), "log_empty");
                continue;
            }
            replays(&folder.display().to_string(), &log, &common::pcrs(&pcrs));
            logs += 1;
        }
    }
    assert!(logs >= 30, "{logs} logs");
}
