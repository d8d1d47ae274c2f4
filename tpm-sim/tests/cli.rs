//! The programs as a person runs them: what they write, and what they say when something is missing. No server is needed here.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SIM: &str = env!("CARGO_BIN_EXE_tpm-sim");
const AGENT: &str = env!("CARGO_BIN_EXE_attest-agent");
/// Nobody listens on the discard port of the loopback address.
const NOBODY: &str = "http://127.0.0.1:9";

fn agent(arguments: &[&str], state: &Path) -> (i32, String) {
    let output = Command::new(AGENT).args(arguments).arg("--state-dir").arg(state).output().unwrap();
    (output.status.code().unwrap(), text(&output.stderr))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sim(arguments: &[&str]) -> Output {
    Command::new(SIM).args(arguments).output().unwrap()
}

#[test]
fn list_names_every_scenario_with_its_answer() {
    let output = sim(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(list.as_array().unwrap().len() >= 20);
    let unrestricted =
        list.as_array().unwrap().iter().find(|entry| entry["name"] == "unrestricted-key").unwrap();
    assert!(unrestricted["expected"].as_str().unwrap().contains("ak_not_restricted"));
}

#[test]
fn learned_evidence_satisfies_tpm2_checkquote() {
    let folder = tempfile::tempdir().unwrap();
    let (out, home) = (folder.path().join("out"), folder.path().join("home"));
    let output =
        Command::new(SIM).args(["learn", "--out"]).arg(&out).arg("--home").arg(&home).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    for boot in ["good", "updated"] {
        let file = |name: &str| out.join(boot).join(name);
        let checked = Command::new("tpm2_checkquote")
            .arg("-u")
            .arg(file("ak.pub"))
            .arg("-m")
            .arg(file("quote.attest"))
            .arg("-s")
            .arg(file("quote.sig"))
            .args(["-q", &fs::read_to_string(file("nonce.hex")).unwrap()])
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}", text(&checked.stderr));
        assert!(fs::read(file("ima.bin")).unwrap().len() > 200);
    }
    assert_ne!(
        fs::read(out.join("good/eventlog.bin")).unwrap(),
        fs::read(out.join("updated/eventlog.bin")).unwrap()
    );
    let root = fs::read_to_string(out.join("ek-root.pem")).unwrap();
    assert!(root.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn an_unknown_scenario_and_an_absent_server_are_told_apart() {
    let output = sim(&["run", "--scenario", "no-such-thing", "--server", NOBODY]);
    assert_eq!(output.status.code(), Some(2));
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let output = sim(&["run", "--scenario", "good", "--server", NOBODY, "--home", home]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("cannot reach the server at http://127.0.0.1:9"));
    assert_eq!(sim(&["run"]).status.code(), Some(2));
}

#[test]
fn the_agent_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let tcti = "device:/dev/there-is-no-tpm";

    let (code, words) = agent(&["enrol", "--family", "f", "--tcti", tcti, "--server", NOBODY], folder.path());
    assert_eq!((code, words.contains("there is no TPM at /dev/there-is-no-tpm")), (2, true), "{words}");

    let (code, words) = agent(&["attest", "--tcti", tcti, "--server", NOBODY], folder.path());
    assert_eq!((code, words.contains("not enrolled")), (2, true), "{words}");

    let state = r#"{"device_id":"dev-0","family":"f","ak_handle":2164345172,"ak_name":"00"}"#;
    fs::write(folder.path().join("device.json"), state).unwrap();
    let missing = ["attest", "--tcti", tcti, "--server", NOBODY, "--event-log", "/nonexistent/log"];
    let (code, words) = agent(&missing, folder.path());
    assert_eq!((code, words.contains("/nonexistent/log")), (2, true), "{words}");

    // Only where this machine has no measured boot.
    if !Path::new("/sys/kernel/security/tpm0").exists() {
        let (code, words) = agent(&["attest", "--tcti", tcti, "--server", NOBODY], folder.path());
        assert_eq!((code, words.contains("there is no event log at")), (2, true), "{words}");
    }

    let (code, words) =
        agent(&["attest", "--no-event-log", "--no-ima", "--tcti", tcti, "--server", NOBODY], folder.path());
    assert_eq!((code, words.contains("there is no TPM")), (2, true), "{words}");

    let (code, words) =
        agent(&["attest", "--tcti", "nonsense:", "--no-event-log", "--server", NOBODY], folder.path());
    assert_eq!((code, words.contains("is no TCTI")), (2, true), "{words}");

    let tls = ["enrol", "--family", "f", "--tcti", tcti, "--server", "https://127.0.0.1:9"];
    assert_eq!(agent(&tls, folder.path()).0, 2);
}
