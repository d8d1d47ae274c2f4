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
