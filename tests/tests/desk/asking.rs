//! `request`, `submit`, `show`, `status`, `approve`, `who-can-sign-now`.

mod approvals;

use std::time::{Duration, Instant};

use self::approvals::{a_yes_in_the_terminal, approvals_that_are_refused, by_ssh_agent, ten_at_once};
use crate::stage::{Desk, asked};

#[test]
fn requests_and_approvals() {
    let mut desk = Desk::begin();
    requests_that_are_refused(&desk);
    a_request_in_a_folder(&desk);
    let id = desk.request("2026.11.1", "stable", "");
    what_is_shown(&desk, &id);
    a58_what_is_shown_beside_it_was_released(&desk, &id);
    approvals_that_are_refused(&desk, &id);
    a_yes_in_the_terminal(&desk, &id);
    what_cannot_count(&desk);
    by_ssh_agent(&mut desk, &id);
    ten_at_once(&desk);
    after_its_time(&desk);
}

fn requests_that_are_refused(desk: &Desk) {
    let good = asked("1", "stable");
    desk.refused(
        2,
        "no channel `nowhere` of `sim-debian`; it has `lab`, `nightly`, `stable`, `urgent` [channel_unknown]",
        &asked("1", "nowhere"),
    );
    desk.refused(
        2,
        "there is no family `nofam`; the policy has `sim-debian` [release_family_unknown]",
        &good.replace("--family sim-debian", "--family nofam"),
    );
    desk.refused(
        2,
        "; expected the build's provenance, a DSSE envelope in JSON [json_syntax]",
        &good.replace("--provenance provenance.json", "--provenance golden.toml"),
    );
    let missing = "none.bin: No such file or directory (os error 2) [file_unreadable]";
    desk.refused(2, missing, &format!("{good} --artifact other=none.bin"));
    let golden = good.replace("--golden golden.toml", "--golden key.json");
    desk.refused(2, "key.json: line 1, column 1: [golden_syntax]", &golden);
    desk.refused(
        2,
        "`foo`: expected corim, cose, raw or authenticode [purpose_unknown]",
        &format!("{good} --sign foo=image.bin"),
    );
    desk.refused(
        2,
        "`sim-debian` has no key for raw now [key_missing]",
        &format!("{good} --sign raw=image.bin"),
    );
    for hours in [0, 169] {
        let words = "--hours: expected 1 to 168, which is what `stable` gives [usage]";
        desk.refused(2, words, &format!("{good} --hours {hours}"));
    }
    desk.refused(2, "no request begins with `12` [request_unknown]", &format!("{good} --replaces 12"));
    desk.unusable("expected NAME=FILE", &good.replace("image.bin=image.bin", "image.bin"));
    desk.unusable("character 0 ('S') cannot stand there", &good.replace("sim-debian", "Sim"));
    // A rollback names what it takes the place of.
    let none = "a rollback says which release it takes the place of, and this one names none; ";
    desk.refused(
        2,
        &format!("--kind rollback: {none}`sim-debian` has no release yet [release_replaces_nothing]"),
        &format!("{good} --kind rollback"),
    );
    desk.refused(
        2,
        &format!("{none}without a server, give --replaces all of its id [release_replaces_nothing]"),
        &format!("{good} --kind rollback --policy policy/policy.cbor --out rollback"),
    );
    // What nothing mends is not asked for.
    desk.refused(
        2,
        "--kind, --channel stable: a request of kind `emergency` does not fit a channel of tier production [release_kind_unfit]",
        &format!("{good} --kind emergency"),
    );
    desk.good("sed 's/^family = .*/family = \"another\"/' golden.toml > another.toml");
    let said = desk.said(&good.replace("--golden golden.toml", "--golden another.toml"));
    assert!(
        said.code == 2
            && said.err.contains("another.toml: --golden, --family sim-debian: ")
            && said.err.contains("[release_golden_family_mismatch]"),
        "{said:?}"
    );
    // Another one's key; somebody who may not ask; a home that is none.
    let stolen = "bob.ssh: the key is `bob`'s, and one of `ci` is needed [statement_key_mismatch]";
    desk.refused(2, stolen, &format!("{good} --key bob.ssh"));
    desk.refused(
        1,
        "`dave` may not ask for releases of `sim-debian` [requester_not_named]",
        &format!("{good} --as dave --key dave.ssh"),
    );
    let no_home = "nowhere/release.toml: there is no such file; --home names the folder with release.toml, which `attest release init` makes";
    desk.refused(
        2,
        &format!("{no_home} [release_home_missing]"),
        &good.replace("--home ci", "--home nowhere"),
    );
    desk.good("mkdir nobody && grep -v ^key ci/release.toml > nobody/release.toml");
    desk.refused(
        2,
        "what signs it? --key FILE, or `key` in release.toml [key_missing]",
        &good.replace("--home ci", "--home nobody"),
    );
    assert_eq!(desk.json("attest release status --home alice")["requests"].as_array().map(Vec::len), Some(0));
}

/// Where it is written, no server is asked; whoever carries it has no part in it.
fn a_request_in_a_folder(desk: &Desk) {
    let told = desk.json(&format!("{} --policy policy/policy.cbor --out parcel", asked("0", "stable")));
    let id = told["request"].as_str().unwrap().to_owned();
    desk.refused(
        2,
        "elsewhere/request.cbor: No such file or directory (os error 2) [file_unreadable]",
        "attest release submit --home ci elsewhere",
    );
    let said = desk.good("attest release submit --home ci parcel");
    assert!(said.starts_with(&format!("asked for {id} at index ")), "{said}");
    let again = desk.json("attest release submit --home ci parcel");
    assert_eq!((again["request"].as_str(), again["already"].as_bool()), (Some(&*id), Some(true)));
    desk.good("cp -r parcel garbled && printf x >> garbled/request.cbor");
    desk.refused(1, "[cbor_trailing_bytes]", "attest release submit --home ci garbled");
    desk.until(&id, "submitted");
    desk.good(&format!("attest release revoke --home alice {id} --reason 'Only to try it' --yes"));
    desk.until(&id, "rejected");
    // It is taken back once; nothing is signed or written down for another time.
    let again = desk.json(&format!("attest release revoke --home alice {id} --reason 'Once more' --yes"));
    assert_eq!(again["already"], true, "{again}");
    let told = desk.good(&format!("attest release revoke --home alice {id} --reason 'Once more' --yes"));
    assert_eq!(told, format!("you already did, at index {} of the log\n", again["indices"][0]));
}

fn what_is_shown(desk: &Desk, id: &str) {
    let shown = desk.good(&format!("attest release show --home alice {id}"));
    for line in [
        "2026.11.1 of sim-debian, normal",
        "  channel      stable",
        "  artifact     image.bin",
        "  compared to  nothing: the family had no release in force when it was asked for",
        "  golden       the first values",
        "  source       git+https://git.example/firmware@refs/heads/main gitCommit:7fd1a60b",
        "  by the run   https://ci.example.org/firmware/runs/1",
        "  built there  image.bin",
        "  asked by     ci: Release 2026.11.1",
        "  waits for    0 approval(s) count, which is no quorum",
    ] {
        assert!(shown.contains(line), "{line} is missing in\n{shown}");
    }
    assert!(!shown.contains("cannot count") && !shown.contains("nobody says"), "{shown}");
    let short = id.strip_prefix("sha256:").unwrap().get(..12).unwrap();
    let told = desk.json(&format!("attest release show --home alice {short}"));
    assert_eq!(
        (told["request"].as_str(), told["content"]["version"].as_str()),
        (Some(id), Some("2026.11.1"))
    );
    desk.refused(2, "no request begins with `zz` [request_unknown]", "attest release show --home alice zz");
    for nothing in ["sha256:", "''"] {
        for command in ["show", "publish", "verify", "approve --yes"] {
            desk.refused(
                2,
                "which request? Expected its id, or the first digits of it [request_id_missing]",
                &format!("attest release {command} --home alice {nothing}"),
            );
        }
    }
    let status = desk.good("attest release status --home alice");
    assert!(
        status.contains(&format!("{short}  sim-debian 2026.11.1 (stable), index "))
            && status.contains("\n    waiting, approved by nobody yet; 0 approval(s) count"),
        "{status}"
    );
    fits(&status);
    assert!(status.contains("rejected: Only to try it"), "{status}");
}

/// Whoever asks names what it takes the place of, and may name what was never released, so that nothing seems to change.
fn a58_what_is_shown_beside_it_was_released(desk: &Desk, id: &str) {
    let ask = format!("{} --replaces {id}", asked("2026.11.1b", "stable"));
    desk.refused(
        2,
        &format!(
            "--replaces: it says that it takes the place of {id}, which is no earlier release of the family; \
             `sim-debian` has no release yet [release_replaces_no_release]"
        ),
        &ask,
    );
    // Nobody is kept from asking so without the log.
    desk.good(&format!("{ask} --policy policy/policy.cbor --out unreleased"));
    let other =
        desk.json("attest release submit --home ci unreleased")["request"].as_str().unwrap().to_owned();
    desk.until(&other, "submitted");
    let shown = desk.good(&format!("attest release show --home alice {other}"));
    for line in [
        "  golden       the first values",
        "  compared to  nothing: the family had no release in force when it was asked for",
        "which is no earlier release of the family [release_replaces_no_release]",
    ] {
        let words: Vec<&str> = shown.split_whitespace().collect();
        let wanted: Vec<&str> = line.split_whitespace().collect();
        assert!(words.windows(wanted.len()).any(|window| window == wanted), "{line} is missing in\n{shown}");
    }
    let said = desk.said(&format!("attest release approve --home alice {other} --recomputed --yes"));
    assert!(said.code == 1 && said.err.contains("[release_replaces_no_release]"), "{said:?}");
    desk.good(&format!("attest release revoke --home bob {other} --reason 'Only to try it' --yes"));
    desk.until(&other, "rejected");
}

/// Nothing that is shown is wider than a terminal.
fn fits(shown: &str) {
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}\nin\n{shown}");
    }
}

/// Whoever is asked for a yes sees first that it would be for nothing; a script says none.
fn what_cannot_count(desk: &Desk) {
    desk.good("head -c 512 /dev/urandom > other.bin");
    // By its name it is what was built, by its digest it is not.
    let command = asked("other", "stable").replace("image.bin=image.bin", "image.bin=other.bin");
    let said = desk.said(&command);
    assert!(
        said.code == 0 && said.err.contains("it cannot count as it stands: 0 builder(s) made `image.bin`"),
        "{said:?}"
    );
    let told = desk.json(&command);
    assert_eq!(told["failing"][0]["code"], "provenance_builders_missing", "{told}");
    let id = told["request"].as_str().unwrap().to_owned();
    desk.until(&id, "submitted");
    let shown = desk.good(&format!("attest release show --home alice {id}"));
    for line in [
        "  source       provenance does not count: provenance_artifact_missing",
        "  source       of image.bin: nobody says where it came from",
        "  gates        it cannot count as it stands (nothing mends it: ask anew)",
        "    provenance  0 builder(s) made `image.bin` as the rule wants it, 1 are needed",
        "[provenance_builders_missing]",
    ] {
        assert!(shown.contains(line), "{line} is missing in\n{shown}");
    }
    assert!(!shown.contains("git+https"), "{shown}");
    let told = desk.json(&format!("attest release show --home alice {id}"));
    assert_eq!(
        (told["gates"]["dead"].as_bool(), &told["not_built"][0]),
        (Some(true), &"image.bin".into()),
        "{told}"
    );
    let approve = format!("attest release approve --home alice {id} --recomputed");
    desk.refused(
        1,
        "cannot count as it stands: 0 builder(s) made `image.bin` as the rule wants it, 1 are needed (gate provenance); \
         without --yes you are asked [provenance_builders_missing]",
        &format!("{approve} --yes"),
    );
    let said = desk.typed("no", &approve);
    assert!(
        said.code == 2
            && said.out.contains(
                "cannot count as it stands, whoever approves. Go on all the same, alice? [type yes]"
            )
            && said.out.contains("nothing was signed [declined]"),
        "{said:?}"
    );
    // It waits for nobody, and is not said to.
    let said = desk.said("attest release approve --home alice --all --yes");
    assert!(
        said.out.contains("nothing waits for you") && said.err.contains("is passed over: 0 builder(s)"),
        "{said:?}"
    );
    let standing = desk.json(&format!("attest release status --home alice {id}"))["requests"][0].clone();
    assert_eq!(
        (standing["standing"]["dead"].as_bool(), standing["index"].as_u64().is_some()),
        (Some(true), true),
        "{standing}"
    );
    let status = desk.good(&format!("attest release status --home alice {id}"));
    assert!(status.contains("    dead: 0 builder(s) made `image.bin`"), "{status}");
    fits(&status);
    // Whatever waits for nobody is nothing of whoever comes after.
    let other = desk.json(&format!("attest release revoke --home bob {id} --reason 'Only to try it' --yes"));
    desk.seen(&other["indices"][0]);
}

/// It was asked for an hour ago, for an hour.
fn after_its_time(desk: &Desk) {
    if desk.said("faketime -f -1h true").code != 0 {
        eprintln!("SKIPPED: no faketime");
        return;
    }
    let late = asked("late", "stable") + " --hours 1 --policy policy/policy.cbor";
    desk.good(&format!("faketime -f '-7200s' {late} --out over"));
    desk.refused(1, "its time is over [request_expired]", "attest release submit --home ci over");
    // A slow machine gets more time to hand it in.
    let id = [10, 60, 300].into_iter().find_map(|lasts| {
        let told = desk.json(&format!("faketime -f '-{}s' {late} --out ending-{lasts}", 3_600 - lasts));
        let made = Instant::now();
        let said = desk.said(&format!("attest --json release submit --home ci ending-{lasts}"));
        if said.code != 0 && said.out.contains("request_expired") {
            return None;
        }
        assert_eq!(said.code, 0, "{said:?}");
        let at: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        desk.seen(&at["index"]);
        std::thread::sleep(Duration::from_secs(lasts + 1).saturating_sub(made.elapsed()));
        Some(told["request"].as_str().unwrap().to_owned())
    });
    let id = &id.expect("it is handed in in time");
    desk.refused(
        1,
        "the request's time is over [request_expired]",
        &format!("attest release approve --home alice {id} --recomputed --yes"),
    );
    desk.until(id, "expired");
}
