//! `attest release --folder`: what is told by a copy of the log, with no server, and what whoever made the copy cannot make it tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use attest_core::release::ObjectId;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::FAMILY;
use crate::offline::exported;
use crate::organisation::{Organisation, now};
use crate::releases::golden;

const DAY: u64 = 86_400;

/// An organisation's log, and copies of it.
struct Copies {
    organisation: Organisation,
    folder: TempDir,
}

impl Copies {
    fn new(ago: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let organisation = Organisation::begin(&folder.path().join("log"), FAMILY, ago);
        Self { organisation, folder }
    }

    fn copy(&self, change: impl FnOnce(&Path)) -> PathBuf {
        let copy =
            self.folder.path().join(format!("copy-{}", fs::read_dir(self.folder.path()).unwrap().count()));
        exported(&self.folder.path().join("log"), self.organisation.entries(), &copy);
        change(&copy);
        copy
    }

    /// The exit code and the answer of a command by a copy.
    fn asked(&self, copy: &Path, words: &[&str]) -> (i32, Value) {
        let pin = self.organisation.authority();
        let by = ["--folder", copy.to_str().unwrap(), "--policy-pin", &pin];
        self.typed(&[words, &by[..]].concat())
    }

    fn typed(&self, words: &[&str]) -> (i32, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
        command.args(["release", "--json"]).args(words).env_remove("ATTEST_RELEASE");
        let output = command.current_dir(self.folder.path()).output().unwrap();
        let wrong = || Value::String(String::from_utf8_lossy(&output.stderr).into_owned());
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| wrong()))
    }
}

fn object(copy: &Path, id: ObjectId) -> PathBuf {
    copy.join("object").join(hex::encode(id.as_bytes()))
}

fn missing(told: &Value) -> Vec<&str> {
    told["as_of"]["missing"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[test]
fn a67b_by_what_a_copy_leaves_out_no_release_of_the_family_counts() {
    let mut copies = Copies::new(0);
    let [first, second] = [true, false].map(|is_own| copies.organisation.release(&golden(is_own), "stable"));
    copies.organisation.publish();
    let (id, first) = (second.to_string(), copies.organisation.bundle_of(first));
    let whole = copies.copy(|_| {});
    let (code, told) = copies.asked(&whole, &["verify", &id]);
    assert_eq!((code, &told["counts"], missing(&told).len()), (0, &Value::Bool(true), 0), "{told}");
    for damage in [(|file: &Path| fs::remove_file(file).unwrap()) as fn(&Path), |file| {
        fs::write(file, b"other").unwrap()
    }] {
        let copy = copies.copy(|copy| damage(&object(copy, first)));
        let (code, told) = copies.asked(&copy, &["verify", &id]);
        assert_eq!((code, &told["error"]["code"]), (1, &Value::from("release_bundle_missing")), "{told}");
        assert_eq!(missing(&told), [first.to_string()]);
        let (code, told) = copies.asked(&copy, &["status", &id]);
        assert_eq!((code, &told["requests"][0]["standing"]["state"]), (0, &Value::from("refused")), "{told}");
        assert_eq!(missing(&told), [first.to_string()]);
    }
}

#[test]
fn inv11_by_a_copy_nobody_knows_that_an_emergency_is_not_over() {
    let mut copies = Copies::new(0);
    let id = copies.organisation.release(&golden(true), "urgent").to_string();
    copies.organisation.publish();
    let copy = copies.copy(|_| {});
    let (code, told) = copies.asked(&copy, &["verify", &id]);
    assert_eq!(
        (code, &told["failures"][0]["code"]),
        (1, &Value::from("release_clock_unconfirmed")),
        "{told}"
    );
    let (_, told) = copies.asked(&copy, &["status", &id]);
    assert_eq!(told["requests"][0]["standing"]["state"], "provisional", "{told}");
}

#[test]
fn a67b_a_copy_says_as_of_when_and_one_that_is_too_old_says_nobody_can_sign() {
    let mut copies = Copies::new(30 * DAY);
    let id = copies.organisation.release(&golden(true), "stable").to_string();
    let leaves = copies.organisation.entries().len();
    let days = |days: u64| {
        let seen = now() - days * DAY;
        copies.organisation.publish_first(leaves, seen);
        (copies.copy(|_| {}), attest_core::Timestamp::from_unix(seen).utc().to_string())
    };
    for (ago, freshness) in [(0, "fresh"), (2, "stale"), (8, "too_old")] {
        let (copy, seen) = days(ago);
        let (code, told) = copies.asked(&copy, &["status"]);
        assert_eq!(code, 0, "{told}");
        let as_of = &told["as_of"];
        assert_eq!((&as_of["time"], &as_of["freshness"]), (&seen.into(), &freshness.into()), "{told}");
        assert_eq!(as_of["size"], leaves);
        assert!(as_of["age_seconds"].as_u64().unwrap() / DAY == ago, "{as_of}");
        let (code, told) = copies.asked(&copy, &["who-can-sign-now"]);
        if ago == 8 {
            assert_eq!((code, &told["error"]["code"]), (1, &Value::from("copy_too_old")), "{told}");
            let (code, told) = copies.asked(&copy, &["verify", &id]);
            let mut codes = told["failures"].as_array().unwrap().iter().map(|one| &one["code"]);
            assert!(code == 1 && codes.any(|code| code == "release_view_stale"), "{told}");
        } else {
            assert_eq!((code, &told["grants"]), (0, &serde_json::json!([])), "{told}");
        }
    }
}

#[test]
fn what_hands_something_in_refuses_a_copy_and_no_pin_is_passed_over() {
    let mut copies = Copies::new(0);
    let id = copies.organisation.release(&golden(true), "stable").to_string();
    copies.organisation.publish();
    let copy = copies.copy(|_| {});
    let commands: [&[&str]; 5] = [
        &["publish", &id],
        &["revoke", &id, "--reason", "x", "--yes"],
        &["revoke", "--suspend", "alice", "--reason", "x", "--yes"],
        &["object", "--reason", "x", "--yes"],
        &["approve", &id, "--yes"],
    ];
    for command in commands {
        let (code, told) = copies.asked(&copy, command);
        assert_eq!(
            (code, &told["error"]["code"]),
            (2, &Value::from("folder_only_read")),
            "{command:?} {told}"
        );
    }
    // Before the subcommand it is the same flag.
    let (pin, folder) = (copies.organisation.authority(), copy.to_str().unwrap());
    assert_eq!(copies.typed(&["--folder", folder, "--policy-pin", &pin, "status"]).0, 0);
    for (words, code) in [
        (&["status", "--folder", folder][..], "policy_pin_missing"),
        (&["status", "--policy-pin", &pin], "policy_pin_without_folder"),
        (&["status", "--folder", folder, "--policy-pin", "sha256:0"], "usage"),
        (&["status", "--folder", "nowhere", "--policy-pin", &pin], "log_unreadable"),
    ] {
        let (exit, told) = copies.typed(words);
        assert_eq!((exit, &told["error"]["code"]), (2, &Value::from(code)), "{words:?} {told}");
    }
    let other = ObjectId::of(b"elsewhere").to_string();
    let (exit, told) = copies.typed(&["status", "--folder", folder, "--policy-pin", &other]);
    assert_eq!((exit, &told["error"]["code"]), (1, &Value::from("view_first_leaf")), "{told}");
}
