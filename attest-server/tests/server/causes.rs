//! What people need to understand a refusal comes with the reply.

use std::fs;

use attest_core::evidence::{PcrValues, tcg_log::EventLog};
use attest_core::reference::{golden, learn};
use attest_core::{HashAlg, Limits};
use attest_proto::v1;

use crate::harness::{Clients, FAMILY, Server, answer_with, pcrs_of};
use crate::soft_tpm::SoftTpm;

const BASE: &[u8] = include_bytes!("../../../tests/fixtures/changes/base/eventlog.bin");
const LOG: &[u8] = include_bytes!("../../../tests/fixtures/changes/cmdline/eventlog.bin");
const IMA: &[u8] = include_bytes!("../../../tests/fixtures/changes/cmdline/ima.bin");
const PCRS: &str = include_str!("../../../tests/fixtures/changes/cmdline/pcrs.json");
const TRUTH: &str = include_str!("../../../tests/fixtures/changes/cmdline/truth.json");

async fn enrolled() -> (Server, Clients, SoftTpm, String) {
    let server = Server::start_with(|config| {
        let log = EventLog::parse(BASE, &Limits::DEFAULT).unwrap();
        let evidence = golden::Evidence::Quoted;
        let boot = learn::Boot { name: "base", log: &log, userspace: None, evidence, files: None };
        let golden = learn::learn(FAMILY, &[boot], &learn::Choices::default()).unwrap();
        fs::write(&config.families[FAMILY].golden, golden.to_toml()).unwrap();
    })
    .await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    (server, clients, tpm, device_id)
}

/// The verdict on the boot with another kernel command line, if the registers hold these values.
async fn judged(values: &PcrValues) -> v1::Verdict {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let challenge = clients.challenge(&device_id).await.unwrap();
    let pcr_values = challenge.selection.iter().flat_map(|bank| {
        let alg = HashAlg::from_name(&bank.bank).unwrap();
        bank.pcrs.iter().map(move |pcr| {
            let value = values.get(alg, u8::try_from(*pcr).unwrap()).unwrap().as_bytes().to_vec();
            v1::PcrValue { bank: bank.bank.clone(), pcr: *pcr, value }
        })
    });
    let evidence = v1::Evidence {
        event_log: Some(LOG.to_vec()),
        ima_list: Some(IMA.to_vec()),
        pcr_values: pcr_values.collect(),
        ..answer_with(&challenge, &tpm, values)
    };
    clients.verify(&challenge.challenge_id, evidence).await.unwrap().verdict.unwrap()
}

#[tokio::test]
async fn the_first_difference_comes_with_its_two_sides() {
    let verdict = judged(&pcrs_of(PCRS)).await;
    let truth: serde_json::Value = serde_json::from_str(TRUTH).unwrap();
    let first = verdict.first_difference.expect("a first difference");
    let index = truth["first_differing_event"]["index"].as_u64().unwrap();
    assert_eq!(first.event.map(u64::from), Some(index));
    assert_eq!((u64::from(first.position), first.relation.as_str()), (index, "changed"));
    let (expected, got) = (first.expected.unwrap(), first.got.unwrap());
    assert_eq!((expected.event, got.event.map(u64::from)), (None, Some(index)));
    assert_eq!((expected.digest.len(), got.digest.len()), (96, 96), "SHA-384");
    assert_ne!((expected.digest, expected.about), (got.digest, got.about));
    assert_eq!(first.cause, "kernel_cmdline_changed");
    let [cause] = verdict.causes.as_slice() else { panic!("{:#?}", verdict.causes) };
    assert_eq!((cause.cause.as_str(), cause.unproven), ("kernel_cmdline_changed", false));
}

/// The log tells of another command line, and the quoted registers do not prove it.
#[tokio::test]
async fn a_cause_that_only_the_log_tells_says_so() {
    let mut values = pcrs_of(PCRS);
    for alg in [HashAlg::Sha256, HashAlg::Sha384] {
        for pcr in [8, 9] {
            values.insert(pcr, alg.hash(&[b"what nobody knows"]));
        }
    }
    let verdict = judged(&values).await;
    assert_eq!(verdict.status(), v1::Status::Contraindicated);
    let unproven: Vec<_> =
        verdict.causes.iter().filter(|cause| cause.unproven).map(|cause| cause.cause.as_str()).collect();
    assert!(unproven.contains(&"kernel_cmdline_changed"), "{:#?}", verdict.causes);
}
