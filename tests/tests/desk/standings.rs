//! Where a release stands when it is in force no more though nobody took it back: a suspended key, a lost one. And
//! what whoever suspends a key is shown before.

use crate::stage::{Desk, asked};

/// As many releases are told one by one.
const LISTED: usize = 20;

#[test]
fn releases_that_are_in_force_no_more() {
    let desk = Desk::begin();
    let ids = many(&desk, LISTED + 2);
    what_falls_is_shown_before(&desk, ids.len());
    suspended(&desk, &ids[0]);
    suspended_once(&desk);
    another_policy(&desk);
    refused(&desk, &ids[0]);
    let emergency = left_behind(&desk);
    lapsed(&desk, &emergency);
}

/// So many releases that are in force together, asked for, approved and signed in one go.
fn many(desk: &Desk, count: usize) -> Vec<String> {
    let ask = |number: usize| {
        let told = desk.json(&asked(&format!("2026.11.{number}"), "stable"));
        told["request"].as_str().expect("an id").to_owned()
    };
    let ids: Vec<String> = (1..=count).map(ask).collect();
    desk.until(&ids[count - 1], "submitted");
    for who in ["alice", "bob"] {
        desk.good(&format!("attest release approve --home {who} --all --recomputed --yes"));
    }
    for id in &ids {
        desk.until(id, "quorate");
    }
    desk.good("attest signer run --config signer.toml --once");
    for id in &ids {
        desk.until(id, "signed");
        desk.good(&format!("attest release publish --home alice {id}"));
    }
    desk.until(&ids[count - 1], "published");
    ids
}

fn suspend(who: &str, more: &str) -> String {
    format!("attest release revoke --home {who} --suspend alice --reason \"Her laptop is gone\" {more}")
}

/// One by one up to a bound, and how many more: before anything is signed.
fn what_falls_is_shown_before(desk: &Desk, count: usize) {
    let said = desk.typed("no", &suspend("carol", ""));
    assert_ne!(said.code, 0, "{said:?}");
    let (shown, asked) = said.out.split_once("Take that back, carol?").expect("it asks");
    let falls = shown.lines().filter(|line| line.trim_end().ends_with(" falls")).count();
    assert_eq!(falls, LISTED, "{shown}");
    assert!(shown.contains("  release 2026.11.") && shown.contains(" of sim-debian ("), "{shown}");
    assert!(shown.contains(&format!("  and {} more", count - LISTED)), "{shown}");
    assert!(!asked.contains("revoked at index"), "{asked}");
    let worst = desk.good("attest release rotate --home carol alice");
    let line = "- at worst, a key in other hands since its enrolment: ";
    let told = worst.lines().filter(|told| told.starts_with(line) && told.ends_with(" falls")).count();
    assert_eq!(told, LISTED, "{worst}");
    assert!(worst.contains(&format!("{line}and {} more\n", count - LISTED)), "{worst}");
    assert!(worst.contains("- if it may be in other hands: `--compromised-from INDEX` says"), "{worst}");
    let nobody = desk.good("attest release rotate --home carol dave");
    assert!(nobody.contains(&format!("{line}no release that counts now falls\n")), "{nobody}");
}

fn suspended(desk: &Desk, id: &str) {
    let told = desk.json(&suspend("carol", "--yes"));
    assert_eq!(told["falls"].as_array().map(Vec::len), Some(LISTED + 2), "{told}");
    desk.seen(&told["indices"][0]);
    let words = format!(", by `carol` at index {}; refused by quorum [", told["indices"][0]);
    let said = standing(desk, id, "suspended");
    assert!(said.starts_with("SUSPENDED, not in force: a key of `alice` until "), "{said}");
    assert!(said.contains(&words), "{words}: {said}");
    // Who leaves now leaves that behind.
    let said = desk.good("attest release offboard --home alice carol");
    let line = format!("- index {}: suspended the key ", told["indices"][0]);
    assert!(said.contains(&line) && said.contains(", which holds until "), "{line}: {said}");
}

/// One person suspends a key once, and hears so before anybody is asked and anything is signed.
fn suspended_once(desk: &Desk) {
    // Nobody could be asked here, and no such key could sign.
    let again = desk.good(&suspend("carol", "--key none"));
    assert!(again.starts_with("the key ") && again.contains(": you already did, at index "), "{again}");
    let told = desk.json(&suspend("carol", "--key none"));
    assert_eq!((told["already"].as_bool(), told["by"].as_str()), (Some(true), Some("carol")), "{told}");
    let later = desk.json(&suspend("carol", "--from-index 3"));
    assert_eq!(later["indices"], told["indices"], "less than what holds");
    let size = desk.json("attest release status --home alice")["size"].as_u64().unwrap();
    let told = desk.json(&suspend("bob", &format!("--yes --from-index {size}")));
    assert!(told["already"].is_null() && told["indices"][0].is_u64(), "another one may: {told}");
    desk.seen(&told["indices"][0]);
    desk.refused(
        1,
        "you already did, at index [suspension_renewed_alone]",
        &suspend("bob", "--from-index 0 --key none"),
    );
}

/// Alice has another key, her old one counts from the first leaf on no more.
fn another_policy(desk: &Desk) {
    desk.good("attest release rotate --home bob alice --compromised-from 0 --out next.toml");
    desk.good("ssh-keygen -q -t ed25519 -N '' -C alice -f alice.new");
    desk.good("old=$(cut -d' ' -f1,2 alice.ssh.pub) && new=$(cut -d' ' -f1,2 alice.new.pub) && sed -i \"s|$old|$new|\" next.toml");
    desk.good("attest release policy build next.toml --out next.cbor");
    for who in ["bob", "carol"] {
        desk.good(&format!("attest release policy sign --home {who} next.cbor --out {who}.next --yes"));
    }
    let told = desk.json(
        "attest release policy succeed --home bob next.cbor --statement bob.next --statement carol.next",
    );
    desk.seen(&told["index"]);
    let said = desk.good("attest release offboard --home alice bob");
    assert!(said.contains(": wanted the policy ") && said.contains(", which is followed now\n"), "{said}");
}

/// No suspension is in the policy any more: the gates alone say it.
fn refused(desk: &Desk, id: &str) {
    let said = standing(desk, id, "refused");
    let begins = ["NOT in force: published, and refused by ", "NOT in force, superseded: refused by "];
    assert!(begins.iter().any(|begins| said.starts_with(begins)), "{said}");
    assert!(said.contains("quorum [") && !said.contains("SUSPENDED"), "{said}");
    assert!(desk.text("refused/README.md").contains("**not met**: "), "what its controls say");
}

/// An emergency that waits for its review is work for whoever takes the place of one who approved it.
fn left_behind(desk: &Desk) -> String {
    let id = desk.request("2026.12.1", "urgent", "--kind emergency");
    desk.good(&format!("attest release approve --home bob {id} --recomputed --yes"));
    desk.good(&format!("attest release approve --home alice --key alice.new {id} --recomputed --yes"));
    desk.until(&id, "quorate");
    desk.good("attest signer run --config signer.toml --once");
    desk.until(&id, "signed");
    desk.good(&format!("attest release publish --home bob {id}"));
    let short = &id["sha256:".len()..][..12];
    desk.until(&id, "provisional");
    let said = desk.good("attest release offboard --home carol bob");
    assert!(said.contains(&format!("approved {short}, which counts until ")), "{said}");
    id
}

/// Three days later, a day after the review's time: nobody's message was needed for that.
fn lapsed(desk: &Desk, id: &str) {
    if desk.said("faketime -f +3d true").code != 0 {
        eprintln!("SKIPPED: no faketime");
        return;
    }
    let said = exported(desk, "faketime -f +3d ", id, "lapsed");
    assert_eq!(said, "NOT in force, lapsed: nobody reviewed it in time");
    assert!(desk.text("lapsed/README.md").contains("**not met**: "), "what its controls say");
}

/// What the export says first, on the terminal, for programs and in the folder.
fn standing(desk: &Desk, id: &str, folder: &str) -> String {
    exported(desk, "", id, folder)
}

/// The same at another time.
fn exported(desk: &Desk, at: &str, id: &str, folder: &str) -> String {
    let told = desk.json(&format!("{at}attest release export --home carol {id} --out {folder}"));
    let standing = told["standing"].as_str().expect("a standing").to_owned();
    assert_eq!(told["revoked"].as_bool(), Some(false), "{told}");
    let guide = desk.text(&format!("{folder}/README.md"));
    let first = guide.lines().find(|line| !line.starts_with('#') && !line.is_empty()).expect("a line");
    let plain = standing.replace('`', " ");
    assert_eq!(first, format!("**Standing: {plain}**"), "{guide}");
    assert!(!guide.contains("in force, published"), "{guide}");
    standing
}
