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

fn fixture(scenario: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots").join(scenario).join(file)
}

fn run(json: bool, file: PathBuf) -> (Result<Exit, Failure>, String) {
    let sink = Sink::default();
    let mut out = Output::to_writer(json, Box::new(sink.clone()));
    let exit = Ima { file }.run(&mut out);
    out.finish().unwrap();
    let printed = sink.0.lock().unwrap().clone();
    (exit, String::from_utf8(printed).unwrap())
}

#[test]
fn a_good_list_as_the_contract_has_it() {
    let pcrs: Value =
        serde_json::from_slice(&std::fs::read(fixture("ima-ng", "pcrs.json")).unwrap()).unwrap();
    for file in ["ima.bin", "ima.ascii"] {
        let (exit, printed) = run(true, fixture("ima-ng", file));
        assert_eq!(exit, Ok(Exit::Good));
        let answer: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(answer["templates"], json!(["ima-ng"]));
        assert_eq!((&answer["entries"], &answer["violations"]), (&json!(64), &json!(0)));
        assert_eq!(answer["replayed"]["sha1"], pcrs["sha1"]["10"]);
        assert_eq!(answer["replayed"]["sha256"], pcrs["sha256"]["10"]);
        assert_eq!(answer["replayed_padded"]["sha384"], pcrs["sha384"]["10"]);
        assert_ne!(answer["replayed"]["sha384"], pcrs["sha384"]["10"]);
        assert!(answer["replayed_padded"].get("sha1").is_none());
        assert_eq!(answer["boot_aggregate"]["alg"], "sha256");
        assert_eq!(
            answer["boot_aggregate"]["digest"],
            "2153e2bd61c789cccd7c44d3d5444d8c6c672ece4fd114cbbe168394ac315112"
        );
        assert_eq!((&answer["other_pcrs"], &answer["findings"]), (&json!({}), &json!([])));
    }
}

#[test]
fn text_fits_into_80_columns() {
    for scenario in ["sb-grub", "ima-ng", "ima-sig", "ima-sha1"] {
        let (exit, printed) = run(false, fixture(scenario, "ima.bin"));
        assert_eq!(exit, Ok(Exit::Good));
        assert!(printed.lines().all(|line| line.chars().count() <= 80), "{printed}");
    }
}

#[test]
fn a_record_cut_short_is_malformed() {
    let list = std::fs::read(fixture("ima-ng", "ima.bin")).unwrap();
    let file = std::env::temp_dir().join(format!("attest-ima-{}-cut", std::process::id()));
    std::fs::write(&file, &list[..list.len() - 1]).unwrap();
    let (exit, _) = run(true, file.clone());
    std::fs::remove_file(file).unwrap();
    let failure = exit.unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert_eq!(failure.to_json()["error"]["code"], "truncated");
    assert_eq!(failure.to_json()["error"]["event"], 63);
}
