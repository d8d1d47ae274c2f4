//! `offboard`, `rotate`, `access-review`, and what comes of them: a suspension, a succession, another key.

use crate::stage::{Desk, asked};

#[test]
fn people_come_and_go() {
    let desk = Desk::begin();
    let id = desk.release("2026.11.1");
    let open = desk.request("2026.11.2", "stable", "");
    let told = desk.json(&format!("attest release approve --home bob {open} --recomputed --yes"));
    desk.seen(&told["index"]);
    let standing = desk.json(&format!("attest release status --home alice {open}"));
    assert_eq!(standing["requests"][0]["version"], "2026.11.2");
    who_may_do_what(&desk);
    somebody_leaves(&desk, &open);
    a_key_is_lost(&desk, &id);
    another_key(&desk, &open);
    vendors(&desk);
    a_forged_build_is_not_the_builders_word(&desk);
}

fn who_may_do_what(desk: &Desk) {
    let said = desk.good("attest release access-review --home carol");
    for line in [
        "alice (person, alice): keys until ",
        "  family sim-debian, channel stable: approves",
        "carol (person, carol): keys until ",
        "ci (service, ci): keys until ",
        "hermetic (builder, hermetic): keys until ",
        "  recovery quorum",
        "hermetic builds for family sim-debian, channel stable, as https://",
        "  family sim-debian, channel stable: approves, last at index ",
        "  family sim-debian, channel urgent: reviews, never used",
        "nobody used yet: recovery quorum (",
        "nobody used yet: family sim-debian, channel urgent: reviews (",
    ] {
        assert!(said.contains(line), "{line} is missing in\n{said}");
    }
    let told = desk.json("attest release access-review --home carol");
    let of = |who: &str| {
        told["identities"].as_array().unwrap().iter().find(|one| one["identity"] == who).cloned().unwrap()
    };
    assert!(of("alice")["last_index"].is_u64() && of("ci")["last_index"].is_u64(), "{told}");
    assert!(of("carol")["last_index"].is_null() && of("dave")["last_index"].is_null(), "{told}");
    assert!(
        said.lines().any(|line| line.starts_with("carol ") && line.ends_with("did nothing yet")),
        "{said}"
    );
    // A builder says nothing to the log: its word is the provenance that a request names.
    assert!(of("hermetic")["last_index"].is_u64(), "{told}");
    // One word in one role is none in another.
    let in_role = |who: &str, role: &str| {
        let uses = of(who)["uses"].as_array().unwrap().clone();
        uses.iter().find(|one| one["role"] == role).map(|one| one["last_index"].clone()).expect("a role")
    };
    let (stable, urgent) =
        ("family sim-debian, channel stable: approves", "family sim-debian, channel urgent: approves");
    assert!(in_role("alice", stable).is_u64() && in_role("alice", urgent).is_null(), "{told}");
    assert!(in_role("carol", stable).is_null(), "{told}");
    let role = told["roles"].as_array().unwrap().iter().find(|one| one["role"] == stable).unwrap();
    let last = in_role("alice", stable).as_u64().max(in_role("bob", stable).as_u64());
    assert_eq!((role["last_index"].as_u64(), role["never"].to_string()), (last, "[\"carol\"]".to_owned()));
}

/// Whoever asks can name provenance that the builder never signed.
fn a_forged_build_is_not_the_builders_word(desk: &Desk) {
    let last = || {
        let told = desk.json("attest release access-review --home carol");
        let rows = told["identities"].as_array().unwrap().clone();
        rows.iter().find(|one| one["identity"] == "hermetic").unwrap()["last_index"].as_u64().unwrap()
    };
    let before = last();
    let change = r#".signatures[0].sig |= (.[0:20] + (if .[20:21] == "A" then "B" else "A" end) + .[21:])"#;
    desk.good(&format!("jq -c '{change}' provenance.json > forged.json"));
    let forged = asked("2026.11.90", "stable").replace("provenance.json", "forged.json");
    let told = desk.json(&forged);
    desk.until(told["request"].as_str().unwrap(), "submitted");
    assert_eq!(last(), before, "the key of the builder did not sign that");
}

fn somebody_leaves(desk: &Desk, open: &str) {
    let short = &open["sha256:".len()..][..12];
    desk.refused(
        2,
        "the policy knows no `nobody` [identity_unknown]",
        "attest release offboard --home alice nobody",
    );
    desk.unusable("cannot stand there", "attest release offboard --home alice Bob");
    let said = desk.good("attest release offboard --home alice bob");
    for line in [
        "- root quorum, whose members change by succession only",
        "- family sim-debian: asks for releases",
        "- family sim-debian: revokes",
        "- family sim-debian, channel urgent: reviews",
        "` holds them for 14 days, until the succession; what they said before goes on counting",
    ] {
        assert!(said.contains(line), "{line} is missing in\n{said}");
    }
    assert!(said.contains(&format!("approved {short}, which is still open")), "{said}");
    let size = desk.json("attest release status --home alice")["size"].as_u64().unwrap();
    let line = format!("`attest release revoke --suspend bob --from-index {size}`");
    assert!(said.contains(&line), "{line} is missing in\n{said}");
    for beyond in [
        "attest release rotate --home alice bob --compromised-from 999999",
        "attest release revoke --home alice --suspend bob --from-index 999999 --reason x --yes",
    ] {
        desk.refused(
            2,
            &format!("expected 0 to {size}, the leaves of the log, got 999999 [index_beyond_log]"),
            beyond,
        );
    }
    let told = desk.json("attest release offboard --home alice bob --out without.toml");
    assert!(told["work"].as_array().unwrap().len() >= 8, "{told}");
    // The draft says where he still stands.
    let faults = "the root quorum: there is no identity `bob`\n  approvals in `stable` of `sim-debian`: there is no identity `bob`";
    let build = "attest release policy build without.toml --out without.cbor";
    assert!(desk.said(build).err.contains(faults), "{:?}", desk.said(build));
    desk.refused(
        1,
        "reviews in `urgent` of `sim-debian`: there is no identity `bob` [release_policy_faults]",
        build,
    );
    desk.good("sed -i 's/ bob / /; s/2 alice carol/2 alice carol dave/; /^    \"bob\",$/d' without.toml");
    desk.good(build);
}

fn a_key_is_lost(desk: &Desk, id: &str) {
    let said = desk.good("attest release rotate --home alice bob");
    assert!(
        said.contains("- family sim-debian, channel stable: approves") && !said.contains("stops counting"),
        "{said}"
    );
    let said = desk.good("attest release rotate --home alice bob --compromised-from 0");
    let short = &id["sha256:".len()..][..12];
    assert!(said.contains(&format!("approved {short}, and that stops counting")), "{said}");
    assert!(
        said.contains("- now: `attest release revoke --suspend bob --from-index 0` holds for 14 days"),
        "{said}"
    );
    assert!(
        said.contains("- for good: a succession that lists 1 key(s) as compromised from index 0"),
        "{said}"
    );
    assert!(said.contains(&format!("({short}, published at index ")), "{said}");
    assert!(said.contains(") falls: without what they said it does not count"), "{said}");
    let last = desk.json("attest release status --home alice")["size"].as_u64().unwrap();
    let told = desk.json(&format!("attest release rotate --home alice bob --compromised-from {last}"));
    assert!(!told["work"].to_string().contains("stops counting"), "{told}");
    desk.unusable("invalid digit", "attest release rotate --home alice bob --compromised-from never");
    // From now on; what he said before stands.
    let at = desk.json(&format!("attest release revoke --home carol --suspend bob --from-index {last} --reason 'His laptop is gone' --yes"));
    desk.seen(&at["indices"][0]);
    assert_eq!(at["falls"], serde_json::json!([]), "what he said before stands");
    let said = desk.good("attest release access-review --home alice");
    let line = format!("suspended by carol at index {}: the key ", at["indices"][0]);
    assert!(
        said.contains(&line) && said.contains(&format!(" of bob, from index {last} on, until ")),
        "{said}"
    );
    let told = desk.json("attest release access-review --home alice");
    assert_eq!(
        (&told["suspensions"][0]["identity"], &told["suspensions"][0]["by"]),
        (&"bob".into(), &"carol".into())
    );
    assert_eq!(told["builders"][0]["builder"], "hermetic", "{told}");
    assert_eq!(
        desk.json(&format!("attest release verify --home alice {id}"))["counts"].as_bool(),
        Some(true)
    );
    let next = desk.request("2026.11.3", "stable", "");
    desk.refused(
        1,
        "the key is suspended [statement_key_suspended]",
        &format!("attest release approve --home bob {next} --recomputed --yes"),
    );
    // And one more time, which she may not alone.
    desk.refused(
        1,
        "One person suspends a key once [suspension_renewed_alone]",
        "attest release revoke --home carol --suspend bob --reason 'Still gone' --key none",
    );
}

/// The draft, the new key in it, two of the root: a policy that everybody follows.
fn another_key(desk: &Desk, open: &str) {
    let last = desk.json("attest release status --home alice")["size"].as_u64().unwrap();
    let said = desk
        .good(&format!("attest release rotate --home alice bob --compromised-from {last} --out next.toml"));
    assert!(said.contains("- next.toml: put the new key in, then `attest release policy build`"), "{said}");
    assert!(desk.text("next.toml").contains("[compromised]"));
    // Who forgets it is told.
    let build = "attest release policy build next.toml --out early.cbor";
    assert_eq!(desk.json(build)["silent"], serde_json::json!(["bob"]));
    assert!(
        desk.good(&format!("rm early.cbor && {build}"))
            .contains("nobody can speak for `bob` under this policy")
    );
    desk.good("ssh-keygen -q -t ecdsa -N '' -C bob -f bob.new");
    desk.good("sed -i 's/organisation = \"dave\"/organisation = \"acme\"/' next.toml");
    desk.good("old=$(cut -d' ' -f1,2 bob.ssh.pub) && new=$(cut -d' ' -f1,2 bob.new.pub) && sed -i \"s|$old|$new|\" next.toml");
    let built = desk.json("attest release policy build next.toml --out next.cbor");
    assert_eq!((built["version"].as_u64(), built["out"].as_str()), (Some(2), Some("next.cbor")));
    assert_eq!(built["silent"], serde_json::json!([]));
    // Nobody signs what they have not seen, and without a terminal nobody is asked.
    let sign = |who: &str| format!("attest release policy sign --home {who} next.cbor --out {who}.cbor");
    desk.refused(2, "there is no terminal to ask in; --yes says yes [nobody_to_ask]", &sign("alice"));
    for who in ["alice", "carol", "dave"] {
        let said = desk.good(&format!("{} --yes", sign(who)));
        let is_told =
            |begins: &str, has: &str| said.lines().any(|line| line.starts_with(begins) && line.contains(has));
        assert!(is_told("- identities.bob.keys: ", "key ssh-ed25519 SHA256:"), "{said}");
        assert!(is_told("+ identities.bob.keys: ", "key ecdsa-sha2-nistp256 SHA256:"), "{said}");
        assert!(is_told("+ version: 2", "") && is_told(&format!("{who} wants sha256:"), ""), "{said}");
    }
    let changes =
        |more: &str| desk.json(&format!("attest release policy diff --home alice next.cbor {more}"));
    let by_file = changes("--before policy/policy.cbor");
    assert_eq!(changes("")["changes"], by_file["changes"], "as the log has it, and as a file has it");
    assert!(by_file["ends"].is_null() && changes("")["ends"].is_array(), "{by_file}");
    // Who signs it hears which request it ends, and by whom that was approved.
    let ending = |told: &serde_json::Value| told["ends_requests"].to_string().contains(open);
    assert!(by_file["ends_requests"].is_null() && ending(&changes("")), "{}", changes(""));
    // Beside another policy that has the change already, it would be shown as nothing.
    desk.refused(
        1,
        "[succession_does_not_follow]",
        "attest release policy diff --home alice next.cbor --before next.cbor",
    );
    desk.refused(
        1,
        "[succession_does_not_follow]",
        "attest release policy sign --home alice next.cbor --before next.cbor --yes --out unseen.cbor",
    );
    desk.good("test ! -e unseen.cbor");
    let succeed =
        |statements: &str| format!("attest release policy succeed --home alice next.cbor {statements}");
    desk.refused(
        1,
        "alice said so, and that is not enough [succession_quorum_not_met]",
        &succeed("--statement alice.cbor --statement dave.cbor"),
    );
    let told = desk.json(&succeed("--statement alice.cbor --statement carol.cbor"));
    assert!(ending(&told), "{told}");
    desk.seen(&told["index"]);
    let succeeded = told["index"].clone();
    // That is a word of hers, too.
    let told_last = desk.json("attest release access-review --home alice");
    let carol = told_last["identities"].as_array().unwrap().iter().find(|one| one["identity"] == "carol");
    assert_eq!(carol.map(|carol| &carol["last_index"]), Some(&told["index"]), "{told_last}");
    let shown = desk.good("attest release policy show --home alice");
    assert!(shown.contains("version = 2") && shown.contains("ecdsa-sha2-nistp256 "), "{shown}");
    // What was asked for under the policy before is told as dead, where it stands and by what.
    let told = desk.json(&format!("attest release status --home alice {open}"))["requests"][0].clone();
    assert_eq!(
        (&told["standing"]["state"], &told["standing"]["dead"]),
        (&"submitted".into(), &true.into()),
        "{told}"
    );
    let gone = format!(
        "asked for at index {} under version 1 of the policy, whose place version 2 took at index {}",
        told["index"], succeeded
    );
    let codes: Vec<&str> = told["standing"]["failing"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect();
    assert!(
        codes.contains(&"release_policy_not_followed") && told.to_string().contains(&gone),
        "{gone}\n{told}"
    );
    let status = desk.good(&format!("attest release status --home alice {open}"));
    assert!(status.contains("    dead: asked for at index "), "{status}");
    // He is himself again, by the new key alone; what was asked for under the policy before is asked for again.
    let id = desk.request("2026.11.4", "stable", "");
    let approve = format!("attest release approve --home bob {id} --recomputed --yes");
    desk.refused(
        2,
        "the key is nobody's in the policy, and one of `bob` is needed [statement_key_mismatch]",
        &approve,
    );
    desk.good(&format!("{approve} --key bob.new"));
    desk.good(&format!("attest release approve --home alice {id} --recomputed --yes"));
    desk.until(&id, "quorate");
    desk.good(&format!("{} --policy policy/policy.cbor --out old", asked("old", "stable")));
    desk.refused(
        1,
        "it is under the policy sha256: [policy_mismatch]",
        "attest release submit --home ci old",
    );
}

fn vendors(desk: &Desk) {
    let said = desk.good("attest release rotate --home alice hermetic --out vendor.toml");
    assert!(
        said.contains("- family sim-debian, channel stable: builds, as https://")
            && said.contains("- vendor.toml: put the new key in"),
        "{said}"
    );
    let said = desk.good("attest release rotate --home alice hermetic --compromised-from 0");
    assert!(
        said.contains("falls: without what they said it does not count")
            && said.contains(" --suspend hermetic "),
        "what was built by another one with its key: {said}"
    );
    // A key that signs releases is nobody's word: nobody suspends it.
    let said = desk.good("attest release rotate --home alice sim-debian-corim");
    for line in [
        "- signing key for corim of sim-debian, in pkcs11:token=release;object=corim\n",
        " is open and to be signed with it: ask for it anew under the next policy\n",
        "- release 2026.11.1 of sim-debian (",
        " is signed with it, and goes on counting",
        "- devices that check such signatures themselves",
    ] {
        assert!(said.contains(line), "{line} is missing in\n{said}");
    }
    assert!(!said.contains("nobody suspends it"), "{said}");
    let said = desk.good("attest release rotate --home alice sim-debian-corim --compromised-from 0");
    assert!(said.contains("- now: nobody suspends it") && !said.contains("--suspend"), "{said}");
    assert_eq!(desk.good("attest release rotate --home alice other"), "- witness of the log, outside\n");
    // Everybody of an organisation, each by name.
    let said = desk.good("attest release rotate --home alice acme --compromised-from 0");
    assert!(said.lines().any(|line| line.starts_with("- dave: ")) && !said.contains("bob"), "{said}");
    desk.refused(
        2,
        "the policy knows no `nobody`: no identity, signing key, witness or organisation [identity_unknown]",
        "attest release rotate --home alice nobody",
    );
    desk.refused(
        2,
        "witness or organisation; did you mean `dave`? [identity_unknown]",
        "attest release rotate --home alice dav",
    );
}
