//! A device with two roots of trust: its TPM quotes what booted, and another one signs a token. One bundle, one verdict.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use attest_proto::v1;
use attest_tests::{FAMILY, Member, Server, Site, binary, names, run};
use tpm_sim::boot::debian::Parts;
use tpm_sim::client::{self, Challenge, Evidence, Judgement, Token};
use tpm_sim::root_of_trust::RootOfTrust;

/// An enrolled device, with both of its roots of trust, and a server whose golden values judge both.
struct Machine {
    site: Site,
    _server: Server,
    client: client::Server,
    member: Member,
    root_of_trust: RootOfTrust,
    id: String,
}

/// Where that root of trust's key is.
const KEY: &str = "root-of-trust.pem";

/// Golden values learned from good boots, and from a good token.
fn site() -> (Site, RootOfTrust) {
    let site = Site::new();
    let root_of_trust = RootOfTrust::open(&site.path(KEY)).unwrap();
    let nonce = [0x5a; 32];
    site.judge_tokens(&root_of_trust.token(&nonce).unwrap(), &root_of_trust.public_key_pem(), &nonce);
    (site, root_of_trust)
}

impl Machine {
    async fn new() -> Machine {
        let (site, root_of_trust) = site();
        let server = site.serve();
        let (client, member) = (server.connect().await, Member::new(&site));
        let id = member.enrol(&client).await;
        client.enrol_token_key(&id, root_of_trust.public_key()).await.unwrap();
        Machine { site, _server: server, client, member, root_of_trust, id }
    }

    async fn challenge(&self) -> Challenge {
        self.client.challenge(&self.id, &self.member.subject_key).await.unwrap()
    }

    async fn verify(&self, challenge: &Challenge, tokens: Vec<Vec<u8>>) -> Judgement {
        let token = |token| Token { token, key_identity: Vec::new() };
        let tokens = tokens.into_iter().map(token).collect();
        let evidence = Evidence { tokens, ..self.member.answer(challenge) };
        self.client.verify(&challenge.id, evidence).await.unwrap()
    }

    async fn verify_collection(&self, challenge: &Challenge, tokens: Vec<Vec<u8>>) -> Judgement {
        let token = |token| Token { token, key_identity: Vec::new() };
        let tokens = tokens.into_iter().map(token).collect();
        let evidence = Evidence { tokens, is_collection: true, ..self.member.answer(challenge) };
        self.client.verify(&challenge.id, evidence).await.unwrap()
    }

    async fn attest_collection(&self) -> Judgement {
        let challenge = self.challenge().await;
        let token = self.root_of_trust.token(&challenge.nonce).unwrap();
        self.verify_collection(&challenge, vec![token]).await
    }

    /// Quote and token for one challenge.
    async fn attest(&self) -> Judgement {
        let challenge = self.challenge().await;
        let token = self.root_of_trust.token(&challenge.nonce).unwrap();
        self.verify(&challenge, vec![token]).await
    }
}

fn statuses(judgement: &Judgement) -> (v1::Status, v1::Status, Vec<v1::Status>) {
    let verdict = &judgement.verdict;
    let part = |part: &Option<v1::Part>| part.as_ref().map_or(v1::Status::Unspecified, v1::Part::status);
    (verdict.status(), part(&verdict.boot), verdict.tokens.iter().map(|token| part(&token.part)).collect())
}

const AFFIRMING: v1::Status = v1::Status::Affirming;
const REFUSED: v1::Status = v1::Status::Contraindicated;

#[tokio::test]
async fn quote_and_token_are_one_verdict() {
    let mut machine = Machine::new().await;
    let judgement = machine.attest().await;
    assert_eq!(
        statuses(&judgement),
        (AFFIRMING, AFFIRMING, vec![AFFIRMING]),
        "{:#?}",
        judgement.verdict.reasons
    );
    // The signed result has a part for each.
    let claims = judgement.ear_jwt.split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&decoded(claims)).unwrap();
    let submodules = claims["submods"].as_object().unwrap();
    let affirming = submodules.values().filter(|part| part["ear_status"] == "affirming").count();
    assert!(submodules.contains_key("boot") && submodules.len() >= 3 && affirming >= 3, "{claims:#}");

    // A good token is no excuse for a bad boot.
    machine.member.boot(&Parts::with_implant());
    let judgement = machine.attest().await;
    assert_eq!(statuses(&judgement), (REFUSED, REFUSED, vec![AFFIRMING]));
    // Nor a good boot for a bad token.
    machine.member.boot(&Parts::new());
    machine.root_of_trust.software[0].content = b"a boot loader with an implant".to_vec();
    let judgement = machine.attest().await;
    assert_eq!(statuses(&judgement), (REFUSED, AFFIRMING, vec![REFUSED]), "{:#?}", judgement.verdict.reasons);
}

#[tokio::test]
async fn a_token_that_is_asked_for_cannot_be_left_out() {
    let machine = Machine::new().await;
    let judgement = machine.member.attest(&machine.client, &machine.id).await;
    assert_eq!(judgement.verdict.status(), REFUSED);
    assert!(names(&judgement.verdict, "token_missing"), "{:#?}", judgement.verdict.reasons);
}

/// Why it refused, in the code of who found it.
fn detail(judgement: &Judgement) -> String {
    assert_eq!(judgement.verdict.status(), REFUSED);
    let refusing = judgement.verdict.reasons.iter().find(|reason| reason.severity == "refuse").unwrap();
    refusing.detail_code.clone()
}

#[tokio::test]
async fn a27a_a_token_that_is_not_this_devices_or_not_of_now_takes_everything_with_it() {
    let machine = Machine::new().await;
    let challenge = machine.challenge().await;
    let foreign = RootOfTrust::fresh().unwrap().token(&challenge.nonce).unwrap();
    assert_eq!(detail(&machine.verify(&challenge, vec![foreign]).await), "signature_invalid");
    let replayed = machine.root_of_trust.token(&challenge.nonce).unwrap();
    let challenge = machine.challenge().await;
    assert_eq!(detail(&machine.verify(&challenge, vec![replayed.clone()]).await), "nonce_mismatch");
    let challenge = machine.challenge().await;
    let good = machine.root_of_trust.token(&challenge.nonce).unwrap();
    assert_eq!(detail(&machine.verify(&challenge, vec![good, replayed]).await), "nonce_mismatch");
    let challenge = machine.challenge().await;
    let mut cut = machine.root_of_trust.token(&challenge.nonce).unwrap();
    cut.truncate(cut.len() - 9);
    assert!(!detail(&machine.verify(&challenge, vec![cut]).await).is_empty());
    // Another device with a root of trust of its own does not vouch with this one's.
    let other = Member::new(&machine.site);
    let id = other.enrol(&machine.client).await;
    machine.client.enrol_token_key(&id, RootOfTrust::fresh().unwrap().public_key()).await.unwrap();
    let challenge = machine.client.challenge(&id, &other.subject_key).await.unwrap();
    let token = machine.root_of_trust.token(&challenge.nonce).unwrap();
    let tokens = vec![Token { token, key_identity: Vec::new() }];
    let evidence = Evidence { tokens, ..other.answer(&challenge) };
    let judgement = machine.client.verify(&challenge.id, evidence).await.unwrap();
    assert_eq!(detail(&judgement), "signature_invalid");
    // And its key stays its device's.
    let taken = machine.client.enrol_token_key(&id, machine.root_of_trust.public_key()).await;
    assert_eq!(taken.unwrap_err().reason(), Some("token_key_enrolled_with_another_device"));
}

/// TPM evidence and a token in one collection: one verdict, and a lie in either refuses.
#[tokio::test]
async fn quote_logs_and_token_are_one_collection_and_one_verdict() {
    let mut machine = Machine::new().await;
    let judgement = machine.attest_collection().await;
    let judged = (AFFIRMING, AFFIRMING, vec![AFFIRMING]);
    assert_eq!(statuses(&judgement), judged, "{:#?}", judgement.verdict.reasons);
    machine.member.boot(&Parts::with_implant());
    assert_eq!(statuses(&machine.attest_collection().await), (REFUSED, REFUSED, vec![AFFIRMING]));
    machine.member.boot(&Parts::new());
    machine.root_of_trust.lifecycle = 0x5000;
    assert_eq!(statuses(&machine.attest_collection().await), (REFUSED, AFFIRMING, vec![REFUSED]));
    machine.root_of_trust.lifecycle = 0x3000;
    assert_eq!(statuses(&machine.attest_collection().await), judged);
}

#[tokio::test]
async fn a27a_what_is_not_this_devices_or_not_of_now_refuses_its_collection() {
    let machine = Machine::new().await;
    let challenge = machine.challenge().await;
    let old_token = machine.root_of_trust.token(&challenge.nonce).unwrap();
    let old_answer = machine.member.answer(&challenge);
    let foreign = RootOfTrust::fresh().unwrap().token(&challenge.nonce).unwrap();
    assert_eq!(detail(&machine.verify_collection(&challenge, vec![foreign]).await), "signature_invalid");
    let challenge = machine.challenge().await;
    assert_eq!(
        detail(&machine.verify_collection(&challenge, vec![old_token.clone()]).await),
        "nonce_mismatch"
    );
    // The quote of another challenge beside a fresh token.
    let challenge = machine.challenge().await;
    let token = |token| Token { token, key_identity: Vec::new() };
    let fresh = token(machine.root_of_trust.token(&challenge.nonce).unwrap());
    let mixed = Evidence { tokens: vec![fresh.clone()], is_collection: true, ..old_answer };
    assert_eq!(detail(&machine.client.verify(&challenge.id, mixed).await.unwrap()), "nonce_mismatch");
    // Without its token, and without its quote.
    let challenge = machine.challenge().await;
    let judgement = machine.verify_collection(&challenge, Vec::new()).await;
    assert!(names(&judgement.verdict, "token_missing"), "{:#?}", judgement.verdict.reasons);
    let challenge = machine.challenge().await;
    let alone = machine.root_of_trust.token(&challenge.nonce).unwrap();
    let alone = client::collection(&[("t".to_owned(), "application/eat+cwt".to_owned(), alone)]);
    let sent = v1::Evidence { cmw: Some(alone), ..v1::Evidence::default() };
    assert_eq!(detail(&machine.client.judge(&challenge.id, sent).await.unwrap()), "quote_missing");
    // Another device's TPM and this one's root of trust.
    let other = Member::new(&machine.site);
    let id = other.enrol(&machine.client).await;
    machine.client.enrol_token_key(&id, RootOfTrust::fresh().unwrap().public_key()).await.unwrap();
    machine.client.enrol_token_key(&id, RootOfTrust::fresh().unwrap().public_key()).await.unwrap();
    let challenge = machine.client.challenge(&id, &other.subject_key).await.unwrap();
    let stolen = token(machine.root_of_trust.token(&challenge.nonce).unwrap());
    let evidence = Evidence { tokens: vec![stolen], is_collection: true, ..other.answer(&challenge) };
    let judgement = machine.client.verify(&challenge.id, evidence).await.unwrap();
    assert_eq!(detail(&judgement), "token_key_unknown");
    // Two stories in one request.
    let challenge = machine.challenge().await;
    let cmw = Some(machine.member.answer(&challenge).collection());
    let twice = v1::Evidence { cmw, event_log: Some(Vec::new()), ..v1::Evidence::default() };
    let refused = machine.client.judge(&challenge.id, twice).await.unwrap_err();
    assert_eq!(refused.reason(), Some("evidence_twice"));
}

#[tokio::test]
async fn a_root_of_trust_that_is_debugged_is_refused() {
    let mut machine = Machine::new().await;
    machine.root_of_trust.lifecycle = 0x5000;
    let judgement = machine.attest().await;
    assert_eq!(statuses(&judgement), (REFUSED, AFFIRMING, vec![REFUSED]));
}

/// The agent of a real machine asks a program for the token.
#[tokio::test]
async fn the_agent_sends_what_another_root_of_trust_says() {
    let (site, root_of_trust) = site();
    let (server, member) = (site.serve(), Member::new(&site));
    let path = |name: &str| site.path(name).to_str().unwrap().to_owned();
    fs::write(path("intermediate.pem"), site.maker().intermediate_pem().unwrap()).unwrap();
    fs::write(path("log"), member.record.log.bytes()).unwrap();
    fs::write(path("ima"), member.record.ima.bytes()).unwrap();
    let simulator = binary("tpm-sim", "tpm-sim");
    for (name, key) in [("ask", KEY), ("ask-another", "another.pem")] {
        let text = format!("#!/bin/sh\nexec {} token --key {} \"$1\"\n", simulator.display(), path(key));
        fs::write(path(name), text).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o700)).unwrap();
    }
    let agent = |command: &str, arguments: &[&str]| {
        let mut agent = Command::new(binary("tpm-sim", "attest-agent"));
        agent.arg(command).args(["--tcti", &member.tpm.tcti(), "--server", &server.url()]);
        run(agent.args(["--state-dir", &path("agent")]).args(arguments))
    };
    let enrol = ["--family", FAMILY, "--intermediates", &path("intermediate.pem")];
    let (code, id, words) = agent("enrol", &enrol);
    assert_eq!(code, 0, "{words}");
    let client = server.connect().await;
    let identity = client.enrol_token_key(id.trim(), root_of_trust.public_key()).await.unwrap();
    let identity: String = identity.iter().map(|byte| format!("{byte:02x}")).collect();

    let attest = |arguments: &[&str]| {
        let given = ["--event-log", &path("log"), "--ima", &path("ima"), "--out", &path("token.jwt")];
        agent("attest", &[&given, arguments].concat())
    };
    for more in [&[][..], &["--token-key", &identity], &["--cmw"]] {
        let (code, text, words) = attest(&[&["--token-program", &path("ask")], more].concat());
        assert_eq!(code, 0, "{text}{words}");
        assert!(text.starts_with("affirming"), "{text}");
    }
    let (code, text, _) = attest(&[]);
    assert_eq!((code, text.contains("token_missing")), (1, true), "{text}");
    let (code, text, _) = attest(&["--token-program", &path("ask-another")]);
    assert_eq!((code, text.contains("evidence_not_authentic")), (1, true), "{text}");
    // A program that says nothing is a fault of this machine, and nothing is sent.
    let (code, _, words) = attest(&["--token-program", "/bin/false"]);
    assert_eq!((code, words.contains("made no token")), (2, true), "{words}");
    let (code, _, words) =
        attest(&["--token-program", &path("ask"), "--token-key", &identity, "--token-key", "00"]);
    assert_eq!((code, words.contains("in the same order")), (2, true), "{words}");
}

/// A maker's CoRIM is no golden document, and becomes one: what it says reaches a verdict.
#[test]
fn a_makers_corim_becomes_golden_values_that_judge() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (mut root_of_trust, maker) = (RootOfTrust::fresh().unwrap(), RootOfTrust::fresh().unwrap());
    fs::write(path("key.pem"), root_of_trust.public_key_pem()).unwrap();
    fs::write(path("maker.pem"), maker.public_key_pem()).unwrap();
    fs::write(path("maker.corim"), root_of_trust.endorsements()).unwrap();
    fs::write(path("signed.corim"), root_of_trust.signed_endorsements(&maker).unwrap()).unwrap();
    let attest = |arguments: &[&str]| {
        let (code, text, words) = run(Command::new(binary("attest-server", "attest")).args(arguments));
        (code, text + &words)
    };
    let (corim, signed, golden) = (path("maker.corim"), path("signed.corim"), path("golden.toml"));
    let import = ["golden", "import", "--family", "sensor", "--out", &golden];
    let (code, text) = attest(&[&import[..], &[&corim]].concat());
    assert_eq!((code, text.contains("1 known set(s)")), (0, true), "{text}");

    let nonce = [0x77; 32];
    let nonce_hex = "77".repeat(32);
    let (token, key) = (path("token"), path("key.pem"));
    let judged = |token_bytes: Vec<u8>, golden: &str| {
        fs::write(&token, token_bytes).unwrap();
        let with = ["--token", &token, "--token-key", &key, "--nonce", &nonce_hex];
        attest(&[&["verify", "--family", "sensor", "--golden", golden][..], &with].concat())
    };
    let good = root_of_trust.token(&nonce).unwrap();
    let (code, text) = judged(good.clone(), &golden);
    assert_eq!((code, text.starts_with("affirming")), (0, true), "{text}");
    root_of_trust.software[1].version = "1.4.1";
    let (code, text) = judged(root_of_trust.token(&nonce).unwrap(), &golden);
    assert_eq!((code, text.contains("token_component_mismatch")), (1, true), "{text}");
    // As it is, it is none, and says so.
    let (code, text) = judged(good, &corim);
    assert_eq!((code, text.contains("corim_profile_foreign")), (2, true), "{text}");

    // A signature is asked for, or there is none.
    let implementation = fs::read_to_string(&golden).unwrap();
    let implementation = implementation.split("implementation_id = [\"").nth(1).unwrap();
    let implementation = &implementation[..64];
    let by = |corim: &str, key: &str, implementation: &str| {
        let by = [corim, "--key", key, "--implementation", implementation];
        attest(&[&import[..], &by].concat())
    };
    assert_eq!(by(&signed, &path("maker.pem"), implementation).0, 0);
    let other = "1e".repeat(32);
    for ((code, text), wanted) in [
        (attest(&[&import[..], &[&signed]].concat()), "corim_signed"),
        (by(&corim, &path("maker.pem"), implementation), "golden_unsigned"),
        (by(&signed, &path("key.pem"), implementation), "corim_signature_invalid"),
        (by(&signed, &path("maker.pem"), &other), "corim_authority_missing"),
        (
            attest(&[&import[..], &[&corim, "--implementation", &other]].concat()),
            "import_implementation_missing",
        ),
    ] {
        assert_eq!((code, text.contains(wanted)), (2, true), "{wanted}: {text}");
    }
}

fn decoded(base64url: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(base64url).unwrap()
}
