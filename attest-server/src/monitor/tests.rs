//! What is remembered, and files that are rotated.

use std::fs;
use std::io::Write as _;

use super::*;

fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(seconds)
}

fn codes(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(Finding::code).collect()
}

#[test]
fn the_rest_of_a_rotated_file_is_read_before_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.log");
    let alert = |code: &str| format!("{{\"alert\":\"{code}\"}}\n");
    fs::write(&path, alert("one")).unwrap();
    let mut feed = Feed::new(&path, None);
    assert_eq!(codes(&feed.read().found), ["program_alert"]);
    assert_eq!(codes(&feed.read().found), [""; 0]);
    let mut old = fs::File::options().append(true).open(&path).unwrap();
    fs::rename(&path, folder.path().join("server.log.1")).unwrap();
    fs::write(&path, alert("three")).unwrap();
    old.write_all(alert("two").as_bytes()).unwrap();
    let subjects: Vec<String> = feed.read().found.iter().map(Finding::subject).collect();
    let told = |code: &str| format!("{} {code}", path.display());
    assert_eq!(subjects, [told("two"), told("three")]);
    // Known again by its mark; a file that shrank is read from its beginning.
    let mut again = Feed::new(&path, Some(feed.mark()));
    assert_eq!(codes(&again.read().found), [""; 0]);
    fs::write(&path, alert("4")).unwrap();
    assert_eq!(again.read().found.len(), 1);
}

#[test]
fn a72_a_line_without_end_hides_nothing_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.log");
    let alert = |code: &str| format!("{{\"alert\":\"{code}\"}}\n").into_bytes();
    fs::write(&path, [alert("one"), vec![b'x'; 40 << 20], b"\n".to_vec(), alert("two")].concat()).unwrap();
    let mut feed = Feed::new(&path, None);
    let found = feed.read().found;
    assert_eq!(codes(&found), ["program_alert", "feed_line_too_long", "program_alert"]);
    assert_eq!(found[1].subject(), format!("{} {}", path.display(), alert("one").len()));
    assert_eq!(codes(&feed.read().found), [""; 0]);
    // One that is not over yet is told once, also by who begins again with what is remembered.
    let mut open = fs::File::options().append(true).open(&path).unwrap();
    open.write_all(&vec![b'x'; 17 << 20]).unwrap();
    assert_eq!(codes(&feed.read().found), ["feed_line_too_long"]);
    let mark: feed::Mark = serde_json::from_str(&serde_json::to_string(&feed.mark()).unwrap()).unwrap();
    let mut again = Feed::new(&path, Some(mark));
    open.write_all(b"{}").unwrap();
    assert_eq!(codes(&again.read().found), [""; 0]);
    open.write_all(&[b"{\"alert\":\"of the line\"}\n".to_vec(), alert("three")].concat()).unwrap();
    let subjects: Vec<String> = again.read().found.iter().map(Finding::subject).collect();
    assert_eq!(subjects, [format!("{} three", path.display())]);
}

#[test]
fn a72_all_of_what_was_rotated_away_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.log");
    fs::write(&path, "{}\n").unwrap();
    let mut feed = Feed::new(&path, None);
    feed.read();
    let mut old = fs::File::options().append(true).open(&path).unwrap();
    old.write_all("{\"message\":\"much\"}\n".repeat(1 << 20).as_bytes()).unwrap();
    old.write_all(b"{\"alert\":\"last\"}\n").unwrap();
    fs::rename(&path, folder.path().join("server.log.1")).unwrap();
    // There is no other file yet.
    let codes = codes(&feed.read().found);
    assert_eq!(codes, ["program_alert", "feed_unreadable"]);
}

#[test]
fn of_a_thing_that_came_and_went_between_two_looks_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.log");
    fs::write(&path, "{\"alert\":\"a\"}\n{\"over\":\"a\"}\n{\"over\":\"b\"}\n{\"alert\":\"b\"}\n").unwrap();
    let told = Feed::new(&path, None).read();
    assert_eq!(
        told.found.iter().map(Finding::subject).collect::<Vec<_>>(),
        [format!("{} b", path.display())]
    );
    let of_a = Finding::Told { program: path.display().to_string(), code: "a".into(), detail: String::new() };
    assert_eq!(told.over, BTreeSet::from([book::id(of_a.code(), &of_a.subject())]));
}

#[test]
fn a58_what_a_program_writes_moves_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.log");
    fs::write(&path, "{\"alert\":\"a\",\"detail\":\"\\u001b[31m\"}\n").unwrap();
    assert!(!Feed::new(&path, None).read().found[0].to_string().contains('\u{1b}'));
}

#[test]
fn what_was_not_asked_is_not_over() {
    let mut book = book::Book::default();
    let none = BTreeSet::new();
    let silent = Finding::WitnessSilent { witness: "w".into(), since: at(1) };
    let lost = Finding::WitnessQuorumLost { got: 1, threshold: 2 };
    let raised = book.update(vec![silent.clone(), lost.clone()], &none, true, false, at(2));
    assert_eq!(raised.len(), 2);
    // The log could not be read, nor is it known from before.
    assert_eq!(book.update(vec![], &none, false, false, at(3)), []);
    // It is known, and was not read just now.
    let changes = book.update(vec![], &none, true, false, at(4));
    assert!(
        matches!(&changes[..], [Change::Resolved(alert)] if alert.code == "witness_silent"),
        "{changes:?}"
    );
    let changes = book.update(vec![], &none, true, true, at(5));
    assert!(
        matches!(&changes[..], [Change::Resolved(alert)] if alert.code == "witness_quorum_lost"),
        "{changes:?}"
    );
    assert_eq!(book.open().count(), 0);
}

#[test]
fn what_people_closed_comes_again_only_if_it_was_over() {
    let mut book = book::Book::default();
    let none = BTreeSet::new();
    let happened = Finding::CounterAhead { key: name("k"), used: 2, attempts: 1, accounted: 0 };
    let stands = Finding::ViewTooOld { seen: at(1) };
    let ids: Vec<String> = book
        .update(vec![happened.clone(), stands.clone()], &none, true, true, at(2))
        .iter()
        .map(|change| match change {
            Change::Raised(alert) | Change::Resolved(alert) => alert.id.clone(),
        })
        .collect();
    assert_eq!(book.acknowledge("", at(3)), None, "both begin so");
    for id in &ids {
        assert!(book.acknowledge(id, at(3)).is_some());
        assert_eq!(book.acknowledge(id, at(3)), None, "it is closed");
    }
    assert_eq!(book.update(vec![happened.clone(), stands.clone()], &none, true, true, at(4)), []);
    assert_eq!(book.update(vec![], &none, true, true, at(5)), [], "nobody waits for it any more");
    let again = book.update(vec![happened, stands], &none, true, true, at(6));
    assert!(matches!(&again[..], [Change::Raised(alert)] if alert.code == "log_too_old"), "{again:?}");
}

/// A counter whose HSM does as it is told.
struct Told(Vec<std::io::Result<u64>>);

impl SignatureCounter for Told {
    fn used(&mut self) -> std::io::Result<u64> {
        self.0.remove(0)
    }
}

#[tokio::test]
async fn a_counter_is_asked_before_the_log_and_not_believed_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let counter: Box<dyn SignatureCounter> = Box::new(Told(vec![Ok(7), Ok(7), Ok(7), Ok(7)]));
    let settings = Settings {
        authority: ObjectId::of(b"nobody"),
        source: Source::folder(&folder.path().join("log")),
        counters: [(name("k"), counter)].into(),
        accounted: BTreeMap::new(),
        feeds: Vec::new(),
        things: Vec::new(),
    };
    let mut monitor = Monitor::open(&folder.path().join("state"), settings, at(1)).unwrap();
    // Nothing is known of the log: that is told, after a while, and the count says nothing.
    for look in 1..=4 {
        let changes = monitor.look(at(look)).await;
        let expected = if look == 3 { vec!["log_unreadable"] } else { vec![] };
        let raised: Vec<&str> = changes
            .iter()
            .map(|change| match change {
                Change::Raised(alert) | Change::Resolved(alert) => alert.code.as_str(),
            })
            .collect();
        assert_eq!(raised, expected, "{look}");
        monitor.keep().unwrap();
    }
    let settings = Settings {
        authority: ObjectId::of(b"nobody"),
        source: Source::folder(&folder.path().join("log")),
        counters: BTreeMap::new(),
        accounted: BTreeMap::new(),
        feeds: Vec::new(),
        things: Vec::new(),
    };
    let other = Monitor::open(&folder.path().join("state"), settings, at(1)).err().unwrap();
    assert_eq!(other.code(), "monitor_locked");
}
