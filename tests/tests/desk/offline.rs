//! `--folder`: what is asked of a server is asked of a copy of the log, with no server there. The answer is the same, says what it is as of, and no
//! lie of whoever made the copy passes.

use serde_json::Value;

use crate::exported::inv5_a_changed_byte_in_an_export_is_told;
use crate::stage::{Desk, Said, asked};

/// Commands that read, of this request.
fn reading(id: &str) -> Vec<String> {
    let mut commands: Vec<String> = [
        "status",
        "who-can-sign-now",
        "access-review",
        "rotate alice",
        "rotate hermetic --compromised-from 0",
        "offboard bob",
        "policy show",
        "policy show --next",
        "policy diff next.cbor",
        "control list",
    ]
    .map(str::to_owned)
    .to_vec();
    for command in ["show", "status", "verify"] {
        commands.push(format!("{command} {id}"));
    }
    commands
}

#[test]
fn a_copy_of_the_log_answers_where_no_server_is() {
    let mut desk = Desk::begin();
    let id = desk.release("2026.11.1");
    desk.good("cp -r data/log early");
    let emergency = desk.request("2026.12.1", "urgent", "--kind emergency");
    desk.sign(&emergency);
    desk.good(&format!("attest release publish --home alice {emergency}"));
    desk.until(&emergency, "provisional");
    let open = desk.request("2026.11.2", "stable", "");
    for who in ["alice", "bob"] {
        desk.good(&format!("attest release approve --home {who} {open} --recomputed --yes"));
    }
    desk.until(&open, "quorate");
    desk.good("attest release policy show --home alice --next > next.toml");
    desk.good("attest release policy build next.toml --out next.cbor");
    let served: Vec<Value> = reading(&id)
        .iter()
        .map(|command| desk.json(&format!("attest release {command} --home alice")))
        .collect();
    desk.good(&format!("attest release export --home alice {id} --out evidence"));
    inv10_what_the_server_withholds_is_told(&desk, &id);
    desk.stop();
    let said = desk.said("attest release status --home alice");
    assert_eq!(said.code, 2, "nobody is there: {said:?}");
    // As a mirror of what is served has it, and where no release.toml is.
    desk.good("mkdir copy nowhere && cp -r data/log/checkpoint data/log/tile data/log/object copy");
    let pin = desk.good("printf sha256:; sha256sum < policy/policy.cbor | cut -d' ' -f1").trim().to_owned();
    let by = |folder: &str| format!("--folder {folder} --policy-pin {pin}");
    as_it_was_served(&desk, &id, &served, &by("copy"));
    inv5_a_changed_byte_in_an_export_is_told(&desk, &pin);
    for_people(&desk, &id, &by("copy"));
    by_an_emergency_nothing_is_let_in(&desk, &emergency, &by("copy"));
    by_an_export(&desk, &id, &by("evidence"), &by("copy"));
    inv10_what_is_left_out_is_told(&desk, &id, &pin);
    lies(&desk, &id, &pin);
    nothing_is_handed_in(&desk, &open, &pin);
    statements_are_written(&desk, &open);
    an_old_one_says_so(&desk, &id, &by("copy"));
}

/// A server that is asked for a bundle which the log names, and has it no more.
fn inv10_what_the_server_withholds_is_told(desk: &Desk, id: &str) {
    let bundle = "data/log/object/$(sha256sum < evidence/bundle.cbor | cut -d' ' -f1)";
    desk.good(&format!("mv {bundle} withheld"));
    let said = desk.said("attest release verify evidence/bundle.cbor --home alice");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("the server withholds the bundle sha256:"), "{said:?}");
    assert!(said.err.contains("[release_bundle_missing]"), "{said:?}");
    let said = desk.good(&format!("attest release status {id} --home alice"));
    assert!(said.contains("published, and does not count: the server withholds the bundle"), "{said}");
    desk.good(&format!("mv withheld {bundle}"));
    desk.good(&format!("attest release verify {id} --home alice"));
}

/// The same answers, and beside each what it is as of.
fn as_it_was_served(desk: &Desk, id: &str, served: &[Value], by: &str) {
    for (command, served) in reading(id).iter().zip(served) {
        let mut told = desk.json(&format!("attest release {command} {by}"));
        let as_of =
            told.as_object_mut().unwrap().remove("as_of").unwrap_or_else(|| panic!("{command}: as of when?"));
        assert_eq!((&as_of["kind"], &as_of["folder"]), (&"log".into(), &Value::from("copy")), "{command}");
        assert_eq!(
            (&as_of["freshness"], &as_of["missing"]),
            (&"fresh".into(), &serde_json::json!([])),
            "{command}"
        );
        if command.starts_with("status") {
            assert_eq!((&as_of["size"], &as_of["time"]), (&told["size"], &told["seen"]));
            // Witnesses saw it again meanwhile.
            told["seen"] = served["seen"].clone();
        }
        assert_eq!(&told, served, "{command}");
    }
}

fn for_people(desk: &Desk, id: &str, by: &str) {
    let show = format!("attest release family show sim-debian {by}");
    desk.refused(1, "the policy names no managers of `sim-debian` [family_not_managed]", &show);
    for command in reading(id) {
        let said = desk.good(&format!("attest release {command} {by}"));
        let begin = if command.starts_with("policy show") { "# as of " } else { "as of " };
        let first: Vec<&str> = said.lines().take(2).collect();
        assert!(first[0].starts_with(begin) && first[0].contains(" ago), log size "), "{command}: {said}");
        assert!(first[1].ends_with("by a copy of the log, in copy"), "{command}: {said}");
        assert!(first.iter().all(|line| line.chars().count() <= 80), "{command}: {said}");
    }
    // It is TOML all the same.
    desk.good(&format!("attest release policy show --next {by} > again.toml"));
    desk.good("attest release policy build again.toml --out again.cbor && cmp next.cbor again.cbor");
}

/// It is told where it stands; that it counts, nobody knows without the time.
fn by_an_emergency_nothing_is_let_in(desk: &Desk, id: &str, by: &str) {
    let told = desk.json(&format!("attest release status {id} {by}"));
    assert_eq!(told["requests"][0]["standing"]["state"], "provisional", "{told}");
    let said = desk.said(&format!("attest release verify {id} {by}"));
    assert!(said.code == 1 && said.out.contains("[release_clock_unconfirmed]"), "{said:?}");
}

/// What an export has is a copy, too: of all that its release needs.
fn by_an_export(desk: &Desk, id: &str, by: &str, copy: &str) {
    let answers = |by: &str, command: &str| {
        let mut told = desk.json(&format!("attest release {command} {id} {by}"));
        let as_of = told.as_object_mut().unwrap().remove("as_of").unwrap();
        (told, as_of)
    };
    for command in ["show", "status", "verify"] {
        let ((told, as_of), (other, _)) = (answers(by, command), answers(copy, command));
        assert_eq!(
            (&as_of["kind"], &as_of["missing"]),
            (&"export".into(), &serde_json::json!([])),
            "{command}"
        );
        let without = |mut told: Value| {
            told.as_object_mut().unwrap().remove("seen");
            told
        };
        assert_eq!(without(told), without(other), "{command}");
    }
    // Of an export, and of the copy, the same is exported.
    for (from, to) in [(by, "again"), (copy, "anew")] {
        desk.good(&format!("attest release export {id} {from} --out {to}"));
        desk.good(&format!("diff -r -x README.md -x checkpoint evidence {to}"));
        let pin = from.rsplit_once(' ').unwrap().1;
        desk.good(&format!("attest audit verify --folder {to} --policy-pin {pin}"));
    }
    // A request that it does not have is told as one.
    let said = desk.good(&format!("attest release status {by}"));
    assert!(said.contains("the log names it, and the copy has no such request"), "{said}");
    assert!(said.contains("(an export has what its own\nrelease needs):"), "{said}");
}

/// A fresh copy of the copy, changed like this; what a command says of it.
fn lied(desk: &Desk, change: &str, command: &str, pin: &str) -> Said {
    desk.good(&format!("rm -rf lied && cp -r copy lied && cd lied && {change}"));
    desk.said(&format!("attest release {command} --folder lied --policy-pin {pin}"))
}

/// The file of an object that a leaf about this request names.
fn object(desk: &Desk, id: &str, pin: &str, what: &str) -> String {
    let bytes = std::fs::read(desk.path("evidence/bundle.cbor")).unwrap();
    let bundle: attest_core::release::bundle::Bundle =
        attest_core::release::object::read(&bytes, &attest_core::Limits::DEFAULT).unwrap();
    let id = match what {
        "approval" => attest_core::release::ObjectId::of(&bundle.approvals[0].0).to_string(),
        "bundle" => attest_core::release::ObjectId::of(&bytes).to_string(),
        "policy" => pin.to_owned(),
        _ => id.to_owned(),
    };
    format!("object/{}", id.trim_start_matches("sha256:"))
}

fn inv10_what_is_left_out_is_told(desk: &Desk, id: &str, pin: &str) {
    for damage in ["rm", "printf x >>"] {
        let bundle = object(desk, id, pin, "bundle");
        let named = bundle.replace("object/", "sha256:");
        // By what is left out the family may have reached more: no other release of it counts either.
        let said = lied(desk, &format!("{damage} {bundle}"), &format!("verify {id}"), pin);
        assert!(said.code == 1 && said.err.contains(&named), "{said:?}");
        let said = desk
            .said(&format!("attest release verify evidence/bundle.cbor --folder lied --policy-pin {pin}"));
        assert!(said.code == 1 && said.err.contains("[release_bundle_missing]"), "{said:?}");
        let said = desk.good(&format!("attest release status {id} --folder lied --policy-pin {pin}"));
        assert!(said.contains("published, and does not count: the copy lacks the bundle"), "{said}");
        assert!(
            said.contains("1 object is not in there, or not what the name says:") && said.contains(&named),
            "{said}"
        );
        // An approval that is not there was not taken back: it is said that something is missing.
        let approval = object(desk, id, pin, "approval");
        let told = lied(desk, &format!("{damage} {approval}"), "access-review --json", pin);
        let told: Value = serde_json::from_str(&told.out).unwrap();
        let missing = told["as_of"]["missing"].as_array().unwrap();
        assert_eq!(missing.len(), 1, "{missing:?}");
        assert_eq!(missing[0].as_str().unwrap(), approval.replace("object/", "sha256:"));
        let policy = object(desk, id, pin, "policy");
        let said = lied(desk, &format!("{damage} {policy}"), "status", pin);
        assert!(
            said.code == 1 && said.err.contains(&format!("leaf 0: the object {pin} is not at hand")),
            "{said:?}"
        );
    }
}

fn lies(desk: &Desk, id: &str, pin: &str) {
    let entries = "$(ls -d tile/entries/000.p/* | sort -V | tail -1)";
    let hashes = "$(ls -d tile/0/000.p/* | sort -V | tail -1)";
    let flip = |file: &str| {
        format!(
            "f={file}; b=$(od -An -tu1 -j200 -N1 $f); printf \"\\\\x$(printf %x $((b ^ 1)))\" | dd of=$f bs=1 seek=200 conv=notrunc status=none"
        )
    };
    let signed = "$(grep -n '^— ' checkpoint | cut -d: -f1 | head -1)";
    let shorter = "cp -r ../early/tile . && { head -4 ../early/checkpoint; tail -n +5 checkpoint; } > other && mv other checkpoint";
    let cases = [
        ("a leaf that was changed", flip(entries), "[tile_entry_mismatch]"),
        ("a hash of the tree that was changed", flip(hashes), "[tree_root_mismatch]"),
        ("leaves that are not there", format!("rm {entries}"), "it is missing [log_tile_missing]"),
        ("a tree of fewer leaves", "sed -i '2s/.*/9/' checkpoint".to_owned(), "]"),
        ("fewer leaves than were signed", shorter.to_owned(), "[note_signature_invalid]"),
        (
            "no witness",
            format!("sed -i \"$(({signed} + 1)),\\$d\" checkpoint"),
            "[witness_quorum_not_reached]",
        ),
        ("no signature of the log", format!("sed -i \"{signed}d\" checkpoint"), "[note_not_signed]"),
        ("no checkpoint", "rm checkpoint".to_owned(), "lied: holds no log (no `checkpoint`)"),
    ];
    for (lie, change, code) in cases {
        for command in ["status".to_owned(), format!("verify {id}"), "policy show".to_owned()] {
            let said = lied(desk, &change, &command, pin);
            // A folder without a checkpoint is the wrong folder; everything else is what cannot be verified.
            let exit = if change == "rm checkpoint" { 2 } else { 1 };
            assert!(said.code == exit && said.out.is_empty() && said.err.contains(code), "{lie}: {said:?}");
        }
    }
    let other = format!("sha256:{}", "0".repeat(64));
    let said = lied(desk, "true", "status", &other);
    assert!(said.code == 1 && said.err.contains("[view_first_leaf]"), "{said:?}");
    // One of before is no lie, and says of when it is.
    let told = desk.json(&format!("attest release status --folder early --policy-pin {pin}"));
    let now = desk.json(&format!("attest release status --folder copy --policy-pin {pin}"));
    assert!(told["as_of"]["size"].as_u64() < now["as_of"]["size"].as_u64(), "{told}");
    assert!(told["as_of"]["time"].as_str() < now["as_of"]["time"].as_str(), "{told}");
    assert_eq!(told["requests"].as_array().map(Vec::len), Some(1), "{told}");
    // An export with leaves of another order.
    desk.good("rm -rf lied && cp -r evidence lied && cp lied/leaves/00000002.cbor lied/leaves/00000001.cbor");
    let said = desk.said(&format!("attest release status --folder lied --policy-pin {pin}"));
    assert!(said.code == 1 && said.out.is_empty(), "{said:?}");
    desk.good("rm -rf lied && cp -r evidence lied && rm lied/leaves/00000001.cbor");
    let said = desk.said(&format!("attest release status --folder lied --policy-pin {pin}"));
    let is_told =
        said.err.contains("00000001.cbor: it is missing") && said.err.contains("[log_leaf_missing]");
    assert!(said.code == 1 && said.out.is_empty() && is_told, "{said:?}");
}

/// Before anybody is asked, and anything is signed.
fn nothing_is_handed_in(desk: &Desk, open: &str, pin: &str) {
    let ask = asked("2026.11.9", "stable").replace("attest release ", "").replace("--home ci ", "");
    for command in [
        format!("approve {open} --recomputed"),
        "submit nowhere".to_owned(),
        format!("publish {open}"),
        format!("review {open} --finding x"),
        format!("revoke {open} --reason x"),
        "revoke --suspend alice --reason x".to_owned(),
        "object --reason x".to_owned(),
        "policy succeed next.cbor --statement x".to_owned(),
        "policy succeed next.cbor --recovery --statement x --checkpoint x".to_owned(),
        "policy recovered next.cbor --checkpoint x".to_owned(),
        "control submit x --statement x".to_owned(),
        "family submit x --statement x".to_owned(),
        "deliver x --verifier https://127.0.0.1:1".to_owned(),
        ask,
    ] {
        desk.refused(
            2,
            "--folder copy: a copy is only read, and this hands something in [folder_only_read]",
            &format!("attest release {command} --folder copy --home alice"),
        );
    }
    let said = |more: &str| desk.said(&format!("cd nowhere && attest release status {more}"));
    assert!(said("--folder ../copy").err.contains("[policy_pin_missing]"));
    assert!(said(&format!("--policy-pin {pin}")).err.contains("[policy_pin_without_folder]"));
    assert!(said("--folder ../copy --policy-pin 00").err.contains("--policy-pin: expected sha256:"));
    assert!(said(&format!("--folder none --policy-pin {pin}")).err.contains("none: no such folder"));
}

/// What is only written down is signed by what a copy tells, with the pin of release.toml.
fn statements_are_written(desk: &Desk, open: &str) {
    let said = desk.good(&format!(
        "attest release approve --home carol {open} --recomputed --yes --folder copy --out carol.cbor"
    ));
    assert!(said.starts_with("as of ") && said.contains("which is not handed in"), "{said}");
    desk.good("attest release policy sign --home carol next.cbor --out carol.next --yes --folder copy");
    let ask = asked("2026.11.9", "stable").replace("--home ci", "--home ci --folder copy");
    desk.good(&format!(
        "{ask} --out asked && test -s asked/request.cbor && test -s carol.next && test -s carol.cbor"
    ));
}

/// After its hard age nothing counts by it, and who can sign is not said.
fn an_old_one_says_so(desk: &Desk, id: &str, by: &str) {
    if desk.said("faketime -f +30d true").code != 0 {
        eprintln!("SKIPPED: no faketime");
        return;
    }
    let said = desk.said(&format!("faketime -f +30d attest release verify {id} {by}"));
    assert!(said.code == 1 && said.out.contains("[release_view_stale]"), "{said:?}");
    let first: String = said.out.lines().take(3).collect();
    assert!(first.contains("(30 days ago)") && first.contains("by it no release counts"), "{said:?}");
    desk.refused(1, "[copy_too_old]", &format!("faketime -f +30d attest release who-can-sign-now {by}"));
}
