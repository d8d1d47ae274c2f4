//! Devices judged by released golden values: from a log's folder, over HTTP, and by a revocation that no log has.

mod delivered;
mod held_back;
mod resets;
mod served;
mod unkept;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use attest_core::audit::tile;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::{Golden, golden, learn};
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::policy::Tier;
use attest_core::release::{ObjectId, object};
use attest_core::{Limits, Timestamp};
use attest_proto::v1::{self, releases_client::ReleasesClient};
use attest_server::config::{Config, Releases};
use attest_server::server;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::harness::{Clients, EVENT_LOG, FAMILY, Server, refusal, refusing};
use crate::organisation::{Organisation, REVIEW, now};
use crate::soft_tpm::SoftTpm;

/// What comes by itself comes in this time, on any machine that tests run on. Nothing that lasts for minutes is waited for.
const SOON: Duration = Duration::from_secs(60);

/// Golden values of the captured boot, or of one with another boot loader.
pub(crate) fn golden(is_own: bool) -> Golden {
    let log = EventLog::parse(EVENT_LOG, &Limits::DEFAULT).unwrap();
    let evidence = golden::Evidence::Quoted;
    let boot = learn::Boot { name: "good", log: &log, userspace: None, evidence, files: None };
    let mut golden = learn::learn(FAMILY, &[boot], &learn::Choices::default()).unwrap();
    if !is_own {
        let slots = golden.variants.iter_mut().flat_map(|variant| &mut variant.sequences);
        for digest in slots.flat_map(|sequence| &mut sequence.slots).flat_map(|slot| &mut slot.digests) {
            *digest = digest.alg().hash(&[b"another", digest.as_bytes()]);
        }
    }
    golden
}

/// An organisation with a log, a server that pins it, and an enrolled device that boots well.
pub(crate) struct Fleet {
    pub(crate) organisation: Organisation,
    pub(crate) log: PathBuf,
    pub(crate) server: Server,
    clients: Clients,
    tpm: SoftTpm,
    device: String,
}

pub(crate) fn by_releases(
    config: &mut Config,
    authority: String,
    folder: Option<&Path>,
    url: Option<String>,
) {
    config.releases = Some(Releases {
        authority,
        folder: folder.map(Path::to_owned),
        url,
        ca: None,
        refresh_milliseconds: 200,
        accepted_tiers: vec![Tier::Production, Tier::Emergency],
        production: true,
    });
    config.families.get_mut(FAMILY).unwrap().golden = "release".into();
}

impl Fleet {
    pub(crate) async fn new(prepare: impl FnOnce(&mut Organisation)) -> Self {
        Self::with(0, prepare, |_| {}).await
    }

    async fn with(
        ago: u64,
        prepare: impl FnOnce(&mut Organisation),
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut organisation = None;
        let mut log = PathBuf::new();
        let server = Server::start_with(|config| {
            log = config.data_directory.with_file_name("log");
            let mut own = Organisation::begin(&log, FAMILY, ago);
            prepare(&mut own);
            own.publish();
            by_releases(config, own.authority(), Some(&log), None);
            change(config);
            organisation = Some(own);
        })
        .await;
        let mut clients = server.clients().await;
        let mut tpm = SoftTpm::new(&server.maker);
        let device = clients.enroll(&mut tpm).await.unwrap();
        Self { organisation: organisation.unwrap(), log, server, clients, tpm, device }
    }

    async fn restart(mut self) -> Self {
        self.server = self.server.restart().await;
        self.clients = self.server.clients().await;
        self
    }

    async fn attest(&mut self) -> v1::VerifyResponse {
        self.clients.attest(&self.device, &self.tpm).await.unwrap()
    }

    pub(crate) async fn verdict(&mut self) -> v1::Verdict {
        self.attest().await.verdict.unwrap()
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.server.running.grpc()))
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    async fn releases(&self) -> ReleasesClient<Channel> {
        ReleasesClient::new(self.channel().await)
    }

    /// Whether its last verdict holds no longer, by each of the three calls that tell it.
    async fn stale(&self) -> [bool; 3] {
        let mut devices = self.clients.devices.clone();
        let device_id = self.device.clone();
        let last = v1::LastVerdictRequest { device_id: device_id.clone() };
        let last = devices.last_verdict(last).await.unwrap().into_inner();
        let one = devices.get(v1::GetRequest { device_id }).await.unwrap().into_inner();
        let all = devices.list(v1::ListRequest::default()).await.unwrap().into_inner();
        [last.stale, one.device.unwrap().stale, all.devices[0].stale]
    }

    async fn state(&self) -> v1::GetStateResponse {
        self.releases().await.get_state(v1::GetStateRequest {}).await.unwrap().into_inner()
    }

    /// Whether the log is followed without an alert.
    async fn is_healthy(&self) -> bool {
        let mut health = HealthClient::new(self.channel().await);
        let request = HealthCheckRequest { service: "attest.releases".to_owned() };
        health.check(request).await.unwrap().into_inner().status == 1
    }

    /// Waits until something is so.
    async fn until(&self, what: &str, is_so: impl AsyncFn(&Self) -> bool) -> Duration {
        let since = Instant::now();
        while !is_so(self).await {
            assert!(since.elapsed() < SOON, "{what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        since.elapsed()
    }

    async fn hold(&self, revocation: Vec<u8>) -> Result<(), tonic::Status> {
        self.hold_with(revocation, Vec::new()).await
    }

    /// The same with the request that it is about.
    async fn hold_with(&self, revocation: Vec<u8>, request: Vec<u8>) -> Result<(), tonic::Status> {
        let asked = v1::HoldRevocationRequest { revocation, request };
        self.releases().await.hold_revocation(asked).await.map(|_| ())
    }
}

fn is_of(verdict: &v1::Verdict, id: ObjectId) -> bool {
    verdict.golden.as_ref().unwrap().release == id.to_string()
}

#[tokio::test]
async fn a_verdict_names_its_release_until_it_is_revoked_in_the_log() {
    let mut ids = Vec::new();
    let mut fleet = Fleet::new(|organisation| {
        ids.extend([true, false].map(|is_own| organisation.release(&golden(is_own), "stable")));
    })
    .await;
    let response = fleet.attest().await;
    let verdict = response.verdict.clone().unwrap();
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:?}", verdict.reasons);
    let named = verdict.golden.clone().unwrap();
    assert_eq!((&*named.source, &*named.tier, named.release), ("release", "production", ids[0].to_string()));
    let governed = named.governed.unwrap();
    assert_eq!((governed.authority.clone(), governed.log_index), (fleet.organisation.authority(), 6));
    assert_eq!((&*governed.version, governed.security_version, governed.gates.len()), ("2026.11.1", 1, 13));

    let claims = response.ear_jwt.split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let golden = &claims["attest_golden"];
    assert_eq!((golden["source"].as_str(), golden["tier"].as_str()), (Some("release"), Some("production")));
    assert_eq!(golden["authority"], fleet.organisation.authority());
    assert_eq!((golden["log_index"].as_u64(), golden["security_version"].as_u64()), (Some(6), Some(1)));

    fleet.organisation.revoke("dave", ids[0]);
    fleet.organisation.publish();
    let since = Instant::now();
    let (verdict, rounds) = loop {
        let verdict = fleet.verdict().await;
        if verdict.status() != v1::Status::Affirming {
            break (verdict, since.elapsed());
        }
        assert!(since.elapsed() < SOON, "the revocation does not count");
    };
    println!("from the published revocation to the first refusal: {} ms", rounds.as_millis());
    assert_eq!(verdict.status(), v1::Status::Contraindicated);
    assert_eq!(refusing(&verdict), ["release_revoked"]);
    assert!(is_of(&verdict, ids[0]));
}

#[tokio::test]
async fn a_revocation_that_is_handed_in_counts_logged_or_not() {
    let mut id = None;
    let mut fleet = Fleet::new(|organisation| id = Some(organisation.release(&golden(true), "stable"))).await;
    let id = id.unwrap();
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    // Who may not revoke, what is none, and what is about nothing.
    let refused = fleet.hold(fleet.organisation.revocation("alice", id)).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "revocation_does_not_count".to_owned()));
    let refused = fleet.hold(b"revoke everything".to_vec()).await;
    assert_eq!(refusal(refused).0, Code::InvalidArgument);
    let elsewhere = fleet.organisation.revocation("dave", ObjectId::of(b"elsewhere"));
    assert_eq!(refusal(fleet.hold(elsewhere).await).1, "releases_request_unknown");
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);

    let statement = fleet.organisation.revocation("dave", id);
    fleet.hold(statement.clone()).await.unwrap();
    fleet.hold(statement).await.unwrap();
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    // Neither what is written later nor a restart takes it back: not even that his key may be stolen since before.
    fleet.organisation.suspend("dave", "dave");
    fleet.organisation.publish();
    let leaves = fleet.organisation.leaves();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    let mut fleet = fleet.restart().await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
}

#[tokio::test]
async fn inv11_an_emergency_waits_for_the_time_and_lapses_by_the_clock() {
    // A slow machine gets more time.
    let mut emergency = None;
    for lasts in [8, 40, 200] {
        emergency = emergency_that_lasts(lasts).await;
        if emergency.is_some() {
            break;
        }
    }
    let (mut fleet, expires) = emergency.expect("it lapsed before the time was known");
    // No message from anybody.
    while now() <= expires {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let verdict = fleet.verdict().await;
    assert_eq!((verdict.status(), refusing(&verdict)), (v1::Status::Contraindicated, vec!["release_lapsed"]));
}

/// A device that is affirmed by an emergency, which lapses so many seconds from now, once the time is known; and when its verdict expires.
/// Nothing where it lapsed before.
async fn emergency_that_lasts(seconds: u64) -> Option<(Fleet, u64)> {
    let until = now() + seconds;
    let release = |organisation: &mut Organisation| {
        organisation.release(&golden(true), "urgent");
    };
    let mut fleet = Fleet::with(REVIEW - seconds, release, |_| {}).await;
    let early = fleet.verdict().await;
    if now() >= until {
        return None;
    }
    assert_eq!(refusing(&early), ["release_clock_unconfirmed"], "nobody knows the time yet");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    fleet.organisation.publish();
    fleet.until("the clock is confirmed", async |fleet| fleet.state().await.clock_confirmed).await;
    let response = fleet.attest().await;
    if now() >= until {
        return None;
    }
    let verdict = response.verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:?}", refusing(&verdict));
    assert!(verdict.reasons.iter().any(|reason| reason.code == "emergency_release_unreviewed"));
    assert_eq!(verdict.golden.unwrap().tier, "emergency");
    let expires = u64::try_from(response.expires_at.unwrap().seconds).unwrap();
    assert!(expires <= now() + seconds, "a verdict does not outlive its release");
    Some((fleet, expires))
}

#[tokio::test]
async fn inv16_a_development_release_is_not_production_s() {
    let release = |organisation: &mut Organisation| {
        organisation.release(&golden(true), "lab");
    };
    let mut fleet = Fleet::new(release).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_tier_not_accepted"]);
    let accepts = |config: &mut Config| {
        config.releases.as_mut().unwrap().production = false;
        config.families.get_mut(FAMILY).unwrap().accepted_tiers = Some(vec![Tier::Dev]);
    };
    let mut fleet = Fleet::with(0, release, accepts).await;
    let verdict = fleet.verdict().await;
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:?}", refusing(&verdict));
    assert_eq!(verdict.golden.unwrap().tier, "dev");
    assert!(verdict.development && verdict.reasons.iter().any(|one| one.code == "release_low_assurance"));
    // What this verifier lets in no access system does, unless it says so itself.
    let ear = fleet.attest().await.ear_jwt;
    let claims = URL_SAFE_NO_PAD.decode(ear.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["attest_development"], true, "{claims}");
}

/// What was affirmed stays readable, and says that it no longer holds, to whoever asks after the device.
#[tokio::test]
async fn a54_a_good_verdict_is_stale_once_its_release_is_revoked() {
    let mut id = None;
    let mut fleet = Fleet::new(|organisation| id = Some(organisation.release(&golden(true), "stable"))).await;
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    assert_eq!(fleet.stale().await, [false; 3]);
    fleet.organisation.revoke("dave", id.unwrap());
    fleet.organisation.publish();
    fleet.until("the revocation counts", async |fleet| fleet.stale().await == [true; 3]).await;
    // What is refused now is refused now.
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    assert_eq!(fleet.stale().await, [false; 3]);
}

#[tokio::test]
async fn a_bundle_that_is_withheld_is_missed_and_asked_for_again() {
    let mut fleet = Fleet::new(|_| {}).await;
    let before = refusing(&fleet.verdict().await).join(" ");
    assert_eq!(before, "release_missing");
    let held_back = fleet.log.with_file_name("held-back");
    let mut later = fleet.organisation.in_folder(&held_back);
    let id = later.release(&golden(true), "stable");
    // Everything but the objects.
    let mut published = later.clone();
    published = Organisation::clone(&published.in_folder(&fleet.log.with_file_name("copy")));
    published.publish();
    let copy = |name: &str| {
        let (from, to) = (fleet.log.with_file_name("copy").join(name), fleet.log.join(name));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    };
    copy(&format!("tile/entries/000.p/{}", later.leaves()));
    copy("checkpoint");
    let leaves = later.leaves();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_missing"]);
    for object in std::fs::read_dir(held_back.join("object")).unwrap() {
        let object = object.unwrap();
        std::fs::copy(object.path(), fleet.log.join("object").join(object.file_name())).unwrap();
    }
    fleet.until("the bundle is found", async |fleet| fleet.state().await.releases[FAMILY] == 1).await;
    assert!(is_of(&fleet.verdict().await, id));
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
}

#[tokio::test]
async fn a50_production_does_not_start_with_a_document() {
    let server = Server::start().await;
    let mut config = server.config.clone();
    let folder = server.folder.path().join("log");
    let organisation = Organisation::begin(&folder, FAMILY, 0);
    let golden = config.families[FAMILY].golden.clone();
    by_releases(&mut config, organisation.authority(), Some(&folder), None);
    config.families.get_mut(FAMILY).unwrap().golden = golden;
    let Err(error) = server::start(config).await else { panic!("it started") };
    assert!(error.to_string().contains("a document that nobody released"), "{error}");
}
