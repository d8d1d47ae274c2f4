//! `init`, `policy`, `object`: how it begins, and when the root is lost.

use crate::stage::Desk;

#[test]
fn policies_from_the_first_to_a_recovery() {
    let desk = Desk::begin();
    beginnings(&desk);
    offices(&desk);
    files_that_are_none(&desk);
    one_follows_another(&desk);
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
    assert!(
        said.contains("recovery, if the root is lost: nobody (--recovery)\nmanagers of gateway: nobody but the root (--manager)\n"),
        "{said}"
    );
    let outside = format!("{three} --witness other=other.pub --outside other --server https://127.0.0.1:1");
    let told = desk.json(&init("second", &outside));
    assert_eq!((told["version"].as_u64(), told["out"].as_str()), (Some(1), Some("second/policy.cbor")));
    let pin = desk.good("sha256sum < second/policy.cbor");
    assert_eq!(
        told["policy"].as_str().and_then(|id| id.strip_prefix("sha256:")),
        pin.split_whitespace().next()
    );
    // Of which pipeline the runs count; of every one where nobody says.
    let run = |out: &str| {
        let shown = desk.json(&format!("attest release policy show {out}/policy.cbor"));
        let channels = shown["families"]["gateway"]["channels"].as_object().unwrap().clone();
        channels.into_values().map(|channel| channel["provenance"]["run"].clone()).collect::<Vec<_>>()
    };
    desk.good(&init("runs", &format!("{three} --runs https://ci.example.org/gateway/runs")));
    let (own, all) = (run("runs"), run("first"));
    let below = serde_json::json!({ "below": "https://ci.example.org/gateway/runs" });
    assert!(own.contains(&below) && own.iter().all(|run| *run == below || run.is_null()), "{own:?}");
    assert!(all.iter().all(serde_json::Value::is_null), "{all:?}");
    // Keys in files are for development, and said so.
    desk.refused(
        2,
        "--file-keys: no channel of tier production or emergency takes keys in files; leave out --file-keys, or --outside [file_keys_in_production]",
        &init("files", &format!("{outside} --file-keys")),
    );
    let custody = |out: &str| {
        let shown = desk.json(&format!("attest release policy show {out}/policy.cbor"));
        shown["signing_keys"]["gateway-corim"]["custody"].clone()
    };
    desk.good(&init("files", &format!("{three} --file-keys")));
    assert_eq!((custody("files"), custody("first")), ("file".into(), "online_intermediate".into()));
    // What is written is what is read.
    desk.good("attest release policy show second/policy.cbor > shown.toml && attest release policy build shown.toml --out built.cbor && cmp built.cbor second/policy.cbor");
    assert_eq!(desk.json("attest release policy show second/policy.cbor")["version"].as_u64(), Some(1));
}

/// Who changes the policy, who does if the root is lost, and who changes who stands in the family's rules: by flags, nothing by hand.
fn offices(desk: &Desk) {
    let three = "--person alice=alice.ssh.pub --person bob=bob.ssh.pub --person carol=carol.ssh.pub";
    let all = format!("{three} --person dave=dave.ssh.pub");
    let managers = |out: &str| {
        desk.json(&format!("attest release policy show {out}/policy.cbor"))["families"]["gateway"]["managers"]
            .clone()
    };
    let said = desk.good(&init("four", &all));
    let told = "managers of gateway: 2 of alice, bob, carol, dave; they may bring in nobody new\n";
    assert!(said.contains(told), "where one may leave: {said}");
    let four = managers("four")["quorum"].to_string();
    assert!(four.contains("group managers 2 alice bob carol dave"), "{four}");
    desk.good(&init("without", &format!("{all} --no-managers")));
    assert!(managers("without").is_null() && managers("first").is_null());
    let more = "--manager alice --manager bob --manager erin=erin.ssh.pub --enrol software --recovery dave=dave.ssh.pub --recovery erin";
    let said = desk.good(&init("offices", &format!("{three} {more}")));
    for told in [
        "root: 2 of alice, bob, carol\n",
        "recovery, if the root is lost: 2 of dave, erin\n",
        "managers of gateway: 2 of alice, bob, erin; they may bring in people with keys in software\n",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let shown = desk.json("attest release policy show offices/policy.cbor");
    assert_eq!(shown["identities"]["erin"]["kind"], "person");
    let approvals = shown["families"]["gateway"]["channels"]["people"]["approvals"].to_string();
    assert!(!approvals.contains("erin"), "who manages does not approve: {approvals}");
    assert_eq!(managers("offices")["enrol"], "software");
    desk.refused(
        2,
        "--manager zed: nobody is called so; expected the name of a --person, or zed=FILE [identity_unknown]",
        &init("no", &format!("{three} --manager zed")),
    );
    let twice = format!("{three} --root alice=bob.ssh.pub --root bob --root carol");
    desk.refused(
        2,
        "--root alice=bob.ssh.pub: `alice` has the key alice.ssh.pub already [identity_twice]",
        &init("no", &twice),
    );
    let fragile = "its managers cannot agree when one of them is lost";
    let said = desk.said(&init("no", &format!("{three} --manager alice --manager bob")));
    assert!(
        said.code == 1 && said.err.contains(fragile) && said.err.contains("[release_policy_faults]"),
        "{said:?}"
    );
    desk.refused(
        1,
        "the root quorum cannot be met when one of its members is lost [release_policy_faults]",
        &init("no", &format!("{three} --root alice --root bob")),
    );
    let said = desk.said(&init("no", &format!("{three} --root alice --root bob --root-quorum 3")));
    assert!(said.code == 2 && said.err.contains("3 of alice, bob as root: "), "{said:?}");
}

/// The next policy is made from the one in force; an old one, and statements that do not count, are told as what they are.
fn one_follows_another(desk: &Desk) {
    let before = desk.good("attest release policy show --home alice --next > next.toml && cat next.toml");
    assert!(
        before.starts_with("# Version 2, as version 1 has it, sha256:")
            && before.contains("\nversion = 2\nprevious = \"sha256:"),
        "{before}"
    );
    let same = desk.good("attest release policy show policy/policy.cbor --next");
    assert_eq!(same, before, "from the file as from the log");
    assert_eq!(desk.json("attest release policy show --home alice --next")["version"].as_u64(), Some(2));
    desk.good("sed 's/^version_step = 10/version_step = 8/' next.toml > other.toml && sed -i -e 's/^version_step = 10/version_step = 9/' -e 's/^version_floor = 0/version_floor = 1/' next.toml");
    for (file, people) in [("next", ["alice", "bob", "dave"]), ("other", ["alice", "bob", "dave"])] {
        desk.good(&format!("attest release policy build {file}.toml --out {file}.cbor"));
        for who in people {
            let sign =
                format!("attest release policy sign {file}.cbor --home {who} --out {who}.{file} --yes");
            assert!(desk.good(&sign).contains(&format!("\n{who} wants sha256:")));
        }
    }
    let succeed = |file: &str, statements: &[&str]| {
        let statements: Vec<String> = statements.iter().map(|one| format!("--statement {one}")).collect();
        format!("attest release policy succeed --home alice {file} {}", statements.join(" "))
    };
    let few = succeed("next.cbor", &["alice.next", "bob.other", "dave.next", "alice.next"]);
    desk.refused(1, "alice said so, and that is not enough [succession_quorum_not_met]", &few);
    let said = desk.said(&few).err;
    let bob = desk.good("ssh-keygen -lf bob.ssh.pub | cut -d' ' -f2");
    let other = desk.json("attest release policy diff --home alice other.cbor");
    assert!(other["changes"].to_string().contains("version_step: 8"), "{other}");
    for told in [
        &format!("  bob.other: `bob`, {}: it is about sha256:", bob.trim()),
        "  dave.next: `dave`, SHA256:",
        ": they are not in the root quorum of version 1\n",
        ": it counts in the root quorum of version 1\n",
        "  alice.next: `alice`, SHA256:",
        ": said the same in alice.next, and each person counts once\n",
        "  the root quorum of version 1, of alice, bob, carol, has 1 of 2 in the group root",
    ] {
        assert!(said.contains(told), "{told} is missing in\n{said}");
    }
    // Whoever hands it in is told which floors it begins anew, as those were who signed it.
    let said = desk.good(&succeed("next.cbor", &["alice.next", "bob.next"]));
    let reset = "+ resets the version floor of sim-debian from 0 to 1: releases below 1 count no longer";
    assert!(said.lines().any(|line| line == reset) && !said.contains("stood there before"), "{said}");
    let told = desk.json(&succeed("next.cbor", &["alice.next", "bob.next"]));
    assert!(told["followed_by"].is_null() && told["version"] == 2 && told["already"] == true, "{told}");
    assert!(said.contains(&format!(" stands at index {} of the log\n", told["index"])), "{said}");
    desk.seen(&told["index"]);
    let index = &told["index"];
    // What was followed before is not followed again, and says by what it was followed.
    let old = succeed("policy/policy.cbor", &["alice.next"]);
    let said = desk.good(&old);
    assert!(said.contains(" stands at index 0 of the log, and stood there before\n"), "{said}");
    assert!(
        said.contains("it is not followed any more: version 2, sha256:")
            && said.contains(&format!(", followed it at index {index}\n")),
        "{said}"
    );
    assert_eq!(&desk.json(&old)["followed_by"]["index"], index);
    let again = desk.good(&succeed("next.cbor", &["alice.next", "bob.next"]));
    assert!(
        again.contains("\nit is version 2, and follows version 1, sha256:") && !again.contains("any more"),
        "{again}"
    );
    let said = desk.said(&succeed("other.cbor", &["alice.other", "bob.other"]));
    assert!(
        said.code == 1
            && said.err.contains(&format!(
                ", is followed from index {index} on, and this one says that it follows sha256:"
            )),
        "{said:?}"
    );
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
    let text = "policy/policy.toml: this is text; build it first with `attest release policy build`";
    for command in [
        "diff --home alice policy/policy.toml",
        "sign --home alice policy/policy.toml --out x.cbor",
        "show policy/policy.toml",
    ] {
        desk.refused(1, &format!("{text} [policy_not_built]"), &format!("attest release policy {command}"));
    }
    desk.good("sed 's/^version = 1/version = \"one\"/' policy/policy.toml > typo.toml");
    let typo =
        "typo.toml: not a policy in TOML: line 2, column 11: invalid type: string \"one\", expected u64";
    desk.refused(1, &format!("{typo} [policy_toml]"), "attest release policy build typo.toml --out x.cbor");
    desk.good("sed 's/^group root 2 /group root 3 /' policy/policy.toml > fragile.toml");
    desk.refused(
        1,
        "fragile.toml: the root quorum cannot be met when one of its members is lost [release_policy_faults]",
        "attest release policy build fragile.toml --out x.cbor",
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
    desk.good("attest release policy show --home dave --next > recovered.toml");
    desk.good("sed -i 's/^group root 2 .*/group root 2 alice dave erin/' recovered.toml");
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
    let few =
        recover("--statement dave.cbor --statement alice.cbor --statement alice.next --statement dave.cbor");
    desk.refused(1, "alice.next: [object_format]", &few);
    desk.good("attest release policy sign other.cbor --recovery --yes --home erin --out erin.other --before policy/policy.cbor");
    let few =
        recover("--statement dave.cbor --statement alice.cbor --statement erin.other --statement dave.cbor");
    desk.refused(1, "dave said so, and that is not enough [recovery_quorum_not_met]", &few);
    let said = desk.said(&few).err;
    let dave = desk.good("ssh-keygen -lf dave.ssh.pub | cut -d' ' -f2");
    let dave = dave.trim();
    for told in [
        &format!("  dave.cbor: `dave`, {dave}: it counts in the recovery quorum of version 2\n"),
        &format!("  dave.cbor: `dave`, {dave}: it counts in the root quorum of version 3\n"),
        &format!("  dave.cbor: `dave`, {dave}: said the same in dave.cbor, and each person counts once\n"),
        ": they are not in the recovery quorum of version 2\n",
        "  erin.other: `erin`, SHA256:",
        ": it is about sha256:",
        "  the recovery quorum of version 2, of dave, erin, has 1 of 2 in the group recovery",
    ] {
        assert!(said.contains(told), "{told} is missing in\n{said}");
    }
    assert!(!said.contains("the root quorum of version 3, of"), "that one is met: {said}");
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
