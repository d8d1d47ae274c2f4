//! `publish`, `verify`, `review`, `revoke`, `export`, `control`.

use attest_core::Limits;
use attest_core::release::request::Request;

use crate::exported::{checked, offline, others_verify_what_is_exported};
use crate::stage::{Desk, asked};

#[test]
fn releases_and_what_becomes_of_them() {
    let desk = Desk::begin();
    let id = desk.request("2026.11.1", "stable", "");
    what_is_not_signed_is_not_published(&desk, &id);
    desk.sign(&id);
    published_and_verified(&desk, &id);
    a_rollback_says_what_it_takes_the_place_of(&desk, &id);
    an_emergency_is_reviewed(&desk);
    others_verify_what_is_exported(&desk, &id);
    a58_what_it_is_compared_with_is_held_back(&desk, &id);
    taken_back(&desk, &id);
    controls(&desk);
}

fn what_is_not_signed_is_not_published(desk: &Desk, id: &str) {
    let short = &id["sha256:".len()..][..12];
    let publish = format!("attest release publish --home alice {id}");
    let said = desk.said(&publish);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        !said.out.contains("corim_signature_invalid"),
        "nobody signed, and so nobody signed badly: {}",
        said.out
    );
    for line in [
        "does not count",
        "  quorum       failed",
        "    0 approval(s) count, which is no quorum [release_quorum_missing]",
        "  provenance   passed",
    ] {
        assert!(said.out.contains(line), "{line} is missing in\n{}", said.out);
    }
    let said = desk.said(&format!("{publish} --json"));
    assert_eq!(said.code, 1, "{said:?}");
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let codes: Vec<&str> =
        told["failures"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["release_quorum_missing", "release_measurement_unbound"]);
    desk.refused(
        1,
        &format!("{short}: nothing was published for it [release_not_published]"),
        &format!("attest release verify --home alice {id}"),
    );
    desk.refused(
        1,
        "nothing is to be reviewed: its channel lets nothing in without waiting [review_not_an_emergency]",
        &format!("attest release review --home alice {id} --finding x --yes"),
    );
}

/// A person at a terminal is asked which; a program is told what to give.
fn a_rollback_says_what_it_takes_the_place_of(desk: &Desk, id: &str) {
    let short = &id["sha256:".len()..][..12];
    let ask = |out: &str| {
        format!("{} --kind rollback --out {out}", asked("2026.11.0", "stable")).replace('\'', "\"")
    };
    desk.refused(
        2,
        &format!("names none; give --replaces with one of {short} (2026.11.1) [release_replaces_nothing]"),
        &ask("unsaid"),
    );
    let said = desk.typed("0000", &ask("unsaid"));
    assert!(said.code == 2 && said.out.contains("[request_unknown]"), "{said:?}");
    desk.good("test ! -e unsaid");
    // One that is asked for and not released is none.
    let open = desk.request("2026.11.8", "stable", "");
    for kind in ["normal", "rollback"] {
        desk.refused(
            2,
            &format!("which is no earlier release of the family; expected one of {short} (2026.11.1) [release_replaces_no_release]"),
            &format!("{} --kind {kind} --replaces {open} --out unsaid", asked("2026.11.0", "stable")),
        );
    }
    desk.good("test ! -e unsaid");
    desk.good(&format!("attest release revoke --home bob {open} --reason 'Only to try it' --yes"));
    desk.until(&open, "rejected");
    let said = desk.typed(&short[..6], &ask("said"));
    let line = format!("{short}  2026.11.1, security version 1, published at index ");
    assert!(said.code == 0 && said.out.contains(&line) && said.out.contains(", in force"), "{said:?}");
    let bytes = std::fs::read(desk.path("said/request.cbor")).unwrap();
    let request = Request::parse(&bytes, &Limits::DEFAULT).unwrap();
    assert_eq!(request.replaces.map(|of| of.to_string()).as_deref(), Some(id));
}

fn published_and_verified(desk: &Desk, id: &str) {
    desk.refused(
        1,
        "`dave` is not named for this in the policy that is followed [role_missing]",
        &format!("attest release publish --home dave {id}"),
    );
    let said = desk.good(&format!("attest release publish --home carol {id}"));
    assert!(said.starts_with("published ") && said.contains(" at index "), "{said}");
    let again = desk.json(&format!("attest release publish --home alice {id}"));
    assert_eq!(again["already"].as_bool(), Some(true));
    desk.until(id, "published");
    let said = desk.good(&format!("attest release verify --home erin {id}"));
    assert!(
        said.starts_with("counts: sim-debian 2026.11.1, tier production")
            && said.contains("approved by alice, bob"),
        "{said}"
    );
    assert_eq!(said.matches(" passed").count(), 13, "{said}");
    let told = desk.json(&format!("attest release verify --home erin {id}"));
    assert_eq!((told["counts"].as_bool(), told["gates"].as_array().map(Vec::len)), (Some(true), Some(13)));
    desk.refused(
        2,
        "none.cbor: there is no such file [file_unreadable]",
        "attest release verify --home alice none.cbor",
    );
    desk.refused(
        1,
        "key.json: not a release's bundle: cut short [cbor_truncated]",
        "attest release verify --home alice key.json",
    );
}

fn an_emergency_is_reviewed(desk: &Desk) {
    let id = desk.request("2026.11.2", "urgent", "--kind emergency");
    let review = |who: &str, more: &str| {
        format!("attest release review --home {who} {id} --finding 'As it should be' {more}")
    };
    desk.refused(1, "there is no release to review yet [review_not_published]", &review("carol", "--yes"));
    desk.sign(&id);
    desk.good(&format!("attest release publish --home alice {id}"));
    let standing = desk.until(&id, "provisional");
    assert!(standing["until"].as_str().is_some(), "{standing}");
    let told = desk.json(&format!("attest release verify --home alice {id}"));
    assert_eq!(told["tier"], "emergency");
    desk.refused(1, "`alice` took part in it [review_took_part]", &review("alice", "--yes"));
    desk.refused(
        1,
        "`dave` is not named for its review; who can: [reviewer_not_named]",
        &review("dave", "--yes"),
    );
    desk.refused(
        2,
        "carol.ssh.none: No such file or directory [not_signed]",
        &review("carol", "--yes --key carol.ssh.none"),
    );
    desk.refused(
        2,
        "bob.ssh: the key is `bob`'s, and one of `carol` is needed [statement_key_mismatch]",
        &review("carol", "--yes --key bob.ssh"),
    );
    desk.refused(2, "there is no terminal to ask in; --yes says yes [nobody_to_ask]", &review("carol", ""));
    desk.unusable("--finding <FINDING>", &format!("attest release review --home carol {id} --yes"));
    let said = desk.typed("yes", &review("carol", "").replace('\'', "\""));
    assert!(
        said.code == 0
            && said.out.contains("Was it right, carol? [type yes]")
            && said.out.contains("reviewed at index "),
        "{said:?}"
    );
    assert_eq!(desk.json(&review("carol", "--yes"))["already"].as_bool(), Some(true));
    desk.until(&id, "confirmed");
    desk.good(&format!("attest release export --home alice {id} --out emergency"));
    assert!(
        desk.text("emergency/README.md")
            .contains("-I carol -n attest-review -s review-carol.txt.sig < review-carol.txt")
    );
    checked(desk, "emergency");
}

/// Of values that somebody holds back nobody may think that there were none.
fn a58_what_it_is_compared_with_is_held_back(desk: &Desk, base: &str) {
    desk.good("sed 's/^name = \"good\"/name = \"better\"/' golden.toml > better.toml");
    let ask = asked("2026.11.3", "stable").replace("--golden golden.toml", "--golden better.toml");
    let id = desk.json(&format!("{ask} --replaces {base}"))["request"].as_str().unwrap().to_owned();
    desk.until(&id, "submitted");
    let show = |who: &str, id: &str| desk.json(&format!("attest release show --home {who} {id}"));
    let golden = |told: &serde_json::Value| told["content"]["sign"][0]["sha256"].as_str().unwrap().to_owned();
    let (new, old) = (golden(&show("alice", &id)), golden(&show("alice", base)));
    assert_ne!(new, old, "other values");
    let object = format!("data/log/object/{}", old.strip_prefix("sha256:").unwrap());
    desk.good(&format!("mv {object} held-back"));
    let shown = desk.good(&format!("attest release show --home alice {id}"));
    // A digest is broken where the line ends.
    let joined = |text: &str| text.split_whitespace().collect::<String>();
    for line in [
        &format!("compared to {base}, which cannot be read: its golden values are not at hand"),
        "golden nobody can say what changes",
        "[request_base_missing]",
    ] {
        assert!(joined(&shown).contains(&joined(line)), "{line} is missing in\n{shown}");
    }
    let told = show("alice", &id);
    assert_eq!(
        (told["not_compared"].as_str(), &told["golden_changes"]),
        (Some(base), &serde_json::Value::Null)
    );
    let approve = format!("attest release approve --home alice {id} --recomputed --yes");
    let said = desk.said(&approve);
    assert!(said.code == 1 && said.err.contains("[request_base_missing]"), "{said:?}");
    desk.good(&format!("mv held-back {object}"));
    desk.good(&approve);
    desk.good(&format!("attest release revoke --home bob {id} --reason 'Only to try it' --yes"));
    desk.until(&id, "rejected");
}

fn taken_back(desk: &Desk, id: &str) {
    let revoke = |who: &str, more: &str| {
        format!("attest release revoke --home {who} {id} --reason 'It has a hole' {more}")
    };
    desk.refused(
        1,
        "`ci` is not named for this in the policy that is followed [role_missing]",
        &revoke("ci", "--yes"),
    );
    desk.refused(
        1,
        "`dave` is not named for this in the policy that is followed [role_missing]",
        &revoke("dave", "--yes"),
    );
    desk.refused(
        2,
        "alice.ssh: the key is `alice`'s, and one of `bob` is needed [statement_key_mismatch]",
        &revoke("bob", "--yes --key alice.ssh"),
    );
    desk.refused(2, "there is no terminal to ask in; --yes says yes [nobody_to_ask]", &revoke("bob", ""));
    desk.refused(
        2,
        "no request begins with `zz` [request_unknown]",
        "attest release revoke --home bob zz --reason x --yes",
    );
    desk.refused(
        2,
        "`nobody` has no key [identity_unknown]",
        "attest release revoke --home bob --suspend nobody --reason x --yes",
    );
    desk.unusable("--reason <REASON>", &format!("attest release revoke --home bob {id} --yes"));
    let said = desk.good(&revoke("bob", "--yes --out revocation"));
    assert!(said.contains("revoked at index ") && !said.contains('['), "{said}");
    assert_eq!(std::fs::read_dir(desk.path("revocation")).unwrap().count(), 1);
    let told = desk.json(&revoke("carol", "--yes"));
    assert_eq!((told["indices"].as_array().map(Vec::len), told["by"].as_str()), (Some(1), Some("carol")));
    assert_eq!(desk.until(id, "revoked")["because"], "It has a hole");
    let said = desk.said(&format!("attest release verify --home alice {id}"));
    assert!(said.code == 1 && said.out.contains("[release_revoked]"), "{said:?}");
    let said = desk.good(&format!("attest release export --home alice {id} --out revoked"));
    assert!(
        said.contains("standing  REVOKED at index ") && said.contains("attest audit verify --folder revoked"),
        "{said}"
    );
    let guide = desk.text("revoked/README.md");
    let standing = guide.lines().find(|line| !line.starts_with('#') && !line.is_empty()).unwrap();
    assert!(
        standing.starts_with("**Standing: REVOKED at index ")
            && standing.contains("by  bob ")
            && standing.contains("It has a hole"),
        "{guide}"
    );
    assert!(guide.contains("integrity) | **not met**: release_revoked"), "{guide}");
    assert!(
        guide.contains("-I bob -n attest-revocation -s revocation-bob.txt.sig")
            || guide.contains("revocation-bob.txt"),
        "{guide}"
    );
    assert!(desk.path("revoked/revocation.cbor").exists());
    checked(desk, "revoked");
    offline(desk, "revoked", "revoked");
}

fn controls(desk: &Desk) {
    assert_eq!(desk.good("attest release control list --home dave"), "nobody ever vouched for a control\n");
    let new = |until: &str, out: &str| {
        format!(
            "attest release control new --home dave --family sim-debian --for none --control 'They stand in a locked room' --until {until} --out {out}"
        )
    };
    desk.refused(
        2,
        "--until: expected a time as 2027-01-31T00:00:00Z [usage]",
        &new("tomorrow", "control.cbor"),
    );
    desk.unusable(
        "possible values: none, verified_only, weak_roots",
        &new("2027-01-31T00:00:00Z", "x").replace("--for none", "--for all"),
    );
    let until = desk.good("date -u -d '+20 days' +%FT%TZ");
    desk.good(&new(until.trim(), "control.cbor"));
    let sign = |who: &str| format!("attest release control sign --home {who} control.cbor --out {who}.cbor");
    desk.refused(2, "there is no terminal to ask in; --yes says yes [nobody_to_ask]", &sign("dave"));
    let garbage = "key.json: not a control as `control new` writes it: cut short";
    assert!(desk.said("attest release control sign --home dave key.json --out x.cbor").err.contains(garbage));
    for who in ["alice", "dave", "erin"] {
        let said = desk.good(&format!("{} --yes", sign(who)));
        assert!(said.contains(&format!("{who} vouches for sha256:")), "{said}");
    }
    let submit =
        |statements: &str| format!("attest release control submit --home dave control.cbor {statements}");
    let few = "dave said so, and that is not enough [control_quorum_not_met]";
    desk.refused(1, few, &submit("--statement dave.cbor"));
    desk.refused(1, few, &submit("--statement dave.cbor --statement dave.cbor --statement alice.cbor"));
    assert!(
        desk.said(&submit("--statement key.json"))
            .err
            .contains("key.json: not a statement as `control sign` writes it")
    );
    desk.refused(
        2,
        "none.cbor: No such file or directory (os error 2) [file_unreadable]",
        &submit("--statement none.cbor"),
    );
    let at = desk.json(&submit("--statement dave.cbor --statement erin.cbor"));
    desk.seen(&at["index"]);
    let listed = desk.good("attest release control list --home alice");
    assert!(listed.contains("by dave, erin  stands: They stand in a locked room"), "{listed}");
    let told = desk.json("attest release control list --home alice");
    let id = told["controls"][0]["control"].as_str().unwrap();
    desk.refused(
        2,
        "no control begins with `zz` [control_unknown]",
        "attest release revoke --home bob --control zz --reason x --yes",
    );
    let at = desk.json(&format!(
        "attest release revoke --home bob --control {id} --reason 'The lock is broken' --yes"
    ));
    desk.seen(&at["indices"][0]);
    assert_eq!(
        desk.json("attest release control list --home alice")["controls"][0]["stands"].as_bool(),
        Some(false)
    );
}
