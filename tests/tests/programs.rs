//! `tpm-sim` as a person runs it: the whole tour from learning golden values to a fleet, with its exit codes.

use std::fs;
use std::process::Command;

use attest_tests::{Site, binary, run};

fn sim(site: &Site, url: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(binary("tpm-sim", "tpm-sim"));
    run(command.args(arguments).args(["--server", url, "--home"]).arg(site.path("maker")))
}

#[test]
fn run_tells_the_story_and_its_exit_code_says_whether_it_went_well() {
    let site = Site::new();
    let server = site.serve();
    let (code, story, words) = sim(&site, &server.url(), &["run", "--scenario", "implanted-initrd"]);
    assert_eq!(code, 0, "{story}{words}");
    for expected in [
        "boot ",
        "enrol ",
        "challenge ",
        "quote ",
        "initrd_changed",
        "verdict    contraindicated",
        "as expected",
    ] {
        assert!(story.contains(expected), "{expected} is missing in:\n{story}");
    }

    let (code, text, words) = sim(&site, &server.url(), &["run", "--scenario", "good", "--json"]);
    assert_eq!((code, words.as_str()), (0, ""), "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["reports"][0]["outcome"]["status"], "affirming");
    assert_eq!(document["reports"][0]["as_expected"], true);
    drop(server);

    // A server that knows only the delivered boot refuses the update: an answer, and not the right one.
    let golden = fs::read_to_string(site.path("golden.toml")).unwrap();
    let learned = site.path("learned/good/eventlog.bin");
    let mut learn = Command::new(binary("attest-server", "attest"));
    learn.args(["golden", "learn", "--family", "sim-debian", "--eventlog"]).arg(learned);
    assert_eq!(run(learn.arg("--out").arg(site.path("golden.toml"))).0, 0);
    assert_ne!(fs::read_to_string(site.path("golden.toml")).unwrap(), golden);
    let server = site.serve();
    let (code, story, _) = sim(&site, &server.url(), &["run", "--scenario", "updated"]);
    assert_eq!((code, story.contains("NOT AS EXPECTED")), (1, true), "{story}");

    // A family that the server does not know: a fault, no answer.
    let (code, story, _) = sim(&site, &server.url(), &["run", "--scenario", "good", "--family", "nobody"]);
    assert_eq!((code, story.contains("family_unknown")), (3, true), "{story}");
}

#[test]
fn a_small_fleet_attests_in_rounds() {
    let site = Site::new();
    let server = site.serve();
    let (code, text, words) =
        sim(&site, &server.url(), &["fleet", "--devices", "3", "--rounds", "2", "--json"]);
    assert_eq!(code, 0, "{text}{words}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&report["as_expected"], &report["devices"]), (&6.into(), &3.into()), "{text}");
}
