//! `attest release monitor` over a log's folder: thieves of each kind, and what people are told.

mod log;
mod running;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use attest_core::Limits;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::{Golden, golden, learn};
use attest_core::release::ObjectId;
use attest_core::release::leaf::Event;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{EVENT_LOG, FAMILY};
use crate::organisation::{Organisation, now};

const DAY: u64 = 86_400;

fn golden() -> Golden {
    let log = EventLog::parse(EVENT_LOG, &Limits::DEFAULT).unwrap();
    let evidence = golden::Evidence::Quoted;
    let boot = learn::Boot { name: "good", log: &log, userspace: None, evidence, files: None };
    learn::learn(FAMILY, &[boot], &learn::Choices::default()).unwrap()
}

/// An organisation with one release, and a monitor's folder.
struct Site {
    folder: TempDir,
    organisation: Organisation,
    release: ObjectId,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut organisation = Organisation::begin(&folder.path().join("log"), FAMILY, 0);
        let release = organisation.release(&golden(), "stable");
        organisation.publish();
        Self { folder, organisation, release }
    }

    /// A log with nothing in it but its policy, which witnesses saw so many days ago.
    fn old(days: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let organisation = Organisation::begin(&folder.path().join("log"), FAMILY, (days + 1) * DAY);
        organisation.publish_first(1, now() - days * DAY);
        Self { folder, organisation, release: ObjectId::of(b"none") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name).display().to_string()
    }

    fn command(&self, log: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
        command.args([
            "release",
            "monitor",
            "--json",
            "--policy-pin",
            &self.organisation.authority(),
            "--state",
        ]);
        command.arg(self.path("state")).arg("--folder").arg(self.path(log));
        command
    }

    /// Exit code, and each line.
    fn run(&self, more: &[&str]) -> (i32, Vec<Value>) {
        self.run_on("log", more)
    }

    fn run_on(&self, log: &str, more: &[&str]) -> (i32, Vec<Value>) {
        let output = self.command(log).args(more).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into()));
        (output.status.code().unwrap(), lines.collect())
    }

    /// Of what is remembered alone: no log is named, and no authority.
    fn kept(&self, state: &str, more: &[&str]) -> (i32, Vec<Value>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
        command.args(["release", "monitor", "--json", "--state"]).arg(self.path(state)).args(more);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code().unwrap(),
            text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect(),
        )
    }

    /// Exit code, and what was told: state and code.
    fn once(&self, more: &[&str]) -> (i32, Vec<String>) {
        let (code, lines) = self.run(&[&["--once"], more].concat());
        (code, lines.iter().map(told).collect())
    }
}

fn told(line: &Value) -> String {
    format!("{} {}", line["state"].as_str().unwrap_or("?"), line["code"].as_str().unwrap_or("?"))
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn nothing_is_told_of_an_honest_log() {
    let site = Site::new();
    let count = site.write("count", b"1\n");
    let corim = {
        // What was signed for the request stands in its bundle.
        let (code, told) = site.once(&["--counter", &format!("corim={count}")]);
        assert_eq!((code, told), (0, none()));
        site.organisation.object(site.organisation.bundle_of(site.release))
    };
    assert_eq!(site.once(&["--seen", corim.to_str().unwrap()]), (0, none()));
    assert_eq!(site.run(&["--list"]), (0, vec![]));
}

#[test]
fn a72_a_stolen_key_signs_a_corim_that_nobody_asked_for() {
    let site = Site::new();
    let (signed, corim) = site.organisation.steal(&golden());
    let corim = site.write("found.corim", &corim);
    let (code, lines) = site.run(&["--once", "--seen", &corim]);
    assert_eq!((code, lines.len()), (1, 1));
    assert_eq!(
        (told(&lines[0]).as_str(), &lines[0]["severity"]),
        ("raised signature_unlogged", &"alert".into())
    );
    assert!(lines[0]["what"].as_str().unwrap().contains(&signed.to_string()), "{}", lines[0]);
    assert!(lines[0]["do"].as_str().unwrap().contains("stop the signer"), "{}", lines[0]);
    // Told once, open until people close it; a request that comes later makes it no better.
    assert_eq!(site.once(&["--seen", &corim]), (1, none()));
    assert_eq!(site.once(&[]), (1, none()));
    let (code, open) = site.run(&["--list"]);
    assert_eq!((code, told(&open[0])), (1, "open signature_unlogged".to_owned()));
    let id = open[0]["id"].as_str().unwrap();
    let (code, kept) = site.kept("state", &["--list"]);
    assert_eq!((code, kept[0]["id"].as_str()), (1, Some(id)), "neither the log nor a pin is needed");
    let other = format!("sha256:{}", "0".repeat(64));
    let (code, said) = site.kept("state", &["--list", "--policy-pin", &other]);
    assert!(code == 2 && format!("{said:?}").contains("monitor_other_authority"), "{said:?}");
    for more in [&["--list"][..], &["--acknowledge", id]] {
        let (code, said) = site.kept("nowhere", more);
        assert!(code == 2 && format!("{said:?}").contains("monitor_state_missing"), "{said:?}");
        assert!(!site.path("nowhere").exists(), "nothing is begun by asking");
    }
    assert_eq!(site.kept("state", &["--once"]).0, 2, "what looks at the log must be told where it is");
    let (code, closed) = site.kept("state", &["--acknowledge", &id[..6]]);
    assert_eq!((code, told(&closed[0])), (0, "acknowledged signature_unlogged".to_owned()));
    assert_eq!(site.run(&["--acknowledge", id]).0, 2);
    assert_eq!(site.once(&["--seen", &corim]), (0, none()));
}

#[test]
fn inv02_the_hsm_counts_more_than_the_log() {
    let site = Site::new();
    let counter = format!("corim={}", site.write("count", b"1\n"));
    assert_eq!(site.once(&["--counter", &counter]), (0, none()));
    site.write("count", b"2\n");
    let ahead = || vec!["raised counter_ahead".to_owned()];
    assert_eq!(site.once(&["--counter", &counter, "--accounted", "corim=1"]), (0, none()));
    assert_eq!(site.once(&["--counter", &counter]), (1, ahead()));
    assert_eq!(site.once(&["--counter", &counter]), (1, none()));
    site.write("count", b"3\n");
    assert_eq!(site.once(&["--counter", &counter]), (1, ahead()));
    // An HSM that was put back.
    site.write("count", b"1\n");
    assert_eq!(site.once(&["--counter", &counter]), (1, vec!["raised counter_backwards".to_owned()]));
    // One that cannot be asked, and one of no key.
    let site = Site::new();
    let unreadable = |more: &[&str]| site.once(more);
    site.write("count", b"many");
    let raised = || vec!["raised counter_unreadable".to_owned()];
    let counter = format!("corim={}", site.path("count").display());
    assert_eq!(unreadable(&["--counter", &counter]), (0, raised()));
    site.write("count", b"1");
    assert_eq!(unreadable(&["--counter", &counter]), (0, vec!["resolved counter_unreadable".to_owned()]));
    let other = format!("another={}", site.path("count").display());
    assert_eq!(unreadable(&["--counter", &other]), (0, raised()));
    let late = Command::new("touch").args(["-d", "2 days ago"]).arg(site.path("count")).status().unwrap();
    assert!(late.success());
    let site_told = unreadable(&["--counter", &counter]).1;
    assert!(site_told.contains(&"raised counter_unreadable".to_owned()), "{site_told:?}");
}

#[test]
fn inv02_an_attempt_that_nobody_used_hides_no_signature() {
    let mut site = Site::new();
    let counter = format!("corim={}", site.write("count", b"1\n"));
    assert_eq!(site.once(&["--counter", &counter]), (0, none()));
    // A signer that crashed leaves such; here it comes after what it was for was signed.
    let request = site.release;
    site.organisation.write_down(Event::Attempted { request });
    site.organisation.publish();
    let (_, told) = site.once(&["--counter", &counter]);
    assert!(!told.iter().any(|told| told.contains("counter")), "{told:?}");
    // By now it could have been used, and was not.
    assert_eq!(site.once(&["--counter", &counter]).1, none());
    site.write("count", b"2\n");
    assert_eq!(site.once(&["--counter", &counter]).1, ["raised counter_unexplained"]);
    assert_eq!(site.once(&["--counter", &counter]).1, none(), "told once");
}

#[test]
fn inv01_whoever_has_the_logs_key_writes_leaves_for_a_signature() {
    let mut site = Site::new();
    assert_eq!(site.once(&[]), (0, none()));
    let request = ObjectId::of(b"the thief's");
    site.organisation.write_down(Event::Attempted { request });
    site.organisation.write_down(Event::Signed { request, signatures: ObjectId::of(b"made") });
    site.organisation
        .write_down(Event::Published { request, bundle: site.organisation.bundle_of(site.release) });
    site.organisation.publish();
    let (code, lines) = site.run(&["--once"]);
    let codes: Vec<String> = lines.iter().map(told).collect();
    let raised = [
        "raised attempt_without_request",
        "raised signature_without_request",
        "raised publication_unfounded",
    ];
    assert_eq!((code, codes), (1, raised.map(str::to_owned).to_vec()));
    let indices: Vec<u64> = lines.iter().map(|line| line["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [7, 8, 9]);
    // Nothing is lost by a restart, and nothing is told twice.
    assert_eq!(site.once(&[]), (1, none()));
    assert_eq!(site.run(&["--list"]).1.len(), 3);
}

#[test]
fn what_verifiers_say_is_told_once_and_when_it_is_over() {
    let site = Site::new();
    let lines = [
        r#"{"level":"WARN","alert":"device_unreleased","device_id":"d1","family":"gateway","reasons":"golden_mismatch"}"#,
        r#"{"level":"ERROR","alert":"releases_clock_set_back","message":"the clock was set back"}"#,
        r#"{"level":"INFO","message":"device judged","device_id":"d2","released":true}"#,
    ];
    let log = site.write("server.log", format!("{}\n", lines.join("\n")).as_bytes());
    let feed = ["--server-log", &log];
    let (code, told) = site.once(&feed);
    assert_eq!(
        (code, told.sorted()),
        (1, ["raised device_unreleased", "raised program_alert"].map(str::to_owned).to_vec())
    );
    assert_eq!(site.once(&feed), (1, none()));
    let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
    let mut say = |line: &str| std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    say("{\"level\":\"INFO\",\"device_id\":\"d1\",\"rele");
    assert_eq!(site.once(&feed), (1, none()), "half a line");
    say("ased\":true}\n{\"over\":\"releases_clock_set_back\"}\n");
    let (code, told) = site.once(&feed);
    assert_eq!(
        (code, told.sorted()),
        (0, ["resolved device_unreleased", "resolved program_alert"].map(str::to_owned).to_vec())
    );
    // Another file takes its place.
    fs::rename(&log, site.path("server.log.1")).unwrap();
    site.write("server.log", format!("{}\n", lines[0]).as_bytes());
    assert_eq!(site.once(&feed).1, ["raised device_unreleased"]);
    // One that is no such log, and one that is not there.
    site.write("server.log", b"INFO judged\nWARN judged\n");
    assert_eq!(site.once(&feed).1, ["raised feed_unreadable"]);
    fs::remove_file(&log).unwrap();
    assert_eq!(site.once(&feed), (1, none()));
}

#[test]
fn what_is_remembered_is_not_begun_anew() {
    let site = Site::new();
    assert_eq!(site.once(&[]), (0, none()));
    let state = site.path("state/monitor.json");
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, &text[..text.len() / 2]).unwrap();
    assert_eq!(site.run(&["--once"]).0, 2);
    let mut other: Value = serde_json::from_str(&text).unwrap();
    other["authority"] = ObjectId::of(b"another").to_string().into();
    fs::write(&state, other.to_string()).unwrap();
    assert_eq!(site.run(&["--once"]).0, 2);
    fs::write(&state, text).unwrap();
    assert_eq!(site.once(&[]), (0, none()));
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for Vec<String> {
    /// Ids are in no order that means anything.
    fn sorted(mut self) -> Self {
        self.sort();
        self
    }
}
