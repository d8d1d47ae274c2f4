//! One boot, and several releases that explain it.

use super::*;

#[test]
fn of_releases_with_the_same_values_the_best_tier_counts() {
    let mut history = History::new();
    let production = release(&mut history, &own(), |_| {});
    release(&mut history, &own(), by("lab"));
    release(&mut history, &own(), urgent);
    let verdict = Asked::of(&history).verdict();
    assert!(of_release(&verdict, production));
    assert_eq!((verdict.status, found(&verdict)), (Status::Affirming, vec![]));
}

#[test]
fn a_boot_of_two_releases_outlives_one_of_them() {
    let mut history = History::new();
    let first = release(&mut history, &own(), |_| {});
    let second = release(&mut history, &own(), |_| {});
    let before = Asked::of(&history);
    assert!(of_release(&before.verdict(), second));
    history.revoke(&revocation("dave", Revoked::Request(second)));
    let asked = Asked { view: history.view().unwrap(), ..before };
    let verdict = asked.verdict();
    assert!(of_release(&verdict, first));
    assert_eq!((verdict.status, found(&verdict)), (Status::Affirming, vec![]));
}

/// A release with the same boot, and with more to judge.
fn with(more: &str) -> Golden {
    Golden::parse(&format!("{}\n{more}", own().to_toml()), &Limits::DEFAULT).unwrap()
}

/// A release with the same boot that asks for a token.
fn asking_for_a_token() -> Golden {
    with("[[token]]\nname = \"eat\"\nswname = [\"sensor\"]\n")
}

#[test]
fn a_boot_of_two_releases_is_judged_by_the_one_that_its_tokens_are_of() {
    let mut history = History::new();
    let old = release(&mut history, &own(), |_| {});
    let new = release(&mut history, &asking_for_a_token(), |_| {});
    let verdict = Asked::of(&history).verdict();
    assert!(of_release(&verdict, old), "the older one explains everything");
    assert_eq!((verdict.status, found(&verdict)), (Status::Affirming, vec![]));
    // Once it does not count any more, it is still what was booted.
    let mut revoked = history.clone();
    revoked.revoke(&revocation("dave", Revoked::Request(old)));
    let verdict = Asked::of(&revoked).verdict();
    assert!(of_release(&verdict, old));
    assert_eq!((verdict.status, found(&verdict)), (Status::Contraindicated, vec!["release_revoked"]));
    // Without it, the one that is booted is named, and not a better one that is not.
    let mut history = History::new();
    let new_alone = release(&mut history, &asking_for_a_token(), |_| {});
    assert_ne!(new_alone, new);
    release(&mut history, &with_files(), |_| {});
    let verdict = Asked::of(&history).verdict();
    assert!(of_release(&verdict, new_alone));
    assert_eq!((verdict.status, verdict.is_released()), (Status::Contraindicated, Some(true)));
    assert!(verdict.reasons.iter().any(|reason| reason.code == Code::TokenMissing));
}

/// A release with the same boot whose files are others.
fn with_files() -> Golden {
    let digest = "ab".repeat(32);
    let file = format!("{{ path = \"/bin/other\", digest = \"sha256:{digest}\", required = true }}");
    with(&format!("[ima]\nunknown_files = \"warn\"\nfiles = [\n  {file},\n]\n"))
}

#[test]
fn a_device_more_releases_back_than_are_tried_is_told_so() {
    let told = |releases: usize| {
        let mut history = History::new();
        release(&mut history, &own(), |_| {});
        for _ in 0..releases {
            release(&mut history, &with_files(), |_| {});
        }
        let verdict = Asked::of(&history).verdict();
        (verdict.status, found(&verdict))
    };
    assert_eq!(told(Limits::DEFAULT.judged_releases - 1), (Status::Affirming, vec![]));
    assert_eq!(told(Limits::DEFAULT.judged_releases), (Status::Contraindicated, vec!["releases_not_tried"]));
}
