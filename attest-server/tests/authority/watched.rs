//! A server in development with its witnesses, all in this process.

use std::time::Duration;

use attest_core::release::request::Request;
use attest_proto::release::v1::GetCheckpointRequest;
use attest_server::config::Config;
use attest_server::server::Running;
use attest_server::witness;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::organisation::request;
use crate::site::Site;

pub(crate) struct Watched {
    pub(crate) site: Site,
    pub(crate) server: Running,
    /// They end with this value.
    _witnesses: Vec<witness::Running>,
    pub(crate) client: Client,
}

impl Watched {
    /// Two of two witnesses.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with something else in the configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let site = Site::new(2, 2);
        let witnesses = vec![site.witness(1).await, site.witness(2).await];
        let addresses: Vec<_> = witnesses.iter().map(witness::Running::address).collect();
        let mut config = site.config(true, &addresses);
        change(&mut config);
        let server = site.serve(config).await;
        let client = Client::on(site.connect(server.grpc()).await);
        Self { site, server, _witnesses: witnesses, client }
    }

    pub(crate) fn request(&self, tag: &str) -> Request {
        request(self.site.pin, self.site.pin, tag)
    }

    /// The checkpoint, once it is over so many leaves.
    pub(crate) async fn published(&mut self, size: u64) -> String {
        published(&mut self.client, size).await
    }
}

pub(crate) async fn published(client: &mut Client, size: u64) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(answer) = client.log.get_checkpoint(GetCheckpointRequest {}).await {
            let note = String::from_utf8(answer.into_inner().note).unwrap();
            if note.lines().nth(1).unwrap().parse::<u64>().unwrap() >= size {
                return note;
            }
        }
        assert!(Instant::now() < until, "no checkpoint over {size} leaves");
        sleep(Duration::from_millis(50)).await;
    }
}
