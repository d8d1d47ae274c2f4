//! A device with systemd, from its TPM to the server's verdict: its log of user space is learned from, sent, and judged.

use std::fs;
use std::process::Command;

use attest_proto::v1::Status;
use attest_tests::{FAMILY, Member, Site, binary, names, run};
use tpm_sim::bank::{Bank, Selection, pcrs_json};
use tpm_sim::boot::debian::Parts;
use tpm_sim::client::{Evidence, Judgement, Server};
use tpm_sim::device::{AkAlgorithm, AkTemplate};
use tpm_sim::scenario::BANKS;

fn status(judgement: &Judgement) -> Status {
    judgement.verdict.status()
}

/// What a boot of the family's user space measures.
const BOOT: [(u32, &str, &str); 4] = [
    (11, "phase", "enter-initrd"),
    (11, "phase", "leave-initrd"),
    (15, "machine-id", "machine-id:0123456789abcdef0123456789abcdef"),
    (11, "phase", "ready"),
];

fn boot(member: &mut Member) {
    member.boot(&Parts::new());
    let mut device = member.device();
    for (pcr, event_type, string) in BOOT {
        member.record.userspace.measure(&mut device, &BANKS, pcr, event_type, string).unwrap();
    }
}

/// Asks, answers with the values of the PCRs beside the logs, and hands the evidence to whoever changes it.
async fn attest_with(
    member: &Member,
    client: &Server,
    id: &str,
    change: impl FnOnce(&mut Evidence),
) -> Judgement {
    let challenge = client.challenge(id, &member.subject_key).await.unwrap();
    let pcrs = member.device().read_pcrs(&challenge.selection).unwrap();
    let mut evidence = Evidence { pcrs, ..member.answer(&challenge) };
    change(&mut evidence);
    client.verify(&challenge.id, evidence).await.unwrap()
}

/// The evidence of a known-good boot as files of the site's folder.
fn write_evidence(site: &Site, member: &Member) {
    let mut device = member.device();
    let ak = device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, b"learn")).unwrap();
    let selection = Selection::new(&[Bank::Sha256], (0..=11).chain(14..=15));
    let quote = device.quote(&ak, &[7; 32], &selection).unwrap();
    let pcrs = pcrs_json(&device.read_pcrs(&selection).unwrap()).to_string();
    for (name, bytes) in [
        ("eventlog.bin", member.record.log.bytes()),
        ("ima.bin", member.record.ima.bytes()),
        ("userspace.log", member.record.userspace.bytes().unwrap()),
        ("quote.attest", quote.attest),
        ("quote.sig", quote.signature),
        ("ak.pub", ak.public.clone()),
        ("pcrs.json", pcrs.into_bytes()),
    ] {
        fs::write(site.path(name), bytes).unwrap();
    }
}

/// `attest` with the evidence's flags.
fn attest(site: &Site, arguments: &[&str], with_log: bool) -> (i32, String) {
    let mut command = Command::new(binary("attest-server", "attest"));
    command.args(arguments);
    for (flag, name) in [
        ("--eventlog", "eventlog.bin"),
        ("--ima", "ima.bin"),
        ("--attest", "quote.attest"),
        ("--signature", "quote.sig"),
        ("--ak", "ak.pub"),
        ("--pcrs", "pcrs.json"),
    ] {
        command.arg(flag).arg(site.path(name));
    }
    command.args(["--nonce", &"07".repeat(32)]);
    if with_log {
        command.arg("--userspace-log").arg(site.path("userspace.log"));
    }
    let (code, out, error) = run(&mut command);
    (code, out + &error)
}

#[tokio::test]
async fn a_device_with_systemd_is_learned_sent_and_judged() {
    let site = Site::new();
    let mut member = Member::new(&site);
    boot(&mut member);
    write_evidence(&site, &member);

    // The command line: the log explains PCR 11 and 15; without it nothing does.
    let (code, out) = attest(&site, &["quote", "--json"], true);
    assert_eq!(code, 0, "{out}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["replay"]["sha256"]["11"], "match");
    assert_eq!(json["replay"]["sha256"]["15"], "match");
    assert_eq!(json["userspace_log"]["format"], "systemd");
    assert_eq!(json["userspace_log"]["records"][2]["component"], "userspace.machine_id");
    assert_eq!(json["userspace_log"]["records"][2]["data_authenticated"], true);
    let (code, out) = attest(&site, &["quote", "--json"], false);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("no_events"));

    let golden = site.path("golden.toml");
    let learn =
        ["golden", "learn", "--family", FAMILY, "--name", "systemd", "--out", golden.to_str().unwrap()];
    let (code, out) = attest(&site, &learn, true);
    assert_eq!(code, 0, "{out}");
    let text = fs::read_to_string(&golden).unwrap();
    assert!(text.contains("judged = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 15]"), "{text}");
    assert!(text.contains("userspace.machine_id") && text.contains("evidence = \"quoted\""));
    let verify = ["verify", "--family", FAMILY, "--golden", golden.to_str().unwrap(), "--json"];
    assert_eq!(attest(&site, &verify, true).0, 0);
    assert_eq!(attest(&site, &verify, false).0, 1);

    // The server: the same device, enrolled.
    let server = site.serve();
    let client = server.connect().await;
    let id = member.enrol(&client).await;
    let judgement = member.attest(&client, &id).await;
    assert_eq!(status(&judgement), Status::Affirming, "{:?}", judgement.verdict.reasons);
    assert!(judgement.verdict.judged.iter().any(|judged| judged.pcr == 15));

    // A log that is withheld, and one that leaves out its last record.
    let judgement = attest_with(&member, &client, &id, |evidence| evidence.userspace_log = None).await;
    assert!(names(&judgement.verdict, "no_events"), "{:?}", judgement.verdict.reasons);
    let last = member.record.userspace.records.pop().unwrap();
    let judgement = attest_with(&member, &client, &id, |_| ()).await;
    assert!(names(&judgement.verdict, "replay_mismatch"), "{:?}", judgement.verdict.reasons);
    member.record.userspace.records.push(last);

    // One more measurement, told: named as what user space measured, at its record.
    let mut device = member.device();
    member.record.userspace.measure(&mut device, &BANKS, 11, "phase", "shutdown").unwrap();
    drop(device);
    let judgement = member.attest(&client, &id).await;
    assert_eq!(status(&judgement), Status::Contraindicated);
    let reason = judgement.verdict.reasons.iter().find(|reason| reason.code == "event_appended").unwrap();
    assert_eq!(
        (reason.component.as_str(), reason.log.as_str(), reason.event),
        ("userspace.phase", "userspace", Some(4))
    );
    let causes: Vec<&str> = judgement.verdict.causes.iter().map(|cause| cause.cause.as_str()).collect();
    assert_eq!(causes, ["userspace_measurement_changed"]);

    // What cannot be read refuses the device, not the request.
    let cut = |evidence: &mut Evidence| evidence.userspace_log = Some(b"\x1e{".to_vec());
    let judgement = attest_with(&member, &client, &id, cut).await;
    let reason = judgement.verdict.reasons.first().unwrap();
    assert_eq!(reason.detail_code, "userspace_log_record_cut_short");
}
