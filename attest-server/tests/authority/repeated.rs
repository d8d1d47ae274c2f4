//! Who says the same again and again, or too late: the log is not filled by it, and nobody else is kept from anything.

use attest_core::Limits;
use attest_core::release::ObjectId;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::request::{Kind, Request};
use attest_core::release::statement::{Approval, Described, ReviewStatement, Statement as _, Text};
use attest_server::log::{NoteKey, Writer};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::client::refusal;
use crate::mailbox::*;
use crate::organisation::*;
use crate::site::Site;

const DAY: u64 = 86_400;

/// The same signature in lines of another length, as anyone can write it.
fn rewritten(signature: &str) -> String {
    let (begin, rest) = signature.split_once('\n').unwrap();
    let (body, end) = rest.trim_end().rsplit_once('\n').unwrap();
    let text = body.replace('\n', "");
    let lines: Vec<&str> =
        text.as_bytes().chunks(40).map(|line| core::str::from_utf8(line).unwrap()).collect();
    format!("{begin}\n{}\n{end}\n", lines.join("\n"))
}

fn urgent(m: &Mailbox, tag: &str) -> Request {
    m.request_with(tag, |r| {
        r.kind = Kind::Emergency;
        r.channel = "urgent".try_into().unwrap();
    })
}

/// An emergency that was published.
async fn released(m: &mut Mailbox, tag: &str) -> Request {
    let r = m.submitted(urgent(m, tag), tag).await;
    m.client.attempt(&r, 1).await.unwrap();
    m.client.signed(&r, &[b"s"]).await.unwrap();
    m.publish(&r).await.unwrap();
    r
}

fn finding(request: &Request, who: &str, finding: &str) -> ReviewStatement {
    let mut review = review(who, who, request);
    review.finding = finding.try_into().unwrap();
    let text = Text::review(&review, Described { id: id_of(request), request }).unwrap();
    let place = PEOPLE.iter().position(|known| *known == who).unwrap();
    let key = key_of(u8::try_from(place + 1).unwrap());
    review.signature = sshsig(&key, ReviewStatement::NAMESPACE, text.as_str().as_bytes());
    review
}

#[tokio::test]
async fn a53_the_same_word_in_other_bytes_is_no_other_word() {
    let mut m = Mailbox::new().await;
    let r = m.submitted(m.request("a"), "a").await;
    let mut said = approval("alice", "alice", &[&r]);
    let first = m.client.approve_with(&said).await.unwrap();
    said.signature = rewritten(&said.signature);
    let again = m.client.approve_with(&said).await.unwrap();
    assert_eq!((again.index, again.already), (first.index, true));
    // Nobody says that somebody said so who did not.
    said.by = "bob".try_into().unwrap();
    assert_eq!(refusal(m.client.approve_with(&said).await), precondition("statement_key_mismatch"));
    let r = released(&mut m, "b").await;
    let mut said = review("dave", "dave", &r);
    let first = m.client.review_with(&said).await.unwrap();
    said.signature = rewritten(&said.signature);
    let again = m.client.review_with(&said).await.unwrap();
    assert_eq!((again.index, again.already), (first.index, true));
    // Neither does a new start take it for another one.
    m.server.stop().await;
    m = Mailbox::at(m.site).await;
    assert_eq!(m.client.review_with(&said).await.unwrap().index, first.index);
}

#[tokio::test]
async fn a53_one_key_says_so_much_about_a_request_and_keeps_nobody_else_from_it() {
    // Alice has a second key.
    let second = key_of(40);
    let line = format!("ssh-ed25519 {}", STANDARD.encode(ssh_public(&second)));
    let site = Site::with(1, 1, |policy| {
        let keys = policy["identities"]["alice"]["keys"].as_array_mut().unwrap();
        let mut key = keys[0].clone();
        key["key"] = json!(line);
        keys.push(key);
    });
    let mut m = Mailbox::at(site).await;
    let mut others = Vec::new();
    for tag in ["b", "c", "d", "e", "f", "g", "h", "i"] {
        others.push(m.submitted(m.request(tag), tag).await);
    }
    let r = m.submitted(m.request("a"), "a").await;
    for other in &others {
        m.client.approve_with(&approval("alice", "alice", &[&r, other])).await.unwrap();
    }
    let leaves = m.leaves().len();
    let more = approval("alice", "alice", &[&r]);
    assert_eq!(refusal(m.client.approve_with(&more).await), precondition("approvals_repeated"));
    // What she said is still what she said, and about others she says what she likes.
    let known = m.client.approve_with(&approval("alice", "alice", &[&r, &others[0]])).await.unwrap();
    assert!(known.already);
    m.client.approve("alice", &others[0]).await.unwrap();
    m.client.approve("bob", &r).await.unwrap();
    // The first key may be a thief's.
    let mut anew = more.clone();
    let text = Text::approval(&anew, &[Described { id: id_of(&r), request: &r }]).unwrap();
    anew.signature = sshsig(&second, Approval::NAMESPACE, text.as_str().as_bytes());
    m.client.approve_with(&anew).await.unwrap();
    // The refusal, and what was taken.
    assert_eq!(m.leaves().len(), leaves + 4);
}

#[tokio::test]
async fn a53_one_reviewer_says_so_much_and_keeps_no_other_from_it() {
    let mut m = Mailbox::new().await;
    let r = released(&mut m, "a").await;
    for number in 0..8 {
        let said = finding(&r, "dave", &format!("finding {number}"));
        assert!(!m.client.review_with(&said).await.unwrap().already);
    }
    let more = m.client.review_with(&finding(&r, "dave", "one more")).await;
    assert_eq!(refusal(more), precondition("reviews_repeated"));
    m.client.review_with(&review("erin", "erin", &r)).await.unwrap();
}

/// A log in which an emergency was asked for so many seconds ago, and published.
fn emergency_of(seconds: u64) -> (Site, Request) {
    let site = Site::new(1, 1);
    let mut r = request(site.pin, site.pin, "a");
    (r.kind, r.channel) = (Kind::Emergency, "urgent".try_into().unwrap());
    let key = NoteKey::open(&site.path("log.key")).unwrap();
    let mut writer = Writer::open(&site.path("log"), key, &Limits::DEFAULT, |_, _| {}).unwrap();
    let submission = bytes(&submission("ci", "ci", &r));
    let policy = std::fs::read(site.path("policy-1.cbor")).unwrap();
    for object in [&policy, &submission, &bytes(&r)] {
        writer.keep(object).unwrap();
    }
    let at = attest_core::Timestamp::from_unix(now() - seconds);
    let request = id_of(&r);
    let leaves = [
        Event::Policy { policy: site.pin, successions: vec![] },
        Event::Submitted { submission: ObjectId::of(&submission), request },
        Event::Published { request, bundle: ObjectId::of(b"bundle") },
    ];
    writer.append(&leaves.map(|event| bytes(&Leaf::new(at, event)))).unwrap();
    (site, r)
}

#[tokio::test]
async fn a71_a_review_after_its_time() {
    let (site, r) = emergency_of(2 * DAY + 1);
    let mut m = Mailbox::at(site).await;
    let late = m.client.review_with(&review("dave", "dave", &r)).await;
    assert!(late.as_ref().unwrap_err().message().starts_with("it was due until "), "{late:?}");
    assert_eq!(refusal(late), precondition("review_too_late"));
    let (site, r) = emergency_of(2 * DAY - 60);
    let mut m = Mailbox::at(site).await;
    m.client.review_with(&review("dave", "dave", &r)).await.unwrap();
}
