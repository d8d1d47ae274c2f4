//! The real server and devices with software TPMs, judged by what an organisation released.

#[expect(dead_code, reason = "the server's own tests need more of it")]
#[path = "../../attest-server/tests/server/organisation.rs"]
mod organisation;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use attest_core::Limits;
use attest_core::reference::Golden;
use attest_proto::v1::Status;
use attest_tests::{FAMILY, Member, Server, Site, binary, names, run};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use organisation::Organisation;
use tpm_sim::boot::debian::Parts;

fn golden(site: &Site) -> Golden {
    let text = fs::read_to_string(site.path("golden.toml")).unwrap();
    Golden::parse(&text, &Limits::DEFAULT).unwrap()
}

/// A configuration whose only family is judged by `golden`.
fn write_config(site: &Site, organisation: &Organisation, golden: &str) {
    let config = format!(
        "data_directory = {data:?}\n[enrollment]\nek_roots = [{roots:?}]\n\
         [releases]\nauthority = {authority:?}\nfolder = {log:?}\n[families.{FAMILY}]\ngolden = {golden:?}\n",
        data = site.path("data"),
        roots = site.path("learned/ek-root.pem"),
        authority = organisation.authority(),
        log = site.path("log"),
    );
    fs::write(site.path("released.toml"), config).unwrap();
}

/// The claims of a token whose signature others check.
fn claims(jwt: &str) -> serde_json::Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_device_attests_against_a_release_until_it_is_revoked() {
    let site = Site::new();
    let mut organisation = Organisation::begin(&site.path("log"), FAMILY, 0);
    let release = organisation.release(&golden(&site), "stable");
    organisation.publish();
    write_config(&site, &organisation, "release");
    let server = Server::start(&["--development"], &site.path("released.toml"));
    let client = server.connect().await;
    let mut member = Member::new(&site);
    let device = member.enrol(&client).await;

    let judged = member.attest(&client, &device).await;
    assert_eq!(judged.verdict.status(), Status::Affirming, "{:#?}", judged.verdict.reasons);
    let named = judged.verdict.golden.clone().unwrap();
    assert_eq!((&*named.source, &*named.tier, named.release), ("release", "production", release.to_string()));
    assert_eq!(named.governed.unwrap().authority, organisation.authority());
    let golden = &claims(&judged.ear_jwt)["attest_golden"];
    assert_eq!((&golden["source"], &golden["tier"]), (&"release".into(), &"production".into()));
    assert_eq!(golden["release"], release.to_string());
    assert_eq!((&golden["log_index"], &golden["authority"]), (&6.into(), &organisation.authority().into()));

    // What nobody released is refused, and told against what somebody did.
    member.boot(&Parts::with_implant());
    let judged = member.attest(&client, &device).await;
    assert_eq!(judged.verdict.status(), Status::Contraindicated);
    assert!(names(&judged.verdict, "golden_mismatch"), "{:#?}", judged.verdict.reasons);
    assert_eq!(judged.verdict.golden.unwrap().release, release.to_string());
    member.boot(&Parts::new());
    assert_eq!(member.attest(&client, &device).await.verdict.status(), Status::Affirming);

    organisation.revoke("dave", release);
    organisation.publish();
    let since = Instant::now();
    let refused = loop {
        let judged = member.attest(&client, &device).await;
        if judged.verdict.status() != Status::Affirming {
            break judged;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "the revocation does not count");
    };
    println!("from the published revocation to the first refusal: {} ms", since.elapsed().as_millis());
    assert!(names(&refused.verdict, "release_withdrawn"), "{:#?}", refused.verdict.reasons);
    assert_eq!(claims(&refused.ear_jwt)["ear_status"], "contraindicated");

    // The log as it was before: refused and said, and the revocation stays.
    organisation.publish_first(usize::try_from(organisation.leaves()).unwrap() - 1, organisation::now() + 5);
    let since = Instant::now();
    while !server.log().contains("releases_log_rolled_back") {
        assert!(since.elapsed() < Duration::from_secs(60), "no alert: {}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(names(&member.attest(&client, &device).await.verdict, "release_withdrawn"));
}

#[test]
fn production_does_not_start_with_a_document_that_nobody_released() {
    let site = Site::new();
    let organisation = Organisation::begin(&site.path("log"), FAMILY, 0);
    let document = site.path("golden.toml");
    write_config(&site, &organisation, document.to_str().unwrap());
    let (code, _, error) = run(&mut serve(&site.path("released.toml")));
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("a document that nobody released"), "{error}");
}

fn serve(config: &Path) -> Command {
    let mut command = Command::new(binary("attest-server", "attest"));
    command.args(["serve", "--development", "--config"]).arg(config);
    command
}
