//! A finding comes back as it was, or not at all.

use super::*;

fn finding() -> Reason {
    Reason {
        detail_code: Some(CODES[3]),
        component: Some("ima.files".into()),
        pcr: Some(10),
        event: Some(u32::MAX),
        expected: vec!["aa".into(), "bb".into()],
        got: Some("cc".into()),
        cause: Some(Cause::UnknownFile),
        ..Reason::new(Code::FileUnknown, Severity::Warn, Part::Runtime, "/usr/bin/x has no golden value")
    }
}

#[test]
fn a_finding_comes_back_as_it_was() {
    let bare = Reason::new(Code::KexecOrLostList, Severity::Info, Part::Runtime, "a kexec");
    for reason in [finding(), bare] {
        let kept = kept(std::slice::from_ref(&reason));
        assert_eq!(kept.iter().map(carried).collect::<Vec<_>>(), [Some(reason)]);
    }
}

/// A stored finding that refuses would let a device go on from a list that was refused.
#[test]
fn a43_what_refuses_or_is_not_known_does_not_come_back() {
    let refusing = Reason { severity: Severity::Refuse, ..finding() };
    assert_eq!(carried(&kept(&[refusing])[0]), None);
    let good = kept(&[finding()]).remove(0);
    let wrong = [
        ("code", "file_of_tomorrow".into()),
        ("detail_code", "of_tomorrow".into()),
        ("cause", "of_tomorrow".into()),
        ("severity", "none".into()),
        ("pcr", "ten".into()),
        ("pcr", (-1).into()),
        ("event", (1_u64 << 32).into()),
        ("expected", Value::Null),
        ("expected", vec![1].into()),
        ("explain", Value::Null),
    ];
    for (name, value) in wrong {
        let mut other = good.clone();
        other[name] = value;
        assert_eq!(carried(&other), None, "{name}");
    }
}

#[test]
fn more_findings_than_are_kept_are_not_kept_at_all() {
    assert_eq!(kept(&vec![finding(); MOST]).len(), MOST);
    assert_eq!(kept(&vec![finding(); MOST + 1]), Vec::<Value>::new());
}
