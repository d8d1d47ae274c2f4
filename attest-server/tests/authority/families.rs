//! Families that say who stands in their rules: by their managers, at the server and with the tool that people use.

use std::path::{Path, PathBuf};
use std::process::Command;

use attest_core::release::ObjectId;
use attest_core::release::family::FamilyChange;
use attest_core::release::request::Kind;
use attest_proto::release::v1::ChangeFamilyRequest;
use serde_json::Value;
use tonic::Code;

use crate::client::{Answer, Client, refusal};
use crate::mailbox::{Mailbox, waits_for};
use crate::organisation::*;
use crate::site::Site;
use crate::watched::Watched;

async fn change_family(client: &mut Client, change: &FamilyChange, people: &[&str]) -> Answer {
    let statements = people.iter().map(|who| bytes(&managing(who, change))).collect();
    let asked = ChangeFamilyRequest { change: bytes(change), statements };
    Ok(client.mailbox.change_family(asked).await?.into_inner())
}

fn not_now(code: &str) -> (Code, String) {
    (Code::FailedPrecondition, code.to_owned())
}

#[tokio::test]
async fn a57_a_family_changes_by_its_managers_and_within_the_policy() {
    let site = Site::new(1, 1);
    let server = site.serve(site.config(true, &[])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    let one = family_change(site.pin, &site.policy);
    for people in [&[][..], &["bob"], &["bob", "bob"], &["alice", "erin"], &[NEWCOMER, "bob"]] {
        let refused = refusal(change_family(&mut client, &one, people).await);
        assert_eq!(refused, not_now("family_quorum_not_met"), "{people:?}");
    }
    // Those who did not sign it ask nothing that takes as long as the log.
    let alone = change_family(&mut client, &one, &["bob"]).await.unwrap_err();
    assert_eq!(alone.message(), "bob said so, and that is not enough");
    let mut weak = one.clone();
    weak.channels.get_mut("stable").unwrap().approvals =
        Some("group release 1 bob carol\nquorum release".to_owned().try_into().unwrap());
    let refused = refusal(change_family(&mut client, &weak, &["bob", "carol"]).await);
    assert_eq!(refused, not_now("family_quorum_weakened"));
    let garbage = ChangeFamilyRequest { change: bytes(&one), statements: vec![b"nothing".to_vec()] };
    assert_eq!(refusal(client.mailbox.change_family(garbage).await).0, Code::InvalidArgument);
    let many = ChangeFamilyRequest { change: bytes(&one), statements: vec![Vec::new(); 257] };
    assert_eq!(refusal(client.mailbox.change_family(many).await).1, "too_many_statements");
    // What was asked for before is asked for anew.
    let before = request(site.pin, site.pin, "before");
    client.submit(&before, "before").await.unwrap();
    let first = change_family(&mut client, &one, &["bob", "carol"]).await.unwrap();
    let again = change_family(&mut client, &one, &["bob", "carol"]).await.unwrap();
    assert_eq!((again.index, again.already), (first.index, true));
    let other = FamilyChange { reason: "Another one".try_into().unwrap(), ..one.clone() };
    let refused = refusal(change_family(&mut client, &other, &["bob", "carol"]).await);
    assert_eq!(refused, not_now("family_change_does_not_follow"));
    let asked = request(site.pin, site.pin, "after");
    client.submit(&asked, "after").await.unwrap();
    assert_eq!(refusal(client.approve("alice", &asked).await), not_now("approver_not_named"));
    client.approve(NEWCOMER, &asked).await.unwrap();
    // The name is zoe's, and the key is not.
    let stolen = approval(NEWCOMER, "alice", &[&asked]);
    assert_eq!(refusal(client.approve_with(&stolen).await), not_now("statement_key_mismatch"));
    server.stop().await;
    // A new start reads the same.
    let server = site.serve(site.config(true, &[])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    assert!(change_family(&mut client, &one, &["bob", "carol"]).await.unwrap().already);
    assert_eq!(refusal(client.approve("alice", &asked).await), not_now("approver_not_named"));
    server.stop().await;
}

/// Somebody's desk.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    /// What its programs find in their environment.
    pub(crate) environment: Vec<(String, String)>,
}

impl Desk {
    fn new(w: &Watched) -> Self {
        Self::at(w.site.pin, &format!("http://{}", w.server.grpc()))
    }

    pub(crate) fn at(pin: ObjectId, server: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let text = format!("authority = \"{pin}\"\nserver = \"{server}\"\n");
        std::fs::write(folder.path().join("release.toml"), text).unwrap();
        for who in ["alice", "bob", "carol", "dave", "erin", NEWCOMER] {
            let key = folder.path().join(who);
            std::fs::write(&key, private_of(who)).unwrap();
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        std::fs::write(folder.path().join("zoe.pub"), format!("{} zoe@desk\n", line_of(NEWCOMER))).unwrap();
        Self { folder, environment: Vec::new() }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The exit code and what it says to programs, with files of the desk.
    pub(crate) fn run(&self, words: &str) -> (i32, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
        command.current_dir(&self.folder).envs(self.environment.iter().cloned());
        command.args(["release", "--json"]).args(words.split_whitespace());
        let output = command.output().unwrap();
        let (said, wrong) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        let told = serde_json::from_slice(said).unwrap_or_else(|_| Value::String(wrong.into_owned()));
        (output.status.code().unwrap(), told)
    }

    /// What it says to people.
    pub(crate) fn told(&self, words: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
        command.current_dir(&self.folder).envs(self.environment.iter().cloned());
        let output = command.arg("release").args(words.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn done(&self, words: &str) -> Value {
        let (code, told) = self.run(words);
        assert_eq!(code, 0, "{words}: {told}");
        told
    }

    pub(crate) fn refused(&self, words: &str, because: &str) {
        let (code, told) = self.run(words);
        assert!(code != 0 && told.to_string().contains(because), "{words}: {code} {told}");
    }
}

pub(crate) fn has_ssh_keygen() -> bool {
    let there = Command::new("ssh-keygen").arg("-?").output().is_ok();
    if !there {
        eprintln!("SKIPPED: no ssh-keygen");
    }
    there
}

pub(crate) fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// Said at once, by the flag, with what was given and what is expected.
fn nonsense(desk: &Desk) {
    let enrol = "--enrol gateway.zoe=zoe.pub --organisation acme";
    for (more, code, told) in [
        (
            "--remove nobody",
            "identity_unknown",
            "--remove nobody: `nobody` stands in no rule of `gateway`; expected one of ",
        ),
        ("--replace nobody=bob", "identity_unknown", "--replace nobody=bob: `nobody` stands in no rule"),
        (
            "--replace alice=stranger",
            "identity_unknown",
            "--replace alice=stranger: nobody is called `stranger`; expected somebody",
        ),
        ("--replace alice=B!", "name_", "--replace alice=B!: expected OLD=NEW, two names: "),
        (
            "--remove bob --replace bob=carol",
            "usage",
            "--replace bob=carol: `bob` is removed or replaced already",
        ),
        ("--until tomorrow", "usage", "--until tomorrow: expected a time as 2027-01-31T00:00:00Z"),
        (
            "--until 2020-01-01T00:00:00Z",
            "usage",
            "--until 2020-01-01T00:00:00Z: expected a time after now, ",
        ),
        (
            "--enrol zoe=zoe.pub --organisation acme",
            "family_name_not_of_family",
            "--enrol zoe=zoe.pub: expected a name as gateway.NAME",
        ),
        (
            "--enrol gateway.zoe=release.toml --organisation acme",
            "ssh_",
            "release.toml: not a public key as OpenSSH writes it",
        ),
        (
            &format!("{enrol} --enrol gateway.zoe=zoe.pub"),
            "family_name_not_of_family",
            "`gateway.zoe` is somebody already",
        ),
    ] {
        let words = format!("family draft gateway --reason Leaves --out nonsense.toml {more}");
        let (exit, said) = desk.run(&words);
        let error = &said["error"];
        assert!(exit != 0 && error["code"].as_str().is_some_and(|it| it.contains(code)), "{more}: {said}");
        assert!(error["detail"].as_str().is_some_and(|it| it.contains(told)), "{more}: {said}");
        assert!(!desk.path("nonsense.toml").exists(), "{more}");
    }
    std::fs::write(desk.path("nonsense.toml"), "family = 5").unwrap();
    let (_, said) = desk.run("family build nonsense.toml --out x.cbor");
    let told = "nonsense.toml: not a change in TOML, as `family draft` writes it: line 1, column 10: ";
    assert!(said["error"]["detail"].as_str().is_some_and(|it| it.starts_with(told)), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_comes_in_the_place_of_another_by_the_tool_that_people_use() {
    if !has_ssh_keygen() {
        return;
    }
    let mut w = Watched::new().await;
    w.published(1).await;
    let desk = Desk::new(&w);
    tokio::task::block_in_place(|| {
        let words =
            format!("family draft gateway --reason Leaves --enrol {NEWCOMER}=zoe.pub --out draft.toml");
        desk.refused(&words, "--organisation");
        nonsense(&desk);
        desk.done(&format!("{words} --replace alice={NEWCOMER}"));
        let told = desk.done("family build draft.toml --out change.cbor");
        let changes: Vec<&str> =
            told["changes"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert!(changes[0].starts_with("+ gateway.zoe is gateway.zoe of acme: SHA256:"), "{changes:?}");
        let fields = told["fields"].as_array().unwrap();
        let field = |path: &str| {
            fields.iter().find(|one| one["field"] == path).unwrap_or_else(|| panic!("{path}: {fields:?}"))
        };
        let has = |value: &Value, who: &str| value.as_array().unwrap().iter().any(|one| one == who);
        let asked = field("requesters");
        assert!(has(&asked["from"], "alice") && !has(&asked["from"], NEWCOMER), "{asked}");
        assert!(!has(&asked["to"], "alice") && has(&asked["to"], NEWCOMER), "{asked}");
        assert!(
            fields.iter().all(|one| one["from"] != one["to"] && one.as_object().unwrap().len() == 3),
            "{fields:?}"
        );
        for expected in [
            "+ gateway.zoe approves in stable (release)",
            "+ gateway.zoe asks for releases",
            "+ gateway.zoe revokes",
            "- alice approves in urgent (release)",
            "- alice asks for releases",
        ] {
            assert!(changes.contains(&expected), "{expected}: {changes:?}");
        }
        assert!(!changes.contains(&"- alice revokes"), "the root named her");
        // What the policy does not let them do is said before anybody signs.
        std::fs::copy(desk.path("draft.toml"), desk.path("weak.toml")).unwrap();
        replace(&desk.path("weak.toml"), "group release 2", "group release 1");
        desk.refused("family build weak.toml --out weak.cbor", "family_quorum_weakened");
        assert!(!desk.path("weak.cbor").exists());
        // Somebody else's key, or nobody's.
        let sign = |key: &str| format!("family sign change.cbor --as bob --key {key} --out bob.cbor --yes");
        desk.refused(&sign("carol"), "carol: the key is `carol`'s, and one of `bob` is needed");
        desk.refused(&sign(NEWCOMER), "gateway.zoe: the key is `gateway.zoe`'s, and one of `bob` is needed");
        assert!(!desk.path("bob.cbor").exists());
        for who in ["bob", "carol", NEWCOMER] {
            desk.done(&format!("family sign change.cbor --as {who} --key {who} --out {who}.cbor --yes"));
        }
        let short = "family submit change.cbor --statement bob.cbor";
        desk.refused(short, "family_quorum_not_met");
        let told = desk.done(&format!("{short} --statement carol.cbor"));
        // The leaf of what was turned away stands before it.
        assert_eq!(told["index"], 2);
    });
    w.published(3).await;
    tokio::task::block_in_place(|| {
        let told = desk.done("family show gateway");
        assert_eq!(told["change"], told["is"]["previous"]);
        assert!(told["change"].is_string() && told["is"]["people"][NEWCOMER].is_object(), "{told}");
        desk.refused("family build draft.toml --out again.cbor", "family_change_does_not_follow");
        desk.refused(
            "family sign change.cbor --as bob --key bob --out again.cbor --yes",
            "family_change_does_not_follow",
        );
        let review = desk.done("access-review");
        let rows = review["identities"].as_array().unwrap();
        let zoe = rows.iter().find(|row| row["identity"] == NEWCOMER).unwrap();
        assert!(zoe["roles"].to_string().contains("channel stable: approves"), "{zoe}");
        // Who leaves is taken out by the managers; a policy without them does not carry on what names them.
        let work = desk.done("offboard bob --out next.toml")["work"].to_string();
        assert!(
            work.contains("family draft gateway --remove bob") && work.contains("is not carried on"),
            "{work}"
        );
        let next = || std::fs::read_to_string(desk.path("next.toml")).unwrap();
        assert!(!next().contains("carries"));
        desk.done("offboard reader --out next.toml");
        assert!(next().contains(&format!("carries = {}", told["change"])), "{}", next());
        // What it carries on is told in words, and what the digest is of where the log is not at hand.
        desk.done("policy build next.toml --out next.cbor");
        let change = told["change"].as_str().unwrap();
        let lines = |more: &str| desk.done(&format!("policy diff next.cbor {more}"))["carried"].clone();
        let in_words = lines("");
        let in_words: Vec<&str> =
            in_words.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let first =
            format!("+ families.gateway: `carries` is {change}, what its managers said at index 2: Leaves");
        assert_eq!(in_words[0], first);
        assert!(
            in_words.contains(&"+ families.gateway: gateway.zoe approves in stable (release)"),
            "{in_words:?}"
        );
        assert!(in_words.contains(&"- families.gateway: alice approves in urgent (release)"), "{in_words:?}");
        let policy = w.site.path("policy-1.cbor");
        let without = lines(&format!("--before {}", policy.display()));
        let line = without[0].as_str().unwrap();
        assert!(
            line.contains(change)
                && line.contains("the SHA-256 of a change that the family's managers signed"),
            "{without}"
        );
        let said = desk.told("policy diff next.cbor");
        assert!(said.contains("gateway.zoe approves in stable (release)"), "{said}");
        // One that was never followed.
        replace(&desk.path("next.toml"), change, &ObjectId::of(b"never").to_string());
        desk.done("policy build next.toml --out never.cbor");
        let never = desk.done("policy diff never.cbor")["carried"].to_string();
        assert!(never.contains("was never followed in this log"), "{never}");
        // A version floor that begins anew is told to whoever signs it, and to whoever cannot reach the log.
        replace(&desk.path("next.toml"), &ObjectId::of(b"never").to_string(), change);
        replace(&desk.path("next.toml"), "version_floor = 3", "version_floor = 1");
        desk.done("policy build next.toml --out lower.cbor");
        let (said, back) = (desk.told("policy diff lower.cbor"), "releases from 1 on may be installed again");
        assert!(
            said.contains(&format!("- resets the version floor of gateway from 3 to 1: {back}")),
            "{said}"
        );
        let told =
            &desk.done(&format!("policy diff lower.cbor --before {}", policy.display()))["resets_floors"];
        assert_eq!(*told, serde_json::json!([{ "family": "gateway", "from": null, "to": 1 }]));
        // The same check where a policy is signed, and a control.
        let sign = |key: &str, more: &str| {
            format!("policy sign next.cbor --as bob --key {key} --out bob.policy --yes {more}")
        };
        let before = format!("--before {}", policy.display());
        for more in ["", "--recovery", &before] {
            desk.refused(&sign("carol", more), "carol: the key is `carol`'s, and one of `bob` is needed");
            desk.refused(&sign(NEWCOMER, more), "gateway.zoe: the key is nobody's in the policy");
        }
        assert!(!desk.path("bob.policy").exists());
        desk.done(&sign("bob", ""));
        desk.done("control new --family gateway --for weak_roots --control Locked --until 2040-01-31T00:00:00Z --out control.cbor");
        let sign =
            |key: &str| format!("control sign control.cbor --as bob --key {key} --out bob.control --yes");
        desk.refused(&sign("carol"), "carol: the key is `carol`'s, and one of `bob` is needed");
        assert!(!desk.path("bob.control").exists());
        desk.done(&sign("bob"));
    });
}

/// A change by which these review what was let in without waiting.
fn reviewers(w: &Mailbox, people: &str) -> FamilyChange {
    let mut change = family_change(w.site.pin, &w.site.policy);
    let text = format!("group review 1 {people}\nquorum review");
    change.channels.get_mut("urgent").unwrap().review = Some(text.try_into().unwrap());
    change
}

#[tokio::test]
async fn inv12_a_review_is_of_those_who_reviewed_then_and_do_now() {
    let mut m = Mailbox::new().await;
    let urgent = m.request_with("a", |r| {
        r.kind = Kind::Emergency;
        r.channel = "urgent".try_into().unwrap();
    });
    m.client.submit(&urgent, "a").await.unwrap();
    m.client.approve("bob", &urgent).await.unwrap();
    m.client.attempt(&urgent, 1).await.unwrap();
    m.client.signed(&urgent, &[b"s"]).await.unwrap();
    m.publish(&urgent).await.unwrap();
    assert_eq!(waits_for(&mut m.client, "dave").await.len(), 1);
    // Dave is taken out, and zoe comes.
    let change = reviewers(&m, &format!("erin {NEWCOMER}"));
    change_family(&mut m.client, &change, &["bob", "carol"]).await.unwrap();
    for who in ["dave", NEWCOMER] {
        let refused = m.client.review_with(&review(who, who, &urgent)).await;
        let words = refused.as_ref().unwrap_err().message().to_owned();
        assert_eq!(refusal(refused), not_now("reviewer_not_named"), "{who}");
        assert_eq!(words.contains("by the policy under which it was asked for"), who == NEWCOMER, "{words}");
    }
    assert_eq!(waits_for(&mut m.client, "dave").await.len(), 0);
    assert_eq!(waits_for(&mut m.client, NEWCOMER).await.len(), 0);
    assert_eq!(waits_for(&mut m.client, "erin").await.len(), 1);
    m.client.review_with(&review("erin", "erin", &urgent)).await.unwrap();
    // Of what is asked for from now on she is one.
    let next = m.request_with("b", |r| {
        r.kind = Kind::Emergency;
        r.channel = "urgent".try_into().unwrap();
    });
    m.client.submit(&next, "b").await.unwrap();
    m.client.attempt(&next, 1).await.unwrap();
    m.client.signed(&next, &[b"s"]).await.unwrap();
    m.publish(&next).await.unwrap();
    m.client.review_with(&review(NEWCOMER, NEWCOMER, &next)).await.unwrap();
}
