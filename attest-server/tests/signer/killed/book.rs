//! What is known of the log, and what must be in it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use attest_core::release::ObjectId;
use attest_core::release::form::ReleaseKey;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object;
use attest_core::release::request::Request;
use attest_proto::release::v1::{GetLeavesRequest, GetObjectRequest};
use tokio::time::sleep;

use super::PATIENCE;
use crate::client::Client;
use crate::organisation::id_of;
use crate::spy::Spy;
use crate::stage::LIMITS;

/// What is known of the log, and what must be in it.
pub(super) struct Book {
    pub(super) client: Client,
    /// Every published leaf, as it was seen first.
    pub(super) leaves: Vec<Vec<u8>>,
    pub(super) events: Vec<Event>,
    /// What was told, by its place.
    pub(super) told: BTreeMap<u64, Event>,
    /// What each request lists, by its id.
    pub(super) listed: BTreeMap<ObjectId, ObjectId>,
}

impl Book {
    pub(super) fn new(client: Client) -> Self {
        let (leaves, events, told, listed) = <(Vec<_>, Vec<_>, BTreeMap<_, _>, BTreeMap<_, _>)>::default();
        Self { client, leaves, events, told, listed }
    }

    /// Reads on, until somebody answers.
    pub(super) async fn read(&mut self) {
        let began = Instant::now();
        loop {
            let first = u64::try_from(self.leaves.len()).unwrap();
            match self.client.log.get_leaves(GetLeavesRequest { first, count: 1_000 }).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    for leaf in answer.leaves {
                        self.events.push(object::read::<Leaf>(&leaf, LIMITS).unwrap().event);
                        self.leaves.push(leaf);
                    }
                    let size = u64::try_from(self.leaves.len()).unwrap();
                    // Inv. 13: what was published is not taken back.
                    assert!(answer.size >= size, "the log shrank from {size} to {}", answer.size);
                    if answer.size == size {
                        return;
                    }
                }
                Err(status) => {
                    assert!(began.elapsed() < PATIENCE, "{status}");
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    pub(super) fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is_it(event)).count()
    }

    pub(super) fn attempts(&self, id: ObjectId) -> usize {
        self.count(|event| matches!(event, Event::Attempted { request } if *request == id))
    }

    pub(super) fn signed(&self, id: ObjectId) -> Vec<ObjectId> {
        let of = |event: &Event| match event {
            Event::Signed { request, signatures } if *request == id => Some(*signatures),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// What must hold at any time.
    pub(super) async fn check(&mut self, spy: &Spy) {
        // First what the HSM was asked, then what the witnesses saw: an attempt is there before it is used.
        let calls = spy.calls();
        self.read().await;
        for (index, event) in &self.told {
            let is = self.events.get(usize::try_from(*index).unwrap());
            assert!(is.is_none_or(|is| is == event), "leaf {index} is {is:?}, and {event:?} was told");
        }
        let attempts = self.count(|event| matches!(event, Event::Attempted { .. }));
        assert!(calls.begun <= attempts, "{} calls of the HSM, {attempts} attempts", calls.begun);
        for digest in &calls.signed {
            assert!(self.listed.values().any(|listed| listed == digest), "nobody approved {digest}");
        }
        for (id, listed) in &self.listed {
            let calls = calls.signed.iter().filter(|digest| *digest == listed).count();
            assert!(calls <= self.attempts(*id), "{calls} calls for {id}, {} attempts", self.attempts(*id));
            assert!(self.signed(*id).len() <= 1, "{id} is signed for twice");
        }
    }

    /// In the end: every request once, whole, and by the key that people approved.
    pub(super) async fn close(&mut self, spy: &Spy, key: &ReleaseKey, asked: &[(Request, Vec<u8>)]) {
        self.check(spy).await;
        let last = *self.told.keys().last().unwrap();
        assert!(u64::try_from(self.leaves.len()).unwrap() > last, "something that was told is lost");
        assert_eq!(self.client.leaves().await, self.leaves, "the log is not what it was");
        assert_eq!(self.count(|event| matches!(event, Event::Denied { .. })), 0);
        let calls = spy.calls();
        for (request, to_be_signed) in asked {
            let id = id_of(request);
            let submitted =
                self.count(|event| matches!(event, Event::Submitted { request, .. } if *request == id));
            let approved =
                self.count(|event| matches!(event, Event::Approved { requests, .. } if requests[..] == [id]));
            let published =
                self.count(|event| matches!(event, Event::Published { request, .. } if *request == id));
            assert_eq!((submitted, approved, self.signed(id).len(), published), (1, 2, 1, 1), "{id}");
            assert!((1..=16).contains(&self.attempts(id)), "{id}: {} attempts", self.attempts(id));
            assert!(calls.signed.contains(&self.listed[&id]), "{id} was signed by nobody");
            let digests = self.object(self.signed(id)[0].as_bytes()).await;
            assert!(key.verifies(to_be_signed, &self.object(&digests).await), "{id}");
        }
    }

    pub(super) async fn object(&mut self, id: &[u8]) -> Vec<u8> {
        self.client.log.get_object(GetObjectRequest { id: id.to_vec() }).await.unwrap().into_inner().object
    }
}
