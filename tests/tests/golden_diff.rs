//! What a reviewer reads of two golden documents that were learned from real boots: on a terminal of 80 columns, with nothing left out.

use std::path::{Path, PathBuf};
use std::process::Command;

use attest_tests::{binary, run};

fn attest(arguments: &[&str]) -> String {
    let (code, out, err) = run(Command::new(binary("attest-server", "attest")).args(arguments));
    assert_eq!(code, 0, "{arguments:?}\n{out}{err}");
    out
}

/// A document learned from this boot, with the files that IMA measured.
fn learned(boot: &str, folder: &Path) -> PathBuf {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "fixtures/changes", boot].iter().collect();
    let out = folder.join(format!("{boot}.toml"));
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let (log, list) = (text(&path.join("eventlog.bin")), text(&path.join("ima.bin")));
    attest(&[
        "golden",
        "learn",
        "--family",
        "gateway",
        "--eventlog",
        &log,
        "--ima",
        &list,
        "--out",
        &text(&out),
    ]);
    out
}

#[test]
fn every_line_fits_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = learned("base", folder.path());
    for boot in ["ima-base", "cmdline", "mok-enrol", "dbx-update", "boot-order", "own-uki"] {
        let other = learned(boot, folder.path());
        let files = [base.to_str().expect("text"), other.to_str().expect("text")];
        let told = attest(&["golden", "diff", files[0], files[1]]);
        assert!(!told.contains('\u{1b}'), "no colour where nobody looks at it");
        for line in told.lines() {
            assert!(line.chars().count() <= 80, "{boot}: {line}\nin\n{told}");
        }
        // Broken lines lose nothing.
        let joined: String = told.split_whitespace().collect();
        let json: serde_json::Value =
            serde_json::from_str(&attest(&["golden", "diff", "--json", files[0], files[1]])).expect("JSON");
        let changes = json["changes"].as_array().expect("changes");
        assert!(!changes.is_empty(), "{boot}");
        for change in changes.iter().filter(|change| change["pcr"].is_null()) {
            for field in ["place", "old", "new"] {
                let said: String = change[field].as_str().unwrap_or_default().split_whitespace().collect();
                assert!(joined.contains(&said), "{boot}: {said} is missing in\n{told}");
            }
        }
    }
}
