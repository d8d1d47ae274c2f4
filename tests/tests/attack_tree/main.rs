//! The attack tree, with the real programs: what a thief gets by each key, each host and each wire that he may have. Each branch ends with nothing
//! trusted that people did not approve, with good releases in force where the design says so, and with an alert.

mod stage;
mod watching;

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use attest_core::Limits;
use attest_core::release::assemble::{Said, assemble};
use attest_core::release::form::corim::{self, Draft};
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::request::Request;
use attest_core::release::{Name, ObjectId, object};
use attest_proto::release::v1 as proto;
use attest_proto::v1::Status;
use attest_server::clock;
use attest_server::log::{NoteKey, Writer};
use attest_tests::names;
use proto::audit_log_client::AuditLogClient;
use proto::release_authority_client::ReleaseAuthorityClient;
use stage::{Stage, faketime, write};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tpm_sim::boot::debian::Parts;
use tpm_sim::client::Judgement;

const LIMITS: &Limits = &Limits::DEFAULT;

#[tokio::test]
async fn the_attack_tree() {
    let mut stage = Stage::begin().await;
    let judged = stage.until("the release is followed", |judged| is(judged, Status::Affirming)).await;
    let first = release_of(&judged);
    learn_the_implant(&mut stage);
    assert_eq!(stage.monitor.raised(), Vec::<String>::new(), "nothing is told of honest people");

    let asked = a_build_runner_is_taken_over(&mut stage).await;
    the_service_and_the_signer_are_stolen(&mut stage, &asked).await;
    the_log_operator_lies(&mut stage, &first).await;
    an_approver_s_key_is_stolen(&mut stage, &first).await;
    a_verifier_is_cut_off(&mut stage).await;
}

fn is(judged: &Judgement, status: Status) -> bool {
    judged.verdict.status() == status
}

fn release_of(judged: &Judgement) -> String {
    judged.verdict.golden.clone().expect("golden values").release
}

/// The device as delivered is affirmed, and with the implant it is refused.
async fn only_what_people_approved(stage: &mut Stage, branch: &str) {
    let judged = stage.attest(Some(&Parts::with_implant())).await;
    assert!(is(&judged, Status::Contraindicated), "{branch}: {:#?}", judged.verdict);
    let judged = stage.attest(Some(&Parts::new())).await;
    assert!(is(&judged, Status::Affirming), "{branch}: {:#?}", judged.verdict.reasons);
}

/// Golden values of what the thief would have devices run.
fn learn_the_implant(stage: &mut Stage) {
    stage.member.boot(&Parts::with_implant());
    fs::write(stage.path("implant.log"), stage.member.record.log.bytes()).expect("written");
    stage.member.boot(&Parts::new());
    stage.say(
        "attest golden learn --family sim-debian --eventlog implant.log --name implant --out implant.toml",
    );
}

/// (c) Whoever runs CI's builds has its SSH key, its certificate, and the builder's key.
async fn a_build_runner_is_taken_over(stage: &mut Stage) -> String {
    // Its provenance is as good as any, and it waits for people.
    let id = stage.request("2026.11.2", "stable", "implant.toml");
    stage.say("attest signer run --config signer.toml --once");
    assert_eq!(stage.say(&format!("standing {id}")), "submitted");
    stage.say(&format!("if attest release publish --home ci {id}; then false; fi"));
    // Where nobody is asked it is signed, and no production verifier takes it.
    let nightly = stage.request("2026.11.2", "nightly", "implant.toml");
    stage.say(&format!("signed {nightly}"));
    stage.honest_use();
    stage.show_count();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.member.boot(&Parts::with_implant());
    let since = Instant::now();
    let judged = stage.until("the nightly one is named", |judged| release_of(judged) == nightly).await;
    assert!(is(&judged, Status::Contraindicated) && names(&judged.verdict, "release_tier_not_accepted"));
    stage.monitor.alerts("(c)", since, &["device_unreleased"]);
    // Nothing at all for another family.
    let since = Instant::now();
    stage.say(
        "sed 's/sim-debian/sim-other/' implant.toml > other.toml\n\
         if attest release request --home ci --family sim-other --channel stable --release 1 --security-version 1 \
           --artifact image.bin=image.bin --golden other.toml --provenance provenance.json --reason 'Mine, too'; then false; fi",
    );
    stage.monitor.alerts("(c)", since, &["turned_away"]);
    only_what_people_approved(stage, "(c)").await;
    id
}

/// (a) The thief has the release service's host and the signer's: HSM, PIN, certificates, the log and its key.
async fn the_service_and_the_signer_are_stolen(stage: &mut Stage, asked: &str) {
    let branch = "(a)";
    // The HSM signs golden values that nobody asked for, and it counts.
    stage.say(
        "sed 's/\"implant\"/\"stolen\"/' implant.toml > stolen.toml\n! cmp -s implant.toml stolen.toml\n\
         attest golden build stolen.toml --out stolen.corim",
    );
    let key = stage.key();
    let draft = fs::read(stage.path("stolen.corim")).expect("a CoRIM");
    let signed = Draft { signer: "sim-debian", validity: None, corim: &draft }.to_be_signed(&key, LIMITS);
    let signed = signed.expect("bytes to be signed");
    let since = Instant::now();
    let signature = stage.stolen_signature(&signed);
    stage.show_count();
    let message = corim::finish(&key, &signed, &signature, LIMITS).expect("the key signed it");
    stage.monitor.alerts(branch, since, &["counter_ahead"]);
    // It turns up somewhere.
    let since = Instant::now();
    write(&stage.path("found"), &message);
    stage.monitor.alerts(branch, since, &["signature_unlogged"]);

    // An artifact: what devices check by the signature alone is good, and verifiers do not ask for it.
    let artifact = b"a boot loader that nobody released";
    let signature = stage.stolen_signature(artifact);
    assert!(key.verifies(artifact, &signature));
    let since = Instant::now();
    stage.show_count();
    write(&stage.path("found.bin"), artifact);
    write(&stage.path("found.sig"), &signature);
    stage.monitor.alerts(branch, since, &["counter_ahead", "signature_unlogged"]);

    // With the signer's certificate, for a request that nobody approved: attempt, signature, release.
    let since = Instant::now();
    let (request, id) = (request_of(stage, asked), ObjectId::from_text(asked).expect("an id"));
    let mut mailbox = ReleaseAuthorityClient::new(channel(stage, "signer").await);
    let request_id = id.as_bytes().to_vec();
    let attempt = proto::AttemptRequest { request_id: request_id.clone(), number: 1 };
    mailbox.attempt(attempt).await.expect("the service weighs no quorum");
    let bytes = stage.objects().remove(&request.sign[0].sha256).expect("what is to be signed");
    let signatures = vec![stage.stolen_signature(&bytes)];
    mailbox.signed(proto::SignedRequest { request_id: request_id.clone(), signatures }).await.expect("taken");
    let bundle = bundle_of(stage, id).await;
    let published = mailbox.publish(proto::PublishRequest { request_id, bundle }).await;
    published.expect("the service weighs no quorum");
    stage.monitor.alerts(
        branch,
        since,
        &["attempt_unfounded", "signature_unfounded", "publication_unfounded"],
    );
    stage.say(&format!(
        "if attest release verify --home bob {asked} > weighed; then false; fi\ngrep -q quorum weighed"
    ));

    // With the log's key: leaves for something that nobody asked for. Witnesses sign whatever continues the log.
    let since = Instant::now();
    let stranger = ObjectId::of(b"the thief's");
    stage.say("kill -9 $SERVER; wait $SERVER 2> /dev/null || true");
    append(
        &stage.path("data/log"),
        &stage.path("log.key"),
        &[
            Event::Attempted { request: stranger },
            Event::Signed { request: stranger, signatures: ObjectId::of(b"made") },
        ],
    );
    stage.say(
        "attest serve --json --config server.toml >> server.out 2>> server.log &\nSERVER=$!\n\
         for try in $(seq 300); do attest release status --home alice > /dev/null 2>&1 && break; sleep 0.3; done",
    );
    stage.monitor.alerts(branch, since, &["attempt_without_request", "signature_without_request"]);
    // People see the others all the same.
    stage.say("attest release status --home alice --json | jq -e '.withheld | length == 1'");
    stage.say("attest release who-can-sign-now --home alice");

    // No verifier trusts any of it, and a device that runs it is told of.
    let since = Instant::now();
    only_what_people_approved(stage, branch).await;
    let judged = stage.attest(Some(&Parts::with_cmdline())).await;
    assert!(is(&judged, Status::Contraindicated));
    stage.monitor.alerts(branch, since, &["device_unreleased"]);
    stage.attest(Some(&Parts::new())).await;
}

/// (d) The operator of the log shows verifiers another history, an older one, or one without a revocation.
async fn the_log_operator_lies(stage: &mut Stage, first: &str) {
    let branch = "(d)";
    // The same values once more, by other people: it is taken back, and the first release is not.
    let second = stage.release("2026.11.3", "stable", "golden.toml", "bob carol");
    stage.show_count();
    stage.until("the newest is followed", |judged| release_of(judged) == second).await;
    stage.cut();
    stage.say(&format!(
        "attest release revoke --home carol {second} --reason 'Taken back' --yes --out revocation\nbecomes {second} revoked"
    ));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let judged = stage.attest(None).await;
    assert_eq!(release_of(&judged), second, "what is left out is not known");
    // Brought by hand it counts all the same, and the log that the verifier sees hides it as before.
    let (leaves, since) = (stage.leaves().await, Instant::now());
    let verifier = stage.verifier.url();
    let delivered =
        stage.say(&format!("attest release deliver --home carol revocation/*.cbor --verifier {verifier}"));
    assert!(delivered.ends_with("knows it"), "{delivered}");
    let judged = stage.attest(None).await;
    assert_eq!((release_of(&judged).as_str(), judged.verdict.status()), (first, Status::Affirming));
    assert_eq!(stage.leaves().await, leaves);
    stage.monitor.alerts(branch, since, &["releases_revocation_left_out"]);

    // A second history: signed by the log's key, and by no witness.
    let since = Instant::now();
    let fork = stage.path("fork");
    let copied = std::process::Command::new("cp").arg("-a").arg(stage.path("mirror/.")).arg(&fork).status();
    assert!(copied.is_ok_and(|status| status.success()));
    let denied = Event::Denied { object: ObjectId::of(b"x"), because: Name::try_from("x").expect("a name") };
    append(&fork, &stage.path("log.key"), &[denied]);
    fs::copy(fork.join("head"), fork.join("checkpoint")).expect("copied");
    stage.link("fork");
    stage.monitor.alerts(branch, since, &["witness_quorum_not_reached"]);
    let since = Instant::now();
    write(&stage.path("found"), &fs::read(fork.join("checkpoint")).expect("a checkpoint"));
    stage.monitor.alerts(branch, since, &["log_split"]);
    only_what_people_approved(stage, branch).await;

    // The log as it was before.
    stage.connect();
    stage.until("the revocation is followed", |judged| release_of(judged) == first).await;
    stage.followed().await;
    let since = Instant::now();
    stage.link("copy-0");
    stage.monitor.alerts(branch, since, &["releases_log_rolled_back"]);
    only_what_people_approved(stage, branch).await;
    stage.connect();
}

/// (b) One approver's key and certificate are stolen.
async fn an_approver_s_key_is_stolen(stage: &mut Stage, first: &str) {
    let branch = "(b)";
    let good = stage.release("2026.11.5", "stable", "golden.toml", "bob carol");
    stage.show_count();
    let asked = stage.request("2026.11.6", "stable", "implant.toml");
    // Once, and once more with other words: one person.
    stage.say(&format!("attest release approve --home alice {asked} --yes"));
    stage.say(&format!("attest release approve --home alice {asked} --recomputed --yes"));
    stage.say("attest signer run --config signer.toml --once");
    assert_eq!(stage.say(&format!("standing {asked}")), "submitted");
    only_what_people_approved(stage, branch).await;

    // It is known to be lost: what hung on it falls, and what others approved does not.
    stage.member.boot(&Parts::new());
    stage.until("the newest is followed", |judged| release_of(judged) == good).await;
    let since = Instant::now();
    stage.say("attest release revoke --home bob --suspend alice --from-index 0 --reason 'Stolen' --yes");
    stage.monitor.alerts(branch, since, &["key_suspended", "release_fell"]);
    stage.say(&format!(
        "if attest release verify --home bob {first} > weighed; then false; fi\ngrep -q quorum weighed"
    ));
    stage.followed().await;
    only_what_people_approved(stage, branch).await;
    assert_eq!(release_of(&stage.attest(None).await), good);
    // Without that one nothing is left: the device hears why.
    stage.say(&format!("attest release revoke --home carol {good} --reason 'To see' --yes"));
    let judged = stage.until("what fell holds nothing", |judged| is(judged, Status::Contraindicated)).await;
    assert!(names(&judged.verdict, "release_withdrawn") || names(&judged.verdict, "release_missing"));
    let again = stage.release("2026.11.7", "stable", "golden.toml", "bob carol");
    stage.show_count();
    stage.until("it is approved by others", |judged| release_of(judged) == again).await;
}

/// (e) A verifier's clock is set back, its network cut, its view stale.
async fn a_verifier_is_cut_off(stage: &mut Stage) {
    let branch = "(e)";
    if faketime().is_none() {
        assert!(std::env::var_os("ATTEST_REQUIRE_FAKETIME").is_none(), "no libfaketime (Debian: faketime)");
        drop(writeln!(std::io::stderr(), "SKIPPED: {branch}: no libfaketime (Debian: faketime)"));
        return;
    }
    // An emergency, which lapses unless it is reviewed in time.
    stage.say(
        "attest golden learn --family sim-debian --eventlog learned/updated/eventlog.bin --ima learned/updated/ima.bin \
           --attest learned/updated/quote.attest --signature learned/updated/quote.sig --ak learned/updated/ak.pub \
           --pcrs learned/updated/pcrs.json --nonce $(cat learned/updated/nonce.hex) --name updated --out updated.toml",
    );
    let urgent = stage.release("2026.11.4", "urgent", "updated.toml", "bob carol");
    stage.show_count();
    stage.member.boot(&Parts::updated());
    let judged = stage.until("the emergency counts", |judged| is(judged, Status::Affirming)).await;
    assert_eq!(release_of(&judged), urgent);
    assert!(names(&judged.verdict, "emergency_release_unreviewed"));

    // Nobody brings newer checkpoints, and the clock goes back: what would lapse waits, and what people released for good does not.
    stage.cut();
    let since = Instant::now();
    stage.now("-2h");
    stage.monitor.alerts(branch, since, &["releases_clock_set_back"]);
    let judged = stage.attest(None).await;
    assert!(names(&judged.verdict, "release_withdrawn"), "{:#?}", judged.verdict.reasons);
    assert!(is(&judged, Status::Contraindicated), "{:#?}", judged.verdict.reasons);
    only_what_people_approved(stage, branch).await;
    // A newer checkpoint says what time it is.
    stage.connect();
    stage.member.boot(&Parts::updated());
    stage.until("the emergency counts again", |judged| is(judged, Status::Affirming)).await;

    // Time goes on, and the log does not: first it counts less, then for nothing; and the emergency lapses without a word from anybody.
    stage.cut();
    let since = Instant::now();
    stage.now("+30h");
    stage.member.boot(&Parts::new());
    let judged = stage.until("the view is stale", |judged| !is(judged, Status::Affirming)).await;
    assert!(is(&judged, Status::Warning) && names(&judged.verdict, "release_view_stale"));
    stage.monitor.alerts(branch, since, &["releases_view_stale"]);
    stage.now("+3d");
    stage.member.boot(&Parts::updated());
    let judged = stage.until("the emergency lapses", |judged| is(judged, Status::Contraindicated)).await;
    assert!(names(&judged.verdict, "release_withdrawn"), "{:#?}", judged.verdict.reasons);
    stage.now("+8d");
    stage.member.boot(&Parts::new());
    let judged = stage.until("the view is too old", |judged| is(judged, Status::Contraindicated)).await;
    assert!(names(&judged.verdict, "release_view_stale"), "{:#?}", judged.verdict.reasons);
}

/// A connection with somebody's certificate.
async fn channel(stage: &Stage, who: &str) -> Channel {
    let read = |name: String| fs::read(stage.path(&name)).expect("a file");
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read("ca.pem".to_owned())))
        .identity(Identity::from_pem(read(format!("{who}.pem")), read(format!("{who}.key"))));
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", stage.port)).expect("an address");
    endpoint.tls_config(tls).expect("TLS").connect().await.expect("the service answers")
}

fn request_of(stage: &Stage, id: &str) -> Request {
    let id = ObjectId::from_text(id).expect("an id");
    Request::parse(&stage.objects()[&id], LIMITS).expect("a request")
}

/// The bundle that whoever signed without asking would publish.
async fn bundle_of(stage: &Stage, id: ObjectId) -> Vec<u8> {
    let mut log = AuditLogClient::new(channel(stage, "signer").await);
    let since = Instant::now();
    loop {
        let asked = proto::GetLeavesRequest { first: 0, count: 1_000 };
        let leaves = log.get_leaves(asked).await.expect("leaves").into_inner().leaves;
        let said = Said::of(leaves.iter().map(Vec::as_slice), LIMITS);
        if said.of_request(&id).is_some_and(|about| about.signatures.is_some()) {
            let bundle = assemble(id, &said, &stage.objects(), LIMITS).expect("a bundle");
            return object::write(&bundle).expect("it can be written");
        }
        assert!(since.elapsed() < Duration::from_secs(60), "the signature is not in the log");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What the log's key can write.
fn append(folder: &std::path::Path, key: &std::path::Path, events: &[Event]) {
    let key = NoteKey::open(key).expect("the log's key");
    let mut writer = Writer::open(folder, key, LIMITS, |_, _| {}).expect("the log's folder");
    let leaf = |event: &Event| object::write(&Leaf::new(clock::now(), event.clone())).expect("a leaf");
    writer.append(&events.iter().map(leaf).collect::<Vec<_>>()).expect("leaves are written");
}
