//! Where the test data is, and how it is read.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "each test binary uses a part of this, and a panic in it is a failed test"
)]

pub(crate) mod capture;
pub(crate) mod swtpm;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Bank to index to value, as in `pcrs.json`.
pub(crate) type Pcrs = BTreeMap<String, BTreeMap<u32, String>>;

/// The boots that are in the project itself.
pub(crate) fn fixture(scenario: &str, file: &str) -> Vec<u8> {
    let path = root().join("tests/fixtures/boots").join(scenario).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The wider evidence, kept outside of the project; without it the tests that need it say so and pass.
pub(crate) fn shared() -> Option<PathBuf> {
    let path = match std::env::var_os("ATTEST_SHARED") {
        Some(path) => PathBuf::from(path),
        None => root().join("../shared"),
    };
    if path.join("corpus").is_dir() {
        return Some(path);
    }
    // Past the capturing of the test harness: a test that judged nothing must not look like one that did.
    drop(writeln!(std::io::stderr(), "SKIPPED: no evidence at {}; set ATTEST_SHARED", path.display()));
    None
}

pub(crate) fn pcrs(json: &[u8]) -> Pcrs {
    serde_json::from_slice(json).expect("pcrs.json")
}

/// The folders in a folder, sorted.
pub(crate) fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).expect("folder");
    let mut folders: Vec<_> =
        entries.map(|entry| entry.expect("entry").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
