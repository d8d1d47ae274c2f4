//! `docs/first-hour.md`, each command as it stands: a policy, a request, two approvals, a signature by an HSM, a device that is judged by what was
//! released, and the revocation that turns its verdict.

use std::path::Path;
use std::process::Command;

use attest_tests::{binary, ports, run};

#[test]
fn the_first_hour_as_it_stands() {
    let attest = binary("attest-server", "attest");
    let sim = binary("tpm-sim", "tpm-sim");
    let folder = |path: &Path| path.parent().expect("a folder").display().to_string();
    let path = format!("{}:{}:{}", folder(&attest), folder(&sim), std::env::var("PATH").unwrap_or_default());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/first-hour");
    let mut command = Command::new(script);
    command.env("PATH", path).args(["--ports", &ports().to_string()]);
    let (code, text, words) = run(&mut command);
    assert_eq!(code, 0, "{text}\n{words}");
    // What people see on the way.
    for expected in [
        "nobody: no request is quorate",
        "approved by alice, bob",
        "affirming",
        "release_revoked",
        "the first hour: done",
    ] {
        let is_there = text.contains(expected) || words.contains(expected);
        assert!(is_there, "{expected} is missing in:\n{text}\n{words}");
    }
}
