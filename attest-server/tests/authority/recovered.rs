//! A root that is lost, from the first word of the recovery quorum to the first policy of the new root: with the tool that people use, a server and
//! witnesses of their own, and a clock that goes on by days (libfaketime; `ATTEST_REQUIRE_FAKETIME`).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::families::{Desk, has_ssh_keygen, replace};
use crate::site::{Process, Site, faketime};

/// What comes by itself comes in this time, on any machine that tests run on.
const SOON: Duration = Duration::from_secs(120);

/// A site whose clocks are set by a file, the desk's among them.
struct Clocked {
    desk: Desk,
    site: Site,
    /// They end with this value.
    _programs: Vec<Process>,
}

impl Clocked {
    fn new(library: &str) -> Self {
        let site = Site::with(2, 2, |policy: &mut Value| {
            policy["recovery"] = json!("group recovery 2 dave erin\nquorum recovery");
        });
        let clock = site.path("clock");
        std::fs::write(&clock, "+0").unwrap();
        let environment = [
            ("LD_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        let under: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let under: Vec<&str> = std::iter::once("env").chain(under.iter().map(String::as_str)).collect();
        let mut programs = Vec::new();
        let mut urls = Vec::new();
        for number in [1, 2] {
            let state = site.path(&format!("w{number}"));
            let run =
                ["witness", "run", "--json", "--listen", "127.0.0.1:0", "--log", &site.log_key, "--state"];
            let run = [&run[..], &[state.to_str().unwrap()]].concat();
            let witness = Process::start_under(&under, &run, &site.path("witness.log"));
            urls.push(witness.said["url"].as_str().unwrap().to_owned());
            programs.push(witness);
        }
        let config = site.config_file(&urls);
        replace(&config, "[authority.witnesses]", "refresh_seconds = 1\n[authority.witnesses]");
        let mut serve = vec!["serve", "--json", "--development", "--listen-grpc", "127.0.0.1:0"];
        serve.extend(["--listen-http", "127.0.0.1:0", "--config", config.to_str().unwrap()]);
        let server = Process::start_under(&under, &serve, &site.path("serve.log"));
        let mut desk = Desk::at(site.pin, &format!("http://{}", server.address("grpc")));
        desk.environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        programs.push(server);
        Self { desk, site, _programs: programs }
    }

    /// What every clock shows from now on, beside what it is.
    fn now(&self, offset: &str) {
        std::fs::write(self.site.path("clock.new"), offset).unwrap();
        std::fs::rename(self.site.path("clock.new"), self.site.path("clock")).unwrap();
    }

    /// Says it again until the answer is this one: after a step of the clocks witnesses are asked first.
    fn until(&self, words: &str, expected: &str) {
        let since = Instant::now();
        loop {
            let (_, told) = self.desk.run(words);
            if told.to_string().contains(expected) {
                return;
            }
            assert!(since.elapsed() < SOON, "{words}: {told}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The next policy, made of the one that is followed, of this version.
    fn draft(&self, version: u64, previous: &str, root: &str, name: &str) -> String {
        let desk = &self.desk;
        let toml = desk.path(&format!("{name}.toml"));
        std::fs::write(&toml, desk.told("policy show")).unwrap();
        let text = std::fs::read_to_string(&toml).unwrap();
        let is_kept = |line: &&str| !line.starts_with("version = ") && !line.starts_with("previous = ");
        let kept: Vec<&str> = text.lines().filter(is_kept).collect();
        let head = format!("version = {version}\nprevious = \"{previous}\"");
        std::fs::write(&toml, format!("{head}\n{}\n", kept.join("\n"))).unwrap();
        let people =
            |text: &str| text.lines().find(|line| line.starts_with("group root")).unwrap().to_owned();
        replace(&toml, &people(&text), root);
        let built = desk.done(&format!("policy build {name}.toml --out {name}.cbor"));
        built["policy"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_root_that_is_lost_is_followed_by_another_after_seven_days() {
    let Some(library) = faketime().filter(|_| has_ssh_keygen()) else { return };
    let all = Clocked::new(library.to_str().unwrap());
    let desk = &all.desk;
    all.until("policy show", "\"version\":1");
    let next = all.draft(2, &all.site.pin.to_string(), "group root 2 carol dave erin", "next");
    let sign = |who: &str, key: &str| {
        format!("policy sign next.cbor --recovery --as {who} --key {key} --out {who}.cbor --yes")
    };
    desk.refused(&sign("dave", "bob"), "bob: the key is `bob`'s, and one of `dave` is needed");
    for who in ["dave", "erin"] {
        let told = desk.done(&sign(who, who));
        assert!(told["changes"].to_string().contains("group root 2 carol dave erin"), "{told}");
    }
    let hand_in = "policy succeed next.cbor --recovery --checkpoint seen.note --statement dave.cbor";
    desk.refused(hand_in, "recovery_quorum_not_met");
    let told = desk.done(&format!("{hand_in} --statement erin.cbor"));
    assert_eq!(told["policy"], next);
    let recovered = "policy recovered next.cbor --checkpoint seen.note";
    desk.refused(recovered, "recovery_too_early");
    let waits = desk.done("status")["pending_recovery"].clone();
    assert_eq!(waits["policy"], next);
    // Six days are not seven.
    all.now("+6d");
    all.until(recovered, "recovery_too_early");
    assert_eq!(desk.done("policy show")["version"], 1);
    all.now("+8d");
    all.until(recovered, "\"index\"");
    assert_eq!(desk.done(recovered)["already"], true);
    all.until("policy show", "\"version\":2");
    assert_eq!(desk.done("status")["pending_recovery"], Value::Null);
    // From now on the new root decides, and the one that was lost does not.
    let third = all.draft(3, &next, "group root 2 bob dave erin", "third");
    for who in ["alice", "bob", "dave", "erin"] {
        desk.done(&format!("policy sign third.cbor --as {who} --key {who} --out {who}.third --yes"));
    }
    let succeed = "policy succeed third.cbor --statement";
    desk.refused(&format!("{succeed} alice.third --statement bob.third"), "succession_quorum_not_met");
    assert_eq!(desk.done(&format!("{succeed} dave.third --statement erin.third"))["policy"], third);
    all.until("policy show", "\"version\":3");
}
