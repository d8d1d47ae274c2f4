//! What findings are called, how much they matter, and when two of them are the same thing.

use super::*;
use crate::audit::tree::Hash;

const NOTE: Severity = Severity::Note;
const WARNING: Severity = Severity::Warning;
const ALERT: Severity = Severity::Alert;

/// Each with its code, what it asks of people, whether it is about something that happened, and what it is about.
fn all() -> Vec<(Finding, &'static str, Severity, bool, String)> {
    let place = Place { index: 7, at: at(NOW) };
    let (request, object, policy, change) = (id("request"), id("object"), id("policy"), id("change"));
    let (time, what, because) = (at(NOW), || "what".to_owned(), || "because".to_owned());
    let (key, index) = (|| name("key"), || "7".to_owned());
    let public = signer("alice").public().canonical().clone();
    let seen = Seen { key: key(), spki_sha256: object, signed_sha256: request };
    let root = Hash::of_empty_tree();
    let of_request = || request.to_string();
    let suspended = Finding::KeySuspended { place, key: public.clone(), by: name("dave") };
    vec![
        (
            Finding::AttemptRepeated { request, place, attempts: 2, things: 1 },
            "attempt_repeated",
            WARNING,
            true,
            index(),
        ),
        (
            Finding::AttemptUnfounded { request, place, because: vec![] },
            "attempt_unfounded",
            ALERT,
            true,
            index(),
        ),
        (Finding::AttemptWithoutRequest { request, place }, "attempt_without_request", ALERT, true, index()),
        (
            Finding::CounterAhead { key: key(), used: 9, attempts: 4, accounted: 2 },
            "counter_ahead",
            ALERT,
            true,
            "key 3".into(),
        ),
        (
            Finding::CounterBackwards { key: key(), used: 1, before: 2 },
            "counter_backwards",
            ALERT,
            true,
            "key 1 2".into(),
        ),
        (
            Finding::CounterUnexplained { key: key(), used: 9, before: 7, unasked: 1 },
            "counter_unexplained",
            ALERT,
            true,
            "key 7 9".into(),
        ),
        (
            Finding::CounterUnreadable { key: key(), because: because() },
            "counter_unreadable",
            WARNING,
            false,
            "key".into(),
        ),
        (
            Finding::DeviceUnreleased { device: what(), family: because(), because: vec![] },
            "device_unreleased",
            ALERT,
            true,
            what(),
        ),
        (Finding::EmergencyDue { request, deadline: time }, "emergency_due", WARNING, false, of_request()),
        (
            Finding::EmergencyLapsed { request, deadline: time },
            "emergency_lapsed",
            WARNING,
            true,
            of_request(),
        ),
        (
            Finding::FamilyChanged { place, family: name("gateway"), change },
            "family_changed",
            NOTE,
            true,
            index(),
        ),
        (
            Finding::FeedLineTooLong { feed: what(), at: 7 },
            "feed_line_too_long",
            ALERT,
            true,
            "what 7".into(),
        ),
        (
            Finding::FeedUnreadable { feed: what(), because: because() },
            "feed_unreadable",
            WARNING,
            false,
            what(),
        ),
        (suspended, "key_suspended", WARNING, true, format!("7 {}", public.sha256())),
        (
            Finding::LeafAntedated { index: 7, at: time, seen_at: time },
            "leaf_antedated",
            ALERT,
            true,
            index(),
        ),
        (Finding::LeafDoesNotCount { place, because: "x" }, "leaf_does_not_count", ALERT, true, index()),
        (Finding::LogAhead { index: 7, at: time, witnessed: time }, "log_ahead", ALERT, false, index()),
        (Finding::LogForked { known: 7, size: 8 }, "log_forked", ALERT, true, "7 8".into()),
        (Finding::LogOlder { got: time, known: time }, "log_older", ALERT, false, String::new()),
        (Finding::LogRolledBack { got: 7, known: 8 }, "log_rolled_back", ALERT, false, String::new()),
        (Finding::LogSplit { size: 7, root }, "log_split", ALERT, true, format!("7 {root}")),
        (
            Finding::LogUnreadable { because: "x", detail: what() },
            "log_unreadable",
            ALERT,
            false,
            String::new(),
        ),
        (Finding::ObjectWithheld { place, object }, "object_withheld", ALERT, false, format!("7 {object}")),
        (Finding::PolicyExpired { version: 7, at: time }, "policy_expired", WARNING, false, index()),
        (Finding::PolicyExpires { version: 7, at: time }, "policy_expires", WARNING, false, index()),
        (Finding::PolicyFollowed { place, version: 2 }, "policy_followed", NOTE, true, index()),
        (
            Finding::PublicationUnfounded { request, place, because: vec![] },
            "publication_unfounded",
            ALERT,
            true,
            index(),
        ),
        (
            Finding::RecoveryPending { policy, index: 7, earliest: time },
            "recovery_pending",
            ALERT,
            false,
            policy.to_string(),
        ),
        (Finding::ReleaseFell { request }, "release_fell", ALERT, false, of_request()),
        (Finding::SeenForeign { what: what() }, "seen_foreign", NOTE, false, what()),
        (
            Finding::SeenUnreadable { what: what(), because: because() },
            "seen_unreadable",
            WARNING,
            false,
            what(),
        ),
        (
            Finding::SignatureUnfounded { request, place, because: vec![] },
            "signature_unfounded",
            ALERT,
            true,
            index(),
        ),
        (Finding::SignatureUnlogged(seen), "signature_unlogged", ALERT, true, format!("{object} {request}")),
        (
            Finding::SignatureWithoutAttempt { request, place, attempts: 0, needed: 1 },
            "signature_without_attempt",
            ALERT,
            true,
            index(),
        ),
        (
            Finding::SignatureWithoutRequest { request, place },
            "signature_without_request",
            ALERT,
            true,
            index(),
        ),
        (Finding::SignedTwice { request, place }, "signed_twice", ALERT, true, index()),
        (
            Finding::SigningKeyExpires { key: key(), at: time },
            "signing_key_expires",
            WARNING,
            false,
            format!("key {NOW}"),
        ),
        (
            Finding::Told { program: what(), code: because(), detail: String::new() },
            "program_alert",
            ALERT,
            true,
            "what because".into(),
        ),
        (Finding::TurnedAway { place, because: name("x") }, "turned_away", WARNING, true, index()),
        (Finding::ViewStale { seen: time }, "log_stale", WARNING, false, String::new()),
        (Finding::ViewTooOld { seen: time }, "log_too_old", ALERT, false, String::new()),
        (
            Finding::WitnessQuorumLost { got: 1, threshold: 2 },
            "witness_quorum_lost",
            ALERT,
            false,
            String::new(),
        ),
        (Finding::WitnessSilent { witness: what(), since: time }, "witness_silent", WARNING, false, what()),
    ]
}

#[test]
fn every_code_is_its_own_and_stable() {
    for (finding, code, severity, is_lasting, subject) in all() {
        assert_eq!(finding.code(), code, "{finding}");
        assert_eq!((finding.severity(), finding.is_lasting()), (severity, is_lasting), "{code}");
        assert_eq!(finding.subject(), subject, "{code}");
    }
    let codes: std::collections::BTreeSet<_> = all().iter().map(|(finding, ..)| finding.code()).collect();
    assert_eq!(codes.len(), 43);
}

/// What programs print of their types is for those who wrote them.
#[test]
fn every_finding_is_told_in_words() {
    for (finding, code, ..) in all() {
        let told = finding.to_string();
        let is_code = ["CanonicalKey", "ObjectId", "Timestamp", "Name(", "Some(", " { "]
            .iter()
            .any(|it| told.contains(it));
        assert!(!is_code && told.split(' ').count() > 1 && !told.contains('\n'), "{code}: {told}");
    }
    let suspended = all().into_iter().find(|(_, code, ..)| *code == "key_suspended").unwrap().0;
    let key = match &suspended {
        Finding::KeySuspended { key, .. } => format!("{} key whose SHA-256 is {}", key.kind(), key.sha256()),
        other => other.to_string(),
    };
    assert_eq!(suspended.to_string(), format!("`dave` suspended the {key}"));
}

#[test]
fn every_finding_says_what_to_do() {
    let all = all();
    let advice = |code: &str| all.iter().find(|(_, of, ..)| *of == code).unwrap().0.advice();
    for (finding, code, ..) in &all {
        assert!(finding.advice().split(' ').count() > 3, "{code}: {}", finding.advice());
    }
    for (code, command) in [
        ("emergency_due", "attest release review"),
        ("family_changed", "attest release family show"),
        ("key_suspended", "attest release rotate"),
        ("policy_expires", "attest release policy"),
        ("recovery_pending", "attest release object"),
        ("signature_unlogged", "attest release rotate"),
        ("signing_key_expires", "attest signer make-key"),
    ] {
        assert!(advice(code).contains(&format!("`{command}")), "{code}: {}", advice(code));
    }
}
