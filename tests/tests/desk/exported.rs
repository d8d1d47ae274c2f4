//! What lies in an exported folder beside the log is held against it: an auditor reads those files, and not the log.

use std::fs;

use serde_json::Value;

use crate::stage::Desk;

/// A fresh copy of the export, changed like this; how `audit verify` ends, and what it finds changed.
fn lied(desk: &Desk, change: &str, pin: &str) -> (i32, Value) {
    desk.good(&format!("rm -rf lied && cp -r evidence lied && cd lied && {change}"));
    let said = desk.said(&format!("attest audit verify --folder lied --policy-pin {pin} --json"));
    let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    (said.code, told["release"]["differing"].clone())
}

/// Every file but the guide and the program for Go, which are no evidence, and leaves and objects, which the replay has looked at.
pub(crate) fn inv5_a_changed_byte_in_an_export_is_told(desk: &Desk, pin: &str) {
    let is_evidence = |name: &String| !["README.md", "checkpoint", "checkpoint.go"].contains(&name.as_str());
    let names = fs::read_dir(desk.path("evidence")).unwrap().map(|entry| entry.unwrap());
    let files = names.filter(|entry| entry.path().is_file());
    let names: Vec<String> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let names: Vec<String> = names.into_iter().filter(is_evidence).collect();
    for kind in
        ["approval-alice.txt", "approval-bob.txt.sig", "golden.corim.cose", "key-1.pem", "policy.cbor"]
    {
        assert!(names.iter().any(|name| name == kind), "{kind}: {names:?}");
    }
    for name in &names {
        // Those two say which release it is: another one, or none.
        if !["request.cbor", "bundle.cbor"].contains(&name.as_str()) {
            let more = lied(desk, &format!("printf '\\n#' >> {name}"), pin);
            // A remark in TOML says nothing.
            let expected = if name == "policy.toml" {
                (0, serde_json::json!([]))
            } else {
                (1, serde_json::json!([format!("{name} is not what the log has")]))
            };
            assert_eq!(more, expected);
            assert_eq!(
                lied(desk, &format!("rm {name}"), pin),
                (1, serde_json::json!([format!("{name} is missing")]))
            );
            continue;
        }
        for change in ["printf x >>", "rm"] {
            desk.good(&format!("rm -rf lied && cp -r evidence lied && {change} lied/{name}"));
            let said = desk.said(&format!("attest audit verify --folder lied --policy-pin {pin}"));
            assert!(said.code != 0, "{change} {name}: {said:?}");
        }
    }
    let other = lied(desk, "sed -i 's/^version = 1$/version = 2/' policy.toml", pin);
    assert_eq!(other, (1, serde_json::json!(["policy.toml is not what the log has"])));
    let mallory = lied(desk, "cp approval-bob.txt approval-mallory.txt", pin);
    assert_eq!(mallory, (1, serde_json::json!(["approval-mallory.txt belongs to nothing in the log"])));
    // What whoever looks at it puts beside it is theirs.
    assert_eq!(lied(desk, "echo seen > notes.txt", pin), (0, serde_json::json!([])));
    let said = desk.said(&format!(
        "cd lied && printf x >> golden.corim.cose && attest audit verify --folder . --policy-pin {pin}"
    ));
    let words = "folder      holds what its log does not say [export_differs]\n            golden.corim.cose is not what the log has";
    assert!(said.code == 1 && said.out.contains(words), "{said:?}");
}

/// With their own tools, by the commands that stand there.
pub(crate) fn checked(desk: &Desk, folder: &str) {
    let guide = desk.text(&format!("{folder}/README.md"));
    let commands = guide.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
    desk.write(&format!("{folder}/check.sh"), commands);
    let said = desk.good(&format!("cd {folder} && bash -e check.sh"));
    let verified = commands.matches("ssh-keygen -Y verify").count();
    assert_eq!(said.matches("Good \"").count(), verified, "{said}");
    assert!(verified >= 2, "{commands}");
    let bare = commands.lines().filter(|line| line.starts_with("openssl ")).count();
    assert_eq!(
        said.matches("Verified OK").count() + said.matches("Verified Successfully").count(),
        bare,
        "{said}"
    );
    assert!(bare >= 1, "{commands}");
    checked_by_go(desk, folder, &guide);
    // What the signer did not sign is noticed.
    desk.good(&format!("cd {folder} && cp signature-1.bin kept && printf '\\1' | dd of=signature-1.bin bs=1 seek=20 conv=notrunc status=none"));
    assert_ne!(desk.said(&format!("cd {folder} && bash -e check.sh")).code, 0);
    desk.good(&format!("cd {folder} && mv kept signature-1.bin"));
    // What was changed is noticed by them, too.
    desk.good(&format!("cd {folder} && cp approval-alice.txt kept && printf x >> approval-alice.txt"));
    assert_ne!(desk.said(&format!("cd {folder} && bash -e check.sh")).code, 0);
    desk.good(&format!("cd {folder} && mv kept approval-alice.txt"));
}

/// The log, by Go's own reader of such: `ATTEST_REQUIRE_GO` wants it.
fn checked_by_go(desk: &Desk, folder: &str, guide: &str) {
    let installed = std::path::Path::new("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog").is_dir();
    if !installed || desk.said("go version").code != 0 {
        let missing = "Go and golang.org/x/mod are not installed (golang-go, golang-golang-x-mod-dev)";
        assert!(std::env::var_os("ATTEST_REQUIRE_GO").is_none(), "{missing}");
        // Past the capturing of the test harness.
        drop(std::io::Write::write_all(&mut std::io::stderr(), format!("SKIPPED: {missing}\n").as_bytes()));
        return;
    }
    let command = guide.split("```sh\n").nth(2).and_then(|rest| rest.split("```").next()).expect("a command");
    let run = format!("export GOCACHE=$PWD/go-cache; cd {folder} && {command}");
    assert!(desk.good(&run).starts_with("Good checkpoint of "), "{run}");
    // A leaf that was changed, and one that is left out.
    desk.good(&format!(
        "cd {folder} && mv leaves/00000001.cbor kept && cp leaves/00000000.cbor leaves/00000001.cbor"
    ));
    assert!(desk.said(&run).err.contains("the checkpoint is of "));
    desk.good(&format!("cd {folder} && rm leaves/00000001.cbor"));
    assert!(desk.said(&run).err.contains("the checkpoint is of "));
    desk.good(&format!("cd {folder} && mv kept leaves/00000001.cbor"));
}

pub(crate) fn others_verify_what_is_exported(desk: &Desk, id: &str) {
    desk.refused(
        2,
        "learned: expected a new folder, or an empty one [folder_not_empty]",
        &format!("attest release export --home alice {id} --out learned"),
    );
    desk.refused(
        2,
        "no request begins with `zz` [request_unknown]",
        "attest release export --home alice zz --out other",
    );
    let told = desk.json(&format!("attest release export --home alice {id} --out evidence"));
    assert_eq!(told["approvals"], serde_json::json!(["alice", "bob"]));
    let guide = desk.text("evidence/README.md");
    for words in [
        "NHI1 improper offboarding",
        "NHI5 overprivileged",
        "NHI7 long-lived",
        "NHI9 NHI reuse",
        "PR.AA-05",
        "PR.DS",
    ] {
        assert!(guide.contains(words), "{words} is missing in\n{guide}");
    }
    assert!(guide.contains(id.strip_prefix("sha256:").unwrap()), "{guide}");
    let policy = desk.good("sha256sum < evidence/policy.cbor");
    assert!(desk.text("policy/release.toml").contains(policy.split_whitespace().next().unwrap()));
    // The bundle is the release, in a file: whole, or refused.
    assert_eq!(
        desk.json("attest release verify --home erin evidence/bundle.cbor")["request"].as_str(),
        Some(id)
    );
    let mut bundle = std::fs::read(desk.path("evidence/bundle.cbor")).unwrap();
    let last = bundle.len() - 1;
    bundle[last] ^= 1;
    desk.write("changed.cbor", &bundle);
    let said = desk.said("attest release verify --home erin changed.cbor");
    assert!(said.code == 1 && said.out.starts_with("does not count\n"), "{said:?}");
    bundle.truncate(last);
    desk.write("short.cbor", &bundle);
    desk.refused(1, "[cbor_truncated]", "attest release verify --home erin short.cbor");
    assert!(
        guide.contains("\n**Standing: in force, published at index ") && !guide.contains("not met"),
        "{guide}"
    );
    assert!(desk.text("evidence/policy.toml").contains("[families.sim-debian.channels.stable]"));
    checked(desk, "evidence");
    offline(desk, "evidence", "counts");
}

/// By the one command that the export names, with no server.
pub(crate) fn offline(desk: &Desk, folder: &str, standing: &str) {
    let guide = desk.text(&format!("{folder}/README.md"));
    let line = guide.lines().find(|line| line.starts_with("attest audit verify")).expect("a command");
    // A script learns by the code whether it counts.
    let code = i32::from(standing != "counts");
    let said = desk.said(&format!("cd {folder} && {line}"));
    assert!(said.code == code && said.out.contains(standing), "{said:?}");
    let told = desk.said(&format!("cd {folder} && {}", line.replace("attest audit", "attest --json audit")));
    assert_eq!(told.code, code, "{told:?}");
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["release"]["standing"], standing, "{told}");
    // A leaf that was changed, another request, another bundle.
    desk.good(&format!(
        "rm -rf lied && cp -r {folder} lied && cp lied/leaves/00000001.cbor lied/leaves/00000000.cbor"
    ));
    assert_eq!(desk.said(&format!("cd lied && {line}")).code, 1);
    desk.good(&format!("rm -rf lied && cp -r {folder} lied && cp lied/policy.cbor lied/request.cbor"));
    assert!(desk.said(&format!("cd lied && {line}")).err.contains("[request_not_submitted]"));
    desk.good(&format!("rm -rf lied && cp -r {folder} lied && cp lied/request.cbor lied/bundle.cbor"));
    assert!(desk.said(&format!("cd lied && {line}")).err.contains("[release_bundle_not_published]"));
}
