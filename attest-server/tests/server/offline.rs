//! `attest verify` by releases: a copy of the log, the pinned policy, and what no log has, judged as the server judges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use attest_core::release::delivery::Delivery;
use attest_core::release::{ObjectId, object};
use attest_proto::v1;
use serde_json::Value;

use crate::harness::FAMILY;
use crate::releases::{Fleet, golden};

const BOOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/sb-grub/");

/// The exit code and what it says, of the captured boot by what these words name.
fn verify(words: &[&str]) -> (i32, Value) {
    let nonce = fs::read_to_string(format!("{BOOT}nonce.hex")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
    command.args(["verify", "--json", "--family", FAMILY, "--nonce", nonce.trim()]);
    for (flag, file) in [
        ("--attest", "quote-ecc.attest"),
        ("--signature", "quote-ecc.sig"),
        ("--ak", "ak-ecc.pub"),
        ("--eventlog", "eventlog.bin"),
        ("--ima", "ima.bin"),
    ] {
        command.arg(flag).arg(format!("{BOOT}{file}"));
    }
    let output = command.args(words).output().unwrap();
    let told = serde_json::from_slice(&output.stdout);
    let wrong = || Value::String(String::from_utf8_lossy(&output.stderr).into_owned());
    (output.status.code().unwrap(), told.unwrap_or_else(|_| wrong()))
}

/// By this copy of the log and this pin.
fn by(folder: &Path, pin: &str, more: &[&str]) -> (i32, Value) {
    let releases = ["--releases", folder.to_str().unwrap(), "--policy-pin", pin];
    verify(&[&releases[..], more].concat())
}

fn refusing(verdict: &Value) -> Vec<String> {
    let reasons = verdict["reasons"].as_array().unwrap();
    let refusing = reasons.iter().filter(|reason| reason["severity"] == "refuse");
    refusing
        .map(|reason| reason["detail_code"].as_str().or(reason["code"].as_str()).unwrap().to_owned())
        .collect()
}

fn refused(answer: (i32, Value), code: &str) {
    assert!(answer.0 != 0 && answer.1["error"]["code"] == code, "{code}: {answer:?}");
}

/// The log as `attest release export` lays it out.
pub(crate) fn exported(log: &Path, leaves: &[Vec<u8>], to: &Path) {
    fs::create_dir_all(to.join("leaves")).unwrap();
    fs::create_dir_all(to.join("object")).unwrap();
    for (leaf, index) in leaves.iter().zip(0..) {
        fs::write(to.join(format!("leaves/{index:08}.cbor")), leaf).unwrap();
    }
    fs::copy(log.join("checkpoint"), to.join("checkpoint")).unwrap();
    for object in fs::read_dir(log.join("object")).unwrap() {
        let object = object.unwrap();
        fs::copy(object.path(), to.join("object").join(object.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_log_judges_as_the_server_does() {
    let mut ids = Vec::new();
    let mut fleet = Fleet::new(|organisation| {
        ids.extend([true, false].map(|is_own| organisation.release(&golden(is_own), "stable")));
    })
    .await;
    let pin = fleet.organisation.authority();
    let served = fleet.verdict().await.golden.unwrap();
    let governed = served.governed.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join("export");
    exported(&fleet.log, fleet.organisation.entries(), &export);
    for copy in [&fleet.log, &export] {
        let (code, told) = by(copy, &pin, &[]);
        assert_eq!((code, &told["status"]), (0, &Value::from("affirming")), "{told}");
        let golden = &told["golden"];
        assert_eq!(golden["release"], ids[0].to_string());
        assert_eq!((&golden["source"], &golden["tier"]), (&"release".into(), &Value::from(&*served.tier)));
        let own = &golden["governed"];
        assert_eq!(
            (&own["authority"], &own["log_index"]),
            (&Value::from(&*pin), &Value::from(governed.log_index))
        );
        assert_eq!(own["gates"], Value::from(governed.gates.clone()));
        assert_eq!(own["version"], Value::from(&*governed.version));
    }
    // A revocation that no log has counts by file, if it is a revoker's.
    let write = |called: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(called);
        fs::write(&path, bytes).unwrap();
        path
    };
    let taken_back = write("revocation", &fleet.organisation.revocation("dave", ids[0]));
    for copy in [&fleet.log, &export] {
        let (code, told) = by(copy, &pin, &["--revocation", taken_back.to_str().unwrap()]);
        assert_eq!((code, refusing(&told)), (1, vec!["release_revoked".to_owned()]), "{told}");
        assert_eq!(told["golden"]["release"], ids[0].to_string());
    }
    let request = fs::read(fleet.organisation.object(ids[0])).unwrap();
    let whole = Delivery::new(fleet.organisation.revocation("dave", ids[0]), Some(request));
    let whole = write("whole", &object::write(&whole).unwrap());
    assert_eq!(
        refusing(&by(&fleet.log, &pin, &["--revocation", whole.to_str().unwrap()]).1),
        ["release_revoked"]
    );
    let stranger = write("stranger", &fleet.organisation.revocation("alice", ids[0]));
    refused(by(&fleet.log, &pin, &["--revocation", stranger.to_str().unwrap()]), "revocation_does_not_count");
    let nothing = write("nothing", b"revoke everything");
    assert_eq!(by(&fleet.log, &pin, &["--revocation", nothing.to_str().unwrap()]).0, 1);
    // In the log it counts as it does at the server.
    fleet.organisation.revoke("dave", ids[0]);
    fleet.organisation.publish();
    assert_eq!(refusing(&by(&fleet.log, &pin, &[]).1), ["release_revoked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a72_a_copy_that_is_none_or_lacks_something_judges_nothing() {
    let mut id = None;
    let fleet = Fleet::new(|organisation| id = Some(organisation.release(&golden(true), "stable"))).await;
    let pin = fleet.organisation.authority();
    let folder = tempfile::tempdir().unwrap();
    let copied = |change: &dyn Fn(&Path)| {
        let copy = folder.path().join(fs::read_dir(folder.path()).unwrap().count().to_string());
        exported(&fleet.log, fleet.organisation.entries(), &copy);
        change(&copy);
        by(&copy, &pin, &[])
    };
    assert_eq!(copied(&|_| {}).0, 0);
    let last = fleet.organisation.entries().len() - 1;
    let leaf = |copy: &Path, index: usize| copy.join(format!("leaves/{index:08}.cbor"));
    refused(copied(&|copy| fs::remove_file(leaf(copy, last)).unwrap()), "log_leaf_missing");
    let swapped = copied(&|copy| drop(fs::copy(leaf(copy, last - 1), leaf(copy, last)).unwrap()));
    refused(swapped, "view_root_mismatch");
    // What is withheld may be what the family has reached.
    let object = |copy: &Path, id: ObjectId| copy.join("object").join(hex::encode(id.as_bytes()));
    let bundle = fleet.organisation.bundle_of(id.unwrap());
    refused(copied(&|copy| fs::remove_file(object(copy, bundle)).unwrap()), "release_bundle_missing");
    refused(copied(&|copy| fs::write(object(copy, bundle), b"other").unwrap()), "release_bundle_missing");
    let elsewhere = ObjectId::of(b"elsewhere").to_string();
    refused(by(&fleet.log, &elsewhere, &[]), "view_first_leaf");
    // Nothing else is taken with it, and it is not taken without the pin.
    let releases = ["--releases", fleet.log.to_str().unwrap()];
    assert_eq!(verify(&releases).0, 2);
    assert_eq!(by(&fleet.log, &pin, &["--golden", "golden.toml"]).0, 2);
    assert_eq!(verify(&[]).0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv16_a_lower_tier_and_an_emergency_without_a_known_time() {
    let fleet = Fleet::new(|organisation| drop(organisation.release(&golden(true), "lab"))).await;
    let pin = fleet.organisation.authority();
    assert_eq!(refusing(&by(&fleet.log, &pin, &[]).1), ["release_tier_not_accepted"]);
    let (code, told) = by(&fleet.log, &pin, &["--accept-tier", "dev"]);
    assert_eq!((code, &told["golden"]["tier"]), (0, &Value::from("dev")), "{told}");
    let fleet = Fleet::new(|organisation| drop(organisation.release(&golden(true), "urgent"))).await;
    let pin = fleet.organisation.authority();
    assert_eq!(refusing(&by(&fleet.log, &pin, &[]).1), ["release_clock_unconfirmed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_delivered_by_file() {
    let mut id = None;
    let mut fleet = Fleet::new(|organisation| id = Some(organisation.release(&golden(true), "stable"))).await;
    let folder = tempfile::tempdir().unwrap();
    let deliver = |bytes: &[u8], verifiers: &[&str]| {
        let file = folder.path().join("revocation.cbor");
        fs::write(&file, bytes).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
        command.args(["release", "deliver", "--json"]).arg(&file);
        verifiers.iter().for_each(|verifier| drop(command.args(["--verifier", verifier])));
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        (output.status.code().unwrap(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let verifier = format!("http://{}", fleet.server.running.grpc());
    assert_eq!(deliver(b"nothing", &[&verifier]).0, 1);
    let (code, told) = deliver(&fleet.organisation.revocation("alice", id.unwrap()), &[&verifier]);
    assert_eq!((code, &told["delivered"][0]["held"]), (1, &Value::Bool(false)));
    assert!(told["delivered"][0]["because"].to_string().contains("revocation_does_not_count"), "{told}");
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    // One that cannot be reached keeps no other from knowing it.
    let nobody = "http://127.0.0.1:1";
    let (code, told) = deliver(&fleet.organisation.revocation("dave", id.unwrap()), &[nobody, &verifier]);
    let held: Vec<_> = told["delivered"].as_array().unwrap().iter().map(|one| one["held"].clone()).collect();
    assert_eq!((code, held), (2, vec![Value::Bool(false), Value::Bool(true)]), "{told}");
    assert_eq!(fleet.verdict().await.status(), v1::Status::Contraindicated);
}

fn drop<T>(_: T) {}
