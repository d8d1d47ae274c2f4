//! `approve`, by hand, in a terminal, by ssh-agent, and ten requests at once.

use std::time::{Duration, Instant};

use crate::stage::{Desk, asked};

pub(super) fn approvals_that_are_refused(desk: &Desk, id: &str) {
    let by =
        |who: &str, more: &str| format!("attest release approve --home {who} {id} --recomputed --yes {more}");
    let key = |file: &str, whose: &str| {
        format!("{file}: the key is {whose}, and one of `alice` is needed [statement_key_mismatch]")
    };
    desk.refused(2, &key("bob.ssh", "`bob`'s"), &by("alice", "--key bob.ssh"));
    desk.good("ssh-keygen -q -t ed25519 -N '' -f stranger.ssh");
    desk.refused(2, &key("stranger.ssh", "nobody's in the policy"), &by("alice", "--key stranger.ssh"));
    desk.refused(
        2,
        "ssh-keygen: Couldn't load public key none.ssh: No such file or directory [not_signed]",
        &by("alice", "--key none.ssh"),
    );
    desk.refused(2, "[not_signed]", &by("alice", "--key key.json"));
    desk.refused(
        1,
        "`dave` is not named for this in the policy that is followed [role_missing]",
        &by("dave", ""),
    );
    desk.refused(
        1,
        "`ci` is not named for this in the policy that is followed [role_missing]",
        &by("ci", ""),
    );
    desk.refused(
        2,
        "there is no terminal to ask in; --yes says yes [nobody_to_ask]",
        &format!("attest release approve --home alice {id}"),
    );
    desk.refused(
        2,
        "no request begins with `beef` [request_unknown]",
        "attest release approve --home alice beef --yes",
    );
    desk.unusable("required arguments were not provided", "attest release approve --home alice --yes");
    // What she asked for herself.
    let own = asked("own", "stable").replace("--home ci", "--home alice");
    let own = desk.json(&own)["request"].as_str().unwrap().to_owned();
    desk.until(&own, "submitted");
    desk.refused(
        1,
        "`alice` asked for it [approval_took_part]",
        &format!("attest release approve --home alice {own} --yes"),
    );
    // An emergency beside something else.
    let urgent = desk.request("u1", "urgent", "--kind emergency");
    desk.refused(
        1,
        "emergencies and rollbacks are approved one by one [approval_batch_not_allowed]",
        &by("alice", &urgent),
    );
    for id in [own, urgent] {
        desk.good(&format!("attest release revoke --home bob {id} --reason 'Only to try it' --yes"));
        desk.until(&id, "rejected");
        desk.refused(
            1,
            "was revoked [request_revoked]",
            &format!("attest release approve --home carol {id} --yes"),
        );
    }
    let waits = desk.until(id, "submitted");
    assert_eq!(waits["approved"].as_array().map(Vec::len), Some(0), "{waits}");
}

pub(super) fn a_yes_in_the_terminal(desk: &Desk, id: &str) {
    let command = format!("attest release approve --home alice {id} --recomputed");
    let said = desk.typed("no", &command);
    assert!(said.code == 2 && said.out.contains("Release it, alice? [type yes]"), "{said:?}");
    assert!(said.out.contains("nothing was signed [declined]"), "{said:?}");
    let said = desk.typed("yes", &command);
    assert!(said.code == 0 && said.out.contains("approved "), "{said:?}");
    let again = desk.json(&format!("{command} --yes"));
    assert_eq!((again["already"].as_bool(), again["by"].as_str()), (Some(true), Some("alice")), "{again}");
    desk.seen(&again["index"]);
    // With less in it, it would be one more statement.
    let size = desk.json("attest release status --home alice")["size"].clone();
    let said = desk.good(&format!("attest release approve --home alice {id} --yes"));
    assert!(
        said.ends_with(&format!(": you already did, at index {} of the log\n", again["index"])),
        "{said}"
    );
    let told = desk.json(&format!("attest release approve --home alice {id} --yes"));
    assert_eq!((told["already"].as_bool(), &told["index"]), (Some(true), &again["index"]), "{told}");
    let next = desk.request("after", "stable", "");
    let grown = desk.json("attest release status --home alice")["size"].clone();
    assert_eq!(grown.as_u64(), size.as_u64().map(|size| size + 1), "only the request came to it");
    // What is new beside it is approved alone.
    let told = desk.json(&format!("attest release approve --home alice {id} {next} --recomputed --yes"));
    assert_eq!(
        (&told["approved"], &told["before"]),
        (&serde_json::json!([next]), &serde_json::json!([id])),
        "{told}"
    );
    desk.good(&format!("attest release revoke --home bob {next} --reason 'Only to try it' --yes"));
    desk.until(&next, "rejected");
}

/// The file has the public half alone; the other half is in the agent.
pub(super) fn by_ssh_agent(desk: &mut Desk, id: &str) {
    let socket = desk.agent("bob.ssh");
    desk.good("mv bob.ssh bob.hidden");
    let command = format!("attest release approve --home bob {id} --recomputed --yes --key bob.ssh.pub");
    desk.refused(2, "[not_signed]", &command);
    let told = desk.json(&format!("SSH_AUTH_SOCK={socket} {command}"));
    assert_eq!((told["by"].as_str(), told["already"].as_bool()), (Some("bob"), Some(false)), "{told}");
    desk.good("mv bob.hidden bob.ssh");
    desk.until(id, "quorate");
    let grant = desk.good("attest release who-can-sign-now --home alice");
    assert!(
        grant.starts_with("sim-debian-corim: once, for ") && grant.contains("by the word of alice, bob"),
        "{grant}"
    );
    let grants = desk.json("attest release who-can-sign-now --home alice");
    assert_eq!(
        (grants["grants"][0]["request"].as_str(), grants["grants"].as_array().map(Vec::len)),
        (Some(id), Some(1))
    );
    desk.good(&format!("attest release revoke --home alice {id} --reason 'Only to try it' --yes"));
    desk.until(id, "rejected");
    let nobody = desk.good("attest release who-can-sign-now --home alice");
    assert_eq!(nobody, "nobody: no request is quorate, and there is no other right to sign\n");
}

pub(super) fn ten_at_once(desk: &Desk) {
    let ids: Vec<String> = (0..10).map(|number| desk.request(&format!("t{number}"), "stable", "")).collect();
    let before = Instant::now();
    desk.good("attest release status --home alice");
    // As fast as the machine is.
    let most = Duration::from_secs(60).max(before.elapsed() * 100);
    let began = Instant::now();
    let shown = desk.good("attest release approve --home alice --all --recomputed --yes");
    for id in &ids {
        assert!(shown.contains(id.strip_prefix("sha256:").unwrap().get(..12).unwrap()), "{shown}");
    }
    desk.until(&ids[9], "submitted");
    // A file, which somebody else may carry.
    let told = desk.json("attest release approve --home bob --all --recomputed --yes --out bob.cbor");
    assert_eq!((told["approved"].as_array().map(Vec::len), told["index"].as_u64()), (Some(10), None));
    let told = desk.json("attest release approve --home bob --all --recomputed --yes");
    assert_eq!(told["approved"].as_array().map(Vec::len), Some(10));
    for id in &ids {
        desk.until(id, "quorate");
    }
    assert!(began.elapsed() < most, "ten requests took {:?}", began.elapsed());
    assert_eq!(desk.good("attest release approve --home bob --all --yes"), "nothing waits for you\n");
    assert_eq!(
        desk.json("attest release approve --home bob --all --yes")["approved"].as_array().map(Vec::len),
        Some(0)
    );
    assert_eq!(
        desk.json("attest release who-can-sign-now --home carol")["grants"].as_array().map(Vec::len),
        Some(10)
    );
}
