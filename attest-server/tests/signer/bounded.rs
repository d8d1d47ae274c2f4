//! What a service brings fills no memory, and keeps nobody else waiting.

use attest_core::Timestamp;
use attest_core::release::ObjectId;
use attest_core::release::policy::{Custody, Purpose};
use attest_core::release::request::{Request, ToSign};
use attest_core::release::statement::Revoked;
use attest_server::signing::Report;
use ring::signature::KeyPair as _;

use crate::organisation::{id_of, key_of, now, revocation};
use crate::stage::*;

/// One request may bring so much.
const MOST: usize = 256 << 20;

pub(crate) fn of(reports: &[Report], request: &Request) -> String {
    let id = id_of(request);
    let is_its = |report: &&Report| match report {
        Report::Attempted { request, .. }
        | Report::Failed { request, .. }
        | Report::NotQuorate { request, .. }
        | Report::Signed { request } => *request == id,
    };
    reports.iter().filter(is_its).map(|report| word(std::slice::from_ref(report))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a47_a_request_that_brings_too_much_keeps_nobody_waiting() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let token = Token::new(&[]);
    let (good, _) = stage.quorate("good").await;
    // Whoever may ask names bytes to be signed that are larger than everything else together; the server has them already.
    let large = vec![0; MOST + 1];
    let (mut greedy, objects) = stage.request("greedy", &release_key(&spki()));
    let listed = ToSign::new(KEY.try_into().unwrap(), Purpose::Raw, Custody::OnlineIntermediate, &large);
    greedy.sign = vec![listed];
    let name = ObjectId::of(&large).to_string().replace("sha256:", "");
    std::fs::write(stage.site.path("log/object").join(name), b"it is asked for elsewhere").unwrap();
    stage.ask(&greedy, objects[..2].to_vec(), &["alice", "bob"]).await;
    let mut opening = stage.opening();
    opening.brings = Some(large);
    let turns = move || {
        let mut signing = opening.open(&token, None, None).unwrap();
        let first = signing.turn().unwrap();
        let held = signing.held();
        (first, signing.turn().unwrap(), held)
    };
    let (first, _, held) = tokio::task::spawn_blocking(turns).await.unwrap();
    assert_eq!(of(&first, &greedy), "signer_request_too_large");
    assert_eq!(of(&first, &good), "attempted");
    assert!(held < 1 << 20, "{held} bytes stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a47_published_bundles_are_weighed_once_and_let_go() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let token = Token::new(&[]);
    let (one, _) = stage.quorate("one").await;
    assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signed");
    let (bundle, len) = stage.publish(&one).await;
    // The family has reached 4.
    let low = async |tag: &str| {
        let (mut low, objects) = stage.request(tag, &release_key(&spki()));
        low.security_version = 3;
        stage.ask(&low, objects, &["bob", "carol"]).await;
        low
    };
    let first = low("low").await;
    let opening = stage.opening();
    let asked = opening.asked.clone();
    let (sender, go_on) = std::sync::mpsc::channel::<()>();
    let (told, mut turns) = tokio::sync::mpsc::unbounded_channel();
    let signer = tokio::task::spawn_blocking(move || {
        let mut signing = opening.open(&token, None, None).unwrap();
        while go_on.recv().is_ok() {
            let reports = signing.turn().unwrap();
            told.send((reports, signing.held())).unwrap();
        }
    });
    let mut turn = async || {
        sender.send(()).unwrap();
        turns.recv().await.unwrap()
    };
    let times = || asked.lock().unwrap().iter().filter(|id| **id == bundle).count();
    let (reports, held) = turn().await;
    assert_eq!((of(&reports, &first).as_str(), times()), ("release_below_floor", 1));
    assert!(held < len, "{held} bytes stay, and the bundle has {len}");
    // Another checkpoint asks for none of what was weighed.
    let second = low("low2").await;
    let (reports, _) = turn().await;
    assert_eq!((of(&reports, &second).as_str(), times()), ("release_below_floor", 1));
    // Whose word counts no more is a reason to weigh all of it anew. What was reached stays reached.
    let spki_of_alice = {
        let prefix = hex::decode("302a300506032b6570032100").unwrap();
        let key = key_of(1);
        [&prefix, key.public_key().as_ref()].concat()
    };
    let until = Timestamp::from_unix(now() + 86_400);
    let lost = Revoked::Key { spki_sha256: ObjectId::of(&spki_of_alice), from_index: 0, until };
    let revocation = revocation("dave", "dave", stage.site.pin, lost);
    let index = stage.client("dave").await.revoke_with(&revocation).await.unwrap().index;
    stage.published(index).await;
    let (reports, _) = turn().await;
    assert_eq!((of(&reports, &first).as_str(), times()), ("release_below_floor", 2));
    drop(sender);
    signer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a47_bundles_are_let_go_when_the_connection_breaks_between_them() {
    let stage = Stage::new(&spki(), |_| ()).await;
    let token = Token::new(&[]);
    let mut bundles = Vec::new();
    for tag in ["one", "two"] {
        let (request, _) = stage.quorate(tag).await;
        assert_eq!(word(&stage.turns(&token, None, None).await.unwrap()), "signed");
        bundles.push(stage.publish(&request).await);
    }
    // The third is above what they have reached, if both of them are weighed.
    let (third, _) = stage.quorate("three").await;
    let [(_, len), (second, _)] = bundles[..] else { panic!("two of them") };
    let opening = stage.opening();
    let turns = move || {
        let mut signing = opening.open(&token, Some(Breaks::AtObject(second)), None).unwrap();
        let broke = signing.turn().unwrap_err();
        let held = signing.held();
        (broke, held, signing.turn().unwrap(), signing.held())
    };
    let (broke, held, reports, after) = tokio::task::spawn_blocking(turns).await.unwrap();
    assert_eq!(broke.code(), "signer_authority");
    assert_eq!(of(&reports, &third), "attempted");
    assert!(held < len + after, "{held} bytes stay with a bundle of {len}, {after} without");
}
