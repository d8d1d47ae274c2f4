use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use attest_core::appraise::comparison::{Comparison, Relation, Side};
use attest_core::appraise::{Context, Policy, TokenVerdict};
use attest_core::reference::{GoldenSource, Governed};

use super::*;

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shown(verdict: &Verdict) -> String {
    let screen = Screen::default();
    let mut out = Output::to_writer(false, Box::new(screen.clone()));
    print(verdict, &mut out);
    drop(out);
    let bytes = screen.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn verdict(reasons: Vec<Reason>, comparison: Vec<Comparison>) -> Verdict {
    let source = GoldenSource {
        source: "development",
        release: None,
        tier: None,
        variant: None,
        document_sha256: None,
        overlay_sha256: None,
        governed: None,
    };
    let mut verdict = Policy::default().refuse("x", "x", source, &Context::default());
    (verdict.reasons, verdict.comparison) = (reasons, comparison);
    verdict
}

fn phase(digest: &str) -> Reason {
    let reason = Reason::new(Code::EventMissing, Severity::Refuse, Part::Boot, format!("lacks {digest}"));
    Reason {
        pcr: Some(11),
        component: Some("userspace.phase".into()),
        expected: vec![digest.to_owned()],
        ..reason
    }
}

/// A token that did not come has no profile to be without.
#[test]
fn a_token_that_is_missing_is_told_from_one_without_a_profile() {
    let mut verdict = verdict(Vec::new(), Vec::new());
    let token = |name: &str, nonce: Option<String>| TokenVerdict {
        name: name.to_owned(),
        profile: None,
        nonce,
        verdict: verdict.boot,
    };
    let tokens = vec![token("modem", None), token("plain", Some("00".repeat(32)))];
    verdict.tokens = tokens;
    let screen = shown(&verdict);
    assert!(screen.contains("token modem contraindicated  missing\n"), "{screen}");
    assert!(screen.contains("token plain contraindicated  no profile\n"), "{screen}");
}

/// Four of one name are missing in one PCR, and three of them only follow.
#[test]
fn a_root_is_told_although_others_of_its_name_follow() {
    let row = |digest: &str, follows: bool| {
        let side = Side {
            event: None,
            log: None,
            component: "userspace.phase".into(),
            digest: digest.into(),
            about: String::new(),
        };
        let mut row = Row::folded(1);
        (row.relation, row.golden, row.follows) = (Relation::Missing, Some(side), follows);
        row
    };
    let with = |digests: [&str; 3]| {
        let rows = digests.iter().zip([false, true, true]).map(|(digest, follows)| row(digest, follows));
        let comparison = Comparison {
            pcr: 11,
            bank: "sha256",
            golden: "a".into(),
            proven: true,
            rows: rows.collect(),
            omitted: 0,
        };
        shown(&verdict(digests.map(phase).into(), vec![comparison]))
    };
    let text = with(["11", "22", "33"]);
    assert!(text.contains("lacks 11") && !text.contains("lacks 22"), "{text}");
    assert!(text.contains("and 2 that follow"), "{text}");
    // One that cannot be told from the root is told as well.
    let text = with(["11", "11", "33"]);
    assert!(text.contains("lacks 11") && text.contains("and 1 that follow"), "{text}");
}

#[test]
fn files_beyond_the_first_ten_of_a_kind_are_counted() {
    let unknown =
        |n: usize| Reason::new(Code::FileUnknown, Severity::Refuse, Part::Runtime, format!("file {n}."));
    let mut reasons: Vec<Reason> = (0..1_000).map(unknown).collect();
    reasons.push(Reason { left_out: Some(234), ..unknown(1_000) });
    let text = shown(&verdict(reasons, vec![]));
    assert!(text.contains("file 9.") && !text.contains("file 10."), "{text}");
    assert!(text.contains("and 1224 more file_unknown, 1234 in all"), "{text}");
}

/// A warning lowers the claim that it is about. The evidence as a whole is no claim, and what is told of it lowers nothing.
#[test]
fn a60_warnings_that_lower_stand_apart_from_those_that_are_told() {
    let warning = |part, words: &str| Reason::new(Code::ClockUnsafe, Severity::Warn, part, words);
    let told = |reasons| shown(&verdict(reasons, vec![]));
    let text = told(vec![warning(Part::Evidence, "of the evidence."), warning(Part::Boot, "of the boot.")]);
    let (before, after) = text.split_once("To look at").unwrap();
    let (_, lowered) = before.split_once("Warned because").unwrap();
    assert!(lowered.contains("of the boot.") && after.contains("of the evidence."), "{text}");
    assert!(!lowered.contains("of the evidence.") && !after.contains("of the boot."), "{text}");
    for part in [Part::Boot, Part::Runtime, Part::Token] {
        let text = told(vec![warning(part, "words.")]);
        assert!(text.contains("Warned because") && !text.contains("To look at"), "{text}");
    }
    assert!(!told(vec![warning(Part::Evidence, "words.")]).contains("Warned because"));
}

/// The line under the verdict, with a release's long name or without.
#[test]
fn the_heading_fits_a_narrow_terminal() {
    let mut verdict = verdict(Vec::new(), Vec::new());
    assert!(
        shown(&verdict)
            .contains("boot contraindicated, runtime contraindicated, by development golden values\n")
    );
    verdict.golden.variant = Some("debian-12.5-with-a-long-name-of-its-own".to_owned());
    let text = shown(&verdict);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(
        text.contains("\n  by development golden values, variant debian-12.5-with-a-long-name-of-its-own\n"),
        "{text}"
    );
    verdict.golden.release = Some("0123456789abcdef".repeat(4));
    let text = shown(&verdict);
    assert!(text.contains(&format!("\n  by release {}\n", "0123456789abcdef".repeat(4))), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

/// A key that could have been copied is told of, whoever else let the release in.
#[test]
fn what_a_key_in_a_file_signed_is_said_to_be_for_development() {
    let by = |file_keys: &[&str]| {
        let mut verdict = verdict(Vec::new(), Vec::new());
        verdict.golden.source = "release";
        verdict.golden.tier = Some("delegated".into());
        verdict.golden.governed = Some(Governed {
            file_keys: file_keys.iter().map(|&key| key.to_owned()).collect(),
            authority: "sha256:00".into(),
            family: "x".into(),
            version: "2026.11.1".into(),
            security_version: 4,
            log_index: 17,
            gates: vec!["policy"],
        });
        shown(&verdict)
    };
    let told = by(&["laptop-corim", "laptop-\u{1b}[2Kraw"]);
    let line = told.lines().position(|line| line.contains("signed with a key in a file")).unwrap();
    let said: Vec<&str> = told.lines().skip(line).take(2).map(str::trim).collect();
    let said = said.join(" ");
    assert!(said.contains("signed with a key in a file, which is for development: laptop-corim"), "{told}");
    assert!(!told.contains('\u{1b}') && told.lines().all(|line| line.chars().count() <= 80), "{told}");
    assert!(!by(&[]).contains("key in a file"), "one in an HSM");
}
