use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn fixture(scenario: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots");
    root.join(scenario).join("eventlog.bin")
}

/// The command's end and what it printed.
fn run(json: bool, file: PathBuf) -> (Result<Exit, Failure>, String) {
    let sink = Sink::default();
    let mut out = Output::to_writer(json, Box::new(sink.clone()));
    let exit = Eventlog { file }.run(&mut out);
    out.finish().unwrap();
    let printed = sink.0.lock().unwrap().clone();
    (exit, String::from_utf8(printed).unwrap())
}

fn with_bytes(name: &str, bytes: &[u8]) -> (Result<Exit, Failure>, String) {
    let file = std::env::temp_dir().join(format!("attest-eventlog-{}-{name}", std::process::id()));
    std::fs::write(&file, bytes).unwrap();
    let result = run(true, file.clone());
    std::fs::remove_file(file).unwrap();
    result
}

#[test]
fn a_good_log_as_the_contract_has_it() {
    let (exit, printed) = run(true, fixture("sb-grub"));
    assert_eq!(exit, Ok(Exit::Good));
    let answer: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(answer["format"], "crypto-agile");
    assert_eq!(answer["banks"], json!(["sha1", "sha256", "sha384"]));
    assert_eq!(answer["startup_locality"], 0);
    assert_eq!(answer["secure_boot"], true);
    assert_eq!(answer["findings"], json!([]));
    assert_eq!(answer["events"].as_array().unwrap().len(), 47);
    let event = &answer["events"][41];
    assert_eq!((&event["index"], &event["pcr"]), (&json!(41), &json!(8)));
    assert_eq!((&event["type"], &event["type_code"]), (&json!("EV_IPL"), &json!(13)));
    assert_eq!(event["data_authenticated"], true);
    assert_eq!(event["summary"], "/vmlinuz console=ttyS0 rdinit=/init rootfstype=ramfs");
    assert_eq!(answer["events"][0]["data_authenticated"], false);
    assert_eq!(answer["events"][24]["data_authenticated"], false);
    let pcrs: Value =
        serde_json::from_slice(&std::fs::read(fixture("sb-grub").with_file_name("pcrs.json")).unwrap())
            .unwrap();
    for bank in ["sha1", "sha256", "sha384"] {
        let replayed = answer["replayed"][bank].as_object().unwrap();
        assert_eq!(replayed.len(), 11);
        for (pcr, value) in replayed {
            assert_eq!(value, &pcrs[bank][pcr], "{bank} {pcr}");
            assert_eq!(
                answer["events"][1]["digests"][bank].as_str().unwrap().len(),
                value.as_str().unwrap().len()
            );
        }
    }
}

#[test]
fn text_fits_into_80_columns_without_escapes() {
    for scenario in ["sb-grub", "uki-sb", "nosb-grub", "sb-sha384"] {
        let (exit, printed) = run(false, fixture(scenario));
        assert_eq!(exit, Ok(Exit::Good));
        for line in printed.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            assert!(!line.chars().any(char::is_control), "{line}");
        }
        assert!(printed.contains("Secure Boot"));
    }
}

#[test]
fn a37_a_malformed_log_says_where_and_ends_with_1() {
    let log = std::fs::read(fixture("sb-grub")).unwrap();
    let (exit, printed) = with_bytes("cut", &log[..log.len() - 1]);
    let failure = exit.unwrap_err();
    assert_eq!((failure.exit(), printed.as_str()), (Exit::Refused, ""));
    let error = &failure.to_json()["error"];
    assert_eq!((&error["code"], &error["event"]), (&json!("truncated"), &json!(46)));
    assert!(error["offset"].as_u64().unwrap() > 16_000);
    let (exit, _) = with_bytes("empty", &[]);
    assert_eq!(exit.unwrap_err().to_json()["error"]["code"], "log_empty");
}

#[test]
fn a31_a_refusing_finding_ends_with_1() {
    let mut log = std::fs::read(fixture("sb-grub")).unwrap();
    let parsed = EventLog::parse(&log, &Limits::DEFAULT).unwrap();
    let (from, to) = (parsed.events()[9].offset, parsed.events()[10].offset);
    let separator = log[from..to].to_vec();
    log.extend(separator);
    let (exit, printed) = with_bytes("separator", &log);
    assert_eq!(exit, Ok(Exit::Refused));
    let answer: Value = serde_json::from_str(&printed).unwrap();
    let finding = &answer["findings"][0];
    assert_eq!((&finding["code"], &finding["severity"]), (&json!("duplicate_separator"), &json!("refuse")));
    assert_eq!((&finding["event"], &finding["pcr"]), (&json!(47), &json!(7)));
}

#[test]
fn the_state_of_secure_boot_is_told_with_its_proof() {
    let (exit, printed) = run(true, fixture("sb-grub"));
    assert_eq!(exit, Ok(Exit::Good));
    let answer: Value = serde_json::from_str(&printed).unwrap();
    let state = &answer["secure_boot_state"];
    assert_eq!((&state["mode"], &state["shim_validation"]), (&json!("user"), &Value::Null));
    assert_eq!(state["databases"]["PK"], "\"Debian UEFI Secure Boot (PK/KEK key)\"");
    assert_eq!(state["sbat_level"], "sbat,1,2025021800; shim,4; grub,5");
    assert_eq!(
        state["authorities"][0],
        json!({"event":22,"variable":"db","certificate":"\"Microsoft Corporation UEFI CA 2011\"","proven":true})
    );
    assert_eq!(answer["windows"], Value::Null);
}

#[test]
fn a26_a_laboratorys_keys_are_a_warning_and_no_refusal() {
    let (exit, printed) = run(true, fixture("uki-sb"));
    assert_eq!(exit, Ok(Exit::Good));
    let answer: Value = serde_json::from_str(&printed).unwrap();
    let codes: Vec<_> =
        answer["findings"].as_array().unwrap().iter().map(|f| (&f["code"], &f["severity"])).collect();
    assert_eq!(codes, [(&json!("lab_key"), &json!("warn")); 3]);
}

#[test]
fn a_log_of_user_space_is_named_with_the_option_that_reads_it() {
    let digest = "11".repeat(32);
    let cbor = hex::decode(format!("81a50000010b0381a2000b015820{digest}09050aa2000d014161")).unwrap();
    let detail = |name: &str, bytes: &[u8]| {
        with_bytes(name, bytes).0.unwrap_err().to_json()["error"]["detail"].as_str().unwrap().to_owned()
    };
    let told = detail("cel", &cbor);
    assert!(told.contains("; this looks like a canonical event log in CBOR, which "), "{told}");
    assert!(told.contains(" read as --userspace-log"), "{told}");
    // Its zeros may be an event by chance: what is wrong is found in the second one.
    let mut chance = hex::decode("82a5000001000381a200040154").unwrap();
    chance.extend([0; 20]);
    chance.extend([0x09, 0x05, 0x0a, 0xa2, 0x00, 0x03, 0x01, 0x58, 0x25]);
    chance.extend([0x11; 0x25]);
    chance.extend(&cbor[1..]);
    assert!(detail("chance", &chance).contains("a canonical event log in CBOR"));
    let told = detail("json", b"{\"anything\": 1, \"padding\": \"so long that an event's head would fit\"}");
    assert!(told.contains("; this looks like JSON, ") && told.contains(" is for --userspace-log"), "{told}");
}
