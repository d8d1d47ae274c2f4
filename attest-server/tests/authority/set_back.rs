//! Data and log of a server put back together, as a machine's snapshot is: only its witnesses know of what came later.

use std::path::Path;
use std::time::{Duration, Instant};

use attest_proto::v1::releases_client::ReleasesClient;
use attest_proto::v1::{GetStateRequest, GetStateResponse};
use attest_server::config::{Config, Releases};
use attest_server::server::Running;
use attest_server::witness;
use tokio::time::sleep;

use crate::client::Client;
use crate::organisation::request;
use crate::site::Site;
use crate::watched::published;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A server that keeps the log and judges by it.
fn config(site: &Site, witnesses: &[std::net::SocketAddr]) -> Config {
    let mut config = site.config(true, witnesses);
    config.releases = Some(Releases {
        authority: site.pin.to_string(),
        folder: Some(site.path("log")),
        url: None,
        ca: None,
        refresh_milliseconds: 50,
        accepted_tiers: vec![attest_core::release::policy::Tier::Production],
        production: false,
    });
    config
}

/// The first state that is as it should be.
async fn state(site: &Site, server: &Running, is_it: impl Fn(&GetStateResponse) -> bool) -> GetStateResponse {
    let mut client = ReleasesClient::new(site.connect(server.grpc()).await);
    let since = Instant::now();
    loop {
        let told = client.get_state(GetStateRequest {}).await.unwrap().into_inner();
        if is_it(&told) {
            return told;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{told:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A server that runs again with what it had when its log had one leaf, and not two; one of its witnesses may be put back, too.
async fn put_back(site: &Site, is_one_witness_put_back: bool) -> (Running, [witness::Running; 2]) {
    let mut witnesses = [site.witness(1).await, site.witness(2).await];
    let serve = async |witnesses: &[witness::Running; 2]| {
        site.serve(config(site, &witnesses.each_ref().map(|witness| witness.address()))).await
    };
    let server = serve(&witnesses).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    published(&mut client, 1).await;
    state(site, &server, |told| told.leaves == 1).await;
    server.stop().await;
    let all = ["log", "data", "w2"];
    for folder in all {
        copy(&site.path(folder), &site.path(&format!("old-{folder}")));
    }
    let server = serve(&witnesses).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    client.submit(&request(site.pin, site.pin, "one"), "one").await.unwrap();
    published(&mut client, 2).await;
    state(site, &server, |told| told.leaves == 2).await;
    server.stop().await;
    let [first, second] = witnesses;
    second.stop().await;
    for folder in all.into_iter().take(if is_one_witness_put_back { 3 } else { 2 }) {
        std::fs::rename(site.path(folder), site.path(&format!("new-{folder}"))).unwrap();
        std::fs::rename(site.path(&format!("old-{folder}")), site.path(folder)).unwrap();
    }
    witnesses = [first, site.witness(2).await];
    (serve(&witnesses).await, witnesses)
}

#[tokio::test(flavor = "multi_thread")]
async fn a68_a_log_that_its_witnesses_know_more_of_counts_no_more() {
    let site = Site::new(2, 2);
    let (server, _witnesses) = put_back(&site, false).await;
    // It looks like the newest one; what both witnesses say is heard, and it stays like that.
    state(&site, &server, |told| told.leaves == 0).await;
    sleep(Duration::from_millis(500)).await;
    state(&site, &server, |told| told.leaves == 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_witness_that_says_so_stops_nothing() {
    let site = Site::new(2, 2);
    let (server, _witnesses) = put_back(&site, true).await;
    sleep(Duration::from_secs(2)).await;
    state(&site, &server, |told| told.leaves == 1).await;
    server.stop().await;
}
