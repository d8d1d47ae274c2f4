//! Calls of Watch.

use std::time::Duration;

use attest_proto::release::v1::watch_log_response::What;
use attest_proto::release::v1::{WatchLogRequest, WatchRequest};
use tokio::time::timeout;
use tonic::Code;

use crate::client::{id, refusal};
use crate::organisation::id_of;
use crate::watched::Watched;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_is_written_down_is_told_at_once_and_checkpoints_after_it() {
    let mut w = Watched::with(|config| config.limits.shutdown_seconds = 600).await;
    let r = w.request("a");
    w.client.submit(&r, "a").await.unwrap();
    let asked = WatchLogRequest { from: 1 };
    let mut log = w.client.log.watch(asked).await.unwrap().into_inner();
    let mut events = w.client.mailbox.watch(WatchRequest { from: 1 }).await.unwrap().into_inner();
    let event = timeout(SOON, events.message()).await.unwrap().unwrap().unwrap().event.unwrap();
    assert_eq!((event.index, event.what.as_str(), event.requests), (1, "submitted", vec![id(id_of(&r))]));
    w.client.approve("alice", &r).await.unwrap();
    let event = timeout(SOON, events.message()).await.unwrap().unwrap().unwrap().event.unwrap();
    assert_eq!((event.index, event.what.as_str()), (2, "approved"));
    refusal(w.client.approve("dave", &r).await);
    let event = timeout(SOON, events.message()).await.unwrap().unwrap().unwrap().event.unwrap();
    assert_eq!((event.what.as_str(), event.because.as_str()), ("denied", "approver_not_named"));
    // Every leaf once and in order; a checkpoint only behind all that it is over.
    let (mut next, mut size) = (1, 0);
    while size < 4 {
        match timeout(SOON, log.message()).await.unwrap().unwrap().unwrap().what.unwrap() {
            What::Leaf(leaf) => {
                assert_eq!(leaf.index, next);
                next += 1;
            }
            What::Checkpoint(note) => {
                size = String::from_utf8(note).unwrap().lines().nth(1).unwrap().parse().unwrap();
                assert!(size <= next);
            }
        }
    }
    assert_eq!(next, 4);
    // The server does not wait for watchers when it stops.
    timeout(SOON, w.server.stop()).await.unwrap();
    let ended = timeout(SOON, events.message()).await.unwrap();
    assert!(!matches!(ended, Ok(Some(_))));
}

#[tokio::test]
async fn a_checkpoint_is_told_behind_all_that_it_is_over() {
    let mut w = Watched::new().await;
    w.fill(0..300).await;
    w.published(301).await;
    let mut log = w.client.log.watch(WatchLogRequest { from: 0 }).await.unwrap().into_inner();
    for index in 0..301 {
        let what = timeout(SOON, log.message()).await.unwrap().unwrap().unwrap().what.unwrap();
        assert!(matches!(what, What::Leaf(leaf) if leaf.index == index), "{index}");
    }
    let what = timeout(SOON, log.message()).await.unwrap().unwrap().unwrap().what.unwrap();
    assert!(matches!(what, What::Checkpoint(_)));
}

#[tokio::test]
async fn a53_watchers_are_bounded() {
    let mut w = Watched::new().await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(w.client.log.watch(WatchLogRequest { from: 0 }).await.unwrap());
    }
    let one_more = w.client.log.watch(WatchLogRequest { from: 0 }).await;
    assert_eq!(refusal(one_more), (Code::ResourceExhausted, "too_many_watchers".to_owned()));
    drop(open);
    // Their places are free again.
    for _ in 0..1_200 {
        if w.client.log.watch(WatchLogRequest { from: 0 }).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the places of watchers that are gone are not free");
}
