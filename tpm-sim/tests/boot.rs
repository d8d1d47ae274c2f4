//! The simulated boot's logs, judged by others than the code that wrote them: `tpm2_eventlog`, a replay of twenty lines, and the TPM.

use std::collections::BTreeMap;
use std::process::Command;

use sha2::{Digest as _, Sha256};
use tpm_sim::bank::{Bank, PcrValues, Selection};
use tpm_sim::boot::Record;
use tpm_sim::boot::debian::Parts;
use tpm_sim::swtpm::Maker;

const BANKS: [Bank; 3] = [Bank::Sha1, Bank::Sha256, Bank::Sha384];

fn booted() -> (Record, PcrValues) {
    let maker = Maker::temporary(&BANKS).unwrap();
    let tpm = maker.tpm("one").unwrap();
    let mut device = tpm.open().unwrap();
    let record = Parts::new().boot(&BANKS).run(&mut device).unwrap();
    let values = device.read_pcrs(&Selection::new(&BANKS, 0..=15)).unwrap();
    (record, values)
}

#[test]
fn the_tpm_holds_what_tpm2_eventlog_replays() {
    let (record, values) = booted();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, record.log.bytes()).unwrap();
    let output = Command::new("tpm2_eventlog").arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let replayed = text.split_once("\npcrs:\n").unwrap().1;
    let mut bank = None;
    let mut compared = 0;
    for line in replayed.lines() {
        let (left, right) = line.split_once(':').unwrap();
        match left.trim().parse::<u32>() {
            Ok(pcr) => {
                let value = hex::encode(&values[&bank.unwrap()][&pcr]);
                assert_eq!(right.trim(), format!("0x{value}"), "PCR {pcr} of {bank:?}");
                compared += 1;
            }
            Err(_) => bank = Some(left.trim().parse::<Bank>().unwrap()),
        }
    }
    // PCR 0-9 and 14 in three banks.
    assert_eq!(compared, 33);
}

#[test]
fn the_log_reads_as_the_events_of_a_debian_boot() {
    let (record, _) = booted();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, record.log.bytes()).unwrap();
    let output = Command::new("tpm2_eventlog").arg(&path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "EventType: EV_S_CRTM_VERSION",
        "UnicodeName: SecureBoot",
        "UnicodeName: MokListRT",
        "BlobLength: 0xe0000",
        "grub_cmd: linux /vmlinuz root=/dev/vda2 ro quiet",
        "kernel_cmdline: /vmlinuz root=/dev/vda2 ro quiet",
        "Exit Boot Services Returned with Success",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    // The image's device path is decoded only where the tool was built with an EFI library; its length is always shown.
    assert!(text.contains("EventType: EV_EFI_BOOT_SERVICES_APPLICATION"));
}

#[test]
fn pcr_10_is_the_replay_of_the_ima_list() {
    let (record, values) = booted();
    let bytes = record.ima.bytes();
    let mut pcr = [0_u8; 32];
    let mut rest = bytes.as_slice();
    let mut entries = 0;
    while !rest.is_empty() {
        let number =
            |at: usize| usize::try_from(u32::from_le_bytes(rest[at..at + 4].try_into().unwrap())).unwrap();
        assert_eq!((number(0), number(24)), (10, 6));
        assert_eq!(&rest[28..34], b"ima-ng");
        let length = number(34);
        let data = &rest[38..38 + length];
        pcr = Sha256::digest([pcr.as_slice(), &Sha256::digest(data)].concat()).into();
        rest = &rest[38 + length..];
        entries += 1;
    }
    assert_eq!(entries, 4);
    assert_eq!(values[&Bank::Sha256][&10], pcr);
    let aggregate: Vec<u8> = (0..=9).flat_map(|pcr| values[&Bank::Sha256][&pcr].clone()).collect();
    assert_eq!(record.ima.entries[0].digest, Sha256::digest(aggregate).to_vec());
}

#[test]
fn equal_boots_have_equal_pcrs_and_other_load_addresses() {
    let maker = Maker::temporary(&BANKS).unwrap();
    let mut tpm = maker.tpm("one").unwrap();
    let selection = Selection::new(&BANKS, 0..=15);
    let mut run = |load_address| {
        tpm.power_cycle().unwrap();
        let mut device = tpm.open().unwrap();
        let record = Parts { load_address, ..Parts::new() }.boot(&BANKS).run(&mut device).unwrap();
        (record.log.bytes(), device.read_pcrs(&selection).unwrap())
    };
    let (one, two): ((Vec<u8>, BTreeMap<_, _>), _) = (run(0x2900_0000), run(0x2a00_0000));
    assert_ne!(one.0, two.0);
    assert_eq!(one.1, two.1);
}
