//! `init`, `policy`, `object`: how it begins, and when the root is lost.

use crate::stage::Desk;

#[test]
fn policies_from_the_first_to_a_recovery() {
    let desk = Desk::begin();
    beginnings(&desk);
    files_that_are_none(&desk);
    the_root_is_lost(&desk);
}

fn init(out: &str, more: &str) -> String {
    format!(
        "attest release init --out {out} --family gateway --builder hermetic=builder.pem --builder-id https://builder.example/hermetic \
         --build-type https://builder.example/image/v1 --source https://git.example/firmware --signing-key corim=corim.pem \
         --log log.pub --witness own=own.pub {more}"
    )
}

fn beginnings(desk: &Desk) {
    let three = "--person alice=alice.ssh.pub --person bob=bob.ssh.pub --person carol=carol.ssh.pub";
    let two = three.replace(" --person carol=carol.ssh.pub", "");
    desk.refused(
        2,
        "policy: expected a new folder, or an empty one [folder_not_empty]",
        &init("policy", three),
    );
    desk.refused(
        1,
        "the root quorum cannot be met when one of its members is lost [release_policy_faults]",
        &init("first", &two),
    );
    desk.refused(
        1,
        "one key speaks for `alice` and for `twin` [release_policy_faults]",
        &init("first", &format!("{two} --person twin=alice.ssh.pub")),
    );
    desk.refused(
        2,
        "none.pub: No such file or directory (os error 2) [file_unreadable]",
        &init("first", &format!("{two} --person carol=none.pub")),
    );
    for other in ["key.json", "carol.ssh", "builder.pem"] {
        let words = format!("{other}: not a public key as OpenSSH writes it into a .pub file: ");
        let said = desk.said(&init("first", &format!("{two} --person carol={other}")));
        assert!(said.code == 2 && said.err.contains(&words), "{said:?}");
    }
    let builder = init("first", three).replace("hermetic=builder.pem", "hermetic=bob.ssh.pub");
    desk.refused(2, "bob.ssh.pub: not a public key in PEM: [public_key_pem]", &builder);
    desk.unusable("expected NAME=VALUE", &init("first", &format!("{two} --person carol")));
    let said = desk.good(&init("first", three));
    assert!(said.starts_with("policy 1: sha256:") && said.contains("root: 2 of alice, bob, carol"), "{said}");
    assert!(said.contains("nobody outside watches the log, so nothing is of tier production"), "{said}");
    let outside = format!("{three} --witness other=other.pub --outside other --server https://127.0.0.1:1");
    let told = desk.json(&init("second", &outside));
    assert_eq!((told["version"].as_u64(), told["out"].as_str()), (Some(1), Some("second/policy.cbor")));
    let pin = desk.good("sha256sum < second/policy.cbor");
    assert_eq!(
        told["policy"].as_str().and_then(|id| id.strip_prefix("sha256:")),
        pin.split_whitespace().next()
    );
    // What is written is what is read.
    desk.good("attest release policy show second/policy.cbor > shown.toml && attest release policy build shown.toml --out built.cbor && cmp built.cbor second/policy.cbor");
    assert_eq!(desk.json("attest release policy show second/policy.cbor")["version"].as_u64(), Some(1));
}

fn files_that_are_none(desk: &Desk) {
    let garbage = "key.json: not a policy as `policy build` writes it: cut short";
    for command in [
        "policy show key.json",
        "policy sign --home alice key.json --out x.cbor",
        "policy succeed --home alice key.json --statement x.cbor",
    ] {
        let said = desk.said(&format!("attest release {command}"));
        assert!(said.code == 1 && said.err.contains(garbage), "{command}: {said:?}");
    }
    desk.refused(
        2,
        "none.cbor: No such file or directory (os error 2) [file_unreadable]",
        "attest release policy show none.cbor",
    );
    desk.refused(
        2,
        "none.toml: No such file or directory (os error 2) [file_unreadable]",
        "attest release policy build none.toml --out x.cbor",
    );
    let said = desk.said("attest release policy build signer.toml --out x.cbor");
    assert!(
        said.code == 1
            && said.err.contains("signer.toml: not a policy in TOML: ")
            && said.err.contains("[policy_toml]"),
        "{said:?}"
    );
    let said =
        desk.said("attest release policy succeed --home alice policy/policy.cbor --statement key.json");
    assert!(
        said.code == 1 && said.err.contains("key.json: not a statement as `policy sign` writes it: "),
        "{said:?}"
    );
}

/// Dave and Erin want Alice to be on her own with them; Bob is there, and objects.
fn the_root_is_lost(desk: &Desk) {
    desk.refused(
        1,
        "nothing waits [recovery_not_pending]",
        "attest release object --home bob --reason 'I am here' --yes",
    );
    desk.good("attest release policy show --home dave > recovered.toml");
    let previous = desk
        .text("policy/release.toml")
        .lines()
        .find_map(|line| line.strip_prefix("authority = ").map(str::to_owned))
        .unwrap();
    desk.good(&format!("sed -i 's/^version = 1/version = 2\\nprevious = {}/; s/^group root 2 .*/group root 2 alice dave erin/' recovered.toml", previous.replace('"', "\\\"")));
    desk.good("attest release policy build recovered.toml --out recovered.cbor");
    for who in ["alice", "dave", "erin"] {
        let said = desk.good(&format!(
            "attest release policy sign recovered.cbor --recovery --yes --home {who} --out {who}.cbor"
        ));
        assert!(
            said.contains("\n+ root: group root 2 alice dave erin\n")
                && said.contains(&format!("\n{who} wants sha256:"))
                && said.trim_end().ends_with(" by recovery"),
            "{said}"
        );
    }
    let recover = |statements: &str| {
        format!(
            "attest release policy succeed --home dave recovered.cbor --recovery --checkpoint seen.note {statements}"
        )
    };
    desk.refused(
        1,
        "dave said so, and that is not enough [recovery_quorum_not_met]",
        &recover("--statement dave.cbor --statement alice.cbor"),
    );
    desk.unusable(
        "--checkpoint <FILE>",
        "attest release policy succeed --home dave recovered.cbor --recovery --statement dave.cbor",
    );
    let told = desk.json(&recover("--statement dave.cbor --statement erin.cbor"));
    assert!(told["index"].is_u64() && desk.path("seen.note").exists(), "{told}");
    for command in ["status", "who-can-sign-now", "policy show"] {
        let said = desk.good(&format!("attest release {command} --home alice"));
        assert!(said.contains("the recovery quorum wants the policy sha256:"), "{command}: {said}");
    }
    assert_eq!(desk.json("attest release status --home alice")["pending_recovery"]["index"], told["index"]);
    desk.refused(
        1,
        "it waits until [recovery_too_early]",
        "attest release policy recovered --home dave recovered.cbor --checkpoint seen.note",
    );
    desk.refused(
        1,
        "the checkpoint is none of this log [recovery_not_witnessed]",
        "attest release policy recovered --home dave recovered.cbor --checkpoint key.json",
    );
    let object =
        |who: &str, more: &str| format!("attest release object --home {who} --reason 'I am here' {more}");
    desk.refused(
        1,
        "`dave` is not named for this in the policy that is followed [role_missing]",
        &object("dave", "--yes"),
    );
    desk.refused(
        2,
        "alice.ssh: the key is `alice`'s, and one of `bob` is needed [statement_key_mismatch]",
        &object("bob", "--yes --key alice.ssh"),
    );
    desk.refused(2, "there is no terminal to ask in; --yes says yes [nobody_to_ask]", &object("bob", ""));
    let said = desk.typed("yes", &object("bob", "").replace('\'', "\""));
    assert!(said.code == 0 && said.out.contains("the objection stands at index "), "{said:?}");
    let at = desk.json(&format!("{} {}", object("bob", "--yes"), told["policy"].as_str().unwrap()));
    assert_eq!(at["already"].as_bool(), Some(true));
    desk.seen(&at["index"]);
    assert!(desk.json("attest release status --home alice")["pending_recovery"].is_null());
    desk.refused(
        1,
        "it does not count: recovery_objected [recovery_objected]",
        &recover("--statement dave.cbor --statement erin.cbor"),
    );
}
