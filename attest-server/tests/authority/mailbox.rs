//! A mailbox that people hand things in to, and what is in its log.

use std::collections::BTreeMap;

use attest_core::release::ObjectId;
use attest_core::release::assemble::{Said, assemble};
use attest_core::release::bundle::Bundle;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object;
use attest_core::release::request::Request;
use attest_core::{Limits, Timestamp};
use attest_proto::release::v1::{ListWaitingRequest, Waiting};
use attest_server::server::Running;
use tonic::Code;

use crate::client::{Answer, Client};
use crate::organisation::*;
use crate::site::Site;

/// A server in development, without witnesses that answer.
pub(crate) struct Mailbox {
    pub(crate) site: Site,
    pub(crate) server: Running,
    pub(crate) client: Client,
}

impl Mailbox {
    pub(crate) async fn new() -> Self {
        Self::at(Site::new(1, 1)).await
    }

    pub(crate) async fn at(site: Site) -> Self {
        let server = site.serve(site.config(true, &[])).await;
        let client = Client::on(site.connect(server.grpc()).await);
        Self { site, server, client }
    }

    pub(crate) fn request(&self, tag: &str) -> Request {
        request(self.site.pin, self.site.pin, tag)
    }

    /// The same with something else in it.
    pub(crate) fn request_with(&self, tag: &str, change: impl FnOnce(&mut Request)) -> Request {
        let mut request = self.request(tag);
        change(&mut request);
        request
    }

    pub(crate) async fn submitted(&mut self, request: Request, tag: &str) -> Request {
        self.client.submit(&request, tag).await.unwrap();
        request
    }

    /// Signed for, in a channel that takes nobody's approval.
    pub(crate) async fn signed(&mut self, tag: &str) -> Request {
        let request = self.submitted(self.request(tag), tag).await;
        self.client.attempt(&request, 1).await.unwrap();
        self.client.signed(&request, &[b"signature"]).await.unwrap();
        request
    }

    /// Every leaf, also those that nobody witnessed.
    pub(crate) fn leaves(&self) -> Vec<Event> {
        leaves(&self.site)
    }

    /// Every object that was kept.
    pub(crate) fn kept(&self) -> BTreeMap<ObjectId, Vec<u8>> {
        let files = std::fs::read_dir(self.site.path("log/object")).unwrap();
        let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path()).unwrap();
        files.map(read).map(|object| (ObjectId::of(&object), object)).collect()
    }

    /// All that the log has for a request.
    pub(crate) fn bundle(&self, request: &Request) -> Bundle {
        let leaf = |event| bytes(&Leaf::new(Timestamp::from_unix(now()), event));
        let leaves: Vec<Vec<u8>> = self.leaves().into_iter().map(leaf).collect();
        let said = Said::of(leaves.iter().map(Vec::as_slice), &Limits::DEFAULT);
        assemble(id_of(request), &said, &self.kept(), &Limits::DEFAULT).unwrap()
    }

    pub(crate) async fn publish(&mut self, request: &Request) -> Answer {
        let bundle = bytes(&self.bundle(request));
        self.client.publish(request, &bundle).await
    }

    pub(crate) fn denials(&self) -> Vec<String> {
        denials(&self.site)
    }
}

/// Why something was turned away, of each leaf about that.
pub(crate) fn denials(site: &Site) -> Vec<String> {
    let because = |event: Event| match event {
        Event::Denied { because, .. } => Some(because.to_string()),
        _ => None,
    };
    leaves(site).into_iter().filter_map(because).collect()
}

/// Every leaf, also those that nobody witnessed.
pub(crate) fn leaves(site: &Site) -> Vec<Event> {
    let log = site.path("log/tile/entries");
    let mut widest = (0, Vec::new());
    for file in std::fs::read_dir(log.join("000.p")).unwrap() {
        let path = file.unwrap().path();
        let width: usize = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        if width > widest.0 {
            widest = (width, std::fs::read(path).unwrap());
        }
    }
    let mut bytes = widest.1.as_slice();
    let mut events = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let (leaf, rest) = rest.split_at(u16::from_be_bytes(*len).into());
        events.push(object::read::<Leaf>(leaf, &Limits::DEFAULT).unwrap().event);
        bytes = rest;
    }
    assert_eq!(events.len(), widest.0);
    events
}

pub(crate) fn precondition(code: &str) -> (Code, String) {
    (Code::FailedPrecondition, code.to_owned())
}

pub(crate) fn malformed(code: &str) -> (Code, String) {
    (Code::InvalidArgument, code.to_owned())
}

/// What waits for a person.
pub(crate) async fn waits_for(client: &mut Client, who: &str) -> Vec<Waiting> {
    let asked = ListWaitingRequest { identity: who.to_owned(), ..ListWaitingRequest::default() };
    client.mailbox.list_waiting(asked).await.unwrap().into_inner().waiting
}
